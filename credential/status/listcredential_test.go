package status

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func TestListCredentialsOfSpecification(t *testing.T) {
	var v struct {
		Examples []struct {
			Suites   []string        `json:"cryptosuites"`
			Document json.RawMessage `json:"document"`
		} `json:"examples"`
	}
	if err := json.Unmarshal(testvectors.File(t, "w3c-spec-signed-examples", "bitstring-status-list-1.0.json"), &v); err != nil {
		t.Fatal(err)
	}
	want := ListCredential{
		ID: "https://example.com/credentials/status/3", Issuer: "did:example:12345", ValidFrom: time.Date(2021, 4, 5, 14, 27, 40, 0, time.UTC), Purposes: []Purpose{Revocation},
	}
	seen := 0
	for _, x := range v.Examples {
		got, err := ParseListCredential(x.Document)
		if entries, ok := ParseEntries(credentialStatus(t, x.Document)); ok == nil {
			// The other half of each pair refers to the list.
			if len(entries) != 1 || entries[0].List != want.ID || err == nil {
				t.Errorf("%v: %+v, %v", x.Suites, entries, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if b, err := ParseBitstring(got.List, 1); err != nil || b.Len() != MinEntries {
			t.Errorf("%v: %v", x.Suites, err)
		}
		got.List = ""
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %+v", x.Suites, got)
		}
	}
	if seen != 2 {
		t.Errorf("%d lists", seen)
	}
}

func exampleList() ListCredential {
	return ListCredential{
		ID: listURI, Issuer: "https://issuer.example", ValidFrom: start, ValidUntil: start.Add(24 * time.Hour), Purposes: []Purpose{Message, Refresh},
		Size: 2, TTL: 5 * time.Minute, Messages: statusMessages([]string{"a", "b", "c"}), List: "u",
	}
}

func TestListCredentialRoundTrip(t *testing.T) {
	for _, purposes := range [][]Purpose{{Revocation}, {Message, Refresh}} {
		want := exampleList()
		want.Purposes = purposes
		b, err := want.Document()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseListCredential(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", b, got, err)
		}
		var wire struct {
			Subject struct {
				TTL int64 `json:"ttl"`
			} `json:"credentialSubject"`
		}
		if err := jose.Unmarshal(b, &wire); err != nil || wire.Subject.TTL != 300_000 {
			t.Errorf("ttl is %d, expected milliseconds", wire.Subject.TTL)
		}
	}
}

// change is a JSON document with one member changed; a nil value removes it.
func change(t testing.TB, document []byte, value any, path ...string) []byte {
	t.Helper()
	var d map[string]any
	if err := jose.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	at := d
	for _, p := range path[:len(path)-1] {
		at = at[p].(map[string]any)
	}
	last := path[len(path)-1]
	if value == nil {
		delete(at, last)
	} else {
		at[last] = value
	}
	b, err := jose.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseListCredentialRefuses(t *testing.T) {
	good, err := exampleList().Document()
	if err != nil {
		t.Fatal(err)
	}
	const s = "credentialSubject"
	for _, tt := range []struct {
		value any
		path  []string
	}{
		{nil, []string{"type"}}, {"VerifiableCredential", []string{"type"}}, {[]any{}, []string{"type"}},
		{nil, []string{s}}, {[]any{}, []string{s}}, {"x", []string{s}},
		{nil, []string{s, "type"}}, {"StatusList2021", []string{s, "type"}},
		{nil, []string{s, "statusPurpose"}}, {[]any{}, []string{s, "statusPurpose"}}, {"", []string{s, "statusPurpose"}}, {7, []string{s, "statusPurpose"}},
		{7, []string{s, "encodedList"}},
		{0, []string{s, "ttl"}}, {-1, []string{s, "ttl"}}, {"300000", []string{s, "ttl"}}, {1e18, []string{s, "ttl"}},
		{0, []string{s, "statusSize"}}, {9, []string{s, "statusSize"}}, {"1", []string{s, "statusSize"}},
		{nil, []string{"issuer"}}, {"", []string{"issuer"}}, {map[string]any{}, []string{"issuer"}}, {7, []string{"issuer"}},
		{"2026-11-25", []string{"validFrom"}}, {"2026-11-25T10:00:00", []string{"validFrom"}}, {7, []string{"validFrom"}},
		{"tomorrow", []string{"validUntil"}}, {"2026-11-25T10:00:00", []string{"validUntil"}},
	} {
		doc := change(t, good, tt.value, tt.path...)
		if got, err := ParseListCredential(doc); !named(err, MalformedValueError, ErrMalformed) || !reflect.DeepEqual(got, ListCredential{}) {
			t.Errorf("%v = %v: %+v, %v", tt.path, tt.value, got, err)
		}
	}
	for _, text := range []string{``, `null`, `[]`, `{} {}`, string(good) + "x", `{"id":"a",` + string(good[1:])} {
		if got, err := ParseListCredential([]byte(text)); !named(err, MalformedValueError, ErrMalformed) || !reflect.DeepEqual(got, ListCredential{}) {
			t.Errorf("%.60s: %+v, %v", text, got, err)
		}
	}
	// The status of a status list is not looked up.
	doc := change(t, good, map[string]any{"type": EntryType}, "credentialStatus")
	if _, err := ParseListCredential(doc); !named(err, VerificationError, ErrUntrusted) {
		t.Errorf("a list with a status: %v", err)
	}
	doc = change(t, good, map[string]any{"id": "https://issuer.example", "name": "x"}, "issuer")
	if got, err := ParseListCredential(doc); err != nil || got.Issuer != "https://issuer.example" {
		t.Errorf("issuer as an object: %+v, %v", got, err)
	}
}

func FuzzParseListCredential(f *testing.F) {
	for _, x := range specExamples(f) {
		if x.JSON != nil {
			f.Add([]byte(x.JSON))
		}
	}
	good, err := exampleList().Document()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ParseListCredential(b)
		if err != nil {
			if !reflect.DeepEqual(got, ListCredential{}) {
				t.Fatal("a failed parse returned a list")
			}
			return
		}
		if got.Issuer == "" || len(got.Purposes) == 0 || got.TTL < 0 {
			t.Fatalf("%+v", got)
		}
	})
}
