// Package sdtest is what the tests of selective disclosure share: processors, documents
// benign and hostile, and how their cost is compared. It is for tests alone.
package sdtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/zegel-id/zegel/contexts"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// ContextOwn has the terms givenName, score and knows.
const ContextOwn = "https://e.example/context/v1"

// Published knows the embedded contexts and ContextOwn.
var Published = with(map[string][]byte{
	ContextOwn: []byte(`{"@context":{"givenName":"https://schema.org/givenName","score":"https://e.example/score","knows":"https://schema.org/knows"}}`),
})

// Known are the contexts of documents for Published.
var Known = []string{contexts.CredentialsV2, ContextOwn}

func with(documents map[string][]byte) *jsonld.Processor {
	return jsonld.New(jsonld.LoaderFunc(func(url string) ([]byte, error) {
		if b, ok := documents[url]; ok {
			return b, nil
		}
		return contexts.Document(url)
	}))
}

// Vectors knows the embedded contexts and those of the official vectors.
func Vectors(t testing.TB) *jsonld.Processor {
	t.Helper()
	var index []struct{ URL, File string }
	Unmarshal(t, testvectors.File(t, "contexts", "index.json"), &index)
	files := map[string][]byte{}
	for _, e := range index {
		files[e.URL] = testvectors.File(t, "contexts", e.File)
	}
	return with(files)
}

// Unmarshal reads JSON or ends the test.
func Unmarshal(t testing.TB, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// Diploma is a European diploma of 62 quads, what knows its context, and proof options of
// a suite.
func Diploma(t testing.TB, suite string) (*jsonld.Processor, di.Input) {
	t.Helper()
	_, self, _, _ := runtime.Caller(0)
	file := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(self), "../../../jsonld/testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const own = "https://diplomas.example/context/v1"
	return with(map[string][]byte{own: file("diploma-context.jsonld")}), di.Input{
		Document: file("diploma.jsonld"),
		Context:  []byte(`["` + contexts.CredentialsV2 + `","` + own + `"]`),
		Options:  []byte(`{"type":"DataIntegrityProof","cryptosuite":"` + suite + `","created":"2026-11-25T12:00:00Z","verificationMethod":"did:example:1#1","proofPurpose":"assertionMethod"}`),
	}
}
