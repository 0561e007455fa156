package did

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, s := range []string{
		"did:example:123456789abcdefghi", "did:web:w3c-ccg.github.io:user:alice", "did:web:example.com%3A3000",
		"did:a1:a::b", "did:x:_-.", "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv",
	} {
		d, err := Parse(s)
		if err != nil {
			t.Errorf("Parse(%q): %v", s, err)
		} else if d.String() != s {
			t.Errorf("Parse(%q) reads as %q", s, d)
		}
	}
	for _, s := range []string{
		"", "did", "did:", "did:web", "did:web:", "did::x", "DID:web:example.com", "did:Web:example.com", "did:w-b:x",
		"did:web:a:", "did:web:a b", "did:web:a%3", "did:web:a%zz", "did:web:a%", "did:web:a/b", "did:web:a#b", "did:web:a?b",
		"did:web:é", "did:web:a\x00", "did:web:a\n", " did:web:a", "did:web:a@b", "urn:web:a",
		"did:x:" + strings.Repeat("a", maxDID),
	} {
		if _, err := Parse(s); !errors.Is(err, ErrSyntax) {
			t.Errorf("Parse(%.40q): %v, expected ErrSyntax", s, err)
		}
	}
}

func TestParseURL(t *testing.T) {
	u, err := ParseURL("did:example:123/a/b?service=files&v=%41#key-1")
	if err != nil {
		t.Fatal(err)
	}
	if u.DID.ID != "123" || u.Path != "a/b" || u.Query != "service=files&v=%41" || u.Fragment != "key-1" {
		t.Errorf("found %+v", u)
	}
	for _, s := range []string{
		"#key-1", "did:example:123#a#b", "did:example:123#a b", "did:example:123?a%", "did:example:123/\"", "did:example:#a", "did:example:123#<",
	} {
		if _, err := ParseURL(s); !errors.Is(err, ErrSyntax) {
			t.Errorf("ParseURL(%q): %v, expected ErrSyntax", s, err)
		}
	}
}

func TestErrorsDoNotHoldTheIdentifier(t *testing.T) {
	const secret = "7c3e4b52-5a3f"
	for _, err := range []error{
		second2(Parse("did:web:" + secret + "<")),
		second2(WebURL("did:web:example.com:" + secret + "%2F")),
		second2(DIDOf("https://id.vault.example/profiles/" + secret)),
		second2(WebIDFromDID("did:web:id.vault.example:profiles:" + secret)),
	} {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error %v", err)
		}
	}
}

func second2[T any](_ T, err error) error { return err }

func FuzzParse(f *testing.F) {
	for _, s := range []string{"did:web:w3c-ccg.github.io:user:alice", "did:web:example.com%3A3000:u:bob", "did:key:1:z6Mk", "did:x:%41#f", "did:a:b/c?d#e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Parse(s)
		if err == nil && d.String() != s {
			t.Errorf("%q reads as %q", s, d)
		}
		if err != nil && d != (DID{}) {
			t.Errorf("a failed parse returned %+v", d)
		}
		if _, err := ParseURL(s); err != nil && d != (DID{}) {
			t.Errorf("a DID is no DID URL: %v", err)
		}
		if u, err := WebURL(s); err == nil {
			if !strings.HasPrefix(u, "https://") || strings.ContainsAny(u, "@?#%\\") || strings.Contains(u, "/../") || !strings.HasSuffix(u, "/did.json") {
				t.Errorf("did:web %q leads to %q", s, u)
			}
		}
		if webid, err := WebIDFromDID(s); err == nil {
			if back, err := DIDOf(webid); err != nil || back != s {
				t.Errorf("%q maps to %q and back to %q (%v)", s, webid, back, err)
			}
		}
		if did, err := DIDOf(s); err == nil {
			if back, err := WebIDFromDID(did); err != nil || back != s {
				t.Errorf("%q maps to %q and back to %q (%v)", s, did, back, err)
			}
		}
	})
}
