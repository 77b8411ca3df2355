package pages

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"chartvault/ocr"
	"chartvault/record"
)

// opened is a page of a document, as the archive gives it: its text, what it is
// filed as, and its image. One of these is one entry of the log.
type opened struct {
	Type    string          `json:"type"`
	Service string          `json:"service_date"`
	State   string          `json:"state"`
	Doubts  []string        `json:"doubts"` // in words
	Pages   int             `json:"pages"`
	Text    ocr.PageText    `json:"text"`
	Boxes   [][4]int        `json:"boxes"` // of the words that were searched for
	Image   json.RawMessage `json:"image"` // PNG, base64
}

// openPage opens page n of a document, and keeps its image for the one request
// that fetches it.
func (v *visit) openPage(id string, n int, purpose, query string) (*view, error) {
	var o opened
	sharp := v.r.URL.Query().Get("sharp") != ""
	ahead := v.ahead() && (strings.HasPrefix(v.r.URL.Path, "/document/") || strings.HasPrefix(v.r.URL.Path, "/qa/"))
	if err := v.one("page", map[string]any{"document": id, "page": n, "purpose": purpose, "query": query, "sharp": sharp, "ahead": ahead}, &o); err != nil {
		return nil, err
	}
	var png []byte
	if len(o.Image) > 0 {
		if err := json.Unmarshal(o.Image, &png); err != nil {
			return nil, err
		}
	}
	t := o.Text
	if t.Width == 0 || t.Height == 0 {
		t.Width, t.Height = 850, 1100
	}
	vw := &view{ID: id, Page: n, opened: o, Width: t.Width, Height: t.Height, Text: t.String(), Purpose: purpose, Sharp: sharp}
	if len(png) > 0 {
		vw.Picture = "/image/" + v.session.KeepOnce(picture(png))
	}
	for _, w := range t.Words {
		vw.Words = append(vw.Words, placed{w.Text, w.Box.Min.X, w.Box.Min.Y, w.Box.Dx(), w.Box.Dy()})
	}
	for _, b := range o.Boxes {
		vw.Hits = append(vw.Hits, placed{"", b[0], b[1], b[2] - b[0], b[3] - b[1]})
	}
	for i := range o.Pages {
		vw.Numbers = append(vw.Numbers, i+1)
	}
	return vw, nil
}

// picture is the image of a page until it is fetched.
type picture []byte

// view is a page on the screen.
type view struct {
	opened
	ID            string
	Page          int
	Purpose       string
	Width, Height int
	Picture       string
	Text          string
	Words, Hits   []placed
	Numbers       []int
	From          string // kept search it was found by
	Hit           nearby // what was found beside it
	Chart         string // kept look-up it was found by
	Sharp         bool   // drawn finely
	Two           bool   // two pages beside each other
	Beside        *view  // the second of them; nil on the last page
}

// Link is the address of a page of the same document, looked at in the same way.
func (w view) Link(page int) string { return w.link(page, w.Sharp, w.Two) }

// Ahead is where the next page is fetched before somebody turns to it; "" for
// nowhere. In an emergency every page that is opened is looked into: none is
// opened that nobody asked for.
func (w view) Ahead() string {
	if w.Next() == 0 || w.Two || w.Purpose == purposeEmergency {
		return ""
	}
	return w.Link(w.Next()) + "&ahead=1"
}

// Finer and Coarser, Pair and Single look at the same page in another way.
func (w view) Finer() string   { return w.link(w.Page, true, w.Two) }
func (w view) Coarser() string { return w.link(w.Page, false, w.Two) }
func (w view) Pair() string    { return w.link(w.Page, w.Sharp, true) }
func (w view) Single() string  { return w.link(w.Page, w.Sharp, false) }

func (w view) link(page int, sharp, two bool) string {
	q := url.Values{"page": {itoa(page)}}
	for name, s := range map[string]string{"from": w.From, "chart": w.Chart, "hits": w.Hit.Kept, "hit": w.Hit.at()} {
		if s != "" {
			q.Set(name, s)
		}
	}
	if sharp {
		q.Set("sharp", "1")
	}
	if two {
		q.Set("two", "1")
	}
	return "?" + q.Encode()
}

// nearby is where a page is among those that a search found.
type nearby struct {
	Kept           string // under which they are kept; "" for a page that was not found so
	At             int    // from 0
	Before, Behind string // addresses of those beside it; "" for none
}

func (n nearby) at() string {
	if n.Kept == "" {
		return ""
	}
	return itoa(n.At)
}

// nearby finds what was found beside the page that is shown.
func (v *visit) nearby() nearby {
	q := v.r.URL.Query()
	n := nearby{Kept: q.Get("hits")}
	hs, ok := v.session.Kept(n.Kept).(hits)
	at, err := strconv.Atoi(q.Get("hit"))
	if !ok || err != nil || at < 0 || at >= len(hs) {
		return nearby{}
	}
	n.At = at
	to := func(i int) string {
		if i < 0 || i >= len(hs) {
			return ""
		}
		return "/document/" + url.PathEscape(hs[i].Document) + "?" + url.Values{"page": {itoa(hs[i].Page)}, "from": {q.Get("from")}, "hits": {n.Kept}, "hit": {itoa(i)}}.Encode()
	}
	n.Before, n.Behind = to(at-1), to(at+1)
	return n
}

// placed is a word, or a mark, in pixels of the page.
type placed struct {
	Text       string
	X, Y, W, H int
}

// step is how many pages are shown.
func (w view) step() int {
	if w.Two {
		return 2
	}
	return 1
}

// Next and Previous are the pages beside those that are shown; 0 for none.
func (w view) Next() int {
	if n := w.Page + w.step(); n <= w.Pages {
		return n
	}
	return 0
}

// Previous is the page before; 0 for none.
func (w view) Previous() int {
	if w.Page == 1 {
		return 0
	}
	return max(1, w.Page-w.step())
}

func (v *visit) pageNumber() int {
	n, err := strconv.Atoi(v.r.URL.Query().Get("page"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

func (v *visit) document() error {
	query, from := "", v.r.URL.Query().Get("from")
	if s, ok := v.session.Kept(from).(searched); ok {
		query = s.query
	}
	w, err := v.openPage(v.r.PathValue("document"), v.pageNumber(), v.purpose(v.r.URL.Query().Get("chart")), query)
	if err != nil {
		return err
	}
	w.Hit = v.nearby()
	w.From, w.Chart, w.Two = from, v.r.URL.Query().Get("chart"), v.r.URL.Query().Get("two") != ""
	if w.Two && w.Page < w.Pages {
		if w.Beside, err = v.openPage(w.ID, w.Page+1, w.Purpose, query); err != nil {
			return err
		}
	}
	return v.show("document", "Document", w)
}

// image gives a page's image once, to whoever opened the page.
func (v *visit) image() error {
	p, ok := v.session.Take(v.r.PathValue("image")).(picture)
	if !ok {
		return fmt.Errorf("this image was shown: %w: open the page again", record.ErrNotFound)
	}
	v.w.Header().Set("Content-Type", "image/png")
	v.w.Write(p) // whoever asked may have gone
	return nil
}
