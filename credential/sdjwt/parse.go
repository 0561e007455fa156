package sdjwt

import (
	"bytes"
	"fmt"
	"strings"
	"unsafe"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// Limits of what is read. An SD-JWT beyond them is refused before any
// cryptography.
const (
	MaxSize        = 1 << 20 // bytes of the compact text or of the JSON form
	MaxDisclosures = 1024
)

// Names with a meaning of their own (RFC 9901, Section 4.1).
const (
	nameSD    = "_sd"
	nameSDAlg = "_sd_alg"
	nameDots  = "..."
)

// disclosure is one disclosure as it was sent.
type disclosure struct {
	start, end int // its text inside SDJWT.text
	json       int // where its JSON starts in document.src
	value      int32
	name       int32 // node of the claim name, -1 for an array element
	used       bool
}

// SDJWT is a parsed SD-JWT, with or without key binding. All digests are
// resolved, nothing is verified: the claims are what the issuer signed only
// after Verify.
type SDJWT struct {
	text        string // issuer-signed JWT and disclosures, up to the last tilde
	ascii       []byte // the octets of text
	binding     string // KB-JWT, empty when there is none
	token       *jose.Token
	doc         document
	root        int32
	hash        Hash
	digests     []byte // of the disclosures, base64url, one after the other
	disclosures []disclosure
	others      []signature // further signatures of the JSON form
	kid         string      // unprotected kid of the JSON form
}

// Parse reads the compact form (RFC 9901, Section 4) and processes the
// disclosures as Section 7.1, steps 1 and 3 to 5, ask: form, digests, names,
// duplicates, unreferenced disclosures. It checks no signature and no time.
func Parse(text string) (*SDJWT, error) {
	if len(text) > MaxSize {
		return nil, malformed("RFC 9901, Section 4", fmt.Sprintf("longer than %d bytes", MaxSize))
	}
	end := strings.LastIndexByte(text, '~')
	if end < 0 {
		return nil, malformed("RFC 9901, Section 4", "no tilde: this is a plain JWT; an SD-JWT ends with a tilde or a key binding JWT")
	}
	s := &SDJWT{text: text[:end+1], binding: text[end+1:]}
	if strings.Count(s.text, "~") > MaxDisclosures+1 {
		return nil, malformed("RFC 9901, Section 4", fmt.Sprintf("more than %d disclosures", MaxDisclosures))
	}
	if s.binding != "" && strings.Count(s.binding, ".") != 2 {
		return nil, malformed("RFC 9901, Section 4", "what follows the last tilde is no JWT; without key binding the text ends with a tilde")
	}
	if err := s.parse(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *SDJWT) parse() error {
	first := strings.IndexByte(s.text, '~')
	var err error
	s.ascii = octets(s.text)
	// One store for all that is decoded: the JWT and the disclosures.
	store := make([]byte, 0, len(s.ascii)*3/4)
	if s.token, s.doc.src, err = jose.AppendParse(store, s.ascii[:first:first]); err != nil {
		return &Error{Check: credential.CheckStructure, Spec: "RFC 9901, Section 4.1", Detail: "issuer-signed JWT", Err: err}
	}
	if err := s.decode(first + 1); err != nil {
		return err
	}
	if err := s.payload(); err != nil {
		return err
	}
	for i := range s.disclosures {
		if err := s.disclosure(i); err != nil {
			return err
		}
	}
	if err := s.algorithm(); err != nil {
		return err
	}
	s.digest()
	r := resolver{s: s, seen: make([]met, 0, 2*len(s.disclosures)+32)}
	return r.run()
}

// octets are those of a text, not copied: they are read only.
func octets(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }

// decode finds and decodes the disclosures, behind the payload.
func (s *SDJWT) decode(from int) error {
	text := s.ascii
	s.disclosures = make([]disclosure, 0, bytes.Count(text[from:], tilde))
	for from < len(text) {
		to := from + bytes.IndexByte(text[from:], '~')
		d := disclosure{start: from, end: to, json: len(s.doc.src), name: -1}
		if from == to {
			return s.wrong(len(s.disclosures), "is empty: two tildes follow each other")
		}
		src, err := jose.AppendDecode(s.doc.src, text[from:to])
		if err != nil {
			return s.wrong(len(s.disclosures), "is not canonical base64url without padding")
		}
		s.doc.src, from = src, to+1
		s.disclosures = append(s.disclosures, d)
	}
	return nil
}

var tilde, comma = []byte{'~'}, []byte{','}

func (s *SDJWT) wrong(disclosure int, what string) error {
	return malformed("RFC 9901, Section 4.2", fmt.Sprintf("disclosure %d %s", disclosure+1, what))
}

// payload reads the payload, as the first value of the document.
func (s *SDJWT) payload() error {
	start := len(s.token.RawHeader)
	end := start + len(s.token.Payload)
	// A value has a comma before it or is the first inside another, and the array
	// of a disclosure has none; but text may be full of commas.
	text := s.doc.src[start:]
	s.doc.nodes = make([]node, 0, min(bytes.Count(text, comma)+2*len(s.disclosures)+16, len(text)/8))
	var ok bool
	if s.root, ok = s.doc.scan(start, end); !ok || s.doc.nodes[s.root].kind != kindObject {
		return malformed("RFC 9901, Section 4.1; RFC 8259", "the payload is not one strict JSON object (syntax, duplicate member, invalid UTF-8, trailing data or depth)")
	}
	return nil
}

// disclosure reads a disclosure (RFC 9901, Sections 4.2.1 and 4.2.2).
func (s *SDJWT) disclosure(i int) error {
	d, end := &s.disclosures[i], len(s.doc.src)
	if i+1 < len(s.disclosures) {
		end = s.disclosures[i+1].json
	}
	root, ok := s.doc.scan(d.json, end)
	if !ok || s.doc.nodes[root].kind != kindArray {
		return s.wrong(i, "is not one strict JSON array")
	}
	salt := s.doc.nodes[root].child
	if salt < 0 || s.doc.nodes[salt].kind != kindString {
		return s.wrong(i, "has no string as salt")
	}
	if d.value = s.doc.nodes[salt].next; d.value < 0 {
		return s.wrong(i, "has one element; it must have two (array element) or three (object property)")
	}
	if next := s.doc.nodes[d.value].next; next >= 0 {
		d.name, d.value = d.value, next
		if s.doc.nodes[next].next >= 0 {
			return s.wrong(i, "has more than three elements")
		}
		if s.doc.nodes[d.name].kind != kindString {
			return s.wrong(i, "has a claim name that is not a string")
		}
	}
	return nil
}

// algorithm reads _sd_alg (RFC 9901, Section 4.1.1).
func (s *SDJWT) algorithm() error {
	s.hash = SHA256
	n := s.doc.member(s.root, nameSDAlg)
	if n < 0 {
		return nil
	}
	s.hash = Hash(s.doc.text(n))
	if s.hash.size() == 0 {
		return malformed("RFC 9901, Section 4.1.1", "_sd_alg is "+clip(string(s.hash))+"; known are sha-256, sha-384 and sha-512")
	}
	return nil
}

// digest hashes every disclosure as it was sent, never as it would be encoded
// again (RFC 9901, Section 4.2.3).
func (s *SDJWT) digest() {
	s.digests = make([]byte, 0, jose.EncodedLen(s.hash.size())*len(s.disclosures))
	for _, d := range s.disclosures {
		s.digests = s.hash.appendDigest(s.digests, s.ascii[d.start:d.end])
	}
}

// digestOf is the digest of a disclosure.
func (s *SDJWT) digestOf(disclosure int32) []byte {
	size := int32(jose.EncodedLen(s.hash.size()))
	return s.digests[disclosure*size : (disclosure+1)*size]
}

// Token is the issuer-signed JWT. Its payload still holds digests.
func (s *SDJWT) Token() *jose.Token { return s.token }

// KeyBound reports whether a key binding JWT was sent.
func (s *SDJWT) KeyBound() bool { return s.binding != "" }

// Hash is the digest algorithm of the SD-JWT.
func (s *SDJWT) Hash() Hash { return s.hash }

// Claims are the processed claims with everything that was disclosed. They are
// not verified: for a verifier they are Verified.Claims.
func (s *SDJWT) Claims() Claims { return Claims{doc: &s.doc, root: s.root} }

// String is the compact form.
func (s *SDJWT) String() string { return s.text + s.binding }

// sdHash is the digest a key binding JWT carries: over the text up to and
// including the last tilde (RFC 9901, Section 4.3.1).
func (s *SDJWT) sdHash(dst []byte) []byte { return s.hash.appendDigest(dst, s.ascii) }
