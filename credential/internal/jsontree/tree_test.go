package jsontree

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// said is a value of a tree as encoding/json would read it.
func said(t *Tree, at int32) any {
	n := t.Nodes[at]
	switch n.Kind {
	case False, True:
		return n.Kind == True
	case Number:
		return json.Number(n.Text)
	case String:
		return n.Text
	case Array:
		all := []any{}
		for c := at + 1; c < n.End; c = t.Nodes[c].End {
			all = append(all, said(t, c))
		}
		return all
	case Object:
		all := map[string]any{}
		for c := at + 1; c < n.End; c = t.Nodes[c].End {
			all[t.Nodes[c].Name] = said(t, c)
		}
		return all
	}
	return nil
}

func TestCopyWithout(t *testing.T) {
	const text = `[{"a": 1, "b": {"c": [true, {}], "d": "x"}, "e": [], "f": {"g": null}}, 2]`
	var whole Tree
	if err := whole.Read(text, true); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a", "b", "e", "f"} {
		want := said(&whole, 1).(map[string]any)
		delete(want, name)
		without, _ := whole.Member(1, name)
		copied := Tree{Nodes: make([]Node, 3)}
		copied.Copy(&whole, 1, without)
		if got := said(&copied, 0); !reflect.DeepEqual(got, want) {
			t.Errorf("without %q: %v, want %v", name, got, want)
		}
		if last := copied.Nodes[0].End; int(last) != len(copied.Nodes) {
			t.Errorf("without %q: the end is %d of %d", name, last, len(copied.Nodes))
		}
	}
	if got := said(&whole, 0).([]any); len(got) != 2 || len(got[0].(map[string]any)) != 4 {
		t.Errorf("the copied tree is now %v", got)
	}
}

// FuzzRead: what is read is JSON, and says what encoding/json reads.
func FuzzRead(f *testing.F) {
	for _, text := range []string{`{"a": [1.5e3, -0, "x\u00e9\ud83d\ude00\n"], "@b": {"": null}}`, `"\ud800"`, `{"a":1,"a":2}`, `"` + "\x80" + `"`, ` [ ] `,
		"[\"\uffff\"]", `9007199254740993`, `1e400`, `01`, `[1,]`, strings.Repeat("[", 65), `{"é": "Ω plain and longer than eight bytes\\"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var loose, strict Tree
		err := loose.Read(text, false)
		if strictErr := strict.Read(text, true); err != nil && strictErr == nil {
			t.Errorf("only strictly: %v", err)
		}
		if err != nil {
			return
		}
		var want any
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if got := said(&loose, 0); !reflect.DeepEqual(got, want) {
			t.Errorf("%v, encoding/json reads %v", got, want)
		}
		for at, n := range loose.Nodes {
			if raw := loose.Raw(int32(at)); raw == "" || n.NameAt > 0 && text[n.NameAt] != '"' {
				t.Errorf("node %d stands at %d to %d, its name at %d", at, n.From, n.To, n.NameAt)
			}
		}
	})
}
