package evidence

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/zegel-id/zegel/seal/tsp"
)

// ErrAugment is returned for what must not be added to evidence.
var ErrAugment = errors.New("cannot be added to the evidence")

// Imprint is the digest that the next time-stamp of a kind must be of. Whoever
// holds the evidence computes it; whoever fetches the token needs no more.
func (f *File) Imprint(kind Kind, hash crypto.Hash) ([]byte, error) {
	if !hash.Available() {
		return nil, fmt.Errorf("%w: no digest", ErrAugment)
	}
	h := hash.New()
	if !f.write(h, kind, len(f.elements)) {
		return nil, fmt.Errorf("%w: %s is no time-stamp", ErrAugment, kind)
	}
	return h.Sum(nil), nil
}

// CheckImprint holds the time-stamp in element i against what it must stamp
// (TS 119 182-1, clauses 5.3.4 and 5.3.6.2): tsp.ErrImprint when it is another.
// The token is not verified.
func (f *File) CheckImprint(i int, t *tsp.Token) error {
	h := t.Hash.New()
	if !f.write(h, f.elements[i].Kind, i) {
		return fmt.Errorf("%w: etsiU[%d] is no time-stamp", ErrFile, i)
	}
	if !bytes.Equal(h.Sum(nil), t.Imprint) {
		return fmt.Errorf("%w: etsiU[%d] stamps something else (ETSI TS 119 182-1, clause 5.3)", tsp.ErrImprint, i)
	}
	return nil
}

// CheckContent holds a content time-stamp against the payload that it must stamp, as
// CheckImprint does with those of the evidence.
func (f *File) CheckContent(t *tsp.Token) error { return CheckContent(t, []byte(f.payload)) }

// CheckContent holds a content time-stamp against a payload as it stands in the JWS:
// in base64url, or as it is with b64 false (TS 119 182-1, clause 5.2.6). The token is
// not verified.
func CheckContent(t *tsp.Token, payload []byte) error {
	h := t.Hash.New()
	_, _ = h.Write(payload) // a hash does not fail
	if !bytes.Equal(h.Sum(nil), t.Imprint) {
		return fmt.Errorf("%w: it is not of the payload as it stands in the JWS (ETSI TS 119 182-1, clause 5.2.6)", tsp.ErrImprint)
	}
	return nil
}

// write writes what a time-stamp before the element at the given place stamps.
// For a signature time-stamp that is the signature value in base64url; for an
// archive time-stamp everything there is: payload, protected header and
// signature as they stand in JSON, each with a dot after it, and the elements
// before, without anything between.
func (f *File) write(w io.Writer, kind Kind, place int) bool {
	switch kind {
	case SignatureTimeStamp:
		_, _ = io.WriteString(w, f.signature) // a hash does not fail
	case ArchiveTimeStamp:
		for _, part := range []string{f.payload, f.protected, f.signature} {
			_, _ = io.WriteString(w, part)
			_, _ = io.WriteString(w, ".")
		}
		for _, x := range f.elements[:place] {
			_, _ = io.WriteString(w, x.Text)
		}
	default:
		return false
	}
	return true
}

// AddTimeStamp adds a time-stamp of a kind, as the token that an authority gave
// for Imprint. It is refused when it is of something else, or out of order: a
// signature time-stamp comes before archive time-stamps, and those come after the
// revocation data without which there is nothing to archive (clause 6.3).
// Who gave the token is not judged here; tsp.Client has done it.
func (f *File) AddTimeStamp(kind Kind, token []byte) error {
	t, err := tsp.Parse(token)
	if err != nil {
		return err
	}
	want, err := f.Imprint(kind, t.Hash)
	if err != nil {
		return err
	}
	switch {
	case !bytes.Equal(want, t.Imprint):
		return fmt.Errorf("%w: %w: the evidence has changed since Imprint, or it is of another", ErrAugment, tsp.ErrImprint)
	case kind == SignatureTimeStamp && f.has(ArchiveTimeStamp):
		return fmt.Errorf("%w: a signature time-stamp after an archive time-stamp", ErrAugment)
	case kind == ArchiveTimeStamp && (!f.has(SignatureTimeStamp) || !f.has(RevocationValues)):
		return fmt.Errorf("%w: an archive time-stamp without a signature time-stamp and revocation values (ETSI TS 119 182-1, clause 6.3)", ErrAugment)
	}
	x, err := newElement(kind, tstContainer{[]pkiObject{object(token)}})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAugment, err)
	}
	return f.add(x)
}

// AddValues adds certificates and revocation data that are not there yet: in
// xVals and rVals, or after an archive time-stamp in tstVD, for the next one to
// cover. With nothing new it does nothing.
func (f *File) AddValues(v Values) error {
	v = v.without(f.Values())
	if v.empty() {
		return nil
	}
	if f.has(ArchiveTimeStamp) {
		x, err := newElement(TimeStampValues, timeStampValues{v.certificates(), v.revocation()})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrAugment, err)
		}
		return f.add(x)
	}
	var all []Element
	if len(v.Certificates) > 0 {
		x, err := newElement(CertificateValues, v.certificates())
		if err != nil {
			return fmt.Errorf("%w: %w", ErrAugment, err)
		}
		all = append(all, x)
	}
	if r := v.revocation(); r != nil {
		x, err := newElement(RevocationValues, r)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrAugment, err)
		}
		all = append(all, x)
	}
	return f.add(all...)
}

func (f *File) add(x ...Element) error {
	var count counts
	all := slices.Concat(f.elements, x)
	for _, x := range all {
		if err := count.add(x); err != nil {
			return fmt.Errorf("%w: %w", ErrAugment, err)
		}
	}
	f.elements = all
	return nil
}

func (f *File) has(kind Kind) bool {
	for _, x := range f.elements {
		if x.Kind == kind {
			return true
		}
	}
	return false
}
