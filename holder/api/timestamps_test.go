package api_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/seal/tsp"
)

// carrier stands for the authorities of a platform.
type carrier struct {
	asked int
	err   error
}

func (c *carrier) Relay(_ context.Context, r tsp.Request) ([]byte, error) {
	c.asked++
	if c.err != nil {
		return nil, c.err
	}
	return append([]byte("reply to "), r.Imprint...), nil
}

// Only a plain request for a digest, of the citizen of an active vault, is
// carried; what the authorities say reaches nobody but the log.
func TestTimestamps(t *testing.T) {
	stamps := &carrier{}
	p := newPlatform(t, func(p *platform) { p.config.Stamps = stamps })
	c := p.signIn("lotte")
	sum := sha256.Sum256([]byte("x"))
	r, err := tsp.NewRequest(crypto.SHA256, sum[:], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	post := func(body, kind string) (*http.Response, string) {
		return p.do(c, call{method: "POST", path: "/vault/v1/timestamps", body: body, header: http.Header{"Content-Type": {kind}}})
	}
	const query = "application/timestamp-query"
	if res, body := post(string(der), query); res.StatusCode != http.StatusNotFound {
		t.Errorf("without a vault: %d %s", res.StatusCode, body)
	}
	if _, _, err := unit.Create(t.Context(), p.setup(c)); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		body, kind string
		want       int
	}{
		"no request":      {"what the vault holds", query, 422},
		"more after it":   {string(der) + "x", query, 422},
		"as JSON":         {`{"imprint":"x"}`, "application/json", 415},
		"long":            {strings.Repeat("a", 600), query, 422},
		"very long":       {strings.Repeat("a", 100<<10), query, 413},
		"empty":           {"", query, 422},
		"extensions":      {string(append([]byte{der[0], der[1] + 4}, append(der[2:len(der):len(der)], 0xa0, 2, 0x30, 0)...)), query, 422},
		"form of a query": {string(der), "application/octet-stream", 415},
	} {
		res, body := post(x.body, x.kind)
		if res.StatusCode != x.want || stamps.asked != 0 {
			t.Errorf("%s: %d, asked %d: %s", name, res.StatusCode, stamps.asked, body)
		}
	}
	res, body := post(string(der), query)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/timestamp-reply" || body != "reply to "+string(sum[:]) {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	stamps.err = &tsp.StampError{Failures: []tsp.Failure{{Authority: "inside.example", Err: errors.New("canary")}}}
	if res, body := post(string(der), query); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || strings.Contains(body, "inside.example") || strings.Contains(body, "canary") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if err := c.Deactivate(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := stamps.asked
	if res, body := post(string(der), query); res.StatusCode != http.StatusLocked || stamps.asked != n {
		t.Errorf("deactivated: %d %s", res.StatusCode, body)
	}
}

// Beyond the bound of a day the answer says when to come again.
func TestTimestampsPerDay(t *testing.T) {
	stamps := &carrier{}
	p := newPlatform(t, func(p *platform) { p.config.Stamps, p.config.StampsPerDay = stamps, 1 })
	c := p.signIn("lotte")
	if _, _, err := unit.Create(t.Context(), p.setup(c)); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("x"))
	r, err := tsp.NewRequest(crypto.SHA256, sum[:], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		res, body := p.do(c, call{method: "POST", path: "/vault/v1/timestamps", body: string(der), header: http.Header{"Content-Type": {"application/timestamp-query"}}})
		wait, err := strconv.Atoi(res.Header.Get("Retry-After"))
		switch {
		case i == 0 && res.StatusCode == http.StatusOK:
		case i > 0 && res.StatusCode == http.StatusTooManyRequests && err == nil && wait > 0 && wait <= 24*3600 && strings.Contains(body, "No more time-stamps today"):
		default:
			t.Errorf("%d: %d, Retry-After %q: %s", i, res.StatusCode, res.Header.Get("Retry-After"), body)
		}
	}
	if stamps.asked != 1 {
		t.Errorf("asked %d times", stamps.asked)
	}
}

func TestNoTimestamps(t *testing.T) {
	p := newPlatform(t)
	c := p.signIn("lotte")
	if _, _, err := unit.Create(t.Context(), p.setup(c)); err != nil {
		t.Fatal(err)
	}
	res, body := p.do(c, call{method: "POST", path: "/vault/v1/timestamps", body: "x", header: http.Header{"Content-Type": {"application/timestamp-query"}}})
	if res.StatusCode != http.StatusNotFound || !strings.Contains(body, "holder.timestamps") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// The month of a reminder is a month, and the citizen sees what is kept.
func TestReminder(t *testing.T) {
	p := newPlatform(t)
	c := p.signIn("lotte")
	v, _, err := unit.Create(t.Context(), p.setup(c))
	if err != nil {
		t.Fatal(err)
	}
	month := time.Now().UTC().AddDate(3, 0, 0).Format("2006-01")
	for body, want := range map[string]int{
		`{"open_before":"soon"}`:                      422,
		`{"open_before":"2001-01"}`:                   422,
		`{"open_before":"2999-01"}`:                   422,
		`{"open_before":"` + month + `-01"}`:          422,
		`{"open_before":"` + month + `","why":"gym"}`: 400,
		`{"open_before":"` + month + `"}`:             204,
	} {
		if res, text := p.do(c, call{method: "PUT", path: "/vault/v1/reminder", body: body}); res.StatusCode != want {
			t.Errorf("%s: %d %s", body, res.StatusCode, text)
		}
	}
	info, err := c.Vault(t.Context())
	if err != nil || info.OpenBefore != month {
		t.Errorf("%+v, %v", info, err)
	}
	due, err := p.core.Due(t.Context(), time.Now().AddDate(3, 1, 0))
	if err != nil || len(due) != 1 || due[0].WebID != v.Info.WebID {
		t.Errorf("%+v, %v", due, err)
	}
	if due, err := p.core.Due(t.Context(), time.Now().AddDate(2, 0, 0)); err != nil || len(due) != 0 {
		t.Errorf("%+v, %v", due, err)
	}
	if err := c.Remind(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if due, err := p.core.Due(t.Context(), time.Now().AddDate(9, 0, 0)); err != nil || len(due) != 0 {
		t.Errorf("taken back: %+v, %v", due, err)
	}
	if err := errors.Join(c.Remind(t.Context(), month), c.Delete(t.Context())); err != nil {
		t.Fatal(err)
	}
	if due, err := p.core.Due(t.Context(), time.Now().AddDate(9, 0, 0)); err != nil || len(due) != 0 {
		t.Errorf("of a deleted vault: %+v, %v", due, err)
	}
}
