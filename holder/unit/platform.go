package unit

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// Errors of the vault platform that callers branch on.
var (
	ErrNotFound     = errors.New("the vault holds no such thing")
	ErrPrecondition = errors.New("it was changed in the meantime; read it again")
)

// Platform is the vault platform as the wallet unit sees it: it keeps
// ciphertext and publishes the WebID. Every request is bound to the unit's key
// by DPoP (RFC 9449).
type Platform struct {
	Base string
	HTTP Doer
	Now  func() time.Time
	// Key binds the session; AccessToken is the session's token, a secret.
	Key         crypto.Signer
	AccessToken string
	// Wait lets time pass when the platform asks for it, or returns the context's
	// error; without it the refusal is told at once.
	Wait func(ctx context.Context, d time.Duration) error
	// nonce is the last one that the platform gave (RFC 9449, Section 8.2).
	nonce atomic.Pointer[string]
}

// LoginURL is where the citizen's browser starts a sign-in that comes back to
// redirectURI on loopback (RFC 8252, Section 7.3). verifier is kept by the
// unit.
func (p *Platform) LoginURL(redirectURI, state, verifier string) string {
	q := url.Values{"redirect_uri": {redirectURI}, "state": {state}, "code_challenge": {oauth.Challenge(verifier)}, "code_challenge_method": {"S256"}}
	return p.Base + "/session/login?" + q.Encode()
}

// StartSession exchanges the code that came back for a session bound to Key.
func (p *Platform) StartSession(ctx context.Context, code, verifier string) (expires time.Time, err error) {
	target := p.Base + "/session/token"
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}}
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	b, answer, err := p.send(ctx, http.MethodPost, target, "", h, []byte(form.Encode()))
	if err != nil {
		return time.Time{}, err
	}
	var out struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if kind, _, err := mime.ParseMediaType(answer.Get("Content-Type")); err != nil || kind != "application/json" {
		return time.Time{}, fmt.Errorf("the vault platform answered %q, expected application/json", shown(answer.Get("Content-Type"), 100))
	}
	if err := jose.Unmarshal(b, &out); err != nil {
		return time.Time{}, fmt.Errorf("answer of the vault platform: %w", err)
	}
	if !strings.EqualFold(out.TokenType, "DPoP") || out.AccessToken == "" {
		return time.Time{}, errors.New("the vault platform's session is not bound to this unit's key (RFC 9449, Section 5)")
	}
	p.AccessToken = out.AccessToken
	return p.Now().Add(time.Duration(out.ExpiresIn) * time.Second), nil
}

// VaultInfo is what the platform knows of a vault.
type VaultInfo struct {
	Vault   string `json:"vault"`
	State   string `json:"state"`
	WebID   string `json:"webid"`
	DID     string `json:"did"`
	Storage string `json:"storage"`
	// OpenBefore is the month that the platform reminds of.
	OpenBefore string `json:"open_before,omitzero"`
}

// Activate asks for a vault for the signed-in citizen.
func (p *Platform) Activate(ctx context.Context, didKey, vaultKey jose.JWK) (VaultInfo, error) {
	var out VaultInfo
	_, err := p.call(ctx, http.MethodPost, "/vault/v1", map[string]jose.JWK{"did_key": didKey, "encryption_key": vaultKey}, &out)
	return out, err
}

// Vault is the signed-in citizen's vault.
func (p *Platform) Vault(ctx context.Context) (VaultInfo, error) {
	var out VaultInfo
	_, err := p.call(ctx, http.MethodGet, "/vault/v1", nil, &out)
	return out, err
}

// PutLinkProof publishes the citizen-signed link proof between WebID and DID.
func (p *Platform) PutLinkProof(ctx context.Context, proof string) error {
	_, err := p.call(ctx, http.MethodPut, "/vault/v1/link", map[string]string{"link_proof": proof}, nil)
	return err
}

// Deactivate closes the vault until it is reactivated; the data stay.
func (p *Platform) Deactivate(ctx context.Context) error {
	_, err := p.call(ctx, http.MethodPost, "/vault/v1/deactivate", nil, nil)
	return err
}

// Reactivate opens a deactivated vault again, with a fresh link proof.
func (p *Platform) Reactivate(ctx context.Context, proof string) error {
	_, err := p.call(ctx, http.MethodPost, "/vault/v1/reactivate", map[string]string{"link_proof": proof}, nil)
	return err
}

// Rotate replaces the DID key: continuity is signed by the old key, proof by
// the new one.
func (p *Platform) Rotate(ctx context.Context, newKey jose.JWK, continuity, proof string) error {
	_, err := p.call(ctx, http.MethodPost, "/vault/v1/rotate", map[string]any{"did_key": newKey, "continuity": continuity, "link_proof": proof}, nil)
	return err
}

// Delete deletes the vault, its WebID and all data, for ever.
func (p *Platform) Delete(ctx context.Context) error {
	_, err := p.call(ctx, http.MethodDelete, "/vault/v1", nil, nil)
	return err
}

// PutKeystore keeps the wrapped keys at the platform, in place of whatever
// keystore is there.
func (p *Platform) PutKeystore(ctx context.Context, ks *Keystore) error {
	return p.replaceKeystore(ctx, "", ks)
}

// Keystore fetches the wrapped keys.
func (p *Platform) Keystore(ctx context.Context) (*Keystore, error) {
	ks, _, err := p.keystore(ctx)
	return ks, err
}

func (p *Platform) keystore(ctx context.Context) (*Keystore, string, error) {
	body, h, err := p.raw(ctx, http.MethodGet, "/vault/v1/keystore", nil, nil)
	if err != nil {
		return nil, "", err
	}
	ks, err := ParseKeystore(body)
	return ks, h.Get("ETag"), err
}

// absent in the place of a tag: there must be no keystore yet.
const absent = "*"

// replaceKeystore keeps the keystore in place of the version with the tag;
// without a tag in place of any.
func (p *Platform) replaceKeystore(ctx context.Context, etag string, ks *Keystore) error {
	body, err := ks.Marshal()
	if err != nil {
		return err
	}
	h := http.Header{"Content-Type": {"application/json"}}
	switch etag {
	case "":
	case absent:
		h.Set("If-None-Match", absent)
	default:
		h.Set("If-Match", etag)
	}
	_, _, err = p.raw(ctx, http.MethodPut, "/vault/v1/keystore", h, body)
	return err
}

// Handle is a short-lived vault handle for one issuer.
func (p *Platform) Handle(ctx context.Context, issuer string) (string, error) {
	var out struct {
		VaultHandle string `json:"vault_handle"`
	}
	_, err := p.call(ctx, http.MethodPost, "/vault/v1/handles", map[string]string{"issuer": issuer}, &out)
	return out.VaultHandle, err
}

// Event is one use of the vault that the unit tells the use log.
type Event struct {
	Kind         string `json:"kind"`
	Organisation string `json:"organisation,omitempty"`
	Purpose      string `json:"purpose,omitempty"`
	LegalBasis   string `json:"legal_basis,omitempty"`
	DataType     string `json:"data_type,omitempty"`
}

// Kinds of events that the unit tells.
const (
	EventShare  = "share"
	EventRefuse = "share.refuse"
)

// Log writes an event to the use log.
func (p *Platform) Log(ctx context.Context, e Event) error {
	_, err := p.call(ctx, http.MethodPost, "/vault/v1/events", e, nil)
	return err
}

// Items lists the names in the pod.
func (p *Platform) Items(ctx context.Context) ([]string, error) {
	var out struct {
		Items []string `json:"items"`
	}
	_, err := p.call(ctx, http.MethodGet, "/vault/v1/items", nil, &out)
	return out.Items, err
}

// Item fetches an envelope and its ETag; ErrNotFound if there is none.
func (p *Platform) Item(ctx context.Context, name string) (data []byte, etag string, err error) {
	data, h, err := p.raw(ctx, http.MethodGet, "/vault/v1/items/"+url.PathEscape(name), nil, nil)
	return data, h.Get("ETag"), err
}

// PutItem stores an envelope: a new one when etag is empty, else in place of
// that version. ErrPrecondition when another writer was first.
func (p *Platform) PutItem(ctx context.Context, name, etag string, data []byte) error {
	h := http.Header{"Content-Type": {MediaTypeEnvelope}}
	if etag == "" {
		h.Set("If-None-Match", "*")
	} else {
		h.Set("If-Match", etag)
	}
	_, _, err := p.raw(ctx, http.MethodPut, "/vault/v1/items/"+url.PathEscape(name), h, data)
	return err
}

// DeleteItem removes an envelope.
func (p *Platform) DeleteItem(ctx context.Context, name string) error {
	_, _, err := p.raw(ctx, http.MethodDelete, "/vault/v1/items/"+url.PathEscape(name), nil, nil)
	return err
}

func (p *Platform) call(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	var body []byte
	h := http.Header{}
	if in != nil {
		var err error
		if body, err = jose.Marshal(in); err != nil {
			return nil, err
		}
		h.Set("Content-Type", "application/json")
	}
	b, answer, err := p.raw(ctx, method, path, h, body)
	if err != nil || out == nil {
		return answer, err
	}
	if err := jose.Unmarshal(b, out); err != nil {
		return answer, fmt.Errorf("answer of the vault platform: %w", err)
	}
	return answer, nil
}

func (p *Platform) raw(ctx context.Context, method, path string, h http.Header, body []byte) ([]byte, http.Header, error) {
	all := http.Header{"Authorization": {"DPoP " + p.AccessToken}}
	for name, values := range h {
		all[name] = values
	}
	b, answer, err := p.send(ctx, method, p.Base+path, p.AccessToken, all, body)
	if answer == nil {
		answer = http.Header{}
	}
	return b, answer, named(err)
}

// send sends a request with a proof of the unit's key. When the platform wants
// its nonce in the proof, the request is sent once more with it (RFC 9449,
// Sections 8 and 9). When it wants the unit to slow down, the unit does: a request
// that was refused for that was not carried out.
func (p *Platform) send(ctx context.Context, method, target, token string, h http.Header, body []byte) ([]byte, http.Header, error) {
	for try, waited := 0, 0; ; try++ {
		req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
		if err != nil {
			return nil, nil, err
		}
		if len(body) == 0 {
			req.Body, req.GetBody, req.ContentLength = nil, nil, 0
		}
		nonce := ""
		if n := p.nonce.Load(); n != nil {
			nonce = *n
		}
		proof, err := oauth.NewProof(p.Key, method, target, token, nonce, p.Now())
		if err != nil {
			return nil, nil, err
		}
		req.Header = h.Clone()
		req.Header.Set("DPoP", proof)
		b, answer, err := send(p.HTTP, req)
		challenged(err, answer)
		if n := answer.Values(oauth.NonceHeader); len(n) == 1 && len(n[0]) <= maxNonce {
			p.nonce.Store(&n[0])
		}
		if d, ok := slower(err, answer); ok && p.Wait != nil && waited < maxWaits {
			if err := p.Wait(ctx, d); err != nil {
				return nil, nil, err
			}
			waited, try = waited+1, -1
			continue
		}
		r := (*Refusal)(nil)
		if try > 0 || !errors.As(err, &r) || !demandsNonce(r, answer) {
			return b, answer, err
		}
	}
}

// maxNonce is the longest nonce that is sent back.
const maxNonce = 4096

// named makes the refusals of the platform that callers branch on errors of
// this package. Other servers' refusals stay what they are.
func named(err error) error {
	var r *Refusal
	if !errors.As(err, &r) {
		return err
	}
	switch r.Status {
	case http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%w: %w", ErrNotFound, r)
	case http.StatusPreconditionFailed, http.StatusConflict:
		return fmt.Errorf("%w: %w", ErrPrecondition, r)
	default:
		return err
	}
}
