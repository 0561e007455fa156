package jsonld_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// TestVectorsOfSuites canonicalises the documents and proof configurations of
// eddsa-rdfc-2022 and ecdsa-rdfc-2019, in safe mode.
func TestVectorsOfSuites(t *testing.T) {
	p := jsonld.New(known(t))
	ran := 0
	for _, pattern := range []string{"vc-di-eddsa/eddsa-rdfc-2022", "vc-di-ecdsa/ecdsa-rdfc-2019-p256", "vc-di-ecdsa/ecdsa-rdfc-2019-p384"} {
		suite, sub, _ := strings.Cut(pattern, "/")
		root := filepath.Join(testvectors.Dir(t, suite), sub)
		for _, dir := range []string{root, filepath.Join(root, "employ")} {
			canon, _ := filepath.Glob(dir + "/*[cC]anon*.txt")
			for _, file := range canon {
				ran++
				t.Run(strings.TrimPrefix(file, filepath.Dir(root)), func(t *testing.T) {
					want, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					o := rdf.Options{}
					if strings.HasSuffix(sub, "p384") {
						o.Hash = rdf.SHA384
					}
					got, err := p.Canonicalize(input(t, file), jsonld.Options{}, o)
					if err != nil {
						t.Fatal(err)
					}
					if strings.TrimSpace(string(got)) != strings.TrimSpace(string(want)) {
						t.Errorf("got\n%s\nwant\n%s", got, want)
					}
				})
			}
		}
	}
	if ran < 12 {
		t.Errorf("only %d vectors", ran)
	}
}

// input is what a canonical form was made from: the proof configuration, or the
// signed document without its proof.
func input(t *testing.T, file string) []byte {
	dir, name := filepath.Split(strings.TrimSuffix(file, ".txt"))
	name, isProof := strings.CutPrefix(name, "proofCanon")
	kind := "proofConfig"
	if !isProof {
		kind, name = "signed", strings.TrimPrefix(name, "canonDoc")
	}
	b, err := os.ReadFile(dir + kind + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	delete(doc, "proof")
	if b, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	return b
}
