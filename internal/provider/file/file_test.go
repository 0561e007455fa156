package file

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/declared"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/provider/mapping"
)

const citizen, other = "85073003328", "99043002320"

const courses = `data_type: course
record: {reference: id, subject: insz}
refuse:
  - {reason: annulled, from: state, is: [void]}
claims:
  - {claim: title, from: title, required: true}
  - {claim: finished, as: date, from: finished}
`

func fetch(t testing.TB, s Source, content string, max int64) (provider.Answer, *mapping.Mapping, error) {
	t.Helper()
	m, err := mapping.Parse("m.yaml", []byte(courses))
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Config{FS: fstest.MapFS{"f": {Data: []byte(content)}}, Name: "f", Source: s, Mapping: m, MaxBytes: max})
	if err != nil {
		t.Fatal(err)
	}
	n, err := identifier.ParseINSZ(citizen)
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Fetch(context.Background(), provider.Query{Supplier: "s", Subject: n})
	return a, m, err
}

func TestFetch(t *testing.T) {
	for _, c := range []struct {
		name    string
		s       Source
		content string
	}{
		{"csv", Source{Format: CSV}, "\ufeffid,insz,state,title,finished\r\n1," + citizen + ",ok,\"Lassen,\n 1\",2020-06\r\n2," + other + ",ok,x,\r\n3,85.07.30-033.28,void,x,\r\n4,nobody,ok,x,\r\n5," + citizen + ",ok,,\r\n"},
		{"csv with semicolons", Source{Format: CSV, Delimiter: ";"}, "id;insz;state;title;finished\n1;" + citizen + ";ok;\"Lassen,\n 1\";2020-06\n2;" + other + ";ok;x;\n3;" + citizen + ";void;x;\n4;;ok;x;\n5;" + citizen + ";ok;;\n"},
		{"jsonl", Source{Format: JSONL}, `{"id":1,"insz":"` + citizen + `","title":"Lassen,\n 1","finished":"2020-06"}` + "\n\n" + `{"id":2,"insz":"` + other + `","title":"x"}` + "\r\n" + `{"id":3,"insz":"` + citizen + `","state":"void"}` + "\n" + `{"id":4,"insz":null}` + "\n" + `{"id":5,"insz":"` + citizen + `"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, m, err := fetch(t, c.s, c.content, 0)
			if err != nil || len(a.Records) != 2 || len(a.Refused) != 1 || a.Refused[0].Reason != provider.Annulled || a.NoData {
				t.Fatal(a, err)
			}
			if len(a.Notices) != 1 || !strings.HasPrefix(a.Notices[0], "line ") || strings.Contains(a.Notices[0], "nobody") {
				t.Fatal(a.Notices)
			}
			mapped, refused := m.Apply(a.Records)
			if len(refused) != 1 || refused[0].Reason != provider.MissingClaim || refused[0].Ref != "5" {
				t.Fatal(refused)
			}
			if b, err := mapped[0].Claims.MarshalJSON(); err != nil || string(b) != `{"title":"Lassen, 1","finished":"2020-06"}` {
				t.Fatalf("%s %v", b, err)
			}
		})
	}
}

// A row says that its record comes later (OpenID4VCI 1.0, Section 9).
func TestLater(t *testing.T) {
	m, err := mapping.Parse("m.yaml", []byte(strings.Replace(courses, "refuse:\n", "later: [{from: state, is: [asked], again: 1h}]\nrefuse:\n", 1)))
	if err != nil {
		t.Fatal(err)
	}
	n, err := identifier.ParseINSZ(citizen)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"f": {Data: []byte("id,insz,state,title\n1," + citizen + ",asked,\n2," + other + ",asked,\n")}}
	r, err := New(Config{FS: files, Name: "f", Source: Source{Format: CSV}, Mapping: m})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() provider.Answer {
		a, err := r.Fetch(t.Context(), provider.Query{Supplier: "s", Subject: n})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := ask(); len(a.Records)+len(a.Refused) != 0 || len(a.Pending) != 1 || a.Pending[0].Ref != "1" || a.Pending[0].Again != time.Hour || a.NoData {
		t.Errorf("%+v", a)
	}
	files["f"].Data = []byte("id,insz,state,title\n1," + citizen + ",ok,Lassen\n")
	if a := ask(); len(a.Records) != 1 || len(a.Pending) != 0 {
		t.Errorf("%+v", a)
	}
}

func TestNoData(t *testing.T) {
	a, _, err := fetch(t, Source{Format: CSV}, "id,insz\n1,"+other+"\n", 0)
	if err != nil || !a.NoData || len(a.Refused) != 0 {
		t.Fatal(a, err)
	}
}

func TestUnusableFiles(t *testing.T) {
	for _, c := range []struct {
		name    string
		s       Source
		content string
		max     int64
		want    string
	}{
		{"empty", Source{Format: CSV}, "", 0, "line 1"},
		{"ragged", Source{Format: CSV}, "id,insz\n1\n", 0, "line 2"},
		{"bare quote", Source{Format: CSV}, "id,insz\n1,a\"b\n", 0, "line 2"},
		{"column twice", Source{Format: CSV}, "id,id\n", 0, "column 2"},
		{"column without a name", Source{Format: CSV}, "id,\n", 0, "column 2"},
		{"column that no path reaches", Source{Format: CSV}, "id,a/b\n", 0, "column 2"},
		{"not UTF-8", Source{Format: CSV}, "id,insz\n1,\xff\n", 0, "line 2: column \"insz\""},
		{"too large", Source{Format: CSV}, "id,insz\n" + strings.Repeat("1,2\n", 100), 100, "larger"},
		{"not JSON", Source{Format: JSONL}, "{}\n{\n", 0, "line 2"},
		{"duplicate member", Source{Format: JSONL}, `{"a":1,"a":2}`, 0, "line 1"},
		{"array", Source{Format: JSONL}, `[]`, 0, "line 1"},
		{"long line", Source{Format: JSONL}, `{"a":"` + strings.Repeat("a", maxLine) + `"}`, 0, "line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _, err := fetch(t, c.s, c.content, c.max)
			if !errors.Is(err, provider.ErrAnswer) || !strings.Contains(err.Error(), c.want) || a.Records != nil {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestNewAndSourceRefuse(t *testing.T) {
	m, err := mapping.Parse("m.yaml", []byte(strings.Replace(courses, "subject: insz", "subject: $question", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{FS: fstest.MapFS{}, Name: "f", Source: Source{Format: CSV}, Mapping: m}); err == nil {
		t.Fatal("nothing says whose record it is")
	}
	for text, want := range map[string]string{
		"format: xls\n":                  "s.yaml:1: format",
		"format: csv\ndelimiter: x\n":    "s.yaml:2: delimiter",
		"format: jsonl\ndelimiter: ;\n":  "s.yaml:2: delimiter",
		"format: csv\ndelimiter: \",;\"": "delimiter",
	} {
		if _, err := ParseSource("s.yaml", []byte(text)); !errors.Is(err, declared.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ParseSource("s.yaml", []byte("format: csv\ndelimiter: \"\\t\"\n")); err != nil {
		t.Error(err)
	}
	m2, _ := mapping.Parse("m.yaml", []byte(courses))
	r, err := New(Config{FS: fstest.MapFS{}, Name: "f", Source: Source{Format: CSV}, Mapping: m2})
	if err != nil {
		t.Fatal(err)
	}
	n, _ := identifier.ParseINSZ(citizen)
	if _, err := r.Fetch(context.Background(), provider.Query{Subject: n}); !errors.Is(err, provider.ErrUnavailable) {
		t.Error(err)
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte("id,insz,title\n1,"+citizen+",x\n"), true)
	f.Add([]byte(`{"id":1,"insz":"`+citizen+`","title":"x"}`), false)
	f.Fuzz(func(t *testing.T, b []byte, asCSV bool) {
		s := Source{Format: JSONL}
		if asCSV {
			s.Format = CSV
		}
		a, m, err := fetch(t, s, string(b), 1<<16)
		if err != nil {
			if a.Records != nil {
				t.Fatal("an error, and records")
			}
			return
		}
		m.Apply(a.Records)
		for _, n := range a.Notices {
			if strings.Contains(n, citizen) {
				t.Fatal(fmt.Sprint("a notice names a citizen: ", n))
			}
		}
	})
}
