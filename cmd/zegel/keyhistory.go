package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/store"
)

// keyHistory is where keys are written down before they are used; *history.Log is
// one. What cannot be written down is not used.
type keyHistory interface {
	Announce(ctx context.Context, event history.Event, k history.Key) error
	Known(ctx context.Context, k history.Key) (bool, error)
	Supersede(ctx context.Context, k history.Key) error
}

// useHistory is the use of the history's own key, which can be rotated.
const useHistory = "history"

// The keys that sign the history's roots: the one in use, one that is about to take
// its place, and the one before, which signs beside it for historyOverlap.
const (
	historySecret       = "key-history.pem"
	nextHistorySecret   = "key-history-next.pem"
	formerHistorySecret = "key-history-former.pem"

	historyOverlap = 90 * 24 * time.Hour
)

// historyPath is where the history is served, below the address of a role.
const historyPath = "/key-history"

// openHistory opens the public history of keys, with its own key as the first
// entry. Its key is made where an older key directory has none, unless there is a
// history that it must have signed.
func (a *app) openHistory(ctx context.Context) error {
	own, err := a.c.subjects()
	if err != nil {
		return err
	}
	st := a.store
	if a.c.historyIn != "" {
		if st, err = store.ForTenant(a.store, a.c.historyIn); err != nil {
			return err
		}
	}
	path := filepath.Join(a.c.Keys, secretsDir, historySecret)
	key, err := signingKey(path)
	if missing(path) {
		begun, asked := history.Begun(ctx, st)
		switch {
		case asked != nil:
			return fmt.Errorf("history of keys: %w", asked)
		case begun:
			return fmt.Errorf("%s is missing, and signed the history of keys that the store holds; put it back from the backup of the key directory", path)
		}
		if err := makeHistoryKey(path); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("history of keys: %w", err)
		}
		key, err = signingKey(path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	at, err := url.Parse(a.firstURL())
	if err != nil {
		return err
	}
	signers := []crypto.Signer{key}
	former := filepath.Join(a.c.Keys, secretsDir, formerHistorySecret)
	if !missing(former) {
		before, err := signingKey(former)
		if err != nil {
			return fmt.Errorf("%s: %w", former, err)
		}
		signers = append(signers, before)
	}
	a.history, err = history.Open(ctx, st, history.Options{
		Origin: at.Host + at.EscapedPath() + historyPath, Signers: signers, Now: a.now,
		Own: func(subject string) bool { return slices.Contains(own, subject) },
	})
	if err != nil {
		return fmt.Errorf("history of keys: %w", err)
	}
	if !missing(filepath.Join(a.c.Keys, secretsDir, nextHistorySecret)) { // a rotation was cut off
		if _, err := a.rotateHistory(ctx); err != nil {
			return fmt.Errorf("history of keys: %w", err)
		}
	}
	a.every(12*time.Hour, "history of keys", a.endFormerHistory)
	return nil
}

// errOverlap: two keys sign the history already.
var errOverlap = errors.New("the key of the history before still signs beside the present one, so that monitors learn of it; wait until its time is over")

// rotateHistory has a new key sign the history, beside the one before for as long as
// historyOverlap. The next key is kept before it is written down, and takes its place
// after that: a start goes on with what was cut off.
func (a *app) rotateHistory(ctx context.Context) (string, error) {
	a.historyKeys.Lock()
	defer a.historyKeys.Unlock()
	dir := filepath.Join(a.c.Keys, secretsDir)
	path, next, former := filepath.Join(dir, historySecret), filepath.Join(dir, nextHistorySecret), filepath.Join(dir, formerHistorySecret)
	if !missing(former) && missing(next) {
		return "", errOverlap
	}
	if err := makeHistoryKey(next); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	key, err := signingKey(next)
	if err != nil {
		return "", fmt.Errorf("%s: %w", next, err)
	}
	if err := a.history.Rotate(ctx, key); err != nil {
		return "", err
	}
	if err := os.Link(path, former); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return a.history.Keys()[0], os.Rename(next, path)
}

// endFormerHistory retires the key of the history before, when its time is over, and
// removes it.
func (a *app) endFormerHistory(ctx context.Context) error {
	a.historyKeys.Lock()
	defer a.historyKeys.Unlock()
	ended, err := a.history.EndFormer(ctx, historyOverlap)
	if err != nil || !ended {
		return err
	}
	if err := os.Remove(filepath.Join(a.c.Keys, secretsDir, formerHistorySecret)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// rotateHistoryKey is what zegel keys rotate --use history asks for.
func (a *app) rotateHistoryKey(r *rest.Request) (rest.Answer, error) {
	key, err := a.rotateHistory(r.Context())
	if errors.Is(err, errOverlap) {
		return rest.Answer{}, &rest.Problem{Status: http.StatusConflict, Title: "The key of the history was replaced lately", Detail: "The one before still signs beside it, so that monitors learn of the new one.", Remedy: "Wait until 90 days after the last time.", Cause: err}
	}
	if err != nil {
		return rest.Answer{}, err
	}
	a.log.Info("key rotated", "use", useHistory, "key", key)
	if err := a.logKeyChange(r.Context(), r.ID, useHistory+" key"); err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, map[string]string{"certificate": key}), nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

func makeHistoryKey(path string) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writeNew(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// subjects are those whose keys may stand in the history: issuers, and DIDs that
// the configuration names. Citizens are never among them.
func (c *Config) subjects() ([]string, error) {
	h, err := loadHierarchy(c.Keys)
	if err != nil {
		return nil, err
	}
	own := []string{h.Issuer()}
	for _, body := range h.Tenants {
		own = append(own, body.Issuer())
	}
	if c.VCAPI != nil {
		for n := range c.VCAPI.Issuers {
			if _, id, err := c.VCAPI.Issuers[n].open(); err == nil { // building it tells the error
				own = append(own, id)
			}
		}
	}
	if c.Verifier != nil {
		for _, i := range c.Verifier.Identifiers {
			if oid4vp.Prefix(i.Prefix) == oid4vp.PrefixDecentralized {
				own = append(own, didOf(i.KeyID))
			}
		}
	}
	return own, nil
}

func didOf(keyID string) string {
	id, _, _ := strings.Cut(keyID, "#")
	return id
}

// announce writes down an event of a key of a tenant; "" is the issuer itself. of is
// the certificate of the key, or the public key where it has none. Call it before
// the key, or what is made with it, is kept or used: with an error neither may be.
func (t *localTrust) announce(ctx context.Context, use history.Use, tenant string, of any, event history.Event) error {
	k, err := t.historyKey(use, tenant, of)
	if err != nil {
		return err
	}
	if t.history == nil {
		return errors.New("there is no history of keys; nothing is used that does not stand in it")
	}
	return t.history.Announce(ctx, event, k)
}

func (t *localTrust) historyKey(use history.Use, tenant string, of any) (history.Key, error) {
	body, err := t.hierarchy.Tenant(tenant)
	if err != nil {
		return history.Key{}, err
	}
	k := history.Key{Use: use, Subject: body.Issuer()}
	if c, ok := of.(*x509.Certificate); ok {
		k.Certificate = c
	} else {
		k.Public = of
	}
	return k, nil
}

// announceAll writes down the keys of the hierarchy that the history does not have
// yet. Which seal key of a tenant is in use is known later, see settle.
func (t *localTrust) announceAll(ctx context.Context) error {
	h := t.hierarchy
	for _, one := range []struct {
		use history.Use
		of  devca.Pair
	}{
		{history.UseSealCA, h.SealCA}, {history.UseAccessCA, h.AccessCA}, {history.UseSchemeCA, h.SchemeCA},
		{history.UseListSigner, h.ListSigner}, {history.UseListSigner, h.NextListSigner},
		{history.UseRegistrar, h.Registrar}, {history.UseRegistrar, h.NextRegistrar},
	} {
		if err := t.announce(ctx, one.use, "", one.of.Certificate, history.Added); err != nil {
			return err
		}
	}
	tenants := t.tenants()
	slices.Sort(tenants)
	for _, tenant := range tenants {
		body, err := h.Tenant(tenant)
		if err != nil {
			return err
		}
		for _, c := range append(slices.Clone(body.FormerSeal), body.Seal.Certificate) {
			if err := t.announceUnknown(ctx, history.UseSeal, tenant, c); err != nil {
				return err
			}
		}
		for _, c := range body.FormerStatus {
			if err := t.announceUnknown(ctx, history.UseStatus, tenant, c); err != nil {
				return err
			}
		}
		if err := t.announce(ctx, history.UseStatus, tenant, body.Status.Certificate, history.Added); err != nil {
			return err
		}
		if err := t.announce(ctx, history.UseMetadata, tenant, body.Metadata.Certificate, history.Added); err != nil {
			return err
		}
	}
	return nil
}

// announceUnknown writes down a certificate of which the history says nothing yet.
func (t *localTrust) announceUnknown(ctx context.Context, use history.Use, tenant string, c *x509.Certificate) error {
	if c == nil || t.history == nil {
		return nil
	}
	k, err := t.historyKey(use, tenant, c)
	if err != nil {
		return err
	}
	if known, err := t.history.Known(ctx, k); err != nil || known {
		return err
	}
	return t.history.Announce(ctx, history.Added, k)
}

// settle writes down which keys are in use, and retires those before them. It is
// done after a start and each day, for what a crash or a fault left open.
func (t *localTrust) settle(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	faults := []error{t.settlePinned(ctx)}
	for tenant, keys := range t.keys {
		body, err := t.hierarchy.Tenant(tenant)
		if err != nil {
			return err
		}
		used := map[history.Use]*x509.Certificate{history.UseStatus: body.Status.Certificate, history.UseMetadata: body.Metadata.Certificate}
		if s := keys.Current(); s != nil { // of a role that is not here it may be elsewhere
			used[history.UseSeal] = s.Certificate()
		}
		for use, c := range used {
			if err := t.announce(ctx, use, tenant, c, history.Added); err != nil {
				faults = append(faults, err)
				continue
			}
			faults = append(faults, t.supersede(ctx, use, tenant, c))
		}
	}
	return errors.Join(faults...)
}

// supersede retires the keys of a tenant before the one with this certificate.
func (t *localTrust) supersede(ctx context.Context, use history.Use, tenant string, c *x509.Certificate) error {
	k, err := t.historyKey(use, tenant, c)
	if err != nil {
		return err
	}
	return t.history.Supersede(ctx, k)
}

// announceDID writes down a key in a DID document of an institution.
func (a *app) announceDID(ctx context.Context, id string, pub crypto.PublicKey) error {
	if _, ok := pub.(did.BBSPublicKey); ok { // there is no JWK for it
		text, err := did.EncodeMultikey(pub)
		if err != nil {
			return err
		}
		pub = history.Multikey(text)
	}
	return a.history.Announce(ctx, history.Added, history.Key{Use: history.UseDID, Subject: id, Public: pub})
}
