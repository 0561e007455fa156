package csc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
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
}

// authorization lets one signHash happen.
type authorization struct {
	sad    string // signature activation data, or
	bearer string // an access token with scope credential
	expiry time.Time
}

// Explicit authorizes with credentials/authorize (CSC API v2, Section 11.6): a
// PIN, a one-time password or whatever the credential asks for.
type Explicit struct {
	// Secrets give what the credential asks for, by the id of auth.objects, such
	// as PIN and OTP. Each is asked for at each authorization.
	Secrets map[string]Secret

	mu      sync.Mutex
	refused map[string]string // what the provider did not take
}

func (*Explicit) mode() string { return "explicit" }

type authData struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// authorize asks for signature activation data. It is not asked twice, because
// wrong values are counted and one-time ones are used up; the same wrong value
// is not sent again.
func (e *Explicit) authorize(ctx context.Context, c *Client, a activation) (authorization, error) {
	data, err := e.answers(ctx, a.objects)
	if err != nil {
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
		e.remember(err, a.objects, data)
		return authorization{}, named(err)
	}
	var answer struct {
		SAD     string `json:"SAD"`
		Expires int64  `json:"expiresIn"`
	}
	if err := read(call, b, &answer); err != nil {
		return authorization{}, err
	}
	if answer.SAD == "" {
		return authorization{}, fmt.Errorf("%w: %s: SAD is missing", ErrProtocol, call)
	}
	return authorization{sad: answer.SAD, expiry: asked.Add(life(answer.Expires))}, nil
}

// life of signature activation data (CSC API v2, Section 11.6).
func life(seconds int64) time.Duration { return token{Expires: seconds}.life() }

// answers are the values that were asked for, in order.
func (e *Explicit) answers(ctx context.Context, objects []AuthObject) ([]authData, error) {
	data := []authData{}
	for _, o := range objects {
		secret := e.Secrets[o.ID]
		if secret == nil {
			return nil, fmt.Errorf("%w: the credential asks for %q (%s), and nothing gives it", ErrConfig, o.ID, o.Type)
		}
		value, err := secret(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: asking for %q: %w", ErrConfig, o.ID, err)
		}
		e.mu.Lock()
		before, refused := e.refused[o.ID]
		e.mu.Unlock()
		if refused && before == value {
			return nil, fmt.Errorf("%w: %q was refused before with the same value; it is not sent again", ErrRefused, o.ID)
		}
		data = append(data, authData{o.ID, value})
	}
	return data, nil
}

// remember keeps what the provider called wrong (CSC API v2, Section 11.6.3):
// one-time passwords, or everything else.
func (e *Explicit) remember(err error, objects []AuthObject, data []authData) {
	var answer *Error
	if !errors.As(err, &answer) || answer.Code != "invalid_pin" && answer.Code != "invalid_otp" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refused == nil {
		e.refused = map[string]string{}
	}
	for i, d := range data {
		if oneTime := strings.EqualFold(objects[i].Type, "OTP"); oneTime == (answer.Code == "invalid_otp") {
			e.refused[d.ID] = d.Value
		}
	}
}

func encode(hashes [][]byte) []string {
	out := make([]string, 0, len(hashes))
	for _, h := range hashes {
		out = append(out, base64.StdEncoding.EncodeToString(h))
	}
	return out
}
