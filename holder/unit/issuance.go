package unit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
)

// ErrOffer is returned for an offer that this wallet unit cannot take. Nothing
// of it was used up.
var ErrOffer = errors.New("the offer cannot be taken by this wallet unit")

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
	// Status checks the status of what came; without it nothing is taken.
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
	if o.Server, err = oid4vci.ParseAuthorizationServerMetadata(b, server, s.Words...); err != nil {
		return Offered{}, err
	}
	return o, o.takeable()
}

// takeable finds out before the code is spent what would only fail after.
func (o Offered) takeable() error {
	if g := o.Offer.Grants; g == nil || g.PreAuthorizedCode == nil {
		return fmt.Errorf("%w: it has no pre-authorized code (OpenID4VCI 1.0, Section 4.1.1)", ErrOffer)
	}
	m := o.Metadata
	demanded := m.CredentialRequestEncryption != nil && m.CredentialRequestEncryption.EncryptionRequired ||
		m.CredentialResponseEncryption != nil && m.CredentialResponseEncryption.EncryptionRequired
	if demanded && !encrypts(m) {
		return fmt.Errorf("%w: the issuer demands encryption of a kind that is not known here, expected ECDH-ES on P-256 with A128GCM or A256GCM for requests and responses (OpenID4VCI 1.0, Section 10)", ErrOffer)
	}
	for _, id := range o.Offer.CredentialConfigurationIDs {
		if err := known(o.Metadata.CredentialConfigurationsSupported[id]); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrOffer, shown(id, 100), err)
		}
	}
	return nil
}

// known: the unit holds SD-JWT VCs that are bound to keys it proves with
// ES256 and that nobody attests.
func known(c oid4vci.CredentialConfiguration) error {
	proof, ok := c.ProofTypesSupported[oid4vci.ProofJWT]
	switch {
	case c.Format != sdjwt.TypVC:
		return fmt.Errorf("its format is %s, expected %s", shown(c.Format, 40), sdjwt.TypVC)
	case !ok || !slices.Contains(proof.ProofSigningAlgValuesSupported, string(jose.ES256)):
		return errors.New("its issuer does not take jwt proofs with ES256")
	case proof.KeyAttestationsRequired != nil:
		return errors.New("its issuer demands key attestations")
	}
	return nil
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
	b, _, err := s.postFor(ctx, address, mediaType, token, body)
	return b, err
}

// postFor is post with the header of the answer.
func (s Issuance) postFor(ctx context.Context, address, mediaType, token string, body []byte) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json, application/jwt")
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return send(s.HTTP, req)
}
