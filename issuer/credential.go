package issuer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/store"
)

// Credential answers a credential request (OpenID4VCI 1.0, Section 8) for the
// bearer of an access token. Each dataset is issued once per offer, in as many
// copies as keys were proven, each copy with its own subject, identifier,
// salts, status index and key.
func (i *Issuer) Credential(ctx context.Context, by authz.Protected, req oid4vci.CredentialRequest, requestID string) (oid4vci.CredentialResponse, error) {
	// Step 1. The access token.
	grant, p, err := i.authorize(ctx, by)
	if err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	// Step 2. The dataset, which this token must cover.
	configuration, _, err := req.Check(i.metadata, p.granted(req.CredentialIdentifier))
	if err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	d, t := p.dataset(req.CredentialIdentifier), i.types[configuration]
	// Step 3. Proofs of possession, each for a key of its own, each fresh.
	keys, err := i.prove(ctx, t, *req.Proofs, grant.To.Client)
	if err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	// Step 4. Once per dataset. What decides is the record that deliver
	// creates; this look saves the work when the answer is known.
	dlv := delivery{
		ID: credentialID(grant.ID, d.Identifier), Grant: grant.ID, Offer: p.Offer, Client: p.Client,
		Configuration: configuration, Vault: p.Vault, Record: d.Record,
	}
	for _, k := range keys {
		dlv.Keys = append(dlv.Keys, k.JWK.Public())
	}
	if issued, err := i.issued(ctx, dlv.ID); err != nil {
		return oid4vci.CredentialResponse{}, err
	} else if issued {
		return oid4vci.CredentialResponse{}, errIssued()
	}
	// Step 5. What the supplier does not have yet is put off.
	var out oid4vci.CredentialResponse
	if d.Later != nil && p.Ask != nil {
		out, err = i.putOff(ctx, deferral{Question: *p.Ask, Delivery: dlv}, *d.Later, requestID)
	} else {
		out, err = i.deliver(ctx, &dlv, d.Claims, requestID)
	}
	// Step 6. So is what cannot be sealed now.
	if canWait(err) && ctx.Err() == nil {
		out, err = i.sealLater(ctx, deferral{Delivery: dlv, Claims: d.Claims}, err, requestID)
	}
	if errors.Is(err, errTwice) {
		return oid4vci.CredentialResponse{}, errIssued()
	}
	return out, err
}

// errTwice: another request delivered the dataset.
var errTwice = errors.New("issuer: the dataset was delivered already")

// delivery is a dataset on its way to a wallet.
type delivery struct {
	ID            string     `json:"-"` // of the credential to be
	Grant         string     `json:"-"`
	Offer         string     `json:"offer"`
	Client        string     `json:"client,omitempty"`
	Configuration string     `json:"configuration"`
	Vault         string     `json:"vault,omitempty"` // tag, already keyed
	Record        string     `json:"record,omitempty"`
	Keys          []jose.JWK `json:"keys"` // proven

	refs []status.Ref // taken for its copies, one for each key
}

// issued reports whether a dataset was delivered.
func (i *Issuer) issued(ctx context.Context, id string) (bool, error) {
	_, err := i.c.Store.Get(ctx, kindCredential, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// deliver issues a dataset, once; errTwice when another request was faster.
func (i *Issuer) deliver(ctx context.Context, d *delivery, claims []byte, requestID string) (oid4vci.CredentialResponse, error) {
	// Step 1. Prepare and seal one draft per copy.
	t := i.types[d.Configuration]
	copies, err := i.seal(ctx, t, d, claims)
	if err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	// Step 2. The mark that the dataset was issued, and all that stays of it.
	if err := i.remember(ctx, *d); err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	// Step 3. Not if the offer was withdrawn while this went on.
	if err := i.checkWithdrawn(ctx, d.Offer, d.refs); err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	if err := i.log(ctx, audit.Event{
		Kind: audit.Issue, Actor: audit.Actor{Kind: audit.System, ID: "issuer"}, DataType: t.vct, Outcome: audit.OK,
		RequestID: requestID, Detail: "copies " + strconv.Itoa(len(copies)),
	}); err != nil {
		return oid4vci.CredentialResponse{}, err
	}
	out := oid4vci.CredentialResponse{NotificationID: oid4vci.Secret(d.ID)}
	for _, c := range copies {
		out.Credentials = append(out.Credentials, oid4vci.IssuedCredential{Credential: c})
	}
	return out, nil
}

// authority is the issuing public body as the certificate that seals names it, where
// credentials name it at all: one that takes over may spell it otherwise.
func (i *Issuer) authority(sealing *x509.Certificate) format.Authority {
	a := format.Authority{Name: i.c.Authority.Name, Country: i.c.Authority.Country}
	if a.Name == "" || sealing.Equal(i.first) {
		return a
	}
	if of := sealing.Subject.Organization; len(of) > 0 && !slices.Contains(of, a.Name) {
		a.Name = of[0]
	}
	if in := sealing.Subject.Country; len(in) > 0 && !slices.Contains(in, a.Country) {
		a.Country = in[0]
	}
	return a
}

// draft is one copy before it is prepared.
func (i *Issuer) draft(claims []byte, now time.Time, key jose.JWK, ref status.Ref, sealing *x509.Certificate) format.Copy {
	return format.Copy{
		ID: "urn:uuid:" + uuid.NewString(), Subject: "urn:uuid:" + uuid.NewString(),
		IssuedAt: now, NotBefore: now, Expires: now.Add(i.c.Life), Holder: key.Public(),
		Status: ref, Authority: i.authority(sealing), Claims: claims,
	}
}

func (i *Issuer) remember(ctx context.Context, d delivery) error {
	data, err := jose.Marshal(storedCredential{
		Grant: d.Grant, Offer: d.Offer, Client: d.Client, Configuration: d.Configuration, Issued: i.c.Now(), Copies: d.refs,
	})
	if err != nil {
		return err
	}
	tags := []string{offerTag(d.Offer)}
	if d.Record != "" {
		tags = append(tags, i.recordTag(d.Record))
	}
	// The record outlives the credential, so that it can be revoked as long as
	// somebody might rely on it.
	expiry := i.c.Now().Add(i.c.Life + offerMemory)
	_, err = i.c.Store.Create(ctx, store.Record{Kind: kindCredential, ID: d.ID, Expiry: expiry, Tags: tags, Data: data})
	if errors.Is(err, store.ErrExists) {
		return errTwice
	}
	return err
}

// checkWithdrawn refuses what was issued from an offer that was withdrawn in the
// meantime, and revokes it: nobody has it.
func (i *Issuer) checkWithdrawn(ctx context.Context, offer string, refs []status.Ref) error {
	withdrawn, err := i.withdrawn(ctx, offer)
	if err != nil || !withdrawn {
		return err
	}
	for _, ref := range refs {
		if err := i.c.Statuses.Set(ctx, ref, status.Invalid); err != nil {
			return err
		}
	}
	return errWithdrawn()
}

// recordTag finds what was issued from a supplier's record again without
// keeping the reference.
func (i *Issuer) recordTag(reference string) string {
	m := hmac.New(sha256.New, i.tagKey)
	m.Write([]byte("record " + reference))
	return "record:" + jose.Encode(m.Sum(nil))
}

func (i *Issuer) authorize(ctx context.Context, by authz.Protected) (authz.Grant, grantPayload, error) {
	var p grantPayload
	g, err := i.authz.Admit(ctx, i.proofs, by)
	if err != nil {
		return g, p, refused(err)
	}
	return g, p, jose.Unmarshal(g.Payload, &p)
}

// single: the configuration says which dataset is meant.
func (p grantPayload) single() bool { return len(p.Datasets) == 1 }

// granted is what the token is good for: its identifiers and no others.
//
// Deviation: a wallet that was told the identifier of a single dataset may
// still ask by configuration (OpenID4VCI 1.0, Section 8.2 wants the
// identifier), because many wallets always do, and nothing else can be meant.
func (p grantPayload) granted(identifier string) oid4vci.Granted {
	if p.single() && identifier == "" {
		return oid4vci.Granted{Configurations: []string{p.Configuration}}
	}
	g := oid4vci.Granted{Identifiers: map[string]string{}}
	for _, d := range p.Datasets {
		g.Identifiers[d.Identifier] = p.Configuration
	}
	return g
}

// dataset that a checked request asks for.
func (p grantPayload) dataset(identifier string) waitingDataset {
	for _, d := range p.Datasets {
		if d.Identifier == identifier || p.single() && identifier == "" {
			return d
		}
	}
	return waitingDataset{}
}

func errWithdrawn() error {
	return refuse(oid4vci.CredentialRequestDenied, "OpenID4VCI 1.0, Section 8.3.1.2", "credential_identifier", "the offer was withdrawn; ask for a new one")
}

func errIssued() error {
	return refuse(oid4vci.CredentialRequestDenied, "OpenID4VCI 1.0, Section 8.3.1.2", "credential_identifier", "was issued already; ask for a new offer to have it again")
}

func refuse(code oid4vci.ErrorCode, spec, field, description string) error {
	return &oid4vci.Error{Code: code, Spec: spec, Field: field, Description: description}
}

// refused turns a refusal of the authorization server core into the word for
// it on the wire.
func refused(err error) error {
	var e *authz.Error
	if errors.As(err, &e) {
		return &oid4vci.Error{Code: oid4vci.ErrorCode(e.Code), Description: e.Description, Err: err}
	}
	return err
}
