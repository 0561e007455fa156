package csc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// Authorizer obtains what the provider wants to see before it signs: Explicit or
// OAuth.
type Authorizer interface {
	// mode is the auth.mode that it is for.
	mode() string
	authorize(ctx context.Context, c *Client, a activation) (authorization, error)
}

// activation is what an authorization is asked for: these hashes and no others,
// with this credential. With SCAL 2 the provider holds signHash against it
// (EN 419 241-1); we ask in the same way with SCAL 1.
type activation struct {
	credentialID string
	hashes       [][]byte
	hashOID      string       // the algorithm the hashes were made with
	objects      []AuthObject // what the provider wants to be given, in mode explicit
	expression   string       // which of them
}

// authorization lets one signHash happen.
type authorization struct {
	sad    string // signature activation data, or
	bearer string // an access token with scope credential
	expiry time.Time
}

// Explicit authorizes with credentials/authorize (CSC API v2, Section 11.6): a
// PIN, a one-time password or whatever else the credential asks for that can be
// said at once. What is given out of band is not supported. An Explicit is for
// one credential.
type Explicit struct {
	// Secrets give what the credential asks for, by the id of auth.objects, such
	// as PIN and OTP. Each is asked for at each authorization.
	Secrets map[string]Secret

	untried turn // of who tries values that were not taken before

	mu      sync.Mutex
	taken   []authData // the lasting values that the provider took last
	refused []authData // the values that it did not take
	wrong   int        // how often in a row, with the same lasting values
}

// maxWrong is how often values that last are sent with other one-time values
// when the provider does not say which of them is wrong. It may lock the
// credential after several (Section 11.6, Note 29).
const maxWrong = 2

func (*Explicit) mode() string { return "explicit" }

type authData struct {
	ID    string `json:"id"`
	Value string `json:"value"`

	oneTime bool
}

// authorize asks for signature activation data. It is not asked twice, because
// wrong values are counted and one-time ones are used up; the same wrong values
// are not sent again.
func (e *Explicit) authorize(ctx context.Context, c *Client, a activation) (authorization, error) {
	data, err := e.answers(ctx, a)
	if err != nil {
		return authorization{}, err
	}
	if !e.known(data) { // several batches at once would be several wrong tries
		done, err := e.untried.wait(ctx)
		if err != nil {
			return authorization{}, err
		}
		defer done()
	}
	if err := e.allowed(data); err != nil {
		return authorization{}, err
	}
	body, err := jose.Marshal(map[string]any{
		"credentialID": a.credentialID, "numSignatures": len(a.hashes), "hashes": encode(a.hashes),
		"hashAlgorithmOID": a.hashOID, "authData": data,
	})
	if err != nil {
		return authorization{}, fmt.Errorf("%w: writing credentials/authorize", ErrConfig)
	}
	const call = "credentials/authorize"
	asked := c.cfg.Now()
	token, b, err := c.withToken(ctx, call, body, "")
	if unauthorized(err, call) { // turned away at the door: nothing was looked at
		_, b, err = c.withToken(ctx, call, body, token)
	}
	if err != nil {
		e.remember(err, data)
		return authorization{}, named(err)
	}
	var answer struct {
		SAD     string `json:"SAD"`
		Expires int64  `json:"expiresIn"`
		Handle  string `json:"handle"`
	}
	if err := read(call, b, &answer); err != nil {
		return authorization{}, err
	}
	e.remember(nil, data)
	if answer.SAD == "" && answer.Handle != "" {
		return authorization{}, fmt.Errorf("%w: %s: the provider waits for something out of band (handle), which is not supported", ErrCredential, call)
	}
	if answer.SAD == "" {
		return authorization{}, fmt.Errorf("%w: %s: SAD is missing", ErrProtocol, call)
	}
	return authorization{sad: answer.SAD, expiry: asked.Add(life(answer.Expires))}, nil
}

// life of signature activation data (CSC API v2, Section 11.6).
func life(seconds int64) time.Duration { return token{Expires: seconds}.life() }

// answers are the values that are asked for, in order. All that are named must
// be given, unless the expression lets one choose; then those are given that
// there are.
func (e *Explicit) answers(ctx context.Context, a activation) ([]authData, error) {
	data := []authData{}
	choice := choice(a.expression)
	for _, o := range a.objects {
		secret := e.Secrets[o.ID]
		if secret == nil && choice {
			continue
		}
		if secret == nil {
			return nil, fmt.Errorf("%w: the credential asks for %q (%s), and nothing gives it", ErrConfig, o.ID, o.Type)
		}
		value, err := secret(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: asking for %q: %w", ErrConfig, o.ID, err)
		}
		data = append(data, authData{o.ID, value, o.oneTime()})
	}
	if len(a.objects) > 0 && len(data) == 0 {
		return nil, fmt.Errorf("%w: the credential asks for one of several, and nothing gives any", ErrConfig)
	}
	return data, nil
}

// choice says that an expression, such as PIN AND (OTP OR SMS), lets one choose
// (Section 11.4).
func choice(expression string) bool {
	words := strings.FieldsFunc(expression, func(r rune) bool { return r == ' ' || r == '(' || r == ')' })
	return slices.Contains(words, "OR") || slices.Contains(words, "XOR")
}

// known says that the provider took the lasting values before.
func (e *Explicit) known(data []authData) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.taken != nil && slices.Equal(lasting(data), e.taken)
}

// allowed refuses values that the provider has refused, and lasting ones that
// it has refused too often.
func (e *Explicit) allowed(data []authData) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.wrong == 0:
		return nil
	case slices.Equal(data, e.refused):
		return fmt.Errorf("%w: the same values were refused before; they are not sent again", ErrRefused)
	case e.wrong >= maxWrong && slices.Equal(lasting(data), lasting(e.refused)):
		return fmt.Errorf("%w: %d times in a row, with the same lasting values; they are not sent again", ErrRefused, e.wrong)
	}
	return nil
}

// remember keeps what the provider called wrong (Section 11.6; invalid_pin and
// invalid_otp come from version 1). An authorization forgets it.
func (e *Explicit) remember(err error, data []authData) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var answer *Error
	switch {
	case err == nil:
		e.taken, e.refused, e.wrong = lasting(data), nil, 0
	case !errors.As(err, &answer):
	case answer.Code == "invalid_authentication_data" || answer.Code == "invalid_pin" || answer.Code == "invalid_otp":
		if !slices.Equal(lasting(data), lasting(e.refused)) {
			e.wrong = 0
		}
		e.taken, e.refused = nil, data
		e.wrong++
	}
}

// lasting leaves the one-time values out.
func lasting(data []authData) []authData {
	return slices.DeleteFunc(slices.Clone(data), func(d authData) bool { return d.oneTime })
}

func encode(hashes [][]byte) []string {
	out := make([]string, 0, len(hashes))
	for _, h := range hashes {
		out = append(out, base64.StdEncoding.EncodeToString(h))
	}
	return out
}
