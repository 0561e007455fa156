package bench

import (
	"crypto/rand"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/bbs"
	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/bbs2023"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
)

// messages are BBS messages and those that are disclosed, as many as a derived proof of the
// diploma has.
type messages struct {
	key        *bbs.SecretKey
	header, ph []byte
	all, shown [][]byte
	disclosed  []int
	signature  []byte
	proof      []byte
}

func newMessages(t *testing.T, key *bbs.SecretKey, s selection) messages {
	t.Helper()
	m := messages{key: key, header: make([]byte, 64), ph: bbs2023.PresentationHeader("verifier.example", "1")}
	for i := range s.optional {
		m.all = append(m.all, fmt.Appendf(nil, "_:b%d <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://schema.org/Person> .\n", i))
	}
	for i := range s.disclosed {
		m.disclosed, m.shown = append(m.disclosed, 2*i), append(m.shown, m.all[2*i])
	}
	var err error
	if m.signature, err = m.sign(); err != nil {
		t.Fatal(err)
	}
	if m.proof, err = m.derive(); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m messages) sign() ([]byte, error) { return m.key.Sign(m.header, m.all) }

func (m messages) derive() ([]byte, error) {
	return bbs.ProofGen(rand.Reader, m.key.PublicKey(), m.signature, m.header, m.ph, m.all, m.disclosed)
}

func (m messages) verify() error {
	return bbs.ProofVerify(m.key.PublicKey(), m.proof, m.header, m.ph, m.shown, m.disclosed)
}

func (m messages) signing() side  { return local(func() error { _, err := m.sign(); return err }) }
func (m messages) deriving() side { return local(func() error { _, err := m.derive(); return err }) }

// bbsSigned is the diploma with a base proof of bbs-2023, and what was derived.
type bbsSigned struct {
	issuer
	selection
	messages
	p             *jsonld.Processor
	template      *dataintegrity.Template
	base, derived []byte
}

func newBBSSigned(t *testing.T) (s bbsSigned) {
	t.Helper()
	key, err := bbs.GenerateKey(rand.Reader, bbs.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	s.p, s.issuer = processor(t), newIssuer(t, did.BBSPublicKey(key.PublicKey().Bytes()))
	s.selection = choose(t, s.p, s.text)
	s.messages = newMessages(t, key, s.selection)
	signer, err := bbs2023.NewSigner(s.p, bbs2023.Options{Key: key, Mandatory: s.mandatory})
	s.template = s.issuer.template(t, signer, err)
	s.base = s.signed(t, s.template)
	if s.derived, err = bbs2023.Derive(rand.Reader, s.p, s.base, chosen, s.ph); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s bbsSigned) deriving() side {
	return local(func() error { _, err := bbs2023.Derive(rand.Reader, s.p, s.base, chosen, s.ph); return err })
}

func (s bbsSigned) suite() dataintegrity.Suite {
	return bbs2023.Derived(s.p, bbs2023.Expect{PresentationHeader: s.ph})
}

// bbs2023Suite is bbs-2023 against BBS alone, over as many messages, and its base proof
// against the multiplications that a signature cannot do without.
func bbs2023Suite(t *testing.T) []row {
	s := newBBSSigned(t)
	if len(s.all) != 50 {
		t.Fatalf("%d messages: BenchmarkMultiplications of credential/bbs has 50", len(s.all))
	}
	return []row{
		{name: baseProof, reference: "52 points times scalars, and one", cost: true, goal: 1.4,
			ours: s.issuing(s.template), theirs: multiplications(t)},
		{name: baseProof, reference: "BBS signature of 50 messages", cost: true,
			ours: s.issuing(s.template), theirs: s.signing()},
		{name: fmt.Sprintf(derivation, s.selection.disclosed), reference: "BBS proof of as many messages", cost: true,
			ours: s.deriving(), theirs: s.messages.deriving()},
		{name: derivedProof, reference: "BBS proof verification", cost: true,
			ours: s.verifying(s.derived, s.suite()), theirs: local(s.messages.verify)},
	}
}

// multiplications runs the benchmark of credential/bbs that has them: nobody else can reach
// the points that were multiplied beforehand.
func multiplications(t *testing.T) side {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bbs.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", program, "../../credential/bbs").CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	return func(t *testing.T, n int) time.Duration {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), program, "-test.run=^$", "-test.bench=^BenchmarkMultiplications$", fmt.Sprintf("-test.benchtime=%dx", n)).Output()
		if err != nil {
			t.Fatal(err)
		}
		figure := regexp.MustCompile(`([0-9.e+]+) cpu-ns/op`).FindSubmatch(out)
		if figure == nil {
			t.Fatalf("no figure in %s", out)
		}
		each, err := strconv.ParseFloat(string(figure[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(each * float64(n))
	}
}

// bbs2023Node is bbs-2023 against the packages of Digital Bazaar. What each side derives of
// its own base proof, the other verifies.
func bbs2023Node(t *testing.T) []row {
	peer := node(t, "../digitalbazaar", "bench.mjs", "@digitalbazaar/vc")
	s := newBBSSigned(t)
	ready := func(what string, document []byte, options map[string]any) operation {
		return peer.ready(t, what, s.given(t, bbs2023.Name, document, 0x8a, s.messages.key.Bytes(), options))
	}
	issue := ready("issue", s.text, map[string]any{"mandatoryPointers": s.mandatory})
	derive := ready("derive", []byte(issue.result(t)), map[string]any{"selectivePointers": chosen, "presentationHeader": s.ph})
	verify := ready("verify", s.derived, map[string]any{"expectedPresentationHeader": s.ph})
	verify.result(t)
	if err := s.issuer.verify([]byte(derive.result(t)), s.suite()); err != nil {
		t.Fatalf("what %s derived: %v", digitalBazaar, err)
	}
	reference := digitalBazaar + ", bbs-2023-cryptosuite 2.0.1"
	return []row{
		{name: baseProof, reference: reference, goal: 150, ours: s.issuing(s.template), theirs: issue.side(t)},
		{name: fmt.Sprintf(derivation, s.selection.disclosed), reference: reference, ours: s.deriving(), theirs: derive.side(t)},
		{name: derivedProof, reference: reference, ours: s.verifying(s.derived, s.suite()), theirs: verify.side(t)},
	}
}

// bbsAries is BBS alone against the BBS+ signatures of aries-framework-go, whose bytes are
// others: each verifies its own.
func bbsAries(t *testing.T) []row {
	peer := ariesPeer(t)
	s := newBBSSigned(t)
	m := s.messages
	given := map[string]any{"seed": make([]byte, 32), "messages": m.all, "disclosed": m.disclosed, "nonce": m.ph}
	sign, derive, verify := peer.ready(t, "bbs-sign", given), peer.ready(t, "bbs-derive", given), peer.ready(t, "bbs-verify", given)
	verify.result(t)
	if err := m.verify(); err != nil {
		t.Fatal(err)
	}
	reference := ariesFramework + ", BBS+"
	return []row{
		{name: fmt.Sprintf("BBS, signing %d messages", len(m.all)), reference: reference, goal: 10, ours: m.signing(), theirs: sign.side(t)},
		{name: fmt.Sprintf("BBS, a proof of %d of them", len(m.disclosed)), reference: reference, ours: m.deriving(), theirs: derive.side(t)},
		{name: "BBS, verifying the proof", reference: reference, ours: local(m.verify), theirs: verify.side(t)},
	}
}
