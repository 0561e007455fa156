package magda_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/magda"
	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
	"github.com/zegel-id/zegel/internal/provider/magda/magdadev"
	"github.com/zegel-id/zegel/internal/provider/magda/soap"
	"github.com/zegel-id/zegel/internal/provider/magda/wssecurity"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/internal/provider/outbound"
)

// pki is a small hierarchy for both sides.
type pki struct {
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
	n    int64
}

func newPKI(t testing.TB, name string) *pki {
	t.Helper()
	p := &pki{pool: x509.NewCertPool()}
	c := p.issue(t, name, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	p.ca, p.key = c.Leaf, c.PrivateKey.(*ecdsa.PrivateKey)
	p.pool.AddCert(p.ca)
	return p
}

func (p *pki) issue(t testing.TB, name string, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.n++
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(p.n), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	if change != nil {
		change(tmpl)
	}
	parent, signer := p.ca, p.key
	if parent == nil {
		parent, signer = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func signing(c tls.Certificate) *wssecurity.Signing {
	return &wssecurity.Signing{Key: c.PrivateKey.(*ecdsa.PrivateKey), Certificate: c.Leaf}
}

// secured is a development platform with mutual TLS that verifies requests
// and signs answers.
type secured struct {
	*httptest.Server
	pki         *pki
	us, service tls.Certificate
}

func newSecured(t testing.TB) *secured {
	t.Helper()
	p := newPKI(t, "Development CA")
	s := &secured{pki: p, us: p.issue(t, "us", nil), service: p.issue(t, "platform", nil)}
	signer, err := wssecurity.NewSigner(*signing(s.service))
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewUnstartedServer(magdadev.Handler(magdadev.Config{
		Services: []magdadev.Service{{Declared: magda.LEDGeefBewijs(), Answers: fixtures.Answers()}},
		Verify:   &wssecurity.Verification{Roots: p.pool}, Sign: signer, RequireClientCertificate: true,
	}))
	s.TLS = magda.ServerTLS(s.service, p.pool)
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *secured) client(t testing.TB, with tls.Certificate, change func(*magda.Config)) *magda.Client {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: magda.ClientTLS(with, s.pki.pool)}
	t.Cleanup(tr.CloseIdleConnections)
	c := magda.Config{URL: s.URL + magdadev.Path, HTTP: &http.Client{Transport: tr}, Service: magda.LEDGeefBewijs(), Mapping: mapping.LEDDiploma(),
		Sender: magda.Sender{Identification: "vault.example"}, Signing: signing(s.us), VerifyAnswers: &wssecurity.Verification{Roots: s.pki.pool},
		Limits: outbound.Limits{Attempts: 1}}
	if change != nil {
		change(&c)
	}
	client, err := magda.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func query(t testing.TB, number string) provider.Query {
	return provider.Query{Supplier: "led", DataType: "led-diploma", Subject: insz(t, number)}
}

func TestSOAPOverMutualTLS(t *testing.T) {
	s := newSecured(t)
	r, err := provider.ParseRegister("register.yaml", fixtures.Register())
	if err != nil {
		t.Fatal(err)
	}
	r.AllowTestNumbers = true
	if err := r.Attach("led", "led-diploma", s.client(t, s.us, nil)); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()

	a, err := r.Fetch(ctx, query(t, fixtures.WithDiplomas))
	if err != nil || len(a.Records) != 3 || len(a.Refused) != 0 || a.NoData {
		t.Fatal(a, err)
	}
	mapped, refused := mapping.LEDDiploma().Apply(a.Records)
	if len(mapped) != 3 || len(refused) != 0 {
		t.Fatal(refused)
	}
	for i, want := range []string{"Diploma ASO 3de graad Secundair onderwijs Wetenschappen-wiskunde", "Bachelor in de informatica", "Master in de ingenieurswetenschappen: computerwetenschappen"} {
		if got, _ := mapped[i].Claims.Lookup("title"); got != want {
			t.Errorf("title %q, want %q", got, want)
		}
	}
	if eqf, _ := mapped[2].Claims.Lookup("level", "eqf"); eqf != "7" {
		t.Errorf("EQF %v", eqf)
	}
	if country, _ := mapped[2].Claims.Lookup("awarding_institution", "country"); country != "BE" {
		t.Errorf("country %v", country)
	}

	a, err = r.Fetch(ctx, query(t, fixtures.WithTraps))
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, x := range a.Refused {
		reasons = append(reasons, string(x.Reason))
	}
	if fmt.Sprint(reasons) != "[annulled self_declared wrong_subject]" || len(a.Records) != 3 {
		t.Fatal(reasons, len(a.Records))
	}
	mapped, refused = mapping.LEDDiploma().Apply(a.Records)
	if len(refused) != 0 {
		t.Fatal(refused)
	}
	var dates []any
	for _, x := range mapped {
		d, _ := x.Claims.Lookup("award_date")
		dates = append(dates, d)
	}
	if fmt.Sprint(dates) != "[<nil> 2015 2016-06]" {
		t.Error("award dates", dates)
	}
	if _, ok := mapped[0].Claims.Lookup("level", "vks"); ok {
		t.Error("NBS became a claim")
	}
	if eqf, _ := mapped[2].Claims.Lookup("level", "eqf"); eqf != "5" {
		t.Error("the professional qualification has a level too", eqf)
	}

	a, err = r.Fetch(ctx, query(t, fixtures.WithoutData))
	if err != nil || !a.NoData || len(a.Records)+len(a.Refused) != 0 || !strings.Contains(strings.Join(a.Notices, " "), "Geen gegevens gevonden") {
		t.Fatal(a, err)
	}
}

func TestThePlatformRefusesOthers(t *testing.T) {
	s := newSecured(t)
	stranger := newPKI(t, "Other CA").issue(t, "stranger", nil)
	for _, c := range []struct {
		name   string
		with   tls.Certificate
		change func(*magda.Config)
		want   string
	}{
		{"no client certificate", tls.Certificate{}, nil, ""},
		{"client certificate of another CA", stranger, nil, ""},
		{"unsigned", s.us, func(c *magda.Config) { c.Signing = nil }, "SOAP fault Client: WS-Security"},
		{"signed by a stranger", s.us, func(c *magda.Config) { c.Signing = signing(stranger) }, "InvalidSecurityToken"},
		{"body not signed", s.us, func(c *magda.Config) { c.Signing.Parts = []wssecurity.Part{wssecurity.PartTimestamp} }, "FailedCheck"},
		{"stale timestamp", s.us, func(c *magda.Config) {
			c.Signing.Now = func() time.Time { return time.Now().Add(-30 * time.Minute) }
		}, "MessageExpired"},
		{"other service version", s.us, func(c *magda.Config) {
			x := *c.Service
			x.Version = "02.01.0000"
			c.Service = &x
		}, "SOAP fault Client: Context"},
		{"other service", s.us, func(c *magda.Config) {
			x := *c.Service
			x.Name = "AnnuleerBewijs"
			c.Service = &x
		}, "SOAP fault Client: no service"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := s.client(t, c.with, c.change).Fetch(context.Background(), query(t, fixtures.WithDiplomas))
			// A server that ends the connection after the handshake (TLS 1.3)
			// may be seen as an alert or as a broken connection.
			refused := errors.Is(err, provider.ErrAnswer) || c.want == "" && errors.Is(err, provider.ErrUnavailable)
			if !refused || !strings.Contains(err.Error(), c.want) || a.Records != nil {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), fixtures.WithDiplomas) {
				t.Fatal("the error names the citizen")
			}
		})
	}
}

func TestThePlatformIsNotBelievedBlindly(t *testing.T) {
	s := newSecured(t)
	elsewhere := newPKI(t, "Other CA")
	for _, c := range []struct {
		name   string
		change func(*magda.Config)
		want   string
	}{
		{"server of another CA", func(c *magda.Config) {
			c.HTTP = &http.Client{Transport: &http.Transport{TLSClientConfig: magda.ClientTLS(s.us, elsewhere.pool)}}
		}, "TLS"},
		{"answer signed by another", func(c *magda.Config) {
			c.VerifyAnswers = &wssecurity.Verification{Roots: elsewhere.pool}
		}, "InvalidSecurityToken"},
		{"answer changed on the way", func(c *magda.Config) {
			c.HTTP = &rewriter{c.HTTP, func(b string) string { return strings.Replace(b, "Niveau 7", "Niveau 8", 1) }}
		}, "FailedCheck"},
		{"answer wrapped", func(c *magda.Config) {
			c.HTTP = &rewriter{c.HTTP, func(b string) string {
				i, j := strings.Index(b, "<soapenv:Body"), strings.Index(b, "</soapenv:Body>")
				body := b[i : j+len("</soapenv:Body>")]
				evil := strings.Replace(body, "Niveau 7", "Niveau 8", 1)
				b = strings.Replace(b, "</soapenv:Header>", "<x>"+body+"</x></soapenv:Header>", 1)
				return strings.Replace(b, "</soapenv:Header>"+body, "</soapenv:Header>"+evil, 1)
			}}
		}, "InvalidSecurity"},
		{"signature taken off", func(c *magda.Config) {
			c.HTTP = &rewriter{c.HTTP, func(b string) string {
				i, j := strings.Index(b, "<wsse:Security"), strings.Index(b, "</wsse:Security>")
				return b[:i] + b[j+len("</wsse:Security>"):]
			}}
		}, "InvalidSecurity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := s.client(t, s.us, c.change).Fetch(context.Background(), query(t, fixtures.WithDiplomas))
			if !errors.Is(err, provider.ErrAnswer) || !strings.Contains(err.Error(), c.want) || a.Records != nil {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

// rewriter changes answers on their way.
type rewriter struct {
	next   outbound.Doer
	change func(string) string
}

func (r *rewriter) Do(req *http.Request) (*http.Response, error) {
	res, err := r.next.Do(req)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(res.Body)
	res.Body.Close()
	changed := r.change(string(b))
	if err == nil && changed == string(b) {
		err = errors.New("the test changed nothing")
	}
	res.Body = io.NopCloser(strings.NewReader(changed))
	return res, err
}

// canned answers every request alike; the references are put in.
type canned struct {
	status int
	media  string
	body   string
	asked  int
}

func (c *canned) Do(req *http.Request) (*http.Response, error) {
	c.asked++
	b, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	e, err := soap.ParseEnvelope(b)
	if err != nil {
		return nil, err
	}
	find := func(path string) string { return soap.Text(e.Body.FindElement(path)) }
	body := strings.NewReplacer("$MESSAGE", find(".//Afzender/Referte"), "$QUESTION", find(".//Vraag/Referte")).Replace(c.body)
	h := http.Header{}
	h.Set("Content-Type", c.media)
	return &http.Response{StatusCode: c.status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
}

const answerHead = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><g:GeefBewijsResponse xmlns:g="http://geefbewijs.bewijsraadplegingdienst.led.vlaanderen.be"><Repliek><Context><Naam>GeefBewijs</Naam><Versie>02.00.0000</Versie><Bericht><Type>ANTWOORD</Type><Ontvanger><Referte>$MESSAGE</Referte></Ontvanger></Bericht></Context>`

const answerTail = `</Repliek></g:GeefBewijsResponse></s:Body></s:Envelope>`

func reply(inner string) string {
	return answerHead + `<Antwoorden><Antwoord><Referte>$QUESTION</Referte>` + inner + `</Antwoord></Antwoorden>` + answerTail
}

func exception(code, kind, diagnosis string) string {
	return `<Uitzondering><Identificatie>` + code + `</Identificatie><Oorsprong>LED</Oorsprong><Type>` + kind + `</Type><Diagnose>` + diagnosis + `</Diagnose></Uitzondering>`
}

func TestAnswers(t *testing.T) {
	record := `<Inhoud><Bewijzen><Bewijs><BewijsrefertesLed><Bewijsreferte>r</Bewijsreferte></BewijsrefertesLed><BewijsstatusLed><Code>1</Code></BewijsstatusLed><PersoonUitgereikt><INSZ>` + fixtures.WithDiplomas + `</INSZ></PersoonUitgereikt><Basis><Authenticiteit><Naam>Authentiek</Naam></Authenticiteit></Basis></Bewijs></Bewijzen></Inhoud>`
	ex := func(list ...string) string {
		return `<Uitzonderingen>` + strings.Join(list, "") + `</Uitzonderingen>`
	}
	none, filtered := exception("40000", "FOUT", "Geen gegevens"), exception("15021", "FOUT", "filtering")
	for _, c := range []struct {
		name string
		canned
		records int
		noData  bool
		want    string
	}{
		{"a record", canned{body: reply(record)}, 1, false, ""},
		{"a comment in a number changes nothing", canned{body: strings.Replace(reply(record), "8567", "85<!-- x -->67", 1)}, 1, false, ""},
		{"a record with a warning", canned{body: reply(record + ex(exception("1", "WAARSCHUWING", "let op")))}, 1, false, ""},
		{"a record, another source has none", canned{body: reply(record + ex(none))}, 1, false, ""},
		{"a record and an error", canned{body: reply(record + ex(exception("1", "FOUT", "stuk")))}, 0, false, "exception 1"},
		{"a record and a filter", canned{body: reply(record + ex(none, filtered))}, 0, false, "exception 15021"},
		{"no data", canned{body: reply(ex(none))}, 0, true, ""},
		{"no data, filtered", canned{body: reply(ex(filtered, none))}, 0, true, ""},
		{"no data at the top", canned{body: answerHead + ex(none) + answerTail}, 0, true, ""},
		{"filtered only", canned{body: reply(ex(filtered))}, 0, false, "exception 15021"},
		{"no data and an error", canned{body: reply(ex(none, exception("13202", "FOUT", "niet opvraagbaar")))}, 0, false, "exception 13202"},
		{"exception of unknown type", canned{body: reply(ex(exception("1", "IETS", "x")))}, 0, false, "exception 1"},
		{"only a warning", canned{body: reply(ex(exception("1", "WAARSCHUWING", "x")))}, 0, false, "neither"},
		{"nothing", canned{body: reply("")}, 0, false, "neither"},
		{"empty content", canned{body: reply("<Inhoud><Bewijzen/></Inhoud>")}, 0, false, "Inhoud has no"},
		{"an identifier in a diagnosis", canned{body: reply(ex(exception("1", "FOUT", "INSZ "+fixtures.WithDiplomas+" onbekend")))}, 0, false, "INSZ [insz] onbekend"},
		{"another question's answer", canned{body: strings.Replace(reply(record), "$QUESTION", "x", 1)}, 0, false, "Antwoord/Referte"},
		{"another message's answer", canned{body: strings.Replace(reply(record), "$MESSAGE", "x", 1)}, 0, false, "Ontvanger/Referte"},
		{"another service's answer", canned{body: strings.Replace(reply(record), "<Naam>GeefBewijs<", "<Naam>GeefPersoon<", 1)}, 0, false, "another service"},
		{"a question as answer", canned{body: strings.Replace(reply(record), "ANTWOORD", "VRAAG", 1)}, 0, false, "expected ANTWOORD"},
		{"another element", canned{body: strings.ReplaceAll(reply(record), "GeefBewijsResponse", "GeefBewijs")}, 0, false, "expected GeefBewijsResponse"},
		{"two answers", canned{body: strings.Replace(reply(record), "</Antwoorden>", "<Antwoord><Referte>$QUESTION</Referte></Antwoord></Antwoorden>", 1)}, 0, false, "one Antwoord"},
		{"two bodies", canned{body: strings.Replace(reply(record), "<s:Body>", "<s:Body/><s:Body>", 1)}, 0, false, "one Body"},
		{"an entity bomb", canned{body: `<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>` + reply(record)}, 0, false, "document type"},
		{"a page", canned{body: "<html>", media: "text/html"}, 0, false, "not text/xml"},
		{"not found", canned{body: "", status: 404}, 0, false, "HTTP status 404"},
		{"redirect", canned{body: "", status: 307}, 0, false, "HTTP status 307"},
		{"an answer as an error", canned{body: reply(record), status: 500}, 0, false, "status 500 with an answer"},
		{"a fault", canned{body: `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>voor ` + fixtures.WithDiplomas + `</faultstring></s:Fault></s:Body></s:Envelope>`, status: 500}, 0, false, "SOAP fault Client: voor [insz]"},
		{"huge", canned{body: reply(record) + strings.Repeat(" ", 1<<20)}, 0, false, "larger than the limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := c.canned
			if d.status == 0 {
				d.status = 200
			}
			if d.media == "" {
				d.media = "text/xml; charset=UTF-8"
			}
			client := cannedClient(t, &d, outbound.Limits{MaxBytes: 1 << 20})
			a, err := client.Fetch(context.Background(), query(t, fixtures.WithDiplomas))
			if d.asked != 1 {
				t.Errorf("asked %d times", d.asked)
			}
			if c.want != "" {
				if !errors.Is(err, provider.ErrAnswer) || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("error %v, want %q", err, c.want)
				}
				if strings.Contains(err.Error(), fixtures.WithDiplomas) {
					t.Fatal("the error names the citizen")
				}
				return
			}
			if err != nil || len(a.Records) != c.records || a.NoData != c.noData || len(a.Refused) != 0 {
				t.Fatalf("%v %v", a, err)
			}
		})
	}
}

func cannedClient(t testing.TB, d outbound.Doer, l outbound.Limits) *magda.Client {
	t.Helper()
	c, err := magda.New(magda.Config{URL: "https://magda.example/x", HTTP: d, Limits: l, Service: magda.LEDGeefBewijs(), Mapping: mapping.LEDDiploma(),
		Sender: magda.Sender{Identification: "vault.example"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTemporaryExceptionsAreAskedAgain(t *testing.T) {
	for code, tries := range map[string]int{"99996": 3, "90000": 3, "13202": 1} {
		synctest.Test(t, func(t *testing.T) {
			d := &canned{status: 200, media: "text/xml", body: reply(`<Uitzonderingen>` + exception(code, "FOUT", "x") + `</Uitzonderingen>`)}
			_, err := cannedClient(t, d, outbound.Limits{Attempts: 3}).Fetch(t.Context(), query(t, fixtures.WithDiplomas))
			var x *magda.ExceptionError
			if !errors.As(err, &x) || x.Identification != code || d.asked != tries || errors.Is(err, provider.ErrUnavailable) != (tries > 1) {
				t.Errorf("%s: asked %d times: %v", code, d.asked, err)
			}
		})
	}
}

func TestSlowPlatformAndRetries(t *testing.T) {
	hang := make(chan struct{})
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	defer close(hang)
	c, err := magda.New(magda.Config{URL: srv.URL, AllowLoopbackHTTP: true, HTTP: srv.Client(), Service: magda.LEDGeefBewijs(), Mapping: mapping.LEDDiploma(),
		Sender: magda.Sender{Identification: "x"}, Limits: outbound.Limits{Attempts: 2, Backoff: time.Millisecond, AttemptTimeout: 50 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Fetch(context.Background(), query(t, fixtures.WithDiplomas)); !errors.Is(err, provider.ErrUnavailable) || asked.Load() != 2 {
		t.Fatal(asked.Load(), err)
	}
}

func TestNewRefuses(t *testing.T) {
	good := magda.Config{URL: "https://magda.example/x", HTTP: http.DefaultClient, Service: magda.LEDGeefBewijs(), Mapping: mapping.LEDDiploma(), Sender: magda.Sender{Identification: "x"}}
	if _, err := magda.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*magda.Config){
		"plain http":    func(c *magda.Config) { c.URL = "http://magda.example/x" },
		"loopback http": func(c *magda.Config) { c.URL = "http://127.0.0.1/x" },
		"no mapping":    func(c *magda.Config) { c.Mapping = nil },
		"no sender":     func(c *magda.Config) { c.Sender.Identification = "" },
		"signing without a key": func(c *magda.Config) {
			c.Signing = &wssecurity.Signing{}
		},
	} {
		c := good
		change(&c)
		if _, err := magda.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	c, _ := magda.New(good)
	if _, err := c.Fetch(context.Background(), provider.Query{}); !errors.Is(err, provider.ErrSubject) {
		t.Error(err)
	}
	q := query(t, fixtures.WithDiplomas)
	q.CorrelationID = "a\r\nb"
	if _, err := c.Fetch(context.Background(), q); err == nil {
		t.Error("a line break in a header")
	}
}
