// Package dss lets the Commission's own library judge what we seal: EU DSS from
// Maven Central, in a Java program of one file. It is for tests only.
package dss

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Question is a file that DSS is to judge as of a time.
type Question struct {
	// Folder holds whom and what DSS is given: anchors (.pem) and revocation lists
	// (.crl), and in the folder lists the address of a list of trusted lists
	// (address), which it fetches, and who signs it (.pem).
	Folder string
	File   string
	At     time.Time
}

// What an Answer has in place of an indication.
const (
	NoSignature = "NO_SIGNATURE"
	Unreadable  = "UNREADABLE"
	Several     = "SEVERAL_SIGNATURES"
)

// Answer is what DSS says of the one signature in a file.
type Answer struct {
	Indication    string // of ETSI EN 319 102-1
	SubIndication string // null when there is none
	Format        string // with the level, such as JAdES-BASELINE-LTA
	// Qualification is by the trusted lists, such as QESEAL.
	Qualification     string
	BestSignatureTime time.Time
}

// String is the answer without qualification and time.
func (a Answer) String() string {
	return strings.Join([]string{a.Indication, a.SubIndication, a.Format}, " ")
}

// Install fetches DSS into Maven's own cache and answers with what asks it. Unless
// the peers are asked for, the test is skipped and says so.
func Install(t *testing.T) func(*testing.T, []Question) []Answer {
	t.Helper()
	ci := os.Getenv("CI") == "true"
	if !ci && os.Getenv("ZEGEL_TEST_PEERS") != "1" {
		t.Skip("SKIPPED: set ZEGEL_TEST_PEERS=1 to test with EU DSS (needs a JDK of 17 or later and Maven; fetches from Maven Central)")
	}
	for _, program := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			if ci {
				t.Fatalf("%s is not installed, and CI=true asks for EU DSS", program)
			}
			t.Skipf("SKIPPED: %s is not installed; EU DSS was not run", program)
		}
	}
	_, self, _, _ := runtime.Caller(0)
	here, lib := filepath.Dir(self), filepath.Join(t.TempDir(), "lib")
	run(t, "mvn", "-B", "-q", "-f", filepath.Join(here, "pom.xml"), "dependency:copy-dependencies", "-DoutputDirectory="+lib)
	path := filepath.Join(lib, "*")
	run(t, "javac", "-cp", path, "-d", lib, filepath.Join(here, "Judge.java"))
	return func(t *testing.T, questions []Question) []Answer {
		t.Helper()
		args := []string{"-cp", path + string(os.PathListSeparator) + lib, "Judge"}
		for _, q := range questions {
			args = append(args, q.Folder, q.File, q.At.UTC().Format(time.RFC3339))
		}
		out := run(t, "java", args...)
		var answers []Answer
		for line := range strings.Lines(out) {
			found := strings.Split(strings.TrimSpace(line), "\t")
			if len(found) != 6 {
				continue
			}
			if n := len(answers); n > 0 && found[0] == filepath.Base(questions[n-1].File) {
				answers[n-1] = Answer{Indication: Several, SubIndication: "null", Format: "null"}
				continue
			}
			at, err := time.Parse(time.RFC3339, found[5])
			if err != nil || len(answers) < len(questions) && found[0] != filepath.Base(questions[len(answers)].File) {
				t.Fatalf("an answer out of its place: %s", line)
			}
			answers = append(answers, Answer{found[1], found[2], found[3], found[4], at})
		}
		if len(answers) != len(questions) {
			t.Fatalf("%d answers to %d files:\n%s", len(answers), len(questions), out)
		}
		return answers
	}
}

// run gives what a program printed, without what it complained about.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", program, err, out, complaints.String())
	}
	return string(out)
}
