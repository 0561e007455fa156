package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// TestTrustedListsServed tells the life of the lists on a verifier as zegel serve
// runs it: lists come, change, are forged, fail, and run out, with a restart in
// between.
func TestTrustedListsServed(t *testing.T) {
	begin := time.Now().UTC().Truncate(time.Second)
	p := newUnionScene(t, begin)
	i := newInstallation(t, p, begin)
	ca := i.hierarchy.SealCA.Certificate
	long := begin.AddDate(-3, 0, 0)
	const day = 24 * time.Hour
	// putUnion and putBE publish lists that are good for so many days from begin.
	putUnion := func(sequence int, days time.Duration, by listSigner, information ...string) []byte {
		l := p.listOfLists(sequence, information...)
		l.NextUpdate = begin.Add(days * day)
		doc := p.sign(l, by, i.now())
		p.put("/lotl.xml", doc)
		return doc
	}
	belgium := func(sequence int, days time.Duration, by listSigner, service tsltest.Service) []byte {
		l := national("BE", sequence, service)
		l.NextUpdate = begin.Add(days * day)
		return p.sign(l, by, i.now())
	}
	fetch := func(status int, words string) {
		t.Helper()
		if got, out, errs := i.run("fetch"); got != status || !strings.Contains(out, words) {
			t.Errorf("status %d, expected %d and %q\n%s%s", got, status, words, out, errs)
		}
	}

	// Nothing was ever fetched: not ready, and nothing is told.
	p.offline(true)
	i.start()
	i.eventually("the list of lists was tried", func() bool { return strings.Contains(i.log.String(), "list of lists: ") })
	if !strings.Contains(i.ready(), "trusted-lists") {
		t.Errorf("ready without lists: %s", i.ready())
	}
	i.judge(seal.NotApplicable, tsl.StepListOfLists)
	i.stop()

	// The first lists come in the background.
	putUnion(1, 30, p.union)
	p.put("/be.xml", belgium(1, 10, p.be, forSeals(ca, long)))
	nl := national("NL", 1)
	nl.NextUpdate = begin.Add(20 * day)
	p.put("/nl.xml", p.sign(nl, p.nl, begin))
	p.offline(false)
	i.start()
	i.eventually("ready", func() bool { return i.ready() == "" })
	i.judge(seal.QESeal, "")

	// The service is withdrawn: new seals are worth less, older ones are not.
	i.wait(day)
	granted := i.now().Add(-2 * time.Minute)
	p.put("/be.xml", belgium(2, 10, p.be, withdrawn(forSeals(ca, i.now().Add(-time.Minute), forSeals(ca, long)))))
	old := belgium(2, 10, p.be, forSeals(ca, long))
	i.judge(seal.QESeal, "") // it is not fetched yet
	fetch(0, "BE  number 2,")
	i.judge(seal.AdESeal, tsl.StepStatus)
	cert := filepath.Join(t.TempDir(), "seal.pem")
	if err := os.WriteFile(cert, trust.EncodePEM(i.hierarchy.Seal.Certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := i.run("explain", cert, "--at", granted.Format(time.RFC3339)); status != 0 {
		t.Errorf("before the withdrawal: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := i.run("explain", cert); status != 1 || !strings.Contains(out, "withdrawn since") {
		t.Errorf("after the withdrawal: status %d\n%s%s", status, out, errs)
	}

	// Granted again. Then forged lists: a stranger's, an older one, another one of
	// the same number. What is in use stays, and it is seen.
	i.wait(day)
	good := belgium(3, 10, p.be, forSeals(ca, i.now().Add(-time.Minute), withdrawn(forSeals(ca, i.now().Add(-day))), forSeals(ca, long)))
	p.put("/be.xml", good)
	fetch(0, "BE  number 3,")
	i.judge(seal.QESeal, "")
	mallory := newListSigner(t, "BE", begin)
	for name, c := range map[string]struct {
		doc   []byte
		words string
	}{
		"by a stranger":      {belgium(4, 10, mallory, forSeals(ca, long)), "signer: the list is signed with a certificate that is none of the 1 told beforehand"},
		"changed":            {[]byte(strings.Replace(string(good), "TEST provider", "EVIL provider", 1)), "digest: the digest of the list does not fit"},
		"an older one":       {old, "sequence: the number is not above"},
		"of the same number": {belgium(3, 10, p.be, forSeals(ca, long)), "sequence: the number is not above"},
		"that has expired":   {p.sign(tsltest.List{Type: tsltest.TypeNational, Territory: "BE", Sequence: 9, NextUpdate: begin.Add(day)}, p.be, begin), "has expired"},
		"of the Netherlands": {p.document("/nl.xml"), "signer: "},
		"not a list":         {[]byte("<html/>"), "content: "},
	} {
		p.put("/be.xml", c.doc)
		fetch(1, "BE  number 3,")
		if _, out, _ := i.run("show"); !strings.Contains(out, c.words) {
			t.Errorf("%s: show does not say why\n%s", name, out)
		}
		if !strings.Contains(i.log.String(), c.words) {
			t.Errorf("%s: the log does not say why", name)
		}
		if i.ready() != "" {
			t.Errorf("%s: not ready, while the last good list is fresh", name)
		}
		i.judge(seal.QESeal, "")
	}

	// The network is gone, and the server starts anew: the last good lists stay.
	p.offline(true)
	fetch(1, "BE  number 3,")
	i.judge(seal.QESeal, "")
	i.stop()
	i.start()
	if i.ready() != "" {
		t.Errorf("a start without network is not ready: %s", i.ready())
	}
	i.judge(seal.QESeal, "")
	info, err := os.Stat(keptListsDir(i.c))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("kept lists: %v %v", info, err)
	}

	// The list of Belgium runs out, then that of the Netherlands, then the list of
	// lists.
	i.wait(9 * day) // day 11
	i.judge(seal.NotApplicable, tsl.StepList)
	if i.ready() != "" {
		t.Errorf("one list that ran out: %s", i.ready())
	}
	i.stop()
	i.start() // looks at once, then each minute
	i.eventually("the log says that the list of Belgium ran out", func() bool { return strings.Contains(i.log.String(), "territory=BE sequence=3") })
	if _, out, _ := i.run("show"); !strings.Contains(out, "BE  number 3, next update "+begin.Add(10*day).Format(time.RFC3339)+", EXPIRED") {
		t.Errorf("show does not say that the list of Belgium ran out\n%s", out)
	}
	i.wait(10 * day) // day 21
	if !strings.Contains(i.ready(), "trusted-lists") {
		t.Error("ready while every national list ran out")
	}
	i.wait(10 * day) // day 31
	i.judge(seal.NotApplicable, tsl.StepListOfLists)
	if !strings.Contains(i.ready(), "trusted-lists") {
		t.Error("ready while the list of lists ran out")
	}

	// It comes back, and the signers of the list of lists change, by a pivot.
	p.offline(false)
	putUnion(2, 60, p.union)
	p.put("/be.xml", belgium(5, 60, p.be, forSeals(ca, long)))
	p.put("/nl.xml", p.sign(national("NL", 2), p.nl, i.now()))
	fetch(0, "EU  number 2,")
	i.judge(seal.QESeal, "")
	before := p.union
	p.union = newListSigner(t, "EU", begin)
	pivot := putUnion(10, 60, before, p.pivot(10), "https://lists.example/about") // names the new signer
	p.put("/lotl-pivot-10.xml", pivot)
	fetch(0, "EU  number 10,")
	putUnion(11, 60, p.union, p.pivot(10), "https://lists.example/about")
	fetch(0, "EU  number 11,")
	i.judge(seal.QESeal, "")
	putUnion(12, 60, before, p.pivot(10), "https://lists.example/about")
	fetch(1, "EU  number 11,")
	putUnion(13, 60, before, "https://lists.example/about") // and without its pivots
	fetch(1, "EU  number 11,")
	p.offline(true)
	i.stop()
	i.start()
	if _, out, _ := i.run("show"); !strings.Contains(out, "EU  number 11,") {
		t.Errorf("a start without network forgot the new signer\n%s", out)
	}
	i.judge(seal.QESeal, "")
	if strings.Contains(i.log.String(), "EVIL") {
		t.Error("the log repeats what a forged list says")
	}
}
