package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/europass"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// lifting is a directory with a sealed document in each form, and authorities.
type lifting struct {
	*testing.T
	dir  string
	now  time.Time
	h    *devca.Hierarchy
	urls []string // of the time-stamp authorities: one that runs a year, one of thirty
}

func newLifting(t *testing.T) *lifting {
	l := &lifting{T: t, dir: t.TempDir(), now: time.Now().UTC().Truncate(time.Second)}
	l.must(initKeys(l.path("keys"), devca.Options{Now: l.now.Add(-time.Minute), Issuer: "https://issuer.example.org"}))
	var err error
	l.h, err = loadHierarchy(l.path("keys"))
	l.must(err)
	l.write("seal.pem", trust.EncodePEM(l.h.SealCA.Certificate))
	l.write("seal.crl", l.h.SealCRL)
	var roots []byte
	for i, years := range []int{1, 30} {
		tsa, err := devtsa.New(devtsa.Options{Now: func() time.Time { return l.now }, NotBefore: l.now.AddDate(0, 0, -1), NotAfter: l.now.AddDate(years, 0, 0)})
		l.must(err)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Scheme, r.URL.Host = "https", r.Host
			res, err := tsa.Do(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			defer res.Body.Close()
			w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
			w.WriteHeader(res.StatusCode)
			_, _ = io.Copy(w, res.Body)
		}))
		t.Cleanup(server.Close)
		l.urls = append(l.urls, server.URL)
		list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: l.now.Add(-time.Minute), NextUpdate: l.now.Add(time.Hour)}, tsa.Root, tsa.RootKey)
		l.must(err)
		l.write(fmt.Sprintf("tsa%d.crl", i), list)
		roots = append(roots, trust.EncodePEM(tsa.Root)...)
	}
	l.write("stamps.pem", roots)

	compact := sealedBy(t, l.h, l.now)
	l.write("vc.jwt", []byte(compact+"\n"))
	l.write("changed.jwt", []byte(strings.Replace(compact, ".", ".A", 1)))
	sealer, err := l.h.Sealer("", func() time.Time { return l.now })
	l.must(err)
	draft, err := europass.Prepare([]byte(`{"@context":["https://www.w3.org/2018/credentials/v1","`+europass.Profile+`"],"type":["VerifiableCredential","EuropeanDigitalCredential"],"issuer":{"eIDASIdentifier":{"notation":"0999999922"}}}`), l.now)
	l.must(err)
	file, err := draft.Seal(sealer)
	l.must(err)
	b, err := file.Marshal(evidence.General)
	l.must(err)
	l.write("europass.jsonld", b)
	sdjwt, err := sealer.SignCompact("dc+sd-jwt", l.now, []byte(`{"iss":"https://issuer.example.org","vct":"x","_sd_alg":"sha-256","_sd":["`+digest("WyJzYWx0IiwgImEiLCAxXQ")+`"]}`))
	l.must(err)
	l.write("held.sdjwt", []byte(sdjwt+"~WyJzYWx0IiwgImEiLCAxXQ~"))
	l.write("shown.sdjwt", []byte(sdjwt+"~WyJzYWx0IiwgImEiLCAxXQ~eyJhbGciOiJFUzI1NiJ9.e30.AAAA"))
	return l
}

func (l *lifting) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *lifting) path(name string) string { return filepath.Join(l.dir, name) }

func (l *lifting) write(name string, b []byte) {
	l.Helper()
	l.must(os.WriteFile(l.path(name), b, 0o600))
}

// digest is that of a disclosure (RFC 9901, Section 4.2.3).
func digest(disclosure string) string {
	sum := sha256.Sum256([]byte(disclosure))
	return jose.Encode(sum[:])
}

// run runs the command in the directory.
func (l *lifting) run(args ...string) (status int, stdout, stderr string) {
	l.Helper()
	var out, errs bytes.Buffer
	c := sealCommand()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(append([]string{"lift"}, args...))
	c.SetOut(&out)
	c.SetErr(&errs)
	if err := c.ExecuteContext(l.Context()); err != nil {
		var s exitStatus
		if !errors.As(err, &s) {
			l.Fatalf("%v: the error has no status of its own", err)
		}
		status = int(s)
	}
	return status, out.String(), errs.String()
}

// flags name what is trusted.
func (l *lifting) flags() []string {
	return []string{"--trust", "seal=" + l.path("seal.pem"), "--trust", "time-stamp=" + l.path("stamps.pem"), "--crl", l.path("seal.crl"), "--crl", l.path("tsa0.crl"), "--crl", l.path("tsa1.crl")}
}

// Every form is lifted to every level, in the form it has, and holds by what is in it
// when nobody says anything any more.
func TestSealLift(t *testing.T) {
	l := newLifting(t)
	for i, c := range []struct {
		file, level string
		want        seal.Level
		holds       []string // what the file written has, and has not
	}{
		{"vc.jwt", "B-T", seal.BaselineT, []string{`"protected"`, `!"signatures"`}},
		{"vc.jwt", "B-LT", seal.BaselineLT, []string{`"protected"`}},
		{"vc.jwt", "B-LTA", seal.BaselineLTA, []string{`"protected"`}},
		{"europass.jsonld", "B-LTA", seal.BaselineLTA, []string{`"signatures"`, `EuropeanDigitalCredential`}},
		{"held.sdjwt", "B-LTA", seal.BaselineLTA, []string{`WyJzYWx0IiwgImEiLCAxXQ`}},
		{"shown.sdjwt", "B-LTA", seal.BaselineLTA, []string{`WyJzYWx0IiwgImEiLCAxXQ`, `!eyJhbGciOiJFUzI1NiJ9.e30`}},
	} {
		out := l.path(fmt.Sprintf("out%d.json", i))
		status, stdout, stderr := l.run(append(l.flags(), l.path(c.file), out, "--level", c.level, "--timestamp", l.urls[1])...)
		if status != 0 || !strings.Contains(stdout, "Written to "+out+": "+string(c.want)) {
			t.Errorf("%s to %s: status %d\n%s%s", c.file, c.level, status, stdout, stderr)
			continue
		}
		b, err := os.ReadFile(out)
		l.must(err)
		for _, part := range c.holds {
			if part, not := strings.CutPrefix(part, "!"); strings.Contains(string(b), part) == not {
				t.Errorf("%s to %s: %s", c.file, c.level, part)
			}
		}
		if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		judge := []string{out, "--trust", "seal=" + l.path("seal.pem"), "--trust", "time-stamp=" + l.path("stamps.pem"), "--crl", l.path("tsa1.crl"), "--at", l.now.Add(30 * time.Minute).Format(time.RFC3339)}
		if c.want == seal.BaselineT {
			judge = append(judge, "--crl", l.path("seal.crl"))
		}
		if status, stdout, _ := sealed(t, "", judge...); status != 0 || !strings.Contains(stdout, string(c.want)) {
			t.Errorf("%s: the file does not hold\n%s", c.file, stdout)
		}
	}
	// To the standard output, in steps.
	status, first, stderr := l.run(append(l.flags(), l.path("vc.jwt"), "-", "--level", "B-T", "--timestamp", l.urls[0])...)
	if status != 0 || !strings.HasPrefix(first, "{") {
		t.Fatalf("status %d\n%s%s", status, first, stderr)
	}
	l.write("t.json", []byte(first))
	if status, _, stderr := l.run(append(l.flags(), l.path("t.json"), l.path("steps.json"), "--timestamp", l.urls[0])...); status != 0 {
		t.Fatalf("status %d\n%s", status, stderr)
	}
	// Again, when another authority lasts longer; the one that does not is no help.
	status, _, stderr = l.run(append(l.flags(), l.path("steps.json"), l.path("again.json"), "--again", "--timestamp", l.urls[0])...)
	if status != 2 || !strings.Contains(stderr, "run out no later than") {
		t.Errorf("status %d\n%s", status, stderr)
	}
	status, stdout, stderr := l.run(append(l.flags(), l.path("steps.json"), l.path("again.json"), "--again", "--timestamp", l.urls[1])...)
	if want := l.now.AddDate(30, 0, 0).Format(time.DateOnly); status != 0 || !strings.Contains(stdout, "before "+want) {
		t.Errorf("status %d, expected until %s\n%s%s", status, want, stdout, stderr)
	}
}

// What does not hold is not lifted, and what cannot be lifted is not written.
func TestSealLiftRefuses(t *testing.T) {
	l := newLifting(t)
	l.write("there.json", []byte("x"))
	if status, _, stderr := l.run(append(l.flags(), l.path("vc.jwt"), l.path("lta.json"), "--timestamp", l.urls[0])...); status != 0 {
		t.Fatal(stderr)
	}
	stamp := []string{"--timestamp", l.urls[0]}
	trusted := append(l.flags(), stamp...)
	without := func(name string) []string {
		var out []string
		for i := 0; i < len(trusted); i += 2 {
			if !strings.HasSuffix(trusted[i+1], name) {
				out = append(out, trusted[i:i+2]...)
			}
		}
		return out
	}
	for name, c := range map[string]struct {
		file, out string
		args      []string
		status    int
		words     string
	}{
		"changed":                       {"changed.jwt", "new.json", trusted, 1, "the seal is not accepted as it is: TOTAL_FAILED"},
		"nobody trusts the seal":        {"vc.jwt", "new.json", without("seal.pem"), 2, "none of the authorities that are trusted"},
		"nobody trusts the time-stamps": {"vc.jwt", "new.json", []string{"--trust", "seal=" + l.path("seal.pem"), "--crl", l.path("seal.crl"), "--timestamp", l.urls[0]}, 2, "no certificate chain to a trusted anchor"},
		"no list of the seal":           {"vc.jwt", "new.json", without("seal.crl"), 1, "TRY_LATER"},
		"no list of the authority":      {"vc.jwt", "new.json", without("tsa0.crl"), 2, "revocation of"},
		"no authority named":            {"vc.jwt", "new.json", l.flags(), 2, "--timestamp is missing"},
		"plain http":                    {"vc.jwt", "new.json", append(l.flags(), "--timestamp", "http://tsa.example.org/"), 2, "expected an https address"},
		"an authority that is away":     {"vc.jwt", "new.json", append(l.flags(), "--timestamp", "http://127.0.0.1:1/"), 2, "127.0.0.1"},
		"lifted already":                {"lta.json", "new.json", trusted, 2, "is JAdES-BASELINE-LTA already, to be stamped again before"},
		"again, and never before":       {"vc.jwt", "new.json", append([]string{"--again"}, trusted...), 2, "only evidence of B-LTA is stamped again"},
		"a level that is none":          {"vc.jwt", "new.json", append([]string{"--level", "LTA"}, trusted...), 2, "expected B-T, B-LT or B-LTA"},
		"OUT is there":                  {"vc.jwt", "there.json", trusted, 2, "is there already"},
		"no document":                   {"seal.pem", "new.json", trusted, 1, "FORMAT_FAILURE"},
		"no file":                       {"nothing", "new.json", trusted, 2, "nothing"},
		"an unknown flag":               {"vc.jwt", "new.json", []string{"--stamp"}, 2, "unknown flag"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := l.run(append([]string{l.path(c.file), l.path(c.out)}, c.args...)...)
			if status != c.status || !strings.Contains(stderr, c.words) || stdout != "" {
				t.Errorf("status %d\n%s%s", status, stdout, stderr)
			}
			if _, err := os.Stat(l.path("new.json")); err == nil {
				t.Error("something was written")
			}
		})
	}
	if b, err := os.ReadFile(l.path("there.json")); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
}

// A configuration brings trust, lists and the authorities of the vaults.
func TestSealLiftConfig(t *testing.T) {
	l := newLifting(t)
	l.write("zegel.yaml", []byte("profile: development\ndata: d\nkeys: keys\nissuer: {url: https://issuer.example.org, listen: \"127.0.0.1:0\", register: s.yaml}\n"+
		"holder: {url: \"http://localhost:8082\", listen: \"127.0.0.1:0\", sign_in: {issuer: \"http://localhost:8099\", client_id: x, client_secret_file: s, acr: [a]}, pods: {kind: local}, timestamps: {authorities: [{url: \""+l.urls[1]+"\"}], anchors: stamps.pem}}\n"))
	args := []string{l.path("europass.jsonld"), l.path("new.jsonld"), "--config", l.path("zegel.yaml"), "--crl", l.path("tsa1.crl")}
	status, stdout, stderr := l.run(args...)
	if status != 0 || !strings.Contains(stdout, string(seal.BaselineLTA)+", to be stamped again before "+l.now.AddDate(30, 0, 0).Format(time.DateOnly)) {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
}
