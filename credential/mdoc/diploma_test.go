package mdoc_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/mdoc"
)

// The diploma's document type has the claims of the SD-JWT VC of the same
// record, and its description says the same.
func TestDiploma(t *testing.T) {
	src, err := os.ReadFile("../../issuer/types/led-diploma.mdoc.json")
	if err != nil {
		t.Fatal(err)
	}
	d, err := mdoc.ParseDocumentType(src)
	if err != nil {
		t.Fatal(err)
	}
	var twin struct {
		Claims []struct {
			Path []any `json:"path"`
		} `json:"claims"`
	}
	if src, err = os.ReadFile("../../issuer/types/led-diploma.json"); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(src, &twin); err != nil {
		t.Fatal(err)
	}
	elements := map[string]mdoc.Element{}
	for _, e := range d.NameSpaces[0].Elements {
		elements[e.Identifier] = e
	}
	tops := 0
	for _, c := range twin.Claims {
		e, ok := elements[c.Path[0].(string)]
		if !ok {
			t.Errorf("claim %v is no element", c.Path)
		}
		if len(c.Path) == 1 {
			tops++
			continue
		}
		if !slices.ContainsFunc(e.Members, func(m mdoc.Element) bool { return m.Identifier == c.Path[1] }) {
			t.Errorf("claim %v is no member", c.Path)
		}
	}
	if tops != len(elements) || d.NameSpaces[0].Name != d.DocType {
		t.Errorf("%d claims, %d elements in %s of %s", tops, len(elements), d.NameSpaces[0].Name, d.DocType)
	}
	text, err := os.ReadFile("../../docs/mdoc-diploma.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range elements {
		row := rowOf(string(text), "| `"+name+"` |")
		if row == "" || !strings.Contains(row, string(e.Type)) {
			t.Errorf("%s is described as %q", name, row)
		}
		for _, m := range e.Members {
			if !strings.Contains(row, "`"+m.Identifier+"`") {
				t.Errorf("member %s of %s is not described", m.Identifier, name)
			}
		}
	}

	// And it can be issued.
	p := parties()
	out := p.issue(t, func(o *mdoc.Options, c *mdoc.Credential) {
		o.Type = d
		c.Elements = []byte(`{"` + d.DocType + `":{"title":"Bachelor","award_date":"2021-06","award_type":"Diploma","level":{"eqf":"6"},` +
			`"other_bodies":[{"type":"Instelling"}],"adult_education_hours":40,"authenticity":"Authentiek","supplier":{"name":"Voorbeeld"},"record":{"reference":"LED-1"}}}`)
	})
	policy := issued(p.policy(t))
	policy.DocTypes = []string{d.DocType}
	v, err := parse(t, out).VerifyIssued(policy)
	if err != nil || v.Claims.Len() != 9 {
		t.Errorf("%v", err)
	}
}

func rowOf(text, start string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, start) {
			return line
		}
	}
	return ""
}
