package sdjwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
)

// forge signs any payload and header with the issuer's key, as an issuer that
// makes mistakes, or worse, would.
func (p party) forge(t testing.TB, header map[string]any, payload string, parts ...string) string {
	t.Helper()
	h := map[string]any{"alg": "ES256", "typ": sdjwt.TypVC}
	for k, v := range header {
		if v == nil {
			delete(h, k)
			continue
		}
		h[k] = v
	}
	jwt, err := jose.SignCompact(p.issuer.key, h, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return jwt + "~" + strings.Join(append(parts, ""), "~")
}

// disc encodes a disclosure and gives its digest.
func disc(json string) (encoded, digest string) {
	encoded = jose.Encode([]byte(json))
	return encoded, sdjwt.Digest(sdjwt.SHA256, encoded)
}

// base is a payload with room for more members.
func (p party) base(t testing.TB, more string) string {
	key, err := json.Marshal(jwk(t, p.holder.Public()))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"iss":%q,"vct":%q,"iat":%d,"exp":%d,"cnf":{"jwk":%s}%s}`, issuerURL, typeURL, now.Unix(), now.Add(time.Hour).Unix(), key, more)
}

// bind appends a key binding JWT with any header and payload. {hash} in the
// payload stands for the right sd_hash.
func bind(t testing.TB, key crypto.Signer, text string, header map[string]any, payload string) string {
	t.Helper()
	h := map[string]any{"alg": "ES256", "typ": "kb+jwt"}
	for k, v := range header {
		h[k] = v
	}
	payload = strings.ReplaceAll(payload, "{hash}", sdjwt.Digest(sdjwt.SHA256, text))
	jwt, err := jose.SignCompact(key, h, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return text + jwt
}

func wantCheck(t *testing.T, name string, err error, check string) {
	t.Helper()
	var e *sdjwt.Error
	switch {
	case err == nil:
		t.Errorf("%s: accepted", name)
	case !errors.As(err, &e):
		t.Errorf("%s: %T is no *sdjwt.Error: %v", name, err, err)
	case e.Check != check:
		t.Errorf("%s: failed check %q, want %q: %v", name, e.Check, check, err)
	case strings.Contains(err.Error(), "SECRET"):
		t.Errorf("%s: the error repeats a value: %v", name, err)
	}
}

func TestForgedBaseVerifies(t *testing.T) {
	p := parties()
	d, digest := disc(`["salt","name","SECRET"]`)
	text := p.forge(t, nil, p.base(t, `,"_sd":["`+digest+`"]`), d)
	if _, err := sdjwt.Verify(text, p.plain()); err != nil {
		t.Fatal(err)
	}
	bound := bind(t, p.holder, text, nil, goodKB())
	v, err := sdjwt.Verify(bound, p.policy())
	if err != nil {
		t.Fatal(err)
	}
	if !v.Checks.OK(credential.CheckHolderBinding, credential.CheckReplay) {
		t.Errorf("report: %s", v.Checks)
	}
	if v.Holder.Thumbprint() != jose.Thumbprint(p.holder.Public()) || v.Issuer != issuerURL || v.VCT != typeURL {
		t.Errorf("got %+v", v)
	}
}

func goodKB() string {
	return fmt.Sprintf(`{"iat":%d,"aud":%q,"nonce":%q,"sd_hash":"{hash}"}`, now.Unix(), audience, nonce)
}

// RFC 9901, Sections 4 and 7.1: form and disclosures.
func TestStructureRefused(t *testing.T) {
	p := parties()
	d, digest := disc(`["salt","name","SECRET"]`)
	e, element := disc(`["salt","SECRET"]`)
	_, innerDigest := disc(`["salt","x","SECRET"]`)
	nested, nestedDigest := disc(`["salt","o",{"_sd":["` + innerDigest + `"]}]`)
	sd := `,"_sd":["` + digest + `"]`
	one := func(disclosure string) (string, string) {
		encoded, dg := disc(disclosure)
		return p.base(t, `,"_sd":["`+dg+`"]`), encoded
	}
	cases := map[string]string{
		"no tilde":                       strings.TrimSuffix(p.forge(t, nil, p.base(t, "")), "~"),
		"text after the last tilde":      p.forge(t, nil, p.base(t, sd), d) + "abc",
		"empty disclosure":               p.forge(t, nil, p.base(t, sd), d, ""),
		"disclosure with padding":        p.forge(t, nil, p.base(t, sd), d+"="),
		"disclosure with line break":     p.forge(t, nil, p.base(t, sd), d[:4]+"\n"+d[4:]),
		"standard base64":                p.forge(t, nil, p.base(t, sd), "/"+d[1:]),
		"unreferenced disclosure":        p.forge(t, nil, p.base(t, ""), d),
		"disclosure twice":               p.forge(t, nil, p.base(t, sd), d, d),
		"digest twice in one _sd":        p.forge(t, nil, p.base(t, `,"_sd":["`+digest+`","`+digest+`"]`), d),
		"digest twice, not disclosed":    p.forge(t, nil, p.base(t, `,"_sd":["`+digest+`"],"o":{"_sd":["`+digest+`"]}`)),
		"digest in _sd and array":        p.forge(t, nil, p.base(t, `,"_sd":["`+digest+`"],"a":[{"...":"`+digest+`"}]`)),
		"digest twice through nesting":   p.forge(t, nil, p.base(t, `,"_sd":["`+nestedDigest+`","`+innerDigest+`"]`), nested),
		"element disclosure in _sd":      p.forge(t, nil, p.base(t, `,"_sd":["`+element+`"]`), e),
		"member disclosure in array":     p.forge(t, nil, p.base(t, `,"a":[{"...":"`+digest+`"}]`), d),
		"name exists already":            p.forge(t, nil, p.base(t, `,"name":1`+sd), d),
		"_sd is no array":                p.forge(t, nil, p.base(t, `,"_sd":"`+digest+`"`), d),
		"_sd holds a number":             p.forge(t, nil, p.base(t, `,"_sd":[1]`)),
		"... holds a number":             p.forge(t, nil, p.base(t, `,"a":[{"...":1}]`)),
		"... beside another member":      p.forge(t, nil, p.base(t, `,"a":[{"...":"`+element+`","x":1}]`), e),
		"... in an object":               p.forge(t, nil, p.base(t, `,"o":{"...":"`+element+`"}`), e),
		"_sd_alg below the top":          p.forge(t, nil, p.base(t, `,"o":{"_sd_alg":"sha-256"}`)),
		"_sd_alg md5":                    p.forge(t, nil, p.base(t, `,"_sd_alg":"md5"`)),
		"_sd_alg sha-1":                  p.forge(t, nil, p.base(t, `,"_sd_alg":"sha-1"`)),
		"_sd_alg in capitals":            p.forge(t, nil, p.base(t, `,"_sd_alg":"SHA-256"`)),
		"_sd_alg no string":              p.forge(t, nil, p.base(t, `,"_sd_alg":null`)),
		"payload with duplicate member":  p.forge(t, nil, `{"iss":"a","iss":"b"}`),
		"payload with escaped duplicate": p.forge(t, nil, `{"iss":"a","\u0069ss":"b"}`),
		"payload is an array":            p.forge(t, nil, `[]`),
		"payload with trailing data":     p.forge(t, nil, `{} {}`),
		"payload with invalid UTF-8":     p.forge(t, nil, "{\"a\":\"\xff\"}"),
		"payload with lone surrogate":    p.forge(t, nil, `{"a":"\ud800"}`),
		"payload too deep":               p.forge(t, nil, p.base(t, `,"a":`+strings.Repeat("[", 70)+strings.Repeat("]", 70))),
		"crit":                           p.forge(t, map[string]any{"crit": []string{"x"}, "x": 1}, p.base(t, "")),
		"b64":                            p.forge(t, map[string]any{"b64": true}, p.base(t, "")),
	}
	for name, disclosure := range map[string]string{
		"reserved name _sd":        `["salt","_sd",1]`,
		"reserved name ...":        `["salt","...",1]`,
		"reserved name _sd_alg":    `["salt","_sd_alg","sha-256"]`,
		"escaped reserved name":    `["salt","\u005fsd",1]`,
		"disclosure of one":        `["salt"]`,
		"disclosure of four":       `["salt","a",1,2]`,
		"disclosure of none":       `[]`,
		"disclosure is an object":  `{"a":1}`,
		"disclosure name a number": `["salt",1,2]`,
		"disclosure salt a number": `[1,"a",2]`,
		"disclosure not JSON":      `["salt","a",SECRET]`,
		"disclosure duplicate":     `["salt","a",{"b":1,"b":2}]`,
		"disclosure trailing":      `["salt","a",1] 1`,
		"iss disclosed":            `["salt","aud","SECRET"]`,
		"nbf disclosed":            `["salt","nbf",1]`,
		"status disclosed":         `["salt","status",{"SECRET":1}]`,
		"vct#integrity disclosed":  `["salt","vct#integrity","SECRET"]`,
		"aka_vcts disclosed":       `["salt","aka_vcts",["SECRET"]]`,
	} {
		payload, encoded := one(disclosure)
		cases[name] = p.forge(t, nil, payload, encoded)
	}
	// A part of a critical claim is a disclosure, sent or not.
	cases["part of status disclosed"] = p.forge(t, nil, p.base(t, `,"status":`+`{"_sd":["`+digest+`"]}`), d)
	cases["part of status hidden"] = p.forge(t, nil, p.base(t, `,"status":`+`{"_sd":["`+digest+`"]}`))
	many := make([]string, sdjwt.MaxDisclosures+1)
	for i := range many {
		many[i] = d
	}
	cases["too many disclosures"] = p.forge(t, nil, p.base(t, sd), many...)
	cases["too long"] = p.forge(t, nil, p.base(t, sd), strings.Repeat("A", sdjwt.MaxSize))

	for name, text := range cases {
		_, err := sdjwt.Verify(text, p.plain())
		check := credential.CheckStructure
		if name == "crit" || name == "b64" {
			check = credential.CheckIssuerSignature
		}
		wantCheck(t, name, err, check)
	}
}

// A chain of nested disclosures may not become deeper than JSON may be.
func TestNestedDisclosuresDepth(t *testing.T) {
	p := parties()
	build := func(depth int) string {
		value, parts := "1", []string{}
		for range depth {
			d, digest := disc(`["salt","a",` + value + `]`)
			parts = append(parts, d)
			value = `{"_sd":["` + digest + `"]}`
		}
		return p.forge(t, nil, p.base(t, `,"o":`+value), parts...)
	}
	if _, err := sdjwt.Verify(build(40), p.plain()); err != nil {
		t.Errorf("40 levels: %v", err)
	}
	_, err := sdjwt.Verify(build(70), p.plain())
	wantCheck(t, "70 levels", err, credential.CheckStructure)
}

// RFC 9901, Section 7.1, step 2, and SD-JWT VC, Sections 2.2 and 2.5.
func TestIssuerRefused(t *testing.T) {
	p := parties()
	good := p.forge(t, nil, p.base(t, ""))
	other := newKey(t)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for name, c := range map[string]struct {
		text   string
		change func(*sdjwt.Policy)
		check  string
	}{
		"another key":        {good, func(q *sdjwt.Policy) { q.IssuerKey = fixedKey(other.Public()) }, credential.CheckIssuerSignature},
		"key of a curve":     {good, func(q *sdjwt.Policy) { q.IssuerKey = fixedKey(p384.Public()) }, credential.CheckIssuerSignature},
		"no key":             {good, func(q *sdjwt.Policy) { q.IssuerKey = fixedKey(nil) }, credential.CheckIssuerTrust},
		"unknown issuer":     {good, func(q *sdjwt.Policy) { q.IssuerKey = refuse }, credential.CheckIssuerTrust},
		"alg not allowed":    {good, func(q *sdjwt.Policy) { q.IssuerAlgs = []jose.Alg{jose.ES384} }, credential.CheckIssuerSignature},
		"typ missing":        {p.forge(t, map[string]any{"typ": nil}, p.base(t, "")), nil, credential.CheckType},
		"typ JWT":            {p.forge(t, map[string]any{"typ": "JWT"}, p.base(t, "")), nil, credential.CheckType},
		"typ kb+jwt":         {p.forge(t, map[string]any{"typ": "kb+jwt"}, p.base(t, "")), nil, credential.CheckType},
		"typ statuslist":     {p.forge(t, map[string]any{"typ": "statuslist+jwt"}, p.base(t, "")), nil, credential.CheckType},
		"typ old name":       {p.forge(t, map[string]any{"typ": "vc+sd-jwt"}, p.base(t, "")), nil, credential.CheckType},
		"alg none":           {unsecured(t, p.base(t, "")), nil, credential.CheckIssuerSignature},
		"vct missing":        {p.forge(t, nil, `{"iss":"https://a.example","exp":9999999999}`), nil, credential.CheckType},
		"vct not accepted":   {good, func(q *sdjwt.Policy) { q.VCT = []string{"https://other.example/type"} }, credential.CheckType},
		"vct a number":       {p.forge(t, nil, `{"vct":1,"exp":9999999999}`), nil, credential.CheckStructure},
		"iss a number":       {p.forge(t, nil, `{"vct":"`+typeURL+`","iss":1}`), nil, credential.CheckStructure},
		"status a string":    {p.forge(t, nil, p.base(t, `,"status":"SECRET"`)), nil, credential.CheckStructure},
		"aka_vcts empty":     {p.forge(t, nil, p.base(t, `,"aka_vcts":[]`)), nil, credential.CheckType},
		"aka_vcts with vct":  {p.forge(t, nil, p.base(t, `,"aka_vcts":["`+typeURL+`"]`)), nil, credential.CheckType},
		"hash not allowed":   {p.forge(t, nil, p.base(t, `,"_sd_alg":"sha-512"`)), func(q *sdjwt.Policy) { q.Hashes = []sdjwt.Hash{sdjwt.SHA256} }, credential.CheckStructure},
		"policy without key": {good, func(q *sdjwt.Policy) { q.IssuerKey = nil }, credential.CheckPolicy},
		"policy without now": {good, func(q *sdjwt.Policy) { q.Now = time.Time{} }, credential.CheckPolicy},
		"policy unknown":     {good, func(q *sdjwt.Policy) { q.KeyBinding = 9 }, credential.CheckPolicy},
	} {
		policy := p.plain()
		if c.change != nil {
			c.change(&policy)
		}
		_, err := sdjwt.Verify(c.text, policy)
		wantCheck(t, name, err, c.check)
	}
	old := p.plain()
	old.Typ = sdjwt.TypLegacyVC
	if _, err := sdjwt.Verify(p.forge(t, map[string]any{"typ": "vc+sd-jwt"}, p.base(t, "")), old); err != nil {
		t.Errorf("old name by option: %v", err)
	}
}

// A hook that has verified the token itself decides nothing by that: only the
// key it returns counts, and an error refuses.
func TestIssuerVerifiedByHook(t *testing.T) {
	p := parties()
	good := p.forge(t, nil, p.base(t, ""))
	other := newKey(t)
	key := p.issuer.key.Public()
	judged := errors.New("seal not accepted")
	broken := p.forge(t, nil, p.base(t, ""))
	at := strings.IndexByte(broken, '~') - 20
	broken = broken[:at] + strings.Map(func(r rune) rune { return map[bool]rune{true: 'B', false: 'A'}[r == 'A'] }, broken[at:at+1]) + broken[at+1:]
	for name, c := range map[string]struct {
		text  string
		hook  func(*jose.Token) (crypto.PublicKey, error)
		check string
	}{
		"verified":               {good, func(tok *jose.Token) (crypto.PublicKey, error) { return key, tok.Verify(key) }, ""},
		"verified, then refused": {good, func(tok *jose.Token) (crypto.PublicKey, error) { return key, errors.Join(tok.Verify(key), judged) }, credential.CheckIssuerTrust},
		"verified, no key":       {good, func(tok *jose.Token) (crypto.PublicKey, error) { return nil, tok.Verify(key) }, credential.CheckIssuerTrust},
		"verified, another key":  {good, func(tok *jose.Token) (crypto.PublicKey, error) { return other.Public(), tok.Verify(key) }, credential.CheckIssuerSignature},
		"not verified, another key": {good, func(tok *jose.Token) (crypto.PublicKey, error) {
			_ = tok.Verify(key)
			_ = tok.Verify(other.Public())
			return other.Public(), nil
		}, credential.CheckIssuerSignature},
		"broken, the error kept": {broken, func(tok *jose.Token) (crypto.PublicKey, error) { return key, tok.Verify(key) }, credential.CheckIssuerTrust},
		"broken, the error lost": {broken, func(tok *jose.Token) (crypto.PublicKey, error) { _ = tok.Verify(key); return key, nil }, credential.CheckIssuerSignature},
		"another token was verified": {broken, func(*jose.Token) (crypto.PublicKey, error) {
			tok, _ := jose.Parse(strings.TrimSuffix(good, "~"))
			return key, tok.Verify(key)
		}, credential.CheckIssuerSignature},
	} {
		policy := p.plain()
		asked := 0
		policy.IssuerKey = func(tok *jose.Token, _ sdjwt.Unverified) (crypto.PublicKey, error) { asked++; return c.hook(tok) }
		v, err := sdjwt.Verify(c.text, policy)
		if asked != 1 {
			t.Errorf("%s: the hook was asked %d times", name, asked)
		}
		if c.check == "" {
			if err != nil || v == nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if v != nil {
			t.Errorf("%s: a result beside the error", name)
		}
		wantCheck(t, name, err, c.check)
	}
}

func refuse(*jose.Token, sdjwt.Unverified) (crypto.PublicKey, error) {
	return nil, errors.New("not on the list")
}

func unsecured(t testing.TB, payload string) string {
	return jose.Encode([]byte(`{"alg":"none","typ":"dc+sd-jwt"}`)) + "." + jose.Encode([]byte(payload)) + ".~"
}

// RFC 7519, Section 4.1, over the processed payload.
func TestValidityRefused(t *testing.T) {
	p := parties()
	at := func(name string, d time.Duration) string { return fmt.Sprintf(`,%q:%d`, name, now.Add(d).Unix()) }
	payload := func(more string) string { return `{"vct":"` + typeURL + `"` + more + `}` }
	for name, c := range map[string]struct {
		payload string
		change  func(*sdjwt.Policy)
		ok      bool
	}{
		"valid":                {payload(at("exp", time.Hour)), nil, true},
		"expired":              {payload(at("exp", 0)), nil, false},
		"expired within skew":  {payload(at("exp", 0)), func(q *sdjwt.Policy) { q.Skew = 2 * time.Minute }, true},
		"exp is now":           {payload(at("exp", time.Minute)), nil, false},
		"not yet":              {payload(at("exp", time.Hour) + at("nbf", 2*time.Minute)), nil, false},
		"not yet within skew":  {payload(at("exp", time.Hour) + at("nbf", 2*time.Minute)), func(q *sdjwt.Policy) { q.Skew = 2 * time.Minute }, true},
		"issued in the future": {payload(at("exp", time.Hour) + at("iat", 2*time.Minute)), nil, false},
		"exp missing":          {payload(``), nil, false},
		"exp missing allowed":  {payload(``), func(q *sdjwt.Policy) { q.RequireExp = false }, true},
		"exp a string":         {payload(`,"exp":"9999999999"`), nil, false},
		"exp null":             {payload(`,"exp":null`), nil, false},
		"exp huge":             {payload(`,"exp":99999999999999999999`), nil, false},
		"exp exponent":         {payload(`,"exp":9e99`), nil, false},
		"nbf a string":         {payload(at("exp", time.Hour) + `,"nbf":"0"`), nil, false},
		"iat an object":        {payload(at("exp", time.Hour) + `,"iat":{}`), nil, false},
		"aud of another":       {payload(at("exp", time.Hour) + `,"aud":"https://other.example"`), nil, false},
		"aud of us":            {payload(at("exp", time.Hour) + `,"aud":["https://a.example","https://us.example"]`), func(q *sdjwt.Policy) { q.Recipient = "https://us.example" }, true},
		"aud with a number":    {payload(at("exp", time.Hour) + `,"aud":["https://us.example",1]`), func(q *sdjwt.Policy) { q.Recipient = "https://us.example" }, false},
	} {
		policy := p.plain()
		if c.change != nil {
			c.change(&policy)
		}
		_, err := sdjwt.Verify(p.forge(t, nil, c.payload), policy)
		if c.ok {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantCheck(t, name, err, credential.CheckValidity)
	}
}

// RFC 9901, Section 7.3.
func TestKeyBindingRefused(t *testing.T) {
	p := parties()
	d, digest := disc(`["salt","name","SECRET"]`)
	d2, digest2 := disc(`["salt","other","SECRET"]`)
	payload := p.base(t, `,"_sd":["`+digest+`","`+digest2+`"]`)
	text := p.forge(t, nil, payload, d)
	both := p.forge(t, nil, payload, d, d2)
	thief := newKey(t)
	kb := func(iat int64, aud, nonce, more string) string {
		return fmt.Sprintf(`{"iat":%d,"aud":%s,"nonce":%s,"sd_hash":"{hash}"%s}`, iat, aud, nonce, more)
	}
	n, a := fmt.Sprintf("%q", nonce), fmt.Sprintf("%q", audience)
	iat := now.Unix()
	good := bind(t, p.holder, text, nil, kb(iat, a, n, ""))
	tail := good[strings.LastIndexByte(good, '~')+1:]
	noCNF := p.forge(t, nil, `{"vct":"`+typeURL+`","exp":9999999999}`)
	cnf := func(member string) string {
		return p.forge(t, nil, `{"vct":"`+typeURL+`","exp":9999999999,"cnf":`+member+`}`)
	}
	mine, _ := json.Marshal(jwk(t, p.holder.Public()))
	private, _ := jose.PrivateJWK(p.holder)
	leaked, _ := json.Marshal(private)

	for name, c := range map[string]struct{ text, check string }{
		"required and absent":       {text, credential.CheckHolderBinding},
		"another key":               {bind(t, thief, text, nil, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"key from its own header":   {bind(t, thief, text, map[string]any{"jwk": jwk(t, thief.Public())}, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"signed by the issuer":      {bind(t, p.issuer.key, text, nil, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"typ JWT":                   {bind(t, p.holder, text, map[string]any{"typ": "JWT"}, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"typ of a proof":            {bind(t, p.holder, text, map[string]any{"typ": "openid4vci-proof+jwt"}, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"crit":                      {bind(t, p.holder, text, map[string]any{"crit": []string{"exp"}}, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"sd_hash of another text":   {both + tail, credential.CheckHolderBinding},
		"sd_hash missing":           {bind(t, p.holder, text, nil, fmt.Sprintf(`{"iat":%d,"aud":%s,"nonce":%s}`, iat, a, n)), credential.CheckHolderBinding},
		"sd_hash a number":          {bind(t, p.holder, text, nil, fmt.Sprintf(`{"iat":%d,"aud":%s,"nonce":%s,"sd_hash":1}`, iat, a, n)), credential.CheckHolderBinding},
		"payload twice iat":         {bind(t, p.holder, text, nil, kb(iat, a, n, fmt.Sprintf(`,"iat":%d`, iat))), credential.CheckHolderBinding},
		"iat missing":               {bind(t, p.holder, text, nil, fmt.Sprintf(`{"aud":%s,"nonce":%s,"sd_hash":"{hash}"}`, a, n)), credential.CheckReplay},
		"iat a string":              {bind(t, p.holder, text, nil, fmt.Sprintf(`{"iat":"%d","aud":%s,"nonce":%s,"sd_hash":"{hash}"}`, iat, a, n)), credential.CheckReplay},
		"too old":                   {bind(t, p.holder, text, nil, kb(iat-300, a, n, "")), credential.CheckReplay},
		"from the future":           {bind(t, p.holder, text, nil, kb(iat+61, a, n, "")), credential.CheckReplay},
		"expired":                   {bind(t, p.holder, text, nil, kb(iat, a, n, fmt.Sprintf(`,"exp":%d`, iat))), credential.CheckReplay},
		"another nonce":             {bind(t, p.holder, text, nil, kb(iat, a, `"SECRET"`, "")), credential.CheckReplay},
		"nonce prefix":              {bind(t, p.holder, text, nil, kb(iat, a, fmt.Sprintf("%q", nonce[:5]), "")), credential.CheckReplay},
		"nonce a number":            {bind(t, p.holder, text, nil, kb(iat, a, "1", "")), credential.CheckReplay},
		"another audience":          {bind(t, p.holder, text, nil, kb(iat, `"https://other.example"`, n, "")), credential.CheckReplay},
		"audience as array":         {bind(t, p.holder, text, nil, kb(iat, "["+a+"]", n, "")), credential.CheckReplay},
		"audience of two":           {bind(t, p.holder, text, nil, kb(iat, "["+a+`,"x"]`, n, "")), credential.CheckReplay},
		"no cnf":                    {bind(t, p.holder, noCNF, nil, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"cnf is a string":           {bind(t, p.holder, cnf(`"x"`), nil, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"cnf with kid only":         {bind(t, p.holder, cnf(`{"kid":"1"}`), nil, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"cnf with remote key":       {bind(t, p.holder, cnf(`{"jku":"https://a.example","jwk":`+string(mine)+`}`), nil, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"cnf with private key":      {bind(t, p.holder, cnf(`{"jwk":`+string(leaked)+`}`), nil, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"cnf off the curve":         {bind(t, p.holder, cnf(`{"jwk":{"kty":"EC","crv":"P-256","x":"`+strings.Repeat("A", 43)+`","y":"`+strings.Repeat("A", 43)+`"}}`), nil, kb(iat, a, n, "")), credential.CheckHolderBinding},
		"an SD-JWT as key binding":  {text + p.forge(t, nil, p.base(t, "")), credential.CheckStructure},
		"binding cut":               {good[:len(good)-4], credential.CheckHolderBinding},
		"binding without signature": {text + jose.Encode([]byte(`{"alg":"none","typ":"kb+jwt"}`)) + "." + jose.Encode([]byte(`{}`)) + ".", credential.CheckHolderBinding},
	} {
		_, err := sdjwt.Verify(c.text, p.policy())
		wantCheck(t, name, err, c.check)
	}
	_, err := sdjwt.Verify(good, p.plain())
	wantCheck(t, "sent where forbidden", err, credential.CheckHolderBinding)

	policy := p.policy()
	policy.HolderAlgs = []jose.Alg{jose.EdDSA}
	_, err = sdjwt.Verify(good, policy)
	wantCheck(t, "alg not allowed", err, credential.CheckHolderBinding)
	for _, change := range []func(*sdjwt.Policy){func(q *sdjwt.Policy) { q.Nonce = "" }, func(q *sdjwt.Policy) { q.Audience = "" }} {
		policy := p.policy()
		change(&policy)
		_, err := sdjwt.Verify(good, policy)
		wantCheck(t, "policy without nonce or audience", err, credential.CheckPolicy)
	}
	if _, err := sdjwt.Verify(good, p.policy()); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// RFC 9901, Section 7.1: what was not disclosed leaves no trace.
func TestProcessing(t *testing.T) {
	p := parties()
	d, digest := disc(`["salt","na\"me",{"a":[1,{"...":"unknown"},2]}]`)
	e, element := disc("[\"salt\",\n {\"b\" : 1.50e1}]")
	text := p.forge(t, nil, `{"vct":"`+typeURL+`","exp":9999999999,"_sd_alg":"sha-256","_sd":["decoy-one","`+digest+`"],`+
		`"list":["x",{"...":"`+element+`"},{"...":"decoy-two"},{"_sd":["decoy-three"]}],"empty":{"_sd":[]}}`, e, d)
	policy := p.plain()
	v, err := sdjwt.Verify(text, policy)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"vct":"` + typeURL + `","exp":9999999999,"list":["x",{"b" : 1.50e1},{}],"empty":{},"na\"me":{"a":[1,2]}}`
	if got := string(v.Claims.Raw()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := fmt.Sprint(v.Disclosed); got != `[["list",1] ["na\"me"]]` {
		t.Errorf("disclosed %s", got)
	}
	if got := v.Claims.Select(sdjwt.Path{"list", nil, "b"}); len(got) > 0 {
		t.Errorf("a member of a string was selected: %s", got)
	}
	if got, ok := v.Claims.Lookup(sdjwt.Path{"na\"me", "a", 1}); !ok || got[0] != float64(2) {
		t.Errorf("lookup gave %v, %v", got, ok)
	}
}
