package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/did"
)

// signed is a document with a good proof of a key of the world, whatever it says.
func (w *world) signed(name string, purpose did.Relationship, d doc) doc {
	w.t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		w.t.Fatal(err)
	}
	signer, err := di.NewEdDSAJCS2022(w.keys[name].Signer)
	if err != nil {
		w.t.Fatal(err)
	}
	template, err := di.NewTemplate(di.Options{
		Signer: signer, VerificationMethod: w.method(name), Purpose: purpose, Contexts: []string{"https://www.w3.org/ns/credentials/v2", examples}, Embedded: []string{"verifiableCredential"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if b, err = template.Add(b, di.Terms{Created: w.now.Truncate(time.Second)}); err != nil {
		w.t.Fatal(err)
	}
	var out doc
	if err := json.Unmarshal(b, &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) method(name string) string {
	return w.ids[name] + "#" + strings.TrimPrefix(w.ids[name], "did:key:")
}

// A good proof of somebody else is no proof of the issuer, nor of the holder.
func TestForgery(t *testing.T) {
	w := start(t, nil)
	if r := w.verify(w.signed("eddsa-jcs", did.AssertionMethod, w.credential("eddsa-jcs")), nil); r["verified"] != true {
		t.Fatalf("%v", r)
	}
	if r := w.verify(w.signed("eddsa-jcs", did.AssertionMethod, w.credential("eddsa-rdfc")), nil); r["verified"] != false || problems(r) != proofError {
		t.Errorf("a credential in the name of another: %v", r)
	}
	vp := presentation(w.issue("eddsa-rdfc", w.credential("eddsa-rdfc"), nil))
	for holder, want := range map[string]bool{"eddsa-jcs": true, "eddsa-rdfc": false} {
		vp["holder"] = w.ids[holder]
		if status, r := w.verifyPresentation(w.signed("eddsa-jcs", did.Authentication, vp), nil); status != http.StatusOK || r["verified"] != want {
			t.Errorf("a presentation in the name of %s: %d %v", holder, status, r)
		}
	}
	delete(vp, "holder")
	if status, r := w.verifyPresentation(w.signed("eddsa-jcs", did.Authentication, vp), nil); status != http.StatusOK || r["verified"] != true {
		t.Errorf("a presentation in nobody's name: %d %v", status, r)
	}
	if status, r := w.verifyPresentation(w.signed("eddsa-jcs", did.AssertionMethod, vp), nil); status != http.StatusOK || r["verified"] != false {
		t.Errorf("a statement is no presentation: %d %v", status, r)
	}
	// A type that no context defines, under a suite that signs the text as it is.
	c := w.credential("eddsa-jcs")
	c["@context"] = []any{"https://www.w3.org/ns/credentials/v2"}
	if r := w.verify(w.signed("eddsa-jcs", did.AssertionMethod, c), nil); r["verified"] != false || problems(r) != malformedValue {
		t.Errorf("an undefined type: %v", r)
	}
}

// token is a vc+jwt of a key of the world, whatever it says.
func (w *world) token(name string, d doc) doc {
	w.t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		w.t.Fatal(err)
	}
	signer, err := vcjose.NewKeySigner(w.keys[name].Signer, w.method(name))
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := signer.SignCompact(vcjose.TypCredential, w.now, b)
	if err != nil {
		w.t.Fatal(err)
	}
	return doc{"@context": "https://www.w3.org/ns/credentials/v2", "type": "EnvelopedVerifiableCredential", "id": "data:application/vc+jwt," + text}
}

func TestForgedToken(t *testing.T) {
	w := start(t, nil)
	const name = "p256-jwt"
	for what, x := range map[string]struct {
		change func(doc)
		status int
	}{
		"good":                {func(doc) {}, 200},
		"of another":          {func(c doc) { c["issuer"] = w.ids["eddsa-jwt"] }, 200},
		"unknown context":     {func(c doc) { c["@context"] = append(c["@context"].([]any), "https://unknown.example/v1") }, 400},
		"context written out": {func(c doc) { c["@context"] = append(c["@context"].([]any), doc{"a": "https://a.example/"}) }, 400},
		"undefined type":      {func(c doc) { c["@context"] = c["@context"].([]any)[:1] }, 200},
		"no subject":          {func(c doc) { delete(c, "credentialSubject") }, 400},
		"vc claim":            {func(c doc) { c["vc"] = doc{} }, 400},
	} {
		c := w.credential(name)
		x.change(c)
		vc := w.token(name, c)
		status, r := w.post("/credentials/verify", doc{"verifiableCredential": vc})
		if status != x.status || (r["verified"] == true) != (what == "good") {
			t.Errorf("%s: %d %v", what, status, r)
		}
		// In a presentation it is no better.
		p, answer := w.present(name, presentation(vc), doc{"challenge": "c", "domain": "d"})
		if p != http.StatusCreated {
			t.Fatalf("%s: %d %v", what, p, answer)
		}
		status, r = w.verifyPresentation(answer["verifiablePresentation"].(doc), doc{"challenge": "c", "domain": "d"})
		if status != x.status || (r["verified"] == true) != (what == "good") {
			t.Errorf("%s, presented: %d %v", what, status, r)
		}
	}
}

// What is revoked fails a vp+jwt too, and there may be no more of them than of others.
func TestTokenPresentationOfBad(t *testing.T) {
	w := start(t, nil)
	c := w.credential("p256-jwt-status")
	good, revoked := w.issue("p256-jwt", w.credential("p256-jwt"), nil), w.issue("p256-jwt-status", c, nil)
	if status, answer := w.setStatus("p256-jwt-status", c["id"].(string), "revocation", true); status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	bound := doc{"challenge": "c", "domain": "d"}
	for _, list := range [][]doc{{good, revoked}, {revoked, good}} {
		_, answer := w.present("p256-jwt", presentation(list...), bound)
		status, r := w.verifyPresentation(answer["verifiablePresentation"].(doc), bound)
		if status != http.StatusOK || r["verified"] != false || problems(r["results"].(doc)["credentials"].([]any)[map[bool]int{true: 1}[list[1]["id"] == revoked["id"]]].(doc)) != statusError {
			t.Errorf("%d %v", status, r)
		}
	}
	signer, err := vcjose.NewKeySigner(w.keys["p256-jwt"].Signer, w.method("p256-jwt"))
	if err != nil {
		t.Fatal(err)
	}
	for context, want := range map[string]int{"": 200, `,"` + examples + `"`: 200, `,"https://unknown.example/v1"`: 400, `,{"a":"https://a.example/"}`: 400} {
		payload := fmt.Sprintf(`{"@context":["https://www.w3.org/ns/credentials/v2"%s],"type":"VerifiablePresentation","holder":%q,"nonce":"c","aud":"d","iat":%d}`, context, w.ids["p256-jwt"], w.now.Unix())
		text, err := signer.SignCompact(vcjose.TypPresentation, w.now, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		vp := doc{"@context": "https://www.w3.org/ns/credentials/v2", "type": "EnvelopedVerifiablePresentation", "id": "data:application/vp+jwt," + text}
		if status, r := w.verifyPresentation(vp, bound); status != want || (r["verified"] == true) != (want == 200) {
			t.Errorf("%s: %d %v", context, status, r)
		}
	}
	many := make([]string, 65)
	for i := range many {
		many[i] = strings.TrimPrefix(good["id"].(string), "data:application/vc+jwt,")
	}
	text, err := vcjose.Present(vcjose.Presentation{Holder: w.ids["p256-jwt"], Credentials: many, Nonce: "c", Audience: "d", IssuedAt: w.now, Expires: w.now.Add(time.Minute)}, signer)
	if err != nil {
		t.Fatal(err)
	}
	vp := doc{"@context": "https://www.w3.org/ns/credentials/v2", "type": "EnvelopedVerifiablePresentation", "id": "data:application/vp+jwt," + text}
	if status, r := w.verifyPresentation(vp, bound); status != http.StatusBadRequest || !strings.Contains(r["detail"].(string), "65") {
		t.Errorf("%d %v", status, r)
	}
}

// A vc+sd-jwt is judged as it was disclosed.
func TestSDJWT(t *testing.T) {
	w := start(t, nil)
	b, err := json.Marshal(w.credential("p256-jwt"))
	if err != nil {
		t.Fatal(err)
	}
	draft, err := vcjose.PrepareSDJWT(vcjose.Credential{Document: b, IssuedAt: w.now.Truncate(time.Second)}, nil, credential.Path{"credentialSubject", "age"})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := vcjose.NewKeySigner(w.keys["p256-jwt"].Signer, w.method("p256-jwt"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := draft.Seal(signer)
	if err != nil {
		t.Fatal(err)
	}
	token, _, _ := strings.Cut(text, "~")
	for name, x := range map[string]struct {
		text string
		want bool
	}{"all disclosed": {text, true}, "nothing disclosed": {token + "~", true}, "another disclosure": {token + "~WyJ4IiwiYWdlIiwzMV0~", false}} {
		vc := doc{"@context": "https://www.w3.org/ns/credentials/v2", "type": "EnvelopedVerifiableCredential", "id": "data:application/vc+sd-jwt," + x.text}
		if status, r := w.post("/credentials/verify", doc{"verifiableCredential": vc}); (status == http.StatusOK && r["verified"] == true) != x.want {
			t.Errorf("%s: %d %v", name, status, r)
		}
	}
}
