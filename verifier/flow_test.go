package verifier_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

const query = `{"credentials":[{"id":"diploma","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/types/led-diploma"]},
  "claims":[{"path":["title"]},{"path":["person","family_name"]}]}]}`

func order(q string, flow verifier.Flow) verifier.Order {
	o := verifier.Order{Query: []byte(q), Purpose: world.Use, Flow: flow}
	if flow == verifier.SameDevice {
		o.RedirectURI = world.Redirect
	}
	return o
}

func start(t *testing.T, w *world.World, o verifier.Order) verifier.Started {
	t.Helper()
	s, err := w.Verifier.Start(t.Context(), world.University, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func result(t *testing.T, w *world.World, s verifier.Started, code string) verifier.Result {
	t.Helper()
	r, err := w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, code)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func state(t *testing.T, w *world.World, s verifier.Started, want verifier.State) {
	t.Helper()
	got, err := w.Verifier.State(t.Context(), s.ID.Reveal(), world.University)
	if err != nil || got.State != want {
		t.Errorf("state is %v, %v; want %s", got, err, want)
	}
}

func refused(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestCrossDevice(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	s := start(t, w, order(query, verifier.CrossDevice))
	state(t, w, s, verifier.StateRequested)
	a := w.Fetch(s)
	if a.Registration.Receiver != world.UniversityNumber || a.Registration.LegalBasis == "" || len(a.Registration.Purpose) != 4 || a.Registration.IntendedUse != world.Use {
		t.Errorf("registration %+v", a.Registration)
	}
	if a.Prefix != oid4vp.PrefixX509Hash || a.ResponseMode != oid4vp.ModeDirectPostJWT || len(a.Nonce) < 43 || len(a.State) < 43 || a.ClientMetadata.JWKS.Keys[0].Kid == "" {
		t.Errorf("request %+v", a.Request)
	}
	if !slices.Equal(a.ClientMetadata.EncValuesSupported, []string{"A256GCM", "A128GCM"}) {
		t.Errorf("enc %v", a.ClientMetadata.EncValuesSupported)
	}
	state(t, w, s, verifier.StateFetched)
	_, err := w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, "")
	refused(t, err, verifier.ErrPending)

	redirect, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(h, a.Paths())))
	if err != nil || redirect != "" {
		t.Fatalf("%q %v", redirect, err)
	}
	state(t, w, s, verifier.StateAnswered)
	r := result(t, w, s, "")
	state(t, w, s, verifier.StateDone)
	if !r.Verified || r.Qualification != seal.AdESeal || len(r.Presentations) != 1 {
		t.Fatalf("%+v", r)
	}
	p := r.Presentations[0]
	if p.Issuer != world.Issuer || p.Type != world.VCT || p.Format != credential.FormatSDJWTVC || p.Seal.Indication != seal.TotalPassed || p.Seal.Source.Legislation == "" || p.Seal.Provider.Registration != w.Hierarchy.Registration() {
		t.Errorf("%+v %+v", p, p.Seal)
	}
	if want := `{"person":{"family_name":"CANARY-FAMILY"},"title":"CANARY-TITLE"}`; string(p.Claims) != want {
		t.Errorf("claims %s, want %s", p.Claims, want)
	}
	var lines []string
	for _, c := range p.Checks {
		lines = append(lines, c.Name)
		if c.Outcome != credential.Passed {
			t.Errorf("%+v", c)
		}
	}
	if want := "structure seal issuer_trust issuer_signature type validity holder_binding replay query disclosure policy qualification status"; strings.Join(lines, " ") != want {
		t.Errorf("checks %v", lines)
	}
	_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, "")
	refused(t, err, verifier.ErrSpent)

	var kinds []string
	for e, err := range w.Audit.List(audit.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Organisation != world.University || e.Purpose != world.Use || e.LegalBasis == "" {
			t.Errorf("%+v", e)
		}
		kinds = append(kinds, string(e.Kind))
	}
	if want := "transaction.create presentation.received result.fetch"; strings.Join(kinds, " ") != want {
		t.Errorf("use log %v", kinds)
	}
}

func TestSameDevice(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	s := start(t, w, order(query, verifier.SameDevice))
	a := w.Fetch(s)
	redirect, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(h, a.Paths())))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(redirect)
	if err != nil || u.Host != "www.university.example" || u.Query().Get("session") != "1" {
		t.Fatalf("redirect %s", redirect)
	}
	code := u.Query().Get("response_code")
	_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, "")
	refused(t, err, verifier.ErrCode)
	for range 3 {
		_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, strings.Repeat("A", 43))
		refused(t, err, verifier.ErrCode)
	}
	if r := result(t, w, s, code); !r.Verified {
		t.Errorf("%+v", r)
	}
}

// Wrong response codes are counted, whoever brings them at once.
func TestResponseCodeTries(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	s := start(t, w, order(query, verifier.SameDevice))
	a := w.Fetch(s)
	redirect, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(h, a.Paths())))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			_, err := w.Verifier.Result(context.Background(), s.ID.Reveal(), world.University, "wrong")
			refused(t, err, verifier.ErrCode)
		})
	}
	wg.Wait()
	_, code, _ := strings.Cut(redirect, "response_code=")
	code, _, _ = strings.Cut(code, "&")
	_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, code)
	refused(t, err, verifier.ErrCode)
}

// With a DNS name in its access certificate a receiver is x509_san_dns.
func TestSANDNS(t *testing.T) {
	w := world.New(t)
	o := verifier.Order{Query: []byte(strings.Replace(query, `,{"path":["person","family_name"]}`, "", 1)), Purpose: "hiring", Flow: verifier.CrossDevice}
	s, err := w.Verifier.Start(t.Context(), world.Employer, o)
	if err != nil {
		t.Fatal(err)
	}
	a := w.Fetch(s)
	if a.ClientID != "x509_san_dns:verifier.example" {
		t.Errorf("client_id %s", a.ClientID)
	}
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths()))); err != nil {
		t.Fatal(err)
	}
	_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, "")
	refused(t, err, verifier.ErrNotFound) // another receiver's transaction
	_, err = w.Verifier.State(t.Context(), s.ID.Reveal(), world.University)
	refused(t, err, verifier.ErrNotFound)
	r, err := w.Verifier.Result(t.Context(), s.ID.Reveal(), world.Employer, "")
	if err != nil || !r.Verified || string(r.Presentations[0].Claims) != `{"title":"CANARY-TITLE"}` {
		t.Errorf("%+v %v", r, err)
	}
}

// A request object with and without wallet_nonce is the same but for that; it
// is handed out once (OpenID4VP 1.0, Section 5.10).
func TestRequestObject(t *testing.T) {
	w := world.New(t)
	s := start(t, w, order(query, verifier.CrossDevice))
	secret := world.Last(s.RequestURI)
	_, err := w.Verifier.RequestObject(t.Context(), secret, oid4vp.RequestURIPost{WalletNonce: "a b"})
	refused(t, err, verifier.ErrRequest)
	_, err = w.Verifier.RequestObject(t.Context(), s.ID.Reveal(), oid4vp.RequestURIPost{})
	refused(t, err, verifier.ErrNotFound) // the transaction id is another secret
	var wg sync.WaitGroup
	var won atomic.Int32
	var object atomic.Value
	for range 16 {
		wg.Go(func() {
			o, err := w.Verifier.RequestObject(context.Background(), secret, oid4vp.RequestURIPost{})
			if err == nil {
				won.Add(1)
				object.Store(o)
				return
			}
			refused(t, err, verifier.ErrSpent)
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d got the request object", won.Load())
	}
	in, err := oid4vp.ParseLink(s.Link)
	if err != nil || in.Method != "post" || in.RequestURI != s.RequestURI {
		t.Fatalf("%+v %v", in, err)
	}
	if a := w.Read(object.Load().(string), in.ClientID, ""); a.WalletNonce != "" {
		t.Error("a wallet_nonce from nowhere")
	}

	// A wallet that sends keys gets it encrypted.
	s = start(t, w, order(query, verifier.CrossDevice))
	key := world.NewKey()
	jwk, err := jose.PublicJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	jwk.Kid, jwk.Alg, jwk.Use = "w", "ECDH-ES", "enc"
	meta, err := jose.Marshal(map[string]any{"jwks": map[string]any{"keys": []jose.JWK{jwk}}, "request_object_encryption_enc_values_supported": []string{"A256GCM"}})
	if err != nil {
		t.Fatal(err)
	}
	post, err := oid4vp.ParseRequestURIPost(url.Values{"wallet_nonce": {"n-1"}, "wallet_metadata": {string(meta)}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := w.Verifier.RequestObject(t.Context(), world.Last(s.RequestURI), post)
	if err != nil {
		t.Fatal(err)
	}
	plain, _, err := jose.DecryptCompact(text, key, jose.A256GCM)
	if err != nil {
		t.Fatal(err)
	}
	in, _ = oid4vp.ParseLink(s.Link)
	w.Read(string(plain), in.ClientID, "n-1")
}

// Of those who answer at once one wins; afterwards the request is closed.
func TestOneResponse(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	s := start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(s)
	forms := make([]url.Values, 8)
	for i := range forms {
		forms[i] = a.Form(a.Present(h, a.Paths()))
	}
	var wg sync.WaitGroup
	var won atomic.Int32
	for _, f := range forms {
		wg.Go(func() {
			_, err := w.Verifier.Respond(context.Background(), a.Secret(), f)
			if err == nil {
				won.Add(1)
				return
			}
			refused(t, err, verifier.ErrSpent)
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d winners", won.Load())
	}
	_, err := w.Verifier.Respond(t.Context(), a.Secret(), forms[0])
	refused(t, err, verifier.ErrSpent)
	if r := result(t, w, s, ""); !r.Verified {
		t.Errorf("%+v", r)
	}
	_, err = w.Verifier.Respond(t.Context(), a.Secret(), forms[0])
	refused(t, err, verifier.ErrSpent)
}

// A fetch that was lost on its way can be repeated for a short time, if the
// operator says so; without that, one fetch at once wins.
func TestResultGrace(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Minute} {
		w := world.New(t, func(c *verifier.Config) { c.ResultGrace = grace })
		s := start(t, w, order(query, verifier.CrossDevice))
		a := w.Fetch(s)
		if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths()))); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var won atomic.Int32
		for range 8 {
			wg.Go(func() {
				r, err := w.Verifier.Result(context.Background(), s.ID.Reveal(), world.University, "")
				if err == nil && r.Verified {
					won.Add(1)
				} else {
					refused(t, err, verifier.ErrSpent)
				}
			})
		}
		wg.Wait()
		if want := map[bool]int32{true: 1, false: 8}[grace == 0]; won.Load() != want {
			t.Errorf("grace %s: %d results, want %d", grace, won.Load(), want)
		}
		w.Advance(2 * time.Minute)
		_, err := w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, "")
		refused(t, err, verifier.ErrSpent)
		n, err := w.Verifier.Sweep(t.Context())
		if want := map[bool]int{true: 0, false: 1}[grace == 0]; n != want || err != nil {
			t.Errorf("swept %d, %v; want %d", n, err, want)
		}
		_, err = w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths())))
		refused(t, err, verifier.ErrSpent)
	}
}

func TestExpiry(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	s := start(t, w, order(query, verifier.CrossDevice))
	w.Advance(5 * time.Minute)
	_, err := w.Verifier.RequestObject(t.Context(), world.Last(s.RequestURI), oid4vp.RequestURIPost{})
	refused(t, err, verifier.ErrExpired)
	state(t, w, s, verifier.StateExpired)

	s = start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(s)
	form := a.Form(a.Present(h, a.Paths()))
	w.Advance(5 * time.Minute)
	_, err = w.Verifier.Respond(t.Context(), a.Secret(), form)
	refused(t, err, verifier.ErrExpired)
	_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, "")
	refused(t, err, verifier.ErrExpired)

	s = start(t, w, order(query, verifier.CrossDevice))
	a = w.Fetch(s)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(h, a.Paths()))); err != nil {
		t.Fatal(err)
	}
	w.Advance(15 * time.Minute)
	_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, "")
	refused(t, err, verifier.ErrExpired)
	state(t, w, s, verifier.StateExpired)
	if n, err := w.Verifier.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	w.Advance(24 * time.Hour)
	_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, "")
	refused(t, err, verifier.ErrNotFound)
}

// Every step survives a restart, and none can be taken twice after one.
func TestRestart(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	s := start(t, w, order(query, verifier.SameDevice))
	w.Restart()
	a := w.Fetch(s)
	w.Restart()
	_, err := w.Verifier.RequestObject(t.Context(), world.Last(s.RequestURI), oid4vp.RequestURIPost{})
	refused(t, err, verifier.ErrSpent)
	form := a.Form(a.Present(h, a.Paths()))
	redirect, err := w.Verifier.Respond(t.Context(), a.Secret(), form)
	if err != nil {
		t.Fatal(err)
	}
	w.Restart()
	_, err = w.Verifier.Respond(t.Context(), a.Secret(), form)
	refused(t, err, verifier.ErrSpent)
	u, _ := url.Parse(redirect)
	if r := result(t, w, s, u.Query().Get("response_code")); !r.Verified {
		t.Errorf("%+v", r)
	}
	w.Restart()
	_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, u.Query().Get("response_code"))
	refused(t, err, verifier.ErrSpent)
}

// No claim value and no secret ever stands in a file: not before, not while a
// result waits, not after it was fetched.
func TestNothingReadable(t *testing.T) {
	w := world.New(t, func(c *verifier.Config) { c.ResultGrace = time.Minute })
	h := w.Issue()
	q := strings.Replace(query, `{"path":["title"]}`, `{"path":["title"],"values":["CANARY-TITLE"]}`, 1)
	o := order(q, verifier.SameDevice)
	o.Evidence = true
	s := start(t, w, o)
	look := func(when string, secrets ...string) {
		t.Helper()
		err := filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, c := range append(slices.Clone(world.Canaries), secrets...) {
				if bytes.Contains(b, []byte(c)) {
					t.Errorf("%s: %.12s stands in %s", when, c, filepath.Base(path))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	secrets := []string{s.ID.Reveal(), world.Last(s.RequestURI)}
	look("requested", secrets...)
	a := w.Fetch(s)
	secrets = append(secrets, a.Secret(), string(a.Nonce), string(a.State))
	look("fetched", secrets...)
	redirect, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(h, a.Paths())))
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(redirect)
	secrets = append(secrets, u.Query().Get("response_code"))
	look("answered", secrets...)
	result(t, w, s, u.Query().Get("response_code"))
	look("done", secrets...)
	if text := strings.ToLower(jsonText(t, s) + jsonText(t, w.Verifier.Published())); strings.Contains(text, strings.ToLower(s.ID.Reveal())) {
		t.Error("a secret was marshalled")
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What the use log does not take does not happen.
func TestNoLogNoUse(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	s := start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(s)
	form := a.Form(a.Present(h, a.Paths()))
	w.LogDown.Store(true)
	if _, err := w.Verifier.Start(t.Context(), world.University, order(query, verifier.CrossDevice)); err == nil {
		t.Error("a transaction was started unlogged")
	}
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), form); err == nil {
		t.Error("a presentation was taken unlogged")
	}
	w.LogDown.Store(false)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), form); err != nil {
		t.Fatal(err)
	}
	w.LogDown.Store(true)
	if _, err := w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, ""); err == nil {
		t.Error("a result was fetched unlogged")
	}
	w.LogDown.Store(false)
	result(t, w, s, "")
}
