package history

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential/jcs"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/qc"
)

// Version is that of the form of entries.
const Version = 1

// MaxEntry is how long an entry may be, in bytes.
const MaxEntry = 24 << 10

// maxCertificate is how long a certificate may be, so that an entry fits.
const maxCertificate = 16 << 10

// maxSequence keeps numbers within what JSON can say exactly (RFC 7493, Section
// 2.2).
const maxSequence = 1 << 53

// Event is what happened to a key.
type Event string

const (
	// Added: the key may be used from now on.
	Added Event = "added"
	// Retired: it is not used any more; what it signed stays valid.
	Retired Event = "retired"
	// Revoked: its certificate is revoked, or the key is known to others.
	Revoked Event = "revoked"
)

// Use is what a key is for.
type Use string

// The uses of keys.
const (
	UseSeal       Use = "seal"        // seals credentials
	UseStatus     Use = "status"      // signs status lists
	UseMetadata   Use = "metadata"    // signs the metadata of an issuer
	UseListSigner Use = "list-signer" // signs the list of providers
	UseRegistrar  Use = "registrar"   // signs the register of receivers
	UseSealCA     Use = "seal-ca"     // certifies seal and status keys
	UseAccessCA   Use = "access-ca"   // certifies receivers and metadata keys
	UseSchemeCA   Use = "scheme-ca"   // certifies list signer and registrar
	UseDID        Use = "did"         // stands in a DID document of an institution
	UseHistory    Use = "history"     // signs the roots of this history
)

var (
	events = []Event{Added, Retired, Revoked}
	uses   = []Use{UseSeal, UseStatus, UseMetadata, UseListSigner, UseRegistrar, UseSealCA, UseAccessCA, UseSchemeCA, UseDID, UseHistory}
)

// Entry is one line of the history. Its bytes, which are hashed, are its canonical
// JSON (RFC 8785).
type Entry struct {
	Version  int   `json:"version"`
	Sequence int64 `json:"sequence"` // its number, from 0
	// Time is when it was written, in whole seconds of UTC. It never goes back.
	Time  string `json:"time"`
	Event Event  `json:"event"`
	Use   Use    `json:"use"`
	// Subject is whose key it is: the identifier of an issuer, or a DID.
	Subject string `json:"subject"`
	// Key is the SHA-256 thumbprint of the key (RFC 7638), in base64url.
	Key string `json:"key"`
	// CertificateSHA256 names the certificate, where there is one: the digest of
	// its DER, in lower-case hexadecimal.
	CertificateSHA256 string `json:"certificate_sha256,omitempty"`
	// Certificate is its DER in base64. It stands where the key was added.
	Certificate string `json:"certificate,omitempty"`
	// Verifier is the key in the form of C2SP signed-note, where a key of the
	// history itself was added.
	Verifier string `json:"verifier,omitempty"`
}

const timeForm = "2006-01-02T15:04:05Z"

// When is the time of the entry.
func (e Entry) When() time.Time {
	t, _ := time.Parse(timeForm, e.Time) // it was checked
	return t
}

// DER is the certificate, nil where there is none.
func (e Entry) DER() []byte {
	b, _ := base64.StdEncoding.DecodeString(e.Certificate) // it was checked
	return b
}

// Canonical are the bytes of the entry.
func (e Entry) Canonical() ([]byte, error) {
	b, err := jose.Marshal(e)
	if err == nil {
		b, err = jcs.Transform(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	return b, nil
}

// ParseEntry reads an entry. It must be canonical, complete and free of anything
// else: the same entry has one form only.
func ParseEntry(b []byte) (Entry, error) {
	if len(b) > MaxEntry {
		return Entry{}, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrEntry, len(b), MaxEntry)
	}
	var e Entry
	if err := jose.UnmarshalClosed(b, &e); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	if err := e.check(); err != nil {
		return Entry{}, err
	}
	canonical, err := e.Canonical()
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(canonical, b) {
		return Entry{}, fmt.Errorf("%w: it is not in canonical form (RFC 8785)", ErrEntry)
	}
	return e, nil
}

func (e Entry) check() error {
	bad := func(field, expected string) error {
		return fmt.Errorf("%w: %s: expected %s", ErrEntry, field, expected)
	}
	when, err := time.Parse(timeForm, e.Time)
	switch {
	case e.Version != Version:
		return bad("version", "1")
	case e.Sequence < 0 || e.Sequence >= maxSequence:
		return bad("sequence", "a number from 0 to 2^53 - 1")
	case err != nil || when.Format(timeForm) != e.Time:
		return bad("time", "a time of UTC in whole seconds, such as 2026-11-25T12:00:00Z")
	case !slices.Contains(events, e.Event):
		return bad("event", "added, retired or revoked")
	case !slices.Contains(uses, e.Use):
		return bad("use", "one of "+fmt.Sprint(uses))
	case !validSubject(e.Subject):
		return bad("subject", "an https or http address, or a DID")
	case !isDigest(e.Key):
		return bad("key", "a SHA-256 thumbprint in base64url (RFC 7638)")
	}
	if err := e.checkCertificate(bad); err != nil {
		return err
	}
	return e.checkVerifier(bad)
}

func (e Entry) checkCertificate(bad func(string, string) error) error {
	if e.CertificateSHA256 != "" {
		if sum, err := hex.DecodeString(e.CertificateSHA256); err != nil || len(sum) != sha256.Size || strings.ToLower(e.CertificateSHA256) != e.CertificateSHA256 {
			return bad("certificate_sha256", "64 lower-case hexadecimal digits")
		}
	}
	if (e.Certificate != "") != (e.CertificateSHA256 != "" && e.Event == Added) {
		return bad("certificate", "it with certificate_sha256 where a key is added, and nowhere else")
	}
	if e.Certificate == "" {
		return nil
	}
	der, err := base64.StdEncoding.Strict().DecodeString(e.Certificate)
	if err != nil || len(der) > maxCertificate || strings.ContainsAny(e.Certificate, "\r\n") {
		return bad("certificate", fmt.Sprintf("base64 of at most %d bytes", maxCertificate))
	}
	sum := sha256.Sum256(der)
	c, err := x509.ParseCertificate(der)
	switch {
	case err != nil:
		return bad("certificate", "an X.509 certificate (RFC 5280)")
	case hex.EncodeToString(sum[:]) != e.CertificateSHA256:
		return bad("certificate_sha256", "the digest of the certificate")
	case qc.NaturalPerson(c.Subject):
		return bad("certificate", "one of a legal person; that of a natural person is personal data")
	}
	if of, err := thumbprint(c.PublicKey); err != nil || of != e.Key {
		return bad("key", "the thumbprint of the key in the certificate")
	}
	return nil
}

func (e Entry) checkVerifier(bad func(string, string) error) error {
	if (e.Verifier != "") != (e.Use == UseHistory && e.Event == Added) {
		return bad("verifier", "it where a key of the history is added, and nowhere else")
	}
	if e.Verifier == "" {
		return nil
	}
	_, pub, err := parseVerifier(e.Verifier)
	if err != nil {
		return bad("verifier", "an Ed25519 key of C2SP signed-note")
	}
	if of, err := thumbprint(pub); err != nil || of != e.Key {
		return bad("key", "the thumbprint of the key in verifier")
	}
	return nil
}

func isDigest(s string) bool {
	b, err := jose.Decode(s)
	return err == nil && len(b) == sha256.Size
}

// validSubject takes an address in its plain spelling, or a DID (DID Core 1.0,
// Section 3.1) without path, query and fragment.
func validSubject(s string) bool {
	if s == "" || len(s) > 1024 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' || r == '<' || r == '>' }) {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "did:"); ok {
		method, id, ok := strings.Cut(rest, ":")
		lower := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
		return ok && method != "" && !strings.ContainsFunc(method, lower) && id != "" && !strings.ContainsAny(id, "/?#")
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && u.String() == s
}

// Key is a key to be written down.
type Key struct {
	Use     Use
	Subject string
	// Certificate of the key, or else Public.
	Certificate *x509.Certificate
	Public      crypto.PublicKey
}

// entry is the entry of an event of the key, without number and time.
func (k Key) entry(event Event) (Entry, error) {
	e := Entry{Version: Version, Event: event, Use: k.Use, Subject: k.Subject}
	pub := k.Public
	if k.Certificate != nil {
		pub = k.Certificate.PublicKey
		sum := sha256.Sum256(k.Certificate.Raw)
		e.CertificateSHA256 = hex.EncodeToString(sum[:])
		if event == Added {
			e.Certificate = base64.StdEncoding.EncodeToString(k.Certificate.Raw)
		}
	}
	var err error
	e.Key, err = thumbprint(pub)
	return e, err
}
