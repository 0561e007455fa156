package cose_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimSpace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// vector is a signed example of the Token Status List draft.
type vector struct {
	Key       jose.JWK `json:"key"`
	Message   string   `json:"cose_sign1_tagged_hex"`
	Protected string   `json:"protected_hex"`
	Payload   string   `json:"payload_hex"`
}

func TestTokenStatusListVectors(t *testing.T) {
	for file, typ := range map[string]string{"status-list-cwt.json": "application/statuslist+cwt", "referenced-token-cwt.json": ""} {
		t.Run(file, func(t *testing.T) {
			var v vector
			if err := jose.Unmarshal(testvectors.File(t, "token-status-list", file), &v); err != nil {
				t.Fatal(err)
			}
			key, err := v.Key.Private()
			if err != nil {
				t.Fatal(err)
			}
			m, err := cose.Parse(unhex(t, v.Message))
			if err != nil {
				t.Fatal(err)
			}
			if !m.Tagged || string(m.KeyID) != "12" || !bytes.Equal(m.Payload, unhex(t, v.Payload)) {
				t.Errorf("read %+v", m)
			}
			if err := (cose.Use{Typ: typ, Algs: cose.ES256Only}).Check(m); err != nil {
				t.Error(err)
			}
			if err := m.Verify(key.Public(), nil); err != nil {
				t.Error(err)
			}
			// The same message made here differs in the signature only.
			s, err := cose.NewSigner(cose.Header{Alg: cose.ES256, Typ: typ, KeyID: []byte("12")}, cose.Options{Tagged: true})
			if err != nil {
				t.Fatal(err)
			}
			own, err := s.Append(nil, key, m.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if want := unhex(t, v.Message); !bytes.Equal(own[:len(own)-64], want[:len(want)-64]) {
				t.Errorf("made  %x\nwants %x", own, want)
			}
		})
	}
}

func TestIsomdlVectors(t *testing.T) {
	text := func(name string) string {
		return string(testvectors.File(t, "mdoc/isomdl/test/definitions", name))
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), unhex(t, text("cose/sign1/secret_key")))
	if err != nil {
		t.Fatal(err)
	}
	m, err := cose.Parse(unhex(t, text("cose/sign1/serialized.cbor")))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(key.Public(), nil); err != nil {
		t.Error(err)
	}
	in := unhex(t, text("cose_key/ec_p256.cbor"))
	pub, err := cose.ParseKey(in)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := cose.AppendKey(nil, pub); err != nil || !bytes.Equal(out, in) {
		t.Errorf("%x, %v", out, err)
	}
}

func TestSignAndVerify(t *testing.T) {
	payload, external := []byte("payload"), []byte("external")
	for name, c := range map[string]struct {
		key    crypto.Signer
		alg    cose.Alg
		length int
	}{
		"P-256":   {ecKey(t, elliptic.P256()), cose.ES256, 64},
		"P-384":   {ecKey(t, elliptic.P384()), cose.ES384, 96},
		"Ed25519": {edKey(t), cose.EdDSA, 64},
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := cose.AlgFor(c.key.Public()); err != nil || a != c.alg {
				t.Fatalf("%v, %v", a, err)
			}
			chain := [][]byte{[]byte("leaf"), []byte("authority")}
			for _, protected := range []bool{true, false} {
				h := cose.Header{Alg: c.alg, Typ: "a/typ", ContentType: "a/content", KeyID: []byte("kid"), X5Chain: chain, X5ChainProtected: protected}
				s, err := cose.NewSigner(h, cose.Options{External: external})
				if err != nil {
					t.Fatal(err)
				}
				for _, detached := range []bool{true, false} {
					sign := s.Append
					if detached {
						sign = s.AppendDetached
					}
					b, err := sign([]byte("before"), c.key, payload)
					if err != nil {
						t.Fatal(err)
					}
					if len(b)-6 > s.Size(len(payload)) {
						t.Errorf("%d bytes, Size says %d", len(b), s.Size(len(payload)))
					}
					m, err := cose.Parse(b[6:])
					if err != nil || string(b[:6]) != "before" {
						t.Fatal(err)
					}
					if m.Tagged || m.Typ != h.Typ || m.ContentType != h.ContentType || string(m.KeyID) != "kid" || len(m.X5Chain) != 2 || m.X5ChainProtected != protected || len(m.Signature) != c.length || m.Detached != detached {
						t.Errorf("read %+v", m)
					}
					verify := func(pub crypto.PublicKey, ext, pay []byte) error {
						if detached {
							return m.VerifyDetached(pub, ext, pay)
						}
						m.Payload = pay
						return m.Verify(pub, ext)
					}
					if err := verify(c.key.Public(), external, payload); err != nil {
						t.Error(err)
					}
					for why, err := range map[string]error{
						"another payload":  verify(c.key.Public(), external, []byte("another")),
						"another external": verify(c.key.Public(), nil, payload),
						"another key":      verify(ecKey(t, elliptic.P256()).Public(), external, payload),
					} {
						if err == nil {
							t.Errorf("%s is accepted", why)
						}
					}
					m.Signature[3] ^= 1
					if err := verify(c.key.Public(), external, payload); !errors.Is(err, cose.ErrSignature) {
						t.Errorf("a changed signature: %v", err)
					}
				}
			}
		})
	}
}

// What a message has proven it does not prove again, and only that.
func TestVerifiedOnce(t *testing.T) {
	key, other := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	s, err := cose.NewSigner(cose.Header{Alg: cose.ES256}, cose.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Append(nil, key, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := cose.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	verify := func() {
		if err := m.Verify(key.Public(), nil); err != nil {
			t.Fatal(err)
		}
	}
	verify()
	fresh := testing.AllocsPerRun(10, func() {
		m.Signature[0] ^= 1
		_ = m.Verify(key.Public(), nil) // a failure is not remembered
		m.Signature[0] ^= 1
	})
	if again := testing.AllocsPerRun(10, verify); again > fresh/2 {
		t.Errorf("%v allocations, %v for a verification: it is verified again", again, fresh)
	}
	for name, change := range map[string]func(){
		"key":      func() { err = m.Verify(other.Public(), nil) },
		"external": func() { err = m.Verify(key.Public(), []byte("x")) },
		"payload": func() {
			m.Payload = []byte("another")
			err = m.Verify(key.Public(), nil)
			m.Payload = []byte("payload")
		},
		"signature": func() { m.Signature[0] ^= 1; err = m.Verify(key.Public(), nil); m.Signature[0] ^= 1 },
		"algorithm": func() { m.Alg = cose.ES384; err = m.Verify(key.Public(), nil); m.Alg = cose.ES256 },
	} {
		verify()
		if change(); err == nil {
			t.Errorf("another %s counts as proven", name)
		}
	}
}

// A message is carried or detached, not both.
func TestDetachedRefused(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	s, err := cose.NewSigner(cose.Header{Alg: cose.ES256}, cose.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// With an empty payload the signatures are the same, so that only the form
	// can tell them apart.
	carried, err := s.Append(nil, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	detached, err := s.AppendDetached(nil, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := cose.Parse(carried)
	if err != nil || m.VerifyDetached(key.Public(), nil, nil) == nil {
		t.Errorf("a carried payload serves as detached: %v", err)
	}
	if m, err = cose.Parse(detached); err != nil || m.Verify(key.Public(), nil) == nil {
		t.Errorf("a detached payload serves as carried: %v", err)
	}
}

// parts builds messages that are wrong in one place.
type parts struct {
	protected, unprotected, payload, signature []byte
}

func (p parts) message() []byte {
	b := append(cbor.AppendBytes(cbor.AppendArray(nil, 4), p.protected), p.unprotected...)
	return cbor.AppendBytes(append(b, p.payload...), p.signature)
}

func TestParseRefuses(t *testing.T) {
	good := parts{unhex(t, "a10126"), unhex(t, "a0"), unhex(t, "4170"), make([]byte, 64)}
	if _, err := cose.Parse(good.message()); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*parts)) []byte {
		p := good
		change(&p)
		return p.message()
	}
	nine := cbor.AppendArray(unhex(t, "a11821"), 9)
	for range 9 {
		nine = append(nine, 0x41, 0)
	}
	for name, c := range map[string]struct {
		in  []byte
		err error
	}{
		"empty":                    {nil, cose.ErrMessage},
		"another tag":              {append([]byte{0xd1}, good.message()...), cose.ErrMessage},
		"two tags":                 {append([]byte{0xd2, 0xd2}, good.message()...), cose.ErrMessage},
		"trailing":                 {append(good.message(), 0), cose.ErrMessage},
		"three members":            {unhex(t, "8343a10126a0f6"), cose.ErrMessage},
		"five members":             {unhex(t, "8543a10126a0f64000"), cose.ErrMessage},
		"no alg":                   {with(func(p *parts) { p.protected = nil }), cose.ErrMessage},
		"empty protected map":      {with(func(p *parts) { p.protected = unhex(t, "a0") }), cose.ErrMessage},
		"protected is no map":      {with(func(p *parts) { p.protected = unhex(t, "8126") }), cose.ErrMessage},
		"protected has a tail":     {with(func(p *parts) { p.protected = unhex(t, "a1012600") }), cose.ErrMessage},
		"duplicate alg":            {with(func(p *parts) { p.protected = unhex(t, "a201260126") }), cose.ErrMessage},
		"alg is a text":            {with(func(p *parts) { p.protected = unhex(t, "a1016161") }), cose.ErrAlg},
		"alg unprotected":          {with(func(p *parts) { p.protected, p.unprotected = nil, unhex(t, "a10126") }), cose.ErrMessage},
		"alg in both":              {with(func(p *parts) { p.unprotected = unhex(t, "a10126") }), cose.ErrMessage},
		"typ unprotected":          {with(func(p *parts) { p.unprotected = unhex(t, "a1106161") }), cose.ErrMessage},
		"kid in both":              {with(func(p *parts) { p.protected, p.unprotected = unhex(t, "a20126044131"), unhex(t, "a1044132") }), cose.ErrMessage},
		"crit":                     {with(func(p *parts) { p.protected = unhex(t, "a20126028104") }), cose.ErrCrit},
		"crit unprotected":         {with(func(p *parts) { p.unprotected = unhex(t, "a1028104") }), cose.ErrCrit},
		"empty x5chain":            {with(func(p *parts) { p.unprotected = unhex(t, "a1182180") }), cose.ErrMessage},
		"long x5chain":             {with(func(p *parts) { p.unprotected = nine }), cose.ErrMessage},
		"x5chain of texts":         {with(func(p *parts) { p.unprotected = unhex(t, "a11821816161") }), cose.ErrMessage},
		"kid is a text":            {with(func(p *parts) { p.unprotected = unhex(t, "a1046161") }), cose.ErrMessage},
		"payload is a text":        {with(func(p *parts) { p.payload = unhex(t, "6161") }), cose.ErrMessage},
		"payload is undefined":     {with(func(p *parts) { p.payload = unhex(t, "f7") }), cose.ErrMessage},
		"unprotected is no map":    {with(func(p *parts) { p.unprotected = unhex(t, "80") }), cose.ErrMessage},
		"indefinite length":        {unhex(t, "9f43a10126a0f640ff"), cose.ErrMessage},
		"too long":                 {make([]byte, cose.MaxMessage+1), cose.ErrMessage},
		"depth of protected":       {with(func(p *parts) { p.protected = unhex(t, "a201261900ff"+strings.Repeat("81", 9)+"00") }), cose.ErrMessage},
		"bytes as header label":    {with(func(p *parts) { p.unprotected = unhex(t, "a1416100") }), cose.ErrMessage},
		"duplicate unknown labels": {with(func(p *parts) { p.unprotected = unhex(t, "a2186300186300") }), cose.ErrMessage},
	} {
		if m, err := cose.Parse(c.in); m != nil || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

func TestUseRefuses(t *testing.T) {
	m := &cose.Sign1{Header: cose.Header{Alg: cose.ES256, Typ: "a", ContentType: "c"}}
	for name, c := range map[string]struct {
		use cose.Use
		err error
	}{
		"fits":                 {cose.Use{Algs: cose.ES256Only, Typ: "a", ContentType: "c"}, nil},
		"content not asked":    {cose.Use{Algs: cose.ES256Only, Typ: "a"}, nil},
		"empty allow-list":     {cose.Use{Typ: "a"}, cose.ErrAlg},
		"another algorithm":    {cose.Use{Algs: []cose.Alg{cose.ES384, cose.EdDSA}, Typ: "a"}, cose.ErrAlg},
		"another typ":          {cose.Use{Algs: cose.ES256Only, Typ: "b"}, cose.ErrType},
		"typ where none is":    {cose.Use{Algs: cose.ES256Only}, cose.ErrType},
		"another content type": {cose.Use{Algs: cose.ES256Only, Typ: "a", ContentType: "d"}, cose.ErrType},
	} {
		if err := c.use.Check(m); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An algorithm counts only together with its key.
func TestAlgorithmBoundToKey(t *testing.T) {
	p256, p384, ed := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), edKey(t)
	keys := map[cose.Alg]crypto.Signer{cose.ES256: p256, cose.ES384: p384, cose.EdDSA: ed}
	for alg, key := range keys {
		s, err := cose.NewSigner(cose.Header{Alg: alg}, cose.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Append(nil, key, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := cose.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		for other, k := range keys {
			if err := m.Verify(k.Public(), nil); (err == nil) != (other == alg) {
				t.Errorf("%s with the key of %s: %v", alg, other, err)
			}
			if _, err := s.Append(nil, k, []byte("x")); (err == nil) != (other == alg) {
				t.Errorf("%s signs with the key of %s: %v", alg, other, err)
			}
		}
		for _, unknown := range []cose.Alg{0, 5, -36, -37, -257} {
			m.Alg = unknown
			if err := m.Verify(key.Public(), nil); !errors.Is(err, cose.ErrAlg) {
				t.Errorf("%d: %v", unknown, err)
			}
		}
	}
	// A fully specified number is the same algorithm (RFC 9864).
	s, err := cose.NewSigner(cose.Header{Alg: cose.ESP256}, cose.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Append(nil, p256, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := cose.Parse(b); err != nil || m.Alg != cose.ESP256 || m.Verify(p256.Public(), nil) != nil {
		t.Errorf("ESP256: %v", err)
	}
}

func TestSignerRefuses(t *testing.T) {
	for name, h := range map[string]cose.Header{
		"no alg":      {},
		"unknown alg": {Alg: -36},
		"typ":         {Alg: cose.ES256, Typ: "\xff"},
		"long chain":  {Alg: cose.ES256, X5Chain: make([][]byte, cose.MaxChain+1)},
	} {
		if _, err := cose.NewSigner(h, cose.Options{}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cose.AlgFor(rsaKey.Public()); !errors.Is(err, cose.ErrKey) {
		t.Errorf("RSA: %v", err)
	}
}

func TestKeys(t *testing.T) {
	for name, pub := range map[string]crypto.PublicKey{
		"P-256": ecKey(t, elliptic.P256()).Public(), "P-384": ecKey(t, elliptic.P384()).Public(), "Ed25519": edKey(t).Public(),
	} {
		b, err := cose.AppendKey(nil, pub)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cose.ParseKey(b)
		if err != nil || !got.(interface{ Equal(crypto.PublicKey) bool }).Equal(pub) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	// A compressed point (RFC 9053, Section 7.1.1).
	pub := &ecKey(t, elliptic.P256()).PublicKey
	point, err := pub.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b := cbor.AppendBytes(append(unhex(t, "a40102200121"), []byte{}...), point[1:33])
	b = cbor.AppendBool(append(b, 0x22), point[64]&1 == 1)
	if got, err := cose.ParseKey(b); err != nil || !pub.Equal(got) {
		t.Errorf("compressed: %v, %v", got, err)
	}
}

func TestKeyRefuses(t *testing.T) {
	x := strings.Repeat("01", 32)
	point, err := ecKey(t, elliptic.P256()).PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	good := hex.EncodeToString(point[1:33]) + "225820" + hex.EncodeToString(point[33:])
	for name, in := range map[string]string{
		"empty map":      "a0",
		"not a map":      "80",
		"symmetric":      "a20104204101",
		"private":        "a50102200121" + "5820" + good + "235820" + x,
		"off the curve":  "a40102200121" + "5820" + x + "225820" + x,
		"short x":        "a40102200121" + "4101" + "225820" + x,
		"no y":           "a30102200121" + "5820" + x,
		"P-521":          "a40102200321" + "5820" + x + "225820" + x,
		"secp256k1":      "a40102200821" + "5820" + x + "225820" + x,
		"X25519":         "a30101200421" + "5820" + x,
		"Ed25519 with y": "a40101200621" + "5820" + x + "225820" + x,
		"short Ed25519":  "a3010120062141" + "01",
		"kty is a text":  "a401614520012158" + "20" + x + "225820" + x,
		"x twice":        "a40102200121" + "5820" + x + "215820" + x,
		"trailing":       "a0" + "00",
		"no such point":  "a40102200121" + "5820" + strings.Repeat("ff", 32) + "22f5",
	} {
		if pub, err := cose.ParseKey(unhex(t, in)); pub != nil || !errors.Is(err, cose.ErrKey) {
			t.Errorf("%s: %v, %v", name, pub, err)
		}
	}
	if _, err := cose.AppendKey(nil, ecKey(t, elliptic.P521()).Public()); !errors.Is(err, cose.ErrKey) {
		t.Errorf("P-521: %v", err)
	}
}

func TestCertificatesRefused(t *testing.T) {
	for name, h := range map[string]cose.Header{"none": {}, "not DER": {X5Chain: [][]byte{{1}}}} {
		if _, err := h.Certificates(); !errors.Is(err, cose.ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unhex(f, "8443a10126a0417040"))
	f.Add(unhex(f, "d28443a10126a204413118218241014102f640"))
	f.Add(unhex(f, "8458208101a10126a0417040"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := cose.Parse(b)
		if (m == nil) != (err != nil) {
			t.Fatalf("%v with %v", m, err)
		}
		if pub, err := cose.ParseKey(b); (pub == nil) != (err != nil) {
			t.Fatalf("%v with %v", pub, err)
		}
	})
}
