package status

import (
	"fmt"

	"github.com/zegel-id/zegel/internal/cbor"
)

// ClaimKeyCBOR is the key of the status claim in a CWT (Token Status List,
// Section 6.3).
const ClaimKeyCBOR = 65535

// AppendCBOR appends the Status structure of a CWT or of a mobile security
// object: a map with status_list (Section 6.3).
func (r Ref) AppendCBOR(dst []byte) []byte {
	dst = cbor.AppendText(cbor.AppendMap(dst, 1), "status_list")
	dst = cbor.AppendUint(cbor.AppendText(cbor.AppendMap(dst, 2), "idx"), r.Index)
	return cbor.AppendText(cbor.AppendText(dst, "uri"), r.URI)
}

// ParseClaimCBOR is ParseClaim for a credential in CBOR (Section 6.3).
func ParseClaimCBOR(b []byte) (Ref, error) {
	if err := cbor.Check(b, cbor.Limits{Size: 8 << 10, Depth: 8, Items: 256}); err != nil {
		return Ref{}, fmt.Errorf("%w: status: %w", ErrMalformed, err)
	}
	var ref Ref
	var index, uri bool
	r := cbor.NewReader(b)
	eachText(r, func(name string) {
		if name != "status_list" {
			r.Skip()
			return
		}
		eachText(r, func(name string) {
			switch name {
			case "idx":
				ref.Index, index = r.Uint(), true
			case "uri":
				ref.URI, uri = r.Text(), true
			default:
				r.Skip()
			}
		})
	})
	if err := r.End(); err != nil {
		return Ref{}, fmt.Errorf("%w: status: %w (Section 6.3: idx is an unsigned integer, uri a text)", ErrMalformed, err)
	}
	if !index || !uri {
		return Ref{}, fmt.Errorf("%w: status: expected status_list with idx and uri (Section 6.3)", ErrMalformed)
	}
	return ref, nil
}

// eachText visits the members of a map that are named by a text; visit reads
// the value.
func eachText(r *cbor.Reader, visit func(name string)) {
	for range r.Map() {
		if r.Next() != cbor.Text {
			r.Skip()
			r.Skip()
			continue
		}
		visit(r.Text())
	}
}
