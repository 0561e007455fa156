//go:build cgo

package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	p11 "github.com/miekg/pkcs11"
	"golang.org/x/sync/semaphore"
)

// library is a loaded PKCS #11 library. What C_Initialize makes, and who is
// logged in, belongs to the whole process, so there is one library per file and
// the Tokens on it share it.
type library struct {
	path string
	raw  *p11.Ctx

	// gate lets in everybody's calls, or one restart alone.
	gate       *semaphore.Weighted
	generation uint64    // of C_Initialize; under the gate
	restarted  time.Time // under the whole gate

	// Under libraries.mu.
	users int             // Tokens open or being opened
	open  map[string]bool // serial numbers of the tokens that are open
}

const wholeGate = 1 << 20

var libraries = struct {
	mu     sync.Mutex
	byPath map[string]*library
}{byPath: map[string]*library{}}

// use loads and initialises a library, or shares the one that is there.
func use(path string) (*library, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("%w: the library: %w", ErrConfig, err)
	}
	libraries.mu.Lock()
	defer libraries.mu.Unlock()
	lib := libraries.byPath[path]
	if lib == nil {
		raw := p11.New(path)
		if raw == nil {
			return nil, fmt.Errorf("%w: %s is not a PKCS #11 library that can be loaded", ErrConfig, path)
		}
		lib = &library{path: path, raw: raw, gate: semaphore.NewWeighted(wholeGate), open: map[string]bool{}}
		libraries.byPath[path] = lib
	}
	if lib.users == 0 {
		// Initialised by somebody else means logged in by somebody else too, and
		// finalised under our hands.
		if err := lib.raw.Initialize(); err != nil {
			return nil, fmt.Errorf("%w: initialising %s: %w", ErrConfig, path, err)
		}
		lib.generation++
	}
	lib.users++
	return lib, nil
}

// leave is the opposite of use. The library stays loaded: one that has started
// threads or exit handlers does not survive being unloaded.
func (lib *library) leave() error {
	libraries.mu.Lock()
	defer libraries.mu.Unlock()
	if lib.users--; lib.users > 0 {
		return nil
	}
	return lib.raw.Finalize()
}

// claim keeps a token for one Token: the login of a second one would not be
// checked by the library, whatever its PIN.
func (lib *library) claim(serial string) error {
	libraries.mu.Lock()
	defer libraries.mu.Unlock()
	if lib.open[serial] {
		return fmt.Errorf("%w: it is open in this process already; share that Token, because a second login would succeed with any PIN", ErrToken)
	}
	lib.open[serial] = true
	return nil
}

func (lib *library) unclaim(serial string) {
	libraries.mu.Lock()
	defer libraries.mu.Unlock()
	delete(lib.open, serial)
}

func (lib *library) shared() bool {
	libraries.mu.Lock()
	defer libraries.mu.Unlock()
	return lib.users > 1
}

// errStale: handles from before a restart. They may name another's session now.
var errStale = errors.New("the library was initialised anew")

// call runs f, which may use handles of a generation.
func (lib *library) call(ctx context.Context, generation uint64, f func(*p11.Ctx) error) error {
	if err := lib.gate.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("waiting for the library: %w", err)
	}
	defer lib.gate.Release(1)
	if generation != lib.generation {
		return errStale
	}
	return f(lib.raw)
}

// current is the generation that handles are got in now.
func (lib *library) current(ctx context.Context) (uint64, error) {
	if err := lib.gate.Acquire(ctx, 1); err != nil {
		return 0, fmt.Errorf("waiting for the library: %w", err)
	}
	defer lib.gate.Release(1)
	return lib.generation, nil
}

// sharedRestart is the least time between restarts that take their sessions
// from other Tokens too.
const sharedRestart = 30 * time.Second

// restart finalises and initialises the library: many see a token that came
// back, or a network module that was away, in no other way. It waits for the
// calls under way. It does nothing where another restarted since generation.
func (lib *library) restart(ctx context.Context, generation uint64, now time.Time) error {
	shared := lib.shared()
	if err := lib.gate.Acquire(ctx, wholeGate); err != nil {
		return fmt.Errorf("waiting to restart the library: %w", err)
	}
	defer lib.gate.Release(wholeGate)
	if lib.generation != generation || shared && now.Sub(lib.restarted) < sharedRestart {
		return nil
	}
	lib.restarted = now
	_ = lib.raw.Finalize() // fails where the library has forgotten that it was initialised
	if err := lib.raw.Initialize(); err != nil {
		return fmt.Errorf("initialising the library anew: %w", err)
	}
	lib.generation++
	return nil
}

// code is the CKR_ value of an error of the library, or CKR_OK.
func code(err error) uint {
	var rv p11.Error
	if errors.As(err, &rv) {
		return uint(rv)
	}
	return p11.CKR_OK
}

// lost says that an error means that sessions, login or handles are gone, or
// may be.
func lost(err error) bool {
	if errors.Is(err, errStale) {
		return true
	}
	switch c := code(err); c {
	case p11.CKR_SESSION_HANDLE_INVALID, p11.CKR_SESSION_CLOSED, p11.CKR_USER_NOT_LOGGED_IN,
		p11.CKR_DEVICE_REMOVED, p11.CKR_DEVICE_ERROR, p11.CKR_TOKEN_NOT_PRESENT, p11.CKR_TOKEN_NOT_RECOGNIZED,
		p11.CKR_SLOT_ID_INVALID, p11.CKR_OBJECT_HANDLE_INVALID, p11.CKR_KEY_HANDLE_INVALID,
		p11.CKR_CRYPTOKI_NOT_INITIALIZED, p11.CKR_GENERAL_ERROR, p11.CKR_FUNCTION_FAILED:
		return true
	default:
		// Modules on a network say in codes of their own that the other side is gone.
		return c >= p11.CKR_VENDOR_DEFINED
	}
}
