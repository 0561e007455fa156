package vcapi

import (
	"bytes"

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

// withContext adds a context behind those that are there.
func withContext(document []byte, list []vcdm.Context, url string) ([]byte, error) {
	all := make([]any, 0, len(list)+1)
	for _, c := range list {
		switch {
		case c.URL == url:
			return document, nil
		case c.Inline != nil:
			all = append(all, jsontext.Value(c.Inline))
		default:
			all = append(all, c.URL)
		}
	}
	return with(document, "@context", append(all, url))
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
