package unit

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
)

// ErrCredential is returned when what an issuer sent is not what was offered,
// or not from whom it says. It is not stored.
var ErrCredential = errors.New("the credential that came is not acceptable")

// Issuance is a wallet unit on its way to a credential (OpenID4VCI 1.0).
type Issuance struct {
	// HTTP reaches issuers; their addresses come from an offer, so it must be
	// the client for public addresses.
	HTTP   Doer
	Now    func() time.Time
	Random io.Reader
	// Seals says which seals are accepted.
	Seals *seal.Validator
	// Status checks the status of what came; nil leaves it out.
	Status *status.Checker
	// StatusTrust is who may sign status lists.
	StatusTrust status.Trust
	// Copies is how many copies to ask for; at most the issuer's batch size.
	Copies int
	// Words are options of oid4vci, for a development profile.
	Words []oid4vci.Option
	// Languages of the citizen, the preferred one first.
	Languages []string
}

// Offered is an offer that was read, and who makes it. Nothing was sent yet
// but requests for public documents.
type Offered struct {
	Offer    oid4vci.CredentialOffer
	Metadata oid4vci.CredentialIssuerMetadata
	Server   oid4vci.AuthorizationServerMetadata
}

// NeedsTxCode reports whether a transaction code must be typed in.
func (o Offered) NeedsTxCode() bool {
	g := o.Offer.Grants
	return g != nil && g.PreAuthorizedCode != nil && g.PreAuthorizedCode.TxCode != nil
}

// Read reads an offer from a deep link and fetches the metadata of its issuer.
// An offer is a stranger's word: the checks are the same as if the citizen had
// gone to the issuer (OpenID4VCI 1.0, Section 13.5).
func (s Issuance) Read(ctx context.Context, link string) (Offered, error) {
	in, err := oid4vci.ParseLink(link, s.Words...)
	if err != nil {
		return Offered{}, err
	}
	var o Offered
	if in.Offer != nil {
		o.Offer = *in.Offer
	} else {
		b, err := s.fetch(ctx, in.OfferURI)
		if err != nil {
			return Offered{}, fmt.Errorf("fetching the offer: %w", err)
		}
		if o.Offer, err = oid4vci.ParseCredentialOffer(b, s.Words...); err != nil {
			return Offered{}, err
		}
	}
	address, err := oid4vci.MetadataURL(o.Offer.CredentialIssuer, s.Words...)
	if err != nil {
		return Offered{}, err
	}
	b, err := s.fetch(ctx, address)
	if err != nil {
		return Offered{}, fmt.Errorf("fetching the issuer's metadata: %w", err)
	}
	if o.Metadata, err = oid4vci.ParseCredentialIssuerMetadata(b, o.Offer.CredentialIssuer, s.Words...); err != nil {
		return Offered{}, err
	}
	if err := o.Offer.Check(o.Metadata); err != nil {
		return Offered{}, err
	}
	server := o.Offer.AuthorizationServer(o.Metadata)
	if address, err = oid4vci.AuthorizationServerURL(server, s.Words...); err != nil {
		return Offered{}, err
	}
	if b, err = s.fetch(ctx, address); err != nil {
		return Offered{}, fmt.Errorf("fetching the authorization server's metadata: %w", err)
	}
	o.Server, err = oid4vci.ParseAuthorizationServerMetadata(b, server, s.Words...)
	return o, err
}

// Accept redeems the offer, fetches every credential of it and puts each in
// the vault: checked first, encrypted, and only then reported as accepted. It
// returns the items; with an error those that were stored before it.
func (s Issuance) Accept(ctx context.Context, v *Vault, o Offered, txCode string) ([]Item, error) {
	var code *oid4vci.Secret
	if o.NeedsTxCode() {
		c := oid4vci.Secret(strings.TrimSpace(txCode))
		code = &c
	}
	req, err := oid4vci.NewTokenRequest(o.Offer, code)
	if err != nil {
		return nil, err
	}
	token, err := s.token(ctx, o, req)
	if err != nil {
		return nil, err
	}
	var items []Item
	for _, r := range token.Requests(o.Offer.CredentialConfigurationIDs) {
		item, err := s.obtain(ctx, v, o, token, r)
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("%w: the token response covers nothing of the offer", ErrCredential)
	}
	return items, nil
}

func (s Issuance) token(ctx context.Context, o Offered, req oid4vci.TokenRequest) (oid4vci.TokenResponse, error) {
	form, err := req.Form()
	if err != nil {
		return oid4vci.TokenResponse{}, err
	}
	b, err := s.post(ctx, o.Server.TokenEndpoint, "application/x-www-form-urlencoded", "", []byte(form.Encode()))
	if err != nil {
		return oid4vci.TokenResponse{}, fmt.Errorf("redeeming the offer: %w", err)
	}
	token, err := oid4vci.ParseTokenResponse(b)
	if err == nil && token.TokenType != oid4vci.Bearer {
		err = errors.New("the issuer's access token must be bound to a key that was not asked for")
	}
	return token, err
}

// obtain fetches, checks, stores and reports one credential.
func (s Issuance) obtain(ctx context.Context, v *Vault, o Offered, token oid4vci.TokenResponse, r oid4vci.CredentialRequest) (Item, error) {
	configuration := r.CredentialConfigurationID
	for _, d := range token.AuthorizationDetails {
		for _, id := range d.CredentialIdentifiers {
			if id == r.CredentialIdentifier {
				configuration = d.CredentialConfigurationID
			}
		}
	}
	c, ok := o.Metadata.CredentialConfigurationsSupported[configuration]
	if !ok || c.Format != sdjwt.TypVC {
		return Item{}, fmt.Errorf("%w: its format is not one this wallet unit knows", ErrCredential)
	}
	keys, res, err := s.request(ctx, o, token, r)
	if err != nil {
		return Item{}, err
	}
	item, err := s.check(ctx, o, c, keys, res)
	if err == nil {
		if item.Name, err = NewName(s.Random); err == nil {
			err = v.Add(ctx, item)
		}
	}
	event := oid4vci.CredentialAccepted
	if err != nil {
		event = oid4vci.CredentialFailure
	}
	// The issuer hears what became of it; that it cannot be told is no reason
	// to lose a credential.
	_ = s.notify(ctx, o, token, res.NotificationID, event)
	return item, err
}

// request proves fresh keys and asks for a copy for each. When the nonce was
// stale in the meantime it is tried once more with a new one.
func (s Issuance) request(ctx context.Context, o Offered, token oid4vci.TokenResponse, r oid4vci.CredentialRequest) ([]*ecdsa.PrivateKey, oid4vci.CredentialResponse, error) {
	copies := min(max(s.Copies, 1), o.Metadata.BatchSize())
	keys := make([]*ecdsa.PrivateKey, copies)
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), s.Random); err != nil {
			return nil, oid4vci.CredentialResponse{}, err
		}
	}
	for try := 0; ; try++ {
		if err := s.prove(ctx, o, keys, &r); err != nil {
			return nil, oid4vci.CredentialResponse{}, err
		}
		body, err := jose.Marshal(r)
		if err != nil {
			return nil, oid4vci.CredentialResponse{}, err
		}
		b, err := s.post(ctx, o.Metadata.CredentialEndpoint, "application/json", string(token.AccessToken), body)
		var refused *Refusal
		if errors.As(err, &refused) && refused.Code == string(oid4vci.InvalidNonce) && try == 0 {
			continue
		}
		if err != nil {
			return nil, oid4vci.CredentialResponse{}, fmt.Errorf("asking for the credential: %w", err)
		}
		res, err := oid4vci.ParseCredentialResponse(b, copies)
		return keys, res, err
	}
}

func (s Issuance) prove(ctx context.Context, o Offered, keys []*ecdsa.PrivateKey, r *oid4vci.CredentialRequest) error {
	claims := oid4vci.ProofClaims{Audience: o.Offer.CredentialIssuer, IssuedAt: jose.Date(s.Now())}
	if o.Metadata.NonceEndpoint != "" {
		b, err := s.post(ctx, o.Metadata.NonceEndpoint, "", "", nil)
		if err != nil {
			return fmt.Errorf("asking for a nonce: %w", err)
		}
		nonce, err := oid4vci.ParseNonceResponse(b)
		if err != nil {
			return err
		}
		claims.Nonce = nonce.CNonce
	}
	r.Proofs = &oid4vci.Proofs{}
	for _, key := range keys {
		proof, err := oid4vci.NewProof(key, claims)
		if err != nil {
			return err
		}
		r.Proofs.JWT = append(r.Proofs.JWT, proof)
	}
	return nil
}

// check holds each copy against what was offered and asked for: seal and
// provider, type, one of our keys, no key binding, validity, status. Only
// a whole batch is accepted.
func (s Issuance) check(ctx context.Context, o Offered, c oid4vci.CredentialConfiguration, keys []*ecdsa.PrivateKey, res oid4vci.CredentialResponse) (Item, error) {
	if len(res.Credentials) == 0 {
		return Item{}, fmt.Errorf("%w: the issuer has not issued it yet", ErrCredential)
	}
	item := Item{Format: c.Format, Type: c.VCT, Issuer: o.Offer.CredentialIssuer, Added: s.Now(), Title: s.title(c)}
	left := map[string]*ecdsa.PrivateKey{}
	for _, key := range keys {
		left[jose.Thumbprint(key.Public())] = key
	}
	for i, issued := range res.Credentials {
		text, ok := issued.Text()
		if !ok {
			return Item{}, fmt.Errorf("%w: copy %d is no text", ErrCredential, i)
		}
		verified, err := s.verify(ctx, text, c.VCT)
		if err != nil {
			return Item{}, fmt.Errorf("%w: copy %d: %w", ErrCredential, i, err)
		}
		thumb := verified.Holder.Thumbprint()
		key, ok := left[thumb]
		if !ok {
			return Item{}, fmt.Errorf("%w: copy %d is bound to a key that is not ours, or twice to one", ErrCredential, i)
		}
		delete(left, thumb)
		private, err := jose.PrivateJWK(key)
		if err != nil {
			return Item{}, err
		}
		item.Copies = append(item.Copies, Copy{Credential: text, Key: private})
		if title := verified.Claims.Text("title"); title != "" {
			item.Title = title
		}
	}
	return item, nil
}

func (s Issuance) verify(ctx context.Context, text, vct string) (*sdjwt.Verified, error) {
	now := s.Now()
	verified, err := sdjwt.Verify(text, sdjwt.Policy{
		Now: now, Skew: time.Minute, VCT: []string{vct}, KeyBinding: sdjwt.BindingForbidden, RequireExp: true,
		IssuerKey: func(t *jose.Token, u sdjwt.Unverified) (crypto.PublicKey, error) {
			validation, err := s.Seals.Validate(ctx, t, now)
			if err != nil {
				return nil, err
			}
			if err := validation.Err(); err != nil {
				return nil, err
			}
			if err := seal.CertifiesIssuer(validation.Certificate, u.Issuer); err != nil {
				return nil, err
			}
			return validation.Certificate.PublicKey, nil
		},
	})
	if err != nil || s.Status == nil {
		return verified, err
	}
	ref, err := status.ParseClaim(verified.Status)
	if err != nil {
		return nil, err
	}
	value, err := s.Status.Check(ctx, ref, s.StatusTrust)
	if err != nil {
		return nil, err
	}
	if value != status.Valid {
		return nil, fmt.Errorf("its status is %s", value)
	}
	return verified, nil
}

func (s Issuance) title(c oid4vci.CredentialConfiguration) string {
	if c.CredentialMetadata == nil || len(c.CredentialMetadata.Display) == 0 {
		return c.VCT
	}
	for _, want := range s.Languages {
		for _, d := range c.CredentialMetadata.Display {
			if d.Locale == want {
				return d.Name
			}
		}
	}
	return c.CredentialMetadata.Display[0].Name
}

func (s Issuance) notify(ctx context.Context, o Offered, token oid4vci.TokenResponse, id oid4vci.Secret, event oid4vci.Event) error {
	if o.Metadata.NotificationEndpoint == "" || id == "" {
		return nil
	}
	body, err := jose.Marshal(oid4vci.NotificationRequest{NotificationID: id, Event: event})
	if err != nil {
		return err
	}
	_, err = s.post(ctx, o.Metadata.NotificationEndpoint, "application/json", string(token.AccessToken), body)
	return err
}

func (s Issuance) fetch(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	b, _, err := send(s.HTTP, req)
	return b, err
}

func (s Issuance) post(ctx context.Context, address, mediaType, token string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	b, _, err := send(s.HTTP, req)
	return b, err
}
