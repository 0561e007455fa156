package csc_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/csc"
	"github.com/zegel-id/zegel/seal/csc/csctest"
	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
	"github.com/zegel-id/zegel/seal/signers"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

const issuer = "https://issuer.example"

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// authority is made once: tests do not change it.
var authority = sync.OnceValues(func() (*devca.Hierarchy, error) {
	return devca.New(devca.Options{Now: now, Issuer: issuer})
})

func hierarchy(t testing.TB) *devca.Hierarchy {
	h, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// known gives a secret.
func known(value string) csc.Secret {
	return func(context.Context) (string, error) { return value, nil }
}

func explicit() *csc.Explicit {
	return &csc.Explicit{Secrets: map[string]csc.Secret{"PIN": known(csctest.PIN), "OTP": known(csctest.OTP)}}
}

// client calls over real connections.
func client(s *csctest.Server) csc.HTTP {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// direct calls a provider without a connection, for tests of time.
type direct struct{ h http.Handler }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() { defer close(done); d.h.ServeHTTP(w, r) }()
	select {
	case <-done:
		return w.Result(), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

type setup struct {
	server *csctest.Server
	http   csc.HTTP
	config csc.Config
	opts   csc.Options
}

// provider is a double with a software key, and what a client needs to use it.
func provider(t testing.TB, change ...func(*csctest.Options)) *setup {
	h := hierarchy(t)
	o := csctest.Options{Key: h.Seal.Key, Chain: []*x509.Certificate{h.Seal.Certificate}}
	for _, f := range change {
		f(&o)
	}
	s := csctest.New(t, o)
	return over(s, client(s))
}

func over(s *csctest.Server, via csc.HTTP) *setup {
	return &setup{
		server: s, http: via,
		config: csc.Config{
			Base: s.Base(), HTTP: via, Pause: time.Millisecond, Now: clock,
			Service: &csc.ClientCredentials{TokenURL: s.URL + "/oauth2/token", ClientID: csctest.ClientID, Secret: known(csctest.ClientSecret), HTTP: via, Pause: time.Millisecond, Now: clock},
		},
		opts: csc.Options{Chain: s.Chain, Authorizer: explicit()},
	}
}

func (s *setup) oauth() *csc.OAuth {
	u := s.server.URL
	return &csc.OAuth{
		AuthorizeURL: u + "/oauth2/authorize", TokenURL: u + "/oauth2/token", ClientID: csctest.ClientID,
		Secret: known(csctest.ClientSecret), RedirectURI: csctest.Redirect, Issuer: u, SignIn: s.server.SignIn,
	}
}

func (s *setup) client(t testing.TB) *csc.Client {
	t.Helper()
	c, err := csc.NewClient(s.config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *setup) signer(t testing.TB) *csc.Signer {
	t.Helper()
	signer, err := csc.NewSigner(t.Context(), s.client(t), csctest.CredentialID, s.opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = signer.Close() })
	return signer
}

func digest(text string) []byte {
	d := sha256.Sum256([]byte(text))
	return d[:]
}

// signs makes a signature and verifies it.
func signs(t testing.TB, s *csc.Signer, text string) {
	t.Helper()
	sig, err := s.Sign(nil, digest(text), crypto.SHA256)
	if err != nil {
		t.Error(err)
	} else if !ecdsa.VerifyASN1(s.Public().(*ecdsa.PublicKey), digest(text), sig) {
		t.Error("the signature does not verify")
	}
}

// silent looks that an error gives away nothing that is secret, and has one
// name.
func silent(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	names := 0
	for _, name := range []error{csc.ErrAway, csc.ErrBusy, csc.ErrRefused, csc.ErrProtocol, csc.ErrUncertain, csc.ErrConfig, csc.ErrCredential} {
		if errors.Is(err, name) {
			names++
		}
	}
	if names != 1 {
		t.Errorf("%d names: %v", names, err)
	}
	for _, secret := range []string{csctest.PIN, csctest.OTP, csctest.ClientSecret, "you sent", "error_description"} {
		if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, secret) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
	}
}

// A seal with a key at a provider, that keeps it in a token, is a seal like any
// other: each algorithm, each mode.
func TestSeal(t *testing.T) {
	hsm := softhsmtest.New(t)
	token := hsm.Open(t)
	h := hierarchy(t)
	store, err := h.Store(now)
	if err != nil {
		t.Fatal(err)
	}
	crls, err := h.CRLs(nil, clock)
	if err != nil {
		t.Fatal(err)
	}
	v := &seal.Validator{Trust: store, Revocation: crls}
	keys := map[jose.Alg]crypto.Signer{}
	for alg, curve := range map[jose.Alg]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384()} {
		if keys[alg], err = token.GenerateKey(t.Context(), string(alg), curve); err != nil {
			t.Fatal(err)
		}
	}
	if keys[jose.PS256], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		alg    jose.Alg
		change func(*csctest.Options)
		auth   func(*setup) csc.Authorizer
	}{
		"ES256, explicit":                 {jose.ES256, nil, nil},
		"ES384, explicit, SCAL 1":         {jose.ES384, func(o *csctest.Options) { o.SCAL = "1" }, nil},
		"PS256, explicit":                 {jose.PS256, nil, nil},
		"ES256, r||s":                     {jose.ES256, func(o *csctest.Options) { o.Raw = true }, nil},
		"ES384, r||s":                     {jose.ES384, func(o *csctest.Options) { o.Raw = true }, nil},
		"ES256, OAuth":                    {jose.ES256, func(o *csctest.Options) { o.Mode = "oauth2code" }, func(s *setup) csc.Authorizer { return s.oauth() }},
		"ES256, OAuth, token of type SAD": {jose.ES256, func(o *csctest.Options) { o.Mode, o.TokenType = "oauth2code", "SAD" }, func(s *setup) csc.Authorizer { return s.oauth() }},
		"ES384, OAuth, pushed": {jose.ES384, func(o *csctest.Options) { o.Mode = "oauth2code" }, func(s *setup) csc.Authorizer {
			a := s.oauth()
			a.PushedURL = s.server.URL + "/oauth2/pushed_authorize"
			return a
		}},
		"ES256, OAuth, authorization_details": {jose.ES256, func(o *csctest.Options) { o.Mode = "oauth2code" }, func(s *setup) csc.Authorizer { a := s.oauth(); a.Details = true; return a }},
	} {
		t.Run(name, func(t *testing.T) {
			leaf := softhsmtest.Certify(t, h.SealCA, h.Seal.Certificate, keys[c.alg].Public())
			p := provider(t, func(o *csctest.Options) {
				o.Key, o.Chain = keys[c.alg], []*x509.Certificate{leaf}
				if c.change != nil {
					c.change(o)
				}
			})
			if c.auth != nil {
				p.opts.Authorizer = c.auth(p)
			}
			s, err := seal.NewSealer(p.signer(t), p.opts.Chain, seal.Options{RequireSeal: true, Now: clock})
			if err != nil {
				t.Fatal(err)
			}
			compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{"iss":"`+issuer+`"}`))
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := v.ValidateCompact(t.Context(), compact, "dc+sd-jwt", now)
			if err != nil || s.Alg() != c.alg || got.Indication != seal.TotalPassed || got.Level != seal.BaselineB || got.Qualification != seal.AdESeal {
				t.Errorf("%v, %s, %s, %s\n%s", err, got.Indication, got.Level, got.Qualification, got.Checks)
			}
		})
	}

	t.Run("the provider's token goes away", func(t *testing.T) {
		leaf := softhsmtest.Certify(t, h.SealCA, h.Seal.Certificate, keys[jose.ES256].Public())
		p := provider(t, func(o *csctest.Options) { o.Key, o.Chain = keys[jose.ES256], []*x509.Certificate{leaf} })
		s := p.signer(t)
		hsm.Unplug(t)
		_, err := s.Sign(nil, digest("text"), crypto.SHA256)
		if !errors.Is(err, signers.ErrUncertain) || errors.Is(err, pkcs11.ErrAway) {
			t.Error(err)
		}
		silent(t, err)
		hsm.Plug(t)
		signs(t, s, "text")
	})
}

func TestCalls(t *testing.T) {
	p := provider(t)
	c := p.client(t)
	info, err := c.Info(t.Context())
	if err != nil || info.Name != "Double" || info.Specs != "2.0.0.2" {
		t.Error(info, err)
	}
	ids, err := c.Credentials(t.Context())
	if err != nil || len(ids) != 1 || ids[0] != csctest.CredentialID {
		t.Error(ids, err)
	}
	cred, err := c.Credential(t.Context(), csctest.CredentialID)
	if err != nil || cred.SignatureQualifier != "eu_eidas_qeseal" || cred.Multisign != 10 || len(cred.Auth.Objects) != 2 {
		t.Error(cred, err)
	}
	if n := p.server.Count("oauth2/token"); n != 1 {
		t.Errorf("%d tokens for three calls", n)
	}
	p.server.RevokeTokens()
	if _, err := c.Info(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.Credentials(t.Context()); err != nil {
		t.Errorf("a token that is no longer taken was not replaced: %v", err)
	}
	if _, err := c.Credential(t.Context(), "other"); !errors.Is(err, csc.ErrRefused) {
		t.Error(err)
	}
}

// What a key signs, and nothing else.
func TestMechanism(t *testing.T) {
	s := provider(t).signer(t)
	long := sha512.Sum384(nil)
	for name, c := range map[string]struct {
		digest []byte
		opts   crypto.SignerOpts
	}{
		"no options": {digest(""), nil}, "SHA-384": {long[:], crypto.SHA384}, "a text": {[]byte("text"), crypto.SHA256},
		"PSS": {digest(""), &rsa.PSSOptions{Hash: crypto.SHA256}}, "no digest": {digest(""), crypto.Hash(0)},
	} {
		if sig, err := s.Sign(nil, c.digest, c.opts); sig != nil || !errors.Is(err, csc.ErrMechanism) {
			t.Errorf("%s: %x, %v", name, sig, err)
		}
	}
}

var _ signers.Signer = (*csc.Signer)(nil)

// TestServiceTokenOfSignHash: a service token that only signHash is asked with, and
// that the provider no longer takes, is replaced for the next batch.
func TestServiceTokenOfSignHash(t *testing.T) {
	p := provider(t, func(o *csctest.Options) { o.Mode, o.TokenType = "oauth2code", "SAD" })
	p.opts.Authorizer = p.oauth()
	s := p.signer(t)
	p.server.RevokeTokens()
	if _, err := s.Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, csc.ErrRefused) {
		t.Errorf("found %v", err)
	}
	if _, err := s.Sign(nil, digest("text"), crypto.SHA256); err != nil {
		t.Errorf("with the token that was refused: %v", err)
	}
}
