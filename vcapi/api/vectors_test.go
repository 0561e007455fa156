package api

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/vcapi"
)

// vectorContexts are those that the vectors name and that are not embedded.
func vectorContexts(t testing.TB) map[string][]byte {
	t.Helper()
	var index []struct{ URL, File string }
	if err := json.Unmarshal(testvectors.File(t, "contexts", "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range index {
		if strings.HasPrefix(e.URL, "https://w3id.org/citizenship") || e.URL == examples {
			if !slices.Contains(contexts.URLs(), e.URL) {
				out[e.URL] = testvectors.File(t, "contexts", e.File)
			}
		}
	}
	return out
}

// TestVectors posts every secured document of the three cryptosuite specifications:
// those that are whole or derived hold, the others are refused for what they are.
// Their issuers publish no keys, so that the proof of anybody is taken; some write
// contexts out.
func TestVectors(t *testing.T) {
	known, err := vcapi.NewContexts(vectorContexts(t), true)
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, func(o *Options, v *vcapi.VerifierConfig) {
		o.Contexts, v.Contexts, v.InsecureAnyController = known, known, true
	})
	w.now = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	held := map[string]int{}
	for _, dir := range []string{"vc-di-eddsa", "vc-di-ecdsa", "vc-di-bbs"} {
		root := testvectors.Dir(t, dir)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var c doc
			if json.Unmarshal(b, &c) != nil || c["@context"] == nil || c["proof"] == nil || c["credentialSubject"] == nil {
				return nil
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			t.Run(dir+"/"+name, func(t *testing.T) { held[w.vector(t, name, c)]++ })
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%v", held)
	if held["holds"] < 18 || held["base"] < 4 {
		t.Errorf("%v; were some not read?", held)
	}
}

// vector posts one document and says what it is.
func (w *world) vector(t *testing.T, name string, c doc) string {
	status, r := w.post("/credentials/verify", doc{"verifiableCredential": c})
	kind := "holds"
	switch {
	case strings.Contains(name, "Ed25519Signature2020"):
		if status != http.StatusBadRequest || r["type"] != malformedValue {
			t.Errorf("%d %v", status, r)
		}
		return "an unknown context"
	case strings.HasPrefix(name, "HolderBinding"), strings.HasPrefix(name, "Pseudonym"): // features that are not there
		if r["verified"] == true {
			t.Errorf("%d %v", status, r)
		}
		return "not supported"
	case strings.HasPrefix(filepath.Base(name), "addSignedSDBase"):
		kind = "base"
	case filepath.Base(name) == "proofChainTempDoc2.json": // a step, without the proof that it follows
		kind = "half"
	}
	if kind != "holds" {
		if r["verified"] != false || problems(r) != proofError {
			t.Errorf("%s: %v", kind, r)
		}
		return kind
	}
	if r["verified"] != true {
		t.Errorf("%v", r)
	}
	for change, other := range map[string]func(doc){
		"a claim":  func(c doc) { c["issuer"] = "https://vc.example/issuers/other" },
		"the time": func(c doc) { first(c["proof"])["created"] = "2020-01-01T00:00:00Z" },
		"the method": func(c doc) {
			first(c["proof"])["verificationMethod"] = w.ids["eddsa-rdfc"] + "#" + strings.TrimPrefix(w.ids["eddsa-rdfc"], "did:key:")
		},
	} {
		bad := copied(t, c)
		other(bad)
		if r := w.verify(bad, nil); r["verified"] != false || problems(r) != proofError && problems(r) != "https://w3id.org/security#INVALID_VERIFICATION_METHOD" {
			t.Errorf("%s was changed: %v", change, r)
		}
	}
	return kind
}

func first(proof any) doc {
	if list, ok := proof.([]any); ok {
		return list[0].(doc)
	}
	return proof.(doc)
}
