//go:build cgo

package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	p11 "github.com/miekg/pkcs11"
)

// link is one login: its sessions, and the object handles that are good as
// long as they are. When anything of it is lost all of it is given up, because
// a library may give the same numbers to others.
type link struct {
	generation uint64
	slot       uint
	size       int

	mu   sync.Mutex // guards what goes into idle after dead
	idle chan p11.SessionHandle
	dead chan struct{}

	handles sync.Map // *Key -> p11.ObjectHandle
}

func (l *link) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.dead)
}

// put gives a session back.
func (l *link) put(lib *library, s p11.SessionHandle) {
	l.mu.Lock()
	select {
	case <-l.dead:
		l.mu.Unlock()
		l.close(lib, s)
	default:
		l.idle <- s // never full: the session came from it
		l.mu.Unlock()
	}
}

func (l *link) closeIdle(lib *library) {
	for {
		select {
		case s := <-l.idle:
			l.close(lib, s)
		default:
			return
		}
	}
}

// close tries to close a session; one that is lost already cannot be.
func (l *link) close(lib *library, s p11.SessionHandle) {
	_ = lib.call(context.Background(), l.generation, func(c *p11.Ctx) error { return c.CloseSession(s) })
}

// login finds the token and logs in. Where the library does not see the token,
// or fails, it is initialised anew, unless this is the first login.
func (t *Token) login(ctx context.Context) (*link, error) {
	pin, err := t.pin(ctx)
	if err != nil {
		return nil, err
	}
	generation, err := t.lib.current(ctx)
	if err != nil {
		return nil, err
	}
	l, err := t.dial(ctx, generation, pin)
	again := t.serial != "" && err != nil && (lost(err) || errors.Is(err, ErrToken))
	if !again {
		return l, err
	}
	if err := t.lib.restart(ctx, generation, t.cfg.Now()); err != nil {
		return nil, err
	}
	if generation, err = t.lib.current(ctx); err != nil {
		return nil, err
	}
	return t.dial(ctx, generation, pin)
}

// pin asks for the PIN, and refuses one that the token has refused: a token
// locks after a few, and this is asked for again and again.
func (t *Token) pin(ctx context.Context) (string, error) {
	pin, err := t.cfg.PIN(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: asking for it: %w", ErrPIN, err)
	}
	if pin == "" || len(pin) > maxPIN {
		return "", fmt.Errorf("%w: expected 1 to %d octets", ErrPIN, maxPIN)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if pin == t.refused {
		return "", fmt.Errorf("%w: the token refused this PIN before; it is not tried again", ErrPIN)
	}
	return pin, nil
}

func (t *Token) dial(ctx context.Context, generation uint64, pin string) (*link, error) {
	var l *link
	err := t.lib.call(ctx, generation, func(c *p11.Ctx) error {
		slot, info, err := t.find(c)
		if err != nil {
			return err
		}
		switch {
		case info.Flags&p11.CKF_USER_PIN_LOCKED != 0:
			return fmt.Errorf("%w: token %q", ErrPINLocked, t.cfg.Token)
		case info.Flags&p11.CKF_USER_PIN_FINAL_TRY != 0:
			return fmt.Errorf("%w: token %q would lock at one more wrong PIN, so no try is made; log in once with its own tool", ErrPIN, t.cfg.Token)
		}
		first := t.serial == ""
		if first {
			serial := info.SerialNumber + "/" + info.Label
			if err := t.lib.claim(serial); err != nil {
				return err
			}
			t.serial = serial
		}
		l, err = t.sessions(c, slot, info)
		if err == nil {
			l.generation = generation
			err = t.authenticate(c, l, pin, first)
		}
		if err == nil {
			return nil
		}
		if l != nil {
			for range l.size {
				_ = c.CloseSession(<-l.idle)
			}
		}
		if first {
			t.lib.unclaim(t.serial)
			t.serial = ""
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// find gives the slot of the one token of that name. Slots whose token does not
// answer are passed over: their label is not known.
func (t *Token) find(c *p11.Ctx) (slot uint, info p11.TokenInfo, err error) {
	slots, err := c.GetSlotList(true)
	if err != nil {
		return 0, info, fmt.Errorf("listing the slots: %w", err)
	}
	var serials []string
	for _, s := range slots {
		i, err := c.GetTokenInfo(s)
		if err != nil || i.Label != t.cfg.Token || t.cfg.Serial != "" && i.SerialNumber != t.cfg.Serial {
			continue
		}
		slot, info = s, i
		serials = append(serials, i.SerialNumber)
	}
	switch len(serials) {
	case 1:
		return slot, info, nil
	case 0:
		return 0, info, fmt.Errorf("%w: none labelled %q among %d slots", ErrToken, t.cfg.Token, len(slots))
	default:
		return 0, info, fmt.Errorf("%w: %d are labelled %q; say which by its serial number (%s)", ErrToken, len(serials), t.cfg.Token, strings.Join(serials, ", "))
	}
}

// sessions opens as many sessions as are wanted and allowed. They are opened
// once and for all, because the login ends with the last of them.
func (t *Token) sessions(c *p11.Ctx, slot uint, info p11.TokenInfo) (*link, error) {
	want := t.cfg.Sessions
	if limit := info.MaxSessionCount; limit != p11.CK_EFFECTIVELY_INFINITE && limit != p11.CK_UNAVAILABLE_INFORMATION && limit < uint(want) {
		want = int(limit)
	}
	l := &link{slot: slot, idle: make(chan p11.SessionHandle, want), dead: make(chan struct{})}
	for l.size < want {
		s, err := c.OpenSession(slot, p11.CKF_SERIAL_SESSION)
		if code(err) == p11.CKR_SESSION_COUNT && l.size > 0 {
			break // others use the rest
		}
		if err != nil {
			return l, fmt.Errorf("opening session %d: %w", l.size+1, err)
		}
		l.idle <- s
		l.size++
	}
	return l, nil
}

// authenticate logs the user in. Who is logged in already did not show this
// PIN, which is an error the first time.
func (t *Token) authenticate(c *p11.Ctx, l *link, pin string, first bool) error {
	s := <-l.idle
	err := c.Login(s, p11.CKU_USER, pin)
	l.idle <- s
	if code(err) == p11.CKR_USER_ALREADY_LOGGED_IN {
		if !first {
			return nil // a session of the former link is still in use
		}
		return fmt.Errorf("%w: somebody else in this process is logged in at token %q, so the PIN cannot be checked", ErrConfig, t.cfg.Token)
	}
	return t.pinError(err, pin)
}

// pinError gives the answer to a login its name.
func (t *Token) pinError(err error, pin string) error {
	switch code(err) {
	case p11.CKR_OK:
		if err != nil {
			return err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.refused = ""
		return nil
	case p11.CKR_PIN_INCORRECT, p11.CKR_PIN_INVALID, p11.CKR_PIN_LEN_RANGE:
		t.mu.Lock()
		defer t.mu.Unlock()
		t.refused = pin
		return fmt.Errorf("%w: token %q refused it", ErrPIN, t.cfg.Token)
	case p11.CKR_PIN_EXPIRED:
		return fmt.Errorf("%w: it has expired; set a new one with the token's own tool", ErrPIN)
	case p11.CKR_PIN_LOCKED:
		return fmt.Errorf("%w: token %q", ErrPINLocked, t.cfg.Token)
	case p11.CKR_USER_PIN_NOT_INITIALIZED:
		return fmt.Errorf("%w: token %q has no user PIN yet", ErrPIN, t.cfg.Token)
	default:
		return fmt.Errorf("logging in: %w", err)
	}
}
