package did

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// next is a copy to change, with its own slices.
func (p Profile) next(now time.Time) Profile {
	p.Keys = slices.Clone(p.Keys)
	p.EncryptionKeys = slices.Clone(p.EncryptionKeys)
	p.Rotations = slices.Clone(p.Rotations)
	p.Changed = second(now)
	return p
}

// proven sets the link proof after checking it against the profile as it will
// be published.
func (p Profile) proven(linkProof string, now time.Time) (Profile, error) {
	p.LinkProof = linkProof
	if _, err := p.linkProof(now); err != nil {
		return Profile{}, err
	}
	return p, nil
}

// linkProof verifies the link proof with the last key; it must name the last
// encryption key.
func (p Profile) linkProof(now time.Time) (LinkProof, error) {
	proof, err := verifyLinkProof(p.LinkProof, p.WebID, p.DID, now, func(kid string) (crypto.PublicKey, error) {
		last := p.Keys[len(p.Keys)-1]
		if kid != p.DID+"#"+last.Fragment {
			return nil, errors.New("kid is not the active key of the DID")
		}
		return DecodeMultikey(last.Multikey)
	})
	if err != nil {
		return LinkProof{}, err
	}
	encryption := ""
	if n := len(p.EncryptionKeys); n > 0 {
		encryption = p.EncryptionKeys[n-1].Multikey
	}
	if proof.Encryption != encryption {
		return LinkProof{}, fmt.Errorf("%w: key_agreement is not the encryption key of the profile", ErrProof)
	}
	return proof, nil
}

func (p *Profile) place(oidcIssuer, storage string) error {
	if !placeURL(oidcIssuer) {
		return fmt.Errorf("%w: the OpenID provider must be an https URL without fragment", ErrProfile)
	}
	if storage != "" && (!placeURL(storage) || !strings.HasSuffix(storage, "/")) {
		return fmt.Errorf("%w: the storage must be an https URL of a container, ending with a slash", ErrProfile)
	}
	p.OIDCIssuer, p.Storage = oidcIssuer, storage
	return nil
}

// placeURL accepts https URLs, and http ones of the host localhost.
func placeURL(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "http://"); !ok {
			return false
		}
		if host := strings.FieldsFunc(rest, func(r rune) bool { return r == ':' || r == '/' }); len(host) == 0 || host[0] != "localhost" {
			return false
		}
	}
	return absoluteURL(s) && !strings.ContainsAny(rest, "#@")
}

func (p *Profile) addKey(pub crypto.PublicKey) error {
	switch pub.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return fmt.Errorf("%w: a signing key must be P-256, P-384 or Ed25519", ErrKey)
	}
	return addTo(&p.Keys, "key-", pub)
}

func (p *Profile) addEncryption(pub crypto.PublicKey) error {
	if !agrees(pub) {
		return fmt.Errorf("%w: an encryption key must be P-256, P-384 or X25519", ErrKey)
	}
	return addTo(&p.EncryptionKeys, "enc-", pub)
}

// addTo appends a key. A key that was there before would make what was signed
// with the revoked one count again.
func addTo(keys *[]Key, prefix string, pub crypto.PublicKey) error {
	multikey, err := EncodeMultikey(pub)
	if err != nil {
		return err
	}
	for _, k := range *keys {
		if k.Multikey == multikey {
			return fmt.Errorf("%w: the key was used before as %s; make a new one", ErrKey, k.Fragment)
		}
	}
	*keys = append(*keys, Key{Fragment: prefix + strconv.Itoa(len(*keys)+1), Multikey: multikey})
	return nil
}

func keyFragment(n int) string { return "key-" + strconv.Itoa(n) }

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
