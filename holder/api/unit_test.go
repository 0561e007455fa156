package api_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	protocol "github.com/zegel-id/zegel/protocol/vault"
)

// fetcher fetches public documents.
type fetcher struct{}

func (fetcher) Fetch(ctx context.Context, url, accept string) ([]byte, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, "", &did.StatusError{Code: res.StatusCode}
	}
	b, err := io.ReadAll(res.Body)
	return b, res.Header.Get("Content-Type"), err
}

// The wallet unit's whole life with a vault, over HTTP.
func TestWalletUnit(t *testing.T) {
	p := newPlatform(t)
	ctx := t.Context()
	v, code := p.vault("lotte")
	link := func(want did.Status) did.LinkResult {
		t.Helper()
		r, err := did.VerifyLink(ctx, v.Info.WebID, fetcher{}, did.InsecureLoopback())
		if err != nil || r.Status != want {
			t.Fatalf("link is %q, expected %q: %v %+v", r.Status, want, err, r.Checks)
		}
		return r
	}
	if r := link(did.Active); r.Storage != v.Info.Storage || r.Encryption == nil {
		t.Errorf("%+v", r)
	}

	// An item, an index, a receipt.
	name, err := unit.NewName(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	item := unit.Item{Name: name, Format: "dc+sd-jwt", Type: "https://issuer.example.org/types/x", Title: "Canary diploma", Issuer: issuerURL, Added: time.Now(), Copies: []unit.Copy{{Credential: jsontext.Value(`"canary.credential~"`)}}}
	if err := v.Add(ctx, item); err != nil {
		t.Fatal(err)
	}
	receipt, _ := unit.NewName(rand.Reader)
	if err := v.AddReceipt(ctx, receipt, unit.Receipt{At: time.Now(), Organisation: "Canary receiver"}); err != nil {
		t.Fatal(err)
	}
	if e, err := v.Entries(ctx); err != nil || len(e) != 2 || e[0].Title != "Canary diploma" {
		t.Fatalf("%+v %v", e, err)
	}
	got, etag, err := v.Item(ctx, name)
	if err != nil || string(got.Copies[0].Credential) != `"canary.credential~"` {
		t.Fatal(err)
	}
	got.Copies[0].Shown = 1
	if err := v.Update(ctx, got, etag); err != nil {
		t.Fatal(err)
	}
	if err := v.Update(ctx, got, etag); !errors.Is(err, unit.ErrPrecondition) {
		t.Errorf("an update of a version that is gone: %v", err)
	}

	// Another device, with the recovery code.
	other, err := unit.Open(ctx, p.setup(p.signIn("lotte")), code)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := other.Item(ctx, name); err != nil || got.Copies[0].Shown != 1 {
		t.Errorf("%+v %v", got, err)
	}

	// A handle, which an issuer verifies with the published keys.
	text, err := v.Platform.Handle(ctx, issuerURL)
	if err != nil {
		t.Fatal(err)
	}
	_, body := p.get(p.url+"/.well-known/vault-platform", "application/json")
	var set struct {
		Keys []jose.JWK `json:"keys"`
	}
	if err := jose.Unmarshal([]byte(body), &set); err != nil {
		t.Fatal(err)
	}
	h, err := protocol.Verify(text, issuerURL, func(platform string) ([]jose.JWK, error) {
		if platform != p.url {
			return nil, errors.New("other platform")
		}
		return set.Keys, nil
	}, time.Now())
	if err != nil || h.Vault == "" || strings.Contains(v.Info.WebID, h.Vault) {
		t.Errorf("%+v %v", h, err)
	}

	// A share is told before it happens, and stands in the citizen's log.
	if err := v.Platform.Log(ctx, unit.Event{Kind: "share", Organisation: "Receiver", Purpose: "study", LegalBasis: "consent", DataType: item.Type}); err != nil {
		t.Fatal(err)
	}
	_, body = p.do(v.Platform, call{method: "GET", path: "/vault/v1/events"})
	var log struct {
		Events []struct {
			Kind     string `json:"kind"`
			Evidence string `json:"evidence"`
		} `json:"events"`
	}
	if err := jose.Unmarshal([]byte(body), &log); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range log.Events {
		kinds = append(kinds, e.Kind)
		if len(e.Evidence) != 43 {
			t.Errorf("%s has no evidence of the citizen's request", e.Kind)
		}
	}
	for _, k := range []string{"vault.activate", "key.change", "load", "fetch", "share", "login"} {
		if !slices.Contains(kinds, k) {
			t.Errorf("the citizen's log has no %s: %v", k, kinds)
		}
	}

	// Rotation: the unit signs with both keys.
	next, err := unit.NewKeys(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	continuity, err := did.NewRotationProof(v.Keys.DID, 1, v.Info.WebID, next.DID.Public(), time.Now(), did.InsecureLoopback())
	if err != nil {
		t.Fatal(err)
	}
	proofOf := func(n int) string {
		t.Helper()
		s, err := did.NewLinkProof(next.DID, n, v.Info.WebID, v.Keys.Vault.PublicKey(), time.Now(), time.Hour, did.InsecureLoopback())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	jwk, _ := jose.PublicJWK(next.DID.Public())
	if err := v.Platform.Rotate(ctx, jwk, continuity, proofOf(2)); err != nil {
		t.Fatal(err)
	}
	link(did.Active)

	// Deactivated: reading works, nothing else.
	if err := v.Platform.Deactivate(ctx); err != nil {
		t.Fatal(err)
	}
	link(did.Deactivated)
	if _, _, err := v.Item(ctx, name); err != nil {
		t.Error("reading a deactivated vault:", err)
	}
	for what, err := range map[string]error{
		"load": v.Update(ctx, got, etag), "share": v.Platform.Log(ctx, unit.Event{Kind: "share", Organisation: "x", Purpose: "x", LegalBasis: "x", DataType: "x"}),
		"handle": func() error { _, err := v.Platform.Handle(ctx, issuerURL); return err }(),
	} {
		var r *unit.Refusal
		if !errors.As(err, &r) || r.Status != http.StatusLocked {
			t.Errorf("%s in a deactivated vault: %v", what, err)
		}
	}
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // link proofs have whole seconds
	if err := v.Platform.Reactivate(ctx, proofOf(2)); err != nil {
		t.Fatal(err)
	}
	link(did.Active)
	if err := v.Remove(ctx, name); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Item(ctx, name); !errors.Is(err, unit.ErrNotFound) {
		t.Error(err)
	}

	p.canary()

	// Deleted: all documents answer 410, and the sessions are over.
	if err := v.Platform.Delete(ctx); err != nil {
		t.Fatal(err)
	}
	link(did.Deleted)
	for _, x := range []string{"", "/did.json", "/link.jwt", "/rotations.json"} {
		if res, _ := p.get(v.Info.WebID+x, "*/*"); res.StatusCode != http.StatusGone {
			t.Errorf("%s answers %d after deletion", x, res.StatusCode)
		}
	}
	var r *unit.Refusal
	if _, err := v.Platform.Vault(ctx); !errors.As(err, &r) || r.Status != http.StatusUnauthorized {
		t.Error(err)
	}
	if _, err := p.signIn("lotte").Vault(ctx); !errors.Is(err, unit.ErrNotFound) {
		t.Error(err)
	}
	// A new one is another one.
	if again, _ := p.vault("lotte"); again.Info.WebID == v.Info.WebID || again.Info.Storage == v.Info.Storage {
		t.Error("an identifier was used again")
	}
}

// canary looks for what must stand in no file and no line.
func (p *platform) canary() {
	p.t.Helper()
	secrets := []string{lotte, sam, "80.61.01-001.39", "Lotte Can", "Canari", "Canary", "canary.credential"}
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, s := range secrets {
			if strings.Contains(string(b), s) {
				p.t.Errorf("%s holds %q", path, s)
			}
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if !strings.Contains(p.lines.String(), "/vault/v1/items/:name") {
		p.t.Error("requests are not logged")
	}
	for _, s := range append(secrets, "profiles/", "code=", "DPoP ey") {
		for line := range strings.SplitSeq(p.lines.String(), "\n") {
			if strings.Contains(strings.ReplaceAll(line, "/profiles/:uuid", ""), s) {
				p.t.Errorf("the program's log holds %q: %s", s, line)
			}
		}
	}
}
