package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// listScene is what a script about trusted lists has beside its files: who publishes
// them, and the installation that follows them.
type listScene struct {
	p *unionScene
	h *devca.Hierarchy
}

// TestTrustScripts drive `zegel trust` against `zegel serve`, as real commands.
func TestTrustScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/trust",
		Setup: func(env *testscript.Env) error {
			now := time.Now().UTC()
			s := listScene{p: newUnionScene(t, now)}
			s.h = writeInstallation(t, env.WorkDir, s.p, now)
			env.Values["lists"] = s
			env.Setenv("LOTL", s.p.URL+"/lotl.xml")
			sealer, err := s.h.Sealer("", time.Now)
			if err != nil {
				return err
			}
			compact, err := sealer.SignCompact("vc+jwt", now, []byte(`{}`))
			if err != nil {
				return err
			}
			return errors.Join(
				os.WriteFile(filepath.Join(env.WorkDir, "seal.jwt"), []byte(compact), 0o600),
				os.WriteFile(filepath.Join(env.WorkDir, "seal.pem"), trust.EncodePEM(s.h.Seal.Certificate), 0o600))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfile": waitFile, "publish": publishLists, "network": network, "await": await, "expand": expand, "status": exitsWith,
		},
	})
}

// publish N [WHAT] publishes lists of number N: of a service for seals, which is
// granted, or withdrawn, or a list of Belgium that is forged, or one that runs out
// in three seconds.
func publishLists(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value("lists").(listScene)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	now := time.Now().UTC().Truncate(time.Second)
	ca, long := s.h.SealCA.Certificate, now.AddDate(-3, 0, 0)
	s.p.all(n, ca, now)
	if len(args) == 1 {
		return
	}
	be := national("BE", n, forSeals(ca, long))
	by := s.p.be
	switch args[1] {
	case "withdrawn":
		be = national("BE", n, withdrawn(forSeals(ca, now, forSeals(ca, long))))
	case "forged":
		by = newListSigner(s.p.t, "BE", now)
	case "short":
		be.NextUpdate = now.Add(3 * time.Second)
	case "unclear":
		be.Providers[0].Services[0].Extensions = append(be.Providers[0].Services[0].Extensions, tsltest.Qualified(true, tsltest.Criteria("all", tsltest.Unknown()), "QCWithQSCD"))
	default:
		ts.Fatalf("publish: no lists of kind %q", args[1])
	}
	s.p.put("/be.xml", s.p.sign(be, by, now))
}

// network up|down
func network(ts *testscript.TestScript, _ bool, args []string) {
	ts.Value("lists").(listScene).p.offline(args[0] == "down")
}

// await PATTERN COMMAND... runs zegel until its output matches.
func await(ts *testscript.TestScript, _ bool, args []string) {
	re := regexp.MustCompile("(?m)" + args[0])
	for range 300 {
		if _ = ts.Exec("zegel", args[1:]...); re.MatchString(ts.ReadFile("stdout")) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("zegel %q did not say %q within half a minute:\n%s", args[1:], args[0], ts.ReadFile("stdout"))
}

// expand FILE puts the variables of the script into a file.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)), 0o600))
}

// status N COMMAND... runs a command that must end with this status.
func exitsWith(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("status %d, expected %d", got, want)
	}
}
