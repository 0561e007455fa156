package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/testport"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// vcServer is `zegel serve` with the verifiable credential API alone.
type vcServer struct {
	t           *testing.T
	config, url string
	key         string
}

func newVCServer(t *testing.T) *vcServer {
	t.Helper()
	dir := t.TempDir()
	run := func(args ...string) {
		c := keysCommand()
		c.SetArgs(args)
		c.SetOut(io.Discard)
		if err := c.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	keys := filepath.Join(dir, "keys")
	if err := initKeys(keys, devca.Options{Now: time.Now(), Issuer: "https://issuer.example.org"}); err != nil {
		t.Fatal(err)
	}
	for _, suite := range []string{"eddsa-rdfc-2022", "ecdsa-sd-2023", "bbs-2023", "ecdsa-jcs-2019", "jwt"} {
		run("instance", suite, "--dir", keys, "--cryptosuite", suite)
	}
	_, port, _ := net.SplitHostPort(testport.Free(t))
	key, digest := rest.NewKey()
	s := &vcServer{t: t, config: filepath.Join(dir, "zegel.yaml"), url: "http://localhost:" + port, key: key}
	text := fmt.Sprintf(`
profile: development
data: data
keys: keys
vc_api:
  url: %s
  clients: [{id: tester, key_sha256: [%s], permissions: [issue, hold, verify]}]
  issuers:
    - {name: ed, cryptosuite: eddsa-rdfc-2022, key: keys/vc-api/eddsa-rdfc-2022.pem, status: true}
    - {name: ecdsa-sd-2023, cryptosuite: ecdsa-sd-2023}
    - {name: bbs-2023, cryptosuite: bbs-2023}
    - {name: ecdsa-jcs-2019, cryptosuite: ecdsa-jcs-2019}
    - {name: jwt, cryptosuite: jwt}
  holders:
    - {name: eddsa-rdfc-2022, cryptosuite: eddsa-rdfc-2022}
`, s.url, digest)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// run serves while f runs.
func (s *vcServer) run(f func()) {
	s.t.Helper()
	c, err := LoadConfig(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, c, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
	ready := false
	for range 2400 { // a minute: machines are slow now and then
		res, err := http.Get(s.url + "/health/ready")
		if err == nil {
			res.Body.Close()
			ready = true
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	if ready {
		f()
	} else {
		s.t.Error("the server was not ready within a minute")
	}
	stop()
	if err := <-done; err != nil {
		s.t.Error(err)
	}
}

// post answers with the members of what came.
func (s *vcServer) post(path string, want int, body any) map[string]any {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequest("POST", s.url+path, bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if s.key != "" {
		req.Header.Set("Authorization", "Bearer "+s.key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode != want {
		s.t.Fatalf("%s: %d %s", path, res.StatusCode, answer)
	}
	out := map[string]any{}
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &out); err != nil {
			s.t.Fatal(err)
		}
	}
	return out
}

type object = map[string]any

// issue has a credential signed under the identifier that the server asks for.
func (s *vcServer) issue(issuer, id string) any {
	s.t.Helper()
	c := object{
		"@context": []string{"https://www.w3.org/ns/credentials/v2"}, "id": id, "type": []string{"VerifiableCredential"}, "issuer": "did:example:nobody",
		"name": "A diploma", "credentialSubject": object{"id": "did:example:subject", "description": "passed"},
	}
	remedy := s.post("/issuers/"+issuer+"/credentials/issue", http.StatusBadRequest, object{"credential": c})["remedy"].(string)
	if _, err := fmt.Sscanf(remedy, "Write %s as issuer", &id); err != nil {
		s.t.Fatalf("%s: %v", remedy, err)
	}
	c["issuer"] = id
	return s.post("/issuers/"+issuer+"/credentials/issue", http.StatusCreated, object{"credential": c})["verifiableCredential"]
}

func (s *vcServer) verified(path string, body object, want bool) {
	s.t.Helper()
	if r := s.post(path, http.StatusOK, body); r["verified"] != want {
		s.t.Errorf("%s: %v", path, r)
	}
}

// The whole of it, by the configuration and over HTTP: and what the server keeps
// outlives it.
func TestVCAPI(t *testing.T) {
	s := newVCServer(t)
	const id = "urn:uuid:6f5b3a5e-6b0c-4b5e-9a3a-000000000001"
	change := object{"credentialId": id, "credentialStatus": object{"type": "BitstringStatusListEntry", "statusPurpose": "revocation"}, "status": true}
	var revoked any
	s.run(func() {
		var shown []any
		for _, issuer := range []string{"ecdsa-sd-2023", "bbs-2023"} {
			base := s.issue(issuer, "urn:uuid:1")
			s.verified("/credentials/verify", object{"verifiableCredential": base}, false)
			derived := s.post("/credentials/derive", http.StatusCreated, object{"verifiableCredential": base, "options": object{"selectivePointers": []string{"/credentialSubject"}}})
			shown = append(shown, derived["verifiableCredential"])
		}
		for _, issuer := range []string{"ecdsa-jcs-2019", "jwt"} {
			shown = append(shown, s.issue(issuer, "urn:uuid:1"))
		}
		revoked = s.issue("ed", id)
		shown = append(shown, revoked)
		for _, vc := range shown {
			s.verified("/credentials/verify", object{"verifiableCredential": vc}, true)
		}
		bound := object{"challenge": "c", "domain": "d"}
		vp := s.post("/holders/eddsa-rdfc-2022/presentations", http.StatusCreated, object{
			"presentation": object{"@context": []string{"https://www.w3.org/ns/credentials/v2"}, "type": []string{"VerifiablePresentation"}, "verifiableCredential": shown}, "options": bound,
		})["verifiablePresentation"]
		s.verified("/presentations/verify", object{"verifiablePresentation": vp, "options": bound}, true)
		s.verified("/presentations/verify", object{"verifiablePresentation": vp, "options": object{"challenge": "x", "domain": "d"}}, false)
		s.post("/issuers/ed/credentials/status", http.StatusOK, change)
		s.verified("/credentials/verify", object{"verifiableCredential": revoked}, false)
		s.verified("/presentations/verify", object{"verifiablePresentation": vp, "options": bound}, false)

		key := s.key
		for _, s.key = range []string{"", "zk_wrong"} {
			s.post("/credentials/verify", http.StatusUnauthorized, object{"verifiableCredential": revoked})
		}
		s.key = key
	})
	s.run(func() {
		s.verified("/credentials/verify", object{"verifiableCredential": revoked}, false)
		s.verified("/credentials/verify", object{"verifiableCredential": revoked, "options": object{"checks": []string{"proof"}}}, true)
		change["status"] = false
		s.post("/issuers/ed/credentials/status", http.StatusConflict, change)
	})
}

// With the network it still asks nobody inside: whoever sends a credential chooses
// where its key would be.
func TestVCAPINetwork(t *testing.T) {
	s := newVCServer(t)
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.config, bytes.Replace(text, []byte("vc_api:\n"), []byte("vc_api:\n  network: true\n"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(func() {
		vc := s.issue("ecdsa-jcs-2019", "urn:uuid:1").(object)
		for issuer, why := range map[string]string{
			"https://169.254.169.254/latest/meta-data": "not an IP address", "https://[fd00:ec2::254]/": "not an IP address", "https://10.0.0.1/": "not an IP address",
			"http://169.254.169.254/latest": "expected did:key", "did:web:169.254.169.254": "not an IP address",
		} {
			vc["issuer"] = issuer
			vc["proof"].(object)["verificationMethod"] = issuer + "#key"
			r := s.post("/credentials/verify", http.StatusOK, object{"verifiableCredential": vc})
			if said, _ := json.Marshal(r["problemDetails"]); r["verified"] != false || !bytes.Contains(said, []byte(why)) {
				t.Errorf("%s: %v, want %s", issuer, r, why)
			}
		}
	})
}

// A key is never written over, and the refusal says which and what helps.
func TestKeysInstanceIsKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "vc-api", "one.pem")
	run := func() error {
		c := keysCommand()
		c.SetArgs([]string{"instance", "one", "--dir", dir, "--cryptosuite", "eddsa-rdfc-2022"})
		c.SetOut(io.Discard)
		c.SetErr(io.Discard)
		return c.ExecuteContext(t.Context())
	}
	if err := run(); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := run(); err == nil || !strings.HasPrefix(err.Error(), path+" is there already") {
		t.Errorf("%v", err)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(first, again) {
		t.Errorf("the key was changed: %v", err)
	}
}
