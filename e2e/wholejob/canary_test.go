package wholejob

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
)

func TestReadable(t *testing.T) {
	for _, secret := range []string{
		fixtures.WithDiplomas, fixtures.WithTraps, fixtures.WithoutData, "Lotte", "Bachelor in de informatica", "Wetenschappen-wiskunde",
		"Diploma Master Ingenieurswetenschappen: computerwetenschappen", "Universiteit van het Voorbeeld", "3de graad Secundair onderwijs Kantoor",
	} {
		if Readable([]byte(`{"claim":"`+secret+`"}`)) == "" {
			t.Errorf("%q is not found in clear", secret)
		}
		if len(secret) < 10 {
			continue
		}
		for before := range 3 {
			for after := range 3 {
				plain := []byte("xxx"[:before] + secret + "xxx"[:after])
				for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
					if Readable([]byte(encoding.EncodeToString(plain))) == "" {
						t.Errorf("%q is not found in base64 after %d bytes", secret, before)
					}
				}
			}
		}
	}
	for _, harmless := range []string{"", "lotte", "xxLottexx", "Niet beschikbaar", "8567142028", "Diploma", "informatica"} {
		if found := Readable([]byte(harmless)); found != "" {
			t.Errorf("%q is found in %q", found, harmless)
		}
	}
}

// The story itself, on the embedded store and local pods.
func TestEmbedded(t *testing.T) {
	d := Build(t).Start(t)
	Told(t, d.Printed())
	if Readable([]byte(d.Printed())) == "" {
		t.Error("what the citizen sees holds no canary: nothing is searched for")
	}
	v := d.Lotte(t)
	pods := filepath.Join(d.Data, "pods")
	if n := envelopes(t, pods); n < 4 {
		t.Errorf("%d envelopes in the pods, expected at least three credentials and the index", n)
	}
	CleanDir(t, pods)
	d.Delete(t, v)
	if n := envelopes(t, pods); n != 0 {
		t.Errorf("%d envelopes are left after the deletion", n)
	}
	d.Stop(t)
	CleanDir(t, filepath.Join(d.Data, "store"))
}

// envelopes counts the files that hold ciphertext.
func envelopes(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.HasPrefix(string(b), `{"jwe":`) {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
