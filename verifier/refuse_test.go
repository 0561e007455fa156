package verifier_test

import (
	"crypto"
	"crypto/sha256"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// unverified is what every result that does not hold must look like.
func unverified(t *testing.T, r verifier.Result) {
	t.Helper()
	text := jsonText(t, r)
	if r.Verified || r.Qualification != seal.NotApplicable || strings.Contains(text, `"verified":true`) || strings.Contains(text, `"claims"`) || strings.Contains(text, world.Issuer+`"`) {
		t.Errorf("a failed result reads as verified: %s", text)
	}
	for _, c := range world.Canaries {
		if strings.Contains(text, c) {
			t.Errorf("a failed result holds %s", c)
		}
	}
}

func setStatus(t *testing.T, w *world.World, h world.Held, v status.Value) {
	t.Helper()
	if err := w.Statuses.Set(t.Context(), h.Ref, v); err != nil {
		t.Fatal(err)
	}
}

// rebind signs a key binding JWT of any content over a presentation.
func rebind(t *testing.T, a world.Asked, text string, key crypto.Signer, typ string) string {
	t.Helper()
	sd := text[:strings.LastIndexByte(text, '~')+1]
	sum := sha256.Sum256([]byte(sd))
	payload, err := jose.Marshal(map[string]any{"iat": a.W.Now().Unix(), "aud": a.ClientID, "nonce": string(a.Nonce), "sd_hash": jose.Encode(sum[:])})
	if err != nil {
		t.Fatal(err)
	}
	kb, err := jose.SignCompact(key, jose.Header{Alg: jose.ES256, Typ: typ}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return sd + kb
}

// A presentation that does not hold is found out, by the check that is named,
// and nothing of it is given to the receiver.
func TestPresentationRefused(t *testing.T) {
	type scene struct {
		*testing.T
		w *world.World
		a world.Asked
	}
	bind := func(f func(*world.Binding)) func(scene) string {
		return func(s scene) string { return s.a.Present(s.w.Issue(), s.a.Paths(), f) }
	}
	issued := func(f func(*sdjwt.Credential)) func(scene) string {
		return func(s scene) string { return s.a.Present(s.w.Issue(f), s.a.Paths()) }
	}
	for _, c := range []struct {
		name, check string
		query       string
		change      func(*verifier.Config)
		present     func(scene) string
	}{
		// RFC 9901, Section 7.3; OpenID4VP 1.0, Section 14.2.2.
		{name: "wrong nonce", check: credential.CheckReplay, present: bind(func(b *world.Binding) { b.Nonce = "other" })},
		{name: "audience without prefix", check: credential.CheckReplay, present: bind(func(b *world.Binding) { _, b.Audience = oid4vp.Split(b.Audience) })},
		{name: "audience of another", check: credential.CheckReplay, present: bind(func(b *world.Binding) { b.Audience = "x509_san_dns:verifier.example" })},
		{name: "audience is the response address", check: credential.CheckReplay, present: bind(func(b *world.Binding) { b.Audience = world.URL })},
		{name: "old key binding", check: credential.CheckReplay, present: bind(func(b *world.Binding) { b.IssuedAt = b.IssuedAt.Add(-time.Hour) })},
		{name: "key binding from the future", check: credential.CheckReplay, present: bind(func(b *world.Binding) { b.IssuedAt = b.IssuedAt.Add(time.Hour) })},
		{name: "no key binding", check: credential.CheckHolderBinding, present: bind(func(b *world.Binding) { b.None = true })},
		{name: "bound with another key", check: credential.CheckHolderBinding, present: func(s scene) string {
			return rebind(s.T, s.a, s.a.Present(s.w.Issue(), s.a.Paths()), world.NewKey(), "kb+jwt")
		}},
		{name: "key binding of another typ", check: credential.CheckHolderBinding, present: func(s scene) string {
			h := s.w.Issue()
			return rebind(s.T, s.a, s.a.Present(h, s.a.Paths()), h.Key, "openid4vci-proof+jwt")
		}},
		{name: "key binding of another selection", check: credential.CheckHolderBinding, present: func(s scene) string {
			h := s.w.Issue()
			one, other := s.a.Present(h, s.a.Paths()), s.a.Present(h, append(s.a.Paths(), credential.Path{"level"}))
			return other[:strings.LastIndexByte(other, '~')+1] + one[strings.LastIndexByte(one, '~')+1:]
		}},
		// RFC 9901, Section 7.1.
		{name: "changed disclosure", check: credential.CheckStructure, present: func(s scene) string {
			parts := strings.Split(s.a.Present(s.w.Issue(), s.a.Paths()), "~")
			parts[1] = jose.Encode([]byte(`["c2FsdHNhbHRzYWx0c2FsdA","title","Doctor"]`))
			return strings.Join(parts, "~")
		}},
		{name: "broken seal", check: credential.CheckSeal, present: func(s scene) string {
			h := s.w.Issue()
			other := s.w.Issue()
			jws, rest, _ := strings.Cut(s.a.Present(h, s.a.Paths()), "~")
			_, sig, _ := strings.Cut(jws[strings.IndexByte(jws, '.')+1:], ".")
			_, otherSig, _ := strings.Cut(other.Text[strings.IndexByte(other.Text, '.')+1:], ".")
			otherSig, _, _ = strings.Cut(otherSig, "~")
			return strings.TrimSuffix(jws, sig) + otherSig + "~" + rest
		}},
		{name: "another JWT of ours", check: credential.CheckType, present: func(s scene) string {
			text, err := s.w.Verifier.PublishedJWT()
			if err != nil {
				s.Fatal(err)
			}
			return text + "~" + strings.Split(s.a.Present(s.w.Issue(), nil), "~")[1]
		}},
		{name: "garbage", check: credential.CheckStructure, present: func(scene) string { return "x~y" }},
		// Trust: SD-JWT VC, Section 2.5; ETSI TS 119 602, Annex H.
		{name: "untrusted issuer", check: credential.CheckSeal, present: func(s scene) string {
			return s.a.Present(s.w.IssueWith(s.w.Stranger()), s.a.Paths())
		}},
		{name: "withdrawn provider", check: credential.CheckIssuerTrust, present: func(s scene) string {
			text := s.a.Present(s.w.Issue(), s.a.Paths())
			s.w.Withdraw()
			return text
		}},
		{name: "revoked seal certificate", check: credential.CheckSeal, present: func(s scene) string {
			h := s.w.Issue()
			s.w.RevokeSeal()
			return s.a.Present(h, s.a.Paths())
		}},
		{name: "provider not accepted for the type", check: credential.CheckPolicy,
			change:  func(c *verifier.Config) { c.Accept[0].Registrations = []string{"NTRBE-0999999724"} },
			present: issued(func(*sdjwt.Credential) {})},
		{name: "issuer not accepted for the type", check: credential.CheckPolicy,
			change:  func(c *verifier.Config) { c.Accept[0].Issuers = []string{"https://other.example"} },
			present: issued(func(*sdjwt.Credential) {})},
		{name: "type that nobody is accepted for", check: credential.CheckPolicy,
			query:   `{"credentials":[{"id":"diploma","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/types/other"]},"claims":[{"path":["title"]}]}]}`,
			present: issued(func(c *sdjwt.Credential) { c.Type = world.OtherVCT })},
		{name: "seal worth too little", check: verifier.CheckQualification,
			change:  func(c *verifier.Config) { c.Accept[0].Qualification = seal.QESeal },
			present: issued(func(*sdjwt.Credential) {})},
		// Validity and status: Token Status List, Section 8.3.
		{name: "expired", check: credential.CheckValidity, present: func(s scene) string {
			h := s.w.Issue(func(c *sdjwt.Credential) { c.Expires = c.IssuedAt.Add(time.Minute) })
			s.w.Advance(3 * time.Minute)
			return s.a.Present(h, s.a.Paths())
		}},
		{name: "not yet valid", check: credential.CheckValidity, present: issued(func(c *sdjwt.Credential) { c.NotBefore = c.NotBefore.Add(time.Hour) })},
		{name: "revoked", check: credential.CheckStatus, present: func(s scene) string {
			h := s.w.Issue()
			setStatus(s.T, s.w, h, status.Invalid)
			return s.a.Present(h, s.a.Paths())
		}},
		{name: "suspended", check: credential.CheckStatus, present: func(s scene) string {
			h := s.w.Issue()
			setStatus(s.T, s.w, h, status.Suspended)
			return s.a.Present(h, s.a.Paths())
		}},
		{name: "status unavailable", check: credential.CheckStatus, present: func(s scene) string {
			h := s.w.Issue()
			s.w.Down.Store(true)
			return s.a.Present(h, s.a.Paths())
		}},
		{name: "status of a stranger", check: credential.CheckStatus, present: func(s scene) string {
			h := s.w.Issue()
			var err error
			s.w.Statuses, err = status.NewRegister(s.w.Store, status.Options{Base: world.Issuer, Signer: s.w.Stranger(), Size: 1024, TTL: time.Second, Now: s.w.Now})
			if err != nil {
				s.Fatal(err)
			}
			return s.a.Present(h, s.a.Paths())
		}},
		{name: "status signed with the seal", check: credential.CheckStatus, present: func(s scene) string {
			h := s.w.Issue()
			sealer, err := s.w.Hierarchy.Sealer("", s.w.Now)
			if err == nil {
				s.w.Statuses, err = status.NewRegister(s.w.Store, status.Options{Base: world.Issuer, Signer: sealer, Size: 1024, TTL: time.Second, Now: s.w.Now})
			}
			if err != nil {
				s.Fatal(err)
			}
			return s.a.Present(h, s.a.Paths())
		}},
		{name: "index outside the list", check: credential.CheckStatus, present: issued(func(c *sdjwt.Credential) {
			s := c.Status.(sdjwt.StatusList)
			s.Index = 1 << 40
			c.Status = s
		})},
		// OpenID4VP 1.0, Section 14.11: the wallet is not believed.
		{name: "another type", check: credential.CheckType, present: issued(func(c *sdjwt.Credential) { c.Type = world.OtherVCT })},
		{name: "missing claim", check: credential.CheckQuery, present: func(s scene) string { return s.a.Present(s.w.Issue(), s.a.Paths()[:1]) }},
		{name: "another value", check: credential.CheckQuery, query: strings.Replace(query, `["title"]`, `["title"],"values":["other","CANARY-TITLE-2"]`, 1),
			present: issued(func(*sdjwt.Credential) {})},
		{name: "number asked as text", check: credential.CheckQuery, query: strings.Replace(query, `["title"]`, `["level"],"values":["6"]`, 1),
			present: issued(func(*sdjwt.Credential) {})},
		{name: "another authority", check: credential.CheckQuery, query: strings.Replace(query, `"claims"`, `"trusted_authorities":[{"type":"aki","values":["AAAA"]}],"claims"`, 1),
			present: issued(func(*sdjwt.Credential) {})},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := world.New(t)
			if c.change != nil {
				w = world.New(t, c.change)
			}
			q := c.query
			if q == "" {
				q = query
			}
			s := start(t, w, order(q, verifier.SameDevice))
			a := w.Fetch(s)
			form := a.Form(c.present(scene{t, w, a}))
			redirect, err := w.Verifier.Respond(t.Context(), a.Secret(), form)
			refused(t, err, verifier.ErrNotVerified)
			if redirect != "" {
				t.Error("the citizen is sent on with a response code")
			}
			r := result(t, w, s, "")
			unverified(t, r)
			if len(r.Presentations) != 1 || !slices.Equal(r.Presentations[0].Checks.Failures(), []string{c.check}) {
				t.Errorf("failed is not %s:\n%s", c.check, r.Presentations[0].Checks)
			}
			if len(r.Presentations[0].Checks) != 13 {
				t.Errorf("%d lines", len(r.Presentations[0].Checks))
			}
			_, err = w.Verifier.Respond(t.Context(), a.Secret(), form)
			refused(t, err, verifier.ErrSpent)
		})
	}
}

// A response that is malformed inside closes the transaction and says so
// (OpenID4VP 1.0, Section 8.6).
func TestVPTokenRefused(t *testing.T) {
	w := world.New(t)
	for name, make := range map[string]func(world.Asked, []jsontext.Value) any{
		"unknown query id": func(a world.Asked, p []jsontext.Value) any {
			return map[string]any{"diploma": p, "other": p}
		},
		"only unknown": func(a world.Asked, p []jsontext.Value) any { return map[string]any{"other": p} },
		"empty":        func(world.Asked, []jsontext.Value) any { return map[string]any{} },
		"empty array":  func(world.Asked, []jsontext.Value) any { return map[string]any{"diploma": []string{}} },
		"no array":     func(_ world.Asked, p []jsontext.Value) any { return map[string]any{"diploma": p[0]} },
		"two, not asked for": func(_ world.Asked, p []jsontext.Value) any {
			return map[string]any{"diploma": []jsontext.Value{p[0], p[0]}}
		},
		"array at the top":   func(_ world.Asked, p []jsontext.Value) any { return p },
		"string at the top":  func(_ world.Asked, p []jsontext.Value) any { return p[0] },
		"empty presentation": func(world.Asked, []jsontext.Value) any { return map[string]any{"diploma": []string{""}} },
		"number":             func(world.Asked, []jsontext.Value) any { return map[string]any{"diploma": []int{1}} },
		"object as SD-JWT VC": func(world.Asked, []jsontext.Value) any {
			return map[string]any{"diploma": []any{map[string]any{"a": 1}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, w, order(query, verifier.CrossDevice))
			a := w.Fetch(s)
			token := make(a, oid4vp.Presentations(a.Present(w.Issue(), a.Paths())))
			_, err := w.Verifier.Respond(t.Context(), a.Secret(), sealed(t, a, map[string]any{"vp_token": token, "state": string(a.State)}))
			refused(t, err, verifier.ErrNotVerified)
			r := result(t, w, s, "")
			unverified(t, r)
			if !slices.Contains(append(r.Checks.Failures(), failures(r)...), credential.CheckStructure) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func failures(r verifier.Result) (out []string) {
	for _, p := range r.Presentations {
		out = append(out, p.Checks.Failures()...)
	}
	return out
}

// sealed encrypts anything as a response.
func sealed(t *testing.T, a world.Asked, v any) url.Values {
	t.Helper()
	b, err := jose.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jose.EncryptCompact(b, a.ClientMetadata.JWKS.Keys[0], jose.A256GCM)
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"response": {text}}
}

// What was not made by a reader of this request is refused, and the request
// stays open for who was asked (OpenID4VP 1.0, Sections 8.3 and 14.4.2).
func TestResponseRefused(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	s := start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(s)
	other := w.Fetch(start(t, w, order(query, verifier.CrossDevice)))
	good := func(x world.Asked) oid4vp.Response {
		return oid4vp.Response{VPToken: oid4vp.VPToken{"diploma": oid4vp.Presentations(a.Present(h, a.Paths()))}, State: x.State}
	}
	otherKid := a
	meta := *a.ClientMetadata
	keys := *meta.JWKS
	keys.Keys = slices.Clone(keys.Keys)
	keys.Keys[0].Kid = "other"
	meta.JWKS = &keys
	otherKid.ClientMetadata = &meta
	tampered := a.Encrypt(good(a)).Get("response")
	tampered = tampered[:len(tampered)-4] + "AAAA"
	parts := strings.Split(a.Encrypt(good(a)).Get("response"), ".")
	head, err := jose.Decode(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	reheaded := func(from, to string) url.Values {
		p := slices.Clone(parts)
		p[0] = jose.Encode([]byte(strings.Replace(string(head), from, to, 1)))
		return url.Values{"response": {strings.Join(p, ".")}}
	}
	for name, form := range map[string]url.Values{
		"plain vp_token":        {"vp_token": {`{"diploma":["x"]}`}, "state": {string(a.State)}},
		"plain beside response": {"vp_token": {`{}`}, "response": {tampered}},
		"nothing":               {},
		"twice":                 {"response": {tampered, tampered}},
		"no JWE":                {"response": {"a.b.c"}},
		"tampered":              {"response": {tampered}},
		"other request's key":   other.Encrypt(good(a)),
		"other request's state": a.Encrypt(good(other)),
		"no state":              a.Encrypt(oid4vp.Response{VPToken: good(a).VPToken}),
		"other kid":             otherKid.Encrypt(good(a)),
		"enc not offered":       reheaded("A256GCM", "A192GCM"),
		"alg not offered":       reheaded("ECDH-ES", "ECDH-ES+A256KW"),
		"compressed":            reheaded(`"enc"`, `"zip":"DEF","enc"`),
		"no JSON":               sealed(t, a, "text"),
		"error, other state":    {"error": {"access_denied"}, "state": {string(other.State)}},
		"error, no state":       {"error": {"access_denied"}},
		"error beside response": {"error": {"access_denied"}, "response": {tampered}, "state": {string(a.State)}},
	} {
		_, err := w.Verifier.Respond(t.Context(), a.Secret(), form)
		if !errorsIs(err, verifier.ErrResponse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	state(t, w, s, verifier.StateFetched)
	_, err = w.Verifier.Respond(t.Context(), s.ID.Reveal(), a.Encrypt(good(a)))
	refused(t, err, verifier.ErrNotFound)
	_, err = w.Verifier.Respond(t.Context(), "short", a.Encrypt(good(a)))
	refused(t, err, verifier.ErrNotFound)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Encrypt(good(a))); err != nil {
		t.Fatal(err)
	}
	// The same presentation, sealed anew for another request, is a replay.
	_, err = w.Verifier.Respond(t.Context(), other.Secret(), other.Encrypt(good(other)))
	refused(t, err, verifier.ErrNotVerified)
}

func errorsIs(err, want error) bool {
	return err != nil && strings.HasPrefix(err.Error(), want.Error())
}

// A wallet may refuse in clear or encrypted; the receiver learns no more.
func TestWalletError(t *testing.T) {
	w := world.New(t)
	for name, form := range map[string]func(world.Asked) url.Values{
		"in clear": func(a world.Asked) url.Values {
			return url.Values{"error": {"access_denied"}, "error_description": {"CANARY-GIVEN would not"}, "state": {string(a.State)}}
		},
		"encrypted": func(a world.Asked) url.Values {
			return a.Encrypt(oid4vp.Response{Error: oid4vp.AccessDenied, ErrorDescription: "CANARY-GIVEN would not", State: a.State})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, w, order(query, verifier.SameDevice))
			a := w.Fetch(s)
			redirect, err := w.Verifier.Respond(t.Context(), a.Secret(), form(a))
			if err != nil || !strings.HasPrefix(redirect, "https://www.university.example/back?") {
				t.Fatalf("%q %v", redirect, err)
			}
			state(t, w, s, verifier.StateRefused)
			r := result(t, w, s, "")
			unverified(t, r)
			if r.State != verifier.StateRefused || r.WalletError != oid4vp.AccessDenied {
				t.Errorf("%+v", r)
			}
		})
	}
	s := start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(s)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), url.Values{"error": {"CANARY-TITLE"}, "state": {string(a.State)}}); err != nil {
		t.Fatal(err)
	}
	if r := result(t, w, s, ""); r.WalletError != "unknown_error" {
		t.Errorf("%+v", r)
	}
}

// Sets: what fails is discarded; what is left must be enough (OpenID4VP 1.0,
// Sections 6.4.2 and 8.6). One replay rejects everything (Section 14.2.2).
func TestCredentialSets(t *testing.T) {
	const q = `{"credentials":[
	  {"id":"a","format":"dc+sd-jwt","multiple":true,"meta":{"vct_values":["https://issuer.example/types/led-diploma"]},"claims":[{"path":["title"]}]},
	  {"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/types/led-diploma"]},"claims":[{"path":["level"]}]}],
	  "credential_sets":[{"options":[["a"]]},{"options":[["b"]],"required":false}]}`
	w := world.New(t)
	title, level := []credential.Path{{"title"}}, []credential.Path{{"level"}}
	revoked := w.Issue()
	setStatus(t, w, revoked, status.Invalid)
	for _, c := range []struct {
		name string
		want bool
		ok   int
		make func(world.Asked) oid4vp.VPToken
	}{
		{"both", true, 2, func(a world.Asked) oid4vp.VPToken {
			return oid4vp.VPToken{"a": oid4vp.Presentations(a.Present(w.Issue(), title)), "b": oid4vp.Presentations(a.Present(w.Issue(), level))}
		}},
		{"several of one", true, 2, func(a world.Asked) oid4vp.VPToken {
			return oid4vp.VPToken{"a": oid4vp.Presentations(a.Present(w.Issue(), title), a.Present(w.Issue(), title))}
		}},
		{"optional fails", true, 1, func(a world.Asked) oid4vp.VPToken {
			return oid4vp.VPToken{"a": oid4vp.Presentations(a.Present(w.Issue(), title)), "b": oid4vp.Presentations(a.Present(revoked, level))}
		}},
		{"required fails", false, 0, func(a world.Asked) oid4vp.VPToken {
			return oid4vp.VPToken{"a": oid4vp.Presentations(a.Present(revoked, title)), "b": oid4vp.Presentations(a.Present(w.Issue(), level))}
		}},
		{"required is missing", false, 0, func(a world.Asked) oid4vp.VPToken {
			return oid4vp.VPToken{"b": oid4vp.Presentations(a.Present(w.Issue(), level))}
		}},
		{"optional is a replay", false, 0, func(a world.Asked) oid4vp.VPToken {
			return oid4vp.VPToken{"a": oid4vp.Presentations(a.Present(w.Issue(), title)), "b": oid4vp.Presentations(a.Present(w.Issue(), level, func(b *world.Binding) { b.Nonce = "old" }))}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, w, order(q, verifier.CrossDevice))
			a := w.Fetch(s)
			_, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Encrypt(oid4vp.Response{VPToken: c.make(a), State: a.State}))
			if (err == nil) != c.want {
				t.Fatal(err)
			}
			r := result(t, w, s, "")
			ok := 0
			for _, p := range r.Presentations {
				if p.Verified {
					ok++
				} else if p.Claims != nil || p.Issuer != "" {
					t.Errorf("a discarded presentation reads as verified: %+v", p)
				}
			}
			if r.Verified != c.want || ok != c.ok {
				t.Errorf("verified %v, %d hold: %s", r.Verified, ok, jsonText(t, r))
			}
			if !c.want {
				unverified(t, r)
			}
		})
	}
}

// More than asked is noted and does not reach the receiver.
func TestOverDisclosure(t *testing.T) {
	w := world.New(t)
	q := `{"credentials":[{"id":"diploma","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/types/led-diploma"]},
	  "claims":[{"path":["tags",null]},{"path":["subjects",null,"name"]},{"path":["title"]}]}]}`
	s := start(t, w, order(q, verifier.CrossDevice))
	a := w.Fetch(s)
	all := append(a.Paths(), credential.Path{"person"}, credential.Path{"level"})
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), all))); err != nil {
		t.Fatal(err)
	}
	r := result(t, w, s, "")
	if want := `{"subjects":[{"name":"CANARY-SUBJECT"}],"tags":["CANARY-TAG-1","CANARY-TAG-2"],"title":"CANARY-TITLE"}`; string(r.Presentations[0].Claims) != want {
		t.Errorf("claims %s, want %s", r.Presentations[0].Claims, want)
	}
	for _, c := range r.Presentations[0].Checks {
		if c.Name == verifier.CheckDisclosure && (c.Outcome != credential.Skipped || !strings.Contains(c.Detail, "4 claims")) {
			t.Errorf("%+v", c)
		}
	}
}
