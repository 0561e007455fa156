package controlled_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/controlled"
)

const issuer = "https://issuer.example"

// web is one site that counts its visitors.
type web struct {
	body   string
	maxAge time.Duration
	err    error
	asked  int
}

func (w *web) Fetch(_ context.Context, url, accept string) ([]byte, time.Duration, error) {
	w.asked++
	if !strings.HasPrefix(accept, controlled.MediaType) {
		return nil, 0, errors.New("accept " + accept)
	}
	return []byte(w.body), w.maxAge, w.err
}

func document(id string, fragments ...string) string {
	var methods, uses []string
	for _, f := range fragments {
		methods = append(methods, `{"id":"`+id+`#`+f+`","type":"JsonWebKey","controller":"`+id+`"}`)
		uses = append(uses, `"`+id+`#`+f+`"`)
	}
	return `{"@context":"https://www.w3.org/ns/cid/v1","id":"` + id + `","verificationMethod":[` + strings.Join(methods, ",") + `],"assertionMethod":[` + strings.Join(uses, ",") + `]}`
}

// A document is fetched once while it is fresh, and anew for a method that it does
// not have, though not for everybody who asks for one that is nowhere.
func TestKept(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	w := &web{body: document(issuer, "a"), maxAge: time.Minute}
	d, err := controlled.New(w, controlled.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(fragment string, asked int) *did.Document {
		t.Helper()
		doc, err := d.Of(t.Context(), issuer+"#"+fragment)
		if err != nil || doc.ID != issuer || w.asked != asked {
			t.Fatalf("%v after %d questions, expected %d: %v", doc, w.asked, asked, err)
		}
		return doc
	}
	ask("a", 1)
	ask("a", 1)
	w.body = document(issuer, "a", "b")
	ask("b", 1) // a moment ago it was not there
	now = now.Add(11 * time.Second)
	if doc := ask("b", 2); len(doc.VerificationMethod) != 2 {
		t.Errorf("%+v", doc)
	}
	ask("a", 2)
	ask("nowhere", 2)
	now = now.Add(time.Minute)
	ask("a", 3)
	// What HTTP says is bounded.
	w.maxAge = 24 * time.Hour
	now = now.Add(time.Minute)
	ask("a", 4)
	now = now.Add(6 * time.Minute)
	ask("a", 5)
}

// What is not the document that was asked for is none.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		method, body string
		err          error
		want         error
	}{
		"another id":          {issuer + "#a", document("https://other.example", "a"), nil, did.ErrDocument},
		"another id by slash": {issuer + "#a", document(issuer+"/", "a"), nil, did.ErrDocument},
		"no document":         {issuer + "#a", `{}`, nil, did.ErrDocument},
		"a page":              {issuer + "#a", `<html>`, nil, did.ErrDocument},
		"too large":           {issuer + "#a", document(issuer, "a") + strings.Repeat(" ", did.MaxDocument), nil, did.ErrDocument},
		"unreachable":         {issuer + "#a", "", errors.New("no route to host"), controlled.ErrUnavailable},
		"private key":         {issuer + "#a", `{"id":"` + issuer + `","verificationMethod":[{"id":"#a","type":"JsonWebKey","controller":"` + issuer + `","publicKeyJwk":{"kty":"EC","d":"AA"}}]}`, nil, did.ErrDocument},
		"no fragment":         {issuer, document(issuer, "a"), nil, controlled.ErrIdentifier},
		"a DID":               {"did:web:issuer.example#a", document(issuer, "a"), nil, controlled.ErrIdentifier},
		"a user":              {"https://user@issuer.example#a", document(issuer, "a"), nil, controlled.ErrIdentifier},
		"no host":             {"https://#a", document(issuer, "a"), nil, controlled.ErrIdentifier},
		"http":                {"http://issuer.example#a", document(issuer, "a"), nil, controlled.ErrIdentifier},
		"loopback":            {"http://localhost:1#a", document(issuer, "a"), nil, controlled.ErrIdentifier},
	} {
		d, err := controlled.New(&web{body: c.body, err: c.err}, controlled.Options{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if doc, err := d.Of(t.Context(), c.method); doc != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", name, doc, err)
		}
	}
	// For development there is the host localhost, and none that begins like it.
	w := &web{body: document("http://localhost:1", "a")}
	d, err := controlled.New(w, controlled.Options{Now: time.Now, InsecureLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Of(t.Context(), "http://localhost:1#a"); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"http://localhost.attacker.example", "http://localhost@attacker.example", "http://localhost:1@attacker.example", "http://attacker.example"} {
		if doc, err := d.Of(t.Context(), id+"#a"); doc != nil || !errors.Is(err, controlled.ErrIdentifier) || w.asked != 1 {
			t.Errorf("%s: %v, %v", id, doc, err)
		}
	}
	if _, err := controlled.New(nil, controlled.Options{}); err == nil {
		t.Error("made of nothing")
	}
}

// No more documents are kept than there is room for.
func TestBounded(t *testing.T) {
	w := &web{maxAge: time.Hour}
	d, err := controlled.New(w, controlled.Options{Now: time.Now, Max: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"https://a.example", "https://b.example", "https://c.example", "https://c.example"} {
		w.body = document(id, "k")
		if _, err := d.Of(t.Context(), id+"#k"); err != nil {
			t.Fatal(err)
		}
	}
	if w.asked != 3 {
		t.Errorf("asked %d times", w.asked)
	}
	kept := 0
	for _, id := range []string{"https://a.example", "https://b.example", "https://c.example"} {
		before := w.asked
		w.body = document(id, "k")
		if _, err := d.Of(t.Context(), id+"#k"); err == nil && w.asked == before {
			kept++
		}
	}
	if kept > 2 {
		t.Errorf("%d are kept", kept)
	}
}
