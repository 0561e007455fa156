package csc_test

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zegel-id/zegel/seal/csc"
	"github.com/zegel-id/zegel/seal/csc/csctest"
	"github.com/zegel-id/zegel/seal/signers"
)

const signHash = "signatures/signHash"

// bubble runs a test with a provider that is called without connections, in
// time that passes only when everybody waits.
func bubble(t *testing.T, test func(*testing.T, *setup), change ...func(*csctest.Options)) {
	p := provider(t, change...)
	synctest.Test(t, func(t *testing.T) { test(t, over(p.server, direct{p.server})) })
}

// hold makes the next calls of a path wait for the end of their request or for
// release, after which they are refused.
func hold(p *setup, call string, times int) (release func()) {
	open := make(chan struct{})
	for range times {
		p.server.Next(call, func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-open:
			case <-r.Context().Done():
			}
			status(400, `{"error":"invalid_request"}`)(w, r)
		})
	}
	return func() { close(open) }
}

// sizes counts the hashes of each signHash.
func (s *setup) sizes(t *testing.T) (sizes func() []int) {
	var mu sync.Mutex
	var list []int
	s.server.Bend(func(sigs []string) []string {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, len(sigs))
		return sigs
	})
	return func() []int { mu.Lock(); defer mu.Unlock(); return list }
}

// Signatures that wait together go together, no more than the credential
// allows, after no longer than Wait.
func TestBatches(t *testing.T) {
	for name, c := range map[string]struct {
		opts csc.Options
		n    int
		want []int
	}{
		"alone, at once":           {csc.Options{}, 1, []int{1}},
		"by multisign":             {csc.Options{Wait: time.Second}, 25, []int{10, 10, 5}},
		"by less":                  {csc.Options{Wait: time.Second, Batch: 4}, 9, []int{4, 4, 1}},
		"not by more":              {csc.Options{Wait: time.Second, Batch: 40}, 20, []int{10, 10}},
		"several at once":          {csc.Options{Wait: time.Second, Parallel: 3}, 25, []int{10, 10, 5}},
		"after the one under way":  {csc.Options{}, 8, []int{1, 7}},
		"after those, and no more": {csc.Options{}, 16, []int{1, 10, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *setup) {
				c.opts.Chain, c.opts.Authorizer = p.opts.Chain, p.opts.Authorizer
				p.opts = c.opts
				s := p.signer(t)
				defer func() { _ = s.Close() }()
				sizes := p.sizes(t)
				// The first is held until the others have come.
				release := make(chan struct{})
				p.opts.Authorizer.(*csc.Explicit).Secrets["OTP"] = func(context.Context) (string, error) { <-release; return csctest.OTP, nil }
				start := time.Now()
				var wg sync.WaitGroup
				for i := range c.n {
					wg.Go(func() { signs(t, s, fmt.Sprint(i)) })
				}
				synctest.Wait()
				close(release)
				wg.Wait()
				got := sizes()
				slices.Sort(got)
				slices.Sort(c.want)
				if !slices.Equal(got, c.want) || p.server.Count("credentials/authorize") != len(c.want) {
					t.Errorf("batches of %v, expected %v", got, c.want)
				}
				if d := time.Since(start); d > c.opts.Wait {
					t.Errorf("took %s", d)
				}
				if st := s.Status(); st.Signatures != uint64(c.n) || st.Failures != 0 || st.Batches != uint64(len(c.want)) || st.Waiting+st.UnderWay != 0 {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// What an authorization is for is what is signed, in its order.
func TestHashesAreBound(t *testing.T) {
	bubble(t, func(t *testing.T, p *setup) {
		p.opts.Wait = time.Second
		s := p.signer(t)
		defer func() { _ = s.Close() }()
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() { signs(t, s, fmt.Sprint(i)) })
		}
		wg.Wait()
		var authorized, signed struct {
			Hashes []string `json:"hashes"`
		}
		for call, to := range map[string]any{"credentials/authorize": &authorized, signHash: &signed} {
			if err := json.Unmarshal([]byte(p.server.Request(call)), to); err != nil {
				t.Fatal(err)
			}
		}
		if len(signed.Hashes) != 5 || !slices.Equal(authorized.Hashes, signed.Hashes) {
			t.Errorf("authorized %v, signed %v", authorized.Hashes, signed.Hashes)
		}
	})
}

// Signatures in another order, or one that is wrong, and nobody gets one.
func TestBatchIsAllOrNothing(t *testing.T) {
	for name, bend := range map[string]func([]string) []string{
		"another order": func(s []string) []string { slices.Reverse(s); return s },
		"one twice":     func(s []string) []string { s[0] = s[1]; return s },
		"one missing":   func(s []string) []string { return s[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *setup) {
				p.opts.Wait = time.Second
				s := p.signer(t)
				defer func() { _ = s.Close() }()
				p.server.Bend(bend)
				var wg sync.WaitGroup
				for i := range 4 {
					wg.Go(func() {
						if sig, err := s.Sign(nil, digest(fmt.Sprint(i)), crypto.SHA256); sig != nil || !errors.Is(err, csc.ErrUncertain) {
							t.Errorf("%x, %v", sig, err)
						}
					})
				}
				wg.Wait()
				if st := s.Status(); st.Failures != 4 || st.Uncertain != 4 || !errors.Is(st.Last, csc.ErrUncertain) {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// A provider that does not answer is not waited for longer than the timeout,
// wherever it hangs.
func TestSlow(t *testing.T) {
	for call, want := range map[string]error{"credentials/authorize": csc.ErrAway, signHash: csc.ErrUncertain} {
		t.Run(call, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *setup) {
				p.config.Timeout = 7 * time.Second
				s := p.signer(t)
				defer func() { _ = s.Close() }()
				hold(p, call, 1)
				start := time.Now()
				if _, err := s.Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, want) || time.Since(start) != 7*time.Second {
					t.Errorf("%v after %s", err, time.Since(start))
				}
				signs(t, s, "text")
			})
		})
	}
	t.Run("sign-in", func(t *testing.T) {
		bubble(t, func(t *testing.T, p *setup) {
			o := p.oauth()
			o.SignIn = func(ctx context.Context, _ string) (string, error) { <-ctx.Done(); return "", ctx.Err() }
			p.opts.Authorizer, p.opts.AuthorizeTimeout = o, 5*time.Minute
			s := p.signer(t)
			defer func() { _ = s.Close() }()
			start := time.Now()
			if _, err := s.Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, csc.ErrAway) || time.Since(start) != 5*time.Minute {
				t.Errorf("%v after %s", err, time.Since(start))
			}
		}, func(o *csctest.Options) { o.Mode = "oauth2code" })
	})
}

// giveUp starts a signature and gives it up when everybody waits.
func giveUp(t *testing.T, s *csc.Signer) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := s.SignContext(ctx, digest("given up"), crypto.SHA256); done <- err }()
	synctest.Wait()
	cancel()
	err := <-done
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	return err
}

func TestGivingUp(t *testing.T) {
	t.Run("waiting for others", func(t *testing.T) {
		bubble(t, func(t *testing.T, p *setup) {
			p.opts.Wait = time.Minute
			s := p.signer(t)
			defer func() { _ = s.Close() }()
			if err := giveUp(t, s); !errors.Is(err, csc.ErrBusy) || s.Status().Waiting != 0 {
				t.Error(err, s.Status())
			}
			time.Sleep(time.Hour)
			if p.server.Count("credentials/authorize") != 0 {
				t.Error("authorized what nobody waits for")
			}
		})
	})
	t.Run("alone, authorizing", func(t *testing.T) {
		bubble(t, func(t *testing.T, p *setup) {
			s := p.signer(t)
			defer func() { _ = s.Close() }()
			hold(p, "credentials/authorize", 1)
			if err := giveUp(t, s); !errors.Is(err, csc.ErrBusy) || errors.Is(err, signers.ErrUncertain) {
				t.Error(err)
			}
			synctest.Wait()
			if p.server.Count(signHash) != 0 || s.Status().UnderWay != 0 {
				t.Error("signed for nobody", p.server.Calls())
			}
		})
	})
	t.Run("while signing", func(t *testing.T) {
		bubble(t, func(t *testing.T, p *setup) {
			s := p.signer(t)
			defer func() { _ = s.Close() }()
			hold(p, signHash, 1)
			if err := giveUp(t, s); !errors.Is(err, csc.ErrUncertain) {
				t.Error(err)
			}
			signs(t, s, "text")
			if st := s.Status(); st.Failures != 1 || st.Uncertain != 1 || st.Signatures != 1 {
				t.Errorf("%+v", st)
			}
		})
	})
	t.Run("one of several, authorizing", func(t *testing.T) {
		bubble(t, func(t *testing.T, p *setup) {
			p.opts.Batch, p.opts.Wait = 2, time.Hour
			s := p.signer(t)
			defer func() { _ = s.Close() }()
			release := make(chan struct{})
			p.opts.Authorizer.(*csc.Explicit).Secrets["OTP"] = func(context.Context) (string, error) { <-release; return csctest.OTP, nil }
			var wg sync.WaitGroup
			wg.Go(func() { signs(t, s, "text") })
			// It is authorized and will be signed for the other's sake.
			if err := giveUp(t, s); !errors.Is(err, csc.ErrUncertain) {
				t.Error(err)
			}
			close(release)
			wg.Wait()
			if st := s.Status(); p.server.Signed() != 2 || st.Signatures != 1 || st.Failures != 1 || st.Uncertain != 1 {
				t.Errorf("%d signed, %+v", p.server.Signed(), st)
			}
		})
	})
}

func TestQueueIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, p *setup) {
		p.opts.Queue = 2
		s := p.signer(t)
		defer func() { _ = s.Close() }()
		release := hold(p, "credentials/authorize", 1)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() { _, _ = s.Sign(nil, digest(fmt.Sprint(i)), crypto.SHA256) })
		}
		synctest.Wait()
		if _, err := s.Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, csc.ErrBusy) {
			t.Error(err)
		}
		if st := s.Status(); st.Waiting != 2 || st.UnderWay != 1 {
			t.Errorf("%+v", st)
		}
		release()
		wg.Wait()
		if st := s.Status(); st.Signatures != 2 || st.Failures != 2 {
			t.Errorf("%+v", st)
		}
	})
}

func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T, p *setup) {
		s := p.signer(t)
		hold(p, signHash, 1)
		errs := make(chan error, 2)
		for i := range 2 {
			go func() { _, err := s.Sign(nil, digest(fmt.Sprint(i)), crypto.SHA256); errs <- err }()
			synctest.Wait()
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		one, two := <-errs, <-errs
		if !errors.Is(errors.Join(one, two), csc.ErrClosed) || !errors.Is(errors.Join(one, two), csc.ErrUncertain) {
			t.Errorf("%v; %v", one, two)
		}
		if _, err := s.Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, csc.ErrClosed) {
			t.Error(err)
		}
	})
}

// Many signers at once over real connections, for the race detector.
func TestParallel(t *testing.T) {
	p := provider(t)
	p.opts.Parallel = 3
	s := p.signer(t)
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() { signs(t, s, fmt.Sprint(i)) })
	}
	wg.Wait()
	if st := s.Status(); st.Signatures != 60 || st.Failures != 0 || st.Batches > 40 || p.server.Signed() != 60 {
		t.Errorf("%+v", st)
	}
}

// BenchmarkBatch says how many authorizations and signHash calls a signature
// costs when 64 are always asked for at once: 1 would be one each.
func BenchmarkBatch(b *testing.B) {
	p := provider(b, func(o *csctest.Options) { o.Multisign = 32 })
	signer, err := csc.NewSigner(b.Context(), p.client(b), csctest.CredentialID, p.opts)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = signer.Close() }()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := signer.Sign(nil, digest("text"), crypto.SHA256); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(p.server.Count(signHash))/float64(b.N), "authorizations/signature")
}
