// Package sealchain shows the seal of a diploma whole, on the real command with
// software that others made: a key in SoftHSM, certified by an authority that a
// signed trusted list names, time-stamps by sigstore's server, evidence in the
// citizen's vault, and files that EU DSS judges.
package sealchain

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/e2e/dss"
	"github.com/zegel-id/zegel/e2e/wholejob"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust"
)

var (
	accepted = regexp.MustCompile(`(?m)^accepted: (\S+) `)
	made     = regexp.MustCompile(`(?m)^(\S+)  evidence made +JAdES-BASELINE-LTA until `)
)

// collect has the wallet ask for diplomas in a format, and gives the first of them.
// Each has evidence at once.
func (s *scene) collect(wallet, configuration string) string {
	s.Helper()
	out := s.zegel(wallet, "wallet", "collect", "led", "--configuration", configuration)
	names, evidence := accepted.FindAllStringSubmatch(out, -1), made.FindAllStringSubmatch(out, -1)
	if len(names) == 0 || len(names) != len(evidence) {
		s.Fatalf("%d credentials and evidence of %d:\n%s", len(names), len(evidence), out)
	}
	return names[0][1]
}

// export writes the evidence of a credential to a file.
func (s *scene) export(wallet, name, file string) []byte {
	s.Helper()
	s.zegel(wallet, "wallet", "evidence", "export", name, s.path(file))
	b, err := os.ReadFile(s.path(file))
	s.check(err)
	return b
}

// judged is what a report and DSS must say of one file.
type judged struct {
	name, text string
	later      bool // fifteen months on, by anchors alone; else now, by the trusted lists
	media      string

	dss, qualification string // of DSS: indication, sub-indication and format; by the lists

	sub   seal.SubIndication // ours; empty is TOTAL_PASSED
	level seal.Level
	ours  seal.Qualification
}

func TestSealChain(t *testing.T) {
	ask := dss.Install(t)
	p := newProvider(t)
	stamps := newStampFront(t)
	authority := p.stamps("/stamps.crl", time.Now().AddDate(10, 0, 0))
	address, _ := serveStamps(t, buildStamps(t), authority)
	stamps.use(address)
	p.announce()
	s := newScene(t, p, stamps, "{kind: local}")

	s.zegel("lotte", "wallet", "activate", "--sign-in-as", "lotte")
	sd := s.export("lotte", s.collect("lotte", "led_diploma"), "diploma-sd-jwt.json")
	vc := s.export("lotte", s.collect("lotte", "led_diploma_elm"), "diploma-vc.json")
	wholejob.CleanDir(t, s.path("data/pods"))

	const passed, failed = "TOTAL_PASSED null JAdES-BASELINE-", "TOTAL_FAILED "
	cases := []judged{
		{"sd-jwt", string(sd), false, "application/jose+json", passed + "LTA", "QESEAL", "", seal.BaselineLTA, seal.QESeal},
		{"vc-jwt", string(vc), false, "application/jose+json", passed + "LTA", "QESEAL", "", seal.BaselineLTA, seal.QESeal},
		{"issuer-part", compact(t, sd), false, "application/jose", passed + "B", "QESEAL", "", seal.BaselineB, seal.QESeal},
		{"bit", string(flipped(t, vc)), false, "application/jose+json", failed + "HASH_FAILURE JAdES-BASELINE-LTA", "NOT_ADES_QC_QSCD", seal.HashFailure, seal.NotBaseline, seal.NotApplicable},
		{"swapped", string(s.swapped(vc)), false, "application/jose+json", failed + "HASH_FAILURE JAdES-BASELINE-LTA", "NOT_ADES_QC_QSCD", seal.HashFailure, seal.NotBaseline, seal.NotApplicable},
		{"later", string(sd), true, "", passed + "LTA", "", "", seal.BaselineLTA, seal.AdESeal},
		{"later-stripped", string(without(t, sd, "header")), true, "", "INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED JAdES-BASELINE-B", "", seal.OutOfBoundsNotRevoked, seal.BaselineB, seal.NotApplicable},
	}
	var questions []dss.Question
	for _, c := range cases {
		q := dss.Question{Folder: s.path("now"), File: s.write(c.name+".judged", []byte(c.text)), At: time.Now()}
		if c.later {
			q.Folder, q.At = s.path("later"), time.Now().Add(year+year/4)
		}
		questions = append(questions, q)
	}
	s.given("now", time.Now(), true)
	s.given("later", time.Now().Add(year+year/4), false)
	answers := ask(t, questions)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := answers[i]; got.String() != c.dss || c.qualification != "" && got.Qualification != c.qualification {
				t.Errorf("DSS says %s %s, expected %s %s", got, got.Qualification, c.dss, c.qualification)
			}
			r := s.verify(t, questions[i], c.later)
			r.compare(t, "the command", c)
			if !c.later {
				var r found
				s.check(json.Unmarshal(s.validate([]byte(c.text), c.media), &r.Report))
				r.compare(t, "the endpoint", c)
			}
		})
	}
}

// found is a report of ours.
type found struct{ report.Report }

// compare holds a report against what it must say.
func (r found) compare(t *testing.T, who string, c judged) {
	t.Helper()
	if r.Accepted != (c.sub == "") || r.SubIndication != c.sub || r.Level != c.level || r.Qualification != c.ours {
		t.Errorf("%s says accepted %t, %s %s %s %s; %s", who, r.Accepted, r.Indication, r.SubIndication, r.Level, r.Qualification, r.Checks)
	}
	if c.ours != seal.QESeal {
		return
	}
	// It names the list, the service and the source with its law.
	lists := r.TrustedLists
	if lists == nil || len(lists.Services) != 1 || r.Creator != registration || r.Source == nil || r.Source.Legislation != "OJ:BETEST-LED" {
		t.Fatalf("%s: %+v, %s, %+v", who, lists, r.Creator, r.Source)
	}
	if got := lists.Services[0]; got.Territory != "BE" {
		t.Errorf("%s: %+v", who, got)
	}
}

// verify is what `zegel seal verify` says, by the installation's trust or by anchors
// alone.
func (s *scene) verify(t *testing.T, q dss.Question, later bool) (r found) {
	t.Helper()
	args := []string{"seal", "verify", q.File, "--json"}
	if later {
		args = append(args, "--at", q.At.UTC().Format(time.RFC3339), "--trust", "seal="+s.path("later/seal.pem"), "--trust", "time-stamp="+s.path("later/stamps0.pem"),
			"--crl", s.path("later/seal.crl"), "--crl", s.path("later/stamps0.crl"))
	} else {
		args = append(args, "--config", s.path("zegel.yaml"))
	}
	status, out := s.run("", args...)
	if err := json.Unmarshal([]byte(out), &r.Report); err != nil || (status == 0) != r.Accepted {
		t.Fatalf("status %d, %v:\n%s", status, err, out)
	}
	return r
}

// given is what DSS gets: revocation lists of a time, and trusted lists or anchors.
func (s *scene) given(folder string, at time.Time, lists bool) {
	s.Helper()
	s.check(os.MkdirAll(s.path(filepath.Join(folder, "lists")), 0o700))
	told := at
	if end := s.certificate.NotAfter; at.After(end) { // the last list that told of it
		told = end.Add(-time.Hour)
	}
	s.write(folder+"/seal.crl", crl(s, s.provider.ca, told))
	for i, root := range s.provider.stampRoots {
		name := folder + "/stamps" + string(rune('0'+i))
		s.write(name+".crl", crl(s, root, at))
		if !lists {
			s.write(name+".pem", trust.EncodePEM(root.Certificate))
		}
	}
	if lists {
		s.write(folder+"/lists/address", []byte(s.provider.server.URL+"/lotl.xml"))
		s.write(folder+"/lists/signer.pem", trust.EncodePEM(s.provider.lists.Certificate))
		return
	}
	s.check(os.Remove(s.path(filepath.Join(folder, "lists"))))
	s.write(folder+"/seal.pem", trust.EncodePEM(s.provider.ca.Certificate))
}

// file is flattened JAdES.
type file map[string]json.RawMessage

func parse(t testing.TB, b []byte) (f file) {
	t.Helper()
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f file) text(t testing.TB, member string) (s string) {
	t.Helper()
	if err := json.Unmarshal(f[member], &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (f file) with(t testing.TB, member, text string) []byte {
	t.Helper()
	var err error
	if f[member], err = json.Marshal(text); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compact is the token that the evidence is of.
func compact(t testing.TB, b []byte) string {
	f := parse(t, b)
	return strings.Join([]string{f.text(t, "protected"), f.text(t, "payload"), f.text(t, "signature")}, ".")
}

// flipped has one bit of the signature changed.
func flipped(t testing.TB, b []byte) []byte {
	f := parse(t, b)
	value, err := base64.RawURLEncoding.DecodeString(f.text(t, "signature"))
	if err != nil {
		t.Fatal(err)
	}
	value[40] ^= 1
	return f.with(t, "signature", base64.RawURLEncoding.EncodeToString(value))
}

// without leaves a member out.
func without(t testing.TB, b []byte, member string) []byte {
	f := parse(t, b)
	delete(f, member)
	return f.with(t, "payload", f.text(t, "payload"))
}

// swapped says that another certificate of the same authority sealed: its header
// names it, and the signature is the one that it was.
func (s *scene) swapped(b []byte) []byte {
	f := parse(s, b)
	other := s.provider.certify(strangerKey(s).Public(), s.issuer, registration)
	header, err := base64.RawURLEncoding.DecodeString(f.text(s, "protected"))
	s.check(err)
	var members map[string]any
	s.check(json.Unmarshal(header, &members))
	sum := sha256.Sum256(other.Raw)
	members["x5c"] = []string{base64.StdEncoding.EncodeToString(other.Raw)}
	members["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sum[:])
	header, err = json.Marshal(members)
	s.check(err)
	return f.with(s, "protected", base64.RawURLEncoding.EncodeToString(header))
}
