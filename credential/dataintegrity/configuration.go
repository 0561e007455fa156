package dataintegrity

import (
	"bytes"
	"crypto"
	"strings"
	"sync"

	"github.com/zegel-id/zegel/credential/jsonld"
)

// Configurations canonicalises proof configurations as the methods of Input do, and
// remembers them up to the time at which a proof was created: that is what most proofs
// of one issuer differ in. A suite or a signer keeps one. It is safe for concurrent use,
// and what it remembers is bounded.
type Configurations struct {
	p     *jsonld.Processor
	mu    sync.RWMutex
	known map[uncreated]created
}

// NewConfigurations remembers nothing yet.
func NewConfigurations(p *jsonld.Processor) *Configurations { return &Configurations{p: p} }

// Hash is Input.ConfigurationHash.
func (c *Configurations) Hash(in Input, h crypto.Hash) ([]byte, error) {
	canonical, err := c.append(nil, in, h)
	if err != nil {
		return nil, err
	}
	return appendSum(nil, h, canonical), nil
}

// uncreated is a proof configuration as text, around the value of created.
type uncreated struct {
	context, before, after string
	hash                   crypto.Hash
}

// created is its canonical form, around that value.
type created struct{ before, after string }

const (
	maxConfigurations = 1024    // kept; then all are forgotten
	maxConfiguration  = 4 << 10 // bytes of one that is kept
)

// append appends the canonical form; with an error there is none.
func (c *Configurations) append(to []byte, in Input, h crypto.Hash) ([]byte, error) {
	before, value, after := cutCreated(in.Options)
	if value == nil || len(in.Context)+len(in.Options) > maxConfiguration {
		return in.appendConfiguration(to, c.p, h)
	}
	c.mu.RLock()
	form, ok := c.known[uncreated{string(in.Context), string(before), string(after), h}]
	c.mu.RUnlock()
	if ok {
		return append(append(append(to, form.before...), value...), form.after...), nil
	}
	canonical, err := in.appendConfiguration(to, c.p, h)
	if err != nil {
		return nil, err
	}
	if form, ok = around(string(canonical[len(to):]), string(value)); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.known == nil || len(c.known) >= maxConfigurations {
			c.known = map[uncreated]created{}
		}
		c.known[uncreated{string(in.Context), string(before), string(after), h}] = form
	}
	return canonical, nil
}

// cutCreated finds a value of created in proof options; nil unless it is of characters
// that are written alike in JSON and in N-Quads.
func cutCreated(options []byte) (before, value, after []byte) {
	const name = `"created":"`
	at := bytes.Index(options, []byte(name))
	if at < 0 {
		return nil, nil, nil
	}
	at += len(name)
	length := bytes.IndexByte(options[at:], '"')
	if length < 1 {
		return nil, nil, nil
	}
	value = options[at : at+length]
	for _, c := range value {
		if !strings.ContainsRune("0123456789-:+.TZ", rune(c)) {
			return nil, nil, nil
		}
	}
	return options[:at], value, options[at+length:]
}

// around takes a canonical form apart at a time, if another time could stand there
// and nothing else would change: it is one literal, alone with its property, so that
// the order of the lines does not hang on it; and there is one blank node at most,
// so that no label does.
func around(canonical, value string) (created, bool) {
	before, after, _ := strings.Cut(canonical, value)
	line := before[strings.LastIndexByte(before, '\n')+1:]
	subject, rest, _ := strings.Cut(line, " ")
	property, literal, _ := strings.Cut(rest, " ")
	ok := literal == `"` && strings.HasPrefix(after, `"^^<http://www.w3.org/2001/XMLSchema#dateTime> .`+"\n") &&
		!strings.Contains(after, value) && strings.Count(canonical, subject+" "+property+" ") == 1 && !strings.Contains(canonical, "_:c14n1")
	return created{before, after}, ok
}
