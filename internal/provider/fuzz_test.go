package provider

import "testing"

// A declared register that loads holds every supplier it declares, each with a
// name and a legal basis; one that does not load gives nothing.
func FuzzParseRegister(f *testing.F) {
	f.Add([]byte(register))
	for _, s := range []string{"suppliers: []", "suppliers:\n  - {id: a}\n", "suppliers: x", "a: &a [*a]", "---\n---\n", "suppliers:\n  - {id: a, id: b}\n", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRegister("register.yaml", b)
		if (r == nil) == (err == nil) {
			t.Fatalf("neither or both: %v", err)
		}
		if r == nil {
			return
		}
		for _, s := range r.Suppliers() {
			if s.ID == "" || len(s.LegalBasis) == 0 || len(s.Supplier.Name) == 0 || len(s.Corrections.Name) == 0 {
				t.Errorf("%+v was loaded", s)
			}
		}
	})
}
