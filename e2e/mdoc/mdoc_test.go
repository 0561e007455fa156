// Package mdoc_test holds credential/mdoc against an independent
// implementation, @owf/mdoc: each side verifies what the other issues and
// presents, both make the same session transcripts, and each refuses what it
// must refuse.
package mdoc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/e2e/peer"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

const (
	docType     = "org.example.diploma.1"
	namespace   = "org.example.diploma"
	clientID    = "x509_san_dns:verifier.example"
	responseURI = "https://verifier.example/response"
	nonce       = "exc7gBkxjx1rdc9udRrveKvSsJIq80avlXeLHhGwqtA"
)

const record = `{"org.example.diploma":{"title":"Bachelor","award_date":"2021-06-30","level":{"eqf":6,"isced":"655"},"other_bodies":[{"type":"school"}],"valid":true}}`

// table are the keys of both sides, and the running script.
type table struct {
	*peer.Session
	now               time.Time
	authority, issuer devca.Pair
	holder            *ecdsa.PrivateKey
}

func meet(t *testing.T) *table {
	t.Helper()
	peer.Install(t, ".", "@owf/mdoc")
	m := &table{Session: peer.Open(t, ".", "peer.mjs"), now: time.Now().Truncate(time.Second)}
	h, err := devca.New(devca.Options{Now: m.now, Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	if m.authority, err = h.DocumentAuthority(m.now); err != nil {
		t.Fatal(err)
	}
	if m.issuer, err = h.DocumentSigner(m.authority, m.now); err != nil {
		t.Fatal(err)
	}
	if m.holder, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	return m
}

type answer struct {
	peer.Refusal
	Claims   map[string]any `json:"claims"`
	Document string         `json:"document"`
	Response string         `json:"response"`
	Hex      string         `json:"hex"`
}

func (m *table) ask(t *testing.T, order string, members map[string]any) answer {
	t.Helper()
	all := map[string]any{
		"authority": base64.StdEncoding.EncodeToString(m.authority.Certificate.Raw), "now": m.now.Format(time.RFC3339), "docType": docType,
		"clientId": clientID, "responseUri": responseURI, "nonce": nonce, "namespaces": wanted(),
	}
	maps.Copy(all, members)
	var a answer
	m.Ask(t, order, all, &a)
	return a
}

// wanted is what the verifier asks for, none of it to be kept.
func wanted() map[string]any {
	return map[string]any{namespace: map[string]bool{"title": false, "award_date": false, "level": false}}
}

var paths = []mdoc.Path{{namespace, "title"}, {namespace, "award_date"}, {namespace, "level"}}

func (m *table) issue(t *testing.T) string {
	t.Helper()
	template, err := mdoc.NewTemplate(mdoc.Options{
		Type: mdoc.DocumentType{DocType: docType, NameSpaces: []mdoc.NameSpace{{Name: namespace, Elements: []mdoc.Element{
			{Identifier: "title", Required: true}, {Identifier: "award_date", Type: mdoc.FullDate}, {Identifier: "level"}, {Identifier: "other_bodies"}, {Identifier: "valid"}, {Identifier: "absent"},
		}}}},
		Chain: []*x509.Certificate{m.issuer.Certificate},
	})
	if err != nil {
		t.Fatal(err)
	}
	draft, err := template.Prepare(mdoc.Credential{
		DeviceKey: m.holder.Public(), Signed: m.now, ValidUntil: m.now.AddDate(0, 1, 0),
		Status: &mdoc.StatusList{Index: 7, URI: "https://issuer.example/lists/1"}, Elements: []byte(record),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := draft.Seal(m.issuer.Key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (m *table) policy(t *testing.T) mdoc.Policy {
	t.Helper()
	a, err := mdoc.NewAuthorities(m.authority.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	return mdoc.Policy{Now: m.now, Skew: time.Minute, DocTypes: []string{docType}, IssuerKey: a.IssuerKey, Transcript: transcript(t)}
}

func transcript(t *testing.T) mdoc.Transcript {
	t.Helper()
	s, err := mdoc.RedirectTranscript(clientID, nonce, responseURI, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func private(t *testing.T, key crypto.Signer) any {
	t.Helper()
	k, err := jose.PrivateJWK(key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func decoded(t *testing.T, s string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

const disclosed = `{"org.example.diploma":{"title":"Bachelor","award_date":"2021-06-30","level":{"eqf":6,"isced":"655"}}}`

// What we issue, the other holder accepts and presents, and we verify.
func TestOurDocumentTheirWallet(t *testing.T) {
	m := meet(t)
	document := m.issue(t)
	got := m.ask(t, "receive", map[string]any{"document": document})
	got.Accepts(t)
	if !reflect.DeepEqual(got.Claims, decoded(t, record)) {
		t.Errorf("they read %v", got.Claims)
	}
	shown := m.ask(t, "present", map[string]any{"document": document, "key": private(t, m.holder)})
	shown.Accepts(t)
	v, err := mdoc.Verify(shown.Response, m.policy(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Claims.JSON()
	if err != nil || !reflect.DeepEqual(decoded(t, string(b)), decoded(t, disclosed)) {
		t.Errorf("we read %s, %v", b, err)
	}
	// For another request it does not count.
	policy := m.policy(t)
	if policy.Transcript, err = mdoc.RedirectTranscript(clientID, "another", responseURI, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := mdoc.Verify(shown.Response, policy); err == nil {
		t.Error("their presentation counts for another request")
	}
}

// What they issue, our holder accepts and presents, and they verify.
func TestTheirDocumentOurWallet(t *testing.T) {
	m := meet(t)
	public, err := jose.PublicJWK(m.holder.Public())
	if err != nil {
		t.Fatal(err)
	}
	made := m.ask(t, "issue", map[string]any{
		"namespaces": decoded(t, record), "dates": []string{"award_date"}, "key": private(t, m.issuer.Key), "deviceKey": public,
		"certificate": base64.StdEncoding.EncodeToString(m.issuer.Certificate.Raw),
		"signed":      m.now.Format(time.RFC3339), "validUntil": m.now.AddDate(0, 1, 0).Format(time.RFC3339),
	})
	made.Accepts(t)
	s, err := mdoc.Parse(made.Document)
	if err != nil {
		t.Fatal(err)
	}
	policy := m.policy(t)
	policy.Transcript = mdoc.Transcript{}
	v, err := s.VerifyIssued(policy)
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Claims.JSON()
	if err != nil || !reflect.DeepEqual(decoded(t, string(b)), decoded(t, record)) {
		t.Errorf("we read %s, %v", b, err)
	}
	m.shown(t, s)
}

// What we present of our own document they verify, and refuse for another
// request, another authority, and after a change.
func TestOurPresentationTheirVerifier(t *testing.T) {
	m := meet(t)
	s, err := mdoc.Parse(m.issue(t))
	if err != nil {
		t.Fatal(err)
	}
	response := m.shown(t, s)
	m.ask(t, "verify", map[string]any{"response": response, "nonce": "another"}).refused(t)
	m.ask(t, "verify", map[string]any{"response": response, "authority": base64.StdEncoding.EncodeToString(m.issuer.Certificate.Raw)}).refused(t)
	m.ask(t, "verify", map[string]any{"response": response, "now": m.now.AddDate(0, 2, 0).Format(time.RFC3339)}).refused(t)
	b, err := jose.Decode(response)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-30] ^= 1 // inside the device's signature
	m.ask(t, "verify", map[string]any{"response": jose.Encode(b)}).refused(t)
}

func (a answer) refused(t *testing.T) {
	t.Helper()
	if a.Message == "" {
		t.Error("they accept what they must refuse")
	}
}

// shown is our presentation, which they have to verify.
func (m *table) shown(t *testing.T, s *mdoc.IssuerSigned) string {
	t.Helper()
	sel, err := s.Disclose(paths)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Present(sel, mdoc.Device{Key: m.holder, Transcript: transcript(t)})
	if err != nil {
		t.Fatal(err)
	}
	got := m.ask(t, "verify", map[string]any{"response": response})
	got.Accepts(t)
	if !reflect.DeepEqual(got.Claims, decoded(t, disclosed)) {
		t.Errorf("they read %v", got.Claims)
	}
	return response
}

// Both make the same session transcripts.
func TestTranscripts(t *testing.T) {
	m := meet(t)
	for name, c := range map[string]struct {
		members map[string]any
		make    func(key crypto.PublicKey) (mdoc.Transcript, error)
	}{
		"redirect": {nil, func(key crypto.PublicKey) (mdoc.Transcript, error) {
			return mdoc.RedirectTranscript(clientID, nonce, responseURI, key)
		}},
		"DC API": {map[string]any{"origin": "https://verifier.example"}, func(key crypto.PublicKey) (mdoc.Transcript, error) {
			return mdoc.DCAPITranscript("https://verifier.example", nonce, key)
		}},
		"interactive": {map[string]any{"endpoint": "https://issuer.example/iae"}, func(key crypto.PublicKey) (mdoc.Transcript, error) {
			return mdoc.InteractiveTranscript("https://issuer.example/iae", nonce, key)
		}},
	} {
		for _, key := range []crypto.PublicKey{nil, m.holder.Public()} {
			members := map[string]any{}
			maps.Copy(members, c.members)
			if key != nil {
				members["thumbprint"] = jose.Thumbprint(key)
			}
			own, err := c.make(key)
			if err != nil {
				t.Fatal(err)
			}
			theirs := m.ask(t, "transcript", members)
			theirs.Accepts(t)
			if theirs.Hex != hex.EncodeToString(own.Bytes()) {
				t.Errorf("%s: they make %s, we %x", name, theirs.Hex, own.Bytes())
			}
		}
	}
}
