package magda_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/magda"
	"github.com/zegel-id/zegel/internal/provider/magda/magdadev"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// Two further services of the platform, as data only: this is what "the next
// service needs no new code" means.
const (
	enrolmentService = `name: GeefHistoriekInschrijving
version: 02.01.0000
namespace: http://webservice.geefhistoriekinschrijvingdienst-02_01.onderwijs.vlaanderen.be
question:
  - {element: INSZ, subject: true}
  - {element: BronInschrijvingen/Alle, value: "1"}
records: Inschrijvingen/Inschrijving
exceptions: {no_data: ["30101"]}
`
	enrolmentMapping = `data_type: enrolment
record: {reference: Referte, subject: $question}
claims:
  - {claim: institution.name, from: Instelling/OfficieleNaam, required: true}
  - {claim: institution.number, from: Instelling/Instellingsnummer}
  - {claim: institution.country, as: country, from: Instelling/Adres/Land/ISOCode}
  - claim: programme
    as: first_of
    of:
      - {from: Volwassenenonderwijs/Opleiding/Naam}
      - {from: LeerplichtOnderwijs/AdministratieveGroep/Omschrijving}
  - {claim: since, as: date, from: Volwassenenonderwijs/DatumInschrijving}
`
	personService = `name: GeefPersoon
version: 02.02.0000
namespace: http://magda.vlaanderen.be/persoon/soap/geefpersoon/v02_02
question:
  - {element: Bron, value: RR}
  - {element: Criteria/INSZ, subject: true}
records: Persoon
exceptions: {no_data: ["30001"]}
`
	personMapping = `data_type: person
record: {reference: $position, version: "@DatumModificatie", subject: INSZ}
claims:
  - {claim: family_name, from: Naam/Achternamen/Achternaam, required: true}
  - {claim: given_names, as: list, from: Naam/Voornamen/Voornaam}
  - {claim: birth.date, as: date, from: Geboorte/Datum}
  - {claim: nationality, as: list, from: Nationaliteiten/Nationaliteit, items: [{claim: name, from: Omschrijving, required: true}, {claim: since, as: date, from: "@DatumBegin"}]}
`
)

// renamed gives version--key.xml of a folder of vectors as key.xml.
func renamed(t *testing.T, name string) fstest.MapFS {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testvectors.Dir(t, name), "*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, key, _ := strings.Cut(filepath.Base(f), "--")
		out[key] = &fstest.MapFile{Data: b}
	}
	return out
}

func TestFurtherServicesAreData(t *testing.T) {
	for _, c := range []struct {
		folder, service, mapping string
		records                  int
		claim                    []string
	}{
		{"magda/Onderwijs/GeefHistoriekInschrijving", enrolmentService, enrolmentMapping, 27, []string{"institution", "name"}},
		{"magda/Persoon/GeefPersoon", personService, personMapping, 6, []string{"family_name"}},
	} {
		t.Run(filepath.Base(c.folder), func(t *testing.T) {
			s, err := magda.ParseService("service.yaml", []byte(c.service))
			if err != nil {
				t.Fatal(err)
			}
			m, err := mapping.Parse("mapping.yaml", []byte(c.mapping))
			if err != nil {
				t.Fatal(err)
			}
			answers := renamed(t, c.folder)
			client := client(t, plain(t, magdadev.Service{Declared: s, Answers: answers}), s, m)
			records := 0
			for name := range answers {
				a, err := client.Fetch(context.Background(), provider.Query{Supplier: "x", Subject: insz(t, strings.TrimSuffix(name, ".xml"))})
				if err != nil {
					t.Fatal(name, err)
				}
				mapped, refused := m.Apply(a.Records)
				if len(a.Refused)+len(refused) != 0 {
					t.Errorf("%v %v", a.Refused, refused)
				}
				for _, x := range mapped {
					if v, ok := x.Claims.Lookup(c.claim...); !ok || v == "" {
						t.Errorf("%s: no claim %v", name, c.claim)
					}
				}
				records += len(mapped)
			}
			if records != c.records {
				t.Errorf("%d records, want %d", records, c.records)
			}
		})
	}
}
