package status

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// plainJWS secures and verifies a list as a JWS: as much of vc+jwt as the rules
// of a status list need.
type plainJWS struct {
	key    *ecdsa.PrivateKey
	issuer string
	fails  error
}

func (s plainJWS) Secure(_ context.Context, document []byte) ([]byte, error) {
	if s.fails != nil {
		return nil, s.fails
	}
	text, err := jose.SignCompact(s.key, map[string]any{"alg": "ES256", "typ": "vc+jwt"}, document)
	return []byte(text), err
}

func (s plainJWS) VerifyList(_ context.Context, fetched []byte) ([]byte, ListSigner, error) {
	t, err := jose.Parse(string(fetched))
	if err != nil {
		return nil, ListSigner{}, err
	}
	if err := (jose.Use{Typ: "vc+jwt", Algs: []jose.Alg{jose.ES256}}).Check(t); err != nil {
		return nil, ListSigner{}, err
	}
	if err := t.Verify(s.key.Public()); err != nil {
		return nil, ListSigner{}, err
	}
	return t.Payload, ListSigner{Issuer: s.issuer, Provider: "the body"}, nil
}

type fetchList func(ctx context.Context, url string) ([]byte, time.Duration, error)

func (f fetchList) Fetch(ctx context.Context, url, accept string) ([]byte, time.Duration, error) {
	if accept != acceptList {
		return nil, 0, errors.New("wrong Accept")
	}
	return f(ctx, url)
}

const listIssuer = "https://issuer.example"

// listOf is a list for purposes with the values set.
func listOf(t testing.TB, size int, set map[uint64]uint8, purposes ...Purpose) ListCredential {
	t.Helper()
	b, err := NewBitstring(size, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range set {
		if err := b.Put(i, v); err != nil {
			t.Fatal(err)
		}
	}
	l := ListCredential{ID: listURI, Issuer: listIssuer, ValidFrom: start, ValidUntil: start.Add(24 * time.Hour), Purposes: purposes, TTL: 10 * time.Minute}
	if l.List, err = b.Encode(); err != nil {
		t.Fatal(err)
	}
	return l
}

func secured(t testing.TB, s plainJWS, l ListCredential) []byte {
	t.Helper()
	doc, err := l.Document()
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Secure(t.Context(), doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bitstringChecker(t testing.TB, at *clock, s plainJWS, f fetchList, o BitstringCheckerOptions) *BitstringChecker {
	t.Helper()
	o.Now = at.now
	c, err := NewBitstringChecker(f, s, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func at(p Purpose, index uint64) Entry {
	return Entry{Purpose: p, Index: index, List: listURI, Size: 1}
}

func TestBitstringCheckRefuses(t *testing.T) {
	s := plainJWS{key: newKey(t), issuer: listIssuer}
	stranger := plainJWS{key: newKey(t), issuer: listIssuer}
	one := []Entry{at(Revocation, 5)}
	set := map[uint64]uint8{6: 1}
	for _, tt := range []struct {
		name     string
		entries  []Entry
		change   func(l *ListCredential)
		want     ErrorName
		sentinel error
	}{
		{"good", one, nil, "", nil},
		{"id of another list", one, func(l *ListCredential) { l.ID += "2" }, VerificationError, ErrUntrusted},
		{"id in other case", one, func(l *ListCredential) { l.ID = "https://ISSUER.example/status/one" }, VerificationError, ErrUntrusted},
		{"id missing", one, func(l *ListCredential) { l.ID = "" }, VerificationError, ErrUntrusted},
		{"issuer is not the one of the proof", one, func(l *ListCredential) { l.Issuer = "https://other.example" }, VerificationError, ErrUntrusted},
		{"purpose of the entry is not there", []Entry{at(Suspension, 5)}, nil, VerificationError, ErrUntrusted},
		{"purpose in other case", one, func(l *ListCredential) { l.Purposes = []Purpose{"Revocation"} }, VerificationError, ErrUntrusted},
		{"second of several purposes", one, func(l *ListCredential) { l.Purposes = []Purpose{Suspension, Revocation} }, "", nil},
		{"no validUntil", one, func(l *ListCredential) { l.ValidUntil = time.Time{} }, VerificationError, ErrExpired},
		{"no validFrom", one, func(l *ListCredential) { l.ValidFrom = time.Time{} }, VerificationError, ErrExpired},
		{"not valid yet", one, func(l *ListCredential) { l.ValidFrom = start.Add(2 * time.Minute) }, VerificationError, ErrExpired},
		{"valid no more", one, func(l *ListCredential) { l.ValidUntil = start }, VerificationError, ErrExpired},
		{"ttl does not heal validUntil", one, func(l *ListCredential) { l.ValidUntil, l.TTL = start.Add(-time.Second), time.Hour }, VerificationError, ErrExpired},
		{"index past the end", []Entry{at(Revocation, MinEntries)}, nil, RangeError, ErrIndex},
		{"huge index", []Entry{at(Revocation, 1<<48-1)}, nil, RangeError, ErrIndex},
		{"last index", []Entry{at(Revocation, MinEntries-1)}, nil, "", nil},
		{"too short for the size", []Entry{{Purpose: Revocation, Index: 5, List: listURI, Size: 2}}, nil, LengthError, ErrMalformed},
		{"size is not the list's", []Entry{{Purpose: Revocation, Index: 5, List: listURI, Size: 2}}, func(l *ListCredential) { l.Size = 1 }, VerificationError, ErrUntrusted},
		{"size 0", []Entry{{Purpose: Revocation, Index: 5, List: listURI}}, nil, MalformedValueError, ErrMalformed},
		{"size 9", []Entry{{Purpose: Revocation, Index: 5, List: listURI, Size: 9}}, nil, MalformedValueError, ErrMalformed},
		{"short list", one, func(l *ListCredential) { l.List = gzipped(t, make([]byte, MinEntries/8-1)) }, LengthError, ErrMalformed},
		{"zip bomb", one, func(l *ListCredential) { l.List = gzipped(t, make([]byte, MaxList+1)) }, MalformedValueError, ErrMalformed},
		{"no multibase", one, func(l *ListCredential) { l.List = l.List[1:] }, MalformedValueError, ErrMalformed},
		{"no entries", nil, nil, MalformedValueError, ErrMalformed},
		{"too many entries", slices.Repeat(one, MaxEntries+1), nil, MalformedValueError, ErrMalformed},
		{"one bad entry among good", []Entry{at(Revocation, 5), at(Suspension, 5)}, nil, VerificationError, ErrUntrusted},
		{"unknown purpose, not set", []Entry{at("colour", 5)}, func(l *ListCredential) { l.Purposes = []Purpose{"colour"} }, "", nil},
		{"unknown purpose, set", []Entry{at("colour", 6)}, func(l *ListCredential) { l.Purposes = []Purpose{"colour"} }, VerificationError, ErrValue},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := listOf(t, 1, set, Revocation)
			if tt.change != nil {
				tt.change(&l)
			}
			body := secured(t, s, l)
			c := bitstringChecker(t, newClock(), s, func(context.Context, string) ([]byte, time.Duration, error) { return body, 0, nil }, BitstringCheckerOptions{})
			got, err := c.Check(t.Context(), tt.entries, SameIssuer(listIssuer))
			if tt.want == "" {
				if err != nil || got.Value != Valid {
					t.Fatalf("%+v, %v", got, err)
				}
				return
			}
			if !named(err, tt.want, tt.sentinel) || got.Value != Invalid || got.Findings != nil {
				t.Fatalf("%+v, %v; want %s", got, err, tt.want)
			}
		})
	}
	body := secured(t, s, listOf(t, 1, set, Revocation))
	serve := func(context.Context, string) ([]byte, time.Duration, error) { return body, 0, nil }
	none := func(context.Context, string) ([]byte, time.Duration, error) {
		t.Error("fetched")
		return nil, 0, nil
	}
	check := func(name string, c *BitstringChecker, e []Entry, trust TrustIssuer, want ErrorName, sentinel error) {
		t.Helper()
		if got, err := c.Check(t.Context(), e, trust); !named(err, want, sentinel) || got.Value != Invalid {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	check("no rule of trust", bitstringChecker(t, newClock(), s, none, BitstringCheckerOptions{}), one, nil, VerificationError, ErrUntrusted)
	check("another issuer's list", bitstringChecker(t, newClock(), s, serve, BitstringCheckerOptions{}), one, SameIssuer("https://other.example"), VerificationError, ErrUntrusted)
	check("signed for another body", bitstringChecker(t, newClock(), s, serve, BitstringCheckerOptions{}), one, SameProvider(listIssuer, "another"), VerificationError, ErrUntrusted)
	check("another issuer's list, of the same body", bitstringChecker(t, newClock(), s, serve, BitstringCheckerOptions{}), one, SameProvider("https://other.example", "the body"), VerificationError, ErrUntrusted)
	clock := newClock()
	if got, err := bitstringChecker(t, clock, s, serve, BitstringCheckerOptions{}).Check(t.Context(), one, SameProvider(listIssuer, "the body")); err != nil || got.Made.IsZero() || got.Made.After(clock.now()) {
		t.Errorf("%+v %v", got, err)
	}
	if SameProvider("", "")(t.Context(), ListSigner{}) == nil || SameProvider(listIssuer, "")(t.Context(), ListSigner{Issuer: listIssuer}) == nil {
		t.Error("nobody is a provider")
	}
	if SameIssuer("")(t.Context(), ListSigner{}) == nil {
		t.Error("a credential without an issuer trusts a list without one")
	}
	check("proved by another than the list names", bitstringChecker(t, newClock(), plainJWS{key: s.key, issuer: "https://other.example"}, serve, BitstringCheckerOptions{}), one, SameIssuer(listIssuer), VerificationError, ErrUntrusted)
	check("signed by another key", bitstringChecker(t, newClock(), stranger, serve, BitstringCheckerOptions{}), one, SameIssuer(listIssuer), VerificationError, ErrUntrusted)
	check("fetch fails", bitstringChecker(t, newClock(), s, func(context.Context, string) ([]byte, time.Duration, error) { return nil, 0, errors.New("down") }, BitstringCheckerOptions{}),
		one, SameIssuer(listIssuer), RetrievalError, ErrUnavailable)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	c := bitstringChecker(t, newClock(), s, func(ctx context.Context, _ string) ([]byte, time.Duration, error) {
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}, BitstringCheckerOptions{CheckerOptions: CheckerOptions{FetchTimeout: time.Second}})
	if got, err := c.Check(gone, one, SameIssuer(listIssuer)); !named(err, RetrievalError, ErrUnavailable) || got.Value != Invalid {
		t.Errorf("the caller gave up: %v, %v", got, err)
	}
	for _, url := range []string{"http://issuer.example/status/one", "ftp://a/b", "/status/one", "", "https://user@a/b", "https://a/b#c", "http://127.0.0.1/x"} {
		check(url, bitstringChecker(t, newClock(), s, none, BitstringCheckerOptions{}), []Entry{{Purpose: Revocation, List: url, Size: 1}}, SameIssuer(listIssuer), MalformedValueError, ErrMalformed)
	}
	for _, f := range []Fetcher{nil, fetchList(serve)} {
		if _, err := NewBitstringChecker(f, nil, BitstringCheckerOptions{CheckerOptions: CheckerOptions{Now: newClock().now}}); err == nil {
			t.Error("made without a fetcher or verifier")
		}
	}
}

// Revoked goes before suspended, and a message and a refresh say nothing
// against a credential.
func TestBitstringStanding(t *testing.T) {
	s := plainJWS{key: newKey(t), issuer: listIssuer}
	body := secured(t, s, listOf(t, 1, map[uint64]uint8{1: 1, 3: 1}, Revocation, Suspension, Message, Refresh))
	c := bitstringChecker(t, newClock(), s, func(context.Context, string) ([]byte, time.Duration, error) { return body, 0, nil }, BitstringCheckerOptions{})
	for _, tt := range []struct {
		name    string
		entries []Entry
		want    Value
	}{
		{"nothing set", []Entry{at(Revocation, 0), at(Suspension, 2), at(Message, 4), at(Refresh, 4)}, Valid},
		{"revoked", []Entry{at(Revocation, 1), at(Suspension, 0)}, Invalid},
		{"suspended", []Entry{at(Revocation, 0), at(Suspension, 1)}, Suspended},
		{"both", []Entry{at(Suspension, 1), at(Revocation, 1)}, Invalid},
		{"both, the other way round", []Entry{at(Revocation, 1), at(Suspension, 1)}, Invalid},
		{"the last of many", []Entry{at(Revocation, 0), at(Revocation, 2), at(Message, 1), at(Revocation, 3)}, Invalid},
		{"a message", []Entry{at(Revocation, 0), at(Message, 1)}, Valid},
		{"a refresh", []Entry{at(Refresh, 1)}, Valid},
	} {
		got, err := c.Check(t.Context(), tt.entries, SameIssuer(listIssuer))
		if err != nil || got.Value != tt.want || len(got.Findings) != len(tt.entries) {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
	// Values of two bits stand at index times two.
	wide := secured(t, s, listOf(t, 2, map[uint64]uint8{7: 2, 14: 1}, Message))
	c = bitstringChecker(t, newClock(), s, func(context.Context, string) ([]byte, time.Duration, error) { return wide, 0, nil }, BitstringCheckerOptions{})
	e := Entry{Purpose: Message, Index: 7, List: listURI, Size: 2, Messages: statusMessages([]string{"lost", "found"})}
	got, err := c.Check(t.Context(), []Entry{e}, SameIssuer(listIssuer))
	if err != nil || got.Value != Valid || got.Findings[0] != (Finding{Purpose: Message, Value: 2, Message: "found"}) {
		t.Errorf("%+v, %v", got, err)
	}
	// A list that says for ever.
	open := listOf(t, 1, nil, Revocation)
	open.ValidFrom, open.ValidUntil = start.Add(-5*365*24*time.Hour), time.Time{}
	forever := secured(t, s, open)
	c = bitstringChecker(t, newClock(), s, func(context.Context, string) ([]byte, time.Duration, error) { return forever, 0, nil }, BitstringCheckerOptions{InsecureAcceptNoValidUntil: true})
	if got, err := c.Check(t.Context(), []Entry{at(Revocation, 0)}, SameIssuer(listIssuer)); err != nil || got.Value != Valid {
		t.Errorf("%+v, %v", got, err)
	}
}

// A list is fetched once for all who wait, kept for its ttl in milliseconds and
// not past validUntil, and its issuer is held against each credential.
func TestBitstringCache(t *testing.T) {
	s := plainJWS{key: newKey(t), issuer: listIssuer}
	for _, tt := range []struct {
		name   string
		maxAge time.Duration
		change func(l *ListCredential)
		keep   time.Duration
	}{
		{"ttl", 0, nil, 10 * time.Minute},
		{"ttl wins over max-age", time.Minute, nil, 10 * time.Minute},
		{"ttl beyond the limit", 0, func(l *ListCredential) { l.TTL = 48 * time.Hour }, time.Hour},
		{"validUntil before ttl", 0, func(l *ListCredential) { l.ValidUntil = start.Add(time.Minute) }, time.Minute},
		{"max-age", 2 * time.Minute, func(l *ListCredential) { l.TTL = 0 }, 2 * time.Minute},
		{"nothing", 0, func(l *ListCredential) { l.TTL = 0 }, 5 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock := newClock()
			var fetches atomic.Int32
			c := bitstringChecker(t, clock, s, func(context.Context, string) ([]byte, time.Duration, error) {
				l := listOf(t, 1, nil, Revocation)
				if tt.change != nil {
					tt.change(&l)
				}
				if fetches.Add(1) > 1 {
					l.ValidUntil = start.Add(48 * time.Hour)
				}
				return secured(t, s, l), tt.maxAge, nil
			}, BitstringCheckerOptions{})
			check := func(want int32) {
				t.Helper()
				var wg sync.WaitGroup
				for range 16 {
					wg.Go(func() {
						if _, err := c.Check(t.Context(), []Entry{at(Revocation, 3), at(Revocation, 4)}, SameIssuer(listIssuer)); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if _, err := c.Check(t.Context(), []Entry{at(Revocation, 3)}, SameIssuer("https://other.example")); !named(err, VerificationError, ErrUntrusted) {
					t.Error("a list kept for one issuer was accepted for another")
				}
				if n := fetches.Load(); n != want {
					t.Errorf("%d fetches, want %d", n, want)
				}
			}
			check(1)
			clock.add(tt.keep - time.Second)
			check(1)
			clock.add(time.Second)
			check(2)
		})
	}
	c := bitstringChecker(t, newClock(), s, func(_ context.Context, url string) ([]byte, time.Duration, error) {
		l := listOf(t, 1, nil, Revocation)
		l.ID = url
		return secured(t, s, l), 0, nil
	}, BitstringCheckerOptions{CheckerOptions: CheckerOptions{CacheBytes: 3 * MinEntries / 8}})
	for i := range 6 {
		e := at(Revocation, 1)
		e.List += strings.Repeat("x", i)
		if _, err := c.Check(t.Context(), []Entry{e}, SameIssuer(listIssuer)); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.cache.lists) != 3 || c.cache.bytes != 3*MinEntries/8 {
		t.Errorf("%d lists, %d bytes", len(c.cache.lists), c.cache.bytes)
	}
}
