package bbs

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/zegel-id/zegel/internal/testvectors"
)

// octets is hex in a fixture.
type octets []byte

func (o *octets) UnmarshalText(b []byte) (err error) {
	*o, err = hex.DecodeString(string(b))
	return err
}

func read[T any](t testing.TB, name string) (v T) {
	t.Helper()
	if err := json.Unmarshal(testvectors.File(t, "bbs-signatures", name), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

var folders = map[string]Suite{"bls12-381-sha-256": SHA256, "bls12-381-shake-256": SHAKE256}

// each runs a test for each suite.
func each(t *testing.T, f func(t *testing.T, s Suite, folder string)) {
	for folder, s := range folders {
		t.Run(folder, func(t *testing.T) { f(t, s, folder) })
	}
}

type pair struct {
	SecretKey octets `json:"secretKey"`
	PublicKey octets `json:"publicKey"`
}

func TestFixtureKeyPair(t *testing.T) {
	each(t, func(t *testing.T, s Suite, folder string) {
		v := read[struct {
			KeyMaterial, KeyInfo, KeyDst octets
			KeyPair                      pair
		}](t, folder+"/keypair.json")
		sk, err := KeyGen(s, v.KeyMaterial, v.KeyInfo, v.KeyDst)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(sk.Bytes(), v.KeyPair.SecretKey) || !bytes.Equal(sk.PublicKey().Bytes(), v.KeyPair.PublicKey) {
			t.Errorf("secret %x, public %x", sk.Bytes(), sk.PublicKey().Bytes())
		}
	})
}

func TestFixtureGenerators(t *testing.T) {
	each(t, func(t *testing.T, s Suite, folder string) {
		v := read[struct {
			P1, Q1        octets
			MsgGenerators []octets
		}](t, folder+"/generators.json")
		g, _, err := s.generators(len(v.MsgGenerators))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range append([]octets{v.P1, v.Q1}, v.MsgGenerators...) {
			if got := g.bases[i].Bytes(); !bytes.Equal(got[:], want) {
				t.Errorf("base %d is %x, not %x", i, got, want)
			}
		}
	})
}

func TestFixtureScalars(t *testing.T) {
	each(t, func(t *testing.T, s Suite, folder string) {
		h := read[struct{ Message, Dst, Scalar octets }](t, folder+"/h2s.json")
		e := s.hashToScalar(h.Message, h.Dst)
		if got := e.Bytes(); !bytes.Equal(got[:], h.Scalar) {
			t.Errorf("hash_to_scalar gives %x, not %x", got, h.Scalar)
		}
		m := read[struct {
			Dst   octets
			Cases []struct{ Message, Scalar octets }
		}](t, folder+"/MapMessageToScalarAsHash.json")
		for i, c := range m.Cases {
			e := s.messagesToScalars(s.tags(), [][]byte{c.Message})[0]
			if got := e.Bytes(); !bytes.Equal(got[:], c.Scalar) {
				t.Errorf("message %d gives %x, not %x", i, got, c.Scalar)
			}
		}
		r := read[struct {
			Seed, Dst     octets
			MockedScalars []octets
		}](t, folder+"/mockedRng.json")
		scalars, err := randomScalars(mocked(s, r.Seed, r.Dst, len(r.MockedScalars)), len(r.MockedScalars))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range r.MockedScalars {
			if got := scalars[i].Bytes(); !bytes.Equal(got[:], want) {
				t.Errorf("scalar %d is %x, not %x", i, got, want)
			}
		}
	})
}

// mocked gives the octets of n scalars of seeded_random_scalars.
func mocked(s Suite, seed, dst []byte, n int) *bytes.Reader {
	out := make([]byte, n*expandLen)
	s.expand(out, seed, dst)
	return bytes.NewReader(out)
}

type signatureFixture struct {
	CaseName      string
	SignerKeyPair pair
	Header        octets
	Messages      []octets
	Signature     octets
	Result        struct {
		Valid  bool
		Reason string
	}
}

func raw(o []octets) [][]byte {
	out := make([][]byte, len(o))
	for i := range o {
		out[i] = o[i]
	}
	return out
}

func TestFixtureSignatures(t *testing.T) {
	each(t, func(t *testing.T, s Suite, folder string) {
		for i := 1; i <= 10; i++ {
			v := read[signatureFixture](t, fmt.Sprintf("%s/signature/signature%03d.json", folder, i))
			t.Run(v.CaseName, func(t *testing.T) {
				pub, err := ParsePublicKey(s, v.SignerKeyPair.PublicKey)
				if err != nil {
					t.Fatal(err)
				}
				err = Verify(pub, v.Signature, v.Header, raw(v.Messages))
				if !v.Result.Valid {
					if !errors.Is(err, ErrSignature) {
						t.Errorf("%s: %v", v.Result.Reason, err)
					}
					return
				}
				if err != nil {
					t.Error(err)
				}
				sk, err := ParseSecretKey(s, v.SignerKeyPair.SecretKey)
				if err != nil {
					t.Fatal(err)
				}
				got, err := sk.Sign(v.Header, raw(v.Messages))
				if err != nil || !bytes.Equal(got, v.Signature) {
					t.Errorf("signed %x, %v", got, err)
				}
			})
		}
	})
}

type proofFixture struct {
	CaseName                   string
	SignerPublicKey, Signature octets
	Header, PresentationHeader octets
	Messages                   []octets
	DisclosedIndexes           []int
	Proof                      octets
	Result                     struct {
		Valid  bool
		Reason string
	}
}

// shown picks the disclosed messages; indexes beyond them are left out, as in
// fixtures whose messages were shortened.
func (v proofFixture) shown() [][]byte {
	var out [][]byte
	for _, i := range v.DisclosedIndexes {
		if i < len(v.Messages) {
			out = append(out, v.Messages[i])
		}
	}
	return out
}

func TestFixtureProofs(t *testing.T) {
	each(t, func(t *testing.T, s Suite, folder string) {
		seed := read[struct{ Seed octets }](t, folder+"/mockedRng.json").Seed
		for i := 1; i <= 15; i++ {
			v := read[proofFixture](t, fmt.Sprintf("%s/proof/proof%03d.json", folder, i))
			t.Run(v.CaseName, func(t *testing.T) {
				pub, err := ParsePublicKey(s, v.SignerPublicKey)
				if err != nil {
					t.Fatal(err)
				}
				err = ProofVerify(pub, v.Proof, v.Header, v.PresentationHeader, v.shown(), v.DisclosedIndexes)
				if !v.Result.Valid {
					want := ErrProof
					if i == 10 { // re-ordered: its indexes are [4 2 4 6]
						want = ErrMessages
					}
					if !errors.Is(err, want) {
						t.Errorf("%s: %v", v.Result.Reason, err)
					}
					return
				}
				if err != nil {
					t.Error(err)
				}
				n := 5 + len(v.Messages) - len(v.DisclosedIndexes)
				random := mocked(s, seed, []byte(s.ID()+"H2G_HM2S_MOCK_RANDOM_SCALARS_DST_"), n)
				got, err := ProofGen(random, pub, v.Signature, v.Header, v.PresentationHeader, raw(v.Messages), v.DisclosedIndexes)
				if err != nil || !bytes.Equal(got, v.Proof) {
					t.Errorf("proved %x, %v", got, err)
				}
			})
		}
	})
}
