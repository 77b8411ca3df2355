package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"chartvault/accounts"
	"chartvault/web/api"
)

// spec is what the compatibility of two descriptions hangs on.
type spec struct {
	Paths map[string]struct {
		Post struct {
			RequestBody struct {
				Content map[string]struct{ Schema schema }
			} `json:"requestBody"`
			Responses map[string]struct {
				Content map[string]struct{ Schema schema }
			}
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Properties map[string]schema
	Required   []string
	Items      *schema
}

// breaks lists what a program written for one description finds broken in the
// next: operations and fields that are gone or of another type, fields that must
// now be sent, and fields that are said no more, or not always.
func breaks(was, is spec) (out []string) {
	var compare func(where string, a, b schema, sent bool, seen map[string]bool)
	compare = func(where string, a, b schema, sent bool, seen map[string]bool) {
		for a.Ref != "" || b.Ref != "" {
			if seen[a.Ref+" "+b.Ref] {
				return
			}
			seen[a.Ref+" "+b.Ref] = true
			look := func(d spec, s schema) schema {
				if s.Ref == "" {
					return s
				}
				return d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
			}
			a, b = look(was, a), look(is, b)
		}
		if fmt.Sprint(a.Type) != fmt.Sprint(b.Type) {
			out = append(out, fmt.Sprintf("%s: was %v, is %v", where, a.Type, b.Type))
		}
		for name, p := range a.Properties {
			q, ok := b.Properties[name]
			if !ok {
				out = append(out, where+": no field "+name)
				continue
			}
			compare(where+"."+name, p, q, sent, seen)
		}
		for _, name := range b.Required {
			if sent && !slices.Contains(a.Required, name) {
				out = append(out, where+": "+name+" must be sent")
			}
		}
		for _, name := range a.Required {
			if !sent && !slices.Contains(b.Required, name) {
				out = append(out, where+": "+name+" is not always said")
			}
		}
		if a.Items != nil && b.Items != nil {
			compare(where+"[]", *a.Items, *b.Items, sent, seen)
		}
	}
	for path, p := range was.Paths {
		q, ok := is.Paths[path]
		if !ok {
			out = append(out, "no "+path)
			continue
		}
		for kind, c := range p.Post.RequestBody.Content {
			compare(path+" sent", c.Schema, q.Post.RequestBody.Content[kind].Schema, true, map[string]bool{})
		}
		for code, r := range p.Post.Responses {
			for kind, c := range r.Content {
				compare(path+" "+code, c.Schema, q.Post.Responses[code].Content[kind].Schema, false, map[string]bool{})
			}
		}
	}
	return out
}

func readSpec(t *testing.T, b []byte) (s spec) {
	t.Helper()
	if err := json.Unmarshal(b, &s); err != nil || len(s.Paths) == 0 {
		t.Fatalf("description: %v, %d paths", err, len(s.Paths))
	}
	return s
}

// TestOpenAPI: the description in docs is that of the code, is valid OpenAPI 3.1,
// and breaks no program that was written for the one that was published.
func TestOpenAPI(t *testing.T) {
	made, err := describe()
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, committed) {
		t.Error(`docs/openapi.json is not what the code does: run "chartvault openapi > docs/openapi.json" and look at what changed`)
	}
	published, err := os.ReadFile("testdata/api/openapi-2.0.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range breaks(readSpec(t, published), readSpec(t, made)) {
		t.Errorf("a program written for version 2.0 breaks: %s", b)
	}
	check := exec.Command("node", "--input-type=module", "-e", `import { Validator } from '@seriousme/openapi-schema-validator';
import { readFileSync } from 'node:fs';
const r = await new Validator().validate(JSON.parse(readFileSync(process.argv[1], 'utf8')));
if (!r.valid) { console.log(JSON.stringify(r.errors)); process.exit(1); }`, "../../docs/openapi.json")
	check.Dir = "../../web/e2e"
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("not valid OpenAPI 3.1: %v\n%s", err, out)
	}
}

// TestPeopleOnly: what people decide, and what only the server does for them, no
// program can be given.
func TestPeopleOnly(t *testing.T) {
	for _, e := range endpoints() {
		for _, never := range []string{"approve", "approver", "check", "hand", "users", "user", "adopt", "execute", "hold-release", "emergency", "keys", "key", "unlock", "rebuild", "restore", "audit-resume", "sign", "signed", "token", "waiting", "station"} {
			if e.Op == never || strings.HasPrefix(e.Op, never+"-") || strings.HasSuffix(e.Op, "-"+never) {
				t.Errorf("%s can be done by a program", e.Op)
			}
		}
	}
}

// TestBreaks: the check finds each kind of what breaks a program, and nothing in
// what does not.
func TestBreaks(t *testing.T) {
	const base = `{"paths":{"/a":{"post":{"requestBody":{"content":{"j":{"schema":{"$ref":"#/components/schemas/In"}}}},"responses":{"200":{"content":{"n":{"schema":{"$ref":"#/components/schemas/Out"}}}}}}}},
		"components":{"schemas":{"In":{"type":"object","properties":{"chart":{"type":"string"},"list":{"type":"boolean"}},"required":["chart"]},"Out":{"type":"object","properties":{"id":{"type":"string"},"pages":{"type":"array","items":{"type":"integer"}}},"required":["id"]}}}}`
	for _, tt := range []struct{ from, to, want string }{
		{`"/a"`, `"/b"`, "no /a"},
		{`"list":{"type":"boolean"}`, `"lists":{"type":"boolean"}`, "/a sent: no field list"},
		{`"required":["chart"]`, `"required":["chart","list"]`, "/a sent: list must be sent"},
		{`"id":{"type":"string"}`, `"id":{"type":"integer"}`, "/a 200.id: was string, is integer"},
		{`"required":["id"]`, `"required":[]`, "/a 200: id is not always said"},
		{`"items":{"type":"integer"}`, `"items":{"type":"string"}`, "/a 200.pages[]: was integer, is string"},
		{`"id":{"type":"string"}`, `"id":{"type":"string"},"more":{"type":"string"}`, ""},
		{`"required":["chart"]`, `"required":[]`, ""},
		{`"required":["id"]`, `"required":["id","pages"]`, ""},
	} {
		got := strings.Join(breaks(readSpec(t, []byte(base)), readSpec(t, []byte(strings.Replace(base, tt.from, tt.to, 1)))), "; ")
		if got != tt.want {
			t.Errorf("%s for %s: got %q, want %q", tt.to, tt.from, got, tt.want)
		}
	}
}

// TestPrograms calls the API of a real archive with a token of a director, and
// holds every line it gets against the description.
func TestPrograms(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	desk, err := accounts.NewDesk(people{r.app}, r.now, true)
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[accounts.Role]string{}
	for _, role := range []accounts.Role{accounts.Director, accounts.Auditor} {
		name := "a." + string(role)
		if err := desk.Put(t.Context(), "os:test", accounts.User{Name: name, Roles: []accounts.Role{role}}, "four words make a sentence"); err != nil {
			t.Fatal(err)
		}
		s, err := desk.SignIn(t.Context(), name, "four words make a sentence", "", "here")
		if err != nil {
			t.Fatal(err)
		}
		if tokens[role], err = desk.NewToken(t.Context(), s, "tests", accounts.MayGive(s.User), 1); err != nil {
			t.Fatal(err)
		}
	}
	programs := r.programs(desk)
	h, err := programs.Handler()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(withPrograms(h, http.NotFoundHandler()))
	defer srv.Close()
	doc := programs.Describe()
	post := func(role accounts.Role, op, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+api.Prefix+op, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+tokens[role])
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 && resp.StatusCode != 204 {
			t.Errorf("%s %s: got %d, %v\n%s", op, body, resp.StatusCode, err, b)
			return ""
		}
		conforms(t, doc, op, body, string(b))
		return string(b)
	}
	const chart = `"chart":"` + oneChart + `"`
	post(accounts.Director, "get", `{`+chart+`,"purpose":"operations","list":true}`)
	post(accounts.Director, "get", `{`+chart+`,"purpose":"operations","list":false}`)
	post(accounts.Director, "page", fmt.Sprintf(`{"document":%q,"page":1,"purpose":"operations","query":"lungs"}`, r.doc))
	post(accounts.Director, "document", fmt.Sprintf(`{"document":%q,"purpose":"operations"}`, r.doc))
	post(accounts.Director, "search", `{"query":"lungs","limit":5,"boxes":true}`)
	waiting := post(accounts.Director, "qa-list", `{}`)
	var w struct{ Document string }
	if err := json.Unmarshal([]byte(strings.SplitN(waiting, "\n", 2)[0]), &w); err != nil {
		t.Fatal(err)
	}
	post(accounts.Director, "qa-show", fmt.Sprintf(`{"document":%q}`, w.Document))
	post(accounts.Director, "qa-assign", fmt.Sprintf(`{"document":%q,"chart":"9237654","type":"CONSENT"}`, w.Document))
	for _, op := range []string{"batches", "corrections", "request-rules", "hold-list", "retention-due", "schedule-list", "schedule-show", "plan-list", "certificate-list", "report", "status"} {
		post(accounts.Director, op, `{}`)
	}
	post(accounts.Director, "request-new", `{"class":"attorney","charts":["`+oneChart+`"],"requester":{"name":"Sample and Partners"},"what":"all","purpose":"a claim"}`)
	post(accounts.Director, "request-ground", `{"id":"R000001","grounds":{"identity":"letterhead"}}`)
	post(accounts.Director, "request-choose", fmt.Sprintf(`{"id":"R000001","chosen":[{"document":%q,"pages":[1]}]}`, r.doc))
	post(accounts.Director, "request-redact", fmt.Sprintf(`{"id":"R000001","document":%q,"page":1,"boxes":[[1,1,9,9]],"reason":"somebody else"}`, r.doc))
	post(accounts.Director, "request-show", `{"id":"R000001"}`)
	post(accounts.Director, "request-list", `{"all":true}`)
	post(accounts.Director, "request-letter", `{"id":"R000001","letter":"acknowledgement"}`)
	post(accounts.Director, "request-end", `{"id":"R000001","outcome":"cancelled","reason":"withdrawn"}`)
	post(accounts.Director, "disclosure-note", `{"charts":["`+oneChart+`"],"on":"2026-01-31","class":"court","recipient":{"name":"Sample Court"},"what":"one page","purpose":"an order","method":"by post"}`)
	post(accounts.Director, "disclosures", `{`+chart+`,"all":true}`)
	post(accounts.Director, "hold-place", `{"kind":"audit","charts":["`+oneChart+`"],"matter":"review 7","reason":"notice"}`)
	post(accounts.Director, "correct", fmt.Sprintf(`{"act":"date","documents":[%q],"date":"1998","reason":"read as 1989"}`, w.Document))
	post(accounts.Auditor, "audit-list", `{"before":0,"limit":50}`)
	if s := post(accounts.Auditor, "audit-list", `{"before":0,"limit":1000}`); !strings.Contains(s, `"actor":"user:a.director"`) {
		t.Error("what a program did is not in the log under its user's name")
	}
	if n := r.inClear(tokens[accounts.Director]); n != "" {
		t.Errorf("a token stands in clear in %s", filepath.Base(n))
	}
}

// conforms holds what was sent and said against the description.
func conforms(t *testing.T, doc *huma.OpenAPI, op, body, lines string) {
	t.Helper()
	post := doc.Paths[api.Prefix+op].Post
	valid := func(what string, s *huma.Schema, mode huma.ValidateMode, text string) {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Errorf("%s: %s: %v", op, what, err)
			return
		}
		res := &huma.ValidateResult{}
		huma.Validate(doc.Components.Schemas, s, huma.NewPathBuffer(nil, 0), mode, v, res)
		for _, e := range res.Errors {
			t.Errorf("%s: %s is not what the description says: %v\n%.300s", op, what, e, text)
		}
	}
	valid("what is sent", post.RequestBody.Content["application/json"].Schema, huma.ModeWriteToServer, body)
	for line := range strings.Lines(lines) {
		valid("a line", post.Responses["200"].Content["application/x-ndjson"].Schema, huma.ModeReadFromServer, line)
	}
}
