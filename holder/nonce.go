package holder

import (
	"crypto/subtle"
	"strconv"
	"time"
)

// ProofNonce is the nonce that the next DPoP proof must hold (RFC 9449, Section
// 8). It is a keyed hash of the period of ProofLife that it is given in: it
// cannot be foreseen, costs no storage, and every process of a deployment has
// the same.
func (h *Holder) ProofNonce() string { return h.proofNonce(h.now()) }

// GaveProofNonce reports whether a nonce is of this period or the one before.
func (h *Holder) GaveProofNonce(nonce string) bool {
	now := h.now()
	this := subtle.ConstantTimeCompare([]byte(nonce), []byte(h.proofNonce(now)))
	former := subtle.ConstantTimeCompare([]byte(nonce), []byte(h.proofNonce(now.Add(-ProofLife))))
	return this|former == 1
}

func (h *Holder) proofNonce(at time.Time) string {
	return h.keyed("proof nonce", strconv.FormatInt(at.Unix()/int64(ProofLife/time.Second), 10))
}
