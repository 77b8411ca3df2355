package hospital

import (
	"math/rand/v2"
	"strings"
)

// vocabulary makes the words: those of every note first, then clinical words
// put together from their parts, in an order that the seed gives.
func vocabulary(seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 7))
	out := strings.Fields(common)
	seen := make(map[string]bool, Vocabulary)
	for _, w := range out {
		seen[w] = true
	}
	before, stems, after := strings.Fields(prefixes), strings.Fields(roots), strings.Fields(suffixes)
	syllables := strings.Fields(parts)
	for len(out) < Vocabulary {
		var w string
		switch r.IntN(4) {
		case 0:
			w = stems[r.IntN(len(stems))] + after[r.IntN(len(after))]
		case 1:
			w = before[r.IntN(len(before))] + stems[r.IntN(len(stems))] + after[r.IntN(len(after))]
		default: // the name of a drug, a device, a person or a place
			for range 2 + r.IntN(3) {
				w += syllables[r.IntN(len(syllables))]
			}
		}
		if !seen[w] {
			seen[w] = true
			out = append(out, w)
		}
	}
	return out
}

// Damage returns w as recognition might misread it: by one of the confusions of
// printed characters where it has any, else by one edit.
func Damage(r *rand.Rand, w string) string {
	if r.IntN(2) == 0 {
		if d := confuse(r, w); d != w {
			return d
		}
	}
	return edit(r, w)
}

// Confusions are pairs of what printed characters are read for one another.
func Confusions() [][2]string {
	return [][2]string{{"0", "o"}, {"1", "l"}, {"1", "i"}, {"l", "i"}, {"5", "s"}, {"8", "b"}, {"rn", "m"}, {"cl", "d"}}
}

// confuse replaces one place of w, or nothing when there is none to replace.
func confuse(r *rand.Rand, w string) string {
	var all []string
	for _, c := range Confusions() {
		for _, d := range [][2]string{c, {c[1], c[0]}} {
			for i := range w {
				if strings.HasPrefix(w[i:], d[0]) {
					all = append(all, w[:i]+d[1]+w[i+len(d[0]):])
				}
			}
		}
	}
	if len(all) == 0 {
		return w
	}
	return all[r.IntN(len(all))]
}

// edit inserts, removes, replaces or swaps one letter.
func edit(r *rand.Rand, w string) string {
	b := []byte(w)
	i, letter := r.IntN(len(b)), byte('a'+r.IntN(26))
	switch r.IntN(4) {
	case 0:
		return string(b[:i]) + string(letter) + string(b[i:])
	case 1:
		if len(b) > 1 {
			return string(b[:i]) + string(b[i+1:])
		}
	case 2:
		if i+1 < len(b) {
			b[i], b[i+1] = b[i+1], b[i]
			return string(b)
		}
	}
	b[i] = letter
	return string(b)
}

const common = `the of and to with was in patient is no for a on at or history by he she this that as from are were be has had not
pain left right normal blood daily pressure mg status noted date admission discharge exam chest report mild chronic acute disease
prior given due well without seen under time plan follow up day days heart rate lung clear abdomen soft denies reports past medical
medications allergies family social review systems general alert oriented distress neck supple pulse temperature respiratory care
unit hospital doctor nurse signed physician name number page record chart sex age year old male female diagnosis procedure surgery
post operative anesthesia incision wound dressing dry intact fluid intake output urine stool bowel bladder catheter foley labs white
count hemoglobin platelets sodium potassium chloride glucose creatinine liver enzymes within limits elevated decreased increased
moderate severe stable improved unchanged evidence consistent impression findings lateral view film compared study contrast head
brain bone joint knee hip ankle wrist shoulder back spine lower upper extremity edema skin rash warm fever cough cold nausea vomiting
diarrhea constipation headache dizziness weakness numbness tingling vision hearing loss sleep appetite weight gain tobacco alcohol
drug use married lives home alone diet regular activity tolerated ambulate therapy physical consult service office clinic visit
return weeks months call if any questions tablets oral every hours needed take before after meals bedtime continue stop start dose`

const prefixes = `hyper hypo peri endo epi sub supra inter intra trans poly hemi tachy brady dys neo pan para retro ante anti auto
contra ecto exo extra infra iso macro meta micro mono multi post pre pseudo semi ultra uni`

const roots = `cardi gastr hepat nephr neur oste arthr my derm encephal mening pulmon bronch trache laryng pharyng rhin ot ophthalm
kerat aden angi arteri phleb lymph splen thyr pancreat cholecyst enter col proct cyst ureter urethr prostat orchi oophor salping
hyster mamm mast chondr tend burs synov spondyl crani cephal cervic thorac lumb sacr glyc lip hem thromb leuk erythr carcin sarc`

const suffixes = `itis osis oma algia ectomy otomy ostomy oplasty orrhaphy ogram ography oscopy opathy emia uria oid al ic ous
ogenic olysis omegaly optosis osclerosis ostenosis otrophy oplegia oparesis ospasm orrhagia orrhea ocele odynia omalacia`

const parts = `ba be bi bo bu ca ce ci co cu da de di do du fa fe fi fo fu ga ge gi go gu ha he hi ho hu ka ke ki ko ku la le li lo lu
ma me mi mo mu na ne ni no nu pa pe pi po pu ra re ri ro ru sa se si so su ta te ti to tu va ve vi vo vu xa xe xi xo za ze zi zo zu
bar ben bil bon car cer cin col dan del din dol fen fin gar gen gil har hen lan len lin lon mar mer min mon nar ner nin pan pen pin
pol ran ren rin ron san sen sin son tan ten tin tol van ven vin vol pril olol statin mycin cillin azole pine sone mab nib tide`
