package dataintegrity_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/jcs"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/did"
)

// sign gives a document a proof by eddsa-jcs-2022, in which nothing but the text
// counts, unless another suite is asked for.
func sign(t testing.TB, document string, terms di.Terms, suite ...string) string {
	t.Helper()
	name := append(suite, "eddsa-jcs-2022")[0]
	signed, err := template(t, published, name, edKey(1)).Add([]byte(document), terms)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// change replaces a text that stands there once.
func change(t testing.TB, s, old, by string) []byte {
	t.Helper()
	if strings.Count(s, old) != 1 {
		t.Fatalf("%q is not once in %s", old, s)
	}
	return []byte(strings.Replace(s, old, by, 1))
}

// TestStructure: Data Integrity 1.0, Section 4.4, steps 1 to 4, and 2.1.
func TestStructure(t *testing.T) {
	signed := sign(t, credentialText, di.Terms{Created: now})
	_, proof, _ := strings.Cut(signed, `"proof":`)
	proof = strings.TrimSuffix(strings.TrimSpace(proof), "}")
	p := policy(t, edKey(1).Public())
	verified(t, []byte(signed), p)
	verified(t, change(t, signed, proof, "["+proof+"]"), p)
	for name, c := range map[string]struct{ old, by, check string }{
		"no proof":                  {`"proof":`, `"poof":`, di.CheckStructure},
		"empty proof set":           {proof, `[]`, di.CheckStructure},
		"proof is null":             {proof, `null`, di.CheckStructure},
		"proof is a string":         {proof, `"z"`, di.CheckStructure},
		"proof is a set of sets":    {proof, `[[` + proof + `]]`, di.CheckStructure},
		"more than 8 proofs":        {proof, `[` + strings.Repeat(proof+",", 8) + proof + `]`, di.CheckStructure},
		"two proof members":         {`"proof":`, `"pr\u006fof":{},"proof":`, di.CheckStructure},
		"trailing data":             {proof, proof + `}{`, di.CheckStructure},
		"no type":                   {`"type":"DataIntegrityProof",`, ``, di.CheckCryptosuite},
		"another type":              {`"DataIntegrityProof"`, `"Ed25519Signature2020"`, di.CheckCryptosuite},
		"a list of types":           {`"DataIntegrityProof"`, `["DataIntegrityProof"]`, di.CheckCryptosuite},
		"no cryptosuite":            {`"cryptosuite":"eddsa-jcs-2022",`, ``, di.CheckStructure},
		"unknown cryptosuite":       {`eddsa-jcs-2022`, `eddsa-jcs-2023`, di.CheckCryptosuite},
		"another cryptosuite":       {`eddsa-jcs-2022`, `ecdsa-jcs-2019`, di.CheckMethod},
		"no verificationMethod":     {`"verificationMethod"`, `"xyz"`, di.CheckStructure},
		"no proofPurpose":           {`"proofPurpose"`, `"xyz"`, di.CheckStructure},
		"no proofValue":             {`"proofValue"`, `"xyz"`, di.CheckStructure},
		"proofValue is a number":    {`"proofValue":"z`, `"proofValue":1,"x":"z`, di.CheckStructure},
		"empty id":                  {`"proofPurpose"`, `"id":"","proofPurpose"`, di.CheckStructure},
		"challenge is no string":    {`"proofPurpose"`, `"challenge":1,"proofPurpose"`, di.CheckStructure},
		"nonce is no string":        {`"proofPurpose"`, `"nonce":{},"proofPurpose"`, di.CheckStructure},
		"domain is empty":           {`"proofPurpose"`, `"domain":[],"proofPurpose"`, di.CheckStructure},
		"domain holds a number":     {`"proofPurpose"`, `"domain":["a",1],"proofPurpose"`, di.CheckStructure},
		"domain holds an empty one": {`"proofPurpose"`, `"domain":["a",""],"proofPurpose"`, di.CheckStructure},
		"domain of 17":              {`"proofPurpose"`, `"domain":["a"` + strings.Repeat(`,"a"`, 16) + `],"proofPurpose"`, di.CheckStructure},
		"previousProof is null":     {`"proofPurpose"`, `"previousProof":null,"proofPurpose"`, di.CheckStructure},
		"created without a zone":    {`:00:00Z","proofValue"`, `:00:00","proofValue"`, di.CheckStructure},
		"created is a date":         {`T12:00:00Z","proofValue"`, `","proofValue"`, di.CheckStructure},
		"created with a short day":  {`T12:00:00Z","proofValue"`, `T1:00:00Z","proofValue"`, di.CheckStructure},
		"created with a comma":      {`:00:00Z","proofValue"`, `:00:00,5Z","proofValue"`, di.CheckStructure},
		"created is a number":       {`"created":"2026-11-25T12:00:00Z"`, `"created":20261125`, di.CheckStructure},
		"expires is no time":        {`"proofPurpose"`, `"expires":"never","proofPurpose"`, di.CheckStructure},
	} {
		t.Run(name, func(t *testing.T) { refused(t, change(t, signed, c.old, c.by), p, c.check) })
	}
	for name, document := range map[string]string{
		"nothing": "", "array": "[" + signed + "]", "string": `"x"`, "not UTF-8": "{\"\xff\":1}",
		"too large": signed + strings.Repeat(" ", di.MaxDocument-len(signed)+1),
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, []byte(document), p, di.CheckStructure)
			if s, err := di.Parse([]byte(document)); err == nil || s != nil {
				t.Error("it can be read")
			}
		})
	}
	verified(t, []byte(signed+strings.Repeat(" ", di.MaxDocument-len(signed))), p)
}

// TestPolicy: a policy that decides nothing verifies nothing.
func TestPolicy(t *testing.T) {
	signed := []byte(sign(t, credentialText, di.Terms{Created: now}))
	for name, spoil := range map[string]func(*di.Policy){
		"no time":            func(p *di.Policy) { p.Now = time.Time{} },
		"negative skew":      func(p *di.Policy) { p.Skew = -1 },
		"no suites":          func(p *di.Policy) { p.Suites = nil },
		"no resolver":        func(p *di.Policy) { p.Resolver = nil },
		"no purpose":         func(p *di.Policy) { p.Purpose = "" },
		"purpose of no sign": func(p *di.Policy) { p.Purpose = did.KeyAgreement },
		"nobody required":    func(p *di.Policy) { p.Controllers = nil },
		"unbound, yet bound": func(p *di.Policy) { p.InsecureUnbound, p.Challenge = true, "c" },
	} {
		t.Run(name, func(t *testing.T) {
			p := policy(t, edKey(1).Public())
			spoil(&p)
			refused(t, signed, p, di.CheckPolicy)
			s, err := di.Parse(signed)
			if err != nil {
				t.Fatal(err)
			}
			if v, err := s.Verify(context.Background(), p); err == nil || v != nil {
				t.Error("a document that was read before verifies")
			}
		})
	}
}

// TestChecks: the report says what was left out.
func TestChecks(t *testing.T) {
	all := []string{
		di.CheckStructure, di.CheckCryptosuite, di.CheckPurpose, di.CheckValidity, di.CheckDomain, di.CheckChallenge, di.CheckChain,
		di.CheckContext, di.CheckSpelling, di.CheckMethod, di.CheckSignature, di.CheckRequired,
	}
	signed := []byte(sign(t, credentialText, di.Terms{Created: now}, "eddsa-rdfc-2022"))
	p := policy(t, edKey(1).Public())
	if r := verified(t, signed, p).Checks; !r.OK(all...) || len(r) != len(all) {
		t.Errorf("checks %s", r)
	}
	p.Controllers, p.InsecureAnyController, p.InsecureUnbound, p.InsecureAnySpelling = nil, true, true, true
	r := verified(t, signed, p).Checks
	for _, name := range []string{di.CheckDomain, di.CheckChallenge, di.CheckSpelling, di.CheckRequired} {
		if r.OK(name) {
			t.Errorf("%s passes, and was not made", name)
		}
	}
	if len(r) != len(all) || len(r.Failures()) > 0 {
		t.Errorf("checks %s", r)
	}
}

// TestPurposeAndTimes: Data Integrity 1.0, Section 4.4, step 5, and 2.1.
func TestPurposeAndTimes(t *testing.T) {
	signed := []byte(sign(t, credentialText, di.Terms{Created: now, Expires: now.Add(time.Hour)}))
	for name, c := range map[string]struct {
		change func(*di.Policy)
		check  string // empty if it verifies
	}{
		"as made":                {func(*di.Policy) {}, ""},
		"another purpose":        {func(p *di.Policy) { p.Purpose = did.Authentication }, di.CheckPurpose},
		"created in the future":  {func(p *di.Policy) { p.Now = now.Add(-time.Second) }, di.CheckValidity},
		"future within skew":     {func(p *di.Policy) { p.Now, p.Skew = now.Add(-time.Second), time.Second }, ""},
		"future beyond the skew": {func(p *di.Policy) { p.Now, p.Skew = now.Add(-2*time.Second), time.Second }, di.CheckValidity},
		"last second":            {func(p *di.Policy) { p.Now = now.Add(time.Hour - time.Second) }, ""},
		"expired":                {func(p *di.Policy) { p.Now = now.Add(time.Hour) }, di.CheckValidity},
		"expired within skew":    {func(p *di.Policy) { p.Now, p.Skew = now.Add(time.Hour), time.Second }, ""},
		"expired beyond skew":    {func(p *di.Policy) { p.Now, p.Skew = now.Add(time.Hour+time.Second), time.Second }, di.CheckValidity},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy(t, edKey(1).Public())
			c.change(&p)
			if c.check == "" {
				verified(t, signed, p)
			} else {
				refused(t, signed, p, c.check)
			}
		})
	}
}

// TestDomainAndChallenge: Data Integrity 1.0, Section 4.4, steps 6 and 7.
func TestDomainAndChallenge(t *testing.T) {
	a, b := "https://a.example", "https://b.example"
	for name, c := range map[string]struct {
		terms  di.Terms
		change func(*di.Policy)
		check  string
	}{
		"none":                     {di.Terms{}, func(*di.Policy) {}, ""},
		"one":                      {di.Terms{Domain: []string{a}}, func(p *di.Policy) { p.Domain = []string{a} }, ""},
		"two in another order":     {di.Terms{Domain: []string{a, b}}, func(p *di.Policy) { p.Domain = []string{b, a} }, ""},
		"missing":                  {di.Terms{}, func(p *di.Policy) { p.Domain = []string{a} }, di.CheckDomain},
		"another":                  {di.Terms{Domain: []string{b}}, func(p *di.Policy) { p.Domain = []string{a} }, di.CheckDomain},
		"one of two":               {di.Terms{Domain: []string{a}}, func(p *di.Policy) { p.Domain = []string{a, b} }, di.CheckDomain},
		"one more":                 {di.Terms{Domain: []string{a, b}}, func(p *di.Policy) { p.Domain = []string{a} }, di.CheckDomain},
		"nobody asked":             {di.Terms{Domain: []string{a}}, func(*di.Policy) {}, di.CheckDomain},
		"nobody looks":             {di.Terms{Domain: []string{a}, Challenge: "c"}, func(p *di.Policy) { p.InsecureUnbound = true }, ""},
		"challenge":                {di.Terms{Challenge: "c"}, func(p *di.Policy) { p.Challenge = "c" }, ""},
		"challenge missing":        {di.Terms{}, func(p *di.Policy) { p.Challenge = "c" }, di.CheckChallenge},
		"another challenge":        {di.Terms{Challenge: "C"}, func(p *di.Policy) { p.Challenge = "c" }, di.CheckChallenge},
		"challenge nobody asked":   {di.Terms{Challenge: "c"}, func(*di.Policy) {}, di.CheckChallenge},
		"domain good, no exchange": {di.Terms{Domain: []string{a}}, func(p *di.Policy) { p.Domain, p.Challenge = []string{a}, "c" }, di.CheckChallenge},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy(t, edKey(1).Public())
			c.change(&p)
			signed := []byte(sign(t, credentialText, c.terms))
			if c.check == "" {
				verified(t, signed, p)
			} else {
				refused(t, signed, p, c.check)
			}
		})
	}
	signed := sign(t, credentialText, di.Terms{Created: now})
	refused(t, change(t, signed, `"proofPurpose"`, `"challenge":"","proofPurpose"`), policy(t, edKey(1).Public()), di.CheckChallenge)
}

// documents is a Resolver of one document.
type documents struct {
	document *did.Document
	err      error
}

func (d documents) Resolve(context.Context, string) (*did.Document, error) { return d.document, d.err }

// TestVerificationMethod: Controlled Identifiers 1.0, Sections 3.3 and 2.2.
func TestVerificationMethod(t *testing.T) {
	signed := sign(t, credentialText, di.Terms{Created: now})
	id, method := didKey(t, edKey(1).Public())
	other, otherMethod := didKey(t, edKey(2).Public())
	p256, err := did.EncodeMultikey(ecKey(t, elliptic.P256(), 7).Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*did.Document, *did.VerificationMethod){
		"document of another":        func(d *did.Document, _ *did.VerificationMethod) { d.ID = other },
		"another id":                 func(_ *did.Document, m *did.VerificationMethod) { m.ID = otherMethod },
		"another controller":         func(_ *did.Document, m *did.VerificationMethod) { m.Controller = other },
		"not for assertions":         func(d *did.Document, _ *did.VerificationMethod) { d.AssertionMethod = nil },
		"listed under another":       func(d *did.Document, _ *did.VerificationMethod) { d.AssertionMethod[0].ID = otherMethod },
		"revoked":                    func(_ *did.Document, m *did.VerificationMethod) { m.Revoked = now },
		"expired":                    func(_ *did.Document, m *did.VerificationMethod) { m.Expires = now },
		"a key of another algorithm": func(_ *did.Document, m *did.VerificationMethod) { m.PublicKeyMultibase = p256 },
		"no key":                     func(_ *did.Document, m *did.VerificationMethod) { m.PublicKeyMultibase = "" },
		"unknown type":               func(_ *did.Document, m *did.VerificationMethod) { m.Type = "Anything" },
	} {
		t.Run(name, func(t *testing.T) {
			d, err := did.KeyMethod{}.Resolve(context.Background(), id)
			if err != nil {
				t.Fatal(err)
			}
			p := policy(t, edKey(1).Public())
			p.Resolver = documents{document: d}
			verified(t, []byte(signed), p)
			spoil(d, &d.VerificationMethod[0])
			refused(t, []byte(signed), p, di.CheckMethod)
		})
	}
	t.Run("of the purpose", func(t *testing.T) {
		tmpl := template(t, published, "eddsa-jcs-2022", edKey(1), func(o *di.Options) { o.Purpose = did.Authentication })
		signed, err := tmpl.Add([]byte(credentialText), di.Terms{Created: now})
		if err != nil {
			t.Fatal(err)
		}
		d, err := did.KeyMethod{}.Resolve(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		p := policy(t, edKey(1).Public())
		p.Resolver, p.Purpose = documents{document: d}, did.Authentication
		verified(t, signed, p)
		d.Authentication = nil // it still serves assertions
		refused(t, signed, p, di.CheckMethod)
	})
	t.Run("key of somebody else", func(t *testing.T) {
		d, err := did.KeyMethod{}.Resolve(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		d.VerificationMethod[0].PublicKeyMultibase = strings.TrimPrefix(other, "did:key:")
		p := policy(t, edKey(1).Public())
		p.Resolver = documents{document: d}
		refused(t, []byte(signed), p, di.CheckSignature)
	})
	p := policy(t, edKey(1).Public())
	for name, by := range map[string]string{
		"no fragment": id, "empty fragment": id + "#", "no document": "#" + method, "another fragment": id + "#key-1",
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, change(t, signed, `"`+method+`"`, `"`+by+`"`), p, di.CheckMethod)
		})
	}
	for name, r := range map[string]documents{"unreachable": {nil, errors.New("no answer")}, "nothing found": {}} {
		t.Run(name, func(t *testing.T) {
			p.Resolver = r
			refused(t, []byte(signed), p, di.CheckMethod)
		})
	}
}

// TestProofValue: base58btc with its prefix, the length of the curve, r and s and
// not DER (Data Integrity ECDSA Cryptosuites 1.0, Section 3.2).
func TestProofValue(t *testing.T) {
	for name, k := range kinds(t) {
		signed, err := template(t, published, k.suite, k.key).Add([]byte(credentialText), di.Terms{Created: now})
		if err != nil {
			t.Fatal(err)
		}
		s, err := di.Parse(signed)
		if err != nil {
			t.Fatal(err)
		}
		value := s.Proofs()[0].Value
		raw, err := di.MultibaseBase58(value)
		if err != nil {
			t.Fatal(err)
		}
		wrong := map[string]struct{ value, check string }{
			"another base":       {di.EncodeBase64(raw), di.CheckProofValue},
			"no prefix":          {value[1:], di.CheckProofValue},
			"prefix only":        {"z", di.CheckProofValue},
			"not base58":         {value[:len(value)-1] + "0", di.CheckProofValue},
			"a space":            {value + " ", di.CheckProofValue},
			"one byte too few":   {di.EncodeBase58(raw[1:]), di.CheckProofValue},
			"one byte more":      {di.EncodeBase58(append([]byte{0}, raw...)), di.CheckProofValue},
			"hundreds of bytes":  {"z" + strings.Repeat("1", 300), di.CheckProofValue},
			"zeros":              {di.EncodeBase58(make([]byte, len(raw))), di.CheckSignature},
			"another signature":  {di.EncodeBase58(append(raw[:1:1], append([]byte{raw[1] ^ 1}, raw[2:]...)...)), di.CheckSignature},
			"of the other curve": {di.EncodeBase58(make([]byte, 160-len(raw))), di.CheckProofValue},
		}
		if key, ok := k.key.(*ecdsa.PrivateKey); ok {
			der, err := ecdsa.SignASN1(rand.Reader, key, make([]byte, 32))
			if err != nil {
				t.Fatal(err)
			}
			wrong["DER"] = struct{ value, check string }{di.EncodeBase58(der), di.CheckProofValue}
		}
		for what, w := range wrong {
			t.Run(name+"/"+what, func(t *testing.T) {
				refused(t, change(t, string(signed), `"`+value+`"`, `"`+w.value+`"`), policy(t, k.key.Public()), w.check)
			})
		}
	}
}

// TestKeyDecides: a suite takes the keys of its algorithm only, when signing and
// when verifying, and the hash is the key's.
func TestKeyDecides(t *testing.T) {
	keys := map[string]crypto.Signer{"Ed25519": edKey(1), "P256": ecKey(t, elliptic.P256(), 7), "P384": ecKey(t, elliptic.P384(), 7), "P521": ecKey(t, elliptic.P521(), 7)}
	for name, fits := range map[string]string{"eddsa-rdfc-2022": "Ed25519", "eddsa-jcs-2022": "Ed25519", "ecdsa-rdfc-2019": "P256 P384", "ecdsa-jcs-2019": "P256 P384"} {
		for kind, key := range keys {
			err := func() error {
				switch name {
				case "eddsa-rdfc-2022":
					_, err := di.NewEdDSARDFC2022(published, key)
					return err
				case "ecdsa-rdfc-2019":
					_, err := di.NewECDSARDFC2019(published, key)
					return err
				case "eddsa-jcs-2022":
					_, err := di.NewEdDSAJCS2022(key)
					return err
				default:
					_, err := di.NewECDSAJCS2019(key)
					return err
				}
			}()
			if ok := strings.Contains(fits, kind); ok != (err == nil) {
				t.Errorf("%s signs with %s: %v", name, kind, err)
			}
			multikey, err := did.EncodeMultikey(key.Public())
			if err != nil {
				continue // no Multikey for P-521
			}
			_, err = suite(t, published, name).Key(&did.VerificationMethod{Type: did.TypeMultikey, PublicKeyMultibase: multikey})
			if ok := strings.Contains(fits, kind); ok != (err == nil) {
				t.Errorf("%s verifies with %s: %v", name, kind, err)
			}
		}
	}
	// A P-384 signature over SHA-256 hashes, as a proof that chose its own hash would
	// have it, is none.
	p384 := ecKey(t, elliptic.P384(), 7)
	signed, err := template(t, published, "ecdsa-jcs-2019", p384).Add([]byte(credentialText), di.Terms{Created: now})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := di.Parse(signed)
	in, err := s.Input(s.Proofs()[0])
	if err != nil {
		t.Fatal(err)
	}
	_, _, data, err := di.HashData(di.ECDSAJCS2019(), in, p384.Public())
	if err != nil || len(data) != 96 {
		t.Errorf("%d bytes are signed, expected two of SHA-384: %v", len(data), err)
	}
}

// TestTampering changes each byte of a document: it does not verify, or says the
// same.
func TestTampering(t *testing.T) {
	for name, k := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			signed, err := template(t, published, k.suite, k.key).Add([]byte(credentialText), di.Terms{Created: now})
			if err != nil {
				t.Fatal(err)
			}
			p := policy(t, k.key.Public())
			want, err := jcs.Transform(verified(t, signed, p).Document)
			if err != nil {
				t.Fatal(err)
			}
			for i := range signed {
				for _, by := range []byte{signed[i] ^ 1, ' '} {
					if by == signed[i] {
						continue
					}
					bad := append([]byte(nil), signed...)
					bad[i] = by
					v, err := di.Verify(context.Background(), bad, p)
					if err != nil {
						if v != nil {
							t.Fatal("a refusal with a result")
						}
						continue
					}
					if got, err := jcs.Transform(v.Document); err != nil || string(got) != string(want) {
						t.Fatalf("byte %d: %q became %q and verifies as %s", i, signed[i], by, got)
					}
				}
			}
		})
	}
}
