package pages

import (
	"encoding/json"
	"fmt"
	"strings"

	"chartvault/record"
)

// notTaken is a line of an index that was not taken, and why.
type notTaken struct {
	Line int    `json:"line"`
	File string `json:"file"`
	Why  string `json:"why"`

	at int // in the list: several may be of one line
}

// importSum is what an import did, or would do.
type importSum struct {
	Lines    int   `json:"lines"`
	Taken    int   `json:"taken"`
	Before   int   `json:"before"`
	QA       int   `json:"qa"`
	Rejected int   `json:"rejected"`
	Charts   int   `json:"charts"`
	Holds    int   `json:"holds"`
	Extended int   `json:"extended"`
	Bytes    int64 `json:"bytes"`
}

// Done is how many lines were looked at.
func (s importSum) Done() int { return s.Taken + s.Before + s.Rejected }

// imported is an import, as it is listed.
type imported struct {
	ID     string    `json:"id"`
	Folder string    `json:"folder"`
	From   string    `json:"from"`
	State  string    `json:"state"`
	By     string    `json:"by"`
	At     string    `json:"at"`
	Why    string    `json:"why"`
	Sum    importSum `json:"sum"`
}

// exported is a folder that can be imported.
type exported struct {
	Folder string   `json:"folder"`
	Files  []string `json:"files"`
}

// importsPage is the page of imports.
type importsPage struct {
	Folders []exported
	Imports []imported
	Runs    bool // one of them
}

func (v *visit) imports() error {
	fs, err := each[exported](v, "import-folders", struct{}{})
	if err != nil {
		return err
	}
	is, err := each[imported](v, "import-list", struct{}{})
	if err != nil {
		return err
	}
	p := importsPage{Folders: fs, Imports: paged(v, is, func(i imported) string { return i.ID })}
	for _, i := range is {
		p.Runs = p.Runs || i.State == "running" || i.State == "waiting"
	}
	return v.show("imports", "Imports", p)
}

// wish is an import that somebody wants, as the form gives it.
type wish struct {
	Folder string            `json:"folder"`
	Index  string            `json:"index"`
	Kind   string            `json:"kind"`
	Map    map[string]string `json:"map,omitempty"`
	From   string            `json:"from,omitempty"`
}

// wished reads the form: the names of columns come one a line, OURS=THEIRS.
func (v *visit) wished() (wish, string, error) {
	names, text, err := v.columns()
	return wish{Folder: v.field("folder"), Index: v.field("index"), Kind: v.field("kind"), From: v.field("from"), Map: names}, text, err
}

// columns reads what columns are called that are not called as ours: one a line, as
// it was typed too.
func (v *visit) columns() (map[string]string, string, error) {
	out, text := map[string]string{}, strings.ReplaceAll(v.r.PostFormValue("map"), "\r\n", "\n")
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		ours, theirs, ok := strings.Cut(l, "=")
		if !ok {
			return out, text, fmt.Errorf("columns: %w: want one a line, such as chart_number=MRN", record.ErrInvalid)
		}
		out[strings.TrimSpace(ours)] = strings.TrimSpace(theirs)
	}
	return out, text, nil
}

// lookedPage is what an import would do.
type lookedPage struct {
	Wish     wish
	Map      string // as it was typed
	Sum      importSum
	Problems []notTaken
	More     int // problems that are not shown
}

// mostProblems is how many lines that cannot be taken a page shows.
const mostProblems = 200

func (v *visit) lookImport() error {
	w, text, err := v.wished()
	if err != nil {
		return err
	}
	p := lookedPage{Wish: w, Map: text}
	err = v.call("import-look", w, func(b json.RawMessage) error {
		var l struct {
			Problem *notTaken  `json:"problem"`
			Sum     *importSum `json:"sum"`
		}
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		switch {
		case l.Sum != nil:
			p.Sum = *l.Sum
		case l.Problem != nil && len(p.Problems) < mostProblems:
			p.Problems = append(p.Problems, *l.Problem)
		default:
			p.More++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.show("looked", "What would be taken in", p)
}

func (v *visit) beginImport() error {
	w, _, err := v.wished()
	if err != nil {
		return err
	}
	return v.onImport("import-begin", w)
}

// importAct stops an import, or has it go on.
func (v *visit) importAct() error {
	op, ok := map[string]string{"stop": "import-stop", "go-on": "import-go-on"}[v.r.PathValue("act")]
	if !ok {
		return fmt.Errorf("there is no such act: %w", record.ErrNotFound)
	}
	return v.onImport(op, map[string]string{"id": v.r.PathValue("import")})
}

func (v *visit) onImport(op string, params any) error {
	if err := v.call(op, params, nothing); err != nil {
		return err
	}
	return v.to("/imports")
}

// rejects lists the lines of an import that were not taken.
func (v *visit) rejects() error {
	ps, err := each[notTaken](v, "import-rejects", map[string]string{"id": v.r.PathValue("import")})
	if err != nil {
		return err
	}
	if v.csvWanted() {
		return saveList(v, "not-taken", []string{"line", "file", "why"}, ps, func(p notTaken) []string { return []string{itoa(p.Line), p.File, p.Why} })
	}
	for i := range ps {
		ps[i].at = i
	}
	return v.show("rejects", "What was not taken", paged(v, ps, func(p notTaken) string { return itoa(p.at) }))
}
