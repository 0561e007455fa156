package sdjwt_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
)

// payloadOf is the issuer-signed payload.
func payloadOf(t testing.TB, text string) map[string]any {
	t.Helper()
	tok, err := jose.Parse(text[:strings.IndexByte(text, '~')])
	if err != nil {
		t.Fatal(err)
	}
	return generic(t, tok.Payload).(map[string]any)
}

func TestIssuedPayload(t *testing.T) {
	p := parties()
	text := p.issue(t, []byte(`{"name":"Jan","level":6,"grade":{"value":"A","scale":"x"},"tags":["a","b"]}`),
		sdjwt.Path{"name"}, sdjwt.Path{"grade", "value"}, sdjwt.Path{"tags", nil})
	got := payloadOf(t, text)
	status := got["status"].(map[string]any)
	list := status["status_list"].(map[string]any)
	if status["type"] != "TokenStatusList" || status["purpose"] != "revocation" || status["index"] != list["idx"] || status["uri"] != list["uri"] || list["idx"] != 4711.0 {
		t.Errorf("status %v", status)
	}
	for name, want := range map[string]any{
		"iss": issuerURL, "vct": typeURL, "category": sdjwt.CategoryPubEAA, "sub": "sub-1", "jti": "urn:uuid:0a7c1d2e",
		"iat": float64(now.Unix()), "nbf": float64(now.Unix()), "exp": float64(now.AddDate(0, 3, 0).Unix()), "_sd_alg": "sha-256", "level": 6.0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if jwk := got["cnf"].(map[string]any)["jwk"].(map[string]any); len(jwk) != 4 || jwk["kty"] != "EC" {
		t.Errorf("cnf.jwk has more than the key: %v", jwk)
	}
	if _, ok := got["name"]; ok || len(got["_sd"].([]any)) != 1 {
		t.Error("name is visible")
	}
	grade := got["grade"].(map[string]any)
	if grade["scale"] != "x" || len(grade["_sd"].([]any)) != 1 || len(grade) != 2 {
		t.Errorf("grade %v", grade)
	}
	if tags := got["tags"].([]any); len(tags) != 2 || len(tags[0].(map[string]any)) != 1 {
		t.Errorf("tags %v", tags)
	}
	v, err := sdjwt.Verify(text, p.plain())
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Disclosed) != 4 || v.Subject != "sub-1" || v.ID == "" || v.Status == nil || !v.Expires.Equal(now.AddDate(0, 3, 0)) {
		t.Errorf("verified %+v", v)
	}
}

// Without disclosable claims there is no _sd and no _sd_alg (SD-JWT VC,
// Section 2.2.2.5).
func TestNoDisclosures(t *testing.T) {
	got := payloadOf(t, parties().issue(t, map[string]any{"a": 1}))
	if _, ok := got["_sd"]; ok {
		t.Error("_sd without disclosures")
	}
	if _, ok := got["_sd_alg"]; ok {
		t.Error("_sd_alg without disclosures")
	}
}

// Salts have 128 bits and are new for every claim and copy; digests are sorted
// (RFC 9901, Sections 4.2.4.1 and 9.3).
func TestSaltsAndOrder(t *testing.T) {
	p := parties()
	seen := map[string]bool{}
	for range 20 {
		text := p.issue(t, twenty, twentyPaths(t)...)
		parts := strings.Split(strings.TrimSuffix(text, "~"), "~")[1:]
		if len(parts) != 20 {
			t.Fatalf("%d disclosures", len(parts))
		}
		for _, part := range parts {
			b, err := jose.Decode(part)
			if err != nil {
				t.Fatal(err)
			}
			salt := generic(t, b).([]any)[0].(string)
			if raw, err := jose.Decode(salt); err != nil || len(raw) != 16 {
				t.Fatalf("salt of %d bytes", len(raw))
			}
			if seen[salt] {
				t.Fatal("a salt was used twice")
			}
			seen[salt] = true
		}
		var digests [][]byte
		for _, d := range payloadOf(t, text)["_sd"].([]any) {
			raw, err := jose.Decode(d.(string))
			if err != nil || len(raw) != 32 {
				t.Fatal("digest is not base64url of 32 bytes")
			}
			digests = append(digests, raw)
		}
		if !slices.IsSortedFunc(digests, bytes.Compare) {
			t.Error("digests are not sorted")
		}
	}
}

// The random bytes come from the reader given, all of them at once, and a
// short reader issues nothing.
func TestRandomness(t *testing.T) {
	p := parties()
	frame, _ := sdjwt.NewFrame(sdjwt.Path{"a"}, sdjwt.Path{"b"})
	c := p.credential(t, []byte(`{"a":1,"b":2}`))
	count := &counting{}
	if _, err := sdjwt.Prepare(c, frame, count); err != nil || count.reads != 1 || count.bytes != 32 {
		t.Errorf("%d reads of %d bytes, %v", count.reads, count.bytes, err)
	}
	if _, err := sdjwt.Prepare(c, frame, bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("issued with too few random bytes")
	}
}

type counting struct{ reads, bytes int }

func (c *counting) Read(b []byte) (int, error) {
	c.reads++
	c.bytes += len(b)
	return rand.Read(b)
}

func TestDecoys(t *testing.T) {
	p := parties()
	frame, err := sdjwt.NewFrame(sdjwt.Path{"a"}, sdjwt.Path{"b"}, sdjwt.Path{"c"}, sdjwt.Path{"list", nil}, sdjwt.Path{"o", "x"})
	if err != nil {
		t.Fatal(err)
	}
	c := p.credential(t, nil)
	o := sdjwt.Options{Issuer: c.Issuer, Type: c.Type, TypeIntegrity: c.TypeIntegrity, Category: c.Category, Frame: frame, Decoys: 3, HideAbsent: true}
	template, err := sdjwt.NewTemplate(o)
	if err != nil {
		t.Fatal(err)
	}
	for claims, want := range map[string]struct{ top, list, inner int }{
		`{"a":1,"b":2,"c":3,"list":[1,2],"o":{"x":1}}`: {6, 5, 4},
		`{"a":1,"list":[1,2],"o":{}}`:                  {6, 5, 4},
		`{"list":[],"o":{"y":1}}`:                      {6, 0, 4},
	} {
		for range 10 {
			d, err := template.Prepare(p.credential(t, []byte(claims)), nil)
			if err != nil {
				t.Fatal(err)
			}
			text, err := d.Seal(p.issuer)
			if err != nil {
				t.Fatal(err)
			}
			payload := payloadOf(t, text)
			inner, _ := payload["o"].(map[string]any)["_sd"].([]any)
			if n := len(payload["_sd"].([]any)); n != want.top || len(payload["list"].([]any)) != want.list || len(inner) != want.inner {
				t.Fatalf("%s: digests %d, list %d, inner %d, want %+v", claims, n, len(payload["list"].([]any)), len(inner), want)
			}
			v, err := sdjwt.Verify(text, p.plain())
			if err != nil {
				t.Fatal(err)
			}
			// An element keeps its position as issued.
			if real := len(v.Claims.Select(sdjwt.Path{"list", nil})); real > 0 {
				first := payload["list"].([]any)[0].(map[string]any)["..."].(string)
				if d := strings.Split(text, "~"); !slices.ContainsFunc(d, func(d string) bool { return sdjwt.Digest(sdjwt.SHA256, d) == first }) {
					t.Error("the first element of list is a decoy")
				}
			}
			got, _ := v.Claims.Map()
			for name, value := range generic(t, []byte(claims)).(map[string]any) {
				if !reflect.DeepEqual(got[name], value) {
					t.Errorf("claim %s: %v, want %v", name, got[name], value)
				}
			}
		}
	}
}

func TestHashes(t *testing.T) {
	p := parties()
	for _, h := range []sdjwt.Hash{sdjwt.SHA256, sdjwt.SHA384, sdjwt.SHA512} {
		c := p.credential(t, twenty)
		frame, _ := sdjwt.NewFrame(twentyPaths(t)...)
		template, err := sdjwt.NewTemplate(sdjwt.Options{Issuer: c.Issuer, Type: c.Type, TypeIntegrity: c.TypeIntegrity, Category: c.Category, Frame: frame, Hash: h})
		if err != nil {
			t.Fatal(err)
		}
		d, err := template.Prepare(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := d.Seal(p.issuer)
		if err != nil {
			t.Fatal(err)
		}
		v, err := sdjwt.Verify(present(t, text, p.binding(), sdjwt.Path{"title"}), p.policy())
		if err != nil || v.Claims.Text("title") == "" {
			t.Errorf("%s: %v", h, err)
		}
	}
}

func TestDraftIsSealedOnce(t *testing.T) {
	p := parties()
	d, err := sdjwt.Prepare(p.credential(t, twenty), sdjwt.Frame{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		wg.Go(func() { _, results[i] = d.Seal(p.issuer) })
	}
	wg.Wait()
	sealed := 0
	for _, err := range results {
		switch {
		case err == nil:
			sealed++
		case !errors.Is(err, sdjwt.ErrSealed):
			t.Error(err)
		}
	}
	if sealed != 1 {
		t.Errorf("sealed %d times", sealed)
	}
	d, _ = sdjwt.Prepare(p.credential(t, twenty), sdjwt.Frame{}, nil)
	if _, err := d.Seal(failing{}); err == nil {
		t.Error("a failing signer sealed")
	}
	if _, err := d.Seal(p.issuer); !errors.Is(err, sdjwt.ErrSealed) {
		t.Errorf("a draft whose sealing failed can be tried again: %v", err)
	}
}

type failing struct{}

func (failing) SignCompact(string, time.Time, []byte) (string, error) {
	return "", errors.New("the token is gone")
}

// Pooled buffers do not mix credentials, whichever way the signer works.
func TestConcurrentIssue(t *testing.T) {
	p := parties()
	frame, _ := sdjwt.NewFrame(sdjwt.Path{"n"}, sdjwt.Path{"list", nil})
	c := p.credential(t, nil)
	template, err := sdjwt.NewTemplate(sdjwt.Options{Issuer: c.Issuer, Type: c.Type, TypeIntegrity: c.TypeIntegrity, Category: c.Category, Frame: frame})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				c := p.credential(t, []byte(fmt.Sprintf(`{"n":%d,"list":[%d,%d]}`, g, i, g)))
				d, err := template.Prepare(c, nil)
				if err != nil {
					t.Error(err)
					return
				}
				var signer sdjwt.Signer = p.issuer
				if i%2 == 0 {
					signer = struct{ sdjwt.Signer }{signer}
				}
				text, err := d.Seal(signer)
				if err != nil {
					t.Error(err)
					return
				}
				v, err := sdjwt.Verify(text, p.plain())
				if err != nil {
					t.Error(err)
					return
				}
				if got := string(v.Claims.Member("list")); got != fmt.Sprintf("[%d,%d]", i, g) || string(v.Claims.Member("n")) != fmt.Sprint(g) {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	wg.Wait()
}

// Names with a meaning of their own, and claims that decide validity, cannot
// be made disclosable (RFC 9901, Sections 4.1 and 9.7).
func TestFrameRefused(t *testing.T) {
	for _, name := range []string{"iss", "aud", "exp", "nbf", "iat", "jti", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "category", "_sd", "_sd_alg", "..."} {
		if _, err := sdjwt.NewFrame(sdjwt.Path{name}); err == nil {
			t.Errorf("%s is disclosable", name)
		}
	}
	for _, p := range []sdjwt.Path{{}, nil, {1}, {nil, "a"}, {"status", "uri"}, {"a", "_sd"}, {"a", "..."}, {"a", -1}, {"a", 1.5}, {"a", []string{"x"}}} {
		if _, err := sdjwt.NewFrame(p); err == nil {
			t.Errorf("path %v is accepted", p)
		}
	}
	if _, err := sdjwt.NewFrame(sdjwt.Path{"a"}, sdjwt.Path{"a"}); err == nil {
		t.Error("a path twice is accepted")
	}
	if _, err := sdjwt.NewFrame(sdjwt.Path{"a", "b"}, sdjwt.Path{"a", nil}); err == nil {
		t.Error("object and array at once is accepted")
	}
}

func TestClaimsRefused(t *testing.T) {
	p := parties()
	frame, _ := sdjwt.NewFrame(sdjwt.Path{"o", "x"}, sdjwt.Path{"list", nil, "y"})
	for name, change := range map[string]func(*sdjwt.Credential){
		"claims an array":      func(c *sdjwt.Credential) { c.Claims = []byte(`[]`) },
		"claims not JSON":      func(c *sdjwt.Credential) { c.Claims = []byte(`{`) },
		"claims with channel":  func(c *sdjwt.Credential) { c.Claims = map[string]any{"a": make(chan int)} },
		"claims twice":         func(c *sdjwt.Credential) { c.Claims = []byte(`{"a":1,"a":2}`) },
		"claim iss":            func(c *sdjwt.Credential) { c.Claims = []byte(`{"iss":"SECRET"}`) },
		"claim exp":            func(c *sdjwt.Credential) { c.Claims = []byte(`{"exp":1}`) },
		"claim sub":            func(c *sdjwt.Credential) { c.Claims = []byte(`{"sub":"SECRET"}`) },
		"extra status":         func(c *sdjwt.Credential) { c.Extra = []byte(`{"status":{}}`) },
		"extra cnf":            func(c *sdjwt.Credential) { c.Extra = map[string]any{"cnf": 1} },
		"claim _sd":            func(c *sdjwt.Credential) { c.Claims = []byte(`{"_sd":[]}`) },
		"claim _sd_alg":        func(c *sdjwt.Credential) { c.Claims = []byte(`{"_sd_alg":"x"}`) },
		"nested _sd":           func(c *sdjwt.Credential) { c.Claims = []byte(`{"a":[{"_sd":[]}]}`) },
		"nested ...":           func(c *sdjwt.Credential) { c.Claims = []byte(`{"a":[{"...":"x"}]}`) },
		"escaped ...":          func(c *sdjwt.Credential) { c.Claims = []byte(`{"a":[{"\u002e..":"x"}]}`) },
		"extra and claims":     func(c *sdjwt.Credential) { c.Extra, c.Claims = []byte(`{"a":1}`), []byte(`{"a":1}`) },
		"object is a string":   func(c *sdjwt.Credential) { c.Claims = []byte(`{"o":"SECRET"}`) },
		"object is an array":   func(c *sdjwt.Credential) { c.Claims = []byte(`{"o":[{"x":1}]}`) },
		"array is an object":   func(c *sdjwt.Credential) { c.Claims = []byte(`{"list":{"y":1}}`) },
		"element is a number":  func(c *sdjwt.Credential) { c.Claims = []byte(`{"list":[1]}`) },
		"subject not UTF-8":    func(c *sdjwt.Credential) { c.Subject = "\xff" },
		"private holder key":   func(c *sdjwt.Credential) { c.Holder.D = "SECRET" },
		"holder key cut":       func(c *sdjwt.Credential) { c.Holder.X = c.Holder.X[1:] },
		"holder key stray bit": func(c *sdjwt.Credential) { c.Holder.X = c.Holder.X[:42] + "B" },
		"holder key of RSA":    func(c *sdjwt.Credential) { c.Holder = jose.JWK{Kty: "RSA", N: "AQAB", E: "AQAB"} },
		"holder key unknown":   func(c *sdjwt.Credential) { c.Holder.Kty = "oct" },
		"holder key injection": func(c *sdjwt.Credential) { c.Holder.X = `","d":"` + strings.Repeat("A", 36) },
	} {
		c := p.credential(t, []byte(`{}`))
		change(&c)
		if _, err := sdjwt.Prepare(c, frame, nil); err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: the error repeats a value: %v", name, err)
		}
	}
}

// ETSI TS 119 472-1: the payload rules of a PuB-EAA.
func TestProfiles(t *testing.T) {
	p := parties()
	flat := map[string]any{"type": "TokenStatusList", "purpose": "revocation", "index": 1, "uri": "https://a.example/1"}
	both := func(idx int) map[string]any {
		m := map[string]any{"status_list": map[string]any{"idx": idx, "uri": "https://a.example/1"}}
		for k, v := range flat {
			m[k] = v
		}
		return m
	}
	type change = func(*sdjwt.Credential, *sdjwt.Options)
	cir := func(c *sdjwt.Credential, o *sdjwt.Options) {
		o.Profile, o.Certificate = sdjwt.ProfileCIR, p.issuer.cert
		c.IssuingAuthority, c.IssuingCountry, c.IssuerRegistrationID = "Example Agency", "BE", "NTRBE-0123456789"
	}
	for name, c := range map[string]struct {
		change change
		check  string // empty when it is right
	}{
		"as it should be":      {func(*sdjwt.Credential, *sdjwt.Options) {}, ""},
		"with certificate":     {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Certificate = p.issuer.cert }, ""},
		"pseudonym":            {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Subject, c.AlsoKnownAs = "", "x" }, ""},
		"short-lived":          {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Status, c.ShortLived = nil, true }, ""},
		"one time":             {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.OneTime = true }, ""},
		"status by hand":       {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Status = both(1) }, ""},
		"administrative dates": {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Extra = []byte(`{"adm_nbf":1,"adm_exp":2}`) }, ""},
		"other types":          {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.OtherTypes = []string{"urn:example:diploma"} }, ""},
		"cir":                  {cir, ""},
		"category missing":     {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Category = "" }, credential.CheckPolicy},
		"category qualified":   {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Category = "urn:etsi:esi:eaa:eu:qualified" }, credential.CheckPolicy},
		"vct missing":          {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Type = "" }, credential.CheckType},
		"vct a word":           {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Type = "Diploma" }, credential.CheckType},
		"vct differs":          {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Type = typeURL + "/2" }, credential.CheckType},
		"other type is vct":    {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.OtherTypes = []string{typeURL} }, credential.CheckType},
		"integrity missing":    {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.TypeIntegrity = "" }, credential.CheckType},
		"integrity not a hash": {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.TypeIntegrity = "sha256-abc" }, credential.CheckType},
		"iss missing":          {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Issuer = "" }, credential.CheckPolicy},
		"iss http":             {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Issuer = "http://issuer.example.org" }, credential.CheckPolicy},
		"iss with password":    {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Issuer = "https://a:b@issuer.example.org" }, credential.CheckPolicy},
		"iss on loopback":      {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Issuer = "http://localhost:8081" }, ""},
		"iss with query":       {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Issuer = issuerURL + "?a=b" }, credential.CheckPolicy},
		"iss not in SAN": {func(_ *sdjwt.Credential, o *sdjwt.Options) {
			o.Issuer, o.Certificate = "https://x.example", p.issuer.cert
		}, credential.CheckPolicy},
		"unknown profile": {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Profile = 9 }, credential.CheckPolicy},
		"unknown hash":    {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Hash = "md5" }, credential.CheckPolicy},
		"too many decoys": {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Decoys = 65 }, credential.CheckPolicy},
		"no subject":      {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Subject = "" }, credential.CheckPolicy},
		"two subjects":    {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.AlsoKnownAs = "x" }, credential.CheckPolicy},
		"iat missing":     {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.IssuedAt = time.Time{} }, credential.CheckValidity},
		"nbf missing":     {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.NotBefore = time.Time{} }, credential.CheckValidity},
		"exp missing":     {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Expires = time.Time{} }, credential.CheckValidity},
		"exp before nbf":  {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.NotBefore = c.Expires.Add(time.Second) }, credential.CheckValidity},
		"exp before iat": {func(c *sdjwt.Credential, _ *sdjwt.Options) {
			c.NotBefore, c.Expires = now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0)
		}, credential.CheckValidity},
		"exp with fraction":     {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Expires = c.Expires.Add(time.Millisecond) }, credential.CheckValidity},
		"nbf with fraction":     {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.NotBefore = c.NotBefore.Add(1) }, credential.CheckValidity},
		"one adm date":          {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Claims = []byte(`{"adm_exp":1}`) }, credential.CheckValidity},
		"status missing":        {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Status = nil }, credential.CheckStatus},
		"status and shortLived": {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.ShortLived = true }, credential.CheckStatus},
		"status of ETSI only":   {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Status = flat }, credential.CheckStatus},
		"status of IETF only": {func(c *sdjwt.Credential, _ *sdjwt.Options) {
			c.Status = []byte(`{"status_list":{"idx":1,"uri":"https://a.example/1"}}`)
		}, credential.CheckStatus},
		"status disagrees":      {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Status = both(2) }, credential.CheckStatus},
		"status uri relative":   {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Status = sdjwt.StatusList{Index: 1, URI: "/status/1"} }, credential.CheckStatus},
		"jti missing":           {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.ID = "" }, credential.CheckPolicy},
		"cnf missing":           {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Holder = jose.JWK{} }, credential.CheckHolderBinding},
		"issuing_authority":     {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.IssuingAuthority = "Example Agency" }, credential.CheckPolicy},
		"issuing_country":       {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.IssuingCountry = "BE" }, credential.CheckPolicy},
		"issuing_country extra": {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Extra = []byte(`{"issuing_country":"BE"}`) }, credential.CheckStructure},
		"subAttrs":              {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Extra = []byte(`{"subAttrs":[]}`) }, credential.CheckPolicy},
		"evidence":              {func(c *sdjwt.Credential, _ *sdjwt.Options) { c.Extra = []byte(`{"evidence":[]}`) }, credential.CheckPolicy},
		"cir without cert":      {func(c *sdjwt.Credential, o *sdjwt.Options) { cir(c, o); o.Certificate = nil }, credential.CheckPolicy},
		"cir other authority":   {func(c *sdjwt.Credential, o *sdjwt.Options) { cir(c, o); c.IssuingAuthority = "Other" }, credential.CheckPolicy},
		"cir no authority":      {func(c *sdjwt.Credential, o *sdjwt.Options) { cir(c, o); c.IssuingAuthority = "" }, credential.CheckPolicy},
		"cir other country":     {func(c *sdjwt.Credential, o *sdjwt.Options) { cir(c, o); c.IssuingCountry = "NL" }, credential.CheckPolicy},
		"cir other id":          {func(c *sdjwt.Credential, o *sdjwt.Options) { cir(c, o); c.IssuerRegistrationID = "NTRBE-1" }, credential.CheckPolicy},
		"plain with category":   {func(_ *sdjwt.Credential, o *sdjwt.Options) { o.Profile = sdjwt.ProfilePlain }, credential.CheckPolicy},
		"plain": {func(c *sdjwt.Credential, o *sdjwt.Options) {
			*o = sdjwt.Options{Profile: sdjwt.ProfilePlain, Type: "urn:example:plain"}
			*c = sdjwt.Credential{IssuedAt: now, Claims: []byte(`{"a":1}`)}
		}, ""},
	} {
		cred := p.credential(t, []byte(`{"a":1}`))
		o := sdjwt.Options{Issuer: cred.Issuer, Type: cred.Type, TypeIntegrity: cred.TypeIntegrity, Category: cred.Category}
		cred.Issuer, cred.Type, cred.TypeIntegrity, cred.Category = "", "", "", ""
		c.change(&cred, &o)
		template, err := sdjwt.NewTemplate(o)
		if err == nil {
			var d *sdjwt.Draft
			if d, err = template.Prepare(cred, nil); err == nil {
				_, err = d.Seal(p.issuer)
			}
		}
		if c.check == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantCheck(t, name, err, c.check)
	}
}

func TestCIRPayload(t *testing.T) {
	p := parties()
	c := p.credential(t, nil)
	c.IssuingAuthority, c.IssuingCountry = "Example Agency", "BE"
	template, err := sdjwt.NewTemplate(sdjwt.Options{Issuer: c.Issuer, Type: c.Type, TypeIntegrity: c.TypeIntegrity, Category: c.Category, Profile: sdjwt.ProfileCIR, Certificate: p.issuer.cert})
	if err != nil {
		t.Fatal(err)
	}
	d, err := template.Prepare(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := d.Seal(p.issuer)
	if got := payloadOf(t, text); got["issuing_authority"] != "Example Agency" || got["issuing_country"] != "BE" {
		t.Errorf("payload %v", got)
	}
}

// Other kinds of holder key than the fast path's.
func TestHolderKeys(t *testing.T) {
	p := parties()
	for _, key := range otherKeys(t) {
		q := party{p.issuer, p.holder}
		c := q.credential(t, twenty)
		c.Holder = jwk(t, key.Public())
		c.Holder.Kid, c.Holder.Alg = "kid", "x"
		d, err := sdjwt.Prepare(c, sdjwt.Frame{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := d.Seal(p.issuer)
		if err != nil {
			t.Fatal(err)
		}
		kb := p.binding()
		kb.Signer = key
		policy := p.policy()
		policy.HolderAlgs = []jose.Alg{jose.ES384, jose.EdDSA, jose.PS256}
		v, err := sdjwt.Verify(present(t, text, kb), policy)
		if err != nil {
			t.Fatalf("%T: %v", key, err)
		}
		if v.Holder.Kid != "" || v.Holder.Thumbprint() != jose.Thumbprint(key.Public()) {
			t.Errorf("%T: holder %+v", key, v.Holder)
		}
	}
}

func TestStatusListJSON(t *testing.T) {
	b, err := json.Marshal(sdjwt.StatusList{Index: 5, URI: "https://a.example/1", Purpose: "suspension"})
	if err != nil || generic(t, b).(map[string]any)["purpose"] != "suspension" {
		t.Errorf("%s, %v", b, err)
	}
}
