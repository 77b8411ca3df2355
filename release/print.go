package release

import (
	"fmt"
	"io"
	"strconv"

	"chartvault/internal/paper"
	"chartvault/record"
)

// Front is what comes before the pages of a package: a cover that says for whom
// it is and what it holds, and an index that says where everything stands.
type Front struct {
	Facility  string
	Request   Request
	On        record.Date
	What      string   // briefly
	Gone      []string // what is destroyed, in words
	Elsewhere []string
	Index     []Entry
}

// Entry is a document in the index.
type Entry struct {
	Holding
	Taken []int // its pages that go out
	Black int   // of them, how many have something blacked out
	First int   // of the package's pages
}

// Print writes cover and index as PDF and returns how many pages they have.
func (f Front) Print(w io.Writer) (int, error) {
	r := f.Request
	p := paper.NewForm("Release of information", r.ID, f.Facility)
	p.Line("From", f.Facility)
	p.Line("To", r.Recipient.Name)
	p.Line("", r.Recipient.Address)
	if r.Requester != r.Recipient {
		p.Line("Asked for by", r.Requester.Name)
	}
	p.Line("Patient", r.Patient)
	for i, n := range r.Charts {
		label := "Chart number"
		if i > 0 {
			label = ""
		}
		p.Line(label, n)
	}
	p.Line("Asked for", r.What)
	p.Line("Purpose", r.Purpose)
	p.Line("Received", r.Received.String())
	p.Line("Released", f.On.String())
	p.Line("This package", f.What)
	if r.LeftOut != "" {
		p.Line("Left out", r.LeftOut)
	}
	for _, x := range r.Redactions {
		if r.Takes(x.Document, x.Page) {
			p.Line("Blacked out", x.Why)
		}
	}
	for _, e := range f.Elsewhere {
		p.Line("Held elsewhere", e)
	}
	for _, g := range f.Gone {
		p.Line("Destroyed", g)
	}
	p.Ln(4)
	p.Paragraph("This package is confidential. It is for the recipient named above and for the purpose named above. If it reached you by mistake, tell the facility and destroy it.")
	p.Paragraph("42 CFR part 2 prohibits unauthorized use or disclosure of records of the treatment of substance use.")
	var rows [][]string
	for _, e := range f.Index {
		pages := fmt.Sprintf("%s of %d", record.FormatPages(e.Taken), e.Pages)
		if e.Black > 0 {
			pages += fmt.Sprintf("; on %d something is blacked out", e.Black)
		}
		date := e.Service.String()
		if date == "" {
			date = "not known"
		}
		rows = append(rows, []string{strconv.Itoa(e.First), Words(e.Type), date, pages})
	}
	if len(rows) > 0 {
		p.AddPage()
		p.SetFont("Helvetica", "B", 14)
		p.CellFormat(0, 10, "What is in this package", "", 1, "L", false, 0, "")
		p.Table([]string{"Page", "Document", "Date of service", "Pages of the document"}, []float64{16, 70, 30, 60}, rows)
	}
	pages := p.PageCount()
	if err := p.Output(w); err != nil {
		return 0, fmt.Errorf("cover of request %s: %w", r.ID, err)
	}
	return pages, nil
}

// PrintAccount writes an accounting of disclosures as PDF (45 CFR 164.528(b)) and
// returns how many pages it has.
func PrintAccount(w io.Writer, facility, patient string, on record.Date, xs []Disclosure) (int, error) {
	p := paper.NewForm("Accounting of disclosures", "", facility)
	p.Line("Facility", facility)
	p.Line("Patient", patient)
	p.Line("As of", on.String())
	p.Line("Covers", fmt.Sprintf("the %d years before", accountingYears))
	p.Paragraph("This lists disclosures of protected health information that 45 CFR 164.528 has listed. Those for treatment, payment and health care operations, those to the patient, and those by the patient's authorisation are not among them.")
	var rows [][]string
	for _, x := range xs {
		to := x.Recipient.Name
		if x.Recipient.Address != "" {
			to += ", " + x.Recipient.Address
		}
		rows = append(rows, []string{x.On.String(), to, x.What, x.Purpose})
	}
	if len(rows) == 0 {
		p.Body("There was none.")
	} else {
		p.Table([]string{"Date", "Recipient", "What was disclosed", "Purpose"}, []float64{22, 54, 60, 40}, rows)
	}
	pages := p.PageCount()
	if err := p.Output(w); err != nil {
		return 0, fmt.Errorf("accounting of disclosures: %w", err)
	}
	return pages, nil
}
