package unit

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
)

// check holds each copy against what was offered and asked for: seal and
// provider, type, one of our keys, no key binding, validity, status. One bad
// copy is a failure of the whole (OpenID4VCI 1.0, Section 11.1); fewer copies
// than were asked for are none (Section 8.3).
func (s Issuance) check(ctx context.Context, issuer string, c oid4vci.CredentialConfiguration, keys []*ecdsa.PrivateKey, res oid4vci.CredentialResponse) (Item, error) {
	if len(res.Credentials) == 0 {
		return Item{}, fmt.Errorf("%w: the response holds none", ErrCredential)
	}
	f := format.By(c.Format)
	if f == nil {
		return Item{}, fmt.Errorf("%w: its format is not known", ErrCredential)
	}
	item := Item{Format: c.Format, Type: c.Type(), Added: s.Now(), Title: s.title(c)}
	left := map[string]*ecdsa.PrivateKey{}
	for _, key := range keys {
		left[jose.Thumbprint(key.Public())] = key
	}
	for i, issued := range res.Credentials {
		verified, err := s.verify(ctx, f, issued.Credential, issuer, c.Types())
		if err != nil {
			return Item{}, fmt.Errorf("%w: copy %d: %w", ErrCredential, i, err)
		}
		if item.Issuer != "" && item.Issuer != verified.Issuer {
			return Item{}, fmt.Errorf("%w: copy %d is of another issuer than those before", ErrCredential, i)
		}
		if item.Type = cmp.Or(item.Type, verified.Type); item.Type != verified.Type {
			return Item{}, fmt.Errorf("%w: copy %d is of another type than those before", ErrCredential, i)
		}
		item.Issuer = verified.Issuer
		if item.Expires.IsZero() || verified.Expires.Before(item.Expires) {
			item.Expires = verified.Expires
		}
		thumb := verified.Holder.Thumbprint()
		key, ok := left[thumb]
		if !ok {
			return Item{}, fmt.Errorf("%w: copy %d is bound to a key that is not ours, or twice to one", ErrCredential, i)
		}
		delete(left, thumb)
		private, err := jose.PrivateJWK(key)
		if err != nil {
			return Item{}, err
		}
		item.Copies = append(item.Copies, Copy{Credential: issued.Credential, Key: private})
		if title := verified.Claims.Text("title"); title != "" {
			item.Title = shown(title, maxTitle)
		}
	}
	return item, nil
}

// verify checks one copy. Its iss must stand in the certificate of the seal,
// and so must the credential issuer that handed it out, which may have another
// name: that is the relation between the two which OpenID4VCI leaves open, so
// that nobody hands on what another issuer made (Section 14.4).
func (s Issuance) verify(ctx context.Context, f format.Format, issued jsontext.Value, issuer string, types []string) (*format.Verified, error) {
	now := s.Now()
	var named string // the issuer, by the credential or its certificate
	verified, err := f.Issued(issued, format.Policy{
		Now: now, Skew: time.Minute, Types: types, RequireExpiry: true, Controller: s.controller(ctx, issuer),
		Trust: func(u format.Signature) (crypto.PublicKey, error) {
			validation, err := u.Validate(ctx, s.Seals, now)
			if err != nil {
				return nil, err
			}
			if err := validation.Err(); err != nil {
				return nil, err
			}
			named = u.IssuerIn(validation.Certificate)
			for _, name := range []string{named, issuer} {
				if err := seal.CertifiesIssuer(validation.Certificate, name); err != nil {
					return nil, err
				}
			}
			return validation.Certificate.PublicKey, nil
		},
	})
	if err != nil {
		return nil, err
	}
	verified.Issuer = named
	if verified.Status == nil {
		return nil, errors.New("it has no status, so that nobody could tell when it is revoked")
	}
	value, err := s.status(ctx, f, verified)
	if err != nil {
		return nil, err
	}
	if value != status.Valid {
		return nil, fmt.Errorf("its status is %s", value)
	}
	return verified, nil
}

// controller looks up the document of the issuer that hands a credential out, which
// Trust holds against the certificate in it. A credential that names another chooses
// what address the wallet calls, before anything of it is verified.
func (s Issuance) controller(ctx context.Context, issuer string) func(method string) (*did.Document, error) {
	return func(method string) (*did.Document, error) {
		if id, _, _ := strings.Cut(method, "#"); id != issuer {
			return nil, errors.New("the credential names another issuer than the one that hands it out, so that its keys are not looked up")
		}
		if s.Controllers == nil {
			return nil, errNoControllers
		}
		return s.Controllers.Of(ctx, method)
	}
}

func (s Issuance) status(ctx context.Context, f format.Format, v *format.Verified) (status.Value, error) {
	if f.ID().W3C() {
		return bitstring(ctx, s.Bitstrings, v.Status, v.Issuer)
	}
	if s.Status == nil {
		return status.Invalid, errors.New("the wallet cannot ask for its status: Issuance.Status is not set")
	}
	ref, err := status.ParseClaim(v.Status)
	if err != nil {
		return status.Invalid, err
	}
	return s.Status.Check(ctx, ref, s.StatusTrust)
}

// maxTitle is how much of a title is kept, in characters.
const maxTitle = 200

// Title is what the issuer calls a configuration of what it offers, in the
// citizen's language where it can.
func (s Issuance) Title(o Offered, configuration string) string {
	return s.title(o.Metadata.CredentialConfigurationsSupported[configuration])
}

func (s Issuance) title(c oid4vci.CredentialConfiguration) string {
	if c.CredentialMetadata == nil || len(c.CredentialMetadata.Display) == 0 {
		types := c.Types()
		if len(types) == 0 {
			return c.Format
		}
		return shown(types[len(types)-1], maxTitle)
	}
	for _, want := range s.Languages {
		for _, d := range c.CredentialMetadata.Display {
			if d.Locale == want || strings.HasPrefix(d.Locale, want+"-") {
				return shown(d.Name, maxTitle)
			}
		}
	}
	return shown(c.CredentialMetadata.Display[0].Name, maxTitle)
}
