package api_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// pod is the part of a vault platform that a wallet unit needs to keep what it
// accepted: items with versions, nothing else.
type pod struct {
	mu    sync.Mutex
	items map[string][]byte
	tags  map[string]string
	n     int
}

func (p *pod) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name, ok := strings.CutPrefix(r.URL.Path, "/vault/v1/items/")
	if !ok || !strings.HasPrefix(r.Header.Get("Authorization"), "DPoP ") || r.Header.Get("DPoP") == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	have, there := p.items[name]
	switch {
	case r.Method == http.MethodGet && !there:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet:
		w.Header().Set("ETag", p.tags[name])
		_, _ = w.Write(have)
	case r.Method == http.MethodDelete:
		delete(p.items, name)
		delete(p.tags, name)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut && (r.Header.Get("If-None-Match") == "*" && there || r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != p.tags[name]):
		w.WriteHeader(http.StatusPreconditionFailed)
	case r.Method == http.MethodPut:
		b, _ := io.ReadAll(r.Body)
		p.n++
		p.items[name], p.tags[name] = b, strconv.Quote(strconv.Itoa(p.n))
		w.WriteHeader(http.StatusCreated)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (p *pod) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.items)
}

// wallet is a wallet unit whose vault is a pod, and who reaches the issuer
// through doer.
func (w *world) wallet(doer unit.Doer, copies int) (unit.Issuance, *unit.Vault, *pod) {
	w.Helper()
	p := &pod{items: map[string][]byte{}, tags: map[string]string{}}
	base := w.serve(p)
	k, err := unit.NewKeys(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	checker, err := status.NewChecker(statusFetcher{w}, status.CheckerOptions{Now: w.clock.now, InsecureLoopback: true})
	if err != nil {
		w.Fatal(err)
	}
	v := &unit.Vault{
		Info: unit.VaultInfo{Storage: base + "/pod/"}, Keys: k, Random: rand.Reader,
		Platform: &unit.Platform{Base: base, HTTP: plain, Now: w.clock.now, Key: newKey(w), AccessToken: "session"},
	}
	return unit.Issuance{
		HTTP: doer, Now: w.clock.now, Random: rand.Reader, Seals: w.validator(), Status: checker, StatusTrust: w.statusTrust,
		Copies: copies, Words: []oid4vci.Option{oid4vci.InsecureLoopback}, Languages: []string{"fr"},
	}, v, p
}

// The wallet unit itself runs the flow, from both kinds of link.
func TestWalletUnit(t *testing.T) {
	w := start(t)
	for _, byValue := range []bool{false, true} {
		offer := w.offer("OVO000001")
		link := offer.text("credential_offer_link")
		if byValue {
			o, err := oid4vci.ParseCredentialOffer(marshal(t, offer.json["credential_offer"]), oid4vci.InsecureLoopback)
			if err != nil {
				t.Fatal(err)
			}
			if link, err = o.Link(oid4vci.InsecureLoopback); err != nil {
				t.Fatal(err)
			}
		}
		s, v, p := w.wallet(plain, 20)
		o, err := s.Read(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		if !o.NeedsTxCode() {
			t.Error("no transaction code asked for")
		}
		taken, err := s.Accept(t.Context(), v, o, " "+offer.text("tx_code")+"\n")
		if err != nil {
			t.Fatal(err)
		}
		items := taken.Items
		if len(items) != 2 || len(items[0].Copies) != 8 || items[1].Title != "Kanarie master" {
			t.Errorf("%d items", len(items))
		}
		entries, err := v.Entries(t.Context())
		if err != nil || len(entries) != 3 || p.size() != 4 { // two credentials, the grant; the index
			t.Errorf("%d entries, %d resources, %v", len(entries), p.size(), err)
		}
		for name, b := range p.items {
			if bytes.Contains(b, []byte(canary)) {
				t.Errorf("%s is readable", name)
			}
		}
		st := w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil)
		for _, c := range st.list("credentials") {
			if c := c.(map[string]any); c["notification"] != "credential_accepted" || c["copies"] != float64(8) {
				t.Errorf("%v", c)
			}
		}
		// Again: the code is spent.
		if _, err := s.Accept(t.Context(), v, o, offer.text("tx_code")); err == nil {
			t.Error("an offer was accepted twice")
		}
	}
	w.nowhere("the wallet accepted")
}

// between stands between the wallet and the issuer, as an issuer that cheats.
type between struct {
	request  func(body []byte) []byte
	response func(asked, body []byte) []byte
}

func (b between) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/credential" {
		return plain.Do(r)
	}
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	sent := asked
	if b.request != nil {
		sent = b.request(asked)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
	res, err := plain.Do(r)
	if err != nil || b.response == nil || res.StatusCode != 200 {
		return res, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if body = b.response(asked, body); bytes.HasPrefix(body, []byte("{")) {
		res.Header.Set("Content-Type", "application/json")
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}

// What an issuer may send instead of what was asked for: nothing is kept, and
// the issuer hears that it failed (OpenID4VCI 1.0, Sections 11.1 and 13.5).
// clear has the issuer speak without encryption, so that what stands between
// can change what is said.
func clear(w *world) { w.tune = func(c *issuer.Config) { c.Encryption = issuer.EncryptionOff } }

// The unit encrypts where it may, and takes no answer that is not what it asked
// for (OpenID4VCI 1.0, Section 10).
func TestWalletUnitEncrypts(t *testing.T) {
	w := start(t, func(w *world) { w.tune = func(c *issuer.Config) { c.Encryption = issuer.EncryptionRequired } })
	accept := func(b between) ([]unit.Item, error) {
		offer := w.offer("OVO000001")
		s, v, _ := w.wallet(b, 2)
		o, err := s.Read(t.Context(), offer.text("credential_offer_link"))
		if err != nil {
			t.Fatal(err)
		}
		taken, err := s.Accept(t.Context(), v, o, offer.text("tx_code"))
		return taken.Items, err
	}
	seen := 0
	look := func(body []byte) []byte {
		seen++
		if bytes.Count(body, []byte(".")) != 4 || bytes.Contains(body, []byte("proofs")) {
			t.Errorf("in clear: %.80s", body)
		}
		return body
	}
	if items, err := accept(between{request: look, response: func(_, body []byte) []byte { return look(body) }}); err != nil || len(items) != 2 || seen != 4 {
		t.Errorf("%d items, %d messages, %v", len(items), seen, err)
	}
	for name, response := range map[string]func(asked, body []byte) []byte{
		"in clear":                      func(_, _ []byte) []byte { return []byte(`{"credentials":[{"credential":"x"}]}`) },
		"an answer to another question": func(asked, _ []byte) []byte { return asked },
	} {
		if items, err := accept(between{response: response}); err == nil || len(items) != 0 {
			t.Errorf("%s: %d items, %v", name, len(items), err)
		}
	}
}

func TestWalletUnitRefuses(t *testing.T) {
	w := start(t, clear)
	w.clock.advance(5 * time.Minute)
	vct := w.base + "/types/led-diploma"
	rogue, err := devca.New(devca.Options{Now: w.clock.now(), Issuer: w.base})
	if err != nil {
		t.Fatal(err)
	}
	rogueSealer, err := rogue.Sealer("", w.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	// forge seals a credential for each key that the wallet proved.
	forge := func(signer *seal.Sealer, vct string, change func(*sdjwt.Credential)) func(asked, body []byte) []byte {
		return func(asked, body []byte) []byte {
			var res map[string]any
			_ = json.Unmarshal(body, &res)
			var out []any
			for n, key := range provenKeys(t, asked) {
				out = append(out, map[string]any{"credential": w.forge(signer, vct, key, n, change)})
			}
			res["credentials"] = out
			return marshal(t, res)
		}
	}
	edit := func(f func(list []any) []any) func(asked, body []byte) []byte {
		return func(_, body []byte) []byte {
			var res map[string]any
			_ = json.Unmarshal(body, &res)
			res["credentials"] = f(res["credentials"].([]any))
			return marshal(t, res)
		}
	}
	const tooMany = "more than asked"
	text := func(v any) string { return v.(map[string]any)["credential"].(string) }
	cases := map[string]between{
		"bound to the issuer's key": {request: func(asked []byte) []byte {
			var req map[string]any
			_ = json.Unmarshal(asked, &req)
			id, _ := req["credential_identifier"].(string)
			return marshal(t, w.request(id, w.nonce(), keys(t, 3)...))
		}},
		"another type":      {response: forge(w.seals.Current(), w.base+"/types/other", nil)},
		"an unlisted seal":  {response: forge(rogueSealer, vct, nil)},
		"expired":           {response: forge(w.seals.Current(), vct, func(c *sdjwt.Credential) { c.Expires = w.clock.now().Add(-2 * time.Minute).Truncate(time.Second) })},
		"status of nowhere": {response: forge(w.seals.Current(), vct, func(c *sdjwt.Credential) { c.Status = sdjwt.StatusList{Index: 1, URI: w.base + "/types/led-diploma"} })},
		"with a key binding JWT": {response: edit(func(l []any) []any {
			kb := w.rawProof(newKey(t), "x", func(h, _ map[string]any) { h["typ"] = "kb+jwt" })
			l[0] = map[string]any{"credential": text(l[0]) + kb}
			return l
		})},
		"one copy twice":   {response: edit(func(l []any) []any { l[1] = l[0]; return l })},
		tooMany:            {response: edit(func(l []any) []any { return append(l, l[0]) })},
		"a broken seal":    {response: edit(func(l []any) []any { l[2] = map[string]any{"credential": broken(text(l[2]))}; return l })},
		"no credential":    {response: edit(func([]any) []any { return []any{map[string]any{"credential": "x"}} })},
		"a changed claim":  {response: edit(func(l []any) []any { l[0] = map[string]any{"credential": changedDisclosure(text(l[0]))}; return l })},
		"no text but data": {response: edit(func(l []any) []any { l[0] = map[string]any{"credential": map[string]any{"vct": vct}}; return l })},
	}
	// That what follows is refused is not for a fault of this test's own.
	control := w.offer("OVO000001")
	s, v, _ := w.wallet(between{response: forge(w.seals.Current(), vct, nil)}, 3)
	if o, err := s.Read(t.Context(), control.text("credential_offer_link")); err != nil {
		t.Fatal(err)
	} else if _, err := s.Accept(t.Context(), v, o, control.text("tx_code")); err != nil {
		t.Fatal(err)
	}
	for name, b := range cases {
		t.Run(name, func(t *testing.T) {
			// One dataset, so that the notification is about this one.
			c := diplomas()
			c.Datasets = c.Datasets[:1]
			w.source.set(c, nil)
			offer := w.offer("OVO000001")
			s, v, p := w.wallet(b, 3)
			s.Status = w.checker()
			o, err := s.Read(t.Context(), offer.text("credential_offer_link"))
			if err != nil {
				t.Fatal(err)
			}
			taken, err := s.Accept(t.Context(), v, o, offer.text("tx_code"))
			items := taken.Items
			if err == nil || len(items) != 0 || p.size() > 1 { // the index
				t.Errorf("accepted: %v, %d items, %d resources", err, len(items), p.size())
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("the error tells a value: %v", err)
			}
			st := w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil)
			n := st.list("credentials")[0].(map[string]any)["notification"]
			if name == tooMany {
				n = "credential_failure" // such an answer is not even read for whom to tell
			}
			if n != "credential_failure" {
				t.Errorf("notification %v after %v", n, err)
			}
		})
	}
}

// A revoked credential is not accepted either.
func TestWalletUnitRevoked(t *testing.T) {
	w := start(t, clear)
	offer := w.offer("OVO000001")
	b := between{response: func(_, body []byte) []byte {
		var res map[string]any
		_ = json.Unmarshal(body, &res)
		if a := w.as("OVO000001", "POST", "/issuance/v1/credentials/"+res["notification_id"].(string)+"/suspend", nil); a.status != 200 {
			t.Errorf("%d", a.status)
		}
		return body
	}}
	s, v, p := w.wallet(b, 2)
	o, err := s.Read(t.Context(), offer.text("credential_offer_link"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), v, o, offer.text("tx_code")); !errors.Is(err, unit.ErrCredential) || p.size() > 1 {
		t.Errorf("%v, %d resources", err, p.size())
	}
}

func (w *world) checker() *status.Checker {
	w.Helper()
	c, err := status.NewChecker(statusFetcher{&world{TB: quiet{w.TB}, base: w.base}}, status.CheckerOptions{Now: w.clock.now, InsecureLoopback: true})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// quiet lets a fetch fail without failing the test.
type quiet struct{ testing.TB }

func (quiet) Errorf(string, ...any) {}

// provenKeys are the keys of a credential request's proofs.
func provenKeys(t testing.TB, body []byte) (out []jose.JWK) {
	t.Helper()
	req, err := oid4vci.ParseCredentialRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range req.Proofs.JWT {
		tok, err := jose.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var h struct {
			JWK jose.JWK `json:"jwk"`
		}
		if err := jose.Unmarshal(tok.RawHeader, &h); err != nil {
			t.Fatal(err)
		}
		out = append(out, h.JWK)
	}
	return out
}

// forge seals a credential outside the issuer.
func (w *world) forge(signer *seal.Sealer, vct string, key jose.JWK, n int, change func(*sdjwt.Credential)) string {
	w.Helper()
	refs, err := w.statuses.AllocateN(w.Context(), 1)
	if err != nil {
		w.Fatal(err)
	}
	at := signer.Certificate().NotBefore
	c := sdjwt.Credential{
		Issuer: w.base, Type: vct, TypeIntegrity: sdjwt.Integrity([]byte("x")), Category: sdjwt.CategoryPubEAA,
		ID: "urn:x:" + strconv.Itoa(n), Subject: "urn:y:" + strconv.Itoa(n), IssuedAt: at, NotBefore: at, Expires: at.Add(time.Hour),
		Holder: key, Status: sdjwt.StatusList{Index: refs[0].Index, URI: refs[0].URI}, Claims: []byte(`{"title":"x"}`),
	}
	if change != nil {
		change(&c)
	}
	d, err := sdjwt.Prepare(c, sdjwt.Frame{}, nil)
	if err != nil {
		w.Fatal(err)
	}
	text, err := d.Seal(signer)
	if err != nil {
		w.Fatal(err)
	}
	return text
}

func broken(text string) string {
	i := strings.IndexByte(text, '~') - 10
	return text[:i] + "AAAA" + text[i+4:]
}

func changedDisclosure(text string) string {
	i := strings.IndexByte(text, '~') + 5
	return text[:i] + "AA" + text[i+2:]
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
