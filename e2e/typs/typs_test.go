// Package typs feeds every kind of JWT of the protocols to every verifier: each
// takes its own typ, algorithm and audience and no other, though all the rest
// is as it should be (RFC 8725, Sections 3.1, 3.9 and 3.11). It holds tests
// only.
package typs

import (
	"context"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/protocol/vault"
)

// typs of all that is signed here or elsewhere in these protocols, and ways to
// write one that is none of them.
var typs = []string{
	oid4vci.TypProof, oid4vci.TypKeyAttestation, oid4vci.TypSignedMetadata, oauth.TypDPoP, oid4vp.TypRequest, oid4vp.TypRegistration,
	sdjwt.TypVC, sdjwt.TypLegacyVC, sdjwt.TypKeyBinding, status.Typ, vault.TypHandle, "webid-did-link+jwt", "webid-did-rotation+jwt", "receivers-register+jwt", "verifier-evidence+jwt",
	oauth.TypClientAttestation, oauth.TypClientAttestationPoP, oauth.TypClientAssertion, oid4vp.TypAttestation, "vc+jwt", "vp+jwt", "vc+cose", "at+jwt", "logout+jwt", "secevent+jwt",
	"zegel-audit-checkpoint+jwt", "JOSE", "JOSE+JSON", "JWT", "jwt", "SD-JWT", "",
}

const webid = "https://id.vault.example/profiles/7c3e4b52-5a3f-4e0b-9d0c-1f2e3d4c5b6a"

type m = map[string]any

// all accepts every chain: what is tried here is the typ alone.
type all struct{}

func (all) VerifyChain(context.Context, []*x509.Certificate, time.Time) error { return nil }

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// A token that is right for its reader but for the typ is refused.
func TestOnlyItsOwnTyp(t *testing.T) {
	w := newWorld(t)
	for name, k := range w.kinds(t) {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(typs, k.typ) {
				t.Fatalf("%s is not in the list", k.typ)
			}
			for _, typ := range append(slices.Clone(k.also), k.typ) {
				if err := k.read(t, k.sign(t, w.key, typ)); err != nil {
					t.Fatalf("its own typ %q is refused: %v", typ, err)
				}
			}
			for _, typ := range append(slices.Clone(typs), strings.ToUpper(k.typ), "application/"+k.typ, k.typ+" ", k.typ+";x=1") {
				if typ == k.typ || slices.Contains(k.also, typ) {
					continue
				}
				if err := k.read(t, k.sign(t, w.key, typ)); err == nil {
					t.Errorf("accepted with typ %q", typ)
				}
			}
		})
	}
}

// A token whose alg is not that of its key is refused, also when somebody made
// a valid signature of that kind out of what is public.
func TestOnlyItsOwnAlg(t *testing.T) {
	w := newWorld(t)
	public := [][]byte{must(jose.Marshal(w.jwk))(t), must(x509.MarshalPKIXPublicKey(w.key.Public()))(t), {}}
	for name, k := range w.kinds(t) {
		t.Run(name, func(t *testing.T) {
			input := func(alg any) string {
				h := m{"alg": alg, "typ": k.typ}
				maps.Copy(h, k.header)
				return jose.Encode(must(jose.Marshal(h))(t)) + "." + jose.Encode(must(jose.Marshal(k.payload))(t))
			}
			if err := k.read(t, input("ES256")+"."+w.signature(t, input("ES256"))); err != nil {
				t.Fatalf("its own alg is refused: %v", err)
			}
			for _, alg := range []any{"none", "None", "", "ES384", "ES256K", "es256", "EdDSA", "RS256", "PS256", "HS256", "ECDH-ES", nil, 1} {
				s := input(alg)
				signatures := []string{"", w.signature(t, s)}
				for _, secret := range public {
					mac := hmac.New(sha256.New, secret)
					mac.Write([]byte(s))
					signatures = append(signatures, jose.Encode(mac.Sum(nil)))
				}
				for _, signature := range signatures {
					if err := k.read(t, s+"."+signature); err == nil {
						t.Errorf("accepted with alg %v", alg)
					}
				}
			}
		})
	}
}

// signature is one by ES256, whatever the header says.
func (w world) signature(t testing.TB, input string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, w.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return jose.Encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// A token for somebody else, for nobody or for several is refused.
func TestOnlyItsOwnAudience(t *testing.T) {
	w := newWorld(t)
	for name, k := range w.kinds(t) {
		if k.whom == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			own := k.payload[k.whom]
			if own == nil {
				t.Fatalf("%s is not in the payload", k.whom)
			}
			others := map[string]any{"another": "https://evil.example", "a prefix": "https://issuer.exampl", "several": []any{own, "https://evil.example"}, "none": []any{}, "null": nil, "a number": 1, "missing": missing{}}
			if text, ok := own.(string); ok {
				others["more"] = text + "/"
			} else {
				delete(others, "several") // such as expected_origins
			}
			if name == "request object" {
				delete(others, "missing") // aud is not demanded of a request object
			}
			for what, other := range others {
				k := k
				k.payload = maps.Clone(k.payload)
				k.payload[k.whom] = other
				if _, ok := other.(missing); ok {
					delete(k.payload, k.whom)
				}
				if err := k.read(t, k.sign(t, w.key, k.typ)); err == nil {
					t.Errorf("accepted with %s: %s", k.whom, what)
				}
			}
		})
	}
}

type missing struct{}

// What is right for one reader is right for no other, as it stands: of another
// kind, or made for another place.
func TestNoTokenServesTwice(t *testing.T) {
	w := newWorld(t)
	every := w.kinds(t)
	// These two places take the same thing.
	same := map[string]string{"key attestation in a proof": "key attestation", "key attestation": "key attestation in a proof"}
	for from, token := range every {
		compact := token.sign(t, w.key, token.typ)
		for to, reader := range every {
			if err := reader.read(t, compact); (err == nil) != (from == to || same[from] == to) {
				t.Errorf("a %s read as a %s: %v", from, to, err)
			}
		}
	}
}
