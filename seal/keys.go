package seal

import (
	"crypto/x509"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
)

// Keys is the seal key in use and the certificates of those before it, whose
// seals stay valid and whose PEM is still served. It signs with the key in use.
type Keys struct {
	mu      sync.RWMutex
	current *Sealer
	pem     map[string][]byte
}

// NewKeys returns Keys that seal with current and serve the former chains,
// each leaf first.
func NewKeys(current *Sealer, former ...[]*x509.Certificate) (*Keys, error) {
	if current == nil {
		return nil, fmt.Errorf("%w: no key in use", ErrSealer)
	}
	k := &Keys{current: current, pem: map[string][]byte{current.ID(): current.PEM()}}
	for _, chain := range former {
		if len(chain) == 0 {
			return nil, fmt.Errorf("%w: an empty former chain", ErrSealer)
		}
		k.pem[CertificateID(chain[0])] = trust.EncodePEM(chain...)
	}
	return k, nil
}

// Rotate makes next the key in use. Seals being made with the one before are
// finished with it.
func (k *Keys) Rotate(next *Sealer) error {
	if next == nil {
		return fmt.Errorf("%w: no key to rotate to", ErrSealer)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	pem := maps.Clone(k.pem)
	pem[next.ID()] = next.PEM()
	k.current, k.pem = next, pem
	return nil
}

// Current is the Sealer in use. Hold on to it for one credential, not longer.
func (k *Keys) Current() *Sealer {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.current
}

// SignCompact seals with the key in use.
func (k *Keys) SignCompact(typ string, iat time.Time, payload []byte) (string, error) {
	return k.Current().SignCompact(typ, iat, payload)
}

// AppendCompact seals with the key in use into a buffer of the caller.
func (k *Keys) AppendCompact(dst []byte, typ string, iat time.Time, payload []byte) ([]byte, error) {
	return k.Current().AppendCompact(dst, typ, iat, payload)
}

// PEM is the chain of a certificate by its id, in use or former.
func (k *Keys) PEM(id string) ([]byte, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	b, ok := k.pem[id]
	return b, ok
}
