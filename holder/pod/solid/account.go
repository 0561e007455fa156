package solid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/internal/jose"
)

// account is a signed-in account of the server's account API (Community Solid
// Server 7, JSON API). One account holds one pod.
type account struct {
	host     *Host
	token    string // CSS-Account-Token
	controls controls
}

// controls are the addresses that the API hands out.
type controls struct {
	Account struct {
		Create            string `json:"create"`
		Pod               string `json:"pod"`
		WebID             string `json:"webId"`
		ClientCredentials string `json:"clientCredentials"`
	} `json:"account"`
	Password struct {
		Create string `json:"create"`
		Login  string `json:"login"`
	} `json:"password"`
}

// index asks for the controls: without a token those for everybody.
func (h *Host) index(ctx context.Context, token string) (controls, error) {
	var out struct {
		Controls controls `json:"controls"`
	}
	err := h.api(ctx, http.MethodGet, h.server.JoinPath(".account/").String(), token, nil, &out)
	return out.Controls, err
}

// newAccount makes an account with a password, which it must have to live.
func (h *Host) newAccount(ctx context.Context, email, password string) (*account, error) {
	public, err := h.index(ctx, "")
	if err != nil {
		return nil, err
	}
	a, err := h.enter(ctx, public.Account.Create, struct{}{})
	if err != nil {
		return nil, err
	}
	return a, h.api(ctx, http.MethodPost, a.controls.Password.Create, a.token, map[string]string{"email": email, "password": password}, nil)
}

// signIn opens an account that exists.
func (h *Host) signIn(ctx context.Context, email, password string) (*account, error) {
	public, err := h.index(ctx, "")
	if err != nil {
		return nil, err
	}
	return h.enter(ctx, public.Password.Login, map[string]string{"email": email, "password": password})
}

func (h *Host) enter(ctx context.Context, door string, key any) (*account, error) {
	var in struct {
		Token string `json:"authorization"`
	}
	if err := h.api(ctx, http.MethodPost, door, "", key, &in); err != nil {
		return nil, err
	}
	if in.Token == "" || strings.Trim(in.Token, tokenAlphabet) != "" {
		return nil, fmt.Errorf("%w: account API: authorization is missing", pod.ErrUnavailable)
	}
	c, err := h.index(ctx, in.Token)
	return &account{host: h, token: in.Token, controls: c}, err
}

// refusal is a 4xx answer of the account API.
type refusal struct {
	error
	Details struct {
		Quad string `json:"quad"`
	} `json:"details"`
}

func (r *refusal) Unwrap() error { return r.error }

// api does one exchange with the account API.
func (h *Host) api(ctx context.Context, method, address, token string, in, out any) error {
	e := exchange{method: method, url: address, header: http.Header{"Accept": {"application/json"}}}
	if token != "" {
		e.header.Set("Authorization", "CSS-Account-Token "+token)
	}
	if in != nil { // a GET with a Content-Type is answered with 500
		body, err := jose.Marshal(in)
		if err != nil {
			return err
		}
		e.body = body
		e.header.Set("Content-Type", "application/json")
	}
	a, err := h.send(ctx, e)
	if err != nil {
		return err
	}
	if !a.ok() {
		r := &refusal{error: a.failure("account API")}
		_ = json.Unmarshal(a.body, r) // details are a help, not a must
		return r
	}
	if out == nil {
		return nil
	}
	if err := jose.Unmarshal(a.body, out); err != nil {
		return fmt.Errorf("%w: account API: %w", pod.ErrUnavailable, err)
	}
	return nil
}

// link ties the WebID to the account: the server asks for a token in the WebID
// document first (Solid-OIDC has no such step; it is the server's own).
func (a *account) link(ctx context.Context, webID string) (err error) {
	try := func() error {
		return a.host.api(ctx, http.MethodPost, a.controls.Account.WebID, a.token, map[string]string{"webId": webID}, nil)
	}
	err = try()
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	token, ok := registrationToken(r.Details.Quad, webID)
	if !ok {
		return fmt.Errorf("linking the WebID: the server did not say which statement it wants in the WebID document: %w", err)
	}
	if err := a.host.publish(ctx, webID, a.host.server.String(), token); err != nil {
		return fmt.Errorf("linking the WebID: publishing the registration token: %w", err)
	}
	defer func() {
		// Also when the request was given up: the token must not stay.
		if e := a.host.publish(context.WithoutCancel(ctx), webID, a.host.server.String(), ""); e != nil {
			err = errors.Join(err, fmt.Errorf("linking the WebID: taking the registration token out again: %w", e))
		}
	}()
	if err := try(); err != nil {
		return fmt.Errorf("linking the WebID: the server did not find the registration token in the WebID document: %w", err)
	}
	return nil
}

var quad = regexp.MustCompile(`^<([^<>"{}|^` + "`" + `\\\x00-\x20]+)> <http://www\.w3\.org/ns/solid/terms#oidcIssuerRegistrationToken> "([A-Za-z0-9_-]{8,128})"\.$`)

// registrationToken reads the statement that the server wants to see. The
// token goes into a document of ours, so its alphabet is small.
func registrationToken(text, webID string) (string, bool) {
	m := quad.FindStringSubmatch(text)
	if m == nil || m[1] != webID {
		return "", false
	}
	return m[2], true
}

// links are the WebIDs tied to the account, with the resource of each tie.
func (a *account) links(ctx context.Context) (map[string]string, error) {
	var out struct {
		Links map[string]string `json:"webIdLinks"`
	}
	err := a.host.api(ctx, http.MethodGet, a.controls.Account.WebID, a.token, nil, &out)
	return out.Links, err
}

// newPod makes a pod owned by the WebID and returns its root.
func (a *account) newPod(ctx context.Context, name, webID string) (string, error) {
	in := map[string]any{"name": name, "settings": map[string]string{"webId": webID}}
	var out struct {
		Pod string `json:"pod"`
	}
	if err := a.host.api(ctx, http.MethodPost, a.controls.Account.Pod, a.token, in, &out); err != nil {
		return "", err
	}
	if !within(a.host.server, out.Pod) || !strings.HasSuffix(out.Pod, "/") {
		return "", fmt.Errorf("%w: account API: the pod is at another server", pod.ErrUnavailable)
	}
	return out.Pod, nil
}

// newCredentials makes client credentials for the WebID.
func (a *account) newCredentials(ctx context.Context, webID string) (id, secret string, err error) {
	var out struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}
	in := map[string]string{"name": "vault", "webId": webID}
	if err := a.host.api(ctx, http.MethodPost, a.controls.Account.ClientCredentials, a.token, in, &out); err != nil {
		return "", "", err
	}
	if out.ID == "" || out.Secret == "" {
		return "", "", fmt.Errorf("%w: account API: id or secret of the client credentials is missing", pod.ErrUnavailable)
	}
	return out.ID, out.Secret, nil
}

// withdraw deletes all client credentials of the account, then the ties to
// WebIDs. What is gone is no error.
func (a *account) withdraw(ctx context.Context) error {
	var out struct {
		All map[string]string `json:"clientCredentials"`
	}
	if err := a.host.api(ctx, http.MethodGet, a.controls.Account.ClientCredentials, a.token, nil, &out); err != nil {
		return err
	}
	links, err := a.links(ctx)
	if err != nil {
		return err
	}
	for _, group := range []map[string]string{out.All, links} {
		for _, resource := range group {
			if err := a.host.api(ctx, http.MethodDelete, resource, a.token, nil, nil); err != nil && !errors.Is(err, pod.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// checkWebID refuses what could not stand in an access control document.
func checkWebID(webID string) error {
	u, err := url.Parse(webID)
	if err != nil || u.User != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost") ||
		strings.ContainsAny(webID, "<>\"{}|^`\\ \t\r\n") || u.String() != webID {
		return errors.New("WebID: expected an https URL (or http with the host name localhost) in normal form")
	}
	return nil
}
