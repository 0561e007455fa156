package oid4vp

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

const callback = "https://receiver.example/callback"

// unsignedRequest are the parameters of a request without a signature.
func unsignedRequest(t testing.TB) m {
	p := request(t, "redirect_uri:"+callback)
	p["response_mode"], p["response_uri"] = ModeDirectPostJWT, callback
	delete(p, "wallet_nonce")
	return p
}

var openModes = []string{ModeDirectPostJWT, ModeDirectPost, ModeFragment, ModeQuery}

// OpenID4VP 1.0, Section 5.9.3: an unsigned request is known by the address
// that its answer goes to, and by nothing else.
func TestVerifyUnsigned(t *testing.T) {
	jwk, _ := jose.PublicJWK(newKey(t).Public())
	clients := map[string]Client{
		"receiver": {Name: "Receiver", Addresses: []string{callback}},
		"signing":  {Name: "Receiver", Addresses: []string{callback}, Keys: []jose.JWK{jwk}},
	}
	is := func(client string) func(p m) { return func(p m) { p["client_id"] = client } }
	both := func(more ...func(p m)) func(p m) {
		return func(p m) {
			for _, f := range more {
				f(p)
			}
		}
	}
	mode := func(mode string) func(p m) { return func(p m) { p["response_mode"] = mode } }
	without := func(names ...string) func(p m) {
		return func(p m) {
			for _, name := range names {
				delete(p, name)
			}
		}
	}
	redirect := func(to string) func(p m) {
		return func(p m) { delete(p, "response_uri"); p["redirect_uri"] = to }
	}
	for _, tt := range []struct {
		name   string
		change func(p m)
		tune   func(*Verification)
		field  string
		code   ErrorCode
		told   bool
	}{
		{name: "encrypted to the address"},
		{name: "in clear to the address", change: mode(ModeDirectPost)},
		{name: "address left out", change: without("response_uri")},
		{name: "fragment", change: both(redirect(callback), mode(ModeFragment))},
		{name: "fragment is what no mode means", change: both(redirect(callback), without("response_mode"))},
		{name: "query", change: both(redirect(callback), mode(ModeQuery))},
		{name: "redirect address left out", change: both(without("response_uri"), mode(ModeQuery))},
		{name: "another address", change: func(p m) { p["response_uri"] = "https://evil.example/callback" }, field: "response_uri", code: InvalidClient},
		{name: "an address below", change: func(p m) { p["response_uri"] = callback + "/x" }, field: "response_uri", code: InvalidClient},
		{name: "another redirect", change: both(redirect("https://evil.example/"), mode(ModeQuery)), field: "redirect_uri", code: InvalidClient},
		{name: "redirect with a fragment", change: both(is("redirect_uri:"+callback+"#x"), redirect(callback+"#x"), mode(ModeQuery)), tune: func(v *Verification) { v.ClientID += "#x" }, field: "redirect_uri", code: InvalidRequest},
		{name: "redirect over http", change: both(is("redirect_uri:http://receiver.example"), redirect("http://receiver.example"), mode(ModeQuery)), tune: func(v *Verification) { v.ClientID = "redirect_uri:http://receiver.example" }, field: "redirect_uri", code: InvalidRequest},
		{name: "redirect address null", change: both(without("response_uri"), mode(ModeQuery), func(p m) { p["redirect_uri"] = nil }), field: "redirect_uri", code: InvalidRequest},
		{name: "both addresses", change: func(p m) { p["redirect_uri"] = callback }, field: "redirect_uri", code: InvalidRequest},
		{name: "post without the address it is for", change: both(redirect(callback), mode(ModeDirectPost)), field: "redirect_uri", code: InvalidRequest},
		{name: "redirect with the other address", change: mode(ModeFragment), field: "response_uri", code: InvalidRequest},
		{name: "encrypted fragment", change: both(redirect(callback), mode("fragment.jwt")), field: "response_mode", code: InvalidRequest},
		{name: "mode of the browser", change: mode(ModeDCAPI), field: "response_mode", code: InvalidRequest},
		{name: "mode of the browser, and that is accepted", change: mode(ModeDCAPIJWT), tune: func(v *Verification) { v.Modes = []string{ModeDCAPIJWT} }, field: "response_mode", code: InvalidRequest},
		{name: "clear where only encrypted is accepted", change: mode(ModeDirectPost), tune: func(v *Verification) { v.Modes = nil }, field: "response_mode", code: InvalidRequest},
		{name: "prefix not accepted", tune: func(v *Verification) { v.Prefixes = nil }, field: "client_id", code: InvalidClient},
		{name: "another client than the link's", tune: func(v *Verification) { v.ClientID = "receiver" }, field: "client_id", code: InvalidRequest},
		{name: "prefix that must be signed", change: is("x509_san_dns:receiver.example"), tune: func(v *Verification) { v.ClientID = "x509_san_dns:receiver.example" }, field: "request", code: InvalidClient},
		{name: "DID, which must be signed", change: is("decentralized_identifier:did:web:a"), tune: func(v *Verification) { v.ClientID = "decentralized_identifier:did:web:a" }, field: "request", code: InvalidClient},
		{name: "attested, which must be signed", change: is("verifier_attestation:a"), tune: func(v *Verification) { v.ClientID = "verifier_attestation:a" }, field: "request", code: InvalidClient},
		{name: "federation", change: is("openid_federation:https://a"), tune: func(v *Verification) { v.ClientID = "openid_federation:https://a" }, field: "client_id", code: InvalidClient},
		{name: "origin", change: is("origin:https://a"), tune: func(v *Verification) { v.ClientID = "origin:https://a" }, field: "client_id", code: InvalidClient},
		{name: "registered without a key", change: is("receiver"), tune: func(v *Verification) { v.ClientID = "receiver" }},
		{name: "registered, another address", change: both(is("receiver"), func(p m) { p["response_uri"] = "https://evil.example/" }), tune: func(v *Verification) { v.ClientID = "receiver" }, field: "response_uri", code: InvalidClient},
		{name: "registered, no address", change: both(is("receiver"), without("response_uri")), tune: func(v *Verification) { v.ClientID = "receiver" }, field: "response_uri", code: InvalidRequest},
		{name: "registered with a key", change: is("signing"), tune: func(v *Verification) { v.ClientID = "signing" }, field: "request", code: InvalidClient},
		{name: "registered nowhere", change: is("other"), tune: func(v *Verification) { v.ClientID = "other" }, field: "client_id", code: InvalidClient},
		{name: "nonce of this wallet", change: func(p m) { p["wallet_nonce"] = "w1" }, tune: func(v *Verification) { v.WalletNonce = "w1" }},
		{name: "nonce of this wallet missing", tune: func(v *Verification) { v.WalletNonce = "w1" }, field: "wallet_nonce", code: InvalidRequest},
		{name: "for another wallet", change: func(p m) { p["aud"] = "https://wallet.example" }, field: "aud", code: InvalidRequest},
		{name: "for no wallet in particular", change: without("aud")},
		{name: "content that breaks a rule", change: without("nonce"), field: "nonce", code: InvalidRequest, told: true},
		{name: "over", change: func(p m) { p["exp"] = now.Unix() }, field: "exp", code: InvalidRequest, told: true},
		{name: "nothing to encrypt to", change: without("client_metadata"), field: "client_metadata", code: InvalidRequest, told: true},
		{name: "too long", change: func(p m) { p["x"] = strings.Repeat("a", MaxMessage) }, field: "request object", code: InvalidRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := unsignedRequest(t)
			if tt.change != nil {
				tt.change(p)
			}
			v := Verification{ClientID: "redirect_uri:" + callback, Prefixes: []Prefix{PrefixRedirectURI, PrefixNone, PrefixX509SANDNS, PrefixDecentralized, PrefixAttestation}, Modes: openModes, Clients: clients, Now: now}
			if tt.tune != nil {
				tt.tune(&v)
			}
			b, _ := jose.Marshal(p)
			got, err := VerifyUnsigned(b, v)
			if tt.field == "" {
				if err != nil || got.Signed || got.PresentTo() != v.ClientID || got.replyTo() != callback {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			wantField(t, err, tt.field, tt.code)
			if got.DCQLQuery != nil || rejected(err) != tt.told {
				t.Errorf("returned, or told to whom it must not be: %v", err)
			}
		})
	}
	b, _ := jose.Marshal(unsignedRequest(t))
	for name, v := range map[string]Verification{
		"no time":      {ClientID: "redirect_uri:" + callback, Prefixes: []Prefix{PrefixRedirectURI}, Modes: openModes},
		"named nobody": {Now: now, Prefixes: []Prefix{PrefixRedirectURI}, Modes: openModes},
	} {
		if _, err := VerifyUnsigned(b, v); err == nil || ofTheSender(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// ofTheSender reports whether the fault is in the message, and not in how it was
// to be checked.
func ofTheSender(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e)
}

// A link may hold the whole request: what is JSON in it is read, what only a
// JWT has does not count (Section 5).
func TestLinkWithParameters(t *testing.T) {
	q := url.Values{}
	for name, value := range unsignedRequest(t) {
		if text, ok := value.(string); ok {
			q.Set(name, text)
			continue
		}
		b, err := jose.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		q.Set(name, string(b))
	}
	q.Set("aud", "https://other.example")
	q.Set("exp", "1")
	in, err := ParseLink("openid4vp://?" + q.Encode())
	if err != nil || in.ClientID != "redirect_uri:"+callback || in.Request != "" || in.RequestURI != "" {
		t.Fatalf("%+v, %v", in, err)
	}
	v := Verification{ClientID: in.ClientID, Prefixes: []Prefix{PrefixRedirectURI}, Modes: openModes, Now: now}
	got, err := VerifyUnsigned([]byte(in.Parameters), v)
	if err != nil || got.Expires != 0 || got.Audience != "" || got.DCQLQuery.Credentials[0].ID != "led" || got.State != "s.1~" {
		t.Errorf("%+v, %v", got, err)
	}
	q.Set("dcql_query", "{}{}")
	if _, err := ParseLink("openid4vp://?" + q.Encode()); err == nil {
		t.Error("two values in one parameter were read")
	}
	if in, err = ParseLink("openid4vp://?client_id=a&request=" + strings.Repeat("a", MaxMessage)); err == nil || in.Request != "" {
		t.Error("an endless request was read")
	}
}

// A request object with alg none is nothing but parameters, and only in that
// one form.
func TestUnsignedObject(t *testing.T) {
	object := func(head, body, signature string) string {
		return jose.Encode([]byte(head)) + "." + jose.Encode([]byte(body)) + "." + signature
	}
	const good = `{"alg":"none","typ":"oauth-authz-req+jwt"}`
	if b, ok := UnsignedObject(object(good, `{"a":1}`, "")); !ok || string(b) != `{"a":1}` {
		t.Errorf("%s, %v", b, ok)
	}
	for name, text := range map[string]string{
		"signed":           object(`{"alg":"ES256","typ":"oauth-authz-req+jwt"}`, "{}", ""),
		"with a signature": object(good, "{}", "AAAA"),
		"another typ":      object(`{"alg":"none","typ":"JWT"}`, "{}", ""),
		"no typ":           object(`{"alg":"none"}`, "{}", ""),
		"alg in capitals":  object(`{"alg":"NONE","typ":"oauth-authz-req+jwt"}`, "{}", ""),
		"crit":             object(`{"alg":"none","typ":"oauth-authz-req+jwt","crit":["x"]}`, "{}", ""),
		"b64":              object(`{"alg":"none","typ":"oauth-authz-req+jwt","b64":false}`, "{}", ""),
		"two algs":         object(`{"typ":"oauth-authz-req+jwt","alg":"none","alg":"ES256"}`, "{}", ""),
		"no dot at end":    strings.TrimSuffix(object(good, "{}", ""), "."),
		"four parts":       object(good, "{}", "") + ".",
		"no base64url":     "e30=." + jose.Encode([]byte("{}")) + ".",
		"body no base64":   jose.Encode([]byte(good)) + ".e30=.",
		"too long":         object(good, strings.Repeat("a", jose.MaxToken), ""),
		"nothing":          "",
	} {
		if b, ok := UnsignedObject(text); ok || name != "too long" && len(b) > 0 && b[0] != '{' {
			t.Errorf("%s: %s", name, b)
		}
	}
}

func FuzzUnsignedObject(f *testing.F) {
	f.Add(jose.Encode([]byte(`{"alg":"none","typ":"oauth-authz-req+jwt"}`)) + ".e30.")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, object string) {
		if _, ok := UnsignedObject(object); !ok {
			return
		}
		// What is read without a signature is refused wherever one is needed.
		if _, err := VerifyRequest(t.Context(), object, Verification{ClientID: "a", Prefixes: append([]Prefix{PrefixNone}, prefixes...), Now: now, Chain: authority{}}); err == nil || rejected(err) {
			t.Fatalf("accepted as signed: %v", err)
		}
	})
}

func FuzzVerifyUnsigned(f *testing.F) {
	for _, mode := range []string{ModeDirectPost, ModeDirectPostJWT} {
		p := unsignedRequest(f)
		p["response_mode"] = mode
		b, _ := jose.Marshal(p)
		f.Add(b, false)
		p["response_mode"] = "dc_api"
		b, _ = jose.Marshal(p)
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, browser bool) {
		v := Verification{Now: now, Prefixes: []Prefix{PrefixRedirectURI}, Modes: openModes, ClientID: "redirect_uri:" + callback}
		want := v.ClientID
		if browser {
			v.Origin, v.Modes, v.ClientID, want = "https://a.example", []string{ModeDCAPI, ModeDCAPIJWT}, "", "origin:https://a.example"
		}
		got, err := VerifyUnsigned(b, v)
		if err != nil {
			if got.DCQLQuery != nil {
				t.Fatal("a refused request was returned")
			}
			return
		}
		if got.Signed || got.PresentTo() != want || browser != (got.replyTo() == "") || !browser && got.replyTo() != callback || got.Nonce == "" {
			t.Fatalf("%+v", got)
		}
	})
}

// The times of an attestation and of a request have an end, and a minute for
// clocks.
func TestFresh(t *testing.T) {
	date := func(d time.Duration) jose.NumericDate { return jose.Date(now.Add(d)) }
	for _, tt := range []struct {
		issued, notBefore, expires jose.NumericDate
		ok                         bool
	}{
		{0, 0, date(time.Second), true},
		{date(time.Minute), date(time.Minute), date(time.Hour), true},
		{0, 0, 0, false},
		{0, 0, date(0), false},
		{date(2 * time.Minute), 0, date(time.Hour), false},
		{0, date(2 * time.Minute), date(time.Hour), false},
	} {
		if got := fresh(tt.issued, tt.notBefore, tt.expires, now); got != tt.ok {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}
