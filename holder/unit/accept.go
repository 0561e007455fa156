package unit

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// maxDatasets bounds what one offer can make the unit do.
const maxDatasets = 256

// Taken is what came of an issuance.
type Taken struct {
	// Items are in the vault.
	Items []Item
	// Waiting is what the issuer has put off; go on with Await or Continue.
	Waiting []Waiting
}

// Accept redeems the pre-authorized code of the offer, fetches every credential
// of it and puts each in the vault: checked first, encrypted, and only then
// reported as accepted. With an error it returns what was stored before it,
// which stays.
func (s Issuance) Accept(ctx context.Context, v *Vault, o Offered, txCode string) (Taken, error) {
	var code *oid4vci.Secret
	if o.NeedsTxCode() {
		c := oid4vci.Secret(strings.TrimSpace(txCode))
		code = &c
	}
	req, err := oid4vci.NewTokenRequest(o.Offer, code)
	if err != nil {
		return Taken{}, err
	}
	l, err := s.newLine(o)
	if err != nil {
		return Taken{}, err
	}
	if err := l.client.open(ctx, s); err != nil {
		return Taken{}, err
	}
	if err := l.begin(o.Offer.CredentialConfigurationIDs); err != nil {
		return Taken{}, err
	}
	token, err := l.redeem(ctx, req)
	if err != nil {
		return Taken{}, fmt.Errorf("redeeming the offer: %w", err)
	}
	return l.fetch(ctx, v, token, o.Renewing)
}

// fetch gets all that a token is good for. A grant that can be used again is
// in the vault before anything is fetched with it, and does not stay there if
// the issuer gave nothing for it, or nothing that can be taken.
func (l *line) fetch(ctx context.Context, v *Vault, token oid4vci.TokenResponse, renewing bool) (Taken, error) {
	if l.grant.RefreshToken == "" || l.etag != "" {
		return l.fetchAll(ctx, v, token, renewing)
	}
	if err := l.keep(ctx, v); err != nil {
		return Taken{}, err
	}
	taken, err := l.fetchAll(ctx, v, token, renewing)
	var refused *Refusal
	var unfit *oid4vci.Error
	if len(taken.Items)+len(taken.Waiting) == 0 && !passing(err) && (errors.As(err, &refused) || errors.As(err, &unfit) || errors.Is(err, ErrCredential)) {
		err = errors.Join(err, v.release(context.WithoutCancel(ctx), l.grant.Name))
	}
	return taken, err
}

func (l *line) fetchAll(ctx context.Context, v *Vault, token oid4vci.TokenResponse, renewing bool) (Taken, error) {
	requests := token.Requests(l.grant.Configurations)
	if len(requests) > maxDatasets {
		return Taken{}, fmt.Errorf("%w: the token response covers %d credentials, expected at most %d", ErrCredential, len(requests), maxDatasets)
	}
	if len(requests) == 0 {
		return Taken{}, fmt.Errorf("%w: the token response covers nothing of the offer", ErrCredential)
	}
	var configurations []string
	for _, r := range requests {
		configurations = append(configurations, configurationOf(token, r))
	}
	p := newPlace(v, renewing, configurations)
	var out Taken
	for i, r := range requests {
		if err := l.obtain(ctx, p, configurations[i], r, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// obtain fetches, checks, stores and reports one credential, or keeps what the
// issuer puts off.
func (l *line) obtain(ctx context.Context, p *place, configuration string, r oid4vci.CredentialRequest, out *Taken) error {
	c := l.metadata.CredentialConfigurationsSupported[configuration]
	if err := l.s.known(c); err != nil {
		return fmt.Errorf("%w: %w", ErrCredential, err)
	}
	keys, res, err := l.request(ctx, p.vault, c, r)
	if err != nil {
		return err
	}
	if res.Deferred() {
		w, err := l.putOff(ctx, p, configuration, keys, res)
		if err == nil {
			out.Waiting = append(out.Waiting, w)
		}
		return err
	}
	name, err := NewName(l.s.Random)
	if err != nil {
		return err
	}
	item, err := l.settle(ctx, p, name, configuration, keys, res)
	if err == nil {
		out.Items = append(out.Items, item)
	}
	return err
}

// settle checks and stores what came, and tells the issuer what became of it.
func (l *line) settle(ctx context.Context, p *place, name, configuration string, keys []*ecdsa.PrivateKey, res oid4vci.CredentialResponse) (Item, error) {
	c := l.metadata.CredentialConfigurationsSupported[configuration]
	item, err := l.s.check(ctx, l.metadata.CredentialIssuer, c, keys, res)
	var former oid4vci.Secret
	if err == nil {
		item.Name = name
		item.Source = &Source{Issuer: l.metadata.CredentialIssuer, Configuration: configuration, Notification: res.NotificationID}
		if l.grant.RefreshToken != "" {
			item.Source.Grant = l.grant.Name
		}
		former, err = p.put(ctx, &item)
	}
	event := oid4vci.CredentialAccepted
	if err != nil {
		event = oid4vci.CredentialFailure
	}
	// The issuer hears what became of it; that it cannot be told is no reason
	// to lose a credential.
	_ = l.notify(ctx, p.vault, res.NotificationID, event)
	_ = l.notify(ctx, p.vault, former, oid4vci.CredentialDeleted)
	return item, err
}

func configurationOf(token oid4vci.TokenResponse, r oid4vci.CredentialRequest) string {
	if r.CredentialIdentifier == "" {
		return r.CredentialConfigurationID
	}
	for _, d := range token.AuthorizationDetails {
		if slices.Contains(d.CredentialIdentifiers, r.CredentialIdentifier) {
			return d.CredentialConfigurationID
		}
	}
	return ""
}

// request proves fresh keys and asks for a copy for each. When the nonce was
// stale in the meantime it is tried once more with a new one.
func (l *line) request(ctx context.Context, v *Vault, c oid4vci.CredentialConfiguration, r oid4vci.CredentialRequest) ([]*ecdsa.PrivateKey, oid4vci.CredentialResponse, error) {
	copies := min(max(l.s.Copies, 1), l.metadata.BatchSize())
	keys := make([]*ecdsa.PrivateKey, copies)
	for i := range keys {
		var err error
		if keys[i], err = newP256(l.s.Random); err != nil {
			return nil, oid4vci.CredentialResponse{}, err
		}
	}
	for try := 0; ; try++ {
		if err := l.prove(ctx, c, keys, &r); err != nil {
			return nil, oid4vci.CredentialResponse{}, err
		}
		b, err := l.exchange(ctx, v, l.metadata.CredentialEndpoint, func(e *oid4vci.ResponseEncryption) (any, error) {
			r.CredentialResponseEncryption = e
			return r, nil
		})
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

// notify tells the issuer what became of the credentials of one response; of
// those it has no name for, and at an issuer that does not listen, nothing
// (OpenID4VCI 1.0, Section 11).
func (l *line) notify(ctx context.Context, v *Vault, id oid4vci.Secret, event oid4vci.Event) error {
	if l.metadata.NotificationEndpoint == "" || id == "" {
		return nil
	}
	body, err := jose.Marshal(oid4vci.NotificationRequest{NotificationID: id, Event: event})
	if err != nil {
		return err
	}
	_, _, err = l.ask(ctx, v, message{to: resource, address: l.metadata.NotificationEndpoint, mediaType: "application/json", body: body})
	return err
}
