// Package oid4vp holds the wire words of OpenID for Verifiable Presentations
// 1.0: the authorization request and its request object, the response, the
// registration certificate of a receiver, and DCQL queries with their
// evaluation on both sides.
//
// It is neither a verifier nor a wallet: it keeps no state, opens no
// connection and decides no policy. Whether a presentation is genuine is its
// format's business; here it is only held against the query.
//
// "OpenID4VP" in comments means that specification.
package oid4vp

// Option weakens or narrows a check; the zero case is the strict one.
type Option uint8

// InsecureLoopback lets http URLs through when their host is loopback, for a
// development profile only.
const InsecureLoopback Option = 1

// AnswerInClear makes requests whose answer comes unencrypted (direct_post,
// dc_api): everybody on the way reads it.
const AnswerInClear Option = 2

func insecure(opts []Option) bool {
	for _, o := range opts {
		if o == InsecureLoopback {
			return true
		}
	}
	return false
}

// The limits of what is read from outside.
const (
	MaxMessage = 1 << 18 // bytes of a request object, a form or a query
	MaxText    = 4096    // bytes of one string
	MaxList    = 64      // elements of one list
)
