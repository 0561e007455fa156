package oid4vp

import (
	"cmp"
	"crypto/subtle"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

const specHashes = "OpenID4VP 1.0, Appendix B.3.3.1"

// ParseTransactionHashes reads the members of a key binding JWT that authorise
// transactions, from its payload. ok is false when it has none.
func ParseTransactionHashes(payload []byte) (h TransactionHashes, ok bool, err error) {
	var members struct {
		Hashes jsontext.Value `json:"transaction_data_hashes"`
		Alg    jsontext.Value `json:"transaction_data_hashes_alg"`
	}
	if err := jose.Unmarshal(payload, &members); err != nil {
		return h, false, refuseCause("", specHashes, "key binding JWT", "cannot be read", err)
	}
	if members.Hashes == nil && members.Alg == nil {
		return h, false, nil
	}
	if jose.Unmarshal(members.Hashes, &h.Hashes) != nil || len(h.Hashes) == 0 || len(h.Hashes) > MaxList {
		return TransactionHashes{}, true, refuse("", specHashes, "transaction_data_hashes", "must be an array of 1 to %d strings", MaxList)
	}
	if members.Alg != nil && (jose.Unmarshal(members.Alg, &h.Alg) != nil || h.Alg == "") {
		return TransactionHashes{}, true, refuse("", specHashes, "transaction_data_hashes_alg", "must be a string")
	}
	return h, true, nil
}

// Authorises are the places of the transactions that a presentation for a
// credential query authorises. Every hash must be of one that names the query,
// under an algorithm that it takes (Section 8.4; Appendix B.3.3.1).
func (h TransactionHashes) Authorises(transactions []TransactionData, query string) ([]int, error) {
	alg := cmp.Or(h.Alg, HashSHA256)
	var out []int
	for _, hash := range h.Hashes {
		at := slices.IndexFunc(transactions, func(d TransactionData) bool {
			want, err := d.Hash(alg)
			return err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(hash)) == 1
		})
		switch {
		case at < 0:
			return nil, refuse("", specTransaction, "transaction_data_hashes", "holds a hash of none of the transactions of the request")
		case slices.Contains(out, at):
			return nil, refuse("", specTransaction, "transaction_data_hashes", "holds one hash twice")
		}
		d := transactions[at]
		switch {
		case !slices.Contains(d.CredentialIDs, query):
			return nil, refuse("", specTransaction, "transaction_data_hashes", "is of a transaction that this credential may not authorise")
		case d.HashAlgs == nil && alg != HashSHA256, d.HashAlgs != nil && (h.Alg == "" || !slices.Contains(d.HashAlgs, h.Alg)):
			return nil, refuse("", specHashes, "transaction_data_hashes_alg", "is none that the transaction takes")
		}
		out = append(out, at)
	}
	return out, nil
}
