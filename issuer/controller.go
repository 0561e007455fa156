package issuer

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/store"
)

// kindSealCertificate is a seal certificate that credentials were sealed with whose
// signatures name their key. It stays: such a credential is worth nothing without.
const kindSealCertificate store.Kind = "issuer-seal-certificate"

// sealCertificate is the chain, leaf first.
type sealCertificate struct {
	X5C []string `json:"x5c"`
}

// controller is the issuer as the controller of its seal keys.
type controller struct {
	mu   sync.Mutex
	kept map[string]bool // certificates that are in the store, by identifier
}

// publish keeps the certificate of a seal before the first credential is sealed
// that names it, so that every instance, also after a change of the key, has it in
// the document.
func (i *Issuer) publish(ctx context.Context, s *seal.Sealer) error {
	c, id := &i.controller, s.ID()
	c.mu.Lock()
	kept := c.kept[id]
	c.mu.Unlock()
	if kept {
		return nil
	}
	data, err := jose.Marshal(sealCertificate{jose.EncodeX5C(s.Chain())})
	if err != nil {
		return err
	}
	if _, err := i.c.Store.Create(ctx, store.Record{Kind: kindSealCertificate, ID: id, Data: data}); err != nil && !errors.Is(err, store.ErrExists) {
		return fmt.Errorf("keeping a seal certificate: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = map[string]bool{}
	}
	c.kept[id] = true
	return nil
}

// ControllerDocument is the controlled identifier document of this issuer, to be
// served at its URL: the keys that its credentials may be sealed with, each with
// the certificates that make a seal of it (Controlled Identifiers 1.0, Section 2).
// ErrNotFound when nothing that is issued here refers to it.
func (i *Issuer) ControllerDocument(ctx context.Context) ([]byte, error) {
	chains, err := i.sealChains(ctx)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(i.c.Types, func(t Type) bool { return i.types[t.ID].described.ByMethod }) {
		current := i.c.Keys.Current().Chain()
		if !slices.ContainsFunc(chains, func(c []*x509.Certificate) bool { return c[0].Equal(current[0]) }) {
			chains = append(chains, current)
		}
	}
	if len(chains) == 0 {
		return nil, ErrNotFound
	}
	slices.SortFunc(chains, func(a, b []*x509.Certificate) int {
		if order := b[0].NotBefore.Compare(a[0].NotBefore); order != 0 {
			return order
		}
		return bytes.Compare(a[0].Raw, b[0].Raw)
	})
	d := &did.Document{Context: jsontext.Value(`"` + contexts.CIDv1 + `"`), ID: i.c.URL}
	for _, chain := range chains {
		if err := certify(d, chain); err != nil {
			return nil, err
		}
	}
	text, err := d.JSON()
	for err == nil && len(text) > did.MaxDocument {
		// Nobody would read it, so that no credential at all would verify.
		last := len(d.VerificationMethod) - 1
		d.VerificationMethod, d.AssertionMethod = d.VerificationMethod[:last], d.AssertionMethod[:last]
		text, err = d.JSON()
	}
	if left := len(chains) - len(d.VerificationMethod); left > 0 {
		i.c.Logger.WarnContext(ctx, "the controlled identifier document is too large, and lacks the oldest seal certificates", "left_out", left)
	}
	return text, err
}

// sealChains are the certificates that were kept.
func (i *Issuer) sealChains(ctx context.Context) ([][]*x509.Certificate, error) {
	var out [][]*x509.Certificate
	for next := ""; ; {
		found, after, err := i.c.Store.Find(ctx, kindSealCertificate, "", store.Page{Next: next})
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			var kept sealCertificate
			if err := jose.Unmarshal(r.Data, &kept); err != nil {
				return nil, err
			}
			chain, err := (jose.Header{X5C: kept.X5C}).Certificates()
			if err != nil {
				return nil, fmt.Errorf("reading a seal certificate: %w", err)
			}
			out = append(out, chain)
		}
		if next = after; next == "" {
			return out, nil
		}
	}
}

// certify adds the verification method of a seal certificate.
func certify(d *did.Document, chain []*x509.Certificate) error {
	key, err := jose.PublicJWK(chain[0].PublicKey)
	if err != nil {
		return err
	}
	id := format.MethodOf(d.ID, chain[0])
	d.VerificationMethod = append(d.VerificationMethod, did.VerificationMethod{
		ID: id, Type: did.TypeJSONWebKey, Controller: d.ID, PublicKeyJWK: &key, X5C: jose.EncodeX5C(chain),
	})
	d.AssertionMethod = append(d.AssertionMethod, did.Reference{ID: id})
	return nil
}
