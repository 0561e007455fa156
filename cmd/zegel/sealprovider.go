package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/seal/csc"
)

// openProvider opens a key at a trust service provider.
func (a *app) openProvider(ctx context.Context, c *CSCConfig) (key *signerKey, err error) {
	// A provider may take all of the timeout before it begins to answer.
	o := fetch.Options{Timeout: c.timeout, HeaderTimeout: c.timeout, PlainLoopback: a.c.Profile == ProfileDevelopment, Now: a.now}
	calls := fetch.Operator(o)
	o.ReturnRedirects = true
	pages := fetch.Operator(o)
	end := func() error { return errors.Join(calls.Close(), pages.Close()) }
	defer func() {
		if err != nil {
			err = errors.Join(err, end())
		}
	}()
	client, err := csc.NewClient(csc.Config{Base: c.URL, HTTP: calls, Timeout: c.timeout, Now: a.now, Service: &csc.ClientCredentials{
		TokenURL: c.TokenURL, ClientID: c.ClientID, Secret: secretIn(c.ClientSecretFile), HTTP: calls, Timeout: c.timeout, Now: a.now,
	}})
	if err != nil {
		return nil, providerFault(err)
	}
	credential, err := client.Credential(ctx, c.CredentialID)
	if err != nil {
		return nil, providerFault(err)
	}
	chain, err := c.chain(credential)
	if err != nil {
		return nil, err
	}
	batch := max(1, min(c.Batch, credential.Multisign))
	signer, err := csc.NewSigner(ctx, client, c.CredentialID, csc.Options{Chain: chain, Authorizer: c.authorizer(pages), Batch: batch, Parallel: c.Parallel})
	if err != nil {
		return nil, providerFault(err)
	}
	field := ".csc.certificate_file"
	if c.CertificateFile == "" {
		field = ".csc.certificate_sha256"
	}
	return &signerKey{
		Signer: signer, chain: chain, field: field, check: signer.Check, every: time.Minute,
		where: "provider " + hostOf(c.URL), atOnce: batch * c.Parallel,
		close: func() error { return errors.Join(signer.Close(), end()) },
	}, nil
}

// chain is the certificate that was configured, or the provider's if it is the
// one that was pinned. A self-signed one at its end is left out: it is the
// anchor of others.
func (c *CSCConfig) chain(credential csc.Credential) ([]*x509.Certificate, error) {
	if c.CertificateFile != "" {
		chain, err := readChain(c.CertificateFile)
		if err != nil {
			return nil, fmt.Errorf(".csc.certificate_file: %w", err)
		}
		return chain, nil
	}
	var chain []*x509.Certificate
	for n, text := range credential.Cert.Certificates {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf(".csc.credential_id: certificate %d of the provider is not base64", n)
		}
		one, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf(".csc.credential_id: certificate %d of the provider: %w", n, err)
		}
		if n > 0 && bytes.Equal(one.RawIssuer, one.RawSubject) {
			break
		}
		chain = append(chain, one)
	}
	if len(chain) == 0 {
		return nil, errors.New(".csc.credential_id: the provider gives no certificate; name it in certificate_file")
	}
	if sum := sha256.Sum256(chain[0].Raw); !bytes.Equal(sum[:], c.pin) {
		return nil, fmt.Errorf(".csc.certificate_sha256: the provider's certificate has %s; if it is the one you expect, pin that", hex.EncodeToString(sum[:]))
	}
	return chain, nil
}

// authorizer is how the provider is told that it may sign.
func (c *CSCConfig) authorizer(pages *fetch.Client) csc.Authorizer {
	if c.Authorization == authorizeOAuth {
		return &csc.OAuth{
			AuthorizeURL: c.AuthorizeURL, TokenURL: c.TokenURL, PushedURL: c.PushedURL, ClientID: c.ClientID, Secret: secretIn(c.ClientSecretFile),
			RedirectURI: c.RedirectURI, Details: c.AuthorizationDetails, SignIn: redirectOf(pages),
		}
	}
	explicit := &csc.Explicit{Secrets: map[string]csc.Secret{}}
	for id, path := range c.SecretFiles {
		explicit.Secrets[id] = secretIn(path)
	}
	return explicit
}

// redirectOf asks an authorization endpoint as this server: it must redirect at
// once, as nobody is here to sign in.
func redirectOf(pages *fetch.Client) func(context.Context, string) (string, error) {
	return func(ctx context.Context, address string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return "", err
		}
		res, err := pages.Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		if to := res.Header.Get("Location"); to != "" && (res.StatusCode == http.StatusFound || res.StatusCode == http.StatusSeeOther) {
			return to, nil
		}
		return "", fmt.Errorf("status %d and no redirect: the provider wants a person to sign in; ask it for a credential that the client may use by itself", res.StatusCode)
	}
}

// secretIn reads a secret each time it is needed: it may change meanwhile.
func secretIn(path string) csc.Secret {
	return func(context.Context) (string, error) { return readToken(path) }
}

// providerFault names the field that an error is about, and what to do.
func providerFault(err error) error {
	var answer *csc.Error
	switch {
	case errors.Is(err, csc.ErrAway):
		return fmt.Errorf(".csc.url: %w; the provider must be reachable at the start", err)
	case errors.As(err, &answer) && answer.Call == "oauth2/token":
		return fmt.Errorf(".csc.client_secret_file: %w; client_id, the secret and token_url must be those that the provider gave out", err)
	case errors.Is(err, csc.ErrCredential):
		return fmt.Errorf(".csc.credential_id: %w; credential, certificate and authorization must be those of the provider", err)
	case errors.Is(err, csc.ErrRefused):
		return fmt.Errorf(".csc.credential_id: %w; the client must be allowed to use the credential", err)
	default:
		return fmt.Errorf(".csc: %w", err)
	}
}
