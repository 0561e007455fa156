package rest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// Answer is what a handler returns. It is not cached unless it says so.
type Answer struct {
	Status int
	// Type is the Content-Type; empty for an answer without a body.
	Type   string
	Body   []byte
	Header http.Header

	cookies []http.Cookie
	stream  func(io.Writer) error
	err     error // of making it; becomes a 500
}

// JSON is v as application/json.
func JSON(status int, v any) Answer {
	return TypedJSON(status, "application/json", v)
}

// TypedJSON is v as JSON of another media type, such as application/did+json.
func TypedJSON(status int, mediaType string, v any) Answer {
	b, err := jose.Marshal(v)
	return Answer{Status: status, Type: mediaType, Body: b, err: err}
}

// Text is a body of any media type, such as a signed token.
func Text(status int, mediaType string, body []byte) Answer {
	return Answer{Status: status, Type: mediaType, Body: body}
}

// HTML is a page.
func HTML(status int, page []byte) Answer {
	return Answer{Status: status, Type: "text/html; charset=utf-8", Body: page}
}

// NoContent is 204.
func NoContent() Answer { return Answer{Status: http.StatusNoContent} }

// Status is an answer without a body.
func Status(status int) Answer { return Answer{Status: status} }

// SeeOther is 303: the browser goes on with GET, after a POST too.
func SeeOther(location string) Answer {
	return Answer{Status: http.StatusSeeOther}.With("Location", location)
}

// Found is 302, which RFC 6749 shows for authorization responses.
func Found(location string) Answer {
	return Answer{Status: http.StatusFound}.With("Location", location)
}

// Stream is a body that is written while it is made, such as an export. An
// error after the first byte cuts the connection, so that the body never looks
// complete.
func Stream(mediaType string, write func(io.Writer) error) Answer {
	return Answer{Status: http.StatusOK, Type: mediaType, stream: write}
}

// With sets a header field.
func (a Answer) With(name, value string) Answer {
	a.Header = maps.Clone(a.Header)
	if a.Header == nil {
		a.Header = http.Header{}
	}
	a.Header.Set(name, value)
	return a
}

// Cache lets everybody keep the answer for a while.
func (a Answer) Cache(maxAge time.Duration) Answer {
	return a.With("Cache-Control", "public, max-age="+strconv.Itoa(int(maxAge/time.Second)))
}

// ETag names the version of the body (RFC 9110, Section 8.8.3); tag is given
// without quotes. A conditional GET for it is answered with 304.
func (a Answer) ETag(tag string) Answer { return a.With("ETag", `"`+tag+`"`) }

// Vary says which request headers the answer depends on.
func (a Answer) Vary(names ...string) Answer { return a.With("Vary", strings.Join(names, ", ")) }

// Cookie sets a cookie. It is HttpOnly, SameSite=Lax or stricter, and Secure
// whenever the caller came over https.
func (a Answer) Cookie(c http.Cookie) Answer {
	c.HttpOnly = true
	if c.SameSite != http.SameSiteStrictMode {
		c.SameSite = http.SameSiteLaxMode
	}
	a.cookies = append(slices.Clone(a.cookies), c)
	return a
}

// notModified says whether a conditional request has this version already
// (RFC 9110, Section 13.1.2).
func (a Answer) notModified(r *http.Request) bool {
	tag, ask := a.Header.Get("ETag"), r.Header.Get("If-None-Match")
	if a.Status != http.StatusOK || tag == "" || ask == "" || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if strings.TrimSpace(ask) == "*" {
		return true
	}
	for t := range strings.SplitSeq(ask, ",") {
		if strings.TrimPrefix(strings.TrimSpace(t), "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// write sends the answer; secure says that the caller came over https.
func (a Answer) write(w http.ResponseWriter, r *http.Request, secure bool) error {
	h := w.Header()
	for name, values := range a.Header {
		if name == "Vary" {
			for _, v := range values {
				h.Add(name, v)
			}
			continue
		}
		h[name] = values
	}
	for _, c := range a.cookies {
		c.Secure = c.Secure || secure
		http.SetCookie(w, &c)
	}
	if h.Get("Cache-Control") == "" || len(a.cookies) > 0 {
		h.Set("Cache-Control", "no-store")
	}
	if a.notModified(r) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if a.Type != "" {
		h.Set("Content-Type", a.Type)
	}
	if a.stream != nil {
		w.WriteHeader(a.Status)
		if r.Method == http.MethodHead {
			return nil
		}
		return a.stream(w)
	}
	if a.Type != "" || a.Status != http.StatusNoContent && a.Status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	w.WriteHeader(a.Status)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := io.Copy(w, bytes.NewReader(a.Body))
	return err
}
