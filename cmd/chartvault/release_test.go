package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"chartvault/ingest/correct"
	"chartvault/internal/testserver"
	"chartvault/record"
	"chartvault/release"
)

// releasing is an archive with the sample charts, and people who work on
// requests.
type releasing struct {
	*app
	t   *testing.T
	a   *testArchive
	doc record.ID // of two pages, under oneChart
}

const oneChart = "9118427"

// requester is who asks; nothing of it may be in clear anywhere.
const requester = "Zebra Testrequester"

func newReleasing(t *testing.T) *releasing {
	t.Helper()
	r := &releasing{t: t, a: filedArchive(t)}
	r.app = reopen(t, &env{data: r.a.dir, passFile: r.a.pass, in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler)})
	n, err := record.ParseChartNumber(oneChart)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := r.cat.OfChart(t.Context(), n)
	if err != nil || len(rows) != 1 || rows[0].Pages != 2 {
		t.Fatalf("got %+v, %v, want one document of two pages", rows, err)
	}
	r.doc = rows[0].ID
	return r
}

// do runs an operation as somebody and returns its last line.
func (r *releasing) do(who record.Actor, op string, params any) (requestLine, error) {
	var l requestLine
	err := r.perform(r.t.Context(), op, request{Actor: who, Params: params}, func(b json.RawMessage) error { return json.Unmarshal(b, &l) })
	return l, err
}

func (r *releasing) must(who record.Actor, op string, params any) requestLine {
	r.t.Helper()
	l, err := r.do(who, op, params)
	if err != nil {
		r.t.Fatalf("%s: %v", op, err)
	}
	return l
}

// check agrees, as a second person, to a request as it is now.
func (r *releasing) check(id string) {
	r.t.Helper()
	var v requestView
	if err := r.perform(r.t.Context(), "request-show", request{Actor: "user:two", Params: requestID{ID: id}}, func(b json.RawMessage) error { return json.Unmarshal(b, &v) }); err != nil {
		r.t.Fatal(err)
	}
	r.must("user:two", "request-check", requestAct{ID: id, Agree: true, Version: v.Version})
}

// approved is a request for the whole chart that may go out.
func (r *releasing) approved() string {
	r.t.Helper()
	id := r.must("user:one", "request-new", newRequest{Class: "patient", Requester: release.Party{Name: requester, Address: "1 Sample Street"}, Patient: requester, Charts: []string{oneChart}, What: "the whole record", Purpose: "the patient's request"}).ID
	r.must("user:one", "request-ground", requestAct{ID: id, Grounds: release.Grounds{Identity: "photo identity"}})
	r.must("user:one", "request-choose", requestAct{ID: id, Offer: true})
	r.must("user:one", "request-submit", requestAct{ID: id})
	r.check(id)
	return id
}

// hand hands a request over: what was said of the package, and its bytes.
func (r *releasing) hand(p handParams) (handLine, []byte, error) {
	r.t.Helper()
	var said handLine
	var b []byte
	if p.Handing.Method == "" {
		p.Handing.Method = "in person"
	}
	err := r.perform(r.t.Context(), "request-hand", request{Actor: "user:one", Params: p}, func(line json.RawMessage) error {
		var l handLine
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		if l.Disclosure != "" {
			said = l
		}
		b = append(b, l.Chunk...)
		return nil
	})
	if sum := sha256.Sum256(b); err == nil && (hex.EncodeToString(sum[:]) != said.SHA256 || int64(len(b)) != said.Bytes) {
		r.t.Errorf("package of %d bytes is not what was said of it: %+v", len(b), said)
	}
	return said, b, err
}

// pdfSays is the text of a PDF, page by page.
func pdfSays(t *testing.T, b []byte, args ...string) []string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "package.pdf")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("pdftotext", append(args, "-layout", name, "-")...).Output()
	if err != nil {
		t.Fatalf("pdftotext: %v", err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
}

// TestRelease takes a request from its receipt to the accounting, with every form
// its package can have.
func TestRelease(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	id := r.approved()
	l, err := r.do("user:one", "request-redact", requestAct{ID: id, Document: r.doc, Page: 2, Words: "clear", Reason: "names another patient"})
	if err != nil || l.State != release.Open {
		t.Fatalf("black out after the check: got %s, %v, want open again", l.State, err)
	}
	if _, _, err := r.hand(handParams{ID: id, Format: "pdf"}); !errors.Is(err, record.ErrNotReady) {
		t.Errorf("hand over after a change: got %v, want ErrNotReady", err)
	}
	r.must("user:one", "request-submit", requestAct{ID: id})
	r.check(id)

	said, pdf, err := r.hand(handParams{ID: id, Format: "pdf"})
	if err != nil || said.Disclosure != "D000001" || said.Name != id+".pdf" || said.Pages != 4 {
		t.Fatalf("hand over: got %+v, %v", said, err)
	}
	// A page found misfiled later has left the house, too.
	var left []sight
	if err := r.whoSaw(t.Context(), r.doc, func(s sight) error { left = append(left, s); return nil }); err != nil ||
		!slices.ContainsFunc(left, func(s sight) bool {
			return s.Actor == "user:one" && s.Purpose == "released" && s.What == "disclosure D000001 of request "+id
		}) {
		t.Errorf("who saw it: got %+v, %v, want the disclosure among them", left, err)
	}
	pages := pdfSays(t, pdf)
	if len(pages) != 4 {
		t.Fatalf("got %d pages, want cover, index and two", len(pages))
	}
	for i, want := range []string{requester, "progress note", "PROGRESS NOTE", ""} {
		if !strings.Contains(pages[i], want) || !strings.Contains(pages[i], id+" page "+string(rune('1'+i))+" of 4") {
			t.Errorf("page %d: got %q, want %q and the stamp", i+1, pages[i], want)
		}
	}
	if got := strings.TrimSpace(pages[3]); got != id+" page 4 of 4" {
		t.Errorf("the page with something blacked out says %q", got)
	}
	r.forms(id)
	r.accounts(id)
	if n := r.inClear(requester, "Sample Street", "names another patient", "the whole record"); n != "" {
		t.Errorf("the requester stands in clear in %s", n)
	}
}

// forms hands a request over again in every form.
func (r *releasing) forms(id string) {
	t := r.t
	if _, _, err := r.hand(handParams{ID: id, Format: "pdf"}); !errors.Is(err, record.ErrInvalid) {
		t.Errorf("again without a reason: got %v, want ErrInvalid", err)
	}
	again := release.Handing{Method: "by portal", Again: "the first did not arrive"}
	_, locked, err := r.hand(handParams{ID: id, Format: "pdf", Password: "a long enough one", Handing: again})
	if err != nil {
		t.Fatal(err)
	}
	if got := pdfSays(t, locked, "-upw", "a long enough one"); len(got) != 4 {
		t.Errorf("with a password: got %d pages", len(got))
	}
	_, z, err := r.hand(handParams{ID: id, Format: "zip", Handing: again})
	if err != nil {
		t.Fatal(err)
	}
	zr, err := zip.NewReader(bytes.NewReader(z), int64(len(z)))
	if err != nil {
		t.Fatal(err)
	}
	member := func(name string) []byte {
		b, err := fs.ReadFile(zr, name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sum := sha256.Sum256(member(id + ".pdf"))
	if got := string(member("SHA256SUMS")); got != hex.EncodeToString(sum[:])+"  "+id+".pdf\n" {
		t.Errorf("SHA256SUMS: got %q", got)
	}
	if got := string(member("contents.csv")); !strings.Contains(got, "3,progress note,") {
		t.Errorf("contents.csv: got %q", got)
	}
	me, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	said, sealed, err := r.hand(handParams{ID: id, Format: "zip", Recipient: me.Recipient().String(), Handing: again})
	if err != nil || said.Name != id+".zip.age" {
		t.Fatalf("to a recipient: got %+v, %v", said, err)
	}
	dir := t.TempDir()
	r.a.write(filepath.Join(dir, "key"), []byte(me.String()+"\n"))
	r.a.write(filepath.Join(dir, "package.age"), sealed)
	open, err := exec.Command(testserver.Age(t), "-d", "-i", filepath.Join(dir, "key"), filepath.Join(dir, "package.age")).Output()
	if err != nil || !bytes.HasPrefix(open, []byte("PK")) {
		t.Errorf("the age tool opens it: got %v", err)
	}
	for what, p := range map[string]handParams{
		"short password": {ID: id, Format: "pdf", Password: "short"}, "both": {ID: id, Format: "pdf", Password: "a long enough one", Recipient: me.Recipient().String()},
		"format": {ID: id, Format: "doc"}, "recipient": {ID: id, Format: "pdf", Recipient: "age1x"},
	} {
		p.Handing = again
		if _, b, err := r.hand(p); !errors.Is(err, record.ErrInvalid) || len(b) > 0 {
			t.Errorf("%s: got %d bytes, %v, want ErrInvalid", what, len(b), err)
		}
	}
}

// accounts wants the disclosures to be told under every number, and the
// accounting to list what the law has listed.
func (r *releasing) accounts(id string) {
	t := r.t
	list := func(all bool) (out []release.Disclosure) {
		err := r.perform(t.Context(), "disclosures", request{Actor: "user:one", Params: accountParams{"911-8427", all}}, func(b json.RawMessage) error {
			var d release.Disclosure
			err := json.Unmarshal(b, &d)
			out = append(out, d)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := list(true); len(got) != 4 || got[0].Request != id || got[0].Checked != "user:two" || got[0].By != "user:one" || got[3].Again == "" {
		t.Errorf("disclosures: got %+v", got)
	}
	if got := list(false); len(got) != 0 {
		t.Errorf("accounting: got %+v, want none to the patient", got)
	}
	if err := r.perform(t.Context(), "disclosure-note", request{Actor: "user:one", Params: newDisclosure{Charts: []string{oneChart}, On: record.DateOf(r.now()), Class: "public_health",
		Recipient: release.Party{Name: "Sample County"}, What: "a case report", Purpose: "reporting", Method: "by telephone"}}, func(json.RawMessage) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := list(false); len(got) != 1 || got[0].What != "a case report" {
		t.Errorf("accounting: got %+v", got)
	}
	// Asked for by the patient, it goes out as any other request does.
	id = r.must("user:one", "request-new", newRequest{Kind: release.Accounting, Class: "patient", Requester: release.Party{Name: requester}, Patient: requester, Charts: []string{oneChart}, What: "an accounting", Purpose: "own"}).ID
	r.must("user:one", "request-ground", requestAct{ID: id, Grounds: release.Grounds{Identity: "photo identity"}})
	r.must("user:one", "request-submit", requestAct{ID: id})
	r.check(id)
	_, pdf, err := r.hand(handParams{ID: id, Format: "pdf"})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(pdfSays(t, pdf), ""); !strings.Contains(got, "Sample County") || !strings.Contains(got, "page 1 of 1") {
		t.Errorf("accounting: got %q", got)
	}
}

// inClear names a file of the data directory in which a word stands.
func (r *releasing) inClear(words ...string) (found string) {
	r.t.Helper()
	for _, name := range files(r.t, r.a.dir) {
		b, err := os.ReadFile(filepath.Join(r.a.dir, name))
		if err != nil {
			b, err = os.ReadFile(name)
		}
		if err != nil {
			r.t.Fatal(err)
		}
		for _, w := range words {
			if bytes.Contains(b, []byte(w)) {
				return name
			}
		}
	}
	return ""
}

// TestRequestHolds: nothing of a chart ends while a request for it is open, and
// a chart can be put right meanwhile; what was checked is then checked again.
func TestRequestHolds(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	id := r.approved()
	if held, err := r.cat.Held(t.Context(), r.doc, nil); err != nil || !held && !r.held(r.doc) {
		t.Errorf("while it is open: held %v, %v", held, err)
	}
	if _, err := (holdings{r.app}).Destroy(t.Context(), r.doc, "000001"); !errors.Is(err, record.ErrHeld) {
		t.Fatalf("destroy while it is open: got %v, want ErrHeld", err)
	}
	if err := r.perform(t.Context(), "correct", request{Actor: "user:three", Params: correctParams{Act: correct.Split, Documents: []string{r.doc.String()}, Pages: []int{2}, Reason: "two visits"}}, func(json.RawMessage) error { return nil }); err != nil {
		t.Fatalf("correct while it is open: %v", err)
	}
	if _, b, err := r.hand(handParams{ID: id, Format: "pdf"}); !errors.Is(err, record.ErrNotReady) || len(b) > 0 {
		t.Errorf("hand over what was corrected since: got %d bytes, %v, want ErrNotReady", len(b), err)
	}
	r.must("user:one", "request-choose", requestAct{ID: id, Offer: true})
	r.must("user:one", "request-submit", requestAct{ID: id})
	r.check(id)
	said, _, err := r.hand(handParams{ID: id, Format: "pdf"})
	if err != nil || said.Pages != 4 {
		t.Errorf("hand over: got %+v, %v", said, err)
	}
	n, err := record.ParseChartNumber(oneChart)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := r.cat.OfChart(t.Context(), n)
	if err != nil || len(rows) != 2 {
		t.Fatalf("got %d rows, %v", len(rows), err)
	}
	if r.held(rows[0].ID) {
		t.Error("it is held by a request that is closed")
	}
}

// held reports whether anything holds a document's chart, in the catalogue and
// by the decision.
func (r *releasing) held(id record.ID) bool {
	r.t.Helper()
	row, err := r.cat.Document(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	held, err := r.cat.Held(r.t.Context(), id, row.ChartToken)
	if err != nil {
		r.t.Fatal(err)
	}
	b, err := r.bindings(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if by := len(b.holds.Binding(b.subject(row))) > 0; by != held {
		r.t.Errorf("document %s: held %v by the catalogue, %v by the decision", id, held, by)
	}
	return held
}

// mute is a register that cannot write.
type mute struct {
	release.Register
	err error
}

func (m mute) PutDisclosure(context.Context, record.Actor, release.Disclosure) error { return m.err }

// TestNoDisclosureNoByte: where the disclosure cannot be written down, nothing is
// handed over.
func TestNoDisclosureNoByte(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	id := r.approved()
	real := r.releases.Register
	r.releases.Register = mute{real, errors.New("the log cannot be written")}
	if said, b, err := r.hand(handParams{ID: id, Format: "pdf"}); err == nil || len(b) > 0 || said.Disclosure != "" {
		t.Errorf("got %d bytes, %+v, %v, want nothing but an error", len(b), said, err)
	}
	r.releases.Register = real
	if _, b, err := r.hand(handParams{ID: id, Format: "pdf"}); err != nil || len(b) == 0 {
		t.Errorf("once it can be written: got %d bytes, %v", len(b), err)
	}
}

// TestRequestsRebuilt: requests, disclosures and what they hold come back from
// the stores alone.
func TestRequestsRebuilt(t *testing.T) {
	t.Parallel()
	r := newReleasing(t)
	r.approved()
	done := r.approved()
	if _, _, err := r.hand(handParams{ID: done, Format: "pdf"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	look := func() string {
		list, code := r.a.run("request", "list", "--all", "--json")
		out, code2 := r.a.runWith(oneChart+"\n", "disclosures", "list", "--all", "--json")
		if code != 0 || code2 != 0 {
			t.Fatalf("exit %d, %d\n%s%s", code, code2, list, out)
		}
		return list + out
	}
	before := look()
	for _, f := range []string{"catalogue.db", "catalogue.db-wal", "catalogue.db-shm"} {
		os.Remove(filepath.Join(r.a.dir, f)) // some are not there
	}
	if out, code := r.a.run("rebuild"); code != 0 {
		t.Fatalf("rebuild: exit %d\n%s", code, out)
	}
	if after := look(); after != before || strings.Count(after, "\n") != 3 {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
	again := reopen(t, &env{data: r.a.dir, passFile: r.a.pass, in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler)})
	r.app = again
	if !r.held(r.doc) {
		t.Error("the open request holds nothing after the rebuild")
	}
}

// TestRightPatient: whoever works on a request is told when the patient list knows
// somebody else under the chart number, and not when a name is only misspelt.
func TestRightPatient(t *testing.T) {
	t.Parallel()
	a := newArchive(t, "[server]\nlisten = \"127.0.0.1:0\"\n")
	list := filepath.Join(t.TempDir(), "list.csv")
	a.write(list, []byte("chart_number,name,date_of_birth\n"+oneChart+",\"TESTPATIENT, Alpha\",1950-01-02\n9237654,\"SAMPLEMAN, Bravo\",1962-07-14\n"))
	if out, code := a.run("patients", "import", list); code != 0 {
		t.Fatalf("patients import: exit %d\n%s", code, out)
	}
	r := &releasing{t: t, a: a, app: reopen(t, &env{data: a.dir, passFile: a.pass, in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler)})}
	for name, want := range map[string]bool{"Alpha Testpatient": false, "TESTPATIENT, ALPHA": false, "Alfa Testpatient": false, "Bravo Sampleman": true, "": true} {
		id := r.must("user:one", "request-new", newRequest{Class: "patient", Requester: release.Party{Name: "Somebody"}, Patient: name, Charts: []string{oneChart}, What: "all", Purpose: "own"}).ID
		var v requestView
		if err := r.perform(t.Context(), "request-show", request{Actor: "user:one", Params: requestID{id}}, func(b json.RawMessage) error { return json.Unmarshal(b, &v) }); err != nil {
			t.Fatal(err)
		}
		if len(v.Listed) != 1 || v.Listed[0].Differs != want || v.Listed[0].Born.String() != "1950-01-02" {
			t.Errorf("%q: got %+v, want differs %v", name, v.Listed, want)
		}
	}
}
