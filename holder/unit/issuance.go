package unit

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
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
	// Wait lets time pass, or returns the context's error. It is needed to wait
	// for what an issuer puts off.
	Wait func(context.Context, time.Duration) error
	// Seals says which seals are accepted.
	Seals *seal.Validator
	// Status checks the status of what came; without it nothing is taken.
	Status *status.Checker
	// Bitstrings does the same for W3C credentials.
	Bitstrings *status.BitstringChecker
	// Controllers gives the documents of issuers whose signatures name their key
	// (ldp_vc); without it none of those is taken.
	Controllers Controllers
	// StatusTrust is who may sign status lists.
	StatusTrust status.Trust
	// Metadata says which certificates may sign an issuer's metadata. Without
	// it plain metadata are asked for, and signed ones are refused.
	Metadata Chain
	// SignedMetadataOnly refuses issuers whose metadata are not signed.
	SignedMetadataOnly bool
	// Client is how the unit makes itself known to authorization servers; the
	// zero Client is an anonymous wallet.
	Client Client
	// InsecureNoIss takes answers without iss from authorization servers that do
	// not say that they send it. Of two servers one could then be given the
	// other's code (RFC 9207, Section 1).
	InsecureNoIss bool
	// Keys attests how the unit's keys are held; nil at most issuers.
	Keys KeyAttester
	// Handles are the credential issuers that get a handle of the vault with
	// their pushed authorization requests. No other one learns that there is one.
	Handles []string
	// Copies is how many copies to ask for; at most the issuer's batch size.
	Copies int
	// Words are options of oid4vci, for a development profile.
	Words []oid4vci.Option
	// Languages of the citizen, the preferred one first.
	Languages []string
}

// Controllers gives the controlled identifier document in which a verification
// method is to be found; a *controlled.Documents is one.
type Controllers interface {
	Of(ctx context.Context, method string) (*did.Document, error)
}

// Chain verifies a certificate chain, leaf first and without its anchor, to
// the anchors of one use.
type Chain interface {
	VerifyChain(ctx context.Context, chain []*x509.Certificate, at time.Time) error
}

// Offered is what a citizen is offered, or asked for, and who is to issue it.
// Nothing was sent yet but requests for public documents.
type Offered struct {
	Offer    oid4vci.CredentialOffer
	Metadata oid4vci.CredentialIssuerMetadata
	Server   oid4vci.AuthorizationServerMetadata
	// Grant is the grant type that is used: a pre-authorized code, which is
	// there, or an authorization code, which the citizen's sign-in gives.
	Grant string
	// Renewing: what comes takes the place of what the vault holds of it.
	Renewing bool
}

// NeedsTxCode reports whether a transaction code must be typed in.
func (o Offered) NeedsTxCode() bool {
	return o.Grant == oid4vci.GrantPreAuthorizedCode && o.Offer.Grants.PreAuthorizedCode.TxCode != nil
}

// NeedsSignIn reports whether the citizen signs in at the issuer: go on with
// Authorize. Otherwise Accept is next.
func (o Offered) NeedsSignIn() bool { return o.Grant == oid4vci.GrantAuthorizationCode }

// takeable finds out before a code is spent what would only fail after.
func (s Issuance) takeable(o Offered) error {
	m := o.Metadata
	demanded := m.CredentialRequestEncryption != nil && m.CredentialRequestEncryption.EncryptionRequired ||
		m.CredentialResponseEncryption != nil && m.CredentialResponseEncryption.EncryptionRequired
	if demanded && !encrypts(m) {
		return fmt.Errorf("%w: the issuer demands encryption of a kind that is not known here, expected ECDH-ES on P-256 with A128GCM or A256GCM for requests and responses (OpenID4VCI 1.0, Section 10)", ErrOffer)
	}
	for _, id := range o.Offer.CredentialConfigurationIDs {
		if err := s.known(m.CredentialConfigurationsSupported[id]); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrOffer, shown(id, 100), err)
		}
	}
	return s.Client.usable(o.Server, o.Grant)
}
