package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// entitySite publishes a list and a revocation list.
type entitySite struct {
	*httptest.Server
	list atomic.Value // string; empty is out of order
}

// A wallet accepts receivers whose authority is on the list of access certificate
// providers: the list is fetched each time, kept until its next update, and nothing
// that is no such list stands in for it.
func TestWalletFollowsAccessList(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	hierarchy := func() *devca.Hierarchy {
		t.Helper()
		h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example.org"})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	certified := func(h *devca.Hierarchy) *x509.Certificate {
		t.Helper()
		c, err := h.IssueAccess(ecKey(t).Public(), devca.AccessRequest{Organization: "Receiver (TEST)", Registration: "NTRBE-0999999922"}, now)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	h, other := hierarchy(), hierarchy()
	receiver, revoked, stranger := certified(h), certified(h), certified(other)
	first := h.AccessList
	if err := h.Revoke(revoked, 1, now); err != nil { // signs the lists anew, too
		t.Fatal(err)
	}
	if err := h.Refresh(now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}

	site := new(entitySite)
	site.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		list := site.list.Load().(string)
		switch {
		case r.URL.Path == "/crl":
			rw.Write(h.AccessCRL)
		case list == "":
			http.Error(rw, "out of order", http.StatusServiceUnavailable)
		default:
			rw.Write([]byte(list))
		}
	}))
	t.Cleanup(site.Close)

	signer := string(trust.EncodePEM(h.ListSigner.Certificate))
	listed := environment{
		Development: true, AccessList: &walletEntities{Location: site.URL + "/list", Certificates: signer},
		CRLs: []crl{{URL: site.URL + "/crl", Issuer: string(trust.EncodePEM(h.AccessCA.Certificate))}},
	}
	var told []string
	// ask is what a command says of a certificate, some time after the lists were made.
	ask := func(home string, e environment, list string, c *x509.Certificate, after time.Duration) error {
		t.Helper()
		site.list.Store(list)
		told = nil
		at := now.Add(time.Hour + after)
		w := &wallet{home: home, now: func() time.Time { return at }, tell: func(s string) { told = append(told, s) }, state: walletState{Environment: e}}
		access, err := w.access(t.Context())
		if err != nil {
			return err
		}
		return access.VerifyChain(t.Context(), []*x509.Certificate{c}, at)
	}

	home := t.TempDir()
	if err := ask(home, listed, h.AccessList, receiver, 0); err != nil || told != nil {
		t.Fatalf("a listed authority: %v, %v", err, told)
	}
	if err := ask(home, listed, h.AccessList, stranger, 0); !errors.Is(err, trust.ErrNoPath) {
		t.Errorf("an authority that is not listed: %v", err)
	}
	if err := ask(home, listed, h.AccessList, revoked, 0); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("a revoked certificate: %v", err)
	}
	// What may not replace the list that is kept.
	for name, list := range map[string]string{
		"none": "", "an older one": first, "another operator's": other.AccessList, "of another kind": h.List, "a changed one": h.AccessList[:len(h.AccessList)-8] + "AAAAAAAA",
	} {
		if err := ask(home, listed, list, receiver, time.Hour); err != nil || len(told) != 1 || !strings.Contains(told[0], "The list of before is used until") {
			t.Errorf("%s: %v, %q", name, err, told)
		}
		if name == "an older one" {
			continue // to a wallet that saw none it is good
		}
		if err := ask(t.TempDir(), listed, list, receiver, time.Hour); err == nil || told != nil {
			t.Errorf("%s, with none kept: %v, %q", name, err, told)
		}
	}
	d, err := trust.ReadList(h.AccessList)
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(home, listed, "", receiver, d.LoTE.Scheme.NextUpdate.Sub(now)); err == nil || !strings.Contains(err.Error(), "fetching the list") {
		t.Errorf("a list that ran out, and no other: %v", err)
	}
	if err := ask(home, listed, h.AccessList, receiver, d.LoTE.Scheme.NextUpdate.Sub(now)); !errors.Is(err, trust.ErrListExpired) {
		t.Errorf("a list that ran out: %v", err)
	}

	// One way to say who they are, and not two.
	named := environment{Development: true, AccessAnchors: string(trust.EncodePEM(h.AccessCA.Certificate)), CRLs: listed.CRLs}
	both, neither := listed, named
	both.AccessAnchors, neither.AccessAnchors = named.AccessAnchors, ""
	unsigned := listed
	unsigned.AccessList = &walletEntities{Location: listed.AccessList.Location}
	for name, e := range map[string]environment{"both": both, "neither": neither, "no signer": unsigned} {
		if err := ask(filepath.Join(home, "x"), e, h.AccessList, receiver, 0); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := ask(home, named, "", receiver, 0); err != nil {
		t.Errorf("an environment that names the authority: %v", err)
	}
	// An authority's own certificate asks for nothing.
	pinned := named
	pinned.AccessAnchors = string(trust.EncodePEM(receiver))
	if err := ask(home, pinned, "", receiver, 0); err == nil {
		t.Error("a certificate that nobody could revoke was accepted")
	}
}

// The list of providers, too, is kept until its next update.
func TestWalletKeepsProviderList(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	var list atomic.Value
	list.Store(h.List)
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if s := list.Load().(string); s != "" {
			rw.Write([]byte(s))
			return
		}
		http.Error(rw, "out of order", http.StatusServiceUnavailable)
	}))
	t.Cleanup(site.Close)
	home := t.TempDir()
	var told []string
	wallet := func(at time.Time) error {
		told = nil
		w := &wallet{home: home, now: func() time.Time { return at }, tell: func(s string) { told = append(told, s) }}
		w.state.Environment = environment{
			Development: true, ProviderList: site.URL, SealAnchors: string(trust.EncodePEM(h.SealCA.Certificate)), ListAnchors: string(trust.EncodePEM(h.ListSigner.Certificate)),
		}
		_, err := w.trusted(t.Context())
		return err
	}
	if err := wallet(now); err != nil || told != nil {
		t.Fatalf("%v, %q", err, told)
	}
	list.Store("")
	if err := wallet(now.Add(24 * time.Hour)); err != nil || len(told) != 1 || !strings.Contains(told[0], "is used until") {
		t.Errorf("%v, %q", err, told)
	}
	if err := wallet(now.AddDate(1, 0, 0)); err == nil {
		t.Error("a list that ran out was used")
	}
}

// An environment that does not say whom to trust makes no wallet.
func TestActivateRefusesEnvironment(t *testing.T) {
	e := someEnvironment(t)
	e.AccessAnchors = e.SealAnchors
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	home, out := t.TempDir(), new(bytes.Buffer)
	c := walletCommand()
	c.SetArgs([]string{"activate", "--home", home, "--environment", write(t, string(b))})
	c.SetOut(out)
	c.SetErr(out)
	if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "access_list and access_anchors") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(home, "wallet.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a wallet was made: %v", err)
	}
}
