package contexts_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/testvectors"
)

const edcAP = "http://data.europa.eu/snb/model/context/edc-ap"

// processor knows the embedded contexts and the published one of ELM.
func processor(t *testing.T) *jsonld.Processor {
	t.Helper()
	published := testvectors.File(t, "elm", "context/edc-ap-context.jsonld")
	return jsonld.New(jsonld.LoaderFunc(func(url string) ([]byte, error) {
		if url == edcAP {
			return published, nil
		}
		return contexts.Document(url)
	}))
}

func canonical(t *testing.T, p *jsonld.Processor, doc map[string]any, lax bool) string {
	t.Helper()
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Canonicalize(b, jsonld.Options{InsecureLax: lax}, rdf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// elmSamples are documents of ELM in the form of VCDM 1.1; those of the
// Commission come out of their JAdES envelopes.
func elmSamples(t *testing.T) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, file := range []string{"led-diploma.elm.json", "elm3-credential-sample.jsonld", "elm3-Sample-CertOfPart-signed.jsonld",
		"elm3-Sample-MC-Annex1-signed.jsonld", "elm3-Sample-MC-Annex1-unsigned.jsonld"} {
		b := testvectors.File(t, "elm", "samples/"+file)
		if strings.Contains(file, "-signed") {
			var envelope struct{ Payload string }
			if err := json.Unmarshal(b, &envelope); err != nil {
				t.Fatal(err)
			}
			b = []byte(envelope.Payload)
		}
		var doc map[string]any
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		out[file] = doc
	}
	return out
}

// TestELMSaysWhatThePublishedContextSays puts our context in the place of the
// published one: the quads are the same.
func TestELMSaysWhatThePublishedContextSays(t *testing.T) {
	p := processor(t)
	for name, doc := range elmSamples(t) {
		t.Run(name, func(t *testing.T) {
			doc["@context"] = []any{contexts.CredentialsV1, edcAP}
			// Not safe mode: one sample has a misspelt member.
			want := canonical(t, p, doc, true)
			doc["@context"] = []any{contexts.CredentialsV1, contexts.ELMv1}
			// The one slip of the published context that these samples meet; see
			// TestELMNamesOfThePublishedContext.
			want = strings.ReplaceAll(want, "/elm/nationalID>", "/elm/nationalId>")
			if got := canonical(t, p, doc, true); got != want {
				t.Error(difference(got, want))
			}
		})
	}
}

// difference lists the quads that only one side has.
func difference(got, want string) string {
	var b strings.Builder
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for _, q := range g {
		if !slices.Contains(w, q) {
			b.WriteString("ours only: " + q + "\n")
		}
	}
	for _, q := range w {
		if !slices.Contains(g, q) {
			b.WriteString("published only: " + q + "\n")
		}
	}
	return b.String()
}

// TestELMInVCDM2 moves the diploma to VCDM 2.0: the same quads but for what only
// VCDM 1.1 has, and nothing is dropped.
func TestELMInVCDM2(t *testing.T) {
	p := processor(t)
	doc := elmSamples(t)["led-diploma.elm.json"]
	delete(doc, "issuanceDate") // no word of VCDM 2.0
	doc["@context"] = []any{contexts.CredentialsV1, edcAP}
	want := canonical(t, p, doc, false)
	doc["@context"] = []any{contexts.CredentialsV2, contexts.ELMv1}
	if got := canonical(t, p, doc, false); got != want {
		t.Error(difference(got, want))
	}
	if !strings.Contains(want, "<http://purl.org/dc/terms/description>") {
		t.Error("the sample has no description, whose name the two specifications share")
	}
}

// The published context cannot stand beside credentials/v2: that is why ours is
// there.
func TestPublishedELMClashesWithVCDM2(t *testing.T) {
	_, err := processor(t).ToRDF([]byte(`{"@context": ["`+contexts.CredentialsV2+`", "`+edcAP+`"], "id": "urn:x:1", "type": "Person", "givenName": {"nl": "A"}}`), jsonld.Options{})
	if err == nil || !strings.Contains(err.Error(), "protected term redefinition") {
		t.Fatalf("%v", err)
	}
}

func definitions(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var doc struct {
		Context map[string]any `json:"@context"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Context
}

// TestELMNamesOfThePublishedContext: every name is there and means the same, but
// for those listed here, where the published context is not what ontology and
// shapes say.
func TestELMNamesOfThePublishedContext(t *testing.T) {
	differ := map[string]string{
		"areaDialingCode":    "the ontology says areaDialing",
		"nationalID":         "the ontology says nationalId",
		"resultDestribution": "misspelt; resultDistribution is there instead",
		"dateModified":       "an xsd:dateTime, not a reference",
		"descriptionHtml":    "rdf:HTML, not a reference",
		"latitude":           "the prefix lacks its slash",
		"longitude":          "the prefix lacks its slash",
		"description":        "credentials/v2 has the name: it is defined below the properties that lead to it",
	}
	p := processor(t)
	published := definitions(t, testvectors.File(t, "elm", "context/edc-ap-context.jsonld"))
	own, err := contexts.Document(contexts.ELMv1)
	if err != nil {
		t.Fatal(err)
	}
	ours := definitions(t, own)
	for name, v := range published {
		if iri, isText := v.(string); isText && (strings.HasSuffix(iri, "/") || strings.HasSuffix(iri, "#") || name == "clv") {
			if ours[name] != nil {
				t.Errorf("%s: a prefix makes every name that begins with it a term", name)
			}
			continue
		}
		same := ours[name] != nil && says(t, p, contexts.ELMv1, name, v) == says(t, p, edcAP, name, v)
		if _, excused := differ[name]; same == excused {
			t.Errorf("%s: the same is %v, excused is %v", name, same, excused)
		}
	}
	for name := range ours {
		if published[name] == nil && !slices.Contains([]string{"@version", "@protected", "id", "type", "resultDistribution", "defaultLanguage", "hasMember", "geometry", "issued"}, name) {
			t.Errorf("%s is no name of the application profile", name)
		}
	}
}

// says is what a term says as a property or a type.
func says(t *testing.T, p *jsonld.Processor, context, name string, definition any) string {
	t.Helper()
	doc := map[string]any{"@context": context, "@id": "urn:x:1"}
	switch d := definition.(type) {
	case string:
		doc["@type"] = name
	case map[string]any:
		switch {
		case d["@container"] != nil:
			doc[name] = map[string]any{"nl": "a"}
		case d["@type"] == "@id":
			doc[name] = "urn:x:2"
		default:
			doc[name] = "1"
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Canonicalize(b, jsonld.Options{InsecureLax: true}, rdf.Options{})
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// TestOwnContextsAreClosed: no term of ours can be given another meaning, and no
// undefined one gets any.
func TestOwnContextsAreClosed(t *testing.T) {
	p := jsonld.New(jsonld.LoaderFunc(contexts.Document))
	for _, url := range []string{contexts.ELMv1, contexts.LeercredentialV1} {
		b, err := contexts.Document(url)
		if err != nil {
			t.Fatal(err)
		}
		d := definitions(t, b)
		if d["@vocab"] != nil || d["@protected"] != true {
			t.Errorf("%s has a vocabulary or is not protected", url)
		}
		for name := range d {
			if name[0] == '@' {
				continue
			}
			doc := `{"@context": ["` + contexts.CredentialsV2 + `", "` + url + `", {"` + name + `": "urn:x:other"}], "id": "urn:x:1", "type": "urn:x:2"}`
			if _, err := p.ToRDF([]byte(doc), jsonld.Options{}); err == nil {
				t.Errorf("%s: %s was redefined", url, name)
			}
		}
		doc := `{"@context": ["` + contexts.CredentialsV2 + `", "` + url + `"], "id": "urn:x:1", "noSuchTerm": "a"}`
		if _, err := p.ToRDF([]byte(doc), jsonld.Options{}); err == nil {
			t.Errorf("%s: an undefined term passed", url)
		}
	}
}

// TestLeercredentialIRIs: where the published context slips, ours does not.
func TestLeercredentialIRIs(t *testing.T) {
	p := jsonld.New(jsonld.LoaderFunc(contexts.Document))
	doc := `{"@context": ["` + contexts.CredentialsV2 + `", "` + contexts.LeercredentialV1 + `"], "id": "urn:x:1",
		"type": ["VerifiableCredential", "Leercredential"], "issuer": "urn:x:2", "credentialSubject": {"id": "urn:x:3", "Persoon.identificator": {
		"type": "Identificator", "Identificator.notatie": "1", "Identificator.schemaNaam": {"@language": "nl", "@value": "s"},
		"Identificator.uitgevendeAutoriteitUri": "urn:x:4"}},
		"EuropeesDigitaalCredential.voorstelling": {"Voorstelling.titel": [{"@language": "nl", "@value": "t"}]}}`
	b, err := p.Canonicalize([]byte(doc), jsonld.Options{}, rdf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"<https://www.w3.org/2018/credentials#issuer>", "<https://www.w3.org/2018/credentials#credentialSubject>",
		"<http://www.w3.org/2000/01/rdf-schema#label> \"s\"@nl", "<http://purl.org/dc/terms/title> \"t\"@nl",
		"<http://purl.org/dc/terms/creator> ", "<http://www.w3.org/2004/02/skos/core#notation> \"1\" .",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("not in the quads: %s\n%s", want, b)
		}
	}
}
