// Package csctest is a trust service provider for tests: a double of the CSC
// API v2 that signs with any crypto.Signer, is as strict as the strictest
// provider, and misbehaves on request. It knows no users: whoever comes to its
// authorization endpoint is signed in.
package csctest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// What the provider knows.
const (
	CredentialID = "credential-1"
	ClientID     = "zegel"
	ClientSecret = "secret of the client/+"
	PIN          = "24681357"
	OTP          = "990011"
	Redirect     = "https://issuer.example/signed-in"
)

// Options of a Server. The zero value asks for PIN and OTP, with SCAL 2.
type Options struct {
	Key   crypto.Signer
	Chain []*x509.Certificate
	// Mode is auth.mode: explicit unless said otherwise.
	Mode string
	// SCAL is 2 unless said otherwise.
	SCAL string
	// Multisign is 10 unless said otherwise.
	Multisign int
	// TokenType of credential tokens is Bearer unless said otherwise.
	TokenType string
	// Raw makes ECDSA answers r||s.
	Raw bool
}

// Server is a running provider.
type Server struct {
	URL string
	Options

	mu       sync.Mutex
	tokens   map[string]bool // service tokens
	grants   map[string]*grant
	pushed   map[string]url.Values
	faults   map[string][]http.HandlerFunc
	broken   map[string]http.HandlerFunc
	info     map[string]any
	bend     func([]string) []string
	calls    []string
	signed   int
	requests map[string]string // last body, by call
}

// grant is an authorization: code, SAD or credential token.
type grant struct {
	hashes      []string // base64
	challenge   string
	redirectURI string
	details     string // authorization_details
	kind        string // code, SAD, bearer
}

// New starts a provider until the test ends.
func New(t testing.TB, o Options) *Server {
	def := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	def(&o.Mode, "explicit")
	def(&o.SCAL, "2")
	def(&o.TokenType, "Bearer")
	if o.Multisign == 0 {
		o.Multisign = 10
	}
	s := &Server{
		Options: o, tokens: map[string]bool{}, grants: map[string]*grant{}, pushed: map[string]url.Values{},
		faults: map[string][]http.HandlerFunc{}, broken: map[string]http.HandlerFunc{}, requests: map[string]string{},
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// Base is the address of the API.
func (s *Server) Base() string { return s.URL + "/csc/v2" }

// Next makes the next calls of a path, such as signatures/signHash, go to
// others, one each.
func (s *Server) Next(call string, others ...http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[call] = append(s.faults[call], others...)
}

// Break makes all calls of a path go to another, until it is nil.
func (s *Server) Break(call string, other http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[call] = other
}

// Say changes a member of credentials/info, such as key.status.
func (s *Server) Say(member string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.info == nil {
		s.info = map[string]any{}
	}
	s.info[member] = value
}

// Bend changes the signatures, in base64, before they go out.
func (s *Server) Bend(f func([]string) []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bend = f
}

// Calls are the calls that were made, in order.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Count is how often a call was made.
func (s *Server) Count(call string) int {
	n := 0
	for _, c := range s.Calls() {
		if c == call {
			n++
		}
	}
	return n
}

// Signed is how many signatures were made.
func (s *Server) Signed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signed
}

// Request is the body of the last call of a path.
func (s *Server) Request(call string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[call]
}

// RevokeTokens makes every service token that was given out worthless.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// SignIn is what a person's browser does: it goes to the address and gives the
// one it is sent back to.
func (s *Server) SignIn(ctx context.Context, address string) (string, error) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusFound {
		return "", errors.New("no redirect: " + res.Status)
	}
	return res.Header.Get("Location"), nil
}

// refusal is an answer that ends a call.
type refusal struct {
	status int
	code   string
}

func refuse(status int, code string) { panic(refusal{status, code}) }

func bad(code string) { refuse(http.StatusBadRequest, code) }

// ServeHTTP answers one call at a time.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/csc/v2/"), "/")
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	s.mu.Lock()
	s.calls = append(s.calls, call)
	s.requests[call] = string(body)
	if next := s.faults[call]; len(next) > 0 {
		s.faults[call] = next[1:]
		s.mu.Unlock()
		next[0](w, r)
		return
	}
	if other := s.broken[call]; other != nil {
		s.mu.Unlock()
		other(w, r)
		return
	}
	defer s.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(refusal)
			if !ok {
				panic(p)
			}
			// As real ones do: the description repeats what was sent.
			reply(w, e.status, map[string]string{"error": e.code, "error_description": "you sent " + string(body)})
		}
	}()
	switch call {
	case "oauth2/authorize":
		s.authorizePage(w, r)
	case "oauth2/pushed_authorize":
		s.push(w, r)
	case "oauth2/token":
		s.token(w, r)
	case "info":
		reply(w, 200, map[string]any{"specs": "2.0.0.2", "name": "Double", "authType": []string{"oauth2client"}, "methods": []string{"credentials/info", "signatures/signHash"}})
	default:
		s.api(w, r, call, body)
	}
}

func (s *Server) api(w http.ResponseWriter, r *http.Request, call string, body []byte) {
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	g := s.grants[bearer]
	if !s.tokens[bearer] && (call != "signatures/signHash" || g == nil || g.kind != "bearer") {
		refuse(http.StatusUnauthorized, "invalid_token")
	}
	if r.Header.Get("Content-Type") != "application/json" {
		bad("invalid_request")
	}
	switch call {
	case "credentials/list":
		reply(w, 200, map[string]any{"credentialIDs": []string{CredentialID}})
	case "credentials/info":
		s.credential(w, body)
	case "credentials/authorize":
		s.authorize(w, body)
	case "signatures/signHash":
		s.signHash(w, body, g, bearer)
	default:
		refuse(http.StatusNotFound, "invalid_request")
	}
}

func question(body []byte, v any) {
	if jose.UnmarshalClosed(body, v) != nil {
		bad("invalid_request")
	}
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (s *Server) credential(w http.ResponseWriter, body []byte) {
	var q struct {
		CredentialID string `json:"credentialID"`
		Certificates string `json:"certificates"`
		CertInfo     bool   `json:"certInfo"`
		AuthInfo     bool   `json:"authInfo"`
	}
	if question(body, &q); q.CredentialID != CredentialID || q.Certificates != "chain" {
		bad("invalid_request")
	}
	var chain []string
	for _, c := range s.Chain {
		chain = append(chain, base64.StdEncoding.EncodeToString(c.Raw))
	}
	key := map[string]any{"status": "enabled", "algo": []string{"1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"}, "len": 2048}
	if k, ok := s.Key.Public().(*ecdsa.PublicKey); ok {
		key = map[string]any{"status": "enabled", "algo": []string{"1.2.840.10045.4.3.2"}, "len": 256, "curve": "1.2.840.10045.3.1.7"}
		if k.Params().BitSize == 384 {
			key["algo"], key["len"], key["curve"] = []string{"1.2.840.10045.2.1"}, 384, "1.3.132.0.34"
		}
	}
	auth := map[string]any{"mode": s.Mode}
	if s.Mode == "explicit" {
		auth["expression"] = "PIN AND OTP"
		auth["objects"] = []map[string]any{{"type": "Password", "id": "PIN", "format": "N"}, {"type": "Password", "id": "OTP", "format": "N", "generator": "totp"}}
	}
	info := map[string]any{
		"description": "seal", "signatureQualifier": "eu_eidas_qeseal", "SCAL": s.SCAL, "multisign": s.Multisign,
		"key": key, "cert": map[string]any{"status": "valid", "certificates": chain}, "auth": auth,
	}
	for member, value := range s.info {
		at, name, nested := strings.Cut(member, ".")
		if !nested {
			info[at] = value
		} else {
			info[at].(map[string]any)[name] = value
		}
	}
	reply(w, 200, info)
}

// explicit authorization, CSC API v2, Section 11.6.
func (s *Server) authorize(w http.ResponseWriter, body []byte) {
	var q struct {
		CredentialID  string   `json:"credentialID"`
		NumSignatures int      `json:"numSignatures"`
		Hashes        []string `json:"hashes"`
		HashOID       string   `json:"hashAlgorithmOID"`
		AuthData      []struct {
			ID    string `json:"id"`
			Value string `json:"value"`
		} `json:"authData"`
	}
	question(body, &q)
	if s.Mode != "explicit" || q.CredentialID != CredentialID || q.NumSignatures != len(q.Hashes) || len(q.AuthData) != 2 {
		bad("invalid_request")
	}
	for _, d := range q.AuthData {
		if map[string]string{"PIN": PIN, "OTP": OTP}[d.ID] != d.Value {
			bad("invalid_authentication_data")
		}
	}
	s.check(q.Hashes, q.HashOID)
	sad := rand.Text()
	s.grants[sad] = &grant{hashes: q.Hashes, kind: "SAD"}
	reply(w, 200, map[string]any{"SAD": sad, "expiresIn": 300})
}

// check refuses hashes that cannot be signed.
func (s *Server) check(hashes []string, oid string) {
	size := map[string]int{"2.16.840.1.101.3.4.2.1": 32, "2.16.840.1.101.3.4.2.2": 48}[oid]
	if len(hashes) == 0 || len(hashes) > s.Multisign {
		bad("invalid_request")
	}
	for _, h := range hashes {
		if b, err := base64.StdEncoding.DecodeString(h); err != nil || len(b) != size {
			bad("invalid_request")
		}
	}
}

func (s *Server) client(r *http.Request) {
	id, secret, ok := r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	if !ok || id != ClientID || secret != ClientSecret {
		refuse(http.StatusUnauthorized, "invalid_client")
	}
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	s.client(r)
	switch r.FormValue("grant_type") {
	case "client_credentials":
		if r.FormValue("scope") != "service" {
			bad("invalid_scope")
		}
		t := rand.Text()
		s.tokens[t] = true
		reply(w, 200, map[string]any{"access_token": t, "token_type": "Bearer", "expires_in": 3600})
	case "authorization_code":
		g := s.grants[r.FormValue("code")]
		delete(s.grants, r.FormValue("code"))
		if g == nil || g.kind != "code" || g.redirectURI != r.FormValue("redirect_uri") || g.details != r.FormValue("authorization_details") || oauth.VerifyPKCE(r.FormValue("code_verifier"), g.challenge) != nil {
			bad("invalid_grant")
		}
		t := rand.Text()
		g.kind = map[string]string{"Bearer": "bearer", "SAD": "SAD"}[s.TokenType]
		s.grants[t] = g
		reply(w, 200, map[string]any{"access_token": t, "token_type": s.TokenType, "expires_in": 300, "credentialID": CredentialID})
	default:
		bad("unsupported_grant_type")
	}
}
