package holder

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"unicode/utf8"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
)

// The limits of a keystore.
const (
	MaxKeystore = 32 << 10
	maxSlots    = 16
	maxSlot     = 128     // bytes of a member of a slot
	maxKeys     = 8 << 10 // bytes of the encrypted keys
)

// KeystoreTag names a version of the keystore, in quotes as in HTTP.
type KeystoreTag string

func keystoreTag(version uint64) KeystoreTag {
	return KeystoreTag(strconv.Quote("k" + strconv.FormatUint(version, 10)))
}

// Expect says what must be there for a keystore to be written. The zero value
// writes in place of whatever is there.
type Expect struct {
	// Absent: there must be none yet.
	Absent bool
	// Match is the version that must be there.
	Match KeystoreTag
}

// keystore is the shape of a keystore (see holder/unit): wrapped keys. What is
// in it can be read by nobody here.
type keystore struct {
	Version int `json:"version"`
	Slots   []struct {
		ID      string `json:"id"`
		Kind    string `json:"kind"`
		Salt    string `json:"salt"`
		Wrapped string `json:"wrapped"`
	} `json:"slots"`
	IV   string `json:"iv"`
	Keys string `json:"keys"`
}

var slotKind = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// CheckKeystore accepts what has the shape of wrapped keys and has no room for
// anything else. Its errors repeat nothing of the input.
func CheckKeystore(data []byte) error {
	refuse := func(field, rule string) error {
		return fmt.Errorf("%w: keystore: %s: %s", ErrInput, field, rule)
	}
	if len(data) > MaxKeystore {
		return refuse("size", fmt.Sprintf("expected at most %d bytes, found %d", MaxKeystore, len(data)))
	}
	var k keystore
	if err := jose.UnmarshalClosed(data, &k); err != nil {
		return refuse("body", "expected a JSON object with version, slots, iv and keys only, each once")
	}
	if k.Version < 1 || k.Version > 1000 {
		return refuse("version", "expected a small number")
	}
	if len(k.Slots) < 1 || len(k.Slots) > maxSlots {
		return refuse("slots", fmt.Sprintf("expected 1 to %d", maxSlots))
	}
	for _, s := range k.Slots {
		if !slotKind.MatchString(s.Kind) {
			return refuse("slots.kind", "expected lower-case letters, digits and hyphens")
		}
		for _, m := range []struct{ name, text string }{{"id", s.ID}, {"salt", s.Salt}, {"wrapped", s.Wrapped}} {
			if n := decoded(m.text); n < 8 || n > maxSlot {
				return refuse("slots."+m.name, fmt.Sprintf("expected base64url of 8 to %d bytes", maxSlot))
			}
		}
	}
	if decoded(k.IV) != 12 {
		return refuse("iv", "expected base64url of 12 bytes")
	}
	keys, err := jose.Decode(k.Keys)
	if err != nil || len(keys) < 32 || len(keys) > maxKeys {
		return refuse("keys", fmt.Sprintf("expected base64url of 32 to %d bytes", maxKeys))
	}
	if utf8.Valid(keys) {
		return refuse("keys", "it is readable text; wrap the keys before sending them")
	}
	return nil
}

// decoded is how many bytes a base64url text stands for, -1 if it is none.
func decoded(text string) int {
	b, err := jose.Decode(text)
	if err != nil {
		return -1
	}
	return len(b)
}

// PutKeystore keeps the citizen's wrapped keys, in every state but deletion:
// a citizen must be able to change a recovery code whenever it got known.
func (h *Holder) PutKeystore(ctx context.Context, r Request, data []byte, e Expect) (KeystoreTag, error) {
	if err := CheckKeystore(data); err != nil {
		return "", err
	}
	s, err := h.settled(ctx, r.Citizen)
	if err != nil {
		return "", err
	}
	v, ok := untyped(s)
	if _, gone := s.(deleting); gone || !ok {
		return "", refusal(s)
	}
	for {
		if e.Absent && v.s.Keystore != nil || e.Match != "" && (v.s.Keystore == nil || e.Match != keystoreTag(v.s.KeystoreVersion)) {
			return "", ErrPrecondition
		}
		next := v
		next.s.KeystoreVersion++
		if next.s.Keystore, err = h.seal("keystore", v.s.UUID, data); err != nil {
			return "", err
		}
		event := audit.Event{Kind: audit.KeyChange, Detail: "keystore"}
		if err := h.use(ctx, r, v, event); err != nil {
			return "", err
		}
		err := h.save(ctx, &next)
		if err == nil {
			return keystoreTag(next.s.KeystoreVersion), nil
		}
		h.failed(ctx, r, v, event)
		if !errors.Is(err, ErrConflict) {
			return "", err
		}
		// The vault changed in another way, or its keystore did.
		if s, err = h.settled(ctx, r.Citizen); err != nil {
			return "", err
		}
		now, ok := untyped(s)
		if _, gone := s.(deleting); gone || !ok {
			return "", refusal(s)
		}
		if now.s.UUID != v.s.UUID {
			return "", ErrConflict
		}
		v = now
	}
}

// Keystore is what PutKeystore kept.
func (h *Holder) Keystore(ctx context.Context, r Request) ([]byte, KeystoreTag, error) {
	s, err := h.settled(ctx, r.Citizen)
	if err != nil {
		return nil, "", err
	}
	v, ok := untyped(s)
	if _, gone := s.(deleting); gone || !ok {
		return nil, "", refusal(s)
	}
	if v.s.Keystore == nil {
		return nil, "", ErrNoKeystore
	}
	data, err := h.unseal("keystore", v.s.UUID, v.s.Keystore)
	if err != nil {
		return nil, "", fmt.Errorf("opening a keystore: %w", err)
	}
	return data, keystoreTag(v.s.KeystoreVersion), nil
}
