package trust_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devocsp"
)

// openssl runs the command, which knows OCSP from elsewhere.
func openssl(t testing.TB, dir string, args ...string) (string, error) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is not there")
		}
		t.Skip("SKIPPED: openssl is not there")
	}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func write(t testing.TB, dir, name string, content []byte) {
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// opensslResponder answers requests with `openssl ocsp`, of what its index says.
func opensslResponder(t testing.TB, dir string, a answered, index string, more ...string) doer {
	der, err := x509.MarshalPKCS8PrivateKey(a.by.key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "by.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	write(t, dir, "by.pem", trust.EncodePEM(a.by.cert))
	write(t, dir, "ca.pem", trust.EncodePEM(a.ca.cert))
	write(t, dir, "leaf.pem", trust.EncodePEM(a.leaf.cert))
	write(t, dir, "index.txt", []byte(index))
	return func(q *http.Request) (*http.Response, error) {
		var request []byte
		if q.Method == http.MethodGet {
			text, err := url.QueryUnescape(path.Base(q.URL.EscapedPath()))
			if err != nil {
				return nil, err
			}
			if request, err = base64.StdEncoding.DecodeString(text); err != nil {
				return nil, err
			}
		} else if request, err = io.ReadAll(q.Body); err != nil {
			return nil, err
		}
		write(t, dir, "request", request)
		args := append([]string{"ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", "by.pem", "-rkey", "by.key", "-reqin", "request", "-respout", "answer"}, more...)
		if out, err := openssl(t, dir, args...); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		answer, err := os.ReadFile(filepath.Join(dir, "answer"))
		if err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/ocsp-response"}}, Body: io.NopCloser(bytes.NewReader(answer))}, nil
	}
}

// aged is newAnswered about the clock of the machine, which openssl has.
func aged(t testing.TB) answered {
	at := time.Now()
	root := authority("CA")
	root.NotBefore, root.NotAfter = at.Add(-time.Hour), at.Add(24*time.Hour)
	ca := mint(t, root, nil)
	by := mint(t, devocsp.Template("Responder", at.Add(-time.Hour), at.Add(time.Hour)), &ca)
	c := leaf("Leaf")
	c.NotBefore, c.NotAfter, c.OCSPServer = at.Add(-time.Hour), at.Add(time.Hour), []string{responderURL}
	return answered{ca, by, mint(t, c, &ca), &devocsp.Responder{Issuer: ca.cert, Certificate: by.cert, Key: by.key, Now: time.Now}}
}

// OpenSSL understands what we ask, repeats a nonce, and is understood.
func TestRespondersOpenSSL(t *testing.T) {
	a := aged(t)
	line := func(state, since string) string {
		return fmt.Sprintf("%s\t%s\t%s\t%X\tunknown\t/CN=Leaf\n", state, a.leaf.cert.NotAfter.UTC().Format("060102150405Z"), since, a.leaf.cert.SerialNumber)
	}
	at := time.Now()
	gone := at.Add(-10 * time.Minute).UTC().Truncate(time.Second)
	for name, tc := range map[string]struct {
		index  string
		nonces io.Reader
		more   []string
		want   trust.State
		says   string
	}{
		"good":             {line("V", ""), rand.Reader, []string{"-nmin", "60"}, trust.Good, "good by"},
		"without a nonce":  {line("V", ""), nil, []string{"-nmin", "60"}, trust.Good, "good by"},
		"revoked":          {line("R", gone.Format("060102150405Z")+",keyCompromise"), rand.Reader, []string{"-nmin", "60"}, trust.Revoked, "reason 1"},
		"not in its index": {"", rand.Reader, []string{"-nmin", "60"}, trust.Unknown, "does not know"},
		"no next update":   {line("V", ""), rand.Reader, nil, trust.Unknown, "nextUpdate is missing"},
	} {
		r := trust.NewResponders(opensslResponder(t, t.TempDir(), a, tc.index, tc.more...), tc.nonces, nil)
		got, err := r.Revocation(t.Context(), a.leaf.cert, a.ca.cert, time.Now())
		if err != nil || got.State != tc.want || !strings.Contains(got.Detail, tc.says) || tc.want == trust.Revoked && !got.Since.Equal(gone) {
			t.Errorf("%s: found %+v, %v", name, got, err)
		}
	}
}

// The responder that tests use is one that OpenSSL believes.
func TestDevelopmentResponderOpenSSL(t *testing.T) {
	a, dir := aged(t), t.TempDir()
	opensslResponder(t, dir, a, "")
	_, value, err := trust.NewResponders(a.responder, nil, nil).RevocationValue(t.Context(), a.leaf.cert, a.ca.cert, time.Now())
	if err != nil || value.OCSP == nil {
		t.Fatal(err)
	}
	write(t, dir, "answer", value.OCSP)
	out, err := openssl(t, dir, "ocsp", "-respin", "answer", "-issuer", "ca.pem", "-cert", "leaf.pem", "-CAfile", "ca.pem", "-no_nonce")
	if err != nil || !strings.Contains(out, "Response verify OK") || !strings.Contains(out, "leaf.pem: good") {
		t.Errorf("%v: %s", err, out)
	}
}
