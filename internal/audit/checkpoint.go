package audit

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// checkpointTyp is the typ of a checkpoint; no other token has it.
const checkpointTyp = "zegel-audit-checkpoint+jwt"

// Checkpoint is the signed state of the whole log. Each one holds the digest
// of the one before.
type Checkpoint struct {
	Log    string            `json:"log"`
	Number uint64            `json:"number"`
	Prev   hash              `json:"prev"` // zero for the first
	Issued jose.NumericDate  `json:"iat"`
	Class  map[string]Extent `json:"classes"`
}

// Extent says where the chain of a class begins and ends, and how long its
// events are kept.
type Extent struct {
	Keep Keep `json:"keep"`
	// Start is the place before the first segment that is still there.
	Start Mark `json:"start"`
	// Purged is the time of the newest event that was purged.
	Purged *time.Time `json:"purged,omitempty"`
	End    Mark       `json:"end"`
}

// signed is a checkpoint with its text.
type signed struct {
	Checkpoint
	text string
}

func (s signed) digest() hash { return sha256.Sum256([]byte(s.text)) }

func sign(signer crypto.Signer, c Checkpoint) (signed, error) {
	alg, err := jose.AlgFor(signer.Public())
	if err != nil {
		return signed{}, err
	}
	payload, err := jose.Marshal(c)
	if err != nil {
		return signed{}, err
	}
	h := jose.Header{Alg: alg, Typ: checkpointTyp, Kid: jose.Thumbprint(signer.Public())}
	text, err := jose.SignCompact(signer, h, payload)
	if err != nil {
		return signed{}, fmt.Errorf("audit: signing a checkpoint: %w", err)
	}
	return signed{c, text}, nil
}

// parseCheckpoint verifies a checkpoint with the key that its kid names among
// keys.
func parseCheckpoint(text string, keys []crypto.PublicKey) (signed, error) {
	use := jose.Use{Typ: checkpointTyp, Algs: []jose.Alg{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.PS256}}
	t, err := use.Open(text, func(h jose.Header) (crypto.PublicKey, error) {
		for _, k := range keys {
			if jose.Thumbprint(k) == h.Kid {
				return k, nil
			}
		}
		return nil, errors.New("the checkpoint is signed with a key that was not given")
	})
	if err != nil {
		return signed{}, err
	}
	var c Checkpoint
	if err := jose.UnmarshalClosed(t.Payload, &c); err != nil {
		return signed{}, fmt.Errorf("the checkpoint: %w", err)
	}
	return signed{c, text}, nil
}

// follows says whether a checkpoint can come after another: the next number,
// its digest, a time not before, and no class that lost a part of its chain
// but its old end.
func (s signed) follows(prev signed) error {
	switch {
	case s.Log != prev.Log:
		return errors.New("the checkpoint belongs to another log")
	case s.Number != prev.Number+1:
		return fmt.Errorf("checkpoint %d stands after checkpoint %d", s.Number, prev.Number)
	case s.Prev != prev.digest():
		return errors.New("the checkpoint does not follow from the one before")
	case s.Issued < prev.Issued:
		return errors.New("the checkpoint is older than the one before")
	}
	for name, was := range prev.Class {
		is, ok := s.Class[name]
		switch {
		case !ok:
			return fmt.Errorf("class %s has vanished", name)
		case is.End.Segment < was.End.Segment || is.End.Seq < was.End.Seq || is.Start.Segment < was.Start.Segment || is.Start.Seq < was.Start.Seq:
			return fmt.Errorf("class %s has become shorter", name)
		case is.Start != was.Start && (is.Purged == nil || is.Keep.after(*is.Purged).After(s.Issued.Time().Add(time.Second))):
			return fmt.Errorf("class %s was purged before its time", name)
		}
	}
	return nil
}

// checkpoints are the lines of the file, oldest first.
type checkpoints []signed

func (c checkpoints) last() signed { return c[len(c)-1] }

func (c checkpoints) text() []byte {
	var b bytes.Buffer
	for _, s := range c {
		b.WriteString(s.text)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// readCheckpoints verifies the whole file. torn is what stands after the last
// line end. An error names the line.
func readCheckpoints(b []byte, keys []crypto.PublicKey) (c checkpoints, torn []byte, err error) {
	for line := 1; len(b) > 0; line++ {
		text, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return c, b, nil
		}
		s, err := parseCheckpoint(string(text), keys)
		if err != nil {
			return c, nil, fmt.Errorf("checkpoint in line %d: %w", line, err)
		}
		if len(c) > 0 {
			if err := s.follows(c.last()); err != nil {
				return c, nil, fmt.Errorf("line %d: %w", line, err)
			}
		} else if s.Number == 0 || s.Number == 1 && s.Prev != (hash{}) {
			return c, nil, fmt.Errorf("line %d: the first checkpoint is not one", line)
		}
		c = append(c, s)
		b = rest
	}
	return c, nil, nil
}

func classNames(m map[string]Extent) []string { return slices.Sorted(maps.Keys(m)) }
