package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// sealed runs seal verify and tells its exit status.
func sealed(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	c := sealCommand()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(append([]string{"verify"}, args...))
	c.SetIn(strings.NewReader(stdin))
	c.SetOut(&out)
	c.SetErr(&errs)
	if err := c.ExecuteContext(t.Context()); err != nil {
		var s exitStatus
		if !errors.As(err, &s) {
			t.Fatalf("%v: the error has no status of its own", err)
		}
		status = int(s)
	}
	return status, out.String(), errs.String()
}

// oneLine is text without its breaks: where its lines end is of no matter.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Files alone: the golden vectors, with what is trusted named by flags.
func TestSealVerify(t *testing.T) {
	dir := testvectors.Dir(t, "jades-golden")
	file := func(name string) string { return filepath.Join(dir, name) }
	at := "--at=2026-11-23T14:00:00Z"
	trusted := []string{at, "--trust", "seal=" + file("sealca.pem"), "--trust", "time-stamp=" + file("tsaca.pem"), "--crl", file("sealca.crl"), "--crl", file("tsaca.crl")}
	compact := string(testvectors.File(t, "jades-golden", "vc.compact"))
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args   []string
		status int
		words  string // of the output, or of the error with status 2
	}{
		"compact":                      {append([]string{file("vc.compact")}, trusted...), 0, "The seal holds. TOTAL_PASSED"},
		"evidence":                     {append([]string{file("vc-blta.flat.json")}, trusted...), 0, "JAdES-BASELINE-LTA"},
		"in words":                     {append([]string{file("vc.compact")}, trusted...), 0, "In words       Sealed by"},
		"in Dutch":                     {append([]string{file("vc.compact"), "--lang=nl"}, trusted...), 0, "In words       Verzegeld door"},
		"not accepted, no words":       {append([]string{file("n-nox5t.compact"), "--lang=fr"}, trusted...), 1, "The seal is not accepted."},
		"a wrong language":             {[]string{file("vc.compact"), "--lang=tlh"}, 2, "expected nl, fr, de or en"},
		"standard input":               {append([]string{"-"}, trusted...), 0, "The seal holds."},
		"trusted for both uses":        {[]string{file("vc-blta.flat.json"), at, "--trust", file("sealca.pem"), "--trust", file("tsaca.pem"), "--crl", file("tsaca.crl")}, 0, "JAdES-BASELINE-LTA"},
		"changed":                      {append([]string{file("n-tampered.compact")}, trusted...), 1, "TOTAL_FAILED HASH_FAILURE"},
		"nobody is trusted":            {[]string{file("vc.compact"), at}, 1, "NO_CERTIFICATE_CHAIN_FOUND"},
		"no revocation list":           {[]string{file("vc.compact"), at, "--trust", file("sealca.pem")}, 1, "TRY_LATER"},
		"trusted for time-stamps only": {[]string{file("vc.compact"), at, "--trust", "time-stamp=" + file("sealca.pem")}, 1, "NO_CERTIFICATE_CHAIN_FOUND"},
		"before the certificate":       {append([]string{file("vc.compact")}, append(trusted, "--at=2020-01-01")...), 1, "OUT_OF_BOUNDS_NOT_REVOKED"},
		"no seal":                      {[]string{file("sealca.pem"), at}, 1, "FORMAT_FAILURE"},
		"no file":                      {nil, 2, "accepts 1 arg"},
		"a file that is not there":     {[]string{file("nothing")}, 2, "nothing"},
		"an empty file":                {[]string{empty}, 2, "it is empty"},
		"an unknown flag":              {[]string{"x", "--sea"}, 2, "unknown flag"},
		"a wrong time":                 {[]string{file("vc.compact"), "--at=noon"}, 2, "--at"},
		"a wrong use":                  {[]string{file("vc.compact"), "--trust", "list=" + file("sealca.pem")}, 2, "expected FILE, seal=FILE"},
		"no certificate":               {[]string{file("vc.compact"), "--trust", file("vc.compact")}, 2, "--trust"},
		"no revocation list in it":     {[]string{file("vc.compact"), "--crl", file("sealca.pem")}, 2, "--crl"},
		"no configuration":             {[]string{file("vc.compact"), "--config", empty + ".yaml"}, 2, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := sealed(t, compact, tc.args...)
			text := stdout
			if tc.status == 2 {
				text = stderr
			}
			if status != tc.status || !strings.Contains(text, tc.words) || (tc.status == 2) != (stdout == "") {
				t.Errorf("status %d\n%s%s", status, stdout, stderr)
			}
		})
	}
	status, stdout, _ := sealed(t, "", append([]string{file("vc-blta.flat.json"), "--json"}, trusted...)...)
	var r report.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || status != 0 || !r.Accepted || r.Type != report.Type {
		t.Errorf("status %d, %v\n%s", status, err, stdout)
	}
}

// A configuration brings the list of providers: that of its key directory, or one
// that others publish.
func TestSealVerifyConfig(t *testing.T) {
	const issuer = "https://issuer.example.org"
	dir := t.TempDir()
	now := time.Now()
	if err := initKeys(filepath.Join(dir, "keys"), devca.Options{Now: now, Issuer: issuer}); err != nil {
		t.Fatal(err)
	}
	h, err := loadHierarchy(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	text := sealedBy(t, h, now)
	asked := 0
	lists := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Write([]byte(h.List))
	}))
	defer lists.Close()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("signer.pem", trust.EncodePEM(h.ListSigner.Certificate))
	crl := write("seal.crl", h.SealCRL)
	local := write("local.yaml", []byte("data: d\nkeys: keys\nissuer: {url: "+issuer+", listen: \"127.0.0.1:0\", register: s.yaml}\n"))
	foreign := write("foreign.yaml", []byte("profile: development\ndata: d\nkeys: none\nverifier: {url: \"http://localhost:8083\", receivers: r.yaml, trust: {pub_eaa_list: \""+lists.URL+"\", list_signer: signer.pem}}\n"))

	before, err := os.ReadFile(filepath.Join(dir, "keys", "hierarchy", "list.jwt"))
	status, stdout, stderr := sealed(t, text, "-", "--config", local)
	if status != 0 || !strings.Contains(oneLine(stdout), "passed List of providers of attestations") || asked != 0 {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	if after, err2 := os.ReadFile(filepath.Join(dir, "keys", "hierarchy", "list.jwt")); err == nil && (err2 != nil || !bytes.Equal(before, after)) {
		t.Error("the installation was changed")
	}
	if _, err := os.Stat(filepath.Join(dir, "d")); err == nil {
		t.Error("a data directory was made")
	}
	status, stdout, stderr = sealed(t, text, "-", "--config", foreign, "--crl", crl)
	// The list names the certificate itself, so that the list says whether it still
	// counts; the authority is not known.
	if status != 0 || !strings.Contains(oneLine(stdout), "passed List of providers of attestations") || !strings.Contains(oneLine(stdout), "names the certificate itself") || asked != 1 {
		t.Errorf("status %d, asked %d\n%s%s", status, asked, stdout, stderr)
	}
	lists.Close()
	if status, _, stderr = sealed(t, text, "-", "--config", foreign); status != 2 || !strings.Contains(stderr, "fetching the list of PuB-EAA providers") {
		t.Errorf("status %d\n%s", status, stderr)
	}
}

// Time-stamps count by the anchors of the configuration, with the local hierarchy
// and with a list that others publish, for the command and for the server alike.
func TestTimestampAnchors(t *testing.T) {
	const issuer = "https://issuer.example.org"
	dir, now := t.TempDir(), time.Now().UTC().Truncate(time.Second)
	if err := initKeys(filepath.Join(dir, "keys"), devca.Options{Now: now.Add(-time.Minute), Issuer: issuer}); err != nil {
		t.Fatal(err)
	}
	h, err := loadHierarchy(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	var list []byte // of revocations of the authority's certificates, over plain http
	lists := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tsa.crl" {
			w.Write(list)
			return
		}
		w.Write([]byte(h.List))
	}))
	defer lists.Close()
	tsa, err := devtsa.New(devtsa.Options{Now: func() time.Time { return now }, Bend: func(c *x509.Certificate) { c.CRLDistributionPoints = []string{lists.URL + "/tsa.crl"} }})
	if err != nil {
		t.Fatal(err)
	}
	list, err = x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour)}, tsa.Root, tsa.RootKey)
	if err != nil {
		t.Fatal(err)
	}
	file, err := evidence.Lift(sealedBy(t, h, now))
	if err != nil {
		t.Fatal(err)
	}
	imprint, err := file.Imprint(evidence.SignatureTimeStamp, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	token, err := tsa.Token(devtsa.Stamp{Hash: crypto.SHA256, Imprint: imprint, Time: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := file.AddTimeStamp(evidence.SignatureTimeStamp, token); err != nil {
		t.Fatal(err)
	}
	stamped, err := file.Marshal(evidence.Flattened)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("signer.pem", trust.EncodePEM(h.ListSigner.Certificate))
	write("stamps.pem", trust.EncodePEM(tsa.Root))
	config := func(name, keys, trusted string) string {
		return write(name, []byte("profile: development\ndata: d\nkeys: "+keys+"\nverifier: {url: \"http://localhost:8083\", receivers: r.yaml, trust: {"+trusted+"}}\n"))
	}
	foreign := "pub_eaa_list: \"" + lists.URL + "\", list_signer: signer.pem"
	for name, c := range map[string]struct {
		path   string
		status int
		level  seal.Level
	}{
		"local":                    {config("a.yaml", "keys", "timestamp_anchors: stamps.pem"), 0, seal.BaselineT},
		"local, without anchors":   {config("b.yaml", "keys", ""), 1, seal.BaselineB},
		"foreign":                  {config("c.yaml", "none", foreign+", timestamp_anchors: stamps.pem"), 0, seal.BaselineT},
		"foreign, without anchors": {config("d.yaml", "none", foreign), 1, seal.BaselineB},
		"anchors not there":        {config("e.yaml", "keys", "timestamp_anchors: nothing.pem"), 2, ""},
		"anchors that are none":    {config("f.yaml", "keys", "timestamp_anchors: r.yaml"), 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			write("r.yaml", nil)
			status, stdout, stderr := sealed(t, string(stamped), "-", "--json", "--config", c.path)
			if status == 2 {
				if c.status != 2 || !strings.Contains(stderr, "timestamp_anchors") {
					t.Errorf("status %d\n%s", status, stderr)
				}
				return
			}
			var r report.Report
			if err := json.Unmarshal([]byte(stdout), &r); err != nil || status != c.status || r.Level != c.level {
				t.Errorf("status %d, level %s, %v\n%s", status, r.Level, err, r.Checks)
			}
			server, err := LoadConfig(c.path)
			if err != nil {
				t.Fatal(err)
			}
			a := &app{c: server, log: slog.New(slog.DiscardHandler), now: time.Now, history: newHistory(t), operator: fetch.Operator(fetch.Options{PlainLoopback: true}), revocation: revocationClient(ProfileDevelopment, time.Now)}
			defer a.Close()
			if server.Verifier.Trust.PubEAAList == "" {
				if err := a.openTrust(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			trusts, err := a.verifierTrust(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			judged, err := report.Judge(t.Context(), trusts.validator(), stamped, time.Now())
			if err != nil || judged.Level != c.level || judged.Accepted != (c.status == 0) {
				t.Errorf("the server says %s, %v\n%s", judged.Level, err, judged.Checks)
			}
		})
	}
}

// sealedBy is a token that a hierarchy sealed.
func sealedBy(t *testing.T, h *devca.Hierarchy, at time.Time) string {
	t.Helper()
	s, err := h.Sealer("", func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.SignCompact("vc+jwt", at, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
