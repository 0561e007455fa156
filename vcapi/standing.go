package vcapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/did"
)

// standing judges what a verified document says of itself: types, validity and
// status.
//
// Deviation: the text ("Verification Errors vs. Warnings") calls an expired or revoked
// credential a warning, and verified true; here verified is false, for those who look
// at nothing else. The problems tell one from the other.
func (v *Verifier) standing(ctx context.Context, c *vcdm.Credential, o CredentialOptions, r *CredentialResult) error {
	if _, err := vcdm.Types(v.c.Contexts.processor, c.Contexts, c.Types); err != nil {
		r.problem(problemOf(err))
	}
	now := v.c.Now()
	r.Results.ValidFrom = moment(!c.ValidFrom.After(now.Add(skew)), c.ValidFrom)
	r.Results.ValidUntil = moment(!c.ValidUntil.Before(now.Add(-skew)), c.ValidUntil)
	if err := c.CheckValidity(now, skew); err != nil {
		r.problem(problemOf(err))
	}
	if len(c.Status) == 0 || o.SkipStatus {
		return nil
	}
	return v.status(ctx, c, r)
}

func (v *Verifier) status(ctx context.Context, c *vcdm.Credential, r *CredentialResult) error {
	failed := func(err error) {
		r.Results.Status = steps(false, c.Status)
		r.problem(problemOf(err))
	}
	entries, err := entriesOf(c.Raw)
	if err != nil {
		failed(err)
		return nil
	}
	found, err := v.checker(entries).Check(ctx, entries, status.SameIssuer(c.Issuer))
	if ended := ctx.Err(); ended != nil {
		return ended // nothing was found out
	}
	if err != nil {
		failed(err)
		return nil
	}
	r.Results.Status = steps(true, c.Status)
	for i, f := range found.Findings {
		against := f.Value != 0 && f.Purpose != status.Message && f.Purpose != status.Refresh
		r.Results.Status[i].Verified, r.Results.Status[i].Value = !against, &f.Value
	}
	switch found.Value {
	case status.Valid:
	case status.Suspended:
		r.problem(revoked("the credential is suspended"))
	default:
		r.problem(revoked("the credential is revoked"))
	}
	return nil
}

func revoked(detail string) Problem {
	e := status.Error{Name: status.VerificationError}
	return Problem{Type: e.Type(), Title: titleRevoked, Detail: detail, Spec: "Bitstring Status List 1.0, Section 3.2"}
}

// checker is the one for lists that are all here, or the one for others.
func (v *Verifier) checker(entries []status.Entry) *status.BitstringChecker {
	for _, e := range entries {
		ours := false
		for _, i := range v.c.Issuers {
			ours = ours || i.serves(e.List)
		}
		if !ours {
			return v.others
		}
	}
	return v.own
}

// lists gets status lists: those of this server from where they are made.
type lists struct{ v *Verifier }

// Fetch implements status.Fetcher.
func (l lists) Fetch(ctx context.Context, url, accept string) ([]byte, time.Duration, error) {
	for _, i := range l.v.c.Issuers {
		if i.serves(url) {
			b, err := i.list(ctx, url)
			return b, 0, err
		}
	}
	if l.v.c.Lists == nil {
		return nil, 0, errors.New("status lists of others are fetched only if the operator allows it (vc_api.network)")
	}
	return l.v.c.Lists.Fetch(ctx, url, accept)
}

// listVerifier verifies lists as it does credentials, but for their own status.
type listVerifier struct{ v *Verifier }

// VerifyList implements status.ListVerifier.
func (l listVerifier) VerifyList(ctx context.Context, fetched []byte) ([]byte, status.ListSigner, error) {
	content := bytes.TrimSpace(fetched)
	if jsontext.Value(content).Kind() == '{' {
		p, err := vcdm.ParseSecured(content, vcdm.Rules{})
		if err != nil {
			return nil, status.ListSigner{}, err
		}
		if p.Embedded != nil {
			return l.embedded(ctx, p.Embedded)
		}
		if p.Enveloped.MediaType != "application/"+vcjose.TypCredential {
			return nil, status.ListSigner{}, fmt.Errorf("the list is enveloped as something else than %s", vcjose.TypCredential)
		}
		content = p.Enveloped.Content
	}
	got, err := vcjose.VerifyCredential(string(content), l.v.tokens(ctx))
	if err != nil {
		return nil, status.ListSigner{}, err
	}
	return got.Raw, status.ListSigner{Issuer: got.Issuer}, nil
}

func (l listVerifier) embedded(ctx context.Context, c *vcdm.Credential) ([]byte, status.ListSigner, error) {
	policy := l.v.policy(did.AssertionMethod, "", "")
	policy.Controllers = []string{c.Issuer}
	verified, err := dataintegrity.Verify(ctx, c.Raw, policy)
	if err != nil {
		return nil, status.ListSigner{}, err
	}
	return verified.Document, status.ListSigner{Issuer: c.Issuer}, nil
}
