package trust_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devocsp"
)

const responderURL = "http://ocsp.example/"

// answered is an authority with a responder that it delegated to, and a
// certificate that names it.
type answered struct {
	ca, by, leaf pair
	responder    *devocsp.Responder
}

func newAnswered(t testing.TB, bend func(*x509.Certificate)) answered {
	ca := mint(t, authority("CA"), nil)
	tmpl := devocsp.Template("Responder", now.Add(-time.Hour), now.Add(time.Hour))
	if bend != nil {
		bend(tmpl)
	}
	by := mint(t, tmpl, &ca)
	c := leaf("Leaf")
	c.OCSPServer = []string{responderURL}
	return answered{ca, by, mint(t, c, &ca), &devocsp.Responder{Issuer: ca.cert, Certificate: by.cert, Key: by.key, Now: clock}}
}

func clock() time.Time { return now }

func (a answered) ask(t testing.TB, r *trust.Responders, at time.Time) trust.RevocationStatus {
	t.Helper()
	status, value, err := r.RevocationValue(context.Background(), a.leaf.cert, a.ca.cert, at)
	if err != nil || status.Detail == "" {
		t.Fatalf("%+v, %v", status, err)
	}
	if (value.OCSP != nil) != (status.State != trust.Unknown) || value.CRL != nil {
		t.Errorf("%s with a value of %d bytes", status.State, len(value.OCSP))
	}
	return status
}

func TestResponders(t *testing.T) {
	for _, nonces := range []io.Reader{nil, rand.Reader} {
		a := newAnswered(t, nil)
		r := trust.NewResponders(a.responder, nonces, clock)
		if got := a.ask(t, r, now); got.State != trust.Good || !got.NextUpdate.Equal(now.Add(time.Hour)) {
			t.Errorf("found %+v", got)
		}
		since := now.Add(-time.Minute)
		a.responder.Says = func(*big.Int) devocsp.Status { return devocsp.Status{Revoked: since, Reason: 1} }
		if got := a.ask(t, r, now); got.State != trust.Good || a.responder.Asked() != 1 {
			t.Errorf("the answer was not kept: %s", got.State)
		}
		// What was kept holds as well as if it had been published.
		_, value, _ := r.RevocationValue(t.Context(), a.leaf.cert, a.ca.cert, now)
		if got, err := trust.NewArchive(nil, [][]byte{value.OCSP}).Revocation(t.Context(), a.leaf.cert, a.ca.cert, now); err != nil || got.State != trust.Good {
			t.Errorf("in an archive: %s", got.Detail)
		}
		fresh := trust.NewResponders(a.responder, nonces, clock)
		if got := a.ask(t, fresh, now); got.State != trust.Revoked || got.Reason != 1 || !got.Since.Equal(since) {
			t.Errorf("found %+v", got)
		}
		if got := a.ask(t, fresh, since.Add(-time.Second)); got.State != trust.Good {
			t.Errorf("before it was revoked: %s", got.Detail)
		}
		a.responder.Says = func(*big.Int) devocsp.Status { return devocsp.Status{Unknown: true} }
		status, _, err := trust.NewResponders(a.responder, nonces, clock).RevocationValue(t.Context(), a.leaf.cert, a.ca.cert, now)
		if err != nil || status.State != trust.Unknown {
			t.Errorf("not known to the responder: %+v", status)
		}
	}
}

// An answer is used until its next update. Then a new one is asked for, and the
// old one is used no more, unless it says that the certificate is gone.
func TestRespondersCache(t *testing.T) {
	a := newAnswered(t, nil)
	at := now
	a.responder.Now = func() time.Time { return at }
	r := trust.NewResponders(a.responder, nil, a.responder.Now)
	a.ask(t, r, at)
	at = now.Add(59 * time.Minute)
	if a.ask(t, r, at); a.responder.Asked() != 1 {
		t.Errorf("asked %d times", a.responder.Asked())
	}
	a.responder.Certificate = a.ca.cert // the responder's certificate has run out
	a.responder.Key = a.ca.key
	at = now.Add(time.Hour)
	if got := a.ask(t, r, at); got.State != trust.Good || a.responder.Asked() != 2 {
		t.Errorf("asked %d times: %s", a.responder.Asked(), got.Detail)
	}
	at = now.Add(3 * time.Hour)
	a.responder.Bend = func(x *devocsp.Answer) { x.ThisUpdate, x.NextUpdate = now, now.Add(time.Minute) }
	if got := a.ask(t, r, now); got.State != trust.Unknown || !strings.Contains(got.Detail, "nextUpdate has passed") {
		t.Errorf("an old answer: %s, %s", got.State, got.Detail)
	}
	a.responder.Bend = func(x *devocsp.Answer) { x.ThisUpdate, x.NextUpdate = now, at.Add(time.Hour) }
	if got := a.ask(t, r, at); got.State != trust.Unknown || !strings.Contains(got.Detail, "older than one that was seen") {
		t.Errorf("an older answer that is still good: %s, %s", got.State, got.Detail)
	}

	gone := newAnswered(t, nil)
	at = now
	gone.responder.Says = func(*big.Int) devocsp.Status { return devocsp.Status{Revoked: now, Reason: 4} }
	r = trust.NewResponders(gone.responder, nil, func() time.Time { return at })
	gone.ask(t, r, now)
	at = now.Add(3 * time.Hour)
	gone.responder.Bend = func(x *devocsp.Answer) { x.NextUpdate = time.Time{} }
	if got := gone.ask(t, r, at); got.State != trust.Revoked {
		t.Errorf("revoked is for ever: %s", got.Detail)
	}
}

// Each forged answer is refused by name.
func TestRespondersRefuse(t *testing.T) {
	stranger := mint(t, authority("Stranger"), nil)
	plain := newAnswered(t, func(c *x509.Certificate) { c.ExtKeyUsage = nil })
	revocable := newAnswered(t, func(c *x509.Certificate) { c.ExtraExtensions = nil })
	expired := newAnswered(t, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) })
	foreign := newAnswered(t, nil)
	foreign.by = mint(t, devocsp.Template("Responder", now.Add(-time.Hour), now.Add(time.Hour)), &stranger)
	foreign.responder.Certificate, foreign.responder.Key = foreign.by.cert, foreign.by.key
	small := newAnswered(t, nil)
	small.by = mintFor(t, devocsp.Template("Responder", now.Add(-time.Hour), now.Add(time.Hour)), smallRSA(t), &small.ca)
	small.responder.Certificate = small.by.cert
	for name, tc := range map[string]struct {
		of   answered
		bend func(answered, *devocsp.Answer)
		says string
	}{
		"signed by another key":          {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.Key = stranger.key }, "delegated to signed it"},
		"by another authority":           {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.Certificate, x.Key = stranger.cert, stranger.key }, "delegated to signed it"},
		"by another authority's":         {foreign, nil, "delegated to signed it"},
		"by no delegate":                 {plain, nil, "is not for OCSP"},
		"by a delegate that may be gone": {revocable, nil, "lacks id-pkix-ocsp-nocheck"},
		"by a delegate that has expired": {expired, nil, "was not valid when it answered"},
		"by a small key":                 {small, func(a answered, x *devocsp.Answer) { x.Key = a.ca.key }, "key is not allowed"},
		"about another certificate":      {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.ID.Serial = big.NewInt(1) }, "not about the certificate"},
		"of another issuer's name":       {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.ID.Name = make([]byte, 20) }, "of another issuer"},
		"of another issuer's key":        {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.ID.Key = make([]byte, 20) }, "of another issuer"},
		"another nonce":                  {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.Nonce[0] ^= 1 }, "the nonce is another"},
		"no nonce":                       {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.Nonce = nil }, "is not repeated"},
		"no next update":                 {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.NextUpdate = time.Time{} }, "nextUpdate is missing"},
		"ran out":                        {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.ThisUpdate, x.NextUpdate = now.Add(-time.Hour), now }, "nextUpdate has passed"},
		"next update before this":        {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.NextUpdate = now.Add(-time.Second) }, "lies before thisUpdate"},
		"not yet":                        {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.ThisUpdate = now.Add(6 * time.Minute) }, "thisUpdate lies in the future"},
		"produced in the future":         {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.ProducedAt = now.Add(6 * time.Minute) }, "producedAt lies in the future"},
		"produced before it was known":   {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) { x.ProducedAt = now.Add(-6 * time.Minute) }, "produced before"},
		"a critical extension": {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) {
			x.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: asn1.NullBytes}}
		}, "critical extension 1.2.3"},
		"too long": {newAnswered(t, nil), func(_ answered, x *devocsp.Answer) {
			x.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, 64<<10)}}
		}, "longer than 65536 bytes"},
	} {
		if tc.bend != nil {
			tc.of.responder.Bend = func(x *devocsp.Answer) { tc.bend(tc.of, x) }
		}
		got := tc.of.ask(t, trust.NewResponders(tc.of.responder, rand.Reader, clock), now)
		if got.State != trust.Unknown || !strings.Contains(got.Detail, tc.says) {
			t.Errorf("%s: found %s, %s", name, got.State, got.Detail)
		}
	}
}

// doer answers HTTP as it is told.
type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func replied(status int, kind string, body []byte) doer {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewReader(body))}, nil
	}
}

func TestRespondersHTTP(t *testing.T) {
	a := newAnswered(t, nil)
	bare := answered{a.ca, a.by, mint(t, leaf("No address"), &a.ca), a.responder}
	elsewhere := leaf("Another scheme")
	elsewhere.OCSPServer = []string{"ldap://x/", "http://user@x/"}
	other := answered{a.ca, a.by, mint(t, elsewhere, &a.ca), a.responder}
	const kind = "application/ocsp-response"
	for name, tc := range map[string]struct {
		of   answered
		by   doer
		says string
	}{
		"down":              {a, func(*http.Request) (*http.Response, error) { return nil, errors.New("down") }, "down"},
		"not found":         {a, replied(404, kind, nil), "HTTP status 404"},
		"a page":            {a, replied(200, "text/html", nil), "Content-Type"},
		"nothing":           {a, replied(200, kind, nil), "not about the certificate"},
		"unauthorized":      {a, replied(200, kind, []byte{0x30, 3, 10, 1, 6}), "says unauthorized"},
		"no responder":      {bare, a.responder.Do, "names no responder"},
		"a scheme of files": {other, a.responder.Do, "not one of http"},
	} {
		got := tc.of.ask(t, trust.NewResponders(tc.by, nil, clock), now)
		if got.State != trust.Unknown || !strings.Contains(got.Detail, tc.says) {
			t.Errorf("%s: found %s, %s", name, got.State, got.Detail)
		}
	}

	// By GET where it may be kept on the way, by POST with a nonce.
	for nonces, want := range map[io.Reader]string{nil: http.MethodGet, rand.Reader: http.MethodPost} {
		var seen *http.Request
		r := trust.NewResponders(doer(func(q *http.Request) (*http.Response, error) { seen = q; return a.responder.Do(q) }), nonces, clock)
		if a.ask(t, r, now); seen.Method != want || want == http.MethodPost && seen.Header.Get("Content-Type") != "application/ocsp-request" {
			t.Errorf("found %s with %q, expected %s", seen.Method, seen.Header, want)
		}
		if path := seen.URL.EscapedPath(); want == http.MethodGet && (strings.Contains(path[1:], "/") || strings.Contains(path, "+")) {
			t.Errorf("base64 is not escaped in %q", path)
		}
	}

	// A responder that is down is left alone for a while; one with a bad answer about
	// one certificate is not.
	for wantAsked, by := range map[int]doer{1: replied(503, kind, nil), 2: replied(200, kind, []byte{0x30, 3, 10, 1, 6})} {
		asked := 0
		r := trust.NewResponders(doer(func(q *http.Request) (*http.Response, error) { asked++; return by(q) }), nil, clock)
		a.ask(t, r, now)
		if a.ask(t, r, now); asked != wantAsked {
			t.Errorf("asked %d times, expected %d", asked, wantAsked)
		}
	}
}

// Many who ask at once share one exchange, and who leaves leaves alone.
func TestRespondersShare(t *testing.T) {
	a := newAnswered(t, nil)
	hold, begun := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r := trust.NewResponders(doer(func(q *http.Request) (*http.Response, error) {
		once.Do(func() { close(begun) })
		<-hold
		return a.responder.Do(q)
	}), nil, clock)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := r.Revocation(ctx, a.leaf.cert, a.ca.cert, now)
		left <- err
	}()
	<-begun
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	stayed := make(chan trust.RevocationStatus, 1)
	go func() {
		status, _ := r.Revocation(t.Context(), a.leaf.cert, a.ca.cert, now)
		stayed <- status
	}()
	close(hold)
	if got := <-stayed; got.State != trust.Good {
		t.Errorf("who stayed: %s", got.Detail)
	}
}

// One source stands in for the other, and the first that knows is believed.
func TestPreferred(t *testing.T) {
	a := newAnswered(t, nil)
	lists := trust.NewCRLs(nil, nil)
	if err := lists.Add(crlOf(t, a.ca, nil, entry(a.leaf, now.Add(-time.Second), 1)), a.ca.cert); err != nil {
		t.Fatal(err)
	}
	none := trust.NewCRLs(nil, nil)
	up := trust.NewResponders(a.responder, nil, clock)
	down := trust.NewResponders(replied(503, "", nil), nil, clock)
	for name, tc := range map[string]struct {
		sources trust.Preferred
		want    trust.State
		ocsp    bool
	}{
		"the responder first":   {trust.Preferred{up, lists}, trust.Good, true},
		"the list first":        {trust.Preferred{lists, up}, trust.Revoked, false},
		"the responder is down": {trust.Preferred{down, lists}, trust.Revoked, false},
		"there is no list":      {trust.Preferred{none, up}, trust.Good, true},
		"nothing answers":       {trust.Preferred{none, down}, trust.Unknown, false},
		"nothing is configured": {nil, trust.Unknown, false},
	} {
		status, value, err := tc.sources.RevocationValue(t.Context(), a.leaf.cert, a.ca.cert, now)
		keptStatus, keptValue := tc.sources.Kept(a.leaf.cert, a.ca.cert, now)
		if keptStatus.State != tc.want || (keptValue.OCSP != nil) != tc.ocsp || (keptValue.CRL != nil) != (tc.want == trust.Revoked) {
			t.Errorf("%s: kept is %s", name, keptStatus.State)
		}
		if err != nil || status.State != tc.want || (value.OCSP != nil) != tc.ocsp || (value.CRL != nil) != (tc.want == trust.Revoked) || status.Detail == "" {
			t.Errorf("%s: %+v, %v", name, status, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (trust.Preferred{up, lists}).Revocation(ctx, a.leaf.cert, a.ca.cert, now); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// A responder whose certificate has run out says nothing any more, whatever time it
// writes into its answers: nobody says whether its key was lost since.
func TestResponderThatEnded(t *testing.T) {
	a := newAnswered(t, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = now.Add(-400*24*time.Hour), now.Add(-300*24*time.Hour)
	})
	a.responder.Bend = func(x *devocsp.Answer) {
		x.ProducedAt, x.ThisUpdate, x.NextUpdate = now.Add(-301*24*time.Hour), now.Add(-301*24*time.Hour), now.Add(24*time.Hour)
	}
	got := a.ask(t, trust.NewResponders(a.responder, rand.Reader, clock), now)
	if got.State != trust.Unknown || !strings.Contains(got.Detail, "has ended") {
		t.Errorf("%s, %s", got.State, got.Detail)
	}
}
