package format

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

const (
	testIssuer = "https://issuer.example"
	testClaims = `{"title":"Bachelor in de verpleegkunde","award_type":"Diploma","authenticity":"Authentiek","supplier":{"name":"VLUHR"},` +
		`"record":{"reference":"e6247988-1111-4222-8333-444455556666"},"awarding_institution":{"name":"Hogeschool","country":"BE"}}`
)

var testNow = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// ldpWorld is an issuer, a holder and what they made.
type ldpWorld struct {
	sealer     *seal.Sealer
	key        *ecdsa.PrivateKey
	credential jsontext.Value
	policy     Policy
}

func newLDP(t testing.TB, p *profile.Profile) ldpWorld {
	t.Helper()
	h, err := devca.New(devca.Options{Issuer: testIssuer, Now: testNow})
	check(t, err)
	w := ldpWorld{}
	w.sealer, err = h.Sealer("", func() time.Time { return testNow })
	check(t, err)
	w.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	holder, err := jose.PublicJWK(w.key.Public())
	check(t, err)
	template, err := By("ldp_vc").Compile(Type{Issuer: testIssuer, Document: p, Chain: w.sealer.Chain()})
	check(t, err)
	draft, err := template.Prepare(Copy{
		ID: "urn:uuid:6b0ed0fe-6a3a-4d8c-9f0e-1f6f5f2a7b11", IssuedAt: testNow, NotBefore: testNow, Expires: testNow.Add(time.Hour), Holder: holder, Claims: []byte(testClaims),
		Entries: []status.Entry{{Purpose: status.Revocation, Index: 7, List: testIssuer + "/status/1/revocation"}},
	}, nil)
	check(t, err)
	w.credential, err = draft.Seal(w.sealer)
	check(t, err)
	if again, err := draft.Seal(w.sealer); err == nil {
		t.Errorf("sealed twice: %s", again)
	}
	w.policy = Policy{
		Now: testNow, Skew: time.Minute, Session: Session{Nonce: "n-0S6", Audience: "x509_hash:abc"}, RequireExpiry: true,
		Trust: func(s Signature) (crypto.PublicKey, error) {
			if err := s.Other.Verify(w.sealer.Certificate().PublicKey); err != nil {
				return nil, err
			}
			return w.sealer.Certificate().PublicKey, nil
		},
		Controller: func(string) (*did.Document, error) { return w.document(), nil },
	}
	return w
}

// document is the issuer's controlled identifier document.
func (w ldpWorld) document() *did.Document {
	key, _ := jose.PublicJWK(w.sealer.Certificate().PublicKey)
	id := MethodOf(testIssuer, w.sealer.Certificate())
	return &did.Document{
		ID:                 testIssuer,
		VerificationMethod: []did.VerificationMethod{{ID: id, Type: did.TypeJSONWebKey, Controller: testIssuer, PublicKeyJWK: &key, X5C: jose.EncodeX5C(w.sealer.Chain())}},
		AssertionMethod:    []did.Reference{{ID: id}},
	}
}

func (w ldpWorld) present(t testing.TB, paths ...credential.Path) jsontext.Value {
	t.Helper()
	held, err := By("ldp_vc").Open(w.credential)
	check(t, err)
	p, err := held.Present(paths, &Binding{Session: w.policy.Session, Signer: w.key, IssuedAt: testNow})
	check(t, err)
	return p
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is issued verifies, and what is presented of it says what was asked and
// nothing else that the issuer did not fix.
func TestLDP(t *testing.T) {
	for name, c := range map[string]struct {
		profile *profile.Profile
		path    credential.Path
	}{
		"elm":  {led.ELM(), credential.Path{"credentialSubject", "hasClaim", "title", "nl"}},
		"oslo": {led.OSLO(), credential.Path{"credentialSubject", "Persoon.heeftClaim", 0, "Leerclaim.titel", 0, "@value"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newLDP(t, c.profile)
			v, err := By("ldp_vc").Issued(w.credential, w.policy)
			check(t, err)
			if v.Issuer != testIssuer || v.Holder.Thumbprint() != jose.Thumbprint(w.key.Public()) || v.Bound || v.Whole || !v.Expires.Equal(testNow.Add(time.Hour)) {
				t.Errorf("%+v", v)
			}
			held, err := By("ldp_vc").Open(w.credential)
			check(t, err)
			if n := held.Disclosable(); n < 5 {
				t.Errorf("%d can be disclosed one by one", n)
			}
			p := w.present(t, c.path)
			v, err = By("ldp_vc").Presented(p, w.policy)
			check(t, err)
			if got := v.Claims.Select(c.path); len(got) != 1 || string(got[0]) != `"Bachelor in de verpleegkunde"` {
				t.Errorf("%s", got)
			}
			if strings.Contains(string(p), "VLUHR") || strings.Contains(string(p), "Hogeschool") || strings.Contains(string(p), "u2V0A") {
				t.Errorf("more than was asked: %s", p)
			}
			if !v.Bound || v.Status == nil || len(v.Disclosed) != 1 || !(v.Disclosed[0].Covers(c.path) || c.path.Covers(v.Disclosed[0])) {
				t.Errorf("disclosed %v of %+v", v.Disclosed, v)
			}
			t.Logf("%d bytes issued, %d presented, %d disclosable: %s", len(w.credential), len(p), held.Disclosable(), p)
		})
	}
}

// Whose key counts is for Trust to say: what it does not verify is verified here,
// and a key that it trusts is not put in the place of the one that was named.
func TestLDPTrust(t *testing.T) {
	w := newLDP(t, led.ELM())
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	seal := w.sealer.Certificate().PublicKey
	presented := w.present(t, credential.Path{"credentialSubject", "hasClaim", "title", "nl"})
	broken := jsontext.Value(strings.Replace(string(presented), "Bachelor", "Doctor", 1))
	for name, c := range map[string]struct {
		presented jsontext.Value
		trust     func(Signature) (crypto.PublicKey, error)
		holds     bool
	}{
		"named only":             {presented, func(Signature) (crypto.PublicKey, error) { return seal, nil }, true},
		"named only, of another": {broken, func(Signature) (crypto.PublicKey, error) { return seal, nil }, false},
		"another key":            {presented, func(Signature) (crypto.PublicKey, error) { return other.Public(), nil }, false},
		"another key, verified": {presented, func(s Signature) (crypto.PublicKey, error) {
			_ = s.Other.Verify(seal)
			return other.Public(), nil
		}, false},
		"no key": {presented, func(Signature) (crypto.PublicKey, error) { return nil, nil }, false},
	} {
		p := w.policy
		p.Trust = c.trust
		v, err := By("ldp_vc").Presented(c.presented, p)
		if (v != nil) != c.holds || (err == nil) != c.holds {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
	// Without anybody who knows documents there is no key.
	p := w.policy
	p.Controller = nil
	if v, err := By("ldp_vc").Issued(w.credential, p); err == nil {
		t.Errorf("%+v", v)
	}
}

// A path says of the rest what it says of the whole, or cannot be shown alone.
func TestPointersTo(t *testing.T) {
	var root any
	check(t, jose.Unmarshal([]byte(`{"a":{"b/c":[{"type":"T","x":1},{"type":"T","x":2},{"id":"urn:x","type":"T","x":3},{"x":4}],"n":["p","q"]},"t":[{"@value":"v","@language":"nl"}],"o":{"~":1}}`), &root))
	for _, c := range []struct {
		path credential.Path
		want string
	}{
		{credential.Path{"a"}, "/a"},
		{credential.Path{"a", "b/c", 0, "x"}, "/a/b~1c/0/x"},
		{credential.Path{"a", "b/c", 1, "x"}, "/a/b~1c/1/x /a/b~1c/0/type"},
		{credential.Path{"a", "b/c", 2, "x"}, "/a/b~1c/2/x /a/b~1c/0/type /a/b~1c/1/type"},
		{credential.Path{"a", "b/c", 3, "x"}, ""}, // the one before it says who it is
		{credential.Path{"a", "b/c", 4}, ""},
		{credential.Path{"a", "b/c", -1}, ""},
		{credential.Path{"a", "b/c", nil, "x"}, "/a/b~1c/0/x /a/b~1c/1/x /a/b~1c/2/x /a/b~1c/3/x"},
		{credential.Path{"a", "n", 0}, "/a/n/0"},
		{credential.Path{"a", "n", 1}, ""}, // what comes before it would be told
		{credential.Path{"a", "n", nil}, "/a/n/0 /a/n/1"},
		{credential.Path{"t", 0, "@value"}, "/t/0"},
		{credential.Path{"t", 0, "@direction"}, ""},
		{credential.Path{"o", "~"}, "/o/~0"},
		{credential.Path{"z"}, ""},
		{credential.Path{"o", "~", "deep"}, ""},
	} {
		got, ok := pointersTo(root, c.path)
		if ok != (c.want != "") || ok && strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v %t, want %s", c.path, got, ok, c.want)
		}
		for _, pointer := range got {
			if found, err := pathTo(root, pointer).Select(root); err != nil || len(found) != 1 {
				t.Errorf("%s leads to %v: %v", pointer, found, err)
			}
		}
	}
}

// Whatever is presented: what fails returns nothing, and what holds is what was
// presented first, however it is written.
func FuzzLDP(f *testing.F) {
	w := newLDP(f, led.OSLO())
	path := credential.Path{"credentialSubject", "Persoon.heeftClaim", 0, "Leerclaim.titel", 0, "@value"}
	f.Add([]byte(w.present(f, path)))
	f.Add([]byte(w.credential))
	f.Add([]byte(`{"@context":["https://www.w3.org/ns/credentials/v2"],"type":"VerifiablePresentation","verifiableCredential":[{}],"proof":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := By("ldp_vc").Presented(b, w.policy)
		if (v == nil) != (err != nil) {
			t.Fatalf("%v, %v", v, err)
		}
		if v != nil {
			if got := v.Claims.Select(path); v.Issuer != testIssuer || v.Status == nil || v.Expires.IsZero() || len(got) > 1 || len(got) == 1 && string(got[0]) != `"Bachelor in de verpleegkunde"` {
				t.Errorf("%+v: %s", v, b)
			}
		}
		if h, err := By("ldp_vc").Open(b); (h == nil) != (err != nil) {
			t.Fatalf("%v, %v", h, err)
		} else if h != nil {
			_ = h.Disclosable()
			if p, err := h.Present([]credential.Path{path}, &Binding{Session: w.policy.Session, Signer: w.key, IssuedAt: testNow}); err == nil && strings.Contains(string(p), `"proofValue":"u2V0A`) {
				t.Errorf("the base proof is in %s", p)
			}
		}
	})
}
