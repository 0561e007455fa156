package report_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"math/big"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/jades"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

func vector(t testing.TB, name string) string {
	return strings.TrimSpace(string(testvectors.File(t, "jades-golden", name)))
}

const issuer = "https://issuer.example.org"

var hierarchy = sync.OnceValues(func() (*devca.Hierarchy, error) {
	return devca.New(devca.Options{Now: goldenTime, Issuer: issuer})
})

// listed trusts the providers of a list, and made is an SD-JWT that one of them
// sealed, with its disclosures. (That of the golden file is not under its seal.)
func listed(t testing.TB) *seal.Validator {
	t.Helper()
	h, err := hierarchy()
	if err != nil {
		t.Fatal(err)
	}
	store, err := h.Store(goldenTime)
	if err != nil {
		t.Fatal(err)
	}
	crls, err := h.CRLs(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &seal.Validator{Trust: store, Revocation: crls}
}

var made = sync.OnceValues(func() (sealed string, disclosures []string) {
	h, err := hierarchy()
	if err != nil {
		panic(err)
	}
	s, err := h.Sealer("", func() time.Time { return goldenTime })
	if err != nil {
		panic(err)
	}
	disclosures = []string{jose.Encode([]byte(`["2GLC42sKQveCfGfryNRN9w","title","Bachelor in de informatica"]`)), jose.Encode([]byte(`["6Ij7tM-a5iVPGboS5tmvVA","family_name","Vandersmissen"]`))}
	var digests []string
	for _, d := range disclosures {
		sum := sha256.Sum256([]byte(d))
		digests = append(digests, jose.Encode(sum[:]))
	}
	payload, err := jose.Marshal(map[string]any{"iss": issuer, "vct": issuer + "/types/diploma", "sub": "did:example:lotte", "_sd": digests})
	if err != nil {
		panic(err)
	}
	if sealed, err = s.SignCompact("dc+sd-jwt", goldenTime, payload); err != nil {
		panic(err)
	}
	return sealed, disclosures
})

// inJSON is an SD-JWT in the flattened form.
func inJSON(t testing.TB, sealed string, disclosures ...string) string {
	t.Helper()
	f, err := evidence.Lift(sealed, disclosures...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Marshal(evidence.Flattened)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func outcome(r report.Report, name string) credential.Outcome {
	i := slices.IndexFunc(r.Checks, func(c credential.Check) bool { return c.Name == name })
	if i < 0 {
		return ""
	}
	return r.Checks[i].Outcome
}

// What people have is told by its form.
func TestForms(t *testing.T) {
	golden, fromList := validator(t), listed(t)
	issued, disclosures := made()
	full := issued + "~" + strings.Join(disclosures, "~") + "~"
	kb := strings.Join([]string{jose.Encode([]byte(`{"alg":"ES256","typ":"kb+jwt"}`)), jose.Encode([]byte(`{}`)), "AAAA"}, ".")
	for name, tc := range map[string]struct {
		text        string
		form        report.Form
		disclosures int
		kb          bool
	}{
		"compact":                 {vector(t, "vc.compact"), report.Compact, 0, false},
		"with line break":         {vector(t, "vc.compact") + "\r\n", report.Compact, 0, false},
		"sd-jwt":                  {full, report.SDJWT, len(disclosures), false},
		"sd-jwt, nothing shown":   {issued + "~", report.SDJWT, 0, false},
		"sd-jwt, one shown":       {issued + "~" + disclosures[0] + "~", report.SDJWT, 1, false},
		"sd-jwt, proof":           {full + kb, report.SDJWT, len(disclosures), true},
		"sd-jwt in JSON":          {inJSON(t, issued, disclosures...), report.Flattened, len(disclosures), false},
		"flattened":               {vector(t, "vc-blta.flat.json"), report.Flattened, 0, false},
		"general":                 {vector(t, "vc-blta.general.json"), report.General, 0, false},
		"Europass (b64 is false)": {vector(t, "p-edc.general.json"), report.General, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := golden
			if strings.HasPrefix(name, "sd-jwt") {
				v = fromList
			}
			r := judge(t, v, []byte(tc.text))
			d := r.Document
			if !r.Accepted || d.Form != tc.form || d.Disclosures != tc.disclosures || d.KeyBinding != tc.kb || d.Size != len(tc.text) || len(d.SHA256) != 64 {
				t.Errorf("found %+v, accepted %t\n%s", d, r.Accepted, r.Checks)
			}
			if tc.kb != (outcome(r, credential.CheckHolderBinding) == credential.Skipped) {
				t.Errorf("the proof of the holder\n%s", r.Checks)
			}
			if v == fromList && (r.Provider == nil || len(r.Basis.Lists) != 1 || r.Provider.ListSequence != r.Basis.Lists[0].Sequence || r.Source == nil || r.Creator != r.Provider.Registration) {
				t.Errorf("provider %+v, lists %+v", r.Provider, r.Basis.Lists)
			}
		})
	}
}

// What is disclosed must be under the seal.
func TestForgedDisclosures(t *testing.T) {
	v := listed(t)
	issued, disclosures := made()
	full := issued + "~" + strings.Join(disclosures, "~") + "~"
	forged := jose.Encode([]byte(`["c2FsdHNhbHRzYWx0","title","Master"]`))
	var edc map[string]any
	if err := json.Unmarshal([]byte(vector(t, "p-edc.general.json")), &edc); err != nil {
		t.Fatal(err)
	}
	edc["signatures"].([]any)[0].(map[string]any)["header"] = map[string]any{"disclosures": []string{disclosures[0]}}
	unencoded, _ := json.Marshal(edc)
	for name, tc := range map[string]struct {
		text string
		sub  seal.SubIndication
	}{
		"another value":    {issued + "~" + forged + "~", seal.HashFailure},
		"one too many":     {full + forged + "~", seal.HashFailure},
		"twice":            {full + disclosures[0] + "~", seal.HashFailure},
		"no disclosure":    {issued + "~!~", seal.HashFailure},
		"proof is no JWT":  {full + "x", seal.HashFailure},
		"in JSON":          {inJSON(t, issued, disclosures[0], forged), seal.HashFailure},
		"of the golden":    {vector(t, "p-sdjwt.flat.json"), seal.HashFailure},
		"beside b64 false": {string(unencoded), seal.FormatFailure},
	} {
		t.Run(name, func(t *testing.T) {
			v := v
			if strings.HasPrefix(tc.text, "{") && name != "in JSON" {
				v = validator(t)
			}
			r := judge(t, v, []byte(tc.text))
			if r.Accepted || r.Indication != seal.TotalFailed || r.SubIndication != tc.sub || r.Qualification != seal.NotApplicable || outcome(r, report.CheckDisclosures) != credential.Failed {
				t.Errorf("%t %s %s %s\n%s", r.Accepted, r.Indication, r.SubIndication, r.Qualification, r.Checks)
			}
		})
	}
	// A broken seal stays what it is.
	r := judge(t, v, []byte(vector(t, "n-tampered.compact")+"~"+forged+"~"))
	if r.Indication != seal.TotalFailed || r.SubIndication != seal.HashFailure {
		t.Errorf("%s %s", r.Indication, r.SubIndication)
	}
	// Nothing that is undecided hides that a disclosure is forged.
	v.Revocation = nil
	if r := judge(t, v, []byte(issued+"~"+forged+"~")); r.Indication != seal.TotalFailed || r.SubIndication != seal.HashFailure {
		t.Errorf("%s %s", r.Indication, r.SubIndication)
	}
}

// What is no signature is FORMAT_FAILURE; nothing and too much are no documents.
func TestNoSeal(t *testing.T) {
	v := validator(t)
	for _, text := range []string{"x", "a.b", "a.b.c", "~", "{}", `{"a":1}`, "{", `["x"]`, "\x00\xff", `{"payload":"","signatures":[]}`, strings.Repeat(".", 1000)} {
		r := judge(t, v, []byte(text))
		if r.Accepted || r.Indication != seal.TotalFailed || r.SubIndication != seal.FormatFailure || r.Document.Form != report.Unreadable || len(r.Chain) != 0 {
			t.Errorf("%.20q: %+v", text, r)
		}
	}
	for _, b := range [][]byte{nil, {}, []byte(" \r\n"), bytes.Repeat([]byte("a"), report.MaxFile+1)} {
		r, err := report.Judge(t.Context(), v, b, goldenTime)
		if !errors.Is(err, report.ErrFile) || r.Type != "" {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
	if _, err := report.Judge(t.Context(), v, []byte(vector(t, "vc.compact")), time.Time{}); err == nil {
		t.Error("judged without a time")
	}
}

// What it was held against decides, and is told.
func TestBasis(t *testing.T) {
	v := validator(t)
	r := judge(t, v, []byte(vector(t, "vc-blta.flat.json")))
	if b := r.Basis; len(b.Anchors) != 2 || b.Anchors[0].Use != "seal" || b.Anchors[1].Use != "time-stamp" || b.ProviderListAsked || b.UnknownRevocationAccepted || len(b.Lists) != 0 || !slices.Contains(b.Algorithms, "ES256") {
		t.Errorf("%+v", b)
	}
	if n := len(r.Chain); n == 0 || !r.Chain[n-1].Anchor || r.Chain[0].Anchor || r.Chain[n-1].SHA256 != r.Basis.Anchors[0].SHA256 {
		t.Errorf("chain %+v", r.Chain)
	}
	certs, err := trust.ParsePEM(testvectors.File(t, "jades-golden", "sealca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var many []*x509.Certificate
	for i := range 60 {
		many = append(many, selfIssued(t, key, pkix.Name{CommonName: "CA " + strconv.Itoa(i)}))
	}
	store, err := trust.NewStore(trust.Anchors{trust.UseSeal: append(many, certs...)}, 0)
	if err != nil {
		t.Fatal(err)
	}
	v = &seal.Validator{Trust: store, InsecureAcceptUnknownRevocation: true, RevocationFreshness: time.Hour, Algs: []jose.Alg{jose.ES384, jose.ES256}}
	r = judge(t, v, []byte(vector(t, "vc.compact")))
	b := r.Basis
	if len(b.Anchors) != 50 || b.AnchorsLeftOut != 11 || !b.ProviderListAsked || !b.UnknownRevocationAccepted || b.RevocationFreshness != 3600 || !slices.Equal(b.Algorithms, []string{"ES256", "ES384"}) {
		t.Errorf("%+v", b)
	}
	if r.Accepted || outcome(r, seal.CheckProviderList) != credential.Failed {
		t.Error("accepted without the list that was asked for")
	}
}

// Which process was followed is told by what the document holds.
func TestProcess(t *testing.T) {
	v := validator(t)
	for name, want := range map[string]report.Process{
		"vc.compact": report.Basic, "vc-bt.flat.json": report.WithTime, "vc-blt.general.json": report.WithTime, "vc-blta.flat.json": report.LongTerm, "n-critunk.compact": report.Basic,
	} {
		if r := judge(t, v, []byte(vector(t, name))); r.Process != want {
			t.Errorf("%s: %s, expected %s", name, r.Process, want)
		}
	}
	// A seal that does not verify is proven at no time, and nobody made it.
	r := judge(t, v, []byte(vector(t, "n-tampered.compact")))
	if text := plain(t, r); !r.BestSignatureTime.IsZero() || strings.Contains(text, "Sealed by") || strings.Contains(text, "Judged as of") {
		t.Errorf("a broken seal has a creator or a time\n%s", text)
	}
	// What is worth nothing is nowhere said to be worth something.
	r = judge(t, v, []byte(vector(t, "p-sdjwt.flat.json")))
	if outcome(r, seal.CheckQualified) != credential.Skipped || r.Qualification != seal.NotApplicable || strings.Contains(string(check(t, r)), string(seal.AdESeal)) {
		t.Errorf("%s\n%s", r.Qualification, r.Checks)
	}
}

// plain is the report for people, in one line.
func plain(t testing.TB, r report.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Count(strings.TrimSpace(line), " ") > 0 && utf8.RuneCountInString(strings.TrimRight(line, "\n")) > 100 {
			t.Errorf("a long line: %q", line)
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

// A report holds nothing of what a credential says. The names of those who sealed
// stand in their certificates.
func TestNoClaims(t *testing.T) {
	issued, disclosures := made()
	full := issued + "~" + strings.Join(disclosures, "~") + "~"
	for name, v := range map[string]*seal.Validator{"vc.compact": validator(t), "vc-blta.flat.json": validator(t), "n-tampered.compact": validator(t), "sd-jwt": listed(t), "forged": listed(t), "broken": listed(t)} {
		var text string
		switch name {
		case "sd-jwt":
			text = full
		case "forged":
			text = full + disclosures[0] + "~"
		case "broken":
			text = issued + "~" + full
		default:
			text = vector(t, name)
		}
		r := judge(t, v, []byte(text))
		b := string(check(t, r))
		var out bytes.Buffer
		if err := r.WriteText(&out); err != nil {
			t.Fatal(err)
		}
		var values []string
		for _, d := range disclosures {
			raw, _ := jose.Decode(d)
			values = append(values, texts(t, raw)...)
		}
		for _, text := range []string{issued, vector(t, "vc.compact")} {
			token, err := jose.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, texts(t, token.Payload)...)
		}
		if len(values) < 20 {
			t.Fatalf("%d values to look for", len(values))
		}
		public := r.Creator + issuer + " country base64 Belgium België Belgique Belgien" // words of reports too, and the creator's country
		if r.Source != nil {
			public += r.Source.Name + r.Source.Legislation
		}
		for _, c := range r.Chain {
			public += c.Subject + c.Issuer
		}
		for _, value := range values {
			if len(value) < 6 || strings.Contains(public, value) || strings.Contains(report.Type, value) {
				continue
			}
			if strings.Contains(b, value) || strings.Contains(out.String(), value) {
				t.Errorf("%s: %q is in the report", name, value)
			}
		}
	}
}

// texts are all texts in JSON.
func texts(t *testing.T, b []byte) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(v)
	return out
}

// Whoever seals as a person is not named, nowhere; it is no legal person either.
func TestNaturalPerson(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := selfIssued(t, key, pkix.Name{CommonName: "Lotte Peeters", Country: []string{"BE"}, ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{2, 5, 4, 42}, Value: "Lotte"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 5}, Value: "85073003328"},
	}})
	prefix, err := jades.NewPrefix(jose.ES256, "vc+jwt", "", "", []*x509.Certificate{cert})
	if err != nil {
		t.Fatal(err)
	}
	text, err := prefix.Sign(nil, key, goldenTime, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	v := validator(t)
	store, err := trust.NewStore(trust.Anchors{trust.UseSeal: {cert}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, v.Trust = range []*trust.Store{v.Trust, store} {
		r := judge(t, v, text)
		if outcome(r, seal.CheckSignature) != credential.Passed || len(r.Chain) == 0 || r.Qualification == seal.AdESeal {
			t.Fatalf("%+v", r)
		}
		var out bytes.Buffer
		if err := r.WriteText(&out); err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{string(check(t, r)), out.String()} {
			if strings.Contains(s, "Lotte") || strings.Contains(s, "85073003328") {
				t.Errorf("a person is named:\n%s", s)
			}
		}
	}
}

func selfIssued(t testing.TB, key *ecdsa.PrivateKey, name pkix.Name) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: name, NotBefore: goldenTime.Add(-time.Hour), NotAfter: goldenTime.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}, &x509.Certificate{Subject: name}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// What stands in a certificate cannot look like something else.
func TestTextIsPrintable(t *testing.T) {
	r := judge(t, validator(t), []byte(vector(t, "vc.compact")))
	r.Chain[0].Subject = "CN=\x1b[2JGood\u202edooG\nThe seal holds."
	r.Checks[0].Detail = "a\nb"
	var out bytes.Buffer
	if err := r.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); strings.ContainsAny(s, "\x1b\u202e") || strings.Contains(s, "\nThe seal holds.\n") || strings.Contains(s, "a\nb") {
		t.Error(s)
	}
}

// Every word that a verdict can have is explained, and every sub-indication says what
// to do: those that package seal knows, wherever they are written there.
func TestWords(t *testing.T) {
	known := map[string][]string{}
	set := token.NewFileSet()
	files, err := filepath.Glob(filepath.Join("..", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				if kind, ok := v.Type.(*ast.Ident); ok {
					for _, x := range v.Values {
						if text, ok := x.(*ast.BasicLit); ok {
							value, err := strconv.Unquote(text.Value)
							if err == nil {
								known[kind.Name] = append(known[kind.Name], value)
							}
						}
					}
				}
			}
		}
	}
	if len(known["SubIndication"]) < 14 || len(known["Qualification"]) != 4 || len(known["Level"]) < 7 || len(known["Indication"]) != 3 {
		t.Fatalf("%v", known)
	}
	for _, sub := range known["SubIndication"] {
		r := report.Report{Indication: seal.Indeterminate, SubIndication: seal.SubIndication(sub), Qualification: seal.NotApplicable, Level: seal.NotBaseline}
		if text := plain(t, r); !strings.Contains(text, "What to do") || strings.Contains(text, "unknown here") {
			t.Errorf("%s is not explained\n%s", sub, text)
		}
	}
	for _, q := range known["Qualification"] {
		for _, l := range known["Level"] {
			r := report.Report{Accepted: true, Indication: seal.TotalPassed, Qualification: seal.Qualification(q), Level: seal.Level(l)}
			if text := plain(t, r); strings.Contains(text, "unknown here") {
				t.Errorf("%s or %s is not explained\n%s", q, l, text)
			}
		}
	}
}

// The schema refuses what is no report.
func TestSchema(t *testing.T) {
	r := judge(t, validator(t), []byte(vector(t, "vc-blta.flat.json")))
	b, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]any){
		"unknown member":     func(m map[string]any) { m["claims"] = "x" },
		"another type":       func(m map[string]any) { m["type"] = "urn:zegel:seal-report:2" },
		"no checks":          func(m map[string]any) { delete(m, "checks") },
		"unknown indication": func(m map[string]any) { m["indication"] = "OK" },
		"no time":            func(m map[string]any) { m["validated_at"] = "today" },
		"digest":             func(m map[string]any) { m["document"].(map[string]any)["sha256"] = "AA" },
		"nested member":      func(m map[string]any) { m["held_against"].(map[string]any)["x"] = 1 },
	} {
		doc := document(t, b).(map[string]any)
		change(doc)
		if schema(t).Validate(doc) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Whatever comes, there is a report that its schema accepts, and nothing passes
// that is not the seal.
func FuzzJudge(f *testing.F) {
	for _, g := range goldens {
		f.Add([]byte(vector(f, g.file)))
	}
	for _, group := range dssSamples {
		for _, sample := range group.samples {
			f.Add(dssDocument(f, sample.file))
		}
	}
	issued, disclosures := made()
	f.Add([]byte(issued + "~" + disclosures[0] + "~"))
	v, s := validator(f), schema(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := report.Judge(t.Context(), v, b, goldenTime)
		if err != nil {
			if !errors.Is(err, report.ErrFile) || r.Type != "" {
				t.Errorf("unexpected %v", err)
			}
			return
		}
		out, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(document(t, out)); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if r.Accepted != (r.Indication == seal.TotalPassed && len(r.Checks.Failures()) == 0 && r.Level != seal.NotBaseline) {
			t.Errorf("accepted %t\n%s", r.Accepted, out)
		}
		if !r.BestSignatureTime.IsZero() && outcome(r, seal.CheckSignature) != credential.Passed || r.Qualification != seal.NotApplicable && r.Indication != seal.TotalPassed {
			t.Errorf("more is told than was found\n%s", out)
		}
		if err := r.WriteText(io.Discard); err != nil {
			t.Error(err)
		}
	})
}

// What the evidence must be stamped again for is named as what it is.
func TestStampAgain(t *testing.T) {
	file := testvectors.File(t, "jades-golden", "vc-blta.flat.json")
	ecdsa := func(until string) string {
		return `{"version":"T","digests":[{"name":"SHA-256"},{"name":"SHA-384"},{"name":"SHA-512"}],"keys":[{"name":"RSA","bits":2048},{"name":"ECDSA","bits":256` + until + `}]}`
	}
	for table, want := range map[string]string{
		ecdsa(""):                      "before 2031-11-22, when the certificate of the last time-stamp runs out",
		ecdsa(`,"until":"2028-03-01"`): "before 2028-03-01, when an algorithm of the last time-stamp is no longer believed",
	} {
		v := validator(t)
		var err error
		if v.Suite, err = trust.ParseSuite([]byte(table)); err != nil {
			t.Fatal(err)
		}
		r := judge(t, v, file)
		var text bytes.Buffer
		if err := r.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if !r.Accepted || !strings.Contains(strings.Join(strings.Fields(text.String()), " "), "Stamp again "+want) {
			t.Errorf("expected %q\n%s", want, text.String())
		}
	}
}
