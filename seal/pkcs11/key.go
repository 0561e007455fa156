//go:build cgo

package pkcs11

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"

	p11 "github.com/miekg/pkcs11"
)

// Key is a private key on a token. It is a crypto.Signer and may be used by
// many at once.
type Key struct {
	token  *Token
	sel    Selector // ID as found
	public crypto.PublicKey
	scheme scheme
	always bool // CKA_ALWAYS_AUTHENTICATE
}

// Public is the public key: *ecdsa.PublicKey or *rsa.PublicKey.
func (k *Key) Public() crypto.PublicKey { return k.public }

// ID is the key's CKA_ID; it may be empty.
func (k *Key) ID() []byte { return bytes.Clone(k.sel.ID) }

// Key finds a key pair. It refuses with ErrKey a name that fits none or several
// keys, a key that may not sign, and one that may leave the token.
func (t *Token) Key(ctx context.Context, sel Selector) (*Key, error) {
	if sel.Label == "" && len(sel.ID) == 0 {
		return nil, fmt.Errorf("%w: its label or its id must be given", ErrKey)
	}
	sel.ID = bytes.Clone(sel.ID)
	k, err := withSession(ctx, t, func(c *p11.Ctx, l *link, s p11.SessionHandle) (*Key, error) {
		f, err := locate(c, s, sel)
		if err != nil {
			return nil, err
		}
		scheme, err := schemeOf(f.public)
		if err != nil {
			return nil, err
		}
		sel.ID = f.id
		k := &Key{token: t, sel: sel, public: f.public, scheme: scheme, always: f.always}
		l.handles.Store(k, f.handle)
		return k, nil
	})
	return k, t.unavailable(err)
}

// handle is the key's handle in a link. After a new login the key is looked for
// again, and must be the same.
func (k *Key) handle(c *p11.Ctx, l *link, s p11.SessionHandle) (p11.ObjectHandle, error) {
	if h, ok := l.handles.Load(k); ok {
		return h.(p11.ObjectHandle), nil
	}
	f, err := locate(c, s, k.sel)
	if err != nil {
		return 0, err
	}
	if !equal(f.public, k.public) {
		return 0, fmt.Errorf("%w: %s is another key than it was before the token came back", ErrKey, k.sel)
	}
	l.handles.Store(k, f.handle)
	return f.handle, nil
}

// found is what a selector selects.
type found struct {
	handle p11.ObjectHandle
	id     []byte
	always bool
	public crypto.PublicKey
}

func locate(c *p11.Ctx, s p11.SessionHandle, sel Selector) (f found, err error) {
	objects, err := search(c, s, sel.template(p11.CKO_PRIVATE_KEY))
	if err != nil {
		return f, err
	}
	switch len(objects) {
	case 1:
	case 0:
		return f, fmt.Errorf("%w: none %s", ErrKey, sel)
	default:
		var ids []string
		for _, o := range objects {
			id, _ := attribute(c, s, o, p11.CKA_ID)
			ids = append(ids, hex.EncodeToString(id))
		}
		slices.Sort(ids)
		return f, fmt.Errorf("%w: %d are %s; say which by id (%s)", ErrKey, len(objects), sel, strings.Join(ids, ", "))
	}
	f.handle = objects[0]
	if f.id, err = attribute(c, s, f.handle, p11.CKA_ID); err != nil {
		return f, err
	}
	if f.always, err = flag(c, s, f.handle, p11.CKA_ALWAYS_AUTHENTICATE, false); err != nil {
		return f, err
	}
	if err := usable(c, s, f.handle, sel); err != nil {
		return f, err
	}
	f.public, err = publicOf(c, s, f, sel)
	return f, err
}

// usable refuses a private key that may not sign or may leave the token. What
// the token does not say counts against the key.
func usable(c *p11.Ctx, s p11.SessionHandle, o p11.ObjectHandle, sel Selector) error {
	signs, err := flag(c, s, o, p11.CKA_SIGN, false)
	if err != nil {
		return err
	}
	if !signs {
		return fmt.Errorf("%w: %s may not sign (CKA_SIGN)", ErrKey, sel)
	}
	extractable, err := flag(c, s, o, p11.CKA_EXTRACTABLE, true)
	if err != nil {
		return err
	}
	sensitive, err := flag(c, s, o, p11.CKA_SENSITIVE, false)
	if err != nil {
		return err
	}
	if (extractable || !sensitive) && !sel.InsecureExtractable {
		return fmt.Errorf("%w: %s can leave the token (CKA_EXTRACTABLE, CKA_SENSITIVE); make one that cannot", ErrKey, sel)
	}
	return nil
}

// publicOf reads the public key: from the object of the same id, or of the same
// label where there is no id.
func publicOf(c *p11.Ctx, s p11.SessionHandle, f found, sel Selector) (crypto.PublicKey, error) {
	same := Selector{Label: sel.Label}
	if len(f.id) > 0 {
		same = Selector{ID: f.id}
	}
	objects, err := search(c, s, same.template(p11.CKO_PUBLIC_KEY))
	if err != nil {
		return nil, err
	}
	if len(objects) == 0 && sel.Public != nil {
		return sel.Public, nil
	}
	if len(objects) != 1 {
		return nil, fmt.Errorf("%w: %d public keys belong to %s, expected one; or give the public key of the certificate", ErrKey, len(objects), sel)
	}
	pub, err := readPublic(c, s, objects[0])
	if err != nil {
		return nil, fmt.Errorf("%w: public key of %s: %w", ErrKey, sel, err)
	}
	if sel.Public != nil && !equal(pub, sel.Public) {
		return nil, fmt.Errorf("%w: %s has another public key than the one given", ErrKey, sel)
	}
	return pub, nil
}

func equal(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

func readPublic(c *p11.Ctx, s p11.SessionHandle, o p11.ObjectHandle) (crypto.PublicKey, error) {
	kind, err := attribute(c, s, o, p11.CKA_KEY_TYPE)
	if err != nil {
		return nil, err
	}
	switch number(kind) {
	case p11.CKK_EC:
		params, err := attribute(c, s, o, p11.CKA_EC_PARAMS)
		if err != nil {
			return nil, err
		}
		point, err := attribute(c, s, o, p11.CKA_EC_POINT)
		if err != nil {
			return nil, err
		}
		return parseEC(params, point)
	case p11.CKK_RSA:
		n, err := attribute(c, s, o, p11.CKA_MODULUS)
		if err != nil {
			return nil, err
		}
		e, err := attribute(c, s, o, p11.CKA_PUBLIC_EXPONENT)
		if err != nil {
			return nil, err
		}
		exponent := new(big.Int).SetBytes(e)
		if !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > 1<<31-1 {
			return nil, fmt.Errorf("an exponent of %d bits", exponent.BitLen())
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, nil
	default:
		return nil, fmt.Errorf("key type %d is not supported, only EC and RSA", number(kind))
	}
}

var curves = []struct {
	curve elliptic.Curve
	oid   asn1.ObjectIdentifier // RFC 5480, Section 2.1.1.1
}{
	{elliptic.P256(), asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}},
	{elliptic.P384(), asn1.ObjectIdentifier{1, 3, 132, 0, 34}},
}

// parseEC reads CKA_EC_PARAMS, the name of the curve, and CKA_EC_POINT, an
// uncompressed point in an OCTET STRING (PKCS #11 v2.40, Section 2.3.3) or, as
// some tokens have it, bare.
func parseEC(params, point []byte) (*ecdsa.PublicKey, error) {
	var oid asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(params, &oid); err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("CKA_EC_PARAMS names no curve")
	}
	for _, k := range curves {
		if !k.oid.Equal(oid) {
			continue
		}
		var bare []byte
		if rest, err := asn1.Unmarshal(point, &bare); err != nil || len(rest) != 0 {
			bare = point
		}
		return ecdsa.ParseUncompressedPublicKey(k.curve, bare)
	}
	return nil, fmt.Errorf("curve %s is not supported, only P-256 and P-384", oid)
}

// String names the selector in errors.
func (sel Selector) String() string {
	var parts []string
	if sel.Label != "" {
		parts = append(parts, fmt.Sprintf("labelled %q", sel.Label))
	}
	if len(sel.ID) > 0 {
		parts = append(parts, "of id "+hex.EncodeToString(sel.ID))
	}
	return strings.Join(parts, " and ")
}

func (sel Selector) template(class uint) []*p11.Attribute {
	t := []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, class)}
	if sel.Label != "" {
		t = append(t, p11.NewAttribute(p11.CKA_LABEL, sel.Label))
	}
	if len(sel.ID) > 0 {
		t = append(t, p11.NewAttribute(p11.CKA_ID, sel.ID))
	}
	return t
}

// maxObjects bounds a search.
const maxObjects = 1000

func search(c *p11.Ctx, s p11.SessionHandle, template []*p11.Attribute) ([]p11.ObjectHandle, error) {
	if err := c.FindObjectsInit(s, template); err != nil {
		return nil, fmt.Errorf("looking for a key: %w", err)
	}
	objects, _, err := c.FindObjects(s, maxObjects)
	if final := c.FindObjectsFinal(s); err == nil {
		err = final
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a key: %w", err)
	}
	return objects, nil
}

// attribute reads one attribute; nil if the object has none such.
func attribute(c *p11.Ctx, s p11.SessionHandle, o p11.ObjectHandle, kind uint) ([]byte, error) {
	got, err := c.GetAttributeValue(s, o, []*p11.Attribute{p11.NewAttribute(kind, nil)})
	switch {
	case code(err) == p11.CKR_ATTRIBUTE_TYPE_INVALID:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading attribute 0x%x of a key: %w", kind, err)
	case len(got) != 1:
		return nil, nil
	}
	return got[0].Value, nil
}

// flag is a boolean attribute, or a value to assume where the token has none.
func flag(c *p11.Ctx, s p11.SessionHandle, o p11.ObjectHandle, kind uint, otherwise bool) (bool, error) {
	b, err := attribute(c, s, o, kind)
	if err != nil || len(b) != 1 {
		return otherwise, err
	}
	return b[0] != 0, nil
}

// number reads a CK_ULONG, in the machine's order and size.
func number(b []byte) uint64 {
	switch len(b) {
	case 8:
		return binary.NativeEndian.Uint64(b)
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	default:
		return 1<<64 - 1
	}
}
