package report_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"chartvault/record"
	"chartvault/retention"
	"chartvault/retention/report"
)

func forecast(months int) report.Forecast {
	f := report.Forecast{Facility: "Sample General Hospital (fictitious)", On: record.Date{Year: 2026, Month: 11, Day: 26}, Schedule: "2026-1",
		Verdicts: map[string]int{"due": 12, "keep": 300, "unresolved": 7}}
	for i := range months {
		for j, class := range []string{"hospital_record", "lab_report", "mammogram_and_report"} {
			f.Cells = append(f.Cells, retention.Cell{Month: retention.Month{Year: 2027 + i/12, Month: 1 + i%12}, Class: class, Documents: 10 + (i*7+j*13)%40, Pages: 90, Bytes: 12345})
		}
	}
	return f
}

// TestForecast: the chart is well-formed SVG that names every class, the report
// says every number, and both hold for an empty and a long forecast.
func TestForecast(t *testing.T) {
	for _, months := range []int{0, 1, 24, 400} {
		f := forecast(months)
		svg, err := f.SVG()
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(bytes.NewReader(svg))
		for {
			if _, err = d.Token(); err != nil {
				break
			}
		}
		if err.Error() != "EOF" {
			t.Errorf("%d months: the SVG is not well-formed: %v", months, err)
		}
		if months > 0 && !strings.Contains(string(svg), "mammogram_and_report") {
			t.Errorf("%d months: the legend lacks a class", months)
		}
		var pdf bytes.Buffer
		if err := f.PDF(&pdf); err != nil {
			t.Fatal(err)
		}
		if dir := os.Getenv("CHARTVAULT_LOOK"); dir != "" {
			os.WriteFile(fmt.Sprintf("%s/forecast-%d.svg", dir, months), svg, 0o600)
			os.WriteFile(fmt.Sprintf("%s/forecast-%d.pdf", dir, months), pdf.Bytes(), 0o600)
		}
		c := exec.Command("pdftotext", "-layout", "-", "-")
		c.Stdin = &pdf
		text, err := c.Output()
		if err != nil {
			t.Fatalf("pdftotext (apt-get install poppler-utils): %v", err)
		}
		if n := strings.Count(string(text), "lab_report"); n < months {
			t.Errorf("%d months: %d rows of lab_report", months, n)
		}
		if !strings.Contains(string(text), "unresolved: 7 documents") {
			t.Errorf("%d months: what is unresolved is not said", months)
		}
	}
}
