package clothes_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/internal/provider/mapping"
)

var update = flag.Bool("update", false, "write the table of docs/diploma.md anew")

const (
	diplomaFile = "../../docs/diploma.md"
	tableBegin  = "<!-- table: go test ./e2e/clothes -run TestDiplomaTable -update -->\n"
	tableEnd    = "<!-- end of table -->\n"
)

// TestDiplomaTable: the table of docs/diploma.md is what the declarations say.
func TestDiplomaTable(t *testing.T) {
	text, err := os.ReadFile(diplomaFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegin)
	_, after, closed := strings.Cut(rest, tableEnd)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table", diplomaFile)
	}
	want := before + tableBegin + table() + tableEnd + after
	if *update {
		if err := os.WriteFile(diplomaFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s is not what the declarations say: run go test ./e2e/clothes -run TestDiplomaTable -update", diplomaFile)
	}
}

func table() string {
	var b strings.Builder
	b.WriteString("| claim | SD-JWT VC | mdoc | ELM | OSLO |\n|---|---|---|---|---|\n")
	elm, oslo := led.ELM(), led.OSLO()
	for _, d := range mapping.LEDDiploma().Declared() {
		name := strings.Join(d.Path, ".")
		path := make(credential.Path, len(d.Path))
		for i, p := range d.Path {
			path[i] = p
		}
		element := "`" + d.Path[0] + "`"
		if len(d.Path) > 1 {
			element += ", member `" + strings.Join(d.Path[1:], ".") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", name, path, element,
			cell(elm, name, "/credentialSubject/hasClaim"), cell(oslo, name, "/credentialSubject/Persoon.heeftClaim/0"))
	}
	return b.String()
}

// cell is a JSON pointer below the claim of the subject, with - for an index that
// depends on the record.
func cell(p *profile.Profile, claim, root string) string {
	path, _ := p.Path(claim)
	if path == nil {
		return "not there"
	}
	s := ""
	for _, c := range path {
		switch c := c.(type) {
		case nil:
			s += "/-"
		default:
			s += fmt.Sprintf("/%v", c)
		}
	}
	s = "`" + strings.TrimPrefix(s, root) + "`"
	if p.Inexpressible()[claim] != "" {
		s += ", not always"
	}
	return s
}
