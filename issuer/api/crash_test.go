package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/store"
)

// dying is a store whose process dies at a write: the write is made or not,
// nobody hears of it, and nothing works any more.
type dying struct {
	store.Store
	made bool // the last write is made

	mu   sync.Mutex
	left int
	dead bool
}

var errDead = errors.New("the process is dead")

// write says whether a write is made, and whether its caller hears of it.
func (d *dying) write() (makes, hears bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return false, false
	}
	if d.left > 0 {
		d.left--
		return true, true
	}
	d.dead = true
	return d.made, false
}

func (d *dying) alive() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errDead
	}
	return nil
}

func (d *dying) Create(ctx context.Context, r store.Record) (store.Record, error) {
	makes, hears := d.write()
	var err error
	if makes {
		r, err = d.Store.Create(ctx, r)
	}
	if !hears {
		return store.Record{}, errDead
	}
	return r, err
}

func (d *dying) Replace(ctx context.Context, old, next store.Record) (store.Record, error) {
	makes, hears := d.write()
	var err error
	if makes {
		next, err = d.Store.Replace(ctx, old, next)
	}
	if !hears {
		return store.Record{}, errDead
	}
	return next, err
}

func (d *dying) Delete(ctx context.Context, old store.Record) error {
	makes, hears := d.write()
	var err error
	if makes {
		err = d.Store.Delete(ctx, old)
	}
	if !hears {
		return errDead
	}
	return err
}

func (d *dying) Get(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
	if err := d.alive(); err != nil {
		return store.Record{}, err
	}
	return d.Store.Get(ctx, kind, id)
}

func (d *dying) Find(ctx context.Context, kind store.Kind, tag string, p store.Page) ([]store.Record, string, error) {
	if err := d.alive(); err != nil {
		return nil, "", err
	}
	return d.Store.Find(ctx, kind, tag, p)
}

// The issuer dies at every single write of the flow, once with the write made
// and once without. After the restart everything that was acknowledged holds,
// and no dataset is issued twice.
func TestCrashAtEveryWrite(t *testing.T) {
	for _, made := range []bool{false, true} {
		t.Run(fmt.Sprintf("made=%v", made), func(t *testing.T) {
			w := start(t)
			var d *dying
			writes := 0
			for ; ; writes++ {
				w.wrap = func(s store.Store) store.Store { d = &dying{Store: s, made: made, left: writes}; return d }
				w.restart()
				// A fresh limiter, nonces, lists: all that lives in memory is gone.
				ran := crashingFlow(t, w, writes)
				w.wrap = nil
				if !ran || t.Failed() {
					break
				}
			}
			if writes < 15 {
				t.Errorf("the flow made only %d writes", writes)
			}
			w.nowhere("after the crashes")
		})
	}
}

// crashingFlow runs the flow; when the issuer dies on the way it is started
// anew and the wallet goes on. It reports whether it died.
func crashingFlow(t *testing.T, w *world, run int) (died bool) {
	again := func(a answer) bool {
		if a.status < 500 {
			return false
		}
		if died {
			t.Fatalf("run %d: a second failure: %d %s", run, a.status, a.body)
		}
		died = true
		w.wrap = nil
		w.restart()
		return true
	}
	// The institution repeats its request with the same key.
	header := map[string]string{"Authorization": "Bearer " + w.keys["OVO000001"], "Content-Type": "application/json", "Idempotency-Key": fmt.Sprint("run-", run)}
	body := `{"credential_configuration_id":"led_diploma","supplier":"led","subject":{"insz":"` + insz + `"}}`
	offer := w.send("POST", "/issuance/v1/offers", header, body)
	if again(offer) {
		offer = w.send("POST", "/issuance/v1/offers", header, body)
		if offer.status == http.StatusConflict { // the dead attempt holds the key for a while
			w.clock.advance(3 * time.Minute)
			offer = w.send("POST", "/issuance/v1/offers", header, body)
		}
	}
	if offer.status != http.StatusCreated {
		t.Fatalf("run %d: offer: %d %s", run, offer.status, offer.body)
	}
	token := w.token(tokenForm(offer))
	if again(token) {
		token = w.token(tokenForm(offer))
		if token.status != 200 {
			// Spent, and the answer was lost: the institution sees it and
			// offers again.
			w.refused(token, 400, "invalid_grant")
			if st := w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil); st.text("state") != "redeemed" {
				t.Errorf("run %d: %s", run, st.body)
			}
			offer = w.offer("OVO000001")
			token = w.token(tokenForm(offer))
		}
	}
	ids := identifiersOf(token)
	if len(ids) != 2 {
		t.Fatalf("run %d: token: %d %s", run, token.status, token.body)
	}
	issued := 0
	for _, id := range ids {
		a := w.credential(token.text("access_token"), w.request(id, w.nonce(), keys(t, 2)...))
		if again(a) {
			a = w.credential(token.text("access_token"), w.request(id, w.nonce(), keys(t, 2)...))
			if a.status != 200 {
				w.refused(a, 400, "credential_request_denied")
				continue
			}
		}
		if a.status != 200 {
			t.Fatalf("run %d: credential: %d %s", run, a.status, a.body)
		}
		issued++
		if n := w.notify(token.text("access_token"), a.text("notification_id"), "credential_accepted"); again(n) {
			if n = w.notify(token.text("access_token"), a.text("notification_id"), "credential_accepted"); n.status != 204 {
				t.Errorf("run %d: notification: %d %s", run, n.status, n.body)
			}
		}
		for _, c := range texts(a) {
			if v := w.statusOf(c); v != status.Valid {
				t.Errorf("run %d: an acknowledged copy is %v", run, v)
			}
		}
		// Once more is refused, whatever happened.
		once := func() answer {
			return w.credential(token.text("access_token"), w.request(id, w.nonce(), newKey(t)))
		}
		more := once()
		if again(more) {
			more = once()
		}
		w.refused(more, 400, "credential_request_denied")
	}
	w.refused(w.token(url.Values{"grant_type": {grantType}, "pre-authorized_code": {codeOf(offer)}, "tx_code": {offer.text("tx_code")}}), 400, "invalid_grant")
	st := w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil)
	if st.text("state") != "issued" || len(st.list("credentials")) != 2 || issued < 1 {
		t.Errorf("run %d: %d acknowledged, %s", run, issued, st.body)
	}
	return died
}

// A restart between any two steps changes nothing for the wallet, and nothing
// readable lies in a file or log line at any of them.
func TestRestartBetweenSteps(t *testing.T) {
	w := start(t)
	step := func(name string, secrets ...string) {
		t.Helper()
		w.nowhere(name, secrets...)
		w.restart()
		w.nowhere(name+", restarted", secrets...)
	}
	offer := w.offer("OVO000001")
	secrets := []string{codeOf(offer), offer.text("credential_offer_uri")[len(w.base)+len("/offers/"):]}
	step("offered", secrets...)
	token, ids := w.redeem(offer)
	_, secret, _ := cutToken(token)
	secrets = append(secrets, token, secret)
	step("redeemed", secrets...)
	nonce := w.nonce()
	step("nonce", secrets...)
	a := w.credential(token, w.request(ids[0], nonce, newKey(t)))
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	p := payload(t, texts(a)[0])
	step("issued", append(secrets, p["sub"].(string), p["jti"].(string), texts(a)[0][:100])...)
	if n := w.notify(token, a.text("notification_id"), "credential_accepted"); n.status != 204 {
		t.Errorf("%d", n.status)
	}
	step("notified", secrets...)
	w.obtain(token, ids[1], 1)
	if a := w.as("OVO000001", "POST", "/issuance/v1/credentials/"+a.text("notification_id")+"/revoke", nil); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	step("revoked", secrets...)
	w.clock.advance(6 * time.Minute)
	if err := w.issuer.Housekeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	step("over", secrets...)
}

func cutToken(token string) (id, secret string, ok bool) {
	return token[:43], token[44:], len(token) > 44
}
