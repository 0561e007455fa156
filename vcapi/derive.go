package vcapi

import (
	"errors"
	"io"

	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/bbs2023"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/credential/vcdm"
)

// Derive discloses a part of a credential with a base proof: what its issuer fixed
// and what the JSON pointers select (VCALM 0.9, "Derive Credential"). The base proof is not
// verified; that was for the holder to do when it came. random is for bbs-2023.
//
// Nothing binds the derived proof to one verifier: a presentation around it does.
func (c *Contexts) Derive(random io.Reader, credential []byte, selectivePointers []string) ([]byte, error) {
	const field = "verifiableCredential"
	parsed, err := vcdm.ParseCredential(credential, vcdm.Rules{AllowVersion1: true})
	if err != nil {
		return nil, input(field, "Correct the member that is named.", err)
	}
	if err := c.known(field, parsed.Contexts); err != nil {
		return nil, err
	}
	s, err := dataintegrity.Parse(credential)
	if err != nil {
		return nil, input(field, "Correct the proof.", err)
	}
	suite := Suite("")
	for _, p := range s.Proofs() {
		if Suite(p.Cryptosuite).Selective() {
			suite = Suite(p.Cryptosuite)
			break
		}
	}
	var derived []byte
	switch suite {
	case ECDSASD:
		derived, err = ecdsasd.Derive(c.processor, credential, selectivePointers)
	case BBS:
		derived, err = bbs2023.Derive(random, c.processor, credential, selectivePointers, nil)
	default:
		return nil, &Error{
			Err: ErrInput, Type: string(vcdm.CryptographicSecurityError), Title: "Nothing can be derived", Field: field + ".proof", Detail: "is of no cryptosuite with selective disclosure",
			Spec: spec + "Derive Credential", Remedy: "Send a credential with a base proof of ecdsa-sd-2023 or bbs-2023.",
		}
	}
	if err != nil {
		at := field + ".proof"
		var e *dataintegrity.Error
		if errors.As(err, &e) && e.Check == ecdsasd.CheckPointers {
			at = "options.selectivePointers"
		}
		return nil, input(at, "Send the base proof as its issuer made it, and JSON pointers to what the credential has.", err)
	}
	return derived, nil
}
