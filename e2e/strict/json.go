package strict

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
)

type object = map[string]any

// rewrite adds members that no specification knows to the object that an
// answer is, and puts its members in another order. What is no object stays as
// it is. Numbers keep their text.
func (f *Front) rewrite(r *http.Request, body []byte, random *rand.Rand) []byte {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil || o == nil {
		return body
	}
	if strings.Contains(r.URL.Path, "/.well-known/openid-credential-issuer") {
		f.announce(o)
	}
	if f.shows(UnknownMembers) {
		extend(o, random)
		// Objects inside that may be extended too, and are no maps of identifiers.
		configurations, _ := o["credential_configurations_supported"].(object)
		for _, c := range configurations {
			if c, ok := c.(object); ok {
				extend(c, random)
			}
		}
	}
	if f.shows(OtherOrder) {
		return shuffled(o, random)
	}
	out, err := json.Marshal(o)
	if err != nil {
		return body
	}
	return out
}

// extend adds a member of each kind.
func extend(o object, random *rand.Rand) {
	for _, v := range []any{word(random), nil, true, json.Number("1e3"), []any{}, object{word(random): []any{object{}}}} {
		o[word(random)] = v
	}
}

// shuffled writes a value with the members of every object in a random order.
func shuffled(v any, random *rand.Rand) []byte {
	var out bytes.Buffer
	switch v := v.(type) {
	case object:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names) // so that a seed decides alone
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		out.WriteString("{")
		for i, name := range names {
			if i > 0 {
				out.WriteString(", ")
			}
			out.Write(plain(name))
			out.WriteString(" :\n")
			out.Write(shuffled(v[name], random))
		}
		out.WriteString("}")
	case []any:
		out.WriteString("[")
		for i, e := range v {
			if i > 0 {
				out.WriteString(" ,")
			}
			out.Write(shuffled(e, random))
		}
		out.WriteString("]")
	default:
		out.Write(plain(v))
	}
	return out.Bytes()
}

// plain writes a value that came out of JSON.
func plain(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // it came out of JSON
	}
	return b
}

func writeJSON(rec *httptest.ResponseRecorder, status int, o object) {
	rec.Header().Set("Content-Type", "application/json")
	rec.Header().Set("Cache-Control", "no-store")
	rec.WriteHeader(status)
	rec.Body.Write(plain(o))
}

// become makes a recorded answer another one.
func become(rec *httptest.ResponseRecorder, status int, o object) {
	*rec = *httptest.NewRecorder()
	writeJSON(rec, status, o)
}

var _ http.Handler = (*Front)(nil)
