package issuer_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/store"
)

// waiting is a house whose supplier has a record later, and a token for it and
// for two others.
func waiting(t *testing.T) (h *house, token string, ids []string) {
	t.Helper()
	h = build(t)
	h.source.Pending = []issuer.Pending{{Record: late, Again: 30 * time.Second}}
	o := h.collect("v")
	if len(o.Accepted) != 2 || len(o.Pending) != 1 || o.Pending[0] != late {
		t.Fatalf("%v %v", o.Accepted, o.Pending)
	}
	token, ids, err := h.redeem(o)
	if err != nil || len(ids) != 3 {
		t.Fatalf("%v %v", ids, err)
	}
	h.source.asked.Store(0)
	return h, token, ids
}

// late is the record that comes later.
const late = "R-9"

// ready has the supplier have the record.
func (h *house) ready() {
	h.source.Pending = nil
	h.source.Datasets = append(h.source.Datasets, issuer.Dataset{Record: late, Claims: []byte(`{"title":"late"}`)})
}

func (h *house) pass(d time.Duration) { h.ahead.Add(int64(d)) }

func (h *house) again(token string, id oid4vci.Secret) (oid4vci.CredentialResponse, error) {
	return h.Deferred(h.Context(), bearer(token), oid4vci.DeferredCredentialRequest{TransactionID: id}, correlation)
}

// putOff begins a transaction for the record that comes later.
func (h *house) putOff(token, id string) oid4vci.CredentialResponse {
	h.Helper()
	res, err := h.request(h.Issuer, token, id, 2)
	if err != nil || !res.Deferred() || res.Interval < 1 || res.Interval > 30 || res.Credentials != nil || res.NotificationID != "" {
		h.Fatalf("%+v %v", res, err)
	}
	return res
}

func wantError(t *testing.T, err error, code oid4vci.ErrorCode) {
	t.Helper()
	var e *oid4vci.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// deferredRecords are what the store holds of deferred transactions.
func (h *house) deferredRecords() []store.Record {
	h.Helper()
	recs, _, err := h.config.Store.Find(h.Context(), "issuer-deferred", "", pageOfAll)
	if err != nil {
		h.Fatal(err)
	}
	return recs
}

// OpenID4VCI 1.0, Section 9: what the supplier has later is delivered later,
// once, to the keys that were proven at first.
func TestDeferred(t *testing.T) {
	h, token, ids := waiting(t)
	first := h.putOff(token, ids[2])
	// Too early: the same transaction, and the supplier is left alone.
	for range 3 {
		res, err := h.again(token, first.TransactionID)
		if err != nil || res.TransactionID != first.TransactionID || res.Interval < 1 || res.Interval > 30 {
			t.Errorf("%+v %v", res, err)
		}
	}
	if n := h.source.asked.Load(); n != 0 {
		t.Errorf("asked %d times too early", n)
	}
	// In time, and still not there: asked once, and later from then on.
	h.pass(31 * time.Second)
	h.source.Pending[0].Again = time.Minute
	for range 3 {
		res, err := h.again(token, first.TransactionID)
		if err != nil || res.TransactionID != first.TransactionID || res.Interval < 55 || res.Interval > 60 {
			t.Errorf("%+v %v", res, err)
		}
	}
	if n := h.source.asked.Load(); n != 1 {
		t.Errorf("asked %d times in one interval", n)
	}
	h.ready()
	h.pass(time.Minute)
	done, err := h.again(token, first.TransactionID)
	if err != nil || done.Deferred() || done.NotificationID == "" {
		t.Fatalf("%+v %v", done, err)
	}
	copies := copiesOf(done)
	if len(copies) != 2 || h.value(copies[0]) != status.Valid {
		t.Errorf("%d copies", len(copies))
	}
	// Over (Section 8.3), for both ways to ask.
	_, err = h.again(token, first.TransactionID)
	wantError(t, err, oid4vci.InvalidTransactionID)
	_, err = h.request(h.Issuer, token, ids[2], 1)
	wantError(t, err, oid4vci.CredentialRequestDenied)
	if recs := h.deferredRecords(); len(recs) != 0 {
		t.Errorf("%d records are left", len(recs))
	}
	// A fetch is logged when the supplier is asked, issuing when it is done.
	want := []audit.Kind{audit.Fetch, audit.OfferCreate, audit.Fetch, audit.Fetch, audit.Issue}
	if fmt.Sprint(h.uses.kinds) != fmt.Sprint(want) {
		t.Errorf("logged %v, want %v", h.uses.kinds, want)
	}
	// The others were not touched by this.
	if _, _, err := h.obtain(token, ids[0], 1); err != nil {
		t.Error(err)
	}
	if err := h.Notify(t.Context(), bearer(token), oid4vci.NotificationRequest{NotificationID: done.NotificationID, Event: oid4vci.CredentialAccepted}); err != nil {
		t.Error(err)
	}
}

// What the supplier has by the time of the credential request is not put off.
func TestDeferredIsReadyAtOnce(t *testing.T) {
	h, token, ids := waiting(t)
	h.pass(31 * time.Second)
	h.ready()
	res, err := h.request(h.Issuer, token, ids[2], 2)
	if err != nil || len(res.Credentials) != 2 || len(h.deferredRecords()) != 0 {
		t.Errorf("%+v %v", res, err)
	}
}

// A transaction is its token's, and its secret is needed (Section 9).
func TestDeferredOwner(t *testing.T) {
	h, token, ids := waiting(t)
	first := h.putOff(token, ids[2])
	h.ready()
	h.pass(time.Minute)
	other, _, err := h.redeem(h.collect("v"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.again(other, first.TransactionID)
	wantError(t, err, oid4vci.InvalidTransactionID)
	_, err = h.again("x.y", first.TransactionID)
	wantError(t, err, oid4vci.InvalidToken)
	id, secret, _ := strings.Cut(string(first.TransactionID), ".")
	for name, text := range map[string]string{
		"the record's identifier": id, "another secret": id + "." + capsule.NewSecret().Reveal(), "another record": strings.Repeat("0", 8) + id[8:] + "." + secret,
		"no identifier": "\xff." + secret, "upper case": strings.ToUpper(id) + "." + secret, "more": string(first.TransactionID) + "A", "nothing": ".",
	} {
		if _, err := h.again(token, oid4vci.Secret(text)); err == nil {
			t.Errorf("%s was accepted", name)
		} else {
			wantError(t, err, oid4vci.InvalidTransactionID)
		}
	}
	if res, err := h.again(token, first.TransactionID); err != nil || res.Deferred() {
		t.Errorf("%+v %v", res, err)
	}
}

// A store that another reads tells neither who waits nor for what, even when
// the transaction goes on.
func TestDeferredIsSealed(t *testing.T) {
	h, token, ids := waiting(t)
	first := h.putOff(token, ids[2])
	_, secret, _ := strings.Cut(string(first.TransactionID), ".")
	recs := h.deferredRecords()
	if len(recs) != 1 {
		t.Fatalf("%d records", len(recs))
	}
	text := recs[0].ID + strings.Join(recs[0].Tags, " ") + string(recs[0].Data)
	for _, word := range []string{insz, `"` + late + `"`, `"led"`, "led_diploma", secret, `"keys"`, `"x"`} {
		if strings.Contains(text, word) {
			t.Errorf("%q stands there", word)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", first, first, first); strings.Contains(s, secret) {
		t.Error("the secret is printed")
	}
}

// Parallel requests, also at another process: the supplier is asked once, and
// one delivers.
func TestDeferredParallel(t *testing.T) {
	h, token, ids := waiting(t)
	first := h.putOff(token, ids[2])
	second, err := issuer.New(h.config)
	if err != nil {
		t.Fatal(err)
	}
	all := func() (delivered, put, over int32) {
		var wg sync.WaitGroup
		var d, p, o atomic.Int32
		for n := range 24 {
			i := []*issuer.Issuer{h.Issuer, second}[n%2]
			wg.Go(func() {
				res, err := i.Deferred(t.Context(), bearer(token), oid4vci.DeferredCredentialRequest{TransactionID: first.TransactionID}, correlation)
				switch {
				case err != nil:
					wantError(t, err, oid4vci.InvalidTransactionID)
					o.Add(1)
				case res.Deferred():
					p.Add(1)
				default:
					d.Add(1)
				}
			})
		}
		wg.Wait()
		return d.Load(), p.Load(), o.Load()
	}
	h.pass(31 * time.Second)
	if d, p, _ := all(); d != 0 || p != 24 || h.source.asked.Load() != 1 {
		t.Errorf("%d delivered, %d put off, asked %d times", d, p, h.source.asked.Load())
	}
	h.ready()
	h.pass(31 * time.Second)
	if d, p, o := all(); d != 1 || d+p+o != 24 || h.source.asked.Load() != 2 {
		t.Errorf("%d delivered, %d put off, %d over, asked %d times", d, p, o, h.source.asked.Load())
	}
	if st, err := h.config.Statuses.Find(t.Context(), "credential:"+strings.Split(string(first.TransactionID), ".")[0]); err != nil || len(st) != 2 {
		t.Errorf("%d indexes for one delivery, %v", len(st), err)
	}
}

// Whoever deletes a vault deletes what waits for it, at any moment.
func TestDeferredWithdrawn(t *testing.T) {
	h, token, ids := waiting(t)
	first := h.putOff(token, ids[2])
	h.ready()
	h.pass(time.Minute)
	if _, err := h.VaultDeleted(t.Context(), "vaults", "v", ""); err != nil {
		t.Fatal(err)
	}
	_, err := h.again(token, first.TransactionID)
	wantError(t, err, oid4vci.InvalidTransactionID)
	_, err = h.request(h.Issuer, token, ids[2], 1)
	wantError(t, err, oid4vci.CredentialRequestDenied)
	if n := len(h.deferredRecords()); n != 0 || h.source.asked.Load() != 0 {
		t.Errorf("%d records, asked %d times", n, h.source.asked.Load())
	}
}

// An institution can withdraw what still waits; what was issued it can revoke.
func TestDeferredCancelled(t *testing.T) {
	for _, issued := range []bool{false, true} {
		h := build(t)
		h.source.Pending = []issuer.Pending{{Record: late, Again: 30 * time.Second}}
		o := h.collect("")
		token, ids, err := h.redeem(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Cancel(t.Context(), client, o.ID); !errors.Is(err, issuer.ErrRedeemed) {
			t.Errorf("redeemed, nothing waits: %v", err)
		}
		if issued {
			if _, _, err := h.obtain(token, ids[0], 1); err != nil {
				t.Fatal(err)
			}
		}
		first := h.putOff(token, ids[2])
		if err := h.Cancel(t.Context(), client, o.ID); issued != errors.Is(err, issuer.ErrRedeemed) || !issued && err != nil {
			t.Errorf("issued %v: %v", issued, err)
		}
		h.ready()
		h.pass(31 * time.Second)
		_, err = h.again(token, first.TransactionID)
		wantError(t, err, oid4vci.InvalidTransactionID)
		_, err = h.request(h.Issuer, token, ids[1], 1)
		wantError(t, err, oid4vci.CredentialRequestDenied)
		if n := len(h.deferredRecords()); n != 0 || h.source.asked.Load() != 1 {
			t.Errorf("%d records, asked %d times", n, h.source.asked.Load())
		}
	}
}

func TestDeferredAgainstDeletion(t *testing.T) {
	h := build(t)
	h.source.Pending = []issuer.Pending{{Record: late, Again: 5 * time.Second}}
	for round := range 12 {
		token, ids, err := h.redeem(h.collect("v"))
		if err != nil {
			t.Fatal(err)
		}
		if round%2 == 1 {
			h.pass(6 * time.Second)
			h.ready()
		}
		var copies []string
		var both sync.WaitGroup
		both.Go(func() {
			time.Sleep(time.Duration(round%4) * time.Millisecond)
			if _, err := h.VaultDeleted(t.Context(), "vaults", "v", ""); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() { copies, _, _ = h.obtain(token, ids[2], 1) })
		both.Wait()
		if n := len(h.deferredRecords()); n != 0 {
			t.Errorf("round %d: %d records wait for a deleted vault", round, n)
		}
		for _, c := range copies {
			if h.value(c) != status.Invalid {
				t.Errorf("round %d: a copy of a deleted vault is valid", round)
			}
		}
		h.pass(time.Second)
		h.source.Datasets, h.source.Pending = h.source.Datasets[:2], []issuer.Pending{{Record: late, Again: 5 * time.Second}}
	}
}

// A record that is only promised needs a reference, or nobody could know it
// again; what is promised counts for the bounds of an offer.
func TestPendingOffer(t *testing.T) {
	h := build(t)
	h.source.Datasets, h.source.Pending = nil, []issuer.Pending{{}}
	if o, err := h.Collect(t.Context(), h.wish("")); !errors.Is(err, issuer.ErrNothing) || len(o.Refused) != 1 {
		t.Errorf("%+v %v", o, err)
	}
	h.source.Pending = []issuer.Pending{{Record: late}}
	o := h.collect("")
	if st, err := h.State(t.Context(), client, o.ID); err != nil || len(st.Pending) != 1 || st.State != "offered" {
		t.Errorf("%+v %v", st, err)
	}
	for n := range issuer.MaxDatasets {
		h.source.Pending = append(h.source.Pending, issuer.Pending{Record: fmt.Sprint(n)})
	}
	if _, err := h.Collect(t.Context(), h.wish("")); !errors.Is(err, issuer.ErrTooMany) {
		t.Errorf("%v", err)
	}
}
