package clothes_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/e2e/clothes"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// garment is a format in which a record is worn.
type garment struct {
	name string
	// wear makes a credential of the claims and reads them back, as somebody does
	// to whom everything was disclosed.
	wear func(t *testing.T, claims []byte) map[string]any
	// without are the claims that it need not say, and why.
	without map[string]string
}

func wardrobe(t *testing.T) []garment {
	t.Helper()
	all := []garment{{name: "SD-JWT VC", wear: sdJWT(t)}, {name: "mdoc", wear: mobileDocument(t)}}
	for _, p := range led.Profiles() {
		template, err := p.Template(clothes.Issuer)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, garment{p.Name(), func(t *testing.T, claims []byte) map[string]any {
			doc, err := template.Document(clothes.Copy(), claims)
			if err != nil {
				t.Fatal(err)
			}
			read, err := p.Read(doc)
			if err != nil {
				t.Fatal(err)
			}
			return read
		}, p.Inexpressible()})
	}
	for _, p := range []*profile.Profile{led.ELM(), led.OSLO()} {
		all = append(all, garment{p.Name() + " with a Data Integrity proof", derived(t, p), p.Inexpressible()})
	}
	return all
}

func sdJWT(t *testing.T) func(*testing.T, []byte) map[string]any {
	t.Helper()
	const url, vct = "https://issuer.example.org", "https://issuer.example.org/types/led-diploma"
	document := bytes.ReplaceAll(issuer.LEDDiploma().Metadata, []byte("{vct}"), []byte(vct))
	metadata, err := sdjwt.ParseTypeMetadata(document)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := metadata.Frame()
	if err != nil {
		t.Fatal(err)
	}
	authority, err := devca.New(devca.Options{Now: clothes.Now, Issuer: url})
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := authority.Sealer("", func() time.Time { return clothes.Now })
	if err != nil {
		t.Fatal(err)
	}
	template, err := sdjwt.NewTemplate(sdjwt.Options{
		Issuer: url, Type: vct, TypeIntegrity: sdjwt.Integrity(document), Category: sdjwt.CategoryPubEAA, Frame: frame,
		Certificate: sealer.Certificate(),
	})
	if err != nil {
		t.Fatal(err)
	}
	holder := jose.JWK{
		Kty: "EC", Crv: "P-256",
		X: "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
		Y: "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
	}
	return func(t *testing.T, claims []byte) map[string]any {
		t.Helper()
		c := clothes.Copy()
		draft, err := template.Prepare(sdjwt.Credential{
			ID: c.ID, Subject: c.Subject, IssuedAt: c.Issued, NotBefore: c.ValidFrom, Expires: c.ValidUntil, Holder: holder,
			Status: sdjwt.StatusList{Index: 1, URI: url + "/status/0"}, Claims: claims,
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := draft.Seal(sealer)
		if err != nil {
			t.Fatal(err)
		}
		token, err := sdjwt.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all, err := token.Claims().Map()
		if err != nil {
			t.Fatal(err)
		}
		for _, technical := range []string{"iss", "vct", "vct#integrity", "category", "jti", "sub", "iat", "nbf", "exp", "cnf", "status"} {
			delete(all, technical)
		}
		return all
	}
}

func mobileDocument(t *testing.T) func(*testing.T, []byte) map[string]any {
	t.Helper()
	definition, ok := issuer.LEDDefinition(credential.FormatMdoc)
	if !ok {
		t.Fatal("no document type is built in")
	}
	kind, err := mdoc.ParseDocumentType(definition)
	if err != nil {
		t.Fatal(err)
	}
	docType := kind.DocType
	hierarchy, err := devca.New(devca.Options{Now: clothes.Now, Issuer: "https://issuer.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	authority, err := hierarchy.DocumentAuthority(clothes.Now)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := hierarchy.DocumentSigner(authority, clothes.Now)
	if err != nil {
		t.Fatal(err)
	}
	template, err := mdoc.NewTemplate(mdoc.Options{
		Type:  kind,
		Chain: []*x509.Certificate{signer.Certificate},
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, claims []byte) map[string]any {
		t.Helper()
		c := clothes.Copy()
		draft, err := template.Prepare(mdoc.Credential{
			DeviceKey: signer.Key.Public(), Signed: c.Issued, ValidUntil: c.ValidUntil,
			Elements: []byte(`{"` + docType + `":` + string(claims) + `}`),
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := draft.Seal(signer.Key)
		if err != nil {
			t.Fatal(err)
		}
		document, err := mdoc.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]map[string]any
		if err := document.Claims().Decode(&all); err != nil {
			t.Fatal(err)
		}
		return all[docType]
	}
}

// TestSameValues: each record says the same in everything it is worn in, but for
// what a profile's declaration says it cannot say.
func TestSameValues(t *testing.T) {
	wardrobe, records := wardrobe(t), clothes.Records(t)
	if len(records) < 60 {
		t.Errorf("%d records", len(records))
	}
	missing := map[string]map[string]int{}
	for _, r := range records {
		t.Run(r.Name, func(t *testing.T) {
			var claims map[string]any
			if err := jose.Unmarshal(r.Claims, &claims); err != nil {
				t.Fatal(err)
			}
			want := leaves(claims)
			for _, g := range wardrobe {
				got := leaves(g.wear(t, r.Claims))
				for name, value := range want {
					if _, there := got[name]; !there && g.without[name] != "" {
						if missing[g.name] == nil {
							missing[g.name] = map[string]int{}
						}
						missing[g.name][name]++
						continue
					}
					if got[name] != value {
						t.Errorf("%s: %s is not what the record says", g.name, name)
					}
				}
				for name := range got {
					if _, there := want[name]; !there {
						t.Errorf("%s: %s is not in the record", g.name, name)
					}
				}
			}
		})
	}
	// A reason is worth something as long as it is needed.
	for _, g := range wardrobe {
		for name := range g.without {
			if missing[g.name][name] == 0 {
				t.Errorf("%s: nothing kept %s from being said", g.name, name)
			}
		}
	}
	t.Log(missing)
}

// leaves are the claims by dotted name, as JSON; a list is one claim.
func leaves(claims map[string]any) map[string]string {
	out := map[string]string{}
	var walk func(string, map[string]any)
	walk = func(prefix string, m map[string]any) {
		for name, v := range m {
			if inner, ok := v.(map[string]any); ok {
				walk(prefix+name+".", inner)
				continue
			}
			b, err := jose.Marshal(v)
			if err != nil {
				b = []byte(err.Error())
			}
			out[prefix+name] = string(b)
		}
	}
	walk("", claims)
	return out
}

// TestEveryClaimHasAPlaceOrAReason holds the declarations against the claims that
// the mapping makes and the type describes.
func TestEveryClaimHasAPlaceOrAReason(t *testing.T) {
	var mapped []string
	items := map[string][]string{}
	for _, d := range mapping.LEDDiploma().Declared() {
		name := strings.Join(d.Path, ".")
		mapped = append(mapped, name)
		for _, i := range d.Items {
			items[name] = append(items[name], strings.Join(i.Path, "."))
		}
	}
	if len(mapped) < 30 || len(items) < 2 {
		t.Fatalf("%d claims, %d lists", len(mapped), len(items))
	}
	for _, p := range led.Profiles() {
		t.Run(p.Name(), func(t *testing.T) {
			known := append(p.Claims(), slices.Collect(maps.Keys(p.Inexpressible()))...)
			for _, name := range mapped {
				if !slices.Contains(known, name) {
					t.Errorf("%s has neither a place nor a reason", name)
				}
			}
			for _, name := range known {
				if !slices.Contains(mapped, name) {
					t.Errorf("%s is no claim of the mapping", name)
				}
			}
			for _, name := range p.Claims() {
				if path, _ := p.Path(name); path == nil || path.Validate() != nil {
					t.Errorf("%s: no valid path: %v", name, path)
				}
			}
		})
	}
	var described struct {
		Claims []struct {
			Path []string `json:"path"`
		} `json:"claims"`
	}
	if err := json.Unmarshal(issuer.LEDDiploma().Metadata, &described); err != nil {
		t.Fatal(err)
	}
	for _, name := range mapped {
		if !slices.ContainsFunc(described.Claims, func(c struct {
			Path []string `json:"path"`
		}) bool {
			return strings.Join(c.Path, ".") == name
		}) {
			t.Errorf("%s is not in the type metadata", name)
		}
	}
}

// TestNothingLinksCopies: two copies of one record have no identifier in common
// but what the record, the issuer and the public lists name.
func TestNothingLinksCopies(t *testing.T) {
	public := []string{"http://data.europa.eu/", "http://publications.europa.eu/", "https://solid.data.vlaanderen.be/id/",
		"https://data.vlaanderen.be/id/", "https://zegel-id.github.io/id/", clothes.Issuer.ID}
	for _, p := range led.Profiles() {
		template, err := p.Template(clothes.Issuer)
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		for n := range 2 {
			c := clothes.Copy()
			c.ID, c.Subject = fmt.Sprintf("urn:uuid:%d", n), fmt.Sprintf("did:example:%d", n)
			doc, err := template.Document(c, clothes.Full.Claims)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range identifiers(t, doc) {
				if slices.ContainsFunc(public, func(prefix string) bool { return strings.HasPrefix(id, prefix) }) {
					continue
				}
				if n == 1 && ids[id] {
					t.Errorf("%s: both copies have %s", p.Name(), id)
				}
				ids[id] = true
			}
		}
		if len(ids) < 4 {
			t.Errorf("%s: %d identifiers", p.Name(), len(ids))
		}
	}
}

func identifiers(t *testing.T, doc []byte) (ids []string) {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if id, ok := v["id"].(string); ok {
				ids = append(ids, id)
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(v)
	return slices.Compact(slices.Sorted(slices.Values(ids)))
}
