package verifier_test

import (
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
	"github.com/zegel-id/zegel/verifier/receivers"
)

// A receiver that is suspended gets nothing any more, at whatever step.
func TestSuspendedAtEachStep(t *testing.T) {
	for _, name := range []string{"start", "request object", "response", "result"} {
		for how, change := range map[string]func(*world.World){
			"suspended": (*world.World).Suspend,
			"removed": func(w *world.World) {
				from := world.Register[strings.Index(world.Register, "  - id: university"):strings.Index(world.Register, "  - id: employer")]
				w.Install(from, "")
			},
			"use removed": func(w *world.World) { w.Install("id: enrolment", "id: another") },
			"narrowed":    func(w *world.World) { w.Install("[title], [level], [person, family_name], ", "[title], ") },
		} {
			if how == "narrowed" && name == "result" {
				continue // the citizen answered while it was allowed
			}
			t.Run(name+"/"+how, func(t *testing.T) {
				w := world.New(t)
				want := verifier.ErrNotAdmitted
				if name == "start" {
					change(w)
					if how == "use removed" || how == "narrowed" {
						want = verifier.ErrRequest
					}
				}
				s, err := w.Verifier.Start(t.Context(), world.University, order(query, verifier.CrossDevice))
				if name == "start" {
					refused(t, err, want)
					return
				}
				if name == "request object" {
					change(w)
					_, err := w.Verifier.RequestObject(t.Context(), world.Last(s.RequestURI), oid4vp.RequestURIPost{})
					refused(t, err, want)
					return
				}
				a := w.Fetch(s)
				form := a.Form(a.Present(w.Issue(), a.Paths()))
				if name == "response" {
					change(w)
					_, err := w.Verifier.Respond(t.Context(), a.Secret(), form)
					refused(t, err, want)
					return
				}
				if _, err := w.Verifier.Respond(t.Context(), a.Secret(), form); err != nil {
					t.Fatal(err)
				}
				change(w)
				_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, "")
				refused(t, err, want)
				_, err = w.Verifier.State(t.Context(), s.ID.Reveal(), world.University)
				refused(t, err, want)
				w.Install("", "")
				if r := result(t, w, s, ""); !r.Verified {
					t.Error("admitted again, the result is lost")
				}
			})
		}
	}
}

func TestInstallIsLogged(t *testing.T) {
	w := world.New(t)
	w.Suspend()
	w.Suspend() // no change
	w.Install("", "")
	var got []string
	for e, err := range w.Audit.List(audit.Filter{Kinds: []audit.Kind{audit.RegisterChange}}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Organisation+" "+e.Detail)
	}
	if want := "university suspended, university admitted"; strings.Join(got, ", ") != want {
		t.Errorf("log %v, want %s", got, want)
	}
}

// A receiver asks only within one of its intended uses.
func TestStartRefused(t *testing.T) {
	w := world.New(t)
	with := func(from, to string) string { return strings.Replace(query, from, to, 1) }
	for _, c := range []struct {
		name  string
		order verifier.Order
		want  error
		text  string
	}{
		{"claim outside", order(with(`["title"]`, `["person","given_name"]`), verifier.CrossDevice), verifier.ErrRequest, "given_name"},
		{"parent of a registered claim", order(with(`["title"]`, `["person"]`), verifier.CrossDevice), verifier.ErrRequest, "dcql_query.credentials[0]"},
		{"type outside", order(with(`types/led-diploma`, `types/tax`), verifier.CrossDevice), verifier.ErrRequest, "types/tax"},
		{"type beside a registered one", order(with(`"https://issuer.example/types/led-diploma"`, `"https://issuer.example/types/led-diploma","https://issuer.example/types/tax"`), verifier.CrossDevice), verifier.ErrRequest, "types/tax"},
		{"other format", order(with(`"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/types/led-diploma"]}`, `"mso_mdoc","meta":{"doctype_value":"x"}`), verifier.CrossDevice), verifier.ErrRequest, "dcql_query"},
		{"without holder binding", order(with(`"claims"`, `"require_cryptographic_holder_binding":false,"claims"`), verifier.CrossDevice), verifier.ErrRequest, "require_cryptographic_holder_binding"},
		{"no query", order(`{}`, verifier.CrossDevice), verifier.ErrRequest, "dcql_query.credentials must have"},
		{"no types", order(with(`["https://issuer.example/types/led-diploma"]`, `[]`), verifier.CrossDevice), verifier.ErrRequest, "dcql_query.credentials[0].meta.vct_values must have"},
		{"empty path", order(with(`["title"]`, `[]`), verifier.CrossDevice), verifier.ErrRequest, "member credentials[0].claims[0].path"},
		{"malformed query", order(`{"credentials":`, verifier.CrossDevice), verifier.ErrRequest, "dcql_query"},
		{"unknown purpose", verifier.Order{Query: []byte(query), Purpose: "hiring", Flow: verifier.CrossDevice}, verifier.ErrRequest, "purpose"},
		{"no purpose", verifier.Order{Query: []byte(query), Flow: verifier.CrossDevice}, verifier.ErrRequest, "purpose"},
		{"no flow", verifier.Order{Query: []byte(query), Purpose: world.Use}, verifier.ErrRequest, "flow"},
		{"same device without redirect", verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.SameDevice}, verifier.ErrRequest, "redirect_uri"},
		{"redirect elsewhere", verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.SameDevice, RedirectURI: "https://evil.example/"}, verifier.ErrRequest, "redirect_uri"},
		{"redirect in clear", verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.SameDevice, RedirectURI: "http://www.university.example/"}, verifier.ErrRequest, "redirect_uri"},
		{"redirect to a look-alike", verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.SameDevice, RedirectURI: "https://www.university.example.evil.example/"}, verifier.ErrRequest, "redirect_uri"},
		{"redirect with a code", verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.SameDevice, RedirectURI: world.Redirect + "&response_code=x"}, verifier.ErrRequest, "redirect_uri"},
		{"redirect across devices", verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.CrossDevice, RedirectURI: world.Redirect}, verifier.ErrRequest, "redirect_uri"},
	} {
		_, err := w.Verifier.Start(t.Context(), world.University, c.order)
		refused(t, err, c.want)
		if err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v does not name %s", c.name, err, c.text)
		}
	}
	_, err := w.Verifier.Start(t.Context(), "nobody", order(query, verifier.CrossDevice))
	refused(t, err, verifier.ErrNotAdmitted)
}

func TestPublishedRegister(t *testing.T) {
	w := world.New(t)
	w.Suspend()
	text, err := w.Verifier.PublishedJWT()
	if err != nil {
		t.Fatal(err)
	}
	tok, err := jose.Parse(text)
	if err != nil || tok.Header.Typ != receivers.Typ || tok.Verify(w.Hierarchy.Registrar.Key.Public()) != nil {
		t.Fatalf("%+v %v", tok.Header, err)
	}
	var p receivers.Published
	if err := jose.UnmarshalClosed(tok.Payload, &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Receivers) != 2 || p.Receivers[0].Status != receivers.Suspended || p.Receivers[1].Status != receivers.Admitted ||
		p.Receivers[0].Certificates[0] != jose.X5TS256(w.Access[world.University].Chain[0]) || !p.Expires.Time().After(w.Now()) {
		t.Errorf("%+v", p)
	}
}

// A configuration that could not work does not start.
func TestNewRefuses(t *testing.T) {
	w := world.New(t)
	for name, c := range map[string]struct {
		change func(*verifier.Config)
		text   string
	}{
		"plain http":               {func(c *verifier.Config) { c.URL = "http://verifier.example" }, "URL"},
		"plain http on loopback":   {func(c *verifier.Config) { c.URL = "http://localhost:8083" }, "URL"},
		"no store":                 {func(c *verifier.Config) { c.Store = nil }, "Store"},
		"nothing accepted":         {func(c *verifier.Config) { c.Accept = nil }, "Accept"},
		"accepted from anybody":    {func(c *verifier.Config) { c.Accept = []verifier.Acceptance{{Name: world.VCT}} }, "credentials[0].issuers"},
		"admitted, no certificate": {func(c *verifier.Config) { delete(c.Access, world.University) }, "university"},
		"certificate of another":   {func(c *verifier.Config) { c.Access[world.University] = w.Access[world.Employer] }, "university"},
		"key of another certificate": {func(c *verifier.Config) {
			a := c.Access[world.University]
			a.Signer = world.NewKey()
			c.Access[world.University] = a
		}, "university"},
		"DNS name of another host": {func(c *verifier.Config) {
			a := c.Access[world.Employer]
			a.DNSName = "other.example"
			c.Access[world.Employer] = a
		}, "employer"},
		"no registrar": {func(c *verifier.Config) { c.Registrar.Key = nil }, "Registrar"},
		"no chain of the registrar": {func(c *verifier.Config) {
			c.Registrar.Key = func() verifier.RegistrarKey {
				return verifier.RegistrarKey{Signer: w.Hierarchy.Registrar.Key}
			}
		}, "Registrar"},
		"long request": {func(c *verifier.Config) { c.RequestLife = 1 << 60 }, "RequestLife"},
		"no register":  {func(c *verifier.Config) { c.Register = nil }, "register"},
	} {
		config := w.Config
		config.Access = map[string]verifier.Access{world.University: w.Access[world.University], world.Employer: w.Access[world.Employer]}
		c.change(&config)
		if _, err := verifier.New(config); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
