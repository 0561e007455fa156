// Package audit is the use log: append-only, chained by hashes, signed at
// checkpoints, and pseudonymous.
//
// Each retention class has a chain of its own, in segments that can be purged
// as a whole when their time is over, with the rest still verifiable. Append
// returns when the event is durable. Verify finds every change, removal,
// insertion and exchange up to the last signed checkpoint. Who holds the
// files, but not the signing key, can still cut off the newest checkpoints
// together with all that follows them; keep checkpoints elsewhere too (Latest)
// and give them to Verify, which then finds that as well.
//
// It is not the program's log, and it holds neither claim values nor
// identifiers of citizens.
package audit

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// Errors that callers branch on.
var (
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("audit: log is closed")
	// ErrLocked is returned by Open when another process writes the log.
	ErrLocked = errors.New("audit: another process has the log open")
	// ErrDamaged is returned by Open when the log is not what its checkpoints
	// say. Verify tells more.
	ErrDamaged = errors.New("audit: log is damaged")
)

// Options of a log.
type Options struct {
	// Signer signs checkpoints: Ed25519 or ECDSA.
	Signer crypto.Signer
	// EarlierKeys verify checkpoints from before Signer was in use.
	EarlierKeys []crypto.PublicKey
	// Retention is DefaultRetention if it has no classes.
	Retention Retention
	// SegmentBytes and SegmentAge say when a new segment begins. Purging takes
	// whole segments, so their age is how much longer than its class an event
	// may stay. Default 16 MiB and 31 days.
	SegmentBytes int64
	SegmentAge   time.Duration
	// CheckpointEvery is after how many events a checkpoint is signed. Default
	// 1,000. Run signs one each CheckpointInterval too, default a minute.
	CheckpointEvery    int64
	CheckpointInterval time.Duration
	// Now is time.Now if nil.
	Now func() time.Time
}

func (o *Options) defaults() error {
	if o.Signer == nil {
		return errors.New("audit: a signer for checkpoints is required")
	}
	if len(o.Retention.Classes) == 0 {
		o.Retention = DefaultRetention()
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 16 << 20
	}
	if o.SegmentAge <= 0 {
		o.SegmentAge = 31 * 24 * time.Hour
	}
	if o.CheckpointEvery <= 0 {
		o.CheckpointEvery = 1000
	}
	if o.CheckpointInterval <= 0 {
		o.CheckpointInterval = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o.Retention.check()
}

func (o *Options) keys() []crypto.PublicKey {
	return append([]crypto.PublicKey{o.Signer.Public()}, o.EarlierKeys...)
}

const (
	checkpointFile = "checkpoints.jws"
	checkpointTemp = "checkpoints.tmp"
	lockFile       = "lock"
	// keptCheckpoints is how many are left when the file is shortened, which
	// happens at twice as many; each holds the whole state, so older ones prove
	// nothing more.
	keptCheckpoints = 1000
)

// Log is an open log. Many goroutines may append.
type Log struct {
	dir    string
	o      Options
	id     string
	lock   *os.File
	chains map[string]*chain
	kept   int // keptCheckpoints, but in tests

	unsigned atomic.Int64 // events since the last checkpoint

	upkeep sync.RWMutex // Purge writes, readers of the files read

	mu      sync.Mutex // guards this group
	points  checkpoints
	file    *os.File
	extents map[string]Extent // End is not kept up here
	fault   error             // the last checkpoint failed
	broken  bool              // and left the file in doubt
	closed  bool
}

// Open opens or makes the log in a folder. It cuts off a line that a crash
// left unfinished and refuses a log that lost anything signed.
func Open(dir string, o Options) (*Log, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	l := &Log{dir: dir, o: o, lock: f, kept: keptCheckpoints, chains: map[string]*chain{}, extents: map[string]Extent{}}
	if err := lock(f); err != nil {
		f.Close()
		return nil, err
	}
	if err := l.recover(); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

// Append records an event and returns when it is durable. ErrEvent if the
// event is not allowed. When ctx ends while waiting, the event may or may not
// stand in the log.
func (l *Log) Append(ctx context.Context, e Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := l.o.Now()
	if e.Time.IsZero() {
		e.Time = now
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	if err := e.check(); err != nil {
		return err
	}
	if e.Class == "" {
		e.Class = l.o.Retention.classOf(e.Kind)
	}
	c, ok := l.chains[e.Class]
	if !ok {
		return fmt.Errorf("%w: class %q is not one of the retention classes", ErrEvent, e.Class)
	}
	text, err := openEvent(e)
	if err != nil {
		return err
	}
	if len(text) > maxLine/2 {
		return fmt.Errorf("%w: it is longer than %d bytes", ErrEvent, maxLine/2)
	}
	if err := c.append(ctx, text, now); err != nil {
		return err
	}
	if l.unsigned.Add(1)%l.o.CheckpointEvery == 0 {
		// The event is safe whatever comes of this; Health tells a failure.
		_ = l.Checkpoint()
	}
	return nil
}

// Checkpoint signs the state of the log, if it changed.
func (l *Log) Checkpoint() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checkpoint()
}

// checkpoint runs with mu held.
func (l *Log) checkpoint() error {
	switch {
	case l.closed:
		return ErrClosed
	case l.broken:
		return l.fault
	}
	l.fault = l.sign()
	return l.fault
}

func (l *Log) sign() error {
	unsigned := l.unsigned.Load()
	c := Checkpoint{Log: l.id, Number: 1, Issued: jose.Date(l.o.Now()), Class: map[string]Extent{}}
	for name, x := range l.extents {
		if ch, ok := l.chains[name]; ok {
			x.End, _, _ = ch.state()
		}
		c.Class[name] = x
	}
	if len(l.points) > 0 {
		last := l.points.last()
		if maps.EqualFunc(last.Class, c.Class, sameExtent) {
			return nil
		}
		c.Number, c.Prev = last.Number+1, last.digest()
		c.Issued = max(c.Issued, last.Issued) // a clock that was set back
	}
	s, err := sign(l.o.Signer, c)
	if err != nil {
		return err
	}
	if len(l.points) > 0 {
		if err := s.follows(l.points.last()); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	if err := l.keep(s); err != nil {
		l.broken = true
		return fmt.Errorf("audit: writing a checkpoint: %w", err)
	}
	l.unsigned.Add(-unsigned)
	return nil
}

func sameExtent(a, b Extent) bool {
	same := a.Purged == b.Purged || a.Purged != nil && b.Purged != nil && a.Purged.Equal(*b.Purged)
	return same && a.Keep == b.Keep && a.Start == b.Start && a.End == b.End
}

// keep writes a signed checkpoint and shortens the file now and then.
func (l *Log) keep(s signed) error {
	l.points = append(l.points, s)
	if len(l.points) > 2*l.kept || l.file == nil {
		l.points = append(checkpoints(nil), l.points[max(0, len(l.points)-l.kept):]...)
		return l.rewriteCheckpoints()
	}
	if _, err := l.file.WriteString(s.text + "\n"); err != nil {
		return err
	}
	return datasync(l.file)
}

// rewriteCheckpoints replaces the file as a whole.
func (l *Log) rewriteCheckpoints() error {
	temp, path := filepath.Join(l.dir, checkpointTemp), filepath.Join(l.dir, checkpointFile)
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(l.points.text())
	if err = errors.Join(err, f.Sync()); err == nil {
		err = os.Rename(temp, path)
	}
	if err = errors.Join(err, syncDir(l.dir)); err != nil {
		f.Close()
		return err
	}
	if l.file != nil {
		l.file.Close()
	}
	l.file = f
	return nil
}

// Latest is the newest checkpoint as text, to be kept where the log's
// operator cannot change it.
func (l *Log) Latest() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.points) == 0 {
		return ""
	}
	return l.points.last().text
}

// Health says whether events can be written and checkpoints signed.
func (l *Log) Health() error {
	l.mu.Lock()
	errs := []error{l.fault}
	if l.closed {
		errs = append(errs, ErrClosed)
	}
	l.mu.Unlock()
	for _, c := range l.chains {
		_, _, err := c.state()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Run purges at once and then each day, and signs checkpoints, until ctx ends. Failures go to
// report, which may be nil, and to Health.
func (l *Log) Run(ctx context.Context, report func(error)) {
	sign, purge := time.NewTicker(l.o.CheckpointInterval), time.NewTicker(24*time.Hour)
	defer sign.Stop()
	defer purge.Stop()
	_, err := l.Purge(ctx)
	for {
		if err != nil && report != nil {
			report(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-sign.C:
			err = l.Checkpoint()
		case <-purge.C:
			_, err = l.Purge(ctx)
		}
	}
}

// Close signs a last checkpoint and closes the files.
func (l *Log) Close() error {
	l.upkeep.Lock()
	defer l.upkeep.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	var errs []error
	for _, c := range l.chains {
		errs = append(errs, c.close())
	}
	errs = append(errs, l.checkpoint())
	l.closed = true
	return errors.Join(append(errs, l.release())...)
}

func (l *Log) release() error {
	var errs []error
	for _, c := range l.chains {
		errs = append(errs, c.close())
	}
	if l.file != nil {
		errs = append(errs, l.file.Close())
	}
	return errors.Join(append(errs, l.lock.Close())...)
}

func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
