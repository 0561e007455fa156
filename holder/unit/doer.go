package unit

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/zegel-id/zegel/internal/jose"
)

// Doer sends HTTP requests; the caller bounds time, size and addresses. It
// must not follow redirects: what goes out is for the address it was made for.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// ErrRedirected is returned when a request was answered by another address
// than it was sent to. No endpoint of the protocols here may redirect
// (OpenID4VP 1.0, Section 14.8), and a Doer that follows is set up wrongly.
var ErrRedirected = errors.New("the answer came from another address; redirects are not followed")

// Refusal is an answer of a server that is not success.
type Refusal struct {
	Status int
	// Code is an OAuth error code or the title of a problem. It and Detail come
	// from outside, cut to what can be shown.
	Code   string
	Detail string
}

func (r *Refusal) Error() string {
	if r.Status == 0 && r.Detail == "" {
		return "refused: " + r.Code
	}
	if r.Detail == "" {
		return fmt.Sprintf("refused with status %d (%s)", r.Status, r.Code)
	}
	return fmt.Sprintf("refused: %s (%s)", r.Detail, r.Code)
}

// maxAnswer is the longest answer that is read.
const maxAnswer = 8 << 20

// send sends a request and reads the answer; a status of 300 or more is a
// Refusal.
func send(d Doer, req *http.Request) ([]byte, http.Header, error) {
	res, err := d.Do(req)
	if err != nil {
		// net/http repeats the whole address, which may be a secret.
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		return nil, nil, fmt.Errorf("asking %s: %w", req.URL.Host, err)
	}
	defer res.Body.Close()
	if res.Request != nil && res.Request.URL.String() != req.URL.String() {
		return nil, nil, fmt.Errorf("asking %s: %w", req.URL.Host, ErrRedirected)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the answer of %s: %w", req.URL.Host, err)
	}
	if len(b) > maxAnswer {
		return nil, nil, fmt.Errorf("the answer of %s is longer than %d bytes", req.URL.Host, maxAnswer)
	}
	if res.StatusCode < 300 {
		return b, res.Header, nil
	}
	return nil, res.Header, refusal(res.StatusCode, b)
}

func refusal(status int, body []byte) *Refusal {
	r := &Refusal{Status: status}
	var problem struct {
		Error            string `json:"error"`
		ErrorDescription string `json:"error_description"`
		Title            string `json:"title"`
		Detail           string `json:"detail"`
		Remedy           string `json:"remedy"`
	}
	if jose.Unmarshal(body, &problem) == nil {
		r.Code, r.Detail = problem.Error, problem.ErrorDescription
		if r.Code == "" {
			r.Code, r.Detail = problem.Title, strings.TrimSpace(problem.Detail+" "+problem.Remedy)
		}
	}
	if r.Code == "" {
		r.Code = http.StatusText(status)
	}
	r.Code, r.Detail = shown(r.Code, 100), shown(r.Detail, 500)
	return r
}

// shown cuts a text from outside to what can be shown on one line: no control
// characters, which could rewrite a terminal, and no more than so many
// characters.
func shown(text string, most int) string {
	var b strings.Builder
	for _, r := range text {
		if most == 0 {
			return b.String() + "..."
		}
		if !unicode.IsGraphic(r) {
			r = ' '
		}
		b.WriteRune(r)
		most--
	}
	return strings.TrimSpace(b.String())
}
