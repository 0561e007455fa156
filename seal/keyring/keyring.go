// Package keyring keeps the software keys with which an issuer seals and whose
// certificates are of an authority: those that wait for a certificate, those that
// are ready, the one in use, those before it, and what is left of those that were
// retired.
//
// A Ring is a directory. Its manifest is the commit point of every change: files
// that it does not name count for nothing, and a change that was cut off is as if
// it had not begun. Several processes may change a ring; they take turns.
package keyring

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust"
)

var (
	// ErrNoKey is returned for a key that is not in the ring.
	ErrNoKey = errors.New("there is no such key")
	// ErrState is returned for what a key in its state must not be used for.
	ErrState = errors.New("the key cannot be used for this")
	// ErrFiles is returned for a directory that does not hold what its manifest says.
	ErrFiles = errors.New("not a whole key ring")
)

// State is where a key is in its life.
type State string

// The states, in their order. A key that is Former can be Active again while it is
// there; one that is Retired has only its certificate left.
const (
	Requested State = "requested" // waits for its certificate
	Ready     State = "ready"     // can be taken into use
	Active    State = "active"
	Former    State = "former"
	Retired   State = "retired"
)

// Key is a key of a ring.
type Key struct {
	ID    string    `json:"id"` // see ID
	State State     `json:"state"`
	Since time.Time `json:"since"` // in this state
	// Elsewhere is what people call the place of a key that is not in the ring,
	// such as the token of a hardware module. The ring keeps its request and its
	// certificate and never makes it active.
	Elsewhere string `json:"elsewhere,omitempty"`

	// Chain is the certificate and those above it, leaf first; nil while Requested.
	Chain []*x509.Certificate `json:"-"`
	// Public is the public key.
	Public crypto.PublicKey `json:"-"`
}

// ID names a key: the first 16 hexadecimal digits of the SHA-256 of its
// SubjectPublicKeyInfo.
func ID(pub crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return "", fmt.Errorf("naming a key: %w", err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:8]), nil
}

// Ring is a directory of keys of one issuer. The zero Ring of a directory that is
// not there is empty.
type Ring struct{ dir string }

// At is the ring in a directory, which need not be there.
func At(dir string) Ring { return Ring{dir} }

// Dir is the directory.
func (r Ring) Dir() string { return r.dir }

const (
	manifestFile = "keys.json"
	lockFile     = ".lock"
	keyExt       = ".key"
	requestExt   = ".csr.pem"
	chainExt     = ".pem"
)

type manifest struct {
	Version int   `json:"version"`
	Keys    []Key `json:"keys"`
}

// maxFile bounds what is read.
const maxFile = 1 << 20

// Keys are the keys of the ring, oldest first.
func (r Ring) Keys() ([]Key, error) {
	m, err := r.read()
	if err != nil {
		return nil, err
	}
	for i := range m.Keys {
		if err := r.fill(&m.Keys[i]); err != nil {
			return nil, err
		}
	}
	return m.Keys, nil
}

// Key is a key of the ring by its ID.
func (r Ring) Key(id string) (Key, error) {
	keys, err := r.Keys()
	if err != nil {
		return Key{}, err
	}
	i := slices.IndexFunc(keys, func(k Key) bool { return k.ID == id })
	if i < 0 {
		return Key{}, fmt.Errorf("%w: %q; see `zegel keys list`", ErrNoKey, id)
	}
	return keys[i], nil
}

// Active is the key in use; ok is false where there is none.
func (r Ring) Active() (k Key, ok bool, err error) {
	keys, err := r.Keys()
	if err != nil {
		return Key{}, false, err
	}
	i := slices.IndexFunc(keys, func(k Key) bool { return k.State == Active })
	if i < 0 {
		return Key{}, false, nil
	}
	return keys[i], true, nil
}

// Signer reads a private key. It refuses a file that others may read, and a key
// that is not the one named.
func (r Ring) Signer(id string) (crypto.Signer, error) {
	key, err := readKey(r.path(id, keyExt))
	if err != nil {
		return nil, err
	}
	if got, err := ID(key.Public()); err != nil || got != id {
		return nil, fmt.Errorf("%w: %s holds another key than its name says; put back what was there", ErrFiles, r.path(id, keyExt))
	}
	return key, nil
}

// Has reports whether the private key is in the ring.
func (r Ring) Has(id string) bool {
	_, err := os.Stat(r.path(id, keyExt))
	return err == nil
}

// Request is the certificate request of a key, in PEM.
func (r Ring) Request(id string) ([]byte, error) { return readBounded(r.path(id, requestExt)) }

// ChainFile is the file with the certificate of a key and those above it, in PEM.
func (r Ring) ChainFile(id string) string { return r.path(id, chainExt) }

// Use makes a key the one in use. The one before becomes Former and keeps its
// private key, as a way back, until it is retired.
func (r Ring) Use(id string, now time.Time) error {
	return r.change(func(m *manifest) error {
		k, err := m.key(id)
		switch {
		case err != nil:
			return err
		case k.State == Active:
			return nil
		case k.Elsewhere != "":
			return fmt.Errorf("%w: it is in %s; name it under issuer.seal in the configuration", ErrState, k.Elsewhere)
		case k.State == Requested:
			return fmt.Errorf("%w: it waits for its certificate; install that with `zegel keys install`", ErrState)
		case k.State == Retired || !r.Has(id):
			return fmt.Errorf("%w: it was retired and its private key removed; make another", ErrState)
		}
		m.leave(now)
		k.State, k.Since = Active, now
		return nil
	})
}

// Leave makes the key in use, if there is one, Former: a key elsewhere seals.
func (r Ring) Leave(now time.Time) error {
	if _, ok, err := r.Active(); err != nil || !ok {
		return err
	}
	return r.change(func(m *manifest) error { m.leave(now); return nil })
}

func (m *manifest) leave(now time.Time) {
	for i := range m.Keys {
		if m.Keys[i].State == Active {
			m.Keys[i].State, m.Keys[i].Since = Former, now
		}
	}
}

// Retire ends a key that is not in use: its private key is removed, its
// certificate stays. A key that never had one is removed altogether.
func (r Ring) Retire(id string, now time.Time) error {
	return r.change(func(m *manifest) error {
		k, err := m.key(id)
		switch {
		case err != nil:
			return err
		case k.State == Active:
			return fmt.Errorf("%w: it seals; take another into use first, with `zegel keys rotate --use seal --to ID`", ErrState)
		case k.State == Requested:
			m.Keys = slices.DeleteFunc(m.Keys, func(k Key) bool { return k.ID == id })
		case k.State != Retired:
			k.State, k.Since = Retired, now
		}
		return nil
	})
}

func (m *manifest) key(id string) (*Key, error) {
	for i := range m.Keys {
		if m.Keys[i].ID == id {
			return &m.Keys[i], nil
		}
	}
	return nil, fmt.Errorf("%w: %q; see `zegel keys list`", ErrNoKey, id)
}

// change changes the manifest under the lock and then removes private keys that it
// does not name, or names as retired, and what a crash left half written, which may
// be one.
func (r Ring) change(f func(*manifest) error) error {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(r.dir, lockFile)).Lock()
	if err != nil {
		return fmt.Errorf("waiting for the key ring: %w", err)
	}
	defer unlock()
	m, err := r.read()
	if err != nil {
		return err
	}
	if err := f(&m); err != nil {
		return err
	}
	b, err := jose.Marshal(m)
	if err != nil {
		return err
	}
	if err := write(r.dir, manifestFile, append(b, '\n')); err != nil {
		return err
	}
	return r.clean(m)
}

func (r Ring) clean(m manifest) error {
	half, err := filepath.Glob(filepath.Join(r.dir, halfWritten))
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(r.dir, "*"+keyExt))
	if err != nil {
		return err
	}
	for _, path := range append(half, paths...) {
		keep := slices.ContainsFunc(m.Keys, func(k Key) bool { return path == r.path(k.ID, keyExt) && k.State != Retired })
		if keep {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncDir(r.dir)
}

func (r Ring) path(id, ext string) string { return filepath.Join(r.dir, id+ext) }

func (r Ring) read() (m manifest, err error) {
	path := filepath.Join(r.dir, manifestFile)
	b, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest{Version: 1}, nil
	}
	if err != nil {
		return m, err
	}
	if err := jose.UnmarshalClosed(b, &m); err != nil {
		return m, fmt.Errorf("%w: %s: %w", ErrFiles, path, err)
	}
	if m.Version != 1 {
		return m, fmt.Errorf("%w: %s is of version %d, expected 1", ErrFiles, path, m.Version)
	}
	for _, k := range m.Keys {
		if b, err := hex.DecodeString(k.ID); err != nil || len(b) != 8 {
			return m, fmt.Errorf("%w: %s has a key %q", ErrFiles, path, k.ID)
		}
	}
	return m, nil
}

// fill reads what the files say of a key.
func (r Ring) fill(k *Key) error {
	if k.State == Requested {
		b, err := r.Request(k.ID)
		if err != nil {
			return err
		}
		request, err := ParseRequest(b)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrFiles, r.path(k.ID, requestExt), err)
		}
		k.Public = request.PublicKey
	} else {
		b, err := readBounded(r.path(k.ID, chainExt))
		if err != nil {
			return err
		}
		if k.Chain, err = trust.ParsePEM(b); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrFiles, r.path(k.ID, chainExt), err)
		}
		k.Public = k.Chain[0].PublicKey
	}
	if got, err := ID(k.Public); err != nil || got != k.ID {
		return fmt.Errorf("%w: the files of %s in %s are of another key; put back what was there", ErrFiles, k.ID, r.dir)
	}
	return nil
}
