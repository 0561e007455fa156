package mdoc_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/internal/jose"
)

func TestTemplateRefused(t *testing.T) {
	p := parties()
	elements := func(e ...mdoc.Element) func(*mdoc.Options) {
		return func(o *mdoc.Options) { o.Type.NameSpaces[0].Elements = e }
	}
	for name, c := range map[string]struct {
		change     func(*mdoc.Options)
		check, why string
	}{
		"unknown digest":      {func(o *mdoc.Options) { o.Digest = "SHA-1" }, credential.CheckStructure, "digest algorithm"},
		"no docType":          {func(o *mdoc.Options) { o.Type.DocType = "" }, credential.CheckStructure, "doctype"},
		"docType not UTF-8":   {func(o *mdoc.Options) { o.Type.DocType = "\xff" }, credential.CheckStructure, "doctype"},
		"no namespace":        {func(o *mdoc.Options) { o.Type.NameSpaces = nil }, credential.CheckStructure, "namespace"},
		"unnamed namespace":   {func(o *mdoc.Options) { o.Type.NameSpaces[0].Name = "" }, credential.CheckStructure, "namespace"},
		"namespace twice":     {func(o *mdoc.Options) { o.Type.NameSpaces[1].Name = namespace }, credential.CheckStructure, "twice"},
		"empty namespace":     {elements(), credential.CheckStructure, "must have"},
		"large namespace":     {elements(make([]mdoc.Element, mdoc.MaxItems+1)...), credential.CheckStructure, "must have"},
		"element twice":       {elements(mdoc.Element{Identifier: "a"}, mdoc.Element{Identifier: "a"}), credential.CheckStructure, "twice"},
		"unnamed element":     {elements(mdoc.Element{}), credential.CheckStructure, "identifier"},
		"unknown type":        {elements(mdoc.Element{Identifier: "a", Type: "date"}), credential.CheckStructure, "unknown type"},
		"type and members":    {elements(mdoc.Element{Identifier: "a", Type: mdoc.Text, Members: []mdoc.Element{{Identifier: "b"}}}), credential.CheckStructure, "both"},
		"required member":     {elements(mdoc.Element{Identifier: "a", Members: []mdoc.Element{{Identifier: "b", Required: true}}}), credential.CheckStructure, "required"},
		"deep members":        {elements(deep(12)), credential.CheckStructure, "deeply"},
		"no chain":            {func(o *mdoc.Options) { o.Chain = nil }, credential.CheckIssuerTrust, "Chain is empty"},
		"the authority signs": {func(o *mdoc.Options) { o.Chain = []*x509.Certificate{p.authority.Certificate} }, credential.CheckIssuerTrust, "self-signed"},
		"a signer by itself": {func(o *mdoc.Options) {
			o.Chain = []*x509.Certificate{signer(t, func(c *x509.Certificate) { c.Subject.CommonName = "itself" })}
		}, credential.CheckIssuerTrust, "self-signed"},
		"authority in chain": {func(o *mdoc.Options) { o.Chain = append(o.Chain, p.authority.Certificate) }, credential.CheckIssuerTrust, "self-signed"},
		"unrelated chain":    {func(o *mdoc.Options) { o.Chain = append(o.Chain, p.issuer.Certificate) }, credential.CheckIssuerTrust, "did not issue"},
		"unnamed pay":        {func(o *mdoc.Options) { o.Authorized.NameSpaces = []string{""} }, credential.CheckStructure, "namespace"},
		"authorised twice": {func(o *mdoc.Options) {
			o.Authorized = mdoc.KeyAuthorizations{NameSpaces: []string{"a"}, Elements: map[string][]string{"a": {"b"}}}
		}, credential.CheckStructure, "as a whole"},
		"authorised nothing": {func(o *mdoc.Options) { o.Authorized.Elements = map[string][]string{"a": {}} }, credential.CheckStructure, "without an element"},
		"authorised no name": {func(o *mdoc.Options) { o.Authorized.Elements = map[string][]string{"a": {""}} }, credential.CheckStructure, "identifier"},
		"a signer without EKU": {func(o *mdoc.Options) {
			o.Chain = []*x509.Certificate{signer(t, func(c *x509.Certificate) { c.ExtraExtensions = c.ExtraExtensions[1:] })}
		}, credential.CheckIssuerTrust, "extended key usage"},
	} {
		t.Run(name, func(t *testing.T) {
			o := p.options()
			c.change(&o)
			template, err := mdoc.NewTemplate(o)
			if template != nil {
				t.Error("something is returned")
			}
			refused(t, err, c.check, c.why)
		})
	}
	o := p.options()
	o.Chain, o.AnySigner = []*x509.Certificate{signer(t, func(c *x509.Certificate) { c.ExtraExtensions = nil })}, true
	if _, err := mdoc.NewTemplate(o); err != nil {
		t.Errorf("AnySigner: %v", err)
	}
}

func deep(n int) mdoc.Element {
	e := mdoc.Element{Identifier: "a"}
	for range n {
		e = mdoc.Element{Identifier: "a", Members: []mdoc.Element{e}}
	}
	return e
}

func TestPrepareRefused(t *testing.T) {
	p := parties()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	src := func(s string) func(*mdoc.Credential) { return func(c *mdoc.Credential) { c.Elements = []byte(s) } }
	in := func(s string) func(*mdoc.Credential) {
		return src(`{"org.example.card":{"family_name":"Peeters",` + s + `}}`)
	}
	for name, c := range map[string]struct {
		change     func(*mdoc.Credential)
		check, why string
	}{
		"no device key":         {func(c *mdoc.Credential) { c.DeviceKey = nil }, credential.CheckHolderBinding, "DeviceKey"},
		"RSA device key":        {func(c *mdoc.Credential) { c.DeviceKey = rsaKey.Public() }, credential.CheckHolderBinding, "DeviceKey"},
		"no Signed":             {func(c *mdoc.Credential) { c.Signed = time.Time{} }, credential.CheckValidity, "needed"},
		"no ValidUntil":         {func(c *mdoc.Credential) { c.ValidUntil = time.Time{} }, credential.CheckValidity, "needed"},
		"a fraction":            {func(c *mdoc.Credential) { c.Signed = c.Signed.Add(time.Millisecond) }, credential.CheckValidity, "fraction"},
		"a far year":            {func(c *mdoc.Credential) { c.ValidUntil = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, credential.CheckValidity, "out of range"},
		"valid before signed":   {func(c *mdoc.Credential) { c.ValidFrom = c.Signed.Add(-time.Second) }, credential.CheckValidity, "before Signed"},
		"ends at once":          {func(c *mdoc.Credential) { c.ValidUntil = c.Signed }, credential.CheckValidity, "after ValidFrom"},
		"updated before signed": {func(c *mdoc.Credential) { c.ExpectedUpdate = c.Signed.Add(-time.Second) }, credential.CheckValidity, "ExpectedUpdate"},
		"too long":              {func(c *mdoc.Credential) { c.ValidUntil = c.Signed.AddDate(2, 0, 0) }, credential.CheckValidity, "further ahead"},
		"before certificate":    {func(c *mdoc.Credential) { c.Signed = now.AddDate(-1, 0, 0); c.ValidUntil = now.AddDate(0, -11, 0) }, credential.CheckValidity, "certificate"},
		"after certificate":     {func(c *mdoc.Credential) { c.Signed = now.AddDate(3, 0, 0); c.ValidUntil = now.AddDate(3, 1, 0) }, credential.CheckValidity, "certificate"},
		"status without URI":    {func(c *mdoc.Credential) { c.Status = &mdoc.StatusList{Index: 1} }, credential.CheckStructure, "URI"},
		"no elements":           {src(`{}`), credential.CheckStructure, "no data element"},
		"nothing":               {func(c *mdoc.Credential) { c.Elements = nil }, credential.CheckStructure, "expected"},
		"empty":                 {src(``), credential.CheckStructure, "expected"},
		"not JSON":              {func(c *mdoc.Credential) { c.Elements = func() {} }, credential.CheckStructure, "cannot be written"},
		"only empty namespaces": {src(`{"org.example.extra":{}}`), credential.CheckStructure, "no data element"},
		"unknown namespace":     {src(`{"org.example.card":{"family_name":"x"},"other":{}}`), credential.CheckStructure, "namespace"},
		"namespace twice":       {src(`{"org.example.card":{"family_name":"x"},"org.example.card":{}}`), credential.CheckStructure, "twice"},
		"unknown element":       {in(`"other":1`), credential.CheckStructure, "no element"},
		"element twice":         {in(`"family_name":"y"`), credential.CheckStructure, "stands twice"},
		"required is missing":   {src(`{"org.example.card":{"age":1}}`), credential.CheckStructure, "required element"},
		"required in no space":  {src(`{"org.example.extra":{"note":1}}`), credential.CheckStructure, "required element"},
		"trailing":              {src(`{"org.example.card":{"family_name":"x"}} x`), credential.CheckStructure, "follows"},
		"cut off":               {src(`{"org.example.card":{"family_name":"x"`), credential.CheckStructure, "well-formed"},
		"text for a number":     {in(`"age":"1"`), credential.CheckStructure, "age"},
		"negative for uint":     {in(`"age":-1`), credential.CheckStructure, "number stands"},
		"fraction for uint":     {in(`"age":1.0`), credential.CheckStructure, "number stands"},
		"number for text":       {src(`{"org.example.card":{"family_name":1}}`), credential.CheckStructure, "number stands"},
		"null for text":         {src(`{"org.example.card":{"family_name":null}}`), credential.CheckStructure, "null stands"},
		"bool for text":         {src(`{"org.example.card":{"family_name":true}}`), credential.CheckStructure, "true stands"},
		"null for bool":         {in(`"adult":null`), credential.CheckStructure, "null stands"},
		"object for text":       {src(`{"org.example.card":{"family_name":{}}}`), credential.CheckStructure, "object stands"},
		"no such date":          {in(`"birth_date":"2001-02-29"`), credential.CheckStructure, "full-date"},
		"date with time":        {in(`"birth_date":"2001-02-28T00:00:00Z"`), credential.CheckStructure, "full-date"},
		"date in words":         {in(`"birth_date":"28/02/2001"`), credential.CheckStructure, "full-date"},
		"time with offset":      {in(`"registered":"2026-06-30T12:00:00+00:00"`), credential.CheckStructure, "tdate"},
		"time with fraction":    {in(`"registered":"2026-06-30T12:00:0.5Z"`), credential.CheckStructure, "tdate"},
		"padded base64":         {in(`"portrait":"AQ=="`), credential.CheckStructure, "base64url"},
		"half a base64":         {in(`"portrait":"AAAAA"`), credential.CheckStructure, "base64url"},
		"date in array":         {in(`"privileges":[{"issued":"x"}]`), credential.CheckStructure, "full-date"},
		"large integer":         {in(`"balance":9223372036854775808`), credential.CheckStructure, "64 bits"},
		"large float":           {in(`"height":1e999`), credential.CheckStructure, "out of range"},
		"leading zero":          {in(`"age":01`), credential.CheckStructure, "number"},
		"lonely minus":          {in(`"age":-`), credential.CheckStructure, "number"},
		"member twice":          {in(`"height":{"a":1,"a":2}`), credential.CheckStructure, "same member"},
		"member twice, escaped": {in(`"height":{"a":1,"\u0061":2}`), credential.CheckStructure, "same member"},
		"not UTF-8":             {in("\"height\":\"\xff\""), credential.CheckStructure, "UTF-8"},
		"half a surrogate":      {in(`"height":"\ud800"`), credential.CheckStructure, "escape"},
		"control character":     {in("\"height\":\"a\nb\""), credential.CheckStructure, "control"},
		"nested":                {in(`"height":` + strings.Repeat("[", 20) + strings.Repeat("]", 20)), credential.CheckStructure, "deeply"},
		"many members":          {in(`"height":{` + manyMembers() + `}`), credential.CheckStructure, "more than"},
		"unknown word":          {in(`"height":nul`), credential.CheckStructure, "well-formed"},
	} {
		t.Run(name, func(t *testing.T) {
			o, cr := p.options(), p.credential()
			o.MaxValidity = 366 * 24 * time.Hour
			c.change(&cr)
			template, err := mdoc.NewTemplate(o)
			if err != nil {
				t.Fatal(err)
			}
			draft, err := template.Prepare(cr, nil)
			if draft != nil {
				t.Error("something is returned")
			}
			refused(t, err, c.check, c.why)
		})
	}
	template, err := mdoc.NewTemplate(p.options())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := template.Prepare(p.credential(), strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("too few random bytes: %v", err)
	}
}

func manyMembers() string {
	var b strings.Builder
	for i := range 513 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + strings.Repeat("m", i+1) + `":1`)
	}
	return b.String()
}

// With the same randomness a document is the same: nothing else is random,
// and all randomness is read at once.
func TestDeterministic(t *testing.T) {
	p := parties()
	template, err := mdoc.NewTemplate(p.options())
	if err != nil {
		t.Fatal(err)
	}
	var first string
	for range 2 {
		r := &once{Reader: bytes.NewReader(bytes.Repeat([]byte{1, 7, 3}, 400))}
		d, err := template.Prepare(p.credential(), r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := d.Seal(p.issuer.Key)
		if err != nil || r.reads != 1 {
			t.Fatalf("%d reads, %v", r.reads, err)
		}
		if first != "" && text != first {
			t.Error("the same randomness gives another document")
		}
		first = text
	}
}

type once struct {
	io.Reader
	reads int
}

func (o *once) Read(b []byte) (int, error) { o.reads++; return o.Reader.Read(b) }

// Large values and many elements: heads of each length.
func TestLargeValues(t *testing.T) {
	p := parties()
	for _, size := range []int{1, 100, 180, 300, 70000} {
		n := mdoc.NameSpace{Name: namespace}
		for i := range 30 {
			n.Elements = append(n.Elements, mdoc.Element{Identifier: strings.Repeat("e", i+1)})
		}
		large := strings.Repeat("x", size)
		text := p.issue(t, func(o *mdoc.Options, c *mdoc.Credential) {
			o.Type = mdoc.DocumentType{DocType: docType, NameSpaces: []mdoc.NameSpace{n}}
			m := map[string]any{}
			for i, e := range n.Elements {
				m[e.Identifier] = i
			}
			m["e"], m["ee"] = large, []any{large, map[string]any{"k": large}}
			c.Elements = map[string]any{namespace: m}
		})
		v, err := parse(t, text).VerifyIssued(issued(p.policy(t)))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := v.Claims.Lookup(mdoc.Path{namespace, "ee", 1, "k"}); !ok || got[0] != large {
			t.Errorf("%d bytes: %v", size, ok)
		}
	}
}

// A document type is data.
func TestParseDocumentType(t *testing.T) {
	d, err := mdoc.ParseDocumentType([]byte(`{"doctype":"a","namespaces":[{"name":"b","elements":[{"identifier":"c","type":"tstr","required":true},{"identifier":"d","members":[{"identifier":"e","type":"full-date"}]}]}]}`))
	if err != nil || d.DocType != "a" || len(d.NameSpaces[0].Elements) != 2 || d.NameSpaces[0].Elements[1].Members[0].Type != mdoc.FullDate {
		t.Fatalf("%+v, %v", d, err)
	}
	for _, in := range []string{``, `{}`, `{"doctype":"a","namespaces":[],"other":1}`, `{"doctype":"a","doctype":"b","namespaces":[]}`, `{"doctype":"a","namespaces":[{"name":"b","elements":[{"identifier":"c","typ":"tstr"}]}]}`} {
		if _, err := mdoc.ParseDocumentType([]byte(in)); err == nil {
			t.Errorf("%s is accepted", in)
		}
	}
}

// The wallet's and the verifier's text are base64url and nothing else.
func TestEncoding(t *testing.T) {
	p := parties()
	text := p.issue(t, nil)
	for _, s := range []string{text, p.present(t, text, nil)} {
		if b, err := jose.Decode(s); err != nil || jose.Encode(b) != s {
			t.Error(err)
		}
	}
}
