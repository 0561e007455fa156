package bench

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/signers"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// signerQueue is what the line before a signer costs when nobody waits: a signature
// and a seal through it, against the same without.
func signerQueue(t *testing.T) []row {
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().Truncate(time.Second)
	h, err := devca.New(devca.Options{Now: at, Issuer: issuerURL})
	ok(err)
	key := newKey(t)
	q, err := signers.NewQueue(key, signers.QueueOptions{Slots: 2})
	ok(err)
	share, digest := q.For("school"), sha256.Sum256([]byte("text"))
	bare, err := h.Sealer("", func() time.Time { return at })
	ok(err)
	through, err := bare.Through(func(k crypto.Signer) crypto.Signer { return q.Key("school", k, nil) })
	ok(err)
	sealing := func(s *seal.Sealer) side {
		return local(func() error { _, err := s.SignCompact("vc+jwt", at, []byte(twenty)); return err })
	}
	return []row{
		{name: "a signature in turn, nobody waiting", reference: "P-256 signature", cost: true, goal: 1.2,
			ours:   local(func() error { _, err := share.SignContext(context.Background(), digest[:], crypto.SHA256); return err }),
			theirs: local(func() error { _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); return err })},
		{name: "a seal through the queue", reference: "a seal with the bare key", cost: true, goal: 1.2, ours: sealing(through), theirs: sealing(bare)},
	}
}
