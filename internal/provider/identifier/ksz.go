package identifier

import (
	"errors"
	"fmt"
)

// ErrKSZ is returned for text that is not a KSZ number.
var ErrKSZ = errors.New("not a KSZ number")

// KSZ is the number that the Crossroads Bank for Social Security gives to
// people outside the National Register: an INSZ of the bis range. It hides
// itself as an INSZ does.
type KSZ struct{ INSZ }

// ParseKSZ reads an INSZ and refuses other ranges than bis.
func ParseKSZ(s string) (KSZ, error) {
	n, err := ParseINSZ(s)
	if err != nil {
		return KSZ{}, fmt.Errorf("%w: %w", ErrKSZ, err)
	}
	if n.Kind() != Bis {
		return KSZ{}, fmt.Errorf("%w: a KSZ number has its month raised by 20 or 40; this is a %s number", ErrKSZ, n.Kind())
	}
	return KSZ{n}, nil
}
