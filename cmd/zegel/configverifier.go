package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/zegel-id/zegel/verifier/policy"
	"github.com/zegel-id/zegel/verifier/receivers"
	"github.com/zegel-id/zegel/verifier/webhooks"
)

// checkPolicies reports the faults of accept, policies and relax that show
// without reading a file.
func (v *VerifierConfig) checkPolicies() []error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("- verifier."+format, args...))
	}
	for i := range v.Accept {
		a := &v.Accept[i]
		for _, err := range a.SealNeedConfig.check() {
			fault("accept[%d].%w", i, err)
		}
		if a.MaxAge == "" {
			continue
		}
		var err error
		if a.maxAge, err = time.ParseDuration(a.MaxAge); err != nil || a.maxAge < time.Second {
			fault("accept[%d].max_age: found %q, expected a duration such as 8760h", i, a.MaxAge)
		}
	}
	for i, p := range v.Policies {
		if (p.File == "") == (p.Document == "") {
			fault("policies[%d]: give either file, the path of a JSON document, or document, the JSON itself", i)
		}
	}
	for i, r := range v.Relax {
		if !slices.Contains(policy.Relaxations(), r) {
			fault("relax[%d]: found %q, expected one of %v", i, r, policy.Relaxations())
		}
	}
	return faults
}

// policies reads the policy documents; all faults are told at once.
func (v *VerifierConfig) policies() ([]*policy.Policy, error) {
	var out []*policy.Policy
	var faults []error
	for i, c := range v.Policies {
		name, text := fmt.Sprintf("verifier.policies[%d].document", i), []byte(c.Document)
		if c.File != "" {
			var err error
			name = c.File
			if text, err = os.ReadFile(c.File); err != nil {
				faults = append(faults, fmt.Errorf("verifier.policies[%d].file: %w", i, err))
				continue
			}
		}
		p, err := policy.Parse(name, text)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		out = append(out, p)
	}
	return out, errors.Join(faults...)
}

// checkWebhooks reports the faults of webhooks that show without reading a
// secret.
func (v *VerifierConfig) checkWebhooks(profile string) []error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("- verifier."+format, args...))
	}
	if v.WebhookRetries == "" {
		v.WebhookRetries = "24h"
	}
	var err error
	if v.webhookRetries, err = time.ParseDuration(v.WebhookRetries); err != nil || v.webhookRetries < time.Minute || v.webhookRetries > 14*24*time.Hour {
		fault("webhook_retries: found %q, expected a duration from 1m to 336h", v.WebhookRetries)
	}
	seen := map[string]bool{}
	for i, w := range v.Webhooks {
		if w.Receiver == "" || seen[w.Receiver] {
			fault("webhooks[%d].receiver: name a receiver of the register that has no endpoint yet", i)
		}
		seen[w.Receiver] = true
		u, err := url.Parse(w.URL)
		plain := err == nil && u.Scheme == "http" && profile == ProfileDevelopment && isLoopback(u.Hostname())
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && !plain {
			fault("webhooks[%d].url: expected an https address without user and fragment (plain http is for the development profile on loopback)", i)
		}
		if len(w.SecretFiles) == 0 {
			fault("webhooks[%d].secret_files: name a file with a signing secret, whsec_ and 24 to 64 random bytes in base64", i)
		}
	}
	return faults
}

// checkNamed refuses webhooks and policies of receivers that the register does
// not have: a misspelt id would go unseen.
func (v *VerifierConfig) checkNamed(register *receivers.Register, policies []*policy.Policy) error {
	var faults []error
	check := func(field, id string) {
		if _, ok := register.Find(id); !ok {
			faults = append(faults, fmt.Errorf("%s: found %q, which is not in the register %s; correct the id, or take the entry out", field, id, v.Receivers))
		}
	}
	for i, w := range v.Webhooks {
		check(fmt.Sprintf("verifier.webhooks[%d].receiver", i), w.Receiver)
	}
	for _, p := range policies {
		for i, id := range p.Receivers {
			check(fmt.Sprintf("policy %s: receivers[%d]", p.ID, i), id)
		}
	}
	return errors.Join(faults...)
}

// webhooks reads the secrets of the receivers' endpoints.
func (a *app) webhooks(c *VerifierConfig) (webhooks.Config, error) {
	out := webhooks.Config{
		Endpoints: map[string]webhooks.Endpoint{}, Client: a.operator, RetryFor: c.webhookRetries, Jitter: rand.Float64, InsecureLoopback: a.c.Profile == ProfileDevelopment,
		Report: func(err error) { a.log.Warn("webhooks", "error", err) },
	}
	var faults []error
	for i, w := range c.Webhooks {
		e := webhooks.Endpoint{URL: w.URL}
		for _, path := range w.SecretFiles {
			text, err := readToken(path)
			var s webhooks.Secret
			if err == nil {
				s, err = webhooks.ParseSecret(text)
			}
			if err != nil {
				faults = append(faults, fmt.Errorf("verifier.webhooks[%d].secret_files: %s: %w", i, path, err))
				continue
			}
			e.Secrets = append(e.Secrets, s)
		}
		out.Endpoints[w.Receiver] = e
	}
	return out, errors.Join(faults...)
}
