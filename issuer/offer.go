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
	Expires   time.Time
	Accepted  []string
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
	Ask           *question        `json:"ask,omitempty"` // set when some dataset waits for its supplier
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
}

// offer makes an offer.
func (i *Issuer) offer(ctx context.Context, c Collect, by audit.Event, w wares) (Offered, error) {
	o := Offered{
		ID: uuid.NewString(), Configuration: c.Configuration, Code: capsule.NewSecret(), Reference: capsule.NewSecret(),
		TxCode: authz.NewTxCode(txCodeLength), Expires: i.c.Now().Add(i.c.OfferLife).Truncate(time.Second), Refused: w.refused,
	}
	p := grantPayload{
		Offer: o.ID, Configuration: c.Configuration, Reference: o.Reference.ID(purposeReference),
		Vault: i.vaultTag(c.Vault.Pseudonym), Client: c.Client,
	}
	for _, d := range w.datasets {
		p.Datasets = append(p.Datasets, waitingDataset{Identifier: c.Configuration + "." + uuid.NewString(), Record: d.Record, Claims: d.Claims})
		o.Accepted = append(o.Accepted, d.Record)
	}
	for _, d := range w.pending {
		p.Ask = &question{Supplier: c.Supplier, Subject: c.Subject.Reveal()}
		wait := interval(d.Again)
		p.Datasets = append(p.Datasets, waitingDataset{
			Identifier: c.Configuration + "." + uuid.NewString(), Record: d.Record,
			Later: &askedWhen{Next: i.c.Now().Add(wait), Interval: int64(wait / time.Second)},
		})
		o.Pending = append(o.Pending, d.Record)
	}
	plain, err := jose.Marshal(p)
	if err != nil {
		return Offered{}, err
	}
	handle, err := i.authz.Create(ctx, authz.Offer{Code: o.Code, TxCode: o.TxCode, Payload: plain, Expires: o.Expires, Tags: []string{"offer:" + o.ID}})
	if err != nil {
		return Offered{}, err
	}
	if err := i.keepReference(ctx, o); err != nil {
		return Offered{}, err
	}
	if err := i.keepOffer(ctx, o, p, handle); err != nil {
		return Offered{}, err
	}
	return o, i.log(ctx, audit.Event{Kind: audit.OfferCreate, Actor: by.Actor, Subject: by.Subject, DataType: i.vct(c.Configuration), Outcome: audit.OK, RequestID: c.CorrelationID})
}

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

// dropReference makes an offer's URI lead nowhere.
func (i *Issuer) dropReference(ctx context.Context, id string) error {
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
