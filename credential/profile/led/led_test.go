package led_test

import (
	"time"

	"github.com/zegel-id/zegel/credential/profile"
)

var issuer = profile.Issuer{
	ID: "did:web:issuer.example.org", Name: "Voorbeeldoverheid", Identifier: "0316380841", Country: "BE",
	Address: "Voorbeeldstraat 1, 1000 Brussel",
}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func sample() profile.Copy {
	return profile.Copy{
		ID: "urn:uuid:0b6e2f4c-6a52-4b52-9f0a-3d4c9a8f1e10", Subject: "did:example:holder",
		Issued: now, ValidFrom: now, ValidUntil: now.AddDate(1, 0, 0),
	}
}

// usual is a record as most are, full one with every claim.
const (
	usual = `{"title":"Diploma van secundair onderwijs","award_date":"2003-06-30","award_type":"Diploma","award_state":"Eindbewijs",
"education_category":"Secundair onderwijs","degree_level":"3de graad","education_form":"ASO","school_type":"Gewoon",
"level":{"eqf":"4","vks":"4","isced":"3A"},"field_of_study":{"code":"010","name":"Basisopleidingen"},"subject":{"code":"10001","name":"Algemene vorming"},
"programme":{"code":"021405","name":"Wetenschappen-wiskunde"},"awarding_institution":{"name":"Atheneum Testgem","number":"990003","country":"BE"},
"awarding_body_type":"Secundaire school","language":"nld","authenticity":"Authentiek","supplier":{"name":"Secundair onderwijs","reference":"2003063000000001"},
"record":{"reference":"7a1e5b10-0000-4000-8000-000000000001","version":"7a1e5b20-0000-4000-8000-000000000001"}}`

	full = `{"title":"Bachelor in de \"toegepaste\" informatica \\ — 1ste","award_date":"2006-06-30",
"award_type":"Diploma","award_state":"Eindbewijs","education_category":"Hoger onderwijs","degree_level":"Bachelor","education_form":"A",
"school_type":"Gewoon","level":{"eqf":"6","vks":"6","vks_professional":"5","isced":"5A"},"field_of_study":{"code":"481","name":"Informatica"},
"subject":{"code":"481001","name":"Informatica","detail":"Netwerken"},"programme":{"code":"027034","name":"Toegepaste informatica"},
"specialisation":{"code":"A 1/é","name":"Netwerkbeheer"},"awarding_institution":{"name":"Voorbeeldhogeschool","number":"990001","country":"NL"},
"awarding_body_type":"Universiteit","other_bodies":[{"role":"Partner","type":"Hogeschool"},{"type":"Centrum"}],"language":"fra",
"validity_period":"5 jaar","adult_education_hours":120,"additional_information":[{"name":"Bewijs omschrijving","content":"Eén"},
{"name":"Module type","content":"Twee"}],"authenticity":"Authentiek","supplier":{"name":"Hoger onderwijs","reference":"ho-1"},
"record":{"reference":"7a1e5b10-0000-4000-8000-000000000001","version":"7a1e5b20-0000-4000-8000-000000000001"}}`
)
