package authz

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

const (
	// nonceStep is how often the nonce changes, NonceLife how long one is taken.
	nonceStep = time.Minute
	// NonceLife is how long a proof with a nonce can be used, and its jti must be
	// remembered.
	NonceLife  = 5 * time.Minute
	nonceBytes = 8 + 16 // step, tag
)

// Nonces are the server's nonces for DPoP proofs and challenges for wallet
// attestations (RFC 9449, Section 8; attestation-based client authentication,
// Section 6). They cost nothing: a nonce is an authenticated time, which nobody
// can tell beforehand. That a proof is used once is for its jti to say.
type Nonces struct {
	// Key, 32 bytes, for this use only.
	Key []byte
	Now func() time.Time

	mu   sync.Mutex // guards step and text
	step uint64
	text string
}

// Fresh is the nonce of this minute.
func (n *Nonces) Fresh() string {
	step := uint64(n.Now().Unix()) / uint64(nonceStep/time.Second)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.step != step || n.text == "" {
		n.step, n.text = step, jose.Encode(n.nonce(step))
	}
	return n.text
}

func (n *Nonces) nonce(step uint64) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, nonceBytes), step)
	m := hmac.New(sha256.New, n.Key)
	m.Write(b)
	return append(b, m.Sum(nil)[:16]...)
}

// Check says whether a nonce is one of this server's of the last minutes.
func (n *Nonces) Check(text string) bool {
	b, err := jose.Decode(text)
	if err != nil || len(b) != nonceBytes {
		return false
	}
	step := binary.BigEndian.Uint64(b[:8])
	if !hmac.Equal(b, n.nonce(step)) {
		return false
	}
	// A minute ahead is another process's clock.
	now := uint64(n.Now().Unix()) / uint64(nonceStep/time.Second)
	return step <= now+1 && step+uint64(NonceLife/nonceStep) >= now
}

// digest joins what must not be confused.
func digest(parts ...string) []byte {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum(nil)
}
