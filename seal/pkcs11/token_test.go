//go:build cgo

package pkcs11_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
)

func answer(pin string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return pin, nil }
}

// refuses opens a token that must not open, and looks that the error gives no
// PIN away.
func refuses(t *testing.T, c pkcs11.Config, want error, says string) {
	t.Helper()
	token, err := pkcs11.Open(t.Context(), c)
	if token != nil || !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
		t.Errorf("%v, %v; expected %v, %q", token, err, want, says)
	}
	if err != nil && (strings.Contains(err.Error(), wrongPIN) || strings.Contains(err.Error(), softhsmtest.PIN)) {
		t.Errorf("the error holds the PIN: %v", err)
	}
}

const wrongPIN = "13571357"

func TestOpenRefuses(t *testing.T) {
	h := softhsmtest.New(t)
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*pkcs11.Config)
		err    error
		says   string
	}{
		"relative path":   {func(c *pkcs11.Config) { c.Module = "libsofthsm2.so" }, pkcs11.ErrConfig, "absolute"},
		"no library":      {func(c *pkcs11.Config) { c.Module = text + "x" }, pkcs11.ErrConfig, "no such file"},
		"not a library":   {func(c *pkcs11.Config) { c.Module = text }, pkcs11.ErrConfig, "not a PKCS #11 library"},
		"no label":        {func(c *pkcs11.Config) { c.Token = "" }, pkcs11.ErrConfig, "label"},
		"other label":     {func(c *pkcs11.Config) { c.Token = "sea" }, pkcs11.ErrToken, `none labelled "sea"`},
		"other serial":    {func(c *pkcs11.Config) { c.Serial = "1" }, pkcs11.ErrToken, "none"},
		"no PIN":          {func(c *pkcs11.Config) { c.PIN = nil }, pkcs11.ErrConfig, "PIN"},
		"wrong PIN":       {func(c *pkcs11.Config) { c.PIN = answer(wrongPIN) }, pkcs11.ErrPIN, "refused"},
		"empty PIN":       {func(c *pkcs11.Config) { c.PIN = answer("") }, pkcs11.ErrPIN, "octets"},
		"long PIN":        {func(c *pkcs11.Config) { c.PIN = answer(strings.Repeat("1", 257)) }, pkcs11.ErrPIN, "octets"},
		"PIN not to have": {func(c *pkcs11.Config) { c.PIN = pkcs11.PINFile(text + "x") }, pkcs11.ErrPIN, "no such file"},
		"sessions":        {func(c *pkcs11.Config) { c.Sessions = 257 }, pkcs11.ErrConfig, "sessions"},
		"timeout":         {func(c *pkcs11.Config) { c.Timeout = -1 }, pkcs11.ErrConfig, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			conf := h.Config()
			c.change(&conf)
			refuses(t, conf, c.err, c.says)
		})
	}
	h.Open(t) // nothing of the above is in the way
}

// The login belongs to the process: a second one succeeds with any PIN.
func TestOneTokenPerProcess(t *testing.T) {
	h := softhsmtest.New(t)
	token := h.Open(t)
	conf := h.Config()
	conf.PIN = answer(wrongPIN)
	refuses(t, conf, pkcs11.ErrToken, "open in this process already")
	if err := token.Close(); err != nil {
		t.Fatal(err)
	}
	refuses(t, conf, pkcs11.ErrPIN, "refused")
	h.Open(t)

	t.Run("library of somebody else", func(t *testing.T) {
		h := softhsmtest.New(t)
		h.Break(t)
		c := p11.New(h.Module)
		if err := c.Initialize(); err != nil {
			t.Skip("the library is in use: ", err)
		}
		defer func() { _ = c.Finalize() }()
		refuses(t, h.Config(), pkcs11.ErrConfig, "CKR_CRYPTOKI_ALREADY_INITIALIZED")
	})
}

func TestTwoTokens(t *testing.T) {
	h := softhsmtest.New(t)
	h.Add(t, "other")
	h.Add(t, softhsmtest.Label)
	conf := h.Config()
	refuses(t, conf, pkcs11.ErrToken, "2 are labelled")
	_, err := pkcs11.Open(t.Context(), conf)
	_, list, _ := strings.Cut(err.Error(), "serial number (")
	serial, _, _ := strings.Cut(list, ",")
	one := h.Open(t, func(c *pkcs11.Config) { c.Serial = serial })
	two := h.Open(t, func(c *pkcs11.Config) { c.Token = "other" })
	for _, token := range []*pkcs11.Token{one, two} {
		if err := token.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if err := two.Ping(t.Context()); err != nil {
		t.Errorf("closing one token closed the other: %v", err)
	}
}

// A token that has locked its PIN, or would at the next wrong one, is not asked.
func TestPINLocks(t *testing.T) {
	h := softhsmtest.New(t)
	f := h.Break(t)
	for name, c := range map[string]struct {
		arm  func()
		err  error
		says string
	}{
		"locked at login":  {func() { f.Fail("C_Login", p11.CKR_PIN_LOCKED, 1) }, pkcs11.ErrPINLocked, "locked"},
		"locked before":    {func() { f.Change("C_GetTokenInfo", p11.CKF_USER_PIN_LOCKED, 1) }, pkcs11.ErrPINLocked, "locked"},
		"one try left":     {func() { f.Change("C_GetTokenInfo", p11.CKF_USER_PIN_FINAL_TRY, 1) }, pkcs11.ErrPIN, "no try is made"},
		"expired":          {func() { f.Fail("C_Login", p11.CKR_PIN_EXPIRED, 1) }, pkcs11.ErrPIN, "expired"},
		"not set yet":      {func() { f.Fail("C_Login", p11.CKR_USER_PIN_NOT_INITIALIZED, 1) }, pkcs11.ErrPIN, "no user PIN"},
		"of somebody else": {func() { f.Fail("C_Login", p11.CKR_USER_ALREADY_LOGGED_IN, 1) }, pkcs11.ErrConfig, "cannot be checked"},
	} {
		t.Run(name, func(t *testing.T) {
			c.arm()
			defer f.Clear("C_GetTokenInfo")
			refuses(t, h.Config(), c.err, c.says)
		})
	}
	h.Open(t)
}

// When the PIN is changed while the token is away, the wrong one is tried once;
// the right one is taken as soon as it is there.
func TestWrongPINIsTriedOnce(t *testing.T) {
	h := softhsmtest.New(t)
	f := h.Break(t)
	give(t, h, pair{label: "k", curve: p256})
	var asked atomic.Int32
	pin := atomic.Value{}
	pin.Store(softhsmtest.PIN)
	token := h.Open(t, func(c *pkcs11.Config) {
		c.PIN = func(context.Context) (string, error) { asked.Add(1); return pin.Load().(string), nil }
	})
	k := find(t, token, pkcs11.Selector{Label: "k"})
	pin.Store(wrongPIN)
	f.Fail("C_SignInit", p11.CKR_SESSION_HANDLE_INVALID, 1)
	f.Hold("C_Login") // a held file tells whether the token is asked
	digest, opts := hashed(k, "text")
	done := make(chan error)
	go func() { _, err := k.Sign(nil, digest, opts); done <- err }()
	softhsmtest.Wait(t, "a login", func() bool { return f.Held("C_Login") })
	f.Release("C_Login")
	if err := <-done; !errors.Is(err, pkcs11.ErrAway) || !errors.Is(err, pkcs11.ErrPIN) || strings.Contains(err.Error(), wrongPIN) {
		t.Error(err)
	}
	f.Fail("C_Login", p11.CKR_PIN_LOCKED, 1) // what would happen
	for range 5 {
		if _, err := k.Sign(nil, digest, opts); !errors.Is(err, pkcs11.ErrPIN) || !strings.Contains(err.Error(), "not tried again") {
			t.Error(err)
		}
	}
	if !f.Pending("C_Login") {
		t.Fatal("the refused PIN was tried again")
	}
	f.Clear("C_Login")
	pin.Store(softhsmtest.PIN)
	signs(t, k)
	if n := asked.Load(); n != 8 {
		t.Errorf("asked %d times for the PIN", n)
	}
}

func TestPINFile(t *testing.T) {
	h := softhsmtest.New(t)
	file := filepath.Join(t.TempDir(), "pin")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	conf := h.Config()
	conf.PIN = pkcs11.PINFile(file)
	write(softhsmtest.PIN+"\n", 0o644)
	refuses(t, conf, pkcs11.ErrPIN, "0600")
	write(strings.Repeat("1", 300), 0o600)
	refuses(t, conf, pkcs11.ErrPIN, "octets")
	write("\n", 0o600)
	refuses(t, conf, pkcs11.ErrPIN, "octets")
	write(softhsmtest.PIN+"\r\n", 0o600)
	h.Open(t, func(c *pkcs11.Config) { c.PIN = conf.PIN })
}

// As many sessions as wanted, as the token allows, and as others leave.
func TestSessions(t *testing.T) {
	h := softhsmtest.New(t)
	f := h.Break(t)
	for name, c := range map[string]struct {
		arm  func()
		want int
	}{
		"wanted":         {func() {}, 5},
		"allowed":        {func() { f.Change("C_GetTokenInfo.sessions", 2, 1) }, 2},
		"more than that": {func() { f.Change("C_GetTokenInfo.sessions", 9, 1) }, 5},
		"others leave":   {func() { f.FailAfter("C_OpenSession", 3, p11.CKR_SESSION_COUNT) }, 3},
		"no limit known": {func() { f.Change("C_GetTokenInfo.sessions", ^uint(0), 1) }, 5},
	} {
		t.Run(name, func(t *testing.T) {
			c.arm()
			token := h.Open(t, func(c *pkcs11.Config) { c.Sessions = 5 })
			if s := token.Status(); s.Sessions != c.want || s.Busy != 0 || !s.Connected || s.Logins != 1 || s.Since.IsZero() {
				t.Errorf("%+v", s)
			}
		})
	}
	t.Run("none left", func(t *testing.T) {
		f.Fail("C_OpenSession", p11.CKR_SESSION_COUNT, 1)
		refuses(t, h.Config(), p11.Error(p11.CKR_SESSION_COUNT), "session 1")
	})
}

func TestClosed(t *testing.T) {
	h := softhsmtest.New(t)
	give(t, h, pair{label: "k", curve: p256})
	token := h.Open(t)
	k := find(t, token, pkcs11.Selector{Label: "k"})
	for range 2 {
		if err := token.Close(); err != nil {
			t.Fatal(err)
		}
	}
	digest, opts := hashed(k, "text")
	if _, err := k.Sign(nil, digest, opts); !errors.Is(err, pkcs11.ErrClosed) {
		t.Error(err)
	}
	if _, err := token.Key(t.Context(), pkcs11.Selector{Label: "k"}); !errors.Is(err, pkcs11.ErrClosed) {
		t.Error(err)
	}
	if s := token.Status(); s.Connected || s.Failures != 1 {
		t.Errorf("%+v", s)
	}
}

// A library that does not return takes neither the caller nor Close with it.
func TestHangs(t *testing.T) {
	h := softhsmtest.New(t)
	f := h.Break(t)
	t.Run("at open", func(t *testing.T) {
		f.Hold("C_Login")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			for !f.Held("C_Login") {
				time.Sleep(time.Millisecond)
			}
			cancel(fmt.Errorf("enough"))
		}()
		if _, err := pkcs11.Open(ctx, h.Config()); !errors.Is(err, pkcs11.ErrAway) {
			t.Error(err)
		}
		f.Release("C_Login")
		softhsmtest.Wait(t, "the late token to be closed", func() bool {
			token, err := pkcs11.Open(t.Context(), h.Config())
			return err == nil && token.Close() == nil
		})
	})
}
