package sdtest

import (
	"path"
	"reflect"
	"testing"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// ContextCitizenship is the context of one of the documents in the official vectors.
const ContextCitizenship = "https://w3id.org/citizenship/v4rc1"

// Vector is one of the documents of the official vectors, with the files of each step.
type Vector struct {
	Name string
	// Root of the vectors; Folder of the document within, and how the files of its
	// pointers, in the root, begin.
	Root, Folder, Inputs string
	P                    *jsonld.Processor
}

// File is the file of a step.
func (v Vector) File(t testing.TB, name string) []byte {
	t.Helper()
	return testvectors.File(t, v.Root, path.Join(v.Folder, name))
}

// Read reads the file of a step.
func (v Vector) Read(t testing.TB, name string, into any) {
	t.Helper()
	Unmarshal(t, v.File(t, name), into)
}

// Pointers are those of the issuer and of the holder.
func (v Vector) Pointers(t testing.TB) (mandatory, selected []string) {
	t.Helper()
	Unmarshal(t, testvectors.File(t, v.Root, v.Inputs+"Mandatory.json"), &mandatory)
	Unmarshal(t, testvectors.File(t, v.Root, v.Inputs+"Selective.json"), &selected)
	return mandatory, selected
}

// Signed is a document with its proof, and what the suite sees of it.
func (v Vector) Signed(t testing.TB, file string) (document []byte, in di.Input, proofValue string) {
	t.Helper()
	document = v.File(t, file)
	s, err := di.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	if in, err = s.Input(s.Proofs()[0]); err != nil {
		t.Fatal(err)
	}
	return document, in, s.Proofs()[0].Value
}

// Same compares what was made with what the vectors have.
func Same(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\ngot  %v\nwant %v", what, got, want)
	}
}

// Texts are statements as text.
func Texts(all [][]byte) []string {
	out := []string{}
	for _, b := range all {
		out = append(out, string(b))
	}
	return out
}
