package jades_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal/jades"
)

var at = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

func certificate(t testing.TB) *x509.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: at, NotAfter: at.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// token is a compact JWS with a header as given and no signature.
func token(t testing.TB, header string) *jose.Token {
	tok, err := jose.Parse(jose.Encode([]byte(header)) + ".e30.")
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestMalformedHeaders(t *testing.T) {
	for name, h := range map[string]string{
		"crit empty":              `{"alg":"ES256","crit":[]}`,
		"crit null":               `{"alg":"ES256","crit":null}`,
		"crit unknown name":       `{"alg":"ES256","foo":1,"crit":["foo"]}`,
		"crit registered name":    `{"alg":"ES256","crit":["alg"]}`,
		"crit absent name":        `{"alg":"ES256","iat":1,"crit":["sigT"]}`,
		"crit twice":              `{"alg":"ES256","iat":1,"crit":["iat","iat"]}`,
		"crit b64":                `{"alg":"ES256","b64":false,"crit":["b64"]}`,
		"b64 true":                `{"alg":"ES256","b64":true}`,
		"zip":                     `{"alg":"ES256","zip":"DEF"}`,
		"iat text":                `{"alg":"ES256","iat":"1"}`,
		"sigT with fraction":      `{"alg":"ES256","sigT":"2024-01-01T00:00:00.5Z"}`,
		"sigT with offset":        `{"alg":"ES256","sigT":"2024-01-01T00:00:00+01:00"}`,
		"sigT number":             `{"alg":"ES256","sigT":1}`,
		"exp critical and text":   `{"alg":"ES256","exp":"2024-01-01T00:00:00Z","crit":["exp"]}`,
		"x5t#o without value":     `{"alg":"ES256","x5t#o":{"digAlg":"S512"}}`,
		"sigX5ts with one":        `{"alg":"ES256","sigX5ts":[{"digAlg":"S256","digVal":"AA"}]}`,
		"sigX5ts of a wrong type": `{"alg":"ES256","sigX5ts":{}}`,
		"adoTst empty":            `{"alg":"ES256","adoTst":{}}`,
		"adoTst null":             `{"alg":"ES256","adoTst":null}`,
		"adoTst text":             `{"alg":"ES256","adoTst":"MAA="}`,
		"adoTst an array":         `{"alg":"ES256","adoTst":[{"tstTokens":[{"val":"MAA="}]}]}`,
		"adoTst without tokens":   `{"alg":"ES256","adoTst":{"tstTokens":[]}}`,
		"adoTst, nine tokens":     `{"alg":"ES256","adoTst":{"tstTokens":[` + strings.Repeat(`{"val":"MAA="},`, 8) + `{"val":"MAA="}]}}`,
		"adoTst, token null":      `{"alg":"ES256","adoTst":{"tstTokens":[null]}}`,
		"adoTst, token text":      `{"alg":"ES256","adoTst":{"tstTokens":["MAA="]}}`,
		"adoTst, no val":          `{"alg":"ES256","adoTst":{"tstTokens":[{"type":"x"}]}}`,
		"adoTst, val empty":       `{"alg":"ES256","adoTst":{"tstTokens":[{"val":""}]}}`,
		"adoTst, val a number":    `{"alg":"ES256","adoTst":{"tstTokens":[{"val":1}]}}`,
		"adoTst, val base64url":   `{"alg":"ES256","adoTst":{"tstTokens":[{"val":"MAA"}]}}`,
		"adoTst, second no val":   `{"alg":"ES256","adoTst":{"tstTokens":[{"val":"MAA="},{"val":"-_"}]}}`,
		"adoTst in BER":           `{"alg":"ES256","adoTst":{"tstTokens":[{"val":"MAA=","encoding":"http://uri.etsi.org/01903/v1.2.2#BER"}]}}`,
		"adoTst, canonAlg":        `{"alg":"ES256","adoTst":{"canonAlg":"https://example.org/c","tstTokens":[{"val":"MAA="}]}}`,
		"adoTst, unknown member":  `{"alg":"ES256","adoTst":{"x":1,"tstTokens":[{"val":"MAA="}]}}`,
		"adoTst, another in it":   `{"alg":"ES256","adoTst":{"tstTokens":[{"val":"MAA=","x":1}]}}`,
		"adoTst critical, absent": `{"alg":"ES256","crit":["adoTst"]}`,
	} {
		h, err := jades.ParseHeader(token(t, h))
		if !errors.Is(err, jades.ErrHeader) {
			t.Errorf("%s: found %v, expected ErrHeader", name, err)
		}
		if h.Alg != "" || h.ContentTimeStamps != nil {
			t.Errorf("%s: a failed parse answered something", name)
		}
	}
}

func TestConstraints(t *testing.T) {
	for name, tc := range map[string]struct {
		header string
		want   error
	}{
		"iat":                     {`{"alg":"ES256","iat":1795439787,"x5t#S256":"AA"}`, nil},
		"iat and critical iat":    {`{"alg":"ES256","iat":1795439787,"crit":["iat"],"x5t#S256":"AA"}`, nil},
		"old sigT":                {`{"alg":"ES256","sigT":"2025-07-14T23:59:59Z","x5t#S256":"AA"}`, nil},
		"exp in the future":       {`{"alg":"ES256","iat":1795439787,"exp":2795439787,"x5t#S256":"AA"}`, nil},
		"exp that is no number":   {`{"alg":"ES256","iat":1795439787,"exp":"soon","x5t#S256":"AA"}`, nil},
		"both times":              {`{"alg":"ES256","iat":1,"sigT":"2024-01-01T00:00:00Z","x5t#S256":"AA"}`, jades.ErrConstraint},
		"no time":                 {`{"alg":"ES256","x5t#S256":"AA"}`, jades.ErrConstraint},
		"x5t":                     {`{"alg":"ES256","iat":1,"x5t":"AA","x5t#S256":"AA"}`, jades.ErrConstraint},
		"two references":          {`{"alg":"ES256","iat":1,"x5t#S256":"AA","x5t#o":{"digAlg":"S512","digVal":"AA"}}`, jades.ErrConstraint},
		"x5t#o with SHA-256":      {`{"alg":"ES256","iat":1,"x5t#o":{"digAlg":"S256","digVal":"AA"}}`, jades.ErrConstraint},
		"exp passed":              {`{"alg":"ES256","iat":1,"exp":2,"x5t#S256":"AA"}`, jades.ErrConstraint},
		"no reference":            {`{"alg":"ES256","iat":1795439787}`, jades.ErrBaseline},
		"sigT on the last day":    {`{"alg":"ES256","sigT":"2025-07-15T00:00:00Z","x5t#S256":"AA"}`, jades.ErrBaseline},
		"sigT of today":           {`{"alg":"ES256","sigT":"2026-11-23T13:16:27Z","crit":["sigT"],"x5t#S256":"AA"}`, jades.ErrBaseline},
		"only one reference kind": {`{"alg":"ES256","iat":1,"x5t#o":{"digAlg":"S512","digVal":"AA"}}`, nil},
	} {
		h, err := jades.ParseHeader(token(t, tc.header))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := errors.Join(h.Constraints(at), h.Baseline()); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
			t.Errorf("%s: found %v, expected %v", name, err, tc.want)
		}
	}
	h, err := jades.ParseHeader(token(t, `{"alg":"ES256","iat":1,"sigPId":{},"crit":["sigPId"]}`))
	if name, found := h.Unprocessed(); err != nil || !found || name != "sigPId" {
		t.Errorf("critical sigPId: %q, %t, %v", name, found, err)
	}
}

// The tokens of adoTst are read as they stand, in order. Whoever does not evaluate
// them is told that they are critical.
func TestContentTimeStamps(t *testing.T) {
	h, err := jades.ParseHeader(token(t, `{"alg":"ES256","iat":1,"srAts":{},"adoTst":{"tstTokens":[{"val":"MAA="},{"val":"BQA=","type":"x","specRef":"y","encoding":"http://uri.etsi.org/01903/v1.2.2#DER"}]},"crit":["iat","adoTst"]}`))
	if err != nil || !reflect.DeepEqual(h.ContentTimeStamps, [][]byte{{0x30, 0}, {5, 0}}) || !reflect.DeepEqual(h.Others, []string{"srAts"}) {
		t.Fatalf("%x, %v, %v", h.ContentTimeStamps, h.Others, err)
	}
	if name, found := h.Unprocessed(); !found || name != jades.ContentTimeStamp {
		t.Errorf("nobody evaluates it: %q, %t", name, found)
	}
	if name, found := h.Unprocessed(jades.ContentTimeStamp); found {
		t.Errorf("evaluated, and %q is not", name)
	}
	h.Crit = append(h.Crit, "srAts")
	if name, found := h.Unprocessed(jades.ContentTimeStamp); !found || name != "srAts" {
		t.Errorf("critical srAts: %q, %t", name, found)
	}
	for _, crit := range []string{"", `,"crit":["iat"]`} {
		h, err := jades.ParseHeader(token(t, `{"alg":"ES256","iat":1,"adoTst":{"tstTokens":[{"val":"MAA="}]}`+crit+`}`))
		if _, found := h.Unprocessed(); err != nil || found || len(h.ContentTimeStamps) != 1 {
			t.Errorf("not critical: %t, %v", found, err)
		}
	}
	if h, err := jades.ParseHeader(token(t, `{"alg":"ES256","iat":1}`)); err != nil || h.ContentTimeStamps != nil {
		t.Errorf("without: %v, %v", h.ContentTimeStamps, err)
	}
}

func TestCertificateReferences(t *testing.T) {
	a, b := certificate(t), certificate(t)
	s384 := func(c *x509.Certificate) string { v := sha512.Sum384(c.Raw); return jose.Encode(v[:]) }
	for name, tc := range map[string]struct {
		header string
		ok     bool
	}{
		"S256":           {fmt.Sprintf(`{"alg":"ES256","x5t#S256":%q}`, jose.X5TS256(a)), true},
		"S256 of other":  {fmt.Sprintf(`{"alg":"ES256","x5t#S256":%q}`, jose.X5TS256(b)), false},
		"S384":           {fmt.Sprintf(`{"alg":"ES256","x5t#o":{"digAlg":"S384","digVal":%q}}`, s384(a)), true},
		"S384 of other":  {fmt.Sprintf(`{"alg":"ES256","x5t#o":{"digAlg":"S384","digVal":%q}}`, s384(b)), false},
		"unknown digest": {fmt.Sprintf(`{"alg":"ES256","x5t#o":{"digAlg":"SHA1","digVal":%q}}`, s384(a)), false},
		"path":           {fmt.Sprintf(`{"alg":"ES256","sigX5ts":[{"digAlg":"S256","digVal":%q},{"digAlg":"S384","digVal":%q}]}`, jose.X5TS256(a), s384(b)), true},
		"path reversed":  {fmt.Sprintf(`{"alg":"ES256","sigX5ts":[{"digAlg":"S384","digVal":%q},{"digAlg":"S256","digVal":%q}]}`, s384(b), jose.X5TS256(a)), false},
	} {
		h, err := jades.ParseHeader(token(t, tc.header))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = h.Certificates([]*x509.Certificate{a, b})
		if (err == nil) != tc.ok || err != nil && !errors.Is(err, jades.ErrCertificateReference) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (jades.Header{}).Certificates(nil); !errors.Is(err, jades.ErrCertificateReference) {
		t.Errorf("no certificates: %v", err)
	}
}

// The prepared header must read the same whatever its length is modulo three.
func TestPrefix(t *testing.T) {
	c := certificate(t)
	for i := range 7 {
		x5u := "https://example.org/" + strings.Repeat("a", i)
		p, err := jades.NewPrefix(jose.ES256, "dc+sd-jwt", "", x5u, []*x509.Certificate{c})
		if err != nil {
			t.Fatal(err)
		}
		input := p.Append(nil, at, []byte(`{"a":1}`))
		tok, err := jose.Parse(string(input) + ".")
		if err != nil {
			t.Fatal(err)
		}
		h, err := jades.ParseHeader(tok)
		if err != nil {
			t.Fatal(err)
		}
		if string(tok.Payload) != `{"a":1}` || h.X5U != x5u || !h.IssuedAt.Equal(at) || h.Typ != "dc+sd-jwt" || h.Crit != nil ||
			h.Certificates([]*x509.Certificate{c}) != nil || len(h.X5C) != 1 || tok.Header.Kid != "" || tok.Header.Cty != "" {
			t.Errorf("x5u of %d: %+v", len(x5u), h)
		}
	}
}

// A signature made from the kept state of the hash is the one over the whole
// text, for every algorithm, header length and buffer, and for many at once.
func TestPrefixSign(t *testing.T) {
	c := certificate(t)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	pss, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for alg, key := range map[jose.Alg]crypto.Signer{jose.ES256: p256, jose.ES384: p384, jose.ES512: p521, jose.EdDSA: ed, jose.PS256: pss} {
		for i := range 4 {
			p, err := jades.NewPrefix(alg, "dc+sd-jwt", "", strings.Repeat("a", i), []*x509.Certificate{c})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for n := range 3 {
				wg.Go(func() {
					payload := strings.Repeat("b", n)
					b, err := p.Sign([]byte("before"), key, at, []byte(payload))
					if err != nil {
						t.Error(err)
						return
					}
					text, ok := strings.CutPrefix(string(b), "before")
					if !ok {
						t.Error("what stood in the buffer is gone")
					}
					tok, err := jose.Parse(text)
					if err != nil || tok.Verify(key.Public()) != nil || string(tok.Payload) != payload {
						t.Errorf("%s: %v", alg, err)
					}
				})
			}
			wg.Wait()
		}
	}
	p, err := jades.NewPrefix(jose.ES256, "dc+sd-jwt", "", "", []*x509.Certificate{c})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{p384, ed, pss} {
		if b, err := p.Sign([]byte("before"), key, at, nil); !errors.Is(err, jose.ErrKey) || b != nil {
			t.Errorf("ES256 with a %T: %q, %v", key, b, err)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join(testvectors.Dir(f, "jades-golden"), "*.compact"))
	more, _ := filepath.Glob(filepath.Join(testvectors.Dir(f, "jades"), "samples", "*.json"))
	for _, file := range append(files, more...) {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		head, _, _ := strings.Cut(string(b), ".")
		if h, err := jose.Decode(head); err == nil {
			f.Add(h)
		}
	}
	f.Add([]byte(`{"alg":"ES256","iat":1,"adoTst":{"tstTokens":[{"val":"MAA="},{"val":"BQA="}]},"crit":["adoTst"]}`))
	f.Fuzz(func(t *testing.T, header []byte) {
		tok, err := jose.Parse(jose.Encode(header) + ".e30.")
		if err != nil {
			return
		}
		h, err := jades.ParseHeader(tok)
		// In a spelling that is not plain it is the same header.
		if spaced, again := jose.Parse(jose.Encode(append([]byte(" "), header...)) + ".e30."); again != nil {
			t.Fatal(again)
		} else if other, again := jades.ParseHeader(spaced); (again == nil) != (err == nil) || !reflect.DeepEqual(other, h) {
			t.Errorf("read as %+v, %v, and with a space as %+v, %v", h, err, other, again)
		}
		if err != nil {
			if h.Alg != "" || h.X5C != nil || h.Crit != nil || h.ContentTimeStamps != nil {
				t.Error("a failed parse answered something")
			}
			return
		}
		for _, name := range h.Crit {
			if !strings.Contains("sigT iat exp x5t#o sigX5ts sigD srCms sigPl srAts adoTst sigPId", name) {
				t.Errorf("unknown critical %q was let through", name)
			}
		}
		if n := len(h.ContentTimeStamps); n > 8 || n == 0 && slices.Contains(h.Crit, jades.ContentTimeStamp) {
			t.Errorf("%d content time-stamps", n)
		}
		if slices.ContainsFunc(h.ContentTimeStamps, func(der []byte) bool { return len(der) == 0 }) {
			t.Error("an empty content time-stamp")
		}
		if h.Constraints(at) == nil && h.ClaimedTime().IsZero() {
			t.Error("no signing time was let through")
		}
	})
}
