package sdjwt

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// ErrTypeMetadata is returned for a type metadata document, or a chain of
// them, that cannot be used. A credential whose type metadata is processed and
// fails is refused (SD-JWT VC, Section 5.7).
var ErrTypeMetadata = errors.New("type metadata cannot be used")

// TypeMetadata describes a credential type (SD-JWT VC, Section 5). Members that
// are not understood are ignored.
type TypeMetadata struct {
	VCT              string          `json:"vct"`
	Name             string          `json:"name,omitempty"`
	Description      string          `json:"description,omitempty"`
	Extends          string          `json:"extends,omitempty"`
	ExtendsIntegrity string          `json:"extends#integrity,omitempty"`
	Display          []TypeDisplay   `json:"display,omitempty"`
	Claims           []ClaimMetadata `json:"claims,omitempty"`
}

// TypeDisplay is the type in one language (Section 5.5).
type TypeDisplay struct {
	Locale      string     `json:"locale"`
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Rendering   *Rendering `json:"rendering,omitempty"`
}

// Rendering holds the rendering methods known here (Section 5.5.1). SVG
// templates are read, but nothing here renders them.
type Rendering struct {
	Simple       *SimpleRendering `json:"simple,omitempty"`
	SVGTemplates []SVGTemplate    `json:"svg_templates,omitempty"`
}

// SimpleRendering is a card of logo, background and two colours.
type SimpleRendering struct {
	Logo            *Image `json:"logo,omitempty"`
	BackgroundImage *Image `json:"background_image,omitempty"`
	BackgroundColor string `json:"background_color,omitempty"`
	TextColor       string `json:"text_color,omitempty"`
}

// Image refers to a picture by an https or data URI.
type Image struct {
	URI       string `json:"uri"`
	Integrity string `json:"uri#integrity,omitempty"`
	AltText   string `json:"alt_text,omitempty"`
}

// SVGTemplate refers to an SVG template.
type SVGTemplate struct {
	URI        string         `json:"uri"`
	Integrity  string         `json:"uri#integrity,omitempty"`
	Properties *SVGProperties `json:"properties,omitempty"`
}

// SVGProperties says when a template fits.
type SVGProperties struct {
	Orientation string `json:"orientation,omitempty"`
	ColorScheme string `json:"color_scheme,omitempty"`
	Contrast    string `json:"contrast,omitempty"`
}

// ClaimMetadata describes the claims that a path selects (Section 5.6).
type ClaimMetadata struct {
	Path      Path           `json:"path"`
	Display   []ClaimDisplay `json:"display,omitempty"`
	Mandatory *bool          `json:"mandatory,omitempty"`
	SD        SD             `json:"sd,omitempty"`
	SVGID     string         `json:"svg_id,omitempty"`
}

// ClaimDisplay is a claim in one language (Section 5.6.2).
type ClaimDisplay struct {
	Locale      string `json:"locale"`
	Label       string `json:"label"`
	Description string `json:"description,omitempty"`
}

// SD says whether a claim is selectively disclosable (Section 5.6.4). Empty is
// SDAllowed.
type SD string

const (
	SDAlways  SD = "always"
	SDAllowed SD = "allowed"
	SDNever   SD = "never"
)

func (s SD) open() bool { return s == "" || s == SDAllowed }

// Required reports whether the issuer must include the claim.
func (c ClaimMetadata) Required() bool { return c.Mandatory != nil && *c.Mandatory }

// MaxTypeMetadata is how long a type metadata document may be, in bytes.
const MaxTypeMetadata = 1 << 20

// ParseTypeMetadata reads and checks one document.
func ParseTypeMetadata(document []byte) (TypeMetadata, error) {
	var m TypeMetadata
	if len(document) > MaxTypeMetadata {
		return TypeMetadata{}, fmt.Errorf("%w: longer than %d bytes", ErrTypeMetadata, MaxTypeMetadata)
	}
	if err := jose.Unmarshal(document, &m); err != nil {
		return TypeMetadata{}, fmt.Errorf("%w: %w", ErrTypeMetadata, err)
	}
	if err := m.check(); err != nil {
		return TypeMetadata{}, err
	}
	return m, nil
}

func (m *TypeMetadata) check() error {
	bad := func(section, format string, args ...any) error {
		return fmt.Errorf("%w: %s (SD-JWT VC, Section %s)", ErrTypeMetadata, fmt.Sprintf(format, args...), section)
	}
	if m.VCT == "" {
		return bad("5.2", "vct is missing")
	}
	if m.ExtendsIntegrity != "" && m.Extends == "" {
		return bad("5.2", "extends#integrity stands without extends")
	}
	for i, d := range m.Display {
		if d.Locale == "" || d.Name == "" {
			return bad("5.5", "display[%d] needs locale and name", i)
		}
		if slices.ContainsFunc(m.Display[:i], func(o TypeDisplay) bool { return strings.EqualFold(o.Locale, d.Locale) }) {
			return bad("5.5", "display[%d] repeats a locale", i)
		}
		for _, uri := range d.Rendering.uris() {
			if !strings.HasPrefix(uri, "https://") && !strings.HasPrefix(uri, "data:") {
				return bad("5.5.1", "display[%d] refers to something that is neither an https nor a data URI", i)
			}
		}
	}
	ids := map[string]bool{}
	for i, c := range m.Claims {
		if err := c.Path.Validate(); err != nil {
			return bad("5.6.1", "claims[%d]: %v", i, err)
		}
		if slices.ContainsFunc(m.Claims[:i], func(o ClaimMetadata) bool { return o.Path.Equal(c.Path) }) {
			return bad("5.6", "claims[%d] repeats path %s", i, c.Path)
		}
		switch c.SD {
		case "", SDAlways, SDAllowed, SDNever:
		default:
			return bad("5.6.4", "claims[%d]: sd is neither always, allowed nor never", i)
		}
		for j, d := range c.Display {
			if d.Locale == "" || d.Label == "" {
				return bad("5.6.2", "claims[%d].display[%d] needs locale and label", i, j)
			}
		}
		if c.SVGID != "" {
			if !svgID(c.SVGID) || ids[c.SVGID] {
				return bad("5.6", "claims[%d]: svg_id is not a unique name of letters, digits and underscores", i)
			}
			ids[c.SVGID] = true
		}
	}
	return nil
}

func (r *Rendering) uris() (out []string) {
	if r == nil {
		return nil
	}
	if r.Simple != nil {
		for _, image := range []*Image{r.Simple.Logo, r.Simple.BackgroundImage} {
			if image != nil {
				out = append(out, image.URI)
			}
		}
	}
	for _, t := range r.SVGTemplates {
		out = append(out, t.URI)
	}
	return out
}

func svgID(id string) bool {
	for i, c := range id {
		switch {
		case c == '_', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c >= '0' && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return true
}

// Frame is what an issuer of this type makes selectively disclosable: the
// claims whose sd is always. A claim whose sd is allowed stays visible; say
// always to have it disclosable.
func (m TypeMetadata) Frame() (Frame, error) {
	var paths []Path
	for _, c := range m.Claims {
		if c.SD == SDAlways {
			paths = append(paths, c.Path)
		}
	}
	f, err := NewFrame(paths...)
	if err != nil {
		return Frame{}, fmt.Errorf("%w: %w", ErrTypeMetadata, err)
	}
	return f, nil
}

// Label is the label of a claim in the first of the wanted languages that the
// type has ("nl" also finds "nl-BE"), and ok false when the claim is not
// described.
func (m TypeMetadata) Label(p Path, languages ...string) (label string, ok bool) {
	for _, c := range m.Claims {
		if !c.Path.Equal(p) || len(c.Display) == 0 {
			continue
		}
		i := preferred(languages, len(c.Display), func(i int) string { return c.Display[i].Locale })
		return c.Display[i].Label, true
	}
	return "", false
}

// DisplayIn is the display of the type in the first of the wanted languages it
// has, otherwise its first.
func (m TypeMetadata) DisplayIn(languages ...string) (TypeDisplay, bool) {
	if len(m.Display) == 0 {
		return TypeDisplay{}, false
	}
	return m.Display[preferred(languages, len(m.Display), func(i int) string { return m.Display[i].Locale })], true
}

// preferred matches language tags by their longest common prefix of subtags
// (RFC 4647, Section 3.4); 0 when nothing matches.
func preferred(languages []string, n int, locale func(int) string) int {
	for _, want := range languages {
		for want != "" {
			for i := range n {
				have := locale(i)
				if strings.EqualFold(have, want) || (len(have) > len(want) && have[len(want)] == '-' && strings.EqualFold(have[:len(want)], want)) {
					return i
				}
			}
			cut := strings.LastIndexByte(want, '-')
			want = want[:max(cut, 0)]
		}
	}
	return 0
}
