package main

import (
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
)

// Sharing can authorise a transaction: whoever agrees must have seen it, and
// every warning.
func TestPrintConsent(t *testing.T) {
	var out strings.Builder
	printConsent(&out, unit.Consent{
		Organisation: "Receiver (TEST)", Origin: "https://receiver.example", Warnings: []string{"nobody vouches"},
		Transactions: []unit.ConsentTransaction{{Title: "Confirm a payment", Fields: []unit.ConsentField{{Label: "Amount", Value: "12.50"}, {Label: "To", Value: "Shop"}}}},
	})
	for _, want := range []string{"https://receiver.example", "nobody vouches", "Confirm a payment", "Amount: 12.50", "To: Shop"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not shown in %s", want, out.String())
		}
	}
}
