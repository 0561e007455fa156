package crash_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
	"github.com/zegel-id/zegel/internal/rest"
	issuerapi "github.com/zegel-id/zegel/issuer/api"
	"github.com/zegel-id/zegel/seal/trust/devca"
	verifierapi "github.com/zegel-id/zegel/verifier/api"
)

// server is `zegel serve` on one directory of data, started as often as the
// test wants. The rest of the test knows it by its addresses and files alone.
type server struct {
	t       *testing.T
	program string
	dir     string // data below it, and all that the configuration names
	data    string
	log     string // what every run of it said
	random  *rand.Rand

	issuer, verifier       string // base URLs
	schoolKey, employerKey string
	hierarchy              *devca.Hierarchy

	cmd   *exec.Cmd
	ended chan struct{}
}

var program struct {
	sync.Once
	dir, path string
	err       error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if program.dir != "" {
		_ = os.RemoveAll(program.dir)
	}
	os.Exit(code)
}

// build builds the command, once for all tests.
func build(t *testing.T) string {
	t.Helper()
	program.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "zegel-crash-"); program.err != nil {
			return
		}
		program.path = filepath.Join(program.dir, "zegel")
		out, err := exec.Command("go", "build", "-o", program.path, "../../cmd/zegel").CombinedOutput()
		if err != nil {
			program.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	return program.path
}

// install builds the command and prepares keys and configuration.
func install(t *testing.T) *server {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &server{t: t, dir: filepath.Join(t.TempDir(), "system"), random: rand.New(rand.NewPCG(seed, 0))}
	s.data, s.log = filepath.Join(s.dir, "data"), filepath.Join(s.dir, "server.log")
	s.check(os.MkdirAll(s.dir, 0o700))
	s.program = build(t)
	s.issuer, s.verifier = address(t, s.random), address(t, s.random)
	s.zegel("keys", "init", "--dir", filepath.Join(s.dir, "keys"), "--issuer", s.issuer)
	var err error
	s.hierarchy, err = devca.Load(filepath.Join(s.dir, "keys", "hierarchy"))
	s.check(err)
	s.configure()
	t.Cleanup(s.kill)
	return s
}

// address is a free one of loopback that stays free while the server is down:
// its port is below those that systems give to outgoing connections.
func address(t *testing.T, random *rand.Rand) string {
	t.Helper()
	for range 100 {
		port := 20_000 + random.IntN(10_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return fmt.Sprintf("http://localhost:%d", port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

const receivers = `
receivers:
  - id: employer
    status: admitted
    legal_name: Voorbeeld Werkgever (TEST)
    registration: NTRBE-0999999823
    country: BE
    privacy_statement: https://employer.example/privacy
    hosts: [localhost]
    intended_uses:
      - id: recruitment
        purpose: {nl: Nagaan van het diploma, fr: Vérifier le diplôme, de: Prüfen des Diploms, en: Check of the diploma}
        legal_basis: GDPR, Article 6(1)(b)
        credentials:
          - format: dc+sd-jwt
            vct_values: ["%s/types/led-diploma"]
            claims: [[title], [level]]
`

// configure writes what `zegel serve` reads: issuer and verifier, without
// suppliers that could be asked and without sign-in.
func (s *server) configure() {
	var school, employer string
	s.schoolKey, school = rest.NewKey()
	s.employerKey, employer = rest.NewKey()
	s.write("suppliers.yaml", string(fixtures.Register()))
	s.write("receivers.yaml", fmt.Sprintf(receivers, s.issuer))
	s.write("zegel.yaml", fmt.Sprintf(`
profile: development
data: data
keys: keys
log: json
issuer:
  url: %[1]s
  register: suppliers.yaml
  status_ttl: 1s
  clients:
    - {id: school, key_sha256: [%[3]s], permissions: ["%[5]s", "%[6]s:led_diploma"]}
verifier:
  url: %[2]s
  receivers: receivers.yaml
  result_grace: 0s
  accept:
    - {type: "%[1]s/types/led-diploma", issuers: ["%[1]s"], registrations: ["%[8]s"]}
  clients:
    - {id: employer, key_sha256: [%[4]s], permissions: [%[7]s]}
`, s.issuer, s.verifier, school, employer, issuerapi.PermissionOffer, issuerapi.PermissionClaims, verifierapi.Permission, s.hierarchy.Registration()))
}

func (s *server) write(name, text string) {
	s.t.Helper()
	s.check(os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
}

func (s *server) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// launch starts the command and does not wait for it to serve.
func (s *server) launch() {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.check(err)
	defer log.Close()
	s.cmd = exec.Command(s.program, "serve", "--config", filepath.Join(s.dir, "zegel.yaml"))
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.check(s.cmd.Start())
	s.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait()
		close(ended)
	}(s.cmd, s.ended)
}

// start starts the command and waits until both roles serve.
func (s *server) start() {
	s.t.Helper()
	s.launch()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for _, base := range []string{s.issuer, s.verifier} {
		for {
			req, err := http.NewRequestWithContext(ctx, "GET", base+"/health/ready", nil)
			s.check(err)
			if res, err := client.Do(req); err == nil {
				res.Body.Close()
				if res.StatusCode == http.StatusOK {
					break
				}
			}
			select {
			case <-s.ended:
				s.t.Fatalf("zegel serve ended with %v:\n%s", s.cmd.ProcessState, s.said())
			case <-ctx.Done():
				s.t.Fatalf("zegel serve does not serve:\n%s", s.said())
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// kill ends the command as `kill -9` does.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.ended
	s.cmd = nil
}

// stop ends the command as an operator does; it must say that it ended well.
func (s *server) stop() {
	s.t.Helper()
	s.check(s.cmd.Process.Signal(os.Interrupt))
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		s.t.Error("zegel serve does not stop")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("zegel serve ended with %d:\n%s", code, s.said())
	}
	s.kill()
}

// said is the end of what the command logged.
func (s *server) said() string {
	f, err := os.Open(s.log)
	s.check(err)
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 4096 {
		_, err = f.Seek(-4096, io.SeekEnd)
		s.check(err)
	}
	b, err := io.ReadAll(f)
	s.check(err)
	return string(b)
}

// zegel runs another command to its end.
func (s *server) zegel(args ...string) string {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), s.program, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("zegel %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// verifyUseLog has the command verify the use log: of the running server, or
// of one that lies still.
func (s *server) verifyUseLog() {
	s.t.Helper()
	args := []string{"audit", "verify", "--data", s.data, "--keys", filepath.Join(s.dir, "keys")}
	if s.cmd != nil {
		args = []string{"audit", "verify", "--socket", filepath.Join(s.data, "admin.sock")}
		s.waitSocket()
	}
	if out := s.zegel(args...); !strings.Contains(out, "The use log is intact.") {
		s.t.Errorf("the use log: %s", out)
	}
}

// waitSocket waits for the admin socket, which is opened beside the roles.
func (s *server) waitSocket() {
	s.t.Helper()
	for range 6000 {
		if c, err := net.Dial("unix", filepath.Join(s.data, "admin.sock")); err == nil {
			c.Close()
			return
		} else if !errors.Is(err, os.ErrNotExist) && !strings.Contains(err.Error(), "refused") {
			s.t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatal("nobody listens on the admin socket")
}
