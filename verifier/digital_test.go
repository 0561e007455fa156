package verifier_test

import (
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

var everyProtocol = []string{oid4vp.ProtocolSigned, oid4vp.ProtocolMultiSigned, oid4vp.ProtocolUnsigned}

func browserOrder(protocols ...string) verifier.Order {
	return verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.Digital, Origin: origin, Protocols: protocols}
}

// OpenID4VP 1.0, Appendix A: a receiver's own page, every protocol, each with a
// nonce and a key of its own, answered once.
func TestDigital(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	for i, protocol := range everyProtocol {
		s := start(t, w, browserOrder(everyProtocol...))
		if len(s.Digital) != 3 || s.Digital[i].Protocol != protocol || s.Link != "" {
			t.Fatalf("%+v", s.Digital)
		}
		nonces := map[oid4vp.Secret]bool{}
		for _, d := range s.Digital {
			if _, err := w.Browser(d, "https://evil.example"); (err == nil) != (d.Protocol == oid4vp.ProtocolUnsigned) {
				t.Errorf("%s from another site: %v", d.Protocol, err)
			}
			a, err := w.Browser(d, origin)
			if err != nil || a.State != "" || a.ResponseURI != "" || !a.Encrypted() {
				t.Fatalf("%s: %v", d.Protocol, err)
			}
			nonces[a.Nonce] = true
		}
		if len(nonces) != 3 {
			t.Error("two requests share a nonce")
		}
		a, err := w.Browser(s.Digital[i], origin)
		if err != nil {
			t.Fatal(err)
		}
		data := a.DC(a.Present(h, a.Paths()))
		// It is an answer to this request alone.
		for _, other := range everyProtocol {
			if other != protocol {
				refused(t, w.Verifier.RespondDigital(t.Context(), s.ID.Reveal(), world.University, other, data), verifier.ErrResponse)
			}
		}
		if err := w.Verifier.RespondDigital(t.Context(), s.ID.Reveal(), world.University, protocol, data); err != nil {
			t.Fatalf("%s: %v", protocol, err)
		}
		refused(t, w.Verifier.RespondDigital(t.Context(), s.ID.Reveal(), world.University, protocol, data), verifier.ErrSpent)
		if r := result(t, w, s, ""); !r.Verified || r.Presentations[0].Claims == nil {
			t.Errorf("%s: %+v", protocol, r)
		}
	}
}

// Both client identifiers of a receiver with a name sign.
func TestDigitalMultiSigned(t *testing.T) {
	w := world.New(t)
	w.Install("privacy_statement: https://www.employer.example/privacy\n", "privacy_statement: https://www.employer.example/privacy\n    hosts: [www.employer.example]\n")
	o := verifier.Order{Query: []byte(strings.Replace(query, `,{"path":["person","family_name"]}`, "", 1)), Purpose: "hiring", Flow: verifier.Digital, Origin: "https://www.employer.example", Protocols: everyProtocol[1:2]}
	s, err := w.Verifier.Start(t.Context(), world.Employer, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []oid4vp.Prefix{oid4vp.PrefixX509Hash, oid4vp.PrefixX509SANDNS} {
		a, err := w.Browser(s.Digital[0], o.Origin, p)
		if err != nil || a.Prefix != p {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// What is no answer to the request leaves it open; what is a bad one closes it
// (OpenID4VP 1.0, Appendix A.4, Sections 8.3 and 8.6).
func TestDigitalRefused(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	s := start(t, w, browserOrder())
	id := s.ID.Reveal()
	a, err := w.Browser(s.Digital[0], origin)
	if err != nil || len(s.Digital) != 1 || a.Prefix != oid4vp.PrefixX509Hash {
		t.Fatal(err)
	}
	clear, err := jose.Marshal(map[string]any{"vp_token": map[string]any{"diploma": []string{a.Present(h, a.Paths())}}})
	if err != nil {
		t.Fatal(err)
	}
	other, err := w.Browser(start(t, w, browserOrder()).Digital[0], origin)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"in clear": clear, "nothing": []byte(`{}`), "no JSON": []byte(`x`), "not encrypted": []byte(`{"response":"a.b.c"}`),
		"for another transaction": other.DC(other.Present(h, other.Paths())),
	} {
		if err := w.Verifier.RespondDigital(t.Context(), id, world.University, oid4vp.ProtocolSigned, data); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	state(t, w, s, verifier.StateRequested)
	good := a.DC(a.Present(h, a.Paths()))
	refused(t, w.Verifier.RespondDigital(t.Context(), id, world.Employer, oid4vp.ProtocolSigned, good), verifier.ErrNotFound)
	refused(t, w.Verifier.RespondDigital(t.Context(), id, world.University, oid4vp.ProtocolUnsigned, good), verifier.ErrResponse)
	link := start(t, w, order(query, verifier.CrossDevice))
	refused(t, w.Verifier.RespondDigital(t.Context(), link.ID.Reveal(), world.University, oid4vp.ProtocolSigned, good), verifier.ErrResponse)

	for name, change := range map[string]func(*world.Binding){
		"audience is the client":     func(b *world.Binding) { b.Audience = a.ClientID },
		"audience is another origin": func(b *world.Binding) { b.Audience = "origin:https://evil.example" },
		"audience without prefix":    func(b *world.Binding) { b.Audience = origin },
		"nonce of another request":   func(b *world.Binding) { b.Nonce = string(other.Nonce) },
	} {
		s := start(t, w, browserOrder())
		a, err := w.Browser(s.Digital[0], origin)
		if err != nil {
			t.Fatal(err)
		}
		err = w.Verifier.RespondDigital(t.Context(), s.ID.Reveal(), world.University, oid4vp.ProtocolSigned, a.DC(a.Present(h, a.Paths(), change)))
		refused(t, err, verifier.ErrNotVerified)
		r := result(t, w, s, "")
		unverified(t, r)
		if f := r.Presentations[0].Checks.Failures(); len(f) != 1 || f[0] != credential.CheckReplay {
			t.Errorf("%s: %v", name, f)
		}
	}
	w.Suspend()
	refused(t, w.Verifier.RespondDigital(t.Context(), id, world.University, oid4vp.ProtocolSigned, good), verifier.ErrNotAdmitted)
}

func TestDigitalOrderRefused(t *testing.T) {
	w := world.New(t)
	for name, c := range map[string]struct {
		change func(*verifier.Order)
		field  string
	}{
		"no origin":               {func(o *verifier.Order) { o.Origin = "" }, "origin"},
		"origin of another":       {func(o *verifier.Order) { o.Origin = "https://evil.example" }, "origin"},
		"origin in clear":         {func(o *verifier.Order) { o.Origin = "http://www.university.example" }, "origin"},
		"origin with a path":      {func(o *verifier.Order) { o.Origin = origin + "/" }, "origin"},
		"redirect":                {func(o *verifier.Order) { o.RedirectURI = world.Redirect }, "redirect_uri"},
		"unknown protocol":        {func(o *verifier.Order) { o.Protocols = []string{"openid4vp"} }, "protocols[0]"},
		"protocol twice":          {func(o *verifier.Order) { o.Protocols = []string{everyProtocol[0], everyProtocol[0]} }, "protocols[1]"},
		"no protocol":             {func(o *verifier.Order) { o.Protocols = []string{} }, "protocols"},
		"origin in another flow":  {func(o *verifier.Order) { o.Flow = verifier.CrossDevice }, "origin"},
		"page without a way back": {func(o *verifier.Order) { o.Flow, o.Origin = verifier.HostedPage, "" }, "redirect_uri"},
	} {
		o := browserOrder()
		c.change(&o)
		_, err := w.Verifier.Start(t.Context(), world.University, o)
		refused(t, err, verifier.ErrRequest)
		if e, ok := err.(*verifier.Error); !ok || e.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
}
