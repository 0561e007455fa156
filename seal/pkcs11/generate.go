//go:build cgo

package pkcs11

import (
	"context"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"

	p11 "github.com/miekg/pkcs11"
)

// GenerateKey makes a key pair on the token that signs, cannot leave it and is
// there to stay. A label that a key has already is refused with ErrKey. Curves
// are P-256 and P-384. ErrUncertain means that a key may have been made: look
// with Keys.
func (t *Token) GenerateKey(ctx context.Context, label string, curve elliptic.Curve) (*Key, error) {
	if label == "" {
		return nil, fmt.Errorf("%w: a label is missing", ErrKey)
	}
	params, err := curveParams(curve)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 16)
	if _, err := io.ReadFull(t.cfg.Rand, id); err != nil {
		return nil, fmt.Errorf("%w: making an id: %w", ErrKey, err)
	}
	_, err = withSession(ctx, t, func(c *p11.Ctx, l *link, _ p11.SessionHandle) (none struct{}, err error) {
		s, err := c.OpenSession(l.slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
		if code(err) == p11.CKR_SESSION_COUNT {
			return none, fmt.Errorf("%w: the token allows no further session; configure one less", ErrBusy)
		}
		if err != nil {
			return none, fmt.Errorf("opening a session to write: %w", err)
		}
		defer func() { _ = c.CloseSession(s) }()
		return none, generate(c, s, label, id, params)
	})
	if errors.Is(err, errLate) {
		err = fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	if err != nil {
		return nil, fmt.Errorf("making key %q: %w", label, err)
	}
	return t.Key(ctx, Selector{Label: label, ID: id})
}

func generate(c *p11.Ctx, s p11.SessionHandle, label string, id, params []byte) error {
	for _, class := range []uint{p11.CKO_PRIVATE_KEY, p11.CKO_PUBLIC_KEY} {
		taken, err := search(c, s, Selector{Label: label}.template(class))
		if err != nil {
			return err
		}
		if len(taken) > 0 {
			return fmt.Errorf("%w: the label is taken", ErrKey)
		}
	}
	public := []*p11.Attribute{
		p11.NewAttribute(p11.CKA_TOKEN, true),
		p11.NewAttribute(p11.CKA_LABEL, label),
		p11.NewAttribute(p11.CKA_ID, id),
		p11.NewAttribute(p11.CKA_EC_PARAMS, params),
		p11.NewAttribute(p11.CKA_VERIFY, true),
	}
	// What it may not do is said too: tokens allow much by default.
	private := []*p11.Attribute{
		p11.NewAttribute(p11.CKA_TOKEN, true),
		p11.NewAttribute(p11.CKA_PRIVATE, true),
		p11.NewAttribute(p11.CKA_LABEL, label),
		p11.NewAttribute(p11.CKA_ID, id),
		p11.NewAttribute(p11.CKA_SENSITIVE, true),
		p11.NewAttribute(p11.CKA_EXTRACTABLE, false),
		p11.NewAttribute(p11.CKA_SIGN, true),
		p11.NewAttribute(p11.CKA_DECRYPT, false),
		p11.NewAttribute(p11.CKA_UNWRAP, false),
		p11.NewAttribute(p11.CKA_DERIVE, false),
	}
	made, secret, err := c.GenerateKeyPair(s, []*p11.Mechanism{p11.NewMechanism(p11.CKM_EC_KEY_PAIR_GEN, nil)}, public, private)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	err = usable(c, s, secret, Selector{Label: label})
	if err == nil {
		return nil
	}
	for _, o := range []p11.ObjectHandle{secret, made} {
		if gone := c.DestroyObject(s, o); gone != nil {
			err = fmt.Errorf("%w: removing it: %w", err, gone)
		}
	}
	return fmt.Errorf("%w: %w", ErrUncertain, err)
}

func curveParams(curve elliptic.Curve) ([]byte, error) {
	for _, k := range curves {
		if k.curve == curve {
			return asn1.Marshal(k.oid)
		}
	}
	return nil, fmt.Errorf("%w: keys are made on P-256 and P-384", ErrMechanism)
}

// Keys lists the private keys of the token, in no order that means anything.
func (t *Token) Keys(ctx context.Context) ([]KeyInfo, error) {
	list, err := withSession(ctx, t, func(c *p11.Ctx, _ *link, s p11.SessionHandle) (list []KeyInfo, err error) {
		objects, err := search(c, s, Selector{}.template(p11.CKO_PRIVATE_KEY))
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			info, err := describe(c, s, o)
			if err != nil {
				return nil, err
			}
			list = append(list, info)
		}
		return list, nil
	})
	return list, t.unavailable(err)
}

func describe(c *p11.Ctx, s p11.SessionHandle, o p11.ObjectHandle) (info KeyInfo, err error) {
	label, err := attribute(c, s, o, p11.CKA_LABEL)
	if err != nil {
		return info, err
	}
	info.Label = string(label)
	if info.ID, err = attribute(c, s, o, p11.CKA_ID); err != nil {
		return info, err
	}
	kind, err := attribute(c, s, o, p11.CKA_KEY_TYPE)
	if err != nil {
		return info, err
	}
	switch n := number(kind); n {
	case p11.CKK_EC:
		info.Kind = "EC"
	case p11.CKK_RSA:
		info.Kind = "RSA"
	default:
		info.Kind = fmt.Sprint(n)
	}
	for _, f := range []struct {
		to        *bool
		kind      uint
		otherwise bool
	}{
		{&info.Generated, p11.CKA_LOCAL, false},
		{&info.NeverExtractable, p11.CKA_NEVER_EXTRACTABLE, false},
		{&info.Extractable, p11.CKA_EXTRACTABLE, true},
		{&info.Signs, p11.CKA_SIGN, false},
	} {
		if *f.to, err = flag(c, s, o, f.kind, f.otherwise); err != nil {
			return info, err
		}
	}
	return info, nil
}
