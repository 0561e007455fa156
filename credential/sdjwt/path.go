package sdjwt

import "github.com/zegel-id/zegel/credential"

// Path is a claims path pointer (OpenID4VP 1.0, Section 7; SD-JWT VC, Section
// 5.6.1), the same that queries and metadata use.
type Path = credential.Path

// ParsePath reads a path from its JSON array form. It begins with a name,
// because a credential is an object.
func ParsePath(b []byte) (Path, error) {
	p, err := credential.ParsePath(b)
	if err != nil {
		return nil, err
	}
	return p, p.Validate()
}
