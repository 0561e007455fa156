package unit_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/holder/api"
	"github.com/zegel-id/zegel/holder/pod/localdir"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/store/embedded"
)

// platform is the real vault platform, in memory of its own network, with one
// citizen who does not exist.
type platform struct {
	t       *testing.T
	net     *network
	holder  *holder.Holder
	citizen holder.Citizen
	time    atomic.Int64 // seconds after at
}

func (p *platform) now() time.Time { return at.Add(time.Duration(p.time.Load()) * time.Second) }

func newPlatform(t *testing.T) *platform {
	t.Helper()
	p := &platform{t: t, net: newNetwork()}
	dir := t.TempDir()
	s := must(embedded.Open(dir+"/store", embedded.Options{Now: p.now}))(t)
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l := must(audit.Open(dir+"/log", audit.Options{Signer: signer, Now: p.now}))(t)
	pods := must(localdir.New(dir+"/pods", platformURL+"/pods/"))(t)
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), pods.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	quiet := slog.New(slog.DiscardHandler)
	p.holder = must(holder.New(holder.Config{
		URL: platformURL, Store: s, Profiles: &profiles.Profiles{Store: s}, Pods: pods, Log: l,
		Names: must(audit.NewPseudonyms(bytes.Repeat([]byte("n"), 32)))(t), Key: bytes.Repeat([]byte("k"), 32), HandleKey: newKey(t),
		OIDCIssuer: "https://op.example", Now: p.now, Logger: quiet,
	}))(t)
	p.citizen = must(p.holder.Citizen(must(identifier.ParseINSZ("80610100139"))(t)))(t)
	p.net.hosts["vault.example"] = api.New(p.holder, nil, api.Options{Log: quiet, Now: p.now})
	return p
}

// signIn is a session of one more device.
func (p *platform) signIn() unit.Setup {
	p.t.Helper()
	c := &unit.Platform{Base: platformURL, HTTP: p.net, Now: p.now, Key: newKey(p.t)}
	verifier := oauth.NewVerifier()
	code := must(p.holder.SignedIn(p.t.Context(), p.citizen, oauth.Challenge(verifier)))(p.t)
	must(c.StartSession(p.t.Context(), code.Reveal(), verifier))(p.t)
	return unit.Setup{Platform: c, Random: rand.Reader, Now: p.now}
}

// interrupt makes the n-th request from now fail: before it arrives, or after,
// when only its answer is lost. It reports whether it came so far.
func (p *platform) interrupt(n int, arrives bool) (reached func() bool) {
	var count atomic.Int64
	f := func(*http.Request) error {
		if count.Add(1) == int64(n) {
			return errLine
		}
		return nil
	}
	p.net.before, p.net.after = nil, nil
	if arrives {
		p.net.after = f
	} else {
		p.net.before = f
	}
	return func() bool {
		p.net.before, p.net.after = nil, nil
		return count.Load() >= int64(n)
	}
}

// active holds the published documents against each other.
func (p *platform) active(v *unit.Vault) did.LinkResult {
	p.t.Helper()
	r, err := did.VerifyLink(p.t.Context(), v.Info.WebID, documents{p.net}, did.Clock(p.now))
	if err != nil || r.Status != did.Active {
		p.t.Fatalf("%v %+v", err, r)
	}
	return r
}

// usable opens the vault on another device and uses it.
func (p *platform) usable(code unit.RecoveryCode) *unit.Vault {
	p.t.Helper()
	v := must(unit.Open(p.t.Context(), p.signIn(), code))(p.t)
	p.active(v)
	it := item(p.t, "x")
	if err := v.Add(p.t.Context(), it); err != nil {
		p.t.Fatal(err)
	}
	if got, _, err := v.Item(p.t.Context(), it.Name); err != nil || got.Title != "x" {
		p.t.Fatal(err)
	}
	return v
}

type documents struct{ net *network }

// Fetch implements did.Fetcher.
func (d documents) Fetch(ctx context.Context, url, accept string) ([]byte, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", accept)
	res, err := d.net.Do(req)
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
