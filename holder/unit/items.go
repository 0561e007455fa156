package unit

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// indexName is the one resource of a pod with a fixed name.
const indexName = "index.jwe"

// Item is one credential in the vault: as many copies as were issued, each
// with a key of its own, so that two receivers cannot tell by it that they met
// the same person.
type Item struct {
	// Name is the resource in the pod, a random UUID.
	Name string `json:"name"`
	// Format and Type (vct) of the credential.
	Format string `json:"format"`
	Type   string `json:"type"`
	// Title is what the citizen sees in a list.
	Title  string    `json:"title"`
	Issuer string    `json:"issuer"`
	Added  time.Time `json:"added"`
	Copies []Copy    `json:"copies"`
}

// Copy is one issued copy and its holder key.
type Copy struct {
	Credential string   `json:"credential"`
	Key        jose.JWK `json:"key"`
	// Shown counts presentations; a copy that was not shown is taken first.
	Shown int `json:"shown"`
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
	// Kind is "credential" or "receipt".
	Kind string `json:"kind"`
}

// Kinds of entries.
const (
	KindCredential = "credential"
	KindReceipt    = "receipt"
)

// Receipt is what the citizen keeps of a share.
type Receipt struct {
	At           time.Time `json:"at"`
	Organisation string    `json:"organisation"`
	Receiver     string    `json:"receiver"`
	Purpose      string    `json:"purpose"`
	LegalBasis   string    `json:"legal_basis"`
	Privacy      string    `json:"privacy_statement,omitempty"`
	Disclosed    []string  `json:"disclosed"`
	Item         string    `json:"item"`
	// Outcome is what is known of the answer's arrival.
	Outcome string `json:"outcome"`
}

// Outcomes of sending an answer.
const (
	OutcomeAccepted = "accepted"
	OutcomeRefused  = "refused by the receiver"
	OutcomeUnknown  = "sent, but no answer came back"
)

type index struct {
	Version int     `json:"version"`
	Entries []Entry `json:"entries"`
}

// Vault is an opened vault.
type Vault struct {
	Info     VaultInfo
	Keys     *Keys
	Platform *Platform
	Random   io.Reader
}

// tries is how often a change of the index is made again when another device
// was first.
const tries = 5

// Entries lists what is in the vault.
func (v *Vault) Entries(ctx context.Context) ([]Entry, error) {
	x, _, err := v.index(ctx)
	return x.Entries, err
}

// Add seals an item, stores it and enters it in the index.
func (v *Vault) Add(ctx context.Context, it Item) error {
	if err := v.create(ctx, it.Name, it); err != nil {
		return err
	}
	return v.change(ctx, func(x *index) {
		x.Entries = append(x.Entries, Entry{Name: it.Name, Format: it.Format, Type: it.Type, Title: it.Title, Issuer: it.Issuer, Added: it.Added, Kind: KindCredential})
	})
}

// AddReceipt seals and stores a receipt.
func (v *Vault) AddReceipt(ctx context.Context, name string, r Receipt) error {
	if err := v.create(ctx, name, r); err != nil {
		return err
	}
	return v.change(ctx, func(x *index) {
		x.Entries = append(x.Entries, Entry{Name: name, Title: r.Organisation, Added: r.At, Kind: KindReceipt})
	})
}

// Item opens a credential; the ETag is for Update.
func (v *Vault) Item(ctx context.Context, name string) (Item, string, error) {
	var it Item
	etag, err := v.read(ctx, name, &it)
	return it, etag, err
}

// Receipt opens a receipt.
func (v *Vault) Receipt(ctx context.Context, name string) (Receipt, error) {
	var r Receipt
	_, err := v.read(ctx, name, &r)
	return r, err
}

// Update stores an item in place of the version that was read.
func (v *Vault) Update(ctx context.Context, it Item, etag string) error {
	data, err := v.seal(it.Name, it)
	if err != nil {
		return err
	}
	return v.Platform.PutItem(ctx, it.Name, etag, data)
}

// Remove deletes an item: from the index first, so that what is listed is there.
func (v *Vault) Remove(ctx context.Context, name string) error {
	found := false
	err := v.change(ctx, func(x *index) {
		n := len(x.Entries)
		x.Entries = slices.DeleteFunc(x.Entries, func(e Entry) bool { return e.Name == name })
		found = found || len(x.Entries) < n
	})
	if err != nil {
		return err
	}
	err = v.Platform.DeleteItem(ctx, name)
	if errors.Is(err, ErrNotFound) && found {
		return nil
	}
	return err
}

func (v *Vault) create(ctx context.Context, name string, value any) error {
	data, err := v.seal(name, value)
	if err != nil {
		return err
	}
	return v.Platform.PutItem(ctx, name, "", data)
}

func (v *Vault) seal(name string, value any) ([]byte, error) {
	plain, err := jose.Marshal(value)
	if err != nil {
		return nil, err
	}
	return SealEnvelope(v.Random, v.Keys.Vault.PublicKey(), v.Info.Storage+name, plain)
}

func (v *Vault) read(ctx context.Context, name string, out any) (string, error) {
	data, etag, err := v.Platform.Item(ctx, name)
	if err != nil {
		return "", err
	}
	plain, err := OpenEnvelope(v.Keys.Vault, v.Info.Storage+name, data)
	if err != nil {
		return "", err
	}
	return etag, jose.Unmarshal(plain, out)
}

func (v *Vault) index(ctx context.Context) (index, string, error) {
	x := index{Version: 1}
	etag, err := v.read(ctx, indexName, &x)
	if errors.Is(err, ErrNotFound) {
		return x, "", nil
	}
	if err == nil && x.Version != 1 {
		err = fmt.Errorf("the vault's index has version %d, which this wallet unit does not know; use a newer one", x.Version)
	}
	return x, etag, err
}

// change edits the index by compare-and-swap.
func (v *Vault) change(ctx context.Context, edit func(*index)) error {
	for range tries {
		x, etag, err := v.index(ctx)
		if err != nil {
			return err
		}
		edit(&x)
		data, err := v.seal(indexName, x)
		if err != nil {
			return err
		}
		err = v.Platform.PutItem(ctx, indexName, etag, data)
		if !errors.Is(err, ErrPrecondition) {
			return err
		}
	}
	return fmt.Errorf("changing the vault's index: %w", ErrPrecondition)
}

// NewName draws a name for a resource: a UUID of version 4 (RFC 9562).
func NewName(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}
