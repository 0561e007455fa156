package crash_test

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
)

// kinds are all records that issuer and verifier keep.
var kinds = []store.Kind{
	"issuer-offer", "issuer-offer-uri", "issuer-credential", "issuer-nonce", "issuer-token-client", "issuer-vault-handle", "issuer-vault-gone",
	"authz-offer", "authz-try", "authz-grant", "status-list", "status-index", "status-change", "idempotency",
	"vp-transaction", "vp-request", "vp-response", "vp-fetched", "vp-answer", "vp-try",
}

// needles are what may lie in no file: the claims, also inside disclosures,
// and a choice of the secrets that open what waits.
func (s *server) needles(workers []*worker) map[string][]byte {
	all := map[string][]byte{"a claim": []byte(canary), "a date": []byte("2011-06-30"), "an API key": []byte(s.schoolKey)}
	for i, name := range []string{"a disclosure, aligned", "a disclosure, one off", "a disclosure, two off"} {
		// Whole groups of three bytes, wherever the word begins.
		b := canary[(3-i)%3:]
		all[name] = []byte(base64.RawURLEncoding.EncodeToString([]byte(b[:len(b)/3*3])))
	}
	for _, w := range workers {
		fresh := w.secrets[max(0, len(w.secrets)-20):]
		for _, secret := range fresh {
			if len(secret) < 20 {
				s.t.Fatalf("%q is no secret", secret)
			}
			all["the secret "+secret[:6]+"…"] = []byte(secret)
		}
	}
	return all
}

// search looks for the needles in every file of the system, and in the records
// of a copy of its store, because the files of the store are compressed. The
// server is dead.
func (s *server) search(needles map[string][]byte) {
	s.t.Helper()
	look := func(where string, b []byte) {
		for name, needle := range needles {
			if bytes.Contains(b, needle) {
				s.t.Errorf("%s stands in %s", name, where)
			}
		}
	}
	files := os.DirFS(s.dir)
	s.check(fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := fs.ReadFile(files, path)
		look(path, b)
		return err
	}))
	dir := s.t.TempDir()
	s.check(os.CopyFS(dir, os.DirFS(filepath.Join(s.data, "store"))))
	st, err := embedded.Open(dir, embedded.Options{})
	s.check(err)
	defer st.Close()
	records := 0
	for _, kind := range kinds {
		for next := ""; ; {
			recs, after, err := st.Find(s.t.Context(), kind, "", store.Page{Next: next, Limit: store.MaxLimit})
			s.check(err)
			records += len(recs)
			for _, r := range recs {
				look("a record "+string(kind), []byte(r.ID+" "+strings.Join(r.Tags, " ")+" "+string(r.Data)))
			}
			if next = after; next == "" {
				break
			}
		}
	}
	if records == 0 {
		s.t.Error("the store holds no record")
	}
}
