package did

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// Status of a WebID and its DID.
type Status string

const (
	// Active: both documents name keys and the WebID an OpenID provider.
	Active Status = "active"
	// Deactivated: both identifiers answer and can do nothing.
	Deactivated Status = "deactivated"
	// Deleted: both answer 410, for ever.
	Deleted Status = "deleted"
)

var (
	// ErrStatus is returned for a transition that the present status has not.
	ErrStatus = errors.New("not possible in the present status of the profile")
	// ErrProfile is returned for a member of a profile that breaks a rule.
	ErrProfile = errors.New("not a valid profile")
)

// Key is one public key of a profile.
type Key struct {
	// Fragment is key-n for signing keys and enc-n for encryption keys.
	Fragment string    `json:"fragment"`
	Multikey string    `json:"publicKeyMultibase"`
	Revoked  time.Time `json:"revoked,omitzero"`
}

// Profile is the state of one WebID and its DID; both documents are written
// from it. It is a value: each transition returns the next profile and leaves
// this one as it was. What a transition does not decide is who may ask for it.
//
// A citizen who lost the signing key cannot rotate; nobody else can on the
// citizen's behalf. The remedy is a new vault.
type Profile struct {
	WebID      string `json:"webid"`
	DID        string `json:"did"`
	Status     Status `json:"status"`
	OIDCIssuer string `json:"oidcIssuer,omitempty"`
	Storage    string `json:"storage,omitempty"`
	// RegistrationToken is shown in the WebID document while a Solid server
	// asks the citizen's platform to prove that it owns the WebID.
	RegistrationToken string `json:"registrationToken,omitempty"`
	// Keys are key-1 to key-n; all but the last are revoked.
	Keys []Key `json:"keys"`
	// EncryptionKeys are enc-1 to enc-n; all but the last are revoked. It may
	// be empty.
	EncryptionKeys []Key `json:"encryptionKeys,omitempty"`
	// LinkProof is the current link proof; empty unless Active.
	LinkProof string `json:"linkProof,omitempty"`
	// Rotations are the proofs that key n+1 follows from key n.
	Rotations []string `json:"rotations,omitempty"`
	// Changed is when the last transition happened, in whole seconds.
	Changed time.Time `json:"changed"`
}

// Creation is what a new profile is made of.
type Creation struct {
	WebID      string
	Key        crypto.PublicKey // P-256, P-384 or Ed25519; the private key stays with the citizen
	Encryption crypto.PublicKey // may be nil
	OIDCIssuer string
	Storage    string // may be empty until there is one
	LinkProof  string // by Key, as key-1
}

// Create makes an active profile.
func Create(c Creation, now time.Time, options ...Option) (Profile, error) {
	did, err := DIDOf(c.WebID, options...)
	if err != nil {
		return Profile{}, err
	}
	p := Profile{WebID: c.WebID, DID: did, Status: Active, Changed: second(now)}
	if err := p.place(c.OIDCIssuer, c.Storage); err != nil {
		return Profile{}, err
	}
	if err := p.addKey(c.Key); err != nil {
		return Profile{}, err
	}
	if c.Encryption != nil {
		if err := p.addEncryption(c.Encryption); err != nil {
			return Profile{}, err
		}
	}
	return p.proven(c.LinkProof, now)
}

// Rotation replaces the signing key.
type Rotation struct {
	Key crypto.PublicKey
	// RotationProof is signed by the old key and names the new one.
	RotationProof string
	// LinkProof is signed by the new key.
	LinkProof string
}

// Rotate adds key-n+1 and marks key-n revoked. Only the holder of the old key
// can: its rotation proof is kept, so that anyone can follow the keys.
func (p Profile) Rotate(r Rotation, now time.Time) (Profile, error) {
	if p.Status != Active {
		return Profile{}, fmt.Errorf("%w: rotating needs an active profile, found %s", ErrStatus, p.Status)
	}
	n := len(p.Keys)
	old, err := DecodeMultikey(p.Keys[n-1].Multikey)
	if err != nil {
		return Profile{}, err
	}
	signed, err := verifyRotation(r.RotationProof, p.WebID, p.DID, n, old, r.Key)
	if err != nil {
		return Profile{}, err
	}
	if now.Add(proofSkew).Before(signed) || signed.Add(proofSkew).Before(p.Changed) {
		return Profile{}, fmt.Errorf("%w: the rotation proof must be made after the last change and not in the future", ErrProof)
	}
	q := p.next(now)
	q.Keys[n-1].Revoked = q.Changed
	if err := q.addKey(r.Key); err != nil {
		return Profile{}, err
	}
	q.Rotations = append(q.Rotations, r.RotationProof)
	return q.proven(r.LinkProof, now)
}

// RotateEncryption replaces the key to encrypt to. The link proof names the
// new one.
func (p Profile) RotateEncryption(key crypto.PublicKey, linkProof string, now time.Time) (Profile, error) {
	if p.Status != Active {
		return Profile{}, fmt.Errorf("%w: rotating needs an active profile, found %s", ErrStatus, p.Status)
	}
	q := p.next(now)
	if n := len(q.EncryptionKeys); n > 0 {
		q.EncryptionKeys[n-1].Revoked = q.Changed
	}
	if err := q.addEncryption(key); err != nil {
		return Profile{}, err
	}
	return q.proven(linkProof, now)
}

// Renew replaces the link proof before it expires.
func (p Profile) Renew(linkProof string, now time.Time) (Profile, error) {
	if p.Status != Active {
		return Profile{}, fmt.Errorf("%w: renewing needs an active profile, found %s", ErrStatus, p.Status)
	}
	return p.next(now).proven(linkProof, now)
}

// Move names another OpenID provider or storage, and shows or, if empty, takes
// away a registration token.
func (p Profile) Move(oidcIssuer, storage, registrationToken string, now time.Time) (Profile, error) {
	if p.Status != Active {
		return Profile{}, fmt.Errorf("%w: moving needs an active profile, found %s", ErrStatus, p.Status)
	}
	if len(registrationToken) > 256 || strings.ContainsFunc(registrationToken, func(r rune) bool { return r > 0x7e || !idchar(byte(r)) }) {
		return Profile{}, fmt.Errorf("%w: a registration token must be at most 256 letters, digits, dots, hyphens and underscores", ErrProfile)
	}
	q := p.next(now)
	q.RegistrationToken = registrationToken
	if err := q.place(oidcIssuer, storage); err != nil {
		return Profile{}, err
	}
	return q, nil
}

// Deactivate takes provider, storage, relationships and link proof away. The
// identifiers and keys stay, so that old proofs can be judged.
func (p Profile) Deactivate(now time.Time) (Profile, error) {
	if p.Status != Active {
		return Profile{}, fmt.Errorf("%w: only an active profile can be deactivated, found %s", ErrStatus, p.Status)
	}
	q := p.next(now)
	q.Status, q.OIDCIssuer, q.Storage, q.RegistrationToken, q.LinkProof = Deactivated, "", "", "", ""
	return q, nil
}

// Reactivate undoes Deactivate. The link proof must be made since: one from
// before says nothing of the citizen's present will.
func (p Profile) Reactivate(oidcIssuer, storage, linkProof string, now time.Time) (Profile, error) {
	if p.Status != Deactivated {
		return Profile{}, fmt.Errorf("%w: only a deactivated profile can be reactivated, found %s", ErrStatus, p.Status)
	}
	q := p.next(now)
	q.Status = Active
	if err := q.place(oidcIssuer, storage); err != nil {
		return Profile{}, err
	}
	q, err := q.proven(linkProof, now)
	if err != nil {
		return Profile{}, err
	}
	if proof, err := q.linkProof(now); err != nil || proof.IssuedAt.Before(p.Changed) {
		return Profile{}, fmt.Errorf("%w: the link proof must be made after the deactivation", ErrProof)
	}
	return q, nil
}

// Tombstone is all that is kept of a deleted profile.
type Tombstone struct {
	// Hash is HashUUID of its UUID, which is never given out again.
	Hash      string    `json:"hash"`
	DeletedAt time.Time `json:"deletedAt"`
}

// Delete ends a profile, from any status.
func (p Profile) Delete(now time.Time) Tombstone {
	return Tombstone{Hash: HashUUID(p.WebID[strings.LastIndexByte(p.WebID, '/')+1:]), DeletedAt: second(now)}
}

// HashUUID is what stands for the UUID of a profile in records that outlive
// it. A version 4 UUID has 122 random bits: the hash does not give it away.
func HashUUID(uuid string) string {
	sum := sha256.Sum256([]byte("zegel profile " + uuid))
	return jose.Encode(sum[:])
}
