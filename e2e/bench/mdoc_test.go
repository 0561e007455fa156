package bench

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

const (
	docType     = "org.example.diploma.1"
	namespace   = "org.example.diploma"
	responseURI = "https://verifier.example/response"
)

// mobile is an mdoc of twenty elements, and the presentation of ten of them.
type mobile struct {
	at                time.Time
	authority, issuer devca.Pair
	holder            *ecdsa.PrivateKey
	template          *mdoc.Template
	credential        mdoc.Credential
	policy            mdoc.Policy
	paths             []mdoc.Path // of the elements that are disclosed
	text, shown       string
}

func newMobile(t *testing.T) (m mobile) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	m.at, m.holder = time.Now().Truncate(time.Second), newKey(t)
	h, err := devca.New(devca.Options{Now: m.at, Issuer: issuerURL})
	ok(err)
	m.authority, err = h.DocumentAuthority(m.at)
	ok(err)
	m.issuer, err = h.DocumentSigner(m.authority, m.at)
	ok(err)
	space := mdoc.NameSpace{Name: namespace}
	for i, name := range names(t) {
		e := mdoc.Element{Identifier: name}
		if name == "birthdate" || name == "date" {
			e.Type = mdoc.FullDate
		}
		space.Elements = append(space.Elements, e)
		if i < 10 {
			m.paths = append(m.paths, mdoc.Path{namespace, name})
		}
	}
	m.template, err = mdoc.NewTemplate(mdoc.Options{
		Type: mdoc.DocumentType{DocType: docType, NameSpaces: []mdoc.NameSpace{space}}, Chain: []*x509.Certificate{m.issuer.Certificate},
	})
	ok(err)
	m.credential = mdoc.Credential{
		DeviceKey: m.holder.Public(), Signed: m.at, ValidUntil: m.at.AddDate(0, 3, 0), Elements: []byte(`{"` + namespace + `":` + twenty + `}`),
	}
	authorities, err := mdoc.NewAuthorities(m.authority.Certificate)
	ok(err)
	transcript, err := mdoc.RedirectTranscript(audience, nonce, responseURI, nil)
	ok(err)
	m.policy = mdoc.Policy{Now: m.at, DocTypes: []string{docType}, IssuerKey: authorities.IssuerKey, Transcript: transcript}
	m.text, err = m.issue()
	ok(err)
	m.shown, err = m.present()
	ok(err)
	return m
}

func (m mobile) issue() (string, error) {
	d, err := m.template.Prepare(m.credential, nil)
	if err != nil {
		return "", err
	}
	return d.Seal(m.issuer.Key)
}

// receive verifies a document as its holder does.
func (m mobile) receive(text string) error {
	s, err := mdoc.Parse(text)
	if err != nil {
		return err
	}
	p := m.policy
	p.Transcript = mdoc.Transcript{}
	_, err = s.VerifyIssued(p)
	return err
}

func (m mobile) present() (string, error) {
	s, err := mdoc.Parse(m.text)
	if err != nil {
		return "", err
	}
	selection, err := s.Disclose(m.paths)
	if err != nil {
		return "", err
	}
	return s.Present(selection, mdoc.Device{Key: m.holder, Transcript: m.policy.Transcript})
}

func (m mobile) verify(shown string) error {
	v, err := mdoc.Verify(shown, m.policy)
	if err != nil {
		return err
	}
	if claims, err := v.Claims.JSON(); err != nil || len(claims) == 0 {
		return fmt.Errorf("no claims: %w", err)
	}
	return nil
}

func (m mobile) issuing() side    { return local(func() error { _, err := m.issue(); return err }) }
func (m mobile) receiving() side  { return local(func() error { return m.receive(m.text) }) }
func (m mobile) presenting() side { return local(func() error { _, err := m.present(); return err }) }
func (m mobile) verifying() side  { return local(func() error { return m.verify(m.shown) }) }

const (
	issueElements   = "issuing 20 elements"
	receiveElements = "verifying what was issued, its chain seen before"
	presentElements = "presenting 10 of them, with the device's signature"
)

// mobileDocument is mdoc against the signatures that it cannot do without.
func mobileDocument(t *testing.T) []row {
	m := newMobile(t)
	return []row{
		{name: issueElements, reference: "P-256 signature", cost: true, goal: 1.5, ours: m.issuing(), theirs: bareSign(t, 1)},
		{name: receiveElements, reference: "P-256 verification", cost: true, goal: 1.6, ours: m.receiving(), theirs: bareVerify(t, 1)},
		{name: presentElements, reference: "P-256 signature", cost: true, ours: m.presenting(), theirs: bareSign(t, 1)},
		{name: verify10, reference: "2 P-256 verifications", cost: true, goal: 1.6, ours: m.verifying(), theirs: bareVerify(t, 2)},
	}
}

// mobileDocumentNode is the same against the library of the OpenWallet Foundation. What it
// issues and presents we verify, and it ours.
func mobileDocumentNode(t *testing.T) []row {
	peer := node(t, "../mdoc", "bench.mjs", "@owf/mdoc")
	m := newMobile(t)
	asked := map[string]bool{}
	for _, path := range m.paths {
		asked[path[1].(string)] = false // not to be kept
	}
	given := map[string]any{
		"docType": docType, "namespace": namespace, "namespaces": map[string]any{namespace: asked},
		"elements": twenty, "dates": []string{"birthdate", "date"}, "deviceKey": jwk(t, m.holder.Public()),
		"authority":   base64.StdEncoding.EncodeToString(m.authority.Certificate.Raw),
		"certificate": base64.StdEncoding.EncodeToString(m.issuer.Certificate.Raw),
		"signed":      m.at, "validUntil": m.credential.ValidUntil, "now": m.at,
		"clientId": audience, "nonce": nonce, "responseUri": responseURI,
		"document": m.text, "response": m.shown,
	}
	ready := func(what string, key any) operation {
		given["key"] = key
		return peer.ready(t, what, given)
	}
	issue, receive := ready("issue", private(t, m.issuer.Key)), ready("receive", nil)
	present, verify := ready("present", private(t, m.holder)), ready("verify", nil)
	receive.result(t)
	verify.result(t)
	const reference = "@owf/mdoc 0.6.0"
	if err := m.receive(issue.result(t)); err != nil {
		t.Fatalf("what %s issued: %v", reference, err)
	}
	if err := m.verify(present.result(t)); err != nil {
		t.Fatalf("what %s presented: %v", reference, err)
	}
	return []row{
		{name: issueElements, reference: reference, goal: 20, ours: m.issuing(), theirs: issue.side(t)},
		{name: receiveElements, reference: reference, ours: m.receiving(), theirs: receive.side(t)},
		{name: presentElements, reference: reference, ours: m.presenting(), theirs: present.side(t)},
		{name: verify10, reference: reference, ours: m.verifying(), theirs: verify.side(t)},
	}
}
