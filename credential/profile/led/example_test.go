package led_test

import (
	"fmt"
	"time"

	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/profile/led"
)

// An issuer compiles a template once and writes a document per copy, which a
// cryptosuite then secures. Whoever verified a document reads the claims in it.
func Example() {
	elm, err := led.ELM().Template(profile.Issuer{
		ID: "did:web:issuer.example.org", Name: "Voorbeeldoverheid", Identifier: "0316380841", Country: "BE",
		Address: "Voorbeeldstraat 1, 1000 Brussel",
	})
	if err != nil {
		panic(err)
	}
	hour := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	document, err := elm.Document(profile.Copy{
		ID: "urn:uuid:0b6e2f4c-6a52-4b52-9f0a-3d4c9a8f1e10", Subject: "did:jwk:eyJrdHkiOiJFQyJ9",
		Issued: hour, ValidFrom: hour, ValidUntil: hour.AddDate(1, 0, 0),
	}, []byte(`{"title":"Bachelor in de informatica","award_type":"Diploma","level":{"eqf":"6","vks":"6"},
		"awarding_institution":{"name":"Voorbeeldhogeschool","country":"BE"},"authenticity":"Authentiek",
		"supplier":{"name":"Hoger onderwijs"},"record":{"reference":"7a1e5b10-0000-4000-8000-000000000001"}}`))
	if err != nil {
		panic(err)
	}

	p, err := profile.Of(document, led.Profiles()...)
	if err != nil {
		panic(err)
	}
	claims, err := p.Read(document)
	if err != nil {
		panic(err)
	}
	places, err := p.Locate(document)
	if err != nil {
		panic(err)
	}
	path, exact := p.Path("level.eqf")
	fmt.Println(p.Name(), claims["title"])
	fmt.Println("disclose", places.Claims["level.eqf"])
	fmt.Println("query", path, exact)
	// Output:
	// elm Bachelor in de informatica
	// disclose [/credentialSubject/hasClaim/specifiedBy/eqfLevel/id]
	// query ["credentialSubject","hasClaim","specifiedBy","eqfLevel","id"] true
}
