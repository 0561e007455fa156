package mdoc_test

import (
	"crypto"
	"slices"
	"testing"

	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
	"github.com/zegel-id/zegel/internal/jose"
)

// The trees in which tests change documents: int64, []byte, string, []any,
// *object, tagged and raw (anything else, as encoded).
type (
	object struct {
		keys   []any
		values []any
	}
	tagged struct {
		tag   uint64
		value any
	}
	raw []byte
)

func (o *object) index(key any) int {
	return slices.Index(o.keys, key)
}

func (o *object) get(key any) any { return o.values[o.index(key)] }

func (o *object) set(key, value any) {
	if i := o.index(key); i >= 0 {
		o.values[i] = value
		return
	}
	o.keys, o.values = append(o.keys, key), append(o.values, value)
}

func (o *object) drop(key any) {
	i := o.index(key)
	o.keys, o.values = slices.Delete(o.keys, i, i+1), slices.Delete(o.values, i, i+1)
}

func tree(t testing.TB, b []byte) any {
	t.Helper()
	r := cbor.NewReader(b)
	v := read(r)
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	return v
}

func read(r *cbor.Reader) any {
	switch r.Next() {
	case cbor.Uint, cbor.Negative:
		return r.Int()
	case cbor.Bytes:
		return r.Bytes()
	case cbor.Text:
		return r.Text()
	case cbor.Array:
		out := make([]any, r.Array())
		for i := range out {
			out[i] = read(r)
		}
		return out
	case cbor.Map:
		o := &object{}
		for range r.Map() {
			o.keys = append(o.keys, read(r))
			o.values = append(o.values, read(r))
		}
		return o
	case cbor.Tag:
		return tagged{r.Tag(), read(r)}
	default:
		return raw(r.Skip())
	}
}

func write(dst []byte, v any) []byte {
	switch v := v.(type) {
	case int:
		return cbor.AppendInt(dst, int64(v))
	case int64:
		return cbor.AppendInt(dst, v)
	case []byte:
		return cbor.AppendBytes(dst, v)
	case string:
		return cbor.AppendText(dst, v)
	case []any:
		dst = cbor.AppendArray(dst, len(v))
		for _, e := range v {
			dst = write(dst, e)
		}
		return dst
	case *object:
		dst = cbor.AppendMap(dst, len(v.keys))
		for i := range v.keys {
			dst = write(write(dst, v.keys[i]), v.values[i])
		}
		return dst
	case tagged:
		return write(cbor.AppendTag(dst, v.tag), v.value)
	default:
		return append(dst, v.(raw)...)
	}
}

// encoded is tag 24 around v.
func encoded(v any) tagged { return tagged{24, write(nil, v)} }

// inside is the tree in tag 24.
func inside(t testing.TB, v any) *object {
	t.Helper()
	return tree(t, v.(tagged).value.([]byte)).(*object)
}

// changed is a base64url document after a change of its tree.
func changed(t testing.TB, text string, change func(*object)) string {
	t.Helper()
	b, err := jose.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	o := tree(t, b).(*object)
	change(o)
	return jose.Encode(write(nil, o))
}

// resigned is an IssuerSigned whose mobile security object was changed and
// signed again by key.
func resigned(t testing.TB, text string, key crypto.Signer, h cose.Header, change func(mso *object)) string {
	t.Helper()
	return changed(t, text, func(o *object) {
		auth := o.get("issuerAuth").([]any)
		payload := tree(t, auth[2].([]byte)).(tagged)
		mso := inside(t, payload)
		change(mso)
		s, err := cose.NewSigner(h, cose.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Append(nil, key, write(nil, encoded(mso)))
		if err != nil {
			t.Fatal(err)
		}
		o.set("issuerAuth", raw(b))
	})
}

// header is the issuer's.
func (p party) header() cose.Header {
	return cose.Header{Alg: cose.ES256, X5Chain: [][]byte{p.issuer.Certificate.Raw}}
}

// signedItem is one item of a document with its signed digest.
type signedItem struct {
	id             uint64
	random, digest []byte
}

func valueDigests(t testing.TB, doc []byte) map[string]map[uint64][]byte {
	t.Helper()
	r := cbor.NewReader(doc)
	out := map[string]map[uint64][]byte{}
	for range r.Map() {
		if r.Text() != "issuerAuth" {
			r.Skip()
			continue
		}
		m, err := cose.Parse(r.Skip())
		if err != nil {
			t.Fatal(err)
		}
		outer := cbor.NewReader(m.Payload)
		outer.Expect(24)
		in := cbor.NewReader(outer.Bytes())
		for range in.Map() {
			if in.Text() != "valueDigests" {
				in.Skip()
				continue
			}
			for range in.Map() {
				n := map[uint64][]byte{}
				out[in.Text()] = n
				for range in.Map() {
					id := in.Uint()
					n[id] = in.Bytes()
				}
			}
		}
		if err := in.End(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func items(t testing.TB, doc []byte) []signedItem {
	t.Helper()
	digests := valueDigests(t, doc)
	r := cbor.NewReader(doc)
	var out []signedItem
	for range r.Map() {
		if r.Text() != "nameSpaces" {
			r.Skip()
			continue
		}
		for range r.Map() {
			name := r.Text()
			for range r.Array() {
				r.Expect(24)
				in := cbor.NewReader(r.Bytes())
				var it signedItem
				for range in.Map() {
					switch in.Text() {
					case "digestID":
						it.id = in.Uint()
					case "random":
						it.random = in.Bytes()
					default:
						in.Skip()
					}
				}
				it.digest = digests[name][it.id]
				out = append(out, it)
			}
		}
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	return out
}
