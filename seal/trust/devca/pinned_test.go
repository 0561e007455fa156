package devca_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// Who trusted the hierarchy before the signer of its lists was replaced believes the
// lists after it; the one before is gone from the directory, and after a second time
// the signer is one that they do not know.
func TestRotateListSigner(t *testing.T) {
	h, dir := newHierarchy(t, devca.Options{}), filepath.Join(t.TempDir(), "h")
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	follower, err := h.Store(now)
	if err != nil {
		t.Fatal(err)
	}
	first, next := h.ListSigner.Certificate, h.NextListSigner.Certificate
	if !next.NotAfter.After(first.NotAfter.AddDate(1, 0, 0)) {
		t.Errorf("the next one ends at %s, the first at %s", next.NotAfter, first.NotAfter)
	}
	for n := 1; n <= 2; n++ {
		at := now.Add(time.Duration(n) * time.Hour)
		if err := h.RotateListSigner(at); err != nil {
			t.Fatal(err)
		}
		if err := h.Update(dir); err != nil {
			t.Fatal(err)
		}
		if h, err = devca.Load(dir); err != nil {
			t.Fatal(err)
		}
		if files, err := filepath.Glob(filepath.Join(dir, "list-signer*")); err != nil || len(files) != 4 {
			t.Errorf("%v, %v", files, err)
		}
		if _, err := h.Store(at); err != nil {
			t.Error(err)
		}
		l, err := follower.Verify(h.AccessList, trust.AccessProviders, at)
		if known := err == nil; known != (n == 1) {
			t.Errorf("rotation %d: %v", n, err)
		}
		if n > 1 {
			continue
		}
		if !h.ListSigner.Certificate.Equal(next) || h.NextListSigner.Certificate.Equal(next) {
			t.Error("not the next one signs")
		}
		if err := follower.Install(l); err != nil {
			t.Error(err)
		}
	}
}

// The registrar is replaced by the next one, and its key is gone from the directory.
// The certificates of all before stay: as anchors of the evidence that they signed,
// and of nothing else. The lists stay as they are.
func TestRotateRegistrar(t *testing.T) {
	h, dir := newHierarchy(t, devca.Options{}), filepath.Join(t.TempDir(), "h")
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	list, signer := h.List, h.ListSigner.Certificate
	former := []*x509.Certificate{}
	for n := 1; n <= 3; n++ {
		present, next := h.Registrar.Certificate, h.NextRegistrar.Certificate
		if next.Equal(present) || !next.NotAfter.After(now.AddDate(3, 0, 0)) {
			t.Errorf("the next one ends at %s", next.NotAfter)
		}
		at := now.Add(time.Duration(n) * time.Hour)
		if err := h.RotateRegistrar(at); err != nil {
			t.Fatal(err)
		}
		if err := h.Update(dir); err != nil {
			t.Fatal(err)
		}
		var err error
		if h, err = devca.Load(dir); err != nil {
			t.Fatal(err)
		}
		former = append(former, present)
		if !h.Registrar.Certificate.Equal(next) || h.NextRegistrar.Certificate.Equal(next) || !slices.EqualFunc(h.FormerRegistrars, former, (*x509.Certificate).Equal) {
			t.Errorf("rotation %d: not the next one signs, or those before are not known", n)
		}
		if h.List != list || !h.ListSigner.Certificate.Equal(signer) {
			t.Error("the lists were changed")
		}
		all, _ := filepath.Glob(filepath.Join(dir, "registrar*"))
		keys, _ := filepath.Glob(filepath.Join(dir, "registrar*.key"))
		if len(keys) != 2 || len(all) != 4+n {
			t.Errorf("rotation %d: %v", n, all)
		}
		store, err := h.Store(at)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range append([]*x509.Certificate{next, h.NextRegistrar.Certificate}, former...) {
			for use := range h.Anchors() {
				if _, err := store.Certificates([]*x509.Certificate{c}, use, at); (err == nil) != (use == trust.UseRegistrar) {
					t.Errorf("rotation %d: for %s: %v", n, use, err)
				}
			}
		}
	}
}

// A change that is taken back leaves the registrars of before, in memory and in the
// directory.
func TestRegistrarTakenBack(t *testing.T) {
	h, dir := newHierarchy(t, devca.Options{}), filepath.Join(t.TempDir(), "h")
	if err := h.RotateRegistrar(now); err != nil {
		t.Fatal(err)
	}
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	was := h.Anchors()[trust.UseRegistrar]
	nowFile, nextFile := h.PinnedFiles(trust.UseRegistrar)
	restore := h.Snapshot()
	if err := h.RotateRegistrar(now); err != nil {
		t.Fatal(err)
	}
	restore()
	if a, b := h.PinnedFiles(trust.UseRegistrar); !slices.EqualFunc(h.Anchors()[trust.UseRegistrar], was, (*x509.Certificate).Equal) || a != nowFile || b != nextFile {
		t.Error("something of it stays")
	}
	if err := h.Update(dir); err != nil {
		t.Fatal(err)
	}
	again, err := devca.Load(dir)
	if err != nil || !slices.EqualFunc(again.Anchors()[trust.UseRegistrar], was, (*x509.Certificate).Equal) {
		t.Error("something of it was kept", err)
	}
}

// A rotation that is cut off has happened when the manifest says so, and not before.
// The next change removes what it left, the private key of before above all.
func TestPinnedRotationCutOff(t *testing.T) {
	for _, use := range devca.Pinned() {
		for _, done := range []bool{false, true} {
			h, dir := newHierarchy(t, devca.Options{}), filepath.Join(t.TempDir(), "h")
			if err := h.Save(dir); err != nil {
				t.Fatal(err)
			}
			present, next := h.PinnedKeys(use)
			first, _ := h.PinnedFiles(use)
			base := filepath.Join(dir, strings.TrimSuffix(first, ".key"))
			kept := map[string][]byte{base + ".key": nil, base + ".pem": nil, filepath.Join(dir, "hierarchy.json"): nil}
			for path := range kept {
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				kept[path] = b
			}
			rotate := h.RotateListSigner
			if use == trust.UseRegistrar {
				rotate = h.RotateRegistrar
			}
			if err := errors.Join(rotate(now.Add(time.Hour)), h.Update(dir)); err != nil {
				t.Fatal(err)
			}
			// The new files are there, those of before still or the manifest not yet.
			for path, b := range kept {
				if done && filepath.Base(path) == "hierarchy.json" {
					continue
				}
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := devca.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			want := present
			if done {
				want = next
			}
			if signs, _ := got.PinnedKeys(use); !signs.Certificate.Equal(want.Certificate) {
				t.Errorf("%s, done %t: another one signs", use, done)
			}
			if err := got.Update(dir); err != nil {
				t.Fatal(err)
			}
			if keys, err := filepath.Glob(base + "*.key"); err != nil || len(keys) != 2 || slices.Contains(keys, base+".key") == done {
				t.Errorf("%s, done %t: %v, %v", use, done, keys, err)
			}
			if certs, err := filepath.Glob(base + "*.pem"); err != nil || len(certs) != 2+len(got.FormerRegistrars) {
				t.Errorf("%s, done %t: %v, %v", use, done, certs, err)
			}
		}
	}
}

// A directory of before there was a next one of the pinned keys gets one of each.
func TestPreparePinned(t *testing.T) {
	h, dir := newHierarchy(t, devca.Options{}), filepath.Join(t.TempDir(), "h")
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(dir, "hierarchy.json")
	b, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "next_list_signer")
	delete(m, "next_registrar")
	if b, err = json.Marshal(m); err == nil {
		err = os.WriteFile(manifest, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	old, err := devca.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, use := range devca.Pinned() {
		if _, next := old.PinnedKeys(use); next.Key != nil || len(old.Anchors()[use]) != 1 {
			t.Errorf("there is a next %s", use)
		}
		if _, file := old.PinnedFiles(use); file != "" {
			t.Errorf("%s has a file %s", use, file)
		}
	}
	if err := old.RotateListSigner(now); !errors.Is(err, devca.ErrOptions) {
		t.Errorf("it was rotated: %v", err)
	}
	if err := old.RotateRegistrar(now); !errors.Is(err, devca.ErrOptions) || len(old.FormerRegistrars) != 0 {
		t.Errorf("it was rotated: %v", err)
	}
	if err := old.PreparePinned(now); err != nil {
		t.Fatal(err)
	}
	if err := old.Update(dir); err != nil {
		t.Fatal(err)
	}
	again, err := devca.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, use := range devca.Pinned() {
		_, want := old.PinnedKeys(use)
		if _, next := again.PinnedKeys(use); !next.Certificate.Equal(want.Certificate) || len(again.Anchors()[use]) != 2 {
			t.Errorf("the next %s was not kept", use)
		}
		_, file := again.PinnedFiles(use)
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode() != fs.FileMode(0o600) {
			t.Error(info, err)
		}
	}
	for _, pattern := range []string{"list-signer-*", "registrar-*"} {
		if files, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(files) != 2 {
			t.Errorf("%v, %v", files, err)
		}
	}
}
