package authz

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/store/embedded"
)

type clock struct{ t atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(c.t.Load(), 0).UTC() }
func (c *clock) advance(d time.Duration) { c.t.Add(int64(d / time.Second)) }

func open(t *testing.T) (*Server, *clock, string) {
	t.Helper()
	c := &clock{}
	c.t.Store(time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC).Unix())
	dir := t.TempDir()
	st, err := embedded.Open(dir, embedded.Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return &Server{Store: st, Now: c.now}, c, dir
}

func offer(t *testing.T, s *Server, tx TxCode) (capsule.Secret, Handle) {
	t.Helper()
	code := capsule.NewSecret()
	h, err := s.Create(t.Context(), Offer{Code: code, TxCode: tx, Payload: []byte("CANARY diploma"), Expires: s.Now().Add(time.Hour), Tags: []string{"offer:1"}})
	if err != nil {
		t.Fatal(err)
	}
	return code, h
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestRedeemOnce(t *testing.T) {
	s, _, _ := open(t)
	code, h := offer(t, s, TxCode{})
	if st, _ := s.State(t.Context(), h); st != StateOffered {
		t.Errorf("state %s", st)
	}
	const racers = 32
	var wg sync.WaitGroup
	var won atomic.Int32
	var token atomic.Value
	for range racers {
		wg.Go(func() {
			g, err := s.Redeem(context.Background(), Redemption{Code: code.Reveal()})
			if err == nil {
				won.Add(1)
				token.Store(g.AccessToken.Reveal())
				return
			}
			wantCode(t, err, CodeInvalidGrant)
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d winners", won.Load())
	}
	if st, _ := s.State(t.Context(), h); st != StateRedeemed {
		t.Errorf("state %s", st)
	}
	g, err := s.Authorize(t.Context(), token.Load().(string), Party{})
	if err != nil || string(g.Payload) != "CANARY diploma" || g.Tags[0] != "offer:1" {
		t.Fatalf("%+v %v", g, err)
	}
}

func TestTxCode(t *testing.T) {
	s, _, _ := open(t)
	tx := NewTxCode(6)
	if len(tx.Reveal()) != 6 {
		t.Fatalf("length %d", len(tx.Reveal()))
	}
	code, _ := offer(t, s, tx)
	plain, _ := offer(t, s, TxCode{})
	_, err := s.Redeem(t.Context(), Redemption{Code: code.Reveal()})
	wantCode(t, err, CodeInvalidRequest)
	_, err = s.Redeem(t.Context(), Redemption{Code: plain.Reveal(), TxCode: "", HasTxCode: true})
	wantCode(t, err, CodeInvalidRequest)
	for range defaultTries - 1 {
		_, err = s.Redeem(t.Context(), Redemption{Code: code.Reveal(), TxCode: "wrong", HasTxCode: true})
		wantCode(t, err, CodeInvalidGrant)
	}
	if _, err := s.Redeem(t.Context(), Redemption{Code: code.Reveal(), TxCode: tx.Reveal(), HasTxCode: true}); err != nil {
		t.Errorf("the last try was right: %v", err)
	}
	// An offer that was guessed at too often is dead, even for the right code,
	// and guesses at the same time are counted one each.
	code, _ = offer(t, s, tx)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := s.Redeem(context.Background(), Redemption{Code: code.Reveal(), TxCode: "wrong", HasTxCode: true})
			wantCode(t, err, CodeInvalidGrant)
		})
	}
	wg.Wait()
	_, err = s.Redeem(t.Context(), Redemption{Code: code.Reveal(), TxCode: tx.Reveal(), HasTxCode: true})
	wantCode(t, err, CodeInvalidGrant)
}

// A wrong transaction code must look like an unknown code.
func TestNoOracle(t *testing.T) {
	s, _, _ := open(t)
	code, _ := offer(t, s, NewTxCode(6))
	_, wrong := s.Redeem(t.Context(), Redemption{Code: code.Reveal(), TxCode: "wrong", HasTxCode: true})
	_, unknown := s.Redeem(t.Context(), Redemption{Code: capsule.NewSecret().Reveal(), TxCode: "wrong", HasTxCode: true})
	if wrong.Error() != unknown.Error() {
		t.Errorf("%q differs from %q", wrong, unknown)
	}
}

func TestExpiry(t *testing.T) {
	s, c, _ := open(t)
	code, h := offer(t, s, TxCode{})
	g, err := s.Redeem(t.Context(), Redemption{Code: code.Reveal()})
	if err != nil {
		t.Fatal(err)
	}
	if g.ExpiresIn > 5*time.Minute {
		t.Errorf("token lives %s", g.ExpiresIn)
	}
	c.advance(5 * time.Minute)
	_, err = s.Authorize(t.Context(), g.AccessToken.Reveal(), Party{})
	wantCode(t, err, CodeInvalidToken)
	if n, err := s.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if n, err := s.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("swept again %d, %v", n, err)
	}
	// The mark outlives the token: the code stays spent as long as the offer could live.
	_, err = s.Redeem(t.Context(), Redemption{Code: code.Reveal()})
	wantCode(t, err, CodeInvalidGrant)
	c.advance(3 * time.Hour)
	if st, _ := s.State(t.Context(), h); st != StateGone {
		t.Errorf("state %s", st)
	}
	late, h2 := offer(t, s, TxCode{})
	c.advance(time.Hour)
	_, err = s.Redeem(t.Context(), Redemption{Code: late.Reveal()})
	wantCode(t, err, CodeInvalidGrant)
	if err := s.Cancel(t.Context(), h2); err != nil {
		t.Error(err)
	}
}

func TestCancel(t *testing.T) {
	s, _, _ := open(t)
	code, h := offer(t, s, TxCode{})
	if err := s.Cancel(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	_, err := s.Redeem(t.Context(), Redemption{Code: code.Reveal()})
	wantCode(t, err, CodeInvalidGrant)
	if st, _ := s.State(t.Context(), h); st != StateGone {
		t.Errorf("state %s", st)
	}
}

func TestTokenRefused(t *testing.T) {
	s, _, _ := open(t)
	code, _ := offer(t, s, TxCode{})
	g, err := s.Redeem(t.Context(), Redemption{Code: code.Reveal()})
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(g.AccessToken.Reveal(), ".")
	for name, token := range map[string]string{
		"empty": "", "code": code.Reveal(), "other secret": id + "." + capsule.NewSecret().Reveal(),
		"no identifier": "\xff" + id[1:] + "." + capsule.NewSecret().Reveal(), "spaces": strings.Repeat(" ", 43) + "." + capsule.NewSecret().Reveal(),
		"no secret": id + ".", "other grant": capsule.NewSecret().Reveal() + g.AccessToken.Reveal()[43:],
	} {
		_, err := s.Authorize(t.Context(), token, Party{})
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
		wantCode(t, err, CodeInvalidToken)
	}
}

// What waits is nowhere readable: not before, not after redemption.
func TestStoreHoldsNothingReadable(t *testing.T) {
	s, _, dir := open(t)
	tx := NewTxCode(8)
	code, _ := offer(t, s, tx)
	g, err := s.Redeem(t.Context(), Redemption{Code: code.Reveal(), TxCode: tx.Reveal(), HasTxCode: true})
	if err != nil {
		t.Fatal(err)
	}
	offer(t, s, tx)
	_, secret, _ := strings.Cut(g.AccessToken.Reveal(), ".")
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for name, canary := range map[string]string{"payload": "CANARY", "code": code.Reveal(), "token": secret, "tx_code": `"` + tx.Reveal() + `"`} {
			if bytes.Contains(b, []byte(canary)) {
				t.Errorf("%s stands in %s", name, filepath.Base(path))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v", g, g, g.AccessToken) + fmt.Sprint(tx, code); strings.Contains(text, secret) || strings.Contains(text, tx.Reveal()) {
		t.Error("a secret was printed")
	}
}
