package zegel_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/errordoc"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

const errorsFile = "docs/errors.md"

// docs/errors.md lists what the code refuses. Run
//
//	go test . -run TestErrorsAreListed -update
//
// after a change.
func TestErrorsAreListed(t *testing.T) {
	list, err := errordoc.Read(".", "github.com/zegel-id/zegel",
		"protocol", "issuer", "holder", "verifier", "vcapi", "internal/rest", "internal/authz", "cmd")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 400 {
		t.Errorf("%d refusals; were some not read?", len(list))
	}
	for _, r := range list {
		if r.Code != "" && r.Code != "…" && r.Title == "" && remedy(r) == "" {
			t.Errorf("%s: code %q has no remedy; add one to the package's remedies", r.Package, r.Code)
		}
		if r.Title == "" && r.Text == "" {
			t.Errorf("%s: a refusal without a text: %+v", r.Package, r)
		}
	}
	text := render(list)
	if *update {
		if err := os.WriteFile(errorsFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(errorsFile)
	if err != nil || string(have) != text {
		t.Errorf("%s is not what the code says: run go test . -run TestErrorsAreListed -update (%v)", errorsFile, err)
	}
}

func remedy(r errordoc.Refusal) string {
	if r.Remedy != "" {
		return r.Remedy
	}
	if r.Package == "protocol/oid4vp" {
		return oid4vp.ErrorCode(r.Code).Remedy()
	}
	return cmp.Or(oid4vci.ErrorCode(r.Code).Remedy(), oauth.Remedy(r.Code), oid4vp.ErrorCode(r.Code).Remedy())
}

func render(list []errordoc.Refusal) string {
	var b strings.Builder
	b.WriteString(`# Errors

Every refusal that goes out on the wire or is told to a wallet, made from the code. An ellipsis stands for what only the running program knows, such as a found value.

OAuth and OpenID4VCI endpoints answer ` + "`error` and `error_description`" + ` (RFC 6749, Section 5.2), where the description is field, text and clause; the APIs answer problems (RFC 9457) with ` + "`field`, `expected`, `found`, `spec` and `remedy`" + `. A code that is empty here belongs to a message that nobody waits for an answer to, such as metadata that a wallet reads.

## Codes and what to do

| code | where | what to do |
|---|---|---|
`)
	codes := map[[2]string]string{}
	for _, r := range list {
		if r.Code != "" && r.Code != "…" && r.Title == "" {
			where := "OpenID4VCI, OAuth"
			if strings.HasPrefix(r.Package, "protocol/oid4vp") || strings.HasPrefix(r.Package, "verifier") {
				where = "OpenID4VP"
			}
			codes[[2]string{r.Code, where}] = remedy(r)
		}
	}
	keys := make([][2]string, 0, len(codes))
	for k := range codes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	for _, k := range keys {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k[0], k[1], cell(codes[k]))
	}
	section := ""
	for _, r := range list {
		if r.Package != section {
			section = r.Package
			fmt.Fprintf(&b, "\n## %s\n\n| code or title | status | field | text | clause | remedy |\n|---|---|---|---|---|---|\n", section)
		}
		name := r.Title
		if name == "" && r.Code != "" {
			name = "`" + r.Code + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", cell(name), cell(r.Status), cell(r.Field), cell(r.Text), cell(r.Spec), cell(r.Remedy))
	}
	return b.String()
}

func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(s)
}
