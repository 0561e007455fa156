package selective

import (
	"fmt"
	"sync"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
)

// options of both cryptosuites: what has a direction says so in its datatype, as other
// implementations do.
var options = jsonld.Options{Direction: jsonld.I18nDatatype, Positions: true}

// Document is a JSON-LD document as the statements that are signed. It is safe for many
// goroutines; what it hands out is not to be changed.
type Document struct {
	// Statements are the canonical N-Quads with the labels of the label map, each with its
	// line feed, in code point order.
	Statements [][]byte
	// Labels are those of the label map: the one at i is for "c14n<i>".
	Labels []string

	processor *jsonld.Processor
	source    string
	data      *rdf.Dataset
	quads     []rdf.Quad // of the statements
	numbers   []int      // canonical ones, by number of the blank node
	positions []jsonld.Position

	once   sync.Once
	at     map[rdf.Quad]int   // of the statement
	places map[int][]rdf.Node // by offset in the source
	mu     sync.Mutex         // guards the marks in tree
	tree   *tree
}

// Read makes the statements of a document, without its proof (labelReplacementCanonicalizeJsonLd,
// DI ECDSA 1.0, Section 3.4.2). The error is an *Error, a *jsonld.Error or rdf.ErrWork.
func Read(p *jsonld.Processor, doc []byte, labels LabelMap) (*Document, error) {
	rdfDoc, err := p.ToRDF(doc, options)
	if err != nil {
		return nil, err
	}
	d := &Document{processor: p, source: string(doc), data: rdfDoc.Dataset, positions: rdfDoc.Positions}
	if n := d.data.Len(); n > MaxStatements {
		return nil, &Error{Detail: fmt.Sprintf("the document makes %d statements, more than %d", n, MaxStatements)}
	}
	used := 0
	if d.numbers, used, err = d.data.CanonicalNumbers(rdf.Options{}); err != nil {
		return nil, err
	}
	if d.Labels, err = labels(used); err != nil {
		return nil, err
	}
	names := make([]string, len(d.numbers))
	for b, number := range d.numbers {
		if number < used {
			names[b] = "_:" + d.Labels[number]
		}
	}
	var lines []byte
	var ends []int
	d.quads, lines, ends = d.data.Relabelled(names)
	d.Statements = make([][]byte, len(ends))
	from := 0
	for i, end := range ends {
		d.Statements[i] = lines[from:end:end]
		from = end
	}
	return d, nil
}

// index makes what selections need.
func (d *Document) index() {
	d.at = make(map[rdf.Quad]int, len(d.quads))
	for i, q := range d.quads {
		d.at[q] = i
	}
	d.places = make(map[int][]rdf.Node, len(d.positions))
	for _, p := range d.positions {
		d.places[p.Offset] = append(d.places[p.Offset], p.Node)
	}
	d.tree = scan(d.source)
}
