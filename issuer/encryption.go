package issuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// Encryption says how requests and responses of the credential endpoint are
// encrypted (OpenID4VCI 1.0, Section 10).
type Encryption string

// The ways of Encryption.
const (
	// EncryptionOffered is the zero value: a wallet may.
	EncryptionOffered Encryption = ""
	// EncryptionRequired: a wallet must.
	EncryptionRequired Encryption = "required"
	// EncryptionOff: metadata do not speak of it, and encrypted requests are
	// refused.
	EncryptionOff Encryption = "off"
)

// keyPeriod is how long wallets are told of one key for encrypted requests.
// The key of the period before is still taken, so that it works for metadata
// that were fetched up to as long ago.
const keyPeriod = 24 * time.Hour

// requestKeys makes the keys of encrypted requests out of a secret and the
// time: they change each day, every process of a deployment has the same, and
// nothing is stored.
type requestKeys struct {
	secret []byte // 32 bytes, for this use only
	now    func() time.Time
}

func (k requestKeys) period() int64 { return k.now().Unix() / int64(keyPeriod/time.Second) }

// inUse are the key that metadata name, and the one before.
func (k requestKeys) inUse() ([]oid4vci.DecryptionKey, error) {
	n := k.period()
	current, err := k.of(n)
	if err != nil {
		return nil, err
	}
	before, err := k.of(n - 1)
	return []oid4vci.DecryptionKey{current, before}, err
}

func (k requestKeys) of(period int64) (oid4vci.DecryptionKey, error) {
	kid := fmt.Sprintf("request-%d", period)
	// A candidate is no scalar of the curve once in 2^32 tries; the next is
	// then (NIST SP 800-56A, Section 5.6.1.2.2).
	for try := 0; ; try++ {
		b, err := hkdf.Key(sha256.New, k.secret, nil, fmt.Sprintf("%s try %d", kid, try), 32)
		if err != nil {
			return oid4vci.DecryptionKey{}, err
		}
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), b); err == nil {
			return oid4vci.DecryptionKey{Kid: kid, Key: key}, nil
		}
	}
}

// OpenRequest opens the JWE of an encrypted credential request.
func (i *Issuer) OpenRequest(compact []byte) ([]byte, error) {
	if i.c.Encryption == EncryptionOff {
		return nil, refuse(oid4vci.InvalidEncryptionParameters, "OpenID4VCI 1.0, Section 10", "credential request", "encryption is not offered here: send application/json")
	}
	keys, err := i.requestKeys.inUse()
	if err != nil {
		return nil, err
	}
	return oid4vci.Decrypt(compact, keys, oid4vci.ContentEncryption())
}

// encryption is what metadata say of it now.
func (i *Issuer) encryption() (*oid4vci.CredentialRequestEncryption, *oid4vci.CredentialResponseEncryption, error) {
	if i.c.Encryption == EncryptionOff {
		return nil, nil, nil
	}
	key, err := i.requestKeys.of(i.requestKeys.period())
	if err != nil {
		return nil, nil, err
	}
	public, err := key.Public()
	if err != nil {
		return nil, nil, err
	}
	required := i.c.Encryption == EncryptionRequired
	request := &oid4vci.CredentialRequestEncryption{EncValuesSupported: oid4vci.ContentEncryption(), EncryptionRequired: required}
	request.JWKS.Keys = append(request.JWKS.Keys, public)
	return request, &oid4vci.CredentialResponseEncryption{
		AlgValuesSupported: []string{oid4vci.AlgECDHES}, EncValuesSupported: oid4vci.ContentEncryption(), EncryptionRequired: required,
	}, nil
}
