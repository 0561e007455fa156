package vcapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

const kindCredential store.Kind = "vcapi-credential"

// issued is all that is kept of a credential: no claim and no identifier in clear.
type issued struct {
	Status status.Ref `json:"status"`
}

// statuses are those of one issuer's credentials.
type statuses struct {
	i        *Issuer
	store    store.Store
	register *status.Register
	template *di.Template // of lists; nil for vc+jwt
}

// newStatuses gives an issuer a part of the store of its own, for its lists are
// signed with its key.
func newStatuses(i *Issuer) (*statuses, error) {
	if i.c.Store == nil {
		return nil, errors.New("status needs a Store")
	}
	sum := sha256.Sum256([]byte(i.c.Name))
	own, err := store.ForTenant(i.c.Store, "vcapi"+hex.EncodeToString(sum[:8]))
	if err != nil {
		return nil, err
	}
	s := &statuses{i: i, store: own}
	media, suite := "application/"+vcjose.TypCredential, i.c.Suite.whole()
	switch suite {
	case "":
		return nil, fmt.Errorf("%s has no proof of a whole document, which a status list needs: leave status off", i.c.Suite)
	case JWT:
	default:
		media = "application/vc"
		if s.template, err = i.c.template(suite, nil, nil); err != nil {
			return nil, err
		}
	}
	signer, err := vcjose.NewKeySigner(i.c.Key.Signer, i.c.VerificationMethod)
	if err != nil {
		return nil, err
	}
	s.register, err = status.NewRegister(own, status.Options{
		Base: i.c.Base, Signer: signer, Now: i.c.Now, Bitstring: &status.BitstringOptions{Issuer: i.c.ID, Securer: s, MediaType: media},
	})
	return s, err
}

// Secure implements status.Securer.
func (s *statuses) Secure(_ context.Context, list []byte) ([]byte, error) {
	now := s.i.c.Now()
	if s.template != nil {
		return s.template.Add(list, di.Terms{Created: now})
	}
	text, err := secureToken(s.i.token, list, now.Truncate(time.Second))
	return []byte(text), err
}

// issue signs a credential with a status of its own. What remembers the status is
// there before the credential leaves.
func (s *statuses) issue(ctx context.Context, document []byte, c *vcdm.Credential, o IssueOptions) ([]byte, error) {
	if len(c.Status) > 0 {
		return nil, &Error{
			Err: ErrInput, Type: string(vcdm.MalformedValueError), Title: "The credential has a status", Field: "credential.credentialStatus", Detail: "is there already, and this issuer gives one itself",
			Spec: spec + "Status List Management", Remedy: "Leave it out, or ask an issuer without a status of its own.",
		}
	}
	id := o.CredentialID
	if id == "" {
		id = c.ID
	}
	if id != "" { // looked up first, so that a repetition uses up no index
		switch _, err := s.store.Get(ctx, kindCredential, recordID(id)); {
		case err == nil:
			return nil, issuedBefore()
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
	}
	ref, err := s.register.Allocate(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := s.register.Entries(ctx, ref)
	if err != nil {
		return nil, err
	}
	if document, err = with(document, "credentialStatus", entries); err != nil {
		return nil, err
	}
	signed, err := s.i.sign(document, o)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return signed, nil // nobody can name it again (VCALM 0.9, "Issue Credential")
	}
	data, err := jose.Marshal(issued{ref})
	if err != nil {
		return nil, err
	}
	_, err = s.store.Create(ctx, store.Record{Kind: kindCredential, ID: recordID(id), Data: data})
	if errors.Is(err, store.ErrExists) {
		return nil, issuedBefore()
	}
	if err != nil {
		return nil, err
	}
	return signed, nil
}

// issuedBefore is the refusal of an id that has a status.
func issuedBefore() error {
	return &Error{
		Err: ErrConflict, Title: "The credential was issued before", Field: "credential.id", Detail: "names a credential that this issuer gave a status already",
		Spec: spec + "Issue Credential", Remedy: "Give the credential an id of its own, such as a urn:uuid, or another options.credentialId.",
	}
}

// recordID stands for a credential's identifier, which may be of any length and
// say something about a person.
func recordID(credentialID string) string {
	sum := sha256.Sum256([]byte(credentialID))
	return hex.EncodeToString(sum[:])
}

// StatusChange is what UpdateStatus is asked (VCALM 0.9, "Update Status").
type StatusChange struct {
	CredentialID string
	// Purpose is revocation or suspension. Index and List are those of the entry,
	// and are compared where they are given.
	Purpose     status.Purpose
	Index, List string
	Set         bool
}

// UpdateStatus changes the status of a credential that was issued here. A
// revocation is final.
func (i *Issuer) UpdateStatus(ctx context.Context, c StatusChange) error {
	if i.statuses == nil {
		return &Error{Err: ErrNotFound, Title: "No such credential", Field: "credentialId", Detail: "this issuer gives credentials no status", Spec: spec + "Update Status", Remedy: "Ask the issuer of the credential."}
	}
	return i.statuses.update(ctx, c)
}

func (s *statuses) update(ctx context.Context, c StatusChange) error {
	rec, err := s.store.Get(ctx, kindCredential, recordID(c.CredentialID))
	if errors.Is(err, store.ErrNotFound) {
		return &Error{Err: ErrNotFound, Title: "No such credential", Field: "credentialId", Detail: "names no credential of this issuer", Spec: spec + "Update Status", Remedy: "Send the id of the credential, or the credentialId that it was issued with."}
	}
	if err != nil {
		return err
	}
	var kept issued
	if err := jose.Unmarshal(rec.Data, &kept); err != nil {
		return err
	}
	if err := s.names(ctx, kept.Status, c); err != nil {
		return err
	}
	err = s.set(ctx, kept.Status, c)
	if errors.Is(err, status.ErrFinal) {
		return &Error{Err: ErrConflict, Title: "The credential is revoked", Field: "status", Detail: "cannot be changed: a revocation is final", Spec: "Bitstring Status List 1.0, Section 2.1", Remedy: "Issue the credential anew.", Cause: err}
	}
	return err
}

// set gives the index the one value that it has after the change. Ending what is not
// there writes nothing: the value that was read may be another's past by then.
func (s *statuses) set(ctx context.Context, ref status.Ref, c StatusChange) error {
	switch {
	case c.Set && c.Purpose == status.Revocation:
		return s.register.Set(ctx, ref, status.Invalid)
	case c.Set:
		return s.register.Set(ctx, ref, status.Suspended)
	}
	now, err := s.register.Value(ctx, ref)
	if err != nil || now == status.Valid || now == status.Suspended && c.Purpose == status.Revocation {
		return err
	}
	return s.register.Set(ctx, ref, status.Valid)
}

// names holds the entry that the caller means against that of the credential.
func (s *statuses) names(ctx context.Context, ref status.Ref, c StatusChange) error {
	entries, err := s.register.Entries(ctx, ref)
	if err != nil {
		return err
	}
	wrong := func(field, detail, remedy string) error {
		return &Error{Err: ErrInput, Type: string(vcdm.MalformedValueError), Title: "Another status entry", Field: "credentialStatus." + field, Detail: detail, Spec: spec + "Update Status", Remedy: remedy}
	}
	for _, e := range entries {
		switch {
		case e.Purpose != c.Purpose:
			continue
		case c.Index != "" && c.Index != fmt.Sprint(e.Index):
			return wrong("statusListIndex", "is not that of the credential", "Copy it from the credential, or leave it out.")
		case c.List != "" && c.List != e.List:
			return wrong("statusListCredential", "is not that of the credential", "Copy it from the credential, or leave it out.")
		}
		return nil
	}
	return wrong("statusPurpose", "must be revocation or suspension", "Name one of the two.")
}

// StatusList is a list of this issuer as a secured credential.
func (i *Issuer) StatusList(ctx context.Context, id string, purpose status.Purpose) (status.Published, error) {
	missing := &Error{Err: ErrNotFound, Title: "No such status list", Detail: "this issuer has no list of that address", Spec: spec + "Get Status List", Remedy: "Take the address from the credential's credentialStatus."}
	if i.statuses == nil {
		return status.Published{}, missing
	}
	p, err := i.statuses.register.ListCredential(ctx, id, purpose)
	if errors.Is(err, status.ErrNotFound) {
		return status.Published{}, missing
	}
	return p, err
}

// serves says whether the URL is that of a list of this issuer.
func (i *Issuer) serves(url string) bool {
	return i.statuses != nil && strings.HasPrefix(url, i.c.Base+statusPath)
}

// list is StatusList by URL.
func (i *Issuer) list(ctx context.Context, url string) ([]byte, error) {
	id, purpose, _ := strings.Cut(strings.TrimPrefix(url, i.c.Base+statusPath), "/")
	p, err := i.StatusList(ctx, id, status.Purpose(purpose))
	return p.Body, err
}

const statusPath = "/status/"

// entriesOf reads the status of a verified document.
func entriesOf(document []byte) ([]status.Entry, error) {
	var d struct {
		Status jsontext.Value `json:"credentialStatus"`
	}
	if err := jose.Unmarshal(document, &d); err != nil {
		return nil, err
	}
	return status.ParseEntries(d.Status)
}
