package unit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/holder/unit"
)

// held takes datasets with these titles into a vault.
func held(t *testing.T, titles ...string) (*double, unit.Issuance, *unit.Vault, *pod, []unit.Item) {
	t.Helper()
	d := newDouble(t)
	d.titled(titles...)
	v, p := newVault(t, d.net)
	s := d.unit()
	taken := must(d.signIn(s, v, must(s.Discover(t.Context(), issuerURL, "led"))(t)))(t)
	if len(taken.Items) != len(titles) {
		t.Fatalf("%d items", len(taken.Items))
	}
	d.events = nil
	return d, s, v, p, taken.Items
}

// titled makes the issuer hand out one credential per title, in this order.
func (d *double) titled(titles ...string) {
	d.identifiers = map[string][]string{"led": titles}
	n := 0
	d.credentials = func(keys []jwk) (out []any) {
		title := titles[n%len(titles)]
		n++
		for _, k := range keys {
			out = append(out, m{"credential": d.a.issue(d.t, k, d.current, func(c *sdjwt.Credential) {
				var claims m
				if err := json.Unmarshal(c.Claims.([]byte), &claims); err != nil {
					d.t.Fatal(err)
				}
				claims["title"] = title
				c.Claims = claims
			})})
		}
		return out
	}
}

func titles(t *testing.T, v *unit.Vault) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, e := range must(v.Entries(t.Context()))(t) {
		if e.Kind == unit.KindCredential {
			out[e.Title] = e.Name + " until " + e.Expires.UTC().Format(time.RFC3339)
		}
	}
	return out
}

// What is near its end is fetched anew with the refresh token: each item is
// replaced in one step by what says the same, and the issuer hears of both
// (OpenID4VCI 1.0, Sections 11 and 14.5).
func TestRenew(t *testing.T) {
	d, s, v, p, items := held(t, "A", "B", "C")
	if due := must(v.Due(t.Context(), d.clock, 23*time.Hour))(t); len(due) != 0 {
		t.Errorf("%+v", due)
	}
	d.clock = d.clock.Add(10 * time.Hour)
	due := must(v.Due(t.Context(), d.clock, 20*time.Hour))(t)
	if len(due) != 1 || len(due[0].Items) != 3 || due[0].Grant != items[0].Source.Grant || due[0].Issuer != issuerURL || !slices.Equal(due[0].Configurations, []string{"led"}) {
		t.Fatalf("%+v", due)
	}
	before, resources := titles(t, v), len(p.names())
	d.titled("C", "A", "B") // in another order
	taken := must(s.Renew(t.Context(), v, due[0].Grant))(t)
	if len(taken.Items) != 3 || len(p.names()) != resources {
		t.Errorf("%d items, %d resources, %d before", len(taken.Items), len(p.names()), resources)
	}
	after := titles(t, v)
	for title, x := range after {
		name, end, _ := strings.Cut(x, " until ")
		if !strings.HasPrefix(before[title], name) || end != d.clock.Add(24*time.Hour).UTC().Format(time.RFC3339) {
			t.Errorf("%s: %s, before %s", title, x, before[title])
		}
	}
	var accepted, deleted int
	for _, e := range d.events {
		if strings.HasSuffix(e, " credential_accepted") {
			accepted++
		}
		if strings.HasSuffix(e, " credential_deleted") {
			deleted++
			if !slices.ContainsFunc(items, func(it unit.Item) bool { return e == string(it.Source.Notification)+" credential_deleted" }) {
				t.Errorf("deleted: %s", e)
			}
		}
	}
	if accepted != 3 || deleted != 3 {
		t.Errorf("%v", d.events)
	}
	if due := must(v.Due(t.Context(), d.clock, 20*time.Hour))(t); len(due) != 0 {
		t.Errorf("%+v", due)
	}
	// The refresh token was replaced, and the new one works.
	must(s.Renew(t.Context(), v, items[0].Source.Grant))(t)
}

// What says something else now takes the place of the only one there is; of
// several, none is lost for it.
func TestRenewChanged(t *testing.T) {
	d, s, v, _, items := held(t, "A")
	d.titled("A, corrected")
	must(s.Renew(t.Context(), v, items[0].Source.Grant))(t)
	if got := titles(t, v); len(got) != 1 || !strings.HasPrefix(got["A, corrected"], items[0].Name) {
		t.Errorf("%v", got)
	}
	d, s, v, _, items = held(t, "A", "B")
	d.titled("A", "D")
	must(s.Renew(t.Context(), v, items[0].Source.Grant))(t)
	if got := titles(t, v); len(got) != 3 || got["B"] == "" || got["D"] == "" {
		t.Errorf("%v", got)
	}
}

// When the grant is over, the citizen asks; what comes takes the place of what
// is there, and the old grant is forgotten.
func TestRenewBySignIn(t *testing.T) {
	d, s, v, p, items := held(t, "A", "B")
	clear(d.refresh)
	if _, err := s.Renew(t.Context(), v, items[0].Source.Grant); !errors.Is(err, unit.ErrGrantOver) {
		t.Errorf("%v", err)
	}
	if _, err := s.Renew(t.Context(), v, must(unit.NewName(s.Random))(t)); !errors.Is(err, unit.ErrGrantOver) {
		t.Errorf("%v", err)
	}
	resources := len(p.names())
	o := must(s.Discover(t.Context(), issuerURL, "led"))(t)
	o.Renewing = true
	taken := must(d.signIn(s, v, o))(t)
	if len(taken.Items) != 2 || len(p.names()) != resources || taken.Items[0].Name != items[0].Name || taken.Items[0].Source.Grant == items[0].Source.Grant {
		t.Errorf("%d items, %d resources, %d before", len(taken.Items), len(p.names()), resources)
	}
	if k := kindsOf(t, v); k[unit.KindGrant] != 1 || k[unit.KindCredential] != 2 {
		t.Errorf("%v", k)
	}
}

// What cannot be had anew stays as it is.
func TestRenewRefused(t *testing.T) {
	for name, change := range map[string]func(d *double, p *pod){
		"no credential comes": func(d *double, _ *pod) {
			d.credentials = func(keys []jwk) []any { return []any{m{"credential": "x"}} }
		},
		"the issuer fails": func(d *double, _ *pod) { d.cheat = answers("issuer.example/credential", 500, m{}) },
		"the pod fails": func(_ *double, p *pod) {
			p.fail = func(r *http.Request) int {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "-") && r.Header.Get("If-Match") != "" {
					return 503
				}
				return 0
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, s, v, p, items := held(t, "A")
			before := must(v.Entries(t.Context()))(t)
			change(d, p)
			if _, err := s.Renew(t.Context(), v, items[0].Source.Grant); err == nil {
				t.Error("renewed")
			}
			p.fail = nil
			after := must(v.Entries(t.Context()))(t)
			it, _, err := v.Item(t.Context(), items[0].Name)
			if fmt.Sprint(before) != fmt.Sprint(after) || err != nil || !bytes.Equal(it.Copies[0].Credential, items[0].Copies[0].Credential) {
				t.Errorf("%v\nbefore %v\nafter  %v", err, before, after)
			}
		})
	}
}

// Renewed credentials may be put off too.
func TestRenewDeferred(t *testing.T) {
	d, s, v, _, items := held(t, "A", "B")
	d.pending = 1
	d.titled("A", "B")
	taken := must(s.Renew(t.Context(), v, items[0].Source.Grant))(t)
	if len(taken.Waiting) != 2 || len(taken.Items) != 0 {
		t.Fatalf("%d wait", len(taken.Waiting))
	}
	for _, w := range taken.Waiting {
		must(s.Await(t.Context(), v, w.Name, time.Hour, nil))(t)
	}
	if got := titles(t, v); len(got) != 2 || !strings.HasPrefix(got["A"], items[0].Name) || !strings.HasPrefix(got["B"], items[1].Name) {
		t.Errorf("%v", got)
	}
	if k := kindsOf(t, v); k[unit.KindWaiting] != 0 || k[unit.KindGrant] != 1 {
		t.Errorf("%v", k)
	}
}

// An issuer hears what the citizen removes, with a fresh token, and the grant
// goes with the last of its credentials.
func TestRemoveTold(t *testing.T) {
	d, s, v, p, items := held(t, "A", "B")
	d.clock = d.clock.Add(time.Hour)
	for n, it := range items {
		if err := s.Remove(t.Context(), v, it.Name); err != nil {
			t.Fatal(err)
		}
		if len(d.events) != n+1 || d.events[n] != string(it.Source.Notification)+" credential_deleted" {
			t.Errorf("%v", d.events)
		}
	}
	if len(kindsOf(t, v)) != 0 || len(p.names()) != 1 {
		t.Errorf("left %v", kindsOf(t, v))
	}
	// An issuer that cannot be told does not keep it there.
	d, s, v, _, items = held(t, "A")
	delete(d.net.hosts, "issuer.example")
	if err := s.Remove(t.Context(), v, items[0].Name); err != nil || len(kindsOf(t, v)) != 0 {
		t.Errorf("%v, left %v", err, kindsOf(t, v))
	}
	if err := s.Remove(t.Context(), v, items[0].Name); !errors.Is(err, unit.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// What waits can be given up, and leaves nothing.
func TestRemoveWaiting(t *testing.T) {
	d, s, v, p, w := waiting(t, 5)
	if err := s.Remove(t.Context(), v, w.Name); err != nil || len(kindsOf(t, v)) != 0 || len(p.names()) != 1 || len(d.events) != 0 {
		t.Errorf("%v, left %v", err, kindsOf(t, v))
	}
}
