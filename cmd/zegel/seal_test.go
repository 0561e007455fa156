package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
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

// words is text in one line: where its lines end is of no matter.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

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
		"standard input":               {append([]string{"-"}, trusted...), 0, "The seal holds."},
		"trusted for both uses":        {[]string{file("vc-blta.flat.json"), at, "--trust", file("sealca.pem"), "--trust", file("tsaca.pem"), "--crl", file("tsaca.crl")}, 0, "JAdES-BASELINE-LTA"},
		"changed":                      {append([]string{file("n-tampered.compact")}, trusted...), 1, "TOTAL_FAILED HASH_FAILURE"},
		"nobody is trusted":            {[]string{file("vc.compact"), at}, 1, "NO_CERTIFICATE_CHAIN_FOUND"},
		"no revocation list":           {[]string{file("vc.compact"), at, "--trust", file("sealca.pem")}, 1, "TRY_LATER"},
		"trusted for time-stamps only": {[]string{file("vc.compact"), at, "--trust", "time-stamp=" + file("sealca.pem")}, 1, "NO_CERTIFICATE_CHAIN_FOUND"},
		"before the certificate":       {append([]string{file("vc.compact")}, append(trusted, "--at=2020-01-01")...), 1, "OUT_OF_BOUNDS_NO_POE"},
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
	s, err := h.Sealer("", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.SignCompact("vc+jwt", now, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
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
	if status != 0 || !strings.Contains(words(stdout), "passed List of providers of attestations") || asked != 0 {
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
	if status != 0 || !strings.Contains(words(stdout), "passed List of providers of attestations") || !strings.Contains(words(stdout), "names the certificate itself") || asked != 1 {
		t.Errorf("status %d, asked %d\n%s%s", status, asked, stdout, stderr)
	}
	lists.Close()
	if status, _, stderr = sealed(t, text, "-", "--config", foreign); status != 2 || !strings.Contains(stderr, "fetching the list of providers") {
		t.Errorf("status %d\n%s", status, stderr)
	}
}
