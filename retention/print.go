package retention

import (
	"fmt"
	"io"
	"strings"

	"codeberg.org/go-pdf/fpdf"
)

// Print writes the certificate as a PDF of letter pages, fit to sign by hand.
func (c Certificate) Print(w io.Writer) error {
	p := fpdf.New("P", "mm", "Letter", "")
	p.SetProducer("Chartvault", false)
	p.SetTitle("Certificate of destruction "+c.Number, false)
	p.SetMargins(20, 20, 20)
	p.AddPage()
	p.SetFont("Helvetica", "B", 20)
	p.CellFormat(0, 12, "Certificate of destruction", "", 1, "L", false, 0, "")
	line := func(label, text string) {
		p.SetFont("Helvetica", "B", 10)
		p.CellFormat(45, 6, label, "", 0, "L", false, 0, "")
		p.SetFont("Helvetica", "", 10)
		p.MultiCell(0, 6, latin(text), "", "L", false)
	}
	line("Number", c.Number)
	line("Facility", c.Facility)
	line("Statement", c.Statement)
	line("Destroyed on", c.DestroyedOn.String())
	line("Schedule", c.Schedule)
	line("Plan", c.Plan.String()+"\nSHA-256 "+c.PlanDigest)
	line("Method", c.Method)
	line("Key backups gone", "from "+c.KeyBackups.String()+" on, no backup of a key remains")
	for i, s := range c.Series {
		dates := "dates of service unknown"
		if !s.From.IsZero() {
			dates = s.From.String() + " to " + s.To.String()
		}
		line(fmt.Sprintf("Series %d", i+1), fmt.Sprintf("%s: %d documents, %d pages, %s\nrules %s\n%s", s.Type, s.Documents, s.Pages, dates,
			strings.Join(s.Rules, ", "), strings.Join(s.Citations, "; ")))
	}
	line("Kept", fmt.Sprintf("%d documents of the plan were no longer due", c.Kept))
	if len(c.StillLocked) > 0 {
		line("Under lock", fmt.Sprintf("%d documents leave ciphertext without a key until a retention lock ends", len(c.StillLocked)))
	}
	for _, a := range c.ApprovedBy {
		line("Approved by", a.Approver+", "+a.At.UTC().Format("2006-01-02 15:04 MST"))
	}
	line("Destroyed by", c.DestroyedBy)
	line("Holds checked", c.HoldCheck.UTC().Format("2006-01-02 15:04 MST"))
	line("Previous", c.Previous)
	line("Signature", fmt.Sprintf("Ed25519, key %s\n%x", c.Signer, c.Sig))
	p.Ln(14)
	for _, who := range []string{"Witness", "Department manager"} {
		p.SetFont("Helvetica", "", 10)
		p.CellFormat(80, 6, "______________________________", "", 0, "L", false, 0, "")
		p.CellFormat(0, 6, "Date ______________", "", 1, "L", false, 0, "")
		p.CellFormat(0, 10, who, "", 1, "L", false, 0, "")
	}
	p.AddPage()
	line("Documents", "")
	p.SetFont("Courier", "", 9)
	for _, id := range c.Documents {
		p.CellFormat(0, 5, id.String(), "", 1, "L", false, 0, "")
	}
	if err := p.Output(w); err != nil {
		return fmt.Errorf("print certificate %s: %w", c.Number, err)
	}
	return nil
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
