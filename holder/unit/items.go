package unit

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// indexName is the one resource of a pod with a fixed name.
const indexName = "index.jwe"

// Item is one credential in the vault: as many copies as were issued, each
// with a key of its own, so that two receivers cannot tell by it that they met
// the same person.
type Item struct {
	// Name is the resource in the pod, a random UUID.
	Name string `json:"name"`
	// Format and Type of the credential; the type is a vct, a doctype or an IRI.
	Format string `json:"format"`
	Type   string `json:"type"`
	// Title is what the citizen sees in a list.
	Title  string    `json:"title"`
	Issuer string    `json:"issuer"`
	Added  time.Time `json:"added"`
	// Expires is when the first of its copies is over.
	Expires time.Time `json:"expires,omitzero"`
	Copies  []Copy    `json:"copies"`
	// Source is how it came here, and how it can be had anew; nil when that is
	// not known.
	Source *Source `json:"source,omitempty"`
}

// Source is where a credential came from.
type Source struct {
	// Issuer is the credential issuer identifier, which need not be the issuer
	// in the credential, and Configuration the one that was asked for.
	Issuer        string `json:"credential_issuer"`
	Configuration string `json:"credential_configuration_id"`
	// Grant is the resource that holds what the issuer may be asked with;
	// empty when nothing of it could be used again.
	Grant string `json:"grant,omitzero"`
	// Notification is what the issuer calls it.
	Notification oid4vci.Secret `json:"notification_id,omitzero"`
}

func (it Item) entry() Entry {
	e := Entry{Name: it.Name, Format: it.Format, Type: it.Type, Title: it.Title, Issuer: it.Issuer, Added: it.Added, Expires: it.Expires, Kind: KindCredential}
	if it.Source != nil {
		e.Grant = it.Source.Grant
	}
	return e
}

// Copy is one issued copy and its holder key.
type Copy struct {
	// Credential as the issuer's response carried it: a string, or an object.
	Credential jsontext.Value `json:"credential"`
	Key        jose.JWK       `json:"key"`
	// Shown counts presentations; a copy that was not shown is taken first.
	Shown int `json:"shown"`
}

// Open reads a copy, verifying nothing.
func (it Item) Open(n int) (format.Held, error) {
	f := format.By(it.Format)
	if f == nil {
		return nil, fmt.Errorf("its format %s is not known to this wallet", shown(it.Format, 40))
	}
	return f.Open(it.Copies[n].Credential)
}

// Signer is the copy's holder key.
func (c Copy) Signer() (crypto.Signer, error) { return c.Key.Private() }

// Entry is a line of the vault's encrypted index.
type Entry struct {
	Name   string    `json:"name"`
	Format string    `json:"format"`
	Type   string    `json:"type"`
	Title  string    `json:"title"`
	Issuer string    `json:"issuer"`
	Added  time.Time `json:"added"`
	// Expires is when a credential is over.
	Expires time.Time `json:"expires,omitzero"`
	// Grant is the resource of the grant that it was, or is to be, got with.
	Grant string `json:"grant,omitzero"`
	// Kind is one of those below.
	Kind string `json:"kind"`
	// Of is the credential that evidence is of, Level what it was lifted to, and
	// StampBefore when it must be stamped again. Its Added is that of the credential
	// it was made of.
	Of          string    `json:"of,omitzero"`
	Level       string    `json:"level,omitzero"`
	StampBefore time.Time `json:"stamp_before,omitzero"`
	// Algorithms is a digest of the table by which StampBefore was found.
	Algorithms string `json:"algorithms,omitzero"`
	// NoBetter is when no authority had a certificate that runs longer than the
	// evidence does, and NoBetterOf a digest of the anchors that were trusted then.
	NoBetter   time.Time `json:"no_better,omitzero"`
	NoBetterOf string    `json:"no_better_of,omitzero"`
}

// Kinds of entries.
const (
	KindCredential = "credential"
	KindReceipt    = "receipt"
	// KindWaiting is a credential that the issuer has put off.
	KindWaiting = "waiting"
	// KindGrant is what an issuer may be asked with again.
	KindGrant = "grant"
	// KindAsking is a sign-in at an issuer that the citizen is sent to.
	KindAsking = "asking"
	// KindEvidence is what proves a credential's seal when its certificate has run
	// out.
	KindEvidence = "evidence"
)

var kinds = []string{KindCredential, KindReceipt, KindWaiting, KindGrant, KindAsking, KindEvidence}

// Receipt is what the citizen keeps of a share.
type Receipt struct {
	At           time.Time `json:"at"`
	Organisation string    `json:"organisation"`
	Receiver     string    `json:"receiver"`
	Purpose      string    `json:"purpose"`
	LegalBasis   string    `json:"legal_basis"`
	Privacy      string    `json:"privacy_statement,omitempty"`
	// Shared says what was disclosed of which item; never a value.
	Shared []SharedItem `json:"shared"`
	// Authorised are the types of the transactions that were authorised by it.
	Authorised []string `json:"authorised,omitempty"`
	// Outcome is what is known of the answer's arrival.
	Outcome string `json:"outcome"`
}

// SharedItem is one credential of a share and the claims that were disclosed
// of it, beside those that are always visible.
type SharedItem struct {
	Item      string   `json:"item"`
	Title     string   `json:"title"`
	Type      string   `json:"type"`
	Disclosed []string `json:"disclosed"`
	// Whole: all of the credential was shown.
	Whole bool `json:"whole,omitzero"`
}

// Outcomes of sending an answer.
const (
	OutcomeAccepted = "accepted"
	OutcomeRefused  = "refused by the receiver"
	OutcomeUnknown  = "sent, but no answer came back"
	OutcomeHanded   = "handed to the browser"
)

type index struct {
	Version int     `json:"version"`
	Entries []Entry `json:"entries"`
}

func (x index) holds(name string) bool {
	return slices.ContainsFunc(x.Entries, func(e Entry) bool { return e.Name == name })
}

// ErrItem is returned for what opens but is no such thing as was asked for. An
// envelope can be made by anyone who knows the vault's public key, so that
// what is in it is held against its form like other input.
var ErrItem = errors.New("what the vault holds under this name is damaged, or was written by a newer wallet unit")

func decodeItem(b []byte, name string) (Item, error) {
	var it Item
	if err := jose.UnmarshalClosed(b, &it); err != nil {
		return Item{}, fmt.Errorf("%w: %w", ErrItem, err)
	}
	if it.Name != name || it.Format == "" || it.Type == "" || len(it.Copies) == 0 {
		return Item{}, fmt.Errorf("%w: expected a credential of this name with a format, a type and at least one copy", ErrItem)
	}
	for _, c := range it.Copies {
		if !carried(c.Credential) || c.Shown < 0 {
			return Item{}, fmt.Errorf("%w: expected a credential in every copy, and a number of times it was shown", ErrItem)
		}
	}
	return it, nil
}

// carried reports whether a value can be a credential: a string that is not
// empty, or an object.
func carried(c jsontext.Value) bool {
	return c.Kind() == '{' || c.Kind() == '"' && string(c) != `""`
}

func decodeReceipt(b []byte) (Receipt, error) {
	var r Receipt
	if err := jose.UnmarshalClosed(b, &r); err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrItem, err)
	}
	if r.Receiver == "" && r.Organisation == "" {
		return Receipt{}, fmt.Errorf("%w: expected a receipt that names a receiver", ErrItem)
	}
	return r, nil
}

func decodeIndex(b []byte) (index, error) {
	var v struct {
		Version int `json:"version"`
	}
	if err := jose.Unmarshal(b, &v); err != nil {
		return index{}, fmt.Errorf("%w: the index: %w", ErrItem, err)
	}
	if v.Version != 1 {
		return index{}, fmt.Errorf("the vault's index has version %d, which this wallet unit does not know; use a newer one", v.Version)
	}
	// Unknown members are refused: they would be lost with the next change.
	var x index
	if err := jose.UnmarshalClosed(b, &x); err != nil {
		return index{}, fmt.Errorf("%w: the index: %w", ErrItem, err)
	}
	for _, e := range x.Entries {
		if !isName(e.Name) || !slices.Contains(kinds, e.Kind) {
			return index{}, fmt.Errorf("%w: the index has an entry without a name or of an unknown kind", ErrItem)
		}
	}
	return x, nil
}
