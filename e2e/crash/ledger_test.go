package crash_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
)

// step is what a client knows of something it asked for.
type step int

const (
	untried step = iota
	unknown      // it was asked for and no answer came
	done         // it was acknowledged
	refused      // after a crash, and rightly: an attempt without an answer had done it
)

// ledger is everything one client was told, which is what a crash may not
// undo.
type ledger struct {
	offers       []*offer
	transactions []*transaction
	// lines are the use log's lines that must be there: kind and request id.
	lines []line
	// secrets open what waits; none of them may lie in a file.
	secrets []string
}

type line struct{ kind, request string }

func (l *ledger) wrote(kind string, a answer) { l.lines = append(l.lines, line{kind, a.id}) }
func (l *ledger) secret(s ...string)          { l.secrets = append(l.secrets, s...) }

// offer is an offer on its way.
type offer struct {
	key, body string // of the request
	created   step
	answer    []byte
	id        string
	code      string
	txCode    string

	redeemed step
	token    string
	datasets []*dataset
	settled  bool // proven once after it was over
}

// dataset is one credential of an offer.
type dataset struct {
	identifier string // empty when it is asked for by its configuration
	fetched    step
	request    string // as it was sent
	keys       []*ecdsa.PrivateKey
	credential string // its id
	copies     []copied
	revoked    step
}

// copied is one issued copy.
type copied struct {
	held
	ref status.Ref
}

// held is what a wallet needs to present.
type held struct {
	text string
	key  *ecdsa.PrivateKey
}

// transaction is a verifier's transaction on its way.
type transaction struct {
	key      string
	started  step
	answer   []byte
	id, link string

	fetched     step
	object      string
	form        url.Values
	responseURI string

	answered step
	result   step
	settled  bool
}

func (o *offer) acknowledge(l *ledger, a answer) {
	o.created, o.answer = done, a.body
	var out struct {
		ID    string `json:"offer_id"`
		URI   string `json:"credential_offer_uri"`
		Tx    string `json:"tx_code"`
		Offer struct {
			Grants map[string]map[string]any `json:"grants"`
		} `json:"credential_offer"`
	}
	if err := json.Unmarshal(a.body, &out); err != nil {
		panic(err)
	}
	o.id, o.txCode = out.ID, out.Tx
	o.code, _ = out.Offer.Grants[grantType]["pre-authorized_code"].(string)
	l.secret(o.code, lastPart(out.URI))
	l.wrote("offer.create", a)
}

func (o *offer) redeem(l *ledger, a answer) {
	o.redeemed, o.token = done, a.text("access_token")
	_, secret, _ := strings.Cut(o.token, ".")
	l.secret(secret)
	var out struct {
		Details []struct {
			Identifiers []string `json:"credential_identifiers"`
		} `json:"authorization_details"`
	}
	if err := json.Unmarshal(a.body, &out); err != nil {
		panic(err)
	}
	for _, d := range out.Details {
		for _, id := range d.Identifiers {
			o.datasets = append(o.datasets, &dataset{identifier: id})
		}
	}
	if len(o.datasets) == 0 { // one that needs no name
		o.datasets = []*dataset{{}}
	}
}

func (d *dataset) receive(l *ledger, a answer) {
	d.fetched, d.credential = done, a.text("notification_id")
	var out struct {
		Credentials []struct {
			Credential string `json:"credential"`
		} `json:"credentials"`
	}
	if err := json.Unmarshal(a.body, &out); err != nil {
		panic(err)
	}
	for i, c := range out.Credentials {
		text, _, _ := strings.Cut(c.Credential, "~")
		t, err := jose.Parse(text)
		if err != nil {
			panic(err)
		}
		var p struct {
			Subject string `json:"sub"`
			Status  json.RawMessage
		}
		if err := json.Unmarshal(t.Payload, &p); err != nil {
			panic(err)
		}
		ref, err := status.ParseClaim(p.Status)
		if err != nil {
			panic(err)
		}
		l.secret(p.Subject)
		d.copies = append(d.copies, copied{held{c.Credential, d.keys[i]}, ref})
	}
	l.wrote("issue", a)
}

func (x *transaction) acknowledge(l *ledger, a answer) {
	x.started, x.answer = done, a.body
	x.id, x.link = a.text("transaction_id"), a.text("link")
	l.secret(x.id, lastPart(a.text("request_uri")))
	l.wrote("transaction.create", a)
}

func lastPart(address string) string { return address[strings.LastIndexByte(address, '/')+1:] }
