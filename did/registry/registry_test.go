package registry

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	vdrapi "github.com/hyperledger/aries-framework-go/pkg/framework/aries/api/vdr"
	"github.com/hyperledger/aries-framework-go/pkg/vdr"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/testvectors"
)

var ctx = context.Background()

const (
	keyDID  = "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv"
	jwkDID  = "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9"
	x25519  = "did:jwk:eyJrdHkiOiJPS1AiLCJjcnYiOiJYMjU1MTkiLCJ1c2UiOiJlbmMiLCJ4IjoiM3A3YmZYdDl3YlRUVzJIQzdPUTFOei1EUThoYmVHZE5yZngtRkctSUswOCJ9"
	webDID  = "did:web:example.com"
	webURL  = "https://example.com/.well-known/did.json"
	methods = `"verificationMethod":[{"id":"#k","type":"Multikey","controller":"did:web:example.com","publicKeyMultibase":"zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv","revoked":"2026-11-23T00:00:00Z"}],"assertionMethod":["#k"]`
)

// site answers with one body, or one status.
type site struct {
	body string
	code int
	ctx  *context.Context
}

func (s site) Fetch(ctx context.Context, url, _ string) ([]byte, string, error) {
	if s.ctx != nil {
		*s.ctx = ctx
	}
	if s.code != 0 {
		return nil, "", &did.StatusError{Code: s.code}
	}
	if !strings.HasSuffix(url, webURL[len("https"):]) && !strings.HasPrefix(url, "http://localhost") {
		return nil, "", &did.StatusError{Code: 404}
	}
	return []byte(s.body), "application/did", nil
}

func TestResolveThroughTheRegistry(t *testing.T) {
	r := New(site{body: `{"@context":["https://www.w3.org/ns/did/v1.1"],"id":"did:web:example.com",` + methods + `}`})
	defer r.Close()
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		did, url string
		use      did.Relationship
	}{
		{keyDID, keyDID + "#" + keyDID[len("did:key:"):], did.AssertionMethod},
		{jwkDID, jwkDID + "#0", did.Authentication},
		{x25519, x25519 + "#0", did.KeyAgreement},
		{webDID, webDID + "#k", did.AssertionMethod},
	} {
		doc, err := r.Resolve(ctx, c.did)
		if err != nil {
			t.Errorf("%s: %v", c.did, err)
			continue
		}
		if _, err := doc.Method(c.url, c.use, at); err != nil {
			t.Errorf("%s: %v", c.url, err)
		}
	}
	// What aries would have dropped is still known.
	doc, err := r.Resolve(ctx, webDID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := doc.Method(webDID+"#k", did.AssertionMethod, at.AddDate(0, 0, 1)); !errors.Is(err, did.ErrVerificationMethod) {
		t.Errorf("a revoked key is used: %v", err)
	}
}

func TestResolveRefusals(t *testing.T) {
	const ok = `{"@context":"https://www.w3.org/ns/did/v1","id":"did:web:example.com"}`
	for name, c := range map[string]struct {
		did  string
		site site
		want error
	}{
		"unknown method":   {"did:example:123", site{}, did.ErrMethod},
		"no DID":           {"example", site{}, did.ErrSyntax},
		"DID URL":          {webDID + "#k", site{body: ok}, did.ErrSyntax},
		"IP address":       {"did:web:127.0.0.1", site{body: ok}, did.ErrSyntax},
		"another id":       {webDID, site{body: strings.Replace(ok, ".com", ".org", 1)}, did.ErrDocument},
		"404":              {webDID, site{code: 404}, did.ErrNotFound},
		"410":              {webDID, site{code: 410}, did.ErrDeactivated},
		"aries refuses":    {webDID, site{body: `{"@context":"https://www.w3.org/ns/did/v1","id":"did:web:example.com","service":[{"id":"#s","type":"X","serviceEndpoint":"not a URI"}]}`}, did.ErrDocument},
		"did:key P-521":    {"did:key:z2J9gaYxrKVpdoG9A4gRnmpnRCcxU6agDtFVVBVdn1JedouoZN7SzcyREXXzWgt3gGiwpoHq7K68X4m32D8HgzG8wv3sY5j7", site{}, did.ErrKey},
		"did:jwk no JSON":  {"did:jwk:AAAA", site{}, did.ErrSyntax},
		"did:key upper":    {"did:KEY:z", site{}, did.ErrSyntax},
		"did:web no https": {"did:web:localhost%3A8080:a", site{code: 404}, did.ErrNotFound},
	} {
		doc, err := New(c.site).Resolve(ctx, c.did)
		if !errors.Is(err, c.want) || doc != nil {
			t.Errorf("%s: %v, expected %v", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "example.com") {
			t.Errorf("%s: the error holds the identifier: %v", name, err)
		}
	}
}

func TestAMethodThatAnswersForAnotherIsRefused(t *testing.T) {
	r := Of(map[string]did.Resolver{"jwk": liar{}})
	if doc, err := r.Resolve(ctx, jwkDID); !errors.Is(err, did.ErrDocument) || doc != nil {
		t.Errorf("found %v", err)
	}
}

type liar struct{}

func (liar) Resolve(ctx context.Context, _ string) (*did.Document, error) {
	return did.KeyMethod{}.Resolve(ctx, keyDID)
}

func TestContextOfTheCallerArrives(t *testing.T) {
	type key struct{}
	var got context.Context
	r := New(site{code: 404, ctx: &got})
	_, _ = r.Resolve(context.WithValue(ctx, key{}, "here"), webDID)
	if got == nil || got.Value(key{}) != "here" {
		t.Error("the caller's context is lost on the way through aries")
	}
}

// Anyone on aries can use our methods in their own registry.
func TestMethodsWorkInAnyAriesRegistry(t *testing.T) {
	web := did.WebMethod{Fetch: site{body: `{"@context":["https://www.w3.org/ns/cid/v1"],"id":"did:web:localhost%3A8080",` + strings.ReplaceAll(methods, webDID, "did:web:localhost%3A8080") + `}`}, InsecureLoopback: true}
	registry := vdr.New(vdr.WithVDR(VDR("key", did.KeyMethod{})), vdr.WithVDR(VDR("web", web)))
	for _, id := range []string{keyDID, "did:web:localhost%3A8080"} {
		res, err := registry.Resolve(id)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if res.DIDDocument.ID != id || len(res.DIDDocument.AssertionMethod) != 1 || len(res.DIDDocument.VerificationMethod[0].Value) != 35 {
			t.Errorf("%s: %+v", id, res.DIDDocument)
		}
	}
	if _, err := registry.Resolve(jwkDID); err == nil {
		t.Error("a method that was not plugged in resolves")
	}
	missing := vdr.New(vdr.WithVDR(VDR("web", did.WebMethod{Fetch: site{code: 404}})))
	if _, err := missing.Resolve(webDID); !errors.Is(err, vdrapi.ErrNotFound) {
		t.Errorf("not found is not told the way of aries: %v", err)
	}
	v := VDR("key", did.KeyMethod{})
	if _, err := v.Create(nil); err == nil {
		t.Error("created")
	}
	if v.Update(nil) == nil || v.Deactivate("") == nil {
		t.Error("changed")
	}
}

// aries matches member names without regard to case; a twin must not win.
func TestMembersThatOnlyAriesWouldRead(t *testing.T) {
	web := did.WebMethod{Fetch: site{body: `{"@context":["https://www.w3.org/ns/did/v1"],"id":"did:web:example.com",` + methods + `,"AssertionMethod":[],"ID":"did:web:evil.example","publicKey":[{}],"proof":[{"type":"DataIntegrityProof"}]}`}}
	res, err := VDR("web", web).Read(webDID)
	if err != nil {
		t.Fatal(err)
	}
	if res.DIDDocument.ID != webDID || len(res.DIDDocument.AssertionMethod) != 1 {
		t.Errorf("found %+v", res.DIDDocument)
	}
}

// Real documents of others, in did/v1.1 and v1, in the shape of did:web.
func TestDocumentsOfOthersPassBothReaders(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(testvectors.Dir(t, "did-webvh"), "vectors", "*", "*", "resolutionResult*.json"))
	read := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var result struct {
			Document json.RawMessage `json:"didDocument"`
		}
		if json.Unmarshal(b, &result) != nil || len(result.Document) == 0 || string(result.Document) == "null" {
			continue
		}
		doc, err := did.ParseDocument(result.Document)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := ariesDocument(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		read++
	}
	if read < 20 {
		t.Errorf("only %d documents", read)
	}
}

func FuzzDocument(f *testing.F) {
	f.Add(`{"@context":["https://www.w3.org/ns/did/v1.1",{"a":"b"}],"id":"did:web:example.com",` + methods + `}`)
	f.Add(`{"id":"did:web:example.com","service":[{"id":"#s","type":"IndyAgent","serviceEndpoint":["x"],"recipientKeys":["#k"]}]}`)
	f.Add(`{"@context":"https://w3id.org/did/v1","id":"did:web:example.com","authentication":[{"id":"#a","type":"JsonWebKey","controller":"did:a:b","publicKeyJwk":{}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		res, err := VDR("web", did.WebMethod{Fetch: site{body: text}}).Read(webDID)
		if err != nil {
			if res != nil {
				t.Error("a failed reading returned a document")
			}
			return
		}
		if res.DIDDocument.ID != webDID {
			t.Errorf("id %q", res.DIDDocument.ID)
		}
	})
}
