package registry

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	ariesdid "github.com/hyperledger/aries-framework-go/pkg/doc/did"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// ariesDocument is the document as aries reads it.
func ariesDocument(doc *did.Document) (theirs *ariesdid.Doc, err error) {
	source := doc.Source()
	if source == nil {
		if source, err = doc.JSON(); err != nil {
			return nil, err
		}
	}
	text, err := normalise(doc, source)
	if err != nil {
		return nil, err
	}
	// aries has type assertions that panic on odd input. The text is already
	// checked by ParseDocument; should one be left, it is a refusal.
	defer func() {
		if recover() != nil {
			theirs, err = nil, fmt.Errorf("%w: aries-framework-go cannot read it", did.ErrDocument)
		}
	}()
	if theirs, err = ariesdid.ParseDocument(text); err != nil {
		// Its text holds the whole document.
		return nil, fmt.Errorf("%w: aries-framework-go v0.3.2 cannot read it after normalisation", did.ErrDocument)
	}
	return theirs, nil
}

// normalise rewrites a document that was read for aries v0.3.2, which knows
// DID Core 1.0 only: @context starts with did/v1 (did/v1.1, cid/v1 and the
// early spelling make way), multikey/v1 follows if there is a Multikey, the
// others stay; alsoKnownAs is an array; members it has no use for are left out;
// and so are verification methods that it cannot read or that have no
// controller, and references to methods that are not there, for each of which
// it would refuse the whole document.
func normalise(doc *did.Document, source []byte) ([]byte, error) {
	var members map[string]jsontext.Value
	if err := jose.Unmarshal(source, &members); err != nil {
		return nil, err
	}
	context, err := normalContext(doc, members["@context"])
	if err != nil {
		return nil, err
	}
	replace := map[string]any{"@context": context}
	if _, ok := members["alsoKnownAs"]; ok {
		replace["alsoKnownAs"] = doc.AlsoKnownAs
	}
	for name := range members {
		if !slices.Contains(known, name) {
			delete(members, name)
		}
	}
	kept, err := normalMethods(doc, members["verificationMethod"], replace)
	if err != nil {
		return nil, err
	}
	for _, use := range []struct {
		name string
		refs []did.Reference
	}{
		{"assertionMethod", doc.AssertionMethod}, {"authentication", doc.Authentication}, {"keyAgreement", doc.KeyAgreement},
		{"capabilityInvocation", doc.CapabilityInvocation}, {"capabilityDelegation", doc.CapabilityDelegation},
	} {
		refs := slices.DeleteFunc(slices.Clone(use.refs), func(r did.Reference) bool {
			if r.Method != nil {
				return !readable(*r.Method)
			}
			return !kept[r.ID]
		})
		if len(refs) > 0 {
			replace[use.name] = refs
		} else {
			delete(members, use.name)
		}
	}
	for name, value := range replace {
		if members[name], err = jose.Marshal(value); err != nil {
			return nil, err
		}
	}
	return jose.Marshal(members)
}

// normalMethods puts the methods that aries can read in replace and returns
// their ids. The members of each stay as they were published.
func normalMethods(doc *did.Document, raw jsontext.Value, replace map[string]any) (map[string]bool, error) {
	var methods []map[string]jsontext.Value
	if raw != nil {
		if err := jose.Unmarshal(raw, &methods); err != nil {
			return nil, err
		}
	}
	kept, out := map[string]bool{}, []map[string]jsontext.Value{}
	for i, m := range doc.VerificationMethod {
		_, base58 := methods[i]["publicKeyBase58"]
		if !readable(m) && (!base58 || m.Controller == "") {
			continue
		}
		id, err := jose.Marshal(m.ID)
		if err != nil {
			return nil, err
		}
		methods[i]["id"] = id
		kept[m.ID] = true
		out = append(out, methods[i])
	}
	replace["verificationMethod"] = out
	return kept, nil
}

func readable(m did.VerificationMethod) bool {
	_, err := m.Key()
	return err == nil && m.Controller != ""
}

// known are the members that aries gets. It matches names without regard to
// case, so that a second "ID" would win over "id"; it would read publicKey,
// which came before DID Core 1.0; and it wants proofs of a shape that Data
// Integrity proofs do not have.
var known = []string{
	"@context", "id", "alsoKnownAs", "controller", "verificationMethod", "assertionMethod", "authentication",
	"keyAgreement", "capabilityInvocation", "capabilityDelegation", "service", "created", "updated",
}

const (
	didV1      = "https://www.w3.org/ns/did/v1"
	multikeyV1 = "https://w3id.org/security/multikey/v1"
)

func normalContext(doc *did.Document, raw jsontext.Value) ([]any, error) {
	var given []any
	if raw != nil && jose.Unmarshal(raw, &given) != nil {
		var one string
		if err := jose.Unmarshal(raw, &one); err != nil {
			return nil, fmt.Errorf("%w: @context", did.ErrDocument)
		}
		given = []any{one}
	}
	out := []any{didV1}
	if slices.ContainsFunc(doc.VerificationMethod, func(m did.VerificationMethod) bool { return m.Type == did.TypeMultikey }) {
		out = append(out, multikeyV1)
	}
	for _, c := range given {
		if text, ok := c.(string); ok {
			switch text {
			case didV1, multikeyV1, "https://www.w3.org/ns/did/v1.1", "https://www.w3.org/ns/cid/v1", "https://w3id.org/did/v1":
				continue
			}
			if slices.Contains(out, c) {
				continue
			}
		}
		out = append(out, c)
	}
	return out, nil
}
