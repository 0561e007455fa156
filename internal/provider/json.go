package provider

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// maxJSONNodes bounds the document that one JSON record becomes.
const maxJSONNodes = 100_000

// JSONNode makes the neutral document of a JSON object: each member is a
// child, an array repeats its member, null is no member. Numbers keep the
// text they have. An array in an array has children named item.
func JSONNode(b []byte) (*Node, error) {
	var strict jsontext.Value
	if err := jose.Unmarshal(b, &strict); err != nil {
		return nil, err
	}
	d := jsontext.NewDecoder(bytes.NewReader(b))
	if d.PeekKind() != '{' {
		return nil, fmt.Errorf("%w: a record is a JSON object", jose.ErrJSON)
	}
	holder, left := &Node{}, maxJSONNodes
	if err := jsonInto(d, holder, "record", &left); err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return nil, fmt.Errorf("%w: trailing data", jose.ErrJSON)
	}
	return holder.Children[0], nil
}

var errJSONNodes = errors.New("JSON record has too many values")

// jsonInto reads one value and adds it to parent under name.
func jsonInto(d *jsontext.Decoder, parent *Node, name string, left *int) error {
	if *left--; *left < 0 {
		return errJSONNodes
	}
	tok, err := d.ReadToken()
	if err != nil {
		return fmt.Errorf("%w: syntax", jose.ErrJSON)
	}
	switch tok.Kind() {
	case '{':
		object := parent.Add(name, "")
		for d.PeekKind() != '}' {
			member, err := d.ReadToken()
			if err != nil {
				return fmt.Errorf("%w: syntax", jose.ErrJSON)
			}
			if err := jsonInto(d, object, member.String(), left); err != nil {
				return err
			}
		}
		_, err = d.ReadToken()
	case '[':
		for d.PeekKind() != ']' {
			if d.PeekKind() == '[' {
				if err := jsonInto(d, parent.Add(name, ""), "item", left); err != nil {
					return err
				}
				continue
			}
			if err := jsonInto(d, parent, name, left); err != nil {
				return err
			}
		}
		_, err = d.ReadToken()
	case 'n':
	default: // a string, number, true or false
		parent.Add(name, tok.String())
	}
	if err != nil {
		return fmt.Errorf("%w: syntax", jose.ErrJSON)
	}
	return nil
}
