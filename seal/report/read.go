package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
)

// MaxFile is the largest document that is read, in bytes.
const MaxFile = evidence.MaxFile

// ErrFile is returned for what is no document at all: nothing, or too much.
var ErrFile = errors.New("there is nothing to judge")

// CheckDisclosures is the check that what an SD-JWT discloses is what was sealed.
const CheckDisclosures = "seal_disclosures"

// Judge reads a document, has v judge the seal on it as of a time, and reports.
// The kind of document is told by its form: a JSON object, an SD-JWT (a tilde),
// else a compact JWS. A document that cannot be read is FORMAT_FAILURE; an error
// means that nothing was judged.
func Judge(ctx context.Context, v *seal.Validator, file []byte, at time.Time) (Report, error) {
	text := bytes.TrimSpace(file)
	switch {
	case len(text) == 0:
		return Report{}, fmt.Errorf("%w: it is empty", ErrFile)
	case len(file) > MaxFile:
		return Report{}, fmt.Errorf("%w: longer than %d bytes", ErrFile, MaxFile)
	}
	sum := sha256.Sum256(file)
	doc := Document{Size: len(file), SHA256: hex.EncodeToString(sum[:])}
	var out seal.Validation
	var err error
	process := Basic
	if text[0] == '{' {
		out, process, err = judgeJSON(ctx, v, &doc, text, at)
	} else {
		out, err = judgeCompact(ctx, v, &doc, string(text), at)
	}
	if err != nil {
		return Report{}, err
	}
	return newReport(v, doc, process, out, at), nil
}

// judgeCompact judges a compact JWS, or an SD-JWT with it in front.
func judgeCompact(ctx context.Context, v *seal.Validator, doc *Document, text string, at time.Time) (seal.Validation, error) {
	issued, _, isSDJWT := strings.Cut(text, "~")
	t, err := jose.Parse(issued)
	if err != nil {
		doc.Form = Unreadable
		return failed(seal.FormatFailure, seal.CheckFormat, "RFC 7515, Section 3.1; RFC 9901, Section 4", err), nil
	}
	doc.Form, doc.Typ, doc.Alg = Compact, word(t.Header.Typ), word(string(t.Header.Alg))
	out, err := v.Validate(ctx, t, at)
	if err != nil || !isSDJWT {
		return out, err
	}
	doc.Form = SDJWT
	doc.Disclosures = max(strings.Count(text, "~")-1, 0)
	doc.KeyBinding = !strings.HasSuffix(text, "~")
	disclosed(&out, text, doc)
	return out, nil
}

// judgeJSON judges the JSON serialisation of a JWS, with or without evidence.
func judgeJSON(ctx context.Context, v *seal.Validator, doc *Document, b []byte, at time.Time) (seal.Validation, Process, error) {
	f, err := evidence.Parse(b)
	if err != nil {
		doc.Form = Unreadable
		return failed(seal.FormatFailure, seal.CheckFormat, "RFC 7515, Section 7.2; ETSI TS 119 182-1, clause 5", err), Basic, nil
	}
	h := f.Header()
	doc.Form, doc.Typ, doc.Alg = Flattened, word(h.Typ), word(string(h.Alg))
	if f.General() {
		doc.Form = General
	}
	process := process(f)
	out, err := v.ValidateEvidence(ctx, f, at)
	list := f.Disclosures()
	if err != nil || len(list) == 0 {
		return out, process, err
	}
	doc.Disclosures = len(list)
	compact, err := f.Compact()
	if err != nil { // b64 is false: no SD-JWT has that
		fail(&out, seal.FormatFailure, CheckDisclosures, specDisclosures, err)
		return out, process, nil
	}
	disclosed(&out, compact+"~"+strings.Join(list, "~")+"~", doc)
	return out, process, nil
}

// process is the one for what the evidence holds (EN 319 102-1, clause 5.1.2).
func process(f *evidence.File) Process {
	out := Basic
	for _, e := range f.Elements() {
		if e.Kind == evidence.ArchiveTimeStamp {
			return LongTerm
		}
		out = WithTime
	}
	return out
}

const specDisclosures = "RFC 9901, Section 7.1"

// disclosed holds the disclosures against the digests under the seal. One that is
// not among them was not sealed: the digest of data that belongs to the signature
// does not match, which is HASH_FAILURE (EN 319 102-1, clause 5.1.3, table 6).
func disclosed(out *seal.Validation, text string, doc *Document) {
	if _, err := sdjwt.Parse(text); err != nil {
		fail(out, seal.HashFailure, CheckDisclosures, specDisclosures, err)
		return
	}
	out.Checks.Pass(CheckDisclosures, specDisclosures, fmt.Sprintf("%d, each of them under the seal", doc.Disclosures))
	if doc.KeyBinding {
		out.Checks.Skip(credential.CheckHolderBinding, "RFC 9901, Section 7.3", "a proof of the holder for one receiver; it is no part of the seal")
	}
}

// failed is the outcome for what cannot be read.
func failed(sub seal.SubIndication, check, spec string, why error) seal.Validation {
	out := seal.Validation{Level: seal.NotBaseline}
	fail(&out, sub, check, spec, why)
	return out
}

// fail records what nothing can mend. Nothing that was found before it makes the
// document worth anything.
func fail(out *seal.Validation, sub seal.SubIndication, check, spec string, why error) {
	for i, c := range out.Checks {
		if c.Name == seal.CheckQualified && c.Outcome == credential.Passed {
			out.Checks[i].Outcome, out.Checks[i].Detail = credential.Skipped, "what comes with the seal is not what was sealed"
		}
	}
	out.Checks.Fail(check, spec, why.Error())
	if out.Indication != seal.TotalFailed {
		out.Indication, out.SubIndication = seal.TotalFailed, sub
	}
	out.Qualification = seal.NotApplicable
}

var words = regexp.MustCompile(`^[A-Za-z0-9!#$&^_.+/-]{1,100}$`)

// word is a name of a header, if it is one: a stranger may have put anything
// there.
func word(s string) string {
	if !words.MatchString(s) {
		return ""
	}
	return s
}
