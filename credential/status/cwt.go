package status

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"math"
	"time"

	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
)

// MediaTypeCWT is the media type and the typ of a Status List Token in CWT
// format (Token Status List, Section 5.2).
const MediaTypeCWT = "application/statuslist+cwt"

// Claim keys of a Status List Token (RFC 8392, Section 4; Token Status List,
// Sections 5.2 and 14.3).
const (
	claimSubject    = 2
	claimExpires    = 4
	claimIssuedAt   = 6
	claimStatusList = 65533
	claimTTL        = 65534
)

// coseAlgs may sign a Status List Token in CWT format. There are no MACs: who
// can check one could make one.
var coseAlgs = []cose.Alg{cose.ES256, cose.ESP256, cose.ES384, cose.ESP384, cose.EdDSA, cose.Ed25519}

// CWT is a Status List Token in CWT format that was read. Its signature is not
// verified by reading: Sign1 does that with a key the caller trusts.
type CWT struct {
	Sign1 *cose.Sign1
	Claims
}

// ParseCWT reads a Status List Token in CWT format (Section 5.2), a tagged
// COSE_Sign1, and checks everything in it that needs neither a key, a clock nor
// the URI it was fetched from. Times are whole numbers.
func ParseCWT(b []byte) (*CWT, error) {
	m, err := cose.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !m.Tagged || m.Detached {
		return nil, fmt.Errorf("%w: a Status List Token must be a COSE_Sign1 with tag 18 and its payload (Section 5.2)", ErrMalformed)
	}
	if err := (cose.Use{Typ: MediaTypeCWT, Algs: coseAlgs}).Check(m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	claims, err := readClaims(m.Payload)
	if err != nil {
		return nil, err
	}
	return &CWT{Sign1: m, Claims: claims}, nil
}

func readClaims(payload []byte) (Claims, error) {
	if err := cbor.Check(payload, cbor.Limits{Size: cose.MaxMessage, Depth: 12, Items: 1024}); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var c Claims
	var subject, issued, ttl bool
	r := cbor.NewReader(payload)
	for range r.Map() {
		if r.Next() == cbor.Text {
			r.Skip()
			r.Skip()
			continue
		}
		switch r.Int() {
		case claimSubject:
			c.Subject, subject = r.Text(), true
		case claimIssuedAt:
			c.IssuedAt, issued = seconds(r), true
		case claimExpires:
			c.Expires = seconds(r)
		case claimTTL:
			c.TTL, ttl = time.Duration(min(r.Uint(), math.MaxInt64/uint64(time.Second)))*time.Second, true
		case claimStatusList:
			var err error
			if c.List, err = readCBORList(r); err != nil {
				return Claims{}, err
			}
		default:
			r.Skip()
		}
	}
	if err := r.End(); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !subject || !issued || c.List == nil {
		return Claims{}, fmt.Errorf("%w: sub, iat and status list are required (Section 5.2)", ErrMalformed)
	}
	if ttl && (c.TTL <= 0 || c.TTL > maxTTL) {
		return Claims{}, fmt.Errorf("%w: ttl must be a positive number of seconds (Section 5.2)", ErrMalformed)
	}
	return c, nil
}

// seconds reads a NumericDate; what lies beyond the year 9999 is kept there.
func seconds(r *cbor.Reader) time.Time {
	const most = 253402300799
	return time.Unix(int64(min(r.Uint(), most)), 0).UTC()
}

// readCBORList reads the StatusList structure (Section 4.3).
func readCBORList(r *cbor.Reader) (*List, error) {
	var bits uint64
	var packed []byte
	eachText(r, func(name string) {
		switch name {
		case "bits":
			bits = r.Uint()
		case "lst":
			packed = r.Bytes()
		default:
			r.Skip()
		}
	})
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("%w: status_list: %w (Section 4.3)", ErrMalformed, err)
	}
	return readList(int(min(bits, 9)), packed)
}

// appendCBOR appends the StatusList structure (Section 4.3).
func (l *List) appendCBOR(dst []byte) ([]byte, error) {
	packed, err := zlibPack(l.data)
	if err != nil {
		return nil, err
	}
	dst = cbor.AppendMap(dst, 2)
	dst = cbor.AppendUint(cbor.AppendText(dst, "bits"), uint64(l.bits))
	return cbor.AppendBytes(cbor.AppendText(dst, "lst"), packed), nil
}

// marshalCBOR is the CWT Claims Set (Section 5.2).
func (c Claims) marshalCBOR() ([]byte, error) {
	dst := cbor.AppendMap(nil, 5)
	dst = cbor.AppendText(cbor.AppendUint(dst, claimSubject), c.Subject)
	dst = cbor.AppendInt(cbor.AppendUint(dst, claimExpires), c.Expires.Unix())
	dst = cbor.AppendInt(cbor.AppendUint(dst, claimIssuedAt), c.IssuedAt.Unix())
	dst, err := c.List.appendCBOR(cbor.AppendUint(dst, claimStatusList))
	if err != nil {
		return nil, err
	}
	return cbor.AppendUint(cbor.AppendUint(dst, claimTTL), uint64(c.TTL/time.Second)), nil
}

// CWTSigner signs the claims of a Status List Token in CWT format, issued at
// iat; NewCWTSigner makes one.
type CWTSigner interface {
	SignCWT(iat time.Time, claims []byte) ([]byte, error)
}

type cwtSigner struct {
	key    crypto.Signer
	leaf   *x509.Certificate
	signer *cose.Signer
}

// NewCWTSigner signs with the key of a chain, leaf first and without the anchor,
// which goes into the unprotected header as x5chain (RFC 9360). It signs while
// the first certificate is valid.
func NewCWTSigner(key crypto.Signer, chain []*x509.Certificate) (CWTSigner, error) {
	if key == nil || len(chain) == 0 {
		return nil, fmt.Errorf("status: a signer needs a key and its certificate chain")
	}
	alg, err := cose.AlgFor(key.Public())
	if err != nil {
		return nil, err
	}
	if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(chain[0].PublicKey) {
		return nil, fmt.Errorf("status: the first certificate of the chain is not the key's")
	}
	h := cose.Header{Alg: alg, Typ: MediaTypeCWT}
	for _, c := range chain {
		h.X5Chain = append(h.X5Chain, c.Raw)
	}
	s, err := cose.NewSigner(h, cose.Options{Tagged: true})
	if err != nil {
		return nil, err
	}
	return cwtSigner{key: key, leaf: chain[0], signer: s}, nil
}

func (s cwtSigner) SignCWT(iat time.Time, claims []byte) ([]byte, error) {
	if iat.Before(s.leaf.NotBefore) || iat.After(s.leaf.NotAfter) {
		return nil, fmt.Errorf("status: the certificate of the status signer is valid from %s to %s, which is not now; renew it", s.leaf.NotBefore.UTC().Format(time.RFC3339), s.leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return s.signer.Append(make([]byte, 0, s.signer.Size(len(claims))), s.key, claims)
}
