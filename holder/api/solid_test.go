package api_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/holder/pod/solid"
	"github.com/zegel-id/zegel/holder/pod/solid/solidtest"
	"github.com/zegel-id/zegel/holder/unit"
)

// Vaults on a Solid server: it reads the WebID documents of this platform when
// a pod is made, and lets the platform in while they name it.
func TestSolid(t *testing.T) {
	server := solidtest.Start(t)
	p := newPlatform(t, func(p *platform) {
		pods, err := solid.New(solid.Config{
			Server: server.URL, HTTP: &http.Client{Timeout: time.Minute},
			Publish: func(ctx context.Context, webID, issuer, token string) error {
				return p.core.PublishRegistration(ctx, webID, issuer, token)
			},
		})
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { _ = pods.Close() })
		p.config.Pods, p.config.OIDCIssuer, p.config.PodsNeedIssuer = pods, server.URL, true
	})
	ctx := t.Context()
	v, _ := p.vault("lotte")
	if !strings.HasPrefix(v.Info.Storage, server.URL) {
		t.Fatalf("storage %s is not on %s", v.Info.Storage, server.URL)
	}
	name, err := unit.NewName(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Add(ctx, unit.Item{Name: name, Format: "dc+sd-jwt", Type: "https://issuer.example.org/types/x", Title: "Canary", Issuer: "https://issuer.example.org", Copies: []unit.Copy{{Credential: jsontext.Value(`"canary.credential~"`)}}}); err != nil {
		t.Fatal(err)
	}
	item, etag, err := v.Item(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Update(ctx, item, etag); err != nil {
		t.Fatal(err)
	}
	if res, _ := p.get(v.Info.WebID, "text/turtle"); res.StatusCode != 200 {
		t.Fatal(res.StatusCode)
	}
	if res, err := http.Get(v.Info.Storage + name); err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the pod is not private: %v %v", res, err)
	}
	if err := v.Platform.Deactivate(ctx); err != nil {
		t.Fatal(err)
	}
	if r, err := did.VerifyLink(ctx, v.Info.WebID, fetcher{}, did.InsecureLoopback()); err != nil || r.Status != did.Deactivated {
		t.Errorf("%+v %v", r, err)
	}
	if _, _, err := v.Item(ctx, name); err != nil {
		t.Error("reading a deactivated vault:", err)
	}
	if err := v.Platform.Delete(ctx); err != nil {
		t.Fatal(err)
	}
	if r, err := did.VerifyLink(ctx, v.Info.WebID, fetcher{}, did.InsecureLoopback()); err != nil || r.Status != did.Deleted {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := p.signIn("lotte").Vault(ctx); err == nil {
		t.Error("the vault is still there")
	}
}
