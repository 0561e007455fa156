package verifier_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/tsl"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
	"github.com/zegel-id/zegel/verifier/policy"
)

// union publishes trusted lists in which the authority of the seals is, or was.
type union struct {
	t       *testing.T
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
	ca      *x509.Certificate
	current *tsl.Lists
}

func newUnion(t *testing.T, w *world.World) *union {
	t.Helper()
	u := &union{t: t, ca: w.Hierarchy.SealCA.Certificate}
	var err error
	if u.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST list signer"}, NotBefore: w.Now().AddDate(-1, 0, 0), NotAfter: w.Now().AddDate(9, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, u.key.Public(), u.key)
	if err != nil {
		t.Fatal(err)
	}
	if u.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return u
}

// Seal implements seal.TrustedLists.
func (u *union) Seal(chain []*x509.Certificate, at tsl.Times) tsl.Determination {
	return u.current.Seal(chain, at)
}

// publish makes the lists at a time; from withdrawn on the service is no longer
// granted.
func (u *union) publish(at, withdrawn time.Time) {
	u.t.Helper()
	verified := func(l tsltest.List) *tsl.List {
		l.Issued = at
		out, err := tsl.Verify(tsltest.Sign(u.t, l.XML(), tsltest.Signature{Certificate: u.cert, Key: u.key, At: at}), []*x509.Certificate{u.cert}, at)
		if err != nil {
			u.t.Fatal(err)
		}
		return out
	}
	s := tsltest.Service{Since: at.AddDate(-3, 0, 0), Certificates: []*x509.Certificate{u.ca}, Extensions: []string{tsltest.For("ForeSeals")}}
	if !withdrawn.IsZero() {
		former := tsltest.Service{Since: s.Since, Certificates: s.Certificates, Extensions: s.Extensions}
		s.Since, s.Status, s.History = withdrawn, tsltest.Withdrawn, []tsltest.Service{former}
	}
	signers := []*x509.Certificate{u.cert}
	lotl := verified(tsltest.List{Type: tsltest.TypeListOfLists, Territory: "EU", Pointers: []tsltest.Pointer{{Location: "https://lists.example/be.xml", Type: tsltest.TypeNational, Territory: "BE", Signers: signers}}})
	be := verified(tsltest.List{Type: tsltest.TypeNational, Territory: "BE", Sequence: 7, Providers: []tsltest.Provider{{Name: "TEST <b>provider</b>", Services: []tsltest.Service{s}}}})
	var err error
	if u.current, err = tsl.NewLists(lotl, be); err != nil {
		u.t.Fatal(err)
	}
}

// qualifying is a world whose platform wants qualified seals on diplomas and asks
// trusted lists, under a policy that leaves it open.
func qualifying(t *testing.T) (*world.World, *union) {
	t.Helper()
	w, _ := under(t, nil, nil, nil)
	u := newUnion(t, w)
	config := w.Config
	config.Seals = &seal.Validator{Trust: config.Seals.Trust, Revocation: config.Seals.Revocation, Lists: u}
	config.Accept = slices.Clone(config.Accept)
	config.Accept[0].Qualification = seal.QESeal
	var err error
	if w.Verifier, err = verifier.New(config); err != nil {
		t.Fatal(err)
	}
	w.Config = config
	return w, u
}

// A qualified seal is said to be one, in four languages, by the list that makes it
// one. When the service is withdrawn the next presentation is refused, by name and
// with what the list says, while what was judged before stays judged.
func TestQualifiedThenWithdrawn(t *testing.T) {
	w, u := qualifying(t)
	u.publish(w.Now().Add(-time.Hour), time.Time{})
	then := evidenced(t, w, presenting(w))
	r := judged(t, w, query, nil)
	if !r.Verified || r.Qualification != seal.QESeal || r.Presentations[0].Seal.Statement == nil {
		t.Fatalf("%s", jsonText(t, r))
	}
	s := r.Presentations[0].Seal.Statement
	const sentence = "Sealed by Zegel Oefenregister (TEST) (NTRBE-0999999922, Belgium), responsible for the authentic source “LED, Leer- en Ervaringsbewijzendatabank (TEST)” under “OJ:BETEST-LED” (Belgium). " +
		"This is a qualified electronic seal: it was qualified on 25 November 2026, 10:00 UTC, when it was judged, according to the trusted list of Belgium"
	if !strings.HasPrefix(s.Texts["en"], sentence) || len(s.Texts) != 4 || !strings.Contains(s.Texts["en"], "“TEST ‹b›provider‹/b›”") {
		t.Errorf("%v", s.Texts)
	}
	if s.List == nil || s.List.Territory != "BE" || s.List.Sequence != 7 || s.List.Status != tsl.StatusGranted || s.Reason != "" || !s.At.Equal(w.Now()) {
		t.Errorf("%+v %+v", s, s.List)
	}

	w.Advance(48 * time.Hour)
	u.publish(w.Now().Add(-time.Hour), w.Now().Add(-24*time.Hour))
	r = judged(t, w, query, nil)
	unverified(t, r)
	p := r.Presentations[0]
	if !slices.Equal(p.Checks.Failures(), []string{verifier.CheckQualification}) || p.Seal.Statement != nil {
		t.Errorf("%s", jsonText(t, r))
	}
	for _, c := range p.Checks {
		if c.Name == credential.CheckStatus && c.Outcome != credential.Skipped { // the issuer could notice
			t.Error("the status was asked for in vain")
		}
		if c.Name == verifier.CheckQualification && !strings.HasPrefix(c.Detail, "found AdESeal, expected at least QESeal; the trusted lists say: status: withdrawn since 2026-11-26T10:00:00Z") {
			t.Errorf("%s", c.Detail)
		}
	}
	again := verifier.Reverify(t.Context(), then, w.Hierarchy.Anchors())
	if holds, _ := again.OK(); !holds || again.Result.Presentations[0].Seal.Statement == nil || again.Result.Presentations[0].Seal.Statement.Texts["en"] != s.Texts["en"] {
		t.Errorf("%v", again.Checks)
	}
}

// Evidence that an earlier release kept has neither statement nor check, and holds
// all the same. A statement that is not what was found is no part of it.
func TestReverifyStatements(t *testing.T) {
	w, u := qualifying(t)
	u.publish(w.Now().Add(-time.Hour), time.Time{})
	text := evidenced(t, w, presenting(w))
	resigned := func(change func(presentation, seal map[string]any)) string {
		return resign(t, w, text, func(e map[string]any) {
			p := e["result"].(map[string]any)["presentations"].([]any)[0].(map[string]any)
			change(p, p["seal"].(map[string]any))
		})
	}
	for name, c := range map[string]struct {
		change func(p, s map[string]any)
		holds  bool
	}{
		"as it is": {func(p, s map[string]any) {}, true},
		"of an earlier release": {func(p, s map[string]any) {
			delete(s, "statement")
			p["checks"] = slices.DeleteFunc(p["checks"].([]any), func(c any) bool { return c.(map[string]any)["name"] == verifier.CheckQualification })
		}, true},
		"another sentence": {func(_, s map[string]any) {
			s["statement"].(map[string]any)["text"].(map[string]any)["en"] = "Sealed by the King."
		}, false},
		"another time": {func(_, s map[string]any) { s["statement"].(map[string]any)["at"] = "2020-01-01T00:00:00Z" }, false},
		"the check failed": {func(p, _ map[string]any) {
			for _, c := range p["checks"].([]any) {
				if c := c.(map[string]any); c["name"] == verifier.CheckQualification {
					c["outcome"] = credential.Failed
				}
			}
		}, false},
	} {
		r := verifier.Reverify(t.Context(), resigned(c.change), w.Hierarchy.Anchors())
		if holds, _ := r.OK(); holds != c.holds {
			t.Errorf("%s: %v", name, r.Checks)
		}
	}
}

// A policy that leaves open what a seal must be worth asks what the platform does,
// and one that asks for less needs the operator's leave.
func TestInheritedQualification(t *testing.T) {
	w, u := qualifying(t)
	for _, p := range w.Verifier.Policies(world.University) {
		if entry, ok := p.Type(world.VCT); !ok || entry.Qualification != seal.QESeal || !strings.Contains(string(p.Document()), `"qualification":"QESeal"`) {
			t.Errorf("%s asks for %q", p.ID, entry.Qualification)
		}
		if entry, ok := p.Type(world.ELM); ok && entry.Qualification != seal.AdESeal {
			t.Errorf("%s asks for %q of another type", p.ID, entry.Qualification)
		}
	}
	if err := w.Verifier.Unattainable(); err != nil {
		t.Error(err)
	}
	u.publish(w.Now().AddDate(0, -4, 0), time.Time{}) // run out: nobody can tell
	r := judged(t, w, query, nil)
	unverified(t, r)
	if got := r.Presentations[0].Checks.Failures(); !slices.Equal(got, []string{verifier.CheckQualification}) {
		t.Errorf("failed %v", got)
	}

	lax, err := policy.Parse("lax.json", []byte(policyText(w, nil, map[string]any{"qualification": "AdESeal"})))
	if err != nil {
		t.Fatal(err)
	}
	config := w.Config
	config.Policies = []*policy.Policy{lax}
	if _, err := verifier.New(config); err == nil || !strings.Contains(err.Error(), "credentials[0].qualification: is laxer than the platform") {
		t.Errorf("%v", err)
	}
	config.Relax = []policy.Relaxation{policy.RelaxQualification}
	if _, err := verifier.New(config); err != nil {
		t.Error(err)
	}
}

// Where no trusted list is asked, what nobody can have is told at once; and no
// presented seal has a level above B-B.
func TestUnattainable(t *testing.T) {
	w, _ := under(t, nil, nil, map[string]any{"qualification": "QESeal"})
	err := w.Verifier.Unattainable()
	if err == nil || !strings.Contains(err.Error(), `policy own: credentials[0].qualification: QESeal of "`+world.VCT+`" needs the trusted lists`) || strings.Contains(err.Error(), "policy platform") {
		t.Errorf("%v", err)
	}
	config := w.Config
	config.Policies, config.Accept = nil, slices.Clone(config.Accept)
	config.Accept[0].Level = seal.BaselineLT
	if _, err := verifier.New(config); err == nil || !strings.Contains(err.Error(), "credentials[0].level") {
		t.Errorf("%v", err)
	}
	config.Accept[0].Level, config.Accept[0].NotifiedWhenSealed = seal.BaselineB, true
	config.Accept[0].Sources = []policy.Source{{Country: "BE", Legislation: "OJ:BETEST-LED"}}
	if w.Verifier, err = verifier.New(config); err != nil {
		t.Fatal(err)
	}
	w.Config = config
	s := start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(s)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths()))); err != nil {
		t.Error(err)
	}
	if r := result(t, w, s, ""); !r.Verified {
		t.Errorf("%s", jsonText(t, r))
	}
}
