package rest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serve(t *testing.T, l net.Listener, h http.Handler, change ...func(*ServeOptions)) (stop func() error) {
	t.Helper()
	log, _ := recordedLog()
	o := ServeOptions{Log: log}
	for _, c := range change {
		c(&o)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, h, o) }()
	return func() error { cancel(); return <-done }
}

func TestServeIsGraceful(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	e, _ := engine(t, Route{Method: "GET", Path: "/slow", Handler: func(r *Request) (Answer, error) {
		close(begun)
		select {
		case <-finish:
		case <-r.Context().Done():
			return Answer{}, r.Context().Err()
		}
		return Text(200, "text/plain", []byte("done")), nil
	}})
	l := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	log, _ := recordedLog()
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, e, ServeOptions{Log: log}) }()
	got := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + l.Addr().String() + "/slow")
		if err != nil {
			got <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		got <- string(b)
	}()
	<-begun
	cancel()
	for { // no new connections, while the old request goes on
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break
		}
		c.Close()
	}
	close(finish)
	if s := <-got; s != "done" {
		t.Errorf("the request under way got %q", s)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestServeCutsAfterGrace(t *testing.T) {
	begun := make(chan struct{})
	e, _ := engine(t, Route{Method: "GET", Path: "/", Handler: func(r *Request) (Answer, error) {
		close(begun)
		<-r.Context().Done()
		return Answer{}, r.Context().Err()
	}})
	l := listen(t)
	stop := serve(t, l, e, func(o *ServeOptions) { o.Grace = 50 * time.Millisecond })
	go http.Get("http://" + l.Addr().String() + "/")
	<-begun
	if err := stop(); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("%v", err)
	}
}

func TestServeLimits(t *testing.T) {
	e, _ := engine(t, Route{Method: "GET", Path: "/", Handler: func(*Request) (Answer, error) { return NoContent(), nil }})
	l := listen(t)
	stop := serve(t, l, e, func(o *ServeOptions) { o.HeaderTimeout = 100 * time.Millisecond; o.MaxHeader = 4 << 10 })
	defer stop()
	req, _ := http.NewRequest("GET", "http://"+l.Addr().String()+"/", nil)
	req.Header.Set("X-Big", strings.Repeat("a", 20<<10))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("large headers: %d", res.StatusCode)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ") // and never more
	if b, err := io.ReadAll(c); err != nil || strings.Contains(string(b), " 204 ") {
		t.Errorf("a slow caller got %q, %v", b, err)
	}
	log, _ := recordedLog()
	l2 := listen(t)
	l2.Close()
	if err := Serve(t.Context(), l2, e, ServeOptions{Log: log}); err == nil {
		t.Error("served on a closed listener")
	}
	if err := Serve(t.Context(), listen(t), e, ServeOptions{}); err == nil {
		t.Error("served without a log")
	}
}

func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestServeMutualTLS(t *testing.T) {
	server, client := certificate(t, "server"), certificate(t, "client")
	pool, clients := x509.NewCertPool(), x509.NewCertPool()
	pool.AddCert(server.Leaf)
	clients.AddCert(client.Leaf)
	e, _ := engine(t, Route{Method: "GET", Path: "/", Handler: func(r *Request) (Answer, error) {
		return Text(200, "text/plain", fmt.Append(nil, r.Certificate().Subject.CommonName, r.HTTP.Proto)), nil
	}})
	l := listen(t)
	stop := serve(t, l, e, func(o *ServeOptions) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert}
	})
	defer stop()
	get := func(c *tls.Config) (*http.Response, error) {
		h := &http.Client{Transport: &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}}
		defer h.CloseIdleConnections()
		return h.Get("https://" + l.Addr().String() + "/")
	}
	res, err := get(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{client}})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if string(b) != "clientHTTP/2.0" || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %v", b, res.Header)
	}
	if res, err := get(&tls.Config{RootCAs: pool}); err == nil {
		res.Body.Close()
		t.Error("served without a client certificate")
	}
	if res, err := get(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{client}, MaxVersion: tls.VersionTLS11}); err == nil {
		res.Body.Close()
		t.Error("served over TLS 1.1")
	}
}

func TestServeUnix(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "admin.sock")
	e, _ := engine(t,
		Route{Method: "GET", Path: "/hello", Handler: func(*Request) (Answer, error) { return Text(200, "text/plain", []byte("hello")), nil }},
		Route{Method: "GET", Path: "/export", Handler: func(*Request) (Answer, error) {
			return Stream("application/jsonl", func(w io.Writer) error { _, err := io.WriteString(w, "{}\n"); return err }), nil
		}},
		Route{Method: "GET", Path: "/cut", Handler: func(*Request) (Answer, error) {
			return Stream("application/jsonl", func(w io.Writer) error {
				io.WriteString(w, "{}\n")
				return errors.New("the disk is gone")
			}), nil
		}},
	)
	// A socket that a dead server left behind is replaced.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()

	log, _ := recordedLog()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ServeUnix(ctx, path, e, ServeOptions{Log: log}) }()
	c := UnixClient(path)
	get := func(p string) (string, error) {
		for {
			res, err := c.Get("http://admin" + p)
			if err != nil && ctx.Err() == nil && strings.Contains(err.Error(), "dial unix") {
				time.Sleep(time.Millisecond)
				continue
			}
			if err != nil {
				return "", err
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			return string(b), err
		}
	}
	if s, err := get("/hello"); s != "hello" || err != nil {
		t.Errorf("%q, %v", s, err)
	}
	if s, err := get("/export"); s != "{}\n" || err != nil {
		t.Errorf("%q, %v", s, err)
	}
	if _, err := get("/cut"); err == nil {
		t.Error("a cut stream looks complete")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := ServeUnix(t.Context(), path, e, ServeOptions{Log: log}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second server: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	left, _ := os.ReadDir(dir)
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	file := filepath.Join(dir, "file")
	os.WriteFile(file, []byte("precious"), 0o600)
	if err := ServeUnix(t.Context(), file, e, ServeOptions{Log: log}); err == nil {
		t.Error("a file was replaced")
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Error("a file was overwritten")
	}
}
