package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/keyring/keyringtest"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// registrations of the site's issuers, as devca fills them in.
var siteRegistrations = []string{"NTRBE-0999999922", "NTRBE-0999999823"}

// authorityChain is a certificate of an authority for an issuer of the site.
func (s *site) authorityChain(a *keyringtest.Authority, n int, pub crypto.PublicKey, change func(*x509.Certificate)) []*x509.Certificate {
	return a.Certify(pub, keyringtest.Seal{
		Issuer: s.urls[n], Organization: "Site (TEST)", Registration: siteRegistrations[n], Statements: keyringtest.Statements(), Change: change,
	})
}

// imported takes a key of an authority in, with the command, and returns its id.
func (s *site) imported(a *keyringtest.Authority, n int, change func(*x509.Certificate)) (string, []*x509.Certificate) {
	s.Helper()
	key := keyringtest.Key(s)
	chain := s.authorityChain(a, n, key.Public(), change)
	file := s.file("in.p12", string(keyringtest.PKCS12(s, key, []*x509.Certificate{chain[1], a.Root, chain[0]}, "geheim")))
	args := []string{"keys", "import", file, "--dir", s.keys, "--password-file", s.file("password", "geheim\n"), "--socket", s.socket()}
	if n == 1 {
		args = append(args, "--tenant", "school")
	}
	out := s.zegel(args...)
	_, id, found := strings.Cut(out, "The key ")
	if !found {
		s.Fatal(out)
	}
	return id[:16], chain
}

func (s *site) socket() string { return filepath.Join(s.dir, "data", "admin.sock") }

// refused runs a command that must fail.
func (s *site) fails(args ...string) string {
	s.Helper()
	out, err := exec.Command("zegel", args...).CombinedOutput()
	if err == nil {
		s.Errorf("zegel %s: it was done\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}

// admin asks the admin socket of an issuer within the test.
func (s *site) admin(method, path string) (int, string) {
	w := httptest.NewRecorder()
	s.app.adminHandler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String()
}

func (s *site) inventory() []keyInfo {
	s.Helper()
	var keys []keyInfo
	status, text := s.admin("GET", "/keys")
	if err := json.Unmarshal([]byte(text), &keys); err != nil || status != http.StatusOK {
		s.Fatal(status, err, text)
	}
	return keys
}

// A key of an authority is imported, for the issuer and for a tenant, and seals, also
// after a restart, when the hierarchy has no seal key any more. `zegel seal verify`
// takes what it sealed with the authority's anchor alone.
func TestImportedKeysSeal(t *testing.T) {
	s, a := newSite(t), keyringtest.New(t)
	var ids []string
	var chains [][]*x509.Certificate
	for n := range s.urls {
		id, chain := s.imported(a, n, nil)
		ids, chains = append(ids, id), append(chains, chain)
	}
	t.Run("first start", func(t *testing.T) {
		s := &site{T: t, dir: s.dir, keys: s.keys, urls: s.urls, seals: s.seals}
		s.serve()
		s.zegel("keys", "rotate", "--to", ids[0], "--socket", s.socket())
		s.zegel("keys", "rotate", "--to", ids[1], "--tenant", "school", "--socket", s.socket())
		s.sealedBy(s.ask(0, "membership"), chains[0][0])
		for _, refused := range [][]string{
			{"the key was not taken|in use already", "--to", ids[0]},
			{"Key of an authority|keys request"},
			{"No such key|keys list", "--to", ids[1]},
			{"--to: for --use seal only", "--use", "status", "--to", ids[0]},
			{"No such tenant", "--tenant", "nobody", "--to", ids[0]},
		} {
			said := s.fails(append([]string{"keys", "rotate", "--socket", s.socket()}, refused[1:]...)...)
			for _, want := range strings.Split(refused[0], "|") {
				if !strings.Contains(strings.ToLower(said), strings.ToLower(want)) {
					t.Errorf("%v: %s", refused, said)
				}
			}
		}
		log := s.zegel("audit", "list", "--kind", "key.change", "--socket", s.socket())
		for _, want := range []string{"seal key ready " + ids[0], "seal key school ready " + ids[1], "seal key school\""} {
			if !strings.Contains(log, want) {
				t.Errorf("the use log lacks %q:\n%s", want, log)
			}
		}
	})
	if left, _ := filepath.Glob(filepath.Join(s.keys, "hierarchy", "seal-*.key")); len(left) != 1 {
		t.Errorf("the hierarchy still has seal keys: %v", left)
	}
	s.serve()
	list := s.zegel("keys", "list", "--socket", s.socket())
	for _, want := range []string{ids[0] + "  seal ", "active", "former", filepath.Join("seal", "_", ids[0]+".key"), filepath.Join("seal", "school", ids[1]+".key"), "secret-issuer", "use-log", "key-history"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	root, crls := s.file("root.pem", string(trust.EncodePEM(a.Root))), a.CRLs()
	for n := range s.urls {
		w := s.ask(n, "membership")
		s.sealedBy(w, chains[n][0])
		compact, _, _ := strings.Cut(w.copies[0], "~")
		out := s.zegel("seal", "verify", s.file("sealed.jwt", compact), "--trust", "seal="+root, "--crl", s.file("root.crl", string(crls[0])), "--crl", s.file("seal.crl", string(crls[1])))
		if !strings.Contains(out, "TOTAL_PASSED") {
			t.Error(out)
		}
	}
	// The chain is served where credentials say.
	for n := range s.urls {
		status, _, text := s.send("GET", s.urls[n]+"/seal/"+seal.CertificateID(chains[n][0])+".pem", "")
		if status != http.StatusOK || text != string(trust.EncodePEM(chains[n]...)) {
			t.Error(status, text)
		}
	}
}

// A seal certificate that has ended stops nothing but issuing, which is refused by
// name; the server starts, says so, and goes on with another key.
func TestEndedSealCertificate(t *testing.T) {
	s, a := newSite(t), keyringtest.New(t)
	short, _ := s.imported(a, 0, nil)
	long, chain := s.imported(a, 0, func(c *x509.Certificate) { c.NotAfter = c.NotAfter.AddDate(1, 0, -30) })
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	if status, text := s.admin("POST", "/keys/rotate?use=seal&to="+short); status != http.StatusOK {
		t.Fatal(status, text)
	}
	issue := func() (int, map[string]any) {
		t.Helper()
		access := s.offer(0, "membership")
		status, m, _ := s.send("POST", s.urls[0]+"/credential", s.proven(0, "membership", 1), "Authorization", "Bearer "+access, "Content-Type", "application/json")
		return status, m
	}
	issued := s.ask(0, "membership")
	ended := func() {
		t.Helper()
		status, m := issue()
		if status != http.StatusServiceUnavailable || m["error"] != "temporarily_unavailable" || !strings.Contains(fmt.Sprint(m["error_description"]), "Seal certificate has ended: ") || !strings.Contains(fmt.Sprint(m["error_description"]), "zegel keys rotate") {
			t.Error(status, m)
		}
		if got := s.ready(); got != "degraded seal-key" {
			t.Error(got)
		}
		keys := s.inventory()
		if !slices.ContainsFunc(keys, func(k keyInfo) bool {
			return k.ID == short && k.State == keyring.Active && strings.Contains(k.Warning, "has ended")
		}) {
			t.Errorf("%+v", keys)
		}
	}
	s.pass(366 * 24 * time.Hour)
	ended()
	if err := s.app.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.tryOpen(); err != nil {
		t.Fatalf("it does not start: %v", err)
	}
	ended()
	if status, _, _ := s.send("GET", s.statusList(issued), ""); status != http.StatusOK {
		t.Error("status lists are not served", status)
	}
	if status, text := s.admin("POST", "/keys/rotate?use=seal&to="+long); status != http.StatusOK {
		t.Fatal(status, text)
	}
	s.sealedBy(s.ask(0, "membership"), chain[0])
	if got := s.ready(); got != "ok" && got != "ready" && strings.Contains(got, "degraded") {
		t.Error(got)
	}
	// One that has ended is not taken back.
	if status, text := s.admin("POST", "/keys/rotate?use=seal&to="+short); status != http.StatusConflict || !strings.Contains(text, "which is not now") {
		t.Error(status, text)
	}
}

// A status key is retired when nobody can still keep a list that it signed.
func TestStatusKeyIsRetired(t *testing.T) {
	s := newSite(t)
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	former := func() keyInfo {
		t.Helper()
		keys := s.inventory()
		i := slices.IndexFunc(keys, func(k keyInfo) bool { return k.Use == useStatus && k.Tenant == "school" && k.State != keyring.Active })
		if i < 0 {
			t.Fatal("no former key")
		}
		return keys[i]
	}
	if status, text := s.admin("POST", "/keys/rotate?use=status&tenant=school"); status != http.StatusOK {
		t.Fatal(status, text)
	}
	k := former()
	if k.State != keyring.Former || k.Where != "" {
		t.Errorf("%+v", k)
	}
	if status, text := s.admin("POST", "/keys/retire?key="+k.ID); status != http.StatusConflict || !strings.Contains(text, "may keep status lists") {
		t.Error(status, text)
	}
	s.pass(20 * time.Minute)
	if status, text := s.admin("POST", "/keys/retire?key="+k.Fingerprint); status != http.StatusOK {
		t.Error(status, text)
	}
	if k = former(); k.State != keyring.Retired {
		t.Errorf("%+v", k)
	}
	if status, text := s.admin("POST", "/keys/retire?key="+k.ID); status != http.StatusConflict || !strings.Contains(text, "already") {
		t.Error(status, text)
	}
	for _, k := range s.inventory() {
		if k.State != keyring.Active || k.ID == "" || slices.Contains(signingNames, k.Use) || k.Use == "key-history" {
			continue
		}
		if status, text := s.admin("POST", "/keys/retire?key="+k.ID); status != http.StatusConflict {
			t.Errorf("the active %s key: %d %s", k.Use, status, text)
		}
	}
	for path, want := range map[string]int{"/keys/retire?key=": 404, "/keys/retire?key=0123456789abcdef": 404, "/keys/rotate?use=tls": 400, "/keys/rotate?use=status&tenant=nobody": 404} {
		if status, text := s.admin("POST", path); status != want {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

// It is the same for a key in a token; one that has ended is not taken in the place of
// another.
func TestEndedCertificateOfToken(t *testing.T) {
	hsm := softhsmtest.New(t)
	s, a := newSite(t), keyringtest.New(t)
	certificates := s.token(hsm, "")
	s.seals[1] = ""
	s.file("seal-0.pem", string(trust.EncodePEM(s.authorityChain(a, 0, certificates[0].PublicKey, nil)...)))
	s.pass(366 * 24 * time.Hour)
	if err := s.tryOpen(); err != nil {
		t.Fatalf("it does not start: %v", err)
	}
	access := s.offer(0, "membership")
	status, m, _ := s.send("POST", s.urls[0]+"/credential", s.proven(0, "membership", 1), "Authorization", "Bearer "+access, "Content-Type", "application/json")
	if status != http.StatusServiceUnavailable || !strings.Contains(fmt.Sprint(m["error_description"]), "Seal certificate has ended: ") {
		t.Error(status, m)
	}
	if got := s.ready(); got != "degraded seal-key" {
		t.Error(got)
	}
	if status, text := s.admin("POST", "/signers/replace"); status != http.StatusUnprocessableEntity || !strings.Contains(text, "which is not now") {
		t.Error(status, text)
	}
	s.sealedBy(s.ask(1, "membership"), s.app.local.keys["school"].Current().Certificate())
}

// A rotation that was cut off after any of its steps leaves a server that starts and
// seals with the one key or the other, and can be asked again.
func TestRotationCutOff(t *testing.T) {
	s, a := newSite(t), keyringtest.New(t)
	id, chain := s.imported(a, 0, nil)
	reopen := func() *localTrust {
		t.Helper()
		if s.app != nil {
			if err := s.app.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.tryOpen(); err != nil {
			t.Fatal(err)
		}
		return s.app.local
	}
	local := reopen()
	own := local.hierarchy.Seal.Certificate
	body, err := local.hierarchy.Tenant("")
	if err != nil {
		t.Fatal(err)
	}
	key, err := local.ring("").Key(id)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := local.ringSealer("", body, key)
	if err != nil {
		t.Fatal(err)
	}
	// Cut off when it is listed and does not seal yet.
	if err := local.listSeal("", sealer); err != nil {
		t.Fatal(err)
	}
	local = reopen()
	s.sealedBy(s.ask(0, "membership"), own)
	if !slices.ContainsFunc(s.inventory(), func(k keyInfo) bool { return k.ID == id && k.State == keyring.Ready }) {
		t.Error("it is not ready any more")
	}
	// Cut off when the ring says that it seals, and the hierarchy still has a key.
	if err := local.ring("").Use(id, time.Now()); err != nil {
		t.Fatal(err)
	}
	local = reopen()
	s.sealedBy(s.ask(0, "membership"), chain[0])
	if local.hierarchy.Seal.Key != nil {
		t.Error("the hierarchy still has a seal key")
	}
	if left, _ := filepath.Glob(filepath.Join(s.keys, hierarchyDir, "seal-*.key")); len(left) != 2 { // the authority's, and the tenant's
		t.Errorf("%v", left)
	}
	// Cut off when the list says that the one before is withdrawn.
	if err := errors.Join(local.hierarchy.Retire("", own, time.Now()), local.hierarchy.Update(local.dir)); err != nil {
		t.Fatal(err)
	}
	reopen()
	if !slices.ContainsFunc(s.inventory(), func(k keyInfo) bool { return k.Serial == serialText(own) && k.State == keyring.Retired }) {
		t.Error("it is not retired")
	}
	s.sealedBy(s.ask(0, "membership"), chain[0])
	// Cut off when the list says so of a key of the ring, whose private key is there.
	next, _ := s.imported(a, 0, nil)
	if status, text := s.admin("POST", "/keys/rotate?use=seal&to="+next); status != http.StatusOK {
		t.Fatal(status, text)
	}
	local = s.app.local
	if err := errors.Join(local.hierarchy.Retire("", chain[0], time.Now()), local.hierarchy.Update(local.dir)); err != nil {
		t.Fatal(err)
	}
	if status, text := s.admin("POST", "/keys/rotate?use=seal&to="+id); status != http.StatusConflict || !strings.Contains(text, "was retired on") {
		t.Error(status, text)
	}
	local = reopen()
	if local.ring("").Has(id) {
		t.Error("its private key is still there")
	}
}

// silent is a history in which nothing can be written down.
type silent struct{ keyHistory }

func (silent) Announce(context.Context, history.Event, history.Key) error {
	return errors.New("nothing can be written")
}

// What cannot be written into the history is not used, and nothing is changed: not by
// a new key, and not at a retirement. What is used stands there.
func TestKeysAreAnnouncedFirst(t *testing.T) {
	s, a := newSite(t), keyringtest.New(t)
	id, chain := s.imported(a, 0, nil)
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/keys/rotate?use=status", "/keys/rotate?use=seal"} {
		if status, text := s.admin("POST", path); status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	s.pass(20 * time.Minute)
	var former []string
	for _, k := range s.inventory() {
		if k.State == keyring.Former {
			former = append(former, "/keys/retire?key="+k.ID)
		}
	}
	local := s.app.local
	list, known := local.hierarchy.List, local.history
	pinned := local.Anchors()
	local.history = silent{known}
	for _, path := range append(former, "/keys/rotate?use=status", "/keys/rotate?use=seal", "/keys/rotate?use=metadata", "/keys/rotate?use=provider-list", "/keys/rotate?use=registrar", "/keys/rotate?use=seal&to="+id) {
		if status, text := s.admin("POST", path); status != http.StatusInternalServerError {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	for _, k := range pinnedKeys {
		if !slices.EqualFunc(local.Anchors()[k.use], pinned[k.use], (*x509.Certificate).Equal) || !local.Registrar().Chain[0].Equal(pinned[trust.UseRegistrar][0]) {
			t.Errorf("the key of %s was replaced", k.who)
		}
	}
	if len(former) != 2 || local.hierarchy.List != list {
		t.Error("the list of providers was changed", former)
	}
	if on, err := os.ReadFile(filepath.Join(s.keys, hierarchyDir, "provider-list.jwt")); err != nil || string(on) != list {
		t.Error("another list was kept", err)
	}
	if k, err := local.ring("").Key(id); err != nil || k.State != keyring.Ready {
		t.Error(k, err)
	}
	local.history = known
	if status, text := s.admin("POST", "/keys/rotate?use=seal&to="+id); status != http.StatusOK {
		t.Fatal(status, text)
	}
	for use, c := range map[history.Use]*x509.Certificate{history.UseSeal: chain[0], history.UseStatus: local.hierarchy.Status.Certificate} {
		k, err := local.historyKey(use, "", c)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := known.Known(t.Context(), k); err != nil || !ok {
			t.Errorf("the %s key is not in the history: %v", use, err)
		}
	}
}

// A request for a key in a token is signed there; its certificate is fitted to it, and
// the server seals with it.
func TestRequestForKeyInToken(t *testing.T) {
	hsm := softhsmtest.New(t)
	s, a := newSite(t), keyringtest.New(t)
	s.token(hsm, "")
	s.seals[1] = ""
	if err := os.Remove(filepath.Join(s.dir, "seal-0.pem")); err != nil {
		t.Fatal(err)
	}
	csr := filepath.Join(s.dir, "seal.csr")
	s.zegel("keys", "request", "--pkcs11", "--config", s.config(), "--out", csr)
	if out := keyringtest.OpenSSL(t, s.dir, "req", "-verify", "-noout", "-text", "-in", csr); !strings.Contains(out, "verify OK") || !strings.Contains(out, "URI:"+s.urls[0]) {
		t.Error(out)
	}
	text, err := os.ReadFile(csr)
	if err != nil {
		t.Fatal(err)
	}
	request, err := keyring.ParseRequest(text)
	if err != nil {
		t.Fatal(err)
	}
	if out := s.zegel("keys", "list", "--dir", s.keys); !strings.Contains(out, "requested") || !strings.Contains(out, "token "+softhsmtest.Label+", key seal-0") {
		t.Error(out)
	}
	chain := s.authorityChain(a, 0, request.PublicKey, nil)
	out := s.zegel("keys", "install", s.file("chain.pem", string(trust.EncodePEM(chain...))), "--dir", s.keys, "--socket", s.socket())
	_, after, _ := strings.Cut(out, ": name ")
	file, _, found := strings.Cut(after, " as certificate_file")
	if !found {
		t.Fatal(out)
	}
	s.seals[0] = strings.Replace(s.seals[0], "certificate_file: seal-0.pem", "certificate_file: "+file, 1)
	s.serve()
	s.sealedBy(s.ask(0, "membership"), chain[0])
	if out := s.zegel("keys", "list", "--socket", s.socket()); !strings.Contains(out, "token "+softhsmtest.Label) || !strings.Contains(out, chain[0].SerialNumber.Text(16)) {
		t.Error(out)
	}
	if out := s.fails("keys", "request", "--pkcs11", "--config", s.config(), "--tenant", "school"); !strings.Contains(out, "issuer.seal.pkcs11") {
		t.Error(out)
	}
}

// What the commands refuse, and what they say to do.
func TestKeysCommandsRefuse(t *testing.T) {
	s, a := newSite(t), keyringtest.New(t)
	key := keyringtest.Key(t)
	good := s.file("good.p12", string(keyringtest.PKCS12(t, key, s.authorityChain(a, 0, key.Public(), nil), "geheim")))
	right, wrong, open, latin := s.file("right", "geheim"), s.file("wrong", "Geheim"), s.file("open", "geheim"), s.file("latin", "geh\xe9im\n")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weakFile := s.file("weak.p12", string(keyringtest.PKCS12(t, weak, s.authorityChain(a, 0, weak.Public(), nil), "geheim")))
	other := s.file("other.p12", string(keyringtest.PKCS12(t, key, a.Certify(key.Public(), keyringtest.Seal{
		Issuer: s.urls[0], Organization: "Other (TEST)", Registration: siteRegistrations[1], Statements: keyringtest.Statements(),
	}), "geheim")))
	statements := keyringtest.Statements()
	statements.PublicBody.Legislation = "OJ:BEOTHER"
	law := s.file("law.p12", string(keyringtest.PKCS12(t, key, a.Certify(key.Public(), keyringtest.Seal{
		Issuer: s.urls[0], Organization: "Site (TEST)", Registration: siteRegistrations[0], Statements: statements,
	}), "geheim")))
	mine := s.file("mine.pem", string(trust.EncodePEM(s.authorityChain(a, 0, key.Public(), nil)...)))
	dir := []string{"--dir", s.keys, "--socket", s.socket()}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"wrong password":     {[]string{"keys", "import", good, "--password-file", wrong}, "password of the PKCS #12 file is wrong"},
		"password for all":   {[]string{"keys", "import", good, "--password-file", open}, "chmod it to 0600"},
		"password not UTF-8": {[]string{"keys", "import", good, "--password-file", latin}, "save it as UTF-8"},
		"no terminal":        {[]string{"keys", "import", good}, "--password-file"},
		"no PKCS #12":        {[]string{"keys", "import", mine, "--password-file", right}, "not a usable PKCS #12 file"},
		"weak":               {[]string{"keys", "import", weakFile, "--password-file", right}, "too weak"},
		"another's":          {[]string{"keys", "import", good, "--password-file", right, "--tenant", "school"}, "subjectAltName"},
		"another body":       {[]string{"keys", "import", other, "--password-file", right}, "--registration NTRBE-0999999823"},
		"another law":        {[]string{"keys", "import", law, "--password-file", right}, "--legislation"},
		"no tenant":          {[]string{"keys", "import", good, "--password-file", right, "--tenant", "nobody"}, "there is no tenant"},
		"nothing waits":      {[]string{"keys", "install", mine}, "none that waits here"},
		"no certificates":    {[]string{"keys", "install", good}, "good.p12"},
		"subject":            {[]string{"keys", "request", "--subject", "C=BE"}, "O is missing"},
		"another identifier": {[]string{"keys", "request", "--subject", "C=BE,O=X,CN=X,organizationIdentifier=NTRBE-0999999823"}, "verifiers would refuse the seals"},
		"nothing to retire":  {[]string{"keys", "retire"}, "--key is missing"},
		"no configuration":   {[]string{"keys", "request", "--pkcs11", "--config", "nowhere.yaml"}, "nowhere.yaml"},
		"module and --dir":   {[]string{"keys", "request", "--pkcs11", "--dir", s.keys}, "[dir pkcs11]"},
		"out is there":       {[]string{"keys", "request", "--out", right}, "is there already"},
	} {
		args := c.args
		if c.args[1] != "retire" && !slices.Contains(args, "--pkcs11") {
			args = append(args, dir...)
		}
		if out := s.fails(args...); !strings.Contains(out, c.want) {
			t.Errorf("%s: no %q in %s", name, c.want, out)
		}
	}
	out := s.zegel("keys", "list", "--json", "--dir", s.keys)
	var keys []keyInfo
	if err := json.Unmarshal([]byte(out), &keys); err != nil || slices.ContainsFunc(keys, func(k keyInfo) bool { return k.Use == useSeal && k.State != keyring.Active }) {
		t.Error(err, out)
	}
	// A request waits until its answer comes.
	csr := s.zegel(append([]string{"keys", "request", "--subject", `C=BE,O=Site\, een (TEST),CN=Site (TEST),organizationIdentifier=NTRBE-0999999922`}, dir...)...)
	block, _ := pem.Decode([]byte(csr))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	less := keyringtest.Statements()
	less.SSCD, less.Compliance = false, false
	chain := a.Certify(request.PublicKey, keyringtest.Seal{Issuer: s.urls[0], Organization: "Site (TEST)", Registration: siteRegistrations[0], Statements: less})
	out = s.zegel(append([]string{"keys", "install", s.file("answer.pem", string(trust.EncodePEM(chain[1], chain[0])))}, dir...)...)
	for _, want := range []string{"note: no QcSSCD", "note: no QcCompliance", "is ready", "zegel keys rotate --use seal --to "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
}

// What cannot be kept on the disk has not happened: the list that is served stays the
// one of before, and what is asked for again is done whole.
func TestKeyChangesThatCannotBeKept(t *testing.T) {
	s, a := newSite(t), keyringtest.New(t)
	id, chain := s.imported(a, 0, nil)
	next, _ := s.imported(a, 0, nil)
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/keys/rotate?use=seal&to=" + id, "/keys/rotate?use=seal&to=" + next} {
		if status, text := s.admin("POST", path); status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	local := s.app.local
	manifest := filepath.Join(s.keys, hierarchyDir, "hierarchy.json")
	if err := os.Rename(manifest, manifest+".away"); err != nil {
		t.Fatal(err)
	}
	list, status, pinned := local.hierarchy.List, local.hierarchy.Status.Certificate, local.Anchors()
	for _, path := range []string{"/keys/retire?key=" + id, "/keys/rotate?use=status", "/keys/rotate?use=metadata", "/keys/rotate?use=provider-list", "/keys/rotate?use=registrar"} {
		if status, text := s.admin("POST", path); status != http.StatusInternalServerError {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if _, err := local.ChangeServices("", devca.Services{}, true); err == nil {
		t.Error("services were withdrawn")
	}
	if err := local.remake(); err == nil {
		t.Error("lists were made anew")
	}
	for _, k := range pinnedKeys {
		if !slices.EqualFunc(local.Anchors()[k.use], pinned[k.use], (*x509.Certificate).Equal) || !local.Registrar().Chain[0].Equal(pinned[trust.UseRegistrar][0]) {
			t.Errorf("the key of %s was replaced", k.who)
		}
	}
	if local.hierarchy.List != list || !local.hierarchy.Status.Certificate.Equal(status) || !local.ring("").Has(id) {
		t.Error("something of it has happened")
	}
	if !slices.ContainsFunc(s.inventory(), func(k keyInfo) bool { return k.ID == id && k.State == keyring.Former }) {
		t.Error("the key is no longer what it was")
	}
	if err := os.Rename(manifest+".away", manifest); err != nil {
		t.Fatal(err)
	}
	if status, text := s.admin("POST", "/keys/retire?key="+id); status != http.StatusOK {
		t.Error(status, text)
	}
	h, err := devca.Load(filepath.Dir(manifest))
	if err != nil {
		t.Fatal(err)
	}
	if _, retired := h.Retired(chain[0]); !retired || local.ring("").Has(id) {
		t.Error("it is not retired")
	}
	// Once more says so, and changes nothing.
	if status, text := s.admin("POST", "/keys/retire?key="+id); status != http.StatusConflict || !strings.Contains(text, "it was retired already") {
		t.Error(status, text)
	}
}
