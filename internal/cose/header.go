package cose

import (
	"fmt"
	"strconv"

	"github.com/zegel-id/zegel/internal/cbor"
)

// Labels of header parameters (RFC 9052, Section 3.1; RFC 9360; RFC 9596).
const (
	labelAlg         = 1
	labelCrit        = 2
	labelContentType = 3
	labelKeyID       = 4
	labelTyp         = 16
	labelX5Chain     = 33
)

// MaxChain is how many certificates an x5chain may hold.
const MaxChain = 8

// Header is what the header parameters of a message say, from both buckets.
// Zero fields are absent.
type Header struct {
	Alg         Alg      // protected
	Typ         string   // protected; a CoAP number in digits
	ContentType string   // protected, else it is not read; a CoAP number in digits
	KeyID       []byte   // either bucket
	X5Chain     [][]byte // either bucket; DER, leaf first, not validated

	// X5ChainProtected tells that the chain is under the signature.
	X5ChainProtected bool
}

// appendMap encodes the parameters of one bucket in ascending order of labels.
func (h Header) appendMap(dst []byte, protected bool) []byte {
	chain := h.X5Chain
	if h.X5ChainProtected != protected {
		chain = nil
	}
	n := 0
	for _, there := range []bool{protected, protected && h.ContentType != "", !protected && h.KeyID != nil, protected && h.Typ != "", chain != nil} {
		if there {
			n++
		}
	}
	dst = cbor.AppendMap(dst, n)
	if protected {
		dst = cbor.AppendInt(cbor.AppendUint(dst, labelAlg), int64(h.Alg))
		if h.ContentType != "" {
			dst = cbor.AppendText(cbor.AppendUint(dst, labelContentType), h.ContentType)
		}
	} else if h.KeyID != nil {
		dst = cbor.AppendBytes(cbor.AppendUint(dst, labelKeyID), h.KeyID)
	}
	if protected && h.Typ != "" {
		dst = cbor.AppendText(cbor.AppendUint(dst, labelTyp), h.Typ)
	}
	if chain == nil {
		return dst
	}
	dst = cbor.AppendUint(dst, labelX5Chain)
	if len(chain) > 1 { // one certificate stands alone (RFC 9360, Section 2)
		dst = cbor.AppendArray(dst, len(chain))
	}
	for _, der := range chain {
		dst = cbor.AppendBytes(dst, der)
	}
	return dst
}

// read takes one bucket apart. Parameters that are not known are skipped, as
// RFC 9052, Section 3 asks, unless crit names them.
func (h *Header) read(r *cbor.Reader, protected bool, seen *[6]bool) error {
	for range r.Map() {
		if r.Next() == cbor.Text {
			r.Skip()
			r.Skip()
			continue
		}
		label := r.Int()
		if i := index(label); i >= 0 {
			if seen[i] {
				return malformed("header parameter %d stands twice (RFC 9052, Section 3)", label)
			}
			seen[i] = true
		}
		switch {
		case label == labelCrit:
			return ErrCrit
		case label == labelX5Chain:
			if err := h.chain(r); err != nil {
				return err
			}
			h.X5ChainProtected = protected
		case label == labelKeyID:
			h.KeyID = r.Bytes()
		case label != labelAlg && label != labelContentType && label != labelTyp, label == labelContentType && !protected:
			r.Skip()
		case !protected:
			return malformed("header parameter %d must be protected by the signature (RFC 9052, Section 3; RFC 9596)", label)
		case label == labelAlg:
			if r.Next() == cbor.Text {
				return fmt.Errorf("%w: it is named by a text, none of which is known", ErrAlg)
			}
			h.Alg = Alg(r.Int())
		case label == labelTyp:
			h.Typ = mediaType(r)
		default:
			h.ContentType = mediaType(r)
		}
	}
	return nil
}

func index(label int64) int {
	for i, l := range [6]int64{labelAlg, labelCrit, labelContentType, labelKeyID, labelTyp, labelX5Chain} {
		if l == label {
			return i
		}
	}
	return -1
}

// mediaType reads a media type or the number of a CoAP content format.
func mediaType(r *cbor.Reader) string {
	if r.Next() == cbor.Uint {
		return strconv.FormatUint(r.Uint(), 10)
	}
	return r.Text()
}

// chain reads x5chain: one certificate, or an array of at least two (RFC 9360,
// Section 2). An array of one is read too, because issuers send it.
func (h *Header) chain(r *cbor.Reader) error {
	if r.Next() == cbor.Bytes {
		h.X5Chain = [][]byte{r.Bytes()}
		return nil
	}
	n := r.Array()
	if r.Err() == nil && (n == 0 || n > MaxChain) {
		return malformed("x5chain must hold 1 to %d certificates, found %d (RFC 9360, Section 2)", MaxChain, n)
	}
	h.X5Chain = make([][]byte, n)
	for i := range h.X5Chain {
		h.X5Chain[i] = r.Bytes()
	}
	return nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMessage}, args...)...)
}
