package oid4vp

import (
	"regexp"
	"slices"
	"unicode"

	"github.com/zegel-id/zegel/internal/jose"
)

// TransactionType is a registered type of transaction data: its fields, and the
// words in which the citizen is shown them.
type TransactionType struct {
	Name   string
	Labels Labels
	Fields []TransactionField
}

// TransactionField is one member of a type. All values are text.
type TransactionField struct {
	Name     string
	Optional bool
	Labels   Labels
	valid    func(string) bool
}

// Labels are texts by language.
type Labels map[string]string

// In is the text in the first of the wanted languages it has, else in English.
func (l Labels) In(languages ...string) string {
	for _, want := range languages {
		if text, ok := l[want]; ok {
			return text
		}
	}
	return l["en"]
}

// The registered types. Their names are ours: no common register exists
// (OpenID4VP 1.0, Section 5.1 leaves them open).
const (
	TransactionPayment  = "urn:zegel:transaction-data:payment:1"
	TransactionApproval = "urn:zegel:transaction-data:document-approval:1"
)

var (
	amountForm   = regexp.MustCompile(`^(0|[1-9][0-9]{0,12})(\.[0-9]{2})?$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
)

func form(r *regexp.Regexp) func(string) bool { return r.MatchString }

// line is what can be shown on one line as it is: a text with control or
// direction characters could show something else than what is authorised.
func line(s string) bool {
	if s == "" || len(s) > 512 {
		return false
	}
	for _, r := range s {
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) {
			return false
		}
	}
	return true
}

var transactionTypes = []TransactionType{
	{TransactionPayment, Labels{"nl": "Een betaling bevestigen", "fr": "Confirmer un paiement", "de": "Eine Zahlung bestätigen", "en": "Confirm a payment"}, []TransactionField{
		{Name: "payee", Labels: Labels{"nl": "Aan", "fr": "À", "de": "An", "en": "To"}, valid: line},
		{Name: "amount", Labels: Labels{"nl": "Bedrag", "fr": "Montant", "de": "Betrag", "en": "Amount"}, valid: form(amountForm)},
		{Name: "currency", Labels: Labels{"nl": "Munt", "fr": "Devise", "de": "Währung", "en": "Currency"}, valid: form(currencyForm)},
		{Name: "reference", Optional: true, Labels: Labels{"nl": "Mededeling", "fr": "Communication", "de": "Mitteilung", "en": "Reference"}, valid: line},
	}},
	{TransactionApproval, Labels{"nl": "Een document goedkeuren", "fr": "Approuver un document", "de": "Ein Dokument genehmigen", "en": "Approve a document"}, []TransactionField{
		{Name: "document_title", Labels: Labels{"nl": "Document", "fr": "Document", "de": "Dokument", "en": "Document"}, valid: line},
		{Name: "document_sha256", Labels: Labels{"nl": "Vingerafdruk (SHA-256)", "fr": "Empreinte (SHA-256)", "de": "Fingerabdruck (SHA-256)", "en": "Fingerprint (SHA-256)"}, valid: jose.Octets32},
	}},
}

// TransactionTypes are all registered types.
func TransactionTypes() []TransactionType { return slices.Clone(transactionTypes) }

// TransactionTypeOf is the registered type of a name.
func TransactionTypeOf(name string) (TransactionType, bool) {
	i := slices.IndexFunc(transactionTypes, func(t TransactionType) bool { return t.Name == name })
	if i < 0 {
		return TransactionType{}, false
	}
	return transactionTypes[i], true
}
