package status

import (
	"context"
	"crypto/x509"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/store"
)

// counting counts what it signs.
type counting struct {
	keySigner
	n *atomic.Int32
}

func (c counting) SignCompact(typ string, iat time.Time, payload []byte) (string, error) {
	c.n.Add(1)
	return c.keySigner.SignCompact(typ, iat, payload)
}

// allForms is a register that publishes every kind of list.
func allForms(t testing.TB, s store.Store, at *clock, secure plainJWS, change func(*Options)) *Register {
	t.Helper()
	signer, err := NewCWTSigner(secure.key, []*x509.Certificate{certificateOf(t, secure.key)})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Base: "https://issuer.example", Signer: keySigner{secure.key}, Size: 1024, Now: at.now, CWT: signer,
		Bitstring: &BitstringOptions{Issuer: listIssuer, Securer: secure, MediaType: "application/vc+jwt"},
		Messages:  []string{"lost", "found", "of another edition"},
	}
	if change != nil {
		change(&o)
	}
	r, err := NewRegister(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// everywhere asks for a status in every list that has it, as a stranger does.
func everywhere(t testing.TB, r *Register, now *clock, s plainJWS, ref Ref) (token Value, standing Standing) {
	t.Helper()
	id := listID(r, ref)
	jwt, err := r.Token(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	cwt, err := r.CWT(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	a, err := ParseToken(string(jwt.Body))
	if err != nil {
		t.Fatal(err)
	}
	b, err := ParseCWT(cwt.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.JWS.Verify(s.key.Public()), b.Sign1.Verify(s.key.Public(), nil)); err != nil {
		t.Fatal(err)
	}
	if jwt.MediaType != MediaType || cwt.MediaType != MediaTypeCWT || a.Subject != ref.URI || b.Subject != ref.URI || !a.Expires.Equal(b.Expires) || a.TTL != b.TTL {
		t.Errorf("%+v and %+v", a.Claims, b.Claims)
	}
	token, err = a.List.At(ref.Index)
	if other, otherErr := b.List.At(ref.Index); err != nil || otherErr != nil || other != token {
		t.Errorf("JWT says %v %v, CWT says %v %v", token, err, other, otherErr)
	}
	entries, err := r.Entries(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	c := bitstringChecker(t, now, s, func(ctx context.Context, url string) ([]byte, time.Duration, error) {
		for _, p := range []Purpose{Revocation, Suspension, Message} {
			if url == ref.URI+"/"+string(p) {
				l, err := r.ListCredential(ctx, id, p)
				return l.Body, 0, err
			}
		}
		return nil, 0, errors.New("no such list")
	}, BitstringCheckerOptions{})
	if standing, err = c.Check(t.Context(), entries, SameIssuer(listIssuer)); err != nil {
		t.Fatal(err)
	}
	return token, standing
}

// An index means one place in every list, and one write changes them all.
func TestOneAllocationManyLists(t *testing.T) {
	s, now := open(t), newClock()
	secure := plainJWS{key: newKey(t), issuer: listIssuer}
	r := allForms(t, s, now, secure, nil)
	refs, err := r.AllocateN(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		set      Value
		want     error
		token    Value
		standing Value
		message  string
	}{
		{Valid, nil, Valid, Valid, "unset"},
		{Suspended, nil, Suspended, Suspended, "unset"},
		{MessageValue(1), nil, 3, Valid, "lost"},
		{MessageValue(2), nil, 0x0C, Valid, "found"},
		{MessageValue(3), nil, 0x0D, Valid, "of another edition"},
		{MessageValue(4), ErrValue, 0x0D, Valid, "of another edition"},
		{4, ErrValue, 0x0D, Valid, "of another edition"},
		{Valid, nil, Valid, Valid, "unset"},
		{Invalid, nil, Invalid, Invalid, "unset"},
		{MessageValue(1), ErrFinal, Invalid, Invalid, "unset"},
		{Suspended, ErrFinal, Invalid, Invalid, "unset"},
	} {
		before := s.created.Load()
		old, err := r.Value(t.Context(), refs[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Set(t.Context(), refs[0], step.set); !errors.Is(err, step.want) {
			t.Fatalf("setting %v: %v", step.set, err)
		}
		writes := int64(1)
		if step.want != nil || step.set == old {
			writes = 0
		}
		if n := s.created.Load() - before; n != writes {
			t.Errorf("setting %v took %d writes", step.set, n)
		}
		for _, reg := range []*Register{r, allForms(t, s, now, secure, nil)} { // and after a restart
			token, got := everywhere(t, reg, now, secure, refs[0])
			if token != step.token || got.Value != step.standing || got.Findings[2].Message != step.message {
				t.Errorf("after setting %v: %v, %+v", step.set, token, got)
			}
			if token, got := everywhere(t, reg, now, secure, refs[1]); token != Valid || got.Value != Valid || got.Findings[2].Value != 0 {
				t.Errorf("another index changed: %v, %+v", token, got)
			}
		}
	}
}

func TestEntriesOfRegister(t *testing.T) {
	s, now := open(t), newClock()
	secure := plainJWS{key: newKey(t), issuer: listIssuer}
	for n, size := range map[int]int{0: 0, 1: 1, 2: 2, 3: 2, 4: 3, 5: 3} {
		r := allForms(t, s, now, secure, func(o *Options) { o.Messages = []string{"a", "b", "c", "d", "e"}[:n] })
		ref, err := r.Allocate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		entries, err := r.Entries(t.Context(), ref)
		if err != nil || len(entries) != 2+min(size, 1) {
			t.Fatalf("%d messages: %+v, %v", n, entries, err)
		}
		for _, e := range entries {
			if e.Index != ref.Index {
				t.Errorf("index %d where %d was allocated", e.Index, ref.Index)
			}
		}
		if n > 0 {
			if e := entries[2]; e.Purpose != Message || e.Size != size || len(e.Messages) != 1<<size || e.text(uint8(n)) != "abcde"[n-1:n] {
				t.Errorf("%d messages: %+v", n, e)
			}
			if err := r.Set(t.Context(), ref, MessageValue(n)); err != nil {
				t.Errorf("%d messages: %v", n, err)
			}
			if _, got := everywhere(t, r, now, secure, ref); got.Findings[2].Message != "abcde"[n-1:n] {
				t.Errorf("%d messages: %+v", n, got)
			}
		}
		// Lists are opened for the messages, and used again by who has the same.
		again := allForms(t, s, now, secure, func(o *Options) { o.Messages = []string{"a", "b", "c", "d", "e"}[:n] })
		if other, err := again.Allocate(t.Context()); err != nil || other.URI != ref.URI {
			t.Errorf("%d messages: another list was opened", n)
		}
	}
}

func TestFormsThatAreNotThere(t *testing.T) {
	s, now := open(t), newClock()
	secure := plainJWS{key: newKey(t), issuer: listIssuer}
	plain := register(t, s, now, keySigner{secure.key})
	ref, err := plain.Allocate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := listID(plain, ref)
	if p, err := plain.CWT(t.Context(), id); !errors.Is(err, ErrNotFound) || p.Body != nil {
		t.Errorf("CWT: %v", err)
	}
	if p, err := plain.ListCredential(t.Context(), id, Revocation); !errors.Is(err, ErrNotFound) || p.Body != nil {
		t.Errorf("list credential: %v", err)
	}
	if e, err := plain.Entries(t.Context(), ref); !errors.Is(err, ErrNotFound) || e != nil {
		t.Errorf("entries: %v", err)
	}
	full := allForms(t, s, now, secure, nil)
	if _, err := full.Token(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for _, p := range []Purpose{Message, Refresh, "", MediaType, "Revocation"} { // the list has no messages
		if got, err := full.ListCredential(t.Context(), id, p); !errors.Is(err, ErrNotFound) || got.Body != nil {
			t.Errorf("purpose %q: %v", p, err)
		}
	}
	if _, err := full.ListCredential(t.Context(), "unknown", Revocation); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	ref.Index ^= 1
	if _, err := full.Entries(t.Context(), ref); !errors.Is(err, ErrNotFound) {
		t.Errorf("entries of an index that nobody has: %v", err)
	}
	broken := allForms(t, s, now, plainJWS{key: secure.key, fails: errors.New("no seal")}, nil)
	if p, err := broken.ListCredential(t.Context(), id, Revocation); err == nil || p.Body != nil {
		t.Error("published without a seal")
	}
	for name, change := range map[string]func(*Options){
		"six messages":       func(o *Options) { o.Messages = make([]string, 6) },
		"an empty message":   func(o *Options) { o.Messages = []string{""} },
		"no issuer":          func(o *Options) { o.Bitstring.Issuer = "" },
		"no securer":         func(o *Options) { o.Bitstring.Securer = nil },
		"no media type":      func(o *Options) { o.Bitstring.MediaType = "" },
		"negative interval":  func(o *Options) { o.Interval = -1 },
		"interval of a life": func(o *Options) { o.Interval = 24 * time.Hour },
	} {
		o := Options{
			Base: "https://issuer.example", Signer: keySigner{secure.key}, Now: now.now,
			Bitstring: &BitstringOptions{Issuer: listIssuer, Securer: secure, MediaType: "application/vc+jwt"},
		}
		change(&o)
		if _, err := NewRegister(s, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Within an interval one publication serves everybody, whatever was changed; at
// its end all changes are in the next one. Another register sees as late.
func TestInterval(t *testing.T) {
	s, now, key := open(t), newClock(), newKey(t)
	var signed atomic.Int32
	interval := func() *Register {
		r, err := NewRegister(s, Options{Base: "https://issuer.example", Signer: counting{keySigner{key}, &signed}, Size: 1024, Interval: 15 * time.Second, Now: now.now})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	a, b := interval(), interval()
	refs, err := a.AllocateN(t.Context(), 50)
	if err != nil {
		t.Fatal(err)
	}
	id := listID(a, refs[0])
	set := func(r *Register) int {
		t.Helper()
		p, err := r.Token(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := ParseToken(string(p.Body))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, ref := range refs {
			if v, err := tok.List.At(ref.Index); err != nil {
				t.Fatal(err)
			} else if v == Invalid {
				n++
			}
		}
		return n
	}
	if set(a) != 0 || set(b) != 0 || signed.Load() != 2 {
		t.Fatal("a new list says something")
	}
	finds := s.finds.Load()
	var wg sync.WaitGroup
	for i, ref := range refs {
		wg.Go(func() {
			if err := []*Register{a, b}[i%2].Set(t.Context(), ref, Invalid); err != nil {
				t.Error(err)
			}
			for range 20 {
				if p, err := a.Token(t.Context(), id); err != nil || p.Issued != start {
					t.Errorf("served %v, %v", p.Issued, err)
				}
			}
		})
	}
	wg.Wait()
	now.add(14 * time.Second)
	if n, m := set(a), set(b); n != 0 || m != 0 || signed.Load() != 2 {
		t.Errorf("within the interval: %d and %d revoked, %d signatures", n, m, signed.Load())
	}
	if n := s.finds.Load() - finds; n > 4 { // to learn of the first change
		t.Errorf("%d searches in the store", n)
	}
	now.add(time.Second)
	for range 10 {
		wg.Go(func() {
			if n := set(a); n != len(refs) {
				t.Errorf("after the interval %d of %d are revoked", n, len(refs))
			}
		})
	}
	wg.Wait()
	if n := set(b); n != len(refs) || signed.Load() != 4 {
		t.Errorf("after the interval %d of %d are revoked, %d signatures", n, len(refs), signed.Load())
	}
	// A register that begins now has lost nothing.
	if n := set(interval()); n != len(refs) {
		t.Errorf("after a restart %d of %d are revoked", n, len(refs))
	}
	// Nothing changed: nothing is signed, until half of the lifetime is over.
	now.add(6 * time.Hour)
	set(a)
	if signed.Load() != 5 {
		t.Errorf("%d signatures", signed.Load())
	}
	now.add(6 * time.Hour)
	set(a)
	if signed.Load() != 6 {
		t.Errorf("%d signatures at half the lifetime", signed.Load())
	}
}

// After another key has taken over every list is signed anew when it is asked for
// next, though nothing changed and the interval is not over; once.
func TestRenew(t *testing.T) {
	var signed atomic.Int32
	r, err := NewRegister(open(t), Options{Base: "https://issuer.example", Signer: counting{keySigner{newKey(t)}, &signed}, Size: 1024, Interval: time.Hour, Now: newClock().now})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := r.Allocate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n, renew := range []bool{false, false, true, false} {
		if renew {
			r.Renew()
		}
		if _, err := r.Token(t.Context(), listID(r, ref)); err != nil {
			t.Fatal(err)
		}
		if want := []int32{1, 1, 2, 2}[n]; signed.Load() != want {
			t.Errorf("after request %d: signed %d times, expected %d", n, signed.Load(), want)
		}
	}
}

// Sixteen at a time take what is there exactly once, from two registers.
func TestAllocateRace(t *testing.T) {
	s, now, key := open(t), newClock(), newKey(t)
	registers := []*Register{register(t, s, now, keySigner{key}), register(t, s, now, keySigner{key})}
	var mu sync.Mutex
	seen := map[Ref]bool{}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for range 80 {
				ref, err := registers[g%2].Allocate(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[ref] {
					t.Errorf("index %d of %s was given out twice", ref.Index, ref.URI)
				}
				seen[ref] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 16*80 {
		t.Errorf("%d indexes", len(seen))
	}
}
