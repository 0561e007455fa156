// Package podtest is the contract of holder/pod as a test. Every driver runs
// it, so that a vault does not care where its ciphertext lives.
package podtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zegel-id/zegel/holder/pod"
)

// Subject is a driver under test.
type Subject struct {
	Host pod.Host
	// WebID returns a WebID for which Host can create a pod, another each time.
	WebID func(t testing.TB) string
}

// Run checks that a driver keeps the contract.
func Run(t *testing.T, s Subject) {
	t.Run("locations", func(t *testing.T) { locations(t, s) })
	t.Run("write and read", func(t *testing.T) { writeAndRead(t, s) })
	t.Run("conditions", func(t *testing.T) { conditions(t, s) })
	t.Run("one winner", func(t *testing.T) { oneWinner(t, s) })
	t.Run("list and delete", func(t *testing.T) { listAndDelete(t, s) })
	t.Run("only ciphertext", func(t *testing.T) { onlyCiphertext(t, s) })
	t.Run("pods are apart", func(t *testing.T) { apart(t, s) })
	t.Run("size", func(t *testing.T) { size(t, s) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, s) })
	t.Run("delete all", func(t *testing.T) { deleteAll(t, s) })
}

// vault is a pod with a key and an owner.
type vault struct {
	*pod.Pod
	at  pod.Location
	key Key
}

func (s Subject) vault(t *testing.T) vault {
	t.Helper()
	at, err := s.Host.Create(t.Context(), s.WebID(t))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Host.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return vault{p, at, NewKey(t)}
}

func (v vault) envelope(t testing.TB, name, plaintext string) []byte {
	t.Helper()
	return v.key.Seal(t, v.Resource(name), []byte(plaintext)).Envelope(t)
}

func (v vault) put(t testing.TB, name, plaintext string, c pod.Condition) (pod.ETag, error) {
	t.Helper()
	return v.Put(t.Context(), name, pod.MediaType, v.envelope(t, name, plaintext), c)
}

func (v vault) mustPut(t testing.TB, name, plaintext string, c pod.Condition) pod.ETag {
	t.Helper()
	tag, err := v.put(t, name, plaintext, c)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func (v vault) mustGet(t testing.TB, name string) pod.Object {
	t.Helper()
	o, err := v.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func want(t testing.TB, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("got error %v, want %v", err, sentinel)
	}
}

func locations(t *testing.T, s Subject) {
	webID := s.WebID(t)
	at, err := s.Host.Create(t.Context(), webID)
	if err != nil {
		t.Fatal(err)
	}
	if err := pod.CheckURL(at.URL); err != nil {
		t.Errorf("location %q: %v", at.URL, err)
	}
	if id := webID[strings.LastIndex(webID, "/")+1:]; strings.Contains(at.URL, id) {
		t.Errorf("the address of the pod, %s, leads to the WebID %s", at.URL, webID)
	}
	if len(at.Access) > 0 {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if text := fmt.Sprintf(verb, at); !strings.Contains(text, "[secret]") {
				t.Errorf("%s prints the access secret", verb)
			}
		}
	}
	// What a vault stores and reads back opens the same pod.
	stored, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	var again pod.Location
	if err := json.Unmarshal(stored, &again); err != nil {
		t.Fatal(err)
	}
	one, err := s.Host.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.Host.Open(t.Context(), again)
	if err != nil {
		t.Fatal(err)
	}
	if one.URL() != at.URL || two.URL() != at.URL {
		t.Errorf("opened %s and %s, want %s", one.URL(), two.URL(), at.URL)
	}
	v := vault{one, at, NewKey(t)}
	tag := v.mustPut(t, pod.IndexName, "index", pod.IfAbsent())
	o, err := two.Get(t.Context(), pod.IndexName)
	if err != nil || o.ETag != tag {
		t.Errorf("second opening reads version %q, error %v; want %q", o.ETag, err, tag)
	}
	for _, bad := range []string{"", "x", at.URL + "../", "https://elsewhere.example/x/"} {
		if _, err := s.Host.Open(t.Context(), pod.Location{URL: bad}); err == nil {
			t.Errorf("opened a pod at %q without access", bad)
		}
	}
}

func writeAndRead(t *testing.T, s Subject) {
	v := s.vault(t)
	for _, name := range []string{pod.NewName(), pod.IndexName} {
		envelope := v.envelope(t, name, "content of "+name)
		tag, err := v.Put(t.Context(), name, pod.MediaType, envelope, pod.IfAbsent())
		if err != nil {
			t.Fatal(err)
		}
		o := v.mustGet(t, name)
		if !bytes.Equal(o.Data, envelope) || o.MediaType != pod.MediaType || o.ETag != tag || tag == "" {
			t.Errorf("%s: read %d bytes of %s, version %q; wrote %d bytes, version %q", name, len(o.Data), o.MediaType, o.ETag, len(envelope), tag)
		}
		if got := v.key.Open(t, o.Data); string(got) != "content of "+name {
			t.Errorf("%s: opened to %q", name, got)
		}
	}
	_, err := v.Get(t.Context(), pod.NewName())
	want(t, err, pod.ErrNotFound)
}

func conditions(t *testing.T, s Subject) {
	v, name := s.vault(t), pod.NewName()
	_, err := v.put(t, name, "x", pod.IfMatch(`"0-none"`))
	want(t, err, pod.ErrPrecondition)
	_, err = v.Get(t.Context(), name)
	want(t, err, pod.ErrNotFound) // RFC 9110, Section 13.1.1: nothing there matches nothing

	one := v.mustPut(t, name, "one", pod.IfAbsent())
	_, err = v.put(t, name, "two", pod.IfAbsent())
	want(t, err, pod.ErrExists)
	_, err = v.put(t, name, "two", pod.Condition{})
	want(t, err, pod.ErrPrecondition)
	_, err = v.put(t, name, "two", pod.IfMatch(""))
	want(t, err, pod.ErrPrecondition)
	two := v.mustPut(t, name, "two", pod.IfMatch(one))
	if one == two {
		t.Error("another content has the same version")
	}
	_, err = v.put(t, name, "three", pod.IfMatch(one))
	want(t, err, pod.ErrPrecondition)
	o := v.mustGet(t, name)
	if got := v.key.Open(t, o.Data); string(got) != "two" || o.ETag != two {
		t.Errorf("after a stale write the resource is %q, version %q; want two, %q", got, o.ETag, two)
	}
}

// oneWinner: parallel writers with the same condition, one takes effect.
func oneWinner(t *testing.T, s Subject) {
	v, name := s.vault(t), pod.NewName()
	race := func(c pod.Condition, loser error) pod.ETag {
		t.Helper()
		const writers = 8
		var wg sync.WaitGroup
		tags, errs := make([]pod.ETag, writers), make([]error, writers)
		for i := range writers {
			envelope := v.envelope(t, name, fmt.Sprint("writer ", i))
			wg.Go(func() {
				tags[i], errs[i] = v.Put(t.Context(), name, pod.MediaType, envelope, c)
			})
		}
		wg.Wait()
		var winners []pod.ETag
		for i, err := range errs {
			if err == nil {
				winners = append(winners, tags[i])
			} else {
				want(t, err, loser)
			}
		}
		if len(winners) != 1 {
			t.Fatalf("%d of %d writers won", len(winners), writers)
		}
		if o := v.mustGet(t, name); o.ETag != winners[0] {
			t.Errorf("the resource is version %q, the winner wrote %q", o.ETag, winners[0])
		}
		return winners[0]
	}
	tag := race(pod.IfAbsent(), pod.ErrExists)
	for range 3 {
		tag = race(pod.IfMatch(tag), pod.ErrPrecondition)
	}
}

func listAndDelete(t *testing.T, s Subject) {
	v := s.vault(t)
	list := func(want ...string) {
		t.Helper()
		slices.Sort(want)
		got, err := v.List(t.Context())
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("list is %q, error %v; want %q", got, err, want)
		}
	}
	list()
	a, b := pod.NewName(), pod.NewName()
	v.mustPut(t, a, "a", pod.IfAbsent())
	v.mustPut(t, b, "b", pod.IfAbsent())
	v.mustPut(t, pod.IndexName, "i", pod.IfAbsent())
	list(a, b, pod.IndexName)
	if err := v.Delete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	list(b, pod.IndexName)
	_, err := v.Get(t.Context(), a)
	want(t, err, pod.ErrNotFound)
	want(t, v.Delete(t.Context(), a), pod.ErrNotFound)
	v.mustPut(t, a, "again", pod.IfAbsent())
	list(a, b, pod.IndexName)
}

func onlyCiphertext(t *testing.T, s Subject) {
	v, name := s.vault(t), pod.NewName()
	good := v.envelope(t, name, "secret")
	for label, data := range map[string][]byte{
		"plain text":            []byte("Jan Janssens"),
		"plain JSON":            []byte(`{"diploma":"bachelor"}`),
		"empty":                 nil,
		"bare JWE":              good[len(`{"jwe":`) : len(good)-1],
		"for another resource":  v.envelope(t, pod.NewName(), "secret"),
		"something beside it":   append(good[:len(good)-1:len(good)-1], `,"title":"diploma"}`...),
		"something after it":    append(good[:len(good):len(good)], "{}"...),
		"JWE that is plaintext": []byte(`{"jwe":{"ciphertext":"Jan Janssens"}}`),
	} {
		if _, err := v.Put(t.Context(), name, pod.MediaType, data, pod.IfAbsent()); !errors.Is(err, pod.ErrRefusedPlaintext) {
			t.Errorf("%s: got error %v, want %v", label, err, pod.ErrRefusedPlaintext)
		}
	}
	for _, mediaType := range []string{"", "text/plain", "application/json", "application/jose", "application/jose+json; x=y"} {
		_, err := v.Put(t.Context(), name, mediaType, good, pod.IfAbsent())
		want(t, err, pod.ErrRefusedPlaintext)
	}
	for _, bad := range []string{"", ".", "..", "../" + name, name + "/" + name, "/etc/passwd", `..\` + name, "%2e%2e%2f" + name,
		name + ".acl", ".acl", ".meta", name + "?x", name + "#x", strings.ToUpper(pod.IndexName), "diploma.jwe", "keystore.jwe", "index.jwe/", "\x00"} {
		_, err := v.Put(t.Context(), bad, pod.MediaType, v.envelope(t, bad, "x"), pod.IfAbsent())
		want(t, err, pod.ErrRefusedPlaintext)
		want(t, err, pod.ErrName)
		_, err = v.Get(t.Context(), bad)
		want(t, err, pod.ErrName)
		want(t, v.Delete(t.Context(), bad), pod.ErrName)
	}
	if names, err := v.List(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("after refused writes the pod holds %q, error %v", names, err)
	}
}

func apart(t *testing.T, s Subject) {
	a, b, name := s.vault(t), s.vault(t), pod.NewName()
	if a.URL() == b.URL() {
		t.Fatal("two vaults have one pod")
	}
	a.mustPut(t, name, "a", pod.IfAbsent())
	_, err := b.Get(t.Context(), name)
	want(t, err, pod.ErrNotFound)
	_, err = b.Put(t.Context(), name, pod.MediaType, a.mustGet(t, name).Data, pod.IfAbsent())
	want(t, err, pod.ErrRefusedPlaintext) // an envelope moved to another pod
	if names, err := b.List(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("the other pod holds %q, error %v", names, err)
	}
}

func size(t *testing.T, s Subject) {
	v, name := s.vault(t), pod.NewName()
	// Base64url grows by a third; leave room for the other members.
	big := strings.Repeat("x", pod.MaxSize/4*3-2048)
	v.mustPut(t, name, big, pod.IfAbsent())
	if got := v.key.Open(t, v.mustGet(t, name).Data); string(got) != big {
		t.Error("a large resource came back changed")
	}
	_, err := v.put(t, pod.NewName(), strings.Repeat("x", pod.MaxSize), pod.IfAbsent())
	want(t, err, pod.ErrTooLarge)
}

func cancelled(t *testing.T, s Subject) {
	v, name := s.vault(t), pod.NewName()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.Put(ctx, name, pod.MediaType, v.envelope(t, name, "x"), pod.IfAbsent())
	want(t, err, context.Canceled)
	_, err = v.Get(ctx, name)
	want(t, err, context.Canceled)
	_, err = v.List(ctx)
	want(t, err, context.Canceled)
	want(t, v.Delete(ctx, name), context.Canceled)
	want(t, v.DeleteAll(ctx), context.Canceled)
	_, err = s.Host.Create(ctx, s.WebID(t))
	want(t, err, context.Canceled)
	_, err = v.Get(t.Context(), name)
	want(t, err, pod.ErrNotFound)
}

func deleteAll(t *testing.T, s Subject) {
	v, other := s.vault(t), s.vault(t)
	other.mustPut(t, pod.IndexName, "stays", pod.IfAbsent())
	name := pod.NewName()
	tag := v.mustPut(t, name, "x", pod.IfAbsent())
	v.mustPut(t, pod.IndexName, "i", pod.IfAbsent())
	if err := v.DeleteAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone := func(p *pod.Pod) {
		t.Helper()
		isGone := func(doing string, err error) {
			t.Helper()
			if !errors.Is(err, pod.ErrNotFound) && !errors.Is(err, pod.ErrDenied) {
				t.Errorf("%s in a deleted pod: got error %v, want %v or %v", doing, err, pod.ErrNotFound, pod.ErrDenied)
			}
		}
		_, err := p.Get(t.Context(), name)
		isGone("get", err)
		_, err = p.List(t.Context())
		isGone("list", err)
		_, err = p.Put(t.Context(), name, pod.MediaType, v.envelope(t, name, "y"), pod.IfAbsent())
		isGone("create", err)
		_, err = p.Put(t.Context(), name, pod.MediaType, v.envelope(t, name, "y"), pod.IfMatch(tag))
		isGone("replace", err)
		isGone("delete", p.Delete(t.Context(), name))
	}
	gone(v.Pod)
	switch again, err := s.Host.Open(t.Context(), v.at); {
	case err == nil:
		gone(again)
		if err := again.DeleteAll(t.Context()); err != nil {
			t.Errorf("deleting what is gone: %v", err)
		}
	case !errors.Is(err, pod.ErrNotFound) && !errors.Is(err, pod.ErrDenied):
		t.Errorf("opening a deleted pod: %v", err)
	}
	if err := v.DeleteAll(t.Context()); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
	if got := other.key.Open(t, other.mustGet(t, pod.IndexName).Data); string(got) != "stays" {
		t.Errorf("the other pod holds %q", got)
	}
}
