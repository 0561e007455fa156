// Package status says whether a credential that was issued is still to be
// relied on: Token Status Lists (draft-ietf-oauth-status-list-20) as JWT and
// CWT, and W3C Bitstring Status List 1.0.
//
// Register is the issuer's side: it allocates indexes, records changes and
// publishes signed lists, all kinds of them from one allocation. Checker and
// BitstringChecker are the relying side: they fetch a list and answer for one
// index, or for all entries of a credential, and never answer "valid" when they
// could not check.
//
// It is not a validity check of the credential itself: signature and validity
// period come first (Section 8.3), and a valid status heals nothing. It knows no
// proofs of W3C credentials: a Securer makes and a ListVerifier verifies them.
// Historical resolution (Section 8.4), the timestamp of Bitstring Status List
// and stapled lists are not offered. A section without a name is one of Token
// Status List.
package status

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// The words of the specification.
const (
	// Typ is the typ of a Status List Token (Section 5.1).
	Typ = "statuslist+jwt"
	// MediaType is the media type it is served with (Section 8.2).
	MediaType = "application/statuslist+jwt"
)

// Errors that callers branch on. All but ErrFinal and ErrNotFound mean, on the
// relying side, that the status is not known: reject (Section 8.3).
var (
	ErrMalformed   = errors.New("status: not a well-formed status list")
	ErrUnavailable = errors.New("status: the status list could not be fetched")
	ErrUntrusted   = errors.New("status: the status list is not signed by a key trusted for this issuer")
	ErrExpired     = errors.New("status: the status list is out of date")
	ErrIndex       = errors.New("status: the index lies outside the list")
	ErrValue       = errors.New("status: the status value is not one understood here")
	ErrFinal       = errors.New("status: an invalid credential stays invalid")
	ErrNotFound    = errors.New("status: no such list or index")
)

// Value of a status (Section 7.1). Other values exist and are refused.
type Value uint8

const (
	Valid     Value = 0
	Invalid   Value = 1 // for ever
	Suspended Value = 2 // for now
)

func (v Value) String() string {
	switch v {
	case Valid:
		return "VALID"
	case Invalid:
		return "INVALID"
	case Suspended:
		return "SUSPENDED"
	default:
		return fmt.Sprintf("0x%02X", uint8(v))
	}
}

func (v Value) known() bool { return v <= Suspended }

// Ref is the place of one credential's status (Section 6.2).
type Ref struct {
	Index uint64 `json:"idx"`
	URI   string `json:"uri"`
}

// Claim is the status claim of a credential (Section 6.1).
type Claim struct {
	StatusList *Ref `json:"status_list,omitzero"`
}

// Claim wraps the reference as the status claim of a credential.
func (r Ref) Claim() Claim { return Claim{StatusList: &r} }

// ParseClaim reads the status claim of a credential. A claim without a status
// list, or with one that misses a member, is refused: what the issuer meant to
// be checked cannot be skipped.
func ParseClaim(b []byte) (Ref, error) {
	var c struct {
		StatusList *struct {
			Index *uint64 `json:"idx"`
			URI   *string `json:"uri"`
		} `json:"status_list"`
	}
	if err := jose.Unmarshal(b, &c); err != nil {
		return Ref{}, fmt.Errorf("%w: status: %w (Section 6.2: idx is a whole number from 0, uri a string)", ErrMalformed, err)
	}
	if c.StatusList == nil || c.StatusList.Index == nil || c.StatusList.URI == nil {
		return Ref{}, fmt.Errorf("%w: status: expected status_list with idx and uri (Section 6.2)", ErrMalformed)
	}
	return Ref{Index: *c.StatusList.Index, URI: *c.StatusList.URI}, nil
}

// checkURI refuses what must not be fetched: only https, or http on loopback
// when a development profile says so.
func checkURI(uri string, insecureLoopback bool) error {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%w: uri must be an absolute https URL without user or fragment (Section 6.2)", ErrMalformed)
	}
	if u.Scheme == "https" || insecureLoopback && u.Scheme == "http" && loopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%w: uri must be an https URL, found scheme %.10q", ErrMalformed, u.Scheme)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
