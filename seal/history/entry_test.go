package history_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"

	"github.com/zegel-id/zegel/seal/history"
)

func sampleEntries(t testing.TB) (out []string) {
	l := open(t, newMemory(), newSigner(t))
	k := newKey(t, history.UseSeal)
	for _, e := range []struct {
		event history.Event
		key   history.Key
	}{
		{history.Added, k}, {history.Retired, k}, {history.Revoked, k},
		{history.Added, history.Key{Use: history.UseDID, Subject: "did:key:zExample", Public: newSigner(t).Public()}},
	} {
		if err := l.Announce(t.Context(), e.event, e.key); err != nil {
			t.Fatal(err)
		}
	}
	raw, _ := entries(t, l)
	for _, b := range raw {
		out = append(out, string(b))
	}
	return out
}

// An entry has one form, which is canonical JSON also by somebody else's reading.
func TestEntryForm(t *testing.T) {
	all := sampleEntries(t)
	for _, text := range all {
		canonical, err := jcs.Transform([]byte(text))
		if err != nil || string(canonical) != text {
			t.Errorf("%s: %v", text, err)
		}
		if strings.ContainsAny(text, "\n\r") {
			t.Errorf("%q has a line break", text)
		}
	}
	own, seal, retired, plain := all[0], all[1], all[2], all[4]
	cut := func(text, from, to string) string {
		a := strings.Index(text, from)
		b := strings.Index(text[a+len(from):], to)
		return text[:a] + text[a+len(from)+b:]
	}
	member := func(text, name string) string {
		_, rest, _ := strings.Cut(text, `"`+name+`":"`)
		value, _, _ := strings.Cut(rest, `"`)
		return value
	}
	other := sampleEntries(t)[1]
	for name, text := range map[string]string{
		"empty":                      "",
		"no object":                  "[]",
		"a space":                    strings.Replace(seal, ",", ", ", 1),
		"a line break at the end":    seal + "\n",
		"another order":              `{"version":1,` + strings.Replace(strings.TrimPrefix(seal, "{"), `,"version":1`, "", 1),
		"an unknown member":          strings.Replace(seal, `{"`, `{"a":1,"`, 1),
		"a member twice":             strings.Replace(seal, `"version":1`, `"version":1,"version":1`, 1),
		"version 2":                  strings.Replace(seal, `"version":1`, `"version":2`, 1),
		"version 1.0":                strings.Replace(seal, `"version":1`, `"version":1.0`, 1),
		"a negative number":          strings.Replace(seal, `"sequence":1`, `"sequence":-1`, 1),
		"a number too large":         strings.Replace(seal, `"sequence":1`, `"sequence":9007199254740992`, 1),
		"another event":              strings.Replace(seal, `"added"`, `"used"`, 1),
		"another use":                strings.Replace(seal, `"use":"seal"`, `"use":"vault"`, 1),
		"a mail address":             strings.Replace(seal, issuer, "mailto:lotte@example.org", 1),
		"a national number":          strings.Replace(seal, issuer, "85.07.30-033 28", 1),
		"an address with a query":    strings.Replace(seal, issuer, issuer+"/?who=lotte", 1),
		"an address with a user":     strings.Replace(seal, issuer, "https://lotte@issuer.example.org", 1),
		"a DID URL":                  strings.Replace(seal, issuer, "did:web:issuer.example.org#key", 1),
		"no subject":                 strings.Replace(seal, issuer, "", 1),
		"a time in another zone":     cut(seal, `Z","use"`, `:`) + `,"use":"seal","version":1}`,
		"a time with fractions":      strings.Replace(seal, `Z","use"`, `.5Z","use"`, 1),
		"an empty certificate":       cut(seal, `"certificate":"`, `"`),
		"a certificate of another":   strings.Replace(seal, member(seal, "certificate"), member(other, "certificate"), 1),
		"a digest of another":        strings.Replace(seal, member(seal, "certificate_sha256"), member(other, "certificate_sha256"), 1),
		"a digest cut short":         strings.Replace(seal, member(seal, "certificate_sha256"), member(seal, "certificate_sha256")[2:], 1),
		"a line break in base64":     strings.Replace(seal, `"certificate":"MII`, `"certificate":"MI\nI`, 1),
		"upper case":                 strings.ToUpper(seal),
		"a certificate when retired": strings.Replace(retired, `{"`, `{"certificate":"AAAA","`, 1),
		"a key of another":           strings.Replace(seal, member(seal, "key"), member(plain, "key"), 1),
		"no key":                     cut(plain, `"key":"`, `"`),
		"no verifier":                cut(own, `,"verifier":"`, `","version"`),
		"a verifier with a seal":     strings.Replace(seal, `,"version":1`, `,"verifier":"a+00000000+AQ==","version":1`, 1),
		"too long":                   seal + strings.Repeat(" ", history.MaxEntry),
	} {
		if e, err := history.ParseEntry([]byte(text)); err == nil || !errors.Is(err, history.ErrEntry) || e != (history.Entry{}) {
			t.Errorf("%s: %v: %s", name, err, text)
		}
	}
}

// What is read is written the same, and a refusal gives nothing.
func FuzzParseEntry(f *testing.F) {
	for _, text := range sampleEntries(f) {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"event":"added","version":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := history.ParseEntry(b)
		if err != nil {
			if e != (history.Entry{}) {
				t.Error("a refused entry is returned")
			}
			return
		}
		again, err := e.Canonical()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s\n%s\n%v", b, again, err)
		}
	})
}

func FuzzOpenCheckpoint(f *testing.F) {
	l := open(f, newMemory(), newSigner(f))
	signed, err := l.Checkpoint(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add([]byte("a\n1\nAAAA\n\n— a AAAA\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := history.OpenCheckpoint(b, l.Origin(), l.Keys()...)
		if err == nil && (c.Size != 1 || !bytes.HasPrefix(b, signed[:bytes.Index(signed, []byte("\n\n"))])) {
			t.Errorf("a checkpoint that was not signed: %q", b)
		}
	})
}
