package signers_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zegel-id/zegel/seal/signers"
)

// slow is a signer that takes a second and signs with the digest itself.
type slow struct {
	mu    sync.Mutex
	now   int
	most  int
	order []string
	err   error
}

func (s *slow) Public() crypto.PublicKey { return "key" }

func (s *slow) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return s.SignContext(context.Background(), digest, nil)
}

func (s *slow) SignContext(ctx context.Context, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.order = append(s.order, string(digest))
	err := s.err
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.now--; s.mu.Unlock() }()
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
		return digest, err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", signers.ErrUncertain, ctx.Err())
	}
}

// deaf knows no context.
type deaf struct{ slow *slow }

func (d deaf) Public() crypto.PublicKey { return d.slow.Public() }
func (d deaf) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return d.slow.Sign(r, digest, o)
}

func queue(t testing.TB, s crypto.Signer, o signers.QueueOptions) *signers.Queue {
	t.Helper()
	q, err := signers.NewQueue(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// load starts n signatures of a tenant and waits until they wait.
func load(wg *sync.WaitGroup, q *signers.Queue, tenant string, n int) {
	for range n {
		wg.Go(func() { _, _ = q.For(tenant).SignContext(context.Background(), []byte(tenant), nil) })
	}
	synctest.Wait()
}

// place is how many were served before the first of a tenant.
func (s *slow) place(tenant string) int { return slices.Index(s.order, tenant) }

// However many signatures of one tenant wait, another is served within a round,
// and in each round each gets its turns.
func TestFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		q := queue(t, s, signers.QueueOptions{Slots: 2})
		var wg sync.WaitGroup
		load(&wg, q, "large", 200)
		load(&wg, q, "small", 1)
		load(&wg, q, "middle", 20)
		wg.Wait()
		if at := s.place("small"); at > 2+2 {
			t.Errorf("the small tenant was served after %d others", at)
		}
		// Once all wait they go by turns: in any stretch the middle one has as many
		// as the large one, until it is done.
		middle := 0
		for _, tenant := range s.order[3:43] {
			if tenant == "middle" {
				middle++
			}
		}
		if middle < 19 {
			t.Errorf("the middle tenant had %d of 40 turns", middle)
		}
		if s.most != 2 || len(s.order) != 221 {
			t.Errorf("%d at once, %d in all", s.most, len(s.order))
		}
	})
}

func TestWeights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		q := queue(t, s, signers.QueueOptions{Slots: 1, Weights: map[string]int{"heavy": 3}})
		var wg sync.WaitGroup
		load(&wg, q, "first", 1)
		load(&wg, q, "light", 30)
		load(&wg, q, "heavy", 30)
		wg.Wait()
		heavy := 0
		for _, tenant := range s.order[1:41] {
			if tenant == "heavy" {
				heavy++
			}
		}
		if heavy != 30 {
			t.Errorf("the heavy tenant had %d of 40 turns", heavy)
		}
	})
}

// With a free slot nobody waits, and a slot is used as soon as it is free.
func TestNoSlotIsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue(t, &slow{}, signers.QueueOptions{Slots: 4})
		start := time.Now()
		var wg sync.WaitGroup
		load(&wg, q, "a", 4)
		if st := q.Status(); st.Busy != 4 || st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
		load(&wg, q, "b", 16)
		if st := q.Status(); st.Busy != 4 || st.Waiting != 16 || st.Tenants["b"].Waiting != 16 {
			t.Errorf("%+v", st)
		}
		time.Sleep(1500 * time.Millisecond)
		if st := q.Status(); st.Waiting != 12 || st.Oldest != 1500*time.Millisecond {
			t.Errorf("%+v", st)
		}
		wg.Wait()
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("20 signatures on 4 slots took %s", d)
		}
		st := q.Status()
		if st.Busy != 0 || st.Waiting != 0 || st.Oldest != 0 || st.Tenants["a"].Signed != 4 || st.Tenants["b"].Signed != 16 || st.Failing != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// One tenant's full line is its own affair.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue(t, &slow{}, signers.QueueOptions{Slots: 1, Limit: 3})
		var wg sync.WaitGroup
		load(&wg, q, "a", 4)
		_, err := q.For("a").SignContext(t.Context(), nil, nil)
		if !errors.Is(err, signers.ErrQueueFull) || !errors.Is(err, signers.ErrUnavailable) {
			t.Error(err)
		}
		if _, err := q.For("b").SignContext(t.Context(), nil, nil); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if st := q.Status(); st.Tenants["a"].Failed != 1 || st.Failing != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// Who gives up loses the place, and no slot is lost with it.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		q := queue(t, s, signers.QueueOptions{Slots: 1})
		var wg sync.WaitGroup
		load(&wg, q, "busy", 1)
		ctx, cancel := context.WithCancel(t.Context())
		for range 5 {
			wg.Go(func() {
				_, err := q.For("gone").SignContext(ctx, []byte("gone"), nil)
				if !errors.Is(err, signers.ErrUnavailable) || !errors.Is(err, context.Canceled) || errors.Is(err, signers.ErrUncertain) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		load(&wg, q, "stays", 2)
		cancel()
		synctest.Wait()
		if st := q.Status(); st.Waiting != 2 || st.Tenants["gone"].Failed != 5 || st.Failing != 0 || st.LastError != nil {
			t.Errorf("%+v", st)
		}
		wg.Wait()
		if s.place("gone") >= 0 || len(s.order) != 3 {
			t.Errorf("signed %v", s.order)
		}
		if _, err := q.For("gone").SignContext(ctx, nil, nil); !errors.Is(err, signers.ErrUnavailable) || len(s.order) != 3 {
			t.Errorf("signed for one who had given up before: %v", err)
		}
		if st := q.Status(); st.Busy != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// Who gives up in the moment of getting a slot hands it on.
func TestGivingUpAtTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue(t, &slow{}, signers.QueueOptions{Slots: 1})
		for i := range 300 {
			var wg sync.WaitGroup
			load(&wg, q, "a", 1)
			for range 2 {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second) // as long as the first takes
					defer cancel()
					_, _ = q.For("b").SignContext(ctx, nil, nil)
				})
			}
			wg.Wait()
			if st := q.Status(); st.Busy != 0 || st.Waiting != 0 {
				t.Fatalf("round %d: %+v", i, st)
			}
		}
	})
}

// A signer that knows no context keeps its slot until it is done.
func TestSignerWithoutContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue(t, deaf{&slow{}}, signers.QueueOptions{Slots: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := q.For("a").SignContext(ctx, []byte("a"), nil); !errors.Is(err, signers.ErrUncertain) {
			t.Error(err)
		}
		if st := q.Status(); st.Busy != 1 || st.Failing != 1 {
			t.Errorf("%+v", st)
		}
		start := time.Now()
		sig, err := q.For("b").SignContext(t.Context(), []byte("b"), nil)
		if err != nil || string(sig) != "b" || time.Since(start) != 1700*time.Millisecond {
			t.Errorf("%s, %v after %s", sig, err, time.Since(start))
		}
		if sig, err := q.For("b").Sign(rand.Reader, []byte("c"), nil); err != nil || string(sig) != "c" {
			t.Errorf("%s, %v", sig, err)
		}
	})
}

type seen struct {
	tenant       string
	waited, took time.Duration
	err          error
}

type observer struct {
	mu   sync.Mutex
	list []seen
}

func (o *observer) Signed(tenant string, waited, took time.Duration, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, seen{tenant, waited, took, err})
}

// A signer that fails, and how long each took, is seen.
func TestObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, o := &slow{}, &observer{}
		q := queue(t, s, signers.QueueOptions{Slots: 1, Observer: o})
		var wg sync.WaitGroup
		load(&wg, q, "a", 1)
		load(&wg, q, "b", 1)
		wg.Wait()
		down := errors.New("down")
		s.err = down
		for range 3 {
			if _, err := q.For("a").SignContext(t.Context(), nil, nil); !errors.Is(err, down) {
				t.Error(err)
			}
		}
		if st := q.Status(); st.Failing != 3 || st.LastError != down || !st.LastFailed.Equal(time.Now()) || st.LastSigned.Equal(st.LastFailed) {
			t.Errorf("%+v", st)
		}
		s.err = nil
		if _, err := q.For("a").SignContext(t.Context(), nil, nil); err != nil || q.Status().Failing != 0 {
			t.Error(err, q.Status())
		}
		want := []seen{{"a", 0, time.Second, nil}, {"b", time.Second, time.Second, nil}, {"a", 0, time.Second, down}, {"a", 0, time.Second, down}, {"a", 0, time.Second, down}, {"a", 0, time.Second, nil}}
		if !slices.Equal(o.list, want) {
			t.Errorf("%v", o.list)
		}
	})
}

func TestQueueOptions(t *testing.T) {
	for name, o := range map[string]signers.QueueOptions{
		"no slots": {}, "limit": {Slots: 1, Limit: -1}, "weight": {Slots: 1, Weights: map[string]int{"a": 0}},
		"large weight": {Slots: 1, Weights: map[string]int{"a": 1001}},
	} {
		if _, err := signers.NewQueue(&slow{}, o); !errors.Is(err, signers.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := signers.NewQueue(nil, signers.QueueOptions{Slots: 1}); !errors.Is(err, signers.ErrOptions) {
		t.Error(err)
	}
}

// Many tenants at once with a real key, half of them in a hurry: no slot is
// lost.
func TestParallel(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	q := queue(t, key, signers.QueueOptions{Slots: 3})
	digest := sha256.Sum256([]byte("text"))
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			s := q.For(fmt.Sprint(i % 5))
			for range 20 {
				ctx, cancel := context.WithCancel(context.Background())
				if i%2 == 0 {
					go cancel()
				}
				sig, err := s.SignContext(ctx, digest[:], crypto.SHA256)
				if err == nil && !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) || err != nil && i%2 == 1 {
					t.Errorf("%x, %v", sig, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	for deadline := time.Now().Add(time.Minute); q.Status().Busy > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a slot was lost: %+v", q.Status())
		}
	}
	if st := q.Status(); st.Waiting != 0 || st.Tenants["1"].Signed < 4*20 {
		t.Errorf("%+v", st)
	}
}

// BenchmarkQueue says what a turn costs beside the signature it is for: 1 would
// be nothing.
func BenchmarkQueue(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	s := queue(b, key, signers.QueueOptions{Slots: 2}).For("a")
	digest := sha256.Sum256([]byte("text"))
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var queued, bare time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := s.SignContext(ctx, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
		queued += middle.Sub(start)
		bare += time.Since(middle)
	}
	b.ReportMetric(float64(queued)/float64(bare), "x-bare-signature")
}

// Keys of a token share its slots, each signing for itself.
func TestKeysShareSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, all, own := &slow{}, &slow{}, &observer{}, &observer{}
		q := queue(t, first, signers.QueueOptions{Slots: 1, Observer: all})
		start := time.Now()
		var wg sync.WaitGroup
		load(&wg, q, "a", 3)
		if _, err := q.Key("b", second, own).SignContext(t.Context(), []byte("b"), nil); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("the other key waited %s, expected the one under way, a turn and its own", d)
		}
		wg.Wait()
		if len(first.order) != 3 || len(second.order) != 1 {
			t.Errorf("%v, %v", first.order, second.order)
		}
		if len(all.list) != 3 || !slices.Equal(own.list, []seen{{"b", 2 * time.Second, time.Second, nil}}) {
			t.Errorf("of all %v, of the other key %v", all.list, own.list)
		}
	})
}
