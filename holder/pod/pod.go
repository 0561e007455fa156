// Package pod is where a vault's ciphertext lives: one contract, with a driver
// for a local directory (localdir) and one for a Solid server (solid), and the
// contract as a test that both run (podtest).
//
// A pod is a flat set of resources with opaque names. Only ciphertext enters:
// every write passes through Pod, which refuses whatever is not an encrypted
// envelope made for exactly the resource it is written to (CheckEnvelope).
// Drivers keep their bare form to themselves and hand out *Pod only, so no
// path around that check exists.
//
// The package has no keys and opens nothing: making and opening envelopes and
// the index belong to the wallet unit. That an envelope has the
// right shape does not prove that it was encrypted well.
package pod

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// The outcomes that callers branch on.
var (
	// ErrNotFound: no such resource, or no such pod (any more).
	ErrNotFound = errors.New("pod: no such resource")
	// ErrExists: a resource was to be created, but its name is taken.
	ErrExists = errors.New("pod: resource exists already")
	// ErrPrecondition: the resource is not (or no longer) the version that was
	// to be replaced. Read it again before another try.
	ErrPrecondition = errors.New("pod: resource is not the version expected")
	// ErrRefusedPlaintext: what was to be written is no encrypted envelope made
	// for this resource. Nothing was written.
	ErrRefusedPlaintext = errors.New("pod: refused: not a ciphertext made for this resource")
	// ErrName: the name is not one of those a pod may hold.
	ErrName = errors.New("pod: resource name is not allowed")
	// ErrTooLarge: the resource is larger than MaxSize.
	ErrTooLarge = errors.New("pod: resource is too large")
	// ErrDenied: the place where the pod lives does not let us in (any more).
	ErrDenied = errors.New("pod: access denied")
	// ErrUnavailable: the place where the pod lives could not be reached, or
	// answered with something it should not. Whether a write took effect is
	// unknown: read before another try.
	ErrUnavailable = errors.New("pod: storage is unavailable")
)

// MediaType is the only media type in a pod. Solid servers convert between the
// RDF types they know; this one they can but hand back.
const MediaType = "application/jose+json"

// MaxSize is the largest resource, in bytes.
const MaxSize = 4 << 20

// ETag names a version of a resource. It is opaque, compared as it is, and
// includes its quotes as in HTTP (RFC 9110, Section 8.8.3).
type ETag string

// Condition says what must be there for a write to happen. Its zero value
// lets nothing be written: each write either creates a resource or replaces
// the version that was read.
type Condition struct {
	absent bool
	match  ETag
}

// IfAbsent is the condition to create a resource (If-None-Match: *).
func IfAbsent() Condition { return Condition{absent: true} }

// IfMatch is the condition to replace the version that was read (If-Match).
func IfMatch(version ETag) Condition { return Condition{match: version} }

// Absent reports whether the resource must not exist yet.
func (c Condition) Absent() bool { return c.absent }

// Match is the version that must be there, if Absent is false.
func (c Condition) Match() ETag { return c.match }

// Object is a resource as it was read.
type Object struct {
	// MediaType is what the storage says it stored, without parameters.
	MediaType string
	Data      []byte
	ETag      ETag
}

// Driver is what a storage implements for one pod. It is reached only through
// Pod, which has checked name, condition, size and envelope before. All
// methods may be called from many goroutines, and return when their effect is
// durable. They return the errors of this package.
type Driver interface {
	// Put writes if the condition holds and returns the new version: ErrExists
	// or ErrPrecondition if it does not, ErrNotFound if the pod is gone.
	Put(ctx context.Context, name string, data []byte, c Condition) (ETag, error)
	// Get returns the resource, or ErrNotFound.
	Get(ctx context.Context, name string) (Object, error)
	// List returns the names in the pod, in any order. Names that a pod cannot
	// hold are left to Pod to drop.
	List(ctx context.Context) ([]string, error)
	// Delete removes the resource, or returns ErrNotFound.
	Delete(ctx context.Context, name string) error
	// DeleteAll removes the pod with all that is in it. It goes on where an
	// earlier call was interrupted, and a pod that is gone is no error.
	DeleteAll(ctx context.Context) error
}

// Host makes pods and opens them.
type Host interface {
	// Create makes an empty pod for the vault of the person behind the WebID
	// and returns where it is. The address of the pod says nothing about the
	// WebID. The answer must be kept: it is the only way back to the pod.
	Create(ctx context.Context, webID string) (Location, error)
	// Open returns the pod at a location that Create returned. It may find out
	// only later that the pod is gone.
	Open(ctx context.Context, at Location) (*Pod, error)
	// Close releases the host. Pods opened by it must not be used after that.
	Close() error
}

// Location is what a vault keeps about its pod. It must be stored sealed.
type Location struct {
	// URL is the address of the pod, with a slash at its end. It never changes,
	// because the envelopes in the pod are bound to it.
	URL string `json:"url"`
	// Access is what the driver needs to get in, if anything.
	Access Access `json:"access,omitempty"`
}

// LogValue keeps the access secret out of logs.
func (l Location) LogValue() slog.Value { return slog.StringValue("[pod location]") }

// Access is a driver's secret, in a form of its own. It prints nothing.
type Access []byte

// Format hides the secret from all of fmt.
func (Access) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }

// LogValue hides the secret from logs.
func (Access) LogValue() slog.Value { return slog.StringValue("[secret]") }

// CheckURL refuses an address that cannot be a pod's: it must be absolute,
// http or https, end in a slash, and have no user, query or fragment.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.User != nil,
		u.RawQuery != "", u.ForceQuery, strings.Contains(address, "#"),
		!strings.HasSuffix(u.Path, "/"), u.JoinPath().String() != address:
		return errors.New("pod address: expected an absolute http or https URL in normal form that ends in a slash, without user, query or fragment")
	}
	return nil
}
