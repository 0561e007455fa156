package magda

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/provider/declared"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/provider/magda/soap"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func TestParseServiceLint(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"name: GeefBewijs", "name: 1", "led.yaml:2: name"},
		{"version: 02.00.0000", "version: 2.0", "led.yaml:3: version"},
		{"namespace: http", "namespace: ' http", "led.yaml"},
		{"subject: true", "value: x", "exactly one element has subject"},
		{"element: INSZ, subject: true", "element: INSZ, subject: true, value: x", "either subject"},
		{"element: INSZ", "element: a//b", "question[0].element"},
		{"records: Bewijzen/Bewijs", "records: a//b", "records"},
		{"no_data: [\"40000\"]", "no_data: []", "exceptions.no_data"},
		{"records:", "record:", "\"record\""},
	} {
		if !strings.Contains(string(ledGeefBewijs), c.old) {
			t.Fatalf("%q changes nothing", c.old)
		}
		_, err := ParseService("led.yaml", []byte(strings.Replace(string(ledGeefBewijs), c.old, c.new, 1)))
		if !errors.Is(err, declared.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.new, err, c.want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	dir := testvectors.Dir(f, "led/GeefBewijs")
	files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 20_000 {
			f.Add(b)
		}
	}
	s, m := LEDGeefBewijs(), mapping.LEDDiploma()
	subject, err := identifier.ParseINSZ("00671031676")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := soap.ParseEnvelope([]byte(`<s:Envelope xmlns:s="` + soap.Namespace + `"><s:Body>` + string(b) + `</s:Body></s:Envelope>`))
		if err != nil {
			return
		}
		got, err := s.answer(e.Body, references{"XE:193:25162:8280", "8280"})
		if err != nil {
			if got.records != nil {
				t.Fatal("an error, and records")
			}
			return
		}
		records := m.Sort("led", subject, got.records).Records
		for _, r := range records {
			if !r.Subject.Equal(subject) {
				t.Fatal("another person's record")
			}
		}
		mapped, _ := m.Apply(records)
		for _, x := range mapped {
			text, err := x.Claims.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), subject.Reveal()) {
				t.Fatal("the identifier is in the claims")
			}
		}
	})
}
