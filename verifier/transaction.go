package verifier

import (
	"fmt"

	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// CheckTransaction says whether what the citizen was asked to authorise was
// authorised.
const CheckTransaction = "transaction_data"

const specTransaction = "OpenID4VP 1.0, Section 8.4"

// Authorised is a transaction that a presentation authorised.
type Authorised struct {
	// Index is its place in the order.
	Index   int    `json:"index"`
	Type    string `json:"type"`
	QueryID string `json:"query_id"`
}

// encodeTransactions makes the transaction_data of a request. What a wallet
// could not show in plain language is refused here.
func encodeTransactions(all [][]byte, q oid4vp.Query) ([]string, error) {
	if all == nil {
		return nil, nil
	}
	r := oid4vp.Request{DCQLQuery: &q, TransactionData: []string{}}
	for _, object := range all {
		r.TransactionData = append(r.TransactionData, jose.Encode(object))
	}
	list, err := r.Transactions()
	for n := range list {
		if err == nil {
			_, _, err = oid4vp.HashAlg(list[n : n+1])
		}
	}
	for n, raw := range r.TransactionData {
		for _, other := range r.TransactionData[:n] {
			if err == nil && raw == other {
				err = fmt.Errorf("transaction_data[%d] stands there twice", n)
			}
		}
	}
	if err != nil {
		return nil, &Error{Err: ErrRequest, Field: "transaction_data", Detail: "cannot be authorised", Spec: specTransaction, Cause: err,
			Remedy: "Use a registered type with its fields, and credential_ids of the query; see the OpenAPI document."}
	}
	return r.TransactionData, nil
}

// bound is a presentation that holds, with the holder's word for it.
type bound struct {
	query      string
	credential *format.Verified
}

// authorised holds the holder's words against the transactions of the request:
// each transaction by exactly one presentation, and no word about anything
// else.
func (f fetched) authorised(held []bound, out *Result) bool {
	fail := func(detail string) bool {
		out.Checks.Fail(CheckTransaction, specTransaction, detail)
		return false
	}
	transactions, err := oid4vp.Request{DCQLQuery: &f.Query, TransactionData: f.Transactions}.Transactions()
	if err != nil {
		return fail("the request's own transactions cannot be read")
	}
	by := make([]string, len(transactions))
	for _, b := range held {
		if b.credential.Transactions == nil {
			continue
		}
		hashes, there, err := oid4vp.ParseTransactionHashes(b.credential.Transactions)
		if err != nil {
			return fail(err.Error())
		}
		if !there {
			continue
		}
		places, err := hashes.Authorises(transactions, b.query)
		if err != nil {
			return fail(err.Error())
		}
		for _, n := range places {
			if by[n] != "" {
				return fail(fmt.Sprintf("transaction %d was authorised by more than one presentation", n))
			}
			by[n] = b.query
		}
	}
	for n, query := range by {
		if query == "" {
			return fail(fmt.Sprintf("transaction %d was not authorised", n))
		}
		out.Transactions = append(out.Transactions, Authorised{n, transactions[n].Type.Name, query})
	}
	if len(by) > 0 {
		out.Checks.Pass(CheckTransaction, specTransaction, fmt.Sprintf("%d authorised", len(by)))
	}
	return true
}
