package openid4vc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"testing"
	"time"

	"github.com/zegel-id/zegel/e2e/peer"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// strangers are an issuer and a verifier of others, and our wallet unit
// between them. It trusts them because their certificates are of a hierarchy
// it knows.
type strangers struct {
	issuer, verifier *peer.Session
	wallet           *peer.Wallet
	base             string // of the issuer
}

// meet makes them a hierarchy and a wallet of their own.
func meet(t *testing.T) strangers {
	t.Helper()
	s := invite(t)
	h, err := devca.New(devca.Options{Now: time.Now().Add(-time.Hour), Issuer: s.base})
	if err != nil {
		t.Fatal(err)
	}
	s.certify(t, h, &h.Body)
	s.wallet = peer.NewWallet(t, h)
	return s
}

// invite starts them.
func invite(t *testing.T) strangers {
	t.Helper()
	peer.Install(t, ".", "issuer and verifier of @openid4vc")
	s := strangers{issuer: peer.Open(t, ".", "issuer.mjs"), verifier: peer.Open(t, ".", "verifier.mjs")}
	var at struct {
		Base string `json:"base"`
	}
	s.issuer.Ask(t, "where", nil, &at)
	s.base = at.Base
	return s
}

// certify gives the issuer the keys of a public body, and the verifier an
// access certificate.
func (s strangers) certify(t *testing.T, h *devca.Hierarchy, b *devca.Body) {
	t.Helper()
	var ok peer.Refusal
	s.issuer.Ask(t, "identify", map[string]any{
		"key": private(t, b.Seal.Key), "chain": chain(b.Seal.Certificate), "statusKey": private(t, b.Status.Key), "statusChain": chain(b.Status.Certificate),
	}, &ok)
	ok.Accepts(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := h.IssueAccess(key.Public(), devca.AccessRequest{Organization: "Stranger (TEST)", Registration: "NTRBE-0999999823", DNSNames: []string{"localhost"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	anchor := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.SealCA.Certificate.Raw})
	s.verifier.Ask(t, "identify", map[string]any{"key": private(t, key), "chain": chain(leaf), "anchor": string(anchor)}, &ok)
	ok.Accepts(t)
}

func private(t *testing.T, key crypto.Signer) jose.JWK {
	t.Helper()
	jwk, err := jose.PrivateJWK(key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return jwk
}

func chain(certs ...*x509.Certificate) (out []string) {
	for _, c := range certs {
		out = append(out, base64.StdEncoding.EncodeToString(c.Raw))
	}
	return out
}

// attest has the issuer trust a provider of wallets.
func (s strangers) attest(t *testing.T, provider *ecdsa.PrivateKey) {
	t.Helper()
	jwk, err := jose.PublicJWK(provider.Public())
	if err != nil {
		t.Fatal(err)
	}
	var ok peer.Refusal
	s.issuer.Ask(t, "trust", map[string]any{"attester": jwk}, &ok)
	ok.Accepts(t)
}

// offer is a link of the issuer that demands what the order says.
func (s strangers) offer(t *testing.T, order map[string]any) string {
	t.Helper()
	var o struct {
		peer.Refusal
		Link string `json:"link"`
	}
	s.issuer.Ask(t, "offer", order, &o)
	o.Accepts(t)
	return o.Link
}

// seen is what the issuer counted.
type seen struct {
	PAR           int      `json:"par"`
	DPoPNonces    int      `json:"dpopNonces"`
	Attestations  int      `json:"attestations"`
	Encrypted     int      `json:"encrypted"`
	Deferred      int      `json:"deferred"`
	Refreshed     int      `json:"refreshed"`
	Notifications []string `json:"notifications"`
}

func (s strangers) seen(t *testing.T) (out seen) {
	t.Helper()
	s.issuer.Ask(t, "seen", nil, &out)
	return out
}

// receive has our wallet take what a pre-authorized code offers.
func (s strangers) receive(t *testing.T, copies int, order map[string]any) (unit.Item, error) {
	t.Helper()
	in := s.wallet.Issuance(t, copies)
	offered, err := in.Read(t.Context(), s.offer(t, order))
	if err != nil {
		return unit.Item{}, err
	}
	txCode, _ := order["txCode"].(string)
	taken, err := in.Accept(t.Context(), s.wallet.Vault, offered, txCode)
	if err != nil {
		return unit.Item{}, err
	}
	return s.wallet.One(t, in, taken), nil
}
