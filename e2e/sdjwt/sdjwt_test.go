// Package sdjwt_test holds credential/sdjwt against an independent
// implementation, @sd-jwt/sd-jwt-vc: each side verifies what the other issues
// and presents, and refuses what the other must refuse.
package sdjwt_test

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	peers "github.com/zegel-id/zegel/e2e/peer"
	"github.com/zegel-id/zegel/internal/jose"
)

const (
	issuerURL = "https://issuer.example.org"
	typeURL   = "https://issuer.example.org/types/diploma"
	statusURL = "https://issuer.example.org/status/3"
	audience  = "x509_san_dns:verifier.example.org"
	nonce     = "n-0S6_WzA2Mj"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// peer is the running JavaScript side.
type peer struct {
	in  io.Writer
	out *bufio.Scanner
}

// start installs the locked packages and runs the peer.
func start(t *testing.T) *peer {
	t.Helper()
	peers.Install(t, ".", "@sd-jwt/sd-jwt-vc")
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
	scanner.Buffer(nil, 1<<20)
	return &peer{in, scanner}
}

type answer struct {
	Text    string         `json:"text"`
	Payload map[string]any `json:"payload"`
	KB      struct {
		Payload map[string]any `json:"payload"`
	} `json:"kb"`
	Error string `json:"error"`
}

func (p *peer) ask(t *testing.T, request string, members map[string]any) answer {
	t.Helper()
	members["request"] = request
	b, err := json.Marshal(members)
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

// sealer signs without certificates: the peer gets the keys directly.
type sealer struct{ key crypto.Signer }

func (s sealer) SignCompact(typ string, iat time.Time, payload []byte) (string, error) {
	return jose.SignCompact(s.key, map[string]any{"alg": "ES256", "typ": typ, "iat": iat.Unix()}, payload)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(t *testing.T, k crypto.Signer) jose.JWK {
	t.Helper()
	jwk, err := jose.PublicJWK(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return jwk
}

func private(t *testing.T, k crypto.Signer) jose.JWK {
	t.Helper()
	jwk, err := jose.PrivateJWK(k)
	if err != nil {
		t.Fatal(err)
	}
	return jwk
}

// statusList is a Status List Token that says entry 5 is revoked.
func statusList(t *testing.T, key crypto.Signer) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write([]byte{1 << 5, 0})
	_ = z.Close()
	payload, err := jose.Marshal(map[string]any{"sub": statusURL, "iss": issuerURL, "iat": now.Unix(), "exp": now.AddDate(0, 1, 0).Unix(),
		"status_list": map[string]any{"bits": 1, "lst": jose.Encode(b.Bytes())}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := jose.SignCompact(key, map[string]any{"alg": "ES256", "typ": "statuslist+jwt"}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const claims = `{"name":{"given":"Jan","family":"Pe\u00eb\u0074ers"},"degree":"Bachelor","courses":[{"title":"a","credits":3},{"title":"b","credits":6}],"languages":["nl","fr"],"open":"yes"}`

func issue(t *testing.T, issuer, holder crypto.Signer, index uint64) string {
	t.Helper()
	frame, err := sdjwt.NewFrame(sdjwt.Path{"name"}, sdjwt.Path{"name", "given"}, sdjwt.Path{"degree"}, sdjwt.Path{"courses", nil, "credits"}, sdjwt.Path{"languages", nil})
	if err != nil {
		t.Fatal(err)
	}
	c := sdjwt.Credential{
		ID: "urn:uuid:1", Subject: "sub-1", IssuedAt: now, NotBefore: now, Expires: now.AddDate(0, 3, 0),
		Holder: public(t, holder), Status: sdjwt.StatusList{Index: index, URI: statusURL}, Claims: []byte(claims),
	}
	template, err := sdjwt.NewTemplate(sdjwt.Options{
		Issuer: issuerURL, Type: typeURL, TypeIntegrity: sdjwt.Integrity([]byte("{}")), Category: sdjwt.CategoryPubEAA, Frame: frame, Decoys: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	draft, err := template.Prepare(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := draft.Seal(sealer{issuer})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func present(t *testing.T, text string, kb *sdjwt.KeyBinding, paths ...sdjwt.Path) string {
	t.Helper()
	s, err := sdjwt.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	sel, err := s.Disclose(paths)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Present(sel, kb)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func policy(issuer crypto.Signer) sdjwt.Policy {
	return sdjwt.Policy{
		Now: now.Add(time.Minute), Nonce: nonce, Audience: audience, VCT: []string{typeURL},
		IssuerKey: func(*jose.Token, sdjwt.Unverified) (crypto.PublicKey, error) { return issuer.Public(), nil },
	}
}

// subset reports the members of want that got does not have with that value.
func subset(t *testing.T, got any, want string) {
	t.Helper()
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var have, expected map[string]any
	if err := json.Unmarshal(b, &have); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	for name, value := range expected {
		x, _ := json.Marshal(have[name])
		y, _ := json.Marshal(value)
		if !bytes.Equal(x, y) {
			t.Errorf("%s is %s, want %s", name, x, y)
		}
	}
	for _, name := range []string{"_sd", "_sd_alg"} {
		if _, ok := have[name]; ok {
			t.Errorf("%s is left in the processed claims", name)
		}
	}
}

func TestPeerVerifiesOurs(t *testing.T) {
	p := start(t)
	issuer, holder, stranger := newKey(t), newKey(t), newKey(t)
	text := issue(t, issuer, holder, 4)
	base := func(text string) map[string]any {
		return map[string]any{"text": text, "issuer": public(t, issuer), "holder": public(t, holder), "now": now.Unix() + 60, "statusList": statusList(t, issuer)}
	}

	a := p.ask(t, "verify", base(text))
	if a.Error != "" {
		t.Fatalf("the credential: %s", a.Error)
	}
	subset(t, a.Payload, claims)

	selected := []sdjwt.Path{{"name", "given"}, {"courses", 1, "credits"}, {"languages", 1}}
	want := `{"name":{"given":"Jan","family":"Pe\u00ebters"},"courses":[{"title":"a"},{"title":"b","credits":6}],"languages":["fr"],"open":"yes"}`
	a = p.ask(t, "verify", base(present(t, text, nil, selected...)))
	if a.Error != "" {
		t.Fatalf("without key binding: %s", a.Error)
	}
	subset(t, a.Payload, want)

	kb := &sdjwt.KeyBinding{Signer: holder, Nonce: nonce, Audience: audience, IssuedAt: now}
	bound := base(present(t, text, kb, selected...))
	bound["nonce"] = nonce
	a = p.ask(t, "verify", bound)
	if a.Error != "" {
		t.Fatalf("with key binding: %s", a.Error)
	}
	subset(t, a.Payload, want)
	if a.KB.Payload["aud"] != audience {
		t.Errorf("key binding %v", a.KB.Payload)
	}

	// The peer is a check only if it also refuses.
	for name, change := range map[string]func(map[string]any){
		"another issuer": func(m map[string]any) { m["issuer"] = public(t, stranger) },
		"another holder": func(m map[string]any) { m["holder"] = public(t, stranger) },
		"another nonce":  func(m map[string]any) { m["nonce"] = "other" },
		"expired":        func(m map[string]any) { m["now"] = now.AddDate(1, 0, 0).Unix() },
		"revoked":        func(m map[string]any) { m["text"] = present(t, issue(t, issuer, holder, 5), kb, selected...) },
	} {
		m := base(bound["text"].(string))
		m["nonce"] = nonce
		change(m)
		if a := p.ask(t, "verify", m); a.Error == "" {
			t.Errorf("%s: the peer accepts it", name)
		}
	}
}

func TestWeVerifyPeers(t *testing.T) {
	p := start(t)
	issuer, holder := newKey(t), newKey(t)
	var members map[string]any
	if err := json.Unmarshal([]byte(claims), &members); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{"iss": issuerURL, "vct": typeURL, "iat": now.Unix(), "exp": now.AddDate(0, 3, 0).Unix(), "cnf": map[string]any{"jwk": public(t, holder)}} {
		members[name] = value
	}
	issued := p.ask(t, "issue", map[string]any{"claims": members, "key": private(t, issuer), "frame": map[string]any{
		"_sd": []string{"degree", "name"}, "_sd_decoy": 2, "name": map[string]any{"_sd": []string{"given"}}, "languages": map[string]any{"_sd": []int{0, 1}},
		"courses": map[string]any{"1": map[string]any{"_sd": []string{"credits"}}},
	}})
	if issued.Error != "" {
		t.Fatal(issued.Error)
	}
	plain := policy(issuer)
	plain.KeyBinding = sdjwt.BindingForbidden
	v, err := sdjwt.Verify(issued.Text, plain)
	if err != nil {
		t.Fatal(err)
	}
	subset(t, v.Claims, claims)
	if len(v.Disclosed) != 6 {
		t.Errorf("disclosed %v", v.Disclosed)
	}

	frame := map[string]any{"name": map[string]any{"given": true}, "languages": map[string]any{"0": true}}
	request := func(text string) map[string]any {
		return map[string]any{"text": text, "frame": frame, "key": private(t, holder), "nonce": nonce, "audience": audience, "iat": now.Unix()}
	}
	for name, text := range map[string]string{"issued by the peer": issued.Text, "issued by us": issue(t, issuer, holder, 4)} {
		a := p.ask(t, "present", request(text))
		if a.Error != "" {
			t.Fatalf("%s: %s", name, a.Error)
		}
		v, err := sdjwt.Verify(a.Text, policy(issuer))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		subset(t, v.Claims, `{"name":{"given":"Jan","family":"Pe\u00ebters"},"languages":["nl"],"open":"yes"}`)
		if v.Claims.Member("degree") != nil {
			t.Errorf("%s: degree was disclosed", name)
		}
		// The same presentation for another verifier, and stripped of its binding.
		other := policy(issuer)
		other.Audience = "x509_san_dns:other.example.org"
		if _, err := sdjwt.Verify(a.Text, other); err == nil {
			t.Errorf("%s: another audience is accepted", name)
		}
		if _, err := sdjwt.Verify(a.Text[:strings.LastIndexByte(a.Text, '~')+1], policy(issuer)); err == nil {
			t.Errorf("%s: without key binding it is accepted", name)
		}
	}
	m := request(issued.Text)
	delete(m, "key")
	a := p.ask(t, "present", m)
	if a.Error != "" {
		t.Fatal(a.Error)
	}
	if _, err := sdjwt.Verify(a.Text, plain); err != nil {
		t.Errorf("without key binding: %v", err)
	}
}
