// Package report draws the retention forecast for people: a chart as SVG, and
// a report with the chart and its numbers as PDF.
//
// Its invariant: every number that is drawn is also written as a number, and
// nothing in a report names a patient.
package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"

	"codeberg.org/go-pdf/fpdf"
	"github.com/go-analyze/charts"

	"chartvault/internal/paper"
	"chartvault/record"
	"chartvault/retention"
)

// Forecast is what becomes due, to be shown.
type Forecast struct {
	Facility string
	On       record.Date
	Schedule string
	Verdicts map[string]int
	Cells    []retention.Cell // by month and class, in this order
}

// maxColumns is how many periods a chart shows; more are summed up by year.
const maxColumns = 36

// columns returns the periods of the chart, the classes, and the documents of
// each class in each period. Long forecasts are drawn by year.
func (f Forecast) columns() (periods, classes []string, documents [][]float64) {
	name := func(c retention.Cell) string { return fmt.Sprintf("%04d-%02d", c.Year, c.Month.Month) }
	months := map[string]bool{}
	for _, c := range f.Cells {
		months[name(c)] = true
	}
	if len(months) > maxColumns {
		name = func(c retention.Cell) string { return strconv.Itoa(c.Year) }
	}
	for _, c := range f.Cells {
		if !slices.Contains(periods, name(c)) {
			periods = append(periods, name(c))
		}
		if !slices.Contains(classes, c.Class) {
			classes = append(classes, c.Class)
		}
	}
	slices.Sort(classes)
	documents = make([][]float64, len(classes))
	for i := range documents {
		documents[i] = make([]float64, len(periods))
	}
	for _, c := range f.Cells {
		i, _ := slices.BinarySearch(classes, c.Class)
		documents[i][slices.Index(periods, name(c))] += float64(c.Documents)
	}
	return periods, classes, documents
}

// draw draws the chart in one of the formats of the library.
func (f Forecast) draw(format string) ([]byte, error) {
	periods, classes, documents := f.columns()
	if len(periods) == 0 {
		periods, classes, documents = []string{"nothing is due"}, []string{"none"}, [][]float64{{0}}
	}
	opt := charts.NewBarChartOptionWithData(documents)
	opt.Title.Text = "Documents becoming due, by month and record class"
	opt.CategoryAxis.Labels = periods
	opt.Legend.SeriesNames = classes
	opt.Legend.Offset = charts.OffsetRight
	opt.Legend.Vertical = charts.Ptr(true)
	opt.StackSeries = charts.Ptr(true)
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: format, Width: 1000, Height: 420})
	if err := p.BarChart(opt); err != nil {
		return nil, fmt.Errorf("draw forecast: %w", err)
	}
	return p.Bytes()
}

// SVG returns the chart.
func (f Forecast) SVG() ([]byte, error) { return f.draw(charts.ChartOutputSVG) }

// PDF writes the report: the chart, what is not due, and every number.
func (f Forecast) PDF(w io.Writer) error {
	png, err := f.draw(charts.ChartOutputPNG)
	if err != nil {
		return err
	}
	p := fpdf.New("L", "mm", "Letter", "")
	p.SetProducer("Chartvault", false)
	p.SetTitle("Retention forecast", false)
	p.SetMargins(18, 18, 18)
	p.AliasNbPages("{pages}")
	p.SetFooterFunc(func() {
		p.SetY(-12)
		p.SetFont("Helvetica", "", 8)
		p.CellFormat(0, 5, fmt.Sprintf("Retention forecast, %s, as of %s: page %d of {pages}", paper.Latin(f.Facility), f.On, p.PageNo()), "", 0, "C", false, 0, "")
	})
	p.AddPage()
	p.SetFont("Helvetica", "B", 18)
	p.CellFormat(0, 10, "Retention forecast", "", 1, "L", false, 0, "")
	p.SetFont("Helvetica", "", 10)
	p.CellFormat(0, 6, paper.Latin(fmt.Sprintf("%s, as of %s, under schedule %q", f.Facility, f.On, f.Schedule)), "", 1, "L", false, 0, "")
	for _, v := range f.verdicts() {
		p.CellFormat(0, 5, fmt.Sprintf("%s: %d documents", v, f.Verdicts[v]), "", 1, "L", false, 0, "")
	}
	p.RegisterImageOptionsReader("chart", fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(png))
	p.ImageOptions("chart", 18, p.GetY()+4, 240, 0, true, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")
	p.AddPage()
	f.table(p)
	if err := p.Output(w); err != nil {
		return fmt.Errorf("print forecast: %w", err)
	}
	return nil
}

func (f Forecast) verdicts() []string {
	out := make([]string, 0, len(f.Verdicts))
	for v := range f.Verdicts {
		out = append(out, v)
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}

// table writes every number of the forecast.
func (f Forecast) table(p *fpdf.Fpdf) {
	widths := []float64{28, 90, 32, 32, 42}
	head := func() {
		p.SetFont("Helvetica", "B", 9)
		for i, h := range []string{"Month", "Record class", "Documents", "Pages", "Bytes"} {
			p.CellFormat(widths[i], 6, h, "B", 0, map[bool]string{true: "R", false: "L"}[i > 1], false, 0, "")
		}
		p.Ln(-1)
		p.SetFont("Helvetica", "", 9)
	}
	head()
	for _, c := range f.Cells {
		if p.GetY() > 190 {
			p.AddPage()
			head()
		}
		for i, s := range []string{fmt.Sprintf("%04d-%02d", c.Year, c.Month.Month), paper.Latin(c.Class), strconv.Itoa(c.Documents), strconv.Itoa(c.Pages), strconv.FormatInt(c.Bytes, 10)} {
			p.CellFormat(widths[i], 5, s, "", 0, map[bool]string{true: "R", false: "L"}[i > 1], false, 0, "")
		}
		p.Ln(-1)
	}
}
