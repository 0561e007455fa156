package keyring_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/keyring/keyringtest"
	"github.com/zegel-id/zegel/seal/qc"
)

const (
	issuer       = "https://issuer.example.org/school"
	registration = "NTRBE-0999999922"
	subject      = `C=BE,O=Voorbeeld\, tweede (TEST),organizationIdentifier=NTRBE-0999999922,CN=Voorbeeld (TEST)`
)

func good() keyringtest.Seal {
	return keyringtest.Seal{Issuer: issuer, Organization: "Voorbeeld (TEST)", Registration: registration, Statements: keyringtest.Statements()}
}

func sealing() keyring.Sealing { return keyring.Sealing{Issuer: issuer, At: time.Now()} }

func parse(t *testing.T, text string) keyring.Subject {
	t.Helper()
	s, err := keyring.ParseSubject(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func states(t *testing.T, r keyring.Ring) map[string]keyring.State {
	t.Helper()
	keys, err := r.Keys()
	must(t, err)
	out := map[string]keyring.State{}
	for _, k := range keys {
		out[k.ID] = k.State
	}
	return out
}

// A key goes all the way: requested, ready, active, former, retired.
func TestLife(t *testing.T) {
	r, a, now := keyring.At(filepath.Join(t.TempDir(), "ring")), keyringtest.New(t), time.Now()
	if keys, err := r.Keys(); err != nil || len(keys) != 0 {
		t.Fatal(keys, err)
	}
	k, request, err := r.Make(parse(t, subject), issuer, now)
	must(t, err)
	csr, err := keyring.ParseRequest(request)
	must(t, err)
	if o := csr.Subject.Organization[0]; o != "Voorbeeld, tweede (TEST)" {
		t.Error(o)
	}
	if csr.URIs[0].String() != issuer || csr.DNSNames[0] != "issuer.example.org" {
		t.Error(csr.URIs, csr.DNSNames)
	}
	if info, err := os.Stat(filepath.Join(r.Dir(), k.ID+".key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if err := r.Use(k.ID, now); !errors.Is(err, keyring.ErrState) {
		t.Error("a key without a certificate is used:", err)
	}
	// The answer comes with the root and in any order.
	chain := a.Certify(csr.PublicKey, good())
	installed, findings, err := r.Install([]*x509.Certificate{a.Root, chain[1], chain[0]}, sealing())
	must(t, err)
	if installed.ID != k.ID || installed.State != keyring.Ready || len(installed.Chain) != 2 || len(findings) != 0 {
		t.Error(installed, findings)
	}
	if _, _, err := r.Install(chain, sealing()); !errors.Is(err, keyring.ErrMismatch) {
		t.Error("installed twice:", err)
	}
	must(t, r.Use(k.ID, now))
	if active, ok, err := r.Active(); err != nil || !ok || active.ID != k.ID {
		t.Error(active, ok, err)
	}
	if err := r.Retire(k.ID, now); !errors.Is(err, keyring.ErrState) || !strings.Contains(err.Error(), "zegel keys rotate") {
		t.Error("the active key was retired:", err)
	}
	// Another takes over; the way back is there until it is retired.
	key := keyringtest.Key(t)
	next, _, err := r.Import(key, a.Certify(key.Public(), good()), sealing())
	must(t, err)
	must(t, r.Use(next.ID, now))
	must(t, r.Use(k.ID, now))
	must(t, r.Use(next.ID, now))
	if got := states(t, r); got[k.ID] != keyring.Former || got[next.ID] != keyring.Active {
		t.Error(got)
	}
	if signer, err := r.Signer(k.ID); err != nil || !signer.Public().(*ecdsa.PublicKey).Equal(csr.PublicKey) {
		t.Error(err)
	}
	must(t, r.Retire(k.ID, now))
	if r.Has(k.ID) || states(t, r)[k.ID] != keyring.Retired {
		t.Error("the private key is still there")
	}
	if err := r.Use(k.ID, now); !errors.Is(err, keyring.ErrState) {
		t.Error("a retired key is used:", err)
	}
	if got, err := r.Key(k.ID); err != nil || len(got.Chain) != 2 {
		t.Error("the certificate of a retired key is gone:", err)
	}
	for _, f := range []func(string, time.Time) error{r.Use, r.Retire} {
		if err := f("0123456789abcdef", now); !errors.Is(err, keyring.ErrNoKey) {
			t.Error(err)
		}
	}
	must(t, r.Leave(now))
	if _, ok, err := r.Active(); ok || err != nil {
		t.Error(ok, err)
	}
}

// A key that is elsewhere waits and is certified here, and is never used from here.
func TestElsewhere(t *testing.T) {
	r, a, now := keyring.At(t.TempDir()), keyringtest.New(t), time.Now()
	key := keyringtest.Key(t)
	request, err := keyring.SignRequest(key, parse(t, subject), issuer)
	must(t, err)
	for range 2 { // asked for once more
		_, err = r.Keep(key.Public(), request, "token seal, key seal-key", now)
		must(t, err)
	}
	chain := a.Certify(key.Public(), good())
	k, _, err := r.Install(chain, sealing())
	must(t, err)
	if err := r.Use(k.ID, now); !errors.Is(err, keyring.ErrState) || !strings.Contains(err.Error(), "issuer.seal") {
		t.Error(err)
	}
	if _, err := r.Keep(key.Public(), request, "token seal, key seal-key", now); !errors.Is(err, keyring.ErrState) {
		t.Error("asked for a key that has a certificate:", err)
	}
}

func TestSubjects(t *testing.T) {
	for name, text := range map[string]string{
		"empty":           "",
		"no country":      "O=X,CN=X,organizationIdentifier=NTRBE-0999999922",
		"no organization": "C=BE,CN=X,organizationIdentifier=NTRBE-0999999922",
		"no name":         "C=BE,O=X,organizationIdentifier=NTRBE-0999999922",
		"no identifier":   "C=BE,O=X,CN=X",
		"check digits":    "C=BE,O=X,CN=X,organizationIdentifier=NTRBE-0999999923",
		"country":         "C=Belgium,O=X,CN=X,organizationIdentifier=NTRBE-0999999922",
		"twice":           subject + ",CN=Y",
		"a person":        subject + ",givenName=X",
		"no value":        subject + ",OU=",
	} {
		if _, err := keyring.ParseSubject(text); !errors.Is(err, keyring.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := keyring.ParseSubject("C=BE,O=" + keyring.EscapeValue(`a,b=c\d`) + ",CN=X,2.5.4.97=" + registration); err != nil {
		t.Error(err)
	}
}

// OpenSSL verifies a request, and reads in it what was meant.
func TestRequestWithOpenSSL(t *testing.T) {
	dir := t.TempDir()
	_, request, err := keyring.At(dir).Make(parse(t, subject), issuer, time.Now())
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "x.csr"), request, 0o600))
	out := keyringtest.OpenSSL(t, dir, "req", "-verify", "-noout", "-text", "-in", "x.csr")
	for _, want := range []string{"verify OK", "organizationIdentifier = NTRBE-0999999922", "URI:" + issuer, "DNS:issuer.example.org", "Non Repudiation", "prime256v1"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// Certificates that seals cannot be made with are refused, each with its reason.
func TestRefused(t *testing.T) {
	a := keyringtest.New(t)
	for name, c := range map[string]struct {
		change func(*keyringtest.Seal)
		want   string
	}{
		"other issuer":  {func(s *keyringtest.Seal) { s.Issuer = "https://other.example.org/school" }, "subjectAltName"},
		"no statements": {func(s *keyringtest.Seal) { s.Statements = qc.Statements{} }, "QcType eseal"},
		"no identifier": {func(s *keyringtest.Seal) { s.Change = func(c *x509.Certificate) { c.Subject.ExtraNames = nil } }, "organization identifier"},
		"no usage": {func(s *keyringtest.Seal) {
			s.Change = func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }
		}, "keyUsage"},
		"ended": {func(s *keyringtest.Seal) {
			s.Change = func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }
		}, "which is not now"},
		"not begun": {func(s *keyringtest.Seal) {
			s.Change = func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }
		}, "which is not now"},
		"signature":       {func(s *keyringtest.Seal) { s.Statements.Types = nil }, "QcType eseal"},
		"what Fits wants": {func(s *keyringtest.Seal) { s.Registration = "NTRBE-0999999823" }, "not that body"},
	} {
		s := good()
		c.change(&s)
		key, r := keyringtest.Key(t), keyring.At(t.TempDir())
		want := sealing()
		want.Fits = func(leaf *x509.Certificate) error {
			if o, err := qc.OrganizationOf(leaf); err != nil || o.String() != registration {
				return errors.New("not that body")
			}
			return nil
		}
		_, _, err := r.Import(key, a.Certify(key.Public(), s), want)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if keys, err := r.Keys(); err != nil || len(keys) != 0 {
			t.Errorf("%s: something was kept: %v %v", name, keys, err)
		}
	}
	// Certificates of another key, and one that signed itself.
	key, r := keyringtest.Key(t), keyring.At(t.TempDir())
	if _, _, err := r.Import(key, a.Certify(keyringtest.Key(t).Public(), good()), sealing()); !errors.Is(err, keyring.ErrMismatch) {
		t.Error(err)
	}
	self := &x509.Certificate{SerialNumber: a.Root.SerialNumber, Subject: a.Root.Subject, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, self, self, key.Public(), key)
	must(t, err)
	self, err = x509.ParseCertificate(der)
	must(t, err)
	if _, _, err := r.Import(key, []*x509.Certificate{self}, sealing()); !errors.Is(err, keyring.ErrCertificate) {
		t.Error(err)
	}
}

// What a certificate lacks is told with what follows from it.
func TestFindings(t *testing.T) {
	a, key := keyringtest.New(t), keyringtest.Key(t)
	s := good()
	s.Statements = qc.Statements{Types: []asn1.ObjectIdentifier{qc.TypeSeal}, Legislation: []string{"CH"}}
	s.Change = func(c *x509.Certificate) {
		c.KeyUsage, c.CRLDistributionPoints, c.IssuingCertificateURL = x509.KeyUsageDigitalSignature, nil, nil
	}
	_, findings, err := keyring.At(t.TempDir()).Import(key, a.Certify(key.Public(), s), sealing())
	must(t, err)
	for _, want := range []string{"QcCompliance", "QcSSCD", "QcPSB", "QcPDS", "QcCClegislation", "contentCommitment", "revocation list", "address of the authority"} {
		if !slices.ContainsFunc(findings, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("nothing is said of %s in %q", want, findings)
		}
	}
}

func TestWeakKeys(t *testing.T) {
	ec := func(c elliptic.Curve) crypto.PublicKey {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		must(t, err)
		return key.Public()
	}
	long := func(bits int) crypto.PublicKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		must(t, err)
		return key.Public()
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	for name, pub := range map[string]crypto.PublicKey{"P-224": ec(elliptic.P224()), "RSA 2048": long(2048), "RSA 3000": long(3000), "Ed25519": edwards} {
		if err := keyring.CheckKey(pub); !errors.Is(err, keyring.ErrWeak) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, pub := range map[string]crypto.PublicKey{"P-256": ec(elliptic.P256()), "P-384": ec(elliptic.P384()), "P-521": ec(elliptic.P521()), "RSA 3072": long(3072)} {
		if err := keyring.CheckKey(pub); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// PKCS #12 files as OpenSSL 3 makes them, and as older programs do.
func TestPKCS12(t *testing.T) {
	a, key := keyringtest.New(t), keyringtest.Key(t)
	chain := a.Certify(key.Public(), good())
	const password = "wachtwoord é 1"
	for name, more := range map[string][]string{
		"PBES2":  {"-keypbe", "AES-256-CBC", "-certpbe", "AES-256-CBC", "-macalg", "sha256"},
		"3DES":   {"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"},
		"SHA512": {"-macalg", "sha512"},
	} {
		file := keyringtest.PKCS12(t, key, []*x509.Certificate{chain[0], a.Root, chain[1]}, password, more...)
		got, certs, err := keyring.ParsePKCS12(file, password)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ordered, err := keyring.Order(got.Public(), certs)
		if err != nil || len(ordered) != 2 || !ordered[0].Equal(chain[0]) || !ordered[1].Equal(chain[1]) {
			t.Errorf("%s: %v %v", name, ordered, err)
		}
		for _, wrong := range []string{"", "wachtwoord", password + " "} {
			if _, _, err := keyring.ParsePKCS12(file, wrong); !errors.Is(err, keyring.ErrPassword) {
				t.Errorf("%s: password %q: %v", name, wrong, err)
			}
		}
		for _, n := range []int{0, 1, len(file) / 2, len(file) - 1} {
			if _, _, err := keyring.ParsePKCS12(file[:n], password); err == nil {
				t.Errorf("%s: %d bytes of %d were read", name, n, len(file))
			}
		}
	}
	if _, _, err := keyring.ParsePKCS12(make([]byte, 2<<20), ""); !errors.Is(err, keyring.ErrPKCS12) {
		t.Error(err)
	}
}

// Files that are not what the manifest says are no ring.
func TestFiles(t *testing.T) {
	a := keyringtest.New(t)
	fill := func(t *testing.T) (keyring.Ring, string) {
		r, key := keyring.At(t.TempDir()), keyringtest.Key(t)
		k, _, err := r.Import(key, a.Certify(key.Public(), good()), sealing())
		must(t, err)
		return r, k.ID
	}
	for name, f := range map[string]func(t *testing.T, r keyring.Ring, id string) error{
		"open key": func(t *testing.T, r keyring.Ring, id string) error {
			must(t, os.Chmod(filepath.Join(r.Dir(), id+".key"), 0o640))
			_, err := r.Signer(id)
			return err
		},
		"other key": func(t *testing.T, r keyring.Ring, id string) error {
			der, err := x509.MarshalPKCS8PrivateKey(keyringtest.Key(t))
			must(t, err)
			must(t, os.WriteFile(filepath.Join(r.Dir(), id+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
			_, err = r.Signer(id)
			return err
		},
		"other certificate": func(t *testing.T, r keyring.Ring, id string) error {
			c := a.Certify(keyringtest.Key(t).Public(), good())[0]
			must(t, os.WriteFile(r.ChainFile(id), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600))
			_, err := r.Keys()
			return err
		},
		"manifest": func(t *testing.T, r keyring.Ring, _ string) error {
			must(t, os.WriteFile(filepath.Join(r.Dir(), "keys.json"), []byte(`{"version":1,"keys":[{"id":"../../x","state":"ready","since":"2026-01-01T00:00:00Z"}]}`), 0o600))
			_, err := r.Keys()
			return err
		},
		"version": func(t *testing.T, r keyring.Ring, _ string) error {
			must(t, os.WriteFile(filepath.Join(r.Dir(), "keys.json"), []byte(`{"version":2,"keys":[]}`), 0o600))
			_, err := r.Keys()
			return err
		},
	} {
		r, id := fill(t)
		if err := f(t, r, id); !errors.Is(err, keyring.ErrFiles) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A change that was cut off before the manifest counts for nothing, and what it left
// is removed by the next.
func TestCutOff(t *testing.T) {
	r, now := keyring.At(t.TempDir()), time.Now()
	k, _, err := r.Make(parse(t, subject), issuer, now)
	must(t, err)
	left := []string{filepath.Join(r.Dir(), "0123456789abcdef.key"), filepath.Join(r.Dir(), ".new-123")}
	for _, path := range left {
		must(t, os.WriteFile(path, []byte("x"), 0o600))
	}
	if keys, err := r.Keys(); err != nil || len(keys) != 1 {
		t.Error(keys, err)
	}
	must(t, r.Retire(k.ID, now))
	for _, path := range left {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("what a crash left is still there: %s", filepath.Base(path))
		}
	}
	if keys, err := r.Keys(); err != nil || len(keys) != 0 {
		t.Error("a request that waits is not removed:", keys, err)
	}
}

// Two who change a ring at once take turns, and nothing is lost.
func TestAtOnce(t *testing.T) {
	r, s := keyring.At(t.TempDir()), parse(t, subject)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, _, err := r.Make(s, issuer, time.Now()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if keys, err := r.Keys(); err != nil || len(keys) != 16 {
		t.Error(len(keys), err)
	}
}
