package issuer

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// errNonce is returned for a c_nonce that is not ours, too old, or used.
var errNonce = errors.New("c_nonce is unknown, too old or used")

const (
	kindNonce  store.Kind = "issuer-nonce"
	nonceLife             = 5 * time.Minute
	nonceBytes            = 8 + 16 + 16 // expiry, random, tag
)

// nonces hands out c_nonce values (OpenID4VCI 1.0, Section 7) that cost
// nothing until they are used: a value authenticates itself, and only the mark
// of its use is stored.
type nonces struct {
	store store.Store
	key   []byte // 32 bytes, for this use only
	now   func() time.Time
}

// fresh draws a value.
func (n nonces) fresh() string {
	var b [nonceBytes]byte
	binary.BigEndian.PutUint64(b[:8], uint64(n.now().Add(nonceLife).Unix()))
	rand.Read(b[8:24])
	copy(b[24:], n.tag(b[:24]))
	return jose.Encode(b[:])
}

// check tells whether a value is one of ours and in time, and until when it
// would be.
func (n nonces) check(value string) (time.Time, error) {
	b, err := jose.Decode(value)
	if err != nil || len(b) != nonceBytes || !hmac.Equal(b[24:], n.tag(b[:24])) {
		return time.Time{}, errNonce
	}
	expires := time.Unix(int64(binary.BigEndian.Uint64(b[:8])), 0)
	if !n.now().Before(expires) {
		return time.Time{}, errNonce
	}
	return expires, nil
}

// spend marks a checked value as used. Of parallel requests with one value
// exactly one goes on.
func (n nonces) spend(ctx context.Context, value string, expires time.Time) error {
	sum := sha256.Sum256([]byte(value))
	_, err := n.store.Create(ctx, store.Record{Kind: kindNonce, ID: jose.Encode(sum[:]), Expiry: expires.Add(time.Minute)})
	if errors.Is(err, store.ErrExists) {
		return errNonce
	}
	return err
}

func (n nonces) tag(b []byte) []byte {
	m := hmac.New(sha256.New, n.key)
	m.Write(b)
	return m.Sum(nil)[:16]
}
