package unit_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// browse plays the citizen's browser, who signs in and agrees.
func (d *double) browse(address string) url.Values {
	d.t.Helper()
	u := must(url.Parse(address))(d.t)
	q := u.Query()
	form := q
	if uri := q.Get("request_uri"); uri != "" {
		form = d.pushed[uri]
		delete(d.pushed, uri)
		for name := range q {
			if name != "request_uri" && name != "client_id" && name != "tenant" {
				d.t.Errorf("the browser carries %s", name)
			}
		}
	}
	if u.Host != "as.example" || u.Path != "/authorize" || q.Get("tenant") != "1" || form == nil || q.Get("client_id") != form.Get("client_id") {
		d.t.Fatalf("the browser was sent to %s", address)
	}
	if form.Get("response_type") != "code" || form.Get("code_challenge_method") != "S256" || !oauth.ValidChallenge(form.Get("code_challenge")) || len(form.Get("state")) < 22 || form.Get("redirect_uri") != callback {
		d.t.Errorf("authorization request %v", form)
	}
	code := d.draw("code")
	d.codes[code] = d.ask(form)
	return url.Values{"code": {code}, "state": form["state"], "iss": {serverURL}, "x_unknown": {"1"}}
}

// ask is what a request asks for, by details or by scope.
func (d *double) ask(form url.Values) *asked {
	a := &asked{form: form, jkt: form.Get("dpop_jkt")}
	if form.Has("authorization_details") {
		details, err := oid4vci.ParseAuthorizationDetails([]byte(form.Get("authorization_details")))
		if err != nil {
			d.t.Error(err)
		}
		for _, x := range details {
			if !slices.Equal(x.Locations, []string{issuerURL}) {
				d.t.Errorf("locations %v", x.Locations)
			}
			a.configurations = append(a.configurations, x.CredentialConfigurationID)
		}
		return a
	}
	for _, scope := range strings.Fields(form.Get("scope")) {
		for id, c := range d.metadata["credential_configurations_supported"].(m) {
			if c.(m)["scope"] == scope {
				a.configurations = append(a.configurations, id)
			}
		}
	}
	if form.Get("resource") != issuerURL {
		d.t.Errorf("resource %q", form.Get("resource"))
	}
	return a
}

func (d *double) token(w http.ResponseWriter, form url.Values, jkt string) {
	if _, err := oid4vci.ParseTokenRequest(form); err != nil {
		d.t.Error(err)
	}
	var a *asked
	switch form.Get("grant_type") {
	case oid4vci.GrantAuthorizationCode:
		a = d.codes[form.Get("code")]
		delete(d.codes, form.Get("code"))
		if a != nil && (oauth.VerifyPKCE(form.Get("code_verifier"), a.form.Get("code_challenge")) != nil || form.Get("redirect_uri") != a.form.Get("redirect_uri") || a.jkt != jkt) {
			d.t.Errorf("token request %v", form)
			a = nil
		}
	case oid4vci.GrantPreAuthorizedCode:
		if form.Get("pre-authorized_code") == "c0de.pre-authorized" {
			a = &asked{form: form, jkt: jkt, configurations: []string{"led"}}
		}
	case "refresh_token":
		a = d.refresh[form.Get("refresh_token")]
		delete(d.refresh, form.Get("refresh_token"))
		if a != nil && a.jkt != jkt {
			d.t.Error("the refresh token was used with another key")
			a = nil
		}
	}
	if a == nil {
		answerJSON(w, 400, m{"error": "invalid_grant"})
		return
	}
	answerJSON(w, 200, d.grant(a))
}

func (d *double) grant(a *asked) m {
	b := &asked{form: a.form, jkt: a.jkt, configurations: a.configurations, identifiers: map[string]string{}, expires: d.clock.Add(d.life)}
	token, refresh := d.draw("access"), d.draw("refresh")
	d.tokens[token], d.refresh[refresh] = b, b
	out := m{"x_unknown": 1, "access_token": token, "token_type": "dpop", "expires_in": int(d.life / time.Second), "refresh_token": refresh}
	if a.jkt == "" {
		out["token_type"] = "bearer"
	}
	if d.refreshNone {
		delete(out, "refresh_token")
	}
	if a.form.Has("scope") {
		out["scope"] = a.form.Get("scope")
	}
	if d.identifiers == nil {
		return out
	}
	var details []any
	for _, id := range a.configurations {
		var names []any
		for _, x := range d.identifiers[id] {
			name := d.draw(x)
			b.identifiers[name] = id
			names = append(names, name)
		}
		details = append(details, m{"type": "openid_credential", "credential_configuration_id": id, "credential_identifiers": names})
	}
	out["authorization_details"] = append(details, m{"type": "other", "x": 1})
	return out
}
