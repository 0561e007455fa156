package main

import (
	"context"
	"crypto"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

// listMediaType is what status list credentials are served as.
const listMediaType = "application/" + vcjose.TypCredential

// listSecurer signs status list credentials as vc+jwt, with the key of status
// lists.
type listSecurer struct {
	sealer vcjose.Signer
	now    func() time.Time
}

// Secure implements status.Securer.
func (s listSecurer) Secure(_ context.Context, document []byte) ([]byte, error) {
	d, err := vcjose.Prepare(vcjose.Credential{Document: document, IssuedAt: s.now().UTC().Truncate(time.Second)})
	if err != nil {
		return nil, err
	}
	text, err := d.Seal(s.sealer)
	return []byte(text), err
}

// listVerifier takes status list credentials that are signed by a revocation
// service of the list of PuB-EAA providers, whose certificate names the issuer
// of the list (ETSI TS 119 602, Annex H; Bitstring Status List 1.0, Section 3.2).
type listVerifier struct {
	store *trust.Store
	seals *seal.Validator // what is known of revocation
	now   func() time.Time
}

// VerifyList implements status.ListVerifier.
func (l listVerifier) VerifyList(ctx context.Context, fetched []byte) (document []byte, by status.ListSigner, err error) {
	v, err := vcjose.VerifyCredential(string(fetched), vcjose.Policy{
		Now: l.now(), Skew: time.Minute, Algs: []jose.Alg{jose.ES256, jose.ES384},
		IssuerKey: func(t *jose.Token, issuer string) (key crypto.PublicKey, err error) {
			key, by.Provider, err = l.key(ctx, t, issuer)
			return key, err
		},
	})
	if err != nil {
		return nil, status.ListSigner{}, err
	}
	by.Issuer = v.Issuer
	return v.Raw, by, nil
}

// key is the key of a list and the registration of the provider whose it is.
func (l listVerifier) key(ctx context.Context, t *jose.Token, issuer string) (key crypto.PublicKey, provider string, err error) {
	path, err := l.store.X5C(t.Header.X5C, trust.UseStatus, l.now())
	if err != nil {
		return nil, "", err
	}
	p, err := l.store.Provider(path, trust.Revocation, nil, l.now())
	if err != nil {
		return nil, "", err
	}
	if err := seal.CertifiesIssuer(path.Leaf(), issuer); err != nil {
		return nil, "", err
	}
	return path.Leaf().PublicKey, p.Registration.String(), l.notRevoked(ctx, path)
}

// notRevoked asks about the certificates of a path below its anchor.
func (l listVerifier) notRevoked(ctx context.Context, path *trust.Path) error {
	for i, c := range path.Certificates[:len(path.Certificates)-1] {
		r := trust.RevocationStatus{Detail: "no source of revocation is configured"}
		if l.seals.Revocation != nil {
			var err error
			if r, err = l.seals.Revocation.Revocation(ctx, c, path.Certificates[i+1], l.now()); err != nil {
				return fmt.Errorf("asking about the status signer's certificate: %w", err)
			}
		}
		if r.State != trust.Good && !(r.State == trust.Unknown && l.seals.InsecureAcceptUnknownRevocation) {
			return fmt.Errorf("the status signer's certificate is %s: %s", r.State, r.Detail)
		}
	}
	return nil
}

// bitstrings checks the status of W3C credentials.
func bitstrings(f status.Fetcher, l listVerifier, o status.CheckerOptions) (*status.BitstringChecker, error) {
	return status.NewBitstringChecker(f, l, status.BitstringCheckerOptions{CheckerOptions: o})
}
