package unit_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
)

const elm = "http://data.europa.eu/snb/model/elm/EuropeanDigitalCredential"

const elmClaims = `{"title":"T","award_type":"Diploma","authenticity":"Authentiek","supplier":{"name":"CANARY-SUPPLIER"},` +
	`"record":{"reference":"e6247988-1111-4222-8333-444455556666"},"awarding_institution":{"name":"CANARY-SCHOOL","country":"BE"}}`

// proofs seals one copy with a Data Integrity proof for a key.
func (a *authority) proofs(t testing.TB, sealer *seal.Sealer, holder jose.JWK, change ...func(*format.Copy)) jsontext.Value {
	t.Helper()
	copies.Lock()
	copies.n++
	n := copies.n
	copies.Unlock()
	template := must(format.By("ldp_vc").Compile(format.Type{Issuer: issuerURL, Document: led.ELM(), Chain: sealer.Chain()}))(t)
	from := at.Add(-time.Minute)
	c := format.Copy{
		ID: "urn:uuid:6b0ed0fe-6a3a-4d8c-9f0e-1f6f5f2a7b11", IssuedAt: from, NotBefore: from, Expires: at.Add(24 * time.Hour), Holder: holder, Claims: []byte(elmClaims),
		Entries: []status.Entry{{Purpose: status.Revocation, Index: uint64(n % 64), List: issuerURL + "/status/1/revocation"}},
	}
	for _, f := range change {
		f(&c)
	}
	return must(must(template.Prepare(c, nil))(t).Seal(sealer))(t)
}

// proofs makes the issuer hand them out.
func (i *fakeIssuer) proofs(make func(k jose.JWK) jsontext.Value) {
	i.led()["format"] = "ldp_vc"
	i.led()["credential_definition"] = m{"@context": led.ELM().Contexts(), "type": led.ELM().Types()}
	delete(i.led(), "vct")
	i.credentials = func(keys []jose.JWK) (out []any) {
		for _, k := range keys {
			out = append(out, m{"credential": make(k)})
		}
		return out
	}
}

// noneRevoked are lists of W3C credentials in which nothing is set.
type noneRevoked struct{}

func (noneRevoked) Fetch(_ context.Context, url, _ string) ([]byte, time.Duration, error) {
	b, err := status.NewBitstring(1, status.MinEntries)
	if err != nil {
		return nil, 0, err
	}
	text, err := b.Encode()
	if err != nil {
		return nil, 0, err
	}
	list, err := status.ListCredential{ID: url, Issuer: issuerURL, Purposes: []status.Purpose{status.Revocation}, List: text, ValidFrom: at.Add(-time.Hour), ValidUntil: at.Add(time.Hour)}.Document()
	return list, 0, err
}

func (noneRevoked) VerifyList(_ context.Context, fetched []byte) ([]byte, status.ListSigner, error) {
	return fetched, status.ListSigner{Issuer: issuerURL}, nil
}

// controllers answer for the seal key of an authority; change alters the document.
type controllers struct {
	a      *authority
	change func(*did.Document)
	asked  []string
}

func (d *controllers) Of(_ context.Context, method string) (*did.Document, error) {
	d.asked = append(d.asked, method)
	chain := d.a.seals.Chain()
	key, err := jose.PublicJWK(chain[0].PublicKey)
	if err != nil {
		return nil, err
	}
	id := format.MethodOf(issuerURL, chain[0])
	out := &did.Document{ID: issuerURL, AssertionMethod: []did.Reference{{ID: id}}, VerificationMethod: []did.VerificationMethod{
		{ID: id, Type: did.TypeJSONWebKey, Controller: issuerURL, PublicKeyJWK: &key, X5C: jose.EncodeX5C(chain)},
	}}
	if d.change != nil {
		d.change(out)
	}
	return out, nil
}

func (i *fakeIssuer) proofWallet(n int, c unit.Controllers) unit.Issuance {
	w := i.wallet(n)
	w.Bitstrings = must(status.NewBitstringChecker(noneRevoked{}, noneRevoked{}, status.BitstringCheckerOptions{CheckerOptions: status.CheckerOptions{Now: now}}))(i.t)
	w.Controllers = c
	return w
}

// policy is that of a receiver who trusts the authority's seal.
func (d *controllers) policy(r *receiver) format.Policy {
	return format.Policy{
		Now: at, Session: format.Session{Nonce: string(r.request.Nonce), Audience: r.request.ClientID, ResponseURI: r.request.ResponseURI},
		Trust: func(s format.Signature) (crypto.PublicKey, error) {
			key := d.a.seals.Certificate().PublicKey
			return key, s.Other.Verify(key)
		},
		Controller: func(method string) (*did.Document, error) { return d.Of(context.Background(), method) },
	}
}

// A credential with a Data Integrity proof is taken and kept, and shown in part,
// bound to the request. What leaves the wallet is derived: with the base proof
// anybody could disclose the rest.
func TestDataIntegrity(t *testing.T) {
	n := newNetwork()
	a := newAuthority(t, issuerURL)
	i := newIssuer(t, a, n, issuerURL)
	i.proofs(func(k jose.JWK) jsontext.Value { return a.proofs(t, a.seals, k) })
	v, _ := newVault(t, n)
	d := &controllers{a: a}
	w := i.proofWallet(2, d)
	taken, err := w.Accept(t.Context(), v, must(w.Read(t.Context(), i.link()))(t), "123456")
	if err != nil || len(taken.Items) != 1 {
		t.Fatalf("%+v, %v", taken, err)
	}
	it := taken.Items[0]
	if it.Format != "ldp_vc" || it.Type != elm || it.Title != "T" || it.Issuer != issuerURL || len(it.Copies) != 2 || it.Expires.IsZero() {
		t.Errorf("%+v", it)
	}
	d.asked = nil

	r := newReceiver(t, a, n)
	path := credential.Path{"credentialSubject", "hasClaim", "title", "nl"}
	r.registration.Credentials = append(r.registration.Credentials, oid4vp.RegisteredCredential{Format: "ldp_vc", Meta: oid4vp.Meta{TypeValues: [][]string{{elm}}}, Claims: []oid4vp.RegisteredClaim{{Path: path}}})
	r.ask(`{"credentials":[{"id":"q","format":"ldp_vc","meta":{"type_values":[["` + elm + `"]]},"claims":[{"path":["credentialSubject","hasClaim","title","nl"]}]}]}`)
	p := r.wallet(yes)
	p.Bitstrings = w.Bitstrings
	shared, err := p.Answer(t.Context(), v, r.read(p))
	if err != nil || len(shared.Consent.Items) != 1 || shared.Consent.Items[0].Type != elm || shared.Consent.Items[0].Whole || shared.Consent.Items[0].Unchecked {
		t.Fatalf("%+v, %v", shared, err)
	}
	if len(d.asked) > 0 {
		t.Errorf("the issuer was asked when it was shown: %v", d.asked)
	}
	presented := r.opened().VPToken["q"][0]
	got, err := format.By("ldp_vc").Presented(presented, d.policy(r))
	if err != nil || len(got.Disclosed) != 1 || !got.Bound {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, held := range it.Copies {
		var c struct {
			Proof struct {
				Value string `json:"proofValue"`
			} `json:"proof"`
		}
		if err := jose.Unmarshal(held.Credential, &c); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(presented, []byte(c.Proof.Value)) || strings.HasPrefix(c.Proof.Value, "u2V0B") || !bytes.Contains(presented, []byte(`"proofValue":"u2V0B`)) {
			t.Error("the base proof left the wallet")
		}
	}
	if bytes.Contains(presented, []byte("CANARY")) {
		t.Errorf("more was shown than asked: %s", presented)
	}
	for name, change := range map[string]func(*format.Policy){
		"other nonce":    func(p *format.Policy) { p.Session.Nonce = "other" },
		"other receiver": func(p *format.Policy) { p.Session.Audience = "x509_hash:other" },
		"later":          func(p *format.Policy) { p.Now = at.Add(time.Hour) },
	} {
		policy := d.policy(r)
		change(&policy)
		if v, err := format.By("ldp_vc").Presented(presented, policy); err == nil {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// A receiver that does not name the cryptosuites gets none.
func TestDataIntegritySuites(t *testing.T) {
	for suites, taken := range map[string]bool{`"ecdsa-sd-2023","ecdsa-rdfc-2019"`: true, `"ecdsa-sd-2023"`: false, `"ecdsa-rdfc-2019"`: false} {
		var c oid4vp.ClientMetadata
		if err := jose.Unmarshal([]byte(`{"vp_formats_supported":{"ldp_vc":{"cryptosuite_values":[`+suites+`]}}}`), &c); err != nil {
			t.Fatal(err)
		}
		if c.Accepts("ldp_vc", "ecdsa-sd-2023", jose.ES256) != taken {
			t.Errorf("%s", suites)
		}
	}
}

// What an issuer hands out with a Data Integrity proof is held against what was
// asked for, and against the certificate of its key.
func TestDataIntegrityRefused(t *testing.T) {
	a := newAuthority(t, issuerURL)
	other := newAuthority(t, "https://other.example")
	issued := func(change ...func(*format.Copy)) func(k jose.JWK) jsontext.Value {
		return func(k jose.JWK) jsontext.Value { return a.proofs(t, a.seals, k, change...) }
	}
	for name, c := range map[string]struct {
		want   string
		make   func(k jose.JWK) jsontext.Value
		change func(*did.Document)
	}{
		"another's key": {want: "not ours", make: func(jose.JWK) jsontext.Value {
			return a.proofs(t, a.seals, must(jose.PublicJWK(newKey(t).Public()))(t))
		}},
		"a stranger": {want: "not listed", make: func(k jose.JWK) jsontext.Value { return other.proofs(t, other.seals, k) }},
		"of another issuer": {want: "another issuer", make: func(k jose.JWK) jsontext.Value {
			return bytes.ReplaceAll(a.proofs(t, a.seals, k), []byte(issuerURL), []byte("https://elsewhere.example"))
		}},
		"over": {want: "not valid any more", make: issued(func(c *format.Copy) {
			c.IssuedAt, c.NotBefore, c.Expires = at.Add(-30*time.Minute), at.Add(-30*time.Minute), at.Add(-5*time.Minute)
		})},
		"not yet":   {want: "not valid yet", make: issued(func(c *format.Copy) { c.NotBefore = at.Add(time.Hour) })},
		"no status": {want: "no status", make: issued(func(c *format.Copy) { c.Entries = nil })},
		"changed on the way": {want: "", make: func(k jose.JWK) jsontext.Value {
			return bytes.Replace(a.proofs(t, a.seals, k), []byte("CANARY-SCHOOL"), []byte("CANARY-OTHER!"), 1)
		}},
		"of another identifier": {want: "not the issuer", make: issued(), change: func(d *did.Document) { d.ID = "https://other.example" }},
		"without a certificate": {want: "certificates", make: issued(), change: func(d *did.Document) { d.VerificationMethod[0].X5C = nil }},
		"another's certificate": {want: "another key", make: issued(), change: func(d *did.Document) {
			d.VerificationMethod[0].X5C = jose.EncodeX5C([]*x509.Certificate{other.seals.Certificate()})
		}},
		"not for assertions": {want: "assertionMethod", make: issued(), change: func(d *did.Document) { d.AssertionMethod = nil }},
		"a text":             {want: "", make: func(jose.JWK) jsontext.Value { return jsontext.Value(`"e30"`) }},
		"no proof":           {want: "", make: func(jose.JWK) jsontext.Value { return jsontext.Value(`{"@context":[]}`) }},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork()
			i := newIssuer(t, a, n, issuerURL)
			i.proofs(c.make)
			v, pod := newVault(t, n)
			d := &controllers{a: a, change: c.change}
			w := i.proofWallet(2, d)
			taken, err := w.Accept(t.Context(), v, must(w.Read(t.Context(), i.link()))(t), "123456")
			if !errors.Is(err, unit.ErrCredential) || !strings.Contains(err.Error(), c.want) || len(taken.Items) != 0 || len(pod.names()) != 0 {
				t.Errorf("%v, %d items, stored: %v", err, len(taken.Items), pod.names())
			}
			for _, method := range d.asked {
				if !strings.HasPrefix(method, issuerURL+"#") {
					t.Errorf("asked for %s", method)
				}
			}
		})
	}
}

// A wallet that cannot look keys up does not use up an offer.
func TestDataIntegrityWithoutControllers(t *testing.T) {
	n := newNetwork()
	i := newIssuer(t, newAuthority(t, issuerURL), n, issuerURL)
	i.proofs(func(jose.JWK) jsontext.Value { return nil })
	w := i.proofWallet(2, nil)
	if _, err := w.Read(t.Context(), i.link()); !errors.Is(err, unit.ErrOffer) || !strings.Contains(err.Error(), "Controllers") {
		t.Error(err)
	}
}
