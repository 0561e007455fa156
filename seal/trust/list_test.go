package trust_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

var hierarchy = sync.OnceValues(func() (*devca.Hierarchy, error) {
	return devca.New(devca.Options{Now: now, Issuer: "https://led.example.org"})
})

func newHierarchy(t testing.TB) *devca.Hierarchy {
	h, err := hierarchy()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func document(t testing.TB) *trust.Document {
	tok, err := jose.Parse(newHierarchy(t).List)
	if err != nil {
		t.Fatal(err)
	}
	d, err := trust.Parse(tok.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPubEAARules(t *testing.T) {
	if err := document(t).CheckPubEAA(now); err != nil {
		t.Fatalf("the development list: %v", err)
	}
	number := func(n int) *int { return &n }
	text := func(s string) []trust.Text { return []trust.Text{{Lang: "en", Value: s}} }
	svc := func(d *trust.Document) *trust.ServiceInformation { return &d.LoTE.Entities[0].Services[0].Information }
	small := base64.StdEncoding.EncodeToString(mintFor(t, leaf("Small"), smallRSA(t), nil).cert.Raw)
	for name, tc := range map[string]struct {
		bend func(*trust.Document)
		says string
	}{
		"version":               {func(d *trust.Document) { d.LoTE.Scheme.Version = 2 }, "LoTEVersionIdentifier"},
		"sequence":              {func(d *trust.Document) { d.LoTE.Scheme.Sequence = 0 }, "LoTESequenceNumber"},
		"type":                  {func(d *trust.Document) { d.LoTE.Scheme.Type = "http://uri.etsi.org/19602/LoTEType/EUPIDProvidersList" }, "LoTEType"},
		"status approach":       {func(d *trust.Document) { d.LoTE.Scheme.StatusApproach = "" }, "StatusDeterminationApproach"},
		"rules":                 {func(d *trust.Document) { d.LoTE.Scheme.Rules[0].Value += "x" }, "SchemeTypeCommunityRules"},
		"no rules":              {func(d *trust.Document) { d.LoTE.Scheme.Rules = nil }, "SchemeTypeCommunityRules"},
		"territory":             {func(d *trust.Document) { d.LoTE.Scheme.Territory = "BE" }, "SchemeTerritory"},
		"history":               {func(d *trust.Document) { d.LoTE.Scheme.History = number(24) }, "HistoricalInformationPeriod"},
		"no history":            {func(d *trust.Document) { d.LoTE.Scheme.History = nil }, "HistoricalInformationPeriod"},
		"pointers":              {func(d *trust.Document) { d.LoTE.Scheme.Pointers = append(d.LoTE.Scheme.Pointers, []byte(`{}`)) }, "PointersToOtherLoTE"},
		"issued in the future":  {func(d *trust.Document) { d.LoTE.Scheme.Issued.Time = now.Add(time.Hour) }, "ListIssueDateTime"},
		"update before issue":   {func(d *trust.Document) { d.LoTE.Scheme.NextUpdate.Time = now.Add(-time.Hour) }, "NextUpdate"},
		"update after 6 months": {func(d *trust.Document) { d.LoTE.Scheme.NextUpdate.Time = now.AddDate(0, 6, 0).Add(time.Second) }, "NextUpdate"},
		"update passed": {func(d *trust.Document) {
			d.LoTE.Scheme.Issued.Time, d.LoTE.Scheme.NextUpdate.Time = now.Add(-time.Hour), now
		}, "NextUpdate was"},
		"no law":            {func(d *trust.Document) { d.LoTE.Entities[0].Information.TradeName = text("NTRBE-0999999922") }, "holds no law"},
		"no number":         {func(d *trust.Document) { d.LoTE.Entities[0].Information.TradeName = text("OJ:EU32024R1183") }, "registration number"},
		"law without land":  {func(d *trust.Document) { d.LoTE.Entities[0].Information.TradeName[1].Value = "OJ:be1" }, "holds no law"},
		"service type":      {func(d *trust.Document) { svc(d).Type = "http://uri.etsi.org/19602/SvcType/PID/Issuance" }, "ServiceTypeIdentifier"},
		"status":            {func(d *trust.Document) { svc(d).Status = "http://uri.etsi.org/TrstSvc/Svcstatus/granted" }, "ServiceStatus"},
		"no status":         {func(d *trust.Document) { svc(d).Status = "" }, "ServiceStatus"},
		"no starting time":  {func(d *trust.Document) { svc(d).StatusSince = nil }, "StatusStartingTime"},
		"no certificate":    {func(d *trust.Document) { svc(d).Identity.Certificates = nil }, "X509Certificates"},
		"certificate none":  {func(d *trust.Document) { svc(d).Identity.Certificates[0].Value = "AAAA" }, "X509Certificates[0]"},
		"certificate small": {func(d *trust.Document) { svc(d).Identity.Certificates[0].Value = small }, "X509Certificates[0]"},
		"history status": {func(d *trust.Document) {
			d.LoTE.Entities[0].Services[0].History = []trust.ServiceHistory{{Status: "x", StatusSince: trust.Instant{Time: now.Add(-48 * time.Hour)}, Identity: svc(d).Identity}}
		}, "former state 0"},
		"history order": {func(d *trust.Document) {
			d.LoTE.Entities[0].Services[0].History = []trust.ServiceHistory{{Status: trust.StatusWithdrawn, StatusSince: trust.Instant{Time: now}, Identity: svc(d).Identity}}
		}, "former state 0"},
		"history type": {func(d *trust.Document) {
			d.LoTE.Entities[0].Services[0].History = []trust.ServiceHistory{{Type: trust.Revocation, Status: trust.StatusWithdrawn, StatusSince: trust.Instant{Time: now.Add(-48 * time.Hour)}, Identity: svc(d).Identity}}
		}, "former state 0"},
	} {
		d := document(t)
		tc.bend(d)
		err := d.CheckPubEAA(now)
		if !errors.Is(err, trust.ErrList) && !errors.Is(err, trust.ErrListExpired) || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: found %v, expected %q", name, err, tc.says)
		}
		// What is not right is neither signed nor, when another signs it, read.
		h := newHierarchy(t)
		signer, err := seal.NewSealer(h.ListSigner.Key, certs(pair{cert: h.ListSigner.Certificate}), seal.Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Sign(signer, now); err == nil {
			t.Errorf("%s: was signed", name)
		}
		b, err := jose.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		forced, err := signer.SignCompact("JOSE", now, b)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := anchored(t).VerifyList(forced, now); err == nil || l != nil {
			t.Errorf("%s: was accepted", name)
		}
	}
	d := document(t)
	d.LoTE.Scheme.Type, d.LoTE.Scheme.Territory = "", ""
	if err := d.CheckPubEAA(now); !strings.Contains(fmt.Sprint(err), "LoTEType") || !strings.Contains(fmt.Sprint(err), "SchemeTerritory") {
		t.Errorf("not all faults are told: %v", err)
	}
}

// anchored is a store with the anchors of the hierarchy and no list.
func anchored(t testing.TB) *trust.Store {
	s, err := trust.NewStore(newHierarchy(t).Anchors(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestListSignature(t *testing.T) {
	h := newHierarchy(t)
	if l, err := anchored(t).VerifyList(h.List+"\n", now); err != nil || l.Sequence != 1 || !l.Issued.Equal(now) || l.Operator == "" {
		t.Fatalf("%+v, %v", l, err)
	}
	tok, err := jose.Parse(h.List)
	if err != nil {
		t.Fatal(err)
	}
	c := h.ListSigner.Certificate
	header := func(f func(map[string]any)) map[string]any {
		m := map[string]any{"alg": "ES256", "typ": "JOSE", "iat": now.Unix(), "x5t#S256": jose.X5TS256(c), "x5c": jose.EncodeX5C(certs(pair{cert: c}))}
		f(m)
		return m
	}
	set := func(k string, v any) map[string]any { return header(func(m map[string]any) { m[k] = v }) }
	without := func(k string) map[string]any { return header(func(m map[string]any) { delete(m, k) }) }
	for name, hd := range map[string]map[string]any{
		"another typ":       set("typ", "dc+sd-jwt"),
		"no iat":            without("iat"),
		"iat and sigT":      set("sigT", "2024-01-01T00:00:00Z"),
		"no x5t#S256":       without("x5t#S256"),
		"x5t#S256 of other": set("x5t#S256", jose.X5TS256(h.SealCA.Certificate)),
		"no x5c":            without("x5c"),
		"unknown crit":      header(func(m map[string]any) { m["foo"], m["crit"] = 1, []string{"foo"} }),
		"critical policy":   header(func(m map[string]any) { m["sigPId"], m["crit"] = map[string]any{}, []string{"sigPId"} }),
		"detached":          header(func(m map[string]any) { m["sigD"], m["crit"] = map[string]any{}, []string{"sigD"} }),
		"critical content": header(func(m map[string]any) {
			m["adoTst"], m["crit"] = map[string]any{"tstTokens": []any{map[string]any{"val": "MAA="}}}, []string{"adoTst"}
		}),
		"x5c with authority": set("x5c", jose.EncodeX5C(certs(pair{cert: c}, pair{cert: h.SchemeCA.Certificate}))),
	} {
		compact, err := jose.SignCompact(h.ListSigner.Key, hd, tok.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := anchored(t).VerifyList(compact, now); !errors.Is(err, trust.ErrList) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if compact, err := jose.SignCompact(h.ListSigner.Key, without("typ"), tok.Payload); err != nil {
		t.Fatal(err)
	} else if _, err := anchored(t).VerifyList(compact, now); err != nil {
		t.Errorf("no typ: %v", err)
	}
	// Signed by others: the registrar, a receiver, the seal key.
	for name, p := range map[string]devca.Pair{"registrar": h.Registrar, "status signer": h.Status, "seal": h.Seal} {
		s, err := seal.NewSealer(p.Key, certs(pair{cert: p.Certificate}), seal.Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		compact, err := document(t).Sign(s, now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := anchored(t).VerifyList(compact, now); !errors.Is(err, trust.ErrList) {
			t.Errorf("signed by the %s: %v", name, err)
		}
	}
	parts := strings.Split(h.List, ".")
	parts[1] = jose.Encode([]byte(strings.Replace(string(tok.Payload), `"SchemeTerritory":"EU"`, `"SchemeTerritory":"BE"`, 1)))
	if _, err := anchored(t).VerifyList(strings.Join(parts, "."), now); !errors.Is(err, jose.ErrSignature) {
		t.Errorf("changed payload: %v", err)
	}
	if _, err := anchored(t).VerifyList(h.List, now.Add(91*24*time.Hour)); !errors.Is(err, trust.ErrListExpired) {
		t.Errorf("after the next update: %v", err)
	}
}

func install(t testing.TB, d *trust.Document) *trust.Store {
	h := newHierarchy(t)
	signer, err := seal.NewSealer(h.ListSigner.Key, certs(pair{cert: h.ListSigner.Certificate}), seal.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	compact, err := d.Sign(signer, now)
	if err != nil {
		t.Fatal(err)
	}
	s := anchored(t)
	l, err := s.VerifyList(compact, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Install(l); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestProvider(t *testing.T) {
	h := newHierarchy(t)
	law := &qc.PublicBody{Country: "BE", Source: "LED", Legislation: "OJ:BETEST-LED"}
	sealPath := func(s *trust.Store) *trust.Path {
		p, err := s.Certificates(certs(pair{cert: h.Seal.Certificate}), trust.UseSeal, now)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	ca := base64.StdEncoding.EncodeToString(h.SealCA.Certificate.Raw)
	entity := func(d *trust.Document) *trust.TrustedEntity { return &d.LoTE.Entities[0] }
	for name, tc := range map[string]struct {
		bend func(*trust.Document)
		law  *qc.PublicBody
		at   time.Time
		want error
	}{
		"listed":                  {nil, law, now, nil},
		"law without prefix":      {nil, &qc.PublicBody{Country: "BE", Legislation: "TEST-LED"}, now, nil},
		"its authority is listed": {func(d *trust.Document) { entity(d).Services[0].Information.Identity.Certificates[0].Value = ca }, law, now, nil},
		"another law":             {nil, &qc.PublicBody{Country: "BE", Legislation: "OJ:BEOTHER"}, now, trust.ErrProvider},
		"law of another country":  {nil, &qc.PublicBody{Country: "NL", Legislation: "OJ:BETEST-LED"}, now, trust.ErrProvider},
		"no law":                  {nil, nil, now, trust.ErrProvider},
		"another number":          {func(d *trust.Document) { entity(d).Information.TradeName[0].Value = "NTRBE-0316380841" }, law, now, trust.ErrProvider},
		"authority, another number": {func(d *trust.Document) {
			entity(d).Information.TradeName[0].Value = "NTRBE-0316380841"
			entity(d).Services[0].Information.Identity.Certificates[0].Value = ca
		}, law, now, trust.ErrProvider},
		"withdrawn":       {func(d *trust.Document) { entity(d).Services[0].Information.Status = trust.StatusWithdrawn }, law, now, trust.ErrWithdrawn},
		"not listed":      {func(d *trust.Document) { entity(d).Services = entity(d).Services[1:] }, law, now, trust.ErrNotListed},
		"not listed yet":  {func(d *trust.Document) { entity(d).Services[0].Information.StatusSince.Time = now.Add(time.Hour) }, law, now, trust.ErrNotListed},
		"after the list":  {nil, law, now.Add(90 * 24 * time.Hour), trust.ErrListExpired},
		"notified before": {func(d *trust.Document) { withdrawnLater(d) }, law, now.Add(-30 * time.Second), nil},
		"withdrawn since": {func(d *trust.Document) { withdrawnLater(d) }, law, now, trust.ErrWithdrawn},
	} {
		d := document(t)
		if tc.bend != nil {
			tc.bend(d)
		}
		s := install(t, d)
		p, err := s.Provider(sealPath(s), trust.Issuance, tc.law, tc.at)
		if !errors.Is(err, tc.want) || tc.want == nil && (err != nil || p.Registration.String() != "NTRBE-0999999922" || p.Law != "OJ:BETEST-LED") {
			t.Errorf("%s: found %+v, %v, expected %v", name, p, err, tc.want)
		}
		if _, err := s.Provider(sealPath(s), trust.Revocation, tc.law, tc.at); err == nil {
			t.Errorf("%s: the seal key may sign status lists", name)
		}
	}
	s := install(t, document(t))
	status, err := s.Certificates(certs(pair{cert: h.Status.Certificate}), trust.UseStatus, now)
	if err != nil {
		t.Fatalf("the list makes status signers trusted: %v", err)
	}
	if p, err := s.Provider(status, trust.Revocation, nil, now); err != nil || p.Service != trust.Revocation {
		t.Errorf("status signer: %v", err)
	}
	if _, err := s.Provider(status, trust.Issuance, nil, now); !errors.Is(err, trust.ErrNotListed) {
		t.Errorf("the status signer issues: %v", err)
	}
	if _, err := anchored(t).Certificates(certs(pair{cert: h.Status.Certificate}), trust.UseStatus, now); !errors.Is(err, trust.ErrNoPath) {
		t.Errorf("trusted without a list: %v", err)
	}
	if _, err := anchored(t).Provider(sealPath(s), trust.Issuance, law, now); !errors.Is(err, trust.ErrNoList) {
		t.Errorf("without a list: %v", err)
	}
}

func withdrawnLater(d *trust.Document) {
	v := &d.LoTE.Entities[0].Services[0]
	v.History = []trust.ServiceHistory{{Name: v.Information.Name, Identity: v.Information.Identity, Status: trust.StatusNotified, StatusSince: trust.Instant{Time: now.Add(-time.Minute)}}}
	v.Information.Status, v.Information.StatusSince = trust.StatusWithdrawn, &trust.Instant{Time: now}
}

// A withdrawn service anchors nothing from the moment the list is installed,
// whatever was cached.
func TestWithdrawnIsNoAnchor(t *testing.T) {
	h := newHierarchy(t)
	s := install(t, document(t))
	status := jose.EncodeX5C(certs(pair{cert: h.Status.Certificate}))
	if _, err := s.X5C(status, trust.UseStatus, now); err != nil {
		t.Fatal(err)
	}
	d := document(t)
	d.LoTE.Scheme.Sequence = 2
	d.LoTE.Entities[0].Services[1].Information.Status = trust.StatusWithdrawn
	if err := s.Install(install(t, d).List()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.X5C(status, trust.UseStatus, now); !errors.Is(err, trust.ErrNoPath) {
		t.Errorf("withdrawn and still trusted: %v", err)
	}
	// Lists do not go backwards.
	if err := s.Install(install(t, document(t)).List()); !errors.Is(err, trust.ErrRollback) {
		t.Errorf("an older list: %v", err)
	}
	d.LoTE.Entities[0].Services[1].Information.Status = trust.StatusNotified
	if err := s.Install(install(t, d).List()); !errors.Is(err, trust.ErrRollback) {
		t.Errorf("another list with the same number: %v", err)
	}
	if err := s.Install(s.List()); err != nil {
		t.Errorf("the same list again: %v", err)
	}
	if err := s.Install(nil); err == nil {
		t.Error("no list was installed")
	}
}

func TestListVectors(t *testing.T) {
	dir := filepath.Join(testvectors.Dir(t, "tsl"), "lote")
	for file, want := range map[string]struct{ parses bool }{
		"valid.json": {true}, "valid-full.json": {true}, "valid-emptyTE.json": {true}, "invalid.json": {false},
		"Mock_PID_Provider_List_v0.0.1-fixed.json": {true}, "Mock_PID_Provider_List_v0.0.2.json": {true},
	} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		d, err := trust.Parse(b)
		if (err == nil) != want.parses {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if err != nil {
			if d != nil || !errors.Is(err, trust.ErrList) {
				t.Errorf("%s: %v, %v", file, d, err)
			}
			continue
		}
		// None of them is a list of PuB-EAA providers.
		if err := d.CheckPubEAA(time.Date(2025, 12, 15, 0, 0, 0, 0, time.UTC)); !errors.Is(err, trust.ErrList) {
			t.Errorf("%s passed as a PuB-EAA list: %v", file, err)
		}
		again, err := jose.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := trust.Parse(again); err != nil {
			t.Errorf("%s does not survive writing: %v", file, err)
		}
	}
}

func TestMalformedLists(t *testing.T) {
	b, err := jose.Marshal(document(t))
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for name, edit := range map[string][2]string{
		"unknown member":      {`"SchemeTerritory"`, `"SchemeTerritoriy"`},
		"time with offset":    {`"ListIssueDateTime":"2026-11-23T12:00:00Z"`, `"ListIssueDateTime":"2026-11-23T12:00:00+00:00"`},
		"time with fraction":  {`"ListIssueDateTime":"2026-11-23T12:00:00Z"`, `"ListIssueDateTime":"2026-11-23T12:00:00.1Z"`},
		"no time":             {`"ListIssueDateTime":"2026-11-23T12:00:00Z",`, ``},
		"version as text":     {`"LoTEVersionIdentifier":1`, `"LoTEVersionIdentifier":"1"`},
		"no version":          {`"LoTEVersionIdentifier":1,`, ``},
		"duplicate member":    {`"SchemeTerritory":"EU"`, `"SchemeTerritory":"EU","SchemeTerritory":"EU"`},
		"trailing data":       {`{"LoTE"`, `{}{"LoTE"`},
		"another top":         {`{"LoTE"`, `{"lote"`},
		"entity without name": {`"TEName"`, `"TENome"`},
	} {
		bad := strings.Replace(good, edit[0], edit[1], 1)
		if bad == good {
			t.Fatalf("%s: nothing was edited", name)
		}
		if d, err := trust.Parse([]byte(bad)); !errors.Is(err, trust.ErrList) || d != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bend := range map[string]func(*trust.LoTE){
		"no operator":          func(l *trust.LoTE) { l.Scheme.OperatorName = nil },
		"no name":              func(l *trust.LoTE) { l.Entities[0].Information.Name = nil },
		"no address":           func(l *trust.LoTE) { l.Entities[0].Information.Address.Postal = nil },
		"no page":              func(l *trust.LoTE) { l.Entities[0].Information.InformationURI = nil },
		"no services":          func(l *trust.LoTE) { l.Entities[0].Services = nil },
		"service without name": func(l *trust.LoTE) { l.Entities[0].Services[0].Information.Name = nil },
		"too many entities":    func(l *trust.LoTE) { l.Entities = make([]trust.TrustedEntity, 2001) },
		"too many services":    func(l *trust.LoTE) { l.Entities[0].Services = make([]trust.EntityService, 201) },
		"too much history":     func(l *trust.LoTE) { l.Entities[0].Services[0].History = make([]trust.ServiceHistory, 201) },
	} {
		d := document(t)
		bend(&d.LoTE)
		b, err := jose.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := trust.Parse(b); !errors.Is(err, trust.ErrList) || d != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join(testvectors.Dir(f, "tsl"), "lote", "*.json"))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	b, err := jose.Marshal(document(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	h := newHierarchy(f)
	if b, err = jose.Marshal(accessDocument(h.AccessCA.Certificate)); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := trust.Parse(b)
		if err != nil {
			if d != nil {
				t.Error("a failed parse answered something")
			}
			return
		}
		for _, p := range []trust.Profile{trust.PubEAAProviders, trust.AccessProviders} {
			_ = d.Check(p, now) // must not panic
		}
		again, err := jose.Marshal(d)
		if err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		if _, err := trust.Parse(again); err != nil {
			t.Errorf("cannot read what was written: %v", err)
		}
	})
}
