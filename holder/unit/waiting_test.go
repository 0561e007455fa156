package unit_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// waiting takes a unit so far that the issuer has put a credential off.
func waiting(t *testing.T, pending int, change ...func(*double)) (*double, unit.Issuance, *unit.Vault, *pod, unit.Waiting) {
	t.Helper()
	d := newDouble(t)
	d.pending = pending
	for _, f := range change {
		f(d)
	}
	v, p := newVault(t, d.net)
	s := d.unit()
	taken := must(d.signIn(s, v, must(s.Discover(t.Context(), issuerURL, "led"))(t)))(t)
	if len(taken.Items) != 0 || len(taken.Waiting) != 1 {
		t.Fatalf("%d items, %d wait", len(taken.Items), len(taken.Waiting))
	}
	return d, s, v, p, taken.Waiting[0]
}

// kinds counts what is in the vault.
func kindsOf(t *testing.T, v *unit.Vault) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, e := range must(v.Entries(t.Context()))(t) {
		out[e.Kind]++
	}
	return out
}

// What an issuer puts off is asked for again when it says so, and never
// before; it is kept sealed meanwhile, so that a unit that knows nothing of it
// any more goes on (OpenID4VCI 1.0, Section 9).
func TestDeferred(t *testing.T) {
	for name, change := range map[string]func(*double){
		"in clear": func(*double) {}, "encrypted": (*double).encrypted,
		"the token is over in the meantime": func(d *double) { d.life = 50 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			d, _, v, p, w := waiting(t, 3, change)
			for _, b := range p.items {
				if strings.Contains(string(b), "s3cr3t") {
					t.Error("the platform sees more than ciphertext")
				}
			}
			if k := kindsOf(t, v); k[unit.KindWaiting] != 1 || k[unit.KindGrant] != 1 || k[unit.KindCredential] != 0 {
				t.Errorf("%v", k)
			}
			s := d.unit() // another one than before
			var told []time.Duration
			item := must(s.Await(t.Context(), v, w.Name, time.Hour, func(w unit.Waiting) { told = append(told, w.Next.Sub(d.clock)) }))(t)
			if item.Name != w.Item || len(item.Copies) != 2 || !slices.Equal(told, []time.Duration{30 * time.Second, time.Minute, time.Minute, time.Minute}) {
				t.Errorf("%s, %d copies, waited %v", item.Name, len(item.Copies), told)
			}
			if k := kindsOf(t, v); k[unit.KindWaiting] != 0 || k[unit.KindGrant] != 1 || k[unit.KindCredential] != 1 {
				t.Errorf("%v", k)
			}
			if len(d.events) != 1 || !strings.HasSuffix(d.events[0], " credential_accepted") {
				t.Errorf("%v", d.events)
			}
			if _, err := s.Continue(t.Context(), v, w.Name); !errors.Is(err, unit.ErrNotFound) {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// An issuer that never comes to an end is left waiting, not waited for: the
// transaction stays, and the next time goes on where this one stopped.
func TestDeferredEndless(t *testing.T) {
	d, s, v, _, w := waiting(t, 1<<30)
	if _, err := s.Await(t.Context(), v, w.Name, 10*time.Minute, nil); !errors.Is(err, unit.ErrWaiting) || d.polls != 10 {
		t.Errorf("%v after %d questions", err, d.polls)
	}
	if _, err := s.Continue(t.Context(), v, w.Name); !errors.Is(err, unit.ErrWaiting) || d.polls != 10 {
		t.Errorf("too early: %v after %d questions", err, d.polls)
	}
	if _, err := s.Await(t.Context(), v, w.Name, 1000*time.Hour, nil); !errors.Is(err, unit.ErrWaiting) || d.polls != 1010 {
		t.Errorf("%v after %d questions", err, d.polls)
	}
	got := must(v.Waiting(t.Context(), w.Name))(t)
	if got.Asked != 1010 || got.Transaction != w.Transaction || !got.Since.Equal(at) {
		t.Errorf("asked %d times", got.Asked)
	}
	// An interval beyond reason is cut, one of nothing is refused.
	for body, next := range map[string]time.Duration{`9000000000000000000`: 30 * 24 * time.Hour, `7`: 7 * time.Second} {
		d.cheat = later(body, w)
		d.clock = d.clock.Add(31 * 24 * time.Hour)
		if _, err := s.Continue(t.Context(), v, w.Name); !errors.Is(err, unit.ErrWaiting) {
			t.Errorf("%s: %v", body, err)
		}
		if got := must(v.Waiting(t.Context(), w.Name))(t); got.Next.Sub(d.clock) != next {
			t.Errorf("%s: next in %s", body, got.Next.Sub(d.clock))
		}
	}
	stop, cancel := context.WithCancel(t.Context())
	s.Wait = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	if _, err := s.Await(stop, v, w.Name, 1000*time.Hour, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	s.Wait = nil
	if _, err := s.Await(t.Context(), v, w.Name, time.Hour, nil); err == nil || !strings.Contains(err.Error(), "Issuance.Wait") {
		t.Errorf("%v", err)
	}
}

// later answers a deferred request with an interval.
func later(interval string, w unit.Waiting) func(string, http.ResponseWriter, *http.Request, []byte) bool {
	return func(where string, rw http.ResponseWriter, _ *http.Request, _ []byte) bool {
		if where != "issuer.example/deferred" {
			return false
		}
		rw.WriteHeader(http.StatusAccepted)
		_, _ = rw.Write([]byte(`{"transaction_id":"` + string(w.Transaction) + `","interval":` + interval + `}`))
		return true
	}
}

// Two errors end a transaction (Section 9.3); others leave it waiting.
func TestDeferredDenied(t *testing.T) {
	for _, code := range []string{"credential_request_denied", "invalid_transaction_id"} {
		d, s, v, p, w := waiting(t, 0)
		d.denied = code
		if _, err := s.Await(t.Context(), v, w.Name, time.Hour, nil); !errors.Is(err, unit.ErrDenied) || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
		if len(kindsOf(t, v)) != 0 || len(p.names()) != 1 {
			t.Errorf("%s: left %v", code, kindsOf(t, v))
		}
	}
	for _, status := range []int{400, 429, 500, 503} {
		d, s, v, _, w := waiting(t, 0)
		d.clock = d.clock.Add(time.Minute)
		d.cheat = answers("issuer.example/deferred", status, m{"error": "server_error"})
		if _, err := s.Continue(t.Context(), v, w.Name); err == nil || errors.Is(err, unit.ErrDenied) || kindsOf(t, v)[unit.KindWaiting] != 1 {
			t.Errorf("%d: %v", status, err)
		} else if (status != 400) != errors.Is(err, unit.ErrWaiting) {
			t.Errorf("%d: %v", status, err)
		}
		d.cheat = nil
		d.clock = d.clock.Add(time.Minute)
		must(s.Continue(t.Context(), v, w.Name))(t)
	}
	// One that fails for some minutes is waited for like one that is not ready.
	d, s, v, _, w := waiting(t, 0)
	fail := answers("issuer.example/deferred", 503, m{})
	d.cheat = func(at string, rw http.ResponseWriter, r *http.Request, b []byte) bool {
		return d.clock.Sub(w.Since) < 5*time.Minute && fail(at, rw, r, b)
	}
	must(s.Await(t.Context(), v, w.Name, time.Hour, nil))(t)
	// The token is over and there is nothing to refresh it with.
	d, s, v, _, w = waiting(t, 0, func(d *double) { d.refreshNone = true })
	d.clock = d.clock.Add(time.Hour)
	if _, err := s.Continue(t.Context(), v, w.Name); !errors.Is(err, unit.ErrDenied) || len(kindsOf(t, v)) != 0 {
		t.Errorf("%v, left %v", err, kindsOf(t, v))
	}
	// Without one, the grant is gone with the transaction.
	d, s, v, _, w = waiting(t, 0, func(d *double) { d.refreshNone = true })
	d.clock = d.clock.Add(time.Minute)
	if item := must(s.Continue(t.Context(), v, w.Name))(t); item.Source.Grant != "" || kindsOf(t, v)[unit.KindGrant] != 0 {
		t.Errorf("%+v, left %v", item.Source, kindsOf(t, v))
	}
}

func answers(where string, status int, v m) func(string, http.ResponseWriter, *http.Request, []byte) bool {
	return func(at string, w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		if at == where {
			answerJSON(w, status, v)
		}
		return at == where
	}
}

// What comes late is checked like what comes at once, and an answer that is
// none to this transaction changes nothing.
func TestDeferredRefused(t *testing.T) {
	foreign := newKey(t)
	for _, c := range []struct {
		name, want string
		spent      bool
		change     func(*double)
	}{
		{"another transaction", "transaction_id", false, func(d *double) {
			d.cheat = answers("issuer.example/deferred", 202, m{"transaction_id": "other", "interval": 5})
		}},
		{"no interval", "interval", false, func(d *double) {
			d.cheat = func(where string, w http.ResponseWriter, r *http.Request, b []byte) bool {
				req, _ := oid4vci.ParseDeferredCredentialRequest(b)
				return answers("issuer.example/deferred", 202, m{"transaction_id": string(req.TransactionID)})(where, w, r, b)
			}
		}},
		{"both", "exactly one", false, func(d *double) {
			d.cheat = answers("issuer.example/deferred", 200, m{"transaction_id": "x", "interval": 5, "credentials": []any{m{"credential": "x"}}})
		}},
		{"a redirect", "status 302", false, func(d *double) {
			d.cheat = func(where string, w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if where == "issuer.example/deferred" {
					http.Redirect(w, r, "https://other.example/", http.StatusFound)
				}
				return where == "issuer.example/deferred"
			}
		}},
		{"a huge answer", "longer than", false, func(d *double) {
			d.cheat = answers("issuer.example/deferred", 200, m{"x": strings.Repeat("x", 9<<20)})
		}},
		{"a key of somebody else", "not ours", true, func(d *double) {
			d.credentials = func(keys []jwk) []any { return []any{m{"credential": d.a.issue(d.t, public(d.t, foreign), d.current)}} }
		}},
		{"more than was proved", "credentials", false, func(d *double) {
			right := d.credentials
			d.credentials = func(keys []jwk) []any { return right(append(keys, keys[0])) }
		}},
		{"the endpoint is gone", "deferred_credential_endpoint", false, func(d *double) { delete(d.metadata, "deferred_credential_endpoint") }},
		{"the endpoint is over http", "deferred_credential_endpoint", false, func(d *double) { d.metadata["deferred_credential_endpoint"] = "http://issuer.example/deferred" }},
		{"the configuration is gone", "credential_configurations_supported", false, func(d *double) {
			all := d.metadata["credential_configurations_supported"].(m)
			all["other"] = all["led"]
			delete(all, "led")
		}},
		{"the server is gone", "authorization_servers", false, func(d *double) { d.metadata["authorization_servers"] = []any{"https://other.example"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s, v, _, w := waiting(t, 0)
			d.clock = d.clock.Add(time.Minute)
			c.change(d)
			item, err := s.Continue(t.Context(), v, w.Name)
			if err == nil || !strings.Contains(err.Error(), c.want) || item.Name != "" && len(item.Copies) != 0 && kindsOf(t, v)[unit.KindCredential] != 0 {
				t.Errorf("%v", err)
			}
			if k := kindsOf(t, v); k[unit.KindCredential] != 0 || (k[unit.KindWaiting] == 0) != c.spent {
				t.Errorf("left %v", k)
			}
			if len(d.net.to("other.example")) != 0 {
				t.Error("the unit went elsewhere")
			}
			if c.name == "a key of somebody else" && (len(d.events) != 1 || !strings.HasSuffix(d.events[0], " credential_failure")) {
				t.Errorf("%v", d.events)
			}
		})
	}
	d := newDouble(t)
	d.pending = 0
	delete(d.metadata, "deferred_credential_endpoint")
	v, _ := newVault(t, d.net)
	s := d.unit()
	if _, err := d.signIn(s, v, must(s.Discover(t.Context(), issuerURL, "led"))(t)); !errors.Is(err, unit.ErrCredential) || !strings.Contains(err.Error(), "deferred_credential_endpoint") {
		t.Errorf("%v", err)
	}
}

// An interruption between storing and forgetting the transaction loses nothing
// and stores nothing twice.
func TestDeferredInterrupted(t *testing.T) {
	d, s, v, p, w := waiting(t, 0)
	d.clock = d.clock.Add(time.Minute)
	deletes := 0
	p.fail = func(r *http.Request) int {
		if r.Method == http.MethodDelete {
			deletes++
			return 503
		}
		return 0
	}
	_, err := s.Continue(t.Context(), v, w.Name)
	if err == nil || deletes == 0 || kindsOf(t, v)[unit.KindCredential] != 1 {
		t.Fatalf("%v, %d deletes, %v", err, deletes, kindsOf(t, v))
	}
	p.fail = nil
	if k := kindsOf(t, v); k[unit.KindWaiting] != 0 || k[unit.KindCredential] != 1 {
		t.Errorf("left %v", k)
	}
	// The same, before the index was changed.
	d, s, v, p, w = waiting(t, 0)
	d.clock = d.clock.Add(time.Minute)
	puts := 0
	p.fail = func(r *http.Request) int {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "index.jwe") {
			if puts++; puts > 1 {
				return 503
			}
		}
		return 0
	}
	if _, err = s.Continue(t.Context(), v, w.Name); err == nil || kindsOf(t, v)[unit.KindWaiting] != 1 {
		t.Fatalf("%v, %v", err, kindsOf(t, v))
	}
	p.fail = nil
	item := must(s.Continue(t.Context(), v, w.Name))(t)
	if k := kindsOf(t, v); item.Name != w.Item || k[unit.KindWaiting] != 0 || k[unit.KindCredential] != 1 || d.polls != 1 {
		t.Errorf("left %v after %d questions", k, d.polls)
	}
}
