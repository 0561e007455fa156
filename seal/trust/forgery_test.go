package trust_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

// What somebody made of a list is refused, of either kind.
func TestListForgeries(t *testing.T) {
	h := newHierarchy(t)
	access, err := accessDocument(h.AccessCA.Certificate).Sign(listSigner(t, now), now)
	if err != nil {
		t.Fatal(err)
	}
	stranger := mint(t, long(authority("Strange CA")), nil)
	for kind, c := range map[string]struct {
		profile, other trust.Profile
		genuine        string
		others         string // list at the same address
	}{
		"PuB-EAA": {trust.PubEAAProviders, trust.AccessProviders, h.List, access},
		"access":  {trust.AccessProviders, trust.PubEAAProviders, access, h.List},
	} {
		if _, err := listStore(t).Verify(c.genuine, c.profile, now); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		parts := strings.Split(c.genuine, ".")
		payload, err := jose.Decode(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		text := string(payload)
		bent := func(old, new string) string {
			out := strings.Replace(text, old, new, 1)
			if out == text {
				t.Fatalf("%s: %q is not in the list", kind, old)
			}
			signed, err := listSigner(t, now).SignCompact("JOSE", now, []byte(out))
			if err != nil {
				t.Fatal(err)
			}
			return signed
		}
		header := func(f func(map[string]any)) string {
			signer := h.ListSigner
			m := map[string]any{"alg": "ES256", "typ": "JOSE", "iat": now.Unix(), "x5t#S256": jose.X5TS256(signer.Certificate), "x5c": jose.EncodeX5C(certs(pair{cert: signer.Certificate}))}
			f(m)
			out, err := jose.SignCompact(signer.Key, m, payload)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		by := func(p pair) string {
			s, err := seal.NewSealer(p.key, certs(p), seal.Options{Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.SignCompact("JOSE", now, payload)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		swapped := append([]string(nil), parts...)
		swapped[1] = jose.Encode([]byte(strings.Replace(text, `"lang":"en"`, `"lang":"nl"`, 1)))
		future, past := now.Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z"), now.UTC().Format("2006-01-02T15:04:05Z")
		for name, forged := range map[string]string{
			"nothing":                 "",
			"its JSON alone":          text,
			"unsigned":                jose.Encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
			"stripped":                parts[0] + "." + parts[1] + ".",
			"cut short":               c.genuine[:len(c.genuine)-4],
			"another payload":         strings.Join(swapped, "."),
			"four parts":              c.genuine + ".",
			"two lists":               c.genuine + "\n" + c.genuine,
			"the other kind of list":  c.others,
			"signed by the registrar": by(pair{h.Registrar.Key, h.Registrar.Certificate}),
			"signed by a stranger":    by(mint(t, long(leaf("Stranger")), &stranger)),
			"its authority's leaf":    by(mint(t, long(leaf("Zegel List Operator (TEST)")), &pair{h.SchemeCA.Key, h.SchemeCA.Certificate})),
			"unknown crit":            header(func(m map[string]any) { m["foo"], m["crit"] = 1, []string{"foo"} }),
			"b64 false":               header(func(m map[string]any) { m["b64"], m["crit"] = false, []string{"b64"} }),
			"sigT with iat":           header(func(m map[string]any) { m["sigT"] = past }),
			"signed in the future":    header(func(m map[string]any) { m["iat"] = now.Add(time.Hour).Unix() }),
			"typ of a status list":    header(func(m map[string]any) { m["typ"] = "statuslist+jwt" }),
			"certificate of another":  header(func(m map[string]any) { m["x5t#S256"] = jose.X5TS256(h.Seal.Certificate) }),
			"wrong type":              bent(c.profile.Type, c.other.Type),
			"issued in the future":    bent(`"ListIssueDateTime":"`+past, `"ListIssueDateTime":"`+future),
			"no longer current":       bent(`"NextUpdate":"20`, `"NextUpdate":"19`),
			"a member twice":          bent(`"LoTESequenceNumber":1`, `"LoTESequenceNumber":1,"LoTESequenceNumber":1`),
			"a member in capitals":    bent(`"LoTESequenceNumber":1`, `"LoTESequenceNumber":1,"LOTESEQUENCENUMBER":9`),
			"unknown member":          bent(`"LoTESequenceNumber":1`, `"LoTESequenceNumber":1,"Also":1`),
			"number as text":          bent(`"LoTESequenceNumber":1`, `"LoTESequenceNumber":"1"`),
			"number too great":        bent(`"LoTESequenceNumber":1`, `"LoTESequenceNumber":9223372036854775808`),
			"too deep":                bent(`"LoTESequenceNumber":1`, `"SchemeExtensions":[`+strings.Repeat("[", 70)+strings.Repeat("]", 70)+`],"LoTESequenceNumber":1`),
			"too long":                bent(`"LoTESequenceNumber":1`, strings.Repeat(" ", trust.MaxList)+`"LoTESequenceNumber":1`),
			"long header":             strings.Repeat("A", jose.MaxToken+1) + "." + parts[1] + "." + parts[2],
		} {
			l, err := listStore(t).Verify(forged, c.profile, now)
			if l != nil || !errors.Is(err, trust.ErrList) && !errors.Is(err, trust.ErrListExpired) {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
		}
		// Who trusts the signer for something else trusts no list of it.
		s := storeOf(t, trust.UseRegistrar, h.ListSigner.Certificate)
		if _, err := s.Verify(c.genuine, c.profile, now); !errors.Is(err, trust.ErrNoPath) {
			t.Errorf("%s, signer of another use: %v", kind, err)
		}
	}
}

// A list may be longer than a token.
func TestLongList(t *testing.T) {
	ca := mint(t, long(authority("Access CA")), nil)
	d := accessDocument(ca.cert)
	for range 1500 {
		d.LoTE.Entities = append(d.LoTE.Entities, d.LoTE.Entities[0])
	}
	compact := forced(t, d, now)
	if len(compact) <= jose.MaxToken {
		t.Fatalf("%d bytes", len(compact))
	}
	if _, err := listStore(t).Verify(compact, trust.AccessProviders, now); err != nil {
		t.Error(err)
	}
}

// FuzzVerify: what verifies holds the payload that was signed.
func FuzzVerify(f *testing.F) {
	h := newHierarchy(f)
	access, err := accessDocument(h.AccessCA.Certificate).Sign(listSigner(f, now), now)
	if err != nil {
		f.Fatal(err)
	}
	s := listStore(f)
	genuine := map[[sha256.Size]byte]bool{}
	for _, compact := range []string{h.List, access} {
		f.Add(compact)
		t, err := jose.Parse(compact)
		if err != nil {
			f.Fatal(err)
		}
		genuine[sha256.Sum256(t.Payload)] = true
	}
	f.Fuzz(func(t *testing.T, compact string) {
		for _, p := range []trust.Profile{trust.PubEAAProviders, trust.AccessProviders} {
			l, err := s.Verify(compact, p, now)
			if err != nil {
				if l != nil {
					t.Error("a failed verification returned a list")
				}
				continue
			}
			if !genuine[l.Content()] || l.Profile.Type != p.Type {
				t.Error("another list verified")
			}
		}
	})
}
