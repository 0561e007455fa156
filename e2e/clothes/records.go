// Package clothes dresses the records of one supplier in every credential format
// and holds what they say against one another.
package clothes

import (
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/provider/magda"
	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
	"github.com/zegel-id/zegel/internal/provider/magda/magdadev"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/internal/provider/outbound"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// Record is one record of a fictitious citizen as claims.
type Record struct {
	Name   string
	Claims []byte // JSON
}

// Full is a made-up record that has every claim, which no record of the mock
// answers has.
var Full = Record{Name: "every claim", Claims: []byte(`{"title":"Bachelor in de \"toegepaste\" informatica \\ — 1ste","award_date":"2006-06-30",
"award_type":"Diploma","award_state":"Eindbewijs","education_category":"Hoger onderwijs","degree_level":"Bachelor","education_form":"A",
"school_type":"Gewoon","level":{"eqf":"6","vks":"6","vks_professional":"5","isced":"5A"},"field_of_study":{"code":"481","name":"Informatica"},
"subject":{"code":"481001","name":"Informatica","detail":"Netwerken"},"programme":{"code":"027034","name":"Toegepaste informatica"},
"specialisation":{"code":"A 1/é","name":"Netwerkbeheer"},"awarding_institution":{"name":"Voorbeeldhogeschool","number":"990001","country":"NL"},
"awarding_body_type":"Universiteit","other_bodies":[{"role":"Partner","type":"Hogeschool"},{"type":"Centrum"}],"language":"fra",
"validity_period":"5 jaar","adult_education_hours":120,"additional_information":[{"name":"Bewijs omschrijving","content":"Eén"},
{"name":"Module type","content":"Twee"}],"authenticity":"Authentiek","supplier":{"name":"Hoger onderwijs","reference":"ho-1"},
"record":{"reference":"7a1e5b10-0000-4000-8000-000000000001","version":"7a1e5b20-0000-4000-8000-000000000001"}}`)}

// Records are the records of all fictitious citizens of the fixtures and of the
// mock answers of MAGDA that may be sealed, and Full.
func Records(t *testing.T) []Record {
	t.Helper()
	records := append([]Record{Full}, ask(t, fixtures.Answers())...)
	return append(records, ask(t, os.DirFS(testvectors.Dir(t, "led/GeefBewijs")))...)
}

func ask(t *testing.T, answers fs.FS) []Record {
	t.Helper()
	server := httptest.NewServer(magdadev.Handler(magdadev.Config{Services: []magdadev.Service{{Declared: magda.LEDGeefBewijs(), Answers: answers}}}))
	t.Cleanup(server.Close)
	m := mapping.LEDDiploma()
	client, err := magda.New(magda.Config{
		URL: server.URL + magdadev.Path, AllowLoopbackHTTP: true, HTTP: server.Client(), Service: magda.LEDGeefBewijs(), Mapping: m,
		Sender: magda.Sender{Identification: "kbo0795547478.be/development", Capacity: "development"}, Limits: outbound.Limits{Attempts: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(answers, "*.xml")
	if err != nil {
		t.Fatal(err)
	}
	var out []Record
	for _, file := range files {
		number, err := identifier.ParseINSZ(strings.TrimSuffix(path.Base(file), ".xml"))
		if err != nil {
			continue // not the answer for a citizen
		}
		a, err := client.Fetch(t.Context(), provider.Query{Supplier: "led", DataType: "led-diploma", Subject: number})
		if x := (*magda.ExceptionError)(nil); errors.As(err, &x) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		mapped, _ := m.Apply(a.Records)
		for i, r := range mapped {
			claims, err := r.Claims.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, Record{path.Base(file) + " " + string(rune('a'+i%26)), claims})
		}
	}
	return out
}

// Issuer of the documents.
var Issuer = profile.Issuer{
	ID: "did:web:issuer.example.org", Name: "Voorbeeldoverheid", Identifier: "0316380841", Country: "BE",
	Address: "Voorbeeldstraat 1, 1000 Brussel",
}

// Now is when they are sealed.
var Now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Copy of a credential.
func Copy() profile.Copy {
	return profile.Copy{
		ID: "urn:uuid:0b6e2f4c-6a52-4b52-9f0a-3d4c9a8f1e10", Subject: "did:example:holder",
		Issued: Now, ValidFrom: Now, ValidUntil: Now.AddDate(1, 0, 0),
	}
}
