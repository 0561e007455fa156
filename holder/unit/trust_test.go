package unit_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// open is a wallet of everybody: r as it comes, with no register to vouch.
func (r *receiver) open(consent func(unit.Consent) (bool, error)) unit.Presentation {
	p := r.wallet(consent)
	p.Trust = unit.TrustOpen
	return p
}

// parameters are r's request as a link that holds all of it.
func (r *receiver) parameters(change func(url.Values)) string {
	r.t.Helper()
	q := url.Values{}
	var payload m
	if err := jose.Unmarshal(must(jose.Marshal(r.request))(r.t), &payload); err != nil {
		r.t.Fatal(err)
	}
	for name, value := range payload {
		if text, ok := value.(string); ok {
			q.Set(name, text)
		} else {
			q.Set(name, string(must(jose.Marshal(value))(r.t)))
		}
	}
	if change != nil {
		change(q)
	}
	return "openid4vp://?" + q.Encode()
}

func TestParseTrust(t *testing.T) {
	for in, want := range map[string]unit.Trust{"": unit.TrustRegister, "register": unit.TrustRegister, "open": unit.TrustOpen} {
		if got, err := unit.ParseTrust(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"Open", "all", "none\x1b"} {
		if got, err := unit.ParseTrust(in); err == nil || got != "" || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// A rule that is not known is the strict one.
func TestUnknownTrustIsStrict(t *testing.T) {
	r := newReceiver(t, newAuthority(t, issuerURL), newNetwork())
	r.noRegistration = true
	p := r.wallet(yes)
	p.Trust = "anybody"
	if _, err := p.Read(t.Context(), r.link("post")); !errors.Is(err, unit.ErrReceiver) {
		t.Error(err)
	}
}

// Without a register nobody is in it, and without randomness nothing is sent.
func TestReadNeeds(t *testing.T) {
	r := newReceiver(t, newAuthority(t, issuerURL), newNetwork())
	p := r.wallet(yes)
	p.Register = nil
	if _, err := p.Read(t.Context(), r.link("post")); !errors.Is(err, unit.ErrReceiver) {
		t.Error(err)
	}
	p.Trust = unit.TrustOpen
	if a, err := p.Read(t.Context(), r.link("post")); err != nil || a.Registration.Receiver != "" {
		t.Errorf("%+v, %v", a.Registration, err)
	}
	before := len(r.net.to("receiver.example"))
	p.Random = strings.NewReader("short")
	if _, err := p.Read(t.Context(), r.link("post")); err == nil || len(r.net.to("receiver.example")) != before {
		t.Errorf("%v, sent %d", err, len(r.net.to("receiver.example"))-before)
	}
}

// With TrustOpen everybody may ask whose client identifier checks out; the
// citizen is warned of what nobody vouches for, and the log says so.
func TestOpenTrust(t *testing.T) {
	a := newAuthority(t, issuerURL)
	const nobody, notSigned, clear = "nobody vouches", "not signed", "not encrypted"
	didKey, attester := newKey(t), newKey(t)
	jwk := func(k crypto.Signer) jose.JWK { return must(jose.PublicJWK(k.Public()))(t) }
	sign := func(r *receiver, header m) {
		r.noRegistration = true
		r.header = func(h m) {
			delete(h, "x5c")
			for name, value := range header {
				h[name] = value
			}
		}
	}
	document := func(id string) *did.Document {
		return must(did.ParseDocument(must(jose.Marshal(m{
			"@context": []any{"https://www.w3.org/ns/did/v1"}, "id": id, "authentication": []any{id + "#k"},
			"verificationMethod": []any{m{"id": id + "#k", "type": "JsonWebKey", "controller": id, "publicKeyJwk": jwk(didKey)}},
		}))(t)))(t)
	}
	for _, c := range []struct {
		name     string
		set      func(r *receiver, p *unit.Presentation)
		link     func(r *receiver) string
		who      string // in the log
		called   string // to the citizen
		audience string
		warnings []string
		redirect string
	}{
		{name: "x509_hash, not in the register", set: func(r *receiver, _ *unit.Presentation) { r.noRegistration = true }, called: "Receiver (TEST)", warnings: []string{nobody}},
		{name: "x509_hash, in the register", set: func(*receiver, *unit.Presentation) {}, who: receiverNumber, called: "Receiver (TEST)"},
		{name: "suspended", set: func(r *receiver, _ *unit.Presentation) {
			r.register = func(d m) { d["receivers"].([]any)[0].(m)["status"] = "suspended" }
		}, called: "Receiver (TEST)", warnings: []string{nobody}},
		{name: "in clear", set: func(r *receiver, _ *unit.Presentation) { r.request.ResponseMode = oid4vp.ModeDirectPost }, who: receiverNumber, called: "Receiver (TEST)", warnings: []string{clear}},
		{name: "decentralized_identifier", set: func(r *receiver, p *unit.Presentation) {
			sign(r, m{"kid": "did:web:receiver.example#k"})
			r.key, r.request.ClientID = didKey, "decentralized_identifier:did:web:receiver.example"
			p.DIDs = resolver{"did:web:receiver.example": document("did:web:receiver.example")}
		}, called: "did:web:receiver.example", warnings: []string{nobody}},
		{name: "verifier_attestation", set: func(r *receiver, p *unit.Presentation) {
			attestation := must(jose.SignCompact(attester, m{"alg": "ES256", "typ": oid4vp.TypAttestation}, must(jose.Marshal(m{
				"iss": "https://attester.example", "sub": "receiver.example", "exp": at.Unix() + 60, "cnf": m{"jwk": jwk(r.key)},
			}))(t)))(t)
			sign(r, m{"jwt": attestation})
			r.request.ClientID = "verifier_attestation:receiver.example"
			p.Attesters = map[string][]jose.JWK{"https://attester.example": {jwk(attester)}}
		}, called: "receiver.example", warnings: []string{nobody}},
		{name: "registered before", set: func(r *receiver, p *unit.Presentation) {
			sign(r, nil)
			r.request.ClientID = "shop"
			p.Clients = map[string]oid4vp.Client{"shop": {Name: "The shop", Keys: []jose.JWK{jwk(r.key)}, Addresses: []string{r.request.ResponseURI}}}
		}, called: "The shop", warnings: []string{nobody}},
		{name: "redirect_uri, posted", set: func(r *receiver, _ *unit.Presentation) { r.request.ClientID = "redirect_uri:" + r.request.ResponseURI },
			link: func(r *receiver) string { return r.parameters(nil) }, who: "redirect_uri:receiver.example", called: "receiver.example", warnings: []string{nobody, notSigned}},
		{name: "alg none at a request URI", set: func(r *receiver, _ *unit.Presentation) {
			r.request.ClientID, r.object = "redirect_uri:"+r.request.ResponseURI, unsigned
		}, who: "redirect_uri:receiver.example", called: "receiver.example", warnings: []string{nobody, notSigned}},
		{name: "signed by value", set: func(r *receiver, _ *unit.Presentation) { r.request.Audience = oid4vp.AudienceSelfIssued },
			link: func(r *receiver) string {
				return "openid4vp://?client_id=" + url.QueryEscape(r.request.ClientID) + "&request=" + r.sign("")
			}, who: receiverNumber, called: "Receiver (TEST)"},
		{name: "fragment", set: func(r *receiver, _ *unit.Presentation) {
			r.request.ClientID, r.request.ResponseURI, r.request.ResponseMode = "redirect_uri:https://receiver.example/cb?secret=s3cr3t", "", ""
			r.request.RedirectURI = "https://receiver.example/cb?secret=s3cr3t"
		}, link: func(r *receiver) string { return r.parameters(nil) }, who: "redirect_uri:receiver.example", called: "receiver.example", warnings: []string{nobody, notSigned, clear}, redirect: "https://receiver.example/cb?secret=s3cr3t#"},
		{name: "query", set: func(r *receiver, _ *unit.Presentation) {
			r.request.ResponseURI, r.request.ResponseMode, r.request.RedirectURI = "", oid4vp.ModeQuery, "https://receiver.example/cb?x=1"
		}, who: receiverNumber, called: "Receiver (TEST)", warnings: []string{clear}, redirect: "https://receiver.example/cb?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, pod := newVault(t, r.net)
			a.hold(t, v, 1)
			var seen unit.Consent
			w := r.open(func(c unit.Consent) (bool, error) { seen = c; return true, nil })
			w.Status, w.StatusTrust = statusChecker(t, r.net), a.statusTrust
			r.net.hosts["issuer.example"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(a.statusToken(t, issuerURL+"/status/1", 0)))
			})
			w.Languages = []string{"en"}
			c.set(r, &w)
			link := r.link("post")
			if c.link != nil {
				link = c.link(r)
			}
			asked, err := w.Read(t.Context(), link)
			if err != nil {
				t.Fatal(err)
			}
			shared, err := w.Answer(t.Context(), v, asked)
			if err != nil {
				t.Fatal(err)
			}
			if len(seen.Warnings) != len(c.warnings) {
				t.Errorf("warned of %q", seen.Warnings)
			}
			for i := range min(len(seen.Warnings), len(c.warnings)) {
				if !strings.Contains(seen.Warnings[i], c.warnings[i]) {
					t.Errorf("warned of %q, expected %q", seen.Warnings[i], c.warnings[i])
				}
			}
			who := c.who
			if who == "" {
				who = r.request.ClientID
			}
			if seen.Organisation != c.called || seen.Receiver != who || seen.ClientID != r.request.ClientID {
				t.Errorf("shown: %+v", seen)
			}
			e := pod.events()
			if len(e) != 1 || e[0].Organisation != who || (e[0].Purpose == "enrolment") != (who == receiverNumber) || e[0].Purpose == "" || e[0].LegalBasis == "" || strings.Contains(e[0].Organisation, "s3cr3t") {
				t.Errorf("logged: %+v", e)
			}
			receipt := must(v.Receipt(t.Context(), shared.Receipt))(t)
			if c.redirect == "" {
				if len(r.posted) != 1 || receipt.Outcome != unit.OutcomeAccepted {
					t.Errorf("posted %v, %+v", r.posted, receipt)
				}
				return
			}
			if !strings.HasPrefix(shared.RedirectURI, c.redirect) || len(r.posted) != 0 || receipt.Outcome != unit.OutcomeHanded {
				t.Errorf("%s, posted %v, %+v", shared.RedirectURI, r.posted, receipt)
			}
			_, response, _ := strings.Cut(shared.RedirectURI, c.redirect)
			q := must(url.ParseQuery(response))(t)
			res := must(oid4vp.ParseResponse([]byte(`{"vp_token":`+q.Get("vp_token")+`}`), *r.request.DCQLQuery))(t)
			if len(r.verified(res, "q")) != 1 || q.Get("state") != string(r.request.State) {
				t.Errorf("%v", q)
			}
		})
	}
}

// anyChain takes every chain.
type anyChain struct{}

func (anyChain) VerifyChain(context.Context, []*x509.Certificate, time.Time) error { return nil }

// A certificate need not name an organisation: then the client identifier does.
func TestReceiverWithoutAName(t *testing.T) {
	a := newAuthority(t, issuerURL)
	r := newReceiver(t, a, newNetwork())
	v, _ := newVault(t, r.net)
	ca := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: at, NotAfter: at.Add(time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, template, &x509.Certificate{Subject: pkix.Name{CommonName: "CA"}}, r.key.Public(), ca))(t)
	r.chain, r.noRegistration = []*x509.Certificate{must(x509.ParseCertificate(der))(t)}, true
	r.request.ClientID = oid4vp.HashClientID(r.chain[0])
	var seen unit.Consent
	w := r.open(func(c unit.Consent) (bool, error) { seen = c; return false, nil })
	w.Chain = anyChain{}
	if _, err := w.Answer(t.Context(), v, r.read(w)); !errors.Is(err, unit.ErrRefused) || seen.Receiver != r.request.ClientID || "x509_hash:"+seen.Organisation != r.request.ClientID {
		t.Errorf("%+v, %v", seen, err)
	}
}

// resolver of DIDs, with their documents.
type resolver map[string]*did.Document

func (d resolver) Resolve(_ context.Context, id string) (*did.Document, error) {
	if doc, ok := d[id]; ok {
		return doc, nil
	}
	return nil, errors.New("no such DID")
}

// What only TrustOpen lets through is refused by the rule of the register, by
// whichever way it came.
func TestRegisterTrustRefuses(t *testing.T) {
	a := newAuthority(t, issuerURL)
	for _, c := range []struct {
		name, want string
		set        func(r *receiver)
		link       func(r *receiver) string
	}{
		{"by value", "nothing shows that it is fresh", nil, func(r *receiver) string {
			return "openid4vp://?client_id=" + url.QueryEscape(r.request.ClientID) + "&request=" + r.sign("")
		}},
		{"parameters", "nothing shows that it is fresh", func(r *receiver) { r.request.ClientID = "redirect_uri:" + r.request.ResponseURI }, func(r *receiver) string { return r.parameters(nil) }},
		{"alg none", "signature algorithm is not allowed here", func(r *receiver) {
			r.request.ClientID, r.object = "redirect_uri:"+r.request.ResponseURI, unsigned
		}, nil},
		{"alg none, encrypted to the wallet", "signature algorithm is not allowed here", func(r *receiver) { r.object = unsigned; r.encrypt = true }, nil},
		{"fragment", "response_mode must be direct_post.jwt", func(r *receiver) {
			r.request.ResponseMode, r.request.ResponseURI, r.request.RedirectURI = "", "", "https://receiver.example/cb"
		}, nil},
		{"query", "response_mode must be direct_post.jwt", func(r *receiver) {
			r.request.ResponseMode, r.request.ResponseURI, r.request.RedirectURI = oid4vp.ModeQuery, "", "https://receiver.example/cb"
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			if c.set != nil {
				c.set(r)
			}
			link := r.link("post")
			if c.link != nil {
				link = c.link(r)
			}
			p := r.wallet(func(unit.Consent) (bool, error) { t.Error("the citizen was asked"); return false, nil })
			if _, err := p.Read(t.Context(), link); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, expected %q", err, c.want)
			}
		})
	}
}

// OpenID4VP 1.0, Sections 5.10 and 15.6: what a wallet posts for the request
// object is new each time, names no software, and the object may come back
// encrypted to the one-time key.
func TestRequestURIPost(t *testing.T) {
	a := newAuthority(t, issuerURL)
	r := newReceiver(t, a, newNetwork())
	p := r.wallet(yes)
	r.read(p)
	r.encrypt = true
	r.read(p)
	r.read(p)
	seen := map[string]bool{}
	for _, sent := range r.net.to("receiver.example") {
		head, body, _ := strings.Cut(sent, "\n\n")
		if !strings.HasPrefix(head, "POST ") || !strings.Contains(head, "Content-Type: application/x-www-form-urlencoded") || !strings.Contains(head, "Accept: application/oauth-authz-req+jwt") || !strings.Contains(head, "User-Agent: wallet\r") {
			t.Errorf("sent %s", head)
		}
		form := must(oid4vp.ParseRequestURIPost(must(url.ParseQuery(strings.TrimSpace(body)))(t)))(t)
		md := form.WalletMetadata
		if len(form.WalletNonce) < 43 || md == nil || len(md.JWKS.Keys) != 1 || md.JWKS.Keys[0].D != "" || md.Issuer != "" || md.VPFormatsSupported["dc+sd-jwt"] == nil {
			t.Fatalf("posted %+v", form)
		}
		seen[string(form.WalletNonce)], seen[md.JWKS.Keys[0].X] = true, true
	}
	if len(seen) != 6 {
		t.Errorf("%d values in three requests: a nonce or a key was used again", len(seen))
	}
	// Encrypted to another key, or in the name of another.
	for name, change := range map[string]func(k *jose.JWK){
		"another key": func(k *jose.JWK) {
			kid := k.Kid
			*k = must(jose.PublicJWK(newKey(t).Public()))(t)
			k.Kid, k.Alg = kid, "ECDH-ES"
		},
		"another kid": func(k *jose.JWK) { k.Kid = "request-2" },
	} {
		r.encryptTo = change
		if _, err := p.Read(t.Context(), r.link("post")); err == nil || !strings.Contains(err.Error(), "request object") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// To a client that cannot sign no algorithms are named.
	r.encrypt, r.encryptTo, r.object = false, nil, unsigned
	r.request.ClientID = "redirect_uri:" + r.request.ResponseURI
	w := r.open(yes)
	r.read(w)
	sent := r.net.to("receiver.example")
	_, body, _ := strings.Cut(sent[len(sent)-1], "\n\n")
	form := must(oid4vp.ParseRequestURIPost(must(url.ParseQuery(strings.TrimSpace(body)))(t)))(t)
	if form.WalletMetadata.RequestObjectSigningAlgValuesSupported != nil || !strings.Contains(strings.Join(form.WalletMetadata.ClientIDPrefixesSupported, " "), "redirect_uri") {
		t.Errorf("%+v", form.WalletMetadata)
	}
	// A GET sends nothing of the wallet, and takes no nonce.
	r.object, r.request.ClientID = nil, oid4vp.HashClientID(r.chain[0])
	must(p.Read(t.Context(), r.link("get")))(t)
	sent = r.net.to("receiver.example")
	if head, body, _ := strings.Cut(sent[len(sent)-1], "\n\n"); !strings.HasPrefix(head, "GET https://receiver.example/request\n") || strings.TrimSpace(body) != "" || strings.Contains(head, "Content-Type") {
		t.Errorf("%q", sent[len(sent)-1])
	}
}

// A format that this wallet cannot hold is told as such: that says nothing of
// what it holds.
func TestFormatNotSupported(t *testing.T) {
	r := newReceiver(t, newAuthority(t, issuerURL), newNetwork())
	r.registration.Credentials = append(r.registration.Credentials, oid4vp.RegisteredCredential{Format: "jwt_vc_json-ld", Meta: oid4vp.Meta{TypeValues: [][]string{{"d"}}}})
	r.ask(`{"credentials":[{"id":"q","format":"jwt_vc_json-ld","meta":{"type_values":[["d"]]}}]}`)
	p := r.wallet(yes)
	_, err := p.Read(t.Context(), r.link("post"))
	if codeOf(err) != oid4vp.VPFormatsNotSupported || len(r.posted) != 0 {
		t.Fatal(err)
	}
	must(p.Tell(t.Context(), err))(t)
	if got := string(r.plain()); got != `{"state":"state-state-state-state-1","error":"vp_formats_not_supported"}` {
		t.Error(got)
	}
	// Beside one that it can hold, it is for the query to say whether that is
	// enough.
	r.ask(`{"credentials":[{"id":"q","format":"jwt_vc_json-ld","meta":{"type_values":[["d"]]}},{"id":"s","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]}}],"credential_sets":[{"options":[["q"],["s"]]}]}`)
	r.read(p)
}

// The issuer's own word says of which type a credential is, and from when to
// when it is valid.
func TestOnlyWhatTheIssuerSays(t *testing.T) {
	a := newAuthority(t, issuerURL)
	for name, change := range map[string]func(c *sdjwt.Credential){
		"of another type than the index says": func(c *sdjwt.Credential) { c.Type = otherVCT },
		"not valid yet":                       func(c *sdjwt.Credential) { c.NotBefore = at.Add(2 * 60e9) },
		"over":                                func(c *sdjwt.Credential) { c.Expires = at },
	} {
		r := newReceiver(t, a, newNetwork())
		v, _ := newVault(t, r.net)
		private := must(jose.PrivateJWK(newKey(t)))(t)
		item := unit.Item{Name: must(unit.NewName(r.wallet(yes).Random))(t), Format: "dc+sd-jwt", Type: vct, Title: "T", Issuer: issuerURL, Added: at,
			Copies: []unit.Copy{{Credential: quoted(a.issue(t, private.Public(), change)), Key: private}}}
		if err := v.Add(t.Context(), item); err != nil {
			t.Fatal(err)
		}
		var seen unit.Consent
		w := r.wallet(func(c unit.Consent) (bool, error) { seen = c; return true, nil })
		if _, err := w.Answer(t.Context(), v, r.read(w)); !errors.Is(err, unit.ErrRefused) || len(seen.Items) != 0 {
			t.Errorf("%s: %v, offered %+v", name, err, seen.Items)
		}
	}
}
