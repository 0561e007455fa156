package csc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/csc"
	"github.com/zegel-id/zegel/seal/csc/csctest"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
)

// The certificate that a header will be built with must be the credential's,
// and the credential one that signs, before anything is signed.
func TestCredentialRefused(t *testing.T) {
	h := hierarchy(t)
	leaf := h.Seal.Certificate
	twin := softhsmtest.Certify(t, h.SealCA, leaf, leaf.PublicKey) // same key, other certificate
	text := func(certs ...*x509.Certificate) (list []string) {
		for _, c := range certs {
			list = append(list, base64.StdEncoding.EncodeToString(c.Raw))
		}
		return list
	}
	for name, c := range map[string]struct {
		member string
		value  any
		says   string
	}{
		"disabled":             {"key.status", "disabled", "key.status"},
		"status missing":       {"key.status", "", "key.status"},
		"revoked":              {"cert.status", "revoked", "cert.status"},
		"other algorithm":      {"key.algo", []string{"1.2.840.113549.1.1.11"}, "key.algo"},
		"no algorithm":         {"key.algo", []string{}, "key.algo"},
		"other length":         {"key.len", 384, "key.len"},
		"other curve":          {"key.curve", "1.3.132.0.34", "key.curve"},
		"no multisign":         {"multisign", 0, "multisign"},
		"unknown SCAL":         {"SCAL", "3", "SCAL"},
		"no certificate":       {"cert.certificates", []string{}, "empty"},
		"not base64":           {"cert.certificates", []string{"*"}, "base64"},
		"another certificate":  {"cert.certificates", text(twin), "another certificate"},
		"another issuer above": {"cert.certificates", text(leaf, twin), "certificates[1] is another"},
		"other mode":           {"auth.mode", "oauth2code", "auth.mode"},
		"out of band":          {"auth.objects", []map[string]any{{"type": "PasswordOOB", "id": "PIN2"}}, "out of band"},
		"challenge":            {"auth.objects", []map[string]any{{"type": "ChallengeResponse", "id": "OTP"}}, "challenges"},
		"implicit":             {"auth.mode", "implicit", "auth.mode"},
	} {
		t.Run(name, func(t *testing.T) {
			p := provider(t)
			p.opts.Chain = []*x509.Certificate{leaf, h.SealCA.Certificate}
			p.server.Say(c.member, c.value)
			s, err := csc.NewSigner(t.Context(), p.client(t), csctest.CredentialID, p.opts)
			if s != nil || !errors.Is(err, csc.ErrCredential) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, %v", s, err)
			}
		})
	}
	t.Run("more than was expected is fine", func(t *testing.T) {
		p := provider(t)
		p.server.Say("cert.certificates", text(leaf, h.SealCA.Certificate))
		signs(t, p.signer(t), "text")
	})
	t.Run("changed later", func(t *testing.T) {
		p := provider(t)
		s := p.signer(t)
		p.server.Say("cert.certificates", text(twin))
		if err := s.Check(t.Context()); !errors.Is(err, csc.ErrCredential) {
			t.Error(err)
		}
	})
	t.Run("expired", func(t *testing.T) {
		p := provider(t)
		p.config.Now = func() time.Time { return leaf.NotAfter.Add(time.Second) }
		_, err := csc.NewSigner(t.Context(), p.client(t), csctest.CredentialID, p.opts)
		if !errors.Is(err, csc.ErrCredential) || !strings.Contains(err.Error(), "not now") {
			t.Error(err)
		}
	})
}

func TestConfigRefused(t *testing.T) {
	p := provider(t)
	for name, change := range map[string]func(*csc.Config){
		"no HTTP":    func(c *csc.Config) { c.HTTP = nil },
		"no tokens":  func(c *csc.Config) { c.Service = nil },
		"plain http": func(c *csc.Config) { c.Base = "http://provider.example/csc/v2" },
		"relative":   func(c *csc.Config) { c.Base = "/csc/v2" },
		"user":       func(c *csc.Config) { c.Base = "https://u:p@provider.example" },
		"query":      func(c *csc.Config) { c.Base = "https://provider.example?a" },
		"negative":   func(c *csc.Config) { c.Timeout = -1 },
	} {
		conf := p.config
		change(&conf)
		if _, err := csc.NewClient(conf); !errors.Is(err, csc.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*csc.Options)
		err    error
	}{
		"no chain":      {func(o *csc.Options) { o.Chain = nil }, csc.ErrConfig},
		"no authorizer": {func(o *csc.Options) { o.Authorizer = nil }, csc.ErrConfig},
		"large batch":   {func(o *csc.Options) { o.Batch = 1001 }, csc.ErrConfig},
		"negative wait": {func(o *csc.Options) { o.Wait = -1 }, csc.ErrConfig},
		"P-521":         {func(o *csc.Options) { o.Chain = []*x509.Certificate{{PublicKey: p521.Public()}} }, csc.ErrMechanism},
	} {
		opts := p.opts
		c.change(&opts)
		if _, err := csc.NewSigner(t.Context(), p.client(t), csctest.CredentialID, opts); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*csc.OAuth){
		"no client":   func(o *csc.OAuth) { o.ClientID = "" },
		"no redirect": func(o *csc.OAuth) { o.RedirectURI = "" },
		"no sign-in":  func(o *csc.OAuth) { o.SignIn = nil },
		"plain http":  func(o *csc.OAuth) { o.TokenURL = "http://provider.example/token" },
		"pushed":      func(o *csc.OAuth) { o.PushedURL = "provider" },
	} {
		p := provider(t, func(o *csctest.Options) { o.Mode = "oauth2code" })
		o := p.oauth()
		change(o)
		p.opts.Authorizer = o
		if _, err := p.signer(t).Sign(nil, digest(""), crypto.SHA256); !errors.Is(err, csc.ErrConfig) || p.server.Signed() != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
