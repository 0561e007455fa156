package dataintegrity_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/jcs"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
)

func seeds(f *testing.F) {
	for _, pattern := range []string{"vc-di-eddsa/*/signed*.json", "vc-di-ecdsa/*/signed*.json"} {
		files, _ := filepath.Glob(filepath.Join(os.Getenv("ZEGEL_VECTORS"), pattern))
		for _, file := range files {
			if b, err := os.ReadFile(file); err == nil {
				f.Add(b)
			}
		}
	}
	f.Add([]byte(`{"proof":[],"a":1}`))
	f.Add([]byte(`{ "proof" : {"type":"DataIntegrityProof"} , "a" : 1 }`))
	f.Add([]byte(sign(f, credentialText, di.Terms{ID: issuerID, Created: now, Domain: []string{"a", "b"}})))
}

// FuzzParse: what is read splits into parts that are strict JSON, and fits together
// again.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := di.Parse(b)
		if err != nil {
			if s != nil {
				t.Fatal("an error with a result")
			}
			return
		}
		body := s.Unsecured()
		v, err := jcs.Parse(body)
		if err != nil || v.Member("proof").Kind() != jcs.None {
			t.Fatalf("without its proof it is %s, %v", body, err)
		}
		for _, p := range s.Proofs() {
			in, err := s.Input(p)
			if err != nil {
				continue // a proof before this one is missing
			}
			for _, part := range [][]byte{in.Document, in.Options} {
				if _, err := jcs.Parse(part); err != nil {
					t.Fatalf("a part is %s: %v", part, err)
				}
			}
			if whole, err := di.Attach(body, []byte(p.Raw())); err != nil {
				t.Fatalf("not put together again: %v", err)
			} else if again, err := di.Parse(whole); err != nil || string(again.Unsecured()) != string(body) {
				t.Fatalf("%s became %s, %v", body, whole, err)
			}
		}
	})
}

// FuzzVerify: a document that was changed does not verify, or says the same.
func FuzzVerify(f *testing.F) {
	seeds(f)
	p := policy(f, edKey(1).Public())
	p.Domain = []string{"a", "b"}
	want, err := jcs.Transform([]byte(credentialText))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := di.Verify(context.Background(), b, p)
		if err != nil {
			if v != nil {
				t.Fatal("an error with a result")
			}
			return
		}
		if got, err := jcs.Transform(v.Document); err != nil || string(got) != string(want) {
			t.Fatalf("verified %s, %v", got, err)
		}
	})
}

// FuzzMultibase: a value has one spelling in each base.
func FuzzMultibase(f *testing.F) {
	for _, s := range []string{"z", "u", "z1", "z11", "uAA", "uAB", "z2YwC8z3ap7yx1nZYCg4L3j3ApHsF8kgPdSb5xoS1VR7vPG3F561B52hYnQF9iseabecm3ijx4K1FBTQsCZahKZme", "z0", "zé", "z1 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := di.MultibaseBase58(s); err == nil && di.EncodeBase58(b) != s {
			t.Errorf("%q reads as %x, which is written %q", s, b, di.EncodeBase58(b))
		} else if err == nil && len(s) > 160 {
			t.Errorf("%d characters", len(s))
		}
		if b, err := di.MultibaseBase64(s); err == nil && di.EncodeBase64(b) != s {
			t.Errorf("%q reads as %x, which is written %q", s, b, di.EncodeBase64(b))
		}
	})
}

func TestLongBase58(t *testing.T) {
	if b, err := di.MultibaseBase58("z" + strings.Repeat("1", 160)); err == nil || b != nil {
		t.Error("read, at quadratic cost")
	}
}
