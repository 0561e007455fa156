package oid4vp

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

const specTransaction = "OpenID4VP 1.0, Section 8.4"

// TransactionData is one transaction that the citizen is asked to authorise
// with a presentation (OpenID4VP 1.0, Sections 5.1 and 8.4, Appendix B.3.3).
type TransactionData struct {
	// Raw is the string as it was sent. Hashes are over it, so that nothing is
	// ever encoded anew.
	Raw  string
	Type TransactionType
	// CredentialIDs are the credential queries of which one authorises it.
	CredentialIDs []string
	// HashAlgs are the hashes that the verifier takes; nil means sha-256, and
	// that the algorithm is not to be named in the answer.
	HashAlgs []string
	// Fields are those of the type, all of them text.
	Fields map[string]string
}

// Algorithms of transaction_data_hashes ("Named Information Hash Algorithm"
// registry).
const (
	HashSHA256 = "sha-256"
	HashSHA384 = "sha-384"
	HashSHA512 = "sha-512"
)

var transactionHashes = []string{HashSHA256, HashSHA384, HashSHA512}

// ParseTransactionData reads one element of transaction_data. A type, member
// or value that is not registered is refused: the citizen would authorise what
// nobody showed.
func ParseTransactionData(raw string) (TransactionData, error) {
	fail := func(format string, args ...any) (TransactionData, error) {
		return TransactionData{}, refuse(InvalidTransactionData, specTransaction, "transaction_data", format, args...)
	}
	if len(raw) > MaxText {
		return fail("has an element longer than %d bytes", MaxText)
	}
	b, err := jose.Decode(raw)
	if err != nil {
		return TransactionData{}, refuseCause(InvalidTransactionData, specTransaction, "transaction_data", "has an element that is no base64url", err)
	}
	var members map[string]jsontext.Value
	if err := jose.Unmarshal(b, &members); err != nil || members == nil {
		return fail("has an element that is no JSON object")
	}
	d := TransactionData{Raw: raw, Fields: map[string]string{}}
	var name string
	if jose.Unmarshal(members["type"], &name) != nil {
		return fail("has an element without a type")
	}
	kind, ok := TransactionTypeOf(name)
	if !ok {
		return fail("has the type %s, which is not known here", wire.Clip(name))
	}
	d.Type = kind
	if err := d.common(members); err != nil {
		return TransactionData{}, err
	}
	for name := range members {
		if !slices.ContainsFunc(kind.Fields, func(f TransactionField) bool { return f.Name == name }) {
			return fail("has the member %s, which its type does not know", wire.Clip(name))
		}
	}
	for _, f := range kind.Fields {
		value, there := members[f.Name]
		var text string
		switch {
		case !there && f.Optional:
			continue
		case !there:
			return fail("lacks %s, which its type needs", f.Name)
		case jose.Unmarshal(value, &text) != nil || !f.valid(text):
			return fail("has a %s that its type does not allow", f.Name)
		}
		d.Fields[f.Name] = text
	}
	return d, nil
}

// common reads the members that every type has, and takes them out.
func (d *TransactionData) common(members map[string]jsontext.Value) error {
	ids, algs := members["credential_ids"], members["transaction_data_hashes_alg"]
	if jose.Unmarshal(ids, &d.CredentialIDs) != nil || len(d.CredentialIDs) == 0 || len(d.CredentialIDs) > MaxList || slices.Contains(d.CredentialIDs, "") {
		return refuse(InvalidTransactionData, specRequest+".1", "transaction_data", "must have 1 to %d credential_ids", MaxList)
	}
	if algs != nil && (jose.Unmarshal(algs, &d.HashAlgs) != nil || len(d.HashAlgs) == 0 || len(d.HashAlgs) > MaxList) {
		return refuse(InvalidTransactionData, "OpenID4VP 1.0, Appendix B.3.3.1", "transaction_data_hashes_alg", "must be a non-empty array of strings")
	}
	for _, name := range []string{"type", "credential_ids", "transaction_data_hashes_alg"} {
		delete(members, name)
	}
	return nil
}

// Hash is the element of transaction_data_hashes for this transaction, over
// the string as it was sent (Appendix B.3.3.1).
func (d TransactionData) Hash(alg string) (string, error) {
	switch alg {
	case HashSHA256:
		sum := sha256.Sum256([]byte(d.Raw))
		return jose.Encode(sum[:]), nil
	case HashSHA384:
		sum := sha512.Sum384([]byte(d.Raw))
		return jose.Encode(sum[:]), nil
	case HashSHA512:
		sum := sha512.Sum512([]byte(d.Raw))
		return jose.Encode(sum[:]), nil
	default:
		return "", fmt.Errorf("%s is no hash that is known here, expected one of %v", wire.Clip(alg), transactionHashes)
	}
}

// Transactions reads all transaction data of a request. ids must be of its
// query, for presentations that are bound to their holder: without a key
// binding there is nothing that could carry the hashes (Appendix B.3.3).
func (r Request) Transactions() ([]TransactionData, error) {
	if r.TransactionData == nil {
		return nil, nil
	}
	if n := len(r.TransactionData); n == 0 || n > MaxList {
		return nil, refuse(InvalidTransactionData, specRequest+".1", "transaction_data", "must have 1 to %d elements, found %d", MaxList, n)
	}
	out := make([]TransactionData, 0, len(r.TransactionData))
	for i, raw := range r.TransactionData {
		// One hash would stand for both, and nobody could tell which was meant.
		if slices.Contains(r.TransactionData[:i], raw) {
			return nil, refuse(InvalidTransactionData, specTransaction, "transaction_data", "holds one element twice; tell them apart, by their reference for instance")
		}
		d, err := ParseTransactionData(raw)
		if err != nil {
			return nil, err
		}
		for _, id := range d.CredentialIDs {
			q, ok := r.DCQLQuery.Find(id)
			switch {
			case !ok:
				return nil, refuse(InvalidTransactionData, specRequest+".1", "transaction_data.credential_ids", "names %s, which is no credential query", wire.Clip(id))
			case !q.HolderBinding() || q.Format != string(credential.FormatSDJWTVC):
				return nil, refuse(InvalidTransactionData, "OpenID4VP 1.0, Appendix B.3.3", "transaction_data.credential_ids", "names %s, whose presentation cannot carry it", wire.Clip(id))
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// HashAlg is the hash for transactions that one presentation authorises: one
// that each of them takes. named reports whether it has to stand in the answer.
func HashAlg(transactions []TransactionData) (alg string, named bool, err error) {
	for _, alg := range transactionHashes {
		fits := true
		for _, d := range transactions {
			algs := d.HashAlgs
			if algs == nil {
				algs = []string{HashSHA256}
			} else {
				named = true
			}
			fits = fits && slices.Contains(algs, alg)
		}
		if fits {
			return alg, named, nil
		}
	}
	return "", false, refuse(InvalidTransactionData, "OpenID4VP 1.0, Appendix B.3.3.1", "transaction_data_hashes_alg", "leaves no hash that is known here: %v", transactionHashes)
}

func (r Request) validateTransactionData() error {
	list, err := r.Transactions()
	if err != nil {
		return err
	}
	// Each by itself: which of them one presentation authorises is not known
	// before the citizen chose.
	for i := range list {
		if _, _, err := HashAlg(list[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// TransactionHashes are the members of a key binding JWT that authorise
// transactions (Appendix B.3.3.1).
type TransactionHashes struct {
	Hashes []string `json:"transaction_data_hashes"`
	Alg    string   `json:"transaction_data_hashes_alg,omitzero"`
}

// HashTransactions makes the members for transactions that one presentation
// authorises.
func HashTransactions(transactions []TransactionData) (TransactionHashes, error) {
	alg, named, err := HashAlg(transactions)
	if err != nil {
		return TransactionHashes{}, err
	}
	var out TransactionHashes
	if named {
		out.Alg = alg
	}
	for _, d := range transactions {
		h, err := d.Hash(alg)
		if err != nil {
			return TransactionHashes{}, err
		}
		out.Hashes = append(out.Hashes, h)
	}
	return out, nil
}
