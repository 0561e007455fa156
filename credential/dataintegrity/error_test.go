package dataintegrity_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
)

// TestErrorTypes: Data Integrity 1.0, Sections 2.4.3, 4.4 and 4.7.
func TestErrorTypes(t *testing.T) {
	signed := sign(t, credentialText, di.Terms{Created: now}, "eddsa-rdfc-2022")
	p := policy(t, edKey(1).Public())
	for want, c := range map[string]struct {
		document []byte
		change   func(*di.Policy)
	}{
		"PARSING_ERROR":               {[]byte(signed + "}"), nil},
		"DATA_LOSS_DETECTION_ERROR":   {change(t, signed, `"name": "A. `, `"salary": "1", "name": "A. `), nil},
		"INVALID_DOMAIN_ERROR":        {[]byte(signed), func(p *di.Policy) { p.Domain = []string{"a"} }},
		"INVALID_CHALLENGE_ERROR":     {[]byte(signed), func(p *di.Policy) { p.Challenge = "a" }},
		"INVALID_VERIFICATION_METHOD": {[]byte(signed), func(p *di.Policy) { p.Resolver = documents{} }},
		"PROOF_VERIFICATION_ERROR":    {change(t, signed, "A. Student", "B. Student"), nil},
		"PROOF_VERIFICATION_ERROR ":   {change(t, signed, `v2"]`, `v2","https://e.example/v1"]`), func(p *di.Policy) { p.Contexts = append(p.Contexts, "https://e.example/v1") }},
	} {
		t.Run(want, func(t *testing.T) {
			p, want := p, strings.TrimSpace(want)
			if c.change != nil {
				c.change(&p)
			}
			_, err := di.Verify(context.Background(), c.document, p)
			var e *di.Error
			if !errors.As(err, &e) || e.Type() != "https://w3id.org/security#"+want {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestErrorsHoldNoValues: they end up in logs. A citizen's DID is personal data.
func TestErrorsHoldNoValues(t *testing.T) {
	signed := sign(t, credentialText, di.Terms{Created: now}, "eddsa-rdfc-2022")
	p := policy(t, edKey(1).Public())
	for _, c := range []struct{ old, by string }{
		{`"A. Student"`, `"Secret"`}, {`"A. Student"`, `"Secret`}, {`"A. Student"`, `["Secret",{"a":"Secret"}]`},
		{`"did:example:subject"`, `"Secret"`}, {`"created":"`, `"created":"Secret`}, {`"proofPurpose"`, `"challenge":"Secret","proofPurpose"`},
	} {
		_, err := di.Verify(context.Background(), change(t, signed, c.old, c.by), p)
		if err == nil || strings.Contains(err.Error(), "Secret") {
			t.Errorf("%s: %v", c.by, err)
		}
	}
	p.Controllers = []string{"did:example:Secret"}
	if _, err := di.Verify(context.Background(), []byte(signed), p); err == nil || strings.Contains(err.Error(), "Secret") || strings.Contains(err.Error(), "did:key") {
		t.Errorf("%v", err)
	}
}
