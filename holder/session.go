package holder

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/store"
)

// Errors of sessions that callers branch on.
var (
	// ErrSessionCode: the one-time code of a sign-in is unknown, expired or used.
	ErrSessionCode = errors.New("holder: the sign-in code is unknown, expired or used; sign in again")
	// ErrSession: the session's access token is unknown or expired.
	ErrSession = errors.New("holder: the session is unknown or over; sign in again")
	// ErrReplay: a DPoP proof came twice (RFC 9449, Section 11.1).
	ErrReplay = errors.New("holder: this DPoP proof was used before; make a fresh one for each request")
)

const (
	kindSignIn  store.Kind = "holder-sign-in"
	kindSession store.Kind = "holder-session"
	kindProof   store.Kind = "holder-proof"

	purposeSignIn  = "holder sign-in"
	purposeSession = "holder session"

	signInLife = time.Minute
	// SessionLife is how long a session's access token works.
	SessionLife = 10 * time.Minute
	// ProofLife is the period of a nonce for DPoP proofs: a proof may be twice as
	// old.
	ProofLife = 2 * time.Minute
)

// Citizen is the key under which the holder knows a citizen: a keyed hash of
// the national number, which itself is never kept. It prints nothing.
type Citizen struct{ key string }

// String hides the key.
func (Citizen) String() string { return "[citizen]" }

// GoString hides the key.
func (Citizen) GoString() string { return "[citizen]" }

// Session is a signed-in citizen whose wallet unit holds a key.
type Session struct {
	Citizen Citizen
	// Thumbprint is the key the access token is bound to (RFC 9449, Section 6.1).
	Thumbprint string
	Expires    time.Time
}

// NewSession is the answer of the token endpoint. AccessToken is a secret.
type NewSession struct {
	AccessToken string
	ExpiresIn   time.Duration
}

type storedSignIn struct {
	Citizen   string `json:"citizen"`
	Challenge string `json:"challenge"`
}

type storedSession struct {
	Token      string    `json:"token"`
	Citizen    string    `json:"citizen"`
	Thumbprint string    `json:"jkt"`
	Expires    time.Time `json:"expires"`
}

// SignedIn keeps a finished sign-in for the minute in which the wallet unit
// fetches its session, and returns the one-time code for it. challenge is the
// unit's S256 code_challenge (RFC 7636; RFC 8252, Section 6).
func (h *Holder) SignedIn(ctx context.Context, c Citizen, challenge string) (capsule.Secret, error) {
	code := capsule.NewSecret()
	data, err := jose.Marshal(storedSignIn{Citizen: c.key, Challenge: challenge})
	if err != nil {
		return code, err
	}
	_, err = h.store.Create(ctx, store.Record{Kind: kindSignIn, ID: code.ID(purposeSignIn), Expiry: h.now().Add(signInLife), Data: data})
	return code, err
}

// StartSession redeems a sign-in code, once, for a session bound to the key of
// the proof, which the caller checked and consumed. Creating the session is the
// mark that the code was used.
func (h *Holder) StartSession(ctx context.Context, text, verifier string, p oauth.Proof) (NewSession, error) {
	code, err := capsule.ParseSecret(text)
	if err != nil {
		return NewSession{}, ErrSessionCode
	}
	rec, err := h.store.Get(ctx, kindSignIn, code.ID(purposeSignIn))
	if errors.Is(err, store.ErrNotFound) {
		return NewSession{}, ErrSessionCode
	}
	if err != nil {
		return NewSession{}, err
	}
	var in storedSignIn
	if err := jose.Unmarshal(rec.Data, &in); err != nil {
		return NewSession{}, err
	}
	if err := oauth.VerifyPKCE(verifier, in.Challenge); err != nil {
		return NewSession{}, ErrSessionCode
	}
	secret, id, expires := capsule.NewSecret(), code.ID(purposeSession), h.now().Add(SessionLife)
	data, err := jose.Marshal(storedSession{Token: secret.ID(purposeSession), Citizen: in.Citizen, Thumbprint: p.Thumbprint, Expires: expires})
	if err != nil {
		return NewSession{}, err
	}
	if err := h.login(ctx, Citizen{in.Citizen}, id, p); err != nil {
		return NewSession{}, err
	}
	_, err = h.store.Create(ctx, store.Record{Kind: kindSession, ID: id, Expiry: expires.Add(signInLife), Tags: []string{"citizen:" + in.Citizen}, Data: data})
	if errors.Is(err, store.ErrExists) {
		return NewSession{}, ErrSessionCode
	}
	if err != nil {
		return NewSession{}, err
	}
	// The code is spent; without its record it stays so when the session ends.
	if err := h.store.Delete(ctx, rec); err != nil && !errors.Is(err, store.ErrNotFound) {
		return NewSession{}, err
	}
	return NewSession{AccessToken: id + "." + secret.Reveal(), ExpiresIn: SessionLife}, nil
}

// login logs a sign-in under the vault's pseudonym. A citizen without a vault
// has none: then the line is about the session only.
func (h *Holder) login(ctx context.Context, c Citizen, session string, p oauth.Proof) error {
	e := audit.Event{Kind: audit.Login, Outcome: audit.OK, Evidence: evidence(p)}
	s, err := h.load(ctx, c)
	if err != nil && !errors.Is(err, ErrNoVault) {
		return err
	}
	name := h.c.Names.Of("session", session, nil)
	if v, ok := untyped(s); ok {
		name = h.subject(v)
		e.Subject = name
	}
	e.Actor = audit.Actor{Kind: audit.Citizen, ID: string(name)}
	return h.append(ctx, e)
}

// Session finds the session of an access token. The caller still checks the
// DPoP proof against its thumbprint and consumes it.
func (h *Holder) Session(ctx context.Context, token string) (Session, error) {
	id, text, _ := strings.Cut(token, ".")
	secret, err := capsule.ParseSecret(text)
	if b, bad := jose.Decode(id); err != nil || bad != nil || len(b) != 32 {
		return Session{}, ErrSession
	}
	rec, err := h.store.Get(ctx, kindSession, id)
	if errors.Is(err, store.ErrNotFound) {
		return Session{}, ErrSession
	}
	if err != nil {
		return Session{}, err
	}
	var s storedSession
	if err := jose.Unmarshal(rec.Data, &s); err != nil {
		return Session{}, err
	}
	if subtle.ConstantTimeCompare([]byte(s.Token), []byte(secret.ID(purposeSession))) != 1 || !h.now().Before(s.Expires) {
		return Session{}, ErrSession
	}
	return Session{Citizen: Citizen{s.Citizen}, Thumbprint: s.Thumbprint, Expires: s.Expires}, nil
}

// ConsumeProof marks a checked DPoP proof as used, for longer than the nonce in
// it is taken: what the proof says of its time may be wrong.
func (h *Holder) ConsumeProof(ctx context.Context, p oauth.Proof) error {
	sum := sha256.Sum256([]byte(p.Thumbprint + " " + p.JTI))
	_, err := h.store.Create(ctx, store.Record{Kind: kindProof, ID: jose.Encode(sum[:]), Expiry: h.now().Add(3 * ProofLife)})
	if errors.Is(err, store.ErrExists) {
		return ErrReplay
	}
	return err
}

// EndSessions signs a citizen out everywhere.
func (h *Holder) EndSessions(ctx context.Context, c Citizen) error {
	for {
		recs, _, err := h.store.Find(ctx, kindSession, "citizen:"+c.key, store.Page{})
		if err != nil || len(recs) == 0 {
			return err
		}
		for _, r := range recs {
			if err := h.store.Delete(ctx, store.Record{Kind: kindSession, ID: r.ID}); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
	}
}
