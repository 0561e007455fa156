package pod_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"

	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/holder/pod/podtest"
	"github.com/zegel-id/zegel/internal/jose"
)

const address = "https://pods.example/0b8f6c0e/"

const name = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"

func sealed(t testing.TB, name string) podtest.Members {
	t.Helper()
	return podtest.NewKey(t).Seal(t, address+name, []byte(strings.Repeat("secret ", 40)))
}

// protect replaces members of the protected header; nil removes one.
func protect(t testing.TB, m podtest.Members, changes map[string]any) podtest.Members {
	t.Helper()
	raw, err := jose.Decode(m["protected"].(string))
	if err != nil {
		t.Fatal(err)
	}
	head := map[string]any{}
	if err := json.Unmarshal(raw, &head); err != nil {
		t.Fatal(err)
	}
	for k, v := range changes {
		if head[k] = v; v == nil {
			delete(head, k)
		}
	}
	b, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	m = maps.Clone(m)
	m["protected"] = jose.Encode(b)
	return m
}

func with(m podtest.Members, member string, value any) podtest.Members {
	m = maps.Clone(m)
	if m[member] = value; value == nil {
		delete(m, member)
	}
	return m
}

func TestEnvelopeAccepted(t *testing.T) {
	m := sealed(t, name)
	for label, c := range map[string]struct {
		name    string
		members podtest.Members
	}{
		"random name":                    {name, m},
		"index":                          {pod.IndexName, sealed(t, pod.IndexName)},
		"kid":                            {name, protect(t, m, map[string]any{"kid": jose.Encode(make([]byte, 32))})},
		"short text, readable by chance": {name, with(m, "ciphertext", jose.Encode([]byte("a")))},
	} {
		if err := pod.CheckEnvelope(address, c.name, "Application/JOSE+JSON", c.members.Envelope(t)); err != nil {
			t.Errorf("%s: %v", label, err)
		}
	}
}

func TestEnvelopeRefused(t *testing.T) {
	m := sealed(t, name)
	other := sealed(t, name)
	plain := jose.Encode([]byte(strings.Repeat("Jan Janssens, 78.06.12-123.45; ", 10)))
	epk := func(changes map[string]any) podtest.Members {
		key := map[string]any{"kty": "EC", "crv": "P-256"}
		raw, _ := jose.Decode(m["protected"].(string))
		var head struct {
			Epk map[string]any `json:"epk"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			t.Fatal(err)
		}
		maps.Copy(key, head.Epk)
		maps.Copy(key, changes)
		return protect(t, m, map[string]any{"epk": key})
	}
	for label, c := range map[string]podtest.Members{
		// Other algorithms (RFC 7518, Sections 4.1 and 5.1).
		"alg dir":            protect(t, m, map[string]any{"alg": "dir"}),
		"alg ECDH-ES":        protect(t, m, map[string]any{"alg": "ECDH-ES"}),
		"alg ECDH-ES+A128KW": protect(t, m, map[string]any{"alg": "ECDH-ES+A128KW"}),
		"alg RSA-OAEP-256":   protect(t, m, map[string]any{"alg": "RSA-OAEP-256"}),
		"alg RSA1_5":         protect(t, m, map[string]any{"alg": "RSA1_5"}),
		"alg none":           protect(t, m, map[string]any{"alg": "none"}),
		"alg missing":        protect(t, m, map[string]any{"alg": nil}),
		"alg in lower case":  protect(t, m, map[string]any{"alg": "ecdh-es+a256kw"}),
		"alg A256KW":         protect(t, m, map[string]any{"alg": "A256KW", "epk": nil}),
		"alg not protected":  with(protect(t, m, map[string]any{"alg": nil}), "header", map[string]any{"alg": "ECDH-ES+A256KW"}),
		"enc A128GCM":        protect(t, m, map[string]any{"enc": "A128GCM"}),
		"enc CBC":            protect(t, m, map[string]any{"enc": "A256CBC-HS512"}),
		"enc missing":        protect(t, m, map[string]any{"enc": nil}),
		// Members that tell something, or change the meaning.
		"zip":            protect(t, m, map[string]any{"zip": "DEF"}),
		"cty":            protect(t, m, map[string]any{"cty": "diploma"}),
		"crit":           protect(t, m, map[string]any{"crit": []string{"exp"}, "exp": 1}),
		"title":          protect(t, m, map[string]any{"title": "diploma"}),
		"typ":            protect(t, m, map[string]any{"typ": "diploma"}),
		"kid is a DID":   protect(t, m, map[string]any{"kid": "did:web:id.example#enc-1"}),
		"kid is empty":   protect(t, m, map[string]any{"kid": ""}),
		"apu is a name":  protect(t, m, map[string]any{"apu": "Jan Janssens"}),
		"unprotected":    with(m, "unprotected", map[string]any{"title": "diploma"}),
		"unknown member": with(m, "title", "diploma"),
		"header":         with(m, "header", map[string]any{"title": "diploma"}),
		"empty header":   with(m, "header", map[string]any{}),
		// The binding to the resource.
		"aad missing":             with(m, "aad", nil),
		"aad of another resource": with(m, "aad", jose.Encode([]byte(address+pod.NewName()))),
		"aad of another pod":      with(m, "aad", jose.Encode([]byte("https://elsewhere.example/"+name))),
		"aad not encoded":         with(m, "aad", address+name),
		"aad padded":              with(m, "aad", m["aad"].(string)+"="),
		"aad with query":          with(m, "aad", jose.Encode([]byte(address+name+"?"))),
		// Sizes.
		"iv short":            with(m, "iv", jose.Encode(make([]byte, 8))),
		"iv missing":          with(m, "iv", nil),
		"tag short":           with(m, "tag", jose.Encode(make([]byte, 12))),
		"tag missing":         with(m, "tag", nil),
		"key of 128 bits":     with(m, "encrypted_key", jose.Encode(make([]byte, 24))),
		"key missing":         with(m, "encrypted_key", nil),
		"ciphertext missing":  with(m, "ciphertext", nil),
		"ciphertext not text": with(m, "ciphertext", 1),
		"ciphertext is plain": with(m, "ciphertext", "Jan Janssens"),
		"plaintext encoded":   with(m, "ciphertext", plain),
		// The general serialization.
		"recipients":      with(m, "recipients", []any{map[string]any{"encrypted_key": m["encrypted_key"]}}),
		"recipients only": with(with(m, "recipients", []any{map[string]any{"encrypted_key": m["encrypted_key"]}}), "encrypted_key", nil),
		// The ephemeral key.
		"epk missing":        protect(t, m, map[string]any{"epk": nil}),
		"epk off the curve":  epk(map[string]any{"x": jose.Encode(make([]byte, 32))}),
		"epk private":        epk(map[string]any{"d": jose.Encode(make([]byte, 32))}),
		"epk with kid":       epk(map[string]any{"kid": "Jan"}),
		"epk P-384":          epk(map[string]any{"crv": "P-384"}),
		"epk OKP":            epk(map[string]any{"kty": "OKP"}),
		"protected not JSON": with(other, "protected", jose.Encode([]byte("x"))),
		"protected missing":  with(other, "protected", nil),
	} {
		t.Run(label, func(t *testing.T) {
			err := pod.CheckEnvelope(address, name, pod.MediaType, c.Envelope(t))
			if !errors.Is(err, pod.ErrRefusedPlaintext) {
				t.Fatalf("got error %v, want %v", err, pod.ErrRefusedPlaintext)
			}
			for _, leak := range []string{"Jan", "diploma", "title", address, "did:"} {
				if strings.Contains(err.Error(), leak) {
					t.Errorf("the error repeats %q of the input: %v", leak, err)
				}
			}
		})
	}
}

// JSON that readers disagree about does not pass (RFC 8259, Section 4).
func TestEnvelopeStrictJSON(t *testing.T) {
	good := string(sealed(t, name).Envelope(t))
	for label, text := range map[string]string{
		"jwe twice":     `{"jwe":"Jan Janssens",` + good[1:],
		"aad twice":     strings.Replace(good, `{"jwe":{`, `{"jwe":{"aad":"Jan",`, 1),
		"other case":    strings.Replace(good, `"jwe"`, `"JWE"`, 1),
		"array":         "[" + good + "]",
		"trailing":      good + `"Jan Janssens"`,
		"comment":       good + "// Jan",
		"invalid UTF-8": strings.Replace(good, `{"jwe"`, "{\"\xff\":1,\"jwe\"", 1),
		"null":          "null",
		"null jwe":      `{"jwe":null}`,
		"compact":       `"a.b.c.d.e"`,
	} {
		if err := pod.CheckEnvelope(address, name, pod.MediaType, []byte(text)); !errors.Is(err, pod.ErrRefusedPlaintext) {
			t.Errorf("%s: got error %v, want %v", label, err, pod.ErrRefusedPlaintext)
		}
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		n := pod.NewName()
		if err := pod.CheckName(n); err != nil || seen[n] {
			t.Fatalf("%s: %v, seen %v", n, err, seen[n])
		}
		seen[n] = true
	}
	for _, bad := range []string{
		"6ba7b810-9dad-11d1-80b4-00c04fd430c8", // version 1 tells time and host
		"018f3c6e-7b1a-7cc0-8000-000000000000", // version 7 tells the time
		"00000000-0000-0000-0000-000000000000",
		"6BA7B810-9DAD-41D1-80B4-00C04FD430C8",
		"{6ba7b810-9dad-41d1-80b4-00c04fd430c8}",
		name + "\n", name + ".jwe", "keystore.jwe", "index", "Index.jwe", "profile/card", "README",
	} {
		if err := pod.CheckName(bad); !errors.Is(err, pod.ErrName) {
			t.Errorf("%q: got error %v, want %v", bad, err, pod.ErrName)
		}
	}
}

func TestLocationIsNotLogged(t *testing.T) {
	at := pod.Location{URL: address, Access: pod.Access("a secret")}
	var b strings.Builder
	log := slog.New(slog.NewJSONHandler(&b, nil))
	log.Info("x", "at", at, "access", at.Access)
	log = slog.New(slog.NewTextHandler(&b, nil))
	log.Info("x", "at", at, "access", at.Access)
	if text := b.String(); strings.Contains(text, "YSBzZWNyZXQ") || strings.Contains(text, "a secret") || strings.Contains(text, address) {
		t.Errorf("logged: %s", text)
	}
}

// FuzzEnvelope: whatever is accepted is a JWE to an independent reader too,
// with the algorithms and the aad that the rule asks for.
func FuzzEnvelope(f *testing.F) {
	m := sealed(f, name)
	good := m.Envelope(f)
	f.Add(good)
	f.Add(sealed(f, name).Envelope(f))
	f.Add(with(m, "header", map[string]any{"kid": "a"}).Envelope(f))
	f.Add(protect(f, m, map[string]any{"alg": "dir"}).Envelope(f))
	f.Add([]byte(`{"jwe":{"protected":"e30","ciphertext":"SmFu"}}`))
	f.Add([]byte(`{"jwe":{}}`))
	f.Add([]byte(`plain`))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := pod.CheckEnvelope(address, name, pod.MediaType, data)
		if err != nil {
			if !errors.Is(err, pod.ErrRefusedPlaintext) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		var e struct {
			JWE map[string]json.RawMessage `json:"jwe"`
		}
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatalf("accepted, but encoding/json: %v", err)
		}
		e.JWE["header"] = json.RawMessage(`{}`) // jwx wants one
		b, err := json.Marshal(e.JWE)
		if err != nil {
			t.Fatal(err)
		}
		msg, err := jwe.Parse(b)
		if err != nil {
			t.Fatalf("accepted, but jwx: %v", err)
		}
		if h := msg.ProtectedHeaders(); h.Algorithm() != jwa.ECDH_ES_A256KW || h.ContentEncryption() != jwa.A256GCM || h.Compression() != "" {
			t.Fatalf("accepted alg %s, enc %s, zip %s", h.Algorithm(), h.ContentEncryption(), h.Compression())
		}
		if string(msg.AuthenticatedData()) != address+name {
			t.Fatalf("accepted aad %q", msg.AuthenticatedData())
		}
		// The same envelope is refused anywhere else.
		if pod.CheckEnvelope(address, pod.NewName(), pod.MediaType, data) == nil {
			t.Fatal("accepted for another resource")
		}
	})
}

// FuzzName: an accepted name is one path segment that needs no escaping.
func FuzzName(f *testing.F) {
	for _, s := range []string{name, pod.IndexName, "..", "a/b", "%2e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if pod.CheckName(s) != nil {
			return
		}
		if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || strings.Contains(s, "..") || strings.HasPrefix(s, ".") || len(s) > 36 {
			t.Fatalf("accepted %q", s)
		}
	})
}
