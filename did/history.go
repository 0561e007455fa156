package did

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// ErrHistory is returned for a version history or rotation log that was
// changed, cut or put in another order.
var ErrHistory = errors.New("history does not hold together")

// Change names the transition that led to a version.
type Change string

// The changes of a profile.
const (
	Created          Change = "created"
	Rotated          Change = "rotated"
	EncryptionKeySet Change = "encryption-key"
	Renewed          Change = "renewed"
	Moved            Change = "moved"
	WasDeactivated   Change = "deactivated"
	WasReactivated   Change = "reactivated"
)

// Version is one entry in the history of a profile: the whole profile, from
// which both documents are written, and the hash of the version before. Who
// knows the hash of the newest version can tell whether any older one was
// changed since; the operator of the platform included.
type Version struct {
	Number   uint64    `json:"number"`
	At       time.Time `json:"at"`
	Change   Change    `json:"change"`
	Previous string    `json:"previous,omitempty"`
	Profile  Profile   `json:"profile"`
}

// FirstVersion starts the history of a profile.
func FirstVersion(p Profile) Version {
	return Version{Number: 1, At: p.Changed, Change: Created, Profile: p}
}

// Next is the version that follows with the next profile.
func (v Version) Next(p Profile, change Change) (Version, error) {
	hash, err := v.Hash()
	if err != nil {
		return Version{}, err
	}
	return Version{Number: v.Number + 1, At: p.Changed, Change: change, Previous: hash, Profile: p}, nil
}

// Hash is the base64url SHA-256 of the version as JSON in the member order of
// the type.
func (v Version) Hash() (string, error) {
	b, err := jose.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return jose.Encode(sum[:]), nil
}

// VerifyHistory checks that versions are the whole history that ends with the
// version of hash head: numbers without a gap, each holding the hash of the one
// before, one WebID, time that does not run back, and keys that are only ever
// added or revoked.
func VerifyHistory(versions []Version, head string) error {
	if len(versions) == 0 {
		return fmt.Errorf("%w: it is empty", ErrHistory)
	}
	previous := ""
	for i, v := range versions {
		if v.Number != uint64(i)+1 || v.Previous != previous {
			return fmt.Errorf("%w: version %d is not followed by what it should be", ErrHistory, i)
		}
		if i == 0 && v.Change != Created {
			return fmt.Errorf("%w: it does not start with the creation", ErrHistory)
		}
		if i > 0 {
			if err := follows(versions[i-1], v); err != nil {
				return fmt.Errorf("%w: version %d: %w", ErrHistory, v.Number, err)
			}
		}
		var err error
		if previous, err = v.Hash(); err != nil {
			return err
		}
	}
	if previous != head {
		return fmt.Errorf("%w: the newest version is not the one expected", ErrHistory)
	}
	return nil
}

func follows(a, b Version) error {
	switch {
	case b.Change == Created:
		return errors.New("a profile is created once")
	case b.Profile.WebID != a.Profile.WebID || b.Profile.DID != a.Profile.DID:
		return errors.New("the identifiers changed")
	case b.At.Before(a.At):
		return errors.New("time runs back")
	}
	for _, keys := range [][2][]Key{{a.Profile.Keys, b.Profile.Keys}, {a.Profile.EncryptionKeys, b.Profile.EncryptionKeys}} {
		was, is := keys[0], keys[1]
		if len(is) < len(was) {
			return errors.New("a key was taken away")
		}
		for i := range was {
			if is[i].Fragment != was[i].Fragment || is[i].Multikey != was[i].Multikey || !was[i].Revoked.IsZero() && !is[i].Revoked.Equal(was[i].Revoked) {
				return errors.New("a key was changed")
			}
		}
	}
	return nil
}

// ParseRotationLog reads what RotationsURL serves.
func ParseRotationLog(b []byte) ([]string, error) {
	if len(b) > 1<<20 {
		return nil, fmt.Errorf("%w: larger than 1 MiB", ErrHistory)
	}
	var log rotationLog
	if err := jose.UnmarshalClosed(b, &log); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHistory, err)
	}
	return log.Rotations, nil
}

// VerifyContinuity checks that the keys of a profile's DID document follow
// from its first key: key n+1 was named by key n. Who once pinned a key of the
// citizen can so trust the present one without trusting the platform.
func VerifyContinuity(doc *Document, rotations []string, options ...Option) error {
	webid, err := WebIDFromDID(doc.ID, options...)
	if err != nil {
		return err
	}
	var keys []*VerificationMethod
	for i := range doc.VerificationMethod {
		m := &doc.VerificationMethod[i]
		if number, ok := strings.CutPrefix(m.ID, doc.ID+"#key-"); ok {
			if number != strconv.Itoa(len(keys)+1) {
				return fmt.Errorf("%w: key-%d is missing or out of order in the DID document", ErrHistory, len(keys)+1)
			}
			keys = append(keys, m)
		}
	}
	if len(keys) == 0 || len(rotations) != len(keys)-1 {
		return fmt.Errorf("%w: the DID document has %d keys and the log %d rotations", ErrHistory, len(keys), len(rotations))
	}
	last := time.Time{}
	for i, compact := range rotations {
		old, err := keys[i].Key()
		if err != nil {
			return err
		}
		next, err := keys[i+1].Key()
		if err != nil {
			return err
		}
		at, err := verifyRotation(compact, webid, doc.ID, i+1, old, next)
		if err != nil {
			return fmt.Errorf("%w: rotation %d: %w", ErrHistory, i+1, err)
		}
		if at.Before(last) || keys[i].Revoked.IsZero() || keys[i].Revoked.Add(proofSkew).Before(at) {
			return fmt.Errorf("%w: rotation %d is not in the order of time, or its old key was revoked before", ErrHistory, i+1)
		}
		last = at
	}
	return nil
}
