package sdjwt

// Digest is the digest of a disclosure.
func Digest(h Hash, disclosure string) string { return string(h.appendDigest(nil, []byte(disclosure))) }

// Scan runs the JSON scanner on one text and gives back what it would write
// with every value marked as changed.
func Scan(text []byte) ([]byte, bool) {
	d := document{src: text}
	root, ok := d.scan(0, len(text))
	if !ok {
		return nil, false
	}
	for i := range d.nodes {
		if d.nodes[i].kind == kindObject || d.nodes[i].kind == kindArray {
			d.nodes[i].flags |= changed
		}
	}
	return d.appendJSON(nil, root), true
}
