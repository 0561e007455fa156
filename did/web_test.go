package did

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/testvectors"
)

// site is a Fetcher over what stands here; anything else is 404.
type site map[string]answer

type answer struct {
	code int // 0 means 200
	body string
	err  error
}

func (s site) Fetch(_ context.Context, url, _ string) ([]byte, string, error) {
	a, ok := s[url]
	switch {
	case !ok:
		return nil, "", &StatusError{Code: 404}
	case a.err != nil:
		return nil, "", a.err
	case a.code != 0 && a.code != 200:
		return nil, "", &StatusError{Code: a.code}
	}
	return []byte(a.body), "application/json", nil
}

func TestDIDWebVectors(t *testing.T) {
	var file struct {
		Resolution []struct{ DID, URL string }
	}
	if err := json.Unmarshal(testvectors.File(t, "did-web", "resolution.json"), &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Resolution {
		if url, err := WebURL(v.DID); err != nil || url != v.URL {
			t.Errorf("%s leads to %s (%v), expected %s", v.DID, url, err, v.URL)
		}
		doc, err := (WebMethod{Fetch: site{v.URL: {body: `{"@context":"https://www.w3.org/ns/did/v1","id":"` + v.DID + `"}`}}}).Resolve(ctx, v.DID)
		if err != nil || doc.ID != v.DID {
			t.Errorf("%s: %v", v.DID, err)
		}
	}
}

func TestDIDWebRefusals(t *testing.T) {
	for name, did := range map[string]string{
		"IPv4":                     "did:web:127.0.0.1",
		"IPv4 with a port":         "did:web:10.0.0.1%3A8080",
		"IPv4 short":               "did:web:127.1",
		"IPv4 as one number":       "did:web:2130706433",
		"IPv4 hexadecimal":         "did:web:0x7f000001",
		"IPv4 hexadecimal, dotted": "did:web:a.0x7f",
		"IPv4 octal":               "did:web:0177.0.0.01",
		"IPv6":                     "did:web:%5B%3A%3A1%5D",
		"IPv6 without brackets":    "did:web:%3A%3A1",
		"encoded IPv4":             "did:web:127%2E0.0.1",
		"dot segments":             "did:web:example.com:..:admin",
		"one dot":                  "did:web:example.com:.:a",
		"encoded slash":            "did:web:example.com:a%2Fb",
		"encoded slash, host":      "did:web:example.com%2Fa",
		"encoded dots":             "did:web:example.com:%2e%2e:a",
		"encoded NUL":              "did:web:example.com:a%00b",
		"encoded NUL, host":        "did:web:example.com%00.evil.example",
		"user information":         "did:web:user%40example.com",
		"user and password":        "did:web:user%3Apw%40example.com",
		"query":                    "did:web:example.com%3Fa",
		"fragment":                 "did:web:example.com%23a",
		"lower-case %3a":           "did:web:example.com%3a3000",
		"two ports":                "did:web:example.com%3A30%3A00",
		"empty port":               "did:web:example.com%3A",
		"port 0":                   "did:web:example.com%3A0",
		"port with zeros":          "did:web:example.com%3A0443",
		"port too large":           "did:web:example.com%3A65536",
		"port not a number":        "did:web:example.com%3A80a",
		"port in the path":         "did:web:example.com:a%3A80",
		"empty segment":            "did:web:example.com::a",
		"trailing colon":           "did:web:example.com:",
		"upper-case host":          "did:web:Example.com",
		"trailing dot":             "did:web:example.com.",
		"leading dot":              "did:web:.example.com",
		"hyphen":                   "did:web:-example.com",
		"underscore":               "did:web:ex_ample.com",
		"single label":             "did:web:intranet",
		"label too long":           "did:web:" + strings.Repeat("a", 64) + ".com",
		"host too long":            "did:web:" + strings.Repeat("a.", 130) + "com",
		"another method":           "did:key:example.com",
		"DID URL":                  "did:web:example.com#key-1",
	} {
		if url, err := WebURL(did); err == nil {
			t.Errorf("%s: %s leads to %s", name, did, url)
		}
		if _, err := (WebMethod{Fetch: unreachable{t}}).Resolve(ctx, did); err == nil {
			t.Errorf("%s: resolved", name)
		}
	}
}

// unreachable fails the test when anything is fetched.
type unreachable struct{ t *testing.T }

func (u unreachable) Fetch(_ context.Context, url, _ string) ([]byte, string, error) {
	u.t.Errorf("fetched %s", url)
	return nil, "", errors.New("unreachable")
}

func TestDIDWebLoopbackOnlyInDevelopment(t *testing.T) {
	const did = "did:web:localhost%3A8080:a"
	if url, err := WebURL(did); err != nil || !strings.HasPrefix(url, "https://") {
		t.Errorf("%s, %v", url, err)
	}
	if url, err := WebURL(did, InsecureLoopback()); err != nil || url != "http://localhost:8080/a/did.json" {
		t.Errorf("%s, %v", url, err)
	}
	for _, other := range []string{"did:web:example.com", "did:web:localhost.example.com", "did:web:a.localhost"} {
		if url, err := WebURL(other, InsecureLoopback()); err != nil || !strings.HasPrefix(url, "https://") {
			t.Errorf("%s, %v", url, err)
		}
	}
}

func TestDIDWebAnswers(t *testing.T) {
	const did, url = "did:web:example.com", "https://example.com/.well-known/did.json"
	down := errors.New("no route")
	for name, c := range map[string]struct {
		answer answer
		want   error
	}{
		"another id":    {answer{body: `{"id":"did:web:example.org"}`}, ErrDocument},
		"no id":         {answer{body: `{}`}, ErrDocument},
		"not JSON":      {answer{body: `<html>`}, ErrDocument},
		"too large":     {answer{body: `{"id":"did:web:example.com","x":"` + strings.Repeat("a", MaxDocument) + `"}`}, ErrDocument},
		"404":           {answer{code: 404}, ErrNotFound},
		"410":           {answer{code: 410}, ErrDeactivated},
		"no connection": {answer{err: down}, down},
	} {
		doc, err := (WebMethod{Fetch: site{url: c.answer}}).Resolve(ctx, did)
		if !errors.Is(err, c.want) || doc != nil {
			t.Errorf("%s: %v, expected %v", name, err, c.want)
		}
	}
	for _, code := range []int{301, 403, 500, 503} {
		_, err := (WebMethod{Fetch: site{url: {code: code}}}).Resolve(ctx, did)
		if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrDeactivated) || errors.Is(err, ErrDocument) {
			t.Errorf("status %d: %v", code, err)
		}
	}
}

// deadline records how long a fetch may last.
type deadline struct{ left time.Duration }

func (d *deadline) Fetch(ctx context.Context, _, _ string) ([]byte, string, error) {
	at, ok := ctx.Deadline()
	if ok {
		d.left = time.Until(at)
	}
	return nil, "", &StatusError{Code: 404}
}

func TestFetchIsBounded(t *testing.T) {
	d := new(deadline)
	if _, err := (WebMethod{Fetch: d}).Resolve(ctx, "did:web:example.com"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if d.left <= 0 || d.left > fetchTime {
		t.Errorf("a fetch may last %s, expected at most %s", d.left, fetchTime)
	}
}
