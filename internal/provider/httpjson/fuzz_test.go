package httpjson

import (
	"reflect"
	"slices"
	"testing"
)

func FuzzParseSource(f *testing.F) {
	for _, s := range []string{
		"subject: insz\nmembers: {version: \"1\"}\nrecords: data/courses\nno_data_status: [404]\n", "subject: insz\nmembers: {insz: x}\n", "subject: insz\nrecords: a//b\n", "subject: insz\nno_data_status: [200]\n", "x: 1", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSource("s.yaml", b)
		if err != nil {
			if !reflect.DeepEqual(s, Source{}) {
				t.Fatal("a failed parse returned a source")
			}
			return
		}
		if _, clash := s.Members[s.Subject]; s.Subject == "" || clash || slices.Contains(s.NoDataStatus, 200) {
			t.Errorf("%+v was loaded", s)
		}
	})
}
