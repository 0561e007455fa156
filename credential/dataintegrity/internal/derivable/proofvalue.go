package derivable

import (
	"bytes"
	"fmt"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/internal/cbor"
)

// Elements are the five elements of a proof value under way. What does not fit is
// remembered until Done.
type Elements struct {
	*cbor.Reader
	size int // of the whole, in bytes
	bad  bool
}

// Open reads the multibase encoding, the header (Base or Derived) and the head of the five
// elements.
func (s *Suite) Open(proofValue string, header []byte) (*Elements, error) {
	if len(proofValue) > s.MaxProofValue {
		return nil, s.Malformed(fmt.Sprintf("proofValue is longer than %d KiB", s.MaxProofValue>>10))
	}
	b, err := di.MultibaseBase64(proofValue)
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(b, header)
	switch {
	case ok:
	case bytes.HasPrefix(b, s.Base):
		return nil, s.Malformed("it is a base proof, which an issuer makes for the holder alone: derive a proof from it")
	case bytes.HasPrefix(b, s.Derived):
		return nil, s.Malformed("it is a derived proof, from which nothing more can be derived: use the base proof of the issuer")
	case len(b) > 2 && bytes.HasPrefix(b, header[:2]) && s.Unsupported[b[2]] != "":
		return nil, s.Malformed("the feature is not supported: " + s.Unsupported[b[2]] + "; only the baseline of " + s.Name + " is")
	default:
		return nil, s.Malformed("proofValue does not start with a header of " + s.Name)
	}
	// A signature and a label for each statement at most, and pointers.
	limits := cbor.Limits{Size: s.MaxProofValue, Depth: 2, Items: 4*selective.MaxStatements + selective.MaxPointers}
	if err := cbor.Check(rest, limits); err != nil {
		return nil, s.fault(di.CheckProofValue, s.ProofValues, "what follows the header", err)
	}
	r := &Elements{Reader: cbor.NewReader(rest), size: len(b)}
	r.Must(r.Array() == 5)
	return r, nil
}

// Must remembers what does not hold.
func (r *Elements) Must(ok bool) { r.bad = r.bad || !ok }

// Sized reads a byte string of one length.
func (r *Elements) Sized(n int) []byte {
	b := r.Bytes()
	r.Must(len(b) == n)
	return b
}

// Index reads a number that can count statements.
func (r *Elements) Index() int {
	i := r.Uint()
	if i >= selective.MaxStatements {
		r.bad = true
		return 0
	}
	return int(i)
}

// Indexes reads an array of numbers that ascend.
func (r *Elements) Indexes() []int {
	var all []int
	for range r.Array() {
		i := r.Index()
		n := len(all)
		r.Must(n == 0 || all[n-1] < i) // else not ascending, or twice
		all = append(all, i)
	}
	return all
}

// Pointers reads an array of JSON pointers.
func (r *Elements) Pointers() []string {
	var all []string
	for range r.Array() {
		all = append(all, r.Text())
	}
	r.Must(len(all) <= selective.MaxPointers)
	return all
}

// Labels reads a label map, in any order of its keys, which are the numbers from 0 on,
// each once (decompressLabelMap, DI ECDSA 1.0, Section 3.5.6). label reads one value. That no
// key comes twice was checked in Open.
func Labels[T any](r *Elements, label func() T) []T {
	labels := make([]T, r.Map())
	for range labels {
		i, l := r.Index(), label()
		if i >= len(labels) {
			r.bad = true
			return nil
		}
		labels[i] = l
	}
	return labels
}

// Done says whether all was read, and was as short as what encode writes, header included:
// in the order of the label map they may differ, not in the length of anything.
func (r *Elements) Done(encode func() []byte) bool {
	return !r.bad && r.End() == nil && len(encode()) == r.size
}

// AppendHead starts a proof value.
func AppendHead(header []byte) []byte { return cbor.AppendArray(bytes.Clone(header), 5) }

// AppendIndexes writes what Indexes reads.
func AppendIndexes(b []byte, indexes []int) []byte {
	b = cbor.AppendArray(b, len(indexes))
	for _, i := range indexes {
		b = cbor.AppendUint(b, uint64(i))
	}
	return b
}

// AppendPointers writes what Pointers reads.
func AppendPointers(b []byte, pointers []string) []byte {
	b = cbor.AppendArray(b, len(pointers))
	for _, p := range pointers {
		b = cbor.AppendText(b, p)
	}
	return b
}

// AppendLabels writes what Labels reads (compressLabelMap, DI ECDSA 1.0, Section 3.5.5).
func AppendLabels[T any](b []byte, labels []T, label func(b []byte, l T) []byte) []byte {
	b = cbor.AppendMap(b, len(labels))
	for i, l := range labels {
		b = label(cbor.AppendUint(b, uint64(i)), l)
	}
	return b
}

// NotElements is the error of the CBOR of a "base" or "derived" proof.
func (s *Suite) NotElements(kind string) error {
	return s.Malformed("the CBOR of the " + kind + " proof is not five elements of their kinds and lengths, in their shortest forms and without tags")
}

// Malformed is the error of a proof value.
func (s *Suite) Malformed(detail string) *di.Error {
	return s.fault(di.CheckProofValue, s.ProofValues, detail, nil)
}
