package disposition

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"codeberg.org/go-pdf/fpdf"

	"chartvault/record"
)

// Print writes a certificate as a PDF of letter pages, fit to sign by hand. Its
// text is attached, so that the PDF can be verified too.
func Print(w io.Writer, c Certificate, text []byte) error {
	p := newSheet("Certificate of destruction", c.Number, c.Facility)
	p.SetAttachments([]fpdf.Attachment{{Content: text, Filename: "certificate-" + c.Number + ".json", Description: "the signed text"}})
	p.paragraph(c.Statement)
	p.line("Facility", c.Facility)
	p.line("Destroyed on", c.DestroyedOn.String())
	description := c.Description
	if c.Charts > 0 {
		description += ", of " + strconv.Itoa(c.Charts) + " charts"
	}
	p.line("Description", description)
	p.line("Inclusive dates", inclusive(c.From, c.To))
	p.line("Method", c.Method)
	p.line("Destroyed by", c.DestroyedBy)
	if c.Vendor != "" || c.Contract != "" {
		p.line("Vendor", strings.TrimSpace(c.Vendor+", contract "+c.Contract))
	}
	if t := c.Transfer; t != nil {
		p.line("Transferred to", t.Recipient)
	}
	p.series(c.Series)
	if c.Schedule != "" {
		p.line("Schedule", fmt.Sprintf("%s, SHA-256 %s", c.Schedule, c.ScheduleSHA))
	}
	p.line("Plan", fmt.Sprintf("%s, SHA-256 %s", c.Plan, c.PlanSHA))
	p.line("Prepared by", fmt.Sprintf("%s; submitted by %s; %d taken out in the review", c.PreparedBy, c.SubmittedBy, c.Excluded))
	if c.Accepted != "" {
		p.line("Accepted", c.Accepted)
	}
	for _, a := range c.ApprovedBy {
		p.line("Approved by", a.Who+", "+a.At.UTC().Format("2006-01-02 15:04 MST"))
	}
	if c.Standing != "" {
		p.line("Under", "the standing approval of the automation "+c.Standing)
	}
	for _, n := range c.Notices {
		p.line("Notice", fmt.Sprintf("%s, %s, given on %s; evidence SHA-256 %s", n.Audience, n.Method, n.On, n.Evidence))
	}
	p.line("Holds", c.HoldCheck)
	p.line("Clocks", c.ClockCheck)
	p.line("Verified", c.Verified)
	if c.Kept > 0 {
		p.line("Kept", fmt.Sprintf("%d documents of the plan were held or no longer due", c.Kept))
	}
	if len(c.StillLocked) > 0 {
		p.line("Under lock", fmt.Sprintf("%d documents leave ciphertext without a key until a retention lock ends", len(c.StillLocked)))
	}
	if !c.KeyBackups.IsZero() {
		p.line("Key backups", "from "+c.KeyBackups.String()+" on, no backup of a key remains")
	}
	if c.Annex != "" {
		p.line("Chart numbers", "in the sealed annex, SHA-256 "+c.Annex)
	}
	p.line("Certificate before", c.Previous)
	p.line("Signed by key", c.Signer+"; the signed text is attached to this file")
	p.sign(c.Witness)
	p.documents(c.Documents)
	if err := p.Output(w); err != nil {
		return fmt.Errorf("print certificate %s: %w", c.Number, err)
	}
	return nil
}

func inclusive(from, to record.Date) string {
	if from.IsZero() {
		return "dates of service unknown"
	}
	return from.String() + " to " + to.String()
}

// sheet is a PDF with the head and foot of every printed list.
type sheet struct {
	*fpdf.Fpdf
}

func newSheet(title, number, facility string) sheet {
	p := sheet{fpdf.New("P", "mm", "Letter", "")}
	p.SetProducer("Chartvault", false)
	p.SetTitle(title+" "+number, false)
	p.SetMargins(20, 20, 20)
	p.SetAutoPageBreak(true, 20)
	p.AliasNbPages("{pages}")
	p.SetFooterFunc(func() {
		p.SetY(-14)
		p.SetFont("Helvetica", "", 8)
		p.CellFormat(0, 5, latin(fmt.Sprintf("%s %s, %s: page %d of {pages}", title, number, facility, p.PageNo())), "", 0, "C", false, 0, "")
	})
	p.AddPage()
	p.SetFont("Helvetica", "B", 20)
	p.CellFormat(120, 12, title, "", 0, "L", false, 0, "")
	p.SetFont("Helvetica", "", 14)
	p.CellFormat(0, 12, "No. "+number, "", 1, "R", false, 0, "")
	p.Ln(2)
	return p
}

func (p sheet) paragraph(text string) {
	p.SetFont("Helvetica", "I", 10)
	p.MultiCell(0, 5, latin(text), "", "L", false)
	p.Ln(2)
}

func (p sheet) line(label, text string) {
	if text == "" {
		return
	}
	p.SetFont("Helvetica", "B", 9)
	p.CellFormat(38, 5, label, "", 0, "L", false, 0, "")
	p.SetFont("Helvetica", "", 9)
	p.MultiCell(0, 5, latin(text), "", "L", false)
	p.Ln(0.5)
}

// series prints the table of record series.
func (p sheet) series(ss []Series) {
	if len(ss) == 0 {
		return
	}
	p.Ln(2)
	widths := []float64{58, 20, 18, 40, 40}
	p.SetFont("Helvetica", "B", 9)
	p.SetFillColor(230, 230, 230)
	for i, h := range []string{"Record series", "Documents", "Pages", "Dates of service", "Class"} {
		p.CellFormat(widths[i], 6, h, "1", 0, "L", true, 0, "")
	}
	p.Ln(-1)
	for _, s := range ss {
		p.SetFont("Helvetica", "", 8)
		for i, text := range []string{s.Type, strconv.Itoa(s.Documents), strconv.Itoa(s.Pages), inclusive(s.From, s.To), s.Class} {
			p.CellFormat(widths[i], 5, latin(text), "LR", 0, "L", false, 0, "")
		}
		p.Ln(-1)
		p.SetFont("Helvetica", "I", 8)
		p.MultiCell(176, 4, latin("under "+strings.Join(s.Rules, ", ")+": "+strings.Join(s.Citations, "; ")), "LRB", "L", false)
	}
	p.Ln(2)
}

// sign leaves room for signatures.
func (p sheet) sign(witness string) {
	if p.GetY() > 225 {
		p.AddPage()
	}
	p.Ln(10)
	p.SetFont("Helvetica", "", 9)
	for _, who := range []string{"Witness", "Department manager"} {
		name := ""
		if who == "Witness" {
			name = witness
		}
		p.CellFormat(90, 5, "________________________________________", "", 0, "L", false, 0, "")
		p.CellFormat(0, 5, "Date ____________________", "", 1, "L", false, 0, "")
		p.CellFormat(0, 8, latin(strings.TrimSpace(who+"  "+name)), "", 1, "L", false, 0, "")
	}
}

// documents lists opaque ids, three a line.
func (p sheet) documents(ids []record.ID) {
	if len(ids) == 0 {
		return
	}
	p.AddPage()
	p.SetFont("Helvetica", "B", 12)
	p.CellFormat(0, 8, "Documents (of source paper: batches)", "", 1, "L", false, 0, "")
	p.SetFont("Courier", "", 8)
	for i, id := range ids {
		end := 0
		if i%3 == 2 || i == len(ids)-1 {
			end = 1
		}
		p.CellFormat(58, 4, id.String(), "", end, "L", false, 0, "")
	}
}

// latin replaces what the PDF's built-in fonts cannot show.
func latin(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xFF {
			return '?'
		}
		return r
	}, s)
}
