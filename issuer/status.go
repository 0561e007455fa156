package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

const kindCredential store.Kind = "issuer-credential"

// storedCredential is all the issuer keeps of a credential: no claim, no key.
type storedCredential struct {
	Grant         string       `json:"grant"`
	Offer         string       `json:"offer"`
	Client        string       `json:"client,omitempty"`
	Configuration string       `json:"configuration"`
	Issued        time.Time    `json:"issued"`
	Copies        []status.Ref `json:"copies"`
	Notification  string       `json:"notification,omitempty"`
}

// CredentialState is what the issuance API says of a credential.
type CredentialState struct {
	ID     string
	Status status.Value
	Issued time.Time
	Copies int
	// Notification is the last event the wallet reported (OpenID4VCI 1.0,
	// Section 11), empty if none.
	Notification string
}

// credentialID names what was issued for one dataset of one grant. It is a
// UUID (RFC 9562, version 8) made from both, so that creating its record is
// the mark that the dataset was issued.
func credentialID(grant, identifier string) string {
	sum := sha256.Sum256([]byte(grant + " " + identifier))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return uuid.UUID(sum[:16]).String()
}

// isCredentialID says whether a text from outside can be one at all; the store
// refuses what is no identifier as a fault of the program.
func isCredentialID(text string) bool {
	u, err := uuid.Parse(text)
	return err == nil && u.String() == text
}

func (i *Issuer) credentials(ctx context.Context, tag string) ([]CredentialState, error) {
	var out []CredentialState
	err := i.eachCredential(ctx, tag, func(rec store.Record, c storedCredential) error {
		st, err := i.credentialState(ctx, rec.ID, c)
		out = append(out, st)
		return err
	})
	return out, err
}

func (i *Issuer) eachCredential(ctx context.Context, tag string, visit func(store.Record, storedCredential) error) error {
	for next := ""; ; {
		recs, after, err := i.c.Store.Find(ctx, kindCredential, tag, store.Page{Next: next})
		if err != nil {
			return err
		}
		for _, rec := range recs {
			var c storedCredential
			if err := jose.Unmarshal(rec.Data, &c); err != nil {
				return err
			}
			if err := visit(rec, c); err != nil {
				return err
			}
		}
		if after == "" {
			return nil
		}
		next = after
	}
}

func (i *Issuer) credentialState(ctx context.Context, id string, c storedCredential) (CredentialState, error) {
	st := CredentialState{ID: id, Issued: c.Issued, Copies: len(c.Copies), Notification: c.Notification, Status: status.Valid}
	// The worst status of the copies is the credential's: a change that was
	// interrupted shows until it is made again.
	for _, ref := range c.Copies {
		v, err := i.c.Statuses.Value(ctx, ref)
		if err != nil {
			return st, err
		}
		if v == status.Invalid || (v != status.Valid && st.Status == status.Valid) {
			st.Status = v
		}
	}
	return st, nil
}

// Change is a change of a credential's status.
type Change string

const (
	Revoke    Change = "revoke"    // for ever
	Suspend   Change = "suspend"   // until reinstated
	Reinstate Change = "reinstate" // from suspension only
)

// Authority says whose credentials a client may change.
type Authority struct {
	Client string
	// All: not only those it offered itself.
	All bool
}

// ChangeStatus changes the status of every copy of a credential. It may be
// called again after a failure. ErrFinal when the credential is revoked and the
// change is another.
func (i *Issuer) ChangeStatus(ctx context.Context, who Authority, id string, change Change, requestID string) (CredentialState, error) {
	c, err := i.credential(ctx, id)
	if err != nil {
		return CredentialState{}, err
	}
	if !who.All && (c.Client != who.Client || who.Client == "") {
		return CredentialState{}, ErrNotFound
	}
	st, err := i.credentialState(ctx, id, c)
	if err != nil {
		return CredentialState{}, err
	}
	var to status.Value
	var kind audit.Kind
	switch change {
	case Revoke:
		to, kind = status.Invalid, audit.Revoke
	case Suspend:
		to, kind = status.Suspended, audit.Suspend
	case Reinstate:
		to, kind = status.Valid, audit.Reinstate
	default:
		return CredentialState{}, fmt.Errorf("issuer: unknown change %q", change)
	}
	if st.Status == status.Invalid && change != Revoke {
		return st, ErrFinal
	}
	for _, ref := range c.Copies {
		if err := i.c.Statuses.Set(ctx, ref, to); errors.Is(err, status.ErrFinal) {
			return st, ErrFinal
		} else if err != nil {
			return st, err
		}
	}
	st.Status = to
	return st, i.log(ctx, audit.Event{
		Kind: kind, Actor: audit.Actor{Kind: audit.Organisation, ID: who.Client}, DataType: i.vct(c.Configuration),
		Outcome: audit.OK, RequestID: requestID, Detail: "copies " + strconv.Itoa(len(c.Copies)),
	})
}

func (i *Issuer) credential(ctx context.Context, id string) (storedCredential, error) {
	var c storedCredential
	if !isCredentialID(id) {
		return c, ErrNotFound
	}
	rec, err := i.c.Store.Get(ctx, kindCredential, id)
	if errors.Is(err, store.ErrNotFound) {
		return c, ErrNotFound
	}
	if err != nil {
		return c, err
	}
	return c, jose.Unmarshal(rec.Data, &c)
}

func (i *Issuer) vct(configuration string) string {
	if t, ok := i.types[configuration]; ok {
		return t.vct
	}
	return ""
}
