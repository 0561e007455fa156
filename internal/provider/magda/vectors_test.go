package magda_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/provider/magda"
	"github.com/zegel-id/zegel/internal/provider/magda/magdadev"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/internal/provider/outbound"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func insz(t testing.TB, s string) identifier.INSZ {
	t.Helper()
	n, err := identifier.ParseINSZ(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// plain is a client of an unsigned development server over loopback HTTP.
func plain(t testing.TB, services ...magdadev.Service) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(magdadev.Handler(magdadev.Config{Services: services}))
	t.Cleanup(srv.Close)
	return srv
}

func client(t testing.TB, srv *httptest.Server, s *magda.Service, m *mapping.Mapping) *magda.Client {
	t.Helper()
	c, err := magda.New(magda.Config{
		URL: srv.URL + magdadev.Path, AllowLoopbackHTTP: true, HTTP: srv.Client(), Service: s, Mapping: m,
		Sender: magda.Sender{Identification: "kbo0795547478.be/development", Capacity: "development"},
		Limits: outbound.Limits{Attempts: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLEDFolder asks for every citizen of the folder over SOAP and counts
// what became of all 102 records.
func TestLEDFolder(t *testing.T) {
	dir := testvectors.Dir(t, "led/GeefBewijs")
	m := mapping.LEDDiploma()
	srv := plain(t, magdadev.Service{Declared: magda.LEDGeefBewijs(), Answers: os.DirFS(dir)})
	c := client(t, srv, magda.LEDGeefBewijs(), m)
	files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	outcomes, without, exceptions := map[string]int{}, map[string]int{}, map[string]string{}
	precision := map[int]int{}
	for _, file := range files {
		number := strings.TrimSuffix(filepath.Base(file), ".xml")
		if number == "notfound" {
			number = "85673003360" // a test number that has no file
		}
		q := provider.Query{Supplier: "led", DataType: "led-diploma", Subject: insz(t, number)}
		a, err := c.Fetch(context.Background(), q)
		var x *magda.ExceptionError
		switch {
		case errors.As(err, &x):
			exceptions[number] = x.Identification + " " + x.Diagnosis
			outcomes["exception"]++
			if strings.Contains(err.Error(), number) {
				t.Error("the error names the citizen")
			}
			continue
		case err != nil:
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		case a.NoData:
			outcomes["no data"]++
			if len(a.Records)+len(a.Refused) != 0 {
				t.Error("no data, and records")
			}
			continue
		}
		mapped, refused := m.Apply(a.Records)
		for _, r := range append(a.Refused, refused...) {
			outcomes[string(r.Reason)]++
		}
		outcomes["issued"] += len(mapped)
		for _, x := range mapped {
			judgeClaims(t, number, x.Claims, without, precision)
		}
	}
	for name, got := range map[string][2]any{
		"outcomes":                             {outcomes, map[string]int{"issued": 56, "wrong_subject": 36, "self_declared": 10, "no data": 2, "exception": 5}},
		"precision of award_date (characters)": {precision, map[int]int{4: 4, 10: 52}},
		"issued without":                       {without, map[string]int{"level.vks": 42, "level.eqf": 42, "level.isced": 33}},
		"exceptions": {exceptions, map[string]string{
			"90722500191": "99996 Te veel gelijktijdige bevragingen",
			"90722500389": "90000 LED Dienst (tijdelijk) niet beschikbaar",
			"90722500587": "15021 Geen gegevens in antwoord wegens filtering",
			"90722500785": "13202 Gegevens niet opvraagbaar geen persoonsdossier geregistreerd",
			"91610100374": "99996 Te veel gelijktijdige bevragingen",
		}},
	} {
		if fmt.Sprint(got[0]) != fmt.Sprint(got[1]) {
			t.Errorf("%s:\n got %v\nwant %v", name, got[0], got[1])
		}
	}
}

func judgeClaims(t *testing.T, number string, c mapping.Claims, without map[string]int, precision map[int]int) {
	t.Helper()
	text, err := c.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{number, "NBS", "NVT", "Niet beschikbaar", "Niet van toepassing", "1800", `\n`, `\t`, "  ", "Eigen verklaring", "BEL"} {
		if strings.Contains(string(text), bad) {
			t.Errorf("%q is in the claims", bad)
		}
	}
	for _, must := range []string{"title", "award_type", "authenticity", "supplier.name", "record.reference", "record.version"} {
		if _, ok := c.Lookup(strings.Split(must, ".")...); !ok {
			t.Errorf("no claim %s", must)
		}
	}
	for _, may := range []string{"award_date", "level.vks", "level.eqf", "level.isced"} {
		if _, ok := c.Lookup(strings.Split(may, ".")...); !ok {
			without[may]++
		}
	}
	if d, ok := c.Lookup("award_date"); ok {
		precision[len(d.(string))]++
	}
	if v, ok := c.Lookup("authenticity"); !ok || v != "Authentiek" {
		t.Error("not authentic, and mapped")
	}
}
