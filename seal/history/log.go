package history

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/zegel-id/zegel/store"
)

// The records of a history. An entry stands under its number and is never
// replaced. The head is the last checkpoint that was signed: a lower bound, by
// which a start sees that the entries are still those that were signed.
const (
	kindEntry store.Kind = "key-history-entry"
	kindHead  store.Kind = "key-history"
	headID               = "head"
)

// block is how many entries carry one tag, by which they are found at once.
const block = 256

// MaxEntries is how many entries can be read at once.
const MaxEntries = block

// Options of a Log.
type Options struct {
	// Origin names a new history, such as issuer.example.org/key-history (C2SP
	// tlog-checkpoint). One that is in the store keeps its name.
	Origin string
	// Signers sign the checkpoints, each Ed25519. The first is the key in use;
	// others are those before it, of which others may still know only one.
	Signers []crypto.Signer
	// Own says whether a subject is one of the installation. Nobody else's keys
	// are written down.
	Own func(subject string) bool
	Now func() time.Time
}

// Log is a history in a store. Its methods may be called from many goroutines, and
// several processes may have one on the same records.
type Log struct {
	st     store.Store
	o      Options
	origin string

	mu      sync.Mutex // guards what follows
	signers []*signer  // the key in use first
	hashes  memory     // of the tree, as x/mod's tlog stores them
	size    int64
	last    time.Time
	keys    map[identity]state
	signed  []byte // the checkpoint of size, nil until it is asked for
}

// identity is what tells a key from others.
type identity struct {
	use         Use
	subject     string
	key         string
	certificate string // its digest
}

func identityOf(e Entry) identity { return identity{e.Use, e.Subject, e.Key, e.CertificateSHA256} }

// state is the last that happened to a key.
type state struct {
	event Event
	added int64 // the entry by which it was last added
	since time.Time
}

// Open reads the history of a store and holds it against the last checkpoint that
// was signed. In an empty store it begins one, with its own key as the first entry.
func Open(ctx context.Context, st store.Store, o Options) (*Log, error) {
	if len(o.Signers) == 0 || o.Own == nil || o.Now == nil {
		return nil, errors.New("seal/history: Signers, Own and Now must be set")
	}
	l := &Log{st: st, o: o, keys: map[identity]state{}}
	head, _, err := l.head(ctx)
	if err != nil {
		return nil, err
	}
	if l.origin = head.Origin; l.origin == "" {
		l.origin = o.Origin
	}
	for _, key := range o.Signers {
		s, err := newSigner(l.origin, key)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(l.verifiers(), s.verifier) { // a rotation may be half done
			l.signers = append(l.signers, s)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.load(ctx, head); err != nil {
		return nil, err
	}
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	inUse := l.signers[0]
	l.signers = append([]*signer{inUse}, slices.DeleteFunc(l.signers[1:], func(s *signer) bool {
		return l.stateOf(s).event != Added // it was retired
	})...)
	return l, l.advance(ctx)
}

// Begun reports whether a store holds a history. Its key must then be the one that
// signed it.
func Begun(ctx context.Context, st store.Store) (bool, error) {
	_, err := st.Get(ctx, kindHead, headID)
	if errors.Is(err, store.ErrNotFound) {
		_, err = st.Get(ctx, kindEntry, entryID(0))
	}
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// head is the last checkpoint that was kept; a zero one if there is none. Its
// signature is checked by load.
func (l *Log) head(ctx context.Context) (Checkpoint, store.Record, error) {
	r, err := l.st.Get(ctx, kindHead, headID)
	if errors.Is(err, store.ErrNotFound) {
		return Checkpoint{}, r, nil
	}
	if err != nil {
		return Checkpoint{}, r, fmt.Errorf("reading the head of the history of keys: %w", err)
	}
	n, err := note.Open(r.Data, nil)
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		n, err = unverified.Note, nil
	}
	if err != nil {
		return Checkpoint{}, r, fmt.Errorf("%w: its head is no signed note", ErrBroken)
	}
	c, err := parseText(n.Text)
	if err != nil {
		return Checkpoint{}, r, fmt.Errorf("%w: its head is %w", ErrBroken, err)
	}
	return c, r, nil
}

func entryID(n int64) string { return fmt.Sprintf("%016d", n) }

func blockTag(n int64) string { return fmt.Sprintf("block-%012d", n/block) }

// load reads every entry; with mu.
func (l *Log) load(ctx context.Context, head Checkpoint) error {
	if head.Size > 0 {
		_, r, err := l.head(ctx)
		if err != nil {
			return err
		}
		if _, err := OpenCheckpoint(r.Data, l.origin, l.verifiers()...); err != nil {
			return fmt.Errorf("%w; put back the key of the history that the key directory held", err)
		}
	}
	for page := (store.Page{Limit: 1000}); ; {
		found, next, err := l.st.Find(ctx, kindEntry, "", page)
		if err != nil {
			return fmt.Errorf("reading the history of keys: %w", err)
		}
		for _, r := range found {
			if err := l.take(r); err != nil {
				return err
			}
			if l.size == head.Size {
				if root, err := tlog.TreeHash(l.size, l.hashes); err != nil || root != head.Root {
					return fmt.Errorf("%w: entries before number %d are not those that were signed; restore the store from a backup", ErrBroken, head.Size)
				}
			}
		}
		if next == "" {
			break
		}
		page.Next = next
	}
	if l.size < head.Size {
		return fmt.Errorf("%w: it has %d entries, and %d were signed; restore the store from a backup", ErrBroken, l.size, head.Size)
	}
	return nil
}

// take adds a record to what is in memory; with mu.
func (l *Log) take(r store.Record) error {
	if r.ID != entryID(l.size) {
		return fmt.Errorf("%w: entry %d is missing", ErrBroken, l.size)
	}
	e, err := ParseEntry(r.Data)
	if err == nil && e.Sequence != l.size {
		err = fmt.Errorf("%w: sequence: found %d", ErrEntry, e.Sequence)
	}
	if err == nil && e.When().Before(l.last) {
		err = fmt.Errorf("%w: time: found one before that of the entry before", ErrEntry)
	}
	if err != nil {
		return fmt.Errorf("%w: entry %d: %w", ErrBroken, l.size, err)
	}
	more, err := tlog.StoredHashes(l.size, r.Data, l.hashes)
	if err != nil {
		return err
	}
	l.hashes = append(l.hashes, more...)
	s := l.keys[identityOf(e)]
	if s.event = e.Event; e.Event == Added {
		s.added, s.since = e.Sequence, e.When()
	}
	l.keys[identityOf(e)] = s
	l.size++
	l.last, l.signed = e.When(), nil
	return nil
}

// sync reads entries that others added meanwhile; with mu.
func (l *Log) sync(ctx context.Context) error {
	for {
		r, err := l.st.Get(ctx, kindEntry, entryID(l.size))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the history of keys: %w", err)
		}
		if err := l.take(r); err != nil {
			return err
		}
	}
}

// begin makes sure that the key in use stands in the history, and begins an empty
// one with it; with mu. A key that does not stand there is another's.
func (l *Log) begin(ctx context.Context) error {
	e, err := l.own(l.signers[0])
	if err != nil {
		return err
	}
	for l.size == 0 {
		if err := l.write(ctx, e); err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
		if err := l.sync(ctx); err != nil {
			return err
		}
	}
	if l.keys[identityOf(e)].event != Added {
		return fmt.Errorf("%w: that of this installation does not stand in it; put back the key of the history that the key directory held", ErrKey)
	}
	return nil
}

// subject is whose keys sign the history: an address made of its name.
func (l *Log) subject() string { return "https://" + l.origin }

// write creates the next entry; with mu. store.ErrExists says that somebody else
// was first. Any other error leaves open whether it was written.
func (l *Log) write(ctx context.Context, e Entry) error {
	e.Sequence = l.size
	now := l.o.Now().UTC().Truncate(time.Second)
	if now.Before(l.last) {
		now = l.last
	}
	e.Time = now.Format(timeForm)
	b, err := e.Canonical()
	if err != nil {
		return err
	}
	if _, err := ParseEntry(b); err != nil { // what is written is read for ever
		return err
	}
	r := store.Record{Kind: kindEntry, ID: entryID(l.size), Tags: []string{blockTag(l.size)}, Data: b}
	if _, err := l.st.Create(ctx, r); err != nil {
		return err
	}
	return l.take(r)
}

// Announce writes down an event of a key before anything else is done with it. It
// returns when the entry is durable, and others see it. What happened last is not
// written down again: the same event twice is one entry, whoever was first.
func (l *Log) Announce(ctx context.Context, event Event, k Key) error {
	if k.Use == UseHistory {
		return fmt.Errorf("%w: use: keys of the history are written down by itself", ErrEntry)
	}
	if !l.o.Own(k.Subject) {
		return fmt.Errorf("%w: the subject of the %s key is none of it", ErrSubject, k.Use)
	}
	e, err := k.entry(event)
	if err != nil {
		return err
	}
	return l.announce(ctx, e)
}

func (l *Log) announce(ctx context.Context, e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var uncertain error
	for {
		if err := l.sync(ctx); err != nil {
			return errors.Join(uncertain, err)
		}
		switch before := l.keys[identityOf(e)].event; {
		case before == e.Event:
			return l.advance(ctx)
		case before == "" && e.Event != Added:
			return fmt.Errorf("%w: use %s, key %s", ErrUnknown, e.Use, e.Key)
		case before == Revoked && e.Event == Retired:
			return l.advance(ctx) // more was said already
		case uncertain != nil:
			return uncertain
		}
		switch err := l.write(ctx, e); {
		case err == nil, errors.Is(err, store.ErrExists): // see whose it is
		case errors.Is(err, ErrEntry):
			return err
		default:
			uncertain = fmt.Errorf("writing the history of keys: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// advance keeps the checkpoint of now as the head, unless there is a later one;
// with mu.
func (l *Log) advance(ctx context.Context) error {
	signed, err := l.sign()
	if err != nil {
		return err
	}
	for {
		head, r, err := l.head(ctx)
		if err != nil {
			return err
		}
		if head.Size > l.size || string(r.Data) == string(signed) {
			return nil
		}
		next := store.Record{Kind: kindHead, ID: headID, Data: signed}
		if head.Size == 0 {
			_, err = l.st.Create(ctx, next)
		} else {
			_, err = l.st.Replace(ctx, r, next)
		}
		if !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrConflict) {
			if err != nil {
				return fmt.Errorf("keeping the head of the history of keys: %w", err)
			}
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// sign makes the checkpoint of now; with mu.
func (l *Log) sign() ([]byte, error) {
	if l.signed != nil {
		return l.signed, nil
	}
	root, err := tlog.TreeHash(l.size, l.hashes)
	if err != nil {
		return nil, err
	}
	var by []note.Signer
	for _, s := range l.signers {
		by = append(by, s)
	}
	text := Checkpoint{Origin: l.origin, Size: l.size, Root: root}.text()
	if l.signed, err = note.Sign(&note.Note{Text: text}, by...); err != nil {
		return nil, fmt.Errorf("signing the history of keys: %w", err)
	}
	return l.signed, nil
}

func (l *Log) verifiers() []string {
	var out []string
	for _, s := range l.signers {
		out = append(out, s.verifier)
	}
	return out
}

// Known reports whether anything was ever written down of a key.
func (l *Log) Known(ctx context.Context, k Key) (bool, error) {
	e, err := k.entry(Added)
	if err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.sync(ctx); err != nil {
		return false, err
	}
	return l.keys[identityOf(e)].event != "", nil
}

// Supersede retires the keys of the same use and subject that were added before
// this one and are still in use. A key that was added later is left alone: another
// process may have taken it into use already.
func (l *Log) Supersede(ctx context.Context, k Key) error {
	e, err := k.entry(Added)
	if err != nil {
		return err
	}
	for _, old := range l.before(identityOf(e)) {
		err := l.announce(ctx, Entry{Version: Version, Event: Retired, Use: old.use, Subject: old.subject, Key: old.key, CertificateSHA256: old.certificate})
		if err != nil {
			return err
		}
	}
	return nil
}

// before are the keys that one comes after, in the order in which they were added.
func (l *Log) before(id identity) []identity {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.keys[id]
	if own.event != Added {
		return nil
	}
	var out []identity
	for other, s := range maps.All(l.keys) {
		if other.use == id.use && other.subject == id.subject && s.event == Added && s.added < own.added {
			out = append(out, other)
		}
	}
	slices.SortFunc(out, func(a, b identity) int { return cmp.Compare(l.keys[a].added, l.keys[b].added) })
	return out
}
