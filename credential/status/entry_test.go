package status

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

type specExample struct {
	Title string          `json:"title"`
	JSON  json.RawMessage `json:"json"`
}

func specExamples(t testing.TB) []specExample {
	t.Helper()
	var v struct {
		Examples []specExample `json:"examples"`
	}
	if err := json.Unmarshal(testvectors.File(t, "bitstring-status-list", "spec-examples.json"), &v); err != nil {
		t.Fatal(err)
	}
	return v.Examples
}

func credentialStatus(t testing.TB, credential json.RawMessage) json.RawMessage {
	var c struct {
		Status json.RawMessage `json:"credentialStatus"`
	}
	if err := json.Unmarshal(credential, &c); err != nil {
		t.Fatal(err)
	}
	return c.Status
}

func TestEntriesOfSpecification(t *testing.T) {
	const base = "https://example.com/credentials/status/"
	want := map[string][]Entry{
		"Example StatusListCredential using simple entries": {
			{ID: base + "3#94567", Purpose: Revocation, Index: 94567, List: base + "3", Size: 1},
			{ID: base + "4#23452", Purpose: Suspension, Index: 23452, List: base + "4", Size: 1},
		},
		"A Revocable Verifiable Credential": {
			{ID: base + "3#94567", Purpose: Revocation, Index: 94567, List: base + "3", Size: 1},
		},
		"Associating multiple status lists with a single Verifiable Credential": {
			{ID: base + "3#94567", Purpose: Revocation, Index: 94567, List: base + "3", Size: 1},
			{ID: base + "4#12345", Purpose: Suspension, Index: 12345, List: base + "4", Size: 1},
		},
		"Associating multiple status entries in a single status list": {
			{ID: base + "5#94567", Purpose: Revocation, Index: 94567, List: base + "5", Size: 1},
			{ID: base + "5#12345", Purpose: Suspension, Index: 12345, List: base + "5", Size: 1},
		},
	}
	seen := 0
	for _, x := range specExamples(t) {
		if x.JSON == nil || want[x.Title] == nil {
			continue
		}
		seen++
		t.Run(x.Title, func(t *testing.T) {
			got, err := ParseEntries(credentialStatus(t, x.JSON))
			if err != nil || !reflect.DeepEqual(got, want[x.Title]) {
				t.Fatalf("%+v, %v", got, err)
			}
			text, err := jose.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := ParseEntries(text); err != nil || !reflect.DeepEqual(again, got) {
				t.Errorf("an entry does not survive a round trip: %s, %v", text, err)
			}
		})
	}
	if seen != len(want) {
		t.Errorf("%d of %d examples", seen, len(want))
	}
}

// entryJSON is an entry with one member put in place of another, or after it.
func entryJSON(member, value string) string {
	m := []string{"type", "statusPurpose", "statusListIndex", "statusListCredential"}
	v := map[string]string{
		"type": `"BitstringStatusListEntry"`, "statusPurpose": `"revocation"`, "statusListIndex": `"7"`, "statusListCredential": `"https://issuer.example/status/one"`,
	}
	if _, there := v[member]; !there && member != "" {
		m = append(m, member)
	}
	if member != "" {
		v[member] = value
	}
	var parts []string
	for _, name := range m {
		if v[name] != "" {
			parts = append(parts, `"`+name+`":`+v[name])
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestParseEntriesRefuses(t *testing.T) {
	if _, err := ParseEntries([]byte(entryJSON("", ""))); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		``, `null`, `[]`, `[null]`, `"x"`, `7`, `{}`, `[[]]`,
		"[" + strings.Repeat(entryJSON("", "")+",", MaxEntries) + entryJSON("", "") + "]",
		"[" + entryJSON("", "") + "," + entryJSON("type", `"StatusList2021Entry"`) + "]",
		entryJSON("type", ""), entryJSON("type", `"StatusList2021Entry"`), entryJSON("type", `[]`), entryJSON("type", `7`),
		entryJSON("statusPurpose", ""), entryJSON("statusPurpose", `""`), entryJSON("statusPurpose", `["revocation"]`), entryJSON("statusPurpose", `null`),
		entryJSON("statusListIndex", ""), entryJSON("statusListIndex", `7`), entryJSON("statusListIndex", `""`), entryJSON("statusListIndex", `"-1"`),
		entryJSON("statusListIndex", `"1.5"`), entryJSON("statusListIndex", `"+1"`), entryJSON("statusListIndex", `"0x1"`), entryJSON("statusListIndex", `"1e3"`),
		entryJSON("statusListIndex", `" 1"`), entryJSON("statusListIndex", `"1_0"`), entryJSON("statusListIndex", `"١"`), entryJSON("statusListIndex", `null`),
		entryJSON("statusListCredential", ""), entryJSON("statusListCredential", `"status/3"`), entryJSON("statusListCredential", `{"id":"https://a"}`), entryJSON("statusListCredential", `"%"`),
		entryJSON("id", `"https://issuer.example/status/one"`),
		entryJSON("statusSize", `0`), entryJSON("statusSize", `-1`), entryJSON("statusSize", `1.5`), entryJSON("statusSize", `"2"`), entryJSON("statusSize", `9`), entryJSON("statusSize", `2`),
		entryJSON("statusMessage", `[]`), entryJSON("statusMessage", `[{"status":"0x0","message":"a"}]`), entryJSON("statusMessage", `"x"`),
		entryJSON("statusMessage", `[{"status":"0x0","message":"a"},{"status":"0x0","message":"b"}]`),
		entryJSON("statusMessage", `[{"status":"0","message":"a"},{"status":"1","message":"b"}]`),
		entryJSON("statusMessage", `[{"status":"0x0","message":"a"},{"status":"0x2","message":"b"}]`),
		entryJSON("statusMessage", `[{"message":"a"},{"message":"b"}]`),
		entryJSON("statusReference", `"not a url"`), entryJSON("statusReference", `[]`), entryJSON("statusReference", `["https://a",null]`), entryJSON("statusReference", `7`),
		`{"type":"BitstringStatusListEntry",` + entryJSON("", "")[1:],
	} {
		if got, err := ParseEntries([]byte(text)); !named(err, MalformedValueError, ErrMalformed) || got != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, index := range []string{`"281474976710656"`, `"99999999999999999999999999999999"`} {
		if got, err := ParseEntries([]byte(entryJSON("statusListIndex", index))); !named(err, RangeError, ErrIndex) || got != nil {
			t.Errorf("%s: %v, %v", index, got, err)
		}
	}
}

func TestMessageEntry(t *testing.T) {
	const text = `{"type":["BitstringStatusListEntry"],"statusPurpose":"message","statusListIndex":"492847","statusSize":2,"statusListCredential":"https://example.com/credentials/status/8",
		"statusMessage":[{"status":"0x3","message":"undefined"},{"status":"0x0","message":"pending_review"},{"status":"0x1","message":"accepted","more":1},{"status":"0x2","message":"rejected"}],
		"statusReference":["https://example.org/status-dictionary/","https://example.org/more"]}`
	entries, err := ParseEntries([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e := entries[0]
	for v, want := range []string{"pending_review", "accepted", "rejected", "undefined"} {
		if got := e.text(uint8(v)); got != want {
			t.Errorf("value %d: %s", v, got)
		}
	}
	if e.Size != 2 || len(e.References) != 2 || e.Index != 492847 {
		t.Errorf("%+v", e)
	}
	b, err := jose.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseEntries(b); err != nil || !reflect.DeepEqual(again, entries) {
		t.Errorf("%s: %v", b, err)
	}
	if plain := (Entry{Size: 1}); plain.text(0) != "unset" || plain.text(1) != "set" {
		t.Error("the values of one bit have other names than in Section 2.1")
	}
}

func FuzzParseEntries(f *testing.F) {
	for _, x := range specExamples(f) {
		if x.JSON != nil {
			if s := credentialStatus(f, x.JSON); s != nil {
				f.Add([]byte(s))
			}
		}
	}
	f.Add([]byte(entryJSON("statusMessage", `[{"status":"0x0","message":"a"},{"status":"0x1","message":"b"}]`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ParseEntries(b)
		if err != nil {
			if got != nil {
				t.Fatal("a failed parse returned entries")
			}
			return
		}
		text, err := jose.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseEntries(text); err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%s does not survive a round trip: %v", text, err)
		}
	})
}
