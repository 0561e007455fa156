package verifier

import (
	"context"
	"errors"

	"github.com/zegel-id/zegel/seal/report"
)

// JudgeSeal judges the seal on a document that a receiver has from elsewhere, now,
// by what seals of presentations are judged by. The document is kept nowhere, and
// the report holds nothing of what it says. Who holds the credential, whether it
// still stands, and any policy are questions of a transaction.
func (v *Verifier) JudgeSeal(ctx context.Context, receiver string, document []byte) (report.Report, error) {
	if _, _, err := v.receiver(receiver); err != nil {
		return report.Report{}, err
	}
	r, err := report.Judge(ctx, v.c.Seals, document, v.c.Now())
	if errors.Is(err, report.ErrFile) {
		return report.Report{}, &Error{Err: ErrDocument, Detail: "the body is empty or too long",
			Remedy: "Send the document as it is: a compact JWS, an SD-JWT, or JAdES in JSON.", Cause: err}
	}
	return r, err
}
