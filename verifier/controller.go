package verifier

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/verifier/policy"
)

// controller looks up the documents of issuers. Who presents chooses what is asked
// for, so that only issuers are asked that the policy accepts: a stranger's address
// would learn of the presentation, and could be any.
func (v *Verifier) controller(ctx context.Context, p *policy.Policy) func(method string) (*did.Document, error) {
	return func(method string) (*did.Document, error) {
		issuer, _, _ := strings.Cut(method, "#")
		if !slices.ContainsFunc(p.Types, func(t policy.Type) bool { return slices.Contains(t.Issuers, issuer) }) {
			return nil, errors.New("no credentials of this issuer are accepted, so that it is not asked for")
		}
		if v.c.Controllers == nil {
			return nil, errors.New("documents of issuers cannot be looked up here")
		}
		return v.c.Controllers.Of(ctx, method)
	}
}
