package mdoc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/internal/cose"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

const (
	docType   = "org.example.card.1"
	namespace = "org.example.card"
	second    = "org.example.extra"
)

// party are the keys of an issuer, its authority and a holder.
type party struct {
	authority, issuer devca.Pair
	holder            *ecdsa.PrivateKey
}

var parties = sync.OnceValue(func() party {
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example"})
	if err != nil {
		panic(err)
	}
	var p party
	if p.authority, err = h.DocumentAuthority(now); err != nil {
		panic(err)
	}
	if p.issuer, err = h.DocumentSigner(p.authority, now); err != nil {
		panic(err)
	}
	if p.holder, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	return p
})

func card() mdoc.DocumentType {
	return mdoc.DocumentType{DocType: docType, NameSpaces: []mdoc.NameSpace{
		{Name: namespace, Elements: []mdoc.Element{
			{Identifier: "family_name", Type: mdoc.Text, Required: true},
			{Identifier: "birth_date", Type: mdoc.FullDate},
			{Identifier: "registered", Type: mdoc.DateTime},
			{Identifier: "portrait", Type: mdoc.Bytes},
			{Identifier: "age", Type: mdoc.Uint},
			{Identifier: "balance", Type: mdoc.Int},
			{Identifier: "adult", Type: mdoc.Bool},
			{Identifier: "height"},
			{Identifier: "privileges", Members: []mdoc.Element{{Identifier: "issued", Type: mdoc.FullDate}}},
			{Identifier: "nothing"},
		}},
		{Name: second, Elements: []mdoc.Element{{Identifier: "note"}, {Identifier: "family_name"}}},
	}}
}

const elements = `{
  "org.example.card": {
    "family_name": "Peeters \u00e9",
    "birth_date": "2001-02-28",
    "registered": "2026-06-30T12:00:00Z",
    "portrait": "AQID",
    "age": 25,
    "balance": -7,
    "adult": true,
    "height": 1.75,
    "privileges": [{"code": "B", "issued": "2019-05-04"}, {"code": "C", "issued": "2020-01-01"}]
  },
  "org.example.extra": {"note": {"a": [1, 2, {"b": "c"}], "text": "x"}, "family_name": "other"}
}`

func source() []byte { return []byte(elements) }

func (p party) options() mdoc.Options {
	return mdoc.Options{Type: card(), Chain: []*x509.Certificate{p.issuer.Certificate}}
}

func (p party) credential() mdoc.Credential {
	return mdoc.Credential{
		DeviceKey: p.holder.Public(), Signed: now, ValidUntil: now.AddDate(0, 3, 0),
		Status:   &mdoc.StatusList{Index: 412, URI: "https://issuer.example/lists/1"},
		Elements: source(),
	}
}

func (p party) issue(t testing.TB, change func(*mdoc.Options, *mdoc.Credential)) string {
	t.Helper()
	o, c := p.options(), p.credential()
	if change != nil {
		change(&o, &c)
	}
	template, err := mdoc.NewTemplate(o)
	if err != nil {
		t.Fatal(err)
	}
	draft, err := template.Prepare(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := draft.Seal(p.issuer.Key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func transcript(t testing.TB) mdoc.Transcript {
	t.Helper()
	s, err := mdoc.RedirectTranscript("x509_san_dns:verifier.example", "nonce-1", "https://verifier.example/response", nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p party) policy(t testing.TB) mdoc.Policy {
	t.Helper()
	a, err := mdoc.NewAuthorities(p.authority.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	return mdoc.Policy{Now: now.Add(time.Hour), DocTypes: []string{docType}, IssuerKey: a.IssuerKey, Transcript: transcript(t)}
}

// issued is the policy for a document that was just handed out.
func issued(p mdoc.Policy) mdoc.Policy {
	p.Transcript = mdoc.Transcript{}
	return p
}

func parse(t testing.TB, text string) *mdoc.IssuerSigned {
	t.Helper()
	s, err := mdoc.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p party) present(t testing.TB, text string, device func(*mdoc.Device), paths ...mdoc.Path) string {
	t.Helper()
	s := parse(t, text)
	sel, err := s.Disclose(paths)
	if err != nil {
		t.Fatal(err)
	}
	d := mdoc.Device{Key: p.holder, Transcript: transcript(t)}
	if device != nil {
		device(&d)
	}
	out, err := s.Present(sel, d)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func decoded(t testing.TB, b []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

// The whole way: issue, check what was issued, disclose, present, verify.
func TestWholeFlow(t *testing.T) {
	p := parties()
	text := p.issue(t, nil)
	s := parse(t, text)
	if s.DocType() != docType {
		t.Errorf("docType %q", s.DocType())
	}
	v, err := s.VerifyIssued(issued(p.policy(t)))
	if err != nil {
		t.Fatal(err)
	}
	if !p.holder.PublicKey.Equal(v.DeviceKey) || string(v.Status) != `{"status_list":{"idx":412,"uri":"https://issuer.example/lists/1"}}` {
		t.Errorf("device key or status: %s", v.Status)
	}
	if !v.Signed.Equal(now) || !v.ValidFrom.Equal(now) || !v.ValidUntil.Equal(now.AddDate(0, 3, 0)) || !v.ExpectedUpdate.IsZero() {
		t.Errorf("validity %+v", v)
	}
	all, err := v.Claims.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := decoded(t, all), decoded(t, source()); !reflect.DeepEqual(got, want) {
		t.Errorf("claims are\n%s, want\n%s", all, source())
	}

	paths := []mdoc.Path{{namespace, "birth_date"}, {second, "note", "a", nil}, {namespace, "family_name"}}
	got, err := mdoc.Verify(p.present(t, text, nil, paths...), p.policy(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := got.Claims.JSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"org.example.card":{"family_name":"Peeters é","birth_date":"2001-02-28"},"org.example.extra":{"note":{"a":[1,2,{"b":"c"}],"text":"x"}}}`
	if string(b) != want {
		t.Errorf("disclosed\n%s, want\n%s", b, want)
	}
	if got.Claims.Len() != 3 || len(got.Claims.Paths()) != 3 || !got.Claims.Paths()[2].Equal(mdoc.Path{second, "note"}) {
		t.Errorf("paths %v", got.Claims.Paths())
	}
	if !got.Checks.OK(credential.CheckStructure, credential.CheckIssuerSignature, mdoc.CheckDigests, credential.CheckType, credential.CheckValidity, credential.CheckHolderBinding, credential.CheckReplay) {
		t.Errorf("checks:\n%s", got.Checks)
	}
	if got.DeviceClaims.Len() != 0 {
		t.Error("the device signed something")
	}
}

// Each element has the CBOR type that its document type says.
func TestElementTypes(t *testing.T) {
	p := parties()
	c := parse(t, p.issue(t, nil)).Claims()
	for name, want := range map[string]string{
		"family_name": "6a5065657465727320c3a9",
		"birth_date":  "d903ec6a323030312d30322d3238",
		"registered":  "c074323032362d30362d33305431323a30303a30305a",
		"portrait":    "43010203",
		"age":         "1819",
		"balance":     "26",
		"adult":       "f5",
		"height":      "fa3fe00000",
		"privileges":  "82a264636f6465614266697373756564d903ec6a323031392d30352d3034a264636f6465614366697373756564d903ec6a323032302d30312d3031",
	} {
		if got := hex.EncodeToString(c.CBOR(namespace, name)); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if c.CBOR(namespace, "note") != nil {
		t.Error("an element is found in another namespace")
	}
}

// Two copies of one document have nothing in common by which they could be
// linked: random values, digests, digest IDs; and the IDs are in no order.
func TestCopiesDiffer(t *testing.T) {
	p := parties()
	seen := map[string]bool{}
	orders := map[string]bool{}
	for range 20 {
		b, err := jose.Decode(p.issue(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		order := ""
		for _, it := range items(t, b)[:9] {
			if len(it.random) != 32 || seen[string(it.random)] || seen[string(it.digest)] {
				t.Fatal("a random value or a digest came twice, or is short")
			}
			seen[string(it.random)], seen[string(it.digest)] = true, true
			order += string(rune('a' + it.id))
		}
		orders[order] = true
	}
	if len(orders) < 18 {
		t.Errorf("%d orders of digest IDs in 20 documents", len(orders))
	}
}

// An element that is not there has a digest like all others, so that the
// signed object does not tell.
func TestAbsentElementsHaveDigests(t *testing.T) {
	p := parties()
	b, err := jose.Decode(p.issue(t, func(_ *mdoc.Options, c *mdoc.Credential) {
		c.Elements = []byte(`{"org.example.card":{"family_name":"x"}}`)
	}))
	if err != nil {
		t.Fatal(err)
	}
	digests := valueDigests(t, b)
	if len(digests[namespace]) != 10 || len(digests[second]) != 2 {
		t.Errorf("%d and %d digests", len(digests[namespace]), len(digests[second]))
	}
	all := map[string]bool{}
	for _, n := range digests {
		for _, d := range n {
			if len(d) != 32 || all[string(d)] || string(d) == string(make([]byte, 32)) {
				t.Error("a digest is empty or stands twice")
			}
			all[string(d)] = true
		}
	}
}

func TestOtherDigestsAndKeys(t *testing.T) {
	p := parties()
	for _, digest := range []mdoc.Digest{mdoc.SHA256, mdoc.SHA384, mdoc.SHA512} {
		text := p.issue(t, func(o *mdoc.Options, _ *mdoc.Credential) { o.Digest = digest })
		if _, err := parse(t, text).VerifyIssued(issued(p.policy(t))); err != nil {
			t.Errorf("%s: %v", digest, err)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for alg, key := range map[cose.Alg]crypto.Signer{cose.ES384: p384, cose.EdDSA: ed} {
		text := p.issue(t, func(_ *mdoc.Options, c *mdoc.Credential) { c.DeviceKey = key.Public() })
		out := p.present(t, text, func(d *mdoc.Device) { d.Key = key }, mdoc.Path{namespace, "age"})
		policy := p.policy(t)
		if _, err := mdoc.Verify(out, policy); !errors.Is(err, cose.ErrAlg) {
			t.Errorf("%s of the device is not on the list: %v", alg, err)
		}
		policy.DeviceAlgs = []cose.Alg{alg}
		if _, err := mdoc.Verify(out, policy); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

// Elements that the device signs itself, such as transaction data.
func TestDeviceSigned(t *testing.T) {
	p := parties()
	authorize := func(o *mdoc.Options, _ *mdoc.Credential) {
		o.Authorized = mdoc.KeyAuthorizations{NameSpaces: []string{"org.example.pay"}, Elements: map[string][]string{second: {"consent"}}}
	}
	text := p.issue(t, authorize)
	device := func(d *mdoc.Device) {
		d.Elements = []byte(`{"org.example.pay":{"hash":"abc"},"org.example.extra":{"consent":true}}`)
	}
	v, err := mdoc.Verify(p.present(t, text, device, mdoc.Path{namespace, "age"}), p.policy(t))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := v.DeviceClaims.JSON(); err != nil || string(b) != `{"org.example.pay":{"hash":"abc"},"org.example.extra":{"consent":true}}` {
		t.Errorf("%s, %v", b, err)
	}
	if v.Claims.Len() != 1 {
		t.Error("device-signed elements stand among the issuer's")
	}
	s := parse(t, text)
	sel, err := s.Disclose(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{`{"org.example.extra":{"other":1}}`, `{"org.example.other":{"hash":1}}`} {
		if out, err := s.Present(sel, mdoc.Device{Key: p.holder, Transcript: transcript(t), Elements: []byte(src)}); out != "" || !errors.Is(err, mdoc.ErrNotAuthorized) {
			t.Errorf("%s: %v", src, err)
		}
	}
	for _, src := range []string{`[]`, `{"a":1}`, `{"a"`, `"x"`} {
		if out, err := s.Present(sel, mdoc.Device{Key: p.holder, Transcript: transcript(t), Elements: []byte(src)}); out != "" || err == nil {
			t.Errorf("%s is accepted", src)
		}
	}
}

// Nothing needs to be disclosed: the document alone says something.
func TestDiscloseNothing(t *testing.T) {
	p := parties()
	v, err := mdoc.Verify(p.present(t, p.issue(t, nil), nil), p.policy(t))
	if err != nil || v.Claims.Len() != 0 {
		t.Fatalf("%v", err)
	}
	if b, err := v.Claims.JSON(); err != nil || string(b) != "{}" {
		t.Errorf("%s, %v", b, err)
	}
}

func TestDraftIsSealedOnce(t *testing.T) {
	p := parties()
	template, err := mdoc.NewTemplate(p.options())
	if err != nil {
		t.Fatal(err)
	}
	draft, err := template.Prepare(p.credential(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var sealed sync.Map
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			text, err := draft.Seal(p.issuer.Key)
			switch {
			case err == nil:
				sealed.Store(text, true)
			case !errors.Is(err, mdoc.ErrSealed):
				t.Error(err)
			}
		})
	}
	wait.Wait()
	count := 0
	sealed.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("sealed %d times", count)
	}
	// One that failed is used up too.
	draft, err = template.Prepare(p.credential(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var failed *mdoc.Error
	if _, err := draft.Seal(p.holder); !errors.As(err, &failed) || failed.Check != credential.CheckSeal {
		t.Errorf("another key seals: %v", err)
	}
	if _, err := draft.Seal(p.issuer.Key); !errors.Is(err, mdoc.ErrSealed) {
		t.Errorf("after a failure: %v", err)
	}
}

func TestDisclose(t *testing.T) {
	p := parties()
	s := parse(t, p.issue(t, nil))
	sel, err := s.Disclose([]mdoc.Path{{namespace, "age"}, {namespace, "age"}, {second, "note", "a", 2, "b"}})
	if err != nil || sel.Len() != 2 {
		t.Fatalf("%d, %v", sel.Len(), err)
	}
	for _, path := range []mdoc.Path{
		{namespace, "none"}, {"none", "age"}, {namespace, "age", "deeper"}, {second, "note", "a", 9},
		{second, "note", "a", -1}, {second, "note", nil}, {second, "note", "b"}, {namespace, "nothing"},
	} {
		if _, err := s.Disclose([]mdoc.Path{path}); !errors.Is(err, mdoc.ErrNoSuchClaim) {
			t.Errorf("%v: %v", path, err)
		}
	}
	for _, path := range []mdoc.Path{{namespace}, {namespace, nil}, {nil, "age"}, {}} {
		if _, err := s.Disclose([]mdoc.Path{path}); !errors.Is(err, credential.ErrPath) {
			t.Errorf("%v: %v", path, err)
		}
	}
	// A selection belongs to its document, and the key to the document's.
	other := parse(t, p.issue(t, nil))
	if _, err := other.Present(sel, mdoc.Device{Key: p.holder, Transcript: transcript(t)}); err == nil {
		t.Error("the selection of another document is accepted")
	}
	if _, err := s.Present(sel, mdoc.Device{Key: p.issuer.Key, Transcript: transcript(t)}); err == nil {
		t.Error("another key presents")
	}
	if _, err := s.Present(sel, mdoc.Device{Key: p.holder}); err == nil {
		t.Error("presented without a request")
	}
	if _, err := s.Present(sel, mdoc.Device{Transcript: transcript(t)}); err == nil {
		t.Error("presented without a key")
	}
}

func TestClaimsSelect(t *testing.T) {
	p := parties()
	c := parse(t, p.issue(t, nil)).Claims()
	got := c.Select(mdoc.Path{second, "note", "a", nil})
	if len(got) != 3 || string(got[2]) != `{"b":"c"}` {
		t.Errorf("%s", got)
	}
	v, ok := c.Lookup(mdoc.Path{namespace, "age"})
	if !ok || len(v) != 1 || v[0] != 25.0 {
		t.Errorf("%v", v)
	}
	if _, ok := c.Lookup(mdoc.Path{namespace, "none"}); ok {
		t.Error("something is found")
	}
	var into struct {
		Card struct {
			Age int `json:"age"`
		} `json:"org.example.card"`
	}
	if err := c.Decode(&into); err != nil || into.Card.Age != 25 {
		t.Errorf("%v, %v", into, err)
	}
}
