package tsp_test

import (
	"bytes"
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

const message = "a signature value"

func authority(t testing.TB, o devtsa.Options) *devtsa.Authority {
	if o.Now == nil {
		o.Now = clock
	}
	a, err := devtsa.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func storeOf(t testing.TB, a *devtsa.Authority) *trust.Store {
	s, err := trust.NewStore(trust.Anchors{trust.UseTimeStamp: {a.Root}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stamp is a good stamp of the message, for tests to bend.
func stamp() devtsa.Stamp {
	return devtsa.Stamp{Hash: crypto.SHA256, Imprint: digest(crypto.SHA256, message), Time: now, Accuracy: time.Second}
}

func made(t testing.TB, a *devtsa.Authority, s devtsa.Stamp) []byte {
	der, err := a.Token(s)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func parsed(t testing.TB, der []byte) *tsp.Token {
	token, err := tsp.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestParse(t *testing.T) {
	a := authority(t, devtsa.Options{})
	s := stamp()
	s.Hash, s.Imprint = crypto.SHA512, digest(crypto.SHA512, message)
	s.Time, s.Nonce, s.Ordering = now.Add(120*time.Millisecond), big.NewInt(77), true
	s.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}, Value: []byte{0x30, 0}}} // qcStatements
	der := made(t, a, s)
	got := parsed(t, der)
	if !bytes.Equal(got.Raw, der) || got.Hash != crypto.SHA512 || !bytes.Equal(got.Imprint, s.Imprint) || !got.Time.Equal(s.Time) ||
		got.Accuracy != time.Second || !got.Ordering || got.Nonce.Cmp(s.Nonce) != 0 || !got.Policy.Equal(devtsa.Policy) ||
		got.Serial.Sign() <= 0 || len(got.Certificates) != 1 || !got.Certificates[0].Equal(a.Chain[0]) {
		t.Errorf("found %+v", got)
	}
	before := bytes.Clone(der)
	der[len(der)-1] ^= 1
	if !bytes.Equal(got.Raw, before) {
		t.Error("a token changes with the bytes it was read from")
	}
}

// replaced is a token with a part of it changed, at the same length.
func replaced(t testing.TB, der []byte, from, to string) []byte {
	f, err := hex.DecodeString(from)
	if err != nil {
		t.Fatal(err)
	}
	w, err := hex.DecodeString(to)
	if err != nil || len(f) != len(w) || bytes.Count(der, f) == 0 {
		t.Fatalf("%s is not in the token", from)
	}
	return bytes.Replace(der, f, w, 1)
}

func TestParseRefuses(t *testing.T) {
	a := authority(t, devtsa.Options{})
	der := made(t, a, stamp())
	fraction := stamp()
	fraction.Time = now.Add(120 * time.Millisecond)
	twice := stamp()
	twice.Also = [][]byte{devtsa.Attribute(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}, []byte{4, 1, 0})}
	values := stamp()
	values.Also = [][]byte{devtsa.Attribute(asn1.ObjectIdentifier{1, 2, 3}, []byte{4, 0, 4, 0})}
	critical := stamp()
	critical.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
	heavy := stamp()
	heavy.Also = [][]byte{devtsa.Attribute(asn1.ObjectIdentifier{1, 2, 3}, append([]byte{4, 0x83, 2, 0, 0}, make([]byte, tsp.MaxToken)...))}
	both := stamp()
	both.Twice = true
	long := stamp()
	long.Imprint = append(long.Imprint, 0)
	ber := bytes.Clone(der)
	ber[1] = 0x80 // indefinite length
	bigger := append([]byte{0x30, 0x84, 0, byte(len(der) >> 16), byte(len(der) >> 8), byte(len(der))}, der...)
	for name, tc := range map[string]struct {
		der  []byte
		want error
	}{
		"nothing":                    {nil, tsp.ErrToken},
		"not DER":                    {[]byte("time"), tsp.ErrToken},
		"cut":                        {der[:len(der)-1], tsp.ErrToken},
		"something after":            {append(bytes.Clone(der), 0), tsp.ErrToken},
		"indefinite length":          {append(ber, 0, 0), tsp.ErrToken},
		"long form of length":        {bigger, tsp.ErrToken},
		"too long":                   {made(t, a, heavy), tsp.ErrToken},
		"other content type":         {replaced(t, der, "06092a864886f70d010702", "06092a864886f70d010701"), tsp.ErrToken},
		"other encapsulated content": {replaced(t, der, "060b2a864886f70d0109100104", "060b2a864886f70d0109100105"), tsp.ErrToken},
		"SignedData of version 1":    {replaced(t, der, "020103", "020101"), tsp.ErrToken},
		"TSTInfo of version 2":       {replaced(t, der, "0201010607", "0201020607"), tsp.ErrToken},
		"imprint by SHA-224":         {replaced(t, der, "302f300b0609608648016503040201", "302f300b0609608648016503040204"), tsp.ErrAlgorithm},
		"imprint of another length":  {made(t, a, long), tsp.ErrToken},
		"time with trailing zero":    {replaced(t, made(t, a, fraction), hex.EncodeToString([]byte("00.12Z")), hex.EncodeToString([]byte("00.10Z"))), tsp.ErrToken},
		"time with an offset":        {replaced(t, der, hex.EncodeToString([]byte("120000Z")), hex.EncodeToString([]byte("12+0100"))), tsp.ErrToken},
		"two signers":                {made(t, a, both), tsp.ErrToken},
		"an attribute twice":         {made(t, a, twice), tsp.ErrToken},
		"a critical extension":       {made(t, a, critical), tsp.ErrToken},
		"an attribute of two values": {made(t, a, values), tsp.ErrToken},
	} {
		got, err := tsp.Parse(tc.der)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if got != nil {
			t.Errorf("%s: a failed parse answered something", name)
		}
	}
}

// A reply is held against its request before anything is verified.
func TestParseReply(t *testing.T) {
	a := authority(t, devtsa.Options{})
	s := stamp()
	s.Nonce = big.NewInt(7)
	reply := devtsa.Reply(0, made(t, a, s))
	good := tsp.Request{Hash: s.Hash, Imprint: s.Imprint, Nonce: s.Nonce, Policy: devtsa.Policy, Certificates: true}
	for name, tc := range map[string]struct {
		bend func(*tsp.Request)
		want error
	}{
		"as asked":            {func(*tsp.Request) {}, nil},
		"any policy":          {func(r *tsp.Request) { r.Policy = nil }, nil},
		"other imprint":       {func(r *tsp.Request) { r.Imprint = digest(crypto.SHA256, "another") }, tsp.ErrImprint},
		"other digest":        {func(r *tsp.Request) { r.Hash = crypto.SHA512 }, tsp.ErrImprint},
		"other nonce":         {func(r *tsp.Request) { r.Nonce = big.NewInt(8) }, tsp.ErrReply},
		"nonce not asked for": {func(r *tsp.Request) { r.Nonce = nil }, tsp.ErrReply},
		"other policy":        {func(r *tsp.Request) { r.Policy = asn1.ObjectIdentifier{1, 2} }, tsp.ErrPolicy},
	} {
		r := good
		tc.bend(&r)
		token, err := tsp.ParseReply(reply, r)
		if !errors.Is(err, tc.want) || (token == nil) != (tc.want != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := tsp.ParseReply(append(bytes.Clone(reply), 0), good); !errors.Is(err, tsp.ErrReply) {
		t.Errorf("something after: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	a := authority(f, devtsa.Options{})
	f.Add(made(f, a, stamp()))
	files, _ := filepath.Glob(filepath.Join(testvectors.Dir(f, "jades-golden"), "*.json"))
	more, _ := filepath.Glob(filepath.Join(testvectors.Dir(f, "jades"), "samples", "*.json"))
	for _, file := range append(files, more...) {
		_, tokens := stamps(f, file)
		for _, der := range tokens {
			f.Add(der)
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		token, err := tsp.Parse(der)
		if err != nil {
			if token != nil {
				t.Error("a failed parse answered something")
			}
			return
		}
		if !bytes.Equal(token.Raw, der) || len(token.Imprint) != token.Hash.Size() || token.Time.IsZero() || token.Policy == nil {
			t.Errorf("read %+v", token)
		}
		if _, err := token.Signer(a.Chain...); err != nil && !errors.Is(err, tsp.ErrSigner) && !errors.Is(err, tsp.ErrSignature) && !errors.Is(err, tsp.ErrAlgorithm) {
			t.Errorf("unexpected %v", err)
		}
	})
}

func FuzzParseReply(f *testing.F) {
	a := authority(f, devtsa.Options{})
	f.Add(devtsa.Reply(0, made(f, a, stamp())))
	f.Add(devtsa.Reply(2, nil))
	r := tsp.Request{Hash: crypto.SHA256, Imprint: digest(crypto.SHA256, message), Certificates: true}
	f.Fuzz(func(t *testing.T, der []byte) {
		token, err := tsp.ParseReply(der, r)
		if (token == nil) == (err == nil) {
			t.Errorf("token %v with error %v", token, err)
		}
	})
}
