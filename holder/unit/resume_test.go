package unit_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
)

// A sign-in survives the unit: all of it waits sealed in the vault, and the
// answer is taken once.
func TestResume(t *testing.T) {
	for name, change := range map[string]func(*double){
		"details": func(*double) {},
		"scope":   func(d *double) { delete(d.server, "authorization_details_types_supported") },
		"bearer":  func(d *double) { delete(d.server, "dpop_signing_alg_values_supported") },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			change(d)
			v, p := newVault(t, d.net)
			s := d.unit()
			a := must(s.Authorize(t.Context(), v, must(s.Discover(t.Context(), issuerURL, "led"))(t), callback))(t)
			if err := a.Keep(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			for _, b := range p.items {
				if strings.Contains(string(b), a.State) {
					t.Error("the platform sees more than ciphertext")
				}
			}
			answer := d.browse(a.URL)
			s = d.unit() // another one than before
			wrong := url.Values{"state": {a.State + "x"}, "code": answer["code"], "iss": answer["iss"]}
			if _, err := s.Resume(t.Context(), v, wrong); !errors.Is(err, unit.ErrAuthorization) || kindsOf(t, v)[unit.KindAsking] != 1 {
				t.Errorf("%v", err)
			}
			taken := must(s.Resume(t.Context(), v, answer))(t)
			if k := kindsOf(t, v); len(taken.Items) != 1 || k[unit.KindAsking] != 0 || k[unit.KindCredential] != 1 {
				t.Errorf("%d items, %v", len(taken.Items), k)
			}
			if _, err := s.Resume(t.Context(), v, answer); !errors.Is(err, unit.ErrAuthorization) {
				t.Errorf("%v", err)
			}
		})
	}
}

// An answer is refused as without Keep, and the server is the one that was
// asked, whatever the metadata say by then.
func TestResumeRefused(t *testing.T) {
	for name, c := range map[string]struct {
		want   string
		change func(d *double, answer url.Values)
	}{
		"another iss":             {"iss: is another server", func(_ *double, q url.Values) { q.Set("iss", issuerURL) }},
		"an error":                {"access_denied", func(_ *double, q url.Values) { q.Set("error", "access_denied") }},
		"the server is gone":      {"authorization_servers", func(d *double, _ url.Values) { d.metadata["authorization_servers"] = []any{"https://other.example"} }},
		"after more than an hour": {"no request of the last hour", func(d *double, _ url.Values) { d.clock = d.clock.Add(61 * time.Minute) }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			v, _ := newVault(t, d.net)
			s := d.unit()
			a := must(s.Authorize(t.Context(), v, must(s.Discover(t.Context(), issuerURL, "led"))(t), callback))(t)
			if err := a.Keep(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			answer := d.browse(a.URL)
			c.change(d, answer)
			if _, err := s.Resume(t.Context(), v, answer); err == nil || !strings.Contains(err.Error(), c.want) || len(d.net.to("other.example")) != 0 {
				t.Errorf("%v", err)
			}
			if d.lastForm.Has("code") {
				t.Error("the code was sent")
			}
		})
	}
	// What nobody answered goes with the next one.
	d := newDouble(t)
	v, _ := newVault(t, d.net)
	s := d.unit()
	for range 3 {
		a := must(s.Authorize(t.Context(), v, must(s.Discover(t.Context(), issuerURL, "led"))(t), callback))(t)
		if err := a.Keep(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		d.clock = d.clock.Add(40 * time.Minute)
	}
	if n := kindsOf(t, v)[unit.KindAsking]; n != 2 {
		t.Errorf("%d wait", n)
	}
}
