package soap

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/testvectors"
)

func TestParseRefuses(t *testing.T) {
	bomb := `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">` + `<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><a>&b;</a>`
	for _, c := range []struct{ name, xml, want string }{
		{"entity bomb", bomb, "document type"},
		{"external entity", `<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>`, "document type"},
		{"unknown entity", `<a>&b;</a>`, "syntax error"},
		{"processing instruction", `<a><?php x?></a>`, "processing instruction"},
		{"declaration inside", `<a><?xml version="1.0"?></a>`, "processing instruction"},
		{"other encoding", `<?xml version="1.0" encoding="ISO-8859-1"?><a/>`, "encoding"},
		{"not UTF-8", "<a>\xff</a>", "UTF-8"},
		{"two roots", `<a/><b/>`, "one complete"},
		{"no root", ` `, "one complete"},
		{"open", `<a>`, "one complete"},
		{"crossed", `<a><b></a></b>`, "end tag"},
		{"other prefix at the end", `<x:a xmlns:x="u" xmlns:y="u"></y:a>`, "end tag"},
		{"text after", `<a/>x`, "text outside"},
		{"attribute twice", `<a b="1" b="2"/>`, "twice"},
		{"attribute twice by prefix", `<a xmlns:x="u" xmlns:y="u" x:b="1" y:b="2"/>`, "twice"},
		{"namespace twice", `<a xmlns:x="u" xmlns:x="v"/>`, "twice"},
		{"undeclared prefix", `<x:a/>`, "not declared"},
		{"undeclared attribute prefix", `<a x:b="1"/>`, "not declared"},
		{"prefix out of scope", `<a><b xmlns:x="u"/><x:c/></a>`, "not declared"},
		{"undeclaring", `<a xmlns:x="u"><b xmlns:x=""/></a>`, "namespace declaration"},
		{"deep", strings.Repeat("<a>", MaxDepth+1) + strings.Repeat("</a>", MaxDepth+1), "deeper"},
		{"many attributes", "<a " + manyAttrs(maxAttrs+1) + "/>", "attributes"},
		{"many elements", "<a>" + strings.Repeat("<b/>", MaxElements) + "</a>", "elements"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := Parse([]byte(c.xml))
			if doc != nil || !errors.Is(err, ErrXML) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

func manyAttrs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d='' ", i)
	}
	return b.String()
}

func TestTextDoesNotStopAtAComment(t *testing.T) {
	doc, err := Parse([]byte(`<a>12<!-- x -->34<![CDATA[56]]></a>`))
	if err != nil || Text(doc.Root()) != "123456" {
		t.Fatal(err, Text(doc.Root()))
	}
}

func TestParseEnvelope(t *testing.T) {
	wrap := func(inner string) string {
		return `<s:Envelope xmlns:s="` + Namespace + `">` + inner + `</s:Envelope>`
	}
	for _, c := range []struct {
		name, xml string
		ok        bool
	}{
		{"body only", wrap(`<s:Body><a/></s:Body>`), true},
		{"header and body", wrap(`<s:Header/><s:Body/>`), true},
		{"two bodies", wrap(`<s:Body/><s:Body/>`), false},
		{"two headers", wrap(`<s:Header/><s:Header/><s:Body/>`), false},
		{"header last", wrap(`<s:Body/><s:Header/>`), false},
		{"something else", wrap(`<s:Body/><x/>`), false},
		{"no body", wrap(`<s:Header/>`), false},
		{"SOAP 1.2", strings.ReplaceAll(wrap(`<s:Body/>`), Namespace, "http://www.w3.org/2003/05/soap-envelope"), false},
	} {
		_, err := ParseEnvelope([]byte(c.xml))
		if (err == nil) != c.ok || (err != nil && !errors.Is(err, ErrEnvelope)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestFault(t *testing.T) {
	e := New()
	Fault{"Client", "bad & wrong"}.Put(e.Body)
	b, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseEnvelope(b)
	if err != nil {
		t.Fatal(err)
	}
	only, err := Only(back.Body)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := FaultOf(only); !ok || f != (Fault{"Client", "bad & wrong"}) {
		t.Fatal(f, ok)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<s:Envelope xmlns:s="` + Namespace + `"><s:Body><a b="c">d<!--e--></a></s:Body></s:Envelope>`))
	f.Add([]byte(`<a xmlns="u" xmlns:x="v" x:b="1"><x:c/>&amp;&#13;</a>`))
	dir := filepath.Join(testvectors.Dir(f, "led"), "GeefBewijs")
	if b, err := os.ReadFile(filepath.Join(dir, "notfound.xml")); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := Parse(b)
		if err != nil {
			if doc != nil {
				t.Fatal("a failed parse returned a document")
			}
			return
		}
		Text(doc.Root())
		if e, err := ParseEnvelope(b); err == nil {
			out, err := e.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseEnvelope(out); err != nil {
				t.Fatalf("what was written cannot be read: %v", err)
			}
		}
	})
}
