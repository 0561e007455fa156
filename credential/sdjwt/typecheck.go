package sdjwt

import (
	"slices"

	"github.com/zegel-id/zegel/credential"
)

// CheckPresented validates a verified presentation against the metadata of its
// type (SD-JWT VC, Section 5.6). A claim that was not disclosed is no missing
// mandatory claim.
func (m TypeMetadata) CheckPresented(v *Verified) error { return m.checkClaims(v.sd, v.VCT, false) }

// CheckHeld validates a credential that has all its disclosures, as an issuer
// hands it out.
func (m TypeMetadata) CheckHeld(s *SDJWT) error {
	return m.checkClaims(s, s.Claims().Text("vct"), true)
}

func (m TypeMetadata) checkClaims(s *SDJWT, vct string, complete bool) error {
	bad := func(detail string) error {
		return &Error{Check: credential.CheckType, Spec: "SD-JWT VC, Section 5.6", Detail: detail}
	}
	if vct != m.VCT {
		return bad("the type metadata describes " + clip(m.VCT) + ", the credential is a " + clip(vct))
	}
	for _, c := range m.Claims {
		found, unknown, ok := s.doc.asIssued(s.root, c.Path)
		if !ok {
			return bad("path " + c.Path.String() + " does not fit the credential: a value on the way has another JSON type")
		}
		if c.Required() && len(found) == 0 && (complete || !unknown || c.SD == SDNever && !s.parentUnknown(c.Path)) {
			return bad("mandatory claim " + c.Path.String() + " is missing")
		}
		for _, n := range found {
			nd := &s.doc.nodes[n]
			disclosable := nd.disclosure > 0 || nd.kind == kindAbsent
			if c.SD == SDAlways && !disclosable {
				return bad("claim " + c.Path.String() + " must be selectively disclosable and is not")
			}
			if c.SD == SDNever && disclosable {
				return bad("claim " + c.Path.String() + " must not be selectively disclosable and is")
			}
		}
	}
	return nil
}

// asIssued selects nodes as Section 5.6.1 says: array positions count elements
// that were not disclosed. unknown tells that something on the way was not
// disclosed, so that an empty selection proves nothing.
func (d *document) asIssued(root int32, p Path) (found []int32, unknown, ok bool) {
	at := []int32{root}
	for _, part := range p {
		for _, n := range at {
			unknown = unknown || d.nodes[n].flags&hidden != 0 || d.nodes[n].kind == kindAbsent
		}
		if at, ok = d.step(at, part, true); !ok {
			return nil, unknown, false
		}
	}
	return at, unknown, true
}

// parentUnknown reports whether something that could hold the claim was not
// disclosed.
func (s *SDJWT) parentUnknown(p Path) bool {
	found, unknown, _ := s.doc.asIssued(s.root, p[:len(p)-1])
	if len(found) == 0 {
		return unknown
	}
	return slices.ContainsFunc(found, func(n int32) bool { return s.doc.nodes[n].kind == kindAbsent })
}
