package release

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/template"

	"chartvault/internal/paper"
	"chartvault/record"
)

//go:embed letters/*.txt
var defaultLetters embed.FS

// Letters lists what can be written to a requester.
func Letters() []string {
	return []string{"acknowledgement", "returned", "extension", "denial", "no_records", "destroyed", "invoice", "handed"}
}

// Letter is a letter to a requester: what its template is given.
type Letter struct {
	Facility  string
	Address   string // of the facility
	Today     record.Date
	Request   Request
	Class     Class
	Missing   []string // what the requester has to mend, in words
	Cost      string   // "" for nothing
	FeeCite   string
	Gone      []string // what is destroyed, in words
	Elsewhere []string // who else holds a part
	What      string   // what goes out, briefly
}

// Text fills a letter's template: a subject, and the body. The templates in site
// (NAME.txt) come before those of the program; site may be nil.
func (l Letter) Text(name string, site fs.FS) (subject, body string, err error) {
	b, err := template1(name, site)
	if err != nil {
		return "", "", err
	}
	t, err := template.New(name).Option("missingkey=error").Parse(string(b))
	if err != nil {
		return "", "", fmt.Errorf("letter %s: %w: %w", name, record.ErrInvalid, err)
	}
	if name == "extension" && l.Request.Extended == nil {
		return "", "", fmt.Errorf("letter %s: %w: request %s was not extended", name, record.ErrInvalid, l.Request.ID)
	}
	var out strings.Builder
	if err := t.Execute(&out, l); err != nil {
		return "", "", fmt.Errorf("letter %s: %w: %w", name, record.ErrInvalid, err)
	}
	subject, body, _ = strings.Cut(out.String(), "\n")
	return strings.TrimSpace(subject), strings.TrimSpace(body), nil
}

func template1(name string, site fs.FS) ([]byte, error) {
	known := false
	for _, n := range Letters() {
		known = known || n == name
	}
	if !known {
		return nil, fmt.Errorf("letter %q: %w: there are %s", name, record.ErrInvalid, strings.Join(Letters(), ", "))
	}
	if site != nil {
		b, err := fs.ReadFile(site, name+".txt")
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	return defaultLetters.ReadFile("letters/" + name + ".txt")
}

// Print writes a letter as PDF.
func (l Letter) Print(w io.Writer, name string, site fs.FS) error {
	subject, body, err := l.Text(name, site)
	if err != nil {
		return err
	}
	p := paper.NewForm(l.Facility, "", l.Facility)
	if l.Address != "" {
		p.Body(l.Address)
	}
	p.Body(l.Today.String())
	to := l.Request.Requester
	if name == "handed" {
		to = l.Request.Recipient
	}
	p.Ln(6)
	p.Body(strings.TrimSpace(to.Name + "\n" + to.Address))
	p.Ln(6)
	p.SetFont("Helvetica", "B", 12)
	p.MultiCell(0, 6, paper.Latin(subject), "", "L", false)
	p.Ln(2)
	for part := range strings.SplitSeq(body, "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			p.Body(part)
		}
	}
	p.Ln(8)
	p.Body("Release of information, " + l.Facility)
	if err := p.Output(w); err != nil {
		return fmt.Errorf("letter %s: %w", name, err)
	}
	return nil
}

// Dollars is an amount of cents in words; "" for nothing.
func Dollars(cents int) string {
	if cents == 0 {
		return ""
	}
	return fmt.Sprintf("$%d.%02d", cents/100, cents%100)
}
