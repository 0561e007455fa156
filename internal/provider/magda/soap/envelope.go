package soap

import (
	"errors"
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// Namespace is that of SOAP 1.1.
const Namespace = "http://schemas.xmlsoap.org/soap/envelope/"

// ContentType of a SOAP 1.1 message over HTTP (SOAP 1.1, Section 6).
const ContentType = `text/xml; charset=utf-8`

// ErrEnvelope is returned for XML that is not a SOAP 1.1 envelope.
var ErrEnvelope = errors.New("not a SOAP 1.1 envelope")

// Envelope is a message: Header may be nil, Body is not.
type Envelope struct {
	Root, Header, Body *etree.Element
}

// New makes an empty envelope with a header.
func New() Envelope {
	root := etree.NewElement("soapenv:Envelope")
	root.CreateAttr("xmlns:soapenv", Namespace)
	return Envelope{root, root.CreateElement("soapenv:Header"), root.CreateElement("soapenv:Body")}
}

// ParseEnvelope reads a message: an Envelope with at most one Header and then
// exactly one Body (SOAP 1.1, Section 4).
func ParseEnvelope(b []byte) (Envelope, error) {
	doc, err := Parse(b)
	if err != nil {
		return Envelope{}, err
	}
	root := doc.Root()
	if !Is(root, Namespace, "Envelope") {
		return Envelope{}, fmt.Errorf("%w: the document element is not Envelope of %s", ErrEnvelope, Namespace)
	}
	headers, bodies := Children(root, Namespace, "Header"), Children(root, Namespace, "Body")
	if len(headers) > 1 || len(bodies) != 1 || len(root.ChildElements()) != len(headers)+1 {
		return Envelope{}, fmt.Errorf("%w: expected at most one Header, one Body and nothing else", ErrEnvelope)
	}
	e := Envelope{Root: root, Body: bodies[0]}
	if len(headers) == 1 {
		e.Header = headers[0]
		if e.Header.Index() > e.Body.Index() {
			return Envelope{}, fmt.Errorf("%w: Header comes before Body", ErrEnvelope)
		}
	}
	return e, nil
}

// Bytes writes the message as it is, without any new white space: a signature
// may cover it.
func (e Envelope) Bytes() ([]byte, error) {
	doc := etree.NewDocument()
	doc.WriteSettings = etree.WriteSettings{CanonicalEndTags: true, CanonicalText: true, CanonicalAttrVal: true}
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	doc.AddChild(e.Root)
	return doc.WriteToBytes()
}

// Only gives the one element of the Body.
func Only(body *etree.Element) (*etree.Element, error) {
	children := body.ChildElements()
	if len(children) != 1 {
		return nil, fmt.Errorf("%w: expected one element in Body, found %d", ErrEnvelope, len(children))
	}
	return children[0], nil
}

// Fault is a SOAP fault (SOAP 1.1, Section 4.4).
type Fault struct {
	// Code is the local part of faultcode, such as Client or Server.
	Code   string
	String string
}

// FaultOf reads the element as a Fault.
func FaultOf(e *etree.Element) (Fault, bool) {
	if !Is(e, Namespace, "Fault") {
		return Fault{}, false
	}
	code := strings.TrimSpace(Text(Child(e, "", "faultcode")))
	if i := strings.LastIndexByte(code, ':'); i >= 0 {
		code = code[i+1:]
	}
	return Fault{code, strings.Join(strings.Fields(Text(Child(e, "", "faultstring"))), " ")}, true
}

// Put writes the fault into the Body. A code of another vocabulary (such as
// wsse) is a detail of Client.
func (f Fault) Put(body *etree.Element) {
	x := body.CreateElement("soapenv:Fault")
	x.CreateElement("faultcode").SetText("soapenv:" + f.Code)
	x.CreateElement("faultstring").SetText(f.String)
}
