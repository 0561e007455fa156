package unit

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// Waiting is a credential that the issuer has put off (OpenID4VCI 1.0, Section
// 9). It is kept sealed in the vault with the keys that were proved, so that
// it survives the unit.
type Waiting struct {
	// Name is the resource in the pod, Item the one that the credential will
	// have: what was stored before an interruption is recognised by it.
	Name string `json:"name"`
	Item string `json:"item"`
	// Issuer, Configuration and Title of what was asked for.
	Issuer        string `json:"credential_issuer"`
	Configuration string `json:"credential_configuration_id"`
	Title         string `json:"title"`
	// Grant is the resource with the tokens to ask with.
	Grant       string         `json:"grant"`
	Transaction oid4vci.Secret `json:"transaction_id"`
	Keys        []jose.JWK     `json:"keys"`
	Since       time.Time      `json:"since"`
	// Next is when the issuer may be asked again (Section 9.2).
	Next time.Time `json:"next"`
	// Asked counts how often it was.
	Asked int `json:"asked"`
	// Renewing: it takes the place of an item; Alone: also of one that says
	// something else now.
	Renewing bool `json:"renewing,omitzero"`
	Alone    bool `json:"alone,omitzero"`
}

// Errors of waiting that callers branch on.
var (
	// ErrWaiting: the issuer is not ready; the transaction stays in the vault.
	ErrWaiting = errors.New("the issuer has not issued it yet; it stays in the vault, continue later")
	// ErrDenied: the issuer ended the transaction without a credential. It was
	// taken out of the vault.
	ErrDenied = errors.New("the issuer does not issue it")
)

// maxInterval is the longest time between two questions; an issuer that wants
// more is asked sooner.
const maxInterval = 30 * 24 * time.Hour

// retryAfter is when an issuer that fails is asked again.
const retryAfter = time.Minute

// maxAsked is how often one call of Await asks at most.
const maxAsked = 1000

func (l *line) interval(r oid4vci.CredentialResponse) time.Time {
	d := maxInterval
	if r.Interval < int64(maxInterval/time.Second) {
		d = time.Duration(r.Interval) * time.Second
	}
	return l.s.Now().Add(d)
}

// putOff keeps what the issuer puts off, and the grant to ask with.
func (l *line) putOff(ctx context.Context, p *place, configuration string, keys []*ecdsa.PrivateKey, res oid4vci.CredentialResponse) (Waiting, error) {
	if l.metadata.DeferredCredentialEndpoint == "" {
		return Waiting{}, fmt.Errorf("%w: the issuer puts it off, but its metadata have no deferred_credential_endpoint (OpenID4VCI 1.0, Section 12.2.4)", ErrCredential)
	}
	if l.etag == "" {
		if err := l.keep(ctx, p.vault); err != nil {
			return Waiting{}, err
		}
	}
	c := l.metadata.CredentialConfigurationsSupported[configuration]
	w := Waiting{
		Issuer: l.metadata.CredentialIssuer, Configuration: configuration, Title: l.s.title(c), Grant: l.grant.Name,
		Transaction: res.TransactionID, Since: l.s.Now(), Next: l.interval(res), Renewing: p.renewing, Alone: p.alone[configuration],
	}
	var err error
	if w.Name, err = NewName(l.s.Random); err != nil {
		return Waiting{}, err
	}
	if w.Item, err = NewName(l.s.Random); err != nil {
		return Waiting{}, err
	}
	for _, key := range keys {
		private, err := jose.PrivateJWK(key)
		if err != nil {
			return Waiting{}, err
		}
		w.Keys = append(w.Keys, private)
	}
	e := Entry{Name: w.Name, Format: c.Format, Type: c.Type(), Title: w.Title, Issuer: w.Issuer, Added: w.Since, Grant: w.Grant, Kind: KindWaiting}
	return w, p.vault.add(ctx, w, e)
}

// Await asks for what waits as often as the issuer allows, until it comes, the
// issuer ends the transaction, or patience is over: then ErrWaiting. tell hears
// of each time that it has to wait; it may be nil.
func (s Issuance) Await(ctx context.Context, v *Vault, name string, patience time.Duration, tell func(Waiting)) (Item, error) {
	if s.Wait == nil {
		return Item{}, errors.New("the unit cannot wait: Issuance.Wait is not set")
	}
	until := s.Now().Add(patience)
	for range maxAsked {
		w, err := v.Waiting(ctx, name)
		if err != nil {
			return Item{}, err
		}
		if d := w.Next.Sub(s.Now()); d > 0 {
			if w.Next.After(until) {
				return Item{}, s.waiting(w)
			}
			if tell != nil {
				tell(w)
			}
			if err := s.Wait(ctx, d); err != nil {
				return Item{}, err
			}
		}
		item, err := s.Continue(ctx, v, name)
		if !errors.Is(err, ErrWaiting) {
			return item, err
		}
	}
	return Item{}, fmt.Errorf("%w: it was asked %d times", ErrWaiting, maxAsked)
}

func (s Issuance) waiting(w Waiting) error {
	return fmt.Errorf("%w: not before %s; asked %d times so far (OpenID4VCI 1.0, Section 9.2)", ErrWaiting, w.Next.UTC().Format(time.RFC3339), w.Asked)
}

// Continue asks once for what waits, unless it is too early for it. What comes
// is checked and stored as if it had come at once.
func (s Issuance) Continue(ctx context.Context, v *Vault, name string) (Item, error) {
	w, err := v.Waiting(ctx, name)
	if err != nil {
		return Item{}, err
	}
	if item, _, err := v.Item(ctx, w.Item); err == nil {
		return item, v.finish(ctx, w) // it came before an interruption
	} else if !errors.Is(err, ErrNotFound) {
		return Item{}, err
	}
	if s.Now().Before(w.Next) {
		return Item{}, s.waiting(w)
	}
	keys, err := w.keys()
	if err != nil {
		return Item{}, err
	}
	l, err := s.reopen(ctx, v, w.Grant)
	if errors.Is(err, ErrGrantOver) && errors.Is(err, ErrNotFound) {
		return Item{}, errors.Join(fmt.Errorf("%w: %w", ErrDenied, err), v.finish(ctx, w))
	}
	if err != nil {
		return Item{}, err
	}
	if err := l.waitsFor(w); err != nil {
		return Item{}, err
	}
	res, err := l.askAgain(ctx, v, w)
	switch {
	case errors.Is(err, ErrDenied):
		return Item{}, errors.Join(err, v.finish(ctx, w))
	case passing(err):
		w.Next, w.Asked = s.Now().Add(retryAfter), w.Asked+1
		return Item{}, errors.Join(fmt.Errorf("%w: %w", s.waiting(w), err), v.postpone(ctx, w))
	case err != nil:
		return Item{}, err
	case res.Deferred():
		w.Next, w.Asked = l.interval(res), w.Asked+1
		if err := v.postpone(ctx, w); err != nil {
			return Item{}, err
		}
		return Item{}, s.waiting(w)
	}
	p := newPlace(v, w.Renewing, nil)
	p.alone[w.Configuration] = w.Alone
	item, err := l.settle(ctx, p, w.Item, w.Configuration, keys, res)
	// The transaction is spent, whatever came (Section 9.2).
	if errors.Is(err, ErrCredential) || err == nil {
		err = errors.Join(err, v.finish(ctx, w))
	}
	return item, err
}

// passing reports whether an issuer only fails for now.
func passing(err error) bool {
	r := (*Refusal)(nil)
	return errors.As(err, &r) && (r.Status == http.StatusTooManyRequests || r.Status >= 500)
}

// waitsFor holds what waits against the issuer's metadata of today.
func (l *line) waitsFor(w Waiting) error {
	c, ok := l.metadata.CredentialConfigurationsSupported[w.Configuration]
	switch {
	case l.metadata.CredentialIssuer != w.Issuer:
		return fmt.Errorf("%w: the grant is of another issuer than what waits", ErrItem)
	case !ok:
		return fmt.Errorf("%w: credential_configurations_supported of the issuer has no %s any more", ErrCredential, shown(w.Configuration, 100))
	case l.metadata.DeferredCredentialEndpoint == "":
		return fmt.Errorf("%w: the issuer's metadata have no deferred_credential_endpoint any more (OpenID4VCI 1.0, Section 12.2.4)", ErrCredential)
	}
	return l.s.known(c)
}

// askAgain sends one deferred credential request.
func (l *line) askAgain(ctx context.Context, v *Vault, w Waiting) (oid4vci.CredentialResponse, error) {
	first := oid4vci.CredentialResponse{TransactionID: w.Transaction}
	b, err := l.exchange(ctx, v, l.metadata.DeferredCredentialEndpoint, func(e *oid4vci.ResponseEncryption) (any, error) {
		return oid4vci.NewDeferredCredentialRequest(first, e)
	})
	if r := (*Refusal)(nil); errors.As(err, &r) && (oid4vci.ErrorResponse{Error: oid4vci.ErrorCode(r.Code)}).Final() {
		return oid4vci.CredentialResponse{}, fmt.Errorf("%w: %w (OpenID4VCI 1.0, Section 9.3)", ErrDenied, err)
	}
	// Without a refresh token a token that is over stays over.
	if errors.Is(err, ErrGrantOver) || tokenOver(err) && l.grant.RefreshToken == "" {
		return oid4vci.CredentialResponse{}, fmt.Errorf("%w: %w", ErrDenied, err)
	}
	if err != nil {
		return oid4vci.CredentialResponse{}, fmt.Errorf("asking again for the credential: %w", err)
	}
	return oid4vci.ParseDeferredCredentialResponse(b, w.Transaction, len(w.Keys))
}

func (w Waiting) keys() ([]*ecdsa.PrivateKey, error) {
	var out []*ecdsa.PrivateKey
	for _, k := range w.Keys {
		private, err := k.Private()
		if err != nil {
			return nil, fmt.Errorf("%w: its key: %w", ErrItem, err)
		}
		key, ok := private.(*ecdsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("%w: its key is no EC key", ErrItem)
		}
		out = append(out, key)
	}
	return out, nil
}

// Waiting opens what the issuer has put off.
func (v *Vault) Waiting(ctx context.Context, name string) (Waiting, error) {
	w, _, err := v.waits(ctx, name)
	return w, err
}

func (v *Vault) waits(ctx context.Context, name string) (Waiting, string, error) {
	b, etag, err := v.read(ctx, name)
	if err != nil {
		return Waiting{}, "", err
	}
	w, err := decodeWaiting(b, name)
	return w, etag, err
}

func decodeWaiting(b []byte, name string) (Waiting, error) {
	var w Waiting
	if err := jose.UnmarshalClosed(b, &w); err != nil {
		return Waiting{}, fmt.Errorf("%w: %w", ErrItem, err)
	}
	if w.Name != name || !isName(w.Item) || !isName(w.Grant) || w.Issuer == "" || w.Configuration == "" || w.Transaction == "" || len(w.Keys) == 0 || w.Asked < 0 {
		return Waiting{}, fmt.Errorf("%w: expected what waits to have this name, an issuer, a configuration, a grant, a transaction and keys", ErrItem)
	}
	return w, nil
}

// postpone stores when it may be asked again. Another device that asked in the
// meantime has stored that too.
func (v *Vault) postpone(ctx context.Context, w Waiting) error {
	_, etag, err := v.waits(ctx, w.Name)
	if err == nil {
		err = v.update(ctx, w.Name, w, etag)
	}
	if errors.Is(err, ErrPrecondition) {
		return nil
	}
	return err
}

// finish takes what no longer waits out of the vault.
func (v *Vault) finish(ctx context.Context, w Waiting) error {
	if err := v.Remove(ctx, w.Name); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return v.release(ctx, w.Grant)
}

// release removes a grant that nothing in the vault was got with, or waits for.
func (v *Vault) release(ctx context.Context, grant string) error {
	if grant == "" {
		return nil
	}
	entries, err := v.Entries(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Grant == grant {
			return nil
		}
	}
	if err := v.Remove(ctx, grant); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}
