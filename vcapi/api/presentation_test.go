package api

import (
	"net/http"
	"strings"
	"testing"
)

const (
	challengeError = "https://w3id.org/security#INVALID_CHALLENGE_ERROR"
	domainError    = "https://w3id.org/security#INVALID_DOMAIN_ERROR"
)

func (w *world) present(holder string, presentation, options doc) (int, doc) {
	return w.post("/holders/"+holder+"/presentations", doc{"presentation": presentation, "options": options})
}

func (w *world) verifyPresentation(vp doc, options doc) (int, doc) {
	return w.post("/presentations/verify", doc{"verifiablePresentation": vp, "options": options})
}

func presentation(credentials ...doc) doc {
	return doc{"@context": []any{"https://www.w3.org/ns/credentials/v2"}, "type": []any{"VerifiablePresentation"}, "verifiableCredential": credentials}
}

// Every suite of whole documents signs presentations, and of credentials of every
// suite.
func TestPresentation(t *testing.T) {
	w := start(t, nil)
	var all []doc
	for name, suite := range instances {
		vc := w.issue(name, w.credential(name), nil)
		if suite.Selective() {
			vc = w.derive(vc, "/credentialSubject/degree")
		}
		all = append(all, vc)
	}
	tokens := []doc{w.issue("p256-jwt", w.credential("p256-jwt"), nil), w.issue("eddsa-jwt", w.credential("eddsa-jwt"), nil)}
	bound := doc{"challenge": "once", "domain": "verifier.example"}
	for name, suite := range instances {
		if suite.Selective() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			credentials := all
			if suite == "jwt" {
				credentials = tokens
			}
			status, answer := w.present(name, presentation(credentials...), bound)
			if status != http.StatusCreated {
				t.Fatalf("%d %v", status, answer)
			}
			vp := answer["verifiablePresentation"].(doc)
			status, r := w.verifyPresentation(vp, doc{"challenge": "once", "domain": "verifier.example", "returnPresentation": true})
			if status != http.StatusOK || r["verified"] != true || r["verifiablePresentation"] == nil || len(r["results"].(doc)["credentials"].([]any)) != len(credentials) {
				t.Fatalf("%d %v", status, r)
			}
			if holder := r["results"].(doc)["presentation"].(doc)["holder"].(doc); holder["input"] != w.ids[name] || holder["verified"] != true {
				t.Errorf("%v", holder)
			}
			w.otherVerifiers(t, suite == "jwt", vp)
		})
	}
}

// otherVerifiers get nothing out of a presentation that was made for one.
func (w *world) otherVerifiers(t *testing.T, token bool, vp doc) {
	for _, x := range []struct {
		name    string
		options doc
		want    string
	}{
		{"another challenge", doc{"challenge": "twice", "domain": "verifier.example"}, challengeError},
		{"another domain", doc{"challenge": "once", "domain": "other.example"}, domainError},
		{"no domain", doc{"challenge": "once"}, domainError},
		{"no challenge", doc{"domain": "verifier.example"}, challengeError},
		{"neither", nil, domainError},
	} {
		status, r := w.verifyPresentation(vp, x.options)
		if token && len(x.options) < 2 {
			if status != http.StatusBadRequest {
				t.Errorf("%s: %d %v", x.name, status, r)
			}
			continue
		}
		if token {
			x.want = cryptoError
		}
		if status != http.StatusOK || r["verified"] != false || problems(r) != x.want {
			t.Errorf("%s: %d %v", x.name, status, r)
		}
		for name, step := range r["results"].(doc)["presentation"].(doc) {
			if step, ok := step.(doc); ok && step["verified"] != false {
				t.Errorf("%s: %s: %v", x.name, name, step)
			}
		}
	}
}

// One credential that does not hold fails the presentation, and is told by itself.
func TestPresentationOfBad(t *testing.T) {
	w := start(t, nil)
	good, bad := w.issue("eddsa-rdfc", w.credential("eddsa-rdfc"), nil), w.issue("eddsa-jcs", w.credential("eddsa-jcs"), nil)
	bad["credentialSubject"].(doc)["age"] = 31
	c := w.credential("eddsa-status")
	revoked := w.issue("eddsa-status", c, nil)
	if status, answer := w.setStatus("eddsa-status", c["id"].(string), "revocation", true); status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	_, answer := w.present("eddsa-rdfc", presentation(good, bad, revoked), doc{"challenge": "c", "domain": "d"})
	status, r := w.verifyPresentation(answer["verifiablePresentation"].(doc), doc{"challenge": "c", "domain": "d"})
	if status != http.StatusOK || r["verified"] != false || problems(r) != "" {
		t.Fatalf("%d %v", status, r)
	}
	if r["verifiablePresentation"] != nil {
		t.Error("the presentation is returned to who did not ask for it")
	}
	want := []struct {
		verified bool
		problem  string
	}{{true, ""}, {false, proofError}, {false, statusError}}
	for i, c := range r["results"].(doc)["credentials"].([]any) {
		if c := c.(doc); c["verified"] != want[i].verified || problems(c) != want[i].problem {
			t.Errorf("%d: %v", i, c)
		}
	}
}

// Who signs is the holder; what is said of himself is the holder's own.
func TestHolder(t *testing.T) {
	w := start(t, nil)
	bound := doc{"challenge": "c", "domain": "d"}
	self := doc{"@context": []any{"https://www.w3.org/ns/credentials/v2", examples}, "type": []any{"VerifiableCredential"}, "issuer": w.ids["eddsa-rdfc"], "credentialSubject": doc{"likes": "tea"}}
	p := presentation(self)
	p["holder"] = w.ids["eddsa-rdfc"]
	status, answer := w.present("eddsa-rdfc", p, bound)
	if status != http.StatusCreated {
		t.Fatalf("%d %v", status, answer)
	}
	vp := answer["verifiablePresentation"].(doc)
	if status, r := w.verifyPresentation(vp, bound); status != http.StatusOK || r["verified"] != true {
		t.Errorf("%d %v", status, r)
	}
	other := copied(t, vp)
	other["holder"] = w.ids["p256-rdfc"]
	other["verifiableCredential"].([]any)[0].(doc)["issuer"] = w.ids["p256-rdfc"]
	if status, r := w.verifyPresentation(other, bound); status != http.StatusOK || r["verified"] != false || problems(r) != proofError {
		t.Errorf("another's presentation: %d %v", status, r)
	}
	self["issuer"] = w.ids["p256-rdfc"]
	if status, r := w.present("eddsa-rdfc", p, bound); status != http.StatusBadRequest {
		t.Errorf("a claim of nobody: %d %v", status, r)
	}
}

// A holder lets out no base proof and signs for nobody else.
func TestPresentationRefused(t *testing.T) {
	w := start(t, nil)
	vc := w.issue("eddsa-rdfc", w.credential("eddsa-rdfc"), nil)
	with := func(change func(doc)) doc {
		p := presentation(copied(t, vc))
		change(p)
		return p
	}
	for _, x := range []struct {
		name, holder, field string
		presentation        doc
		options             doc
	}{
		{"a base proof of ecdsa-sd-2023", "eddsa-rdfc", "presentation.verifiableCredential[0].proof", presentation(w.issue("p256-sd", w.credential("p256-sd"), nil)), nil},
		{"a base proof of bbs-2023", "eddsa-jcs", "presentation.verifiableCredential[1].proof", presentation(vc, w.issue("bbs", w.credential("bbs"), nil)), nil},
		{"another holder", "eddsa-rdfc", "presentation.holder", with(func(p doc) { p["holder"] = w.ids["p256-rdfc"] }), nil},
		{"proofs", "eddsa-rdfc", "presentation.proof", with(func(p doc) { p["proof"] = vc["proof"] }), nil},
		{"another type", "eddsa-rdfc", "presentation.type", with(func(p doc) { p["type"] = "VerifiableCredential" }), nil},
		{"an unknown context", "eddsa-rdfc", "presentation.@context[1]", with(func(p doc) {
			p["@context"] = []any{"https://www.w3.org/ns/credentials/v2", "https://unknown.example/v1"}
		}), nil},
		{"an undefined term", "eddsa-rdfc", "presentation", with(func(p doc) { p["undefinedTerm"] = "x" }), nil},
		{"another purpose", "eddsa-rdfc", "options.proofPurpose", presentation(vc), doc{"proofPurpose": "assertionMethod"}},
		{"another cryptosuite", "eddsa-rdfc", "options.cryptosuite", presentation(vc), doc{"cryptosuite": "eddsa-jcs-2022"}},
		{"another method", "eddsa-rdfc", "options.verificationMethod", presentation(vc), doc{"verificationMethod": "did:key:z#z"}},
		{"another type of proof", "eddsa-rdfc", "options.type", presentation(vc), doc{"type": "Ed25519Signature2020"}},
		{"an embedded proof in a vp+jwt", "p256-jwt", "presentation.verifiableCredential[0]", presentation(vc), doc{"challenge": "c", "domain": "d"}},
		{"a vp+jwt bound to nobody", "p256-jwt", "options", presentation(), nil},
		{"a vp+jwt with more", "p256-jwt", "presentation", doc{"@context": []any{"https://www.w3.org/ns/credentials/v2"}, "type": "VerifiablePresentation", "id": "urn:uuid:1"}, doc{"challenge": "c", "domain": "d"}},
	} {
		if x.name == "a vp+jwt bound to nobody" {
			delete(x.presentation, "verifiableCredential")
		}
		status, answer := w.present(x.holder, x.presentation, x.options)
		if status != http.StatusBadRequest || answer["field"] != x.field {
			t.Errorf("%s: %d %v", x.name, status, answer)
		}
	}
	many := make([]doc, 65)
	for i := range many {
		many[i] = doc{"@context": "https://www.w3.org/ns/credentials/v2", "type": "EnvelopedVerifiableCredential", "id": "data:application/vc+jwt,x"}
	}
	if status, answer := w.present("eddsa-rdfc", presentation(many...), nil); status != http.StatusBadRequest || !strings.Contains(answer["detail"].(string), "65") {
		t.Errorf("%d %v", status, answer)
	}
	vp := presentation(many...)
	vp["proof"] = vc["proof"]
	if status, answer := w.verifyPresentation(vp, nil); status != http.StatusBadRequest || !strings.Contains(answer["detail"].(string), "65") {
		t.Errorf("%d %v", status, answer)
	}
}
