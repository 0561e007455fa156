package api

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/vcapi"
)

// web is what there is outside, by URL.
type web struct {
	pages map[string][]byte
	asked []string
}

func (n *web) Fetch(_ context.Context, url, _ string) ([]byte, string, error) {
	n.asked = append(n.asked, url)
	if b, ok := n.pages[url]; ok {
		return b, "application/json", nil
	}
	return nil, "", &did.StatusError{Code: 404}
}

type aged struct{ *web }

func (n aged) Fetch(ctx context.Context, url, accept string) ([]byte, time.Duration, error) {
	b, _, err := n.web.Fetch(ctx, url, accept)
	return b, 0, err
}

// document publishes a key under an identifier.
func document(t *testing.T, id string, key vcapi.Key, use did.Relationship) []byte {
	t.Helper()
	multikey, err := did.EncodeMultikey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(doc{
		"@context": []string{"https://www.w3.org/ns/cid/v1"}, "id": id,
		"verificationMethod": []doc{{"id": id + "#k", "type": "Multikey", "controller": id, "publicKeyMultibase": multikey}}, string(use): []string{id + "#k"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An issuer whose key is published on the web verifies where the network is on, with
// the document of that very identifier and a key that is for assertions.
func TestIssuersOnTheWeb(t *testing.T) {
	for id, page := range map[string]string{"did:web:issuer.example": "https://issuer.example/.well-known/did.json", "https://issuer.example/about": "https://issuer.example/about"} {
		for name, suite := range map[string]vcapi.Suite{"eddsa": vcapi.EdDSARDFC, "p256": vcapi.JWT} {
			key, n := newKey(t, name), &web{pages: map[string][]byte{}}
			on := false
			w := start(t, func(o *Options, v *vcapi.VerifierConfig) {
				i, err := vcapi.NewIssuer(vcapi.IssuerConfig{Name: "web", ID: id, VerificationMethod: id + "#k", Suite: suite, Key: key, Contexts: o.Contexts, Now: o.Now})
				if err != nil {
					t.Fatal(err)
				}
				o.Issuers = append(o.Issuers, i)
				if on {
					v.Resolver = vcapi.NewResolver(n, false)
				}
			})
			w.ids["web"] = id
			vc := w.issue("web", w.credential("web"), nil)
			check := func(what string, b []byte, want bool) {
				n.pages[page] = b
				if r := w.verify(vc, nil); r["verified"] != want || !want && problems(r) == "" {
					t.Errorf("%s, %s: %s: %v", id, suite, what, r)
				}
			}
			check("no network", document(t, id, key, did.AssertionMethod), false)
			if len(n.asked) > 0 {
				t.Errorf("asked for %v", n.asked)
			}
			on = true
			w.close()
			w.open()
			w.ids["web"] = id
			check("published", document(t, id, key, did.AssertionMethod), true)
			check("another's document", document(t, "did:web:other.example", key, did.AssertionMethod), false)
			check("another key", document(t, id, newKey(t, name), did.AssertionMethod), false)
			check("for authentication", document(t, id, key, did.Authentication), false)
			check("no document", []byte(`{`), false)
		}
	}
}

// Nothing but what was asked for is resolved.
func TestResolver(t *testing.T) {
	const id = "https://issuer.example/about"
	n := &web{pages: map[string][]byte{}}
	r := vcapi.NewResolver(n, false)
	for _, x := range []struct {
		name, id, of string
		want         bool
	}{
		{"its own", id, id, true}, {"another's", id, "https://issuer.example/other", false}, {"plain http", "http://issuer.example/about", "http://issuer.example/about", false},
		{"another method", "did:example:1", "did:example:1", false}, {"none", "", "", false},
	} {
		n.pages[x.id] = document(t, x.of, newKey(t, "eddsa"), did.AssertionMethod)
		d, err := r.Resolve(t.Context(), x.id)
		if (err == nil) != x.want || (d != nil) != x.want {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

// The list of another server is fetched where the network is on, and counts only if
// the issuer of the credential made it.
func TestListsOnTheWeb(t *testing.T) {
	n := &web{pages: map[string][]byte{}}
	w := start(t, func(_ *Options, v *vcapi.VerifierConfig) { v.Lists = aged{n} })
	const address = "https://lists.example/1"
	list := func(issuer string, revoked bool) {
		bits, err := status.NewBitstring(1, status.MinEntries)
		if err != nil {
			t.Fatal(err)
		}
		if revoked {
			if err := bits.Put(7, 1); err != nil {
				t.Fatal(err)
			}
		}
		text, err := bits.Encode()
		if err != nil {
			t.Fatal(err)
		}
		l := status.ListCredential{ID: address, Issuer: w.ids[issuer], ValidFrom: w.now.Add(-time.Hour), ValidUntil: w.now.Add(time.Hour), Purposes: []status.Purpose{status.Revocation}, List: text, TTL: time.Minute}
		b, err := l.Document()
		if err != nil {
			t.Fatal(err)
		}
		var unsigned doc
		if err := json.Unmarshal(b, &unsigned); err != nil {
			t.Fatal(err)
		}
		signed, err := json.Marshal(w.issue(issuer, unsigned, nil))
		if err != nil {
			t.Fatal(err)
		}
		n.pages[address] = signed
	}
	for _, issuer := range []string{"eddsa-rdfc", "p384-jcs", "eddsa-jwt"} {
		c := w.credential(issuer)
		c["credentialStatus"] = doc{"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "7", "statusListCredential": address}
		vc := w.issue(issuer, c, nil)
		for _, x := range []struct {
			name, by string
			revoked  bool
			verified bool
		}{{"good", issuer, false, true}, {"revoked", issuer, true, false}, {"another's", "p256-rdfc", false, false}, {"nothing", "", false, false}} {
			delete(n.pages, address)
			if x.by != "" {
				list(x.by, x.revoked)
			}
			w.now = w.now.Add(10 * time.Minute) // what was kept is too old
			if r := w.verify(vc, nil); r["verified"] != x.verified {
				t.Errorf("%s, %s: %v", issuer, x.name, r)
			}
		}
	}
}
