package mdoc

import (
	"crypto"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
)

// mso is a parsed mobile security object. Nothing in it is trusted until the
// issuer's signature is verified.
type mso struct {
	version    string
	algorithm  Digest
	docType    string
	digests    []byte // valueDigests as received
	deviceKey  crypto.PublicKey
	authorized KeyAuthorizations
	signed     time.Time
	validFrom  time.Time
	validUntil time.Time
	update     time.Time // zero when absent
	status     []byte    // CBOR, nil when absent
}

// parseMSO reads MobileSecurityObjectBytes.
func parseMSO(payload []byte) (*mso, error) {
	bad := func(err error) (*mso, error) { return nil, broken(specMSO, "mobile security object", err) }
	outer := cbor.NewReader(payload)
	outer.Expect(tagEncoded)
	b := outer.Bytes()
	if err := outer.End(); err != nil {
		return bad(err)
	}
	if err := cbor.Check(b, cbor.Limits{Size: MaxSize, Depth: maxDepth, Items: maxItems}); err != nil {
		return bad(err)
	}
	m := &mso{}
	r := cbor.NewReader(b)
	var there [6]bool // the six required members
	for range r.Map() {
		switch name := string(r.RawText()); name {
		case "version":
			there[0], m.version = true, r.Text()
		case "digestAlgorithm":
			there[1], m.algorithm = true, Digest(r.Text())
		case "docType":
			there[2], m.docType = true, r.Text()
		case "valueDigests":
			if r.Next() != cbor.Map {
				return nil, malformed(specMSO, "valueDigests is not a map")
			}
			there[3], m.digests = true, r.Skip()
		case "deviceKeyInfo":
			there[4] = true
			if err := m.deviceKeyInfo(r); err != nil {
				return nil, err
			}
		case "validityInfo":
			there[5] = true
			if err := m.validity(r); err != nil {
				return nil, err
			}
		case "status":
			if r.Next() != cbor.Map {
				return nil, malformed("Token Status List, Section 6.3", "status is not a map")
			}
			m.status = r.Skip()
		default:
			r.Skip()
		}
	}
	if err := r.End(); err != nil {
		return bad(err)
	}
	for i, name := range [6]string{"version", "digestAlgorithm", "docType", "valueDigests", "deviceKeyInfo", "validityInfo"} {
		if !there[i] {
			return nil, malformed(specMSO, "the mobile security object has no "+name)
		}
	}
	return m, nil
}

func (m *mso) deviceKeyInfo(r *cbor.Reader) error {
	for range r.Map() {
		switch string(r.RawText()) {
		case "deviceKey":
			var err error
			if m.deviceKey, err = cose.ReadKey(r); err != nil {
				return broken(specMSO, "deviceKey", err)
			}
		case "keyAuthorizations":
			m.authorized.read(r)
		default:
			r.Skip()
		}
	}
	if m.deviceKey == nil {
		return malformed(specMSO, "deviceKeyInfo has no deviceKey")
	}
	return nil
}

func (k *KeyAuthorizations) read(r *cbor.Reader) {
	for range r.Map() {
		switch string(r.RawText()) {
		case "nameSpaces":
			for range r.Array() {
				k.NameSpaces = append(k.NameSpaces, r.Text())
			}
		case "dataElements":
			k.Elements = map[string][]string{}
			for range r.Map() {
				name := r.Text()
				for range r.Array() {
					k.Elements[name] = append(k.Elements[name], r.Text())
				}
			}
		default:
			r.Skip()
		}
	}
}

// allow reports whether the device key may sign an element.
func (k KeyAuthorizations) allow(namespace, element string) bool {
	return slices.Contains(k.NameSpaces, namespace) || slices.Contains(k.Elements[namespace], element)
}

func (m *mso) validity(r *cbor.Reader) error {
	for range r.Map() {
		name := string(r.RawText())
		var to *time.Time
		switch name {
		case "signed":
			to = &m.signed
		case "validFrom":
			to = &m.validFrom
		case "validUntil":
			to = &m.validUntil
		case "expectedUpdate":
			to = &m.update
		default:
			r.Skip()
			continue
		}
		r.Expect(tagDateTime)
		at, ok := parseDateTime(r.RawText())
		if !ok && r.Err() == nil {
			return malformed(specMSO, name+" is not a tdate in UTC without a fraction of a second")
		}
		*to = at
	}
	if r.Err() == nil && (m.signed.IsZero() || m.validFrom.IsZero() || m.validUntil.IsZero()) {
		return malformed(specMSO, "validityInfo has not all of signed, validFrom and validUntil")
	}
	return nil
}
