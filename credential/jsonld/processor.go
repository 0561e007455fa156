package jsonld

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zegel-id/zegel/credential/rdf"
)

// Loader hands over contexts by URL. It answers with an error for those it does
// not know; it never fetches.
type Loader interface {
	Context(url string) ([]byte, error)
}

// LoaderFunc is a Loader that is one function, such as contexts.Document.
type LoaderFunc func(url string) ([]byte, error)

// Context implements Loader.
func (f LoaderFunc) Context(url string) ([]byte, error) { return f(url) }

// maxContexts bounds the compiled contexts kept; then all are forgotten.
const maxContexts = 4096

// maxRaw bounds the text of an inline context that is kept.
const maxRaw = 1 << 16

// Processor turns documents into RDF and keeps what it compiled. It is safe for
// many goroutines.
type Processor struct {
	loader Loader
	mu     sync.Mutex
	docs   map[string]*arena
	roots  atomic.Pointer[roots]
	runs   sync.Pool
	terms  atomic.Uint32 // defined so far
}

// roots are the empty contexts by base IRI, from which all others are made.
type roots struct {
	mu    sync.RWMutex
	byURL map[string]*Context
	count atomic.Int32
}

// New makes a processor that knows the contexts of a loader.
func New(l Loader) *Processor {
	p := &Processor{loader: l, docs: map[string]*arena{}}
	p.runs.New = func() any { return &run{a: &arena{}, d: &rdf.Dataset{}} }
	p.roots.Store(&roots{byURL: map[string]*Context{}})
	return p
}

// document is a context as it was published, read once.
func (p *Processor) document(url string) (*arena, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.docs[url]; a != nil {
		return a, nil
	}
	b, err := p.loader.Context(url)
	if err != nil {
		return nil, err
	}
	a, err := parse(string(b))
	if err != nil {
		return nil, err
	}
	a.url = url
	p.docs[url] = a
	return a, nil
}

// root is the initial context of a document with this base.
func (p *Processor) root(base string) *Context {
	r := p.roots.Load()
	if r.count.Load() > maxContexts {
		p.roots.CompareAndSwap(r, &roots{byURL: map[string]*Context{}})
		r = p.roots.Load()
	}
	r.mu.RLock()
	c := r.byURL[base]
	r.mu.RUnlock()
	if c != nil {
		return c
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.byURL[base]; c != nil {
		return c
	}
	c = &Context{original: base, base: base}
	r.byURL[base] = c
	r.count.Add(1)
	return c
}

// enter goes from a context to the next by a step, compiling it if it is new.
func (b *builder) enter(c *Context, s step, l local) (*Context, error) {
	if to := c.reached(s); to != nil {
		return to, nil
	}
	to, err := b.process(c, l, flags{override: s.how == byProperty, keep: s.how == byType})
	if err != nil {
		return nil, err
	}
	b.keep(c, s, to)
	return to, nil
}

// inline goes on by a context in the document itself. Its text is read anew, so
// that what is kept does not hold the document.
func (b *builder) inline(c *Context, a *arena, at int32, base string) (*Context, error) {
	raw := a.Raw(at)
	if to := c.reached(step{raw: raw}); to != nil {
		return to, nil
	}
	raw = strings.Clone(raw)
	own, err := parse(raw)
	var to *Context
	if err == nil {
		to, err = b.process(c, local{own, 0, base}, flags{check: true})
	}
	if err != nil {
		if e := (*Error)(nil); errors.As(err, &e) && e.Context == "" {
			e.Pointer = a.pointer(at) + e.Pointer
		}
		return nil, err
	}
	b.keep(c, step{raw: raw}, to)
	return to, nil
}

func (b *builder) keep(c *Context, s step, to *Context) {
	if r := b.p.roots.Load(); len(s.raw) <= maxRaw && r.count.Load() <= maxContexts {
		r.count.Add(1)
		c.remember(s, to)
	}
}
