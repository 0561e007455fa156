package magda_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beevik/etree"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/magda"
	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
	"github.com/zegel-id/zegel/internal/provider/magda/magdadev"
	"github.com/zegel-id/zegel/internal/provider/magda/soap"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// schemas lays the published schemas out as they refer to each other, with
// our stand-in for what was not published with them.
func schemas(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("xmllint"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("xmllint is not installed (Debian: libxml2-utils): nothing is held against the schemas")
		}
		t.Skip("SKIPPED: xmllint is not installed (Debian: libxml2-utils): nothing is held against the schemas")
	}
	root, published := t.TempDir(), testvectors.Dir(t, "led/xsd")
	place := func(from, to string) {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		to = filepath.Join(root, to)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"Bewijs.xsd", "BewijsComplex.xsd", "BewijsSimple.xsd", "BewijsEnum.xsd"} {
		place(filepath.Join(published, name), "Bewijs/"+name)
	}
	place(filepath.Join(published, "GeefBewijs.xsd"), "GeefBewijsDienst-02.00/WebService/GeefBewijs.xsd")
	place("testdata/xsd/GeefBewijsResponse.xsd", "GeefBewijsDienst-02.00/WebService/GeefBewijsResponse.xsd")
	place("testdata/xsd/Generiek.xsd", "Generiek-02.00/Generiek.xsd")
	return filepath.Join(root, "GeefBewijsDienst-02.00/WebService/GeefBewijsResponse.xsd")
}

func validate(t *testing.T, schema string, document []byte) error {
	t.Helper()
	cmd := exec.Command("xmllint", "--nonet", "--noout", "--schema", schema, "-")
	cmd.Stdin = bytes.NewReader(document)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("%s", out)
	}
	return err
}

// inBody is the element in the Body as a document of its own.
func inBody(t *testing.T, message []byte) []byte {
	t.Helper()
	e, err := soap.ParseEnvelope(message)
	if err != nil {
		t.Fatal(err)
	}
	only, err := soap.Only(e.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc := etree.NewDocument()
	doc.SetRoot(only.Copy())
	b, err := doc.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recorder keeps the messages that pass.
type recorder struct {
	next              *http.Client
	request, response []byte
	header            http.Header
}

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	r.request, _ = io.ReadAll(req.Body)
	r.header = req.Header.Clone()
	req.Body = io.NopCloser(bytes.NewReader(r.request))
	res, err := r.next.Do(req)
	if err != nil {
		return nil, err
	}
	r.response, err = io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(r.response))
	return res, err
}

func TestMessagesAndFixturesAreValid(t *testing.T) {
	schema := schemas(t)
	files, err := fs.Glob(fixtures.Answers(), "*.xml")
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		b, err := fs.ReadFile(fixtures.Answers(), name)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, schema, b); err != nil {
			t.Errorf("fixture %s is not valid", name)
		}
		if err := validate(t, schema, bytes.Replace(b, []byte("<Code>1</Code>"), []byte("<Code>2</Code>"), 1)); err == nil {
			t.Fatal("an invalid record is valid: the check checks nothing")
		}
	}
	srv := plain(t, magdadev.Service{Declared: magda.LEDGeefBewijs(), Answers: fixtures.Answers()})
	rec := &recorder{next: srv.Client()}
	c, err := magda.New(magda.Config{URL: srv.URL + magdadev.Path, AllowLoopbackHTTP: true, HTTP: rec,
		Service: magda.LEDGeefBewijs(), Mapping: mapping.LEDDiploma(), Sender: magda.Sender{Identification: "vault.example", Capacity: "1300"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{fixtures.WithDiplomas, fixtures.WithTraps, fixtures.WithPromise, fixtures.WithoutData} {
		if _, err := c.Fetch(context.Background(), provider.Query{Supplier: "led", Subject: insz(t, number), CorrelationID: "corr-1"}); err != nil {
			t.Fatal(err)
		}
		if err := validate(t, schema, inBody(t, rec.request)); err != nil {
			t.Error("our request is not valid")
		}
		if err := validate(t, schema, inBody(t, rec.response)); err != nil {
			t.Error("the development server's answer is not valid")
		}
		if rec.header.Get("x-correlation-id") != "corr-1" || rec.header.Get("SOAPAction") != `""` || !strings.HasPrefix(rec.header.Get("Content-Type"), "text/xml") {
			t.Error("headers", rec.header)
		}
		for name, values := range rec.header {
			if strings.Contains(strings.Join(values, " "), number) {
				t.Errorf("header %s names the citizen", name)
			}
		}
	}
}
