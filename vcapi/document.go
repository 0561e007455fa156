package vcapi

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/internal/jose"
)

// with sets a member of a JSON object that was read strictly before. The other
// members keep their order and their text.
func with(document []byte, name string, value any) ([]byte, error) {
	text, err := jose.Marshal(value)
	if err != nil {
		return nil, err
	}
	in := jsontext.NewDecoder(bytes.NewReader(document))
	if _, err := in.ReadToken(); err != nil {
		return nil, err
	}
	out, done := []byte{'{'}, false
	add := func(name, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	for in.PeekKind() == '"' {
		raw, err := in.ReadValue()
		if err != nil {
			return nil, err
		}
		member := raw.Clone()
		old, err := in.ReadValue()
		if err != nil {
			return nil, err
		}
		if unquoted, err := jsontext.AppendUnquote(nil, member); err == nil && string(unquoted) == name {
			old, done = text, true
		}
		add(member, old)
	}
	if _, err := in.ReadToken(); err != nil {
		return nil, err
	}
	if !done {
		quoted, err := jsontext.AppendQuote(nil, name)
		if err != nil {
			return nil, err
		}
		add(quoted, text)
	}
	return append(out, '}'), nil
}

// withContexts adds contexts behind those that are there.
func withContexts(document []byte, list []vcdm.Context, urls ...string) ([]byte, error) {
	all := make([]any, 0, len(list)+len(urls))
	for _, c := range list {
		if c.Inline != nil {
			all = append(all, jsontext.Value(c.Inline))
		} else {
			all = append(all, c.URL)
		}
	}
	for _, url := range urls {
		if !slices.ContainsFunc(list, func(c vcdm.Context) bool { return c.URL == url }) {
			all = append(all, url)
		}
	}
	return with(document, "@context", all)
}

// envelope is a secured document inside a data: URL (VC Data Model 2.0, Section
// 4.13.1). A compact JWS needs no escapes.
func envelope(kind, mediaType, text string) ([]byte, error) {
	return jose.Marshal(struct {
		Context []string `json:"@context"`
		ID      string   `json:"id"`
		Type    string   `json:"type"`
	}{[]string{vcdm.BaseContext}, "data:" + mediaType + "," + text, kind})
}
