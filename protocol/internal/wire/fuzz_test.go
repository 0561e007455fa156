package wire

import (
	"net/url"
	"strings"
	"testing"
)

func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{
		"https://issuer.example", "https://issuer.example/a?b=c", "http://127.0.0.1:1/x", "http://[::1]/", "http://issuer.example", "https://u@issuer.example", "https://issuer.example#", "https://issuer.example/ä",
		"https:issuer.example", "https:///x", "https://:443", "//issuer.example", "javascript:x", "https://issuer.example/\n", "", "HTTPS://ISSUER.EXAMPLE", "http://localhost.evil.example", "http://127.0.0.1@evil.example",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		strict, loose := CheckURL(s, false), CheckURL(s, true)
		if strict == nil && loose != nil {
			t.Errorf("%q is allowed, but not in development", s)
		}
		if loose != nil {
			return
		}
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(s, "# \r\n\t") {
			t.Errorf("%q was let through", s)
			return
		}
		if strict == nil && u.Scheme != "https" {
			t.Errorf("%q is not https", s)
		}
		if host := u.Hostname(); strict != nil && !(strings.EqualFold(host, "localhost") || strings.HasPrefix(host, "127.") || strings.Contains(host, ":")) {
			t.Errorf("%q is not on this machine", s)
		}
		if at, err := WellKnown(s, "x", true); err == nil {
			if w, err := url.Parse(at); err != nil || w.Host != u.Host || w.Scheme != u.Scheme || !strings.HasPrefix(w.Path, "/.well-known/x") {
				t.Errorf("the well-known address of %q is %q", s, at)
			}
		}
	})
}
