package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// txCodeLength is how many digits a transaction code has.
const txCodeLength = 6

// MaxDatasets is how many credentials one offer may hold.
const MaxDatasets = 256

// Offered is an offer that was made. The code, the URI and the transaction
// code are secrets of the citizen: they are answered once and never again.
type Offered struct {
	ID            string
	Configuration string
	// Code is the pre-authorized code, Reference the secret of the offer's URI.
	Code      capsule.Secret
	Reference capsule.Secret
	TxCode    authz.TxCode
	// SignIn: Code is the issuer_state of an offer that the citizen must sign in
	// for.
	SignIn   bool
	Expires  time.Time
	Accepted []string
	// Pending are records that are offered although the supplier will only have
	// them later.
	Pending []string
	Refused []Refusal
	// NoData: the supplier says that it holds nothing about the citizen. Then
	// there is no offer.
	NoData bool
}

// waitingDataset is one credential to be, as it waits under the code and then
// under the access token.
type waitingDataset struct {
	// Identifier is the credential_identifier (OpenID4VCI 1.0, Section 6.2).
	Identifier string `json:"id"`
	Record     string `json:"record,omitempty"`
	// Claims are nil when the supplier will only have the record later; Later
	// is set then.
	Claims []byte     `json:"claims,omitempty"`
	Later  *askedWhen `json:"later,omitempty"`
}

// askedWhen is when a supplier may be asked again.
type askedWhen struct {
	Next     time.Time `json:"next"`
	Interval int64     `json:"interval"` // seconds
}

// question is what a supplier must be asked again for the records that it did
// not have yet. It names the citizen, so it is only ever stored sealed.
type question struct {
	Supplier string `json:"supplier"`
	Subject  string `json:"subject"`
}

// grantPayload is what the pre-authorized code and the access token open.
type grantPayload struct {
	Offer         string           `json:"offer"`
	Configuration string           `json:"configuration"`
	Reference     string           `json:"reference"`       // id of the offer URI's record
	Vault         string           `json:"vault,omitempty"` // tag, already keyed
	Client        string           `json:"client,omitempty"`
	Datasets      []waitingDataset `json:"datasets"`
	// Ask is set when a supplier has the records: for those that it did not have
	// yet, and to have them again when the grant is renewed.
	Ask *question `json:"ask,omitempty"`
	// Subject, keyed, is whom an offer is for that a citizen must sign in for.
	Subject string `json:"subject,omitempty"`
	// Detailed: the wallet asked with authorization_details; Scope is what it asked
	// with otherwise. Both are of the authorization code flow.
	Detailed bool   `json:"detailed,omitempty"`
	Scope    string `json:"scope,omitempty"`
}

// storedOffer is what the issuance API may know of an offer.
type storedOffer struct {
	Configuration string       `json:"configuration"`
	Client        string       `json:"client,omitempty"`
	Handle        authz.Handle `json:"handle"`
	Reference     string       `json:"reference"`
	Created       time.Time    `json:"created"`
	Expires       time.Time    `json:"expires"`
	// Withdrawn: cancelled, or its vault was deleted. Nothing more is issued.
	Withdrawn bool `json:"withdrawn,omitempty"`
	// Records is an offerRecords, sealed: a supplier's reference of a record
	// says whose it is to whoever has the supplier's register too.
	Records []byte `json:"records"`
}

type offerRecords struct {
	Accepted []string  `json:"accepted"`
	Pending  []string  `json:"pending,omitempty"`
	Refused  []Refusal `json:"refused,omitempty"`
}

const (
	kindOffer     store.Kind = "issuer-offer"
	kindReference store.Kind = "issuer-offer-uri"

	purposeReference = "issuer offer uri"
	purposeRecords   = "issuer offer records"

	// offerMemory is how long the state of an offer can be asked for when it
	// is over.
	offerMemory = 90 * 24 * time.Hour
)

// wares are what is offered: datasets that were checked, and what is only
// promised.
type wares struct {
	datasets []Dataset
	pending  []Pending
	refused  []Refusal
	noData   bool
}

// offer makes an offer.
func (i *Issuer) offer(ctx context.Context, c Collect, by audit.Event, w wares) (Offered, error) {
	o := i.offered(c, w)
	o.Code, o.Reference, o.SignIn = capsule.NewSecret(), capsule.NewSecret(), c.SignIn
	if !o.SignIn {
		o.TxCode = authz.NewTxCode(txCodeLength)
	}
	p := i.payload(c, o, w)
	p.Reference = o.Reference.ID(purposeReference)
	plain, err := jose.Marshal(p)
	if err != nil {
		return Offered{}, err
	}
	handle, err := i.authz.Create(ctx, authz.Offer{Code: o.Code, TxCode: o.TxCode, SignIn: o.SignIn, Payload: plain, Expires: o.Expires, Tags: []string{"offer:" + o.ID}})
	if err != nil {
		return Offered{}, err
	}
	if err := i.keepReference(ctx, o); err != nil {
		return Offered{}, err
	}
	if err := i.keepOffer(ctx, o, p, handle); err != nil {
		return Offered{}, err
	}
	return o, i.logOffer(ctx, c, by)
}

func (i *Issuer) logOffer(ctx context.Context, c Collect, by audit.Event) error {
	return i.log(ctx, audit.Event{Kind: audit.OfferCreate, Actor: by.Actor, Subject: by.Subject, DataType: i.vct(c.Configuration), Outcome: audit.OK, RequestID: c.CorrelationID})
}

// offered is what is offered, without codes.
func (i *Issuer) offered(c Collect, w wares) Offered {
	o := Offered{ID: uuid.NewString(), Configuration: c.Configuration, Expires: i.c.Now().Add(i.c.OfferLife).Truncate(time.Second), Refused: w.refused}
	for _, d := range w.datasets {
		o.Accepted = append(o.Accepted, d.Record)
	}
	for _, d := range w.pending {
		o.Pending = append(o.Pending, d.Record)
	}
	return o
}

// payload is what a token for the wares will open.
func (i *Issuer) payload(c Collect, o Offered, w wares) grantPayload {
	p := grantPayload{Offer: o.ID, Configuration: c.Configuration, Vault: i.vaultTag(c.Vault.Pseudonym), Client: c.Client}
	if c.SignIn {
		p.Subject = i.subjectTag(c.Subject)
	}
	if c.Supplier != "" {
		p.Ask = &question{Supplier: c.Supplier, Subject: c.Subject.Reveal()}
	}
	for _, d := range w.datasets {
		p.Datasets = append(p.Datasets, waitingDataset{Identifier: identifierOf(c.Configuration), Record: d.Record, Claims: d.Claims})
	}
	for _, d := range w.pending {
		wait := interval(d.Again)
		p.Datasets = append(p.Datasets, waitingDataset{
			Identifier: identifierOf(c.Configuration), Record: d.Record,
			Later: &askedWhen{Next: i.c.Now().Add(wait), Interval: int64(wait / time.Second)},
		})
	}
	return p
}

// identifierOf draws a credential_identifier.
func identifierOf(configuration string) string { return configuration + "." + uuid.NewString() }

// keepOffer stores what may be known of an offer without its codes.
func (i *Issuer) keepOffer(ctx context.Context, o Offered, p grantPayload, handle authz.Handle) error {
	records, err := jose.Marshal(offerRecords{Accepted: o.Accepted, Pending: o.Pending, Refused: o.Refused})
	if err != nil {
		return err
	}
	sealed, err := capsule.Seal(i.records, purposeRecords, records, []byte(o.ID))
	if err != nil {
		return err
	}
	data, err := jose.Marshal(storedOffer{
		Configuration: o.Configuration, Client: p.Client, Handle: handle, Reference: p.Reference,
		Created: i.c.Now(), Expires: o.Expires, Records: sealed,
	})
	if err != nil {
		return err
	}
	tags := []string{"client:" + p.Client}
	if p.Vault != "" {
		tags = append(tags, p.Vault)
	}
	_, err = i.c.Store.Create(ctx, store.Record{Kind: kindOffer, ID: o.ID, Expiry: o.Expires.Add(offerMemory), Tags: tags, Data: data})
	return err
}

func (i *Issuer) openRecords(id string, o storedOffer) (r offerRecords, err error) {
	plain, err := capsule.Open(i.records, purposeRecords, o.Records, []byte(id))
	if err != nil {
		return r, fmt.Errorf("issuer: the records of an offer cannot be opened; was the issuer's key changed? %w", err)
	}
	return r, jose.Unmarshal(plain, &r)
}

// keepReference keeps the offer under the secret of its URI (OpenID4VCI 1.0,
// Section 4.1.3).
func (i *Issuer) keepReference(ctx context.Context, o Offered) error {
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

// dropReference makes an offer's URI lead nowhere; what a citizen agreed to after
// signing in has none.
func (i *Issuer) dropReference(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	return i.drop(ctx, kindReference, id)
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
