package bench

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

const (
	issuerURL = "https://issuer.example"
	typeURL   = issuerURL + "/types/diploma"
	audience  = "x509_san_dns:verifier.example"
	nonce     = "n-0S6_WzA2Mj"
)

// sealed is a PuB-EAA as SD-JWT VC: twenty disclosable claims, sealed with the chain in its
// header; and the presentation of ten of them. It is short-lived, so that nobody looks for
// its status.
type sealed struct {
	at          time.Time
	hierarchy   *devca.Hierarchy
	sealer      *seal.Sealer
	store       *trust.Store
	holder      *ecdsa.PrivateKey
	template    *sdjwt.Template
	credential  sdjwt.Credential
	paths       []sdjwt.Path // of the claims that are disclosed
	text, shown string
}

func newSealed(t *testing.T) (s sealed) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s.at, s.holder = time.Now().Truncate(time.Second), newKey(t)
	now := func() time.Time { return s.at }
	var err error
	s.hierarchy, err = devca.New(devca.Options{Now: s.at, Issuer: issuerURL})
	ok(err)
	s.sealer, err = s.hierarchy.Sealer("", now)
	ok(err)
	s.store, err = s.hierarchy.Store(s.at)
	ok(err)
	var all []sdjwt.Path
	for _, name := range names(t) {
		all = append(all, sdjwt.Path{name})
	}
	s.paths = all[:10]
	frame, err := sdjwt.NewFrame(all...)
	ok(err)
	s.credential = sdjwt.Credential{
		Issuer: issuerURL, Type: typeURL, TypeIntegrity: sdjwt.Integrity([]byte("{}")), Category: sdjwt.CategoryPubEAA,
		ID: "urn:uuid:0a7c1d2e", Subject: "sub-1", IssuedAt: s.at, NotBefore: s.at, Expires: s.at.AddDate(0, 3, 0),
		Holder: jwk(t, s.holder.Public()), ShortLived: true, Claims: []byte(twenty),
	}
	c := s.credential
	s.template, err = sdjwt.NewTemplate(sdjwt.Options{
		Issuer: c.Issuer, Type: c.Type, TypeIntegrity: c.TypeIntegrity, Category: c.Category, Frame: frame, Certificate: s.hierarchy.Seal.Certificate,
	})
	ok(err)
	s.text, err = s.issue()
	ok(err)
	s.shown, err = s.present()
	ok(err)
	return s
}

func (s sealed) issue() (string, error) {
	d, err := s.template.Prepare(s.credential, nil)
	if err != nil {
		return "", err
	}
	return d.Seal(s.sealer)
}

// present discloses ten claims of the credential as received, with key binding.
func (s sealed) present() (string, error) {
	c, err := sdjwt.Parse(s.text)
	if err != nil {
		return "", err
	}
	selection, err := c.Disclose(s.paths)
	if err != nil {
		return "", err
	}
	return c.Present(selection, &sdjwt.KeyBinding{Signer: s.holder, Nonce: nonce, Audience: audience, IssuedAt: s.at})
}

// byChain takes the key of a chain that leads to an anchor for seals, and was seen before.
func (s sealed) byChain(token *jose.Token, _ sdjwt.Unverified) (crypto.PublicKey, error) {
	path, err := s.store.X5C(token.Header.X5C, trust.UseSeal, s.at)
	if err != nil {
		return nil, err
	}
	return path.Leaf().PublicKey, nil
}

// bySeal validates the seal as a verifier does, revocation apart.
func (s sealed) bySeal(token *jose.Token, u sdjwt.Unverified) (crypto.PublicKey, error) {
	v := seal.Validator{Trust: s.store, InsecureAcceptUnknownRevocation: true}
	if validation, err := v.Validate(context.Background(), token, s.at); err != nil || validation.Indication != seal.TotalPassed {
		return nil, fmt.Errorf("the seal does not hold: %v %v", validation.Indication, err)
	}
	return s.byChain(token, u)
}

func (s sealed) verify(text string, key func(*jose.Token, sdjwt.Unverified) (crypto.PublicKey, error)) error {
	v, err := sdjwt.Verify(text, sdjwt.Policy{Now: s.at, Nonce: nonce, Audience: audience, VCT: []string{typeURL}, IssuerKey: key})
	if err == nil && len(v.Disclosed) != len(s.paths) {
		err = fmt.Errorf("%d claims are disclosed", len(v.Disclosed))
	}
	return err
}

func (s sealed) issuing() side    { return local(func() error { _, err := s.issue(); return err }) }
func (s sealed) presenting() side { return local(func() error { _, err := s.present(); return err }) }
func (s sealed) verifying() side  { return local(func() error { return s.verify(s.shown, s.byChain) }) }

const (
	issue20   = "issuing 20 disclosable claims"
	present10 = "presenting 10 of them, with key binding"
	verify10  = "verifying the presentation, its chain seen before"
)

// sdjwtVC is SD-JWT VC against the signatures that it cannot do without.
func sdjwtVC(t *testing.T) []row {
	s := newSealed(t)
	return []row{
		{name: issue20, reference: "P-256 signature", cost: true, goal: 1.5, ours: s.issuing(), theirs: bareSign(t, 1)},
		{name: present10, reference: "P-256 signature", cost: true, ours: s.presenting(), theirs: bareSign(t, 1)},
		{name: verify10, reference: "2 P-256 verifications", cost: true, goal: 1.25, ours: s.verifying(), theirs: bareVerify(t, 2)},
		{name: "the same, with the validation of the seal", reference: "2 P-256 verifications", cost: true,
			ours: local(func() error { return s.verify(s.shown, s.bySeal) }), theirs: bareVerify(t, 2)},
	}
}

// sdjwtNode is the same against the library of the OpenWallet Foundation, with the same
// claims and certificate. What it presents of its own credential we verify, and it ours.
func sdjwtNode(t *testing.T) []row {
	peer := node(t, "../sdjwt", "bench.mjs", "@sd-jwt/sd-jwt-vc")
	s := newSealed(t)
	key := s.hierarchy.Seal.Key
	var claims map[string]any
	if err := json.Unmarshal([]byte(twenty), &claims); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{
		"iss": issuerURL, "vct": typeURL, "vct#integrity": s.credential.TypeIntegrity, "category": s.credential.Category, "jti": s.credential.ID, "sub": s.credential.Subject,
		"iat": s.at.Unix(), "nbf": s.at.Unix(), "exp": s.credential.Expires.Unix(), "cnf": map[string]any{"jwk": s.credential.Holder}, "shortLived": nil,
	} {
		claims[name] = value
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, path := range s.paths {
		shown[path[0].(string)] = true
	}
	issue := peer.ready(t, "issue", map[string]any{
		"claims": string(text), "frame": map[string]any{"_sd": names(t)}, "key": private(t, key),
		"header": map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(s.hierarchy.Seal.Certificate.Raw)}},
	})
	present := peer.ready(t, "present", map[string]any{
		"text": issue.result(t), "frame": shown, "key": private(t, s.holder), "nonce": nonce, "audience": audience, "iat": s.at.Unix(),
	})
	verify := peer.ready(t, "verify", map[string]any{
		"text": s.shown, "issuer": jwk(t, key.Public()), "holder": jwk(t, s.holder.Public()), "nonce": nonce, "now": s.at.Unix(),
	})
	verify.result(t)
	const reference = "@sd-jwt/sd-jwt-vc 0.19.0"
	if err := s.verify(present.result(t), func(*jose.Token, sdjwt.Unverified) (crypto.PublicKey, error) { return key.Public(), nil }); err != nil {
		t.Fatalf("what %s presented: %v", reference, err)
	}
	return []row{
		{name: issue20, reference: reference, ours: s.issuing(), theirs: issue.side(t)},
		{name: present10, reference: reference, ours: s.presenting(), theirs: present.side(t)},
		{name: verify10, reference: reference, ours: s.verifying(), theirs: verify.side(t)},
	}
}

// sdjwtAries is the same against aries-framework-go, which has a draft from before the key
// binding covered what is disclosed: it verifies its own.
func sdjwtAries(t *testing.T) []row {
	peer := ariesPeer(t)
	s := newSealed(t)
	given := map[string]any{
		"claims": json.RawMessage(twenty), "disclosed": names(t)[:len(s.paths)], "issuer": issuerURL, "nonce": nonce, "audience": audience,
		"now": s.at, "expires": s.credential.Expires,
	}
	issue, present, verify := peer.ready(t, "sdjwt-issue", given), peer.ready(t, "sdjwt-present", given), peer.ready(t, "sdjwt-verify", given)
	verify.result(t)
	reference := ariesFramework + ", SD-JWT draft 2"
	return []row{
		{name: issue20, reference: reference, ours: s.issuing(), theirs: issue.side(t)},
		{name: present10, reference: reference, ours: s.presenting(), theirs: present.side(t)},
		{name: verify10, reference: reference, ours: s.verifying(), theirs: verify.side(t)},
	}
}
