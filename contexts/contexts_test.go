package contexts

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/piprate/json-gold/ld"

	"github.com/zegel-id/zegel/internal/testvectors"
)

func TestDigestsOfThePublishedContexts(t *testing.T) {
	var index []struct {
		URL            string  `json:"url"`
		File           string  `json:"file"`
		SHA256         string  `json:"sha256"`
		OfficialSHA256 *string `json:"officialSha256"`
	}
	if err := json.Unmarshal(testvectors.File(t, "contexts", "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	published := map[string]int{}
	for i, e := range index {
		published[e.URL] = i
	}
	for _, d := range digests {
		if d.url == ELMv1 || d.url == LeercredentialV1 {
			continue // our own
		}
		t.Run(d.url, func(t *testing.T) {
			i, ok := published[d.url]
			if !ok {
				t.Fatal("no vector says what these bytes must be")
			}
			if d.sha256 != index[i].SHA256 {
				t.Errorf("digest %s, vectors say %s", d.sha256, index[i].SHA256)
			}
			if o := index[i].OfficialSHA256; o != nil && *o != d.sha256 {
				t.Errorf("digest %s, the specification says %s", d.sha256, *o)
			}
			got, err := Document(d.url)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join(testvectors.Dir(t, "contexts"), index[i].File))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Error("the embedded bytes are not the published ones")
			}
		})
	}
}

func TestEveryEmbeddedFileIsListed(t *testing.T) {
	entries, err := files.ReadDir("jsonld")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := os.ReadFile("jsonld/SOURCES.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, d := range digests {
		listed[d.file] = true
		if !strings.Contains(string(sources), d.url+"`") || !strings.Contains(string(sources), d.file) {
			t.Errorf("SOURCES.md does not say where %s comes from", d.file)
		}
	}
	for _, e := range entries {
		if !listed[e.Name()] {
			t.Errorf("%s is embedded without a digest", e.Name())
		}
	}
}

func TestChangedBytesAreRefused(t *testing.T) {
	b, err := Document(CIDv1)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := check(b, digests[2].sha256); !errors.Is(err, ErrDigest) {
		t.Fatalf("changed context accepted: %v", err)
	}
	again, err := Document(CIDv1)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(again, digests[2].sha256); err != nil {
		t.Fatal("a caller changed the embedded bytes")
	}
}

func TestUnknownContextIsAnErrorAndNoRequest(t *testing.T) {
	for _, url := range []string{
		"https://example.org/context", "", "http://www.w3.org/ns/did/v1", "https://www.w3.org/ns/did/v1#",
		"https://www.w3.org/ns/did/v1/", "https://WWW.w3.org/ns/did/v1", "jsonld/did-v1.jsonld", "file:///etc/passwd",
	} {
		if _, err := Document(url); !errors.Is(err, ErrUnknown) {
			t.Errorf("Document(%q): %v, expected ErrUnknown", url, err)
		}
		if _, err := (Loader{}).LoadDocument(url); err == nil {
			t.Errorf("LoadDocument(%q) answered", url)
		}
	}
	o := ld.NewJsonLdOptions("")
	o.DocumentLoader = Loader{}
	_, err := ld.NewJsonLdProcessor().Expand(map[string]any{"@context": "https://example.org/context", "@id": "urn:x"}, o)
	if err == nil {
		t.Fatal("expanded with an unknown context")
	}
}

func TestEveryContextIsProcessable(t *testing.T) {
	for _, url := range URLs() {
		o := ld.NewJsonLdOptions("")
		o.DocumentLoader = Loader{}
		doc := map[string]any{"@context": url, "id": "https://example.org/a"}
		if _, err := ld.NewJsonLdProcessor().Expand(doc, o); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestLoaderAnswersAreNotShared(t *testing.T) {
	a, err := (Loader{}).LoadDocument(DIDv1)
	if err != nil {
		t.Fatal(err)
	}
	delete(a.Document.(map[string]any), "@context")
	b, err := (Loader{}).LoadDocument(DIDv1)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Document.(map[string]any)["@context"]; !ok {
		t.Fatal("one caller changed what another gets")
	}
}
