package disposition

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"codeberg.org/go-pdf/fpdf"

	"chartvault/internal/paper"
	"chartvault/record"
)

// Print writes a certificate as a PDF of letter pages, fit to sign by hand. Its
// text is attached, so that the PDF can be verified too.
func Print(w io.Writer, c Certificate, text []byte) error {
	p := sheet{paper.NewForm("Certificate of destruction", c.Number, c.Facility)}
	p.SetAttachments([]fpdf.Attachment{{Content: text, Filename: "certificate-" + c.Number + ".json", Description: "the signed text"}})
	p.Paragraph(c.Statement)
	p.Line("Facility", c.Facility)
	p.Line("Destroyed on", c.DestroyedOn.String())
	description := c.Description
	if c.Charts > 0 {
		description += ", of " + strconv.Itoa(c.Charts) + " charts"
	}
	p.Line("Description", description)
	p.Line("Inclusive dates", inclusive(c.From, c.To))
	p.Line("Method", c.Method)
	p.Line("Destroyed by", c.DestroyedBy)
	if c.Vendor != "" || c.Contract != "" {
		p.Line("Vendor", strings.TrimSpace(c.Vendor+", contract "+c.Contract))
	}
	if t := c.Transfer; t != nil {
		p.Line("Transferred to", t.Recipient)
	}
	p.series(c.Series)
	if c.Schedule != "" {
		p.Line("Schedule", fmt.Sprintf("%s, SHA-256 %s", c.Schedule, c.ScheduleSHA))
	}
	p.Line("Plan", fmt.Sprintf("%s, SHA-256 %s", c.Plan, c.PlanSHA))
	p.Line("Prepared by", fmt.Sprintf("%s; submitted by %s; %d taken out in the review", c.PreparedBy, c.SubmittedBy, c.Excluded))
	if c.Accepted != "" {
		p.Line("Accepted", c.Accepted)
	}
	for _, a := range c.ApprovedBy {
		p.Line("Approved by", a.Who+", "+a.At.UTC().Format("2006-01-02 15:04 MST"))
	}
	if c.Standing != "" {
		p.Line("Under", "the standing approval of the automation "+c.Standing)
	}
	for _, n := range c.Notices {
		p.Line("Notice", fmt.Sprintf("%s, %s, given on %s; evidence SHA-256 %s", n.Audience, n.Method, n.On, n.Evidence))
	}
	p.Line("Holds", c.HoldCheck)
	p.Line("Clocks", c.ClockCheck)
	p.Line("Verified", c.Verified)
	if c.Kept > 0 {
		p.Line("Kept", fmt.Sprintf("%d documents of the plan were held or no longer due", c.Kept))
	}
	if len(c.StillLocked) > 0 {
		p.Line("Under lock", fmt.Sprintf("%d documents leave ciphertext without a key until a retention lock ends", len(c.StillLocked)))
	}
	if !c.KeyBackups.IsZero() {
		p.Line("Key backups", "from "+c.KeyBackups.String()+" on, no backup of a key remains")
	}
	if c.Annex != "" {
		p.Line("Chart numbers", "in the sealed annex, SHA-256 "+c.Annex)
	}
	p.Line("Certificate before", c.Previous)
	p.Line("Signed by key", c.Signer+"; the signed text is attached to this file")
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

// sheet is a printed certificate.
type sheet struct{ paper.Form }

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
			p.CellFormat(widths[i], 5, paper.Latin(text), "LR", 0, "L", false, 0, "")
		}
		p.Ln(-1)
		p.SetFont("Helvetica", "I", 8)
		p.MultiCell(176, 4, paper.Latin("under "+strings.Join(s.Rules, ", ")+": "+strings.Join(s.Citations, "; ")), "LRB", "L", false)
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
		p.CellFormat(0, 8, paper.Latin(strings.TrimSpace(who+"  "+name)), "", 1, "L", false, 0, "")
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
