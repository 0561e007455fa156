package authz

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func certificate(t *testing.T) *x509.Certificate {
	t.Helper()
	k := newKey(t)
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "wallet"}, NotAfter: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A registered certificate authenticates, and binds the tokens (RFC 8705,
// Sections 2.2 and 3).
func TestCertificateClient(t *testing.T) {
	s, _, _ := open(t)
	cert := certificate(t)
	clients, err := NewClients(false, Client{ID: "w", Method: MethodTLS, Certificates: []string{jose.X5TS256(cert)}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(c *x509.Certificate) (Party, error) {
		by, _, err := s.Authenticate(t.Context(), clients, nil, Credentials{Form: url.Values{"client_id": {"w"}}, Header: http.Header{}, Certificates: shown(c)})
		return by, err
	}
	by, err := ask(cert)
	if err != nil || by.X5T != jose.X5TS256(cert) {
		t.Fatalf("%+v %v", by, err)
	}
	for name, c := range map[string]*x509.Certificate{"none": nil, "another": certificate(t)} {
		if _, err := ask(c); err == nil {
			t.Errorf("%s was accepted", name)
		} else {
			wantCode(t, err, CodeInvalidClient)
		}
	}
	verifier := oauth.NewVerifier()
	g, err := s.RedeemCode(t.Context(), CodeRedemption{Code: newCode(t, s, verifier, by), RedirectURI: callback, Verifier: verifier, By: by})
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"Authorization": {"Bearer " + g.AccessToken.Reveal()}}
	if _, err := s.Admit(t.Context(), nil, Protected{Header: h, Certificate: cert}); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]*x509.Certificate{"none": nil, "another": certificate(t)} {
		if _, err := s.Admit(t.Context(), nil, Protected{Header: h, Certificate: c}); err == nil {
			t.Errorf("%s was accepted for the token", name)
		} else {
			wantCode(t, err, CodeInvalidToken)
		}
	}
}

func shown(c *x509.Certificate) []*x509.Certificate {
	if c == nil {
		return nil
	}
	return []*x509.Certificate{c}
}

// issued makes a certificate of an authority; a nil parent makes an authority.
func issued(t *testing.T, template x509.Certificate, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	k := newKey(t)
	template.SerialNumber = big.NewInt(2)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if parent == nil || template.IsCA {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	}
	if parent == nil {
		parent, by = &template, k
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, k.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, k
}

// A name in a certificate of a trusted authority authenticates (RFC 8705,
// Section 2.1).
func TestCertificateNameClient(t *testing.T) {
	s, _, _ := open(t)
	root, rootKey := issued(t, x509.Certificate{Subject: pkix.Name{CommonName: "root"}}, nil, nil)
	middle, middleKey := issued(t, x509.Certificate{Subject: pkix.Name{CommonName: "middle"}, IsCA: true}, root, rootKey)
	stranger, strangerKey := issued(t, x509.Certificate{Subject: pkix.Name{CommonName: "root"}}, nil, nil)
	at, err := url.Parse("https://w.example/id")
	if err != nil {
		t.Fatal(err)
	}
	full := x509.Certificate{
		Subject: pkix.Name{CommonName: "w", Organization: []string{"W"}}, DNSNames: []string{"w.example"}, URIs: []*url.URL{at}, IPAddresses: []net.IP{net.ParseIP("192.0.2.1")},
		EmailAddresses: []string{"w@w.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	good, _ := issued(t, full, middle, middleKey)
	ask := func(name CertificateName, shown ...*x509.Certificate) error {
		t.Helper()
		clients, err := NewClients(false, Client{ID: "w", Method: MethodTLSName, CertificateName: name, Authorities: []*x509.Certificate{root}})
		if err != nil {
			t.Fatal(err)
		}
		by, _, err := s.Authenticate(t.Context(), clients, nil, Credentials{Form: url.Values{"client_id": {"w"}}, Header: http.Header{}, Certificates: shown})
		if err == nil && by.X5T != jose.X5TS256(shown[0]) {
			t.Errorf("%+v", by)
		}
		return err
	}
	for _, name := range []CertificateName{{Subject: "CN=w,O=W"}, {DNS: "W.example"}, {URI: "https://w.example/id"}, {IP: "192.0.2.1"}, {Email: "w@w.example"}} {
		if err := ask(name, good, middle); err != nil {
			t.Errorf("%+v: %v", name, err)
		}
	}
	for _, name := range []CertificateName{{Subject: "CN=w"}, {Subject: "O=W,CN=w"}, {DNS: "v.example"}, {URI: "https://w.example/"}, {IP: "192.0.2.2"}, {Email: "v@w.example"}} {
		if err := ask(name, good, middle); err == nil {
			t.Errorf("%+v was accepted", name)
		} else {
			wantCode(t, err, CodeInvalidClient)
		}
	}
	changed := func(change func(*x509.Certificate), parent *x509.Certificate, by *ecdsa.PrivateKey) *x509.Certificate {
		made := full
		change(&made)
		c, _ := issued(t, made, parent, by)
		return c
	}
	same := func(*x509.Certificate) {}
	for name, shown := range map[string][]*x509.Certificate{
		"none":                    nil,
		"without its chain":       {good},
		"of a stranger":           {changed(same, stranger, strangerKey), stranger},
		"signed by itself":        {changed(same, nil, nil)},
		"over":                    {changed(func(c *x509.Certificate) { c.NotAfter = s.Now().Add(-time.Second) }, middle, middleKey), middle},
		"not yet":                 {changed(func(c *x509.Certificate) { c.NotBefore = s.Now().Add(time.Hour) }, middle, middleKey), middle},
		"for servers":             {changed(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, middle, middleKey), middle},
		"the authority before it": {middle, good},
		"a wildcard":              {changed(func(c *x509.Certificate) { c.DNSNames = []string{"*.example"} }, middle, middleKey), middle},
	} {
		if err := ask(CertificateName{DNS: "w.example"}, shown...); err == nil {
			t.Errorf("%s was accepted", name)
		} else {
			wantCode(t, err, CodeInvalidClient)
		}
	}
	for name, c := range map[string]Client{
		"no name":      {Authorities: []*x509.Certificate{root}},
		"two names":    {Authorities: []*x509.Certificate{root}, CertificateName: CertificateName{DNS: "a", Email: "b"}},
		"no authority": {CertificateName: CertificateName{DNS: "a"}},
		"no address":   {Authorities: []*x509.Certificate{root}, CertificateName: CertificateName{IP: "a"}},
	} {
		c.ID, c.Method = "w", MethodTLSName
		if _, err := NewClients(false, c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// A provider vouches for its own wallets only.
func TestProviderOfAnother(t *testing.T) {
	s, _, _ := open(t)
	nonces := &Nonces{Key: make([]byte, 32), Now: s.Now}
	keys := map[string]*ecdsa.PrivateKey{"p": newKey(t), "q": newKey(t)}
	provider := func(kid string) *Provider {
		return &Provider{Name: kid, Key: func(_ context.Context, t *jose.Token) (crypto.PublicKey, error) {
			if t.Header.Kid != kid {
				return nil, errors.New("no")
			}
			return keys[kid].Public(), nil
		}}
	}
	clients, err := NewClients(false,
		Client{ID: "wp", Method: MethodAttestation, Provider: provider("p")}, Client{ID: "wq", Method: MethodAttestation, Provider: provider("q")},
		Client{ID: "wn", Method: MethodNone})
	if err != nil {
		t.Fatal(err)
	}
	instance := newKey(t)
	ask := func(kid, sub, iss string) error {
		a, err := oauth.NewClientAttestation(keys[kid], kid, nil, oauth.AttestationClaims{Issuer: iss, ClientID: sub, IssuedAt: jose.Date(s.Now()), Expires: jose.Date(s.Now().Add(time.Hour))}, instance.Public())
		if err != nil {
			t.Fatal(err)
		}
		pop, err := oauth.NewAttestationPoP(instance, sub, "https://as.example", nonces.Fresh(), s.Now())
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		h.Set(oauth.HeaderClientAttestation, a)
		h.Set(oauth.HeaderClientAttestationPoP, pop)
		_, _, err = s.Authenticate(t.Context(), clients, nonces, Credentials{Form: url.Values{}, Header: h, Issuer: "https://as.example"})
		return err
	}
	if err := ask("p", "wp", ""); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][3]string{"another's wallet": {"p", "wq", ""}, "a public wallet": {"p", "wn", ""}, "an unknown wallet": {"p", "x", ""}, "a name it has not": {"p", "wp", "https://p.example"}} {
		if err := ask(c[0], c[1], c[2]); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// What a redirect_uri may be, and what fits it (RFC 8252, Sections 7 and 8.4;
// RFC 6749, Section 3.1.2).
func TestRedirects(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://w.example/cb": true, "https://w.example/cb?x=1": true, "http://127.0.0.1/cb": true, "http://[::1]/cb": true, "com.example.w:/cb": true, "haip-vci://": true,
		"http://w.example/cb": false, "http://localhost/cb": false, "https://w.example/cb#f": false, "https://u@w.example/cb": false, "/cb": false, "": false,
		"javascript:alert(1)": false, "data:text/html,x": false, "file:///etc/passwd": false, "https:///cb": false, "https://w.example/" + strings.Repeat("a", 1024): false,
	} {
		if _, err := NewClients(false, Client{ID: "w", Method: MethodNone, RedirectURIs: []string{text}}); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	c := Client{RedirectURIs: []string{"https://w.example/cb", "http://127.0.0.1/cb"}}
	for to, ok := range map[string]bool{
		"https://w.example/cb": true, "http://127.0.0.1:49152/cb": true, "http://127.0.0.1/cb": true,
		"https://w.example/cb/": false, "https://w.example/cb?x=1": false, "https://W.example/cb": false, "https://w.example:443/cb": false, "https://w.example/cb#": false,
		"http://127.0.0.1:1/other": false, "http://127.0.0.1:1/cb?x": false, "http://127.0.0.2:1/cb": false, "http://localhost:1/cb": false, "http://u@127.0.0.1:1/cb": false,
		"http://127.0.0.1:1/cb#f": false, "https://127.0.0.1:1/cb": false, "": false,
	} {
		if c.Redirects(to) != ok {
			t.Errorf("%q: %v", to, !ok)
		}
	}
}

// A register with a fault is refused as a whole, with all faults.
func TestNewClients(t *testing.T) {
	p := &Provider{}
	_, err := NewClients(false,
		Client{Method: MethodNone}, Client{ID: "a", Method: "client_secret_basic"}, Client{ID: "b", Method: MethodPrivateKeyJWT}, Client{ID: "c", Method: MethodTLS},
		Client{ID: "d", Method: MethodAttestation}, Client{ID: "e", Method: MethodNone, Provider: p}, Client{ID: "f", Method: MethodNone}, Client{ID: "f", Method: MethodNone},
		Client{ID: "g", Method: MethodPrivateKeyJWT, Keys: []jose.JWK{{Kty: "oct"}}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, part := range []string{`client ""`, `"a"`, `"b"`, `"c"`, `"d"`, `"e"`, `"f" stands there twice`, `"g"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not told in %v", part, err)
		}
	}
}

// Nonces are of this server, of the last minutes, and nobody tells the next one
// (RFC 9449, Section 8).
func TestNonces(t *testing.T) {
	c := &clock{}
	c.t.Store(time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC).Unix())
	n := &Nonces{Key: []byte(strings.Repeat("n", 32)), Now: c.now}
	first := n.Fresh()
	if n.Fresh() != first {
		t.Error("two nonces in a minute")
	}
	c.advance(time.Minute)
	second := n.Fresh()
	if second == first || !n.Check(first) || !n.Check(second) {
		t.Error("it does not rotate")
	}
	other := &Nonces{Key: []byte(strings.Repeat("o", 32)), Now: c.now}
	for name, text := range map[string]string{"another server's": other.Fresh(), "empty": "", "short": first[:10], "changed": first[:len(first)-2] + "AA", "padded": first + "=", "zero": jose.Encode(make([]byte, nonceBytes))} {
		if n.Check(text) {
			t.Errorf("%s was accepted", name)
		}
	}
	ahead := &Nonces{Key: n.Key, Now: func() time.Time { return c.now().Add(5 * time.Minute) }}
	if n.Check(ahead.Fresh()) {
		t.Error("a nonce of the future was accepted")
	}
	c.advance(NonceLife + time.Minute)
	if n.Check(first) || n.Check(second) {
		t.Error("an old nonce was accepted")
	}
}

// A value is used once, whoever else uses the same one for something else.
func TestOnce(t *testing.T) {
	s, _, _ := open(t)
	until := s.Now().Add(time.Minute)
	for _, c := range []struct {
		use, value string
		first      bool
	}{{"a", "1", true}, {"a", "1", false}, {"b", "1", true}, {"a", "2", true}, {"a1", "", true}} {
		if got, err := s.Once(t.Context(), c.use, c.value, until); got != c.first || err != nil {
			t.Errorf("%s %s: %v %v", c.use, c.value, got, err)
		}
	}
}

func FuzzRedirects(f *testing.F) {
	for _, s := range []string{"https://w.example/cb", "http://127.0.0.1:1/cb", "http://[::1]:1/cb", "http://127.0.0.1:1/cb#", "%"} {
		f.Add(s)
	}
	c := Client{RedirectURIs: []string{"https://w.example/cb", "http://127.0.0.1/cb"}}
	f.Fuzz(func(t *testing.T, to string) {
		if !c.Redirects(to) {
			return
		}
		u, err := url.Parse(to)
		if err != nil || to != "https://w.example/cb" && (u.Hostname() != "127.0.0.1" || u.Path != "/cb" || u.RawQuery != "" || u.User != nil || u.Fragment != "") {
			t.Fatalf("%q was accepted", to)
		}
	})
}

// A nonce that was not made here is refused, and no text breaks the check.
func FuzzNonce(f *testing.F) {
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	n := &Nonces{Key: []byte(strings.Repeat("n", 32)), Now: func() time.Time { return now }}
	good := n.Fresh()
	f.Add(good)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if n.Check(text) && text != good && len(text) != len(good) {
			t.Fatalf("%q was accepted", text)
		}
	})
}
