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
	return k, k.addFormer(former)
}

// FormerKeys returns Keys without a key in use: Current is nil until Rotate.
func FormerKeys(former ...[]*x509.Certificate) (*Keys, error) {
	k := &Keys{pem: map[string][]byte{}}
	return k, k.addFormer(former)
}

func (k *Keys) addFormer(former [][]*x509.Certificate) error {
	for _, chain := range former {
		if len(chain) == 0 {
			return fmt.Errorf("%w: an empty former chain", ErrSealer)
		}
		k.pem[CertificateID(chain[0])] = trust.EncodePEM(chain...)
	}
	return nil
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
	s := k.Current()
	if s == nil {
		return "", fmt.Errorf("%w: no key in use", ErrSealer)
	}
	return s.SignCompact(typ, iat, payload)
}

// AppendCompact seals with the key in use into a buffer of the caller.
func (k *Keys) AppendCompact(dst []byte, typ string, iat time.Time, payload []byte) ([]byte, error) {
	s := k.Current()
	if s == nil {
		return nil, fmt.Errorf("%w: no key in use", ErrSealer)
	}
	return s.AppendCompact(dst, typ, iat, payload)
}

// PEM is the chain of a certificate by its id, in use or former.
func (k *Keys) PEM(id string) ([]byte, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	b, ok := k.pem[id]
	return b, ok
}
