package trust_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust"
)

// ofBits is an RSA key of a length that nobody can sign with.
func ofBits(n int) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), n-1, 1), E: 65537}
}

func onCurve(c elliptic.Curve) *ecdsa.PublicKey { return &ecdsa.PublicKey{Curve: c} }

// Until when signatures are believed by ETSI TS 119 312 V1.5.1.
func TestSuite(t *testing.T) {
	s := trust.DefaultSuite()
	if !strings.Contains(s.Version(), "V1.5.1") {
		t.Errorf("version %q", s.Version())
	}
	for _, tc := range []struct {
		alg   x509.SignatureAlgorithm
		key   crypto.PublicKey
		end   string // empty: none is known; "never": not believed at all
		names string
	}{
		{x509.ECDSAWithSHA256, onCurve(elliptic.P256()), "", ""},
		{x509.ECDSAWithSHA384, onCurve(elliptic.P384()), "", ""},
		{x509.ECDSAWithSHA512, onCurve(elliptic.P521()), "", ""},
		{x509.ECDSAWithSHA256, onCurve(elliptic.P224()), "2021-10-01", "ECDSA of 224 bits"},
		{x509.ECDSAWithSHA1, onCurve(elliptic.P256()), "2012-08-01", "SHA-1"},
		{x509.SHA1WithRSA, ofBits(2048), "2012-08-01", "SHA-1"},
		{x509.SHA256WithRSA, ofBits(1023), "never", ""},
		{x509.SHA256WithRSA, ofBits(1024), "2019-10-01", "RSA of 1024 bits"},
		{x509.SHA256WithRSA, ofBits(1899), "2019-10-01", "RSA of 1899 bits"},
		{x509.SHA256WithRSA, ofBits(2048), "2029-01-01", "RSA of 2048 bits"},
		{x509.SHA512WithRSA, ofBits(4096), "2029-01-01", "RSA of 4096 bits"},
		{x509.SHA384WithRSAPSS, ofBits(2048), "2029-01-01", "RSA-PSS of 2048 bits"},
		{x509.SHA256WithRSAPSS, ofBits(3072), "", ""},
		{x509.PureEd25519, ed25519.PublicKey(make([]byte, 32)), "", ""},
		{x509.MD5WithRSA, ofBits(4096), "never", ""},
		{x509.DSAWithSHA256, nil, "never", ""},
		{x509.ECDSAWithSHA256, "no key", "never", ""},
	} {
		l, err := s.X509(tc.alg, tc.key)
		found := "never"
		switch {
		case err == nil && l.End.IsZero():
			found = ""
		case err == nil:
			found = l.End.Format(time.DateOnly)
		case !errors.Is(err, trust.ErrAlgorithm):
			t.Error(err)
		}
		if found != tc.end || tc.names != "" && l.Algorithm != tc.names {
			t.Errorf("%s with %T: found %q of %q, expected %q of %q", tc.alg, tc.key, found, l.Algorithm, tc.end, tc.names)
		}
	}
	for alg, end := range map[jose.Alg]string{jose.PS256: "0001-01-01", jose.RS256: "2029-01-01"} {
		if l, err := s.JWS(alg, ofBits(3072)); err != nil || l.End.Format(time.DateOnly) != end {
			t.Errorf("%s: %+v, %v", alg, l, err)
		}
	}
	if l, err := s.Digest(crypto.SHA224); err != nil || l.End.Year() != 2029 {
		t.Errorf("SHA-224: %+v, %v", l, err)
	}
	if _, err := s.Digest(crypto.MD5); !errors.Is(err, trust.ErrAlgorithm) {
		t.Errorf("MD5: %v", err)
	}
}

// An end is exclusive, and of two the first counts.
func TestLifetime(t *testing.T) {
	end := time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	none, soon, late := trust.Lifetime{Algorithm: "none"}, trust.Lifetime{Algorithm: "soon", End: end}, trust.Lifetime{Algorithm: "late", End: end.AddDate(1, 0, 0)}
	if err := soon.At(end.Add(-time.Nanosecond)); err != nil {
		t.Error(err)
	}
	if err := soon.At(end); !errors.Is(err, trust.ErrEnded) || !strings.Contains(err.Error(), "soon, since 2029-01-01") {
		t.Error(err)
	}
	if err := none.At(end.AddDate(100, 0, 0)); err != nil {
		t.Error(err)
	}
	for _, two := range [][2]trust.Lifetime{{none, soon}, {soon, none}, {soon, late}, {late, soon}} {
		if got := two[0].Sooner(two[1]); got.Algorithm != "soon" {
			t.Errorf("of %v found %s", two, got.Algorithm)
		}
	}
}

// The signatures of a path count, but for that of the anchor on itself.
func TestSuitePath(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	old := mintFor(t, authority("Old"), key, nil)
	middle := mint(t, authority("Middle"), &old)
	end := mint(t, leaf("End"), &middle)
	p, err := storeOf(t, trust.UseSeal, old.cert).Certificates(certs(end, middle), trust.UseSeal, now)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := trust.DefaultSuite().Path(p); err != nil || l.Algorithm != "RSA of 2048 bits" || l.End.Year() != 2029 {
		t.Errorf("found %+v, %v", l, err)
	}
	// The same below an anchor of P-256 alone.
	p, err = storeOf(t, trust.UseSeal, middle.cert).Certificates(certs(end), trust.UseSeal, now)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := trust.DefaultSuite().Path(p); err != nil || !l.End.IsZero() {
		t.Errorf("found %+v, %v", l, err)
	}
}

func TestParseSuite(t *testing.T) {
	good := `{"version":"ours","digests":[{"name":"SHA-256","until":"2030-05-01"}],"keys":[{"name":"ECDSA","bits":384},{"name":"ECDSA","bits":256,"until":"2027-01-01"}]}`
	s, err := trust.ParseSuite([]byte(good))
	if err != nil || s.Version() != "ours" {
		t.Fatal(err)
	}
	for curve, want := range map[elliptic.Curve]string{elliptic.P256(): "2027-01-01", elliptic.P384(): "2030-05-01", elliptic.P521(): "2030-05-01"} {
		if l, err := s.X509(x509.ECDSAWithSHA256, onCurve(curve)); err != nil || l.End.Format(time.DateOnly) != want {
			t.Errorf("%s: %+v, %v", curve.Params().Name, l, err)
		}
	}
	for name, in := range map[string]string{
		"no JSON":          `{`,
		"no version":       strings.Replace(good, "ours", "", 1),
		"no digests":       `{"version":"ours","digests":[],"keys":[{"name":"ECDSA","bits":384}]}`,
		"no keys":          `{"version":"ours","digests":[{"name":"SHA-256"}],"keys":[]}`,
		"unknown digest":   strings.Replace(good, "SHA-256", "MD5", 1),
		"unknown key":      strings.Replace(good, "ECDSA", "DSA", 1),
		"unknown member":   strings.Replace(good, "until", "untill", 1),
		"a digest twice":   strings.Replace(good, `"digests":[`, `"digests":[{"name":"SHA-256"},`, 1),
		"a digest of bits": strings.Replace(good, `"SHA-256"`, `"SHA-256","bits":1`, 1),
		"a key twice":      strings.Replace(good, "256,", "384,", 1),
		"no bits":          strings.Replace(good, "384", "0", 1),
		"no day":           strings.Replace(good, "2030-05-01", "2030-05", 1),
	} {
		if s, err := trust.ParseSuite([]byte(in)); err == nil || s != nil {
			t.Errorf("%s: read", name)
		}
	}
}

func FuzzParseSuite(f *testing.F) {
	f.Add([]byte(`{"version":"ours","digests":[{"name":"SHA-256","until":"2030-05-01"}],"keys":[{"name":"ECDSA","bits":256}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := trust.ParseSuite(b)
		if (s == nil) != (err != nil) || s != nil && s.Version() == "" {
			t.Errorf("found %v, %v", s, err)
		}
	})
}
