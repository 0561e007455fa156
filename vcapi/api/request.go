package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
)

// types are the media types of requests.
var types = []string{"application/json", "application/ld+json"}

// body reads a request: a document under its name, and options, of which none may
// be unknown: what is not understood is not passed over.
func body[O any](r *rest.Request, document string, known ...string) (jsontext.Value, O, error) {
	var options, none O
	members, err := rest.DecodeJSON[map[string]jsontext.Value](r, types...)
	if err != nil {
		return nil, none, err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != document && name != "options" {
			return nil, none, &rest.Problem{
				Status: http.StatusBadRequest, Title: "Unknown member", Detail: "The request has a member that is not known.", Expected: document + " and options", Found: clip(name),
				Spec: vcalm + "HTTP API", Remedy: "Leave it out, or correct its name.",
			}
		}
	}
	doc := members[document]
	if doc.Kind() != '{' {
		return nil, none, &rest.Problem{
			Status: http.StatusBadRequest, Title: "The document is missing", Type: string(vcdm.ParsingError), Field: document, Expected: "a JSON object",
			Spec: vcalm + "HTTP API", Remedy: "Send the document under this name.",
		}
	}
	text, given := members["options"]
	if !given || text.Kind() == 'n' {
		return doc, none, nil
	}
	if text.Kind() != '{' {
		return nil, none, &rest.Problem{Status: http.StatusBadRequest, Title: "Options are no object", Field: "options", Expected: "a JSON object", Spec: vcalm + "HTTP API", Remedy: "Send an object, or leave it out."}
	}
	var named map[string]jsontext.Value
	if err := jose.Unmarshal(text, &named); err != nil {
		return nil, none, badOptions(err)
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if !slices.Contains(known, name) {
			return nil, none, &rest.Problem{
				Status: http.StatusBadRequest, Type: unknownOption, Title: "Unknown option", Field: "options", Found: clip(name), Expected: strings.Join(known, ", "),
				Spec: vcalm + "Error Handling", Remedy: "Leave it out, or correct its name.",
			}
		}
	}
	if err := jose.Unmarshal(text, &options); err != nil {
		return nil, none, badOptions(err)
	}
	return doc, options, nil
}

func badOptions(err error) error {
	return &rest.Problem{Status: http.StatusBadRequest, Title: "Malformed options", Field: "options", Detail: err.Error(), Spec: vcalm + "HTTP API", Remedy: "Give each option the type that it has in the text.", Cause: err}
}

// clip makes an outside name fit for a message.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 40)]
}
