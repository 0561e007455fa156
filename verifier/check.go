package verifier

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/verifier/policy"
)

// CheckDisclosure says whether the wallet disclosed more than was asked.
const CheckDisclosure = "disclosure"

// order is the line of checks of a presentation (OpenID4VP 1.0, Section 8.6).
// The status comes last, because asking for it is the one step that others
// could notice.
var order = []string{
	credential.CheckStructure, credential.CheckSeal, credential.CheckIssuerTrust, credential.CheckIssuerSignature,
	credential.CheckType, credential.CheckValidity, credential.CheckHolderBinding, credential.CheckReplay,
	credential.CheckQuery, CheckDisclosure, credential.CheckPolicy, CheckQualification, credential.CheckStatus,
}

// required must all have passed.
var required = slices.DeleteFunc(slices.Clone(order), func(name string) bool { return name == CheckDisclosure })

// checked is one presentation with everything that was found out.
type checked struct {
	report     credential.Report
	validation *seal.Validation
	credential *format.Verified
	// certificates counts those that came with the credential.
	certificates int
	format       credential.Format
	// reservations are findings that the policy only reports, and open the
	// checks that did not pass because of them.
	reservations []policy.Finding
	open         []string
	// status is the status list token that was relied on.
	status *jose.Token
}

func (c *checked) holds() bool {
	must := slices.DeleteFunc(slices.Clone(required), func(name string) bool { return slices.Contains(c.open, name) })
	return c.credential != nil && c.report.OK(must...)
}

// replayed says that the presentation was not made for this request. The
// signature of a device does not tell whether the key or the request is another
// one, so that it counts as both.
func (c *checked) replayed() bool {
	fails := c.report.Failures()
	return slices.Contains(fails, credential.CheckReplay) || c.format == credential.FormatMdoc && slices.Contains(fails, credential.CheckHolderBinding)
}

// examine judges one presentation. An error means that it could not be judged.
func (v *Verifier) examine(ctx context.Context, f fetched, q oid4vp.CredentialQuery, presentation jsontext.Value, now time.Time) (checked, error) {
	var c checked
	// Steps 1 to 8. Structure, seal, issuer, type, validity, holder, replay.
	ok, err := v.genuine(ctx, &c, f, q, presentation, now)
	if err != nil {
		return checked{}, err
	}
	// Step 9. It is what was asked: nothing of the wallet's word is believed
	// (Section 14.11).
	if ok {
		if err := q.Check(candidate{&c, v.c.Lists}); err != nil {
			c.report.Fail(credential.CheckQuery, "OpenID4VP 1.0, Sections 8.6 and 14.11", err.Error())
			ok = false
		} else {
			c.report.Pass(credential.CheckQuery, "OpenID4VP 1.0, Section 8.6", "answers "+q.ID)
		}
	}
	// Step 10. More than asked is no fault of the receiver and is not given to
	// it (GDPR, Article 5(1)(c)).
	if ok {
		ok = c.disclosure(f.policy, q)
	}
	// Step 11. Whether it is accepted from this issuer.
	if ok {
		ok = c.accepted(f.policy, q, now)
	}
	// Step 12. Whether the seal is worth what is asked of this type.
	if ok {
		ok = c.worthy(v, f.policy, q)
	}
	// Step 13. Whether it still stands.
	if ok {
		if err := v.stands(ctx, &c, f.policy, now); err != nil {
			return checked{}, err
		}
	}
	c.complete()
	return c, nil
}

// errJudged stops a verification after the seal was judged; the report says why.
var errJudged = errors.New("the seal is not accepted")

// genuine is what the format and the seal prove.
func (v *Verifier) genuine(ctx context.Context, c *checked, f fetched, q oid4vp.CredentialQuery, presentation jsontext.Value, now time.Time) (bool, error) {
	c.format = credential.Format(q.Format)
	kind := format.By(q.Format)
	if kind == nil || !slices.Contains(f.policy.Formats, kind.ID()) {
		c.report.Fail(credential.CheckStructure, "OpenID4VP 1.0, Section 8.6", "the policy accepts no credentials of this format")
		return false, nil
	}
	var types []string // as far as one text says it; the query looks at all of it again
	if !kind.ID().W3C() {
		types = q.Types()
	}
	var failed error  // of judging, not of the seal
	var issuer string // that the credential names, or its certificate
	verified, err := kind.Presented(presentation, format.Policy{
		Now: now, Types: types, Skew: v.c.Skew, IssuerAlgs: algs(f.policy, issuerAlgs), HolderAlgs: algs(f.policy, holderAlgs),
		Session: f.session(), MaxAge: v.c.RequestLife, InsecureUnbound: f.unbound(q), Controller: v.controller(ctx, f.policy),
		Trust: func(s format.Signature) (crypto.PublicKey, error) {
			c.report.Pass(credential.CheckStructure, s.Structure, "")
			validation, err := s.Validate(ctx, v.c.Seals, now)
			if err != nil {
				failed = err
				return nil, err
			}
			c.validation, c.certificates = &validation, s.Certificates
			issuer = s.IssuerIn(validation.Certificate)
			if !c.sealed(validation, issuer) {
				return nil, errJudged
			}
			return validation.Certificate.PublicKey, nil
		},
	})
	if failed != nil {
		return false, fmt.Errorf("validating a seal: %w", failed)
	}
	if err == nil {
		for _, line := range verified.Checks {
			if line.Name != credential.CheckStructure {
				c.report = append(c.report, line)
			}
		}
		verified.Issuer = issuer
		c.credential = verified
		if !verified.Bound {
			c.unbound(f.policy)
		}
		return true, nil
	}
	if errors.Is(err, errJudged) {
		return false, nil
	}
	if ended := ctx.Err(); ended != nil {
		return false, ended // what was fetched for it may have been cut short
	}
	var e *format.Error
	if !errors.As(err, &e) || e.Check == credential.CheckPolicy {
		return false, err
	}
	c.failedAt(e)
	return false, nil
}

// failedAt adds the failed check, and before it those that are made earlier:
// once the seal was accepted they have passed.
func (c *checked) failedAt(e *format.Error) {
	from, at := slices.Index(order, credential.CheckIssuerSignature), slices.Index(order, e.Check)
	if len(c.report) > 0 && at > from {
		for _, name := range order[from:at] {
			c.report.Pass(name, "", "")
		}
	}
	c.report.Fail(e.Check, e.Spec, e.Error())
}

// sealed adds the lines about the seal and its creator.
func (c *checked) sealed(s seal.Validation, iss string) bool {
	const specSeal, specTrust = "ETSI EN 319 102-1, clause 5.3", "Regulation (EU) No 910/2014, Article 45f; SD-JWT VC, Section 2.5"
	detail := string(s.Indication)
	if s.SubIndication != "" {
		detail += " " + string(s.SubIndication)
	}
	detail += ", " + string(s.Qualification)
	fails := slices.DeleteFunc(s.Checks.Failures(), func(name string) bool { return name == seal.CheckProviderList })
	if s.Indication != seal.TotalPassed || s.Certificate == nil || len(fails) > 0 {
		if len(fails) > 0 {
			detail += ": " + names(fails)
		}
		c.report.Fail(credential.CheckSeal, specSeal, detail)
		return false
	}
	c.report.Pass(credential.CheckSeal, specSeal, detail)
	switch {
	case s.Provider == nil:
		c.report.Fail(credential.CheckIssuerTrust, specTrust, "the creator of the seal is no notified provider in the list: "+detailOf(s.Checks, seal.CheckProviderList))
		return false
	case s.Err() != nil:
		c.report.Fail(credential.CheckIssuerTrust, specTrust, s.Err().Error())
		return false
	}
	if err := seal.CertifiesIssuer(s.Certificate, iss); err != nil {
		c.report.Fail(credential.CheckIssuerTrust, specTrust, err.Error())
		return false
	}
	c.report.Pass(credential.CheckIssuerTrust, specTrust, fmt.Sprintf("%s (%s), listed and notified", s.Provider.Name, s.Provider.Registration))
	return true
}

func detailOf(r credential.Report, name string) string {
	for _, c := range r {
		if c.Name == name {
			return c.Detail
		}
	}
	return "not looked up"
}

// disclosure notes what was disclosed and not asked for.
func (c *checked) disclosure(p *policy.Policy, q oid4vp.CredentialQuery) bool {
	asked, beyond := q.Asked(), 0
	for _, p := range c.credential.Disclosed {
		// Asked for, part of what was, or around it (RFC 9901, Section 4.2.6).
		if !slices.ContainsFunc(asked, func(a credential.Path) bool {
			return a.Covers(p) || around(p, a) || before(p, a) && bare(c.credential.Claims.Select(p))
		}) {
			beyond++
		}
	}
	if c.credential.Whole {
		return c.found(p, policy.DisclosedTooMuch, CheckDisclosure, "OpenID4VP 1.0, Section 6.4", "a credential of this format is shown whole; what was not asked for is not given to the receiver")
	}
	if beyond > 0 {
		return c.found(p, policy.DisclosedTooMuch, CheckDisclosure, "OpenID4VP 1.0, Section 6.4", fmt.Sprintf("%d claims were disclosed that were not asked for; they are not given to the receiver", beyond))
	}
	c.report.Pass(CheckDisclosure, "OpenID4VP 1.0, Section 6.4", "nothing more than was asked for")
	return true
}

// around says that the value at p holds the one at asked.
func around(p, asked credential.Path) bool {
	if len(p) >= len(asked) {
		return false
	}
	for i, part := range p {
		if _, index := part.(int); part != asked[i] && !(index && asked[i] == nil) {
			return false
		}
	}
	return true
}

// before says that p is an element before the one that is asked for by its index.
// Where arrays close up it must be there, or the index would count another.
func before(p, asked credential.Path) bool {
	last := len(p) - 1
	if last < 0 || len(asked) <= last || last > 0 && !around(p[:last], asked) {
		return false
	}
	index, ok := p[last].(int)
	of, counted := asked[last].(int)
	return ok && counted && index < of
}

// bare says that values tell nothing but what they are: objects with a type alone.
func bare(values [][]byte) bool {
	for _, v := range values {
		var members map[string]jsontext.Value
		if jose.Unmarshal(v, &members) != nil {
			return false
		}
		for name := range members {
			if name != "type" && name != "@type" {
				return false
			}
		}
	}
	return len(values) > 0
}

// complete sorts the lines and adds those that were not reached.
func (c *checked) complete() {
	lines := make(credential.Report, 0, len(order))
	for _, name := range order {
		i := slices.IndexFunc(c.report, func(l credential.Check) bool { return l.Name == name && l.Outcome == credential.Failed })
		if i < 0 {
			i = slices.IndexFunc(c.report, func(l credential.Check) bool { return l.Name == name })
		}
		if i < 0 {
			lines.Skip(name, "", "not reached, because another check failed")
			continue
		}
		lines = append(lines, c.report[i])
	}
	c.report = lines
}

// candidate is a verified presentation as a query sees it.
type candidate struct {
	c     *checked
	lists []string
}

func (x candidate) Format() string    { return string(x.c.credential.Format) }
func (x candidate) Types() []string   { return x.c.credential.Types }
func (x candidate) HolderBound() bool { return x.c.credential.Bound }
func (x candidate) Select(p credential.Path) [][]byte {
	return x.c.credential.Claims.Select(p)
}

// AuthorityKeys are those of the certificates that came with the credential,
// not of the anchor that they led to (OpenID4VP 1.0, Section 6.1.1.1).
func (x candidate) AuthorityKeys() [][]byte {
	var keys [][]byte
	certs := x.c.validation.Path.Certificates
	for _, cert := range certs[:min(len(certs), x.c.certificates)] {
		if len(cert.AuthorityKeyId) > 0 {
			keys = append(keys, cert.AuthorityKeyId)
		}
	}
	return keys
}

// TrustedLists are the names of the configured list on which the issuer was
// found.
func (x candidate) TrustedLists() []string {
	if x.c.validation.Provider == nil {
		return nil
	}
	return x.lists
}
