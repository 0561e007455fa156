package jades

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// maxContentStamps bounds the tokens of adoTst, each of which is work for whoever
// judges it. One authority is the rule.
const maxContentStamps = 8

// PKIObject is a value of a public key infrastructure (TS 119 182-1, clause 5.4.1).
type PKIObject struct {
	Val      string `json:"val"` // in base64
	Encoding string `json:"encoding,omitempty"`
	SpecRef  string `json:"specRef,omitempty"`
}

// DER is the value in DER, which is the only encoding that is read.
func (o PKIObject) DER() ([]byte, error) {
	if o.Encoding != "" && o.Encoding != "http://uri.etsi.org/01903/v1.2.2#DER" {
		return nil, errors.New("encoding is not DER (ETSI TS 119 182-1, clause 5.4.1)")
	}
	der, err := base64.StdEncoding.Strict().DecodeString(o.Val)
	if err != nil || len(der) == 0 {
		return nil, errors.New("val is not base64 (ETSI TS 119 182-1, clause 5.4.1)")
	}
	return der, nil
}

// ReadContainer reads a tstContainer (clause 5.4.3.3), closed: the tokens in DER, one
// at least and most at most. That they are time-stamp tokens is not looked at.
func ReadContainer(value jsontext.Value, most int) ([][]byte, error) {
	var w struct {
		CanonAlg *string `json:"canonAlg"`
		Tokens   []struct {
			Type string `json:"type"`
			PKIObject
		} `json:"tstTokens"`
	}
	if err := jose.UnmarshalClosed(value, &w); err != nil {
		return nil, err
	}
	switch {
	case len(w.Tokens) == 0 || len(w.Tokens) > most:
		want := "one"
		if most > 1 {
			want = fmt.Sprintf("1 to %d", most)
		}
		return nil, fmt.Errorf("it holds %d time-stamp tokens, expected %s (ETSI TS 119 182-1, clauses 5.4.3.3 and 6.3)", len(w.Tokens), want)
	case w.CanonAlg != nil:
		return nil, errors.New("canonAlg is there, and what is stamped is not canonicalised (ETSI TS 119 182-1, clause 5.4.3.3)")
	}
	out := make([][]byte, len(w.Tokens))
	for i, t := range w.Tokens {
		var err error
		if out[i], err = t.DER(); err != nil {
			return nil, fmt.Errorf("token %d: %w", i, err)
		}
	}
	return out, nil
}
