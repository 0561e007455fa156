package unit_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// walletProvider signs attestations.
var walletProvider, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)

// provider is a wallet provider with a key per server.
type provider struct {
	t      testing.TB
	keys   map[string]*ecdsa.PrivateKey
	asked  []string
	change func(header, claims m)
	// other gives a key that the attestation does not name.
	other bool
	err   error
}

func (p *provider) Attest(_ context.Context, server string, fresh bool) (unit.Attestation, error) {
	if fresh {
		server += " fresh"
	}
	p.asked = append(p.asked, server)
	server, _, _ = strings.Cut(server, " ")
	if p.keys == nil {
		p.keys = map[string]*ecdsa.PrivateKey{}
	}
	if p.keys[server] == nil {
		p.keys[server] = newKey(p.t)
	}
	header := m{"alg": "ES256", "typ": "oauth-client-attestation+jwt", "kid": "p"}
	claims := m{"iss": "https://provider.example", "sub": "wallet", "iat": at.Unix(), "exp": at.Add(48 * time.Hour).Unix(), "cnf": m{"jwk": public(p.t, p.keys[server])}}
	if fresh {
		claims["iat"] = at.Unix() + 1
	}
	if p.change != nil {
		p.change(header, claims)
	}
	a := unit.Attestation{JWT: must(jose.SignCompact(walletProvider, header, must(jose.Marshal(claims))(p.t)))(p.t), Key: p.keys[server]}
	if p.other {
		a.Key = newKey(p.t)
	}
	return a, p.err
}

// attesting makes the double demand attested clients, with a challenge that is
// used once. It returns what it saw.
func (d *double) attesting() *[]string {
	d.server["token_endpoint_auth_methods_supported"] = []any{"attest_jwt_client_auth"}
	d.server["challenge_endpoint"] = serverURL + "/challenge"
	challenge, jtis := "", map[string]bool{}
	var seen []string
	d.cheat = func(where string, w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if where != "as.example/challenge" {
			return false
		}
		if r.Method != http.MethodPost || r.Header.Get("DPoP") != "" {
			d.t.Errorf("challenge: %s %v", r.Method, r.Header)
		}
		challenge = d.draw("challenge")
		answerJSON(w, 200, m{"attestation_challenge": challenge, "x_unknown": 1})
		return true
	}
	d.client = func(r *http.Request, form url.Values) (int, string) {
		attestations, proofs := r.Header.Values("OAuth-Client-Attestation"), r.Header.Values("OAuth-Client-Attestation-PoP")
		if len(attestations) != 1 || len(proofs) != 1 {
			d.t.Errorf("%d attestations, %d proofs", len(attestations), len(proofs))
			return 401, "invalid_client_attestation"
		}
		if _, err := oauth.VerifyClientAttestation(d.t.Context(), r.Header, oauth.AttestationExpect{
			Key:    func(context.Context, *jose.Token) (crypto.PublicKey, error) { return walletProvider.Public(), nil },
			Issuer: func(iss string) bool { return iss == "https://provider.example" }, Audience: serverURL, ClientID: form.Get("client_id"), Now: d.clock, MaxAge: time.Minute,
		}); err != nil {
			d.t.Error(err)
		}
		a, p := must(jose.Parse(attestations[0]))(d.t), must(jose.Parse(proofs[0]))(d.t)
		var ac struct {
			Sub string           `json:"sub"`
			Iat jose.NumericDate `json:"iat"`
			Cnf struct {
				JWK jose.JWK `json:"jwk"`
			} `json:"cnf"`
		}
		var pc struct {
			Iss       string           `json:"iss"`
			Aud       string           `json:"aud"`
			Jti       string           `json:"jti"`
			Iat       jose.NumericDate `json:"iat"`
			Exp       jose.NumericDate `json:"exp"`
			Challenge string           `json:"challenge"`
		}
		if err := errors.Join(jose.Unmarshal(a.Payload, &ac), jose.UnmarshalClosed(p.Payload, &pc)); err != nil {
			d.t.Error(err)
		}
		seen = append(seen, r.URL.Path+" "+ac.Cnf.JWK.Thumbprint())
		if p.Header.Typ != "oauth-client-attestation-pop+jwt" || p.Verify(must(ac.Cnf.JWK.Key())(d.t)) != nil || pc.Iss != ac.Sub || pc.Aud != serverURL || pc.Jti == "" || jtis[pc.Jti] || pc.Iat.Time() != d.clock || !pc.Exp.Time().After(d.clock) || form.Get("client_id") != ac.Sub {
			d.t.Errorf("proof of possession %+v of %s, client_id %s", pc, ac.Sub, form.Get("client_id"))
		}
		jtis[pc.Jti] = true
		if challenge != "" && pc.Challenge != challenge {
			d.t.Errorf("challenge %q, expected %q", pc.Challenge, challenge)
		}
		challenge = ""
		return 0, ""
	}
	return &seen
}

// A server that wants it hears from the wallet's provider whom it talks to, at
// every request and with one key, also when a token is refreshed
// (draft-ietf-oauth-attestation-based-client-auth; HAIP 1.0, Section 4.4.1).
func TestAttestedClient(t *testing.T) {
	d := newDouble(t)
	seen := d.attesting()
	v, _ := newVault(t, d.net)
	s := d.unit()
	p := &provider{t: t}
	s.Client = unit.Client{Provider: p}
	o := must(s.Discover(t.Context(), issuerURL, "led"))(t)
	taken := must(d.signIn(s, v, o))(t)
	must(s.Renew(t.Context(), v, taken.Items[0].Source.Grant))(t)
	if len(p.keys) != 1 || len(p.asked) != 2 || p.asked[0] != serverURL {
		t.Errorf("asked for %v", p.asked)
	}
	thumb := public(t, p.keys[serverURL]).Thumbprint()
	paths := map[string]int{}
	for _, x := range *seen {
		path, key, _ := strings.Cut(x, " ")
		paths[path]++
		if key != thumb {
			t.Errorf("%s with another key", path)
		}
	}
	if paths["/par"] != 1 || paths["/token"] != 2 {
		t.Errorf("%v", paths)
	}
	for _, x := range d.net.to("issuer.example") {
		if strings.Contains(x, "Attestation") {
			t.Error("the issuer hears of the attestation")
		}
	}
	// A server that takes codes of anybody is told nothing.
	d = newDouble(t)
	d.attesting()
	d.client = func(r *http.Request, form url.Values) (int, string) {
		if form.Has("client_id") || r.Header.Get("OAuth-Client-Attestation") != "" {
			t.Errorf("told: %v %v", form, r.Header)
		}
		return 0, ""
	}
	d.server["pre-authorized_grant_anonymous_access_supported"], d.anonymous = true, true
	s = d.unit()
	s.Client = unit.Client{ID: "wallet", Provider: p}
	v, _ = newVault(t, d.net)
	o = must(s.Read(t.Context(), d.offer(m{oid4vci.GrantPreAuthorizedCode: m{"pre-authorized_code": "c0de.pre-authorized"}})))(t)
	taken = must(s.Accept(t.Context(), v, o, ""))(t)
	must(s.Renew(t.Context(), v, taken.Items[0].Source.Grant))(t)
}

// Challenge and attestation are renewed once when the server wants that.
func TestAttestationAgain(t *testing.T) {
	for _, c := range []struct {
		name, code, challenge string
		times                 int
		ok                    bool
		asked                 int
	}{
		{"a challenge", "use_attestation_challenge", "ch4llenge", 1, true, 1},
		{"a challenge, but none is there", "use_attestation_challenge", "", 1, false, 1},
		{"challenges for ever", "use_attestation_challenge", "ch4llenge", 9, false, 1},
		{"a fresh attestation", "use_fresh_attestation", "", 1, true, 2},
		{"fresh attestations for ever", "use_fresh_attestation", "", 9, false, 2},
		{"no client", "invalid_client_attestation", "", 1, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t)
			d.attesting()
			delete(d.server, "challenge_endpoint")
			check, tries := d.client, 0
			d.client = func(r *http.Request, form url.Values) (int, string) {
				if status, code := check(r, form); code != "" {
					return status, code
				}
				p := must(jose.Parse(r.Header.Get("OAuth-Client-Attestation-PoP")))(t)
				if tries > 0 && c.challenge != "" && r.URL.Path == "/par" && !strings.Contains(string(p.Payload), c.challenge) {
					t.Errorf("%s", p.Payload)
				}
				if tries++; tries <= c.times {
					return 400, c.code
				}
				return 0, ""
			}
			d.challenge = c.challenge
			v, _ := newVault(t, d.net)
			s := d.unit()
			p := &provider{t: t}
			s.Client.Provider = p
			o := must(s.Discover(t.Context(), issuerURL, "led"))(t)
			_, err := s.Authorize(t.Context(), v, o, callback)
			if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), c.code) || len(p.asked) != c.asked {
				t.Errorf("%v, asked %v", err, p.asked)
			}
		})
	}
}

// What no server would take is not sent.
func TestAttestationRefused(t *testing.T) {
	for _, c := range []struct {
		name, want string
		provider   provider
	}{
		{"another typ", "typ must be", provider{change: func(h, _ m) { h["typ"] = "JWT" }}},
		{"no client", "sub is missing", provider{change: func(_, c m) { delete(c, "sub") }}},
		{"over", "exp is past", provider{change: func(_, c m) { c["exp"] = at.Unix() }}},
		{"no end", "exp is past", provider{change: func(_, c m) { delete(c, "exp") }}},
		{"another key", "cnf.jwk", provider{other: true}},
		{"no key", "cnf.jwk", provider{change: func(_, c m) { delete(c, "cnf") }}},
		{"no word", "the provider is closed", provider{err: errors.New("the provider is closed")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t)
			d.attesting()
			v, _ := newVault(t, d.net)
			s := d.unit()
			p := c.provider
			p.t = t
			s.Client.Provider = &p
			_, err := s.Authorize(t.Context(), v, must(s.Discover(t.Context(), issuerURL, "led"))(t), callback)
			if err == nil || !strings.Contains(err.Error(), c.want) || p.err == nil && !errors.Is(err, unit.ErrAttestation) {
				t.Errorf("%v", err)
			}
			for _, x := range d.net.to("as.example") {
				if strings.HasPrefix(x, "POST ") {
					t.Errorf("sent %s", x)
				}
			}
		})
	}
	d := newDouble(t)
	d.attesting()
	s := d.unit()
	if _, err := s.Discover(t.Context(), issuerURL, "led"); !errors.Is(err, unit.ErrOffer) || !strings.Contains(err.Error(), "Client.Provider") {
		t.Errorf("%v", err)
	}
	v, _ := newVault(t, d.net)
	s.Client.Provider = &provider{t: t}
	o := must(s.Discover(t.Context(), issuerURL, "led"))(t)
	for _, answer := range []m{{}, {"attestation_challenge": strings.Repeat("x", 5000)}} {
		d.cheat = answers("as.example/challenge", 200, answer)
		if _, err := s.Authorize(t.Context(), v, o, callback); err == nil || !strings.Contains(err.Error(), "attestation_challenge") {
			t.Errorf("%v", err)
		}
	}
}
