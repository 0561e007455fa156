package sdjwt_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
)

// RFC 9901, Section 8.
func TestJSONFormRefused(t *testing.T) {
	p := parties()
	text := present(t, p.issue(t, twenty, twentyPaths(t)...), p.binding(), sdjwt.Path{"title"})
	s, err := sdjwt.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	good, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sdjwt.VerifyJSON(good, p.policy()); err != nil {
		t.Fatal(err)
	}
	var flat struct {
		Payload, Protected, Signature string
		Header                        struct {
			Disclosures []string
			KBJWT       string `json:"kb_jwt"`
		}
	}
	if err := json.Unmarshal(good, &flat); err != nil {
		t.Fatal(err)
	}
	form := func(change func(m, header map[string]any)) string {
		header := map[string]any{"disclosures": flat.Header.Disclosures, "kb_jwt": flat.Header.KBJWT}
		m := map[string]any{"payload": flat.Payload, "protected": flat.Protected, "signature": flat.Signature, "header": header}
		change(m, header)
		b, _ := json.Marshal(m)
		return string(b)
	}
	general := func(second map[string]any) string {
		return form(func(m, header map[string]any) {
			first := map[string]any{"protected": m["protected"], "signature": m["signature"], "header": header}
			delete(m, "protected")
			delete(m, "signature")
			delete(m, "header")
			m["signatures"] = []any{first, second}
		})
	}
	if _, err := sdjwt.VerifyJSON([]byte(general(map[string]any{"protected": flat.Protected, "signature": flat.Signature})), p.policy()); err != nil {
		t.Errorf("general form: %v", err)
	}
	for name, c := range map[string]struct{ text, check string }{
		"not JSON":               {`{`, credential.CheckStructure},
		"compact":                {text, credential.CheckStructure},
		"duplicate member":       {strings.Replace(string(good), `"payload"`, `"payload":"","payload"`, 1), credential.CheckStructure},
		"no payload":             {form(func(m, _ map[string]any) { delete(m, "payload") }), credential.CheckStructure},
		"no protected":           {form(func(m, _ map[string]any) { delete(m, "protected") }), credential.CheckStructure},
		"no signature":           {form(func(m, _ map[string]any) { delete(m, "signature") }), credential.CheckStructure},
		"both forms":             {form(func(m, _ map[string]any) { m["signatures"] = []any{} }), credential.CheckStructure},
		"no signatures":          {`{"payload":"e30","signatures":[]}`, credential.CheckStructure},
		"too many signatures":    {`{"payload":"e30","signatures":[` + strings.Repeat(`{"protected":"","signature":""},`, 8) + `{"protected":"","signature":""}]}`, credential.CheckStructure},
		"header missing":         {form(func(m, _ map[string]any) { delete(m, "header") }), credential.CheckHolderBinding},
		"kb_jwt missing":         {form(func(_, h map[string]any) { delete(h, "kb_jwt") }), credential.CheckHolderBinding},
		"kb_jwt empty":           {form(func(_, h map[string]any) { h["kb_jwt"] = "" }), credential.CheckStructure},
		"kb_jwt with tilde":      {form(func(_, h map[string]any) { h["kb_jwt"] = flat.Header.Disclosures[0] + "~" + flat.Header.KBJWT }), credential.CheckStructure},
		"disclosure with tilde":  {form(func(_, h map[string]any) { h["disclosures"] = []string{flat.Header.Disclosures[0] + "~"} }), credential.CheckStructure},
		"disclosure empty":       {form(func(_, h map[string]any) { h["disclosures"] = []string{""} }), credential.CheckStructure},
		"disclosures dropped":    {form(func(_, h map[string]any) { h["disclosures"] = []string{} }), credential.CheckHolderBinding},
		"disclosures a string":   {form(func(_, h map[string]any) { h["disclosures"] = "x" }), credential.CheckStructure},
		"protected with tilde":   {form(func(m, _ map[string]any) { m["protected"] = flat.Protected + "~" }), credential.CheckStructure},
		"payload with dot":       {form(func(m, _ map[string]any) { m["payload"] = flat.Payload + "." }), credential.CheckStructure},
		"second has disclosures": {general(map[string]any{"protected": flat.Protected, "signature": flat.Signature, "header": map[string]any{"disclosures": []string{}}}), credential.CheckStructure},
		"second has kb_jwt":      {general(map[string]any{"protected": flat.Protected, "signature": flat.Signature, "header": map[string]any{"kb_jwt": flat.Header.KBJWT}}), credential.CheckStructure},
		"second is wrong":        {general(map[string]any{"protected": flat.Protected, "signature": "AAAA"}), credential.CheckIssuerSignature},
		"second is malformed":    {general(map[string]any{"protected": "", "signature": "AAAA"}), credential.CheckStructure},
	} {
		_, err := sdjwt.VerifyJSON([]byte(c.text), p.policy())
		wantCheck(t, name, err, c.check)
	}
	two, err := sdjwt.ParseJSON([]byte(general(map[string]any{"protected": flat.Protected, "signature": flat.Signature})))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.JSON(); err == nil {
		t.Error("two signatures are written as one")
	}
}
