package bbs2023

import (
	"crypto"
	"sync"

	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/did"
)

// issuers remembers the keys of issuers: whether a point is of its subgroup, and the lines of
// its pairing, are found out once. The process has one, since a verifier makes a suite for
// each presentation.
var issuers keys

// maxKeys is how many are kept, of 24 KiB each; then all are forgotten.
const maxKeys = 256

type keys struct {
	mu    sync.Mutex
	known map[string]*bbs.PublicKey // by octets
}

// of reads a key, or remembers it. A key that is refused is not kept.
func (k *keys) of(octets did.BBSPublicKey) (*bbs.PublicKey, error) {
	k.mu.Lock()
	key := k.known[string(octets)]
	k.mu.Unlock()
	if key != nil {
		return key, nil
	}
	key, err := bbs.ParsePublicKey(bbs.SHA256, octets)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxKeys {
		k.known = map[string]*bbs.PublicKey{}
	}
	k.known[string(octets)] = key
	return key, nil
}

// issuerKey is a key that fits the suite.
func issuerKey(key crypto.PublicKey) (*bbs.PublicKey, error) {
	octets, ok := key.(did.BBSPublicKey)
	if !ok {
		return nil, &di.Error{Check: di.CheckMethod, Spec: spec + ", Section 2.1", Detail: "the key is not one of BLS12-381 in G2, the only kind that " + Name + " has"}
	}
	pub, err := issuers.of(octets)
	if err != nil {
		return nil, &di.Error{Check: di.CheckMethod, Spec: spec + ", Section 2.1", Detail: "the key of the verification method", Err: err}
	}
	return pub, nil
}
