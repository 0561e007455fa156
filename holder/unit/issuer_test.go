package unit_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

// fakeIssuer answers as the protocol wants it, until a test changes that.
type fakeIssuer struct {
	t   testing.TB
	a   *authority
	net *network
	url string

	offer, metadata, server, token m
	// before answers a path instead of what is below, when it returns true.
	before func(w http.ResponseWriter, r *http.Request) bool
	// credentials makes what is handed out for the keys that were proved.
	credentials func(keys []jose.JWK) []any
	status      status.Value
	statusDown  bool

	mu       sync.Mutex
	asked    []oid4vci.CredentialRequest
	nonces   int
	notified []string
}

func newIssuer(t testing.TB, a *authority, n *network, base string) *fakeIssuer {
	t.Helper()
	i := &fakeIssuer{t: t, a: a, net: n, url: base}
	i.offer = m{
		"credential_issuer": base, "credential_configuration_ids": []any{"led"},
		"grants": m{oid4vci.GrantPreAuthorizedCode: m{"pre-authorized_code": "c0de.pre-authorized", "tx_code": m{"length": 6}}},
	}
	i.metadata = m{
		"credential_issuer": base, "credential_endpoint": base + "/credential", "nonce_endpoint": base + "/nonce", "notification_endpoint": base + "/notification",
		"batch_credential_issuance": m{"batch_size": 4},
		"credential_configurations_supported": m{"led": m{
			"format": "dc+sd-jwt", "vct": vct, "cryptographic_binding_methods_supported": []any{"jwk"},
			"proof_types_supported": m{"jwt": m{"proof_signing_alg_values_supported": []any{"ES256"}}},
			"credential_metadata":   m{"display": []any{m{"name": "Diploma", "locale": "nl"}, m{"name": "Diplôme\x1b[2J", "locale": "fr"}}},
		}},
	}
	i.server = m{"issuer": base, "token_endpoint": base + "/token", "pre-authorized_grant_anonymous_access_supported": true}
	i.token = m{"access_token": "t0ken.of-access", "token_type": "Bearer", "expires_in": 300}
	i.credentials = func(keys []jose.JWK) (out []any) {
		for _, k := range keys {
			out = append(out, m{"credential": a.issue(t, k)})
		}
		return out
	}
	u := must(url.Parse(base))(t)
	n.hosts[u.Host] = i
	return i
}

// led is the configuration that is offered.
func (i *fakeIssuer) led() m { return i.metadata["credential_configurations_supported"].(m)["led"].(m) }

func (i *fakeIssuer) grant() m { return i.offer["grants"].(m)[oid4vci.GrantPreAuthorizedCode].(m) }

func (i *fakeIssuer) link() string {
	return "openid-credential-offer://?credential_offer=" + url.QueryEscape(string(must(jose.Marshal(i.offer))(i.t)))
}

func (i *fakeIssuer) linkByReference() string {
	return "openid-credential-offer://?credential_offer_uri=" + url.QueryEscape(i.url+"/offers/s3cr3t")
}

func (i *fakeIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.before != nil && i.before(w, r) {
		return
	}
	body, _ := io.ReadAll(r.Body)
	bearer := r.Header.Get("Authorization") == "Bearer t0ken.of-access"
	switch {
	case r.URL.Path == "/offers/s3cr3t":
		answerJSON(w, 200, i.offer)
	case r.URL.Path == "/.well-known/openid-credential-issuer":
		answerJSON(w, 200, i.metadata)
	case r.URL.Path == "/.well-known/oauth-authorization-server":
		answerJSON(w, 200, i.server)
	case r.URL.Path == "/token":
		form, err := url.ParseQuery(string(body))
		if err != nil || form.Get("pre-authorized_code") != "c0de.pre-authorized" || form.Get("tx_code") != "123456" || bearer {
			answerJSON(w, 400, m{"error": "invalid_grant"})
			return
		}
		answerJSON(w, 200, i.token)
	case r.URL.Path == "/nonce":
		i.nonces++
		answerJSON(w, 200, m{"c_nonce": "nonce-" + strings.Repeat("n", i.nonces)})
	case r.URL.Path == "/credential" && bearer:
		req, err := oid4vci.ParseCredentialRequest(body)
		if err != nil {
			i.t.Error(err)
		}
		i.asked = append(i.asked, req)
		answerJSON(w, 200, m{"credentials": i.credentials(i.proved(req)), "notification_id": "n-" + req.CredentialIdentifier + req.CredentialConfigurationID})
	case r.URL.Path == "/notification" && bearer:
		n, err := oid4vci.ParseNotificationRequest(body)
		if err != nil {
			i.t.Error(err)
		}
		i.notified = append(i.notified, string(n.NotificationID)+" "+string(n.Event))
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Path == "/status/1":
		if i.statusDown {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(i.a.statusToken(i.t, issuerURL+"/status/1", i.status)))
	default:
		i.t.Errorf("%s %s was asked", r.Method, r.URL)
		w.WriteHeader(http.StatusNotFound)
	}
}

// proved checks the proofs of a request as an issuer does.
func (i *fakeIssuer) proved(req oid4vci.CredentialRequest) (keys []jose.JWK) {
	proven, err := oid4vci.VerifyProofs(context.Background(), *req.Proofs, oid4vci.ProofPolicy{
		Issuer: i.url, Algs: []jose.Alg{jose.ES256}, Now: at, MaxKeys: 4,
		CheckNonce: func(_ context.Context, nonce string) error {
			if nonce != "nonce-"+strings.Repeat("n", i.nonces) {
				return oid4vci.ErrNonce
			}
			return nil
		},
	})
	if err != nil {
		i.t.Errorf("proofs: %v", err)
	}
	for _, k := range proven {
		keys = append(keys, k.JWK)
	}
	return keys
}

func (i *fakeIssuer) notifications() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.notified)
}

type lists struct{ net *network }

func (l lists) Fetch(ctx context.Context, address, _ string) ([]byte, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	res, err := l.net.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, 0, errors.New(res.Status)
	}
	b, err := io.ReadAll(res.Body)
	return b, 0, err
}

func (i *fakeIssuer) wallet(n int) unit.Issuance {
	checker := must(status.NewChecker(lists{i.net}, status.CheckerOptions{Now: now}))(i.t)
	return unit.Issuance{
		HTTP: i.net, Now: now, Random: rand.Reader, Seals: &seal.Validator{Trust: i.a.store, Revocation: i.a.crls}, Status: checker, StatusTrust: i.a.statusTrust,
		Copies: n, Languages: []string{"fr"},
	}
}

// withdraw takes the authority's issuance off the list of providers.
func (a *authority) withdraw(t testing.TB) {
	t.Helper()
	d := must(trust.Parse(must(jose.Parse(a.List))(t).Payload))(t)
	d.LoTE.Scheme.Sequence++
	for i := range d.LoTE.Entities {
		for j := range d.LoTE.Entities[i].Services {
			if in := &d.LoTE.Entities[i].Services[j].Information; in.Type == trust.Issuance {
				in.Status = trust.StatusWithdrawn
			}
		}
	}
	signer := must(seal.NewSealer(a.ListSigner.Key, []*x509.Certificate{a.ListSigner.Certificate}, seal.Options{Now: now}))(t)
	if err := a.store.Install(must(a.store.VerifyList(must(d.Sign(signer, at))(t), at))(t)); err != nil {
		t.Fatal(err)
	}
}

// only makes the same credential for every key.
func (i *fakeIssuer) only(change func(c *sdjwt.Credential)) {
	i.credentials = func(keys []jose.JWK) (out []any) {
		for _, k := range keys {
			out = append(out, m{"credential": i.a.issue(i.t, k, change)})
		}
		return out
	}
}
