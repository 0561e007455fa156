package unit

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// Errors of presenting that callers branch on.
var (
	// ErrReceiver: who asks is not an admitted receiver, or asks for more than
	// it is registered for.
	ErrReceiver = errors.New("the receiver may not ask for this")
	// ErrRefused: the citizen did not agree, or has nothing that was asked for.
	// The receiver cannot tell which.
	ErrRefused = errors.New("nothing was shared")
)

// Receivers tells whether an organisation is admitted now.
type Receivers interface {
	// Admitted returns nil when the published register lists the receiver as
	// admitted.
	Admitted(ctx context.Context, receiver string) error
}

// Presentation is a wallet unit on its way to sharing (OpenID4VP 1.0).
type Presentation struct {
	// HTTP reaches verifiers; their addresses come from a link, so it must be
	// the client for public addresses.
	HTTP   Doer
	Now    func() time.Time
	Random io.Reader
	// Chain validates access certificates of receivers.
	Chain oid4vp.ChainVerifier
	// Registrar is the key that signs registration certificates.
	Registrar crypto.PublicKey
	Register  Receivers
	// Consent asks the citizen. Nothing that depends on the vault leaves the
	// unit before it returned.
	Consent func(ctx context.Context, c Consent) (bool, error)
	Words   []oid4vp.Option
	// Languages of the citizen, the preferred one first.
	Languages []string
}

// Asked is a request whose receiver is known and admitted.
type Asked struct {
	oid4vp.Verified
	Registration oid4vp.Registration
}

// Consent is what the citizen is shown: who asks, why, on which basis, and
// what would be shared. Items is empty when the vault holds nothing that fits.
type Consent struct {
	Receiver      string
	Organisation  string
	Purpose       string
	LegalBasis    string
	PrivacyPolicy string
	Items         []ConsentItem
}

// ConsentItem is one credential and the claims of it that would be shared.
type ConsentItem struct {
	Query string
	Name  string
	Title string
	Type  string
	Paths []credential.Path
}

// Shared is what was shared.
type Shared struct {
	Consent Consent
	// RedirectURI is where the receiver wants the citizen to go on, if it does
	// (OpenID4VP 1.0, Section 8.2).
	RedirectURI string
	Receipt     string // its name in the vault
}

// Read fetches the request behind a link and checks who asks: signature and
// certificate, registration certificate, the query within it, the register.
func (p Presentation) Read(ctx context.Context, link string) (Asked, error) {
	in, err := oid4vp.ParseLink(link, p.Words...)
	if err != nil {
		return Asked{}, err
	}
	object, walletNonce, err := p.object(ctx, in)
	if err != nil {
		return Asked{}, err
	}
	now := p.Now()
	v, err := oid4vp.VerifyRequest(ctx, object, oid4vp.Verification{
		ClientID: in.ClientID, WalletNonce: walletNonce, Chain: p.Chain, Now: now, Options: p.Words,
	})
	if err != nil {
		return Asked{}, err
	}
	text, err := v.RegistrationIn()
	if err != nil {
		return Asked{}, fmt.Errorf("%w: %w", ErrReceiver, err)
	}
	r, err := oid4vp.VerifyRegistration(text, p.Registrar, v.Chain[0], now)
	if err != nil {
		return Asked{}, fmt.Errorf("%w: %w", ErrReceiver, err)
	}
	if err := r.Covers(*v.DCQLQuery); err != nil {
		return Asked{}, fmt.Errorf("%w: %w", ErrReceiver, err)
	}
	if err := p.Register.Admitted(ctx, r.Receiver); err != nil {
		return Asked{}, fmt.Errorf("%w: %w", ErrReceiver, err)
	}
	return Asked{Verified: v, Registration: r}, nil
}

// object fetches the request object, with a nonce of ours when the verifier
// takes one (OpenID4VP 1.0, Section 5.10).
func (p Presentation) object(ctx context.Context, in oid4vp.Invocation) (object, walletNonce string, err error) {
	var req *http.Request
	if in.Method == "post" {
		var b [32]byte
		if _, err := io.ReadFull(p.Random, b[:]); err != nil {
			return "", "", err
		}
		walletNonce = jose.Encode(b[:])
		form := url.Values{"wallet_nonce": {walletNonce}}
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, in.RequestURI, bytes.NewReader([]byte(form.Encode())))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	} else {
		req, err = http.NewRequestWithContext(ctx, http.MethodGet, in.RequestURI, nil)
	}
	if err != nil {
		return "", "", err
	}
	req.Header.Set("Accept", oid4vp.MediaTypeRequest)
	b, _, err := send(p.HTTP, req)
	if err != nil {
		return "", "", fmt.Errorf("fetching the request: %w", err)
	}
	return string(b), walletNonce, nil
}

// Answer matches the request against the vault, asks the citizen, and shares
// what was agreed: only what was asked for, bound to this request, encrypted to
// the receiver. The use is logged and a receipt is kept.
//
// When the citizen refuses or nothing fits, the receiver gets the same answer
// in both cases, after the citizen was asked in both, and the error is
// ErrRefused.
func (p Presentation) Answer(ctx context.Context, v *Vault, a Asked) (Shared, error) {
	picks, err := p.pick(ctx, v, a)
	if err != nil && !errors.Is(err, oid4vp.ErrNoMatch) {
		return Shared{}, err
	}
	c := p.consent(a, picks)
	agreed, errConsent := p.Consent(ctx, c)
	if errConsent != nil {
		return Shared{}, errConsent
	}
	if !agreed || len(picks) == 0 {
		if err := p.decline(ctx, a); err != nil {
			return Shared{}, err
		}
		return Shared{Consent: c}, ErrRefused
	}
	return p.share(ctx, v, a, c, picks)
}

// pick is one credential query and the copy that answers it.
type pick struct {
	query string
	item  Item
	etag  string
	copy  int
	sd    *sdjwt.SDJWT
	paths []credential.Path
}

func (p Presentation) pick(ctx context.Context, v *Vault, a Asked) ([]pick, error) {
	entries, err := v.Entries(ctx)
	if err != nil {
		return nil, err
	}
	var held []pick
	var candidates []oid4vp.Candidate
	for _, e := range entries {
		if e.Kind != KindCredential || !asksFor(*a.DCQLQuery, e.Type) {
			continue
		}
		item, etag, err := v.Item(ctx, e.Name)
		if err != nil {
			return nil, err
		}
		n := freshest(item)
		if n < 0 {
			continue
		}
		sd, err := sdjwt.Parse(item.Copies[n].Credential)
		if err != nil {
			return nil, err
		}
		h := heldCredential{sd: sd, vct: item.Type}
		if !h.current(p.Now()) {
			continue
		}
		held = append(held, pick{item: item, etag: etag, copy: n, sd: sd})
		candidates = append(candidates, h)
	}
	choices, err := a.DCQLQuery.Match(candidates)
	if err != nil {
		return nil, err
	}
	var out []pick
	for _, c := range choices {
		if c.Optional {
			continue // nothing is shared that need not be
		}
		fits := c.Fits
		if !c.Query.Multiple {
			fits = fits[:1]
		}
		for _, f := range fits {
			x := held[f.Index]
			x.query, x.paths = c.Query.ID, f.Paths
			out = append(out, x)
		}
	}
	return out, nil
}

func asksFor(q oid4vp.Query, vct string) bool {
	return slices.ContainsFunc(q.Credentials, func(c oid4vp.CredentialQuery) bool {
		return c.Format == sdjwt.TypVC && slices.Contains(c.Meta.VCTValues, vct)
	})
}

// freshest is the copy that was shown least.
func freshest(it Item) int {
	best := -1
	for i, c := range it.Copies {
		if best < 0 || c.Shown < it.Copies[best].Shown {
			best = i
		}
	}
	return best
}

func (p Presentation) consent(a Asked, picks []pick) Consent {
	c := Consent{
		Receiver: a.Registration.Receiver, Organisation: a.Registration.Name, Purpose: a.Registration.PurposeIn(p.Languages...),
		LegalBasis: a.Registration.LegalBasis, PrivacyPolicy: a.Registration.PrivacyPolicy,
	}
	for _, x := range picks {
		c.Items = append(c.Items, ConsentItem{Query: x.query, Name: x.item.Name, Title: x.item.Title, Type: x.item.Type, Paths: x.paths})
	}
	return c
}

func (p Presentation) share(ctx context.Context, v *Vault, a Asked, c Consent, picks []pick) (Shared, error) {
	token := oid4vp.VPToken{}
	receipt := Receipt{
		At: p.Now(), Organisation: c.Organisation, Receiver: c.Receiver, Purpose: c.Purpose, LegalBasis: c.LegalBasis, Privacy: c.PrivacyPolicy,
	}
	for _, x := range picks {
		text, err := p.present(a, x)
		if err != nil {
			return Shared{}, err
		}
		token[x.query] = append(token[x.query], oid4vp.Presentations(text)...)
		receipt.Item = x.item.Name
		for _, path := range x.paths {
			receipt.Disclosed = append(receipt.Disclosed, path.String())
		}
	}
	// What cannot be logged is not shared.
	for _, x := range picks {
		err := v.Platform.Log(ctx, Event{Kind: "share", Organisation: c.Receiver, Purpose: a.Registration.IntendedUse, LegalBasis: c.LegalBasis, DataType: x.item.Type})
		if err != nil {
			return Shared{}, fmt.Errorf("writing the use log: %w", err)
		}
	}
	redirect, sent := p.post(ctx, a, oid4vp.Response{VPToken: token, State: a.State})
	// Whatever came of it, the receiver may have it: the receipt is kept and
	// the copies count as shown.
	var refused *Refusal
	switch {
	case sent == nil:
		receipt.Outcome = OutcomeAccepted
	case errors.As(sent, &refused):
		receipt.Outcome = OutcomeRefused
	default:
		receipt.Outcome = OutcomeUnknown
	}
	shared := Shared{Consent: c, RedirectURI: redirect}
	err := errors.Join(sent, p.settle(ctx, v, picks, receipt, &shared))
	return shared, err
}

// settle keeps the receipt and marks the copies that were shown.
func (p Presentation) settle(ctx context.Context, v *Vault, picks []pick, receipt Receipt, shared *Shared) error {
	name, err := NewName(p.Random)
	if err != nil {
		return err
	}
	if err := v.AddReceipt(ctx, name, receipt); err != nil {
		return fmt.Errorf("it was sent, but the receipt could not be kept: %w", err)
	}
	shared.Receipt = name
	for _, x := range picks {
		x.item.Copies[x.copy].Shown++
		if err := v.Update(ctx, x.item, x.etag); err != nil && !errors.Is(err, ErrPrecondition) {
			return fmt.Errorf("it was sent, but the copy could not be marked as shown: %w", err)
		}
	}
	return nil
}

// present discloses the paths and binds them to the request: nonce, and the
// full client identifier as audience (OpenID4VP 1.0, Sections 5.10 and 14.1.2).
func (p Presentation) present(a Asked, x pick) (string, error) {
	paths := make([]sdjwt.Path, len(x.paths))
	for i, path := range x.paths {
		paths[i] = sdjwt.Path(path)
	}
	selection, err := x.sd.Disclose(paths)
	if err != nil {
		return "", err
	}
	signer, err := x.item.Copies[x.copy].Signer()
	if err != nil {
		return "", err
	}
	return x.sd.Present(selection, &sdjwt.KeyBinding{Signer: signer, Nonce: string(a.Nonce), Audience: a.ClientID, IssuedAt: p.Now()})
}

// post encrypts the response to the receiver's key of this request and sends
// it (OpenID4VP 1.0, Section 8.3).
func (p Presentation) post(ctx context.Context, a Asked, r oid4vp.Response) (redirectURI string, err error) {
	b, err := jose.Marshal(r)
	if err != nil {
		return "", err
	}
	key, ok := a.ClientMetadata.JWKS.Encryption()
	if !ok {
		return "", errors.New("the request has no key to encrypt to")
	}
	enc, ok := a.ClientMetadata.Enc()
	if !ok {
		return "", errors.New("the request has no content encryption this unit knows")
	}
	sealed, err := jose.EncryptCompact(b, key, enc)
	if err != nil {
		return "", err
	}
	return p.submit(ctx, a, url.Values{"response": {sealed}})
}

// decline tells the verifier that nothing will come, in the same words for
// every reason (OpenID4VP 1.0, Sections 8.5 and 15.4.1).
func (p Presentation) decline(ctx context.Context, a Asked) error {
	form := url.Values{"error": {string(oid4vp.AccessDenied)}}
	if a.State != "" {
		form.Set("state", string(a.State))
	}
	_, err := p.submit(ctx, a, form)
	return err
}

func (p Presentation) submit(ctx context.Context, a Asked, form url.Values) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.ResponseURI, bytes.NewReader([]byte(form.Encode())))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	var out struct {
		RedirectURI string `json:"redirect_uri"`
	}
	if _, err := exchange(p.HTTP, req, &out); err != nil {
		return "", fmt.Errorf("sending the answer: %w", err)
	}
	return out.RedirectURI, nil
}

// heldCredential is a held SD-JWT VC as DCQL sees it.
type heldCredential struct {
	sd  *sdjwt.SDJWT
	vct string
}

func (h heldCredential) Format() string    { return sdjwt.TypVC }
func (h heldCredential) Types() []string   { return []string{h.vct} }
func (h heldCredential) HolderBound() bool { return len(h.sd.Claims().Member("cnf")) > 0 }

func (h heldCredential) AuthorityKeys() [][]byte {
	chain, err := h.sd.Token().Header.Certificates()
	if err != nil {
		return nil
	}
	var out [][]byte
	for _, c := range chain {
		if len(c.AuthorityKeyId) > 0 {
			out = append(out, c.AuthorityKeyId)
		}
	}
	return out
}

func (h heldCredential) Select(path credential.Path) [][]byte {
	return h.sd.Claims().Select(sdjwt.Path(path))
}

// current: presenting what is over would only be refused.
func (h heldCredential) current(now time.Time) bool {
	var exp jose.NumericDate
	b := h.sd.Claims().Member("exp")
	return b == nil || jose.Unmarshal(b, &exp) == nil && now.Before(exp.Time())
}
