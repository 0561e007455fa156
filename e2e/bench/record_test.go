package bench

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
)

// twenty is a record of twenty claims, the one that SD-JWT VC and mdoc share.
const twenty = `{"given_name":"Jan","family_name":"Peeters","birthdate":"1999-04-05","title":"Bachelor in de toegepaste informatica",` +
	`"level":"6","field":"0613","date":"2021-06-30","institution":"Voorbeeldhogeschool","institution_id":"0400123456","city":"Gent",` +
	`"country":"BE","language":"nl","credits":180,"distinction":"onderscheiding","mode":"voltijds","record_id":"2021-000123",` +
	`"profession":"informaticus","isced":"655","eqf":6,"valid":true}`

// names are those of the claims, in the order of the alphabet; the first half is what a
// holder discloses.
func names(t *testing.T) []string {
	t.Helper()
	var claims map[string]json.RawMessage
	if err := json.Unmarshal([]byte(twenty), &claims); err != nil {
		t.Fatal(err)
	}
	var out []string
	for name := range claims {
		out = append(out, name)
	}
	if slices.Sort(out); len(out) != 20 {
		t.Fatalf("%d claims", len(out))
	}
	return out
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func jwk(t *testing.T, key crypto.PublicKey) jose.JWK {
	t.Helper()
	k, err := jose.PublicJWK(key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func private(t *testing.T, key crypto.Signer) jose.JWK {
	t.Helper()
	k, err := jose.PrivateJWK(key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// bareSign and bareVerify are the operations of P-256 that a format cannot do without: n
// of them on a digest.
func bareSign(t *testing.T, n int) side {
	t.Helper()
	key, digest := newKey(t), sha256.Sum256(nil)
	return repeated(n, func() error { _, err := key.Sign(nil, digest[:], crypto.SHA256); return err })
}

func bareVerify(t *testing.T, n int) side {
	t.Helper()
	key, digest := newKey(t), sha256.Sum256(nil)
	signature, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return repeated(n, func() error {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			return errors.New("the signature does not hold")
		}
		return nil
	})
}
