package sample

import (
	"bytes"
	"image"

	"chartvault/ingest/sheet"
	"chartvault/record"
)

// File is a scan as a scanner would name and deliver it.
type File struct {
	Name string
	Data []byte
}

func ownSheet(p Patient, typ string) (*image.Gray, error) {
	n, err := record.ParseChartNumber(p.Chart)
	if err != nil {
		return nil, err
	}
	return Sheet("Chart "+p.Chart+"   "+typ, sheet.Payload(n, typ)), nil
}

// Batches prints the sample batches: a duplex Group 4 TIFF with separator
// sheets, a PDF from a copier, and a page that no sheet names.
func Batches() ([]File, error) {
	ps := Patients()
	first, err := ownSheet(ps[0], "PROGRESS_NOTE")
	if err != nil {
		return nil, err
	}
	second, err := ownSheet(ps[1], "DISCHARGE_SUMMARY")
	if err != nil {
		return nil, err
	}
	third, err := ownSheet(ps[2], "LAB_REPORT")
	if err != nil {
		return nil, err
	}
	var tif, doc bytes.Buffer
	err = WriteTIFF(&tif, []*image.Gray{
		first, Page("PROGRESS NOTE", Note(ps[0], 0)), Blank(), Page("PROGRESS NOTE, continued", Note(ps[0], 4)), Blank(),
		second, Page("DISCHARGE SUMMARY", Note(ps[1], 7)), Blank(),
	}, "g4")
	if err != nil {
		return nil, err
	}
	pages := []*image.Gray{third, Page("LABORATORY REPORT", Note(ps[2], 2)), Page("LABORATORY REPORT, continued", Note(ps[2], 5))}
	for i, g := range pages {
		Grain(g, uint64(i))
	}
	if err := WritePDF(&doc, pages); err != nil {
		return nil, err
	}
	loose := Page("CONSULTATION", Note(ps[1], 9))
	Grain(loose, 9)
	jpg, err := JPEG(loose, 80)
	if err != nil {
		return nil, err
	}
	return []File{{"monday-box-1.tif", tif.Bytes()}, {"copier-0042.pdf", doc.Bytes()}, {"loose-page.jpg", jpg}}, nil
}
