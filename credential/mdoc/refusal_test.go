package mdoc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/internal/cose"
)

// refused asks for an *Error of a check whose text holds why and no value.
func refused(t *testing.T, err error, check, why string) {
	t.Helper()
	var e *mdoc.Error
	if !errors.As(err, &e) || e.Check != check || !strings.Contains(err.Error(), why) {
		t.Errorf("%v, want %s: ...%s", err, check, why)
		return
	}
	if e.Spec == "" || strings.Contains(err.Error(), "Peeters") || strings.Contains(err.Error(), "2001-02-28") {
		t.Errorf("the error names no specification, or a value: %v", err)
	}
}

// What the mobile security object says, signed by the right key.
func TestSecurityObjectRefused(t *testing.T) {
	p := parties()
	text := p.issue(t, nil)
	sub := func(key string, change func(*object)) func(*object) {
		return func(mso *object) { change(mso.get(key).(*object)) }
	}
	date := func(s string) tagged { return tagged{0, s} }
	for name, c := range map[string]struct {
		change     func(*object)
		check, why string
	}{
		"another version":            {func(o *object) { o.set("version", "2.0") }, credential.CheckStructure, "version"},
		"no version":                 {func(o *object) { o.drop("version") }, credential.CheckStructure, "has no version"},
		"no digest algorithm":        {func(o *object) { o.drop("digestAlgorithm") }, credential.CheckStructure, "has no digestAlgorithm"},
		"unknown digest algorithm":   {func(o *object) { o.set("digestAlgorithm", "SHA-1") }, credential.CheckStructure, "not allowed"},
		"another digest algorithm":   {func(o *object) { o.set("digestAlgorithm", "SHA-512") }, mdoc.CheckDigests, "changed"},
		"no docType":                 {func(o *object) { o.drop("docType") }, credential.CheckStructure, "has no docType"},
		"another docType":            {func(o *object) { o.set("docType", "other") }, credential.CheckType, "document type"},
		"no digests":                 {func(o *object) { o.drop("valueDigests") }, credential.CheckStructure, "has no valueDigests"},
		"digests are no map":         {func(o *object) { o.set("valueDigests", 1) }, credential.CheckStructure, "not a map"},
		"digests of one namespace":   {sub("valueDigests", func(o *object) { o.drop(second) }), mdoc.CheckDigests, "added"},
		"a digest is gone":           {sub("valueDigests", func(o *object) { o.set(second, &object{}) }), mdoc.CheckDigests, "added"},
		"a digest is short":          {sub("valueDigests", shortDigest), mdoc.CheckDigests, "changed"},
		"a digest is a text":         {sub("valueDigests", func(o *object) { o.get(second).(*object).set(int64(0), "x") }), credential.CheckStructure, "valueDigests"},
		"no deviceKeyInfo":           {func(o *object) { o.drop("deviceKeyInfo") }, credential.CheckStructure, "has no deviceKeyInfo"},
		"no deviceKey":               {sub("deviceKeyInfo", func(o *object) { o.drop("deviceKey") }), credential.CheckStructure, "no deviceKey"},
		"deviceKey off the curve":    {sub("deviceKeyInfo", func(o *object) { o.get("deviceKey").(*object).set(int64(-2), make([]byte, 32)) }), credential.CheckStructure, "curve"},
		"private deviceKey":          {sub("deviceKeyInfo", func(o *object) { o.get("deviceKey").(*object).set(int64(-4), make([]byte, 32)) }), credential.CheckStructure, "private"},
		"broken keyAuthorizations":   {sub("deviceKeyInfo", func(o *object) { o.set("keyAuthorizations", "all") }), credential.CheckStructure, "expected map"},
		"no validityInfo":            {func(o *object) { o.drop("validityInfo") }, credential.CheckStructure, "has no validityInfo"},
		"no signed":                  {sub("validityInfo", func(o *object) { o.drop("signed") }), credential.CheckStructure, "not all of signed"},
		"no validFrom":               {sub("validityInfo", func(o *object) { o.drop("validFrom") }), credential.CheckStructure, "not all of signed"},
		"no validUntil":              {sub("validityInfo", func(o *object) { o.drop("validUntil") }), credential.CheckStructure, "not all of signed"},
		"a date without tag":         {sub("validityInfo", func(o *object) { o.set("signed", "2026-11-25T12:00:00Z") }), credential.CheckStructure, "expected tag"},
		"a date with another tag":    {sub("validityInfo", func(o *object) { o.set("signed", tagged{1, 1}) }), credential.CheckStructure, "expected tag 0"},
		"a date with a fraction":     {sub("validityInfo", func(o *object) { o.set("signed", date("2026-11-25T12:00:00.5Z")) }), credential.CheckStructure, "fraction"},
		"a date with an offset":      {sub("validityInfo", func(o *object) { o.set("signed", date("2026-11-25T12:00:00+01:00")) }), credential.CheckStructure, "UTC"},
		"expired":                    {sub("validityInfo", func(o *object) { o.set("validUntil", date("2026-11-25T12:59:59Z")) }), credential.CheckValidity, "expired"},
		"expires now":                {sub("validityInfo", func(o *object) { o.set("validUntil", date("2026-11-25T13:00:00Z")) }), credential.CheckValidity, "expired"},
		"not yet valid":              {sub("validityInfo", func(o *object) { o.set("validFrom", date("2026-11-25T13:00:01Z")) }), credential.CheckValidity, "not valid before"},
		"signed in the future":       {sub("validityInfo", func(o *object) { later(o) }), credential.CheckValidity, "future"},
		"valid before it was signed": {sub("validityInfo", func(o *object) { o.set("validFrom", date("2026-11-25T11:59:59Z")) }), credential.CheckValidity, "before signed"},
		"ends before it begins":      {sub("validityInfo", func(o *object) { o.set("validUntil", date("2026-11-25T12:00:00Z")) }), credential.CheckValidity, "after validFrom"},
		"status is no map":           {func(o *object) { o.set("status", "valid") }, credential.CheckStructure, "status"},
		"status without JSON":        {func(o *object) { o.set("status", &object{[]any{1, "1"}, []any{1, 2}}) }, credential.CheckStructure, "same spelling"},
	} {
		t.Run(name, func(t *testing.T) {
			out := resigned(t, text, p.issuer.Key, p.header(), c.change)
			s, err := mdoc.Parse(out)
			if err == nil {
				_, err = s.VerifyIssued(issued(p.policy(t)))
			}
			refused(t, err, c.check, c.why)
		})
	}
	// Unchanged, and with what a later edition may add, it passes.
	for name, change := range map[string]func(*object){
		"unchanged":       func(*object) {},
		"another member":  func(o *object) { o.set("future", []any{1}) },
		"more key info":   sub("deviceKeyInfo", func(o *object) { o.set("keyInfo", &object{}) }),
		"expected update": sub("validityInfo", func(o *object) { o.set("expectedUpdate", date("2026-12-01T00:00:00Z")) }),
	} {
		if _, err := parse(t, resigned(t, text, p.issuer.Key, p.header(), change)).VerifyIssued(issued(p.policy(t))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func shortDigest(o *object) {
	n := o.get(second).(*object)
	for i, d := range n.values {
		n.values[i] = d.([]byte)[:16]
	}
}

func later(o *object) {
	o.set("signed", tagged{0, "2026-11-25T13:00:01Z"})
	o.set("validFrom", tagged{0, "2026-11-25T13:00:01Z"})
}

// The bytes around the signed object.
func TestIssuerSignedRefused(t *testing.T) {
	p := parties()
	text := p.issue(t, nil)
	items := func(o *object, ns string) []any { return o.get("nameSpaces").(*object).get(ns).([]any) }
	item := func(change func(*object)) func(*object) {
		return func(o *object) {
			list := items(o, namespace)
			it := inside(t, list[1])
			change(it)
			list[1] = encoded(it)
		}
	}
	auth := func(change func(a []any)) func(*object) {
		return func(o *object) { change(o.get("issuerAuth").([]any)) }
	}
	for name, c := range map[string]struct {
		change     func(*object)
		check, why string
	}{
		"a value is changed":        {item(func(o *object) { o.set("elementValue", tagged{1004, "1990-01-01"}) }), mdoc.CheckDigests, "changed"},
		"a name is changed":         {item(func(o *object) { o.set("elementIdentifier", "death_date") }), mdoc.CheckDigests, "changed"},
		"a random value is changed": {item(func(o *object) { o.set("random", make([]byte, 32)) }), mdoc.CheckDigests, "changed"},
		"a digest ID is changed":    {item(func(o *object) { o.set("digestID", 4000) }), mdoc.CheckDigests, "added"},
		"an item is written anew": {item(func(o *object) {
			o.keys[0], o.keys[1], o.values[0], o.values[1] = o.keys[1], o.keys[0], o.values[1], o.values[0]
		}), mdoc.CheckDigests, "changed"},
		"a short random value":      {item(func(o *object) { o.set("random", make([]byte, 15)) }), credential.CheckStructure, "at least 16"},
		"no random value":           {item(func(o *object) { o.drop("random") }), credential.CheckStructure, "not all of"},
		"no digest ID":              {item(func(o *object) { o.drop("digestID") }), credential.CheckStructure, "not all of"},
		"no identifier":             {item(func(o *object) { o.drop("elementIdentifier") }), credential.CheckStructure, "not all of"},
		"no value":                  {item(func(o *object) { o.drop("elementValue") }), credential.CheckStructure, "not all of"},
		"a negative digest ID":      {item(func(o *object) { o.set("digestID", -1) }), credential.CheckStructure, "expected unsigned"},
		"an item without its tag":   {func(o *object) { list := items(o, namespace); list[0] = list[0].(tagged).value }, credential.CheckStructure, "expected tag"},
		"an item with another tag":  {func(o *object) { list := items(o, namespace); list[0] = tagged{25, list[0].(tagged).value} }, credential.CheckStructure, "expected tag 24"},
		"an item that is no CBOR":   {func(o *object) { items(o, namespace)[0] = tagged{24, []byte{0xff}} }, credential.CheckStructure, "IssuerSignedItem"},
		"an item twice":             {func(o *object) { list := items(o, namespace); list[1] = list[0] }, credential.CheckStructure, "twice"},
		"a digest ID twice":         {item(func(o *object) { o.set("digestID", inside(t, first(t, text)).get("digestID")) }), credential.CheckStructure, "twice"},
		"an element twice":          {item(func(o *object) { o.set("elementIdentifier", "family_name") }), credential.CheckStructure, "twice"},
		"a digest ID among many":    {func(o *object) { among(t, o, "digestID", int64(7)) }, credential.CheckStructure, "twice"},
		"an element among many":     {func(o *object) { among(t, o, "elementIdentifier", "7") }, credential.CheckStructure, "twice"},
		"an empty namespace":        {func(o *object) { o.get("nameSpaces").(*object).set(second, []any{}) }, credential.CheckStructure, "no data element"},
		"another namespace":         {func(o *object) { n := o.get("nameSpaces").(*object); n.keys[n.index(second)] = "other" }, mdoc.CheckDigests, "added"},
		"an item in another place":  {func(o *object) { n := o.get("nameSpaces").(*object); n.set("other", items(o, second)) }, mdoc.CheckDigests, "added"},
		"namespaces are no map":     {func(o *object) { o.set("nameSpaces", []any{}) }, credential.CheckStructure, "expected map"},
		"many namespaces":           {func(o *object) { many(o.get("nameSpaces").(*object), items(o, second)) }, credential.CheckStructure, "more than"},
		"many items":                {func(o *object) { o.get("nameSpaces").(*object).set("many", make513(items(o, second)[0])) }, credential.CheckStructure, "more than"},
		"no issuerAuth":             {func(o *object) { o.drop("issuerAuth") }, credential.CheckStructure, "no issuerAuth"},
		"tagged issuerAuth":         {func(o *object) { o.set("issuerAuth", tagged{18, o.get("issuerAuth")}) }, credential.CheckStructure, "untagged"},
		"detached payload":          {auth(func(a []any) { a[2] = raw{0xf6} }), credential.CheckStructure, "carries its payload"},
		"payload without tag":       {auth(func(a []any) { a[2] = tree(t, a[2].([]byte)).(tagged).value }), credential.CheckStructure, "mobile security object"},
		"payload with a tail":       {auth(func(a []any) { a[2] = append(a[2].([]byte), 0) }), credential.CheckStructure, "mobile security object"},
		"payload is no CBOR":        {auth(func(a []any) { a[2] = write(nil, tagged{24, []byte{0xff}}) }), credential.CheckStructure, "mobile security object"},
		"payload is changed":        {auth(func(a []any) { a[2] = write(nil, encoded(withDocType(t, a[2], "org.example.card.2"))) }), credential.CheckIssuerSignature, "does not verify"},
		"signature is changed":      {auth(func(a []any) { a[3].([]byte)[5] ^= 1 }), credential.CheckIssuerSignature, "does not verify"},
		"signature is cut":          {auth(func(a []any) { a[3] = a[3].([]byte)[:63] }), credential.CheckIssuerSignature, "does not verify"},
		"algorithm not on the list": {auth(func(a []any) { a[0] = []byte{0xa1, 0x01, 0x38, 0x22} }), credential.CheckIssuerSignature, "not allowed"},
		"a typ":                     {auth(func(a []any) { a[0] = []byte{0xa2, 0x01, 0x26, 0x10, 0x61, 'a'} }), credential.CheckIssuerSignature, "typ"},
		"a critical header":         {auth(func(a []any) { a[0] = []byte{0xa2, 0x01, 0x26, 0x02, 0x81, 0x04} }), credential.CheckStructure, "critical"},
		"no x5chain":                {auth(func(a []any) { a[1] = &object{} }), credential.CheckIssuerTrust, "x5chain"},
		"x5chain is no certificate": {auth(func(a []any) { a[1] = &object{[]any{33}, []any{[]byte{1}}} }), credential.CheckIssuerTrust, "no certificate"},
		"x5chain of another signer": {auth(func(a []any) { a[1] = &object{[]any{33}, []any{p.authority.Certificate.Raw}} }), credential.CheckIssuerTrust, "authority"},
		"x5chain with the authority": {auth(func(a []any) {
			a[1] = &object{[]any{33}, []any{[]any{p.issuer.Certificate.Raw, p.authority.Certificate.Raw}}}
		}), credential.CheckIssuerTrust, "stay out"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := mdoc.Parse(changed(t, text, c.change))
			if err == nil {
				_, err = s.VerifyIssued(issued(p.policy(t)))
			}
			refused(t, err, c.check, c.why)
		})
	}
	for name, in := range map[string]string{
		"empty": "", "not base64url": "a+b=", "trailing": text + "AAAA", "another type": "gA",
		"too long": strings.Repeat("A", 1400000), "an empty map": "oA",
	} {
		if s, err := mdoc.Parse(in); s != nil || err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func first(t testing.TB, text string) any {
	var it any
	changed(t, text, func(o *object) { it = o.get("nameSpaces").(*object).get(namespace).([]any)[0] })
	return it
}

// among puts forty items into a namespace, of which the last has the member
// of the eighth.
func among(t testing.TB, o *object, member string, value any) {
	list := o.get("nameSpaces").(*object).get(namespace).([]any)
	it := inside(t, list[0])
	list = nil
	for i := range 40 {
		it.set("digestID", i)
		it.set("elementIdentifier", strconv.Itoa(i))
		if i == 39 {
			it.set(member, value)
		}
		list = append(list, encoded(it))
	}
	o.get("nameSpaces").(*object).set(namespace, list)
}

// large are more elements than a document may have.
func large() *object {
	o := &object{}
	for i := range mdoc.MaxItems + 1 {
		o.keys, o.values = append(o.keys, strconv.Itoa(i)), append(o.values, 1)
	}
	return o
}

func withDocType(t testing.TB, payload any, docType string) *object {
	mso := inside(t, tree(t, payload.([]byte)))
	mso.set("docType", docType)
	return mso
}

func many(n *object, items []any) {
	for i := range 70 {
		n.set(strings.Repeat("n", i+1), items)
	}
}

func make513(item any) []any {
	out := make([]any, mdoc.MaxItems+1)
	for i := range out {
		out[i] = item
	}
	return out
}

// A presentation: its envelope, its document and the device's part.
func TestResponseRefused(t *testing.T) {
	p := parties()
	text := p.issue(t, func(o *mdoc.Options, _ *mdoc.Credential) {
		o.Authorized = mdoc.KeyAuthorizations{Elements: map[string][]string{namespace: {"consent", "age"}}}
	})
	consent := func(d *mdoc.Device) { d.Elements = []byte(`{"org.example.card":{"consent":true}}`) }
	good := p.present(t, text, consent, mdoc.Path{namespace, "age"}, mdoc.Path{namespace, "family_name"})
	if _, err := mdoc.Verify(good, p.policy(t)); err != nil {
		t.Fatal(err)
	}
	doc := func(change func(*object)) func(*object) {
		return func(o *object) { change(o.get("documents").([]any)[0].(*object)) }
	}
	device := func(change func(*object)) func(*object) {
		return doc(func(o *object) { change(o.get("deviceSigned").(*object)) })
	}
	auth := func(change func([]any)) func(*object) {
		return device(func(o *object) { change(o.get("deviceAuth").(*object).get("deviceSignature").([]any)) })
	}
	signs := func(ns, element string) func(*object) {
		return device(func(o *object) {
			o.set("nameSpaces", encoded(&object{[]any{ns}, []any{&object{[]any{element}, []any{1}}}}))
		})
	}
	mac := device(func(o *object) {
		o.set("deviceAuth", &object{[]any{"deviceMac"}, []any{[]any{[]byte{0xa1, 1, 5}, &object{}, raw{0xf6}, make([]byte, 32)}}})
	})
	for name, c := range map[string]struct {
		change     func(*object)
		check, why string
	}{
		"another version":            {func(o *object) { o.set("version", "1.1") }, credential.CheckStructure, "version"},
		"no version":                 {func(o *object) { o.drop("version") }, credential.CheckStructure, "version"},
		"an error status":            {func(o *object) { o.set("status", 10) }, credential.CheckStructure, "status"},
		"no status":                  {func(o *object) { o.drop("status") }, credential.CheckStructure, "status"},
		"document errors":            {func(o *object) { o.set("documentErrors", []any{&object{[]any{docType}, []any{0}}}) }, credential.CheckStructure, "document errors"},
		"no documents":               {func(o *object) { o.drop("documents") }, credential.CheckStructure, "no document"},
		"an empty list":              {func(o *object) { o.set("documents", []any{}) }, credential.CheckStructure, "one document"},
		"two documents":              {func(o *object) { d := o.get("documents").([]any)[0]; o.set("documents", []any{d, d}) }, credential.CheckStructure, "one document"},
		"element errors":             {doc(func(o *object) { o.set("errors", &object{}) }), credential.CheckStructure, "errors"},
		"no docType":                 {doc(func(o *object) { o.drop("docType") }), credential.CheckStructure, "no docType"},
		"another docType":            {doc(func(o *object) { o.set("docType", "other") }), credential.CheckType, "its issuer signed"},
		"no issuerSigned":            {doc(func(o *object) { o.drop("issuerSigned") }), credential.CheckStructure, "no issuerSigned"},
		"no deviceSigned":            {doc(func(o *object) { o.drop("deviceSigned") }), credential.CheckHolderBinding, "no deviceSigned"},
		"no device namespaces":       {device(func(o *object) { o.drop("nameSpaces") }), credential.CheckStructure, "no nameSpaces"},
		"no deviceAuth":              {device(func(o *object) { o.drop("deviceAuth") }), credential.CheckHolderBinding, "no deviceSignature"},
		"empty deviceAuth":           {device(func(o *object) { o.set("deviceAuth", &object{}) }), credential.CheckStructure, "one of"},
		"deviceMac":                  {mac, credential.CheckHolderBinding, "deviceMac"},
		"signature and MAC":          {device(func(o *object) { o.get("deviceAuth").(*object).set("deviceMac", 1) }), credential.CheckStructure, "one of"},
		"unknown proof":              {device(func(o *object) { o.set("deviceAuth", &object{[]any{"x"}, []any{1}}) }), credential.CheckHolderBinding, "no deviceSignature"},
		"tagged signature":           {device(func(o *object) { a := o.get("deviceAuth").(*object); a.values[0] = tagged{18, a.values[0]} }), credential.CheckStructure, "untagged"},
		"carried payload":            {auth(func(a []any) { a[2] = []byte("x") }), credential.CheckStructure, "detached"},
		"signature is changed":       {auth(func(a []any) { a[3].([]byte)[9] ^= 1 }), credential.CheckHolderBinding, "does not verify"},
		"algorithm not on the list":  {auth(func(a []any) { a[0] = []byte{0xa1, 0x01, 0x27} }), credential.CheckHolderBinding, "not allowed"},
		"a typ":                      {auth(func(a []any) { a[0] = []byte{0xa2, 0x01, 0x26, 0x10, 0x61, 'a'} }), credential.CheckHolderBinding, "typ"},
		"many device elements":       {device(func(o *object) { o.set("nameSpaces", encoded(&object{[]any{namespace}, []any{large()}})) }), credential.CheckStructure, "more than"},
		"device element is changed":  {signs(namespace, "consent"), credential.CheckHolderBinding, "does not verify"},
		"element not authorised":     {signs(namespace, "pay"), credential.CheckHolderBinding, "not authorised"},
		"namespace not authorised":   {signs("other", "consent"), credential.CheckHolderBinding, "not authorised"},
		"signed by both":             {signs(namespace, "age"), credential.CheckStructure, "both"},
		"device namespaces no CBOR":  {device(func(o *object) { o.set("nameSpaces", tagged{24, []byte{0xff}}) }), credential.CheckStructure, "DeviceNameSpaces"},
		"device namespaces no map":   {device(func(o *object) { o.set("nameSpaces", encoded([]any{})) }), credential.CheckStructure, "DeviceNameSpaces"},
		"device namespaces untagged": {device(func(o *object) { o.set("nameSpaces", []byte{0xa0}) }), credential.CheckStructure, "deviceSigned"},
		"a value is changed": {doc(func(o *object) {
			list := o.get("issuerSigned").(*object).get("nameSpaces").(*object).get(namespace).([]any)
			it := inside(t, list[1])
			it.set("elementValue", 99)
			list[1] = encoded(it)
		}), mdoc.CheckDigests, "changed"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := mdoc.Verify(changed(t, good, c.change), p.policy(t))
			if v != nil {
				t.Error("something is returned")
			}
			refused(t, err, c.check, c.why)
		})
	}
}

// A presentation counts for one request, one device and one document only.
func TestBindingRefused(t *testing.T) {
	p := parties()
	text := p.issue(t, nil)
	good := p.present(t, text, nil, mdoc.Path{namespace, "age"})
	for name, build := range map[string]func() (mdoc.Transcript, error){
		"another nonce": func() (mdoc.Transcript, error) {
			return mdoc.RedirectTranscript("x509_san_dns:verifier.example", "nonce-2", "https://verifier.example/response", nil)
		},
		"another client": func() (mdoc.Transcript, error) {
			return mdoc.RedirectTranscript("x509_san_dns:other.example", "nonce-1", "https://verifier.example/response", nil)
		},
		"another response_uri": func() (mdoc.Transcript, error) {
			return mdoc.RedirectTranscript("x509_san_dns:verifier.example", "nonce-1", "https://verifier.example/other", nil)
		},
		"an encryption key": func() (mdoc.Transcript, error) {
			return mdoc.RedirectTranscript("x509_san_dns:verifier.example", "nonce-1", "https://verifier.example/response", p.holder.Public())
		},
		"another handover": func() (mdoc.Transcript, error) {
			return mdoc.DCAPITranscript("https://verifier.example", "nonce-1", nil)
		},
	} {
		policy := p.policy(t)
		var err error
		if policy.Transcript, err = build(); err != nil {
			t.Fatal(err)
		}
		_, err = mdoc.Verify(good, policy)
		t.Run(name, func(t *testing.T) { refused(t, err, credential.CheckHolderBinding, "does not verify") })
	}
	// The same device key in a document of another key, and the device's part
	// moved to a document bound to another key.
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stolen := p.issue(t, func(_ *mdoc.Options, c *mdoc.Credential) { c.DeviceKey = other.Public() })
	theirs := p.present(t, stolen, func(d *mdoc.Device) { d.Key = other }, mdoc.Path{namespace, "age"})
	var part any
	changed(t, theirs, func(o *object) { part = o.get("documents").([]any)[0].(*object).get("issuerSigned") })
	moved := changed(t, good, func(o *object) { o.get("documents").([]any)[0].(*object).set("issuerSigned", part) })
	_, err = mdoc.Verify(moved, p.policy(t))
	refused(t, err, credential.CheckHolderBinding, "does not verify")
}

func TestPolicyRefused(t *testing.T) {
	p := parties()
	text := p.issue(t, nil)
	shown := p.present(t, text, nil)
	for name, c := range map[string]struct {
		change     func(*mdoc.Policy)
		check, why string
	}{
		"no issuer key":     {func(p *mdoc.Policy) { p.IssuerKey = nil }, credential.CheckPolicy, "IssuerKey"},
		"no time":           {func(p *mdoc.Policy) { p.Now = time.Time{} }, credential.CheckPolicy, "Now"},
		"negative skew":     {func(p *mdoc.Policy) { p.Skew = -1 }, credential.CheckPolicy, "Skew"},
		"no document types": {func(p *mdoc.Policy) { p.DocTypes = nil }, credential.CheckPolicy, "DocTypes"},
		"no transcript":     {func(p *mdoc.Policy) { p.Transcript = mdoc.Transcript{} }, credential.CheckPolicy, "Transcript"},
		"another type":      {func(p *mdoc.Policy) { p.DocTypes = []string{"other"} }, credential.CheckType, "accepted are other"},
		"another digest":    {func(p *mdoc.Policy) { p.Digests = []mdoc.Digest{mdoc.SHA512} }, credential.CheckStructure, "not allowed"},
		"another algorithm": {func(p *mdoc.Policy) { p.IssuerAlgs = []cose.Alg{cose.EdDSA} }, credential.CheckIssuerSignature, "not allowed"},
		"no algorithm":      {func(p *mdoc.Policy) { p.IssuerAlgs = []cose.Alg{} }, credential.CheckIssuerSignature, "not allowed"},
		"no device":         {func(p *mdoc.Policy) { p.DeviceAlgs = []cose.Alg{} }, credential.CheckHolderBinding, "not allowed"},
		"no digest":         {func(p *mdoc.Policy) { p.Digests = []mdoc.Digest{} }, credential.CheckStructure, "not allowed"},
		"another device":    {func(p *mdoc.Policy) { p.DeviceAlgs = []cose.Alg{cose.EdDSA} }, credential.CheckHolderBinding, "not allowed"},
		"no trusted key":    {func(p *mdoc.Policy) { p.IssuerKey = key(nil, nil) }, credential.CheckIssuerTrust, "no trusted key"},
		"a refused key":     {func(p *mdoc.Policy) { p.IssuerKey = key(parties().issuer.Key.Public(), errors.New("no")) }, credential.CheckIssuerTrust, "no trusted key"},
		"another key":       {func(p *mdoc.Policy) { p.IssuerKey = key(parties().holder.Public(), nil) }, credential.CheckIssuerSignature, "does not verify"},
	} {
		policy := p.policy(t)
		c.change(&policy)
		v, err := mdoc.Verify(shown, policy)
		t.Run(name, func(t *testing.T) {
			if v != nil {
				t.Error("something is returned")
			}
			refused(t, err, c.check, c.why)
		})
	}
	_, err := parse(t, text).VerifyIssued(p.policy(t))
	refused(t, err, credential.CheckPolicy, "bound to no request")
	// Skew moves both ends.
	policy := p.policy(t)
	policy.Now, policy.Skew = now.Add(-time.Minute), 2*time.Minute
	policy.IssuerKey = key(p.issuer.Key.Public(), nil)
	if _, err := mdoc.Verify(shown, policy); err != nil {
		t.Error(err)
	}
	policy.Skew = 30 * time.Second
	_, err = mdoc.Verify(shown, policy)
	refused(t, err, credential.CheckValidity, "future")
}

func key(pub crypto.PublicKey, err error) func(*cose.Sign1, mdoc.Unverified) (crypto.PublicKey, error) {
	return func(*cose.Sign1, mdoc.Unverified) (crypto.PublicKey, error) { return pub, err }
}
