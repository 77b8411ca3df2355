package release_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chartvault/record"
	"chartvault/release"
)

// TestModel has people do anything in any order, and holds what goes out against
// what was seen: a second person who had no hand in it looked at exactly this,
// and nothing of it was blocked then or is now.
func TestModel(t *testing.T) {
	people, handed := []record.Actor{"one", "two", "three", "four"}, 0
	rapid.Check(t, func(rt *rapid.T) {
		o, ctx := newOffice(t, ""), t.Context()
		rng := func(name string, n int) int { return rapid.IntRange(0, n-1).Draw(rt, name) }
		classes := []string{"patient", "provider", "attorney", "court"}
		class := classes[rng("class", len(classes))]
		r := o.take(t, class)
		c, err := o.Rules.Class(class)
		if err != nil {
			rt.Fatal(err)
		}
		state := func() release.Request { return o.requests[r.ID] }
		what := func(r release.Request) string { return fmt.Sprint(r.Chosen, r.Redactions, r.Cleared, r.Grounds) }
		hands, seen, checker := map[record.Actor]bool{}, "", record.Actor("")
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			who := people[rng("who", len(people))]
			had, before := len(o.disclosures), state()
			changed := func(err error) {
				if err == nil {
					hands[who], seen = true, ""
				}
			}
			act := rng("act", 18)
			if act -= 9; act < 0 { // mostly what comes next, so that something comes of it
				act = next(before)
			}
			switch act {
			case 0:
				g := grounds(c)
				g.Sensitive = [][]string{nil, {"hiv"}, {"hiv", "psychotherapy"}}[rng("sensitive", 3)]
				if rng("lacking", 4) == 0 {
					g.Identity = ""
				}
				changed(second(o.Ground(ctx, who, r.ID, g)))
			case 1:
				changed(second(o.Choose(ctx, who, r.ID, nil, true, "of other dates")))
			case 2:
				var cs []release.Choice
				for _, h := range o.holdings[:1+rng("of", 4)] {
					if rng("take", 2) == 0 {
						cs = append(cs, release.Choice{Document: h.ID, Pages: []int{1 + rng("page", h.Pages)}})
					}
				}
				changed(second(o.Choose(ctx, who, r.ID, cs, false, "of other dates")))
			case 3:
				x := release.Redaction{Document: record.ID{1}, Page: 1, Why: "another patient"}
				if rng("box", 2) == 0 {
					x.Boxes = [][4]int{{1, 1, 5 + rng("right", 9), 9}}
				}
				changed(second(o.Redact(ctx, who, r.ID, x)))
			case 4:
				changed(second(o.Clear(ctx, who, r.ID, release.Clearance{Document: record.ID{2}, Page: 2, Class: "hiv", Why: "it says nothing of it"})))
			case 5:
				changed(second(o.Submit(ctx, who, r.ID)))
			case 6:
				agree := rng("agree", 4) > 0
				looked := before.Version - rng("stale", 5)/4
				if _, err := o.Check(ctx, who, r.ID, looked, agree, "look again"); err == nil && agree {
					if looked != before.Version {
						rt.Fatalf("agreed to version %d of a request that is at %d", looked, before.Version)
					}
					if hands[who] {
						rt.Fatalf("%s checked what they had a hand in", who)
					}
					seen, checker = what(state()), who
				} else if err == nil {
					seen = ""
				}
			case 7:
				now := state()
				_, err := o.Disclose(ctx, who, r.ID, now.Version, release.Package{Format: "pdf"}, release.Handing{Method: "by post", Again: "lost"})
				if (err == nil) != (len(o.disclosures) == had+1) {
					rt.Fatalf("handed over with %v, and %d disclosures", err, len(o.disclosures)-had)
				}
			case 8:
				h := &o.holdings[rng("document", len(o.holdings))]
				h.State = []record.DocumentState{record.DocumentFiled, record.DocumentQA, record.DocumentDestroyed}[max(0, rng("state", 6)-3)]
			}
			if len(o.disclosures) == had {
				continue
			}
			handed++
			d, now := o.disclosures[had], state()
			if seen == "" || seen != what(now) || d.Checked != checker || hands[checker] {
				rt.Fatalf("what went out is not what %s checked", checker)
			}
			for _, ch := range now.Chosen {
				i := slices.IndexFunc(o.holdings, func(h release.Holding) bool { return h.ID == ch.Document })
				h := o.holdings[i]
				if h.State != record.DocumentFiled {
					rt.Fatalf("a document that is %s went out", h.State)
				}
				for _, p := range ch.Pages {
					for _, l := range h.Labels[p] {
						own := l == "hiv" && class == "patient"
						cleared := slices.ContainsFunc(now.Cleared, func(x release.Clearance) bool { return x.Document == h.ID && x.Page == p && x.Class == l })
						if !own && !cleared && !slices.Contains(now.Grounds.Sensitive, l) {
							rt.Fatalf("a page of %s went out to %s", l, class)
						}
					}
				}
			}
			if before.State != release.Approved && before.State != release.Closed {
				rt.Fatalf("one that was %s went out", before.State)
			}
		}
	})
	// A hundred walks hand over 180 on average, and 68 in the poorest of 60 runs.
	if handed < 25 {
		t.Errorf("%d were handed over: the walk proves too little", handed)
	}
}

// next is the act that usually follows.
func next(r release.Request) int {
	switch {
	case r.State == release.Checking:
		return 6
	case r.State == release.Approved || r.State == release.Closed:
		return 7
	case r.Grounds.Identity == "":
		return 0
	case len(r.Chosen) == 0:
		return 1
	}
	return 5
}
