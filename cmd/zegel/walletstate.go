package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/controlled"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

// wallet is the citizen's wallet on this machine: the wallet unit with a place
// for its recovery code, and the addresses and trust of the platform.
type wallet struct {
	home      string
	state     walletState
	now       func() time.Time
	transport http.RoundTripper
	tell      func(string)
	warn      func(string) // of what is used although it is not as it should be; nil is tell
	// blind presents without asking for a credential's status, so that the
	// demonstration can show that receivers do.
	blind bool
}

// walletState is what the wallet keeps, in a file that only its user reads.
type walletState struct {
	Environment environment `json:"environment"`
	// RecoveryCode opens the vault. Who reads this file can open it too, as
	// with any wallet on a machine without a key store.
	RecoveryCode string `json:"recovery_code,omitempty"`
	// Active: the vault was activated; before that the code is of an activation
	// that broke off.
	Active bool `json:"active,omitempty"`
	// SignInAs is a citizen of the development identity provider.
	SignInAs string   `json:"sign_in_as,omitempty"`
	Session  *session `json:"session,omitempty"`
}

type session struct {
	Token   string    `json:"token"`
	Key     jose.JWK  `json:"key"`
	Expires time.Time `json:"expires"`
}

func (w *wallet) file() string { return filepath.Join(w.home, "wallet.json") }

func (w *wallet) load() error {
	err := readJSON(w.file(), &w.state)
	if errors.Is(err, os.ErrNotExist) {
		return errNoWallet
	}
	return err
}

// save writes the state so that a crash leaves the old or the new one.
func (w *wallet) save() error {
	if err := os.MkdirAll(w.home, 0o700); err != nil {
		return err
	}
	b, err := json.MarshalIndent(w.state, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(w.home, ".wallet-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), w.file())
}

// http reaches addresses that come from links and documents.
func (w *wallet) http() unit.Doer {
	if w.transport != nil {
		return &http.Client{Transport: w.transport, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return fetch.Public(fetch.Options{SendAuthorization: true, InsecureAllowLoopback: w.state.Environment.Development, MaxBody: 8 << 20, Timeout: 30 * time.Second, HeaderTimeout: 20 * time.Second})
}

// platform is the vault platform with a session: the one that is kept, or a
// new one.
func (w *wallet) platform(ctx context.Context) (*unit.Platform, error) {
	p := &unit.Platform{Base: w.state.Environment.Holder, HTTP: w.http(), Now: w.now, Wait: wait}
	if s := w.state.Session; s != nil && w.now().Before(s.Expires.Add(-30*time.Second)) {
		key, err := s.Key.Private()
		if err != nil {
			return nil, fmt.Errorf("the session's key: %w", err)
		}
		p.Key, p.AccessToken = key, s.Token
		return p, nil
	}
	keys, err := unit.NewKeys(rand.Reader)
	if err != nil {
		return nil, err
	}
	p.Key = keys.DID // a fresh key for this session; it is no vault's
	expires, err := signIn(ctx, p, w.state.SignInAs, w.transport, w.tell)
	if err != nil {
		return nil, fmt.Errorf("signing in: %w", err)
	}
	jwk, err := jose.PrivateJWK(p.Key)
	if err != nil {
		return nil, err
	}
	w.state.Session = &session{Token: p.AccessToken, Key: jwk, Expires: expires}
	return p, w.save()
}

func (w *wallet) setup(ctx context.Context) (unit.Setup, error) {
	p, err := w.platform(ctx)
	s := unit.Setup{Platform: p, Random: rand.Reader, Now: w.now}
	if w.state.Environment.Development {
		s.DID = append(s.DID, did.InsecureLoopback())
	}
	return s, err
}

// vault opens the vault.
func (w *wallet) vault(ctx context.Context) (*unit.Vault, error) {
	if !w.state.Active {
		return nil, errNoWallet
	}
	code, err := unit.ParseRecoveryCode(w.state.RecoveryCode)
	if err != nil {
		return nil, err
	}
	s, err := w.setup(ctx)
	if err != nil {
		return nil, err
	}
	return unit.Open(ctx, s, code)
}

// trusted is what the wallet trusts, with the list of providers fetched.
type trusted struct {
	store *trust.Store
	crls  *trust.CRLs // of the platform's own authorities
	// revocation is what is asked about seals, as the platform's verifier asks it.
	revocation trust.ValueSource
	suite      *trust.Suite
	// access says whose access certificates are accepted. It is asked for when one
	// is met.
	access func() (accessTrust, error)
}

// validator judges seals by it.
func (t trusted) validator() *seal.Validator {
	return &seal.Validator{Trust: t.store, Revocation: t.revocation, Suite: t.suite}
}

func (w *wallet) trusted(ctx context.Context) (trusted, error) {
	e := w.state.Environment
	anchors := trust.Anchors{}
	for use, text := range map[trust.Use]string{trust.UseSeal: e.SealAnchors, trust.UseListSigner: e.ListAnchors, trust.UseTimeStamp: e.StampAnchors} {
		if use == trust.UseTimeStamp && text == "" {
			continue // a platform without time-stamp authorities
		}
		certs, err := trust.ParsePEM([]byte(text))
		if err != nil {
			return trusted{}, fmt.Errorf("trust anchors: %w", err)
		}
		anchors[use] = certs
	}
	store, err := trust.NewStore(anchors, 0)
	if err != nil {
		return trusted{}, err
	}
	if err := w.follow(ctx, store, trust.PubEAAProviders, e.ProviderList); err != nil {
		return trusted{}, err
	}
	crls := trust.NewCRLs(nil, w.now)
	if err := w.addCRLs(ctx, crls); err != nil {
		return trusted{}, err
	}
	return trusted{store, crls, e.Revocation.source(crls, responderClient(w.profile(), w.now), w.now), crls.Suite, sync.OnceValues(func() (accessTrust, error) { return w.access(ctx) })}, nil
}

// addCRLs fetches the revocation lists that the environment names.
func (w *wallet) addCRLs(ctx context.Context, crls *trust.CRLs) (err error) {
	if crls.Suite, err = w.state.Environment.Revocation.suite(); err != nil {
		return err
	}
	for _, c := range w.state.Environment.CRLs {
		issuer, err := trust.ParsePEM([]byte(c.Issuer))
		if err != nil || len(issuer) != 1 {
			return errors.New("revocation list without its one issuer")
		}
		list, err := w.get(ctx, c.URL)
		if err != nil {
			return fmt.Errorf("fetching a revocation list: %w", err)
		}
		if err := crls.Add(list, issuer[0]); err != nil {
			return err
		}
	}
	return nil
}

// profile is what addresses may be in: plain http on loopback is for development.
func (w *wallet) profile() string {
	if w.state.Environment.Development {
		return ProfileDevelopment
	}
	return ProfileProduction
}

// VerifyChain implements oid4vp.ChainVerifier and unit.Chain.
func (t trusted) VerifyChain(ctx context.Context, chain []*x509.Certificate, at time.Time) error {
	access, err := t.access()
	if err != nil {
		return err
	}
	return access.VerifyChain(ctx, chain, at)
}

func (w *wallet) words() (vci []oid4vci.Option, vp []oid4vp.Option) {
	if w.state.Environment.Development {
		return []oid4vci.Option{oid4vci.InsecureLoopback}, []oid4vp.Option{oid4vp.InsecureLoopback}
	}
	return nil, nil
}

func (w *wallet) issuance(t trusted, copies int, languages []string) (unit.Issuance, error) {
	words, _ := w.words()
	seals := t.validator()
	checker, err := status.NewChecker(ager{w}, status.CheckerOptions{Now: w.now, InsecureLoopback: w.state.Environment.Development})
	if err != nil {
		return unit.Issuance{}, err
	}
	lists, err := bitstrings(ager{w}, listVerifier{t.store, seals, w.now}, status.CheckerOptions{Now: w.now, InsecureLoopback: w.state.Environment.Development})
	if err != nil {
		return unit.Issuance{}, err
	}
	documents, err := controlled.New(ager{w}, controlled.Options{Now: w.now, InsecureLoopback: w.state.Environment.Development})
	if err != nil {
		return unit.Issuance{}, err
	}
	return unit.Issuance{
		HTTP: w.http(), Now: w.now, Wait: wait, Random: rand.Reader, Metadata: t, Handles: w.state.Environment.HandlesFor, Seals: seals, Status: checker, Bitstrings: lists, Controllers: documents, StatusTrust: statusTrust(t, w.now),
		Copies: copies, Words: words, Languages: languages,
	}, nil
}

func (w *wallet) get(ctx context.Context, address string) ([]byte, error) {
	return w.getAs(ctx, address, "")
}

// getAs asks for media types, if any are named.
func (w *wallet) getAs(ctx context.Context, address, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	res, err := w.http().Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", req.URL.Host, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, 8<<20))
}

// ager fetches status lists, and documents of issuers.
type ager struct{ w *wallet }

// Fetch implements status.Fetcher.
func (a ager) Fetch(ctx context.Context, address, accept string) ([]byte, time.Duration, error) {
	b, err := a.w.getAs(ctx, address, accept)
	return b, 0, err
}

// wait lets time pass.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func formBody(v url.Values) io.Reader { return strings.NewReader(v.Encode()) }
