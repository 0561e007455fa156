package wholejob

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/holder/pod/solid/solidtest"
)

// The whole job with pods on Community Solid Server 7, which reads the WebID
// documents of this platform. What it keeps is looked at in its own files: it
// is they that its operator sees.
func TestSolid(t *testing.T) {
	server := solidtest.Start(t)
	d := Build(t).Start(t, "--solid", server.URL)
	Told(t, d.Printed())
	if _, err := os.Stat(filepath.Join(d.Data, "pods")); err == nil {
		t.Error("there are local pods")
	}
	v := d.Lotte(t)
	root, inServer := strings.CutSuffix(v.Storage, "vault/")
	name := strings.Trim(strings.TrimPrefix(root, server.URL), "/")
	if !inServer || pod.CheckName(name) != nil {
		t.Fatalf("the storage %s is no vault of %s", v.Storage, server.URL)
	}
	if strings.HasSuffix(v.WebID, name) {
		t.Error("pod and WebID have one UUID: who knows one knows the other")
	}

	for _, address := range []string{root, root + ".acl", root + "README", root + "profile/card", v.Storage, v.Storage + pod.IndexName} {
		if status := Status(t, address); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d without a token, expected 401", address, status)
		}
	}
	before := readPod(t, server.Dir, name)
	if got := before.names(); !slices.Contains(got, pod.IndexName) || len(got) < 5 {
		t.Errorf("the pod holds %q, expected the index, three credentials and receipts", got)
	}
	for resource, envelope := range before.envelopes {
		if err := pod.CheckEnvelope(v.Storage, resource, pod.MediaType, envelope); err != nil {
			t.Errorf("%s: %v", resource, err)
		}
	}
	if len(before.others) != 0 {
		t.Errorf("beside ciphertext the pod holds %q", before.others)
	}
	CleanDir(t, server.Dir)

	d.Delete(t, v)
	for _, address := range append(before.addresses(v.Storage), root, v.Storage) {
		if status := Status(t, address); status == http.StatusOK {
			t.Errorf("%s can be read after the deletion", address)
		}
	}
	after := readPod(t, server.Dir, name)
	if len(after.envelopes) != 0 || len(after.others) != 0 {
		t.Errorf("the deleted pod holds %q and %q", after.names(), after.others)
	}
	for _, access := range after.access {
		if bytes.Contains(access, []byte("acl:agent")) || bytes.Contains(access, []byte("acl#agent")) {
			t.Errorf("somebody may enter the deleted pod:\n%s", access)
		}
	}
	withdrawn(t, server.Dir, root)
	d.Stop(t)
	CleanDir(t, server.Dir)
	CleanDir(t, filepath.Join(d.Data, "store"))
}

// podFiles are the files of a pod on the server's disk.
type podFiles struct {
	envelopes map[string][]byte // by resource name
	access    [][]byte          // access control documents
	others    []string          // what should not be there
}

func (p podFiles) names() []string {
	var out []string
	for name := range p.envelopes {
		out = append(out, name)
	}
	return out
}

func (p podFiles) addresses(storage string) []string {
	var out []string
	for name := range p.envelopes {
		out = append(out, storage+name)
	}
	return out
}

// The server keeps a resource in a file with its name, an extension of its own
// after a $, and what it knows of it (media type, times) in a .meta file.
var resourceFile = regexp.MustCompile(`^vault/([^/$]+)\$\.[a-z]+$`)

func readPod(t *testing.T, dir, name string) podFiles {
	t.Helper()
	p := podFiles{envelopes: map[string][]byte{}}
	base := filepath.Join(dir, name)
	err := filepath.WalkDir(base, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, relErr := filepath.Rel(base, path)
		if err != nil || relErr != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch m := resourceFile.FindStringSubmatch(rel); {
		case m != nil:
			p.envelopes[m[1]] = b
		case strings.HasSuffix(rel, ".meta"):
		case rel == ".acl":
			p.access = append(p.access, b)
		default:
			p.others = append(p.others, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// withdrawn checks that the account of a pod has neither credentials nor a
// WebID any more. The account itself and the name of the pod's owner stay:
// the server deletes neither.
func withdrawn(t *testing.T, dir, root string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, ".internal", "accounts", "data", "*"))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte(root)) {
			continue
		}
		found = true
		var account struct {
			Payload map[string]json.RawMessage `json:"payload"`
		}
		if err := json.Unmarshal(b, &account); err != nil {
			t.Fatal(err)
		}
		for _, member := range []string{"**clientCredentials**", "**webIdLink**"} {
			if got := string(account.Payload[member]); got != "{}" {
				t.Errorf("%s of the account: %s, expected none", member, got)
			}
		}
	}
	if !found {
		t.Error("no account of the pod was found in the server's files")
	}
	links, err := filepath.Glob(filepath.Join(dir, ".internal", "accounts", "index", "webIdLink", "webId", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(links) != 0 {
		t.Errorf("the server still ties WebIDs to accounts: %q", links)
	}
}
