package tsp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

type answer func(*http.Request) (*http.Response, error)

func (f answer) Do(r *http.Request) (*http.Response, error) { return f(r) }

func response(status int, kind string, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(body)}
}

const replyType = "application/timestamp-reply"

func replies(status int, body []byte) answer {
	return func(*http.Request) (*http.Response, error) {
		return response(status, replyType, bytes.NewReader(body)), nil
	}
}

func client(t testing.TB, a *devtsa.Authority, h tsp.HTTP) *tsp.Client {
	return &tsp.Client{HTTP: h, Trust: storeOf(t, a), Random: rand.Reader, Now: clock, Authorities: []tsp.Authority{{URL: "https://tsa.example/ask?key=secret"}}}
}

func TestStamp(t *testing.T) {
	a := authority(t, devtsa.Options{})
	for hash, size := range map[crypto.Hash]int{crypto.SHA256: 32, crypto.SHA384: 48, crypto.SHA512: 64} {
		c := client(t, a, a)
		c.MaxAccuracy = time.Second
		c.Authorities[0].Policy = asn1.ObjectIdentifier{1, 2, 3}
		token, err := c.Stamp(context.Background(), hash, digest(hash, message))
		if err != nil {
			t.Fatal(err)
		}
		if token.Hash != hash || len(token.Imprint) != size || !token.Policy.Equal(c.Authorities[0].Policy) || token.Nonce.BitLen() != 127 || !token.Time.Equal(now) {
			t.Errorf("found %s, nonce of %d bits", token, token.Nonce.BitLen())
		}
	}
}

// Sigstore's authority answers 201, others 200.
func TestStampCreated(t *testing.T) {
	a := authority(t, devtsa.Options{})
	c := client(t, a, answer(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
			t.Errorf("found %s %s", r.Method, r.Header)
		}
		res, err := a.Do(r)
		if err == nil {
			res.StatusCode = http.StatusCreated
			res.Header.Set("Content-Type", "application/timestamp-reply; charset=binary")
		}
		return res, err
	}))
	if _, err := c.Stamp(context.Background(), crypto.SHA256, digest(crypto.SHA256, message)); err != nil {
		t.Error(err)
	}
}

// bent answers queries with the stamp that bend makes of a good one.
func bent(a *devtsa.Authority, bend func(*devtsa.Stamp)) answer {
	honest := *a
	return func(r *http.Request) (*http.Response, error) {
		res, err := honest.Do(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, err
		}
		token, err := tsp.Parse(body[bytes.Index(body, []byte{2, 1, 0})+3:])
		if err != nil {
			return nil, err
		}
		s := devtsa.Stamp{Hash: token.Hash, Imprint: token.Imprint, Nonce: token.Nonce, Policy: token.Policy, Time: token.Time, Accuracy: token.Accuracy}
		bend(&s)
		der, err := a.Token(s)
		if err != nil {
			return nil, err
		}
		return response(http.StatusOK, replyType, bytes.NewReader(devtsa.Reply(0, der))), nil
	}
}

func TestStampRefuses(t *testing.T) {
	a, stranger := authority(t, devtsa.Options{}), authority(t, devtsa.Options{})
	// A TimeStampResp with status rejection and failInfo badAlg.
	refusal := []byte{0x30, 9, 0x30, 7, 2, 1, 2, 3, 2, 7, 0x80}
	for name, tc := range map[string]struct {
		http tsp.HTTP
		want error
		says string
	}{
		"wrong imprint":     {bent(a, func(s *devtsa.Stamp) { s.Imprint = digest(crypto.SHA256, "another") }), tsp.ErrImprint, "messageImprint"},
		"other digest":      {bent(a, func(s *devtsa.Stamp) { s.Hash, s.Imprint = crypto.SHA512, digest(crypto.SHA512, message) }), tsp.ErrImprint, "messageImprint"},
		"wrong nonce":       {bent(a, func(s *devtsa.Stamp) { s.Nonce = new(big.Int).Add(s.Nonce, big.NewInt(1)) }), tsp.ErrReply, "nonce"},
		"no nonce":          {bent(a, func(s *devtsa.Stamp) { s.Nonce = nil }), tsp.ErrReply, "nonce"},
		"wrong policy":      {bent(a, func(s *devtsa.Stamp) { s.Policy = asn1.ObjectIdentifier{1, 2, 4} }), tsp.ErrPolicy, "policy 1.2.4"},
		"no certificate":    {bent(a, func(s *devtsa.Stamp) { s.NoCertificates = true }), tsp.ErrReply, "certReq"},
		"other certificate": {bent(a, func(s *devtsa.Stamp) { s.Named = stranger.Chain[0] }), tsp.ErrSigner, "signingCertificateV2"},
		"no accuracy":       {bent(a, func(s *devtsa.Stamp) { s.Accuracy = 0 }), tsp.ErrPolicy, "accuracy"},
		"clock behind":      {bent(a, func(s *devtsa.Stamp) { s.Time = now.Add(-time.Hour) }), tsp.ErrReply, "genTime"},
		"clock ahead":       {bent(a, func(s *devtsa.Stamp) { s.Time = now.Add(time.Hour) }), tsp.ErrReply, "genTime"},
		"not trusted":       {stranger, trust.ErrNoPath, "no certificate chain"},
		"rejection":         {replies(200, refusal), tsp.ErrReply, "rejection, expected granted; badAlg"},
		"modified":          {replies(200, devtsa.Reply(1, nil)), tsp.ErrReply, "grantedWithMods"},
		"unknown status":    {replies(200, devtsa.Reply(9, nil)), tsp.ErrReply, "unknown status 9"},
		"granted nothing":   {replies(200, devtsa.Reply(0, nil)), tsp.ErrReply, "without a token"},
		"not DER":           {replies(200, []byte("<html>")), tsp.ErrReply, "DER"},
		"oversized":         {replies(200, make([]byte, 1<<20)), tsp.ErrReply, "longer than"},
		"HTTP 500":          {replies(500, nil), tsp.ErrReply, "HTTP status 500"},
		"other media type": {answer(func(*http.Request) (*http.Response, error) {
			return response(200, "text/html", strings.NewReader("")), nil
		}), tsp.ErrReply, "Content-Type"},
		"no connection": {answer(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }), io.ErrUnexpectedEOF, "unexpected EOF"},
	} {
		c := client(t, a, tc.http)
		c.MaxAccuracy, c.Authorities[0].Policy = time.Second, asn1.ObjectIdentifier{1, 2, 3}
		token, err := c.Stamp(context.Background(), crypto.SHA256, digest(crypto.SHA256, message))
		var each *tsp.StampError
		if token != nil || !errors.Is(err, tc.want) || !errors.As(err, &each) || len(each.Failures) != 1 || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error holds the query of the address", name)
		}
	}
}

// The next authority is asked when one fails, slow ones within their time, and
// the error names each.
func TestStampInOrder(t *testing.T) {
	a := authority(t, devtsa.Options{})
	var asked []string
	byHost := answer(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.Host)
		switch r.URL.Host {
		case "slow.example":
			<-r.Context().Done()
			return nil, r.Context().Err()
		case "down.example":
			return response(503, "", strings.NewReader("")), nil
		default:
			return a.Do(r)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := client(t, a, byHost)
		c.Authorities = []tsp.Authority{{URL: "https://slow.example/", Timeout: time.Second}, {URL: "https://down.example/"}, {URL: "https://good.example/"}, {URL: "https://never.example/"}}
		start := time.Now()
		token, err := c.Stamp(context.Background(), crypto.SHA256, digest(crypto.SHA256, message))
		if err != nil || token == nil || strings.Join(asked, " ") != "slow.example down.example good.example" || time.Since(start) != time.Second {
			t.Errorf("asked %v for %s: %v", asked, time.Since(start), err)
		}

		asked = nil
		c.Authorities = c.Authorities[:2]
		_, err = c.Stamp(context.Background(), crypto.SHA256, digest(crypto.SHA256, message))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "slow.example") || !strings.Contains(err.Error(), "down.example: ") || len(asked) != 2 {
			t.Errorf("asked %v: %v", asked, err)
		}

		// Who asks has left: nobody else is asked.
		asked = nil
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if _, err = c.Stamp(ctx, crypto.SHA256, digest(crypto.SHA256, message)); !errors.Is(err, context.DeadlineExceeded) || len(asked) != 1 {
			t.Errorf("asked %v: %v", asked, err)
		}
	})
}

func TestRequestRefuses(t *testing.T) {
	for name, r := range map[string]tsp.Request{
		"SHA-1":         {Hash: crypto.SHA1, Imprint: make([]byte, 20)},
		"no digest":     {},
		"short imprint": {Hash: crypto.SHA256, Imprint: make([]byte, 31)},
	} {
		if der, err := r.Marshal(); err == nil || der != nil {
			t.Errorf("%s: %x", name, der)
		}
	}
	if _, err := tsp.NewRequest(crypto.SHA256, make([]byte, 32), strings.NewReader("")); err == nil {
		t.Error("a nonce without randomness")
	}
	if _, err := new(tsp.Client).Stamp(context.Background(), crypto.SHA256, make([]byte, 32)); err == nil {
		t.Error("an empty client stamps")
	}
	a := authority(t, devtsa.Options{})
	asked := 0
	c := client(t, a, answer(func(*http.Request) (*http.Response, error) { asked++; return nil, io.EOF }))
	if _, err := c.Stamp(context.Background(), crypto.SHA256, make([]byte, 20)); !errors.Is(err, tsp.ErrImprint) || asked != 0 {
		t.Errorf("asked %d times for a short imprint: %v", asked, err)
	}
}
