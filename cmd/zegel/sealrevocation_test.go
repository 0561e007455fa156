package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/devocsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// The settings of verifier.trust.revocation hold for the command as for the server:
// a time-stamp authority whose certificates name a responder alone, and a table in
// which an algorithm has ended.
func TestSealVerifyRevocation(t *testing.T) {
	dir, now := t.TempDir(), time.Now().UTC().Truncate(time.Second)
	if err := initKeys(filepath.Join(dir, "keys"), devca.Options{Now: now.Add(-time.Minute), Issuer: "https://issuer.example.org"}); err != nil {
		t.Fatal(err)
	}
	h, err := loadHierarchy(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	var responder *devocsp.Responder
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res, err := responder.Do(r)
		if err != nil {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/ocsp-response")
		_, _ = io.Copy(w, res.Body)
	}))
	defer server.Close()
	tsa, err := devtsa.New(devtsa.Options{Now: func() time.Time { return now }, Bend: func(c *x509.Certificate) { c.OCSPServer = []string{server.URL} }})
	if err != nil {
		t.Fatal(err)
	}
	revoked := false
	responder = &devocsp.Responder{Issuer: tsa.Root, Certificate: tsa.Root, Key: tsa.RootKey, Now: time.Now, Says: func(*big.Int) devocsp.Status {
		if revoked {
			return devocsp.Status{Revoked: now.Add(-time.Hour), Reason: 1}
		}
		return devocsp.Status{}
	}}
	file, err := evidence.Lift(sealedBy(t, h, now))
	if err != nil {
		t.Fatal(err)
	}
	imprint, err := file.Imprint(evidence.SignatureTimeStamp, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	token, err := tsa.Token(devtsa.Stamp{Hash: crypto.SHA256, Imprint: imprint, Time: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := file.AddTimeStamp(evidence.SignatureTimeStamp, token); err != nil {
		t.Fatal(err)
	}
	stamped, err := file.Marshal(evidence.Flattened)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("r.yaml", nil)
	write("stamps.pem", trust.EncodePEM(tsa.Root))
	write("ended.json", []byte(`{"version":"of the tests","digests":[{"name":"SHA-256"}],"keys":[{"name":"ECDSA","bits":256,"until":"2020-01-01"}]}`))
	config := func(name, revocation string) string {
		return write(name, []byte("profile: development\ndata: d\nkeys: keys\nverifier: {url: \"http://localhost:8083\", receivers: r.yaml, trust: {timestamp_anchors: stamps.pem"+revocation+"}}\n"))
	}
	for _, c := range []struct {
		name    string
		path    string
		revoked bool
		status  int
		level   seal.Level
		sub     seal.SubIndication
		asked   bool
	}{
		{"lists alone", config("a.yaml", ""), false, 1, seal.BaselineB, "", false},
		{"responders", config("b.yaml", ", revocation: {prefer: ocsp}"), false, 0, seal.BaselineT, "", true},
		{"lists first, with a nonce", config("c.yaml", ", revocation: {prefer: crl, nonce: true}"), false, 0, seal.BaselineT, "", true},
		{"the responder says revoked", config("d.yaml", ", revocation: {prefer: ocsp}"), true, 1, seal.BaselineB, "", true},
		{"an algorithm that ended", config("e.yaml", ", revocation: {prefer: ocsp, algorithms: ended.json}"), false, 1, seal.BaselineB, seal.CryptoConstraintsFailure, false},
		{"no table", config("f.yaml", ", revocation: {prefer: crl, algorithms: none.json}"), false, 2, "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			revoked = c.revoked
			before := responder.Asked()
			status, stdout, stderr := sealed(t, string(stamped), "-", "--json", "--config", c.path)
			if status != c.status || c.status == 2 && !bytes.Contains([]byte(stderr), []byte("verifier.trust.revocation.algorithms")) {
				t.Fatalf("status %d\n%s%s", status, stdout, stderr)
			}
			if status == 2 {
				return
			}
			var r report.Report
			if err := json.Unmarshal([]byte(stdout), &r); err != nil || r.Level != c.level || r.SubIndication != c.sub || (responder.Asked() > before) != c.asked {
				t.Errorf("level %s, %s, asked %d, %v\n%s", r.Level, r.SubIndication, responder.Asked()-before, err, r.Checks)
			}
			// The server says the same.
			server, err := LoadConfig(c.path)
			if err != nil {
				t.Fatal(err)
			}
			a := &app{c: server, log: slog.New(slog.DiscardHandler), now: time.Now, history: newHistory(t), operator: fetch.Operator(fetch.Options{PlainLoopback: true})}
			defer a.Close()
			if err := a.openTrust(t.Context()); err != nil {
				t.Fatal(err)
			}
			trusts, err := a.verifierTrust(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			judged, err := report.Judge(t.Context(), trusts.validator(), stamped, time.Now())
			if err != nil || judged.Level != c.level || judged.SubIndication != c.sub || judged.Accepted != (c.status == 0) {
				t.Errorf("the server says %s %s, %v\n%s", judged.Level, judged.SubIndication, err, judged.Checks)
			}
		})
	}
}
