package vcjose_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// party is a key with its did:jwk.
type party struct {
	key crypto.Signer
	id  string
	kid string
}

func newParty(t testing.TB) party {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return partyOf(t, key)
}

// fixedParty is the same in every process, as the workers of a fuzzer need it.
func fixedParty(t testing.TB, n byte) party {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return partyOf(t, key)
}

func partyOf(t testing.TB, key crypto.Signer) party {
	t.Helper()
	id, err := did.DIDJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return party{key, id, id + "#0"}
}

func (p party) signer(t testing.TB) *vcjose.KeySigner {
	t.Helper()
	s, err := vcjose.NewKeySigner(p.key, p.kid)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func resolve(id string) (*did.Document, error) {
	return did.JWKMethod{}.Resolve(context.Background(), id)
}

func policy() vcjose.Policy {
	return vcjose.Policy{Now: now, IssuerKey: vcjose.FromDocument(resolve, did.AssertionMethod, now)}
}

func document(issuer, subject string) string {
	return `{"@context":["https://www.w3.org/ns/credentials/v2"],"type":["VerifiableCredential"],"issuer":"` + issuer +
		`","validFrom":"2026-01-01T00:00:00Z","validUntil":"2027-01-01T00:00:00Z","credentialStatus":{"type":"X","statusListIndex":"7"},"credentialSubject":{"id":"` + subject + `","name":"SECRET","level":6}}`
}

func issued(t testing.TB, i, h party) string {
	t.Helper()
	d, err := vcjose.Prepare(vcjose.Credential{Document: []byte(document(i.id, h.id)), IssuedAt: now, Expires: now.AddDate(0, 3, 0)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.Seal(i.signer(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Seal(i.signer(t)); !errors.Is(err, vcjose.ErrSealed) {
		t.Errorf("sealed twice: %v", err)
	}
	return text
}

// signed is a token with any header and payload.
func signed(t testing.TB, p party, header map[string]any, payload string) string {
	t.Helper()
	text, err := jose.SignCompact(p.key, header, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func wantCheck(t *testing.T, err error, check string) {
	t.Helper()
	var e *vcjose.Error
	var sd *sdjwt.Error
	switch {
	case errors.As(err, &e) && e.Check == check, errors.As(err, &sd) && sd.Check == check:
	default:
		t.Errorf("got %v, want check %s", err, check)
	}
	if err != nil && strings.Contains(err.Error(), "SECRET") {
		t.Errorf("the error repeats a value: %v", err)
	}
}

func TestCredential(t *testing.T) {
	i, h := newParty(t), newParty(t)
	v, err := vcjose.VerifyCredential(issued(t, i, h), policy())
	if err != nil {
		t.Fatal(err)
	}
	head := v.IssuerToken.Header
	if head.Typ != "vc+jwt" || head.Cty != "vc" || head.Kid != i.kid || v.Issuer != i.id || !v.Expires.Equal(now.AddDate(0, 3, 0)) || len(v.Status) != 1 || !v.Checks.OK(credential.CheckIssuerSignature, credential.CheckValidity, credential.CheckType, credential.CheckStructure) {
		t.Errorf("%+v", v)
	}
}

// Section 3.1.1 and 4: what a verifier refuses in a vc+jwt.
func TestCredentialRefused(t *testing.T) {
	i, h, other := newParty(t), newParty(t), newParty(t)
	doc := document(i.id, h.id)
	member := func(m string) string { return strings.Replace(doc, "{", "{"+m+",", 1) }
	head := func(change ...any) map[string]any {
		m := map[string]any{"alg": "ES256", "typ": "vc+jwt", "cty": "vc", "kid": i.kid}
		for n := 0; n < len(change); n += 2 {
			if m[change[n].(string)] = change[n+1]; change[n+1] == nil {
				delete(m, change[n].(string))
			}
		}
		return m
	}
	good := issued(t, i, h)
	none := jose.Encode([]byte(`{"alg":"none","typ":"vc+jwt"}`)) + "." + jose.Encode([]byte(doc)) + "."
	web := strings.Replace(doc, i.id, "https://issuer.example", 1)
	for name, c := range map[string]struct{ text, check string }{
		"good":                          {signed(t, i, head(), doc), ""},
		"without cty":                   {signed(t, i, head("cty", nil), doc), ""},
		"iss equal":                     {signed(t, i, head(), member(`"iss":"`+i.id+`"`)), ""},
		"unknown claims":                {signed(t, i, head(), member(`"x":1`)), ""},
		"alg none":                      {none, credential.CheckIssuerSignature},
		"typ missing":                   {signed(t, i, head("typ", nil), doc), credential.CheckType},
		"typ JWT":                       {signed(t, i, head("typ", "JWT"), doc), credential.CheckType},
		"typ dc+sd-jwt":                 {signed(t, i, head("typ", "dc+sd-jwt"), doc), credential.CheckType},
		"typ vc+sd-jwt":                 {signed(t, i, head("typ", "vc+sd-jwt"), doc), credential.CheckType},
		"typ vp+jwt":                    {signed(t, i, head("typ", "vp+jwt"), doc), credential.CheckType},
		"cty vp":                        {signed(t, i, head("cty", "vp"), doc), credential.CheckType},
		"crit":                          {signed(t, i, head("crit", []string{"x"}, "x", 1), doc), credential.CheckIssuerSignature},
		"vc claim":                      {signed(t, i, head(), member(`"vc":{}`)), credential.CheckStructure},
		"vp claim":                      {signed(t, i, head(), member(`"vp":null`)), credential.CheckStructure},
		"iss other":                     {signed(t, i, head(), member(`"iss":"did:example:SECRET"`)), credential.CheckIssuerTrust},
		"kid missing":                   {signed(t, i, head("kid", nil), doc), credential.CheckIssuerTrust},
		"kid relative":                  {signed(t, i, head("kid", "#0"), doc), credential.CheckIssuerTrust},
		"kid without fragment":          {signed(t, i, head("kid", i.id), doc), credential.CheckIssuerTrust},
		"kid of another":                {signed(t, other, head("kid", other.kid), doc), credential.CheckIssuerTrust},
		"kid unknown":                   {signed(t, i, head("kid", i.id+"#1"), doc), credential.CheckIssuerTrust},
		"URL issuer, no kid":            {signed(t, i, head("kid", nil), web), credential.CheckIssuerTrust},
		"x5c does not help":             {signed(t, i, head("kid", nil, "x5c", []string{"AAAA"}), doc), credential.CheckIssuerTrust},
		"signed by another":             {signed(t, other, head(), doc), credential.CheckIssuerSignature},
		"signature changed":             {good[:len(good)-8] + "AAAAAAAA", credential.CheckIssuerSignature},
		"exp":                           {signed(t, i, head(), member(`"exp":1772366400`)), credential.CheckValidity},
		"nbf":                           {signed(t, i, head(), member(`"nbf":1772366401`)), credential.CheckValidity},
		"iat":                           {signed(t, i, head(), member(`"iat":1772366401`)), credential.CheckValidity},
		"exp a string":                  {signed(t, i, head(), member(`"exp":"1"`)), credential.CheckStructure},
		"aud":                           {signed(t, i, head(), member(`"aud":"x"`)), credential.CheckReplay},
		"nonce":                         {signed(t, i, head(), member(`"nonce":"x"`)), credential.CheckReplay},
		"validUntil":                    {signed(t, i, head(), strings.Replace(doc, "2027-01-01", "2026-02-01", 1)), credential.CheckValidity},
		"validFrom":                     {signed(t, i, head(), strings.Replace(doc, "2026-01-01", "2026-04-01", 1)), credential.CheckValidity},
		"not conforming":                {signed(t, i, head(), strings.Replace(doc, `"credentialSubject"`, `"subject"`, 1)), credential.CheckStructure},
		"version 1.1":                   {signed(t, i, head(), strings.Replace(doc, "/ns/credentials/v2", "/2018/credentials/v1", 1)), credential.CheckStructure},
		"duplicate":                     {signed(t, i, head(), member(`"issuer":"did:example:x"`)), credential.CheckStructure},
		"cnf without jwk":               {signed(t, i, head(), member(`"cnf":{"kid":"x"}`)), credential.CheckHolderBinding},
		"cnf with private key":          {signed(t, i, head(), member(`"cnf":{"jwk":{"kty":"oct","k":"SECRET"}}`)), credential.CheckHolderBinding},
		"no token":                      {"SECRET", credential.CheckStructure},
		"an SD-JWT":                     {good + "~", credential.CheckStructure},
		"signature of the wrong length": {good + "AAAA", credential.CheckIssuerSignature},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := vcjose.VerifyCredential(c.text, policy())
			if c.check == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantCheck(t, err, c.check)
			if v != nil {
				t.Error("a refused credential is returned")
			}
		})
	}
	p := policy()
	p.RequireExp = true
	_, err := vcjose.VerifyCredential(signed(t, i, head(), doc), p)
	wantCheck(t, err, credential.CheckValidity)
	p = policy()
	p.Algs = []jose.Alg{jose.EdDSA}
	_, err = vcjose.VerifyCredential(good, p)
	wantCheck(t, err, credential.CheckIssuerSignature)
	for _, p := range []vcjose.Policy{{}, {Now: now}, {IssuerKey: policy().IssuerKey}} {
		_, err = vcjose.VerifyCredential(good, p)
		wantCheck(t, err, credential.CheckPolicy)
	}
	// A key meant for other uses does not issue.
	p = policy()
	p.IssuerKey = vcjose.FromDocument(func(string) (*did.Document, error) { return resolve(other.id) }, did.AssertionMethod, now)
	_, err = vcjose.VerifyCredential(good, p)
	wantCheck(t, err, credential.CheckIssuerTrust)
}

// What kid must be does not hang on a policy that looks at it.
func TestKidIsCheckedForEveryPolicy(t *testing.T) {
	i, h, other := newParty(t), newParty(t), newParty(t)
	p := policy()
	p.IssuerKey = func(*jose.Token, string) (crypto.PublicKey, error) { return i.key.Public(), nil }
	web := strings.Replace(document(i.id, h.id), i.id, "https://issuer.example", 1)
	for _, c := range []struct {
		kid, doc string
		ok       bool
	}{
		{i.kid, document(i.id, h.id), true},
		{"", document(i.id, h.id), false},
		{"#0", document(i.id, h.id), false},
		{i.id, document(i.id, h.id), false},
		{other.kid, document(i.id, h.id), false},
		{"https://issuer.example/keys#1", web, true},
		{"key-1", web, false},
		{"key-1", strings.Replace(web, "{", `{"iss":"https://issuer.example",`, 1), true},
		{"key-1", strings.Replace(web, "{", `{"iss":"https://other.example",`, 1), false},
	} {
		for _, typ := range []string{"vc+jwt", "vc+sd-jwt"} {
			head := map[string]any{"alg": "ES256", "typ": typ, "kid": c.kid}
			var err error
			if text := signed(t, i, head, c.doc); typ == "vc+jwt" {
				_, err = vcjose.VerifyCredential(text, p)
			} else {
				_, _, err = vcjose.VerifySDJWT(text+"~", p, nil)
			}
			if c.ok && err != nil {
				t.Errorf("%s, kid %s: %v", typ, c.kid, err)
			} else if !c.ok {
				wantCheck(t, err, credential.CheckIssuerTrust)
			}
		}
	}
	p.IssuerKey = vcjose.FromDocument(func(string) (*did.Document, error) { return nil, nil }, did.AssertionMethod, now)
	_, err := vcjose.VerifyCredential(issued(t, i, h), p)
	wantCheck(t, err, credential.CheckIssuerTrust)
}

// A document is signed as it was written, and stays the caller's.
func TestDocumentIsKept(t *testing.T) {
	i, h := newParty(t), newParty(t)
	doc := []byte("\n" + strings.ReplaceAll(document(i.id, h.id), `,"`, ",\n \"") + "\n")
	before := string(doc)
	d, err := vcjose.Prepare(vcjose.Credential{Document: doc, IssuedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.Seal(i.signer(t))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := vcjose.VerifyCredential(text, policy()); err != nil || string(doc) != before || !strings.HasSuffix(string(v.Raw), strings.TrimSpace(before)[1:]) {
		t.Errorf("%v", err)
	}
}

func TestPrepareRefused(t *testing.T) {
	i, h := newParty(t), newParty(t)
	doc := document(i.id, h.id)
	for name, c := range map[string]vcjose.Credential{
		"not conforming":  {Document: []byte(strings.Replace(doc, `"issuer"`, `"x"`, 1)), IssuedAt: now},
		"no zone":         {Document: []byte(strings.Replace(doc, `:00Z`, `:00`, 1)), IssuedAt: now},
		"exp in document": {Document: []byte(strings.Replace(doc, "{", `{"exp":1,`, 1)), IssuedAt: now},
		"escaped exp":     {Document: []byte(strings.Replace(doc, "{", `{"e\u0078p":1,`, 1)), IssuedAt: now},
		"vc":              {Document: []byte(strings.Replace(doc, "{", `{"vc":{},`, 1)), IssuedAt: now},
		"proof":           {Document: []byte(strings.Replace(doc, "{", `{"proof":{"type":"X"},`, 1)), IssuedAt: now},
		"no time":         {Document: []byte(doc)},
		"fraction":        {Document: []byte(doc), IssuedAt: now.Add(1)},
		"exp before iat":  {Document: []byte(doc), IssuedAt: now, Expires: now},
		"private key":     {Document: []byte(doc), IssuedAt: now, Holder: jose.JWK{Kty: "oct", K: "SECRET"}},
	} {
		if d, err := vcjose.Prepare(c); err == nil || d != nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "vc", "vp", "_sd", "nonce", "vct", "proof"} {
		for _, escaped := range []string{name, fmt.Sprintf(`\u%04x`, name[0]) + name[1:]} {
			d, err := vcjose.Prepare(vcjose.Credential{Document: []byte(strings.Replace(doc, "{", `{"`+escaped+`":{"type":"X"},`, 1)), IssuedAt: now})
			if err == nil || d != nil {
				t.Errorf("a document with %s is signed", escaped)
			}
		}
		inside := strings.Replace(doc, `"level"`, `"x":{"`+name+`":1},"level"`, 1)
		if _, err := vcjose.Prepare(vcjose.Credential{Document: []byte(inside), IssuedAt: now}); err != nil {
			t.Errorf("%s below the top level: %v", name, err)
		}
	}
	d, err := vcjose.Prepare(vcjose.Credential{Document: []byte(doc), IssuedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Seal(h.signer(t))
	wantCheck(t, err, credential.CheckSeal)
	for _, kid := range []string{"", "#0", i.id, "key-1"} {
		if _, err := vcjose.NewKeySigner(i.key, kid); err == nil {
			t.Errorf("kid %q", kid)
		}
	}
}

// sealer is a JAdES sealer whose certificate names the issuer.
func sealer(t testing.TB) *seal.Sealer {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "seal"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter, KeyUsage: x509.KeyUsageContentCommitment, DNSNames: []string{"issuer.example"}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), rootKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	s, err := seal.NewSealer(key, []*x509.Certificate{cert}, seal.Options{X5U: "https://issuer.example/seal.pem", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The header of a seal is that of JAdES B-B, and the certificate names the
// issuer.
func TestSeal(t *testing.T) {
	s, h := sealer(t), newParty(t)
	doc := []byte(document("https://issuer.example", h.id))
	jwk := holderJWK(t, h)
	d, err := vcjose.Prepare(vcjose.Credential{Document: doc, IssuedAt: now, Holder: jwk})
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.Seal(s)
	if err != nil {
		t.Fatal(err)
	}
	p := vcjose.Policy{Now: now, IssuerKey: func(_ *jose.Token, issuer string) (crypto.PublicKey, error) {
		return s.Certificate().PublicKey, seal.CertifiesIssuer(s.Certificate(), issuer)
	}}
	v, err := vcjose.VerifyCredential(text, p)
	if err != nil {
		t.Fatal(err)
	}
	var head map[string]any
	if err := json.Unmarshal(v.IssuerToken.RawHeader, &head); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alg", "typ", "cty", "iat", "x5t#S256", "x5u", "x5c"} {
		if head[name] == nil {
			t.Errorf("header has no %s", name)
		}
	}
	if len(head) != 7 || v.HolderKey == nil || v.Holder.Kid != "" {
		t.Errorf("header %v, holder %+v", head, v.Holder)
	}
	sd, err := vcjose.PrepareSDJWT(vcjose.Credential{Document: doc, IssuedAt: now}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err = sd.Seal(s); err != nil {
		t.Fatal(err)
	}
	if v, _, err = vcjose.VerifySDJWT(text, p, nil); err != nil || v.IssuerToken.Header.Cty != "vc" {
		t.Errorf("%v", err)
	}
}

func holderJWK(t testing.TB, h party) jose.JWK {
	t.Helper()
	k, _, err := did.ParseDIDJWK(h.id)
	if err != nil {
		t.Fatal(err)
	}
	k.Kid = "linkable"
	return k
}

func presentation(i, h party, texts ...string) vcjose.Presentation {
	return vcjose.Presentation{Holder: h.id, Credentials: texts, Nonce: "n-0S6", Audience: "x509_hash:verifier", IssuedAt: now, Expires: now.Add(time.Minute)}
}

func presentationPolicy() vcjose.PresentationPolicy {
	return vcjose.PresentationPolicy{Credentials: policy(), Nonce: "n-0S6", Audience: "x509_hash:verifier", HolderKey: vcjose.FromDocument(resolve, did.Authentication, now)}
}

func TestPresentation(t *testing.T) {
	i, h := newParty(t), newParty(t)
	sd := sdIssued(t, i, h, credential.Path{"credentialSubject", "name"})
	text, err := vcjose.Present(presentation(i, h, issued(t, i, h), sd), h.signer(t))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vcjose.VerifyPresentation(text, presentationPolicy())
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Verified) != 2 || v.Verified[0].Issuer != i.id || v.Token.Header.Typ != "vp+jwt" || v.Token.Header.Cty != "vp" || !v.Checks.OK(credential.CheckReplay, credential.CheckHolderBinding) {
		t.Errorf("%+v", v)
	}
}

func TestPresentationRefused(t *testing.T) {
	i, h, thief := newParty(t), newParty(t), newParty(t)
	vc := issued(t, i, h)
	text, err := vcjose.Present(presentation(i, h, vc), h.signer(t))
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := vcjose.Present(presentation(i, thief, vc), thief.signer(t))
	if err != nil {
		t.Fatal(err)
	}
	expired := strings.Replace(vc, ".", "x.", 1)
	bad, err := vcjose.Present(presentation(i, h, expired), h.signer(t))
	if err != nil {
		t.Fatal(err)
	}
	tok, _ := jose.Parse(text)
	payload := string(tok.Payload)
	head := map[string]any{"alg": "ES256", "typ": "vp+jwt", "kid": h.kid}
	replace := func(old, new string) string {
		if !strings.Contains(payload, old) {
			t.Fatalf("no %s", old)
		}
		return signed(t, h, head, strings.Replace(payload, old, new, 1))
	}
	embedded := document(i.id, h.id)
	embedded = strings.Replace(embedded, "{", `{"proof":{"type":"DataIntegrityProof"},`, 1)
	for name, c := range map[string]struct{ text, check string }{
		"good":                 {text, ""},
		"aud in a list":        {replace(`"aud":"x509_hash:verifier"`, `"aud":["a","x509_hash:verifier"]`), ""},
		"nonce":                {replace(`"nonce":"n-0S6"`, `"nonce":"other"`), credential.CheckReplay},
		"nonce missing":        {replace(`"nonce"`, `"n"`), credential.CheckReplay},
		"aud":                  {replace("x509_hash:verifier", "x509_hash:other"), credential.CheckReplay},
		"aud missing":          {replace(`"aud"`, `"a"`), credential.CheckReplay},
		"aud a number":         {replace(`"aud":"x509_hash:verifier"`, `"aud":7`), credential.CheckReplay},
		"old":                  {replace(`"iat":1772366400`, `"iat":1772366099`), credential.CheckReplay},
		"expired":              {replace(`"exp":1772366460`, `"exp":1772366400`), credential.CheckValidity},
		"no time":              {signed(t, h, head, strings.NewReplacer(`"iat"`, `"i"`, `"exp"`, `"e"`).Replace(payload)), credential.CheckReplay},
		"holder missing":       {replace(`"holder"`, `"h"`), credential.CheckHolderBinding},
		"holder other":         {replace(`"holder":"`+h.id, `"holder":"`+thief.id), credential.CheckIssuerTrust},
		"stolen":               {stolen, credential.CheckHolderBinding},
		"signed by another":    {signed(t, thief, head, payload), credential.CheckHolderBinding},
		"a credential":         {vc, credential.CheckType},
		"a bad credential":     {bad, credential.CheckStructure},
		"embedded proof":       {replace(`"verifiableCredential":[`, `"verifiableCredential":[`+embedded+`,`), credential.CheckIssuerSignature},
		"vp claim":             {replace(`{`, `{"vp":{},`), credential.CheckStructure},
		"credential as string": {replace(`"verifiableCredential":[`, `"verifiableCredential":["x",`), credential.CheckStructure},
		"other media type":     {replace(`application/vc+jwt`, `application/vc+cose`), credential.CheckType},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := vcjose.VerifyPresentation(c.text, presentationPolicy())
			if c.check == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantCheck(t, err, c.check)
			if v != nil {
				t.Error("a refused presentation is returned")
			}
		})
	}
	p := presentationPolicy()
	p.AllowOtherSubject = true
	if _, err := vcjose.VerifyPresentation(stolen, p); err != nil {
		t.Error(err)
	}
	for _, change := range []func(*vcjose.PresentationPolicy){
		func(p *vcjose.PresentationPolicy) { p.Nonce = "" },
		func(p *vcjose.PresentationPolicy) { p.Audience = "" },
		func(p *vcjose.PresentationPolicy) { p.HolderKey = nil },
		func(p *vcjose.PresentationPolicy) { p.Credentials.IssuerKey = nil },
	} {
		p := presentationPolicy()
		change(&p)
		_, err := vcjose.VerifyPresentation(text, p)
		wantCheck(t, err, credential.CheckPolicy)
	}
	// What a holder does not get to sign.
	for _, change := range []func(*vcjose.Presentation){
		func(p *vcjose.Presentation) { p.Nonce = "" },
		func(p *vcjose.Presentation) { p.Audience = "" },
		func(p *vcjose.Presentation) { p.Expires = now },
		func(p *vcjose.Presentation) { p.Holder = thief.id },
	} {
		p := presentation(i, h, vc)
		change(&p)
		if text, err := vcjose.Present(p, h.signer(t)); err == nil || text != "" {
			t.Errorf("signed %+v", p)
		}
	}
}

// A credential bound by cnf is presented with that key only, whatever its
// subject is called.
func TestConfirmationKeyDecides(t *testing.T) {
	i, h, other := newParty(t), newParty(t), newParty(t)
	d, err := vcjose.Prepare(vcjose.Credential{Document: []byte(document(i.id, h.id)), IssuedAt: now, Holder: holderJWK(t, other)})
	if err != nil {
		t.Fatal(err)
	}
	vc, err := d.Seal(i.signer(t))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := vcjose.Present(presentation(i, h, vc), h.signer(t))
	_, err = vcjose.VerifyPresentation(text, presentationPolicy())
	wantCheck(t, err, credential.CheckHolderBinding)
	text, _ = vcjose.Present(presentation(i, other, vc), other.signer(t))
	if _, err = vcjose.VerifyPresentation(text, presentationPolicy()); err != nil {
		t.Error(err)
	}
}

func sdIssued(t testing.TB, i, h party, paths ...credential.Path) string {
	t.Helper()
	d, err := vcjose.PrepareSDJWT(vcjose.Credential{Document: []byte(document(i.id, h.id)), IssuedAt: now, Holder: holderJWK(t, h)}, nil, paths...)
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.Seal(i.signer(t))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSDJWT(t *testing.T) {
	i, h := newParty(t), newParty(t)
	text := sdIssued(t, i, h, credential.Path{"credentialSubject", "name"}, credential.Path{"credentialSubject", "level"})
	s, err := sdjwt.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	sel, err := s.Disclose([]sdjwt.Path{{"credentialSubject", "level"}})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := s.Present(sel, &sdjwt.KeyBinding{Signer: h.key, Nonce: "n", Audience: "v", IssuedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	v, sd, err := vcjose.VerifySDJWT(shown, policy(), &vcjose.KeyBinding{Nonce: "n", Audience: "v"})
	if err != nil {
		t.Fatal(err)
	}
	if v.Issuer != i.id || string(v.Subjects[0].Raw) != `{"id":"`+h.id+`","level":6}` || sd.KeyBinding == nil || v.IssuerToken.Header.Typ != "vc+sd-jwt" {
		t.Errorf("%s", v.Raw)
	}
	for name, c := range map[string]struct {
		text  string
		kb    *vcjose.KeyBinding
		check string
	}{
		"no key binding":     {text, &vcjose.KeyBinding{Nonce: "n", Audience: "v"}, credential.CheckHolderBinding},
		"key binding":        {shown, nil, credential.CheckHolderBinding},
		"nonce":              {shown, &vcjose.KeyBinding{Nonce: "m", Audience: "v"}, credential.CheckReplay},
		"no tilde":           {strings.TrimSuffix(text[:strings.IndexByte(text, '~')], "~"), nil, credential.CheckStructure},
		"vct":                {signed(t, i, map[string]any{"alg": "ES256", "typ": "vc+sd-jwt", "kid": i.kid}, strings.Replace(document(i.id, h.id), "{", `{"vct":"urn:x",`, 1)) + "~", nil, credential.CheckType},
		"dc+sd-jwt":          {signed(t, i, map[string]any{"alg": "ES256", "typ": "dc+sd-jwt", "kid": i.kid}, document(i.id, h.id)) + "~", nil, credential.CheckType},
		"vc+jwt":             {issued(t, i, h) + "~", nil, credential.CheckType},
		"kid missing":        {signed(t, i, map[string]any{"alg": "ES256", "typ": "vc+sd-jwt"}, document(i.id, h.id)) + "~", nil, credential.CheckIssuerTrust},
		"vc claim":           {signed(t, i, map[string]any{"alg": "ES256", "typ": "vc+sd-jwt", "kid": i.kid}, strings.Replace(document(i.id, h.id), "{", `{"vc":{},`, 1)) + "~", nil, credential.CheckStructure},
		"validUntil":         {signed(t, i, map[string]any{"alg": "ES256", "typ": "vc+sd-jwt", "kid": i.kid}, strings.Replace(document(i.id, h.id), "2027-01", "2026-02", 1)) + "~", nil, credential.CheckValidity},
		"status disclosable": {hidden(t, i, h), nil, credential.CheckStructure},
	} {
		t.Run(name, func(t *testing.T) {
			v, sd, err := vcjose.VerifySDJWT(c.text, policy(), c.kb)
			wantCheck(t, err, c.check)
			if v != nil || sd != nil {
				t.Error("a refused credential is returned")
			}
		})
	}
}

// hidden is a credential whose status index only a disclosure shows.
func hidden(t testing.TB, i, h party) string {
	disclosure := jose.Encode([]byte(`["c2FsdHNhbHRzYWx0c2FsdA","statusListIndex","7"]`))
	sum := sha256.Sum256([]byte(disclosure))
	doc := strings.Replace(document(i.id, h.id), `"statusListIndex":"7"`, `"_sd":["`+jose.Encode(sum[:])+`"]`, 1)
	return signed(t, i, map[string]any{"alg": "ES256", "typ": "vc+sd-jwt", "kid": i.kid}, doc) + "~" + disclosure + "~"
}

// Section 3.2.1: members that must always be visible.
func TestNotDisclosable(t *testing.T) {
	i, h := newParty(t), newParty(t)
	for _, p := range []credential.Path{{"@context"}, {"type", 0}, {"id"}, {"issuer"}, {"validFrom"}, {"validUntil"}, {"credentialStatus"}, {"credentialStatus", "type"}, {"credentialSchema"}, {"relatedResource"}, {"termsOfUse"}, {"credentialSubject"}, {"exp"}, {}} {
		if _, err := vcjose.PrepareSDJWT(vcjose.Credential{Document: []byte(document(i.id, h.id)), IssuedAt: now}, nil, p); err == nil {
			t.Errorf("%v is disclosable", p)
		}
	}
}

// The OpenID4VCI and OpenID4VP examples of jwt_vc_json are of version 1.1: they
// are refused for it, by name.
func TestOpenIDExamplesAreVersion1(t *testing.T) {
	var list []string
	for _, f := range [][2]string{{"openid4vci", "1.0/examples/credential_response_jwt_vc_json.txt"}, {"openid4vp", "1.0/examples/credentials/jwt_vc.json"}} {
		list = append(list, string(testvectors.File(t, f[0], f[1])))
	}
	from := strings.Index(list[0], "eyJ")
	if from < 0 {
		t.Fatal("no token in the example")
	}
	token := strings.Join(strings.Fields(list[0][from:from+strings.IndexByte(list[0][from:], '"')]), "")
	_, err := vcjose.VerifyCredential(token, policy())
	wantCheck(t, err, credential.CheckType)
	i := newParty(t)
	_, err = vcjose.VerifyCredential(signed(t, i, map[string]any{"alg": "ES256", "typ": "vc+jwt", "kid": i.kid}, list[1]), policy())
	wantCheck(t, err, credential.CheckStructure)
	if err == nil || !strings.Contains(err.Error(), "1.1") {
		t.Errorf("the version is not named: %v", err)
	}
}

func TestProblem(t *testing.T) {
	i, h := newParty(t), newParty(t)
	p := policy()
	p.Now = now.AddDate(5, 0, 0)
	head := map[string]any{"alg": "ES256", "typ": "vc+jwt", "kid": i.kid}
	_, expired := vcjose.VerifyCredential(signed(t, i, head, document(i.id, h.id)), p)
	_, form := vcjose.VerifyCredential("x", policy())
	_, value := vcjose.VerifyCredential(signed(t, i, head, `{}`), policy())
	_, sig := vcjose.VerifyCredential(signed(t, h, head, document(i.id, h.id)), policy())
	for n, c := range []struct {
		err  error
		want vcdm.Problem
	}{{expired, vcdm.RangeError}, {form, vcdm.ParsingError}, {value, vcdm.MalformedValueError}, {sig, vcdm.CryptographicSecurityError}} {
		if got := vcjose.Problem(c.err); got != c.want {
			t.Errorf("%d: %v is %s", n, c.err, got)
		}
	}
}

func FuzzVerify(f *testing.F) {
	i, h := fixedParty(f, 1), fixedParty(f, 2)
	vc := issued(f, i, h)
	f.Add(vc)
	f.Add(hidden(f, i, h))
	text, _ := vcjose.Present(presentation(i, h, vc), h.signer(f))
	f.Add(text)
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := vcjose.VerifyCredential(text, policy()); (v == nil) == (err == nil) {
			t.Fatal(err)
		}
		if v, sd, err := vcjose.VerifySDJWT(text, policy(), nil); (v == nil) == (err == nil) || (sd == nil) == (err == nil) {
			t.Fatal(err)
		}
		if v, err := vcjose.VerifyPresentation(text, presentationPolicy()); (v == nil) == (err == nil) {
			t.Fatal(err)
		}
	})
}
