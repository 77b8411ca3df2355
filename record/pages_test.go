package record_test

import (
	"errors"
	"fmt"
	"testing"

	"chartvault/record"
)

func TestParsePages(t *testing.T) {
	for s, want := range map[string]string{
		"7": "[7]", "2-4,7": "[2 3 4 7]", " 3 , 1-1 ": "[3 1]", "5,5": "[5 5]", "100000": "[100000]",
		"": "", "0": "", "-3": "", "4-2": "", "1-": "", "2--4": "", "2 - 4": "", "x": "", "1;2": "", "100001": "", "1-100001": "", "1-100000,1": "",
	} {
		got, err := record.ParsePages(s)
		if want == "" {
			if !errors.Is(err, record.ErrInvalid) {
				t.Errorf("%q: got %v, %v, want ErrInvalid", s, got, err)
			}
			continue
		}
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%q: got %v, %v, want %s", s, got, err, want)
		}
	}
}
