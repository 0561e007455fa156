package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
)

var randReader = rand.Reader

// ErrJWK is returned for a JWK that is no usable public key.
var ErrJWK = errors.New("not a usable JWK")

// JWK is a public key of RFC 7517 with the members the product uses. Private
// members are read only to be refused.
type JWK struct {
	Kty string `json:"kty"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	Kid string `json:"kid,omitempty"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`

	D  string `json:"d,omitempty"`
	P  string `json:"p,omitempty"`
	Q  string `json:"q,omitempty"`
	DP string `json:"dp,omitempty"`
	DQ string `json:"dq,omitempty"`
	QI string `json:"qi,omitempty"`
	K  string `json:"k,omitempty"`
}

// ParseJWK reads a public JWK from JSON.
func ParseJWK(b []byte) (JWK, crypto.PublicKey, error) {
	k, ok := plainJWK(string(b))
	if !ok {
		k = JWK{}
		if err := Unmarshal(b, &k); err != nil {
			return JWK{}, nil, err
		}
	}
	pub, err := k.Key()
	if err != nil {
		return JWK{}, nil, err
	}
	return k, pub, nil
}

// plainJWK reads a key in the plain spelling, with none but public members that
// are strings; false when it has another.
func plainJWK(text string) (k JWK, ok bool) {
	ok = Plain(text, func(name, value string) bool {
		to := &k.Kty
		switch name {
		case "kty":
		case "crv":
			to = &k.Crv
		case "x":
			to = &k.X
		case "y":
			to = &k.Y
		case "n":
			to = &k.N
		case "e":
			to = &k.E
		case "kid":
			to = &k.Kid
		case "use":
			to = &k.Use
		case "alg":
			to = &k.Alg
		default:
			return false // perhaps a private one
		}
		var is bool
		*to, is = Quoted(value)
		return is
	})
	return k, ok
}

// Key is the public key: *ecdsa.PublicKey on P-256, P-384 or P-521,
// ed25519.PublicKey, or *rsa.PublicKey of 2048 to 8192 bits. A JWK with a
// private or symmetric member is refused, so is a point off the curve.
func (k JWK) Key() (crypto.PublicKey, error) {
	if k.private() {
		return nil, fmt.Errorf("%w: it holds private or symmetric members; send the public key only (RFC 7517, Section 9.3)", ErrJWK)
	}
	return k.public()
}

func (k JWK) private() bool {
	return k.D != "" || k.P != "" || k.Q != "" || k.DP != "" || k.DQ != "" || k.QI != "" || k.K != ""
}

func (k JWK) public() (crypto.PublicKey, error) {
	switch k.Kty {
	case "EC":
		curve, size := curveOf(k.Crv)
		if curve == nil {
			return nil, fmt.Errorf("%w: crv is not P-256, P-384 or P-521 (RFC 7518, Section 6.2.1.1)", ErrJWK)
		}
		point := append(make([]byte, 0, 1+2*66), 4) // room for the longest curve
		point, errX := AppendDecode(point, k.X)
		short := len(point) != 1+size
		point, errY := AppendDecode(point, k.Y)
		if errX != nil || errY != nil || short || len(point) != 1+2*size {
			return nil, fmt.Errorf("%w: x and y must be base64url of %d octets (RFC 7518, Section 6.2.1.2)", ErrJWK, size)
		}
		pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
		if err != nil {
			return nil, fmt.Errorf("%w: the point is not on the curve", ErrJWK)
		}
		return pub, nil
	case "OKP":
		x, err := Decode(k.X)
		if k.Crv != "Ed25519" || err != nil || len(x) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%w: an OKP key must be Ed25519 with x of 32 octets (RFC 8037, Section 2)", ErrJWK)
		}
		return ed25519.PublicKey(x), nil
	case "RSA":
		n, errN := Decode(k.N)
		e, errE := Decode(k.E)
		if errN != nil || errE != nil || len(n) == 0 || n[0] == 0 {
			return nil, fmt.Errorf("%w: n and e must be base64url integers (RFC 7518, Section 6.3.1)", ErrJWK)
		}
		exp, ok := exponent(e)
		pub := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: exp}
		if !ok || pub.N.BitLen() < 2048 || pub.N.BitLen() > 8192 {
			return nil, fmt.Errorf("%w: RSA keys must have 2048 to 8192 bits and an odd exponent", ErrJWK)
		}
		return pub, nil
	default:
		return nil, fmt.Errorf("%w: kty must be EC, OKP or RSA", ErrJWK)
	}
}

func curveOf(name string) (elliptic.Curve, int) {
	switch name {
	case "P-256":
		return elliptic.P256(), 32
	case "P-384":
		return elliptic.P384(), 48
	case "P-521":
		return elliptic.P521(), 66
	default:
		return nil, 0
	}
}

// PublicJWK describes a public key.
func PublicJWK(pub crypto.PublicKey) (JWK, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			return JWK{}, fmt.Errorf("%w: %w", ErrJWK, err)
		}
		size := (len(point) - 1) / 2
		return JWK{Kty: "EC", Crv: k.Params().Name, X: Encode(point[1 : 1+size]), Y: Encode(point[1+size:])}, nil
	case ed25519.PublicKey:
		return JWK{Kty: "OKP", Crv: "Ed25519", X: Encode(k)}, nil
	case *rsa.PublicKey:
		return JWK{Kty: "RSA", N: Encode(k.N.Bytes()), E: Encode(big.NewInt(int64(k.E)).Bytes())}, nil
	default:
		return JWK{}, fmt.Errorf("%w: no JWK for a %T", ErrJWK, pub)
	}
}

// Public is the JWK without private members.
func (k JWK) Public() JWK {
	return JWK{Kty: k.Kty, Crv: k.Crv, X: k.X, Y: k.Y, N: k.N, E: k.E, Kid: k.Kid, Use: k.Use, Alg: k.Alg}
}

// PrivateJWK describes a P-256, P-384, P-521 or Ed25519 private key, for
// places where the key itself is encrypted before it is kept.
func PrivateJWK(signer crypto.Signer) (JWK, error) {
	jwk, err := PublicJWK(signer.Public())
	if err != nil {
		return JWK{}, err
	}
	switch k := signer.(type) {
	case *ecdsa.PrivateKey:
		d, err := k.Bytes()
		if err != nil {
			return JWK{}, fmt.Errorf("%w: %w", ErrJWK, err)
		}
		jwk.D = Encode(d)
	case ed25519.PrivateKey:
		jwk.D = Encode(k.Seed())
	default:
		return JWK{}, fmt.Errorf("%w: no private JWK for a %T", ErrJWK, signer)
	}
	return jwk, nil
}

// Private is the private key of an EC or OKP JWK; its public part must match.
func (k JWK) Private() (crypto.Signer, error) {
	pub, err := k.public()
	if err != nil {
		return nil, err
	}
	d, err := Decode(k.D)
	if err != nil || len(d) == 0 {
		return nil, fmt.Errorf("%w: d is missing", ErrJWK)
	}
	switch p := pub.(type) {
	case *ecdsa.PublicKey:
		priv, err := ecdsa.ParseRawPrivateKey(p.Curve, d)
		if err != nil || !priv.PublicKey.Equal(p) {
			return nil, fmt.Errorf("%w: d does not belong to x and y", ErrJWK)
		}
		return priv, nil
	case ed25519.PublicKey:
		if len(d) != ed25519.SeedSize {
			return nil, fmt.Errorf("%w: d must have 32 octets", ErrJWK)
		}
		priv := ed25519.NewKeyFromSeed(d)
		if !p.Equal(priv.Public()) {
			return nil, fmt.Errorf("%w: d does not belong to x", ErrJWK)
		}
		return priv, nil
	default:
		return nil, fmt.Errorf("%w: private keys must be EC or Ed25519", ErrJWK)
	}
}

// Thumbprint is the base64url SHA-256 thumbprint of RFC 7638, Section 3.
func (k JWK) Thumbprint() string {
	var members string
	switch k.Kty {
	case "EC":
		members = `{"crv":"` + k.Crv + `","kty":"EC","x":"` + k.X + `","y":"` + k.Y + `"}`
	case "OKP":
		members = `{"crv":"` + k.Crv + `","kty":"OKP","x":"` + k.X + `"}`
	case "RSA":
		members = `{"e":"` + k.E + `","kty":"RSA","n":"` + k.N + `"}`
	default:
		return ""
	}
	sum := sha256.Sum256([]byte(members))
	return Encode(sum[:])
}

// Thumbprint of a public key; empty for a kind of key that has no JWK.
func Thumbprint(pub crypto.PublicKey) string {
	k, err := PublicJWK(pub)
	if err != nil {
		return ""
	}
	return k.Thumbprint()
}
