package issuer_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/store"
)

// An offer is cancelled while a wallet redeems it and fetches the credential:
// when the institution hears that it is cancelled, nobody has got anything.
func TestCancelAgainstWallet(t *testing.T) {
	h := build(t)
	cancelled, issued := 0, 0
	for round := range 60 {
		o := h.collect("")
		var cancelErr error
		var copies []string
		var both sync.WaitGroup
		both.Go(func() {
			time.Sleep(time.Duration(round%6) * time.Millisecond / 2)
			cancelErr = h.Cancel(t.Context(), client, o.ID)
		})
		both.Go(func() {
			if token, ids, err := h.redeem(o); err == nil {
				copies, _, _ = h.obtain(token, ids[0], 1)
			}
		})
		both.Wait()
		switch {
		case cancelErr == nil:
			cancelled++
			if len(copies) > 0 {
				t.Errorf("round %d: cancelled, and a wallet has the credential", round)
			}
		case !errors.Is(cancelErr, issuer.ErrRedeemed):
			t.Errorf("round %d: %v", round, cancelErr)
		}
		if len(copies) > 0 {
			issued++
			if h.value(copies[0]) != status.Valid {
				t.Errorf("round %d: issued and not valid", round)
			}
		}
		st, err := h.State(t.Context(), client, o.ID)
		if err != nil || (cancelErr == nil && st.State != "cancelled" && !revoked(st)) {
			t.Errorf("round %d: %s %v", round, st.State, err)
		}
	}
	t.Logf("%d cancelled, %d issued", cancelled, issued)
}

func revoked(st issuer.OfferState) bool {
	for _, c := range st.Credentials {
		if c.Status != status.Invalid {
			return false
		}
	}
	return len(st.Credentials) > 0
}

// A vault is deleted while its wallet fetches: when both are done, no valid
// copy is left.
func TestVaultDeletionAgainstWallet(t *testing.T) {
	h := build(t)
	for round := range 30 {
		o := h.collect("v")
		token, ids, err := h.redeem(o)
		if err != nil {
			t.Fatal(err)
		}
		var copies []string
		var both sync.WaitGroup
		both.Go(func() {
			time.Sleep(time.Duration(round%5) * time.Millisecond)
			if _, err := h.VaultDeleted(t.Context(), "vaults", "v", ""); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() { copies, _, _ = h.obtain(token, ids[0], 2) })
		both.Wait()
		for _, c := range copies {
			if v := h.value(c); v != status.Invalid {
				t.Errorf("round %d: a copy of a deleted vault is %v", round, v)
			}
		}
		if _, _, err := h.obtain(token, ids[1], 1); err == nil {
			t.Errorf("round %d: issued to a deleted vault", round)
		}
	}
}

// A vault handle proves a vault; one that was deleted after it was shown is
// none, one that is shown later is.
func TestVaultDeletedBetween(t *testing.T) {
	h := build(t)
	early := h.wish("v")
	if _, err := h.VaultDeleted(t.Context(), "vaults", "v", ""); err != nil {
		t.Fatal(err)
	}
	if o, err := h.Collect(t.Context(), early); !errors.Is(err, issuer.ErrHandle) {
		t.Errorf("%v", err)
	} else if _, _, err := h.redeem(o); err == nil {
		t.Error("an offer for a deleted vault was redeemed")
	}
	h.ahead.Add(int64(time.Second))
	if _, err := h.Collect(t.Context(), h.wish("v")); err != nil {
		t.Errorf("shown after the deletion: %v", err)
	}
}

// After their time tokens open nothing, and what they opened is gone.
func TestHousekeeping(t *testing.T) {
	h := build(t)
	token, ids, err := h.redeem(h.collect(""))
	if err != nil {
		t.Fatal(err)
	}
	h.ahead.Add(int64(5*time.Minute + time.Second))
	if err := h.Housekeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, _, err = h.obtain(token, ids[0], 1)
	var e *oid4vci.Error
	if !errors.As(err, &e) || e.Code != oid4vci.InvalidToken {
		t.Errorf("%v", err)
	}
	recs, _, err := h.config.Store.Find(t.Context(), "authz-grant", "", pageOfAll)
	if err != nil || len(recs) != 1 || len(recs[0].Data) > 200 {
		t.Errorf("%d grants, %v", len(recs), err)
	}
}

var pageOfAll = store.Page{Limit: store.MaxLimit}
