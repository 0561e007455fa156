package peer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// Hierarchy loads the certificates of a running system.
func (s Demo) Hierarchy(t testing.TB) *devca.Hierarchy {
	t.Helper()
	h, err := devca.Load(filepath.Join(s.Data, "keys", "hierarchy"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Wallet is our wallet unit, run in the test's process. It trusts a hierarchy,
// and its vault is a pod in memory.
type Wallet struct {
	Vault     *unit.Vault
	Hierarchy *devca.Hierarchy

	store *trust.Store
	crls  *trust.CRLs
	http  unit.Doer
}

// NewWallet makes a wallet unit with an empty vault.
func NewWallet(t testing.TB, h *devca.Hierarchy) *Wallet {
	t.Helper()
	w := &Wallet{Hierarchy: h}
	var err error
	if w.store, err = h.Store(time.Now()); err == nil {
		w.crls, err = h.CRLs(nil, time.Now)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.http = fetch.Public(fetch.Options{SendAuthorization: true, InsecureAllowLoopback: true, MaxBody: 8 << 20, Timeout: 30 * time.Second, HeaderTimeout: 20 * time.Second})
	platform := httptest.NewServer(&pod{items: map[string][]byte{}, tags: map[string]string{}})
	t.Cleanup(platform.Close)
	keys, err := unit.NewKeys(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	session, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.Vault = &unit.Vault{
		Info: unit.VaultInfo{Storage: platform.URL + "/pod/"}, Keys: keys, Random: rand.Reader,
		Platform: &unit.Platform{Base: platform.URL, HTTP: w.http, Now: time.Now, Key: session, AccessToken: "session"},
	}
	return w
}

// Issuance is how the wallet receives.
func (w *Wallet) Issuance(t testing.TB, copies int) unit.Issuance {
	t.Helper()
	checker, err := status.NewChecker(lists{w.http}, status.CheckerOptions{Now: time.Now, InsecureLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	return unit.Issuance{
		HTTP: w.http, Now: time.Now, Random: rand.Reader, Seals: &seal.Validator{Trust: w.store, Revocation: w.crls}, Status: checker, StatusTrust: w.statusTrust,
		Copies: copies, Words: []oid4vci.Option{oid4vci.InsecureLoopback}, Languages: []string{"nl"},
		Wait: func(ctx context.Context, d time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(d):
				return nil
			}
		},
	}
}

// One is the one item that was taken, awaited where the issuer put it off.
func (w *Wallet) One(t *testing.T, in unit.Issuance, taken unit.Taken) unit.Item {
	t.Helper()
	for _, later := range taken.Waiting {
		item, err := in.Await(t.Context(), w.Vault, later.Name, time.Minute, nil)
		if err != nil {
			t.Fatal(err)
		}
		taken.Items = append(taken.Items, item)
	}
	if len(taken.Items) != 1 || len(taken.Items[0].Copies) != in.Copies {
		t.Fatalf("%d items", len(taken.Items))
	}
	return taken.Items[0]
}

// Presentation is how the wallet shares with everybody whose client identifier
// checks out: independent verifiers are in no register of ours.
func (w *Wallet) Presentation(consent func(unit.Consent) bool) unit.Presentation {
	return unit.Presentation{
		HTTP: w.http, Now: time.Now, Random: rand.Reader, Trust: unit.TrustOpen, Chain: w, Words: []oid4vp.Option{oid4vp.InsecureLoopback}, Languages: []string{"nl"},
		Consent: func(_ context.Context, c unit.Consent) (bool, error) { return consent(c), nil },
	}
}

// VerifyChain implements oid4vp.ChainVerifier with the hierarchy's anchors.
func (w *Wallet) VerifyChain(_ context.Context, chain []*x509.Certificate, at time.Time) error {
	_, err := w.store.Certificates(chain, trust.UseAccessCertificate, at)
	return err
}

func (w *Wallet) statusTrust(_ context.Context, token *jose.Token) (crypto.PublicKey, error) {
	path, err := w.store.X5C(token.Header.X5C, trust.UseStatus, time.Now())
	if err != nil {
		return nil, err
	}
	return path.Leaf().PublicKey, nil
}

type lists struct{ http unit.Doer }

// Fetch implements status.Fetcher.
func (l lists) Fetch(ctx context.Context, address, accept string) ([]byte, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept", accept)
	res, err := l.http.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	return b, 0, err
}

// pod is the part of a vault platform that keeps items and hears of uses.
type pod struct {
	mu    sync.Mutex
	items map[string][]byte
	tags  map[string]string
	n     int
}

func (p *pod) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name, ok := strings.CutPrefix(r.URL.Path, "/vault/v1/items/")
	have, there := p.items[name]
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "DPoP ") || r.Header.Get("DPoP") == "":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/vault/v1/events":
		w.WriteHeader(http.StatusNoContent)
	case !ok || r.Method != http.MethodPut && !there:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet:
		w.Header().Set("ETag", p.tags[name])
		_, _ = w.Write(have)
	case r.Method == http.MethodDelete:
		delete(p.items, name)
		delete(p.tags, name)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut && (r.Header.Get("If-None-Match") == "*" && there || r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != p.tags[name]):
		w.WriteHeader(http.StatusPreconditionFailed)
	case r.Method == http.MethodPut:
		b, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p.n++
		p.items[name], p.tags[name] = b, strconv.Quote(strconv.Itoa(p.n))
		w.WriteHeader(http.StatusCreated)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}
