package issuer

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/seal/europass"
	"github.com/zegel-id/zegel/seal/evidence"
)

// ErrNoEuropass: records of the type cannot be taken to Europass.
var ErrNoEuropass = errors.New("issuer: the type has no form for Europass")

// LEDEuropass is how a record of the LED database is written for Europass.
func LEDEuropass() *profile.Profile { return led.Europass() }

// Export is an institution's wish, made by a citizen there, to have claims as a file
// for Europass.
type Export struct {
	Configuration string
	Claims        []byte
	Client        string
	CorrelationID string
}

// Europass seals claims in the layout of Europass (seal/europass): JSON of level
// B-B, for whoever holds it to lift. It is a credential without a holder's key,
// validity or status, as those are, so it cannot be taken back: the institution
// gives it to the citizen, who shows it as a whole. A *ClaimsError when the claims
// cannot be sealed.
func (i *Issuer) Europass(ctx context.Context, e Export) ([]byte, error) {
	t, ok := i.types[e.Configuration]
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: %q", ErrConfiguration, e.Configuration)
	case t.Europass == nil:
		return nil, ErrNoEuropass
	case i.signer.resting(i.c.Now()):
		return nil, errResting
	}
	if err := t.check(i, e.Claims); err != nil {
		return nil, &ClaimsError{Type: t.vct, Err: err}
	}
	sealer := i.c.Keys.Current()
	if err := sealer.Usable(i.c.Now()); err != nil {
		return nil, err
	}
	kind := t.kind
	kind.Chain = sealer.Chain()
	names, err := kind.DocumentIssuer()
	if err != nil {
		return nil, err
	}
	template, err := t.Europass.Template(names)
	if err != nil {
		return nil, err
	}
	now := issueTime(i.c.Now(), sealer.Certificate())
	document, err := template.Document(profile.Copy{ID: "urn:uuid:" + uuid.NewString(), Subject: "urn:uuid:" + uuid.NewString(), Issued: now, ValidFrom: now}, e.Claims)
	if err != nil {
		return nil, &ClaimsError{Type: t.vct, Err: err}
	}
	draft, err := europass.Prepare(document, now)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, i.c.SealWait)
	defer cancel()
	file, err := draft.Seal(sealer.WithContext(ctx))
	i.signer.note(i.c.Now(), err)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	if err := i.log(ctx, audit.Event{Kind: audit.Issue, Actor: audit.Actor{Kind: audit.Organisation, ID: e.Client}, DataType: t.vct, Outcome: audit.OK, RequestID: e.CorrelationID, Detail: "europass"}); err != nil {
		return nil, err
	}
	return file.Marshal(evidence.General)
}
