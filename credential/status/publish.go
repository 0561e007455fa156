package status

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// Published is a signed list, ready to be served. The Body is shared: do not
// change it.
type Published struct {
	Body      []byte
	MediaType string
	ETag      string // with its quotes
	Issued    time.Time
	Expires   time.Time
	TTL       time.Duration // also the max-age to serve it with
}

// Securer secures an unsigned credential: as vc+jwt, or with a Data Integrity
// proof.
type Securer interface {
	Secure(ctx context.Context, credential []byte) ([]byte, error)
}

// BitstringOptions say how lists become status list credentials.
type BitstringOptions struct {
	Issuer  string // of the list, a URL
	Securer Securer
	// MediaType of what the Securer makes, such as application/vc+jwt.
	MediaType string
}

// form is one way in which a list is published: a media type, or the purpose of
// a status list credential.
type form string

// built is what is served of a form.
type built struct {
	Published
	seq    uint64    // the last change in it
	seen   time.Time // when changes were last looked for
	signer uint64    // which of the keys signed it, see Renew
}

// Token is the list as JWT (Token Status List, Section 5.1), with every change
// that was made an Interval before the call. It is signed anew only after a
// change or when half its lifetime is over.
func (r *Register) Token(ctx context.Context, listID string) (Published, error) {
	return r.publish(ctx, listID, MediaType, func(p *published, c Claims) ([]byte, string, error) {
		body, err := c.marshalJSON()
		if err != nil {
			return nil, "", fmt.Errorf("writing status list: %w", err)
		}
		if s, ok := r.o.Signer.(appendSigner); ok {
			jwt, err := s.AppendCompact(nil, Typ, c.IssuedAt, body)
			return jwt, MediaType, err
		}
		jwt, err := r.o.Signer.SignCompact(Typ, c.IssuedAt, body)
		return []byte(jwt), MediaType, err
	})
}

// CWT is Token in CWT format (Section 5.2). ErrNotFound when the register offers
// none.
func (r *Register) CWT(ctx context.Context, listID string) (Published, error) {
	if r.o.CWT == nil {
		return Published{}, fmt.Errorf("%w: no lists in CWT format", ErrNotFound)
	}
	return r.publish(ctx, listID, MediaTypeCWT, func(p *published, c Claims) ([]byte, string, error) {
		claims, err := c.marshalCBOR()
		if err != nil {
			return nil, "", fmt.Errorf("writing status list: %w", err)
		}
		cwt, err := r.o.CWT.SignCWT(c.IssuedAt, claims)
		return cwt, MediaTypeCWT, err
	})
}

// ListCredential is the list for one purpose as status list credential
// (Bitstring Status List 1.0, Section 3.1). ErrNotFound when the register offers
// none, and for a purpose that the list has not.
func (r *Register) ListCredential(ctx context.Context, listID string, purpose Purpose) (Published, error) {
	if r.o.Bitstring == nil {
		return Published{}, fmt.Errorf("%w: no status list credentials", ErrNotFound)
	}
	switch purpose {
	case Revocation, Suspension, Message:
	default:
		return Published{}, fmt.Errorf("%w: no list with this purpose", ErrNotFound)
	}
	return r.publish(ctx, listID, form(purpose), func(p *published, c Claims) ([]byte, string, error) {
		bits, err := p.lists.bitstring(purpose)
		if err != nil {
			return nil, "", err
		}
		l := ListCredential{
			ID: p.credential(purpose), Issuer: r.o.Bitstring.Issuer, ValidFrom: c.IssuedAt, ValidUntil: c.Expires,
			Purposes: []Purpose{purpose}, TTL: c.TTL,
		}
		if purpose == Message {
			l.Size, l.Messages = bits.size, statusMessages(p.data.Messages)
		}
		if l.List, err = bits.Encode(); err != nil {
			return nil, "", fmt.Errorf("writing status list: %w", err)
		}
		document, err := l.Document()
		if err != nil {
			return nil, "", fmt.Errorf("writing status list: %w", err)
		}
		secured, err := r.o.Bitstring.Securer.Secure(ctx, document)
		return secured, r.o.Bitstring.MediaType, err
	})
}

// Entries are the credentialStatus of a credential at an allocated index: one
// entry for each purpose of its list, all at the one index. ErrNotFound when the
// register offers no status list credentials.
func (r *Register) Entries(ctx context.Context, ref Ref) ([]Entry, error) {
	if r.o.Bitstring == nil {
		return nil, fmt.Errorf("%w: no status list credentials", ErrNotFound)
	}
	p, err := r.allocated(ctx, ref)
	if err != nil {
		return nil, err
	}
	entries := []Entry{
		{Purpose: Revocation, Index: ref.Index, List: p.credential(Revocation), Size: 1},
		{Purpose: Suspension, Index: ref.Index, List: p.credential(Suspension), Size: 1},
	}
	if texts := p.data.Messages; len(texts) > 0 {
		entries = append(entries, Entry{
			Purpose: Message, Index: ref.Index, List: p.credential(Message), Size: messageSize(len(texts)), Messages: statusMessages(texts),
		})
	}
	return entries, nil
}

// credential is the URL of a list as status list credential.
func (p *published) credential(purpose Purpose) string { return p.uri + "/" + string(purpose) }

// publish serves a form from memory within the interval; after it, or when half
// its lifetime is over, changes are looked for and the list is signed anew if
// there are any. Whoever asks meanwhile waits for the one publication.
func (r *Register) publish(ctx context.Context, listID string, f form, sign func(*published, Claims) ([]byte, string, error)) (Published, error) {
	p, err := r.list(ctx, listID)
	if err != nil {
		return Published{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := r.o.Now()
	b, signer := p.forms[f], r.signers.Load() // before it signs: a list of the key before is never taken for one of the next
	fresh := b != nil && b.signer == signer && now.Before(b.Issued.Add(r.o.Lifetime/2)) && !now.Before(b.Issued)
	if fresh && now.Before(b.seen.Add(r.o.Interval)) && !now.Before(b.seen) {
		return b.Published, nil
	}
	if err := p.catchUp(ctx, r.store); err != nil {
		return Published{}, err
	}
	if fresh && b.seq == p.seq {
		b.seen = now
		return b.Published, nil
	}
	issued := now.Truncate(time.Second)
	claims := Claims{Subject: p.uri, IssuedAt: issued, Expires: issued.Add(r.o.Lifetime), TTL: r.o.TTL, List: p.lists.token}
	body, mediaType, err := sign(p, claims)
	if err != nil {
		return Published{}, fmt.Errorf("signing status list: %w", err)
	}
	sum := sha256.Sum256(body)
	p.forms[f] = &built{seq: p.seq, seen: now, signer: signer, Published: Published{
		Body: body, MediaType: mediaType, ETag: `"` + jose.Encode(sum[:16]) + `"`,
		Issued: issued, Expires: claims.Expires, TTL: r.o.TTL,
	}}
	return p.forms[f].Published, nil
}
