package crash_test

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"

	"github.com/zegel-id/zegel/credential/status"
)

// prove holds the server against everything the workers were told, after a
// crash. Offers, tokens and requests that nobody has used are used half of the
// time, so that the others live through the next crash too; the last time all
// are.
func prove(workers []*worker, last bool) {
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(func() {
			for _, o := range w.offers {
				if err := w.proveOffer(o, last); err != nil {
					w.t.Errorf("offer %s: %v", o.key, err)
				}
			}
			for _, x := range w.transactions {
				if err := w.proveTransaction(x, last); err != nil {
					w.t.Errorf("transaction %s: %v", x.key, err)
				}
			}
		})
	}
	wg.Wait()
	proveStatus(workers)
}

// now says whether something that was not used is used now.
func (w *worker) now(last bool) bool { return last || w.chance(50) }

// expect says that an answer has a status and, as an OAuth error, a code.
func expect(what string, a answer, err error, status int, code string) error {
	if err == nil && (a.status != status || code != "" && a.text("error") != code) {
		err = fmt.Errorf("expected %d %s, found %v", status, code, a)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (w *worker) proveOffer(o *offer, last bool) error {
	if err := w.proveRevocations(o); err != nil {
		return err
	}
	if o.created == refused || o.settled && !last {
		return nil
	}
	// The same request with the same key has the same answer.
	a, err := w.as(w.schoolKey, "POST", w.issuer+"/issuance/v1/offers", o.key, o.body)
	switch {
	case err == nil && o.created == unknown && a.status == http.StatusConflict:
		o.created = refused // cut off half way: the key is locked for a while
		return nil
	case err != nil || a.status != http.StatusCreated:
		return expect("repeating its creation", a, err, http.StatusCreated, "")
	case o.created == unknown:
		o.acknowledge(&w.ledger, a)
		w.lines = w.lines[:len(w.lines)-1] // the line may be the first attempt's
	case !bytes.Equal(a.body, o.answer):
		return fmt.Errorf("the answer to its creation has changed")
	}
	if err := w.proveCode(o, last); err != nil {
		return err
	}
	over := o.redeemed == done || o.redeemed == refused
	issued := 0
	for _, d := range o.datasets {
		if err := w.proveDataset(o, d, last); err != nil {
			return err
		}
		over = over && d.fetched != untried
		if d.fetched != untried {
			issued++
		}
	}
	if err := w.proveState(o, issued); err != nil {
		return err
	}
	o.settled = over
	return nil
}

func (w *worker) proveCode(o *offer, last bool) error {
	if o.redeemed == untried {
		if !w.now(last) {
			return nil
		}
		return w.redeem(o)
	}
	a, err := w.token(o)
	if o.redeemed == unknown && err == nil && a.status == http.StatusOK {
		o.redeem(&w.ledger, a)
		// And now it is spent.
		a, err = w.token(o)
	}
	if err := expect("redeeming a code again", a, err, http.StatusBadRequest, "invalid_grant"); err != nil {
		return err
	}
	if o.redeemed == unknown {
		o.redeemed = refused
	}
	return nil
}

func (w *worker) proveDataset(o *offer, d *dataset, last bool) error {
	switch d.fetched {
	case refused:
		return nil
	case untried:
		if !w.now(last) {
			return nil
		}
		return w.fetch(o, d)
	case done:
		// The same request: its nonce is spent.
		a, err := w.credential(o.token, d.request)
		if err := expect("repeating a credential request", a, err, http.StatusBadRequest, "invalid_nonce"); err != nil {
			return err
		}
	}
	nonce, err := w.nonce()
	if err != nil {
		return err
	}
	key := newKey()
	request := w.request(d.identifier, nonce, key)
	a, err := w.credential(o.token, request)
	if d.fetched == unknown && err == nil && a.status == http.StatusOK {
		d.keys, d.request = append(d.keys[:0], key), request
		d.receive(&w.ledger, a)
		return nil
	}
	if err := expect("asking for a dataset again", a, err, http.StatusBadRequest, "credential_request_denied"); err != nil {
		return err
	}
	if d.fetched == unknown {
		d.fetched = refused // it was issued, and the answer was lost
	}
	return nil
}

// proveState holds what the issuance API knows against what was acknowledged.
func (w *worker) proveState(o *offer, issued int) error {
	st, err := w.offerState(o.id)
	if err != nil {
		return err
	}
	want := "offered"
	switch {
	case issued > 0:
		want = "issued"
	case o.redeemed != untried:
		want = "redeemed"
	}
	// Of an offer whose token was lost with an answer nothing can be issued.
	if st.State != want || len(st.Credentials) != issued {
		return fmt.Errorf("its state is %s with %d credentials, expected %s with %d", st.State, len(st.Credentials), want, issued)
	}
	for _, d := range o.datasets {
		if d.fetched != done {
			continue
		}
		want := "valid"
		if d.revoked == done {
			want = "revoked"
		}
		if got := st.Credentials[d.credential]; got != want {
			return fmt.Errorf("credential %s is %q, expected %s", d.credential, got, want)
		}
	}
	return nil
}

// proveRevocations repeats those that nobody heard of.
func (w *worker) proveRevocations(o *offer) error {
	for _, d := range o.datasets {
		if d.revoked == unknown {
			if err := w.revoke(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// proveStatus holds the status lists against what was acknowledged: every
// copy of every credential has an index of its own, with its status.
func proveStatus(workers []*worker) {
	lists := map[string]*status.List{}
	taken := map[status.Ref]bool{}
	for _, w := range workers {
		for _, o := range w.offers {
			for _, d := range o.datasets {
				want := status.Valid
				if d.revoked == done {
					want = status.Invalid
				}
				for _, c := range d.copies {
					if taken[c.ref] {
						w.t.Errorf("offer %s: the status index %d of %s was given out twice", o.key, c.ref.Index, c.ref.URI)
					}
					taken[c.ref] = true
					if lists[c.ref.URI] == nil {
						list, err := w.statusList(c.ref.URI)
						w.check(err)
						lists[c.ref.URI] = list
					}
					if got, err := lists[c.ref.URI].At(c.ref.Index); err != nil || got != want {
						w.t.Errorf("offer %s: the status list says %v %v, expected %v", o.key, got, err, want)
					}
				}
			}
		}
	}
}

func (w *worker) proveTransaction(x *transaction, last bool) error {
	if x.started == refused || x.settled && !last {
		return nil
	}
	a, err := w.startTransaction(x.key)
	switch {
	case err == nil && x.started == unknown && a.status == http.StatusConflict:
		x.started = refused
		return nil
	case err != nil || a.status != http.StatusCreated:
		return expect("repeating its start", a, err, http.StatusCreated, "")
	case x.started == unknown:
		x.acknowledge(&w.ledger, a)
		w.lines = w.lines[:len(w.lines)-1]
	case !bytes.Equal(a.body, x.answer):
		return fmt.Errorf("the answer to its start has changed")
	}
	if err := w.proveRequest(x, last); err != nil || x.fetched != done {
		return err
	}
	if err := w.proveResponse(x, last); err != nil || x.answered == untried {
		return err
	}
	return w.proveResult(x)
}

func (w *worker) proveRequest(x *transaction, last bool) error {
	if x.fetched == untried {
		if !w.now(last) {
			return nil
		}
		return w.ask(x)
	}
	a, err := w.requestObject(x)
	if x.fetched == unknown && err == nil && a.status == http.StatusOK {
		if err := w.take(x, a); err != nil {
			return err
		}
		a, err = w.requestObject(x)
	}
	if err := expect("fetching a request object again", a, err, http.StatusGone, "invalid_request"); err != nil {
		return err
	}
	if x.fetched == unknown {
		x.fetched, x.settled = refused, true
	}
	return nil
}

func (w *worker) proveResponse(x *transaction, last bool) error {
	if x.answered == untried {
		if !w.now(last) {
			return nil
		}
		return w.respond(x)
	}
	a, err := w.post(x.responseURI, x.form)
	if x.answered == unknown && err == nil && a.status == http.StatusOK {
		w.wrote("presentation.received", a)
		a, err = w.post(x.responseURI, x.form)
	}
	x.answered = done // now, or by the attempt that nobody heard of
	return expect("answering again", a, err, http.StatusGone, "invalid_request")
}

// proveResult fetches the result, which is given out once.
func (w *worker) proveResult(x *transaction) error {
	if x.result == untried {
		if err := w.conclude(x); err != nil {
			return err
		}
	}
	a, err := w.client.result(x.id)
	if x.result == unknown && err == nil && a.status == http.StatusOK {
		w.wrote("result.fetch", a)
		a, err = w.client.result(x.id)
	}
	x.result, x.settled = done, true
	return expect("fetching a result again", a, err, http.StatusGone, "")
}
