package unit_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
)

const (
	serverURL = "https://as.example"
	callback  = "http://127.0.0.1:4711/callback"
)

type jwk = jose.JWK

func public(t testing.TB, key crypto.Signer) jwk {
	t.Helper()
	return must(jose.PublicJWK(key.Public()))(t)
}

// double is an issuer with an authorization server of its own, as strict as
// the specifications allow: each answer brings a new nonce and only the last
// one counts, a proof is used once, a code is used once, refresh tokens
// rotate, and every answer has members that nobody knows.
type double struct {
	t     testing.TB
	a     *authority
	net   *network
	clock time.Time

	metadata, server m
	// cheat answers a request instead of what is below, when it returns true.
	// It gets the host and path.
	cheat func(at string, w http.ResponseWriter, r *http.Request, body []byte) bool
	// identifiers per configuration; none: tokens name no identifiers.
	identifiers map[string][]string
	// pending is how often the deferred endpoint says "later"; below 0 nothing
	// is put off.
	pending int
	// denied ends a transaction instead of delivering.
	denied string
	// credentials makes what is handed out.
	credentials func(keys []jose.JWK) []any
	// refreshNone: tokens come without a refresh token.
	refreshNone bool
	// life of access tokens.
	life time.Duration
	// key opens encrypted requests.
	key *ecdsa.PrivateKey
	// anonymous: the client has no name.
	anonymous bool
	// attester signs key attestations.
	attester crypto.PublicKey
	// challenge goes with every answer of the authorization server.
	challenge string
	// client authenticates the client, beside the client_id.
	client func(r *http.Request, form url.Values) (status int, code string)

	nonces   map[string]int
	jtis     map[string]bool
	pushed   map[string]url.Values
	codes    map[string]*asked
	refresh  map[string]*asked
	tokens   map[string]*asked
	waiting  map[string]*transaction
	drawn    int
	polls    int
	events   []string
	lastForm url.Values
	requests []oid4vci.CredentialRequest
}

// asked is what a client asked for, and with which key.
type asked struct {
	form           url.Values
	jkt            string
	configurations []string
	identifiers    map[string]string
	expires        time.Time
}

type transaction struct {
	token *asked
	keys  []jose.JWK
	left  int
	after time.Time
}

func newDouble(t testing.TB) *double {
	t.Helper()
	d := &double{
		t: t, a: newAuthority(t, issuerURL), net: newNetwork(), clock: at, pending: -1, life: 5 * time.Minute,
		nonces: map[string]int{}, jtis: map[string]bool{}, pushed: map[string]url.Values{}, codes: map[string]*asked{},
		refresh: map[string]*asked{}, tokens: map[string]*asked{}, waiting: map[string]*transaction{},
	}
	d.metadata = m{
		"credential_issuer": issuerURL, "authorization_servers": []any{serverURL}, "credential_endpoint": issuerURL + "/credential",
		"nonce_endpoint": issuerURL + "/nonce", "deferred_credential_endpoint": issuerURL + "/deferred", "notification_endpoint": issuerURL + "/notification",
		"batch_credential_issuance": m{"batch_size": 4}, "x_unknown": m{"a": []any{1, nil}},
		"credential_configurations_supported": m{"led": m{
			"format": "dc+sd-jwt", "vct": vct, "scope": "led", "cryptographic_binding_methods_supported": []any{"jwk"},
			"proof_types_supported": m{"jwt": m{"proof_signing_alg_values_supported": []any{"ES256"}}},
			"credential_metadata":   m{"display": []any{m{"name": "Diploma"}}}, "x_unknown": 1,
		}},
	}
	d.server = m{
		"issuer": serverURL, "authorization_endpoint": serverURL + "/authorize?tenant=1", "token_endpoint": serverURL + "/token",
		"pushed_authorization_request_endpoint": serverURL + "/par", "require_pushed_authorization_requests": true,
		"code_challenge_methods_supported": []any{"S256"}, "response_types_supported": []any{"code"},
		"grant_types_supported":             []any{oid4vci.GrantAuthorizationCode, oid4vci.GrantPreAuthorizedCode, "refresh_token"},
		"dpop_signing_alg_values_supported": []any{"ES256"}, "authorization_details_types_supported": []any{"openid_credential"},
		"authorization_response_iss_parameter_supported": true, "x_unknown": "y",
	}
	d.credentials = func(keys []jose.JWK) (out []any) {
		for _, k := range keys {
			out = append(out, m{"credential": d.a.issue(t, k, d.current), "x_unknown": true})
		}
		return out
	}
	d.net.hosts["issuer.example"], d.net.hosts["as.example"] = d, d
	return d
}

// current makes a credential of the double's time.
func (d *double) current(c *sdjwt.Credential) {
	from := d.clock.Add(-time.Minute)
	c.IssuedAt, c.NotBefore, c.Expires = from, from, d.clock.Add(24*time.Hour)
}

func (d *double) now() time.Time { return d.clock }

// encrypted makes the double demand encryption both ways.
func (d *double) encrypted() {
	d.key = newKey(d.t)
	public := must(oid4vci.DecryptionKey{Kid: "k1", Key: d.key}.Public())(d.t)
	d.metadata["credential_request_encryption"] = m{"jwks": m{"keys": []any{public}}, "enc_values_supported": []any{"A128GCM"}, "encryption_required": true}
	d.metadata["credential_response_encryption"] = m{"alg_values_supported": []any{"ECDH-ES"}, "enc_values_supported": []any{"A128GCM"}, "encryption_required": true}
}

// unit is a wallet unit whose time passes when it waits.
func (d *double) unit() unit.Issuance {
	checker := must(status.NewChecker(lists{d.net}, status.CheckerOptions{Now: d.now}))(d.t)
	return unit.Issuance{
		HTTP: d.net, Now: d.now, Random: rand.Reader, Seals: &seal.Validator{Trust: d.a.store, Revocation: d.a.crls}, Status: checker, StatusTrust: d.a.statusTrust,
		Copies: 2, Client: unit.Client{ID: "wallet"},
		Wait: func(_ context.Context, x time.Duration) error {
			d.clock = d.clock.Add(x)
			return nil
		},
	}
}

func (d *double) draw(kind string) string {
	d.drawn++
	return fmt.Sprintf("%s-%d-s3cr3t", kind, d.drawn)
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	where := r.URL.Host + r.URL.Path
	if d.cheat != nil && d.cheat(where, w, r, body) {
		return
	}
	form, _ := url.ParseQuery(string(body))
	switch where {
	case "issuer.example/.well-known/openid-credential-issuer":
		answerJSON(w, 200, d.metadata)
	case "as.example/.well-known/oauth-authorization-server":
		answerJSON(w, 200, d.server)
	case "issuer.example/status/1":
		_, _ = w.Write([]byte(d.statusToken()))
	case "issuer.example/nonce":
		d.nonces["c"]++
		w.Header().Set("DPoP-Nonce", d.next("issuer.example"))
		answerJSON(w, 200, m{"c_nonce": fmt.Sprint("c-", d.nonces["c"]), "x_unknown": 1})
	case "as.example/par", "as.example/token":
		d.lastForm = form
		if d.challenge != "" {
			w.Header().Set("OAuth-Client-Attestation-Challenge", d.challenge)
		}
		if jkt, ok := d.proved(w, r, ""); ok && d.known(w, r, form) {
			if r.URL.Path == "/par" {
				d.push(w, form, jkt)
			} else {
				d.token(w, form, jkt)
			}
		}
	case "issuer.example/credential", "issuer.example/deferred", "issuer.example/notification":
		if a, ok := d.authorized(w, r); ok {
			d.protected(w, r, a, body)
		}
	default:
		d.t.Errorf("%s %s was asked", r.Method, r.URL)
		w.WriteHeader(http.StatusNotFound)
	}
}

func (d *double) statusToken() string {
	l := must(status.NewList(2, 64))(d.t)
	signer := must(d.a.StatusSealer(d.now))(d.t)
	payload := must(jose.Marshal(m{"sub": issuerURL + "/status/1", "iat": d.clock.Unix(), "exp": d.clock.Add(time.Hour).Unix(), "ttl": 1, "status_list": l}))(d.t)
	return must(signer.SignCompact(status.Typ, d.clock, payload))(d.t)
}

// next is the nonce that a server wants from now on.
func (d *double) next(host string) string {
	d.nonces[host]++
	return fmt.Sprint(host, "-nonce-", d.nonces[host])
}

// proved checks a DPoP proof, with the last nonce of the server; a token is
// named at the issuer.
func (d *double) proved(w http.ResponseWriter, r *http.Request, token string) (jkt string, ok bool) {
	if d.server["dpop_signing_alg_values_supported"] == nil {
		if r.Header.Get("DPoP") != "" {
			d.t.Error("a proof was sent to a server that has no DPoP")
		}
		return "", true
	}
	thumbprint := ""
	if a := d.tokens[token]; a != nil {
		thumbprint = a.jkt
	}
	want := fmt.Sprint(r.URL.Host, "-nonce-", d.nonces[r.URL.Host])
	p, err := oauth.VerifyProof(r.Header, oauth.Expect{Method: r.Method, URL: r.URL.String(), Token: token, Thumbprint: thumbprint, Now: d.clock, MaxAge: time.Minute})
	var claims struct {
		Nonce string `json:"nonce"`
	}
	if err == nil {
		err = jose.Unmarshal(must(jose.Parse(p.Text))(d.t).Payload, &claims)
	}
	w.Header().Set("DPoP-Nonce", d.next(r.URL.Host))
	refuse := func(code string) (string, bool) {
		if token != "" {
			w.Header().Set("WWW-Authenticate", `DPoP error="`+code+`", algs="ES256"`)
			w.WriteHeader(http.StatusUnauthorized)
		} else {
			answerJSON(w, 400, m{"error": code})
		}
		return "", false
	}
	switch {
	case err != nil || d.jtis[p.JTI]:
		d.t.Errorf("proof: %v", err)
		return refuse("invalid_dpop_proof")
	case claims.Nonce != want:
		return refuse("use_dpop_nonce")
	}
	d.jtis[p.JTI] = true
	return p.Thumbprint, true
}

func (d *double) known(w http.ResponseWriter, r *http.Request, form url.Values) bool {
	if d.client != nil {
		if status, code := d.client(r, form); code != "" {
			answerJSON(w, status, m{"error": code})
			return false
		}
		return true
	}
	if form.Get("client_id") != "wallet" {
		d.t.Errorf("client_id %q", form.Get("client_id"))
	}
	return true
}

func (d *double) push(w http.ResponseWriter, form url.Values, jkt string) {
	if _, err := oid4vci.ParsePushedRequest(form); err != nil {
		d.t.Error(err)
	}
	if form.Get("dpop_jkt") != jkt {
		d.t.Errorf("dpop_jkt %q, the proof has %q", form.Get("dpop_jkt"), jkt)
	}
	uri := "urn:ietf:params:oauth:request_uri:" + d.draw("par")
	d.pushed[uri] = form
	answerJSON(w, http.StatusCreated, m{"x_unknown": 1, "request_uri": uri, "expires_in": 60})
}
