package mdoc

import (
	"crypto"
	"crypto/rand"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/jose"
)

var builders = sync.Pool{New: func() any { return new(builder) }}

// Prepare checks one copy of a document and makes its items and its mobile
// security object, with fresh random values. random is crypto/rand.Reader when
// nil.
func (t *Template) Prepare(c Credential, random io.Reader) (*Draft, error) {
	if random == nil {
		random = rand.Reader
	}
	if c.ValidFrom.IsZero() {
		c.ValidFrom = c.Signed
	}
	if err := t.times(&c); err != nil {
		return nil, err
	}
	b := builders.Get().(*builder)
	if err := b.build(t, &c, random); err != nil {
		b.release()
		return nil, err
	}
	return &Draft{b: b, t: t}, nil
}

// times holds the validity against the rules of the type and against the
// certificate that will be found in the document.
func (t *Template) times(c *Credential) error {
	bad := func(detail string) error {
		return &Error{Check: credential.CheckValidity, Spec: specMSO, Detail: detail}
	}
	for _, at := range [...]time.Time{c.Signed, c.ValidFrom, c.ValidUntil, c.ExpectedUpdate} {
		if at.Nanosecond() != 0 || !at.IsZero() && (at.Year() < 1 || at.Year() > 9999) {
			return bad("a time has a fraction of a second or is out of range; truncate it")
		}
	}
	switch {
	case c.Signed.IsZero() || c.ValidUntil.IsZero():
		return bad("Signed and ValidUntil are needed")
	case c.ValidFrom.Before(c.Signed):
		return bad("ValidFrom lies before Signed")
	case !c.ValidUntil.After(c.ValidFrom):
		return bad("ValidUntil does not lie after ValidFrom")
	case !c.ExpectedUpdate.IsZero() && c.ExpectedUpdate.Before(c.Signed):
		return bad("ExpectedUpdate lies before Signed")
	case t.o.MaxValidity > 0 && c.ValidUntil.Sub(c.Signed) > t.o.MaxValidity:
		return bad("ValidUntil lies further ahead than the type allows")
	case c.Signed.Before(t.leaf.NotBefore) || c.Signed.After(t.leaf.NotAfter):
		return &Error{Check: credential.CheckValidity, Spec: specIssuer, Detail: "Signed lies outside the validity of the signer's certificate"}
	}
	return nil
}

// fits reports whether a key is the one of the signer's certificate.
func (t *Template) fits(key crypto.Signer) bool {
	k, ok := t.leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(key.Public())
}

// Draft is a checked document that is not signed yet.
type Draft struct {
	b      *builder
	t      *Template
	sealed atomic.Bool
}

// Seal signs the draft and gives the base64url IssuerSigned (OpenID4VCI 1.0,
// Appendix A.2.4). key is the one of the first certificate of the chain. A
// draft is sealed once, whether or not sealing succeeds: a second call is
// ErrSealed.
func (d *Draft) Seal(key crypto.Signer) (string, error) {
	if !d.sealed.CompareAndSwap(false, true) {
		return "", ErrSealed
	}
	b := d.b
	d.b = nil
	defer b.release()
	if !d.t.fits(key) {
		return "", &Error{Check: credential.CheckSeal, Spec: specIssuer, Detail: "the key is not the one of the signer's certificate"}
	}
	doc := append(b.t.dst, issuerAuthKey...)
	doc, err := d.t.signer.Append(doc, key, b.payload())
	if err != nil {
		return "", &Error{Check: credential.CheckSeal, Spec: specIssuer, Detail: "sealing", Err: err}
	}
	b.t.dst = doc
	return jose.Encode(doc), nil
}

// payload is MobileSecurityObjectBytes: the head goes right before the object.
func (b *builder) payload() []byte {
	n := uint64(len(b.mso) - room)
	from := room - 2 - cbor.HeadLen(n)
	cbor.AppendHead(cbor.AppendTag(b.mso[:from], tagEncoded), cbor.Bytes, n)
	return b.mso[from:]
}
