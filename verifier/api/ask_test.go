package api_test

import (
	"encoding/json"
	"html"
	"image"
	"image/color"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	qr "github.com/piglig/go-qr"

	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

var (
	hostedOrder  = strings.Replace(order, "same-device", "hosted-page", 1)
	digitalOrder = strings.Replace(order, `"flow":"same-device","redirect_uri":"https://www.university.example/back"`, `"flow":"digital-credentials","origin":"https://www.university.example"`, 1)
)

// browser is one that keeps its cookie.
type browser struct {
	e      *edge
	cookie string
}

func (b *browser) get(path string, want int, header ...string) *httptest.ResponseRecorder {
	b.e.t.Helper()
	c := call{method: "GET", path: path, header: map[string]string{"Cookie": b.cookie}}
	for i := 0; i+1 < len(header); i += 2 {
		c.header[header[i]] = header[i+1]
	}
	rec := b.e.do(c, want)
	for _, set := range rec.Result().Cookies() {
		b.cookie = set.Name + "=" + set.Value
	}
	return rec
}

// hosted starts a transaction with a page; its path and the transaction's.
func (e *edge) hosted() (path, tx string) {
	e.t.Helper()
	rec := e.do(call{method: "POST", path: "/verifier/v1/transactions", client: world.University, body: hostedOrder, mediaType: "application/json"}, http.StatusCreated)
	var s struct {
		ID   string `json:"transaction_id"`
		Page string `json:"page"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &s); err != nil {
		e.t.Fatal(err)
	}
	return strings.TrimPrefix(s.Page, world.URL), "/verifier/v1/transactions/" + s.ID
}

var (
	openLink    = regexp.MustCompile(`class="action" href="([^"]+)"`)
	copyLink    = regexp.MustCompile(`<textarea id="link"[^>]*>([^<]+)</textarea>`)
	requestList = regexp.MustCompile(`data-requests="([^"]+)"`)
)

func find(t *testing.T, r *regexp.Regexp, page string) string {
	t.Helper()
	m := r.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page has no %s", r)
	}
	return html.UnescapeString(m[1])
}

// The page shows who asks and why, in the citizen's language, with a link and a
// code for each other way, and runs no script but its own.
func TestPage(t *testing.T) {
	e := open(t)
	path, _ := e.hosted()
	b := &browser{e: e}
	rec := b.get(path, 200, "Accept-Language", "fr-BE,fr;q=0.9")
	page := rec.Body.String()
	set := rec.Result().Cookies()[0]
	if !set.HttpOnly || set.SameSite != http.SameSiteLaxMode || set.Path != path || rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("cookie %+v", set)
	}
	csp := rec.Header().Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Count(page, "<script") != 1 || strings.Contains(page, "<style") || strings.Contains(page, " style=") || regexp.MustCompile(` on[a-z]+=`).MatchString(page) {
		t.Errorf("inline, or allowed to be: %s", csp)
	}
	for _, want := range []string{`<html lang="fr">`, "Voorbeelduniversiteit (TEST) demande", "Inscrire", "Codex Hoger Onderwijs", "https://www.university.example/privacy", `role="img" aria-label="Code QR`, `role="status"`, `lang="nl"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	same, cross := find(t, openLink, page), find(t, copyLink, page)
	if same == cross || !strings.HasPrefix(same, "openid4vp://?") || !strings.HasPrefix(cross, "openid4vp://?") {
		t.Errorf("links %s, %s", same, cross)
	}
	if got := readCode(t, page); got != cross {
		t.Errorf("the code says %s", got)
	}
	for lang, word := range map[string]string{"nl": "Inschrijven", "de": "Einschreiben", "en": "Enrol", "fr": "Inscrire"} {
		if p := b.get(path+"?lang="+lang, 200, "Accept-Language", "fr").Body.String(); !strings.Contains(p, word) || !strings.Contains(p, `<html lang="`+lang+`"`) {
			t.Errorf("%s: not in that language", lang)
		}
	}
	if p := b.get(path, 200).Body.String(); !strings.Contains(p, `<html lang="nl"`) {
		t.Error("without a wish not in Dutch")
	}
	if js := b.get("/ask.js", 200).Body.String(); !strings.Contains(js, "navigator.credentials.get") || strings.Contains(js, "innerHTML") || strings.Contains(js, "eval(") {
		t.Error("the script")
	}
	b.get("/ask.css", 200)
	rec = httptest.NewRecorder()
	e.handler.ServeHTTP(rec, httptest.NewRequest("HEAD", path, nil))
	if rec.Code == 200 {
		t.Error("HEAD binds the page")
	}
}

// readCode reads the drawing back.
func readCode(t *testing.T, page string) string {
	t.Helper()
	size, err := strconv.Atoi(regexp.MustCompile(`viewBox="0 0 (\d+) `).FindStringSubmatch(page)[1])
	if err != nil {
		t.Fatal(err)
	}
	const scale = 4
	img := image.NewGray(image.Rect(0, 0, size*scale, size*scale))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h1v1h-1z`).FindAllStringSubmatch(page, -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		for dx := range scale {
			for dy := range scale {
				img.SetGray(x*scale+dx, y*scale+dy, color.Gray{})
			}
		}
	}
	text, err := qr.Decode(img)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (e *edge) follow(link string) world.Asked {
	e.t.Helper()
	return e.fetch(started{Link: link})
}

// The same device: only the browser of the page is sent on, by the wallet.
func TestPageFlow(t *testing.T) {
	e := open(t)
	path, tx := e.hosted()
	b, other := &browser{e: e}, &browser{e: e}
	page := b.get(path, 200).Body.String()
	for _, lang := range []string{"nl", "fr"} {
		if p := other.get(path+"?lang="+lang, 403).Body.String(); strings.Contains(p, "openid4vp") || !strings.Contains(p, `<html lang="`+lang) || !strings.Contains(p, `href="../ask.css"`) {
			t.Error("another browser sees the page")
		}
	}
	other.get(path+"/state", 403)
	a := e.follow(find(t, openLink, page))
	if got := b.get(path+"/state", 200).Body.String(); got != `{"state":"fetched"}` {
		t.Errorf("state %s", got)
	}
	out := e.respond(a, a.Form(a.Present(e.w.Issue(), a.Paths())), 200)
	back, ok := strings.CutPrefix(out["redirect_uri"], world.URL)
	if !ok {
		t.Fatalf("%v", out)
	}
	if got := b.get(path+"/state", 200).Body.String(); got != `{"state":"answered"}` {
		t.Errorf("state %s", got)
	}
	if loc := other.get(back, 403).Header().Get("Location"); loc != "" {
		t.Errorf("another browser is sent to %s", loc)
	}
	b.get(path+"/back", 403)
	u, err := url.Parse(b.get(back, http.StatusSeeOther).Header().Get("Location"))
	if err != nil || u.Host != "www.university.example" {
		t.Fatalf("sent to %v", u)
	}
	e.do(call{method: "GET", path: tx + "/result", client: world.University}, 403)
	if r := e.do(call{method: "GET", path: tx + "/result?" + u.RawQuery, client: world.University}, 200); !strings.Contains(r.Body.String(), `"verified":true`) {
		t.Errorf("%s", r.Body)
	}
	b.get("/ask/"+strings.Repeat("A", 43), 404)
	b.get("/ask/x", 404)
}

// Another device: the page goes on by itself, also without a script.
func TestPageOtherDevice(t *testing.T) {
	e := open(t)
	path, tx := e.hosted()
	b := &browser{e: e}
	a := e.follow(find(t, copyLink, b.get(path, 200).Body.String()))
	if out := e.respond(a, a.Form(a.Present(e.w.Issue(), a.Paths())), 200); len(out) != 0 {
		t.Errorf("%v", out)
	}
	var p verifier.Progress
	if err := json.Unmarshal(b.get(path+"/state", 200).Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if loc := b.get(path, http.StatusSeeOther).Header().Get("Location"); loc != p.Next || !strings.HasPrefix(loc, "https://www.university.example/back?response_code=") {
		t.Errorf("sent to %s", loc)
	}
	_, query, _ := strings.Cut(p.Next, "?")
	e.do(call{method: "GET", path: tx + "/result?" + query, client: world.University}, 200)
}

// The browser itself: our page's origin, our page's cookie.
func TestPageDigital(t *testing.T) {
	e := open(t)
	path, _ := e.hosted()
	b := &browser{e: e}
	var requests []oid4vp.DCRequest
	if err := json.Unmarshal([]byte(find(t, requestList, b.get(path, 200).Body.String())), &requests); err != nil {
		t.Fatal(err)
	}
	a, err := e.w.Browser(requests[0], world.URL)
	if err != nil {
		t.Fatal(err)
	}
	post := func(cookie, protocol string, data []byte, want int) string {
		body, _ := json.Marshal(map[string]any{"protocol": protocol, "data": json.RawMessage(data)})
		return e.do(call{method: "POST", path: path + "/response", body: string(body), mediaType: "application/json", header: map[string]string{"Cookie": cookie}}, want).Body.String()
	}
	good := a.DC(a.Present(e.w.Issue(), a.Paths()))
	post("", oid4vp.ProtocolSigned, good, 403)
	post("ask="+strings.Repeat("A", 43), oid4vp.ProtocolSigned, good, 403)
	post(b.cookie, oid4vp.ProtocolUnsigned, good, 400)
	post(b.cookie, oid4vp.ProtocolSigned, []byte(`{"vp_token":{"diploma":["x"]}}`), 400)
	if out := post(b.cookie, oid4vp.ProtocolSigned, good, 200); !strings.Contains(out, `"next":"https://www.university.example/back?response_code=`) {
		t.Error(out)
	}
	post(b.cookie, oid4vp.ProtocolSigned, good, 410)
}

// A receiver's own page hands over what its browser gave.
func TestDigital(t *testing.T) {
	e := open(t)
	rec := e.do(call{method: "POST", path: "/verifier/v1/transactions", client: world.University, body: digitalOrder, mediaType: "application/json"}, http.StatusCreated)
	var s struct {
		ID       string             `json:"transaction_id"`
		Requests []oid4vp.DCRequest `json:"requests"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	a, err := e.w.Browser(s.Requests[0], "https://www.university.example")
	if err != nil {
		t.Fatal(err)
	}
	tx := "/verifier/v1/transactions/" + s.ID
	post := func(client string, data []byte, want int) string {
		body, _ := json.Marshal(map[string]any{"protocol": s.Requests[0].Protocol, "data": json.RawMessage(data)})
		return e.do(call{method: "POST", path: tx + "/response", client: client, body: string(body), mediaType: "application/json"}, want).Body.String()
	}
	bad := a.DC(a.Present(e.w.Issue(), nil))
	post("", bad, 401)
	post(world.Employer, bad, 404)
	post(world.University, []byte(`{"response":"x"}`), 400)
	if out := post(world.University, bad, 200); !strings.Contains(out, `"state":"answered"`) {
		t.Error(out)
	}
	if out := e.do(call{method: "GET", path: tx + "/result", client: world.University}, 200).Body.String(); !strings.Contains(out, `"verified":false`) || strings.Contains(out, "CANARY") {
		t.Error(out)
	}
	post(world.University, bad, 410)
}

// Every word is there in every language.
func TestPageWords(t *testing.T) {
	e := open(t)
	path, _ := e.hosted()
	b := &browser{e: e}
	for _, lang := range []string{"nl", "fr", "de", "en"} {
		p := b.get(path+"?lang="+lang, 200).Body.String()
		if m := regexp.MustCompile(`(<(h1|h2|dt|dd|p|a|button)( [^>]*)?></|data-[a-z]+="")`).FindString(p); m != "" {
			t.Errorf("%s: %s is empty", lang, m)
		}
	}
}
