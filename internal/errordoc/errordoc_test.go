package errordoc

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// write makes a module of the files, by path.
func write(t *testing.T, files map[string]string) string {
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRead(t *testing.T) {
	root := write(t, map[string]string{
		"protocol/oid4vci/a.go": `package oid4vci
type ErrorCode string
const (
	Bad ErrorCode = "bad"
	spec = "A 1.0, Section "
	deep = spec + "2"
)
type Error struct{ Code ErrorCode }
func refuse(code ErrorCode, spec, field, format string, args ...any) error { return &Error{Code: code} }
func refuseURL(code ErrorCode, spec, field string, err error) error { return refuse(code, spec, field, "%v", err) }
func f(name string, err error) []error {
	return []error{
		refuse(Bad, deep, "list[0]", "holds %d and %-3q of %s", 1, "x", name),
		refuse(Bad, spec+"3.1", "a."+name, "is missing"),
		refuseURL("", spec, "url", err),
		refuse(Bad, deep, "list[0]", "holds %d and %-3q of %s", 2, "y", name), // the same words
	}
}
`,
		"protocol/oid4vci/a_test.go": `package oid4vci
func g() error { return refuse(Bad, "", "test", "of a test") }
`,
		"internal/rest/b.go": `package rest
type Problem struct{ Status int; Title, Field, Detail, Expected, Spec, Remedy string }
func (p *Problem) Error() string { return "" }
`,
		"issuer/api/c.go": `package api
import (
	"fmt"
	"net/http"
	words "example.org/m/protocol/oid4vci"
	"example.org/m/internal/rest"
)
const title = "Gone"
func h(n int, err error) []error {
	return []error{
		&rest.Problem{Status: http.StatusGone, Title: title, Field: fmt.Sprintf("items[%d]", n), Detail: "It is over.", Expected: "another", Remedy: "Ask again."},
		&words.Error{Code: words.Bad},
		&rest.Problem{},
		&other.Problem{Title: "not ours"},
	}
}
`,
		"verifier/e.go": `package verifier
import "errors"
var ErrRequest, ErrOther = errors.New("a"), errors.New("b")
type Error struct{ Err error; Field, Detail, Spec, Remedy string; Cause error }
func (e *Error) Error() string { return "" }
func i(cause error) []error {
	return []error{
		&Error{Err: ErrRequest, Field: "flow", Detail: "is unknown", Remedy: "Correct it."},
		&Error{Err: ErrRequest, Detail: "is malformed", Cause: cause},
		&Error{Err: ErrOther, Detail: "goes to nobody who has a title for it"},
	}
}
`,
		"verifier/api/f.go": `package api
import (
	"net/http"
	"example.org/m/internal/rest"
	"example.org/m/verifier"
)
func j(err error) *rest.Problem {
	p := &rest.Problem{}
	switch err {
	case verifier.ErrRequest:
		p.Status, p.Title = http.StatusBadRequest, "Not as asked"
	case verifier.ErrOther:
		p.Remedy = "none"
	}
	return p
}
`,
		"other/d.go":             "package other\n",
		"node_modules/x/e.go":    "package broken {",
		"issuer/testdata/bad.go": "no Go at all",
	})
	got, err := Read(root, "example.org/m", "protocol", "issuer", "verifier")
	if err != nil {
		t.Fatal(err)
	}
	want := []Refusal{
		{Package: "issuer/api", Title: "Gone", Status: "410", Field: "items[…]", Text: "It is over. Expected another.", Remedy: "Ask again."},
		{Package: "issuer/api", Code: "bad"},
		{Package: "protocol/oid4vci", Field: "url", Text: "…", Spec: "A 1.0, Section "},
		{Package: "protocol/oid4vci", Code: "bad", Field: "a.…", Text: "is missing", Spec: "A 1.0, Section 3.1"},
		{Package: "protocol/oid4vci", Code: "bad", Field: "list[0]", Text: "holds … and … of …", Spec: "A 1.0, Section 2"},
		{Package: "verifier", Title: "Not as asked", Status: "400", Text: "is malformed: …"},
		{Package: "verifier", Title: "Not as asked", Status: "400", Field: "flow", Text: "is unknown", Remedy: "Correct it."},
		{Package: "verifier", Text: "goes to nobody who has a title for it"},
	}
	slices.SortFunc(want, compare)
	if !slices.Equal(got, want) {
		for _, r := range got {
			t.Logf("%+v", r)
		}
		t.Errorf("%d refusals, expected %d", len(got), len(want))
	}
	if _, err := Read(write(t, map[string]string{"a/a.go": "package {"}), "example.org/m", "a"); err == nil {
		t.Error("a file that cannot be parsed was passed over")
	}
}
