package tsp

import (
	"encoding/asn1"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// statuses are those of PKIStatusInfo (RFC 3161, Section 2.4.2).
var statuses = map[int]string{0: "granted", 1: "grantedWithMods", 2: "rejection", 3: "waiting", 4: "revocationWarning", 5: "revocationNotification"}

// failures are the bits of PKIFailureInfo.
var failures = map[int]string{0: "badAlg", 2: "badRequest", 5: "badDataFormat", 14: "timeNotAvailable", 15: "unacceptedPolicy", 16: "unacceptedExtension", 17: "addInfoNotAvailable", 25: "systemFailure"}

// ParseReply reads a TimeStampResp in DER and the token in it (RFC 3161, Section
// 2.4.2), and holds the token against the request: message, nonce, policy,
// certificates. Only a grant without changes is one. The token is not verified.
func ParseReply(der []byte, r Request) (*Token, error) {
	in := cryptobyte.String(der)
	var body, token cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() {
		return nil, fmt.Errorf("%w: expected one TimeStampResp in DER", ErrReply)
	}
	if err := readStatus(&body); err != nil {
		return nil, err
	}
	if !body.ReadASN1Element(&token, cbasn1.SEQUENCE) || !body.Empty() {
		return nil, fmt.Errorf("%w: granted without a token, or with more than one", ErrReply)
	}
	t, err := Parse(token)
	if err != nil {
		return nil, err
	}
	if err := r.answeredBy(t); err != nil {
		return nil, err
	}
	return t, nil
}

// readStatus reads a PKIStatusInfo. Words of the authority are not repeated: they
// came from outside.
func readStatus(body *cryptobyte.String) error {
	var info cryptobyte.String
	var status int
	if !body.ReadASN1(&info, cbasn1.SEQUENCE) || !info.ReadASN1Integer(&status) || !info.SkipOptionalASN1(cbasn1.SEQUENCE) {
		return fmt.Errorf("%w: the status cannot be read", ErrReply)
	}
	var bits asn1.BitString
	if !info.Empty() && (!info.ReadASN1BitString(&bits) || !info.Empty()) {
		return fmt.Errorf("%w: failInfo cannot be read", ErrReply)
	}
	if status == 0 {
		return nil
	}
	name := statuses[status]
	if name == "" {
		name = fmt.Sprintf("unknown status %d", status)
	}
	var why []string
	for i := range bits.BitLength {
		if bits.At(i) == 1 && failures[i] != "" {
			why = append(why, failures[i])
		}
	}
	return fmt.Errorf("%w: status is %s, expected granted; %s", ErrReply, name, strings.Join(append(why, "no token was given"), ", "))
}

// answeredBy holds a token against what was asked.
func (r Request) answeredBy(t *Token) error {
	switch {
	case t.Hash != r.Hash || string(t.Imprint) != string(r.Imprint):
		return fmt.Errorf("%w: messageImprint is not that of the request (RFC 3161, Section 2.4.2)", ErrImprint)
	case r.Nonce != nil && (t.Nonce == nil || t.Nonce.Cmp(r.Nonce) != 0):
		return fmt.Errorf("%w: nonce is not that of the request (RFC 3161, Section 2.4.2)", ErrReply)
	case r.Nonce == nil && t.Nonce != nil:
		return fmt.Errorf("%w: nonce was not asked for (RFC 3161, Section 2.4.2)", ErrReply)
	case r.Policy != nil && !t.Policy.Equal(r.Policy):
		return fmt.Errorf("%w: policy %s, asked for %s (RFC 3161, Section 2.4.1)", ErrPolicy, t.Policy, r.Policy)
	case r.Certificates && len(t.Certificates) == 0:
		return fmt.Errorf("%w: the token holds no certificate, and certReq was set (RFC 3161, Section 2.4.1)", ErrReply)
	}
	return nil
}
