package main

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/csc/csctest"
	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
	"github.com/zegel-id/zegel/seal/signers"
	"github.com/zegel-id/zegel/seal/trust"
)

// zegel runs the command.
func (s *site) zegel(args ...string) string {
	s.Helper()
	out, err := exec.Command("zegel", args...).CombinedOutput()
	if err != nil {
		s.Errorf("zegel %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// The command seals with keys in a token, for two issuers. When the token goes
// away under load everything that was asked for is put off, in every format, and
// collected when it is back: nothing is lost, nothing is half. What is signed
// with other keys is there all the time.
func TestTokenGoesAwayAndComesBack(t *testing.T) {
	hsm := softhsmtest.New(t)
	s := newSite(t)
	certificates := s.token(hsm, "wait: 5s")
	s.serve()
	socket := filepath.Join(s.dir, "data", "admin.sock")
	first := s.ask(0, "membership")
	list := s.statusList(first)
	for n := range s.urls {
		s.sealedBy(s.ask(n, "membership"), certificates[n])
	}
	if got := s.ready(); got != "ready" {
		t.Error(got)
	}
	if out := s.zegel("signers", "--socket", socket); !strings.Contains(out, "token seal") || strings.Contains(out, "degraded") {
		t.Error(out)
	}

	// Each issuer is asked all the time; in the middle the token goes away.
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []*wanted
	put := make(chan struct{}, 100)
	ask := func(n int, configuration string) {
		w := s.ask(n, configuration)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, w)
		if w.transaction != "" {
			put <- struct{}{}
		}
	}
	for n := range s.urls {
		for _, configuration := range []string{"membership", "led_diploma_elm_ldp", "led_diploma_mdoc"} {
			wg.Go(func() {
				for range 6 {
					ask(n, configuration)
				}
			})
		}
	}
	time.Sleep(50 * time.Millisecond)
	hsm.Unplug(t)
	wg.Wait()
	if len(put) == 0 {
		ask(0, "membership") // the machine was quick
	}
	if len(put) == 0 || len(all) < 36 {
		t.Fatalf("%d of %d were put off", len(put), len(all))
	}
	s.wait("both keys are away", func() bool { return s.ready() == "degraded seal-key seal-key-school" })
	if out := s.zegel("signers", "--socket", socket); !strings.Contains(out, "degraded") || !strings.Contains(out, "away") {
		t.Error(out)
	}
	// What other keys sign, and what needs none, is served.
	for _, get := range [][]string{
		{wellKnown(t, "openid-credential-issuer", s.urls[0]), "application/jwt"},
		{list, "application/statuslist+jwt"},
		{s.urls[0], "application/cid"},
		{s.urls[0] + "/trust/pub-eaa.jwt", "*/*"},
	} {
		if status, _, text := s.send("GET", get[0], "", "Accept", get[1]); status != http.StatusOK {
			t.Errorf("%s while the token is away: %d %s", get[0], status, text)
		}
	}
	offered := s.offer(1, "membership") // is made and redeemed too
	if offered == "" {
		t.Error("no offer while the token is away")
	}

	hsm.Plug(t)
	for _, w := range all {
		s.wait("a credential that was put off is there", func() bool {
			if len(w.copies) == 0 {
				s.again(w)
			}
			return len(w.copies) == 2 || t.Failed()
		})
	}
	s.wait("the health check says so", func() bool { return s.ready() == "ready" })
	metrics := s.zegel("signers", "--json", "--socket", socket)
	if !strings.Contains(metrics, `"away"`) || !strings.Contains(metrics, `"ok"`) {
		t.Error(metrics)
	}
	if log := s.log.String(); strings.Contains(log, softhsmtest.PIN) || !strings.Contains(log, "the seal key is away") || !strings.Contains(log, "the seal key is back") {
		t.Errorf("the log:\n%s", log)
	}
}

// The command seals with a key at a provider, in both modes. While the provider
// is down, refuses, or is slower than a request waits, what is issued is put off;
// then it is collected.
func TestProviderGoesAwayAndComesBack(t *testing.T) {
	for _, mode := range []string{"explicit", "oauth2code"} {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t)
			p := s.provider(mode)
			s.seals[0] += "wait: 1s\n"
			if err := s.tryOpen(); err != nil {
				t.Fatal(err)
			}
			s.sealedBy(s.ask(0, "membership"), p.Chain[0])
			putOff := func(what string, configuration string) *wanted {
				t.Helper()
				w := s.ask(0, configuration)
				if w.transaction == "" {
					t.Errorf("%s: nothing was put off", what)
				}
				s.wait(what+": the health check says so", func() bool { return s.ready() == "degraded seal-key" })
				return w
			}
			collect := func(what string, w *wanted) {
				t.Helper()
				s.pass(6 * time.Second)
				s.again(w)
				if len(w.copies) != 2 {
					t.Errorf("%s: not collected", what)
				}
				s.wait(what+": the health check says that it is back", func() bool { return s.ready() == "ready" })
			}
			authorizing := map[string]string{"explicit": "credentials/authorize", "oauth2code": "oauth2/authorize"}[mode]
			fail := func(status int) http.HandlerFunc {
				return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
			}

			p.Break(authorizing, fail(http.StatusServiceUnavailable))
			w := putOff("down before signing", "membership")
			p.Break(authorizing, nil)
			collect("down before signing", w)
			s.sealedBy(w, p.Chain[0])

			// An answer that is lost after signHash was asked: it is asked for once
			// more, for the wallet that comes again, and told in the log.
			p.Break("signatures/signHash", fail(http.StatusBadGateway))
			w = putOff("lost while signing", "led_diploma_elm_ldp")
			p.Break("signatures/signHash", nil)
			collect("lost while signing", w)
			if !strings.Contains(s.log.String(), "a seal may have been made that nobody has") {
				t.Error("a seal that may have been made is not told")
			}

			// Both copies are asked for at once.
			hold, together := make(chan struct{}), make(chan struct{})
			release := sync.OnceFunc(func() { close(hold) })
			defer release()
			p.Next("signatures/signHash", func(rw http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil && s.app.seals.of("").queue.Status().Busy < 2 {
					time.Sleep(time.Millisecond)
				}
				if r.Context().Err() == nil {
					close(together)
				}
				<-hold
				p.ServeHTTP(rw, r)
			})
			w = putOff("slow", "membership")
			select {
			case <-together:
			default:
				t.Error("the copies were asked for one after the other")
			}
			release()
			collect("slow", w)

			// It refuses until somebody puts it right: that too is an absence. Asking
			// whether it is there does not mend it, a signature does.
			if mode == "explicit" {
				s.file("csc-otp", "11112222")
				w = putOff("refused", "membership")
				if err := s.app.seals.of("").ask(t.Context()); err != nil || s.ready() != "degraded seal-key" {
					t.Errorf("%v, %s", err, s.ready())
				}
				s.file("csc-otp", csctest.OTP)
				collect("refused", w)
			}

			// Away while nobody signs: the look notices, and that it is back.
			look := func(want string) {
				t.Helper()
				if err := s.app.seals.of("").ask(t.Context()); err != nil || s.ready() != want {
					t.Errorf("%v, %s, expected %s", err, s.ready(), want)
				}
			}
			p.Say("key.status", "disabled")
			look("degraded seal-key")
			p.Say("key.status", "enabled")
			look("ready")
			for _, secret := range []string{csctest.PIN, csctest.OTP, csctest.ClientSecret, "11112222"} {
				if strings.Contains(s.log.String(), secret) {
					t.Errorf("the log holds %q", secret)
				}
			}
		})
	}
}

// One issuer asks for much at once, and the token it shares is busy: another is
// served in its turn, and what the line of the first does not hold is put off at
// once.
func TestNoisyTenant(t *testing.T) {
	hsm := softhsmtest.New(t)
	faults := hsm.Break(t)
	s := newSite(t)
	certificates := s.token(hsm, "queue: {at_once: 1, waiting: 24}\nwait: 45s")
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	queue := s.app.seals.of("").queue
	if queue != s.app.seals.of("school").queue {
		t.Fatal("a queue each before one token")
	}
	var mu sync.Mutex
	var order []*wanted
	var wg sync.WaitGroup
	ask := func(n, copies int) {
		wg.Go(func() {
			w := s.askCopies(n, "membership", copies)
			mu.Lock()
			defer mu.Unlock()
			order = append(order, w)
		})
	}
	faults.Hold("C_Sign")
	for range 30 {
		ask(0, 2)
	}
	waiting := func(tenant string) int { return queue.Status().Tenants[tenant].Waiting }
	s.wait("one is signed, 24 wait, 5 are put off", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return waiting("") == 24 && len(order) == 5
	})
	for _, w := range order {
		if w.transaction == "" {
			t.Error("more was taken than may wait")
		}
	}
	if got := s.ready(); got != "ready" {
		t.Errorf("a full queue says nothing of the key: %s", got)
	}
	ask(1, 1)
	s.wait("the other waits", func() bool { return waiting("school") == 1 })
	if text := s.metrics(); !strings.Contains(text, `zegel_seal_queue_waiting{tenant="",signer="token seal"} 24`) || !strings.Contains(text, `outcome="full"} 5`) ||
		!strings.Contains(text, `zegel_seal_queue_waiting{tenant="school",signer="token seal"} 1`) || !strings.Contains(text, `zegel_seal_queue_busy{tenant="school",signer="token seal"} 1`) {
		t.Error(text)
	}
	// The module begins six more signatures before it goes away: one of them is the
	// other's, although 24 came before it.
	faults.FailFrom("C_SignInit", 6, 0x30, 1000) // CKR_DEVICE_ERROR
	faults.Release("C_Sign")
	wg.Wait()
	faults.Clear("C_SignInit")
	for _, w := range order {
		if served := len(w.copies) > 0; served != (w.n == 1) {
			t.Errorf("an issuer %d was served: %v", w.n, served)
		}
		if w.n == 1 {
			s.sealedBy(w, certificates[1])
		}
	}
	// Nothing is lost.
	s.pass(6 * time.Second)
	for _, w := range order {
		if w.n == 0 {
			if s.again(w); len(w.copies) != 2 {
				t.Error("not collected")
			}
			s.sealedBy(w, certificates[0])
		}
	}
	text := s.metrics()
	for _, line := range []string{
		`zegel_seal_key_ready{tenant="",signer="token seal"} 1`, "# TYPE zegel_seal_signatures_total counter",
		`zegel_seal_sign_seconds_bucket{tenant="school",signer="token seal",le="+Inf"} 1`, `zegel_seal_sign_seconds_count{tenant="school",signer="token seal"} 1`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the metrics lack %s:\n%s", line, text)
		}
	}
}

// metrics are what the admin socket gives.
func (s *site) metrics() string {
	s.Helper()
	w := httptest.NewRecorder()
	s.app.adminHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		s.Errorf("%d %s", w.Code, w.Header())
	}
	return w.Body.String()
}

// A seal key that is elsewhere is not replaced by one in the key directory, and
// its certificate stays in the list of providers.
func TestSealKeyElsewhereIsNotRotated(t *testing.T) {
	hsm := softhsmtest.New(t)
	s := newSite(t)
	certificates := s.token(hsm, "")
	s.seals[1] = ""
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.app.local.RotateSeal(t.Context(), ""); !errors.Is(err, errElsewhere) {
		t.Error(err)
	}
	w := httptest.NewRecorder()
	s.app.adminHandler().ServeHTTP(w, httptest.NewRequest("POST", "/keys/rotate?use=seal", nil))
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "name both under seal in the configuration") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := s.app.local.RotateSeal(t.Context(), "school"); err != nil {
		t.Errorf("the other's, which is there: %v", err)
	}
	s.sealedBy(s.ask(0, "membership"), certificates[0])
	if !s.app.local.keys[""].Current().Certificate().Equal(certificates[0]) {
		t.Error("another key seals")
	}
	store, err := s.app.local.hierarchy.Store(s.now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Certificates(certificates[:1], trust.UseSeal, s.now()); err != nil {
		t.Error(err)
	}
}

// A key is replaced by another in the module while wallets ask: no request fails,
// the new key seals from then on, and what cannot be taken changes nothing.
func TestSealKeyReplaced(t *testing.T) {
	hsm := softhsmtest.New(t)
	s := newSite(t)
	certificates := s.token(hsm, "")
	next := s.tokenKey(hsm, "seal-2", "")
	s.serve()
	socket := filepath.Join(s.dir, "data", "admin.sock")
	replace := func(args ...string) string {
		out, _ := exec.Command("zegel", append([]string{"signers", "replace", "--socket", socket}, args...)...).CombinedOutput()
		return string(out)
	}
	configured := func(old, other string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(s.dir, "zegel.yaml"))
		if err != nil || !strings.Contains(string(b), old) {
			t.Fatalf("%v: no %q", err, old)
		}
		s.file("zegel.yaml", strings.ReplaceAll(string(b), old, other))
	}
	first := s.ask(0, "membership")
	s.sealedBy(first, certificates[0])

	// What does not hold is told, and the key before goes on.
	configured("key_label: seal-0", "key_label: seal-2")
	if out := replace(); !strings.Contains(out, "The seal key was not taken") || !strings.Contains(out, "pkcs11.key_label") {
		t.Error(out)
	}
	configured("certificate_file: seal-0.pem", "certificate_file: seal-2.pem")
	configured("sessions: 8", "sessions: 9")
	if out := replace(); !strings.Contains(out, "found another sessions than when the signer was taken into use") {
		t.Error(out)
	}
	configured("sessions: 9", "sessions: 8")
	if out := replace("--tenant", "nobody"); !strings.Contains(out, "Key is not elsewhere") {
		t.Error(out)
	}
	s.sealedBy(s.ask(0, "membership"), certificates[0])

	var wg sync.WaitGroup
	ended := make(chan struct{})
	for n := range s.urls {
		for range 2 {
			wg.Go(func() {
				for {
					if w := s.ask(n, "membership"); len(w.copies) != 2 {
						t.Error("a request failed or was put off")
					}
					select {
					case <-ended:
						return
					default:
					}
				}
			})
		}
	}
	out := replace()
	close(ended)
	wg.Wait()
	if !strings.Contains(out, "Sealing with the certificate") {
		t.Error(out)
	}
	s.sealedBy(s.ask(0, "membership"), next)
	s.sealedBy(s.ask(1, "membership"), certificates[1])
	// The former certificate is still served where what it sealed says.
	compact, _, _ := strings.Cut(first.copies[0], "~")
	token, err := jose.Parse(compact)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, text := s.send("GET", token.Header.X5U, ""); status != http.StatusOK || !strings.Contains(text, "BEGIN CERTIFICATE") {
		t.Errorf("%s: %d %s", token.Header.X5U, status, text)
	}
	if log := s.log.String(); !strings.Contains(log, "seal key replaced") {
		t.Error(log)
	}
}

// A look that does not end says that the key is away, and one that ends because the
// server stops says nothing. A certificate that has ended is told, too.
func TestSealKeyLooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault error
		key := &signerKey{where: "token x", chain: []*x509.Certificate{{NotAfter: time.Now().Add(time.Hour)}}, check: func(ctx context.Context) error {
			if fault == nil {
				return nil
			}
			<-ctx.Done()
			return fault
		}}
		k := newSealKey(&IssuerConfig{}, key, time.Now)
		k.log = slog.New(slog.DiscardHandler)
		look := func(ctx context.Context, degraded bool, what string) {
			t.Helper()
			if err := k.ask(ctx); err != nil {
				t.Error(err)
			}
			if err := k.health(t.Context()); errors.Is(err, rest.ErrDegraded) != degraded {
				t.Errorf("%s: %v", what, err)
			}
		}
		look(t.Context(), false, "there")
		fault = errors.New("no answer")
		stopping, stop := context.WithCancel(t.Context())
		stop()
		look(stopping, false, "the server stops")
		look(t.Context(), true, "no answer in a minute")
		fault = nil
		look(t.Context(), false, "there again")
		fault = pkcs11.ErrBusy
		look(t.Context(), false, "busy")
		fault = nil
		time.Sleep(2 * time.Hour)
		look(t.Context(), true, "the certificate has ended")
	})
}

// A key that was replaced may be late: that it is refused, or signs, says nothing of the
// one in its place. Its signatures count all the same.
func TestReplacedKeyIsLate(t *testing.T) {
	s := newSealKeys()
	open := func(where string) *sealKey {
		k := newSealKey(&IssuerConfig{}, &signerKey{where: where}, time.Now)
		k.log = slog.New(slog.DiscardHandler)
		s.use(k)
		return k
	}
	before := open("before")
	observed{s, before}.Signed("", 0, time.Second, nil)
	after := open("after")
	observed{s, before}.Signed("", 0, time.Second, errRefused)
	if err := s.health("")(t.Context()); err != nil {
		t.Errorf("a late refusal of the former key: %v", err)
	}
	observed{s, after}.Signed("", 0, time.Second, errRefused)
	observed{s, before}.Signed("", 0, time.Second, nil)
	if err := s.health("")(t.Context()); !errors.Is(err, rest.ErrDegraded) {
		t.Errorf("a late signature of the former key: %v", err)
	}
	observed{s, after}.Signed("", time.Second, 0, signers.ErrQueueFull)
	if after.signed[sealOK] != 2 || after.signed[sealRefused] != 2 || after.signed[sealFull] != 1 || after.took.count != 4 || after.waited.count != 5 {
		t.Errorf("%v, %d, %d", after.signed, after.took.count, after.waited.count)
	}
}
