package oid4vp

import (
	"net/url"
	"testing"
)

// OpenID4VP 1.0, Section 8.2: the form of direct_post.
func TestParseClearForm(t *testing.T) {
	q := query(t, exampleQuery)
	for name, c := range map[string]struct {
		form string
		ok   bool
	}{
		"answer":            {`vp_token={"led":["x"]}&state=s`, true},
		"without state":     {`vp_token={"led":["x"]}`, true},
		"error":             {`error=access_denied&state=s`, true},
		"nothing":           {`state=s`, false},
		"encrypted":         {`response=a.b.c.d.e`, false},
		"encrypted too":     {`vp_token={"led":["x"]}&response=a.b.c.d.e`, false},
		"answer and error":  {`vp_token={"led":["x"]}&error=access_denied`, false},
		"no JSON":           {`vp_token=x`, false},
		"empty":             {`vp_token=`, false},
		"twice":             {`vp_token={"led":["x"]}&vp_token={"led":["y"]}`, false},
		"state twice":       {`vp_token={"led":["x"]}&state=a&state=b`, false},
		"error as text":     {`error=a%00b`, false},
		"a response within": {`vp_token={},"state":"forged"`, false},
	} {
		form, err := url.ParseQuery(c.form)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseClearForm(form)
		if (err == nil) != c.ok || err != nil && (f.Response != "" || f.Error != "") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil || f.Error != "" {
			continue
		}
		r, err := ParseResponse([]byte(f.Response), q)
		if err != nil || len(r.VPToken["led"]) != 1 || string(r.State) != form.Get("state") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseClearForm(f *testing.F) {
	f.Add(`{"led":["x"]}`, "s")
	f.Add(`{"led":["x"]},"state":"forged"`, "s")
	f.Fuzz(func(t *testing.T, token, state string) {
		in, err := ParseClearForm(url.Values{"vp_token": {token}, "state": {state}})
		if err != nil {
			return
		}
		if r, err := ParseResponse([]byte(in.Response), query(t, exampleQuery)); err == nil && string(r.State) != state {
			t.Fatal("another state than was posted")
		}
	})
}
