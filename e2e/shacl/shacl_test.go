// Package shacl_test holds the documents of credential/profile against shapes and
// against another JSON-LD processor: npm jsonld makes quads of them, which are
// ours byte for byte, and rdf-validate-shacl judges these.
package shacl_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/e2e/clothes"
	peers "github.com/zegel-id/zegel/e2e/peer"
	"github.com/zegel-id/zegel/internal/testvectors"
)

const edcAP = "http://data.europa.eu/snb/model/context/edc-ap"

type document struct {
	Name     string `json:"name"`
	Document string `json:"document"`
	Lax      bool   `json:"lax,omitempty"` // members that mean nothing are passed over
}

type verdict struct {
	Name      string
	Conforms  bool
	Canonical string
	Results   []struct{ Path, Constraint, Focus string }
	Message   string // why it was no RDF
	Details   string
}

// paths of the violations, each once.
func (v verdict) paths() []string {
	var out []string
	for _, r := range v.Results {
		if i := strings.LastIndexAny(r.Path, "/#"); !slices.Contains(out, r.Path[i+1:]) {
			out = append(out, r.Path[i+1:])
		}
	}
	slices.Sort(out)
	return out
}

// check has the peer judge documents by shapes.
func check(t *testing.T, shapes []string, documents ...document) map[string]verdict {
	t.Helper()
	peers.Install(t, ".", "rdf-validate-shacl")
	known := map[string]string{edcAP: string(testvectors.File(t, "elm", "context/edc-ap-context.jsonld"))}
	for _, url := range contexts.URLs() {
		b, err := contexts.Document(url)
		if err != nil {
			t.Fatal(err)
		}
		known[url] = string(b)
	}
	var answers []verdict
	peers.Run(t, ".", "check.mjs", map[string]any{"contexts": known, "shapes": shapes, "documents": documents}, &answers)
	out := map[string]verdict{}
	for _, v := range answers {
		out[v.Name] = v
	}
	if len(out) != len(documents) {
		t.Fatalf("%d verdicts on %d documents", len(out), len(documents))
	}
	return out
}

// edc are the shapes of the EDC application profile, controlled lists included.
func edc(t *testing.T) []string {
	t.Helper()
	return []string{
		string(testvectors.File(t, "elm", "shacl/EDC-generic-no-cv.ttl")),
		string(testvectors.File(t, "elm", "shacl/EDC-generic-full.ttl")),
	}
}

func oslo(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("leercredential.ttl")
	if err != nil {
		t.Fatal(err)
	}
	return []string{string(b)}
}

// TestShapesOfTheCommission: the validator tells good samples from bad ones, so
// that its approval of ours says something.
func TestShapesOfTheCommission(t *testing.T) {
	want := map[string][]string{
		"elm3-Sample-CertOfPart-signed.jsonld":  nil,
		"elm3-Sample-MC-Annex1-signed.jsonld":   nil,
		"led-diploma.elm.json":                  nil,
		"elm3-credential-sample.jsonld":         {"individualDisplay", "issuer"},
		"elm3-Sample-MC-Annex1-unsigned.jsonld": {"issued", "issuer"},
		"dc4eu-HE-diploma-degreeHBO-M.json":     {"issuer"},
		"dc4eu-diploma-degreeMBO.json":          {"issuer"},
	}
	var documents []document
	for name := range want {
		b := testvectors.File(t, "elm", "samples/"+name)
		if strings.Contains(name, "-signed") {
			var envelope struct{ Payload string }
			if err := json.Unmarshal(b, &envelope); err != nil {
				t.Fatal(err)
			}
			b = []byte(envelope.Payload)
		}
		documents = append(documents, document{name, string(b), name == "elm3-credential-sample.jsonld"})
	}
	for name, v := range check(t, edc(t), documents...) {
		if v.Message != "" {
			t.Errorf("%s: %s %s", name, v.Message, v.Details)
		}
		if got := v.paths(); v.Conforms != (want[name] == nil) || !slices.Equal(got, want[name]) {
			t.Errorf("%s: conforms is %v, violations at %v, expected %v", name, v.Conforms, got, want[name])
		}
	}
}

// written are the documents of a profile for all records.
func written(t *testing.T, p *profile.Profile, c profile.Copy) []document {
	t.Helper()
	template, err := p.Template(clothes.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	var out []document
	for _, r := range clothes.Records(t) {
		doc, err := template.Document(c, r.Claims)
		if err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		out = append(out, document{Name: r.Name, Document: string(doc)})
	}
	return out
}

// conform stops at documents that do not, or whose quads the peer sees
// differently.
func conform(t *testing.T, shapes []string, documents []document) {
	t.Helper()
	published := testvectors.File(t, "elm", "context/edc-ap-context.jsonld")
	ours := jsonld.New(jsonld.LoaderFunc(func(url string) ([]byte, error) {
		if url == edcAP {
			return published, nil
		}
		return contexts.Document(url)
	}))
	verdicts := check(t, shapes, documents...)
	for _, d := range documents {
		v := verdicts[d.Name]
		if v.Message != "" || !v.Conforms {
			t.Errorf("%s: %s %s; violations: %+v", d.Name, v.Message, v.Details, v.Results)
		}
		got, err := ours.Canonicalize([]byte(d.Document), jsonld.Options{}, rdf.Options{})
		if err != nil {
			t.Errorf("%s: %v", d.Name, err)
		} else if string(got) != v.Canonical {
			t.Errorf("%s: the peer sees other quads", d.Name)
		}
	}
}

func TestELMConforms(t *testing.T) { conform(t, edc(t), written(t, led.ELM(), clothes.Copy())) }

// For unlinkable proofs a document has no identifier of its own and blank nodes
// instead of the others.
func TestELMWithoutIdentifiersConforms(t *testing.T) {
	c := clothes.Copy()
	c.ID = ""
	conform(t, edc(t), written(t, led.ELM(), c)[:3])
}

func TestEuropassConforms(t *testing.T) {
	conform(t, edc(t), written(t, led.Europass(), clothes.Copy()))
}

func TestOSLOConforms(t *testing.T) { conform(t, oslo(t), written(t, led.OSLO(), clothes.Copy())) }

// TestELMStatus: the shapes take credentialStatus for a plain URI, VCDM 2.0 for an
// object; that is the only thing that they do not agree on.
func TestELMStatus(t *testing.T) {
	c := clothes.Copy()
	c.Status = json.RawMessage(`{"id":"https://issuer.example.org/status/0#1","type":"BitstringStatusListEntry","statusPurpose":"revocation","statusListIndex":"1","statusListCredential":"https://issuer.example.org/status/0"}`)
	documents := written(t, led.ELM(), c)[:1]
	for name, v := range check(t, edc(t), documents...) {
		if got := v.paths(); v.Message != "" || !slices.Equal(got, []string{"credentialStatus"}) {
			t.Errorf("%s: %s, violations at %v", name, v.Message, got)
		}
	}
}

// TestMandatoryNodes takes one mandatory part out of a document at a time: the
// validator misses it.
func TestMandatoryNodes(t *testing.T) {
	for _, c := range []struct {
		profile *profile.Profile
		shapes  []string
		gone    []string
	}{
		{led.ELM(), edc(t), []string{
			"/issuer", "/issuer/eIDASIdentifier", "/issuer/eIDASIdentifier/notation", "/issuer/eIDASIdentifier/spatial", "/issuer/legalName",
			"/issuer/location", "/issuer/location/address/countryCode", "/issued", "/validFrom", "/credentialSchema", "/credentialProfiles",
			"/displayParameter", "/displayParameter/title", "/displayParameter/language", "/displayParameter/primaryLanguage",
			"/displayParameter/individualDisplay", "/displayParameter/individualDisplay/displayDetail/image/content", "/credentialSubject",
			"/credentialSubject/hasClaim", "/credentialSubject/hasClaim/title", "/credentialSubject/hasClaim/awardedBy",
			"/credentialSubject/hasClaim/awardedBy/awardingBody", "/credentialSubject/hasClaim/awardedBy/awardingBody/legalName",
			"/credentialSubject/hasClaim/awardedBy/awardingBody/location", "/credentialSubject/hasClaim/specifiedBy/title",
			"/credentialSubject/hasClaim/specifiedBy/eqfLevel/inScheme", "/credentialSubject/hasClaim/specifiedBy/eqfLevel/id",
		}},
		{led.Europass(), edc(t), []string{"/issuer", "/issued", "/validFrom", "/issuer/eIDASIdentifier", "/credentialSubject/hasClaim/awardedBy"}},
		{led.OSLO(), oslo(t), []string{
			"/issuer", "/Credential.uitgiftedatum", "/validFrom", "/EuropeesDigitaalCredential.voorstelling",
			"/EuropeesDigitaalCredential.voorstelling/Voorstelling.titel", "/EuropeesDigitaalCredential.voorstelling/Voorstelling.taal",
			"/EuropeesDigitaalCredential.voorstelling/Voorstelling.hoofdtaal", "/credentialSubject", "/credentialSubject/Persoon.heeftClaim",
			"/credentialSubject/Persoon.heeftClaim/0/Leerclaim.titel", "/credentialSubject/Persoon.heeftClaim/0/Leerclaim.type",
			"/credentialSubject/Persoon.heeftClaim/0/Leerclaim.authenticiteit", "/credentialSubject/Persoon.heeftClaim/0/Leerclaim.uitgever",
			"/credentialSubject/Persoon.heeftClaim/0/Leerclaim.toegekendDoor/Toekenningsproces.kentToe",
			"/credentialSubject/Persoon.heeftClaim/0/Leerclaim.toegekendDoor/Toekenningsproces.uitgevoerdDoor",
			"/credentialSubject/Persoon.heeftClaim/0/Leerprestatie.specificatie/Leerprestatiespecificatie.onderwijsniveau",
			"/credentialSubject/Persoon.heeftClaim/0/Leerprestatie.specificatie/Leerspecificatie.titel",
			"/credentialSubject/Persoon.heeftClaim/0/Leerclaim.identificator/0/Identificator.notatie",
		}},
	} {
		t.Run(c.profile.Name(), func(t *testing.T) {
			full := written(t, c.profile, clothes.Copy())[0]
			documents := []document{full}
			for _, pointer := range c.gone {
				documents = append(documents, document{Name: pointer, Document: without(t, full.Document, pointer)})
			}
			verdicts := check(t, c.shapes, documents...)
			if v := verdicts[full.Name]; !v.Conforms {
				t.Fatalf("the whole document: %+v", v)
			}
			for _, pointer := range slices.Sorted(maps.Keys(verdicts)) {
				if v := verdicts[pointer]; pointer != full.Name && (v.Message != "" || v.Conforms) {
					t.Errorf("without %s: conforms is %v %s %s", pointer, v.Conforms, v.Message, v.Details)
				}
			}
		})
	}
}

// without is a document that lacks the member at a JSON pointer.
func without(t *testing.T, doc, pointer string) string {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal([]byte(doc), &root); err != nil {
		t.Fatal(err)
	}
	var at any = root
	parts := strings.Split(pointer, "/")[1:]
	for _, p := range parts[:len(parts)-1] {
		switch v := at.(type) {
		case map[string]any:
			at = v[p]
		case []any:
			at = v[p[0]-'0']
		}
	}
	o, _ := at.(map[string]any)
	last := parts[len(parts)-1]
	if _, there := o[last]; !there {
		t.Fatalf("%s is not there", pointer)
	}
	delete(o, last)
	b, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
