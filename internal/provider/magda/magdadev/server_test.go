package magdadev

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/zegel-id/zegel/internal/provider/magda"
	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
	"github.com/zegel-id/zegel/internal/provider/magda/soap"
)

const request = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><g:GeefBewijs xmlns:g="http://geefbewijs.bewijsraadplegingdienst.led.vlaanderen.be"><Verzoek><Context><Naam>GeefBewijs</Naam><Versie>02.00.0000</Versie><Bericht><Type>VRAAG</Type><Afzender><Identificatie>us</Identificatie><Referte>m</Referte></Afzender></Bericht></Context><Vragen><Vraag><Referte>q</Referte><Inhoud><INSZ>` + fixtures.WithoutData + `</INSZ></Inhoud></Vraag></Vragen></Verzoek></g:GeefBewijs></s:Body></s:Envelope>`

func ask(t *testing.T, c Config, body string, change func(*http.Request)) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader(body))
	r.Header.Set("Content-Type", soap.ContentType)
	r.Header.Set("SOAPAction", `""`)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	Handler(c).ServeHTTP(w, r)
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b)
}

func led(answers fstest.MapFS) Config {
	return Config{Services: []Service{{Declared: magda.LEDGeefBewijs(), Answers: answers}}}
}

func TestUnknownCitizenHasNoData(t *testing.T) {
	code, body := ask(t, led(nil), request, nil)
	if code != 200 || !strings.Contains(body, "<Identificatie>40000</Identificatie>") || !strings.Contains(body, "Geen gegevens gevonden.") || !strings.Contains(body, "<Referte>q</Referte>") {
		t.Fatal(code, body)
	}
}

// What is not ready yet is answered in another way, for those who have one.
func TestReadyLater(t *testing.T) {
	answer := func(word string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`<a:GeefBewijsResponse xmlns:a="http://geefbewijs.bewijsraadplegingdienst.led.vlaanderen.be"><Repliek><Antwoorden><Antwoord><Referte/><Inhoud>` + word + `</Inhoud></Antwoord></Antwoorden></Repliek></a:GeefBewijsResponse>`)}
	}
	ready := false
	c := led(fstest.MapFS{fixtures.WithoutData + ".xml": answer("NOW"), fixtures.WithoutData + ".later.xml": answer("SOON"), fixtures.WithTraps + ".xml": answer("ALWAYS")})
	c.Services[0].Ready = func(string) bool { return ready }
	if code, body := ask(t, c, request, nil); code != 200 || !strings.Contains(body, "SOON") {
		t.Error(code, body)
	}
	if code, body := ask(t, c, strings.Replace(request, fixtures.WithoutData, fixtures.WithTraps, 1), nil); code != 200 || !strings.Contains(body, "ALWAYS") {
		t.Error(code, body)
	}
	ready = true
	if code, body := ask(t, c, request, nil); code != 200 || !strings.Contains(body, "NOW") {
		t.Error(code, body)
	}
}

func TestBadRequestsAreFaults(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		change         func(*http.Request)
		want           string
	}{
		{"no SOAPAction", "", "", func(r *http.Request) { r.Header.Del("SOAPAction") }, "SOAPAction"},
		{"JSON", "", "", func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, "Content-Type"},
		{"not XML", "<s:Body>", "<s:Body", nil, "not strict XML"},
		{"document type", "<s:Envelope", "<!DOCTYPE x><s:Envelope", nil, "document type"},
		{"huge", "<s:Envelope", strings.Repeat(" ", maxRequest) + "<s:Envelope", nil, "larger"},
		{"no envelope", "s:Envelope", "s:Letter", nil, "Envelope"},
		{"unknown service", "g:GeefBewijs", "g:RegistreerBewijs", nil, "no service"},
		{"other version", "02.00.0000", "01.00.0000", nil, "Versie"},
		{"not a question", "VRAAG", "ANTWOORD", nil, "VRAAG"},
		{"no reference", "<Referte>q</Referte>", "", nil, "required"},
		{"two INSZ", "</Inhoud>", "<INSZ>1</INSZ></Inhoud>", nil, "Inhoud/INSZ"},
		{"bad check number", fixtures.WithoutData, "78710511825", nil, "check number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			message := request
			if c.old != "" {
				message = strings.ReplaceAll(request, c.old, c.new)
			}
			code, body := ask(t, led(nil), message, c.change)
			if code != 500 || !strings.Contains(body, "soapenv:Client") || !strings.Contains(body, c.want) {
				t.Fatal(code, body)
			}
			if strings.Contains(body, "7871051182") {
				t.Fatal("the fault names the citizen")
			}
		})
	}
	if code, _ := ask(t, led(nil), request, func(r *http.Request) { r.Method = http.MethodGet }); code != http.StatusMethodNotAllowed {
		t.Error("GET", code)
	}
	for name, stored := range map[string]string{"no XML": "x", "no Repliek": "<a/>"} {
		code, body := ask(t, led(fstest.MapFS{fixtures.WithoutData + ".xml": {Data: []byte(stored)}}), request, nil)
		if code != 500 || !strings.Contains(body, "soapenv:Server") {
			t.Error(name, code, body)
		}
	}
	if code, body := ask(t, Config{Services: led(nil).Services, RequireClientCertificate: true}, request, nil); code != 500 || !strings.Contains(body, "client certificate") {
		t.Error(code, body)
	}
}
