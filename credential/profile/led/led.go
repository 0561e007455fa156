// Package led holds the profiles of a record of the Flemish database of learning
// and experience (LED): the clothes that the claims of the credential type
// led-diploma are worn in as W3C Verifiable Credentials. docs/diploma.md says what
// stands where.
//
// It is data. Another credential type brings declarations of its own.
package led

import (
	_ "embed"

	"github.com/zegel-id/zegel/credential/profile"
)

//go:embed led-diploma.elm.json
var elm []byte

//go:embed led-diploma.europass.json
var europass []byte

//go:embed led-diploma.oslo.json
var oslo []byte

// ELM is the record as a European Digital Credential in the form of VCDM 2.0, to
// be secured with Data Integrity proofs or as vc+jwt.
func ELM() *profile.Profile { return must(profile.Parse(elm)) }

// Europass is the same in the form of VCDM 1.1 with the published context: the
// payload of an EDC file, sealed by a JAdES signature.
func Europass() *profile.Profile { return must(profile.ParseVariant(elm, europass)) }

// OSLO is the record as an OSLO Leercredential in the form of VCDM 2.0.
func OSLO() *profile.Profile { return must(profile.Parse(oslo)) }

// Profiles are all of them.
func Profiles() []*profile.Profile { return []*profile.Profile{ELM(), Europass(), OSLO()} }

func must(p *profile.Profile, err error) *profile.Profile {
	if err != nil {
		panic(err) // embedded and tested
	}
	return p
}
