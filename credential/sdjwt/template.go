package sdjwt

import (
	"crypto/rand"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/credential"
)

// Template is a credential type compiled for issuing: what is constant is
// checked and encoded once. It is safe for concurrent use.
type Template struct {
	o      Options
	prefix []byte // the payload up to the first member that differs
	frame  *frameNode
}

// NewTemplate checks and compiles a credential type.
func NewTemplate(o Options) (*Template, error) {
	if o.Hash == "" {
		o.Hash = SHA256
	}
	if err := o.constant(); err != nil {
		return nil, err
	}
	t := &Template{o: o, frame: o.Frame.root}
	w := members{buf: []byte{'{'}}
	w.text("iss", o.Issuer)
	w.text("vct", o.Type)
	w.text("vct#integrity", o.TypeIntegrity)
	if len(o.OtherTypes) > 0 {
		w.name("aka_vcts")
		for i, typ := range o.OtherTypes {
			w.buf = append(w.buf, "[,"[min(i, 1)])
			w.buf = appendQuoted(w.buf, typ)
		}
		w.buf = append(w.buf, ']')
	}
	w.text("category", o.Category)
	if w.bad {
		return nil, malformed("RFC 8259, Section 8.1", "a constant of the template is not valid UTF-8")
	}
	t.prefix = w.buf
	return t, nil
}

// Prepare checks a credential against the rules of a PuB-EAA (ProfileETSI) and
// makes the payload and the disclosures. Issuing many of one type, compile a
// Template once and use its Prepare. random is crypto/rand.Reader when nil.
func Prepare(c Credential, frame Frame, random io.Reader) (*Draft, error) {
	t, err := NewTemplate(Options{Issuer: c.Issuer, Type: c.Type, TypeIntegrity: c.TypeIntegrity, Category: c.Category, Frame: frame})
	if err != nil {
		return nil, err
	}
	return t.Prepare(c, random)
}

var builders = sync.Pool{New: func() any { return new(builder) }}

// Prepare checks one copy of a credential and makes its payload and
// disclosures, with fresh salts. Fields that the template fixes may be left
// empty. random is crypto/rand.Reader when nil.
func (t *Template) Prepare(c Credential, random io.Reader) (*Draft, error) {
	if random == nil {
		random = rand.Reader
	}
	if err := t.each(&c); err != nil {
		return nil, err
	}
	b := builders.Get().(*builder)
	if err := b.build(t, &c, random); err != nil {
		b.release()
		return nil, err
	}
	return &Draft{b: b, typ: t.o.Profile.typ(), issuedAt: c.IssuedAt}, nil
}

func (b *builder) release() {
	b.reset()
	builders.Put(b)
}

// Signer makes the issuer-signed JWT: compact, with typ and iat in its
// protected header. It must not keep payload. *seal.Sealer is one.
type Signer interface {
	SignCompact(typ string, iat time.Time, payload []byte) (string, error)
}

// AppendSigner is a Signer that can write into a buffer of the caller, which
// spares two copies of the token. Seal uses it where a Signer offers it.
type AppendSigner interface {
	AppendCompact(dst []byte, typ string, iat time.Time, payload []byte) ([]byte, error)
}

// Draft is a checked credential that is not signed yet.
type Draft struct {
	b        *builder // payload and disclosures
	typ      string
	issuedAt time.Time
	sealed   atomic.Bool
}

// Seal signs the draft and gives the compact SD-JWT. A draft is sealed once,
// whether or not sealing succeeds: a second call is ErrSealed.
func (d *Draft) Seal(s Signer) (string, error) {
	if !d.sealed.CompareAndSwap(false, true) {
		return "", ErrSealed
	}
	b := d.b
	d.b = nil
	defer b.release()
	if a, ok := s.(AppendSigner); ok {
		var err error
		if b.jwt, err = a.AppendCompact(b.jwt[:0], d.typ, d.issuedAt, b.buf); err != nil {
			return "", sealing(err)
		}
		b.jwt = append(b.jwt, b.out...)
		return string(b.jwt), nil
	}
	jwt, err := s.SignCompact(d.typ, d.issuedAt, b.buf)
	if err != nil {
		return "", sealing(err)
	}
	return jwt + string(b.out), nil
}

func sealing(err error) error {
	return &Error{Check: credential.CheckSeal, Spec: "RFC 9901, Section 4.1", Detail: "sealing", Err: err}
}
