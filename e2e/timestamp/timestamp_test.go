package timestamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
)

const message = "a signature value"

// start runs the server with further arguments, and gives its address.
func start(t *testing.T, signer ...string) string {
	dir := t.TempDir()
	server := filepath.Join(dir, "timestamp-server")
	build := exec.Command("go", "build", "-o", server, "github.com/sigstore/timestamp-authority/cmd/timestamp-server")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the server: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()

	var log bytes.Buffer
	cmd := exec.Command(server, append([]string{"serve", "--host", "127.0.0.1", "--port", port, "--scheme", "http", "--disable-ntp-monitoring", "--include-chain-in-response"}, signer...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed, so it ends with an error
		if t.Failed() {
			t.Log(log.String())
		}
	})
	address := "http://127.0.0.1:" + port
	for range 300 {
		if res, err := http.Get(address + "/ping"); err == nil {
			res.Body.Close()
			return address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the server does not answer")
	return ""
}

func fetch(t *testing.T, url string) []byte {
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("HTTP status %d: %v", res.StatusCode, err)
	}
	return b
}

func TestSigstore(t *testing.T) {
	address := start(t, "--timestamp-signer", "memory") // with a chain that it makes itself
	chain, err := trust.ParsePEM(fetch(t, address+"/api/v1/timestamp/certchain"))
	if err != nil {
		t.Fatal(err)
	}
	root := chain[len(chain)-1]
	store, err := trust.NewStore(trust.Anchors{trust.UseTimeStamp: {root}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	client := &tsp.Client{
		HTTP: http.DefaultClient, Trust: store, Random: rand.Reader, Now: time.Now, MaxAccuracy: time.Second,
		Authorities: []tsp.Authority{{URL: address + "/nowhere"}, {URL: address + "/api/v1/timestamp"}},
	}
	ctx := context.Background()

	t.Run("stamps", func(t *testing.T) {
		for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			digest := h.New()
			digest.Write([]byte(message))
			token, err := client.Stamp(ctx, h, digest.Sum(nil))
			if err != nil {
				t.Fatal(err)
			}
			if token.Policy.String() != "1.3.6.1.4.1.57264.2" || token.Accuracy != time.Second {
				t.Errorf("%s, accuracy %s", token, token.Accuracy)
			}
		}
	})

	t.Run("OpenSSL verifies what is stored", func(t *testing.T) {
		digest := sha256.Sum256([]byte(message))
		token, err := client.Stamp(ctx, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for name, content := range map[string][]byte{"token": token.Raw, "data": []byte(message), "root": trust.EncodePEM(root)} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		verify := exec.Command("openssl", "ts", "-verify", "-in", "token", "-token_in", "-data", "data", "-CAfile", "root")
		verify.Dir = dir
		if out, err := verify.CombinedOutput(); err != nil || !strings.Contains(string(out), "Verification: OK") {
			t.Errorf("%v: %s", err, out)
		}
	})

	t.Run("trusted for seals only", func(t *testing.T) {
		seals, err := trust.NewStore(trust.Anchors{trust.UseSeal: {root}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		other := *client
		other.Trust = seals
		digest := sha256.Sum256([]byte(message))
		_, err = other.Stamp(ctx, crypto.SHA256, digest[:])
		host := strings.TrimPrefix(address, "http://")
		if !errors.Is(err, trust.ErrNoPath) || !strings.Contains(err.Error(), fmt.Sprintf("%s: the authority did not answer as asked: HTTP status 404", host)) {
			t.Errorf("found %v", err)
		}
	})
}
