package sdjwt

import (
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/internal/jose"
)

// MaxExtends is how many types a chain of extends may hold.
const MaxExtends = 8

// ResolveType reads the metadata of a credential type and of all types it
// extends, and combines them (SD-JWT VC, Sections 5.4 to 5.7). vct and
// integrity are those of the credential; integrity may be empty when the
// credential has none. fetch gives the bytes of the document of a type, over
// the network, from a cache or a registry. A circle, a mismatch or a missing
// document is an error: the credential is then refused.
func ResolveType(vct, integrity string, fetch func(vct string) ([]byte, error)) (TypeMetadata, error) {
	var chain []TypeMetadata
	for {
		if len(chain) == MaxExtends {
			return TypeMetadata{}, fmt.Errorf("%w: more than %d types extend one another (SD-JWT VC, Section 7.6)", ErrTypeMetadata, MaxExtends)
		}
		document, err := fetch(vct)
		if err != nil {
			return TypeMetadata{}, fmt.Errorf("%w: reading the type %s: %w", ErrTypeMetadata, clip(vct), err)
		}
		if integrity != "" {
			if err := CheckIntegrity(document, integrity); err != nil {
				return TypeMetadata{}, fmt.Errorf("%w: type %s: %w", ErrTypeMetadata, clip(vct), err)
			}
		}
		m, err := ParseTypeMetadata(document)
		if err != nil {
			return TypeMetadata{}, err
		}
		if m.VCT != vct {
			return TypeMetadata{}, fmt.Errorf("%w: the document says it describes %s, expected %s (SD-JWT VC, Section 5.3)", ErrTypeMetadata, clip(m.VCT), clip(vct))
		}
		chain = append(chain, m)
		if m.Extends == "" {
			break
		}
		if slices.ContainsFunc(chain, func(t TypeMetadata) bool { return t.VCT == m.Extends }) {
			return TypeMetadata{}, fmt.Errorf("%w: the types extend one another in a circle (SD-JWT VC, Section 7.6)", ErrTypeMetadata)
		}
		vct, integrity = m.Extends, m.ExtendsIntegrity
	}
	for len(chain) > 1 {
		last := len(chain) - 1
		combined, err := chain[last-1].extend(chain[last])
		if err != nil {
			return TypeMetadata{}, err
		}
		chain[last-1] = combined
		chain = chain[:last]
	}
	return chain[0], nil
}

// extend applies the base type to m (Sections 5.5.2 and 5.6.5): display is
// taken whole from m where it has one, claims are inherited and their
// properties overridden one by one, sd and mandatory only become stricter.
func (m TypeMetadata) extend(base TypeMetadata) (TypeMetadata, error) {
	if m.Display == nil {
		m.Display = base.Display
	}
	claims := slices.Clone(base.Claims)
	for _, own := range m.Claims {
		i := slices.IndexFunc(claims, func(c ClaimMetadata) bool { return c.Path.Equal(own.Path) })
		if i < 0 {
			claims = append(claims, own)
			continue
		}
		c := &claims[i]
		if own.SD != "" {
			if !c.SD.open() && own.SD != c.SD {
				return TypeMetadata{}, fmt.Errorf("%w: claim %s: sd is %s in the extended type and may not become %s (SD-JWT VC, Section 5.6.5.1)", ErrTypeMetadata, own.Path, c.SD, own.SD)
			}
			c.SD = own.SD
		}
		if own.Mandatory != nil {
			if c.Required() && !*own.Mandatory {
				return TypeMetadata{}, fmt.Errorf("%w: claim %s is mandatory in the extended type and may not become optional (SD-JWT VC, Section 5.6.5.1)", ErrTypeMetadata, own.Path)
			}
			c.Mandatory = own.Mandatory
		}
		if own.Display != nil {
			c.Display = own.Display
		}
		if own.SVGID != "" {
			c.SVGID = own.SVGID
		}
	}
	m.Claims = claims
	return m, m.check()
}

// JSON is the document, the same bytes for the same metadata. Serve exactly
// these bytes: the integrity is over them.
func (m TypeMetadata) JSON() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return jose.Marshal(m)
}
