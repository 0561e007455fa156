package crash_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
)

const racers = 16

// race has all racers do the same at once and says which answers they had.
func race(t *testing.T, clients []*client, do func(n int, c *client) (answer, error)) []answer {
	t.Helper()
	answers := make([]answer, len(clients))
	var ready, wg sync.WaitGroup
	begin := make(chan struct{})
	for n, c := range clients {
		ready.Add(1)
		wg.Go(func() {
			ready.Done()
			<-begin
			a, err := do(n, c)
			if err != nil {
				t.Errorf("racer %d: %v", n, err)
			}
			answers[n] = a
		})
	}
	ready.Wait()
	close(begin)
	wg.Wait()
	return answers
}

// winner is the one answer that is a success; all others must be the refusal.
func winner(t *testing.T, what string, answers []answer, status int, code string) answer {
	t.Helper()
	var won []answer
	for _, a := range answers {
		if a.status == http.StatusOK {
			won = append(won, a)
		} else if err := expect(what, a, nil, status, code); err != nil {
			t.Error(err)
		}
	}
	if len(won) != 1 {
		t.Fatalf("%s: %d winners of %d", what, len(won), len(answers))
	}
	return won[0]
}

// TestOneWinner: whatever may be had once is had once, however many ask for it
// at the same time.
func TestOneWinner(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the command; run without -short")
	}
	s := install(t)
	s.start()
	w := s.workers(2)[1] // it holds a credential
	var clients []*client
	for n := range racers {
		clients = append(clients, s.client(10+n))
	}
	for round := range 8 {
		raceIssuance(t, w, clients)
		racePresentation(t, w, clients, fmt.Sprint("race-", round))
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	raceOffer(t, w, clients)
	s.verifyUseLog()
	s.stop()
}

// raceIssuance races for a code, for a dataset with a nonce each, and for a
// nonce.
func raceIssuance(t *testing.T, w *worker, clients []*client) {
	t.Helper()
	o := w.order(2)
	w.check(w.create(o))
	o.redeem(&w.ledger, winner(t, "redeeming one code", race(t, clients, func(_ int, c *client) (answer, error) {
		return c.token(o)
	}), http.StatusBadRequest, "invalid_grant"))

	for _, kind := range []struct {
		what, refusal string
		own           bool // a nonce for each racer
	}{
		{"asking for one dataset", "credential_request_denied", true},
		{"using one nonce", "invalid_nonce", false},
	} {
		d := o.datasets[0]
		o.datasets = o.datasets[1:]
		requests, nonce := make([]string, len(clients)), ""
		for n := range requests {
			if kind.own || n == 0 {
				var err error
				nonce, err = w.nonce()
				w.check(err)
			}
			requests[n] = w.request(d.identifier, nonce, newKey())
		}
		winner(t, kind.what, race(t, clients, func(n int, c *client) (answer, error) {
			return c.credential(o.token, requests[n])
		}), http.StatusBadRequest, kind.refusal)
	}
	st, err := w.offerState(o.id)
	w.check(err)
	if len(st.Credentials) != 2 {
		t.Errorf("the issuer knows %d credentials, expected 2", len(st.Credentials))
	}
}

// racePresentation races for a request object, for the one answer and for the
// result.
func racePresentation(t *testing.T, w *worker, clients []*client, key string) {
	t.Helper()
	x := &transaction{key: key}
	w.check(w.begin(x))
	w.check(w.take(x, winner(t, "fetching one request object", race(t, clients, func(_ int, c *client) (answer, error) {
		return c.requestObject(x)
	}), http.StatusGone, "invalid_request")))
	forms := make([]url.Values, len(clients))
	for n := range forms {
		var err error
		forms[n], _, err = w.read(x.link, x.object, walletNonce, w.held)
		w.check(err)
	}
	winner(t, "answering one request", race(t, clients, func(n int, c *client) (answer, error) {
		return c.post(x.responseURI, forms[n])
	}), http.StatusGone, "invalid_request")
	a := winner(t, "fetching one result", race(t, clients, func(_ int, c *client) (answer, error) {
		return c.result(x.id)
	}), http.StatusGone, "")
	if a.members()["verified"] != true {
		t.Errorf("the result: %v", a)
	}
}

// raceOffer sends one request with one idempotency key many times at once:
// there is one offer, and everybody who gets an answer gets that one.
func raceOffer(t *testing.T, w *worker, clients []*client) {
	t.Helper()
	o := w.order(1)
	send := func(_ int, c *client) (answer, error) {
		return c.as(c.schoolKey, "POST", c.issuer+"/issuance/v1/offers", o.key, o.body)
	}
	answers := race(t, clients, send)
	last, err := send(0, w.client)
	w.check(err)
	for _, a := range append(answers, last) {
		if a.status != http.StatusConflict && (a.status != http.StatusCreated || !bytes.Equal(a.body, last.body)) {
			t.Errorf("one key, two answers: %v", a)
		}
	}
}
