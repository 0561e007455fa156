package unit_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
)

// item is a new item with nothing real in it.
func item(t testing.TB, title string) unit.Item {
	t.Helper()
	return unit.Item{
		Name: must(unit.NewName(rand.Reader))(t), Format: "dc+sd-jwt", Type: vct, Title: title, Issuer: issuerURL, Added: at,
		Copies: []unit.Copy{{Credential: quoted("x~")}},
	}
}

// Two devices that change the index at once lose nothing of each other.
func TestIndexRaces(t *testing.T) {
	n := newNetwork()
	v, p := newVault(t, n)
	other := *v
	var wg sync.WaitGroup
	const each = 15
	for d, device := range []*unit.Vault{v, &other} {
		wg.Go(func() {
			for i := range each {
				it := item(t, fmt.Sprintf("%d-%d", d, i))
				if err := device.Add(context.Background(), it); err != nil {
					t.Errorf("device %d: %v", d, err)
				}
				if i%3 != 0 {
					continue
				}
				if err := device.Remove(context.Background(), it.Name); err != nil {
					t.Errorf("device %d: %v", d, err)
				}
			}
		})
	}
	wg.Wait()
	entries := must(v.Entries(t.Context()))(t)
	if len(entries) != 2*(each-each/3) || len(p.names()) != len(entries)+1 {
		t.Errorf("%d entries, %d resources", len(entries), len(p.names()))
	}
	for _, e := range entries {
		if it, _, err := v.Item(t.Context(), e.Name); err != nil || it.Title != e.Title {
			t.Errorf("%v", err)
		}
	}
}

// A device that always comes first is not waited for for ever.
func TestIndexContended(t *testing.T) {
	v, p := newVault(t, newNetwork())
	p.fail = func(r *http.Request) int {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/index.jwe") {
			return http.StatusPreconditionFailed
		}
		return 0
	}
	if err := v.Add(t.Context(), item(t, "x")); !errors.Is(err, unit.ErrPrecondition) || len(p.names()) != 0 {
		t.Errorf("%v, stored %v", err, p.names())
	}
}

// Removing takes the entry away first, so that nothing is listed that is not
// there, and is finished by calling it again.
func TestRemove(t *testing.T) {
	n := newNetwork()
	v, p := newVault(t, n)
	it := item(t, "x")
	if err := v.Add(t.Context(), it); err != nil {
		t.Fatal(err)
	}
	n.before = func(r *http.Request) error {
		if r.Method == http.MethodDelete {
			return errLine
		}
		return nil
	}
	if err := v.Remove(t.Context(), it.Name); !errors.Is(err, errLine) {
		t.Fatal(err)
	}
	if e := must(v.Entries(t.Context()))(t); len(e) != 0 || len(p.names()) != 2 {
		t.Errorf("%v, %v", e, p.names())
	}
	n.before = nil
	if err := v.Remove(t.Context(), it.Name); err != nil || len(p.names()) != 1 {
		t.Errorf("%v, %v", err, p.names())
	}
	for _, name := range []string{it.Name, "index.jwe", "", "../index.jwe", strings.ToUpper(it.Name)} {
		if err := v.Remove(t.Context(), name); !errors.Is(err, unit.ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if names := p.names(); len(names) != 1 || names[0] != "index.jwe" {
		t.Errorf("%v", names)
	}
	// The item that was gone already.
	it = item(t, "y")
	if err := v.Add(t.Context(), it); err != nil {
		t.Fatal(err)
	}
	if err := v.Platform.DeleteItem(t.Context(), it.Name); err != nil {
		t.Fatal(err)
	}
	if err := v.Remove(t.Context(), it.Name); err != nil {
		t.Error(err)
	}
}

// A platform that moves, swaps, forges or withholds what it keeps is found
// out.
func TestPlatformCheats(t *testing.T) {
	v, p := newVault(t, newNetwork())
	a, b := item(t, "a"), item(t, "b")
	for _, it := range []unit.Item{a, b} {
		if err := v.Add(t.Context(), it); err != nil {
			t.Fatal(err)
		}
	}
	right := map[string][]byte{}
	for name, data := range p.items {
		right[name] = data
	}
	forged := func(name, plain string) []byte {
		return must(unit.SealEnvelope(rand.Reader, v.Keys.Vault.PublicKey(), v.Info.Storage+name, []byte(plain)))(t)
	}
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"moved":                {right[b.Name], unit.ErrEnvelope},
		"the index":            {right["index.jwe"], unit.ErrEnvelope},
		"of another key":       {must(unit.SealEnvelope(rand.Reader, must(unit.NewKeys(rand.Reader))(t).Vault.PublicKey(), v.Info.Storage+a.Name, []byte(`{}`)))(t), unit.ErrEnvelope},
		"plain":                {[]byte(`{"name":"x"}`), unit.ErrEnvelope},
		"forged, empty":        {forged(a.Name, `{}`), unit.ErrItem},
		"forged, no copies":    {forged(a.Name, `{"name":"`+a.Name+`","format":"dc+sd-jwt","type":"x","copies":[]}`), unit.ErrItem},
		"forged, another name": {forged(a.Name, `{"name":"`+b.Name+`","format":"dc+sd-jwt","type":"x","copies":[{"credential":"x"}]}`), unit.ErrItem},
		"forged, shown less":   {forged(a.Name, `{"name":"`+a.Name+`","format":"dc+sd-jwt","type":"x","copies":[{"credential":"x","shown":-1}]}`), unit.ErrItem},
	} {
		p.items[a.Name] = c.data
		if it, _, err := v.Item(t.Context(), a.Name); !errors.Is(err, c.want) || it.Name != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.items[a.Name] = right[a.Name]
	for name, data := range map[string][]byte{
		"an item":        right[a.Name],
		"newer":          forged("index.jwe", `{"version":2,"entries":[]}`),
		"no version":     forged("index.jwe", `{"entries":[]}`),
		"unknown member": forged("index.jwe", `{"version":1,"entries":[],"more":1}`),
		"unknown kind":   forged("index.jwe", `{"version":1,"entries":[{"name":"`+a.Name+`","kind":"x"}]}`),
		"bad name":       forged("index.jwe", `{"version":1,"entries":[{"name":"index.jwe","kind":"credential"}]}`),
	} {
		p.items["index.jwe"] = data
		if e, err := v.Entries(t.Context()); err == nil {
			t.Errorf("%s: %v", name, e)
		}
		// And it is not written over.
		if err := v.Add(t.Context(), item(t, "c")); err == nil || string(p.items["index.jwe"]) != string(data) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(p.names()) != 3 {
		t.Errorf("%v", p.names())
	}
	// Update needs the version that was read, and an item.
	if err := v.Update(t.Context(), a, ""); !errors.Is(err, unit.ErrPrecondition) {
		t.Error(err)
	}
	if err := v.Update(t.Context(), unit.Item{Name: "index.jwe"}, p.tags["index.jwe"]); err == nil {
		t.Error("the index was written over")
	}
}
