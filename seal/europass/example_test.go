package europass_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/europass"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// An issuer writes the record that a citizen asks for in the form of Europass and
// seals it with the key of its credentials. Whoever holds the file then lifts it to
// B-LTA with a seal.Archivist.
func Example() {
	hour := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	hierarchy, err := devca.New(devca.Options{Now: hour, Issuer: "https://issuer.example"})
	if err != nil {
		panic(err)
	}
	sealer, err := hierarchy.Sealer("", func() time.Time { return hour })
	if err != nil {
		panic(err)
	}
	template, err := led.Europass().Template(profile.Issuer{
		ID: "did:web:issuer.example", Name: "Voorbeeldoverheid", Identifier: "0999999922", Country: "BE", Address: "Voorbeeldstraat 1, 1000 Brussel",
	})
	if err != nil {
		panic(err)
	}
	document, err := template.Document(profile.Copy{ID: "urn:uuid:0b6e2f4c-6a52-4b52-9f0a-3d4c9a8f1e10", Subject: "did:jwk:eyJrdHkiOiJFQyJ9", Issued: hour, ValidFrom: hour},
		[]byte(`{"title":"Bachelor in de informatica","award_type":"Diploma","level":{"eqf":"6","vks":"6"},
			"awarding_institution":{"name":"Voorbeeldhogeschool","country":"BE"},"authenticity":"Authentiek",
			"supplier":{"name":"Hoger onderwijs"},"record":{"reference":"7a1e5b10-0000-4000-8000-000000000001"}}`))
	if err != nil {
		panic(err)
	}

	draft, err := europass.Prepare(document, hour)
	if err != nil {
		panic(err)
	}
	file, err := draft.Seal(sealer)
	if err != nil {
		panic(err)
	}
	text, err := file.Marshal(evidence.General)
	if err != nil {
		panic(err)
	}

	store, err := hierarchy.Store(hour)
	if err != nil {
		panic(err)
	}
	lists, err := hierarchy.CRLs(nil, nil)
	if err != nil {
		panic(err)
	}
	validator := seal.Validator{Trust: store, Revocation: lists}
	got, back, err := validator.ValidateJSON(context.Background(), text, europass.Typ, hour)
	if err != nil {
		panic(err)
	}
	fmt.Println(got.Indication, got.Level, string(back.Payload()) == string(document))
	// Output: TOTAL_PASSED JAdES-BASELINE-B true
}
