package crash_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
)

// canary begins every title that is sealed. It may stand in no file.
const canary = "Zegelkanarie"

// worker asks for things, one after the other, and keeps account of what it
// was told. Several workers make the load.
type worker struct {
	*client
	ledger
	name   string
	n      int
	random *rand.Rand
	held   held // for the receivers; empty for a worker that only has things issued
	killed *atomic.Bool
}

func (s *server) workers(n int) []*worker {
	killed := &atomic.Bool{}
	var all []*worker
	for i := range n {
		w := &worker{client: s.client(i + 1), name: fmt.Sprintf("w%d", i), random: rand.New(rand.NewPCG(s.random.Uint64(), uint64(i))), killed: killed}
		if i%2 == 1 {
			w.held = w.obtain()
		}
		all = append(all, w)
	}
	return all
}

// obtain has one credential issued.
func (w *worker) obtain() held {
	w.t.Helper()
	o := w.order(1)
	w.check(w.create(o))
	w.check(w.redeem(o))
	w.check(w.fetch(o, o.datasets[0]))
	return o.datasets[0].copies[0].held
}

// load works until the server dies.
func (w *worker) load(wg *sync.WaitGroup) {
	defer wg.Done()
	for !w.killed.Load() && !w.t.Failed() {
		var err error
		if w.held.text == "" {
			err = w.issue()
		} else {
			err = w.present()
		}
		if err != nil {
			if !w.killed.Load() {
				w.t.Errorf("under load: %v", err)
			}
			break
		}
	}
	w.http.CloseIdleConnections()
}

func (w *worker) chance(percent int) bool { return w.random.IntN(100) < percent }

// issue goes some way with an offer: what is left is there for the crash, and
// for a later round.
func (w *worker) issue() error {
	o := w.waiting()
	if o == nil || w.chance(60) {
		o = w.order(1 + w.random.IntN(2))
		if err := w.create(o); err != nil {
			return err
		}
	}
	if w.chance(25) {
		return nil
	}
	if err := w.redeem(o); err != nil {
		return err
	}
	for _, d := range o.datasets {
		if w.chance(25) {
			continue
		}
		if err := w.fetch(o, d); err != nil {
			return err
		}
		if w.chance(30) {
			if err := w.revoke(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// waiting is an offer that nobody tried to redeem, if there is one.
func (w *worker) waiting() *offer {
	for _, o := range w.offers {
		if o.created == done && o.redeemed == untried {
			return o
		}
	}
	return nil
}

// order is an offer that was not asked for yet.
func (w *worker) order(datasets int) *offer {
	w.n++
	o := &offer{key: fmt.Sprintf("%s-%d", w.name, w.n)}
	var claims []any
	for i := range datasets {
		claims = append(claims, map[string]any{
			"title": fmt.Sprintf("%s %s %d", canary, o.key, i), "award_date": "2011-06-30", "level": map[string]any{"eqf": "6"},
			"awarding_institution": map[string]any{"name": canary + "school", "country": "BE"},
		})
	}
	b, err := json.Marshal(map[string]any{"credential_configuration_id": "led_diploma", "claims": claims})
	w.must(err)
	o.body = string(b)
	return o
}

func (w *worker) create(o *offer) error {
	o.created = unknown
	w.offers = append(w.offers, o)
	a, err := w.as(w.schoolKey, "POST", w.issuer+"/issuance/v1/offers", o.key, o.body)
	switch {
	case err != nil:
		return err
	case a.status != http.StatusCreated:
		return fmt.Errorf("an offer: %v", a)
	}
	o.acknowledge(&w.ledger, a)
	return nil
}

func (w *worker) redeem(o *offer) error {
	o.redeemed = unknown
	a, err := w.token(o)
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK:
		return fmt.Errorf("the code of an acknowledged offer: %v", a)
	}
	o.redeem(&w.ledger, a)
	return nil
}

// fetch asks for one or two copies of a dataset.
func (w *worker) fetch(o *offer, d *dataset) error {
	nonce, err := w.nonce()
	if err != nil {
		return err
	}
	d.keys = nil
	for range 1 + w.random.IntN(2) {
		d.keys = append(d.keys, newKey())
	}
	d.fetched, d.request = unknown, w.request(d.identifier, nonce, d.keys...)
	a, err := w.credential(o.token, d.request)
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK:
		return fmt.Errorf("a dataset of an acknowledged token: %v", a)
	}
	d.receive(&w.ledger, a)
	return nil
}

func (w *worker) revoke(d *dataset) error {
	d.revoked = unknown
	a, err := w.change(d.credential, "revoke")
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK || a.text("status") != "revoked":
		return fmt.Errorf("revoking an acknowledged credential: %v", a)
	}
	d.revoked = done
	w.wrote("revoke", a)
	return nil
}

// present goes some way with a transaction.
func (w *worker) present() error {
	w.n++
	x := &transaction{key: fmt.Sprintf("%s-%d", w.name, w.n)}
	if err := w.begin(x); err != nil || w.chance(20) {
		return err
	}
	if err := w.ask(x); err != nil || w.chance(20) {
		return err
	}
	if err := w.respond(x); err != nil || w.chance(50) {
		return err
	}
	return w.conclude(x)
}

func (w *worker) begin(x *transaction) error {
	x.started = unknown
	w.transactions = append(w.transactions, x)
	a, err := w.startTransaction(x.key)
	switch {
	case err != nil:
		return err
	case a.status != http.StatusCreated:
		return fmt.Errorf("a transaction: %v", a)
	}
	x.acknowledge(&w.ledger, a)
	return nil
}

const walletNonce = "wallet-nonce-of-the-test"

// ask fetches the request object and prepares the response.
func (w *worker) ask(x *transaction) error {
	x.fetched = unknown
	a, err := w.requestObject(x)
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK:
		return fmt.Errorf("the request object of an acknowledged transaction: %v", a)
	}
	return w.take(x, a)
}

func (c *client) requestObject(x *transaction) (answer, error) {
	u, err := url.Parse(x.link)
	c.must(err)
	return c.post(u.Query().Get("request_uri"), url.Values{"wallet_nonce": {walletNonce}})
}

func (w *worker) take(x *transaction, a answer) (err error) {
	x.fetched, x.object = done, string(a.body)
	x.form, x.responseURI, err = w.read(x.link, x.object, walletNonce, w.held)
	w.secret(lastPart(x.responseURI))
	return err
}

func (w *worker) respond(x *transaction) error {
	x.answered = unknown
	a, err := w.post(x.responseURI, x.form)
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK:
		return fmt.Errorf("a good response: %v", a)
	}
	x.answered = done
	w.wrote("presentation.received", a)
	return nil
}

func (w *worker) conclude(x *transaction) error {
	x.result = unknown
	a, err := w.client.result(x.id)
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK || a.members()["verified"] != true:
		return fmt.Errorf("the result of an acknowledged response: %v", a)
	}
	x.result = done
	w.wrote("result.fetch", a)
	return nil
}
