package history

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// ErrFork is returned, as a *Fork, for a history that contradicts what was seen of
// it before.
var ErrFork = errors.New("the history of keys contradicts itself")

// ErrUnshown is returned, as an *Unshown, for a history whose server gives a proof
// of consistency that does not verify.
var ErrUnshown = errors.New("the history of keys is not shown to be the one that was seen before")

// ErrAbsent is returned for a certificate that the history does not hold.
var ErrAbsent = errors.New("the certificate does not stand in the history of keys")

// ErrOlder is returned for a history that is served with fewer entries than were
// seen of it, and contradicts nothing: a cache or a server that lags behind does
// that, and so does one whose store was put back.
var ErrOlder = errors.New("an older state of the history of keys is served")

// Fork is the proof that somebody was shown another history: two checkpoints, both
// signed by the history's key, that no one history has.
type Fork struct {
	Reason string
	// Kept was seen before, Served now. Keep both.
	Kept, Served []byte
}

func (f *Fork) Error() string { return ErrFork.Error() + ": " + f.Reason }

func (f *Fork) Unwrap() error { return ErrFork }

// Unshown is a reason to ask, and no proof: two checkpoints, both signed by the
// history's key, of different sizes, and no proof that one goes on from the other.
// One history may have both, and its holder can then show it.
type Unshown struct {
	Reason string
	// Kept was seen before, Served now.
	Kept, Served []byte
}

func (u *Unshown) Error() string { return ErrUnshown.Error() + ": " + u.Reason }

func (u *Unshown) Unwrap() error { return ErrUnshown }

// Fetcher gets what is at an address; internal/fetch has one. It bounds what it
// reads: an answer with entries has up to 8 MiB.
type Fetcher interface {
	Fetch(ctx context.Context, url, accept string) (body []byte, contentType string, err error)
}

// Watched is what a monitor keeps of a history.
type Watched struct {
	Version int    `json:"version"`
	URL     string `json:"url"`
	// Keys sign it, in the form of C2SP signed-note. One of them must have signed
	// each checkpoint.
	Keys []string `json:"keys"`
	// Checkpoint is the last one that was verified, whole.
	Checkpoint string `json:"checkpoint,omitempty"`
	// Edge are the hashes by which the tree goes on, see Edge.
	Edge []string `json:"edge,omitempty"`
	// Time is that of the last entry that was read.
	Time string `json:"time,omitempty"`
	// Behind is how many entries of the checkpoint's tree were not read yet, its last
	// ones. Edge is that of the tree without them.
	Behind int64 `json:"behind,omitempty"`
}

// ParseWatched reads what Watched was written as.
func ParseWatched(b []byte) (Watched, error) {
	var w Watched
	if err := jose.UnmarshalClosed(b, &w); err != nil {
		return Watched{}, err
	}
	if w.Version != Version || w.URL == "" || len(w.Keys) == 0 {
		return Watched{}, errors.New("version 1, url and keys are needed")
	}
	return w, nil
}

// origin is the name that all keys have.
func (w Watched) origin() (string, error) {
	name := ""
	for _, k := range w.Keys {
		of, _, err := parseVerifier(k)
		if err != nil {
			return "", err
		}
		if name == "" {
			name = of
		}
		if of != name {
			return "", fmt.Errorf("keys of %q and %q", name, of)
		}
	}
	return name, nil
}

// Monitor follows the history that is served below an address, such as that of an
// issuer.
type Monitor struct {
	URL   string
	Fetch Fetcher
	// Step is how many new entries Update reads at most; MaxStep if it is 0.
	Step int64
}

// MaxStep is how many new entries are held at once. Their number is what the one who
// is watched signed.
const MaxStep = 16 * MaxEntries

func (m Monitor) step() int64 {
	if m.Step < 1 {
		return MaxStep
	}
	return min(m.Step, MaxStep)
}

func (m Monitor) get(ctx context.Context, path, accept string, limit int) ([]byte, error) {
	b, _, err := m.Fetch.Fetch(ctx, strings.TrimSuffix(m.URL, "/")+"/key-history/"+path, accept)
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", path, err)
	}
	if len(b) > limit {
		return nil, fmt.Errorf("fetching %s: more than %d bytes", path, limit)
	}
	return b, nil
}

// Pin fetches the keys of a history that was not watched before. Whoever answers is
// believed, this once: hold them against what the institution publishes elsewhere.
func (m Monitor) Pin(ctx context.Context) (Watched, error) {
	b, err := m.get(ctx, "key", "text/plain", MaxCheckpoint)
	if err != nil {
		return Watched{}, err
	}
	return NewWatched(m.URL, strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")...)
}

// NewWatched begins to watch a history with keys that are known.
func NewWatched(url string, keys ...string) (Watched, error) {
	w := Watched{Version: Version, URL: strings.TrimSuffix(url, "/"), Keys: keys}
	if len(keys) == 0 || len(keys) > maxKeys {
		return Watched{}, fmt.Errorf("%d keys of the history, expected 1 to %d", len(keys), maxKeys)
	}
	_, err := w.origin()
	return w, err
}

// Update verifies the history as it is served now against what was watched, and
// returns what to watch from now on, and the new entries. With an error nothing of it
// holds; *Fork is the proof of a lie, *Unshown a reason to ask, ErrOlder one to look
// again, and any other may be the fault of whoever stands between.
//
//  1. The checkpoint is signed by a key of before.
//  2. Of the same size as the one before it is the same. A smaller one is refused,
//     and whether it is at least a beginning of what was seen is asked.
//  3. The tree before is its beginning (RFC 6962, Section 2.1.2).
//  4. The new entries are well-formed, in order, and hash to its root. A key of the
//     history that they add counts from the next time on.
//
// Of many new entries it reads the first, and proves that they are the beginning of
// the rest (as in step 3). What it returns is then Behind, and the next call reads on
// in the same tree, before it looks for a new checkpoint.
func (m Monitor) Update(ctx context.Context, w Watched) (Watched, []Entry, error) {
	origin, err := w.origin()
	if err != nil {
		return w, nil, err
	}
	edge, before := &Edge{}, Checkpoint{}
	if w.Checkpoint != "" {
		if before, err = OpenCheckpoint([]byte(w.Checkpoint), origin, w.Keys...); err != nil {
			return w, nil, fmt.Errorf("what was kept: %w", err)
		}
		if w.Behind < 0 || w.Behind >= before.Size {
			return w, nil, fmt.Errorf("what was kept: behind by %d of %d entries", w.Behind, before.Size)
		}
		if edge, err = NewEdge(before.Size-w.Behind, w.Edge); err != nil {
			return w, nil, fmt.Errorf("what was kept: %w", err)
		}
		if w.Behind > 0 {
			return m.read(ctx, w, before, edge)
		}
		if root, ok := edge.Root(); !ok || root != before.Root {
			return w, nil, errors.New("what was kept: the hashes are not those of the checkpoint")
		}
	}

	signed, err := m.get(ctx, "checkpoint", "text/plain", MaxCheckpoint)
	if err != nil {
		return w, nil, err
	}
	now, err := OpenCheckpoint(signed, origin, w.Keys...) // Step 1.
	if err != nil {
		return w, nil, err
	}
	unshown := func(format string, args ...any) error {
		return &Unshown{Reason: fmt.Sprintf(format, args...), Kept: []byte(w.Checkpoint), Served: signed}
	}
	switch { // Step 2.
	case now.Size < 1:
		return w, nil, errors.New("the checkpoint is one of an empty history, which none is")
	case now.Size < before.Size:
		err := m.consistent(ctx, now, before)
		switch {
		case err == nil:
			return w, nil, fmt.Errorf("%w: %d entries, which are the first of the %d that were seen", ErrOlder, now.Size, before.Size)
		case errors.Is(err, errUnproven):
			return w, nil, unshown("the %d entries that are served are not shown to be the first of the %d that were seen: %v", now.Size, before.Size, err)
		}
		return w, nil, fmt.Errorf("%w: %d entries, and whether they are the first of the %d that were seen is not known: %w", ErrOlder, now.Size, before.Size, err)
	case now.Size == before.Size && now.Root != before.Root:
		return w, nil, &Fork{Reason: fmt.Sprintf("two roots of %d entries", now.Size), Kept: []byte(w.Checkpoint), Served: signed}
	case now.Size == before.Size:
		w.Checkpoint = string(signed)
		return w, nil, nil
	}
	if before.Size > 0 { // Step 3.
		err := m.consistent(ctx, before, now)
		if errors.Is(err, errUnproven) {
			err = unshown("the %d entries that are served are not shown to go on from the %d that were seen: %v", now.Size, before.Size, err)
		}
		if err != nil {
			return w, nil, err
		}
	}

	next := w
	next.Checkpoint = string(signed)
	next, added, err := m.read(ctx, next, now, edge)
	if err != nil {
		return w, nil, err
	}
	return next, added, nil
}

// read reads the entries of a tree that come after an edge, as many as a step has:
// step 4 of Update.
func (m Monitor) read(ctx context.Context, w Watched, now Checkpoint, edge *Edge) (Watched, []Entry, error) {
	origin, err := w.origin()
	if err != nil {
		return w, nil, err
	}
	start := edge.Size()
	stop := min(now.Size, start+m.step())
	next := w
	var added []Entry
	err = m.entries(ctx, start, stop, func(line []byte, e Entry) error {
		if e.Time < next.Time {
			return fmt.Errorf("entry %d has an earlier time than the one before", e.Sequence)
		}
		next.Time = e.Time
		edge.Add(line)
		added = append(added, e)
		return next.follow(e, origin)
	})
	if err != nil {
		return w, nil, err
	}
	root, _ := edge.Root() // it has entries
	if stop == now.Size && root != now.Root {
		return w, nil, fmt.Errorf("the entries that are served do not hash to the root that was signed: one of %d to %d was altered", start, now.Size-1)
	}
	if stop < now.Size {
		if err := m.consistent(ctx, Checkpoint{Origin: now.Origin, Size: stop, Root: root}, now); err != nil {
			return w, nil, fmt.Errorf("entries %d to %d that are served are not shown to be of the tree that was signed: %w", start, stop-1, err)
		}
	}
	next.Edge, next.Behind = edge.Hashes(), now.Size-stop
	return next, added, nil
}

// consistent fetches the proof that the tree of from is the beginning of that of to.
// errUnproven says that there is an answer in good form, and that it is none.
func (m Monitor) consistent(ctx context.Context, from, to Checkpoint) error {
	b, err := m.get(ctx, fmt.Sprintf("consistency?from=%d&to=%d", from.Size, to.Size), "application/json", MaxProof)
	if err != nil {
		return err
	}
	p, err := ParseConsistency(b)
	if err != nil {
		return err
	}
	return p.Verify(from, to)
}

// entries fetches entries start to end, without end. Each is well-formed and has
// its number; whether it is of the tree is for the caller to see.
func (m Monitor) entries(ctx context.Context, start, end int64, each func(line []byte, e Entry) error) error {
	for start < end {
		stop := min(end, start+MaxEntries)
		b, err := m.get(ctx, fmt.Sprintf("entries?start=%d&end=%d", start, stop), "application/jsonl", MaxEntries*(MaxEntry+1))
		if err != nil {
			return err
		}
		lines := bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
		if int64(len(lines)) != stop-start {
			return fmt.Errorf("%d entries were served, expected %d to %d", len(lines), start, stop)
		}
		for _, line := range lines {
			e, err := ParseEntry(line)
			if err == nil && e.Sequence != start {
				err = fmt.Errorf("%w: it says that it is entry %d", ErrEntry, e.Sequence)
			}
			if err == nil {
				err = each(line, e)
			}
			if err != nil {
				return fmt.Errorf("entry %d: %w", start, err)
			}
			start++
		}
	}
	return nil
}

// Prove shows that a certificate stands in the history that was verified last, and
// returns the entries about its key, each with a verified proof of inclusion (RFC
// 6962, Section 2.1.1). ErrAbsent says that none of them adds it. The history must
// have been read to its end.
func (m Monitor) Prove(ctx context.Context, w Watched, c *x509.Certificate) ([]Entry, error) {
	origin, err := w.origin()
	if err != nil {
		return nil, err
	}
	now, err := OpenCheckpoint([]byte(w.Checkpoint), origin, w.Keys...)
	if err != nil {
		return nil, err
	}
	if w.Behind != 0 {
		return nil, fmt.Errorf("%d entries of the history were not read yet", w.Behind)
	}
	sum := sha256.Sum256(c.Raw)
	want := hex.EncodeToString(sum[:])
	var found []Entry
	var lines [][]byte
	var edge Edge
	err = m.entries(ctx, 0, now.Size, func(line []byte, e Entry) error {
		edge.Add(line)
		if e.CertificateSHA256 == want {
			if len(found) == MaxEntries {
				return fmt.Errorf("more than %d entries are about the certificate", MaxEntries)
			}
			found, lines = append(found, e), append(lines, bytes.Clone(line))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if root, _ := edge.Root(); root != now.Root {
		return nil, errors.New("the entries that are served do not hash to the root that was signed")
	}
	if len(found) == 0 || found[0].Certificate != base64.StdEncoding.EncodeToString(c.Raw) {
		return nil, fmt.Errorf("%w of %d entries, SHA-256 %s", ErrAbsent, now.Size, want)
	}
	for n, e := range found {
		b, err := m.get(ctx, fmt.Sprintf("inclusion?index=%d&size=%d", e.Sequence, now.Size), "application/json", MaxProof)
		if err != nil {
			return nil, err
		}
		p, err := ParseInclusion(b)
		if err == nil && p.Index != e.Sequence {
			err = errors.New("proof of inclusion: it is one of another entry")
		}
		if err == nil {
			err = p.Verify(now, lines[n])
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
