package issuer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/store"
)

// txCodeLength is how many digits a transaction code has.
const txCodeLength = 6

// maxDatasets is how many credentials one offer may hold.
const maxDatasets = 64

// Collect is a request to collect a citizen's records from a supplier and to
// offer them.
type Collect struct {
	Configuration string
	Supplier      string
	Subject       identifier.INSZ
	// Vault is the vault platform's pseudonym of the vault, empty when an
	// institution makes the offer.
	Vault string
	// Client is the institution that asks; empty when the citizen does.
	Client        string
	CorrelationID string
}

// Offered is an offer that was made. The code, the URI and the transaction
// code are secrets of the citizen: they are answered once and never again.
type Offered struct {
	ID            string
	Configuration string
	// Code is the pre-authorized code, Reference the secret of the offer's URI.
	Code      capsule.Secret
	Reference capsule.Secret
	TxCode    authz.TxCode
	Expires   time.Time
	Accepted  []string
	Refused   []Refusal
}

// waitingDataset is one credential to be, as it waits under the code and then
// under the access token.
type waitingDataset struct {
	// Identifier is the credential_identifier (OpenID4VCI 1.0, Section 6.2).
	Identifier string `json:"id"`
	Record     string `json:"record,omitempty"`
	Claims     []byte `json:"claims"`
}

// grantPayload is what the pre-authorized code and the access token open.
type grantPayload struct {
	Offer         string           `json:"offer"`
	Configuration string           `json:"configuration"`
	Vault         string           `json:"vault,omitempty"` // tag, already keyed
	Client        string           `json:"client,omitempty"`
	Datasets      []waitingDataset `json:"datasets"`
}

// storedOffer is what the issuance API may know of an offer.
type storedOffer struct {
	Configuration string       `json:"configuration"`
	Client        string       `json:"client,omitempty"`
	Handle        authz.Handle `json:"handle"`
	Reference     string       `json:"reference"`
	Created       time.Time    `json:"created"`
	Expires       time.Time    `json:"expires"`
	Cancelled     bool         `json:"cancelled,omitempty"`
	Accepted      []string     `json:"accepted"`
	Refused       []Refusal    `json:"refused,omitempty"`
}

const (
	kindOffer     store.Kind = "issuer-offer"
	kindReference store.Kind = "issuer-offer-uri"

	purposeReference = "issuer offer uri"

	// offerMemory is how long the state of an offer can be asked for.
	offerMemory = 90 * 24 * time.Hour
)

// Collect asks the supplier for the records of the subject and offers those
// that may be issued. Records that are refused are named in the answer; when
// nothing is left it is ErrNothing with the collection in the answer's Refused.
func (i *Issuer) Collect(ctx context.Context, c Collect) (Offered, error) {
	if _, ok := i.types[c.Configuration]; !ok {
		return Offered{}, fmt.Errorf("%w: %q", ErrConfiguration, c.Configuration)
	}
	got, err := i.c.Source.Collect(ctx, c.Supplier, c.Subject, c.CorrelationID)
	logged := i.log(ctx, audit.Event{
		Kind: audit.Fetch, Actor: actor(c.Client), Subject: i.c.Names.Of("citizen", c.Subject.Reveal(), nil), Organisation: got.Organisation,
		DataType: got.DataType, Outcome: outcome(err), RequestID: c.CorrelationID, Detail: fmt.Sprintf("accepted %d refused %d", len(got.Datasets), len(got.Refused)),
	})
	if err != nil {
		return Offered{}, err
	}
	if logged != nil {
		return Offered{}, logged
	}
	if len(got.Datasets) == 0 {
		return Offered{Refused: got.Refused}, ErrNothing
	}
	return i.offer(ctx, c, got)
}

// Direct is an offer of claims that an institution gives itself.
type Direct struct {
	Configuration string
	Datasets      []Dataset
	Client        string
	CorrelationID string
}

// Offer offers an institution's own claims.
func (i *Issuer) Offer(ctx context.Context, d Direct) (Offered, error) {
	if _, ok := i.types[d.Configuration]; !ok {
		return Offered{}, fmt.Errorf("%w: %q", ErrConfiguration, d.Configuration)
	}
	if len(d.Datasets) == 0 {
		return Offered{}, ErrNothing
	}
	return i.offer(ctx, Collect{Configuration: d.Configuration, Client: d.Client, CorrelationID: d.CorrelationID}, Collection{Datasets: d.Datasets})
}

func (i *Issuer) offer(ctx context.Context, c Collect, got Collection) (Offered, error) {
	t := i.types[c.Configuration]
	if len(got.Datasets) > maxDatasets {
		return Offered{}, fmt.Errorf("issuer: %d credentials in one offer, at most %d", len(got.Datasets), maxDatasets)
	}
	o := Offered{
		ID: uuid.NewString(), Configuration: c.Configuration, Code: capsule.NewSecret(), Reference: capsule.NewSecret(),
		TxCode: authz.NewTxCode(txCodeLength), Expires: i.c.Now().Add(i.c.OfferLife).Truncate(time.Second), Refused: got.Refused,
	}
	payload := grantPayload{Offer: o.ID, Configuration: c.Configuration, Vault: i.vaultTag(c.Vault), Client: c.Client}
	for _, d := range got.Datasets {
		// What cannot be issued must not be offered: the draft is made once to
		// see that it can.
		if err := t.try(i, d.Claims); err != nil {
			return Offered{}, fmt.Errorf("issuer: record %q cannot become a %s: %w", d.Record, c.Configuration, err)
		}
		payload.Datasets = append(payload.Datasets, waitingDataset{Identifier: c.Configuration + "." + uuid.NewString(), Record: d.Record, Claims: d.Claims})
		o.Accepted = append(o.Accepted, d.Record)
	}
	plain, err := jose.Marshal(payload)
	if err != nil {
		return Offered{}, err
	}
	handle, err := i.authz.Create(ctx, authz.Offer{Code: o.Code, TxCode: o.TxCode, Payload: plain, Expires: o.Expires, Tags: []string{"offer:" + o.ID}})
	if err != nil {
		return Offered{}, err
	}
	if err := i.reference(ctx, o); err != nil {
		return Offered{}, err
	}
	data, err := jose.Marshal(storedOffer{
		Configuration: c.Configuration, Client: c.Client, Handle: handle, Reference: o.Reference.ID(purposeReference),
		Created: i.c.Now(), Expires: o.Expires, Accepted: o.Accepted, Refused: o.Refused,
	})
	if err != nil {
		return Offered{}, err
	}
	_, err = i.c.Store.Create(ctx, store.Record{Kind: kindOffer, ID: o.ID, Expiry: i.c.Now().Add(offerMemory), Tags: []string{"client:" + c.Client}, Data: data})
	if err != nil {
		return Offered{}, err
	}
	return o, i.log(ctx, audit.Event{Kind: audit.OfferCreate, Actor: actor(c.Client), DataType: t.vct, Outcome: audit.OK, RequestID: c.CorrelationID})
}

// reference keeps the offer under the secret of its URI (OpenID4VCI 1.0,
// Section 4.1.3).
func (i *Issuer) reference(ctx context.Context, o Offered) error {
	text, err := i.OfferObject(o)
	if err != nil {
		return err
	}
	id := o.Reference.ID(purposeReference)
	sealed, err := capsule.Seal(o.Reference, purposeReference, text, []byte(id))
	if err != nil {
		return err
	}
	_, err = i.c.Store.Create(ctx, store.Record{Kind: kindReference, ID: id, Expiry: o.Expires, Data: sealed})
	return err
}

// Reference is the offer object at an offer URI, while the offer waits.
func (i *Issuer) Reference(ctx context.Context, text string) ([]byte, error) {
	secret, err := capsule.ParseSecret(text)
	if err != nil {
		return nil, ErrNotFound
	}
	id := secret.ID(purposeReference)
	rec, err := i.c.Store.Get(ctx, kindReference, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return capsule.Open(secret, purposeReference, rec.Data, []byte(id))
}

// OfferState is what the issuance API says of an offer.
type OfferState struct {
	ID            string
	Configuration string
	// State is offered, redeemed, issued, expired or cancelled.
	State       string
	Created     time.Time
	Expires     time.Time
	Accepted    []string
	Refused     []Refusal
	Credentials []CredentialState
}

// State of an offer, for the client that made it. Others' offers are
// ErrNotFound.
func (i *Issuer) State(ctx context.Context, client, id string) (OfferState, error) {
	_, o, err := i.find(ctx, client, id)
	if err != nil {
		return OfferState{}, err
	}
	st := OfferState{ID: id, Configuration: o.Configuration, Created: o.Created, Expires: o.Expires, Accepted: o.Accepted, Refused: o.Refused}
	if st.Credentials, err = i.credentials(ctx, "offer:"+id); err != nil {
		return OfferState{}, err
	}
	where, err := i.authz.State(ctx, o.Handle)
	if err != nil {
		return OfferState{}, err
	}
	switch {
	case len(st.Credentials) > 0:
		st.State = "issued"
	case where == authz.StateRedeemed:
		st.State = "redeemed"
	case o.Cancelled:
		st.State = "cancelled"
	case where == authz.StateOffered:
		st.State = "offered"
	default:
		st.State = "expired"
	}
	return st, nil
}

// Cancel withdraws an offer that nobody redeemed yet.
func (i *Issuer) Cancel(ctx context.Context, client, id string) error {
	rec, o, err := i.find(ctx, client, id)
	if err != nil {
		return err
	}
	if err := i.authz.Cancel(ctx, o.Handle); err != nil {
		return err
	}
	if err := i.c.Store.Delete(ctx, store.Record{Kind: kindReference, ID: o.Reference}); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if o.Cancelled {
		return nil
	}
	o.Cancelled = true
	next := rec
	if next.Data, err = jose.Marshal(o); err != nil {
		return err
	}
	if _, err := i.c.Store.Replace(ctx, rec, next); err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}
	return nil
}

func (i *Issuer) find(ctx context.Context, client, id string) (store.Record, storedOffer, error) {
	var o storedOffer
	if _, err := uuid.Parse(id); err != nil {
		return store.Record{}, o, ErrNotFound
	}
	rec, err := i.c.Store.Get(ctx, kindOffer, id)
	if errors.Is(err, store.ErrNotFound) {
		return rec, o, ErrNotFound
	}
	if err != nil {
		return rec, o, err
	}
	if err := jose.Unmarshal(rec.Data, &o); err != nil {
		return rec, o, err
	}
	if o.Client != client || client == "" {
		return rec, o, ErrNotFound
	}
	return rec, o, nil
}

// vaultTag is the pseudonym of a vault as it stands in tags: keyed once more,
// so that the store alone does not link it to the vault platform.
func (i *Issuer) vaultTag(pseudonym string) string {
	if pseudonym == "" {
		return ""
	}
	m := hmac.New(sha256.New, i.tagKey)
	m.Write([]byte(pseudonym))
	return "vault:" + jose.Encode(m.Sum(nil))
}

// log writes to the use log. Its error fails the use: what cannot be logged
// must not happen.
func (i *Issuer) log(ctx context.Context, e audit.Event) error {
	if err := i.c.Log.Append(ctx, e); err != nil {
		return fmt.Errorf("issuer: the use log cannot be written: %w", err)
	}
	return nil
}

func actor(client string) audit.Actor {
	if client == "" {
		return audit.Actor{Kind: audit.System, ID: "collection"}
	}
	return audit.Actor{Kind: audit.Organisation, ID: client}
}

func outcome(err error) audit.Outcome {
	if err != nil {
		return audit.Failed
	}
	return audit.OK
}
