// Package digitalbazaar_test holds credential/dataintegrity against an independent
// implementation, @digitalbazaar/vc with its cryptosuites: each side verifies what
// the other signs, and refuses what was changed.
//
// The suites that canonicalise as JSON have no package there; they are held against
// the vectors of the specifications.
package digitalbazaar_test

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/mr-tron/base58"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
	peers "github.com/zegel-id/zegel/e2e/peer"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

var processor = jsonld.New(jsonld.LoaderFunc(contexts.Document))

// peer is the running JavaScript side.
type peer struct {
	in  io.Writer
	out *bufio.Scanner
}

// start installs the locked packages and runs the peer.
func start(t *testing.T) *peer {
	t.Helper()
	peers.Install(t, ".", "@digitalbazaar/vc")
	cmd := exec.CommandContext(t.Context(), "node", "peer.mjs")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 4<<20)
	return &peer{in, scanner}
}

// order is what the peer is asked. Document is raw JSON.
type order struct {
	Request   string          `json:"request"`
	Suite     string          `json:"suite"`
	Document  json.RawMessage `json:"document"`
	Key       map[string]any  `json:"key,omitempty"`
	Created   time.Time       `json:"created"`
	Now       time.Time       `json:"now"`
	Challenge string          `json:"challenge,omitempty"`
	Domain    string          `json:"domain,omitempty"`
	Options   map[string]any  `json:"options,omitempty"` // of the cryptosuite
	Documents map[string]any  `json:"documents"`
}

type answer struct {
	Document json.RawMessage `json:"document"`
	Verified bool            `json:"verified"`
	Error    string          `json:"error"`
}

// ask gives an order, with everything that the peer may load.
func (p *peer) ask(t *testing.T, o order, parties ...party) answer {
	t.Helper()
	o.Created, o.Now, o.Documents = now, now.Add(time.Minute), map[string]any{}
	for _, url := range contexts.URLs() {
		b, err := contexts.Document(url)
		if err != nil {
			t.Fatal(err)
		}
		o.Documents[url] = json.RawMessage(b)
	}
	for _, party := range parties {
		party.publish(t, o.Documents)
	}
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(b, '\n')); err != nil {
		t.Fatal(err)
	}
	if !p.out.Scan() {
		t.Fatalf("the peer gave no answer: %v", p.out.Err())
	}
	var a answer
	if err := json.Unmarshal(p.out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// party is somebody with a key, under its did:key.
type party struct {
	id, method, public string
	secret             string // Multikey of the private key
	key                crypto.Signer
	bbs                bbs.Signer // instead of key, for BLS12-381
}

func newParty(t *testing.T, kind string) party {
	t.Helper()
	var p party
	var public crypto.PublicKey
	switch kind {
	case "BLS12-381":
		key, err := bbs.GenerateKey(rand.Reader, bbs.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		p.bbs, p.secret = key, multikey(0x8a, key.Bytes())
		public = did.BBSPublicKey(key.PublicKey().Bytes())
	case "Ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		p.key, p.secret = key, multikey(0x80, key.Seed())
	case "P-256":
		p.key, p.secret = newEC(t, elliptic.P256(), 0x86)
	case "P-384":
		p.key, p.secret = newEC(t, elliptic.P384(), 0x87)
	}
	if p.key != nil {
		public = p.key.Public()
	}
	var err error
	if p.public, err = did.EncodeMultikey(public); err != nil {
		t.Fatal(err)
	}
	p.id = "did:key:" + p.public
	p.method = p.id + "#" + p.public
	return p
}

func newEC(t *testing.T, curve elliptic.Curve, codec byte) (crypto.Signer, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return key, multikey(codec, b)
}

func multikey(codec byte, key []byte) string {
	return "z" + base58.Encode(append([]byte{codec, 0x26}, key...))
}

// pair is the key pair as the peer reads it.
func (p party) pair() map[string]any {
	return map[string]any{
		"@context": contexts.MultikeyV1, "type": did.TypeMultikey, "id": p.method, "controller": p.id,
		"publicKeyMultibase": p.public, "secretKeyMultibase": p.secret,
	}
}

// publish adds the identifier document and the verification method.
func (p party) publish(t *testing.T, documents map[string]any) {
	t.Helper()
	document, err := did.KeyMethod{}.Resolve(t.Context(), p.id)
	if err != nil {
		t.Fatal(err)
	}
	documents[p.id] = document
	method := p.pair()
	delete(method, "secretKeyMultibase")
	documents[p.method] = method
}

// kind is a cryptosuite with a kind of key.
type kind struct{ suite, key string }

var kinds = []kind{{"eddsa-rdfc-2022", "Ed25519"}, {"ecdsa-rdfc-2019", "P-256"}, {"ecdsa-rdfc-2019", "P-384"}}

func (k kind) template(t *testing.T, p party, purpose did.Relationship) *di.Template {
	t.Helper()
	var signer di.Signer
	var err error
	switch k.suite {
	case "eddsa-rdfc-2022":
		signer, err = di.NewEdDSARDFC2022(processor, p.key)
	default:
		signer, err = di.NewECDSARDFC2019(processor, p.key)
	}
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := di.NewTemplate(di.Options{
		Signer: signer, VerificationMethod: p.method, Purpose: purpose,
		Contexts: []string{contexts.CredentialsV2}, Embedded: []string{"verifiableCredential"}, InsecureAnySpelling: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func policy(p party, purpose did.Relationship) di.Policy {
	return di.Policy{
		Now: now.Add(time.Minute), Suites: []di.Suite{di.EdDSARDFC2022(processor), di.ECDSARDFC2019(processor)},
		Resolver: did.KeyMethod{}, Purpose: purpose, Controllers: []string{p.id},
		Contexts: []string{contexts.CredentialsV2}, Embedded: []string{"verifiableCredential"}, InsecureAnySpelling: true,
	}
}

// credential has what implementations are known to write differently: escapes,
// numbers, blank nodes, languages, members without a term.
func credential(issuer string) []byte {
	return []byte(`{"@context":["https://www.w3.org/ns/credentials/v2"],"id":"urn:uuid:0b7a5bd0-0000-4000-8000-000000000001",
"type":["VerifiableCredential"],"issuer":"` + issuer + `","validFrom":"2026-01-01T00:00:00Z","name":{"@value":"Diplôme \"\b\u007f\\ 学位","@language":"fr"},
"credentialSubject":[{"id":"did:example:1","https://schema.org/score":[1.5,20,true]},{"https://schema.org/knows":{"https://schema.org/knows":{"id":"did:example:1"}}}]}`)
}

func presentation(holder string, credential []byte) []byte {
	return []byte(`{"@context":["https://www.w3.org/ns/credentials/v2"],"type":["VerifiablePresentation"],"holder":"` + holder + `","verifiableCredential":[` + string(credential) + `]}`)
}

const (
	challenge = "6b1e6f2c"
	domain    = "https://verifier.example"
)

// TestTheyVerifyOurs: what we sign verifies there, and what was changed does not.
func TestTheyVerifyOurs(t *testing.T) {
	p := start(t)
	for _, k := range kinds {
		t.Run(k.suite+" "+k.key, func(t *testing.T) {
			issuer, holder := newParty(t, k.key), newParty(t, k.key)
			signed, err := k.template(t, issuer, did.AssertionMethod).Add(credential(issuer.id), di.Terms{Created: now})
			if err != nil {
				t.Fatal(err)
			}
			a := p.ask(t, order{Request: "verifyCredential", Suite: k.suite, Document: signed}, issuer)
			if !a.Verified {
				t.Fatalf("the credential: %s", a.Error)
			}
			changed := []byte(strings.Replace(string(signed), "1.5", "1.6", 1))
			if a := p.ask(t, order{Request: "verifyCredential", Suite: k.suite, Document: changed}, issuer); a.Verified {
				t.Error("a changed credential verifies there: the peer checks nothing")
			}

			shown, err := k.template(t, holder, did.Authentication).Add(presentation(holder.id, signed), di.Terms{Created: now, Challenge: challenge, Domain: []string{domain}})
			if err != nil {
				t.Fatal(err)
			}
			ask := order{Request: "verifyPresentation", Suite: k.suite, Document: shown, Challenge: challenge, Domain: domain}
			if a := p.ask(t, ask, issuer, holder); !a.Verified {
				t.Fatalf("the presentation: %s", a.Error)
			}
			ask.Challenge = "another"
			if a := p.ask(t, ask, issuer, holder); a.Verified {
				t.Error("another challenge verifies there: the peer checks nothing")
			}
		})
	}
}

// TestWeVerifyTheirs: what they sign verifies here, and what was changed does not.
func TestWeVerifyTheirs(t *testing.T) {
	p := start(t)
	for _, k := range kinds {
		t.Run(k.suite+" "+k.key, func(t *testing.T) {
			issuer, holder := newParty(t, k.key), newParty(t, k.key)
			a := p.ask(t, order{Request: "issue", Suite: k.suite, Document: credential(issuer.id), Key: issuer.pair()}, issuer)
			if a.Error != "" {
				t.Fatal(a.Error)
			}
			v, err := di.Verify(context.Background(), a.Document, policy(issuer, did.AssertionMethod))
			if err != nil {
				t.Fatalf("the credential: %v", err)
			}
			if v.Proofs[0].Controller != issuer.id || !v.Proofs[0].Created.Equal(now) {
				t.Errorf("facts %+v", v.Proofs[0])
			}
			changed := []byte(strings.Replace(string(a.Document), "1.5", "1.6", 1))
			if _, err := di.Verify(context.Background(), changed, policy(issuer, did.AssertionMethod)); err == nil {
				t.Error("a changed credential verifies")
			}

			a = p.ask(t, order{Request: "present", Suite: k.suite, Document: presentation(holder.id, a.Document), Key: holder.pair(), Challenge: challenge, Domain: domain}, issuer, holder)
			if a.Error != "" {
				t.Fatal(a.Error)
			}
			pol := policy(holder, did.Authentication)
			pol.Challenge, pol.Domain = challenge, []string{domain}
			if _, err := di.Verify(context.Background(), a.Document, pol); err != nil {
				t.Fatalf("the presentation: %v", err)
			}
			pol.Challenge = "another"
			if _, err := di.Verify(context.Background(), a.Document, pol); err == nil {
				t.Error("another challenge verifies")
			}
		})
	}
}

// TestSameSignature: Ed25519 signatures are the same wherever they are made, so that
// every byte that is signed must be.
func TestSameSignature(t *testing.T) {
	p := start(t)
	k := kinds[0]
	issuer := newParty(t, k.key)
	theirs := p.ask(t, order{Request: "issue", Suite: k.suite, Document: credential(issuer.id), Key: issuer.pair()}, issuer)
	ours, err := k.template(t, issuer, did.AssertionMethod).Add(credential(issuer.id), di.Terms{Created: now})
	if err != nil || theirs.Error != "" {
		t.Fatal(err, theirs.Error)
	}
	value := func(document []byte) string {
		s, err := di.Parse(document)
		if err != nil {
			t.Fatal(err)
		}
		return s.Proofs()[0].Value
	}
	if value(ours) != value(theirs.Document) {
		t.Errorf("ours %s\ntheirs %s", ours, theirs.Document)
	}
}
