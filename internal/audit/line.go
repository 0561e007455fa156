package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// A segment is a file of lines. Each line is one JSON object whose last member
// is the chain value: SHA-256 over the chain value before it and every byte of
// the line before that member. The first line of a segment is its header,
// which stands in the chain like any other.

type hash [sha256.Size]byte

func (h hash) String() string { return jose.Encode(h[:]) }

func (h hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

func (h *hash) UnmarshalText(b []byte) error {
	raw, err := jose.Decode(string(b))
	if err != nil || len(raw) != len(h) {
		return errors.New("must be the base64url of a SHA-256")
	}
	copy(h[:], raw)
	return nil
}

// genesis is the chain value before the first line of a class.
func genesis(log, class string) hash {
	return sha256.Sum256([]byte("zegel audit v1 genesis\x00" + log + "\x00" + class))
}

const lineDomain = "zegel audit v1 line\x00"

// follow is the chain value of a line.
func (h hash) follow(body []byte) hash {
	d := sha256.New()
	d.Write([]byte(lineDomain))
	d.Write(h[:])
	d.Write(body)
	var next hash
	d.Sum(next[:0])
	return next
}

const (
	chainMember = `,"chain":"`
	chainEnd    = "\"}\n"
	tail        = len(chainMember) + 43 + len(chainEnd)
	maxLine     = 8 << 10
)

// appendLine appends an object, open at its end, as a line to dst and returns
// the new chain value.
func appendLine(dst []byte, prev hash, open []byte) ([]byte, hash) {
	next := prev.follow(open)
	dst = append(dst, open...)
	dst = append(dst, chainMember...)
	dst = append(dst, next.String()...)
	return append(dst, chainEnd...), next
}

// splitLine takes a line, with its end, apart.
func splitLine(line []byte) (open []byte, chain hash, err error) {
	if len(line) <= tail || !bytes.HasSuffix(line, []byte(chainEnd)) {
		return nil, hash{}, errors.New("the line is cut or has no chain value at its end")
	}
	open = line[:len(line)-tail]
	rest := line[len(open):]
	if !bytes.HasPrefix(rest, []byte(chainMember)) {
		return nil, hash{}, errors.New("the line has no chain value at its end")
	}
	if err := chain.UnmarshalText(rest[len(chainMember) : len(chainMember)+43]); err != nil {
		return nil, hash{}, fmt.Errorf("the chain value %w", err)
	}
	return open, chain, nil
}

// header is the first line of a segment.
type header struct {
	Segment uint64    `json:"segment"`
	Log     string    `json:"log"`
	Class   string    `json:"class"`
	First   uint64    `json:"first"` // number of the first entry
	Prev    hash      `json:"prev"`  // chain value of the segment before
	Opened  time.Time `json:"opened"`
}

func (h header) open() ([]byte, error) {
	b, err := jose.Marshal(h)
	if err != nil {
		return nil, err
	}
	return b[:len(b)-1], nil
}

// Entry is an event as it stands in the log.
type Entry struct {
	Seq     uint64 `json:"seq"`
	Class   string `json:"class"`
	Segment uint64 `json:"segment"`
	Event
}

// openEvent is the JSON of an event without its braces.
func openEvent(e Event) ([]byte, error) {
	b, err := jose.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("audit: encoding the event: %w", err)
	}
	return b[1 : len(b)-1], nil
}

// numbered puts the number before an open event.
func numbered(dst []byte, seq uint64, event []byte) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, ',')
	return append(dst, event...)
}

// Mark is a place in the chain of a class: after the entry Seq, in the segment
// Segment. Segment 0 is the place before anything was written.
type Mark struct {
	Segment uint64 `json:"segment"`
	Seq     uint64 `json:"seq"`
	Head    hash   `json:"head"`
}

// walker follows the lines of one class and refuses the first that does not
// fit.
type walker struct {
	log, class string
	at         Mark
}

// header takes the first line of a segment. With trust, the chain value before
// it is taken from the line itself, for a walk that starts in the middle and
// meets a signed mark later.
func (w *walker) header(line []byte, trust bool) (header, error) {
	open, chain, err := splitLine(line)
	if err != nil {
		return header{}, err
	}
	var h header
	if err := jose.UnmarshalClosed(append(bytes.Clone(open), '}'), &h); err != nil {
		return header{}, fmt.Errorf("the segment header: %w", err)
	}
	if trust {
		w.at.Seq, w.at.Head = h.First-1, h.Prev
	}
	switch {
	case h.Log != w.log:
		return header{}, errors.New("the segment belongs to another log")
	case h.Class != w.class:
		return header{}, errors.New("the segment belongs to another class")
	case h.Segment != w.at.Segment+1:
		return header{}, fmt.Errorf("the header says segment %d, expected %d", h.Segment, w.at.Segment+1)
	case h.First != w.at.Seq+1:
		return header{}, fmt.Errorf("the segment begins with entry %d, expected %d", h.First, w.at.Seq+1)
	case h.Prev != w.at.Head || chain != h.Prev.follow(open):
		return header{}, errChain
	}
	w.at = Mark{Segment: h.Segment, Seq: w.at.Seq, Head: chain}
	return h, nil
}

var errChain = errors.New("the chain value does not fit what stands before: something was changed, removed, moved or inserted")

// entry takes any other line.
func (w *walker) entry(line []byte) (Entry, error) {
	open, chain, err := splitLine(line)
	if err != nil {
		return Entry{}, err
	}
	if chain != w.at.Head.follow(open) {
		return Entry{}, errChain
	}
	e, err := parseEntry(open)
	if err != nil {
		return Entry{}, err
	}
	if e.Seq != w.at.Seq+1 {
		return Entry{}, fmt.Errorf("the entry has number %d, expected %d", e.Seq, w.at.Seq+1)
	}
	e.Class, e.Segment = w.class, w.at.Segment
	w.at.Seq, w.at.Head = e.Seq, chain
	return e, nil
}

func parseEntry(open []byte) (Entry, error) {
	var v struct {
		Seq uint64 `json:"seq"`
		Event
	}
	if err := jose.UnmarshalClosed(append(bytes.Clone(open), '}'), &v); err != nil {
		return Entry{}, fmt.Errorf("the entry: %w", err)
	}
	if err := v.Event.check(); err != nil {
		return Entry{}, err
	}
	return Entry{Seq: v.Seq, Event: v.Event}, nil
}
