// Package pages is what people see in a browser: they sign in, look charts up,
// search, settle what the machine doubts, correct, hold, and check.
//
// Its invariants: a page is given only to somebody who is signed in and whose
// role allows it, by the one table of routes; what names a patient travels in
// bodies and answers, never in an address; every answer is forbidden to be kept;
// and nothing but this package's own script and style can run in one. A page
// does nothing the archive's operations do not do and log.
//
// It stores nothing. Templates, style and script are embedded.
package pages

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"chartvault/accounts"
	"chartvault/record"
	"chartvault/web"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// Call runs an operation of the archive and hands each line of its answer to f.
type Call func(ctx context.Context, who record.Actor, op string, params any, f func(json.RawMessage) error) error

// Pages answers browsers. Its fields are set before use.
type Pages struct {
	Accounts *accounts.Desk
	Call     Call
	Problem  func(error) web.Problem // the table of errors
	Outside  Door                    // the site's own sign-in; nil for none
	Facility string
	Types    []string // codes of the document types there are
	Names    []string // by which the pages are asked for, without ports; security keys sign for them, and for localhost
	Training bool     // nothing in the archive is real, and every page says so
	Now      func() time.Time
	Log      *slog.Logger
	Ending   <-chan struct{} // closed when the server ends: what goes on for ever ends; nil for never

	once      sync.Once
	templates map[string]*template.Template
	claims    claims
	live      live
	uploads   sync.Mutex // one large file in memory at a time
}

// Handler returns the pages. Requests that change something and come from
// another origin are refused.
func (p *Pages) Handler() (http.Handler, error) {
	var err error
	p.once.Do(func() { p.templates, err = parse() })
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, r := range p.Routes() {
		mux.Handle(r.Method+" "+r.Path, p.serve(r))
	}
	static, err := fs.Sub(staticFiles, "static")
	if err != nil {
		return nil, err
	}
	mux.Handle("GET /static/", http.StripPrefix("/static/", cached(http.FileServerFS(static))))
	return http.NewCrossOriginProtection().Handler(headers(mux)), nil
}

// cached lets browsers keep script and style, which name nobody, for a while.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=600")
		next.ServeHTTP(w, r)
	})
}

// policy allows this origin's own script, style and images, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// cookieName's prefix has browsers insist that it came from this host, over
// TLS or from this machine.
const cookieName = "__Host-chartvault"

// visit is one request.
type visit struct {
	*Pages
	w       http.ResponseWriter
	r       *http.Request
	session *accounts.Session // nil for whoever is not signed in

	first, more string // where a list begins, and goes on
	onto        string // where the page goes by itself; "" for nowhere
}

// maxForm bounds the body of a request, in bytes, and maxLarge that of one with a
// large file: a patient list of a million people.
const (
	maxForm  = 1 << 20
	maxLarge = 128 << 20
)

func (p *Pages) serve(r Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		most := int64(maxForm)
		if r.Large { // nothing of it is read before it is known whose it is
			most = maxLarge
		}
		req.Body = http.MaxBytesReader(w, req.Body, most)
		v := &visit{Pages: p, w: w, r: req}
		if c, err := req.Cookie(cookieName); err == nil {
			if r.Quiet {
				v.session = p.Accounts.Peek(c.Value)
			} else {
				v.session = p.Accounts.Session(c.Value)
			}
		}
		switch {
		case r.Open:
		case v.session == nil && req.Method == http.MethodGet:
			http.Redirect(w, req, "/signin", http.StatusSeeOther)
			return
		case v.session == nil:
			v.fail(fmt.Errorf("you are not signed in any more: %w: sign in and do it again", record.ErrDenied))
			return
		case r.Right != "" && v.Accounts.NeedsFactor(v.session.User):
			http.Redirect(w, req, "/account", http.StatusSeeOther)
			return
		case r.Right != "" && !v.session.User.May(r.Right) && !(r.Emergency && v.inEmergency()):
			v.fail(fmt.Errorf("your role may not %s: %w", r.Right, record.ErrDenied))
			return
		case r.Fresh && !v.Accounts.Proved(v.session):
			v.prove()
			return
		}
		if r.Slow {
			if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
				v.fail(err)
				return
			}
		}
		if err := r.do(v); err != nil {
			v.fail(err)
		}
	})
}

// prove asks for password and code once more.
func (v *visit) prove() {
	to := v.r.URL.EscapedPath()
	if i := strings.LastIndex(to, "/"); i > 0 && !v.known(to) {
		to = to[:i]
	}
	http.Redirect(v.w, v.r, "/again?to="+to, http.StatusSeeOther)
}

// wrong reports whether an error says that password or code are, or that it is
// too soon to try.
func (v *visit) wrong(err error) bool {
	return errors.Is(err, record.ErrDenied) || errors.Is(err, record.ErrNotReady)
}

// inEmergency reports whether whoever is signed in broke the glass.
func (v *visit) inEmergency() bool { return !v.Accounts.Broken(v.session).IsZero() }

// call runs an operation as the user who is signed in.
func (v *visit) call(op string, params any, f func(json.RawMessage) error) error {
	return v.Call(v.r.Context(), v.session.User.Actor(), op, params, f)
}

// one runs an operation whose answer is one line, into out.
func (v *visit) one(op string, params, out any) error {
	return v.call(op, params, func(b json.RawMessage) error { return json.Unmarshal(b, out) })
}

// each runs an operation and returns its lines.
func each[T any](v *visit, op string, params any) (out []T, err error) {
	err = v.call(op, params, func(b json.RawMessage) error {
		var l T
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		out = append(out, l)
		return nil
	})
	return out, err
}

// page is what every template is given.
type page struct {
	Title    string
	Facility string
	User     *accounts.User // nil for whoever is not signed in
	Here     string         // path, to mark where one is

	Training  bool       // nothing in the archive is real
	Last      string     // the document that was settled before; "" for none
	Own       string     // keys the user chose, as JSON; "" for none
	First     string     // where a list begins that is shown from a later row; "" for none
	More      string     // and where it goes on
	Emergency *time.Time // until when charts are open in one; nil when there is none
	Onto      string     // where the page goes by itself; "" for nowhere
	Data      any
}

// May reports, for templates, whether the user may do something.
func (p page) May(r string) bool { return p.User != nil && p.User.May(accounts.Right(r)) }

// show renders a page. It is rendered whole before any of it goes out.
func (v *visit) show(name, title string, data any) error {
	return v.showAs(http.StatusOK, name, title, data)
}

func (v *visit) showAs(status int, name, title string, data any) error {
	pg := page{Title: title, Facility: v.Facility, Here: v.r.URL.Path, Data: data, Training: v.Training, First: v.first, More: v.more, Last: v.last(), Own: v.own(), Onto: v.onto}
	if v.session != nil {
		pg.User = &v.session.User
		if until := v.Accounts.Broken(v.session); !until.IsZero() {
			pg.Emergency = &until
		}
	}
	var b bytes.Buffer
	if err := v.templates[name].ExecuteTemplate(&b, "layout", pg); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	v.w.Write(b.Bytes()) // whoever asked may have gone
	return nil
}

// fail says what went wrong, in the words of the error.
func (v *visit) fail(err error) {
	pr := v.Problem(err)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		pr = web.Problem{Code: "invalid", Message: "what was sent is too large", Status: http.StatusRequestEntityTooLarge}
	}
	if pr.Status >= http.StatusInternalServerError {
		pr.Message = "something inside went wrong; it is in the server's log"
		v.Log.ErrorContext(v.r.Context(), "page failed", "path", v.r.Pattern, "err", err)
	}
	if serr := v.showAs(pr.Status, "error", "That did not work", pr); serr != nil {
		http.Error(v.w, "that did not work", http.StatusInternalServerError)
	}
}

// to sends the browser on after something was done.
func (v *visit) to(path string) error {
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// field is a field of a form, without blanks around it.
func (v *visit) field(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }

// addr is where the browser is.
func (v *visit) addr() string {
	host, _, err := net.SplitHostPort(v.r.RemoteAddr)
	if err != nil {
		return v.r.RemoteAddr
	}
	return host
}

// parse reads the templates: each page with the layout.
func parse() (map[string]*template.Template, error) {
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	out := map[string]*template.Template{}
	for _, n := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(n, "templates/"), ".html")
		if name == "layout" {
			continue
		}
		if out[name], err = template.New(name).Funcs(functions()).ParseFS(templateFiles, "templates/layout.html", n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// functions are what templates may use besides their own.
func functions() template.FuncMap {
	return template.FuncMap{
		"day":   func(s string) string { return s[:min(len(s), 10)] },
		"time":  func(s string) string { return strings.Replace(s[:min(len(s), 16)], "T", " ", 1) },
		"kind":  kind,
		"under": func(here, path string) bool { return here == path || strings.HasPrefix(here, path+"/") },
		"stage": func(s string) string { return strings.ReplaceAll(s, "_", " ") },
		"add":   func(a, b int) int { return a + b },
	}
}

// kind is a type code as people read it.
func kind(code string) string {
	if code == record.TypeUnknown {
		return "Type not known"
	}
	s := strings.ToLower(strings.ReplaceAll(code, "_", " "))
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
