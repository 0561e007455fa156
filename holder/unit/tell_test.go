package unit_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// OpenID4VP 1.0, Sections 8.5, 15.1 and 15.9: an error is told when the citizen
// wants it, to a sender that is known and may ask, encrypted where the request
// asks for it, and to nobody else.
func TestTell(t *testing.T) {
	a := newAuthority(t, issuerURL)
	broken := func(r *receiver) { r.request.Scope, r.request.DCQLQuery = "x", nil }
	for _, c := range []struct {
		name string
		set  func(r *receiver)
		open bool
		link func(r *receiver) string
		told string // what the receiver gets; empty: nothing
	}{
		{name: "a scope", set: broken, told: `{"state":"state-state-state-state-1","error":"invalid_scope"}`},
		{name: "no state", set: func(r *receiver) { broken(r); r.request.State = "" }, told: `{"error":"invalid_scope"}`},
		{name: "transaction data", set: func(r *receiver) { r.payload = func(p m) { p["transaction_data"] = []any{"e30"} } }, told: `{"state":"state-state-state-state-1","error":"invalid_transaction_data"}`},
		{name: "response type", set: func(r *receiver) { r.request.ResponseType = "code" }, told: `{"state":"state-state-state-state-1","error":"unsupported_response_type"}`},
		{name: "nothing to encrypt to", set: func(r *receiver) { r.request.ClientMetadata = nil }, told: "error=invalid_request&state=state-state-state-state-1"},

		{name: "not signed by the certificate", set: func(r *receiver) { broken(r); r.key = newKey(t) }},
		{name: "an address of another", set: func(r *receiver) {
			broken(r)
			r.request.ClientID, r.request.ResponseURI = "x509_san_dns:receiver.example", "https://victim.example/r"
		}},
		{name: "another client than the link's", set: broken, link: func(r *receiver) string {
			return oid4vp.Link("x509_san_dns:receiver.example", "https://receiver.example/request", "post")
		}},
		{name: "an old object", set: func(r *receiver) { broken(r); r.payload = func(p m) { p["wallet_nonce"] = "old" } }},
		{name: "not in the register", set: func(r *receiver) {
			broken(r)
			r.register = func(d m) { d["receivers"] = []any{} }
		}},
		{name: "suspended", set: func(r *receiver) {
			broken(r)
			r.register = func(d m) { d["receivers"].([]any)[0].(m)["status"] = "suspended" }
		}},
		{name: "no registration certificate", set: func(r *receiver) { broken(r); r.noRegistration = true }},
		{name: "another's registration certificate", set: func(r *receiver) { broken(r); r.registrar = newKey(t) }},
		{name: "the register cannot be had", set: func(r *receiver) { broken(r); delete(r.net.hosts, "register.example") }},
		{name: "asks for more than it may", set: func(r *receiver) {
			r.ask(`{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},"claims":[{"path":["birthdate"]}]}]}`)
		}},

		{name: "open, not in the register", open: true, set: func(r *receiver) { broken(r); r.noRegistration = true }, told: `{"state":"state-state-state-state-1","error":"invalid_scope"}`},
		{name: "open, in clear", open: true, set: func(r *receiver) { broken(r); r.request.ResponseMode = oid4vp.ModeDirectPost }, told: "error=invalid_scope&state=state-state-state-state-1"},
		{name: "open, of an address of another", open: true, set: func(r *receiver) {
			broken(r)
			r.request.ClientID = "redirect_uri:https://receiver.example/other"
		}, link: func(r *receiver) string { return r.parameters(nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			c.set(r)
			p := r.wallet(func(unit.Consent) (bool, error) { t.Error("the citizen was asked to share"); return false, nil })
			if c.open {
				p.Trust = unit.TrustOpen
			}
			link := r.link("post")
			if c.link != nil {
				link = c.link(r)
			}
			_, refusal := p.Read(t.Context(), link)
			if refusal == nil {
				t.Fatal("accepted")
			}
			if len(r.posted) != 0 {
				t.Fatal("something was told before the citizen wanted it")
			}
			_, err := p.Tell(t.Context(), refusal)
			if c.told == "" {
				if !errors.Is(err, unit.ErrUntold) || len(r.posted) != 0 || len(r.net.to("victim.example")) != 0 {
					t.Errorf("told all the same, or %v: %v", err, r.posted)
				}
				return
			}
			if err != nil || len(r.posted) != 1 {
				t.Fatalf("%v, %v", err, r.posted)
			}
			got := r.posted[0].Encode()
			if r.posted[0].Has("response") {
				got = string(r.plain())
			}
			if got != c.told {
				t.Errorf("told %s, expected %s", got, c.told)
			}
		})
	}
	if _, err := newReceiver(t, a, newNetwork()).wallet(yes).Tell(t.Context(), errLine); !errors.Is(err, unit.ErrUntold) {
		t.Error(err)
	}
}

// Over the browser an error goes back with it.
func TestTellByRedirect(t *testing.T) {
	r := newReceiver(t, newAuthority(t, issuerURL), newNetwork())
	r.request.Scope, r.request.DCQLQuery, r.request.ResponseURI = "x", nil, ""
	r.request.ResponseMode, r.request.RedirectURI = oid4vp.ModeFragment, "https://receiver.example/cb"
	p := r.open(yes)
	_, refusal := p.Read(t.Context(), r.link("post"))
	shared, err := p.Tell(t.Context(), refusal)
	if err != nil || shared.RedirectURI != "https://receiver.example/cb#error=invalid_scope&state=state-state-state-state-1" || len(r.posted) != 0 {
		t.Errorf("%+v, %v (%v)", shared, err, refusal)
	}
}

// OpenID4VP 1.0, Section 8.5: wallet_unavailable, for a request that was read.
func TestUnavailable(t *testing.T) {
	r := newReceiver(t, newAuthority(t, issuerURL), newNetwork())
	p := r.wallet(yes)
	if _, err := p.Unavailable(t.Context(), unit.Asked{}); !errors.Is(err, unit.ErrReceiver) || len(r.posted) != 0 {
		t.Errorf("%v, %v", err, r.posted)
	}
	must(p.Unavailable(t.Context(), r.read(p)))(t)
	if got := string(r.plain()); got != `{"state":"state-state-state-state-1","error":"wallet_unavailable"}` {
		t.Error(got)
	}
}

// Without a way to ask the citizen nothing is shared.
func TestNoConsent(t *testing.T) {
	a := newAuthority(t, issuerURL)
	r := newReceiver(t, a, newNetwork())
	v, _ := newVault(t, r.net)
	a.hold(t, v, 1)
	p := r.wallet(yes)
	p.Consent = nil
	if _, err := p.Answer(t.Context(), v, r.read(p)); err == nil || len(r.posted) != 0 {
		t.Errorf("%v, %v", err, r.posted)
	}
}

const origin = "https://receiver.example"

// browser makes r's request one over the Digital Credentials API.
func (r *receiver) browser(mode string) {
	r.request.ResponseMode, r.request.ResponseURI, r.request.State, r.request.Audience = mode, "", "", ""
	r.request.ExpectedOrigins = []string{"https://other.example", origin}
}

// data of a request over the API.
func (r *receiver) data(protocol string) []byte {
	r.t.Helper()
	switch protocol {
	case oid4vp.ProtocolUnsigned:
		return must(jose.Marshal(r.request))(r.t)
	case oid4vp.ProtocolSigned:
		return must(jose.Marshal(m{"request": r.sign("")}))(r.t)
	}
	// The client and what vouches for it stand in the protected header.
	info := []oid4vp.VerifierInfo{oid4vp.Info(must(r.registration.Sign(r.registrar, nil))(r.t))}
	if r.noRegistration {
		info = nil
	}
	change := r.header
	r.header = func(h m) {
		h["client_id"] = r.request.ClientID
		if info != nil {
			h["verifier_info"] = info
		}
	}
	r.payload = func(p m) { delete(p, "client_id"); delete(p, "verifier_info") }
	defer func() { r.header, r.payload = change, nil }()
	parts := strings.Split(r.sign(""), ".")
	return must(jose.Marshal(m{"request": m{"payload": parts[1], "signatures": []any{
		m{"protected": jose.Encode([]byte(`{"alg":"ES256","typ":"oauth-authz-req+jwt","client_id":"x509_hash:AAAA","x5c":[]}`)), "signature": "AAAA"},
		m{"protected": parts[0], "signature": parts[2]},
	}}}))(r.t)
}

// OpenID4VP 1.0, Appendix A, with the register: signed requests of admitted
// receivers, answered encrypted, bound to the origin and to nothing else.
func TestDigitalCredentials(t *testing.T) {
	a := newAuthority(t, issuerURL)
	for _, c := range []struct {
		name, protocol, mode string
		open                 bool
		set                  func(r *receiver)
		origin               string
		fails                string
		told                 string // the data when the citizen wants it told
	}{
		{name: "signed", protocol: oid4vp.ProtocolSigned, mode: oid4vp.ModeDCAPIJWT},
		{name: "multi-signed", protocol: oid4vp.ProtocolMultiSigned, mode: oid4vp.ModeDCAPIJWT},
		{name: "unsigned", protocol: oid4vp.ProtocolUnsigned, mode: oid4vp.ModeDCAPIJWT, fails: "not signed"},
		{name: "in clear", protocol: oid4vp.ProtocolSigned, mode: oid4vp.ModeDCAPI, fails: "response_mode must be dc_api.jwt"},
		{name: "posted", protocol: oid4vp.ProtocolSigned, mode: oid4vp.ModeDirectPostJWT, set: func(r *receiver) { r.request.ResponseURI = "https://receiver.example/response/s3cr3t" }, fails: "response_mode must be dc_api.jwt"},
		{name: "not in the register", protocol: oid4vp.ProtocolSigned, mode: oid4vp.ModeDCAPIJWT, set: func(r *receiver) { r.register = func(d m) { d["receivers"] = []any{} } }, fails: "not in the register"},
		{name: "multi-signed, no registration", protocol: oid4vp.ProtocolMultiSigned, mode: oid4vp.ModeDCAPIJWT, set: func(r *receiver) { r.noRegistration = true }, fails: "exactly one registration certificate"},
		{name: "of another origin", protocol: oid4vp.ProtocolSigned, mode: oid4vp.ModeDCAPIJWT, origin: "https://evil.example", fails: "expected_origins", told: `{"error":"invalid_request"}`},
		{name: "of another origin, not in the register", protocol: oid4vp.ProtocolSigned, mode: oid4vp.ModeDCAPIJWT, origin: "https://evil.example", set: func(r *receiver) { r.register = func(d m) { d["receivers"] = []any{} } }, fails: "not in the register"},
		{name: "of no origin", protocol: oid4vp.ProtocolSigned, mode: oid4vp.ModeDCAPIJWT, origin: "null", fails: "origin is no origin"},
		{name: "unknown protocol", protocol: "openid4vp", mode: oid4vp.ModeDCAPIJWT, fails: "protocol is openid4vp"},
		{name: "no query", protocol: oid4vp.ProtocolSigned, mode: oid4vp.ModeDCAPIJWT, set: func(r *receiver) { r.payload = func(p m) { delete(p, "dcql_query") } }, fails: "dcql_query is missing", told: `{"error":"invalid_request"}`},

		{name: "open, unsigned", open: true, protocol: oid4vp.ProtocolUnsigned, mode: oid4vp.ModeDCAPI, set: func(r *receiver) { r.request.ClientID = "x509_san_dns:bank.example" }},
		{name: "open, unsigned, encrypted", open: true, protocol: oid4vp.ProtocolUnsigned, mode: oid4vp.ModeDCAPIJWT},
		{name: "open, signed, in clear", open: true, protocol: oid4vp.ProtocolSigned, mode: oid4vp.ModeDCAPI, set: func(r *receiver) { r.noRegistration = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, pod := newVault(t, r.net)
			a.hold(t, v, 1)
			r.browser(c.mode)
			if c.set != nil {
				c.set(r)
			}
			var seen unit.Consent
			p := r.wallet(func(c unit.Consent) (bool, error) { seen = c; return true, nil })
			if c.open {
				p.Trust = unit.TrustOpen
			}
			from := origin
			if c.origin != "" {
				from = c.origin
			}
			asked, err := p.ReadDC(t.Context(), c.protocol, r.data(c.protocol), from)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("%v, expected %q", err, c.fails)
				}
				shared, tellErr := p.Tell(t.Context(), err)
				if string(shared.Data) != c.told || (c.told == "") != errors.Is(tellErr, unit.ErrUntold) || shared.RedirectURI != "" || len(r.posted) != 0 {
					t.Errorf("told %s, %v", shared.Data, tellErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			shared, err := p.Answer(t.Context(), v, asked)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.posted) != 0 || shared.RedirectURI != "" || seen.Origin != origin {
				t.Errorf("posted %v, %+v, shown %+v", r.posted, shared, seen)
			}
			if c.open && c.protocol == oid4vp.ProtocolUnsigned && (seen.Organisation != origin || seen.ClientID != "" || pod.events()[0].Organisation != origin) {
				t.Errorf("an unsigned request is its origin's alone: %+v", seen)
			}
			if c.open && c.protocol == oid4vp.ProtocolSigned && (seen.Organisation != "Receiver (TEST)" || seen.Receiver != r.request.ClientID) {
				t.Errorf("a signed request is its signer's: %+v", seen)
			}
			if receipt := must(v.Receipt(t.Context(), shared.Receipt))(t); receipt.Outcome != unit.OutcomeHanded {
				t.Errorf("%+v", receipt)
			}
			r.request.ClientID = "origin:" + origin // the audience of the presentation
			if got := r.verified(r.handed(shared.Data), "q"); len(got) != 1 {
				t.Errorf("%s", shared.Data)
			}
		})
	}
}

// handed is a response that came back over the API.
func (r *receiver) handed(data []byte) oid4vp.Response {
	r.t.Helper()
	var d oid4vp.DCResponse
	if err := jose.UnmarshalClosed(data, &d); err != nil {
		r.t.Fatal(err)
	}
	if (d.Response != "") != (r.request.ResponseMode == oid4vp.ModeDCAPIJWT) || (d.Response == "") != (d.VPToken != nil) {
		r.t.Fatalf("%s", data)
	}
	if d.Response != "" {
		form := must(oid4vp.ParseForm(url.Values{"response": {d.Response}}))(r.t)
		data = must(form.Open(r.enc, "one-time-key", "A128GCM", "A256GCM"))(r.t)
	}
	res := must(oid4vp.ParseResponse(data, *r.request.DCQLQuery))(r.t)
	if res.State != "" {
		r.t.Error("a state came back over the API")
	}
	return res
}

// A refusal over the API is the same whatever the reason.
func TestDigitalCredentialsRefused(t *testing.T) {
	a := newAuthority(t, issuerURL)
	for _, holds := range []bool{true, false} {
		r := newReceiver(t, a, newNetwork())
		v, _ := newVault(t, r.net)
		if holds {
			a.hold(t, v, 1)
		}
		r.browser(oid4vp.ModeDCAPIJWT)
		p := r.wallet(nil)
		p.Consent = func(context.Context, unit.Consent) (bool, error) { return !holds, nil }
		asked := must(p.ReadDC(t.Context(), oid4vp.ProtocolSigned, r.data(oid4vp.ProtocolSigned), origin))(t)
		shared, err := p.Answer(t.Context(), v, asked)
		if !errors.Is(err, unit.ErrRefused) || string(shared.Data) != `{"error":"access_denied"}` || len(r.posted) != 0 {
			t.Errorf("%s, %v", shared.Data, err)
		}
	}
}
