package mpi_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chartvault/mpi"
	"chartvault/record"
)

// crowd is a list of fictitious people. Their names are made of syllables; some
// are common and most are rare, as names are.
func crowd(t testing.TB, n int) (*mpi.List, []string) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(n)))
	syllables := strings.Fields("ba be bo bra ca ce che chi da de do dra el en er fa fe fi ga ge gra ha he ho in ja jo ka ke ko la le li lo ma me mi mo na ne ni no pa pe phi ra re ri ro sa se sha so ta te ti to va ve vi wa we wi za zo")
	ends := strings.Fields("n r s th ck ll tt m y ie ez er son man ton ley sky berg")
	word := func(short int) string {
		var b strings.Builder
		for range short + r.IntN(2) {
			b.WriteString(syllables[r.IntN(len(syllables))])
		}
		return strings.ToUpper(b.String() + ends[r.IntN(len(ends))])
	}
	families, given := make([]string, n/8+50), make([]string, 1500)
	for i := range families {
		families[i] = word(2 + r.IntN(2))
	}
	for i := range given {
		given[i] = word(2)
	}
	zf, zg := rand.NewZipf(r, 1.1, 20, uint64(len(families)-1)), rand.NewZipf(r, 1.2, 10, uint64(len(given)-1))
	var csv bytes.Buffer
	csv.WriteString("chart_number,name,date_of_birth\n")
	names := make([]string, n)
	for i := range n {
		names[i] = families[zf.Uint64()] + ", " + given[zg.Uint64()] + " " + given[zg.Uint64()]
		fmt.Fprintf(&csv, "%d,%q,%04d-%02d-%02d\n", 1_000_000+i, names[i], 1920+r.IntN(100), 1+r.IntN(12), 1+r.IntN(28))
	}
	l, bad, err := mpi.Read(&csv, nil, record.ParseChartNumber)
	if err != nil || len(bad) > 0 || l.People() != n {
		t.Fatalf("read: %v, %d rejects, %d people", err, len(bad), l.People())
	}
	return l, names
}

// typo changes one letter of a word: another, one too few, one too many, or
// two the wrong way round.
func typo(r *rand.Rand, w string) string {
	b := []byte(w)
	i := r.IntN(len(b))
	letter := byte('A' + r.IntN(26))
	switch r.IntN(4) {
	case 0:
		b[i] = letter
	case 1:
		b = slices.Delete(b, i, i+1)
	case 2:
		b = slices.Insert(b, i, letter)
	default:
		if i > 0 {
			b[i-1], b[i] = b[i], b[i-1]
		}
	}
	return string(b)
}

// sounds writes a word as somebody might who only heard it; "" when there is no
// other way to write it here.
func sounds(r *rand.Rand, w string) string {
	ways := [][2]string{{"PH", "F"}, {"F", "PH"}, {"CK", "K"}, {"K", "C"}, {"IE", "Y"}, {"Y", "IE"}, {"SKY", "SKI"}, {"TT", "T"}, {"LL", "L"}, {"SON", "SEN"}, {"EZ", "ES"}, {"TH", "T"}, {"LEY", "LY"}, {"SHA", "SCHA"}, {"CE", "SE"}, {"ZO", "SO"}, {"ER", "AR"}}
	r.Shuffle(len(ways), func(i, j int) { ways[i], ways[j] = ways[j], ways[i] })
	for _, p := range ways {
		if strings.Contains(w, p[0]) {
			return strings.Replace(w, p[0], p[1], 1)
		}
	}
	return ""
}

// TestMisspeltNames: of names with one letter wrong, and of names written as
// they sound, at least 98 of 100 are among the first five answers.
// CHARTVAULT_PEOPLE sets the size of the list.
func TestMisspeltNames(t *testing.T) {
	n, queries := 20_000, 500
	if s := os.Getenv("CHARTVAULT_PEOPLE"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
		queries = 3000
	}
	began := time.Now()
	l, names := crowd(t, n)
	t.Logf("%d people, ready in %s", n, time.Since(began).Round(time.Millisecond))
	for kind, spoil := range map[string]func(*rand.Rand, string) string{
		"one typo": typo, "as it sounds": sounds, "right": func(_ *rand.Rand, w string) string { return w },
	} {
		r := rand.New(rand.NewPCG(1, 9))
		tried, found := 0, 0
		var took []time.Duration
		for range queries {
			name := names[r.IntN(len(names))]
			words := strings.Fields(strings.ReplaceAll(name, ",", ""))[:2]
			i := r.IntN(2)
			if words[i] = spoil(r, words[i]); words[i] == "" {
				continue
			}
			tried++
			start := time.Now()
			got := l.Search(mpi.Query{Name: words[1] + " " + words[0]}, 5)
			took = append(took, time.Since(start))
			want := strings.Fields(strings.ReplaceAll(name, ",", ""))[:2]
			if slices.ContainsFunc(got, func(m mpi.Match) bool {
				g := strings.Fields(strings.ReplaceAll(m.Name, ",", ""))
				return g[0] == want[0] && slices.Contains(g[1:], want[1])
			}) {
				found++
			}
		}
		slices.Sort(took)
		t.Logf("%s: %.1f %% of %d among the first five; half within %s, 99 %% within %s", kind, 100*float64(found)/float64(tried), tried,
			took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond))
		if found*100 < tried*98 {
			t.Errorf("%s: got %d of %d, want 98 %%", kind, found, tried)
		}
	}
}
