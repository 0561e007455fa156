package history

import (
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/zegel-id/zegel/internal/jose"
)

// MaxProof is how long a proof may be as JSON: 64 hashes and what stands around.
const MaxProof = 8 << 10

// errUnproven is wrapped for a proof in good form that proves nothing of the trees
// in question.
var errUnproven = errors.New("it does not verify")

// InclusionProof says that an entry is in a tree (RFC 6962, Section 2.1.1). Hashes
// are in base64, as in checkpoints.
type InclusionProof struct {
	Index int64    `json:"index"`
	Size  int64    `json:"size"`
	Leaf  string   `json:"leaf_hash"`
	Proof []string `json:"proof"`
}

// ConsistencyProof says that one tree is the beginning of another (RFC 6962, Section
// 2.1.2).
type ConsistencyProof struct {
	From  int64    `json:"from"`
	To    int64    `json:"to"`
	Proof []string `json:"proof"`
}

// Encode writes hashes in base64.
func Encode(hashes [][32]byte) []string {
	out := make([]string, len(hashes))
	for i, h := range hashes {
		out[i] = base64.StdEncoding.EncodeToString(h[:])
	}
	return out
}

func decode(texts []string) ([]tlog.Hash, error) {
	if len(texts) > 64 { // more than a tree of 2^63 entries needs
		return nil, fmt.Errorf("a proof of %d hashes", len(texts))
	}
	out := make([]tlog.Hash, len(texts))
	for i, text := range texts {
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(b) != tlog.HashSize || len(text) != base64.StdEncoding.EncodedLen(tlog.HashSize) {
			return nil, fmt.Errorf("hash %d of the proof is not base64 of 32 octets", i)
		}
		copy(out[i][:], b)
	}
	return out, nil
}

// LeafHash is the hash of the bytes of an entry (RFC 6962, Section 2.1).
func LeafHash(entry []byte) [32]byte { return tlog.RecordHash(entry) }

// ParseInclusion reads a proof.
func ParseInclusion(b []byte) (InclusionProof, error) {
	var p InclusionProof
	if err := jose.UnmarshalClosed(b, &p); err != nil {
		return InclusionProof{}, fmt.Errorf("proof of inclusion: %w", err)
	}
	return p, nil
}

// Verify checks that the tree of the checkpoint holds the entry with these bytes, at
// the place of the proof.
func (p InclusionProof) Verify(c Checkpoint, entry []byte) error {
	hashes, err := decode(p.Proof)
	if err != nil {
		return fmt.Errorf("proof of inclusion: %w", err)
	}
	if p.Size != c.Size {
		return fmt.Errorf("proof of inclusion: it is one for %d entries, expected %d", p.Size, c.Size)
	}
	if err := tlog.CheckRecord(hashes, c.Size, c.Root, p.Index, LeafHash(entry)); err != nil {
		return fmt.Errorf("proof of inclusion of entry %d in %d: %w", p.Index, p.Size, err)
	}
	return nil
}

// ParseConsistency reads a proof.
func ParseConsistency(b []byte) (ConsistencyProof, error) {
	var p ConsistencyProof
	if err := jose.UnmarshalClosed(b, &p); err != nil {
		return ConsistencyProof{}, fmt.Errorf("proof of consistency: %w", err)
	}
	return p, nil
}

// Verify checks that the tree of from is the beginning of that of to.
func (p ConsistencyProof) Verify(from, to Checkpoint) error {
	hashes, err := decode(p.Proof)
	if err != nil {
		return fmt.Errorf("proof of consistency: %w", err)
	}
	if p.From != from.Size || p.To != to.Size {
		return fmt.Errorf("proof of consistency: it is one from %d to %d entries, expected %d to %d", p.From, p.To, from.Size, to.Size)
	}
	if err := tlog.CheckTree(hashes, to.Size, to.Root, from.Size, from.Root); err != nil {
		return fmt.Errorf("proof of consistency from %d to %d entries: %w: %w", p.From, p.To, errUnproven, err)
	}
	return nil
}

// Edge is the right edge of a tree: the roots of its whole subtrees, the largest
// first. It is all that is needed to add entries and to tell the root.
type Edge struct {
	size  int64
	roots []tlog.Hash
}

// Size is the number of entries.
func (e *Edge) Size() int64 { return e.size }

// Add adds an entry.
func (e *Edge) Add(entry []byte) {
	h := tlog.RecordHash(entry)
	for n := e.size; n&1 == 1; n >>= 1 { // two subtrees of one size become one
		h = tlog.NodeHash(e.roots[len(e.roots)-1], h)
		e.roots = e.roots[:len(e.roots)-1]
	}
	e.roots = append(e.roots, h)
	e.size++
}

// Root is the root of the tree; false for an empty one, which no checkpoint here
// is about.
func (e *Edge) Root() ([32]byte, bool) {
	if len(e.roots) == 0 {
		return [32]byte{}, false
	}
	h := e.roots[len(e.roots)-1]
	for i := len(e.roots) - 2; i >= 0; i-- {
		h = tlog.NodeHash(e.roots[i], h)
	}
	return h, true
}

// Hashes are the roots in base64, to be kept.
func (e *Edge) Hashes() []string {
	out := make([]string, len(e.roots))
	for i, h := range e.roots {
		out[i] = h.String()
	}
	return out
}

// NewEdge is the edge of a tree of size entries with those hashes.
func NewEdge(size int64, hashes []string) (*Edge, error) {
	roots, err := decode(hashes)
	if err != nil {
		return nil, err
	}
	ones := 0
	for n := size; n > 0; n &= n - 1 {
		ones++
	}
	if size < 0 || len(roots) != ones {
		return nil, fmt.Errorf("a tree of %d entries has %d whole subtrees, found %d", size, ones, len(roots))
	}
	return &Edge{size: size, roots: roots}, nil
}
