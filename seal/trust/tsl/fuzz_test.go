package tsl_test

import (
	"crypto/elliptic"
	"os"
	"path/filepath"
	"testing"

	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

func seeds(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(testvectors.Dir(f, "tsl"), "xml", "*.xml"))
	if err != nil || len(files) == 0 {
		f.Fatal("no vectors", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 60_000 {
			f.Add(b)
		}
	}
	l := national("BE")
	l.Providers = []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{{
		Since: now, Certificates: certs(authority(f, "TEST CA")),
		Extensions: []string{tsltest.For("ForeSeals"), tsltest.Qualified(true, tsltest.Criteria("all", tsltest.KeyUsage("nonRepudiation", true), tsltest.Policies("1.2.3"), tsltest.ExtendedKeyUsage("1.2.3"), tsltest.SubjectAttribute("2.5.4.3"), tsltest.Unknown()), "QCForESeal")},
	}}}}
	f.Add([]byte(l.XML()))
}

// FuzzParse: a list that cannot be read gives nothing, one that can is within
// its bounds.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		l, err := tsl.Parse(doc)
		if err != nil {
			if l != nil {
				t.Error("a failed parse returned a list")
			}
			return
		}
		s := l.Scheme
		if s.Version < 5 || s.Version > 6 || s.Sequence < 1 || s.Type == "" || s.Issued.IsZero() {
			t.Errorf("accepted %+v", s)
		}
		for _, p := range l.Providers {
			for _, v := range p.Services {
				if len(v.States) == 0 || len(p.Name) == 0 {
					t.Errorf("accepted %+v", p)
				}
			}
		}
	})
}

// FuzzVerify: no change of a signed list is taken for it.
func FuzzVerify(f *testing.F) {
	seeds(f)
	signer := listSigner(f, ecKey(f, elliptic.P256()), "BE")
	genuine := signedBy(f, national("BE"), signer)
	f.Add(genuine)
	want, err := tsl.Verify(genuine, certs(signer), now)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		l, err := tsl.Verify(doc, certs(signer), now)
		if err != nil {
			if l != nil {
				t.Error("a failed verification returned a list")
			}
			return
		}
		// White space around and comments between elements may differ.
		if l.Scheme.Sequence != want.Scheme.Sequence || len(l.Providers) != len(want.Providers) || l.Scheme.Territory != "BE" {
			t.Errorf("another list verified: %+v", l.Scheme)
		}
	})
}
