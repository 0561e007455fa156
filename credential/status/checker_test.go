package status

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

var start = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(start.Unix())
	return c
}
func (c *clock) now() time.Time      { return time.Unix(c.at.Load(), 0).UTC() }
func (c *clock) add(d time.Duration) { c.at.Add(int64(d / time.Second)) }

type fetchFunc func(ctx context.Context, url string) (string, time.Duration, error)

func (f fetchFunc) Fetch(ctx context.Context, url, accept string) ([]byte, time.Duration, error) {
	if accept != MediaType {
		return nil, 0, errors.New("wrong Accept")
	}
	body, age, err := f(ctx, url)
	return []byte(body), age, err
}

// keySigner signs as a seal would, as far as status lists care.
type keySigner struct{ key *ecdsa.PrivateKey }

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (s keySigner) SignCompact(typ string, iat time.Time, payload []byte) (string, error) {
	return jose.SignCompact(s.key, map[string]any{"alg": "ES256", "typ": typ, "iat": iat.Unix()}, payload)
}

func trust(key crypto.PublicKey) Trust {
	return func(context.Context, *jose.Token) (crypto.PublicKey, error) { return key, nil }
}

const listURI = "https://issuer.example/status/one"

// token signs a list token; change may break the payload or header.
func token(t testing.TB, key *ecdsa.PrivateKey, change func(header, payload map[string]any)) string {
	t.Helper()
	header := map[string]any{"alg": "ES256", "typ": Typ}
	payload := map[string]any{
		"sub": listURI, "iat": start.Unix(), "exp": start.Add(24 * time.Hour).Unix(), "ttl": 600,
		"status_list": map[string]any{"bits": 4, "lst": deflate(t, []byte{0x10, 0x32, 0xcf})},
	}
	if change != nil {
		change(header, payload)
	}
	body, err := jose.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jose.SignCompact(key, header, body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func checker(t testing.TB, c *clock, f fetchFunc, o CheckerOptions) *Checker {
	t.Helper()
	o.Now = c.now
	ch, err := NewChecker(f, o)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func serve(body string) fetchFunc {
	return func(context.Context, string) (string, time.Duration, error) { return body, 0, nil }
}

func TestSection5_1(t *testing.T) {
	var v struct {
		Key jose.JWK `json:"key"`
		JWT string   `json:"jwt"`
	}
	if err := json.Unmarshal(testvectors.File(t, "token-status-list", "status-list-token-jwt.json"), &v); err != nil {
		t.Fatal(err)
	}
	key, err := v.Key.Public().Key()
	if err != nil {
		t.Fatal(err)
	}
	const uri = "https://example.com/statuslists/1"
	at := newClock()
	at.at.Store(1686920170)
	c := checker(t, at, serve(v.JWT), CheckerOptions{})
	for i, want := range []Value{1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1} {
		got, err := c.Check(t.Context(), Ref{uint64(i), uri}, trust(key))
		if err != nil || got != want {
			t.Errorf("index %d: %v, %v", i, got, err)
		}
	}
	if _, err := c.Check(t.Context(), Ref{16, uri}, trust(key)); !errors.Is(err, ErrIndex) {
		t.Errorf("index 16: %v", err)
	}
	if _, err := c.Check(t.Context(), Ref{0, uri + "/"}, trust(key)); !errors.Is(err, ErrUntrusted) {
		t.Errorf("another URI: %v", err)
	}
	at.at.Store(2291720170)
	if _, err := c.Check(t.Context(), Ref{0, uri}, trust(key)); !errors.Is(err, ErrExpired) {
		t.Errorf("at exp: %v", err)
	}
	at.at.Store(1686920170)
	for i := 0; i < len(v.JWT); i += 7 {
		if v.JWT[i] == '.' {
			continue
		}
		swap := byte('A')
		if v.JWT[i] == swap {
			swap = 'B'
		}
		bad := v.JWT[:i] + string(swap) + v.JWT[i+1:]
		got, err := checker(t, at, serve(bad), CheckerOptions{}).Check(t.Context(), Ref{1, uri}, trust(key))
		if err == nil || got != Invalid {
			t.Fatalf("a token changed at %d was accepted: %v", i, got)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	key, other := newKey(t), newKey(t)
	type m = map[string]any
	for _, tt := range []struct {
		name   string
		change func(h, p m)
		index  uint64
		want   error
	}{
		{"valid", nil, 0, nil},
		{"value 3 is application specific", nil, 3, ErrValue},
		{"value 15 is application specific", nil, 4, ErrValue},
		{"value 12 is application specific", nil, 5, ErrValue},
		{"index past the end", nil, 6, ErrIndex},
		{"huge index", nil, 1<<64 - 1, ErrIndex},
		{"typ missing", func(h, p m) { delete(h, "typ") }, 0, ErrMalformed},
		{"typ JWT", func(h, p m) { h["typ"] = "JWT" }, 0, ErrMalformed},
		{"typ of a credential", func(h, p m) { h["typ"] = "dc+sd-jwt" }, 0, ErrMalformed},
		{"typ of a request object", func(h, p m) { h["typ"] = "oauth-authz-req+jwt" }, 0, ErrMalformed},
		{"crit", func(h, p m) { h["crit"] = []string{"x"} }, 0, ErrMalformed},
		{"sub of another list", func(h, p m) { p["sub"] = listURI + "2" }, 0, ErrUntrusted},
		{"sub in other case", func(h, p m) { p["sub"] = "https://ISSUER.example/status/one" }, 0, ErrUntrusted},
		{"sub missing", func(h, p m) { delete(p, "sub") }, 0, ErrMalformed},
		{"iat missing", func(h, p m) { delete(p, "iat") }, 0, ErrMalformed},
		{"iat a string", func(h, p m) { p["iat"] = "1" }, 0, ErrMalformed},
		{"iat in the future", func(h, p m) { p["iat"] = start.Add(2 * time.Minute).Unix() }, 0, ErrExpired},
		{"expired", func(h, p m) { p["exp"] = start.Unix() }, 0, ErrExpired},
		{"exp a string", func(h, p m) { p["exp"] = "9999999999" }, 0, ErrMalformed},
		{"without exp and old", func(h, p m) { delete(p, "exp"); p["iat"] = start.Add(-25 * time.Hour).Unix() }, 0, ErrExpired},
		{"without exp and fresh", func(h, p m) { delete(p, "exp") }, 0, nil},
		{"ttl zero", func(h, p m) { p["ttl"] = 0 }, 0, ErrMalformed},
		{"ttl negative", func(h, p m) { p["ttl"] = -1 }, 0, ErrMalformed},
		{"ttl beyond reason", func(h, p m) { p["ttl"] = int64(1) << 62 }, 0, ErrMalformed},
		{"list missing", func(h, p m) { delete(p, "status_list") }, 0, ErrMalformed},
		{"zip bomb", func(h, p m) { p["status_list"] = m{"bits": 1, "lst": deflate(t, make([]byte, MaxList+1))} }, 0, ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := checker(t, newClock(), serve(token(t, key, tt.change)), CheckerOptions{})
			got, err := c.Check(t.Context(), Ref{tt.index, listURI}, trust(key.Public()))
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, %v; want %v", got, err, tt.want)
			}
			if err != nil && got != Invalid {
				t.Errorf("an error goes with %v", got)
			}
		})
	}
	t.Run("signed by another key", func(t *testing.T) {
		c := checker(t, newClock(), serve(token(t, other, nil)), CheckerOptions{})
		if _, err := c.Check(t.Context(), Ref{0, listURI}, trust(key.Public())); !errors.Is(err, ErrUntrusted) {
			t.Error(err)
		}
	})
	t.Run("no trust rule", func(t *testing.T) {
		c := checker(t, newClock(), serve(token(t, key, nil)), CheckerOptions{})
		if _, err := c.Check(t.Context(), Ref{0, listURI}, nil); !errors.Is(err, ErrUntrusted) {
			t.Error(err)
		}
	})
	t.Run("the rule refuses", func(t *testing.T) {
		c := checker(t, newClock(), serve(token(t, key, nil)), CheckerOptions{})
		no := func(context.Context, *jose.Token) (crypto.PublicKey, error) { return nil, errors.New("unknown issuer") }
		if _, err := c.Check(t.Context(), Ref{0, listURI}, no); !errors.Is(err, ErrUntrusted) {
			t.Error(err)
		}
	})
	t.Run("fetch fails", func(t *testing.T) {
		c := checker(t, newClock(), func(context.Context, string) (string, time.Duration, error) { return "", 0, errors.New("down") }, CheckerOptions{})
		if v, err := c.Check(t.Context(), Ref{0, listURI}, trust(key.Public())); !errors.Is(err, ErrUnavailable) || v != Invalid {
			t.Error(v, err)
		}
	})
	for _, uri := range []string{"http://issuer.example/status/one", "ftp://a/b", "/status/one", "", "https://", "https://user@a/b", "https://a/b#c", "http://127.0.0.1/x"} {
		c := checker(t, newClock(), func(context.Context, string) (string, time.Duration, error) {
			t.Error("fetched", uri)
			return "", 0, nil
		}, CheckerOptions{})
		if _, err := c.Check(t.Context(), Ref{0, uri}, trust(key.Public())); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// Two issuers may point at one list: that the right one's credential was
// checked must not make it good for the other.
func TestCacheAsksTrustForEachIssuer(t *testing.T) {
	key, other := newKey(t), newKey(t)
	var fetches atomic.Int32
	body := token(t, key, nil)
	c := checker(t, newClock(), func(context.Context, string) (string, time.Duration, error) {
		fetches.Add(1)
		return body, 0, nil
	}, CheckerOptions{})
	for range 3 {
		if _, err := c.Check(t.Context(), Ref{0, listURI}, trust(key.Public())); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Check(t.Context(), Ref{0, listURI}, trust(other.Public())); !errors.Is(err, ErrUntrusted) {
			t.Fatal("a list cached for one issuer was accepted for another")
		}
	}
	if n := fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

// A list that nobody could verify is not kept: the next one may be good.
func TestCacheForgetsTheUnverified(t *testing.T) {
	key := newKey(t)
	bodies := []string{token(t, newKey(t), nil), token(t, key, nil)}
	c := checker(t, newClock(), func(context.Context, string) (string, time.Duration, error) {
		body := bodies[0]
		bodies = bodies[1:]
		return body, 0, nil
	}, CheckerOptions{})
	if v, err := c.Check(t.Context(), Ref{0, listURI}, trust(key.Public())); !errors.Is(err, ErrUntrusted) || v != Invalid {
		t.Fatalf("%v, %v", v, err)
	}
	if v, err := c.Check(t.Context(), Ref{0, listURI}, trust(key.Public())); err != nil || v != Valid {
		t.Errorf("%v, %v", v, err)
	}
}

func TestCacheTimes(t *testing.T) {
	key := newKey(t)
	type m = map[string]any
	for _, tt := range []struct {
		name   string
		maxAge time.Duration
		change func(h, p m)
		keep   time.Duration
	}{
		{"ttl", 0, nil, 600 * time.Second},
		{"ttl wins over max-age", time.Minute, nil, 600 * time.Second},
		{"ttl beyond the limit", 0, func(h, p m) { p["ttl"] = 7200 }, time.Hour},
		{"exp before ttl", 0, func(h, p m) { p["exp"] = start.Add(time.Minute).Unix() }, time.Minute},
		{"no ttl", 0, func(h, p m) { delete(p, "ttl"); delete(p, "exp") }, 5 * time.Minute},
		{"max-age", 2 * time.Minute, func(h, p m) { delete(p, "ttl"); delete(p, "exp") }, 2 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at, n := newClock(), 0
			c := checker(t, at, func(context.Context, string) (string, time.Duration, error) {
				n++
				return token(t, key, func(h, p m) {
					if tt.change != nil {
						tt.change(h, p)
					}
					if n > 1 {
						p["exp"] = start.Add(48 * time.Hour).Unix()
					}
				}), tt.maxAge, nil
			}, CheckerOptions{})
			check := func() {
				t.Helper()
				if _, err := c.Check(t.Context(), Ref{0, listURI}, trust(key.Public())); err != nil {
					t.Fatal(err)
				}
			}
			check()
			at.add(tt.keep - time.Second)
			check()
			if n != 1 {
				t.Fatalf("fetched %d times just before the end", n)
			}
			at.add(time.Second)
			check()
			if n != 2 {
				t.Fatalf("fetched %d times at the end", n)
			}
		})
	}
}

func TestSingleFlight(t *testing.T) {
	key := newKey(t)
	body := token(t, key, nil)
	var fetches atomic.Int32
	release := make(chan struct{})
	c := checker(t, newClock(), func(ctx context.Context, _ string) (string, time.Duration, error) {
		fetches.Add(1)
		select {
		case <-release:
			return body, 0, nil
		case <-ctx.Done():
			return "", 0, ctx.Err()
		}
	}, CheckerOptions{})
	// The first caller gives up; those who wait with it still get the list.
	gone, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := c.Check(gone, Ref{0, listURI}, trust(key.Public()))
		first <- err
	}()
	for fetches.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-first; !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := c.Check(t.Context(), Ref{0, listURI}, trust(key.Public())); err != nil {
				t.Error(err)
			}
		})
	}
	close(release)
	wg.Wait()
	if n := fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

func TestCacheIsBounded(t *testing.T) {
	key := newKey(t)
	c := checker(t, newClock(), func(_ context.Context, uri string) (string, time.Duration, error) {
		return token(t, key, func(h, p map[string]any) {
			p["sub"] = uri
			p["status_list"] = map[string]any{"bits": 1, "lst": deflate(t, make([]byte, 1000))}
		}), 0, nil
	}, CheckerOptions{CacheBytes: 5500})
	for i := range 20 {
		uri := listURI + strings.Repeat("x", i)
		if _, err := c.Check(t.Context(), Ref{0, uri}, trust(key.Public())); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.cache.lists) != 5 || c.cache.bytes != 5000 {
		t.Errorf("%d lists, %d bytes", len(c.cache.lists), c.cache.bytes)
	}
}

func TestLoopbackOnlyWhenAllowed(t *testing.T) {
	key := newKey(t)
	const uri = "http://127.0.0.1:8080/status/one"
	c := checker(t, newClock(), serve(token(t, key, func(h, p map[string]any) { p["sub"] = uri })), CheckerOptions{InsecureLoopback: true})
	if v, err := c.Check(t.Context(), Ref{0, uri}, trust(key.Public())); err != nil || v != Valid {
		t.Error(v, err)
	}
	if _, err := c.Check(t.Context(), Ref{0, "http://issuer.example/x"}, trust(key.Public())); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func FuzzParseToken(f *testing.F) {
	var v struct {
		JWT string `json:"jwt"`
	}
	if err := json.Unmarshal(testvectors.File(f, "token-status-list", "status-list-token-jwt.json"), &v); err != nil {
		f.Fatal(err)
	}
	f.Add(v.JWT)
	f.Add(token(f, newKey(f), nil))
	f.Fuzz(func(t *testing.T, text string) {
		tok, err := ParseToken(text)
		if (err == nil) != (tok != nil) {
			t.Fatal("an error goes with a token, or neither came")
		}
		if tok != nil && (tok.List == nil || tok.TTL < 0) {
			t.Fatal("a token without a list or with a negative ttl")
		}
	})
}
