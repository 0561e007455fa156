package sealchain

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/e2e/wholejob"
	"github.com/zegel-id/zegel/holder/pod/solid/solidtest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// tendBoth has two devices tend at the same time: their first requests for a
// time-stamp wait for each other.
func (s *scene) tendBoth() {
	s.Helper()
	s.stamps.together(2)
	var both sync.WaitGroup
	for _, device := range []string{"first", "second"} {
		both.Go(func() {
			cmd := exec.CommandContext(s.Context(), s.program, "wallet", "evidence", "tend")
			cmd.Env = append(os.Environ(), "ZEGEL_SOCKET="+s.path("data/admin.sock"), "ZEGEL_WALLET="+s.path(device))
			if out, err := cmd.CombinedOutput(); err != nil {
				s.Errorf("%s: %v\n%s", device, err, out)
			}
		})
	}
	both.Wait()
}

// On a Solid server evidence is ciphertext, and two devices that tend at once leave
// one evidence of each credential, with one renewal.
func TestSolidEvidence(t *testing.T) {
	program := buildStamps(t)
	server := solidtest.Start(t)
	p := newProvider(t)
	stamps := newStampFront(t)
	short, long := p.stamps("/short.crl", time.Now().AddDate(0, 2, 0)), p.stamps("/long.crl", time.Now().AddDate(10, 0, 0))
	p.announce()
	s := newScene(t, p, stamps, `{kind: solid, url: "`+server.URL+`"}`)

	s.zegel("first", "wallet", "activate", "--sign-in-as", "lotte")
	out := s.zegel("first", "wallet", "collect", "led") // no authority answers
	names := accepted.FindAllStringSubmatch(out, -1)
	if len(names) == 0 || strings.Count(out, "owed: ") != len(names) {
		t.Fatal(out)
	}
	s.openSecond()

	for _, step := range []struct {
		authority *devtsa.Authority
		stamps    int
	}{{short, 2}, {long, 3}} {
		address, stop := serveStamps(t, program, step.authority)
		stamps.use(address)
		s.tendBoth()
		stop()
		for i, name := range names {
			one := s.export("first", name[1], fmt.Sprintf("first-%d-%d.json", step.stamps, i))
			two := s.export("second", name[1], fmt.Sprintf("second-%d-%d.json", step.stamps, i))
			if !bytes.Equal(one, two) {
				t.Error("two devices export other evidence")
			}
			var r found
			s.check(json.Unmarshal(s.validate(one, "application/jose+json"), &r.Report))
			if !r.Accepted || r.Level != seal.BaselineLTA || r.Qualification != seal.QESeal || len(r.TimeStamps) != step.stamps {
				t.Errorf("accepted %t, %s %s, %d time-stamps, expected %d", r.Accepted, r.Level, r.Qualification, len(r.TimeStamps), step.stamps)
			}
			s.unreadable(server.Dir, one)
		}
	}
	wholejob.CleanDir(t, server.Dir)
}

// openSecond opens the vault on a second device, with the recovery code.
func (s *scene) openSecond() {
	s.Helper()
	b, err := os.ReadFile(s.path("first/wallet.json"))
	s.check(err)
	var state struct {
		Code string `json:"recovery_code"`
	}
	s.check(json.Unmarshal(b, &state))
	cmd := exec.CommandContext(s.Context(), s.program, "wallet", "open", "--sign-in-as", "lotte")
	cmd.Env = append(os.Environ(), "ZEGEL_SOCKET="+s.path("data/admin.sock"), "ZEGEL_WALLET="+s.path("second"))
	cmd.Stdin = strings.NewReader(state.Code)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("%v\n%s", err, out)
	}
}

// unreadable looks in the files of the server for parts of evidence: header, payload,
// signature and the certificate.
func (s *scene) unreadable(dir string, evidence []byte) {
	s.Helper()
	f := parse(s, evidence)
	// With the quote: random base64 text holds five letters now and then.
	parts := [][]byte{s.certificate.Raw, []byte(`etsiU"`), []byte(`etsiU\"`), []byte(base64.StdEncoding.EncodeToString(s.certificate.Raw))}
	for _, member := range []string{"protected", "payload", "signature"} {
		parts = append(parts, []byte(f.text(s, member)))
	}
	files := 0
	s.check(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(b, []byte(`{"jwe":`)) {
			files++
		}
		for _, part := range parts {
			if bytes.Contains(b, part) {
				s.Errorf("%s holds %.40q", path, part)
			}
		}
		return nil
	}))
	if files < 7 { // the index, three credentials and their evidence
		s.Errorf("%d envelopes", files)
	}
}
