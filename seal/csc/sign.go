package csc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/internal/jose"
)

// signHash asks once for the signatures of hashes that an authorization is for
// (CSC API v2, Section 11.10). From here on nothing is tried again.
func (c *Client) signHash(ctx context.Context, a activation, s scheme, auth authorization) ([][]byte, error) {
	const call = "signatures/signHash"
	question := map[string]any{
		"credentialID": a.credentialID, "hashes": encode(a.hashes), "hashAlgorithmOID": a.hashOID,
		"signAlgo": s.oid, "operationMode": "S",
	}
	if auth.sad != "" {
		question["SAD"] = auth.sad
	}
	if s.params != "" {
		question["signAlgoParams"] = s.params
	}
	body, err := jose.Marshal(question)
	if err != nil {
		return nil, fmt.Errorf("%w: writing %s", ErrConfig, call)
	}
	bearer := auth.bearer
	if bearer == "" {
		refused, _ := c.refused.Load().(string)
		if bearer, err = c.cfg.Service.Token(ctx, refused); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	b, err := c.send(ctx, call, bearer, body)
	if err != nil {
		if unauthorized(err, call) && auth.bearer == "" {
			c.refused.Store(bearer) // the next batch gets another
		}
		return nil, answered(err)
	}
	return signatures(call, b, len(a.hashes))
}

// answered tells a refusal, after which nothing was signed, from an answer that
// leaves it open: 4xx is the provider's no (RFC 9110, Section 15.5), except
// where it says that it waited too long.
func answered(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Status >= 400 && e.Status < 500 && e.Status != 408 {
		if e.Status == 429 {
			return fmt.Errorf("%w: %w", ErrAway, err)
		}
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return fmt.Errorf("%w: %w", ErrUncertain, err)
}

func signatures(call string, b []byte, want int) ([][]byte, error) {
	var answer struct {
		Signatures []string `json:"signatures"`
		ResponseID string   `json:"responseID"`
	}
	if err := jose.Unmarshal(b, &answer); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUncertain, call, err)
	}
	if answer.ResponseID != "" && len(answer.Signatures) == 0 {
		return nil, fmt.Errorf("%w: %s: the provider wants to answer later (responseID), although asked for mode S; asynchronous signing is not supported", ErrUncertain, call)
	}
	if len(answer.Signatures) != want {
		return nil, fmt.Errorf("%w: %s: %d signatures for %d hashes", ErrUncertain, call, len(answer.Signatures), want)
	}
	out := make([][]byte, 0, want)
	for i, text := range answer.Signatures {
		sig, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: signatures[%d] is not base64", ErrUncertain, call, i)
		}
		out = append(out, sig)
	}
	return out, nil
}
