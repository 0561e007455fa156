package csc_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/csc"
	"github.com/zegel-id/zegel/seal/csc/csctest"
	"github.com/zegel-id/zegel/seal/signers"
)

// status answers with a status and a body.
func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// hangUp breaks the connection.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// huge answers without an end.
func huge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for r.Context().Err() == nil {
		if _, err := w.Write(make([]byte, 1<<16)); err != nil {
			return
		}
	}
}

// What an answer to signHash means: a no is a no, everything else that is not
// the signatures may have been a yes. Nothing is asked again.
func TestSignHashAnswers(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Sign(rand.Reader, digest("text"), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	instead := func(s ...string) func([]string) []string { return func([]string) []string { return s } }
	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example", http.StatusTemporaryRedirect)
	}
	untyped := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		bend   func([]string) []string
		err    error
	}{
		"refused":               {answer: status(400, `{"error":"invalid_request","error_description":"SAD expired"}`), err: csc.ErrRefused},
		"unauthorized":          {answer: status(401, `{"error":"invalid_token"}`), err: csc.ErrRefused},
		"too many":              {answer: status(429, `{}`), err: csc.ErrAway},
		"waited too long":       {answer: status(408, `{}`), err: csc.ErrUncertain},
		"server error":          {answer: status(500, `{"error":"server_error"}`), err: csc.ErrUncertain},
		"unavailable":           {answer: status(503, ``), err: csc.ErrUncertain},
		"redirect":              {answer: elsewhere, err: csc.ErrUncertain},
		"hung up":               {answer: hangUp, err: csc.ErrUncertain},
		"huge":                  {answer: huge, err: csc.ErrUncertain},
		"long":                  {answer: status(200, `{"signatures":[]}`+strings.Repeat(" ", csc.MaxAnswer)), err: csc.ErrUncertain},
		"not JSON":              {answer: status(200, `signature`), err: csc.ErrUncertain},
		"not said to be":        {answer: untyped, err: csc.ErrUncertain},
		"duplicate member":      {answer: status(200, `{"signatures":[],"signatures":["AA=="]}`), err: csc.ErrUncertain},
		"asynchronous":          {answer: status(200, `{"responseID":"1"}`), err: csc.ErrUncertain},
		"no signatures":         {answer: status(200, `{}`), err: csc.ErrUncertain},
		"not base64":            {bend: instead("*"), err: csc.ErrUncertain},
		"one too many":          {bend: func(s []string) []string { return append(s, s[0]) }, err: csc.ErrUncertain},
		"empty":                 {bend: instead(""), err: csc.ErrUncertain},
		"of another key":        {bend: instead(base64.StdEncoding.EncodeToString(foreign)), err: csc.ErrUncertain},
		"of another hash, r||s": {bend: instead(base64.StdEncoding.EncodeToString(make([]byte, 64))), err: csc.ErrUncertain},
	} {
		t.Run(name, func(t *testing.T) {
			p := provider(t)
			s := p.signer(t)
			if c.answer != nil {
				p.server.Next("signatures/signHash", c.answer)
			}
			p.server.Bend(c.bend)
			sig, err := s.Sign(nil, digest("text"), crypto.SHA256)
			if sig != nil || !errors.Is(err, c.err) {
				t.Errorf("%x, %v", sig, err)
			}
			uncertain := errors.Is(err, signers.ErrUncertain)
			if uncertain != (c.err == csc.ErrUncertain) || uncertain && errors.Is(err, signers.ErrUnavailable) {
				t.Errorf("uncertain %t: %v", uncertain, err)
			}
			silent(t, err)
			if n := p.server.Count("signatures/signHash"); n != 1 {
				t.Errorf("signHash asked %d times", n)
			}
			p.server.Bend(nil)
			signs(t, s, "text")
		})
	}
}

// Before signHash a call that fails in passing is made again; authorizing is
// not, because wrong answers are counted and one-time ones used up.
func TestTriedAgain(t *testing.T) {
	type answers []http.HandlerFunc
	for name, c := range map[string]struct {
		call   string
		faults answers
		err    error
		asked  int
	}{
		"info, twice away":        {"credentials/info", answers{status(503, ""), hangUp}, nil, 3},
		"info, always away":       {"credentials/info", answers{status(502, ""), status(504, ""), status(429, "")}, csc.ErrAway, 3},
		"info, refused":           {"credentials/info", answers{status(400, `{"error":"invalid_request"}`)}, csc.ErrRefused, 1},
		"info, server error":      {"credentials/info", answers{status(500, "")}, csc.ErrRefused, 1},
		"info, huge":              {"credentials/info", answers{huge}, csc.ErrProtocol, 1},
		"info, long":              {"credentials/info", answers{status(200, "{}"+strings.Repeat(" ", csc.MaxAnswer))}, csc.ErrProtocol, 1},
		"info, not JSON":          {"credentials/info", answers{status(200, "{")}, csc.ErrProtocol, 1},
		"info, not said to be":    {"credentials/info", answers{func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }}, csc.ErrProtocol, 1},
		"info, duplicate":         {"credentials/info", answers{status(200, `{"SCAL":"1","SCAL":"2"}`)}, csc.ErrProtocol, 1},
		"token, away":             {"oauth2/token", answers{status(503, "")}, nil, 2},
		"token, always away":      {"oauth2/token", answers{status(503, ""), status(503, ""), status(503, "")}, csc.ErrAway, 3},
		"token, refused":          {"oauth2/token", answers{status(401, `{"error":"invalid_client"}`)}, csc.ErrRefused, 1},
		"token of another type":   {"oauth2/token", answers{status(200, `{"access_token":"a","token_type":"mac"}`)}, csc.ErrProtocol, 1},
		"token with a line break": {"oauth2/token", answers{status(200, `{"access_token":"a\nb","token_type":"Bearer"}`)}, csc.ErrProtocol, 1},
		"token missing":           {"oauth2/token", answers{status(200, `{"token_type":"Bearer"}`)}, csc.ErrProtocol, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := provider(t)
			p.server.Next(c.call, c.faults...)
			_, err := csc.NewSigner(t.Context(), p.client(t), csctest.CredentialID, p.opts)
			if !errors.Is(err, c.err) || p.server.Count(c.call) != c.asked {
				t.Errorf("%v, asked %d times", err, p.server.Count(c.call))
			}
			silent(t, err)
		})
	}
	for name, c := range map[string]struct {
		fault http.HandlerFunc
		err   error
	}{
		"authorize, away":       {status(503, ""), csc.ErrAway},
		"authorize, hung up":    {hangUp, csc.ErrAway},
		"authorize, refused":    {status(403, `{"error":"access_denied"}`), csc.ErrRefused},
		"authorize, no SAD":     {status(200, `{"expiresIn":60}`), csc.ErrProtocol},
		"authorize, not JSON":   {status(200, `SAD`), csc.ErrProtocol},
		"authorize, odd number": {status(200, `{"SAD":"a","expiresIn":"60"}`), csc.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			p := provider(t)
			s := p.signer(t)
			p.server.Next("credentials/authorize", c.fault)
			_, err := s.Sign(nil, digest("text"), crypto.SHA256)
			if !errors.Is(err, c.err) || errors.Is(err, csc.ErrUncertain) {
				t.Error(err)
			}
			if p.server.Count("credentials/authorize") != 1 || p.server.Count("signatures/signHash") != 0 {
				t.Error(p.server.Calls())
			}
			silent(t, err)
			signs(t, s, "text")
		})
	}
	t.Run("a service token that ran out", func(t *testing.T) {
		p := provider(t)
		s := p.signer(t)
		p.server.RevokeTokens()
		signs(t, s, "text") // turned away at credentials/authorize, with a new token there
	})
}

// The pauses before a call is made again grow, and end with the caller.
func TestPauses(t *testing.T) {
	bubble(t, func(t *testing.T, p *setup) {
		p.config.Pause = time.Second
		away := status(503, "")
		p.server.Next("credentials/info", away, away)
		start := time.Now()
		if _, err := p.client(t).Credential(t.Context(), csctest.CredentialID); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		p.server.Next("credentials/info", away, away, away)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		start = time.Now()
		if _, err := p.client(t).Credential(ctx, csctest.CredentialID); !errors.Is(err, csc.ErrAway) || time.Since(start) != 1500*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// What a provider writes is not repeated, not even where a code should stand.
func TestErrorBodies(t *testing.T) {
	for name, c := range map[string]struct{ body, code string }{
		"code":        {`{"error":"invalid_request","error_description":"x"}`, "invalid_request"},
		"text":        {`{"error":"PIN ` + csctest.PIN + ` is wrong"}`, ""},
		"capitals":    {`{"error":"Invalid"}`, ""},
		"long":        {`{"error":"` + strings.Repeat("a", 41) + `"}`, ""},
		"number":      {`{"error":1}`, ""},
		"no JSON":     {csctest.PIN, ""},
		"empty":       {``, ""},
		"two members": {`{"error":"a","error":"b"}`, ""},
	} {
		p := provider(t)
		p.server.Next("info", status(418, c.body))
		_, err := p.client(t).Info(t.Context())
		var e *csc.Error
		if !errors.Is(err, csc.ErrRefused) || !errors.As(err, &e) || e.Code != c.code || e.Status != 418 || e.Call != "info" {
			t.Errorf("%s: %v", name, err)
		}
		silent(t, err)
	}
}

// An HTTP client that follows redirects has sent what we sent elsewhere.
func TestFollowedRedirect(t *testing.T) {
	p := provider(t)
	p.config.HTTP = http.DefaultClient
	p.server.Next("info", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, p.server.Base()+"/credentials/list", http.StatusTemporaryRedirect)
	})
	if _, err := p.client(t).Info(t.Context()); !errors.Is(err, csc.ErrProtocol) || !strings.Contains(err.Error(), "redirect") {
		t.Error(err)
	}
}
