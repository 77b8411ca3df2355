package mpi

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/antzucaro/matchr"
	"golang.org/x/text/unicode/norm"

	"chartvault/record"
)

// names finds people by words that may be misspelt. A word of a query is
// looked up three ways: as it is, by how it sounds, and by what is left of it
// when one letter is left out, which two words share that differ by one
// letter too many, too few, other, or in another place.
type names struct {
	words  []string   // each once
	keys   [][]string // of each: how it may sound
	rarity []float64  // of each: what a match says
	people [][]int32  // of each: who has it
	of     [][]int32  // of each person: words, in the list's order
	byWord map[string]int32
	sound  map[string][]int32 // by phonetic key
	less   []lessened         // ordered by key
}

// lessened is a word without one of its letters, as a hash.
type lessened struct {
	key  uint64
	word int32
}

// wordsOf folds a name into words: capitals without accents and apostrophes;
// titles and suffixes go.
func wordsOf(name string) []string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToUpper(name)) {
		switch {
		case unicode.IsLetter(r):
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r), r == '\'', r == '’', r == '.':
		default:
			b.WriteByte(' ')
		}
	}
	return slices.DeleteFunc(strings.Fields(b.String()), func(w string) bool {
		switch w {
		case "JR", "SR", "II", "III", "IV", "MR", "MRS", "MS", "DR", "MD":
			return true
		}
		return false
	})
}

func index(people []Person) *names {
	x := &names{byWord: map[string]int32{}, sound: map[string][]int32{}, of: make([][]int32, len(people))}
	for i, p := range people {
		for _, w := range wordsOf(p.Name) {
			id, ok := x.byWord[w]
			if !ok {
				id = int32(len(x.words))
				x.byWord[w] = id
				x.words, x.people = append(x.words, w), append(x.people, nil)
			}
			if !slices.Contains(x.of[i], id) {
				x.of[i], x.people[id] = append(x.of[i], id), append(x.people[id], int32(i))
			}
		}
	}
	x.rarity, x.keys = make([]float64, len(x.words)), make([][]string, len(x.words))
	for id, w := range x.words {
		x.rarity[id] = 1 + math.Log(float64(len(people))/float64(len(x.people[id])))
		x.keys[id] = sounds(w)
		for _, k := range x.keys[id] {
			x.sound[k] = append(x.sound[k], int32(id))
		}
		for _, k := range lessen(w) {
			x.less = append(x.less, lessened{k, int32(id)})
		}
	}
	slices.SortFunc(x.less, func(a, b lessened) int { return cmp.Compare(a.key, b.key) })
	return x
}

// sounds are the keys of how a word may sound.
func sounds(w string) []string {
	a, b := matchr.DoubleMetaphone(w)
	if a == b || b == "" {
		return []string{a}
	}
	return []string{a, b}
}

// lessen returns the hashes of a word and of the word without each letter.
func lessen(w string) []uint64 {
	rs := []rune(w)
	out := []uint64{hash(w)}
	for i := range rs {
		if i > 0 && rs[i] == rs[i-1] {
			continue // the same again
		}
		out = append(out, hash(string(rs[:i])+string(rs[i+1:])))
	}
	return out
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s)) // never fails
	return h.Sum64()
}

// near returns the words a word of a query may mean, and how much each is like
// it, from 0 to 1.
func (x *names) near(w string) map[int32]float64 {
	out := map[int32]float64{}
	keys := sounds(w)
	consider := func(id int32, floor float64) {
		if _, known := out[id]; known {
			return
		}
		if s := alike(w, x.words[id], keys, x.keys[id]); s >= floor {
			out[id] = s
		}
	}
	if id, ok := x.byWord[w]; ok {
		out[id] = 1
	}
	for _, k := range lessen(w) {
		i, _ := slices.BinarySearchFunc(x.less, k, func(l lessened, k uint64) int { return cmp.Compare(l.key, k) })
		for ; i < len(x.less) && x.less[i].key == k; i++ {
			consider(x.less[i].word, 0.7)
		}
	}
	for _, k := range keys {
		for _, id := range x.sound[k] {
			consider(id, 0.6)
		}
	}
	return out
}

// alike says how much two words are alike, from 0 to 1: what they have in
// common, more when one edit makes one of the other or they sound the same.
func alike(a, b string, ka, kb []string) float64 {
	s := matchr.JaroWinkler(a, b, false)
	if matchr.OSA(a, b) == 1 {
		s = max(s, 1-0.5/float64(max(len(a), len(b), 2)))
	}
	if slices.ContainsFunc(ka, func(k string) bool { return slices.Contains(kb, k) }) {
		s = max(s, (s+0.95)/2)
	}
	return min(s, 0.99) // only the same is the same
}

// Query asks for a person.
type Query struct {
	Name string      // words in any order; an initial stands for what it begins
	Born record.Date // zero when unknown; month or day may be missing
}

// Match is a person who may be meant.
type Match struct {
	Person
	Score float64 // from 0 to 1
}

// enough is how many people are weighed for a query at least, where so many
// have one of its words: those with its rarest words first.
const enough = 20_000

// meaning is what one word of a query may mean.
type meaning struct {
	like   map[int32]float64 // by word
	words  []int32           // the likest first
	weight float64           // what it says: more for a rare word
	people int               // how many have one of them
}

func (x *names) meaning(w string) meaning {
	m := meaning{like: x.near(w), weight: 1}
	for id := range m.like {
		m.words = append(m.words, id)
		m.people += len(x.people[id])
	}
	slices.SortFunc(m.words, func(a, b int32) int { return cmp.Or(cmp.Compare(m.like[b], m.like[a]), cmp.Compare(a, b)) })
	if len(m.words) > 0 {
		m.weight = x.rarity[m.words[0]]
	}
	return m
}

// Search returns at most n people who may be meant, the likeliest first.
func (l *List) Search(q Query, n int) []Match {
	words := wordsOf(q.Name)
	var means []meaning
	best := 0.0 // what the query could reach
	for _, w := range words {
		if len(w) == 1 {
			continue // initials order what the other words find
		}
		m := l.names.meaning(w)
		best += m.weight
		means = append(means, m)
	}
	found := l.candidates(means)
	score := func(p int32) float64 {
		s := l.initials(words, p) + born(q.Born, l.people[p].Born) - 0.01*float64(len(l.names.of[p]))
		for _, m := range means {
			gain := 0.0
			for _, id := range l.names.of[p] {
				gain = max(gain, m.like[id])
			}
			s += gain * gain * m.weight / best
		}
		return s
	}
	var out []Match // the best so far, in order
	for _, p := range found {
		s := score(p)
		if len(out) == n && s < out[n-1].Score {
			continue
		}
		m := Match{l.people[p], s}
		i, _ := slices.BinarySearchFunc(out, m, likelier)
		if out = slices.Insert(out, i, m); len(out) > n {
			out = out[:n]
		}
	}
	for i := range out {
		out[i].Score = max(0, min(1, out[i].Score))
	}
	return out
}

// likelier orders matches.
func likelier(a, b Match) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Name, b.Name), strings.Compare(a.Numbers[0].Chart.Canonical(), b.Numbers[0].Chart.Canonical()))
}

// candidates are the people to weigh: all who have the rarest word of a query,
// and who have the others too while they are not too many.
func (l *List) candidates(means []meaning) []int32 {
	means = slices.Clone(means)
	slices.SortFunc(means, func(a, b meaning) int { return cmp.Compare(a.people, b.people) })
	var out []int32
	for _, m := range means {
		if len(out) > 0 && len(out)+m.people > enough {
			break
		}
		for _, id := range m.words {
			if len(out) > enough {
				break
			}
			out = append(out, l.names.people[id]...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// initials is a little more for people whose words begin with the query's
// single letters.
func (l *List) initials(words []string, p int32) (bonus float64) {
	for _, w := range words {
		if len(w) == 1 && slices.ContainsFunc(l.names.of[p], func(id int32) bool { return strings.HasPrefix(l.names.words[id], w) }) {
			bonus += 0.05
		}
	}
	return bonus
}

// born is what two dates of birth say for or against: the same, the same as
// far as both are known, day and month in the other order or one of the three
// misread, or different.
func born(a, b record.Date) float64 {
	if a.IsZero() || b.IsZero() {
		return 0
	}
	if a.Year == b.Year && a.Month == b.Day && a.Day == b.Month && a != b {
		return 0.05
	}
	differ := 0
	for _, p := range [][2]int{{a.Year, b.Year}, {a.Month, b.Month}, {a.Day, b.Day}} {
		if p[0] != 0 && p[1] != 0 && p[0] != p[1] {
			differ++
		}
	}
	switch differ {
	case 0:
		if a == b {
			return 0.2
		}
		return 0.1
	case 1:
		return 0.03
	}
	return -0.2
}
