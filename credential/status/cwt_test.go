package status

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

type cwtVector struct {
	Key     jose.JWK `json:"key"`
	Message string   `json:"cose_sign1_tagged_hex"`
	Payload string   `json:"payload_hex"`
}

func readCWT(t testing.TB, name string) (v cwtVector, message []byte) {
	t.Helper()
	if err := json.Unmarshal(testvectors.File(t, "token-status-list", name), &v); err != nil {
		t.Fatal(err)
	}
	return v, unhex(t, v.Message)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type fetchCWT func(url string) []byte

func (f fetchCWT) Fetch(_ context.Context, url, accept string) ([]byte, time.Duration, error) {
	if accept != MediaTypeCWT {
		return nil, 0, errors.New("wrong Accept")
	}
	return f(url), 0, nil
}

func trustCWT(key crypto.PublicKey) TrustCWT {
	return func(context.Context, *cose.Sign1) (crypto.PublicKey, error) { return key, nil }
}

func cwtChecker(t testing.TB, c *clock, b []byte) *Checker {
	t.Helper()
	ch, err := NewChecker(fetchCWT(func(string) []byte { return b }), CheckerOptions{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func TestSection5_2(t *testing.T) {
	v, message := readCWT(t, "status-list-cwt.json")
	key, err := v.Key.Public().Key()
	if err != nil {
		t.Fatal(err)
	}
	tok, err := ParseCWT(message)
	if err != nil || tok.TTL != 43200*time.Second || tok.IssuedAt.Unix() != 1686920170 || tok.Expires.Unix() != 2291720170 {
		t.Fatalf("%+v, %v", tok, err)
	}
	const uri = "https://example.com/statuslists/1"
	now := newClock()
	now.at.Store(1686920170)
	c := cwtChecker(t, now, message)
	for i, want := range []Value{1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1} {
		if got, err := c.CheckCWT(t.Context(), Ref{uint64(i), uri}, trustCWT(key)); err != nil || got != want {
			t.Errorf("index %d: %v, %v", i, got, err)
		}
	}
	// The key id and its label stand outside of what is signed.
	kid := bytes.Index(message, []byte("\x04\x4212")) + 2
	for i := range message {
		if i == kid-2 || i == kid || i == kid+1 {
			continue
		}
		bad := bytes.Clone(message)
		bad[i] ^= 0x01
		got, err := cwtChecker(t, now, bad).CheckCWT(t.Context(), Ref{1, uri}, trustCWT(key))
		if err == nil || got != Invalid {
			t.Fatalf("a token changed at byte %d was accepted: %v, %v", i, got, err)
		}
	}
	for name, check := range map[string]func() (Value, error){
		"past the end":    func() (Value, error) { return c.CheckCWT(t.Context(), Ref{16, uri}, trustCWT(key)) },
		"another URI":     func() (Value, error) { return c.CheckCWT(t.Context(), Ref{0, uri + "/"}, trustCWT(key)) },
		"another key":     func() (Value, error) { return c.CheckCWT(t.Context(), Ref{0, uri}, trustCWT(newKey(t).Public())) },
		"no rule":         func() (Value, error) { return c.CheckCWT(t.Context(), Ref{0, uri}, nil) },
		"asked for a JWT": func() (Value, error) { return c.Check(t.Context(), Ref{0, uri}, trust(key)) },
		"rule refuses": func() (Value, error) {
			return c.CheckCWT(t.Context(), Ref{0, uri}, func(context.Context, *cose.Sign1) (crypto.PublicKey, error) { return nil, errors.New("unknown") })
		},
	} {
		if got, err := check(); err == nil || got != Invalid {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	now.at.Store(2291720170)
	if _, err := cwtChecker(t, now, message).CheckCWT(t.Context(), Ref{0, uri}, trustCWT(key)); !errors.Is(err, ErrExpired) {
		t.Errorf("at exp: %v", err)
	}
}

func TestSection6_3(t *testing.T) {
	v, _ := readCWT(t, "referenced-token-cwt.json")
	payload := unhex(t, v.Payload)
	r := cbor.NewReader(payload)
	var claim []byte
	for range r.Map() {
		if key := r.Int(); key == ClaimKeyCBOR {
			claim = r.Skip()
		} else {
			r.Skip()
		}
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	ref, err := ParseClaimCBOR(claim)
	if err != nil || ref != (Ref{0, "https://example.com/statuslists/1"}) {
		t.Fatalf("%v, %v", ref, err)
	}
	if again := ref.AppendCBOR(nil); !bytes.Equal(again, claim) {
		t.Errorf("written %x, read %x", again, claim)
	}
}

func TestParseClaimCBORRefuses(t *testing.T) {
	text := func(s string) []byte { return cbor.AppendText(nil, s) }
	list := func(members ...[]byte) []byte {
		b := append(cbor.AppendMap(nil, 1), text("status_list")...)
		b = cbor.AppendMap(b, len(members)/2)
		return append(b, bytes.Join(members, nil)...)
	}
	idx, uri := text("idx"), text("uri")
	for name, b := range map[string][]byte{
		"nothing":        nil,
		"null":           {0xf6},
		"empty":          {0xa0},
		"array":          {0x80},
		"another kind":   append(append(cbor.AppendMap(nil, 1), text("identifier_list")...), 0xa0),
		"no idx":         list(uri, text("https://a")),
		"no uri":         list(idx, cbor.AppendUint(nil, 1)),
		"negative":       list(idx, cbor.AppendInt(nil, -1), uri, text("https://a")),
		"idx a text":     list(idx, text("1"), uri, text("https://a")),
		"idx a float":    list(idx, cbor.AppendFloat(nil, 1.5), uri, text("https://a")),
		"uri bytes":      list(idx, cbor.AppendUint(nil, 1), uri, cbor.AppendBytes(nil, []byte("https://a"))),
		"idx twice":      list(idx, cbor.AppendUint(nil, 1), idx, cbor.AppendUint(nil, 2), uri, text("https://a")),
		"something more": append(Ref{1, "https://a"}.AppendCBOR(nil), 0),
	} {
		if ref, err := ParseClaimCBOR(b); !errors.Is(err, ErrMalformed) || ref != (Ref{}) {
			t.Errorf("%s: %v, %v", name, ref, err)
		}
	}
}

// claimsCBOR is a claims set in which members may be left out or replaced.
func claimsCBOR(t testing.TB, change map[int64][]byte) []byte {
	t.Helper()
	l, err := NewList(2, 1024)
	if err != nil {
		t.Fatal(err)
	}
	list, err := l.appendCBOR(nil)
	if err != nil {
		t.Fatal(err)
	}
	members := []struct {
		key   int64
		value []byte
	}{
		{claimSubject, cbor.AppendText(nil, listURI)}, {claimExpires, cbor.AppendInt(nil, start.Add(time.Hour).Unix())},
		{claimIssuedAt, cbor.AppendInt(nil, start.Unix())}, {claimStatusList, list}, {claimTTL, cbor.AppendUint(nil, 600)},
	}
	n, body := 0, []byte(nil)
	for _, m := range members {
		value, changed := change[m.key]
		if !changed {
			value = m.value
		}
		if value == nil {
			continue
		}
		n++
		body = append(cbor.AppendInt(body, m.key), value...)
	}
	return append(cbor.AppendMap(nil, n), body...)
}

func signCWT(t testing.TB, key crypto.Signer, h cose.Header, tagged bool, claims []byte) []byte {
	t.Helper()
	s, err := cose.NewSigner(h, cose.Options{Tagged: tagged})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Append(nil, key, claims)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseCWTRefuses(t *testing.T) {
	key := newKey(t)
	good := cose.Header{Alg: cose.ES256, Typ: MediaTypeCWT}
	list := func(bits uint64, lst []byte) []byte {
		b := cbor.AppendUint(cbor.AppendText(cbor.AppendMap(nil, 2), "bits"), bits)
		return cbor.AppendBytes(cbor.AppendText(b, "lst"), lst)
	}
	packed := func(data []byte) []byte {
		b, err := jose.Decode(deflate(t, data))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, tt := range []struct {
		name   string
		header cose.Header
		change map[int64][]byte
		want   error
	}{
		{"good", good, nil, nil},
		{"without exp and ttl", good, map[int64][]byte{claimExpires: nil, claimTTL: nil}, nil},
		{"typ missing", cose.Header{Alg: cose.ES256}, nil, ErrMalformed},
		{"typ of JWT", cose.Header{Alg: cose.ES256, Typ: MediaType}, nil, ErrMalformed},
		{"typ of a mobile document", cose.Header{Alg: cose.ES256, Typ: "application/mso"}, nil, ErrMalformed},
		{"sub missing", good, map[int64][]byte{claimSubject: nil}, ErrMalformed},
		{"sub bytes", good, map[int64][]byte{claimSubject: cbor.AppendBytes(nil, []byte(listURI))}, ErrMalformed},
		{"iat missing", good, map[int64][]byte{claimIssuedAt: nil}, ErrMalformed},
		{"iat a text", good, map[int64][]byte{claimIssuedAt: cbor.AppendText(nil, "1")}, ErrMalformed},
		{"exp negative", good, map[int64][]byte{claimExpires: cbor.AppendInt(nil, -1)}, ErrMalformed},
		{"ttl zero", good, map[int64][]byte{claimTTL: cbor.AppendUint(nil, 0)}, ErrMalformed},
		{"ttl negative", good, map[int64][]byte{claimTTL: cbor.AppendInt(nil, -5)}, ErrMalformed},
		{"ttl beyond reason", good, map[int64][]byte{claimTTL: cbor.AppendUint(nil, 1<<63)}, ErrMalformed},
		{"list missing", good, map[int64][]byte{claimStatusList: nil}, ErrMalformed},
		{"list a text", good, map[int64][]byte{claimStatusList: cbor.AppendText(nil, "x")}, ErrMalformed},
		{"list empty", good, map[int64][]byte{claimStatusList: cbor.AppendMap(nil, 0)}, ErrMalformed},
		{"bits 3", good, map[int64][]byte{claimStatusList: list(3, packed([]byte{1}))}, ErrMalformed},
		{"bits beyond an int", good, map[int64][]byte{claimStatusList: list(1<<63+1, packed([]byte{1}))}, ErrMalformed},
		{"not zlib", good, map[int64][]byte{claimStatusList: list(1, []byte{1, 2, 3})}, ErrMalformed},
		{"zip bomb", good, map[int64][]byte{claimStatusList: list(1, packed(make([]byte, MaxList+1)))}, ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tok, err := ParseCWT(signCWT(t, key, tt.header, true, claimsCBOR(t, tt.change)))
			if !errors.Is(err, tt.want) || (err == nil) != (tok != nil) {
				t.Errorf("%v, %v", tok, err)
			}
		})
	}
	message := signCWT(t, key, good, true, claimsCBOR(t, nil))
	detached, err := cose.NewSigner(good, cose.Options{Tagged: true})
	if err != nil {
		t.Fatal(err)
	}
	without, err := detached.AppendDetached(nil, key, claimsCBOR(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"no tag":              signCWT(t, key, good, false, claimsCBOR(t, nil)),
		"tag of a CWT":        append(cbor.AppendTag(nil, 61), message...),
		"tag of a MAC":        append([]byte{0xd1}, message[1:]...),
		"without its payload": without,
		"trailing data":       append(bytes.Clone(message), 0),
		"cut off":             message[:len(message)-1],
		"claims are a list":   signCWT(t, key, good, true, []byte{0x80}),
		"claims twice":        signCWT(t, key, good, true, append(claimsCBOR(t, nil), 0xa0)),
		"nothing":             nil,
	} {
		if tok, err := ParseCWT(b); !errors.Is(err, ErrMalformed) || tok != nil {
			t.Errorf("%s: %v, %v", name, tok, err)
		}
	}
}

func certificateOf(t testing.TB, key crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: start, NotAfter: start.Add(366 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCWTSigner(t *testing.T) {
	key := newKey(t)
	chain := []*x509.Certificate{certificateOf(t, key)}
	s, err := NewCWTSigner(key, chain)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.SignCWT(start, claimsCBOR(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := ParseCWT(b)
	if err != nil {
		t.Fatal(err)
	}
	certificates, err := tok.Sign1.Certificates()
	if err != nil || len(certificates) != 1 || !certificates[0].Equal(chain[0]) {
		t.Errorf("%v, %v", certificates, err)
	}
	if err := tok.Sign1.Verify(key.Public(), nil); err != nil {
		t.Error(err)
	}
	for _, at := range []time.Time{start.Add(-time.Second), start.Add(367 * 24 * time.Hour)} {
		if b, err := s.SignCWT(at, claimsCBOR(t, nil)); err == nil || b != nil {
			t.Errorf("signed at %v, when the certificate is not valid", at)
		}
	}
	for name, make := range map[string]func() (CWTSigner, error){
		"no key":      func() (CWTSigner, error) { return NewCWTSigner(nil, chain) },
		"no chain":    func() (CWTSigner, error) { return NewCWTSigner(key, nil) },
		"another key": func() (CWTSigner, error) { return NewCWTSigner(newKey(t), chain) },
	} {
		if s, err := make(); err == nil || s != nil {
			t.Errorf("%s: made", name)
		}
	}
}

func FuzzParseCWT(f *testing.F) {
	_, message := readCWT(f, "status-list-cwt.json")
	f.Add(message)
	f.Add(signCWT(f, newKey(f), cose.Header{Alg: cose.ES256, Typ: MediaTypeCWT}, true, claimsCBOR(f, nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := ParseCWT(b)
		if (err == nil) != (tok != nil) {
			t.Fatal("an error goes with a token, or neither came")
		}
		if tok != nil && (tok.List == nil || tok.TTL < 0) {
			t.Fatal("a token without a list or with a negative ttl")
		}
	})
}

func FuzzParseClaimCBOR(f *testing.F) {
	f.Add(Ref{0, "https://example.com/statuslists/1"}.AppendCBOR(nil))
	f.Add(Ref{1 << 40, ""}.AppendCBOR(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		ref, err := ParseClaimCBOR(b)
		if err != nil {
			if ref != (Ref{}) {
				t.Fatal("a failed parse returned a reference")
			}
			return
		}
		if again, err := ParseClaimCBOR(ref.AppendCBOR(nil)); err != nil || again != ref {
			t.Fatalf("a reference does not survive a round trip: %v", err)
		}
	})
}
