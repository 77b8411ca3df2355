package sheet

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"chartvault/record"
)

// Cover is what a batch cover sheet promises: how much was counted when the
// paper was prepared. Pages are written sides: separators and blank sides do
// not count.
type Cover struct {
	Label     string // the batch's number on its box: letters, digits and '-'
	Documents int    // 0 when they were not counted
	Pages     int    // 0 when they were not counted
}

// Versions of our own payload. Version 1 has a check of four digits and no
// counts; sheets printed with it are read as long as there are any.
const (
	prefix1 = "CV1|"
	prefix2 = "CV2|"
)

// maxCount bounds what a sheet may promise.
const maxCount = 100_000

// own reports whether a payload is one of ours.
func own(s string) bool { return strings.HasPrefix(s, prefix1) || strings.HasPrefix(s, prefix2) }

// Payload returns what our own sheet carries for a chart and a type.
func Payload(chart record.ChartNumber, typ string) string { return Counted(chart, typ, 0) }

// Counted is Payload with the number of the document's pages, 0 for unknown.
func Counted(chart record.ChartNumber, typ string, pages int) string {
	return checked(prefix2 + "D|" + chart.Canonical() + "|" + typ + "|" + count(pages))
}

// Payload returns what the cover sheet carries.
func (c Cover) Payload() string {
	return checked(prefix2 + "B|" + c.Label + "|" + count(c.Documents) + "|" + count(c.Pages))
}

// ParseCover checks a cover sheet's values.
func ParseCover(label string, documents, pages int) (Cover, error) {
	c := Cover{strings.ToUpper(label), documents, pages}
	ok := c.Label != "" && len(c.Label) <= 20 && strings.Trim(c.Label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
	if !ok || documents < 0 || documents > maxCount || pages < 0 || pages > maxCount {
		return Cover{}, fmt.Errorf("cover sheet: %w: want a label of up to 20 letters, digits and '-', and counts up to %d", record.ErrInvalid, maxCount)
	}
	return c, nil
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func checked(s string) string { return fmt.Sprintf("%s|%08X", s, crc32.ChecksumIEEE([]byte(s))) }

// parseOwn reads one of our own payloads.
func parseOwn(s string) (said, error) {
	bad := fmt.Errorf("sheet: %w: damaged payload", record.ErrInvalid)
	i := strings.LastIndexByte(s, '|')
	parts := strings.Split(s, "|")
	if strings.HasPrefix(s, prefix1) {
		if len(parts) != 5 || parts[1] != "D" || fmt.Sprintf("%08X", crc32.ChecksumIEEE([]byte(s[:i])))[:4] != parts[4] {
			return said{}, bad
		}
		typ, err := record.TypeCode(parts[3])
		return said{chart: parts[2], typ: typ}, err
	}
	if len(parts) != 6 || checked(s[:i]) != s {
		return said{}, bad
	}
	first, err1 := number(parts[3])
	last, err2 := number(parts[4])
	switch {
	case parts[1] == "B" && err1 == nil && err2 == nil:
		c, err := ParseCover(parts[2], first, last)
		return said{cover: &c}, err
	case parts[1] == "D" && err2 == nil:
		typ, err := record.TypeCode(parts[3])
		return said{chart: parts[2], typ: typ, pages: last}, err
	}
	return said{}, bad
}

// number is the inverse of count.
func number(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 || n > maxCount {
		return 0, record.ErrInvalid
	}
	return n, nil
}
