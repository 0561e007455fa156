package dataintegrity

import (
	"crypto"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential/jcs"
	"github.com/zegel-id/zegel/did"
)

// typeProof is the one type of proof that is read. Others have rules that nobody
// checks here; they are refused, not passed over.
const typeProof = "DataIntegrityProof"

// Proof is what a proof says of itself (Data Integrity 1.0, Section 2.1). Of a
// Verified document it was signed; of a Secured one it is a claim.
type Proof struct {
	ID                 string
	Cryptosuite        string
	VerificationMethod string // URL with a fragment
	Purpose            did.Relationship
	Created            time.Time // zero when absent
	Expires            time.Time // zero when absent
	Domain             []string
	Challenge          string
	Nonce              string
	Previous           []string // ids of the proofs that this one follows
	Value              string   // proofValue, as it was written

	// Controller is the controller of the verification method and Key its public
	// key, which is not to be changed in place. They are set by Verify, from the
	// controlled identifier document.
	Controller string
	Key        crypto.PublicKey

	value     jcs.Value // good as long as the document is being verified
	raw       string
	challenge bool // there is a challenge, perhaps an empty one
}

// Raw is the proof as it was written.
func (p *Proof) Raw() string { return p.raw }

// readProof checks the form of a proof. What it takes are copies, for a proof outlives the
// text of its document.
func readProof(v jcs.Value) (*Proof, error) {
	if v.Kind() != jcs.Object {
		return nil, malformed("2.1", "a proof is not an object")
	}
	p := &Proof{value: v, raw: strings.Clone(v.Raw())}
	if typ, ok := v.Member("type").Text(); !ok || typ != typeProof {
		return nil, &Error{Check: CheckCryptosuite, Spec: specDI + ", Section 3.1", Detail: "the type of a proof is missing or not " + typeProof + "; a proof of another type is not passed over as if it were none"}
	}
	var purpose string
	for _, m := range [...]struct {
		name   string
		to     *string
		needed bool
	}{
		{"cryptosuite", &p.Cryptosuite, true}, {"verificationMethod", &p.VerificationMethod, true},
		{"proofPurpose", &purpose, true}, {"proofValue", &p.Value, true},
		{"id", &p.ID, false}, {"challenge", &p.Challenge, false}, {"nonce", &p.Nonce, false},
	} {
		member := v.Member(m.name)
		text, ok := member.Text()
		switch {
		case member.Kind() == jcs.None && !m.needed:
		case !ok:
			return nil, malformed("2.1", m.name+" of a proof is missing or not a string")
		case text == "" && m.name != "challenge" && m.name != "nonce":
			return nil, malformed("2.1", m.name+" of a proof is empty")
		}
		*m.to = p.own(member, text)
	}
	p.Purpose, p.challenge = did.Relationship(purpose), v.Member("challenge").Kind() != jcs.None
	var err error
	if p.Created, err = readTime(v, "created"); err != nil {
		return nil, err
	}
	if p.Expires, err = readTime(v, "expires"); err != nil {
		return nil, err
	}
	if p.Domain, err = readStrings(v, "domain"); err != nil {
		return nil, err
	}
	if p.Previous, err = readStrings(v, "previousProof"); err != nil {
		return nil, err
	}
	return p, nil
}

// own is the text of a member that the proof keeps: a part of raw where that has it as it
// is, without escapes.
func (p *Proof) own(member jcs.Value, text string) string {
	from, to := member.Span()
	if len(text) != to-from-2 {
		return strings.Clone(text)
	}
	start, _ := p.value.Span()
	return p.raw[from+1-start : to-1-start]
}

// readTime reads a dateTimeStamp, of which the zone is a part (XML Schema 1.1,
// Part 2, Section 3.4.28).
func readTime(v jcs.Value, name string) (time.Time, error) {
	member := v.Member(name)
	if member.Kind() == jcs.None {
		return time.Time{}, nil
	}
	text, ok := member.Text()
	t, err := time.Parse(time.RFC3339, text)
	// Parse is more lenient than the grammar: hours of one digit, a comma.
	if !ok || err != nil || text[13] != ':' || strings.Contains(text, ",") {
		return time.Time{}, malformed("2.1", name+" of a proof is not a date and time with a zone, such as 2026-11-25T12:00:00Z")
	}
	return t, nil
}

// maxStrings of a set in a proof.
const maxStrings = 16

// readStrings reads a string, or a non-empty array of strings.
func readStrings(v jcs.Value, name string) ([]string, error) {
	member := v.Member(name)
	if member.Kind() == jcs.None {
		return nil, nil
	}
	if text, ok := member.Text(); ok && text != "" {
		return []string{strings.Clone(text)}, nil
	}
	var all []string
	for e := range member.Elements() {
		text, ok := e.Text()
		if !ok || text == "" || len(all) == maxStrings {
			all = nil
			break
		}
		all = append(all, strings.Clone(text))
	}
	if len(all) == 0 {
		return nil, malformed("2.1", name+" of a proof is not a string or an array of one to 16 strings")
	}
	return all, nil
}
