package status

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ListVerifier verifies every proof of a status list credential as it was
// fetched, vc+jwt or Data Integrity, with a key that its issuer controls. It
// answers with the credential that the proofs cover and with who made them. It
// must not look for a status of the list.
type ListVerifier interface {
	VerifyList(ctx context.Context, fetched []byte) (credential []byte, by ListSigner, err error)
}

// ListSigner is who made a status list credential.
type ListSigner struct {
	// Issuer that the list names and the proofs are of.
	Issuer string
	// Provider is the registration number of the body that signed it, where the
	// ListVerifier knows such.
	Provider string
}

// TrustIssuer says whether who made a list is trusted for the status of the
// credential in hand (Bitstring Status List 1.0, Section 3.2). It is asked on
// every check. SameIssuer is the plain rule, SameProvider the one of trusted
// lists.
type TrustIssuer func(ctx context.Context, by ListSigner) error

// SameIssuer trusts the credential's own issuer alone.
func SameIssuer(issuer string) TrustIssuer {
	return func(_ context.Context, by ListSigner) error {
		if issuer == "" || by.Issuer != issuer {
			return errors.New("the list is issued by another than the credential")
		}
		return nil
	}
}

// SameProvider trusts the credential's own issuer where the body of this
// registration number signed the list, that of the credential's seal.
func SameProvider(issuer, provider string) TrustIssuer {
	same := SameIssuer(issuer)
	return func(ctx context.Context, by ListSigner) error {
		if provider == "" || by.Provider != provider {
			return errors.New("the list is signed for another provider than the credential's")
		}
		return same(ctx, by)
	}
}

// acceptList is what a status list credential may come as.
const acceptList = "application/vc+jwt, application/vc, application/ld+json;q=0.9, application/json;q=0.8"

// Finding is the result of one entry (Section 3.2).
type Finding struct {
	Purpose Purpose
	Value   uint8
	Message string // of the value, for the purpose message
}

// Standing is the result of all entries of a credential.
type Standing struct {
	// Value is Invalid when an entry says revoked, else Suspended when one says
	// suspended, else Valid: a message and a refresh say nothing against the
	// credential.
	Value    Value
	Findings []Finding
	// Made is when the oldest of the lists was made, its validFrom; zero when one
	// does not say.
	Made time.Time
}

// BitstringCheckerOptions of a BitstringChecker.
type BitstringCheckerOptions struct {
	CheckerOptions
	// InsecureAcceptNoValidUntil takes lists without validFrom or validUntil,
	// which the text allows: whoever can serve an old one hides a revocation.
	InsecureAcceptNoValidUntil bool
}

// BitstringChecker answers for the status of credentials of others by Bitstring
// Status List 1.0, Section 3.2. It may be used by many goroutines. It fails
// closed: with any error the credential is not to be relied on.
type BitstringChecker struct {
	fetcher  Fetcher
	verifier ListVerifier
	o        BitstringCheckerOptions
	cache    *cache
}

// NewBitstringChecker makes a BitstringChecker with an empty cache.
func NewBitstringChecker(f Fetcher, v ListVerifier, o BitstringCheckerOptions) (*BitstringChecker, error) {
	var err error
	if o.CheckerOptions, err = o.withDefaults(f); err != nil {
		return nil, err
	}
	if v == nil {
		return nil, errors.New("status: a bitstring checker needs a ListVerifier")
	}
	return &BitstringChecker{fetcher: f, verifier: v, o: o, cache: newCache(o.CheckerOptions)}, nil
}

// Check answers for all entries of a credential, and for none when one cannot
// be checked. Call it only after the credential itself was found good. With an
// error, an *Error, the value is Invalid.
func (c *BitstringChecker) Check(ctx context.Context, entries []Entry, trust TrustIssuer) (Standing, error) {
	bad := Standing{Value: Invalid}
	if len(entries) == 0 || len(entries) > MaxEntries {
		return bad, malformedEntry(fmt.Sprintf("%d entries, expected 1 to %d", len(entries), MaxEntries), nil)
	}
	if trust == nil {
		return bad, &Error{Name: VerificationError, Detail: "no rule says who may issue the list", Err: ErrUntrusted}
	}
	out := Standing{Value: Valid}
	for _, e := range entries {
		f, made, err := c.check(ctx, e, trust)
		if err != nil {
			return bad, err
		}
		if len(out.Findings) == 0 || made.Before(out.Made) {
			out.Made = made
		}
		out.Findings = append(out.Findings, f)
		switch {
		case f.Value == 0 || e.Purpose == Message || e.Purpose == Refresh:
		case e.Purpose == Revocation:
			out.Value = Invalid
		case e.Purpose == Suspension:
			if out.Value == Valid {
				out.Value = Suspended
			}
		default:
			// What a set status of an unknown purpose means for the credential
			// is not known.
			return bad, &Error{Name: VerificationError, Detail: "a status is set whose statusPurpose is not understood", Err: ErrValue}
		}
	}
	return out, nil
}

// check is the Validate Algorithm (Section 3.2).
func (c *BitstringChecker) check(ctx context.Context, e Entry, trust TrustIssuer) (f Finding, made time.Time, err error) {
	if err := checkURI(e.List, c.o.InsecureLoopback); err != nil {
		return Finding{}, time.Time{}, &Error{Name: MalformedValueError, Detail: "statusListCredential", Err: err}
	}
	if e.Size < 1 || e.Size > MaxSize {
		return Finding{}, time.Time{}, malformedEntry(fmt.Sprintf("statusSize must be 1 to %d", MaxSize), nil)
	}
	kept, err := c.cache.get(ctx, e.List, func(ctx context.Context) (*entry, error) { return c.fetch(ctx, e.List) })
	if err != nil {
		if named := (*Error)(nil); errors.As(err, &named) {
			return Finding{}, time.Time{}, err
		}
		return Finding{}, time.Time{}, &Error{Name: RetrievalError, Detail: "the list could not be had", Err: err}
	}
	list := kept.list.(*checkedList)
	if err := trust(ctx, list.by); err != nil {
		return Finding{}, time.Time{}, &Error{Name: VerificationError, Detail: "the issuer of the list is not trusted for the status of this credential", Err: fmt.Errorf("%w: %w", ErrUntrusted, err)}
	}
	f, err = list.find(e)
	return f, list.ValidFrom, err
}

// checkedList is a verified status list credential, inflated.
type checkedList struct {
	ListCredential
	by   ListSigner
	data []byte
}

// find reads the status of an entry.
func (l *checkedList) find(e Entry) (Finding, error) {
	if !slices.Contains(l.Purposes, e.Purpose) {
		return Finding{}, &Error{Name: VerificationError, Detail: "statusPurpose of the entry is none of the list's (Section 3.2)", Err: ErrUntrusted}
	}
	if l.Size != 0 && l.Size != e.Size {
		return Finding{}, &Error{Name: VerificationError, Detail: "statusSize of the entry is not the list's", Err: ErrUntrusted}
	}
	bits := Bitstring{size: e.Size, data: l.data}
	if bits.Len() < MinEntries {
		return Finding{}, &Error{Name: LengthError, Detail: fmt.Sprintf("the list has %d entries, at least %d are needed (Section 3.2)", bits.Len(), MinEntries), Err: ErrMalformed}
	}
	v, err := bits.At(e.Index)
	if err != nil {
		return Finding{}, &Error{Name: RangeError, Detail: "statusListIndex lies outside the list (Section 3.2)", Err: err}
	}
	f := Finding{Purpose: e.Purpose, Value: v}
	if e.Purpose == Message {
		f.Message = e.text(v)
	}
	return f, nil
}

// fetch gets, verifies and inflates a list, once for everybody who waits.
func (c *BitstringChecker) fetch(ctx context.Context, url string) (*entry, error) {
	fetched, maxAge, err := c.fetcher.Fetch(ctx, url, acceptList)
	if err != nil {
		return nil, &Error{Name: RetrievalError, Detail: "the list could not be fetched (Section 3.2)", Err: fmt.Errorf("%w: %w", ErrUnavailable, err)}
	}
	document, by, err := c.verifier.VerifyList(ctx, fetched)
	if err != nil {
		return nil, &Error{Name: VerificationError, Detail: "the proof of the list does not hold (Section 3.2)", Err: fmt.Errorf("%w: %w", ErrUntrusted, err)}
	}
	list := &checkedList{by: by}
	if list.ListCredential, err = ParseListCredential(document); err != nil {
		return nil, err
	}
	switch {
	case list.Issuer != by.Issuer:
		return nil, &Error{Name: VerificationError, Detail: "the proof is not of the issuer that the list names", Err: ErrUntrusted}
	case list.ID != url:
		// Section 2.2 lets it be left out: then any list of an issuer would pass
		// for another, older or shorter one.
		return nil, &Error{Name: VerificationError, Detail: "id of the list is not the URL it was fetched from (Section 2.2)", Err: ErrUntrusted}
	}
	now := c.o.Now()
	until, err := c.fresh(list.ListCredential, now, maxAge)
	if err != nil {
		return nil, err
	}
	if list.data, err = expand(list.List); err != nil {
		return nil, err
	}
	list.List = "" // held inflated
	return &entry{list: list, size: len(list.data), until: until}, nil
}

// fresh checks the validity period of a list and says until when to keep it.
// ttl does not lengthen the period (Section 2.2).
func (c *BitstringChecker) fresh(l ListCredential, now time.Time, maxAge time.Duration) (time.Time, error) {
	expired := func(detail string) (time.Time, error) {
		return time.Time{}, &Error{Name: VerificationError, Detail: detail, Err: ErrExpired}
	}
	switch {
	case (l.ValidFrom.IsZero() || l.ValidUntil.IsZero()) && !c.o.InsecureAcceptNoValidUntil:
		return expired("validFrom and validUntil of the list are needed, so that an old list cannot pass for a new one")
	case l.ValidFrom.After(now.Add(c.o.Skew)):
		return expired("the list is not valid yet (validFrom)")
	case !l.ValidUntil.IsZero() && !now.Before(l.ValidUntil):
		return expired("the list is not valid any more (validUntil)")
	}
	keep := c.o.DefaultTTL
	if l.TTL > 0 {
		keep = l.TTL
	} else if maxAge > 0 {
		keep = maxAge
	}
	until := now.Add(min(keep, c.o.MaxTTL))
	if !l.ValidUntil.IsZero() && until.After(l.ValidUntil) {
		until = l.ValidUntil
	}
	return until, nil
}
