package score_test

import (
	"testing"

	"chartvault/internal/score"
)

func TestCompare(t *testing.T) {
	tests := []struct {
		name, got, want string
		fold            bool
		res             score.Result
	}{
		{"same", "one two", "one  two\n", false, score.Result{Found: 1}},
		{"a divided word", "the medi-\ncation", "the medication", false, score.Result{Found: 1}},
		{"one character of ten", "abcde fghX", "abcde fghi", false, score.Result{CER: 0.1, WER: 0.5, Found: 0.5}},
		{"case", "TOTAL", "total", true, score.Result{Found: 1}},
		{"another order", "b a", "a b", false, score.Result{CER: 2.0 / 3, WER: 1, Found: 1}},
		{"twice there, once read", "a", "a a", false, score.Result{CER: 2.0 / 3, WER: 0.5, Found: 0.5}},
		{"quotes and dashes", "\u201cyes\u201d \u2013 no", `"yes" - no`, false, score.Result{Found: 1}},
	}
	for _, tt := range tests {
		if got := score.Compare(tt.got, tt.want, tt.fold); got != tt.res {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.res)
		}
	}
}
