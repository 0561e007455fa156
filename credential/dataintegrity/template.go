package dataintegrity

import (
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential/jcs"
	"github.com/zegel-id/zegel/did"
)

// Options are the constant parts of proofs.
type Options struct {
	Signer Signer
	// VerificationMethod is the URL, with a fragment, under which others find the key.
	VerificationMethod string
	Purpose            did.Relationship
	// Contexts, InsecureInlineContexts, Embedded and InsecureAnySpelling are as in Policy:
	// a document that the like policy would refuse is not signed.
	Contexts               []string
	InsecureInlineContexts bool
	Embedded               []string
	InsecureAnySpelling    bool
}

// Template makes proofs of one key for one purpose. It is safe for concurrent use.
type Template struct {
	o      Options
	prefix []byte // type, cryptosuite, verificationMethod, proofPurpose
}

// NewTemplate checks and compiles the constant parts of proofs.
func NewTemplate(o Options) (*Template, error) {
	bad := func(detail string) (*Template, error) {
		return nil, &Error{Check: CheckPolicy, Spec: specDI + ", Section 4.2", Detail: detail}
	}
	id, fragment, _ := strings.Cut(o.VerificationMethod, "#")
	switch {
	case o.Signer == nil:
		return bad("there is no Signer")
	case id == "" || fragment == "":
		return bad("VerificationMethod is not a URL with a fragment; nobody could retrieve the key")
	case !slices.Contains(did.Relationships, o.Purpose) || o.Purpose == did.KeyAgreement:
		return bad("Purpose is not a purpose of proofs, such as assertionMethod or authentication")
	}
	b := []byte(`"type":"` + typeProof + `"`)
	b = appendText(b, "cryptosuite", o.Signer.Suite())
	b = appendText(b, "verificationMethod", o.VerificationMethod)
	b = appendText(b, "proofPurpose", string(o.Purpose))
	return &Template{o: o, prefix: b}, nil
}

// Terms are what differs from proof to proof. Everything but Created is left out
// when empty; without Created the proof says nothing of its time.
type Terms struct {
	ID        string // of a proof that others follow, such as a urn:uuid
	Created   time.Time
	Expires   time.Time
	Domain    []string
	Challenge string
	Nonce     string
	// Previous are the ids of the proofs that this one follows, with Append.
	Previous []string
}

// Add gives a document its first proof (Data Integrity 1.0, Section 4.2). The
// document keeps its text; the proof becomes its last member. What is given must not
// change before Add returns, what is returned is a copy.
func (t *Template) Add(document []byte, terms Terms) ([]byte, error) {
	r := readers.Get().(*jcs.Reader)
	defer release(r)
	s, err := parse(r, document)
	if err != nil {
		return nil, err
	}
	if len(s.proofs) > 0 {
		return nil, malformed("4.2", "the document has a proof already; Append is for proof sets and chains")
	}
	proof, err := t.proof(s, terms)
	if err != nil {
		return nil, err
	}
	return s.with(proof), nil
}

// Append gives a document that has proofs one more (Data Integrity 1.0, Section
// 4.3). Those that are there are not verified; they are signed if terms.Previous
// names them.
func (t *Template) Append(document []byte, terms Terms) ([]byte, error) {
	s, err := Parse(document)
	switch {
	case err != nil:
		return nil, err
	case len(s.proofs) == 0:
		return nil, malformed("4.3", "the document has no proof that could be added to")
	case len(s.proofs) == MaxProofs:
		return nil, malformed("2.1.1", "the document has 8 proofs already")
	case terms.ID != "" && slices.ContainsFunc(s.proofs, func(p *Proof) bool { return p.ID == terms.ID }):
		return nil, malformed("2.1", "a proof of the document has this id")
	}
	proof, err := t.proof(s, terms)
	if err != nil {
		return nil, err
	}
	list := []byte{'['}
	for _, p := range s.proofs {
		list = append(append(list, p.raw...), ',')
	}
	return s.with(append(append(list, proof...), ']')), nil
}

// proof makes the proof over a document.
func (t *Template) proof(s *Secured, terms Terms) ([]byte, error) {
	if !terms.Expires.IsZero() && !terms.Expires.After(terms.Created) {
		return nil, &Error{Check: CheckValidity, Spec: specDI + ", Section 2.1", Detail: "Expires is not after Created"}
	}
	r := reading{contexts: t.o.Contexts, embedded: t.o.Embedded, inline: t.o.InsecureInlineContexts, spelled: !t.o.InsecureAnySpelling && !signsAsWritten(t.o.Signer)}
	if err := r.check(s.root); err != nil {
		return nil, err
	}
	in := Input{Document: s.Unsecured(), Context: s.context()}
	in.read = asRead{in.Document, s.root}
	if len(terms.Previous) > 0 {
		var err error
		if in.Document, err = s.following(terms.Previous); err != nil {
			return nil, err
		}
	}
	b := append(make([]byte, 0, 768), '{')
	if signsAsWritten(t.o.Signer) && in.Context != nil {
		// Data Integrity EdDSA Cryptosuites 1.0, Section 3.3.1, step 2.
		b = append(append(append(b, `"@context":`...), in.Context...), ',')
	}
	b = terms.append(append(b, t.prefix...))
	in.Options = append(b, '}')
	value, err := t.o.Signer.Sign(in)
	if err != nil {
		return nil, failed(err)
	}
	return append(appendText(b, "proofValue", value), '}'), nil
}

func (t Terms) append(b []byte) []byte {
	b = appendText(b, "id", t.ID)
	b = appendTime(b, "created", t.Created)
	b = appendTime(b, "expires", t.Expires)
	b = appendTexts(b, "domain", t.Domain)
	b = appendText(b, "challenge", t.Challenge)
	b = appendText(b, "nonce", t.Nonce)
	return appendTexts(b, "previousProof", t.Previous)
}

func appendText(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return jcs.AppendString(b, text)
}

// appendTexts writes one text as a string and several as an array.
func appendTexts(b []byte, name string, texts []string) []byte {
	if len(texts) < 2 {
		return appendText(b, name, strings.Join(texts, ""))
	}
	b = append(append(append(b, `,"`...), name...), `":[`...)
	for i, text := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		b = jcs.AppendString(b, text)
	}
	return append(b, ']')
}

func appendTime(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return appendText(b, name, t.UTC().Format(time.RFC3339))
}
