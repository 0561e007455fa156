package devidp

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

var (
	errNoRequest = errors.New("devidp: the sign-in was not started here or is over; start again")
	errNoCitizen = errors.New("devidp: no such fictitious citizen")
	errNoClient  = errors.New("devidp: no such client")
	errNoRefresh = errors.New("devidp: there are no refresh tokens")
)

const (
	requestLife = 10 * time.Minute
	tokenLife   = 5 * time.Minute
)

// storage implements op.Storage in memory. mu guards all maps.
type storage struct {
	key *ecdsa.PrivateKey
	now func() time.Time

	citizens map[string]Citizen
	clients  map[string]Client

	mu       sync.Mutex
	requests map[string]*request
	codes    map[string]string // code to request id
	tokens   map[string]token
}

type token struct {
	citizen string
	scopes  []string
	expires time.Time
}

// request is one sign-in under way; it implements op.AuthRequest.
type request struct {
	id      string
	in      oidc.AuthRequest
	citizen string
	at      time.Time
	expires time.Time
}

func (r *request) GetID() string                      { return r.id }
func (r *request) GetACR() string                     { return ACR }
func (r *request) GetAMR() []string                   { return nil }
func (r *request) GetAudience() []string              { return []string{r.in.ClientID} }
func (r *request) GetAuthTime() time.Time             { return r.at }
func (r *request) GetClientID() string                { return r.in.ClientID }
func (r *request) GetNonce() string                   { return r.in.Nonce }
func (r *request) GetRedirectURI() string             { return r.in.RedirectURI }
func (r *request) GetScopes() []string                { return r.in.Scopes }
func (r *request) GetState() string                   { return r.in.State }
func (r *request) GetSubject() string                 { return r.citizen }
func (r *request) Done() bool                         { return r.citizen != "" }
func (r *request) GetResponseType() oidc.ResponseType { return r.in.ResponseType }
func (r *request) GetResponseMode() oidc.ResponseMode { return r.in.ResponseMode }
func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	if r.in.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.in.CodeChallenge, Method: r.in.CodeChallengeMethod}
}

func (s *storage) sweep() {
	now := s.now()
	for id, r := range s.requests {
		if now.After(r.expires) {
			delete(s.requests, id)
		}
	}
	for code, id := range s.codes {
		if s.requests[id] == nil {
			delete(s.codes, code)
		}
	}
	for id, t := range s.tokens {
		if now.After(t.expires) {
			delete(s.tokens, id)
		}
	}
}

func (s *storage) authenticate(id, citizen string) error {
	if _, ok := s.citizens[citizen]; !ok {
		return errNoCitizen
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests[id]
	if r == nil || r.Done() {
		return errNoRequest
	}
	next := *r
	next.citizen, next.at = citizen, s.now()
	s.requests[id] = &next
	return nil
}

func (s *storage) CreateAuthRequest(_ context.Context, in *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	r := &request{id: uuid.NewString(), in: *in, expires: s.now().Add(requestLife)}
	s.requests[r.id] = r
	return r, nil
}

func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	if r := s.requests[id]; r != nil {
		return r, nil
	}
	return nil, errNoRequest
}

func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	id, ok := s.codes[code]
	delete(s.codes, code) // a code is used once
	if r := s.requests[id]; ok && r != nil {
		return r, nil
	}
	return nil, errNoRequest
}

func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, id)
	return nil
}

func (s *storage) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, expires := uuid.NewString(), s.now().Add(tokenLife)
	s.tokens[id] = token{citizen: r.GetSubject(), scopes: r.GetScopes(), expires: expires}
	return id, expires, nil
}

func (s *storage) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errNoRefresh
}

func (s *storage) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errNoRefresh
}

func (s *storage) TerminateSession(context.Context, string, string) error { return nil }

func (s *storage) RevokeToken(_ context.Context, id, _, _ string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, id)
	return nil
}

func (s *storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	c, ok := s.clients[id]
	if !ok {
		return nil, errNoClient
	}
	return client{c}, nil
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	c, ok := s.clients[id]
	if !ok || !equal(c.Secret, secret) {
		return errNoClient
	}
	return nil
}

func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// SetUserinfoFromRequest fills the ID token.
func (s *storage) SetUserinfoFromRequest(_ context.Context, u *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	return s.fill(u, r.GetSubject(), scopes)
}

func (s *storage) SetUserinfoFromToken(_ context.Context, u *oidc.UserInfo, id, _, _ string) error {
	s.mu.Lock()
	t, ok := s.tokens[id]
	s.mu.Unlock()
	if !ok || s.now().After(t.expires) {
		return errNoRequest
	}
	return s.fill(u, t.citizen, t.scopes)
}

func (s *storage) fill(u *oidc.UserInfo, citizen string, scopes []string) error {
	c, ok := s.citizens[citizen]
	if !ok {
		return errNoCitizen
	}
	for _, scope := range scopes {
		switch scope {
		case oidc.ScopeOpenID:
			u.Subject = c.ID
		case oidc.ScopeProfile:
			u.GivenName, u.FamilyName = c.GivenName, c.FamilyName
		case "rrn":
			u.AppendClaims("rrn", c.RRN)
		}
	}
	return nil
}

func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errors.New("devidp: introspection is not offered")
}

func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNoClient
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNoClient
}

func (s *storage) Health(context.Context) error { return nil }

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return signing{s.key}, nil }

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) { return []op.Key{public{s.key}}, nil }
