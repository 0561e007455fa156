package holder_test

import (
	"testing"

	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/internal/jose"
)

// A nonce is good in its period and the next, needs no storage, and cannot be
// made by who knows a former one.
func TestProofNonce(t *testing.T) {
	w := newWorld(t)
	nonce := w.ProofNonce()
	if b, err := jose.Decode(nonce); err != nil || len(b) != 32 {
		t.Errorf("%q", nonce)
	}
	for _, bad := range []string{"", "x", nonce[:42], nonce + "A"} {
		if w.GaveProofNonce(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
	w.clock.add(holder.ProofLife)
	if !w.GaveProofNonce(nonce) || w.ProofNonce() == nonce {
		t.Error("it does not last into the next period, or does not change")
	}
	w.clock.add(holder.ProofLife)
	if w.GaveProofNonce(nonce) {
		t.Error("it outlives the next period")
	}
	if !w.GaveProofNonce(w.ProofNonce()) {
		t.Error("the new one is not taken")
	}
}
