package devca_test

import (
	"encoding/json"
	"os"
	"path/filepath"
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

// A directory of before there was a next signer gets one.
func TestPrepareListSigner(t *testing.T) {
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
	if old.NextListSigner.Key != nil || len(old.Anchors()[trust.UseListSigner]) != 1 {
		t.Error("there is a next one")
	}
	if err := old.RotateListSigner(now); err == nil {
		t.Error("it was rotated")
	}
	if err := old.PrepareListSigner(now); err != nil {
		t.Fatal(err)
	}
	if err := old.Update(dir); err != nil {
		t.Fatal(err)
	}
	again, err := devca.Load(dir)
	if err != nil || !again.NextListSigner.Certificate.Equal(old.NextListSigner.Certificate) || len(again.Anchors()[trust.UseListSigner]) != 2 {
		t.Errorf("%v", err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "list-signer-*")); err != nil || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
}
