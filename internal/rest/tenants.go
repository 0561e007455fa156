package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Tenants serves several roles on one listener, each below the base URL that
// it is known by. A handler sees paths as if it stood at the root of its host:
// "/one/token" of the tenant "https://host/one" reaches it as "/token", and
// "/.well-known/x/one", where the well-known string stands between host and
// path (RFC 8615, Section 3; RFC 8414, Section 3.1), as "/.well-known/x".
//
// The host of a request counts when tenants have several: what is asked of a
// host that no tenant has is not found. With a single host any name reaches
// it, so that probes by address work.
type Tenants struct {
	byHost map[string]map[string]http.Handler // by path below the host, "" for its root
	only   map[string]http.Handler            // of a single host
	none   http.Handler
}

// NewTenants takes handlers by base URL: scheme, host and a path of segments
// of letters, digits, ".", "_", "~" and "-", without a slash at the end.
func NewTenants(handlers map[string]http.Handler, none http.Handler) (*Tenants, error) {
	t := &Tenants{byHost: map[string]map[string]http.Handler{}, none: none}
	for base, h := range handlers {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || !plainPath(u.EscapedPath()) {
			return nil, fmt.Errorf("rest: %q is no base URL of plain path segments without a slash at the end", base)
		}
		host := strings.ToLower(u.Host)
		if t.byHost[host] == nil {
			t.byHost[host] = map[string]http.Handler{}
		}
		if _, ok := t.byHost[host][u.Path]; ok {
			return nil, fmt.Errorf("rest: %q is the base URL of two tenants", base)
		}
		t.byHost[host][u.Path] = h
	}
	if len(t.byHost) == 1 {
		for _, paths := range t.byHost {
			t.only = paths
		}
	}
	return t, nil
}

func plainPath(path string) bool {
	if path == "" {
		return true
	}
	for _, segment := range strings.Split(path, "/")[1:] {
		bad := strings.ContainsFunc(segment, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._~-", r)
		})
		if segment == "" || bad || segment == "." || segment == ".." || segment == ".well-known" {
			return false
		}
	}
	return strings.HasPrefix(path, "/")
}

// ServeHTTP implements http.Handler.
func (t *Tenants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	paths := t.only
	if paths == nil {
		host := strings.ToLower(r.Host)
		if paths = t.byHost[host]; paths == nil {
			paths = t.byHost[strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")]
		}
	}
	h, inner := pick(paths, r.URL.EscapedPath())
	if h == nil {
		t.none.ServeHTTP(w, r)
		return
	}
	if inner == r.URL.EscapedPath() {
		h.ServeHTTP(w, r)
		return
	}
	u := *r.URL
	u.RawPath = ""
	path, err := url.PathUnescape(inner)
	if err != nil {
		t.none.ServeHTTP(w, r)
		return
	}
	u.Path = path
	if u.EscapedPath() != inner {
		u.RawPath = inner // such as an escaped slash in a parameter
	}
	below := new(http.Request)
	*below = *r
	below.URL = &u
	h.ServeHTTP(w, below)
}

// pick is the tenant with the longest path that escaped lies below, and the
// path as that tenant sees it.
func pick(paths map[string]http.Handler, escaped string) (http.Handler, string) {
	if name, ok := strings.CutPrefix(escaped, "/.well-known/"); ok {
		name, tail, _ := strings.Cut(name, "/")
		if tail != "" {
			tail = "/" + tail
		}
		if h := paths[tail]; h != nil {
			return h, "/.well-known/" + name
		}
		return paths[""], escaped
	}
	for tail := escaped; ; {
		if h := paths[tail]; h != nil {
			inner := strings.TrimPrefix(escaped, tail)
			if inner == "" {
				inner = "/"
			}
			return h, inner
		}
		n := strings.LastIndexByte(tail, '/')
		if n < 0 {
			return nil, ""
		}
		tail = tail[:n]
	}
}
