package ocr

import "math"

// Quality says how far a recognised page can be trusted. It is measured on the
// page alone, without knowing what it says.
type Quality struct {
	Score     float64 `json:"score"`     // the share of the page's words that are expected to be found, 0 to 100
	Low       float64 `json:"low"`       // share of words more likely wrong than right, by their confidence
	Unknown   float64 `json:"unknown"`   // share of words of letters that are in no dictionary
	Uncovered float64 `json:"uncovered"` // share of what looks like letters and lies in no word
}

// LowConfidence is the confidence below which a word is more likely wrong than
// right: it is shown as doubtful and ranked last by a search.
const LowConfidence = 60

// Right is the share of letters that are right in words of a confidence. The
// confidence is a step, not a scale; the shares are measured (docs/benchmarks.md).
func Right(confidence int) float64 {
	switch {
	case confidence >= 90:
		return 0.96
	case confidence >= 80:
		return 0.45
	case confidence >= 70:
		return 0.30
	}
	return 0.15
}

// DefaultPoor is the score below which a page waits in QA.
const DefaultPoor = 82

// Poor reports whether a page must be seen by a person, at a site's threshold.
func (q Quality) Poor(below float64) bool { return q.Score < below }

// Expected estimates how many letters of words are right.
func Expected(words []Word) float64 {
	sum := 0.0
	for _, w := range words {
		sum += Right(w.Confidence) * float64(len(w.Text))
	}
	return sum
}

// LowShare is the share of words that are more likely wrong than right; 0 when
// there are none.
func LowShare(words []Word) float64 {
	low := 0
	for _, w := range words {
		if w.Confidence < LowConfidence {
			low++
		}
	}
	return float64(low) / max(float64(len(words)), 1)
}

// Rate makes the quality of words that were recognised. known says whether a
// word is in a dictionary; uncovered is the share of ink in no word.
func Rate(words []Word, known func(string) bool, uncovered float64) Quality {
	q := Quality{Uncovered: uncovered, Low: LowShare(words)}
	letters, asked, unknown := 0, 0, 0
	for _, w := range words {
		letters += len(w.Text)
		if core := letterCore(w.Text); len(core) >= 3 {
			asked++
			if !known(core) {
				unknown++
			}
		}
	}
	if asked > 0 {
		q.Unknown = float64(unknown) / float64(asked)
	}
	if letters > 0 {
		q.Score = 100 * Expected(words) / float64(letters) / Right(100) * (1 - uncovered)
	}
	q.Score = math.Round(10*q.Score) / 10
	return q
}

// letterCore is the run of letters of a word, without what stands round it; ""
// when there is something else within, as in a number.
func letterCore(s string) string {
	is := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 }
	i, j := 0, len(s)
	for i < j && !is(s[i]) {
		i++
	}
	for j > i && !is(s[j-1]) {
		j--
	}
	for k := i; k < j; k++ {
		if !is(s[k]) && s[k] != '\'' && s[k] != '-' {
			return ""
		}
	}
	return s[i:j]
}
