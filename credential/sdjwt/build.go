package sdjwt

import (
	"fmt"
	"io"
	"slices"

	"github.com/zegel-id/zegel/credential"
)

const (
	saltSize  = 16 // bytes; 128 bits (RFC 9901, Section 9.3)
	decoySize = 32
)

// builder makes one payload with its disclosures. Builders are pooled; reset
// wipes them, so that no claim stays behind.
type builder struct {
	t      *Template
	doc    document // Extra and Claims, parsed
	buf    []byte   // JSON under construction; inner values lie on top of outer ones
	out    []byte   // disclosures, "~" + base64url each
	random []byte   // what is left of the one read of random bytes
	bytes  []byte   // its store
	sums   []sum    // digests of the objects and arrays under construction
	order  []uint64 // scratch for sorting
	rules  []rule   // what the frame says, by node
	jwt    []byte   // the result, when the signer can append to it
}

// rule is what a frame says of one value.
type rule struct {
	disclosable bool
	inside      bool  // there are rules for what is inside it
	decoys      int32 // to add inside it
}

const maxPlace = 1<<24 - 1

func (b *builder) reset() {
	clear(b.doc.src)
	clear(b.doc.names)
	clear(b.buf[:cap(b.buf)]) // inner values lay above its length
	clear(b.out)
	clear(b.jwt)
	clear(b.bytes)
	b.doc.src, b.doc.names, b.doc.nodes = b.doc.src[:0], b.doc.names[:0], b.doc.nodes[:0]
	b.buf, b.out, b.sums, b.random, b.t = b.buf[:0], b.out[:0], b.sums[:0], nil, nil
	b.jwt, b.bytes = b.jwt[:0], b.bytes[:0]
	b.order, b.rules = b.order[:0], b.rules[:0]
}

// build leaves the payload in buf and the disclosures in out.
func (b *builder) build(t *Template, c *Credential, random io.Reader) error {
	b.t = t
	extra, claims := int32(-1), int32(-1)
	var err error
	if c.Extra != nil {
		if extra, err = b.doc.object("Extra", c.Extra); err != nil {
			return err
		}
	}
	if c.Claims != nil {
		if claims, err = b.doc.object("Claims", c.Claims); err != nil {
			return err
		}
	}
	if err = b.check(extra, claims); err != nil {
		return err
	}
	b.rules = slices.Grow(b.rules, len(b.doc.nodes))[:len(b.doc.nodes)]
	clear(b.rules)
	size, err := b.randomness(claims, t.frame)
	if err != nil {
		return err
	}
	b.bytes = slices.Grow(b.bytes[:0], size)[:size]
	if _, err = io.ReadFull(random, b.bytes); err != nil {
		return fmt.Errorf("reading random bytes for salts: %w", err)
	}
	b.random = b.bytes
	if err = b.payload(c, extra, claims); err != nil {
		return err
	}
	b.out = append(b.out, '~')
	return nil
}

// payload writes the issuer-signed claims.
func (b *builder) payload(c *Credential, extra, claims int32) error {
	w := members{buf: append(b.buf[:0], b.t.prefix...)}
	if c.Holder.Kty != "" {
		if err := publicKey(c.Holder); err != nil {
			return &Error{Check: credential.CheckHolderBinding, Spec: "RFC 7800, Section 3.2", Detail: "holder key", Err: err}
		}
		w.confirmation(c.Holder)
	}
	w.text("sub", c.Subject)
	w.text("also_known_as", c.AlsoKnownAs)
	w.text("jti", c.ID)
	w.date("iat", c.IssuedAt)
	w.date("nbf", c.NotBefore)
	w.date("exp", c.Expires)
	w.text("issuing_authority", c.IssuingAuthority)
	w.text("issuing_country", c.IssuingCountry)
	w.text("iss_reg_id", c.IssuerRegistrationID)
	w.null("shortLived", c.ShortLived)
	w.null("oneTime", c.OneTime)
	if err := w.status(c.Status, b.t.o.Profile); err != nil {
		return err
	}
	if w.bad {
		return malformed("RFC 8259, Section 8.1", "a text of the credential is not valid UTF-8")
	}
	b.buf = w.buf
	if extra >= 0 {
		for n := b.doc.nodes[extra].child; n >= 0; n = b.doc.nodes[n].next {
			b.member(n)
			b.buf = append(b.buf, b.doc.raw(n)...)
		}
	}
	if claims >= 0 {
		b.inside(claims)
	}
	if len(b.bytes) > 0 { // there are digests, perhaps of decoys only
		b.buf = appendQuoted(append(b.buf, `,"`+nameSDAlg+`":`...), string(b.t.o.Hash))
	}
	b.buf = append(b.buf, '}')
	return nil
}

// check refuses claims that are set elsewhere, stand twice, or have a name
// with a meaning of its own (RFC 9901, Section 4.1).
func (b *builder) check(extra, claims int32) error {
	administrative, next := 0, 0
	for _, part := range [...]struct {
		name string
		root int32
	}{{"Extra", extra}, {"Claims", claims}} {
		if part.root < 0 {
			continue
		}
		for n := b.doc.nodes[part.root].child; n >= 0; n = b.doc.nodes[n].next {
			name := b.doc.name(n)
			if part.root == claims && b.t.frame != nil {
				var known *frameNode
				if known, next = b.t.frame.member(name, next); known != nil && extra < 0 && name[0] != 'a' {
					continue // NewFrame has checked the name
				}
			}
			if err := b.reserved(part.name, name); err != nil {
				return err
			}
			if string(name) == "adm_nbf" || string(name) == "adm_exp" {
				administrative++
			}
			if part.root == claims && extra >= 0 && b.doc.member(extra, string(name)) >= 0 {
				return malformed("RFC 9901, Section 4.2.1", "claim "+clip(string(name))+" stands in both Extra and Claims")
			}
		}
	}
	for n := range b.doc.nodes {
		if name := b.doc.name(int32(n)); len(name) > 0 && (name[0] == '_' || name[0] == '.') && special(string(name)) {
			return malformed("RFC 9901, Section 4.1", "a claim is named "+string(name)+"; that name has a meaning of its own")
		}
	}
	if b.t.o.Profile.pubEAA() && administrative == 1 {
		return &Error{Check: credential.CheckValidity, Spec: etsi + ", clause 5.2.7.2", Detail: "adm_nbf and adm_exp go together or not at all"}
	}
	return nil
}

func (b *builder) reserved(part string, name []byte) error {
	if reserved(string(name)) {
		return malformed("RFC 9901, Section 9.7; SD-JWT VC, Section 2.2.2.3", part+" holds "+string(name)+", which has a field of its own or may not be used")
	}
	if b.t.o.Profile.pubEAA() {
		switch string(name) {
		case "subAttrs", "evidence":
			return &Error{Check: credential.CheckPolicy, Spec: etsi + ", clauses 5.2.5.6 and 5.2.9", Detail: part + " holds " + string(name) + ", which a PuB-EAA does not use"}
		}
	}
	return nil
}

// randomness counts the random bytes of a credential, so that they are read at
// once. It refuses claims that have another shape than the frame expects:
// what the type calls disclosable would be visible. The rules found are kept by
// node.
func (b *builder) randomness(n int32, f *frameNode) (int, error) {
	d := &b.doc
	if n < 0 || f == nil {
		return 0, nil
	}
	object := d.nodes[n].kind == kindObject
	array := d.nodes[n].kind == kindArray
	if (len(f.members) > 0 && !object) || ((f.elements != nil || f.at != nil) && !array) {
		return 0, malformed("SD-JWT VC, Section 5.6.1", "a claim has another JSON type than the frame of the credential type expects (object, array or neither)")
	}
	size, own, i, next := 0, 0, 0, 0
	for e := d.nodes[n].child; e >= 0; e = d.nodes[e].next {
		var ef *frameNode
		if object {
			ef, next = f.member(d.name(e), next)
		} else {
			ef = f.element(i)
			i++
		}
		if ef == nil {
			continue
		}
		if ef.disclosable {
			b.rules[e].disclosable = true
			own++
		}
		inner, err := b.randomness(e, ef)
		if err != nil {
			return 0, err
		}
		size += inner
	}
	decoys := b.t.decoys(f, object, own)
	b.rules[n].inside, b.rules[n].decoys = true, int32(decoys)
	return size + own*saltSize + decoys*decoySize, nil
}

// decoys is how many decoys an object or array with own disclosable values
// gets (RFC 9901, Section 4.2.5).
func (t *Template) decoys(f *frameNode, object bool, own int) int {
	n := 0
	if object && t.o.HideAbsent {
		n = f.disclosableMembers() - own
	}
	if own+n > 0 {
		n += t.o.Decoys
	}
	return n
}
