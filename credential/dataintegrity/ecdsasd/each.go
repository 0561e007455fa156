package ecdsasd

import (
	"crypto/ecdsa"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/zegel-id/zegel/internal/jose"
)

// signAll signs each statement.
func signAll(key *ecdsa.PrivateKey, statements [][]byte) ([][]byte, error) {
	signatures := make([][]byte, len(statements))
	err := each(len(statements), func(i int) (err error) {
		signatures[i], err = jose.Sign(key, jose.ES256, statements[i])
		return err
	})
	return signatures, err
}

// verifyAll verifies the signature of each statement.
func verifyAll(key *ecdsa.PublicKey, statements, signatures [][]byte) error {
	return each(len(statements), func(i int) error {
		return jose.VerifySignature(key, jose.ES256, statements[i], signatures[i])
	})
}

// few operations are not worth another goroutine.
const few = 4

// each does something n times, over the cores when there is much, and stops at the first
// error. All goroutines have ended when it returns.
func each(n int, do func(i int) error) error {
	workers := min(runtime.GOMAXPROCS(0), (n+few-1)/few)
	if workers < 2 {
		for i := range n {
			if err := do(i); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		next    atomic.Int64
		failure atomic.Pointer[error]
		wait    sync.WaitGroup
	)
	work := func() {
		for failure.Load() == nil {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if err := do(i); err != nil {
				failure.CompareAndSwap(nil, &err)
			}
		}
	}
	for range workers - 1 {
		wait.Go(work)
	}
	work()
	wait.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}
