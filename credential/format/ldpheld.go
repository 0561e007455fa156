package format

import (
	"errors"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// ldpHeld is a held credential with a base proof. The base proof stays here: with
// it everybody could disclose what they like.
type ldpHeld struct {
	w3cHeld
	text        []byte
	once        sync.Once
	disclosable int
}

func (h *ldpHeld) Format() string  { return string(credential.FormatLDP) }
func (h *ldpHeld) Secured() string { return ecdsasd.Name }

// HolderBound is always so: what is presented is signed by the holder.
func (h *ldpHeld) HolderBound() bool { return true }

// AuthorityKeys are none: the certificates are with the issuer, who is not to
// learn when a credential is shown.
func (h *ldpHeld) AuthorityKeys() [][]byte { return nil }

// Select answers for what can be disclosed on its own.
func (h *ldpHeld) Select(p credential.Path) [][]byte {
	if _, ok := pointersTo(h.d.root, p); !ok {
		return nil
	}
	return h.w3cHeld.Select(p)
}

// Disclosable counts what the issuer did not fix. It is none for a proof that
// cannot be read, so that nobody believes anything was held back.
func (h *ldpHeld) Disclosable() int {
	h.once.Do(func() {
		if pointers, err := ecdsasd.Disclosable(processor(), h.text); err == nil {
			h.disclosable = len(pointers)
		}
	})
	return h.disclosable
}

// presentationContext is that of a presentation; what is in it has its own.
var presentationContext = []string{contexts.CredentialsV2}

func (h *ldpHeld) Present(paths []credential.Path, b *Binding) (jsontext.Value, error) {
	if b == nil {
		return nil, errors.New("a W3C credential is presented with its holder's signature only")
	}
	if b.Transactions != nil {
		return nil, errors.New("a presentation of this format has no place for transaction data (OpenID4VP 1.0, Appendix B.1)")
	}
	var pointers []string
	for _, p := range paths {
		to, ok := pointersTo(h.d.root, p)
		if !ok {
			return nil, errors.New("a path selects nothing in this credential that can be disclosed on its own")
		}
		pointers = append(pointers, to...)
	}
	derived, err := ecdsasd.Derive(processor(), h.text, pointers)
	if err != nil {
		return nil, err
	}
	return present(derived, b)
}

// present puts a derived credential into a presentation that its holder signs for
// this request (OpenID4VP 1.0, Appendix B.1.3.2).
func present(derived []byte, b *Binding) (jsontext.Value, error) {
	holder, method, err := holderMethod(b.Signer.Public())
	if err != nil {
		return nil, err
	}
	signer, err := di.NewECDSARDFC2019(processor(), b.Signer)
	if err != nil {
		return nil, err
	}
	proofs, err := di.NewTemplate(di.Options{Signer: signer, VerificationMethod: method, Purpose: did.Authentication, Contexts: known, Embedded: embedded})
	if err != nil {
		return nil, err
	}
	document, err := jose.Marshal(struct {
		Context     []string         `json:"@context"`
		Type        []string         `json:"type"`
		Holder      string           `json:"holder"`
		Credentials []jsontext.Value `json:"verifiableCredential"`
	}{presentationContext, []string{"VerifiablePresentation"}, holder, []jsontext.Value{derived}})
	if err != nil {
		return nil, err
	}
	at := b.IssuedAt.UTC().Truncate(time.Second)
	return proofs.Add(document, di.Terms{Created: at, Expires: at.Add(presentationLife), Domain: []string{b.Audience}, Challenge: b.Nonce})
}

// embedded are the members of a presentation whose values are documents.
var embedded = []string{"verifiableCredential"}
