package pages_test

import (
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"golang.org/x/net/html"

	"chartvault/accounts"
	"chartvault/accounts/accountstest"
	"chartvault/record"
	"chartvault/web"
	"chartvault/web/pages"
)

const password = "four words make a sentence"

// site is pages over operations that are made up.
type site struct {
	t   *testing.T
	srv *httptest.Server
	p   *pages.Pages

	mu    sync.Mutex
	calls []string      // OPERATION ACTOR
	late  time.Duration // that passed since the site was made

	broken error  // of what is written down
	said   string // what texts say
	many   int    // how many batches there are besides

	queue   []queued          // what waits, instead of one document; nil for that
	keepers map[string]string // who has batches in hand
	urgent  string            // a batch that is
	found   int               // how many pages a search finds, when not one

	settled bool           // nothing waits in quality any more
	params  map[string]any // what operations were asked for last; nil where nobody looks
}

func newSite(t *testing.T, said string) *site {
	t.Helper()
	s := &site{t: t, said: said}
	desk, err := accounts.NewDesk(accountstest.Register{}, func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return time.Now().Add(s.late)
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range accounts.Roles() {
		if err := desk.Put(t.Context(), "test", accounts.User{Name: "user-" + string(r), Roles: []accounts.Role{r}}, password); err != nil {
			t.Fatal(err)
		}
	}
	s.p = &pages.Pages{Accounts: desk, Call: s.call, Problem: problem, Facility: "Sample " + said, Names: []string{"charts.example"}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Ending: closed()}
	h, err := s.p.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s.srv = httptest.NewTLSServer(h)
	t.Cleanup(s.srv.Close)
	return s
}

// closed is a channel that is.
func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// queued is a document that waits, and its batch.
type queued struct{ batch, document string }

// listQueue answers for what waits, as the archive does.
func (s *site) listQueue(op string, who record.Actor, params any) (out []any, err error) {
	var p struct{ After, Batch, Only string }
	b, err := json.Marshal(params)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	left := map[string]int{}
	for _, q := range s.queue {
		if op == "qa-list" && (p.Batch == "" || p.Batch == q.batch) {
			if q.document == p.After {
				out = nil
				continue
			}
			out = append(out, map[string]any{"document": q.document, "batch": q.batch, "keeper": s.keepers[q.batch]})
		}
		left[q.batch]++
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		if op == "batches" && (p.Only == "mine" && s.keepers[id] != "" && "user:"+s.keepers[id] == string(who) || p.Only == "urgent" && id == s.urgent) {
			out = append(out, map[string]any{"id": id, "waits": left[id], "state": "filed"})
		}
	}
	return out, err
}

func problem(err error) web.Problem {
	status := http.StatusInternalServerError
	for e, n := range map[error]int{record.ErrDenied: 403, record.ErrNotFound: 404, record.ErrInvalid: 400, record.ErrBusy: 409} {
		if err != nil && strings.Contains(err.Error(), e.Error()) {
			status = n
		}
	}
	return web.Problem{Code: "x", Message: fmt.Sprint(err), Status: status}
}

const document = "2cyjnsm2ictiqh7wstqojboexa"

// call answers as the archive would, with what s.said wherever text can be.
func (s *site) call(_ context.Context, who record.Actor, op string, params any, f func(json.RawMessage) error) error {
	s.mu.Lock()
	s.calls = append(s.calls, op+" "+string(who))
	broken := s.broken
	if s.params != nil {
		s.params[op] = params
	}
	s.mu.Unlock()
	if op == "emergency-begin" && broken != nil {
		return broken
	}
	x := s.said
	lines := map[string][]any{
		"status":            {map[string]any{"qa_documents": 3, "batches": 2, "warnings": []string{x}, "halted": x}},
		"access":            {map[string]any{"seq": 3, "at": "2026-01-02T03:04:05Z", "actor": x, "purpose": x, "act": "chart.refused" + x, "document": x, "what": x}},
		"get":               {map[string]any{"elsewhere": x}, map[string]any{"about": map[string]any{"name": x, "date_of_birth": x, "numbers": []string{x}, "holds": []string{x}}}, map[string]any{"document": map[string]any{"document": document, "type": "LAB_REPORT" + x, "pages": 2, "state": "filed", "filed_at": "2026-01-02T03:04:05Z"}}, map[string]any{"document": map[string]any{"document": document, "type": "ECG", "destroyed_on": "2026-01-01", "certificate": "000001", "under": x}}},
		"page":              {map[string]any{"type": "LAB_REPORT" + x, "state": "filed", "pages": 3, "doubts": []string{x}, "boxes": [][4]int{{1, 2, 3, 4}}, "text": map[string]any{"width": 100, "height": 200, "words": []any{[]any{x, 1, 2, 30, 40, 90, 0}}}, "image": base64.StdEncoding.EncodeToString([]byte("\x89PNG"))}},
		"search":            {map[string]any{"document": document, "page": 1, "snippet": "[" + x + "]", "near": true, "doubtful": true}, map[string]any{"total": 1, "next": "eyJ9"}},
		"qa-list":           {map[string]any{"document": document, "type": "UNCLASSIFIED", "pages": 1, "filed_at": "2026-01-02T03:04:05Z", "why": []string{x}}},
		"qa-show":           {map[string]any{"document": document, "previous": document, "rescan": x, "pages": []any{}, "index": map[string]any{"chart": map[string]any{"text": "100" + x, "confidence": 90, "source": "text" + x, "page": 1}, "name": map[string]any{"text": x, "source": x}}}},
		"patients-find":     {map[string]any{"name": x, "date_of_birth": "1950", "numbers": []any{map[string]any{"chart_number": "1" + x}}}},
		"batches":           {map[string]any{"id": document, "state": "filed" + x, "pages_in": 3, "filed": 3, "received_at": "2026-01-02T03:04:05Z", "waits": 2, "keeper": "user-records" + x, "urgent": true, "source": x}},
		"hold-list":         {map[string]any{"id": document, "matter": x, "reason": x, "scope": x, "placed_by": x, "placed_at": "2026-01-02"}, map[string]any{"id": document, "state": "active", "matter": x}, map[string]any{"id": document, "state": "releasing", "matter": x}},
		"plan-list":         {map[string]any{"id": document, "state": "review", "action": x, "made_by": x, "made_at": "2026-01-02", "documents": 1, "shares": []string{x}, "notices": []string{x}, "noticed": []string{x}, "approvals": []string{x}, "ready_at": x, "certificate": x, "automation": x}},
		"emergency-list":    {map[string]any{"id": document, "by": x, "reason": x, "why": x, "at": "2026-01-02T03:04:05Z", "overdue": true}, map[string]any{"id": document, "reviewed_by": x, "outcome": x, "note": x}},
		"import-folders":    {map[string]any{"folder": x, "files": []string{x}}},
		"import-look":       {map[string]any{"problem": map[string]any{"line": 1, "file": x, "why": x}}, map[string]any{"sum": map[string]any{"lines": 2}}},
		"import-list":       {map[string]any{"id": document, "folder": x, "from": x, "state": "running", "by": x, "sum": map[string]any{"lines": 9, "taken": 2}}, map[string]any{"id": document, "state": "stopped", "why": x, "at": "2026-01-02T03:04:05Z"}, map[string]any{"id": document, "state": "done", "sum": map[string]any{"rejected": 3}}},
		"import-rejects":    {map[string]any{"line": 1, "file": x, "why": x}},
		"retention-clock":   {map[string]any{"frozen": true, "id": x, "since": "2026-01-02T03:04:05Z", "why": x}},
		"setup":             {map[string]any{"folder": x, "exports": x, "waiting": []string{x}, "stations": []any{map[string]any{"id": x, "name": x, "role": "station", "since": "2026-01-02", "here": true}}, "types": []any{map[string]any{"code": "ECG" + x, "loinc": x, "forms": []string{x}}}, "patients": map[string]any{"imported": "2026-01-02", "people": 2, "lost": true}, "keys": map[string]any{"vault": x, "recovery": []any{map[string]any{"ends": x, "rehearsed": x}}, "ways": []string{x}}}},
		"patients-import":   {map[string]any{"reject": map[string]any{"row": 7, "why": x, "fields": []string{x}}}, map[string]any{"numbers": 3, "people": 2, "rejected": 1}},
		"batch-show":        {map[string]any{"id": document, "waits": 2, "keeper": x, "urgent": true, "state": "filed", "received_at": "2026-01-02T03:04:05Z", "pages_in": 4, "source": x, "via": x, "why": x, "source_sha256": x, "places": []any{map[string]any{"page": 1, "place": "separator"}, map[string]any{"page": 2, "place": "filed", "document": document}, map[string]any{"page": 3, "place": "filed", "document": document}, map[string]any{"page": 4, "place": "qa", "document": document}}, "documents": []any{map[string]any{"document": document, "type": "ECG" + x, "pages": 2, "state": "filed", "why": []string{x}}}}},
		"thumbnails":        {map[string]any{"page": 1, "image": []byte("\x89PNG")}, map[string]any{"page": 2}},
		"restriction-list":  {map[string]any{"id": document, "state": "shut", "why": x, "matter": x, "charts": 2, "named": []string{x}, "by": x}},
		"report":            {map[string]any{"months": []any{map[string]any{"month": x, "pages_in": 3, "requests_late": 1}}, "due": []any{map[string]any{"month": x, "documents": 2}}, "sources": []any{map[string]any{"source": x, "pages_in": 9}}, "people": []any{map[string]any{"who": "user:" + x, "settled": 4, "days": 2}}, "documents_by_type": map[string]int{"ECG" + x: 2}}},
		"api-describe":      {map[string]any{"op": x, "group": x, "summary": x, "right": x, "changes": true, "in": x, "out": x}},
		"check":             {map[string]any{"check": x, "result": "fail", "detail": x}, map[string]any{"check": x, "result": "ok"}},
		"support":           {map[string]any{"made": x}},
		"users-seen":        {map[string]any{"name": "user-scan", "at": "2026-01-02T03:04:05Z"}},
		"saved-searches":    {map[string]any{"id": document, "name": x, "query": x}},
		"automation-list":   {map[string]any{"name": "n" + x, "state": "draft", "class": x, "execute": true, "asked_by": x, "approvals": []string{x}, "until": x, "lacks": x}},
		"paper-lists":       {map[string]any{"id": document, "state": "open", "batches": 1, "made_by": x, "made_at": "2026-01-02T03:04:05Z", "approvals": []string{x}, "certificate": x}},
		"paper-list":        {map[string]any{"batch": document, "missing": []string{x}}, map[string]any{"batch": document, "released": x}},
		"paper-show":        {map[string]any{"batch": document, "filed_on": x, "pages": 2}},
		"paper-make":        {map[string]any{"id": document}},
		"plan-make":         {map[string]any{"id": document}},
		"plan-show":         {map[string]any{"document": document, "type": "ECG" + x, "service_date": x, "due": x, "reasons": []string{x}}},
		"schedule-list":     {map[string]any{"id": document, "state": "draft", "version": x, "effective": x, "made_by": x, "shortens": []string{x}, "approvals": []string{x}, "change": map[string]any{"documents": 1}}},
		"schedule-show":     {map[string]any{"id": x, "types": []string{x}, "citation": x}},
		"schedule-draft":    {map[string]any{"id": document}},
		"retention-due":     {map[string]any{"document": document, "type": "ECG", "class": x, "pages": 1, "due": "2026-01-02", "why": x}},
		"audit-list":        {map[string]any{"seq": 7, "time": "2026-01-02T03:04:05Z", "action": "search", "actor": x, "object": x, "user": x, "from": x}},
		"audit-verify":      {map[string]any{"entries": 8, "checkpoints": 1, "signed": 8, "root": "r", "faults": []string{x}}},
		"corrections":       {map[string]any{"id": document, "act": x, "state": "proposed", "sources": []string{document}, "by": x, "second": x, "reason": x, "results": []any{map[string]any{"id": document, "type": "ECG" + x, "pages": 1}}}},
		"certificate-list":  {map[string]any{"number": "000001", "text": fmt.Sprintf(`{"issued_at":"2026-01-02","schedule":%q,"documents_count":3}`, "v1")}},
		"certificate-print": {map[string]any{"pdf": []byte("%PDF-")}},
		"sheets-print":      {map[string]any{"pdf": []byte("%PDF-")}},
		"document":          {map[string]any{"chunk": []byte("%PDF-")}},
		"correct":           {map[string]any{"state": "done", "results": []any{map[string]any{"id": document}}}},
	}
	s.mu.Lock()
	many := s.many
	s.mu.Unlock()
	for n := range many {
		lines["batches"] = append(lines["batches"], map[string]any{"id": batchID(n), "state": "filed", "received_at": "2026-01-02T03:04:05Z"})
	}
	if op == "qa-list" && s.settled {
		return nil
	}
	if op == "search" && s.found > 0 {
		lines[op] = slices.Concat(slices.Repeat(lines[op][:1], s.found), lines[op][1:])
	}
	if s.queue != nil && (op == "qa-list" || op == "batches") {
		var err error
		if lines[op], err = s.listQueue(op, who, params); err != nil {
			return err
		}
	}
	if op == "batches" && s.queue == nil {
		var err error
		if lines[op], err = partOf(lines[op], params); err != nil {
			return err
		}
	}
	for _, l := range append(lines[op], releaseLines(op, x)...) {
		b, err := json.Marshal(l)
		if err != nil {
			return err
		}
		if err := f(b); err != nil {
			return err
		}
	}
	return nil
}

// batchID is the id of one of many batches.
func batchID(n int) string { return record.ID{0: 1, 14: byte(n >> 8), 15: byte(n)}.String() }

// partOf is a part of a list that is asked for, the newest first, as the archive
// gives it.
func partOf(all []any, params any) ([]any, error) {
	b, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	var p struct {
		After string
		Most  int
	}
	if err := json.Unmarshal(b, &p); err != nil || p.Most == 0 {
		return all, err
	}
	all = slices.Clone(all)
	slices.Reverse(all)
	i := slices.IndexFunc(all, func(l any) bool { return l.(map[string]any)["id"] == p.After })
	return all[i+1 : min(len(all), i+1+p.Most)], nil
}

// releaseLines is call's answer about requests.
func releaseLines(op, x string) []any {
	p := map[string]any{"name": x, "address": x, "contact": x}
	line := map[string]any{"id": "R000001", "kind": "records", "for": x, "state": "open", "outcome": x, "received": x, "due": x, "days_left": -3, "by": x}
	request := map[string]any{"requester": p, "recipient": p, "patient": x, "charts": []string{x}, "what": x, "from": x, "to": x, "purpose": x, "left_out": x, "waived": x, "why": x, "term": map[string]any{"cite": x},
		"extended": map[string]any{"until": x, "reason": x}, "checked_by": x, "log": []any{map[string]any{"at": "2026-01-02T03:04:05Z", "by": x, "what": x}}, "chosen": []any{map[string]any{"document": document, "pages": []int{1}}},
		"grounds":    map[string]any{"identity": x, "reference": x, "dated": x, "document": x, "authorisation": map[string]any{"information": x, "signer": x, "expires": x}},
		"redactions": []any{map[string]any{"document": document, "page": 1, "boxes": [][4]int{{1, 2, 3, 4}}, "why": x, "by": x}}, "cleared": []any{map[string]any{"document": document, "page": 1, "class": x, "why": x, "by": x}}}
	show := map[string]any{"request": request, "rule": map[string]any{"id": "attorney", "name": x, "authority": "authorisation", "suspendable": true, "cite": x}, "cost": x, "fee_cite": x, "elsewhere": []string{x}, "latest": x,
		"holdings":  []any{map[string]any{"document": document, "type": "ECG" + x, "service_date": x, "pages": 2, "state": x, "labels": map[string]any{"1": []string{x}}}, map[string]any{"document": document, "type": "ECG", "destroyed_on": x, "under": x}},
		"listed":    []any{map[string]any{"name": x, "born": x, "differs": true}},
		"obstacles": []any{map[string]any{"document": document, "page": 1, "why": x}}}
	for k, v := range line {
		show[k] = v
	}
	return map[string][]any{
		"request-list": {line}, "request-show": {show}, "request-new": {line},
		"request-rules": {map[string]any{"classes": []any{map[string]any{"id": x, "name": x, "authority": x}}, "sensitive": []any{map[string]any{"id": x, "name": x, "cite": x}}}},
		"disclosures":   {map[string]any{"id": x, "request": "R000001", "on": x, "recipient": p, "what": x, "purpose": x, "method": x, "by": x, "again": x, "exempt": x}, map[string]any{"accounted": true, "suspended_until": x}},
		"request-hand":  {map[string]any{"name": "R000001.pdf"}, map[string]any{"chunk": []byte("%PDF-")}}, "request-letter": {map[string]any{"pdf": []byte("%PDF-")}}, "disclosures-print": {map[string]any{"pdf": []byte("%PDF-")}},
	}[op]
}

// browser is somebody's browser, signed in as a role; "" for nobody.
func (s *site) browser(role accounts.Role) *http.Client {
	s.t.Helper()
	c := *s.srv.Client()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if role != "" {
		resp, body := s.do(&c, "POST", "/signin", url.Values{"name": {"user-" + string(role)}, "password": {password}})
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" {
			s.t.Fatalf("sign in as %s: %d\n%s", role, resp.StatusCode, body)
		}
	}
	return &c
}

func (s *site) do(c *http.Client, method, path string, form url.Values, head ...string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.srv.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(b)
}

// at fills a route's path.
func at(path string) string {
	path = strings.TrimSuffix(path, "{$}")
	return regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, document)
}

// TestEveryRoute asks for every route of the table as nobody and as every role,
// and wants what the rights say: nothing else ever succeeds.
func TestEveryRoute(t *testing.T) {
	s := newSite(t, "")
	for _, role := range append([]accounts.Role{""}, accounts.Roles()...) {
		c := s.browser(role)
		u := accounts.User{Roles: []accounts.Role{role}}
		for _, r := range s.p.Routes() {
			if r.Path == "/signout" {
				continue // last
			}
			resp, body := s.do(c, r.Method, at(r.Path), url.Values{"pages": {"1"}, "act": {"split"}, "query": {"x"}, "chart": {"1"}, "name": {"user-scan"}, "role": {"scan"}, "who": {"x"}, "agree": {"yes"}, "lines": {"x"}})
			want := "allowed"
			switch {
			case r.Open:
			case role == "" && r.Method == "GET":
				want = "sign in"
			case role == "", r.Right != "" && !u.May(r.Right):
				want = "denied"
			}
			got := map[int]string{403: "denied"}[resp.StatusCode]
			switch {
			case resp.StatusCode == http.StatusSeeOther && resp.Header.Get("Location") == "/signin" && !r.Open:
				got = "sign in"
			case got == "":
				got = "allowed"
			}
			if got != want || resp.StatusCode == 500 {
				t.Errorf("%s %s as %q: got %d (%s), want %s\n%.300s", r.Method, r.Path, role, resp.StatusCode, got, want, body)
			}
			if resp.Header.Get("Cache-Control") != "no-store" || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("%s %s: it may be kept, or runs what it likes", r.Method, r.Path)
			}
		}
		for _, path := range []string{"/nothing", "/api/v1/get", "/document/", "/static/../doc.go"} {
			if resp, _ := s.do(c, "GET", path, nil); resp.StatusCode < 300 {
				t.Errorf("%s as %q: got %d", path, role, resp.StatusCode)
			}
		}
	}
}

// TestOrigin: what changes something is refused when it comes from elsewhere.
func TestOrigin(t *testing.T) {
	s := newSite(t, "")
	c := s.browser(accounts.Records)
	for _, r := range s.p.Routes() {
		if r.Method != "POST" {
			continue
		}
		for _, head := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://elsewhere.example"}} {
			before := len(s.calls)
			if resp, _ := s.do(c, "POST", at(r.Path), url.Values{"chart": {"1"}}, head...); resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %v: got %d, want 403", r.Path, head, resp.StatusCode)
			}
			if len(s.calls) != before {
				t.Errorf("%s with %v did something", r.Path, head)
			}
		}
	}
}

// hostile are strings that would run, or break out, where they are not escaped:
// each alone, and a thousand in all, fifty at a time.
func hostile() []string {
	alone := []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'-alert(1)-'`, `</title><svg onload=alert(1)>`, `javascript:alert(1)`, `{{.}}`, `"autofocus onfocus=alert(1) x="`, "]<b>[", `&lt;script&gt;`}
	before := []string{"", `"`, `'`, "`", `>`, `">`, `'>`, `-->`, `]]>`, `</script>`, `</style>`, `</textarea>`, `</select>`, `</svg>`, `</title>`, `{{"`, `*/`, "\u003c", "\x00", "\ufeff"}
	after := []string{`<script>alert(%d)</script>`, `<img src=x onerror=alert(%d)>`, `<svg/onload=alert(%d)>`, `<svg><animate onbegin=alert(%d) attributeName=x>`, `<iframe srcdoc="<script>alert(%d)</script>">`, ` onmouseover=alert(%d) `, ` style=x:expression(alert(%d)) `,
		`<a href=javascript:alert(%d)>x</a>`, `<form action=//elsewhere.example/%d>`, `<base href=//elsewhere.example/%d>`, `<meta http-equiv=refresh content=0;url=//elsewhere.example/%d>`, `<link rel=stylesheet href=//elsewhere.example/%d>`, `<object data=//elsewhere.example/%d>`,
		`<ScRiPt>alert(%d)</sCrIpT>`, `<<script>alert(%d)//<</script>`, `<math><mtext><img src=x onerror=alert(%d)></mtext></math>`, `<template><script>alert(%d)</script></template>`, `<details open ontoggle=alert(%d)>`, `<input autofocus onfocus=alert(%d)>`, `<video><source onerror=alert(%d)></video>`,
		`&#60;script&#62;alert(%d)&#60;/script&#62;`, `%%3Cscript%%3Ealert(%d)%%3C/script%%3E`, "\u2028<script>alert(%d)</script>", `=cmd|'/c calc'!A%d`, `{{template "layout" %d}}`, `<slot onslotchange=alert(%d)>`, `<body onpageshow=alert(%d)>`, `<x contenteditable onblur=alert(%d)>`, `<marquee onstart=alert(%d)>`,
		`<button formaction=javascript:alert(%d)>`, `<use href=data:image/svg+xml;base64,%d>`, `<keygen onfocus=alert(%d)>`, `<isindex action=javascript:alert(%d)>`, `<noscript><p title="</noscript><img src=x onerror=alert(%d)>">`, `<style>@import "//elsewhere.example/%d"</style>`, `<textarea onfocus=alert(%d) autofocus>`,
		`<select onfocus=alert(%d)><option>`, `<table background=//elsewhere.example/%d>`, `<frameset onload=alert(%d)>`, `<embed src=//elsewhere.example/%d>`, `<portal src=//elsewhere.example/%d>`, `<dialog open onclose=alert(%d)>`, `<p slot=x onclick=alert(%d)>`, `<label for=chartbox onclick=alert(%d)>`, `<area href=javascript:alert(%d)>`,
		`<bgsound src=javascript:alert(%d)>`, `<command onclick=alert(%d)>`, `<track onerror=alert(%d)>`, `<audio src=x onerror=alert(%d)>`, `<set onbegin=alert(%d)>`}
	var all, group []string
	for i, b := range before {
		for k, a := range after {
			if group = append(group, b+fmt.Sprintf(a, i*len(after)+k)); len(group) == 50 {
				all, group = append(all, strings.Join(group, " ")), nil
			}
		}
	}
	return append(alone, all...)
}

// foreign lists what a page must never have: elements, attributes and addresses
// that are not of the templates.
func foreign(t *testing.T, body string) (out []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	known := strings.Fields("html head meta title link script body a header p span form label input select option button nav ul li main h1 h2 h3 table thead tbody tr th td " +
		"datalist progress img strong code kbd dl dt dd details summary figure figcaption svg image g rect text pre ol mark fieldset legend textarea div section")
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !slices.Contains(known, n.Data) {
			out = append(out, "an element "+n.Data)
		}
		if n.Data == "script" && n.FirstChild != nil {
			out = append(out, "an inline script")
		}
		for _, a := range n.Attr {
			switch k := strings.ToLower(a.Key); {
			case strings.HasPrefix(k, "on"), k == "style", k == "srcdoc":
				out = append(out, "an attribute "+k)
			case k == "autofocus" && n.Data != "input" && n.Data != "button":
				out = append(out, "a foreign autofocus")
			case k == "href", k == "src", k == "action", k == "formaction":
				if a.Val == "" || !strings.ContainsAny(a.Val[:1], "/?#") || strings.HasPrefix(a.Val, "//") {
					out = append(out, "an address "+a.Val)
				}
			}
		}
	}
	return out
}

// TestHostileTexts: whatever papers, lists and people say, no page has an
// element or an attribute of it.
func TestHostileTexts(t *testing.T) {
	for _, x := range hostile() {
		s := newSite(t, x)
		for _, role := range accounts.Roles() {
			c := s.browser(role)
			for _, r := range s.p.Routes() {
				path := at(r.Path)
				if r.Method != "GET" || strings.HasPrefix(r.Path, "/image") {
					continue
				}
				if kept := map[string]string{"/chart/{chart}": "/chart", "/search/{search}": "/search", "/disclosures/{kept}": "/disclosures"}[r.Path]; kept != "" {
					resp, _ := s.do(c, "POST", kept, url.Values{"chart": {x}, "query": {x}})
					if path = resp.Header.Get("Location"); path == "" {
						continue
					}
				}
				_, body := s.do(c, "GET", path, nil)
				for _, bad := range foreign(t, body) {
					t.Errorf("%s as %s with %q: %s", path, role, x, bad)
				}
			}
		}
	}
}

// TestNothingInAddresses: neither a chart number nor a query stands in any
// address a browser is sent to.
func TestNothingInAddresses(t *testing.T) {
	s := newSite(t, "")
	c := s.browser(accounts.Records)
	for _, tt := range []struct {
		path, field string
		role        accounts.Role
	}{{"/chart", "chart", accounts.Records}, {"/search", "query", accounts.Records}, {"/disclosures", "chart", accounts.Release}} {
		c := s.browser(tt.role)
		resp, _ := s.do(c, "POST", tt.path, url.Values{tt.field: {"9118427"}})
		where := resp.Header.Get("Location")
		if resp.StatusCode != http.StatusSeeOther || strings.Contains(where, "9118427") {
			t.Errorf("%s: got %d to %q", tt.path, resp.StatusCode, where)
		}
		if resp, body := s.do(c, "GET", where, nil); resp.StatusCode != 200 || !strings.Contains(body, "9118427") {
			t.Errorf("%s: got %d, want the page of what was asked", where, resp.StatusCode)
		}
		// What one person keeps means nothing to another.
		if resp, _ := s.do(s.browser(accounts.Director), "GET", where, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s as another: got %d, want 404", where, resp.StatusCode)
		}
	}
	if resp, body := s.do(c, "GET", "/document/"+document+"?page=2", nil); resp.StatusCode != 200 {
		t.Errorf("document: got %d", resp.StatusCode)
	} else {
		image := regexp.MustCompile(`/image/[A-Z0-9]+`).FindString(body)
		if resp, b := s.do(c, "GET", image, nil); resp.StatusCode != 200 || b != "\x89PNG" || resp.Header.Get("Content-Type") != "image/png" {
			t.Errorf("image: got %d", resp.StatusCode)
		}
		if resp, _ := s.do(c, "GET", image, nil); resp.StatusCode != 404 {
			t.Errorf("the image again: got %d, want 404: each showing is an entry of the log", resp.StatusCode)
		}
	}
}

// TestSignIn: the cookie is shut in, a session is new with every sign-in and
// ends with the sign-out, and actors are named in what is called.
func TestSignIn(t *testing.T) {
	s := newSite(t, "")
	c := s.browser("")
	resp, _ := s.do(c, "POST", "/signin", url.Values{"name": {"user-records"}, "password": {"wrong"}})
	if resp.StatusCode != http.StatusUnauthorized || len(resp.Cookies()) != 0 {
		t.Errorf("a wrong password: got %d and %v", resp.StatusCode, resp.Cookies())
	}
	if !slices.Contains(s.calls, "sign-in-refused pages") {
		t.Errorf("a wrong password is not noted: got %v", s.calls)
	}
	var secrets []string
	for range 2 {
		resp, _ = s.do(c, "POST", "/signin", url.Values{"name": {"user-records"}, "password": {password}})
		for _, k := range resp.Cookies() {
			if !strings.HasPrefix(k.Name, "__Host-") || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" {
				t.Errorf("cookie: got %+v", k)
			}
			secrets = append(secrets, k.Value)
		}
	}
	if len(secrets) != 2 || secrets[0] == secrets[1] || len(secrets[0]) < 43 {
		t.Errorf("secrets: got %d, want two that differ", len(secrets))
	}
	if s.p.Accounts.Session(secrets[0]) != nil {
		t.Error("the session before goes on beside the new one")
	}
	if resp, _ := s.do(c, "GET", "/", nil); resp.StatusCode != 200 {
		t.Errorf("signed in: got %d", resp.StatusCode)
	}
	if !slices.Contains(s.calls, "status user:user-records") || !slices.Contains(s.calls, "signed-in user:user-records") {
		t.Errorf("calls: got %v", s.calls)
	}
	if resp, _ := s.do(c, "POST", "/signout", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("sign out: got %d", resp.StatusCode)
	}
	if s.p.Accounts.Session(secrets[1]) != nil {
		t.Error("a session outlives its sign-out")
	}
}

// TestOneItemOnePerson: while somebody works on an item, nobody else gets it.
func TestOneItemOnePerson(t *testing.T) {
	s := newSite(t, "")
	one, two := s.browser(accounts.Records), s.browser(accounts.Director)
	if resp, _ := s.do(one, "GET", "/qa/"+document, nil); resp.StatusCode != 200 {
		t.Fatalf("got %d", resp.StatusCode)
	}
	for _, method := range []string{"GET", "POST"} {
		if resp, body := s.do(two, method, "/qa/"+document, url.Values{"chart": {"1"}}); resp.StatusCode != http.StatusConflict || !strings.Contains(body, "user-records works on this document") {
			t.Errorf("%s by another: got %d", method, resp.StatusCode)
		}
	}
	if resp, _ := s.do(two, "GET", "/qa/next", nil); resp.Header.Get("Location") != "/qa" {
		t.Errorf("next for another: got %q, want the list", resp.Header.Get("Location"))
	}
	s.mu.Lock()
	s.settled = true
	s.mu.Unlock()
	if resp, _ := s.do(one, "POST", "/qa/"+document, url.Values{"chart": {"1"}, "type": {"ECG"}}); resp.Header.Get("Location") != "/qa?last="+document {
		t.Errorf("accept: got %d, %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	if resp, _ := s.do(two, "GET", "/qa/"+document, nil); resp.StatusCode != 200 {
		t.Errorf("after it was settled: got %d", resp.StatusCode)
	}
}

// TestSecondFactor: where the site wants one, whoever opens charts enrols it
// before anything else, and signs in with it from then on.
func TestSecondFactor(t *testing.T) {
	s := newSite(t, "")
	s.p.Accounts.RequireFactor = true
	c := s.browser(accounts.Records)
	for _, path := range []string{"/qa", "/search", "/document/" + document} {
		if resp, _ := s.do(c, "GET", path, nil); resp.Header.Get("Location") != "/account" {
			t.Errorf("%s without it: got %d to %q, want /account", path, resp.StatusCode, resp.Header.Get("Location"))
		}
	}
	if _, body := s.do(c, "POST", "/account/factor", url.Values{"password": {"wrong"}}); strings.Contains(body, "<code>") {
		t.Error("a second factor is shown to whoever sits there")
	}
	_, body := s.do(c, "POST", "/account/factor", url.Values{"password": {password}})
	secret := regexp.MustCompile(`<code>([A-Z2-7]+)</code>`).FindStringSubmatch(body)
	kept := regexp.MustCompile(`name="kept" value="([A-Z0-9]+)"`).FindStringSubmatch(body)
	if secret == nil || kept == nil {
		t.Fatalf("enrolment: got\n%s", body)
	}
	code, err := totp.GenerateCode(secret[1], time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if resp, _ := s.do(c, "POST", "/account/confirm", url.Values{"kept": {kept[1]}, "code": {"x"}}); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a wrong code: got %d", resp.StatusCode)
	}
	if resp, _ := s.do(c, "POST", "/account/confirm", url.Values{"kept": {kept[1]}, "code": {code}}); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("the code: got %d", resp.StatusCode)
	}
	if resp, _ := s.do(c, "GET", "/qa", nil); resp.Header.Get("Location") != "/signin" {
		t.Errorf("the session before it goes on: got %d", resp.StatusCode)
	}
	if code, err = totp.GenerateCode(secret[1], time.Now().Add(30*time.Second)); err != nil { // the one it was confirmed with is used
		t.Fatal(err)
	}
	c = s.browser("")
	if resp, _ := s.do(c, "POST", "/signin", url.Values{"name": {"user-records"}, "password": {password}}); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the password alone: got %d", resp.StatusCode)
	}
	if resp, _ := s.do(c, "POST", "/signin", url.Values{"name": {"user-records"}, "password": {password}, "code": {code}}); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("password and code: got %d", resp.StatusCode)
	}
	if resp, _ := s.do(c, "GET", "/qa", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("with it: got %d", resp.StatusCode)
	}
}

// TestBreakGlass: whoever broke the glass looks at charts for an hour and does
// nothing else, for a purpose that the log tells apart; nobody else can, and what
// could not be written down opens nothing.
func TestBreakGlass(t *testing.T) {
	s := newSite(t, "")
	c := s.browser(accounts.Clinician)
	open := func() (n int) {
		for _, r := range s.p.Routes() {
			if r.Right == "" || r.Right == accounts.BreakGlass {
				continue
			}
			resp, _ := s.do(c, r.Method, at(r.Path), url.Values{"chart": {"1"}, "pages": {"1"}})
			allowed := resp.StatusCode != 403 && resp.Header.Get("Location") != "/signin"
			if allowed && !r.Emergency {
				t.Errorf("%s %s: allowed", r.Method, r.Path)
			}
			if allowed {
				n++
			}
		}
		return n
	}
	if n := open(); n != 0 {
		t.Errorf("before: %d routes are open", n)
	}
	s.mu.Lock()
	s.broken = fmt.Errorf("the log: %w", record.ErrInvalid)
	s.mu.Unlock()
	form := url.Values{"reason": {"treatment in an emergency"}, "why": {"unconscious"}}
	if resp, _ := s.do(c, "POST", "/emergency", form); resp.StatusCode != 400 || open() != 0 {
		t.Errorf("while nothing can be written down: got %d, and it is open", resp.StatusCode)
	}
	s.mu.Lock()
	s.broken = nil
	s.mu.Unlock()
	if resp, _ := s.do(c, "POST", "/emergency", form); resp.StatusCode != 303 || open() != 3 {
		t.Errorf("in an emergency: got %d, and %d routes, want three", resp.StatusCode, open())
	}
	resp, _ := s.do(c, "POST", "/chart", url.Values{"chart": {"9118427"}, "purpose": {"treatment"}})
	if _, body := s.do(c, "GET", resp.Header.Get("Location"), nil); !strings.Contains(body, "looked up for emergency") || !strings.Contains(body, "Emergency: charts are open") {
		t.Error("the chart is not looked up for an emergency, or nobody is told that it is one")
	}
	for _, role := range accounts.Roles() {
		want := 403
		if (accounts.User{Roles: []accounts.Role{role}}).May(accounts.BreakGlass) {
			want = 303
		}
		c := s.browser(role)
		if resp, _ := s.do(c, "POST", "/emergency", form); resp.StatusCode != want {
			t.Errorf("%s breaks the glass: got %d, want %d", role, resp.StatusCode, want)
		}
		if want != 303 {
			continue
		}
		// Whatever is opened meanwhile is opened in an emergency, and reviewed as such.
		resp, _ := s.do(c, "POST", "/chart", url.Values{"chart": {"9118427"}, "purpose": {"treatment"}})
		if _, body := s.do(c, "GET", resp.Header.Get("Location"), nil); !strings.Contains(body, "looked up for emergency") {
			t.Errorf("%s in an emergency: the chart is looked up for something else", role)
		}
	}
	s.mu.Lock()
	s.late = accounts.Emergency
	s.mu.Unlock()
	if n := open(); n != 0 {
		t.Errorf("an hour later: %d routes are open", n)
	}
}

// TestLists: each list comes as a file, whole, with nothing in it that a
// spreadsheet would take for a formula.
func TestLists(t *testing.T) {
	s := newSite(t, "=cmd|'/c calc'!A1")
	for path, role := range map[string]accounts.Role{"/batches": accounts.Scan, "/qa": accounts.Records, "/automations": accounts.Auditor, "/schedules": accounts.Auditor, "/users": accounts.Admin, "/requests": accounts.Release, "/holds": accounts.Auditor, "/retention": accounts.Auditor, "/plans": accounts.Auditor, "/certificates": accounts.Auditor, "/paper": accounts.Auditor,
		"/corrections": accounts.Records, "/audit": accounts.Auditor, "/emergencies": accounts.Auditor, "/restrictions": accounts.Director, "/site": accounts.Admin, "/imports/" + document: accounts.Records, "/reports": accounts.Director, "/disclosures": accounts.Release} {
		c := s.browser(role)
		if path == "/disclosures" {
			resp, _ := s.do(c, "POST", path, url.Values{"chart": {"9118427"}})
			path = resp.Header.Get("Location")
		}
		resp, body := s.do(c, "GET", path+"?as=csv", nil)
		rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		if err != nil || len(rows) < 2 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") || !strings.Contains(resp.Header.Get("Content-Disposition"), ".csv") {
			t.Errorf("%s: got %d, %s, %d rows, %v", path, resp.StatusCode, resp.Header.Get("Content-Type"), len(rows), err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if strings.HasPrefix(cell, "=") {
					t.Errorf("%s: a cell is %q", path, cell)
				}
			}
		}
	}
}
