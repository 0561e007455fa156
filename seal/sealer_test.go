package seal_test

import (
	"crypto/x509"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

func TestSealHeader(t *testing.T) {
	h := newHierarchy(t)
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{"iss":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := jose.Parse(compact)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := jose.Unmarshal(tok.RawHeader, &members); err != nil {
		t.Fatal(err)
	}
	want := []string{"alg", "typ", "iat", "x5t#S256", "x5u", "x5c"}
	if len(members) != len(want) {
		t.Errorf("members %v, expected exactly %v", members, want)
	}
	for _, m := range want {
		if _, ok := members[m]; !ok {
			t.Errorf("%s is missing", m)
		}
	}
	if members["x5u"] != issuer+"/seal/"+s.ID()+".pem" || members["alg"] != "ES256" || members["iat"] != float64(now.Unix()) {
		t.Errorf("header %s", tok.RawHeader)
	}
	if err := tok.Verify(s.Certificate().PublicKey); err != nil {
		t.Error(err)
	}
	// What x5u serves is the certificate of x5t#S256.
	served, err := trust.ParsePEM(s.PEM())
	if err != nil || jose.X5TS256(served[0]) != members["x5t#S256"] {
		t.Errorf("PEM: %v", err)
	}
	// VC-JWTs say what they hold.
	compact, err = s.SignCompact("vc+jwt", now, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if tok, err := jose.Parse(compact); err != nil || tok.Header.Cty != "vc" {
		t.Errorf("cty of vc+jwt: %v, %v", tok, err)
	}
}

// Sealing into a buffer is the same seal, after what stood there.
func TestAppendCompact(t *testing.T) {
	h := newHierarchy(t)
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewKeys(s)
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.SignCompact("dc+sd-jwt", now, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, dst := range [][]byte{nil, []byte("before"), make([]byte, 6, 1<<16)} {
		for _, a := range []interface {
			AppendCompact([]byte, string, time.Time, []byte) ([]byte, error)
		}{s, keys} {
			got, err := a.AppendCompact(dst, "dc+sd-jwt", now, []byte(`{}`))
			if err != nil || string(got) != string(dst)+want {
				t.Errorf("%T after %d bytes: %v", a, len(dst), err)
			}
			for typ, at := range map[string]time.Time{"": now, "dc+sd-jwt": now.AddDate(30, 0, 0)} {
				if got, err := a.AppendCompact(dst, typ, at, nil); !errors.Is(err, seal.ErrSealer) || got != nil {
					t.Errorf("%T, typ %q at %s: %d bytes, %v", a, typ, at, len(got), err)
				}
			}
		}
	}
}

func TestSealerRefuses(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	between := mint(t, authority("Between"), &ca)
	good := mint(t, leaf(), &ca)
	deep := mint(t, leaf(), &between)
	other := mint(t, leaf(), &ca)
	bend := func(f func(*x509.Certificate)) devca.Pair {
		c := leaf()
		f(c)
		return mint(t, c, &ca)
	}
	noUsage := bend(func(c *x509.Certificate) { c.KeyUsage = 0 })
	wrongUsage := bend(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })
	expired := bend(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) })
	early := bend(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) })
	isCA := bend(func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign
	})
	plain := bend(func(c *x509.Certificate) { c.ExtraExtensions = nil })
	noOrg := bend(func(c *x509.Certificate) { c.Subject.ExtraNames = nil })
	self := mint(t, leaf(), nil)

	chain := func(c ...*x509.Certificate) []*x509.Certificate { return c }
	for name, tc := range map[string]struct {
		key   devca.Pair
		chain []*x509.Certificate
		x5u   string
	}{
		"no chain":                     {good, nil, ""},
		"another key":                  {other, chain(good.Certificate), ""},
		"no keyUsage":                  {noUsage, chain(noUsage.Certificate), ""},
		"keyUsage for something else":  {wrongUsage, chain(wrongUsage.Certificate), ""},
		"expired":                      {expired, chain(expired.Certificate), ""},
		"not valid yet":                {early, chain(early.Certificate), ""},
		"an authority":                 {isCA, chain(isCA.Certificate), ""},
		"no QcType eseal":              {plain, chain(plain.Certificate), ""},
		"no organizationIdentifier":    {noOrg, chain(noOrg.Certificate), ""},
		"self-signed":                  {self, chain(self.Certificate), ""},
		"chain includes the anchor":    {good, chain(good.Certificate, ca.Certificate), ""},
		"chain of somebody else":       {good, chain(good.Certificate, between.Certificate), ""},
		"chain not leaf first":         {deep, chain(between.Certificate, deep.Certificate), ""},
		"chain too long":               {deep, chain(deep.Certificate, between.Certificate, between.Certificate, between.Certificate, between.Certificate), ""},
		"x5u over plain http":          {good, chain(good.Certificate), "http://example.org/seal.pem"},
		"x5u that is no address":       {good, chain(good.Certificate), "/seal.pem"},
		"x5u with a user":              {good, chain(good.Certificate), "https://a@example.org/seal.pem"},
		"x5u that only looks loopback": {good, chain(good.Certificate), "http://localhost.example.org/seal.pem"},
	} {
		if _, err := seal.NewSealer(tc.key.Key, tc.chain, seal.Options{X5U: tc.x5u, RequireSeal: true, Now: clock}); !errors.Is(err, seal.ErrSealer) {
			t.Errorf("%s: found %v, expected ErrSealer", name, err)
		}
	}
	if _, err := seal.NewSealer(nil, chain(good.Certificate), seal.Options{Now: clock}); !errors.Is(err, seal.ErrSealer) {
		t.Errorf("no key: %v", err)
	}
	s, err := seal.NewSealer(deep.Key, chain(deep.Certificate, between.Certificate), seal.Options{X5U: "https://example.org/seal.pem", RequireSeal: true, Now: clock})
	if err != nil {
		t.Fatalf("a good chain with an intermediate: %v", err)
	}
	for _, at := range []time.Time{now.Add(-2 * time.Hour), now.Add(2 * time.Hour)} {
		if _, err := s.SignCompact("dc+sd-jwt", at, nil); !errors.Is(err, seal.ErrSealer) {
			t.Errorf("sealed at %s, outside of validity: %v", at, err)
		}
	}
	if _, err := s.SignCompact("", now, nil); !errors.Is(err, seal.ErrSealer) {
		t.Errorf("no typ: %v", err)
	}
	if _, err := seal.NewSealer(plain.Key, chain(plain.Certificate), seal.Options{Now: clock}); err != nil {
		t.Errorf("a signer that need not be for seals: %v", err)
	}
}

func TestKeysRotate(t *testing.T) {
	h, err := devca.New(devca.Options{Now: now, Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := h.Keys(clock)
	if err != nil {
		t.Fatal(err)
	}
	first := keys.Current()
	later := now.Add(time.Hour)
	if err := h.RotateSeal("", later); err != nil {
		t.Fatal(err)
	}
	next, err := h.Sealer("", func() time.Time { return later })
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if _, err := keys.SignCompact("dc+sd-jwt", later, []byte(`{}`)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if err := keys.Rotate(next); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if keys.Current() != next {
		t.Error("the key in use is not the new one")
	}
	for _, s := range []*seal.Sealer{first, next} {
		if b, ok := keys.PEM(s.ID()); !ok || string(b) != string(s.PEM()) {
			t.Errorf("PEM of %s is not served", s.ID())
		}
	}
	if _, ok := keys.PEM("other"); ok {
		t.Error("an unknown id has PEM")
	}
	// A seal of before the rotation still holds, under the refreshed list.
	old, err := first.SignCompact("dc+sd-jwt", now, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := validate(t, newValidator(t, h, later), old, later); got.Err() != nil || got.Provider == nil {
		t.Errorf("a seal with the former key:\n%s", got.Checks)
	}
	if _, err := seal.NewKeys(nil); err == nil {
		t.Error("Keys without a key")
	}
	if err := keys.Rotate(nil); err == nil {
		t.Error("rotated to nothing")
	}
}

func TestCertifiesIssuer(t *testing.T) {
	h := newHierarchy(t)
	for iss, want := range map[string]bool{
		"http://localhost:8081":       true,
		"https://localhost":           true, // its dNSName
		"http://localhost:8082":       false,
		"http://localhost:8081/":      false,
		"https://localhost.evil.test": false,
		"https://localhost/tenant":    false,
		"https://u@localhost":         false,
		"":                            false,
	} {
		err := seal.CertifiesIssuer(h.Seal.Certificate, iss)
		if (err == nil) != want || err != nil && !errors.Is(err, seal.ErrIssuerName) {
			t.Errorf("%q: %v", iss, err)
		}
		if err != nil && iss != "" && strings.Contains(err.Error(), iss) {
			t.Errorf("the error repeats the claim: %v", err)
		}
	}
}

// Only a name that is beyond doubt is taken from a certificate.
func TestIssuerNamed(t *testing.T) {
	uri := func(texts ...string) (out []*url.URL) {
		for _, text := range texts {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, u)
		}
		return out
	}
	for name, c := range map[string]struct {
		certificate x509.Certificate
		want        string
	}{
		"one address":     {x509.Certificate{URIs: uri("https://issuer.example/a"), DNSNames: []string{"www.example", "other.example"}}, "https://issuer.example/a"},
		"two addresses":   {x509.Certificate{URIs: uri("https://issuer.example/a", "https://issuer.example/b")}, ""},
		"beside a urn":    {x509.Certificate{URIs: uri("urn:x:y", "https://issuer.example")}, "https://issuer.example"},
		"one host":        {x509.Certificate{DNSNames: []string{"issuer.example"}}, "https://issuer.example"},
		"two hosts":       {x509.Certificate{DNSNames: []string{"issuer.example", "other.example"}}, ""},
		"any of a domain": {x509.Certificate{DNSNames: []string{"*.example"}}, ""},
		"none":            {x509.Certificate{}, ""},
	} {
		got := seal.IssuerNamed(&c.certificate)
		if got != c.want {
			t.Errorf("%s: %q", name, got)
		}
		if got != "" && seal.CertifiesIssuer(&c.certificate, got) != nil {
			t.Errorf("%s: %q is named and not certified", name, got)
		}
	}
}

// A certificate that has ended is no error before something is sealed, where that is
// asked for; then it is one of its own.
func TestEnded(t *testing.T) {
	now := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	after := h.Seal.Certificate.NotAfter.Add(time.Second)
	o := seal.Options{RequireSeal: true, Now: func() time.Time { return after }}
	if _, err := seal.NewSealer(h.Seal.Key, []*x509.Certificate{h.Seal.Certificate}, o); !errors.Is(err, seal.ErrSealer) {
		t.Error("taken without being asked for:", err)
	}
	o.AllowEnded = true
	s, err := seal.NewSealer(h.Seal.Key, []*x509.Certificate{h.Seal.Certificate}, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SignCompact("dc+sd-jwt", after, nil); !errors.Is(err, seal.ErrEnded) || !errors.Is(err, seal.ErrSealer) {
		t.Error("sealed after its end:", err)
	}
	if err := s.Usable(after); !errors.Is(err, seal.ErrEnded) {
		t.Error(err)
	}
	if err := s.Usable(s.Until()); err != nil {
		t.Error(err)
	}
	o.Now = func() time.Time { return now.Add(-time.Hour) }
	if _, err := seal.NewSealer(h.Seal.Key, []*x509.Certificate{h.Seal.Certificate}, o); !errors.Is(err, seal.ErrSealer) {
		t.Error("taken before its beginning:", err)
	}
	// Keys without one in use seal nothing.
	k, err := seal.FormerKeys([]*x509.Certificate{h.Seal.Certificate})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := k.PEM(seal.CertificateID(h.Seal.Certificate)); !ok || k.Current() != nil {
		t.Error("the former certificate is not served, or a key is in use")
	}
	_, compact := k.SignCompact("dc+sd-jwt", now, nil)
	_, appended := k.AppendCompact(nil, "dc+sd-jwt", now, nil)
	if !errors.Is(compact, seal.ErrSealer) || !errors.Is(appended, seal.ErrSealer) {
		t.Error(compact, appended)
	}
}
