package unit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// Reactivate opens a deactivated vault again, with a link proof made now.
func (s Setup) Reactivate(ctx context.Context, v *Vault) error {
	now, err := s.present(ctx, v)
	if err != nil {
		return err
	}
	proof, err := s.linkProof(v.Keys, now.number, v.Info.WebID)
	if err != nil {
		return err
	}
	return s.Platform.Reactivate(ctx, proof)
}

// Rotate replaces the DID key: the old key signs that the new one follows, the
// new one signs the link. The keystore holds the new key before it is
// published. A rotation that was interrupted is finished by calling it again;
// so is one that another device began.
func (s Setup) Rotate(ctx context.Context, v *Vault) error {
	for range tries {
		now, err := s.present(ctx, v)
		if err != nil || now.finished {
			return err
		}
		if v.Keys.Next == nil {
			keys := *v.Keys
			if keys.Next, err = ecdsa.GenerateKey(elliptic.P256(), s.Random); err != nil {
				return err
			}
			err = s.keep(ctx, v, &keys, now)
			if errors.Is(err, ErrPrecondition) {
				continue
			}
			if err != nil {
				return err
			}
		}
		err = s.publish(ctx, v, now.number)
		var refused *Refusal
		if err != nil && !errors.As(err, &refused) {
			return err // it may have arrived: calling again tells
		}
		after, errAfter := s.present(ctx, v)
		switch {
		case errAfter != nil:
			return errors.Join(err, errAfter)
		case after.finished, after.number > now.number:
			return nil // by us or by another device
		case err != nil:
			return err
		default:
			return errors.New("the vault platform took the rotation but does not publish the new key")
		}
	}
	return ErrPrecondition
}

// publish sends the next key with what both keys sign.
func (s Setup) publish(ctx context.Context, v *Vault, n int) error {
	continuity, err := did.NewRotationProof(v.Keys.DID, n, v.Info.WebID, v.Keys.Next.Public(), s.Now(), s.DID...)
	if err != nil {
		return err
	}
	jwk, err := jose.PublicJWK(v.Keys.Next.Public())
	if err != nil {
		return err
	}
	next := *v.Keys
	next.DID, next.Next = v.Keys.Next, nil
	proof, err := s.linkProof(&next, n+1, v.Info.WebID)
	if err != nil {
		return err
	}
	return s.Platform.Rotate(ctx, jwk, continuity, proof)
}

// presentKey is the DID key as it is published, and the keystore as it was
// read with it.
type presentKey struct {
	number   int
	finished bool // the rotation that was under way is done
	keystore *Keystore
	etag     string
}

var errStrange = errors.New("the published DID document does not hold this vault's key")

// present reads keystore and DID document as they are now and brings the
// vault's keys in line: another device may have begun a rotation, and one that
// was published is finished by taking its key into use.
func (s Setup) present(ctx context.Context, v *Vault) (presentKey, error) {
	last := ""
	for range tries {
		p, err := s.read(ctx, v)
		if errors.Is(err, errStrange) && p.etag != last {
			last = p.etag // another device may have been between the two
			continue
		}
		if err != nil || !p.finished || v.Keys.Next == nil {
			return p, err
		}
		keys := *v.Keys
		keys.DID, keys.Next = keys.Next, nil
		if err = s.keep(ctx, v, &keys, p); !errors.Is(err, ErrPrecondition) {
			return p, err
		}
	}
	return presentKey{}, ErrPrecondition
}

func (s Setup) read(ctx context.Context, v *Vault) (presentKey, error) {
	var p presentKey
	var err error
	if p.keystore, p.etag, err = s.Platform.keystore(ctx); err != nil {
		return p, err
	}
	keys, err := p.keystore.keys(v.Keys.master[:])
	if err != nil {
		return p, err
	}
	if !keys.Vault.Equal(v.Keys.Vault) {
		return p, ErrKeystore
	}
	was := v.Keys
	v.Keys = keys
	number, newest, err := s.published(ctx, v.Info.WebID)
	if err != nil {
		return p, err
	}
	p.number = number
	is := func(k *ecdsa.PrivateKey) bool {
		multikey, err := did.EncodeMultikey(k.Public())
		return err == nil && multikey == newest
	}
	switch {
	case is(keys.DID):
		p.finished = was.Next != nil && was.Next.Equal(keys.DID)
		return p, nil
	case keys.Next != nil && is(keys.Next):
		p.finished = true
		return p, nil
	default:
		return p, errStrange
	}
}

// published is the number and the multikey of the newest key in the published
// document.
func (s Setup) published(ctx context.Context, webID string) (number int, multikey string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, did.DIDDocumentURL(webID), nil)
	if err != nil {
		return 0, "", err
	}
	b, _, err := send(s.Platform.HTTP, req)
	if err != nil {
		return 0, "", err
	}
	doc, err := did.ParseDocument(b)
	if err != nil {
		return 0, "", err
	}
	for _, m := range doc.VerificationMethod {
		_, fragment, _ := strings.Cut(m.ID, "#key-")
		if n, err := strconv.Atoi(fragment); err == nil && n > number {
			number, multikey = n, m.PublicKeyMultibase
		}
	}
	return number, multikey, nil
}

// keep stores the keystore with these keys in place of the version that was
// read, and takes them into use.
func (s Setup) keep(ctx context.Context, v *Vault, k *Keys, at presentKey) error {
	ks, err := k.Reseal(s.Random, at.keystore)
	if err != nil {
		return err
	}
	if err := s.Platform.replaceKeystore(ctx, at.etag, ks); err != nil {
		return err
	}
	v.Keys = k
	return nil
}
