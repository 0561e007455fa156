package sdjwt_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
)

// An audience that is empty names nobody, also a verifier that says nothing of
// itself (RFC 7519, Section 4.1.3).
func TestAudienceNamesNobody(t *testing.T) {
	p := parties()
	for name, aud := range map[string]string{"empty": `""`, "list of an empty one": `[""]`, "empty list": `[]`, "null": `null`, "number": `1`, "object": `{}`, "another": `"https://a.example"`} {
		for _, recipient := range []string{"", "https://us.example"} {
			policy := p.plain()
			policy.Recipient = recipient
			_, err := sdjwt.Verify(p.forge(t, nil, p.base(t, `,"aud":`+aud)), policy)
			wantCheck(t, fmt.Sprintf("aud %s for %q", name, recipient), err, credential.CheckValidity)
		}
	}
}

// A credential without a type is none, whatever the policy accepts (SD-JWT VC,
// Section 2.2.2.1).
func TestTypeIsNeeded(t *testing.T) {
	p := parties()
	policy := p.plain()
	policy.VCT = nil
	if _, err := sdjwt.Verify(p.forge(t, nil, p.base(t, "")), policy); err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string]string{"missing": `{"iss":"https://a.example","exp":9999999999}`, "empty": `{"vct":"","exp":9999999999}`} {
		_, err := sdjwt.Verify(p.forge(t, nil, payload), policy)
		wantCheck(t, "vct "+name, err, credential.CheckType)
	}
}

// The metadata of another type say nothing about a credential.
func TestTypeMetadataOfAnotherType(t *testing.T) {
	p := parties()
	text := p.issue(t, []byte(`{"a":1}`))
	held, err := sdjwt.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := sdjwt.Verify(present(t, text, p.binding()), p.policy())
	if err != nil {
		t.Fatal(err)
	}
	for vct, ok := range map[string]bool{typeURL: true, typeURL + "/": false, "": false} {
		m := sdjwt.TypeMetadata{VCT: vct}
		if err := m.CheckHeld(held); (err == nil) != ok {
			t.Errorf("held, %q: %v", vct, err)
		}
		if err := m.CheckPresented(v); (err == nil) != ok {
			t.Errorf("presented, %q: %v", vct, err)
		}
	}
}

// A policy that would let time run backwards is refused.
func TestPolicyTimes(t *testing.T) {
	p := parties()
	text := present(t, p.issue(t, []byte(`{"a":1}`)), p.binding())
	for name, change := range map[string]func(*sdjwt.Policy){"skew": func(q *sdjwt.Policy) { q.Skew = -time.Second }, "age": func(q *sdjwt.Policy) { q.MaxAge = -time.Second }} {
		policy := p.policy()
		change(&policy)
		_, err := sdjwt.Verify(text, policy)
		wantCheck(t, name, err, credential.CheckPolicy)
	}
}

// What is too long or has too many parts is refused before it costs anything.
func TestSizeRefused(t *testing.T) {
	p := parties()
	text := p.forge(t, nil, p.base(t, ""))
	s, err := sdjwt.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	form, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	padded := append(form, strings.Repeat(" ", sdjwt.MaxSize)...)
	_, err = sdjwt.VerifyJSON(padded, p.plain())
	wantCheck(t, "JSON with a lot of white space", err, credential.CheckStructure)

	var digests, parts []string
	for i := range sdjwt.MaxDisclosures + 1 {
		encoded, digest := disc(fmt.Sprintf(`["s","n%d",0]`, i))
		digests, parts = append(digests, `"`+digest+`"`), append(parts, encoded)
	}
	many := p.forge(t, nil, p.base(t, `,"_sd":[`+strings.Join(digests, ",")+`]`), parts...)
	_, err = sdjwt.Verify(many, p.plain())
	wantCheck(t, "one disclosure too many", err, credential.CheckStructure)
	fewer := strings.Split(many, "~")
	if _, err := sdjwt.Verify(strings.Join(append(fewer[:len(fewer)-2:len(fewer)-2], ""), "~"), p.plain()); err != nil {
		t.Errorf("as many as are allowed: %v", err)
	}
}

// The holder's key is the one that stands in cnf; what points elsewhere beside
// it makes the credential ambiguous (SD-JWT VC, Section 8.3).
func TestRemoteHolderKeyRefused(t *testing.T) {
	p := parties()
	key, err := json.Marshal(jwk(t, p.holder.Public()))
	if err != nil {
		t.Fatal(err)
	}
	cnf := func(more string) string {
		text := p.forge(t, nil, fmt.Sprintf(`{"iss":%q,"vct":%q,"iat":%d,"exp":%d,"cnf":{"jwk":%s%s}}`, issuerURL, typeURL, now.Unix(), now.Add(time.Hour).Unix(), key, more))
		return bind(t, p.holder, text, nil, goodKB())
	}
	if _, err := sdjwt.Verify(cnf(""), p.policy()); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"jku", "x5u"} {
		_, err := sdjwt.Verify(cnf(`,"`+member+`":"https://a.example/keys"`), p.policy())
		wantCheck(t, "cnf with "+member, err, credential.CheckHolderBinding)
	}
}
