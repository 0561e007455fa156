package sdjwt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

const (
	saltSize  = 16 // bytes; 128 bits (RFC 9901, Section 9.3)
	decoySize = 32
	placeSize = 8
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
	if array {
		size += decoys * placeSize
	}
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

func (b *builder) take(n int) []byte {
	r := b.random[:n]
	b.random = b.random[n:]
	return r
}

// member starts a member with the name of n.
func (b *builder) member(n int32) {
	if b.buf[len(b.buf)-1] != '{' {
		b.buf = append(b.buf, ',')
	}
	b.quoteName(n)
	b.buf = append(b.buf, ':')
}

func (b *builder) quoteName(n int32) {
	if b.doc.nodes[n].flags&escapedName != 0 {
		b.buf = appendQuoted(b.buf, b.doc.name(n))
		return
	}
	b.buf = append(b.buf, '"')
	b.buf = append(b.buf, b.doc.name(n)...)
	b.buf = append(b.buf, '"')
}

func (b *builder) value(n int32) {
	nd := &b.doc.nodes[n]
	switch {
	case b.rules[n].inside && nd.kind == kindObject:
		b.buf = append(b.buf, '{')
		b.inside(n)
		b.buf = append(b.buf, '}')
	case b.rules[n].inside && nd.kind == kindArray:
		b.array(n)
	default:
		b.buf = append(b.buf, b.doc.raw(n)...)
	}
}

// inside writes the members of an object: the visible ones as they are, the
// disclosable ones as digests in _sd, sorted so that their order tells nothing
// (RFC 9901, Section 4.2.4.1).
func (b *builder) inside(n int32) {
	base := len(b.sums)
	for c := b.doc.nodes[n].child; c >= 0; c = b.doc.nodes[c].next {
		if b.rules[c].disclosable {
			b.disclose(c, true)
		}
	}
	for range b.rules[n].decoys {
		b.decoy()
	}
	for c := b.doc.nodes[n].child; c >= 0; c = b.doc.nodes[c].next {
		if !b.rules[c].disclosable {
			b.member(c)
			b.value(c)
		}
	}
	if len(b.sums) == base {
		return
	}
	if b.buf[len(b.buf)-1] != '{' {
		b.buf = append(b.buf, ',')
	}
	b.buf = append(b.buf, `"`+nameSD+`":[`...)
	for i, p := range b.sorted(base) {
		if i > 0 {
			b.buf = append(b.buf, ',')
		}
		b.digest(&b.sums[p&maxPlace])
	}
	b.buf = append(b.buf, ']')
	b.sums = b.sums[:base]
}

// sorted gives the digests from base on in an order that depends on nothing
// but the digests: by their first 40 bits. Each value holds these bits above
// the place of its digest in sums.
func (b *builder) sorted(base int) []uint64 {
	b.order = b.order[:0]
	for i := base; i < len(b.sums); i++ {
		b.order = append(b.order, binary.BigEndian.Uint64(b.sums[i][:])&^maxPlace|uint64(i))
	}
	if len(b.order) > 48 {
		slices.Sort(b.order)
		return b.order
	}
	for i := 1; i < len(b.order); i++ {
		p := b.order[i]
		j := i
		for ; j > 0 && b.order[j-1] > p; j-- {
			b.order[j] = b.order[j-1]
		}
		b.order[j] = p
	}
	return b.order
}

// array writes the elements, a disclosable one as {"...": digest} in its
// place, with decoys at random places between (RFC 9901, Section 4.2.4.2).
func (b *builder) array(n int32) {
	count := 0
	for e := b.doc.nodes[n].child; e >= 0; e = b.doc.nodes[e].next {
		count++
	}
	places := b.places(int(b.rules[n].decoys), count)
	b.buf = append(b.buf, '[')
	i := 0
	for e := b.doc.nodes[n].child; ; e = b.doc.nodes[e].next {
		for len(places) > 0 && places[0] == i {
			places = places[1:]
			b.decoy()
			b.element()
		}
		if e < 0 {
			break
		}
		if b.rules[e].disclosable {
			b.disclose(e, false)
			b.element()
		} else {
			b.comma()
			b.value(e)
		}
		i++
	}
	b.buf = append(b.buf, ']')
}

// places are the positions of decoys among count elements, in order. Modulo
// 2^64 is far from visible at these sizes.
func (b *builder) places(decoys, count int) []int {
	if decoys == 0 {
		return nil
	}
	out := make([]int, decoys)
	for i := range out {
		var r uint64
		for _, c := range b.take(placeSize) {
			r = r<<8 | uint64(c)
		}
		out[i] = int(r % uint64(count+1))
	}
	slices.Sort(out)
	return out
}

func (b *builder) comma() {
	if b.buf[len(b.buf)-1] != '[' {
		b.buf = append(b.buf, ',')
	}
}

// element writes the digest on top of sums as an array element.
func (b *builder) element() {
	b.comma()
	top := len(b.sums) - 1
	b.buf = append(b.buf, `{"`+nameDots+`":`...)
	b.digest(&b.sums[top])
	b.buf = append(b.buf, '}')
	b.sums = b.sums[:top]
}

func (b *builder) digest(s *sum) {
	b.buf = append(b.buf, '"')
	b.buf = appendBase64(b.buf, s[:b.t.o.Hash.size()])
	b.buf = append(b.buf, '"')
}

// decoy pushes a digest over random bytes (RFC 9901, Section 4.2.5).
func (b *builder) decoy() { b.push(b.take(decoySize)) }

func (b *builder) push(text []byte) {
	b.sums = append(b.sums, sum{})
	b.t.o.Hash.put(&b.sums[len(b.sums)-1], text)
}

// disclose makes the disclosure of a member or element and pushes its digest
// (RFC 9901, Sections 4.2.1 to 4.2.3).
func (b *builder) disclose(n int32, member bool) {
	mark := len(b.buf)
	b.buf = append(b.buf, `["`...)
	b.buf = appendBase64(b.buf, b.take(saltSize))
	b.buf = append(b.buf, `",`...)
	if member {
		b.quoteName(n)
		b.buf = append(b.buf, ',')
	}
	b.value(n)
	b.buf = append(b.buf, ']')
	b.out = append(b.out, '~')
	from := len(b.out)
	b.out = appendBase64(b.out, b.buf[mark:])
	b.buf = b.buf[:mark]
	b.push(b.out[from:])
}

// confirmation writes cnf with the members that make the key and nothing that
// could link copies, such as a kid (RFC 7800, Section 3.2).
func (w *members) confirmation(k jose.JWK) {
	w.name("cnf")
	w.buf = append(append(w.buf, `{"jwk":{"kty":"`...), k.Kty...)
	part := func(name, value string) {
		w.buf = append(append(append(append(w.buf, `","`...), name...), `":"`...), value...)
	}
	switch k.Kty {
	case "RSA":
		part("n", k.N)
		part("e", k.E)
	case "EC":
		part("crv", k.Crv)
		part("x", k.X)
		part("y", k.Y)
	default:
		part("crv", k.Crv)
		part("x", k.X)
	}
	w.buf = append(w.buf, `"}}`...)
}

// publicKey checks a holder key. For P-256 it checks the form only, not that
// the point is on the curve: that would cost as much as all the digests of a
// credential, the proof of possession has shown it before, and a bad point
// could verify nothing.
func publicKey(k jose.JWK) error {
	private := k.D+k.P+k.Q+k.DP+k.DQ+k.QI+k.K != ""
	if k.Kty != "EC" || k.Crv != "P-256" || private {
		_, err := k.Key()
		return err
	}
	if !octets32(k.X) || !octets32(k.Y) {
		return fmt.Errorf("%w: x and y must be base64url of 32 octets (RFC 7518, Section 6.2.1.2)", jose.ErrJWK)
	}
	return nil
}

// status writes the status claim. In a PuB-EAA it must have both member
// families and they must agree.
func (w *members) status(status any, p Profile) error {
	bad := func(detail string) error {
		return &Error{Check: credential.CheckStatus, Spec: etsi + ", clause 5.2.10; Token Status List, Section 6.1", Detail: detail}
	}
	if status == nil {
		return nil
	}
	if list, ok := status.(StatusList); ok {
		if !strings.HasPrefix(list.URI, "https://") && !collisionResistant(list.URI) {
			return bad("status: uri is not a URI")
		}
		w.name("status")
		w.buf = list.append(w.buf)
		return nil
	}
	var d document
	root, err := d.object("Status", status)
	if err != nil {
		return err
	}
	if p.pubEAA() {
		inner := d.member(root, "status_list")
		idx, uri := d.member(inner, "idx"), d.member(inner, "uri")
		index, flat := d.member(root, "index"), d.member(root, "uri")
		purpose := d.member(root, "purpose")
		switch {
		case idx < 0 || uri < 0 || d.nodes[idx].kind != kindNumber || d.nodes[uri].kind != kindString:
			return bad("status: status_list with idx and uri is missing")
		case index < 0 || flat < 0 || d.nodes[index].kind != kindNumber || d.nodes[flat].kind != kindString || purpose < 0 || d.nodes[purpose].kind != kindString:
			return bad("status: type, purpose, index and uri are missing")
		case d.text(d.member(root, "type")) != "TokenStatusList":
			return bad(`status: type must be "TokenStatusList"`)
		case !bytes.Equal(d.raw(idx), d.raw(index)) || d.text(uri) != d.text(flat):
			return bad("status: the two member families name different entries")
		}
	}
	w.name("status")
	w.buf = append(w.buf, d.raw(root)...)
	return nil
}
