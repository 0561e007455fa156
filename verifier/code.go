package verifier

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/store"
)

// decode opens a result with its response code. Wrong ones count; when they
// were too many, the result stays closed for ever.
func (v *Verifier) decode(ctx context.Context, t transaction, sealed []byte, code string) ([]byte, error) {
	refuse := func(detail, remedy string) error {
		return &Error{Err: ErrCode, Field: "response_code", Detail: detail, Spec: "OpenID4VP 1.0, Section 14.3", Remedy: remedy}
	}
	if code == "" {
		return nil, refuse("is missing", "Take it from the address that the citizen's browser came back with, in the session that started the transaction.")
	}
	c, parse := capsule.ParseSecret(code)
	plain, open := capsule.Open(c, purposeCode, sealed, []byte(t.id))
	right := parse == nil && open == nil
	dead, err := v.tooManyTries(ctx, t, right)
	switch {
	case err != nil:
		return nil, err
	case dead:
		return nil, refuse("was wrong too often; the result stays closed", "Start a new transaction.")
	case !right:
		return nil, refuse("is not the one of this transaction", "Treat the session as under attack: the citizen who answered may be another one.")
	default:
		return plain, nil
	}
}

// tooManyTries counts a wrong code by unique insert, and says whether the
// tries are used up. A right one is not counted: a fetch may be repeated.
func (v *Verifier) tooManyTries(ctx context.Context, t transaction, right bool) (bool, error) {
	if right {
		return v.exists(ctx, kindTry, t.id+"."+strconv.Itoa(v.c.Tries))
	}
	for i := 1; i <= v.c.Tries; i++ {
		_, err := v.c.Store.Create(ctx, store.Record{Kind: kindTry, ID: t.id + "." + strconv.Itoa(i), Expiry: v.end(t.Expires)})
		if err == nil {
			return false, nil
		}
		if !errors.Is(err, store.ErrExists) {
			return false, fmt.Errorf("counting a response code: %w", err)
		}
	}
	return true, nil
}
