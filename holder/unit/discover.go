package unit

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
)

// maxServers bounds how many authorization servers of one issuer are asked.
const maxServers = 8

// Read reads an offer from a deep link and fetches the metadata of its issuer.
// An offer is a stranger's word: the checks are the same as if the citizen had
// gone to the issuer (OpenID4VCI 1.0, Section 13.5).
func (s Issuance) Read(ctx context.Context, link string) (Offered, error) {
	in, err := oid4vci.ParseLink(link, s.Words...)
	if err != nil {
		return Offered{}, err
	}
	if in.Offer != nil {
		return s.discover(ctx, *in.Offer)
	}
	b, _, err := s.get(ctx, in.OfferURI, "application/json")
	if err != nil {
		return Offered{}, fmt.Errorf("fetching the offer: %w", err)
	}
	offer, err := oid4vci.ParseCredentialOffer(b, s.Words...)
	if err != nil {
		return Offered{}, err
	}
	return s.discover(ctx, offer)
}

// Discover fetches the metadata of an issuer that the citizen chose, to ask it
// for credentials of these configurations with an authorization code. Without
// configurations it asks for all that the unit can hold.
func (s Issuance) Discover(ctx context.Context, issuer string, configurations ...string) (Offered, error) {
	m, err := s.metadata(ctx, issuer)
	if err != nil {
		return Offered{}, err
	}
	if len(configurations) == 0 {
		for id, c := range m.CredentialConfigurationsSupported {
			if s.known(c) == nil {
				configurations = append(configurations, id)
			}
		}
		slices.Sort(configurations)
	}
	if len(configurations) == 0 {
		return Offered{}, fmt.Errorf("%w: the issuer has no credential_configurations_supported that the unit can hold", ErrOffer)
	}
	return s.from(ctx, oid4vci.CredentialOffer{CredentialIssuer: issuer, CredentialConfigurationIDs: configurations}, m)
}

func (s Issuance) discover(ctx context.Context, offer oid4vci.CredentialOffer) (Offered, error) {
	m, err := s.metadata(ctx, offer.CredentialIssuer)
	if err != nil {
		return Offered{}, err
	}
	return s.from(ctx, offer, m)
}

// from holds an offer against the metadata and chooses grant and server.
func (s Issuance) from(ctx context.Context, offer oid4vci.CredentialOffer, m oid4vci.CredentialIssuerMetadata) (Offered, error) {
	if err := offer.Validate(s.Words...); err != nil {
		return Offered{}, err
	}
	if err := offer.Check(m); err != nil {
		return Offered{}, err
	}
	o := Offered{Offer: offer, Metadata: m}
	named := ""
	// An offer without grants leaves it to the wallet, which has nothing but
	// the authorization code then (Section 4.1.1).
	switch g := offer.Grants; {
	case g != nil && g.PreAuthorizedCode != nil:
		o.Grant, named = oid4vci.GrantPreAuthorizedCode, g.PreAuthorizedCode.AuthorizationServer
	case g == nil:
		o.Grant = oid4vci.GrantAuthorizationCode
	case g.AuthorizationCode != nil:
		o.Grant, named = oid4vci.GrantAuthorizationCode, g.AuthorizationCode.AuthorizationServer
	default:
		return Offered{}, fmt.Errorf("%w: grants has neither an authorization code nor a pre-authorized code (OpenID4VCI 1.0, Section 4.1.1)", ErrOffer)
	}
	var err error
	if o.Server, err = s.serverFor(ctx, m, o.Grant, named); err != nil {
		return Offered{}, err
	}
	return o, s.takeable(o)
}

// serverFor is the authorization server that the offer names, else the first
// one of the metadata that processes the grant, else the issuer itself
// (OpenID4VCI 1.0, Section 12.2.4).
func (s Issuance) serverFor(ctx context.Context, m oid4vci.CredentialIssuerMetadata, grant, named string) (oid4vci.AuthorizationServerMetadata, error) {
	candidates := []string{m.CredentialIssuer}
	if named != "" {
		candidates = []string{named}
	} else if len(m.AuthorizationServers) > 0 {
		candidates = m.AuthorizationServers[:min(len(m.AuthorizationServers), maxServers)]
	}
	var all []error
	for _, candidate := range candidates {
		server, err := s.server(ctx, candidate)
		if err == nil {
			err = processes(server, grant)
		}
		if err == nil {
			return server, nil
		}
		all = append(all, err)
	}
	return oid4vci.AuthorizationServerMetadata{}, errors.Join(all...)
}

// processes: a server that does not list its grants may have the
// pre-authorized code all the same; what it lists counts.
func processes(m oid4vci.AuthorizationServerMetadata, grant string) error {
	if m.GrantTypesSupported != nil && !m.Supports(grant) {
		return fmt.Errorf("%w: grant_types_supported of %s has no %s (RFC 8414, Section 2)", ErrOffer, shown(m.Issuer, 200), grant)
	}
	if grant == oid4vci.GrantAuthorizationCode && m.AuthorizationEndpoint == "" {
		return fmt.Errorf("%w: %s has no authorization_endpoint (RFC 8414, Section 2)", ErrOffer, shown(m.Issuer, 200))
	}
	return nil
}

func (s Issuance) server(ctx context.Context, identifier string) (oid4vci.AuthorizationServerMetadata, error) {
	address, err := oid4vci.AuthorizationServerURL(identifier, s.Words...)
	if err != nil {
		return oid4vci.AuthorizationServerMetadata{}, err
	}
	b, _, err := s.get(ctx, address, "application/json")
	if err != nil {
		return oid4vci.AuthorizationServerMetadata{}, fmt.Errorf("fetching the authorization server's metadata: %w", err)
	}
	return oid4vci.ParseAuthorizationServerMetadata(b, identifier, s.Words...)
}

// metadata fetches an issuer's metadata, signed where the unit can tell whose
// signature it is: what is signed then wins, and is all that is read (OpenID4VCI
// 1.0, Sections 12.2.2 and 12.2.3).
func (s Issuance) metadata(ctx context.Context, issuer string) (oid4vci.CredentialIssuerMetadata, error) {
	address, err := oid4vci.MetadataURL(issuer, s.Words...)
	if err != nil {
		return oid4vci.CredentialIssuerMetadata{}, err
	}
	accept := "application/json"
	if s.Metadata != nil {
		accept = "application/jwt, application/json;q=0.5"
	}
	b, h, err := s.get(ctx, address, accept)
	if err != nil {
		return oid4vci.CredentialIssuerMetadata{}, fmt.Errorf("fetching the issuer's metadata: %w", err)
	}
	if isJWT(h) {
		return oid4vci.ParseSignedMetadata(string(b), issuer, s.Now(), func(t *jose.Token) (crypto.PublicKey, error) {
			return s.metadataKey(ctx, issuer, t)
		}, s.Words...)
	}
	if s.SignedMetadataOnly {
		return oid4vci.CredentialIssuerMetadata{}, fmt.Errorf("%w: the issuer's metadata are not signed, and only signed ones are taken here (OpenID4VCI 1.0, Section 12.2.3)", ErrOffer)
	}
	return oid4vci.ParseCredentialIssuerMetadata(b, issuer, s.Words...)
}

// metadataKey trusts a certificate that leads to a configured anchor and that
// names the issuer (OpenID4VCI 1.0, Section 12.2.3; HAIP 1.0, Section 4.1).
func (s Issuance) metadataKey(ctx context.Context, issuer string, t *jose.Token) (crypto.PublicKey, error) {
	if s.Metadata == nil {
		return nil, errors.New("no anchors for signers of metadata are configured: Issuance.Metadata is not set")
	}
	chain, err := t.Header.Certificates()
	if err != nil {
		return nil, err
	}
	if err := s.Metadata.VerifyChain(ctx, chain, s.Now()); err != nil {
		return nil, err
	}
	if err := seal.CertifiesIssuer(chain[0], issuer); err != nil {
		return nil, err
	}
	return chain[0].PublicKey, nil
}

func (s Issuance) get(ctx context.Context, address, accept string) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", accept)
	return send(s.HTTP, req)
}
