package unit_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// Each of these requests is refused before the citizen is asked, and nothing
// is sent to the receiver but the request for its request object.
func TestReadRefuses(t *testing.T) {
	a := newAuthority(t, issuerURL)
	stranger := newAuthority(t, issuerURL)
	other := newKey(t)
	cases := []struct {
		name, want string
		change     func(t *testing.T, r *receiver)
	}{
		{"no typ", "typ is not the one expected", func(_ *testing.T, r *receiver) { r.header = func(h m) { delete(h, "typ") } }},
		{"typ JWT", "typ is not the one expected", func(_ *testing.T, r *receiver) { r.header = func(h m) { h["typ"] = "JWT" } }},
		{"typ of a registration", "typ is not the one expected", func(_ *testing.T, r *receiver) { r.header = func(h m) { h["typ"] = oid4vp.TypRegistration } }},
		{"crit", "critical header is not understood", func(_ *testing.T, r *receiver) { r.header = func(h m) { h["crit"] = []string{"x"} } }},
		{"no x5c", "x5c must hold 1 to 8 certificates", func(_ *testing.T, r *receiver) { r.header = func(h m) { delete(h, "x5c") } }},
		{"signed by another key", "request object is not signed by the certificate's key", func(_ *testing.T, r *receiver) { r.key = other }},
		{"changed after signing", "request object is not signed by the certificate's key", func(t *testing.T, r *receiver) {
			r.object = func(s string) string {
				parts := strings.Split(s, ".")
				payload := must(jose.Decode(parts[1]))(t)
				return parts[0] + "." + jose.Encode([]byte(strings.Replace(string(payload), "nonce-1", "nonce-2", 1))) + "." + parts[2]
			}
		}},
		{"alg none", "signature algorithm is not allowed here", func(_ *testing.T, r *receiver) { r.object = unsigned }},
		{"no request object", "request object is malformed", func(_ *testing.T, r *receiver) { r.object = func(string) string { return "<html>" } }},
		{"the anchor in x5c", "x5c[1] is self-signed: leave the trust anchor out", func(_ *testing.T, r *receiver) { r.chain = append(r.chain, a.AccessCA.Certificate) }},
		{"self-signed", "the leaf certificate is self-signed", func(_ *testing.T, r *receiver) { r.chain = []*x509.Certificate{a.SchemeCA.Certificate} }},
		{"an untrusted authority", "no certificate chain to a trusted anchor", func(_ *testing.T, r *receiver) {
			r.a = stranger
			r.certify("receiver.example")
			r.a = a
			r.request.ClientID = oid4vp.HashClientID(r.chain[0])
		}},
		{"a seal certificate", "the certificate is not for this use: keyUsage is missing or has no dig", func(_ *testing.T, r *receiver) { r.chain = []*x509.Certificate{a.Seal.Certificate} }},
		{"client_id of another", "client_id differs from the one in the link", func(_ *testing.T, r *receiver) { r.payload = func(p m) { p["client_id"] = "x509_hash:AAAA" } }},
		{"hash of another certificate", "client_id is not the hash of the certificate", func(_ *testing.T, r *receiver) { r.request.ClientID = "x509_hash:AAAA" }},
		{"prefix redirect_uri", "client_id must have the prefix x509_hash or x509_san_dns", func(_ *testing.T, r *receiver) { r.request.ClientID = "redirect_uri:" + r.request.ResponseURI }},
		{"prefix origin", "client_id has the prefix origin, which no request may have", func(_ *testing.T, r *receiver) { r.request.ClientID = "origin:https://receiver.example" }},
		{"prefix did", "client_id must have the prefix x509_hash or x509_san_dns", func(_ *testing.T, r *receiver) {
			r.request.ClientID = "decentralized_identifier:did:web:receiver.example"
		}},
		{"no prefix", "client_id must have the prefix x509_hash or x509_san_dns", func(_ *testing.T, r *receiver) { r.request.ClientID = "receiver.example" }},
		{"name not in the certificate", "client_id is none of the certificate's DNS names", func(_ *testing.T, r *receiver) { r.request.ClientID = "x509_san_dns:other.example" }},
		{"response_uri of another host", "response_uri must be on the host that client_id names", func(_ *testing.T, r *receiver) {
			r.request.ClientID = "x509_san_dns:receiver.example"
			r.request.ResponseURI = "https://other.example/response"
		}},
		{"response_uri over http", "response_uri cannot be used", func(_ *testing.T, r *receiver) { r.request.ResponseURI = "http://receiver.example/response/s3cr3t" }},
		{"redirect_uri too", "redirect_uri must not stand beside response_uri", func(_ *testing.T, r *receiver) { r.request.RedirectURI = "https://receiver.example/back" }},
		{"redirect_uri that is null", "redirect_uri must not stand beside response_uri", func(_ *testing.T, r *receiver) { r.payload = func(p m) { p["redirect_uri"] = nil } }},
		{"wallet_nonce of another", "wallet_nonce is not the one that was sent", func(_ *testing.T, r *receiver) { r.payload = func(p m) { p["wallet_nonce"] = "x" } }},
		{"no wallet_nonce", "wallet_nonce is not the one that was sent", func(_ *testing.T, r *receiver) { r.payload = func(p m) { delete(p, "wallet_nonce") } }},
		{"for another wallet", "aud is missing or names another wallet", func(_ *testing.T, r *receiver) { r.request.Audience = "https://wallet.example" }},
		{"transaction data", "transaction_data has an element without a type", func(_ *testing.T, r *receiver) { r.payload = func(p m) { p["transaction_data"] = []any{"e30"} } }},
		{"over", "exp is over", func(_ *testing.T, r *receiver) { r.request.Expires = jose.Date(at) }},
		{"of the future", "iat lies ahead", func(_ *testing.T, r *receiver) { r.request.IssuedAt = jose.Date(at.Add(time.Hour)) }},
		{"answers in clear", "response_mode must be direct_post.jwt", func(_ *testing.T, r *receiver) { r.request.ResponseMode = oid4vp.ModeDirectPost }},
		{"no key to encrypt to", "client_metadata.jwks is missing", func(_ *testing.T, r *receiver) { r.request.ClientMetadata = nil }},
		{"content encryption unknown", "client_metadata.encrypted_response_enc_values_supported has neither A2", func(_ *testing.T, r *receiver) {
			r.request.ClientMetadata.EncValuesSupported = []string{"A128CBC-HS256"}
		}},
		{"a scope instead of a query", "scope is not understood", func(_ *testing.T, r *receiver) { r.request.Scope = "x"; r.request.DCQLQuery = nil }},
		{"no nonce", "nonce is missing or has characters that are not URL-safe", func(_ *testing.T, r *receiver) { r.request.Nonce = "" }},
		{"a request in the request", "request and request_uri must not stand in a request object", func(_ *testing.T, r *receiver) {
			r.payload = func(p m) { p["request_uri"] = "https://receiver.example/other" }
		}},
		{"too long", "fetching the request: the answer of receiver.example is longer than 83", func(_ *testing.T, r *receiver) {
			r.object = func(s string) string { return s + strings.Repeat("A", 9<<20) }
		}},
		{"too many queries", "credentials must have 1 to 64 elements", func(t *testing.T, r *receiver) {
			q := r.request.DCQLQuery.Credentials[0]
			for len(r.request.DCQLQuery.Credentials) <= oid4vp.MaxList {
				r.request.DCQLQuery.Credentials = append(r.request.DCQLQuery.Credentials, q)
			}
		}},

		{"no registration", "verifier_info must hold exactly one registration certificate", func(_ *testing.T, r *receiver) { r.noRegistration = true }},
		{"registration by another", "signature does not verify", func(_ *testing.T, r *receiver) { r.registrar = other }},
		{"registration of another certificate", "it belongs to another access certificate", func(_ *testing.T, r *receiver) { r.registration.Certificate = jose.X5TS256(a.Seal.Certificate) }},
		{"registration over", "it is over", func(_ *testing.T, r *receiver) { r.registration.Expires = jose.Date(at) }},
		{"registration that may be revoked", "its status cannot be checked here", func(_ *testing.T, r *receiver) {
			r.registration.Status = []byte(`{"status_list":{"idx":1,"uri":"https://x.example"}}`)
		}},
		{"a claim that is not registered", "dcql_query.credentials[0] asks for claims that are not registered", func(_ *testing.T, r *receiver) {
			r.ask(`{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},"claims":[{"path":["title"]},{"path":["birthdate"]}]}]}`)
		}},
		{"a type that is not registered", "dcql_query.credentials[0] asks for https://issuer.example/types/pid, w", func(_ *testing.T, r *receiver) {
			r.ask(`{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `","https://issuer.example/types/pid"]},"claims":[{"path":["title"]}]}]}`)
		}},
		{"suspended", "the receiver is suspended in the register", func(_ *testing.T, r *receiver) {
			r.register = func(d m) { d["receivers"].([]any)[0].(m)["status"] = "suspended" }
		}},
		{"status unknown", "the receiver is  in the register", func(_ *testing.T, r *receiver) {
			r.register = func(d m) { d["receivers"].([]any)[0].(m)["status"] = "" }
		}},
		{"listed twice, once not", "the receiver is suspended in the register", func(_ *testing.T, r *receiver) {
			r.register = func(d m) {
				d["receivers"] = append(d["receivers"].([]any), m{"registration": receiverNumber, "status": "suspended"})
			}
		}},
		{"not in the register", "the receiver is not in the register", func(_ *testing.T, r *receiver) {
			r.register = func(d m) { d["receivers"] = d["receivers"].([]any)[1:] }
		}},
		{"register over", "the register of receivers is over, or of a time that lies ahead", func(_ *testing.T, r *receiver) { r.register = func(d m) { d["exp"] = at.Unix() } }},
		{"register without end", "the register of receivers is over, or of a time that lies ahead", func(_ *testing.T, r *receiver) { r.register = func(d m) { delete(d, "exp") } }},
		{"register of the future", "the register of receivers is over, or of a time that lies ahead", func(_ *testing.T, r *receiver) { r.register = func(d m) { d["iat"] = at.Add(time.Hour).Unix() } }},
		{"register that is no object", "the register of receivers cannot be read: not strict JSON: member rec", func(_ *testing.T, r *receiver) { r.register = func(d m) { d["receivers"] = "all" } }},
		{"register signed by another", "signature does not verify", func(t *testing.T, r *receiver) {
			r.published = func(w http.ResponseWriter) {
				payload := must(jose.Marshal(m{"exp": at.Add(time.Hour).Unix(), "receivers": []any{m{"registration": receiverNumber, "status": "admitted"}}}))(t)
				_, _ = w.Write([]byte(must(jose.SignCompact(other, m{"alg": "ES256", "typ": "receivers-register+jwt"}, payload))(t)))
			}
		}},
		{"register of another kind", "typ is not the one expected", func(t *testing.T, r *receiver) {
			r.published = func(w http.ResponseWriter) {
				payload := must(jose.Marshal(m{"exp": at.Add(time.Hour).Unix(), "receivers": []any{m{"registration": receiverNumber, "status": "admitted"}}}))(t)
				_, _ = w.Write([]byte(must(jose.SignCompact(a.Registrar.Key, m{"alg": "ES256", "typ": oid4vp.TypRegistration}, payload))(t)))
			}
		}},
		{"register in clear", "not a well-formed compact JWS: it must have three parts", func(_ *testing.T, r *receiver) {
			r.published = func(w http.ResponseWriter) {
				answerJSON(w, 200, m{"receivers": []any{m{"registration": receiverNumber, "status": "admitted"}}})
			}
		}},
		{"register gone", "fetching the register of receivers: refused with status 404", func(_ *testing.T, r *receiver) {
			r.published = func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }
		}},
		{"register cannot be had", "fetching the register of receivers: asking register.example: no such h", func(_ *testing.T, r *receiver) { delete(r.net.hosts, "register.example") }},
		{"request cannot be had", "fetching the request: refused with status 404", func(_ *testing.T, r *receiver) { r.net.hosts["receiver.example"] = http.NotFoundHandler() }},
		{"request object redirect", "fetching the request: refused with status 302", func(_ *testing.T, r *receiver) {
			r.net.hosts["receiver.example"] = http.RedirectHandler("https://other.example/request", http.StatusFound)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			c.change(t, r)
			p := r.wallet(func(unit.Consent) (bool, error) { t.Error("the citizen was asked"); return false, nil })
			asked, err := p.Read(t.Context(), r.link("post"))
			if err == nil {
				t.Fatal("the request was accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("refused for %q, expected %q", err, c.want)
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("the error tells a secret: %v", err)
			}
			v, _ := newVault(t, r.net)
			if _, err := p.Answer(t.Context(), v, asked); !errors.Is(err, unit.ErrReceiver) {
				t.Errorf("it was answered all the same: %v", err)
			}
			if sent := r.net.to("receiver.example"); len(sent) != 1 || len(r.net.to("other.example")) != 0 {
				t.Errorf("sent to the receiver: %v", sent)
			}
		})
	}
}

// unsigned is the object with alg none and no signature.
func unsigned(object string) string {
	parts := strings.Split(object, ".")
	return jose.Encode([]byte(`{"alg":"none","typ":"oauth-authz-req+jwt"}`)) + "." + parts[1] + "."
}

// What the wallet was called with is a stranger's word too.
func TestReadRefusesLinks(t *testing.T) {
	r := newReceiver(t, newAuthority(t, issuerURL), newNetwork())
	p := r.wallet(yes)
	for name, c := range map[string]struct{ link, want string }{
		"another client": {oid4vp.Link("x509_hash:BBBB", "https://receiver.example/request", "post"), "client_id differs from the one in the link"},
		"http":           {oid4vp.Link(r.request.ClientID, "http://receiver.example/request", "post"), "request_uri cannot be used"},
		"loopback http":  {oid4vp.Link(r.request.ClientID, "http://localhost/request", "post"), "request_uri cannot be used"},
		"method":         {oid4vp.Link(r.request.ClientID, "https://receiver.example/request", "put"), "request_uri_method must be get or post"},
		"by value":       {"openid4vp://?client_id=x&request=" + r.sign(""), "nothing shows that it is fresh"},
		"parameters":     {"openid4vp://?client_id=redirect_uri%3Ahttps%3A%2F%2Freceiver.example&response_type=vp_token", "nothing shows that it is fresh"},
		"no link":        {"https://receiver.example/request", "client_id is missing"},
	} {
		if _, err := p.Read(t.Context(), c.link); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", name, err, c.want)
		}
	}
	// The two ways that are right.
	for _, method := range []string{"post", "get", ""} {
		if _, err := p.Read(t.Context(), r.link(method)); err != nil {
			t.Errorf("%q: %v", method, err)
		}
	}
	r.request.ClientID = "x509_san_dns:receiver.example"
	asked := r.read(p)
	if asked.Registration.Receiver != receiverNumber {
		t.Errorf("%+v", asked.Registration)
	}
}

// The present registrar and the next are as good as one another, for the registration
// certificate and for the register, each by itself: a rotation may fall between them.
// A wallet that does not know the next one believes neither of what it signed.
func TestNextRegistrar(t *testing.T) {
	a := newAuthority(t, issuerURL)
	next := a.NextRegistrar.Key
	for _, c := range []struct {
		registrar, publisher crypto.Signer
		unknowing            string // what a wallet says that knows the present one only
	}{
		{a.Registrar.Key, a.Registrar.Key, ""},
		{a.Registrar.Key, next, "the register of receivers does not hold: signature does not verify"},
		{next, a.Registrar.Key, "registration certificate does not hold: signature does not verify"},
		{next, next, "registration certificate does not hold: signature does not verify"},
	} {
		r := newReceiver(t, a, newNetwork())
		r.registrar, r.publisher = c.registrar, c.publisher
		p := r.wallet(yes)
		if asked := r.read(p); asked.Registration.Receiver != receiverNumber {
			t.Errorf("%+v", asked.Registration)
		}
		keys := p.Registrars[:1]
		p.Registrars = keys
		register := p.Register.(unit.PublishedRegister)
		register.Registrars = keys
		p.Register = register
		_, err := p.Read(t.Context(), r.link("post"))
		if (err == nil) != (c.unknowing == "") || err != nil && !(errors.Is(err, unit.ErrReceiver) && strings.Contains(err.Error(), c.unknowing)) {
			t.Errorf("%v, expected %q", err, c.unknowing)
		}
	}
}

// A certificate that was revoked since it was issued.
func TestReadRefusesRevoked(t *testing.T) {
	a := newAuthority(t, issuerURL)
	r := newReceiver(t, a, newNetwork())
	p := r.wallet(yes)
	r.read(p)
	if err := a.Revoke(r.chain[0], 1, at.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := a.crls.Add(a.AccessCRL, a.AccessCA.Certificate); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(t.Context(), r.link("post")); err == nil {
		t.Error("a revoked access certificate was accepted")
	}
}
