package history

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// MaxCheckpoint is how long a checkpoint may be, in bytes.
const MaxCheckpoint = 8 << 10

// Checkpoint is a root of the history at one size (C2SP tlog-checkpoint).
type Checkpoint struct {
	// Origin names the history, such as issuer.example.org/key-history.
	Origin string
	Size   int64
	Root   [32]byte
}

// text is the note that is signed: origin, size, root (C2SP tlog-checkpoint, Note
// text).
func (c Checkpoint) text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// parseText reads the note text. Lines after the first three are extensions, which
// are not looked at.
func parseText(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	bad := errors.New("not a checkpoint: expected origin, size and root in three lines (C2SP tlog-checkpoint)")
	if len(lines) < 4 || lines[0] == "" {
		return Checkpoint{}, bad
	}
	c := Checkpoint{Origin: lines[0]}
	var err error
	c.Size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || c.Size < 0 || c.Size > maxSequence || strconv.FormatInt(c.Size, 10) != lines[1] {
		return Checkpoint{}, bad
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != len(c.Root) {
		return Checkpoint{}, bad
	}
	copy(c.Root[:], root)
	return c, nil
}

// OpenCheckpoint reads a signed checkpoint of the history origin. At least one of
// the keys, each in the form of C2SP signed-note, must have signed it; signatures
// of others count for nothing.
func OpenCheckpoint(signed []byte, origin string, keys ...string) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("the checkpoint has more than %d bytes", MaxCheckpoint)
	}
	var known []note.Verifier
	for _, k := range keys {
		name, _, err := parseVerifier(k)
		if err != nil {
			return Checkpoint{}, err
		}
		if name != origin {
			return Checkpoint{}, fmt.Errorf("the key is one of %q, and the history is %q", name, origin)
		}
		v, err := note.NewVerifier(k)
		if err != nil {
			return Checkpoint{}, fmt.Errorf("not a key of C2SP signed-note: %w", err)
		}
		known = append(known, v)
	}
	n, err := note.Open(signed, note.VerifierList(known...))
	var unverified *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unverified):
		return Checkpoint{}, fmt.Errorf("%w: the checkpoint is signed by %s", ErrKey, signers(unverified.Note))
	case err != nil:
		return Checkpoint{}, fmt.Errorf("the checkpoint: %w", err)
	}
	c, err := parseText(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != origin {
		return Checkpoint{}, fmt.Errorf("the checkpoint is one of %q, expected %q", c.Origin, origin)
	}
	return c, nil
}

// signers names those who say that they signed a note.
func signers(n *note.Note) string {
	var names []string
	for _, s := range n.UnverifiedSigs {
		names = append(names, fmt.Sprintf("%s+%08x", s.Name, s.Hash))
	}
	return strings.Join(names, ", ")
}

// signer signs notes with an Ed25519 key that may be anywhere.
type signer struct {
	verifier string
	name     string
	hash     uint32
	key      crypto.Signer
}

// newSigner takes a key of the history origin.
func newSigner(origin string, key crypto.Signer) (*signer, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the key of the history is a %T, expected Ed25519 (C2SP signed-note)", key.Public())
	}
	text, err := note.NewEd25519VerifierKey(origin, pub)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("origin %q: %w", origin, err)
	}
	return &signer{verifier: text, name: origin, hash: v.KeyHash(), key: key}, nil
}

// Name implements note.Signer.
func (s *signer) Name() string { return s.name }

// KeyHash implements note.Signer.
func (s *signer) KeyHash() uint32 { return s.hash }

// Sign implements note.Signer.
func (s *signer) Sign(msg []byte) ([]byte, error) {
	return s.key.Sign(nil, msg, crypto.Hash(0)) // Ed25519 takes no randomness (RFC 8032)
}

// parseVerifier reads a key of C2SP signed-note: name, hash and, in base64, the
// octet 1 with the 32 of an Ed25519 key.
func parseVerifier(text string) (name string, pub ed25519.PublicKey, err error) {
	v, err := note.NewVerifier(text)
	if err != nil || len(text) > 512 {
		return "", nil, errors.New("not a key of C2SP signed-note: expected <origin>+<hash>+<base64>")
	}
	_, rest, _ := strings.Cut(text, "+")
	_, b64, _ := strings.Cut(rest, "+")
	b, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || len(b) != 1+ed25519.PublicKeySize {
		return "", nil, errors.New("not a key of C2SP signed-note: expected an Ed25519 key")
	}
	if again, err := note.NewEd25519VerifierKey(v.Name(), b[1:]); err != nil || again != text {
		return "", nil, errors.New("not a key of C2SP signed-note in its plain spelling")
	}
	return v.Name(), b[1:], nil
}

// memory reads hashes of the tree that are kept in the order of x/mod's tlog.
type memory []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		if n < 0 || n >= int64(len(m)) {
			return nil, fmt.Errorf("%w: hash %d of %d", ErrRange, n, len(m))
		}
		out[i] = m[n]
	}
	return out, nil
}
