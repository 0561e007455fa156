package crash_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/keyring/keyringtest"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
)

// TestRotate: seal, status, metadata, list and registrar keys change, and one is
// retired, while clients have diplomas issued, show them and read status lists. No
// request fails, and everything verifies, then and at the end.
func TestRotate(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the command for some seconds; run without -short")
	}
	s := install(t)
	imported := s.importKeys(2)
	s.start()
	s.waitSocket()
	rotators := s.rotators(4)
	var wg sync.WaitGroup
	var over atomic.Bool
	for _, r := range rotators {
		wg.Go(func() { r.load(&over) })
	}
	// between has each client go around once more before the next change.
	between := func() {
		for _, r := range rotators {
			for from := r.rounds.Load(); r.rounds.Load() < from+2 && r.going.Load(); {
				time.Sleep(time.Millisecond)
			}
		}
	}
	socket := filepath.Join(s.data, "admin.sock")
	rotate := func(args ...string) {
		between()
		s.zegel(append([]string{"keys", "rotate", "--socket", socket}, args...)...)
	}
	rotate()
	rotate("--use", "status")
	rotate("--use", "metadata")
	rotate("--use", "provider-list")
	rotate("--use", "registrar")
	retire := s.active(socket, "seal")
	rotate()
	rotate("--use", "seal", "--to", imported[0])
	rotate("--use", "status")
	rotate("--use", "seal", "--to", imported[1])
	between()
	s.zegel("keys", "retire", "--socket", socket, "--key", retire.ID)
	rotate("--use", "seal", "--to", imported[0]) // the way back
	// Two operators at once take turns.
	var operators sync.WaitGroup
	for range 2 {
		operators.Go(func() { s.zegel("keys", "rotate", "--use", "status", "--socket", socket) })
	}
	operators.Wait()
	between()
	over.Store(true)
	wg.Wait()

	// At the end everything that the retired key has not sealed still verifies, and
	// nothing that it has.
	list := s.providers()
	signers, gone, all := map[string]bool{}, 0, 0
	for _, r := range rotators {
		for _, text := range r.sealed {
			leaf, err := list.sealed(text)
			switch {
			case fingerprint(leaf) == retire.Serial:
				gone++
				if err == nil {
					t.Error("what a retired key sealed is taken")
				}
			case err != nil:
				t.Error(err)
			}
			all++
			signers[fingerprint(leaf)] = true
		}
		if r.held.text == "" && r.lists == 0 {
			t.Error("a client verified no status list")
		}
	}
	// The hierarchy's first three keys, and both that were imported.
	if len(signers) < 5 || gone == 0 || all < 20 {
		t.Errorf("%d certificates sealed %d credentials, %d of them retired", len(signers), all, gone)
	}
	t.Logf("%d credentials, %d of them of a retired key, by %d keys", all, gone, len(signers))
	states := map[string]int{}
	for _, k := range s.listKeys(socket) {
		states[k.Use+" "+k.State]++
	}
	for name, n := range map[string]int{"seal active": 1, "seal retired": 1, "seal former": 3, "status active": 1, "status former": 4, "metadata active": 1, "provider-list active": 1, "provider-list ready": 1, "registrar active": 1, "registrar ready": 1} {
		if states[name] != n {
			t.Errorf("%d keys are %s, expected %d", states[name], name, n)
		}
	}
	changes := strings.Count(s.zegel("audit", "list", "--kind", "key.change", "--socket", socket), "key.change")
	if changes != 15 { // two imports, twelve rotations, one retirement
		t.Errorf("the use log has %d changes of keys", changes)
	}
	s.verifyUseLog()
	s.stop()
	// The hierarchy's seal key is gone; the imported one seals after a restart.
	if left, err := filepath.Glob(filepath.Join(s.dir, "keys", "hierarchy", "seal-*.key")); err != nil || len(left) != 1 || filepath.Base(left[0]) != "seal-ca.key" {
		t.Errorf("seal keys of the hierarchy: %v %v", left, err)
	}
	s.start()
	r := s.rotators(1)[0]
	r.name = "restarted"
	s.check(r.round())
	if leaf, err := s.providers().sealed(r.sealed[0]); err != nil || leaf.Issuer.CommonName != "Keyring Seal CA (TEST)" {
		t.Error(leaf.Issuer, err)
	}
	s.stop()
}

// importKeys takes keys of an authority in, before the server starts.
func (s *server) importKeys(n int) (ids []string) {
	authority := keyringtest.New(s.t)
	s.write("password", "geheim (TEST)\n")
	for range n {
		key := keyringtest.Key(s.t)
		chain := authority.Certify(key.Public(), keyringtest.Seal{
			Issuer: s.issuer, Organization: s.hierarchy.Organization(), Registration: s.hierarchy.Registration(), Statements: keyringtest.Statements(),
		})
		file := filepath.Join(s.dir, "seal.p12")
		s.check(os.WriteFile(file, keyringtest.PKCS12(s.t, key, []*x509.Certificate{chain[0], authority.Root, chain[1]}, "geheim (TEST)"), 0o600))
		out := s.zegel("keys", "import", file, "--dir", filepath.Join(s.dir, "keys"), "--password-file", filepath.Join(s.dir, "password"), "--socket", filepath.Join(s.data, "admin.sock"))
		_, id, _ := strings.Cut(out, "--to ")
		ids = append(ids, strings.Trim(id, "`.\n"))
	}
	return ids
}

type listedKey struct{ ID, Use, State, Serial, Where string }

func (s *server) listKeys(socket string) (keys []listedKey) {
	s.check(json.Unmarshal([]byte(s.zegel("keys", "list", "--json", "--socket", socket)), &keys))
	return keys
}

func (s *server) active(socket, use string) listedKey {
	for _, k := range s.listKeys(socket) {
		if k.Use == use && k.State == "active" {
			return k
		}
	}
	s.t.Fatalf("no active key for %s", use)
	return listedKey{}
}

func fingerprint(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

// providers is a trust store with the list of providers as it is served now.
type providers struct {
	*trust.Store
	c *client
}

func (s *server) providers() providers {
	s.t.Helper()
	p, err := s.client(200).providers()
	s.check(err)
	return p
}

func (c *client) providers() (p providers, err error) {
	a, err := c.send("GET", c.issuer+"/trust/pub-eaa.jwt", nil, "")
	if err != nil || a.status != 200 {
		return p, fmt.Errorf("the list of providers: %v %w", a, err)
	}
	// The list alone decides: the authority of the hierarchy is no anchor.
	store, err := trust.NewStore(trust.Anchors{trust.UseListSigner: c.hierarchy.Anchors()[trust.UseListSigner]}, 0)
	if err != nil {
		return p, err
	}
	list, err := store.VerifyList(string(a.body), time.Now())
	if err != nil {
		return p, err
	}
	return providers{store, c}, store.Install(list)
}

// sealed verifies a credential, and says whose certificate it has in any case.
func (p providers) sealed(text string) (*x509.Certificate, error) {
	compact, _, _ := strings.Cut(text, "~")
	token, err := jose.Parse(compact)
	if err != nil {
		return nil, err
	}
	chain, err := token.Header.Certificates()
	if err != nil {
		return nil, err
	}
	path, err := p.X5C(token.Header.X5C, trust.UseSeal, time.Now())
	if err != nil {
		return chain[0], err
	}
	statements, _, err := qc.Of(chain[0], nil)
	if err != nil {
		return chain[0], err
	}
	if _, err := p.Provider(path, trust.Issuance, statements.PublicBody, time.Now()); err != nil {
		return chain[0], err
	}
	return chain[0], token.Verify(chain[0].PublicKey)
}

// signed verifies a status list in JWT.
func (p providers) signed(token *jose.Token) error {
	path, err := p.X5C(token.Header.X5C, trust.UseStatus, time.Now())
	if err != nil {
		return err
	}
	if _, err := p.Provider(path, trust.Revocation, nil, time.Now()); err != nil {
		return err
	}
	return token.Verify(path.Leaf().PublicKey)
}

// rotator is a worker whose every request must succeed.
type rotator struct {
	*worker
	sealed []string
	lists  int
	rounds atomic.Int64
	going  atomic.Bool
}

// maxRounds bounds the load, should changes take for ever.
const maxRounds = 2000

func (s *server) rotators(n int) []*rotator {
	var all []*rotator
	for _, w := range s.workers(n) {
		r := &rotator{worker: w}
		r.going.Store(true)
		all = append(all, r)
	}
	return all
}

func (r *rotator) load(over *atomic.Bool) {
	defer r.going.Store(false)
	for !over.Load() && !r.t.Failed() && r.rounds.Load() < maxRounds {
		if err := r.round(); err != nil {
			r.t.Errorf("while keys change: %v", err)
			return
		}
		r.rounds.Add(1)
	}
	r.http.CloseIdleConnections()
}

// round has a diploma issued, or shows one, and reads what others must be able to.
func (r *rotator) round() error {
	if r.held.text != "" {
		r.n++
		x := &transaction{key: fmt.Sprintf("%s-%d", r.name, r.n)}
		return errors.Join(r.metadata(), r.register(), inOrder(
			func() error { return r.begin(x) }, func() error { return r.ask(x) }, func() error { return r.respond(x) }, func() error { return r.conclude(x) },
		))
	}
	o := r.order(1)
	if err := inOrder(func() error { return r.create(o) }, func() error { return r.redeem(o) }, func() error { return r.fetch(o, o.datasets[0]) }); err != nil {
		return err
	}
	text := o.datasets[0].copies[0].held.text
	r.sealed = append(r.sealed, text)
	return r.status(text)
}

func inOrder(steps ...func() error) error {
	for _, f := range steps {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// metadata are asked for signed.
func (r *rotator) metadata() error {
	a, err := r.send("GET", r.issuer+"/.well-known/openid-credential-issuer", map[string]string{"Accept": "application/jwt"}, "")
	if err != nil || a.status != 200 {
		return fmt.Errorf("signed metadata: %v %w", a, err)
	}
	token, err := jose.Parse(string(a.body))
	if err != nil {
		return err
	}
	chain, err := token.Header.Certificates()
	if err != nil {
		return err
	}
	if err := chain[0].CheckSignatureFrom(r.hierarchy.AccessCA.Certificate); err != nil {
		return err
	}
	return token.Verify(chain[0].PublicKey)
}

// register is that of the receivers, signed by a registrar that wallets know.
func (r *rotator) register() error {
	a, err := r.send("GET", r.verifier+"/receivers.jwt", nil, "")
	if err != nil || a.status != 200 {
		return fmt.Errorf("the register of receivers: %v %w", a, err)
	}
	use := jose.Use{Typ: "receivers-register+jwt", Algs: []jose.Alg{jose.ES256}}
	if _, err := use.OpenAny(string(a.body), r.registrars()...); err != nil {
		return fmt.Errorf("the register of receivers: %w", err)
	}
	return nil
}

// status reads the status list of a credential in every form, and then the list of
// providers: whose certificate signed stands there.
func (r *rotator) status(text string) error {
	compact, _, _ := strings.Cut(text, "~")
	token, err := jose.Parse(compact)
	if err != nil {
		return err
	}
	var claims struct {
		Status struct {
			List struct {
				URI string `json:"uri"`
			} `json:"status_list"`
		} `json:"status"`
	}
	if err := json.Unmarshal(token.Payload, &claims); err != nil {
		return err
	}
	uri := claims.Status.List.URI
	jwt, err := r.send("GET", uri, map[string]string{"Accept": "application/statuslist+jwt"}, "")
	if err != nil || jwt.status != 200 {
		return fmt.Errorf("a status list: %v %w", jwt, err)
	}
	cwt, err := r.send("GET", uri, map[string]string{"Accept": "application/statuslist+cwt"}, "")
	if err != nil || cwt.status != 200 {
		return fmt.Errorf("a status list as CWT: %v %w", cwt, err)
	}
	bits, err := r.send("GET", uri+"/revocation", nil, "")
	if err != nil || bits.status != 200 {
		return fmt.Errorf("a status list credential: %v %w", bits, err)
	}
	list, err := r.providers()
	if err != nil {
		return err
	}
	if _, err := list.sealed(text); err != nil {
		return fmt.Errorf("a credential that was issued a moment ago: %w", err)
	}
	first, err := status.ParseToken(string(jwt.body))
	if err != nil {
		return err
	}
	if err := list.signed(first.JWS); err != nil {
		return fmt.Errorf("a status list: %w", err)
	}
	second, err := status.ParseCWT(cwt.body)
	if err != nil {
		return err
	}
	path, err := list.DER(second.Sign1.X5Chain, trust.UseStatus, time.Now())
	if err != nil {
		return fmt.Errorf("a status list as CWT: %w", err)
	}
	if err := second.Sign1.Verify(path.Leaf().PublicKey, nil); err != nil {
		return err
	}
	third, err := jose.Parse(string(bits.body))
	if err != nil {
		return err
	}
	r.lists++
	if err := list.signed(third); err != nil {
		return fmt.Errorf("a status list credential: %w", err)
	}
	return nil
}
