// Package unit is the citizen's wallet unit: it holds the keys, opens the
// vault, proves possession, accepts credentials over OpenID4VCI, matches
// queries and presents over OpenID4VP.
//
// It is the only part of the product that can read a vault. It touches no
// file, no network and no clock except through its arguments, so the same code
// runs natively and, later, in a browser. Names, codes and salts are drawn from
// the source it is given; keys and the nonces of ciphers and proofs come from
// Go's crypto packages, which use the machine's own source in both.
package unit

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/zegel-id/zegel/internal/jose"
)

// ErrLocked is returned when a secret opens no slot of a keystore.
var ErrLocked = errors.New("this recovery code does not open the vault")

// ErrKeystore is returned for a keystore that is malformed or was changed.
var ErrKeystore = errors.New("keystore is damaged or of an unknown version")

// Kinds of slots. A slot opens with 256 bits of key material.
const (
	SlotRecoveryCode = "recovery-code"
	SlotPasskeyPRF   = "passkey-prf"
)

// Keystore is what the platform keeps for the citizen: the vault's private
// keys under a random vault master key, and that key wrapped once per slot.
// Without a slot's secret it is noise.
type Keystore struct {
	Version int    `json:"version"`
	Slots   []Slot `json:"slots"`
	// IV and Keys are base64url: the private keys under the master key.
	IV   string `json:"iv"`
	Keys string `json:"keys"`
}

// Slot is one way to open a keystore.
type Slot struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Salt    string `json:"salt"`
	Wrapped string `json:"wrapped"`
}

// Keys are the private keys of an opened vault.
type Keys struct {
	// Vault opens envelopes.
	Vault *ecdh.PrivateKey
	// DID signs link proofs and what the citizen says under the WebID.
	DID *ecdsa.PrivateKey
	// Next is the DID key of a rotation under way, nil when there is none. It
	// is kept before it is published, so that no crash can lose it.
	Next   *ecdsa.PrivateKey
	master [32]byte
}

type keyMaterial struct {
	Vault jose.JWK  `json:"vault"`
	DID   jose.JWK  `json:"did"`
	Next  *jose.JWK `json:"next,omitempty"`
}

const (
	keystoreVersion = 1
	kekInfo         = "vault-kek-v1"
	keysAAD         = "vault-keys-v1"
)

// NewKeys draws the keys of a new vault.
func NewKeys(random io.Reader) (*Keys, error) {
	var k Keys
	var err error
	if k.Vault, err = ecdh.P256().GenerateKey(random); err != nil {
		return nil, err
	}
	if k.DID, err = ecdsa.GenerateKey(elliptic.P256(), random); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(random, k.master[:]); err != nil {
		return nil, err
	}
	return &k, nil
}

// Lock makes the keystore of the keys with one slot for the recovery code.
func (k *Keys) Lock(random io.Reader, code RecoveryCode) (*Keystore, error) {
	ks := &Keystore{Version: keystoreVersion}
	if err := k.reseal(random, ks); err != nil {
		return nil, err
	}
	return ks, ks.AddSlot(random, k, SlotRecoveryCode, code.b[:])
}

// Reseal is the keystore with the keys as they are now (after a rotation of
// the DID key); the slots stay.
func (k *Keys) Reseal(random io.Reader, ks *Keystore) (*Keystore, error) {
	next := &Keystore{Version: keystoreVersion, Slots: ks.Slots}
	return next, k.reseal(random, next)
}

func (k *Keys) reseal(random io.Reader, ks *Keystore) error {
	did, err := jose.PrivateJWK(k.DID)
	if err != nil {
		return err
	}
	vault := ecdhJWK(k.Vault.PublicKey())
	vault.D = jose.Encode(k.Vault.Bytes())
	material := keyMaterial{Vault: vault, DID: did}
	if k.Next != nil {
		next, err := jose.PrivateJWK(k.Next)
		if err != nil {
			return err
		}
		material.Next = &next
	}
	plain, err := jose.Marshal(material)
	if err != nil {
		return err
	}
	a, err := aead(k.master[:])
	if err != nil {
		return err
	}
	iv := make([]byte, a.NonceSize())
	if _, err := io.ReadFull(random, iv); err != nil {
		return err
	}
	ks.IV, ks.Keys = jose.Encode(iv), jose.Encode(a.Seal(nil, iv, plain, []byte(keysAAD)))
	return nil
}

// AddSlot lets secret, at least 256 bits of key material, open the keystore.
func (ks *Keystore) AddSlot(random io.Reader, k *Keys, kind string, secret []byte) error {
	if kind != SlotRecoveryCode && kind != SlotPasskeyPRF {
		return fmt.Errorf("slot kind %q is unknown", kind)
	}
	fresh := make([]byte, 32+16)
	if _, err := io.ReadFull(random, fresh); err != nil {
		return err
	}
	salt, id := fresh[:32], fresh[32:]
	kek, err := slotKey(secret, salt)
	if err != nil {
		return err
	}
	wrapped, err := wrapKey(kek, k.master[:])
	if err != nil {
		return err
	}
	ks.Slots = append(ks.Slots, Slot{ID: jose.Encode(id), Kind: kind, Salt: jose.Encode(salt), Wrapped: jose.Encode(wrapped)})
	return nil
}

// Unlock opens the keystore with a recovery code.
func (ks *Keystore) Unlock(code RecoveryCode) (*Keys, error) {
	return ks.Open(SlotRecoveryCode, code.b[:])
}

// Open opens the keystore with the secret of a slot of that kind.
func (ks *Keystore) Open(kind string, secret []byte) (*Keys, error) {
	if ks.Version != keystoreVersion || len(ks.Slots) > 16 {
		return nil, ErrKeystore
	}
	for _, s := range ks.Slots {
		if s.Kind != kind {
			continue
		}
		salt, errS := jose.Decode(s.Salt)
		wrapped, errW := jose.Decode(s.Wrapped)
		if errS != nil || errW != nil {
			return nil, ErrKeystore
		}
		kek, err := slotKey(secret, salt)
		if err != nil {
			return nil, err
		}
		master, err := unwrapKey(kek, wrapped)
		if err != nil || len(master) != 32 {
			continue
		}
		return ks.keys(master)
	}
	return nil, ErrLocked
}

func (ks *Keystore) keys(master []byte) (*Keys, error) {
	iv, errI := jose.Decode(ks.IV)
	sealed, errK := jose.Decode(ks.Keys)
	a, err := aead(master)
	if errI != nil || errK != nil || err != nil || len(iv) != a.NonceSize() {
		return nil, ErrKeystore
	}
	plain, err := a.Open(nil, iv, sealed, []byte(keysAAD))
	if err != nil {
		return nil, ErrKeystore
	}
	var m keyMaterial
	if err := jose.UnmarshalClosed(plain, &m); err != nil {
		return nil, ErrKeystore
	}
	out := &Keys{}
	copy(out.master[:], master)
	d, err := jose.Decode(m.Vault.D)
	if err != nil {
		return nil, ErrKeystore
	}
	if out.Vault, err = ecdh.P256().NewPrivateKey(d); err != nil {
		return nil, ErrKeystore
	}
	if out.DID, err = ecKey(m.DID); err != nil {
		return nil, err
	}
	if m.Next != nil {
		if out.Next, err = ecKey(*m.Next); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func ecKey(k jose.JWK) (*ecdsa.PrivateKey, error) {
	signer, err := k.Private()
	if err != nil {
		return nil, ErrKeystore
	}
	ec, ok := signer.(*ecdsa.PrivateKey)
	if !ok {
		return nil, ErrKeystore
	}
	return ec, nil
}

// VaultJWK is the public vault key, for those who fetch for the citizen.
func (k *Keys) VaultJWK() jose.JWK { return ecdhJWK(k.Vault.PublicKey()) }

// ParseKeystore reads a keystore.
func ParseKeystore(b []byte) (*Keystore, error) {
	var ks Keystore
	if err := jose.UnmarshalClosed(b, &ks); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeystore, err)
	}
	if ks.Version != keystoreVersion || len(ks.Slots) == 0 || len(ks.Slots) > 16 {
		return nil, ErrKeystore
	}
	return &ks, nil
}

// Marshal is the keystore as JSON.
func (ks *Keystore) Marshal() ([]byte, error) { return jose.Marshal(ks) }

func slotKey(secret, salt []byte) ([]byte, error) {
	if len(secret) < 32 || len(salt) != 32 {
		return nil, ErrKeystore
	}
	return hkdf.Key(sha256.New, secret, salt, kekInfo, 32)
}
