package tsp_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

func request(t testing.TB) tsp.Request {
	t.Helper()
	sum := sha256.Sum256([]byte("signature value"))
	r, err := tsp.NewRequest(crypto.SHA256, sum[:], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What Marshal writes is what ParseRequest reads, and nothing else is.
func TestParseRequest(t *testing.T) {
	for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		for _, policy := range []asn1.ObjectIdentifier{nil, {1, 2, 3}} {
			r, err := tsp.NewRequest(hash, make([]byte, hash.Size()), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			r.Policy = policy
			der, err := r.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			got, err := tsp.ParseRequest(der)
			if err != nil || !reflect.DeepEqual(got, r) {
				t.Errorf("%v, %v, expected %v", got, err, r)
			}
		}
	}
}

func TestParseRequestRefuses(t *testing.T) {
	der, err := request(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	// after changes the one place where some bytes stand.
	after := func(old, bytesNew string) []byte {
		t.Helper()
		if bytes.Count(der, []byte(old)) != 1 {
			t.Fatalf("%x stands %d times", old, bytes.Count(der, []byte(old)))
		}
		return bytes.Replace(der, []byte(old), []byte(bytesNew), 1)
	}
	longer := func(more ...byte) []byte { // within the SEQUENCE
		out := append(bytes.Clone(der), more...)
		out[1] += byte(len(more))
		return out
	}
	for name, bad := range map[string][]byte{
		"nothing":        {},
		"what follows":   append(bytes.Clone(der), 0),
		"version 2":      after("\x02\x01\x01\x30", "\x02\x01\x02\x30"),
		"extensions":     longer(0xa0, 0x02, 0x30, 0x00),
		"certReq twice":  longer(0x01, 0x01, 0xff),
		"certReq false":  after("\x01\x01\xff", "\x01\x01\x00"),
		"SHA-1 as other": after("\x65\x03\x04\x02\x01", "\x65\x03\x04\x02\x04"), // SHA-224
		"long":           make([]byte, tsp.MaxRequest+1),
		"short imprint":  after("\x04\x20", "\x04\x1f"),
		"negative nonce": after("\x02\x10"+string(der[len(der)-19:len(der)-18]), "\x02\x10\xff"),
		"not certReq":    longer(0x05, 0x00),
	} {
		if r, err := tsp.ParseRequest(bad); !errors.Is(err, tsp.ErrRequest) || !reflect.DeepEqual(r, tsp.Request{}) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	der, err := request(f).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := tsp.ParseRequest(der)
		if err != nil {
			if !reflect.DeepEqual(r, tsp.Request{}) {
				t.Errorf("refused, and returns %v", r)
			}
			return
		}
		again, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := tsp.ParseRequest(again); err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("%v, %v, expected %v", back, err, r)
		}
	})
}

// A relayed answer holds where the request was made, and the second authority is
// asked when the first gives nothing that holds.
func TestRelay(t *testing.T) {
	good, other := authority(t, devtsa.Options{}), authority(t, devtsa.Options{})
	asked := 0
	c := &tsp.Client{
		HTTP: answer(func(req *http.Request) (*http.Response, error) {
			asked++
			if req.URL.Host == "first.example" {
				return other.Do(req) // an authority that nobody trusts
			}
			return good.Do(req)
		}),
		Authorities: []tsp.Authority{{URL: "https://first.example"}, {URL: "https://second.example", Policy: devtsa.Policy}},
		Trust:       storeOf(t, good), Random: rand.Reader, Now: clock,
	}
	r := request(t)
	reply, err := c.Relay(t.Context(), r)
	if err != nil || asked != 2 {
		t.Fatalf("%v, %d asked", err, asked)
	}
	token, err := tsp.ParseReply(reply, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.Verify(tsp.Verification{Hash: r.Hash, Imprint: r.Imprint, Trust: c.Trust}); err != nil {
		t.Error(err)
	}
	c.Authorities = c.Authorities[:1]
	if reply, err := c.Relay(t.Context(), r); err == nil || reply != nil {
		t.Errorf("%x, %v", reply, err)
	}
	for name, bad := range map[string]tsp.Request{
		"without nonce":        {Hash: r.Hash, Imprint: r.Imprint, Certificates: true},
		"without certificates": {Hash: r.Hash, Imprint: r.Imprint, Nonce: big.NewInt(1 << 40)},
	} {
		if _, err := c.Relay(t.Context(), bad); !errors.Is(err, tsp.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An authority whose certificate runs out soon is not the last word while another one
// lasts; where none does, what lasts longest is taken.
func TestLasting(t *testing.T) {
	const day = 24 * time.Hour
	by := map[string]*devtsa.Authority{}
	var roots []*x509.Certificate
	for host, days := range map[string]int{"ends.example": 10, "later.example": 20, "lasts.example": 400} {
		by[host] = authority(t, devtsa.Options{NotAfter: now.Add(time.Duration(days) * day)})
		roots = append(roots, by[host].Root)
	}
	store, err := trust.NewStore(trust.Anchors{trust.UseTimeStamp: roots}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		hosts   string
		lasting time.Duration
		want    string // who stamped
		asked   int
	}{
		{"ends lasts later", 180 * day, "lasts", 2},
		{"lasts ends", 180 * day, "lasts", 1},
		{"ends later", 180 * day, "later", 2},
		{"later ends", 180 * day, "later", 2},
		{"down ends", 180 * day, "ends", 2},
		{"ends down", 180 * day, "ends", 2},
		{"ends lasts", 0, "ends", 1},
	} {
		asked := 0
		client := &tsp.Client{Trust: store, Random: rand.Reader, Now: clock, Lasting: c.lasting, HTTP: answer(func(r *http.Request) (*http.Response, error) {
			if asked++; by[r.URL.Host] == nil {
				return response(http.StatusServiceUnavailable, "", strings.NewReader("")), nil
			}
			return by[r.URL.Host].Do(r)
		})}
		for _, host := range strings.Fields(c.hosts) {
			client.Authorities = append(client.Authorities, tsp.Authority{URL: "https://" + host + ".example/"})
		}
		r := request(t)
		reply, err := client.Relay(t.Context(), r)
		if err != nil {
			t.Fatalf("%s: %v", c.hosts, err)
		}
		token, err := tsp.ParseReply(reply, r)
		if err != nil {
			t.Fatalf("%s: %v", c.hosts, err)
		}
		if !token.Certificates[0].Equal(by[c.want+".example"].Chain[0]) || asked != c.asked {
			t.Errorf("%s: %d asked", c.hosts, asked)
		}
		stamped, err := client.Stamp(t.Context(), r.Hash, r.Imprint)
		if err != nil || !stamped.Certificates[0].Equal(by[c.want+".example"].Chain[0]) {
			t.Errorf("%s: another one stamped for us, %v", c.hosts, err)
		}
	}
}
