package sdjwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
)

const (
	issuerURL = "https://issuer.example.org"
	typeURL   = "https://issuer.example.org/types/diploma"
	audience  = "x509_san_dns:verifier.example.org"
	nonce     = "n-0S6_WzA2Mj"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const longest = 128 // bytes of the header that are not constant

// sealer signs as the product's seal does: header with x5c, its constant part
// encoded once.
type sealer struct {
	key     crypto.Signer
	cert    *x509.Certificate
	prefix  string
	encoded string
}

func (s *sealer) SignCompact(typ string, iat time.Time, payload []byte) (string, error) {
	size := len(s.encoded) + base64.RawURLEncoding.EncodedLen(longest+len(payload)) + 100
	jwt, err := s.AppendCompact(make([]byte, 0, size), typ, iat, payload)
	return string(jwt), err
}

// AppendCompact encodes the constant part of the header up to a whole number
// of base64 groups only once.
func (s *sealer) AppendCompact(buf []byte, typ string, iat time.Time, payload []byte) ([]byte, error) {
	b64 := base64.RawURLEncoding
	whole := len(s.prefix) / 3 * 3
	tail := append(make([]byte, 0, longest), s.prefix[whole:]...)
	tail = append(append(append(tail, `,"typ":"`...), typ...), `","iat":`...)
	tail = append(strconv.AppendInt(tail, iat.Unix(), 10), '}')
	from := len(buf)
	buf = append(buf, s.encoded...)
	buf = append(b64.AppendEncode(buf, tail), '.')
	buf = b64.AppendEncode(buf, payload)
	sig, err := jose.Sign(s.key, jose.ES256, buf[from:])
	if err != nil {
		return nil, err
	}
	return b64.AppendEncode(append(buf, '.'), sig), nil
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newSealer(t testing.TB) *sealer {
	t.Helper()
	key := newKey(t)
	san, _ := url.Parse(issuerURL)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(2, 0, 0),
		Subject: pkix.Name{Country: []string{"BE"}, Organization: []string{"Example Agency"}, CommonName: "Example Agency eSeal",
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 97}, Value: "NTRBE-0123456789"}}},
		URIs: []*url.URL{san}, KeyUsage: x509.KeyUsageContentCommitment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	x5c := base64.StdEncoding.EncodeToString(der)
	prefix := `{"alg":"ES256","x5t#S256":"` + jose.X5TS256(cert) + `","x5u":"` + issuerURL + `/seal/1.pem","x5c":["` + x5c + `"]`
	return &sealer{key, cert, prefix, base64.RawURLEncoding.EncodeToString([]byte(prefix[:len(prefix)/3*3]))}
}

func jwk(t testing.TB, pub crypto.PublicKey) jose.JWK {
	t.Helper()
	k, err := jose.PublicJWK(pub)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// party is an issuer and a holder that tests use.
type party struct {
	issuer *sealer
	holder *ecdsa.PrivateKey
}

var parties = sync.OnceValue(func() party {
	t := &testing.T{}
	return party{newSealer(t), newKey(t)}
})

func (p party) credential(t testing.TB, claims any) sdjwt.Credential {
	return sdjwt.Credential{
		Issuer: issuerURL, Type: typeURL, TypeIntegrity: sdjwt.Integrity([]byte("{}")), Category: sdjwt.CategoryPubEAA,
		ID: "urn:uuid:0a7c1d2e", Subject: "sub-1", IssuedAt: now, NotBefore: now, Expires: now.AddDate(0, 3, 0),
		Holder: jwk(t, p.holder.Public()), Status: sdjwt.StatusList{Index: 4711, URI: issuerURL + "/status/3"}, Claims: claims,
	}
}

// issue issues claims, all top-level ones disclosable unless paths are given.
func (p party) issue(t testing.TB, claims any, paths ...sdjwt.Path) string {
	t.Helper()
	frame, err := sdjwt.NewFrame(paths...)
	if err != nil {
		t.Fatal(err)
	}
	d, err := sdjwt.Prepare(p.credential(t, claims), frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.Seal(p.issuer)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (p party) policy() sdjwt.Policy {
	return sdjwt.Policy{
		Now: now.Add(time.Minute), IssuerKey: fixedKey(p.issuer.key.Public()),
		Nonce: nonce, Audience: audience, RequireExp: true, VCT: []string{typeURL},
	}
}

func (p party) plain() sdjwt.Policy {
	policy := p.policy()
	policy.KeyBinding = sdjwt.BindingForbidden
	return policy
}

func (p party) binding() *sdjwt.KeyBinding {
	return &sdjwt.KeyBinding{Signer: p.holder, Nonce: nonce, Audience: audience, IssuedAt: now}
}

func fixedKey(pub crypto.PublicKey) func(*jose.Token, sdjwt.Unverified) (crypto.PublicKey, error) {
	return func(*jose.Token, sdjwt.Unverified) (crypto.PublicKey, error) { return pub, nil }
}

func present(t testing.TB, text string, kb *sdjwt.KeyBinding, paths ...sdjwt.Path) string {
	t.Helper()
	s, err := sdjwt.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	sel, err := s.Disclose(paths)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Present(sel, kb)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// generic decodes JSON for comparison.
func generic(t testing.TB, b []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

// twenty are the claims of a diploma, all disclosable.
var twenty = []byte(`{"given_name":"Jan","family_name":"Peeters","birthdate":"1999-04-05","title":"Bachelor in de toegepaste informatica",` +
	`"level":"6","field":"0613","date":"2021-06-30","institution":"Voorbeeldhogeschool","institution_id":"0400123456","city":"Gent",` +
	`"country":"BE","language":"nl","credits":180,"distinction":"onderscheiding","mode":"voltijds","record_id":"2021-000123",` +
	`"profession":"informaticus","isced":"655","eqf":6,"valid":true}`)

func twentyPaths(testing.TB) (paths []sdjwt.Path) {
	for _, part := range strings.Split(string(twenty), `":`) {
		if i := strings.LastIndexByte(part, '"'); i >= 0 && len(paths) < 20 {
			paths = append(paths, sdjwt.Path{part[i+1:]})
		}
	}
	return paths
}
