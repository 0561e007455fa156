package status

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// The records of the register. An index record is written once and never
// changed; its unique insert is what makes an index unique. A change record is
// one step of a list's history, numbered from 1.
const (
	kindList   store.Kind = "status-list"
	kindIndex  store.Kind = "status-index"
	kindChange store.Kind = "status-change"

	tagOpen = "open"
)

// Signer signs a Status List Token; *seal.Sealer is one.
type Signer interface {
	SignCompact(typ string, iat time.Time, payload []byte) (string, error)
}

// appendSigner is a Signer that makes bytes, which spares two copies of the token.
type appendSigner interface {
	AppendCompact(dst []byte, typ string, iat time.Time, payload []byte) ([]byte, error)
}

// Options of a Register.
type Options struct {
	// Base is the URL below which lists are served: <Base>/status/<list id>, and
	// <Base>/status/<list id>/<purpose> for status list credentials.
	Base   string
	Signer Signer
	// Size is how many indexes a new list has: a power of two from 1,024;
	// default 131,072. A list is closed at about half of it.
	Size int
	// TTL is how long others may keep a list; default 5 minutes.
	TTL time.Duration
	// Interval is how long a published list is served before changes are looked
	// for: all that were made meanwhile go into one publication. A revocation is
	// seen at latest an Interval and a TTL after it was made. 0 looks at each
	// request, which costs a signature for each change.
	Interval time.Duration
	// CWT signs the lists in CWT format; nil offers none.
	CWT CWTSigner
	// Bitstring says how lists are published as status list credentials; nil
	// offers none.
	Bitstring *BitstringOptions
	// Messages are what a list can say of a credential besides its validity, at
	// most MaxMessages: for developers, not for end users. The n-th, counted
	// from 1, is set as MessageValue(n). A Token Status List shows them as
	// application-specific values, which those who do not know them refuse. A
	// list keeps the messages it was opened with.
	Messages []string
	// Lifetime is from iat to exp, at least twice the TTL; default 24 hours.
	Lifetime time.Duration
	Now      func() time.Time
	// Rand chooses indexes and list ids; default crypto/rand.
	Rand io.Reader
}

// Register is the issuer's side of status lists. It keeps the lists it was
// asked about in memory, as much as their changes say; several registers on
// one store see each other's allocations and changes.
type Register struct {
	store store.Store
	o     Options
	base  string

	signers atomic.Uint64 // counts Renew

	mu    sync.Mutex // guards open and lists
	open  *openList
	lists map[string]*published
}

// Renew says that another key signs from now on: every list is signed anew when it
// is asked for next, whether it changed or not.
func (r *Register) Renew() { r.signers.Add(1) }

// openList is the list that indexes are taken from now.
type openList struct {
	record store.Record
	size   uint64
	// crowding follows the share of draws that hit a taken index, which is how
	// full the list is: no counter is kept, scanned or rewritten.
	crowding float64
	weight   float64
}

type listData struct {
	Bits     int      `json:"bits"`
	Size     uint64   `json:"size"`
	Messages []string `json:"messages,omitempty"`
}

// NewRegister checks the options.
func NewRegister(s store.Store, o Options) (*Register, error) {
	if o.Size == 0 {
		o.Size = 1 << 17
	}
	if o.TTL == 0 {
		o.TTL = 5 * time.Minute
	}
	if o.Lifetime == 0 {
		o.Lifetime = 24 * time.Hour
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	switch {
	case s == nil || o.Signer == nil || o.Now == nil:
		return nil, errors.New("status: a register needs a store, a Signer and Now")
	case o.Size < 1024 || bits.OnesCount(uint(o.Size)) != 1 || o.Size > MaxList:
		return nil, fmt.Errorf("status: Size is %d, expected a power of two from 1024 to %d", o.Size, MaxList)
	case o.TTL < time.Second || o.Lifetime < 2*o.TTL:
		return nil, fmt.Errorf("status: TTL is %v and Lifetime %v; expected at least a second, and at least twice the TTL", o.TTL, o.Lifetime)
	}
	if o.Interval < 0 || o.Interval > o.Lifetime/4 {
		return nil, fmt.Errorf("status: Interval is %v, expected 0 to a quarter of the Lifetime of %v", o.Interval, o.Lifetime)
	}
	if err := checkMessages(o.Messages); err != nil {
		return nil, err
	}
	o.Messages = slices.Clone(o.Messages)
	if b := o.Bitstring; b != nil && (b.Issuer == "" || b.Securer == nil || b.MediaType == "") {
		return nil, errors.New("status: Bitstring needs an Issuer, a Securer and its MediaType")
	}
	base := strings.TrimSuffix(o.Base, "/") + "/status/"
	if err := checkURI(base, true); err != nil {
		return nil, fmt.Errorf("status: Base: %w", err)
	}
	return &Register{store: s, o: o, base: base, lists: map[string]*published{}}, nil
}

// Allocate takes one random, never used index (Sections 13.2 and 13.3). The
// tags are what Find looks for: a vault's keyed pseudonym, an offer, a
// credential id. They are stored as they are, so they must name no citizen.
func (r *Register) Allocate(ctx context.Context, tags ...string) (Ref, error) {
	for {
		open, err := r.current(ctx)
		if err != nil {
			return Ref{}, err
		}
		index, err := r.draw(open.size)
		if err != nil {
			return Ref{}, err
		}
		id := open.record.ID
		_, err = r.store.Create(ctx, store.Record{Kind: kindIndex, ID: indexID(id, index), Tags: tags})
		if err != nil && !errors.Is(err, store.ErrExists) {
			return Ref{}, fmt.Errorf("allocating a status index: %w", err)
		}
		if r.observe(open, err != nil) {
			if err := r.shut(ctx, open.record); err != nil {
				return Ref{}, err
			}
		}
		if err == nil {
			return Ref{Index: index, URI: r.base + id}, nil
		}
	}
}

// allocators is how many indexes of one AllocateN are taken at a time, so that
// a store that commits in groups can.
const allocators = 16

// AllocateN takes n indexes with the same tags. When it fails, indexes that
// were taken are lost, never reused.
func (r *Register) AllocateN(ctx context.Context, n int, tags ...string) ([]Ref, error) {
	refs := make([]Ref, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(allocators)
	for i := range refs {
		g.Go(func() (err error) {
			refs[i], err = r.Allocate(ctx, tags...)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return refs, nil
}

// Find returns every index that was allocated with the tag.
func (r *Register) Find(ctx context.Context, tag string) ([]Ref, error) {
	if tag == "" {
		return nil, errors.New("status: finding indexes needs a tag")
	}
	var refs []Ref
	for page := (store.Page{Limit: store.MaxLimit}); ; {
		records, next, err := r.store.Find(ctx, kindIndex, tag, page)
		if err != nil {
			return nil, fmt.Errorf("finding status indexes: %w", err)
		}
		for _, rec := range records {
			list, text, _ := strings.Cut(rec.ID, ".")
			index, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("finding status indexes: a record has a damaged id")
			}
			refs = append(refs, Ref{Index: index, URI: r.base + list})
		}
		if page.Next = next; next == "" {
			return refs, nil
		}
	}
}

func indexID(list string, index uint64) string { return list + "." + strconv.FormatUint(index, 10) }

// draw picks a random index; size is a power of two, so none is likelier.
func (r *Register) draw(size uint64) (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(r.o.Rand, b[:]); err != nil {
		return 0, fmt.Errorf("drawing a status index: %w", err)
	}
	return binary.BigEndian.Uint64(b[:]) & (size - 1), nil
}

// current is the open list; a new one is made when there is none. Two
// registers that start at once may each make one: both are used and filled.
func (r *Register) current(ctx context.Context) (*openList, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open != nil {
		return r.open, nil
	}
	records, _, err := r.store.Find(ctx, kindList, tagOpen, store.Page{})
	if err != nil {
		return nil, fmt.Errorf("finding the open status list: %w", err)
	}
	for _, record := range records {
		d, err := readListData(record)
		if err != nil {
			return nil, err
		}
		// One that was opened with other messages waits for a register that
		// has them.
		if slices.Equal(d.Messages, r.o.Messages) {
			r.take(record, d)
			return r.open, nil
		}
	}
	record, d, err := r.create(ctx)
	if err != nil {
		return nil, err
	}
	r.take(record, d)
	return r.open, nil
}

// take draws from a list from now on; r.mu is held.
func (r *Register) take(record store.Record, d listData) {
	r.open = &openList{record: record, size: d.Size, weight: 1 / float64(min(256, d.Size/16))}
}

func readListData(record store.Record) (listData, error) {
	var d listData
	if err := jose.Unmarshal(record.Data, &d); err != nil || bits.OnesCount64(d.Size) != 1 {
		return listData{}, fmt.Errorf("status list record %s is damaged", record.ID)
	}
	return d, nil
}

func (r *Register) create(ctx context.Context) (store.Record, listData, error) {
	d := listData{Bits: tokenBits(len(r.o.Messages)), Size: uint64(r.o.Size), Messages: r.o.Messages}
	var id [16]byte
	if _, err := io.ReadFull(r.o.Rand, id[:]); err != nil {
		return store.Record{}, d, fmt.Errorf("naming a status list: %w", err)
	}
	data, err := jose.Marshal(d)
	if err != nil {
		return store.Record{}, d, err
	}
	record, err := r.store.Create(ctx, store.Record{Kind: kindList, ID: jose.Encode(id[:]), Tags: []string{tagOpen}, Data: data})
	if err != nil {
		return store.Record{}, d, fmt.Errorf("opening a status list: %w", err)
	}
	return record, d, nil
}

// observe takes note of a draw and reports whether the list is now to be
// closed. Only one caller is told so.
func (r *Register) observe(open *openList, taken bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	hit := 0.0
	if taken {
		hit = 1
	}
	open.crowding += (hit - open.crowding) * open.weight
	if open.crowding < 0.5 || r.open != open {
		return false
	}
	r.open = nil
	return true
}

// shut takes a list out of those that indexes are drawn from. Its indexes live
// on; another register that shuts it at the same time does no harm.
func (r *Register) shut(ctx context.Context, record store.Record) error {
	closed := record
	closed.Tags = nil
	_, err := r.store.Replace(ctx, record, closed)
	if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("closing a status list: %w", err)
	}
	return nil
}
