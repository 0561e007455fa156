package verifier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/verifier/policy"
)

// Acceptance says from whom the platform accepts a credential type.
type Acceptance = policy.Type

// formats that can be verified here.
var formats = format.IDs()

// platform is the policy that judges unless a transaction names another, and
// that no other may undercut: all checks, and the accepted types.
func platform(accept []Acceptance) (*policy.Policy, error) {
	return policy.New(policy.Policy{ID: policy.Platform, Version: "configuration", Formats: formats, Algorithms: issuerAlgs, Types: accept})
}

// policies holds each policy against the platform's.
func policies(c Config) (map[string]*policy.Policy, error) {
	own, err := platform(c.Accept)
	if err != nil {
		return nil, fmt.Errorf("verifier: Accept: %w", err)
	}
	floor := policy.Floor{Platform: own, Formats: formats, Algorithms: issuerAlgs, Levels: presentedLevels, Allowed: c.Relax}
	out := map[string]*policy.Policy{own.ID: own}
	var faults []error
	if err := floor.Check(own); err != nil { // of what can be verified at all
		faults = append(faults, fmt.Errorf("verifier: Accept: %w", err))
	}
	for _, x := range c.Relax {
		if !slices.Contains(policy.Relaxations(), x) {
			faults = append(faults, fmt.Errorf("verifier: Relax: found %q, expected of %v", x, policy.Relaxations()))
		}
	}
	for _, p := range c.Policies {
		if out[p.ID] != nil {
			faults = append(faults, fmt.Errorf("verifier: policy %s: id: another policy has it, or it is the platform's; choose another id", p.ID))
			continue
		}
		whole, err := p.Over(own)
		if err == nil {
			err = floor.Check(whole)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("verifier: %w", err))
			whole = p
		}
		out[p.ID] = whole
	}
	return out, errors.Join(faults...)
}

// named is the policy that a receiver names for a transaction; the platform's
// if it names none.
func (v *Verifier) named(receiver, id string) (*policy.Policy, error) {
	p := v.policies[cmp.Or(id, policy.Platform)]
	if p == nil || !p.For(receiver) {
		return nil, &Error{Err: ErrRequest, Field: "policy", Detail: "is no policy of this receiver; those are: " + strings.Join(policyIDs(v.Policies(receiver)), ", "),
			Remedy: "Name one of them, or leave it out for the platform's."}
	}
	return p, nil
}

// judging is the policy that a transaction was started with. One that was
// changed meanwhile judges nothing: the receiver relied on the other one.
func (v *Verifier) judging(x exchange) (*policy.Policy, error) {
	p := v.policies[x.Policy.ID]
	if p == nil || p.Ref() != x.Policy || !p.For(x.Receiver) {
		return nil, &Error{Err: ErrExpired, Detail: "the policy it was started with was changed", Remedy: "Start a new transaction."}
	}
	return p, nil
}

// Policies are those that a receiver may name, by id.
func (v *Verifier) Policies(receiver string) []*policy.Policy {
	var out []*policy.Policy
	for _, p := range v.policies {
		if p.For(receiver) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *policy.Policy) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func policyIDs(list []*policy.Policy) []string {
	ids := make([]string, len(list))
	for i, p := range list {
		ids[i] = p.ID
	}
	return ids
}

// algs are those of a policy among some that can be verified.
func algs(p *policy.Policy, some []jose.Alg) []jose.Alg {
	if p == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(some), func(a jose.Alg) bool { return !slices.Contains(p.Algorithms, a) })
}

// judge says what speaks against a credential that is genuine; nothing does
// when it is empty. The names are those that were verified, not claimed.
func judge(p *policy.Policy, kind string, c *format.Verified, s seal.Validation) string {
	a, ok := p.Type(kind)
	switch {
	case !ok:
		return "no issuer is accepted for this credential type"
	case !slices.Contains(a.Issuers, c.Issuer):
		return "the issuer is not accepted for this credential type"
	case s.Provider == nil || !slices.Contains(a.Registrations, s.Provider.Registration.String()):
		return "the provider's registration is not accepted for this credential type"
	case c.Expires.IsZero() && !a.WithoutExpiry:
		return "the credential has no exp, and the policy accepts none without"
	default:
		return ""
	}
}

// kinds are the types as which a credential answers a query, each of which must
// be accepted from its issuer. A W3C credential has several and its issuer chose
// their order, so that what counts is what was asked.
func kinds(q oid4vp.CredentialQuery, c *format.Verified) []string {
	var out []string
	if c.Format.W3C() && q.Meta != nil {
		for _, set := range q.Meta.TypeValues {
			if slices.ContainsFunc(set, func(t string) bool { return !slices.Contains(c.Types, t) }) {
				continue
			}
			for _, t := range set {
				if t != typeCredential && !slices.Contains(out, t) {
					out = append(out, t)
				}
			}
		}
	}
	if len(out) == 0 {
		return []string{c.Type}
	}
	return out
}

// typeCredential says of a W3C credential no more than that it is one.
const typeCredential = "https://www.w3.org/2018/credentials#VerifiableCredential"

const specPolicy = "SD-JWT VC, Sections 7.7 and 7.8"

// accepted is the policy check: from this issuer, of this age.
func (c *checked) accepted(p *policy.Policy, q oid4vp.CredentialQuery, now time.Time) bool {
	kinds := kinds(q, c.credential)
	for _, kind := range kinds {
		if against := judge(p, kind, c.credential, *c.validation); against != "" {
			c.report.Fail(credential.CheckPolicy, specPolicy, against)
			return false
		}
	}
	c.credential.Type = kinds[0]
	for _, kind := range kinds {
		t, _ := p.Type(kind)
		if t.MaxAge > 0 && (c.credential.IssuedAt.IsZero() || now.Sub(c.credential.IssuedAt) > t.MaxAge) {
			return c.found(p, policy.CredentialTooOld, credential.CheckPolicy, specPolicy, fmt.Sprintf("the credential was issued longer ago than %s, or does not say when", t.MaxAge))
		}
	}
	c.report.Pass(credential.CheckPolicy, specPolicy, fmt.Sprintf("issuer accepted for this type, seal %s, policy %s", c.validation.Qualification, p.ID))
	return true
}

// stands is the status check.
func (v *Verifier) stands(ctx context.Context, c *checked, p *policy.Policy, now time.Time) error {
	if c.credential.Status == nil {
		c.found(p, policy.StatusMissing, credential.CheckStatus, specStatus, "the credential has no status that could be checked")
		return nil
	}
	s, err := v.status(ctx, c.credential, *c.validation)
	if err != nil {
		return fmt.Errorf("checking a status: %w", err)
	}
	c.status = s.token
	switch {
	case s.against != "" && s.unavailable:
		c.found(p, policy.StatusUnavailable, credential.CheckStatus, specStatus, s.against)
	case s.against != "":
		c.report.Fail(credential.CheckStatus, specStatus, s.against)
	case p.StatusMaxAge > 0 && now.Sub(s.signed) > p.StatusMaxAge+v.c.Skew:
		c.found(p, policy.StatusTooOld, credential.CheckStatus, specStatus, fmt.Sprintf("the status list was signed longer ago than %s", p.StatusMaxAge))
	default:
		c.report.Pass(credential.CheckStatus, specStatus, "VALID")
	}
	return nil
}

// found notes a finding: it fails its check, or the check is left open because
// the policy only wants to be told. The result then names the finding among
// its reservations, so that nobody reads the check as passed.
func (c *checked) found(p *policy.Policy, f policy.Finding, check, spec, detail string) bool {
	if p.Effect(f) != policy.Reports {
		c.report.Fail(check, spec, detail)
		return false
	}
	c.reserve(f, check)
	c.report.Skip(check, spec, detail+"; policy "+p.ID+" only reports it")
	return true
}

// reserve takes a check off those that must have passed.
func (c *checked) reserve(f policy.Finding, checks ...string) {
	c.reservations = append(c.reservations, f)
	c.open = append(c.open, checks...)
}

// unbound says whether a presentation may come without its holder's word: only
// if query and policy both do without.
func (f fetched) unbound(q oid4vp.CredentialQuery) bool {
	return !q.HolderBinding() && f.policy.Effect(policy.HolderBindingMissing) == policy.Reports
}

// unbound notes that nothing says who presented, nor for which request: the
// state of the response is all that ties it to this one (OpenID4VP 1.0, Section
// 5.3).
func (c *checked) unbound(p *policy.Policy) {
	c.reserve(policy.HolderBindingMissing, credential.CheckHolderBinding, credential.CheckReplay)
	c.report = slices.DeleteFunc(c.report, func(l credential.Check) bool {
		return l.Name == credential.CheckHolderBinding || l.Name == credential.CheckReplay
	})
	detail := "the query asked for no proof of the holder and none came; policy " + p.ID + " only reports it"
	c.report.Skip(credential.CheckHolderBinding, "RFC 9901, Section 7.3", detail)
	c.report.Skip(credential.CheckReplay, "OpenID4VP 1.0, Section 5.3", detail)
}

// least is the lowest of the qualifications.
func least(list []seal.Qualification) seal.Qualification {
	if len(list) == 0 {
		return seal.NotApplicable
	}
	return slices.MinFunc(list, func(a, b seal.Qualification) int { return policy.Worth(a) - policy.Worth(b) })
}

// names joins check names for a message.
func names(list []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(list))), ", ")
}
