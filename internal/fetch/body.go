package fetch

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// body replaces the body of an answer by one that ends with an Error when
// more than max bytes arrive, counted on the wire and again after gzip. Any
// other content coding is refused (RFC 9110, Section 8.4).
func body(res *http.Response, host string, max int64) error {
	tooLarge := func(what string) *Error {
		return &Error{Reason: ReasonTooLarge, Host: host, Detail: fmt.Sprintf("the body %s is longer than %d bytes", what, max)}
	}
	if res.ContentLength > max && res.Request.Method != http.MethodHead {
		return tooLarge("as announced")
	}
	wire := &bounded{r: res.Body, left: max, over: tooLarge("on the wire"), host: host}
	out := &answerBody{Reader: wire, Closer: res.Body}
	switch coding := strings.ToLower(strings.TrimSpace(res.Header.Get("Content-Encoding"))); coding {
	case "", "identity":
	case "gzip", "x-gzip":
		if res.Request.Method == http.MethodHead || res.StatusCode == http.StatusNoContent || res.StatusCode == http.StatusNotModified {
			break
		}
		out.Reader = &bounded{r: &gunzip{wire: wire, host: host}, left: max, over: tooLarge("after decompression"), host: host}
		res.Header.Del("Content-Encoding")
		res.Header.Del("Content-Length")
		res.ContentLength, res.Uncompressed = -1, true
	default:
		return &Error{Reason: ReasonEncoding, Host: host, Detail: "the body has a content coding that is not gzip"}
	}
	res.Body = out
	return nil
}

type answerBody struct {
	io.Reader
	io.Closer
}

// bounded reads at most left bytes and then answers over, not EOF: a cut
// document must never look complete.
type bounded struct {
	r    io.Reader
	left int64
	over error
	host string
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.over
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, b.over
	}
	if err != nil && err != io.EOF {
		err = classify(b.host, err)
	}
	return n, err
}

// gunzip opens the stream at the first read, so that Do does not wait for the
// body.
type gunzip struct {
	wire io.Reader
	host string
	z    *gzip.Reader
	err  error
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.z == nil && g.err == nil {
		g.z, g.err = gzip.NewReader(g.wire)
	}
	if g.err != nil {
		return 0, g.broken(g.err)
	}
	n, err := g.z.Read(p)
	if err != nil && err != io.EOF {
		err = g.broken(err)
	}
	return n, err
}

func (g *gunzip) broken(err error) error {
	var ours *Error
	if errors.As(err, &ours) {
		return err
	}
	return &Error{Reason: ReasonEncoding, Host: g.host, Detail: "the gzip stream is broken"}
}
