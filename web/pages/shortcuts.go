package pages

import (
	"encoding/json"
	"fmt"

	"chartvault/record"
)

// shortcut is a key that does something on one page or another, and what somebody
// chose instead; "" for nothing.
type shortcut struct{ Key, Does, Own string }

// builtIn lists the keys that people can choose others for. Those that lead from
// everywhere (/, ?, g and a letter, Enter, Escape) stay.
func builtIn() []shortcut {
	return []shortcut{
		{Key: "j", Does: "next page; in a list the next row, and then the next part"}, {Key: "k", Does: "page before; in a list the row before"},
		{Key: "+", Does: "on a page: larger"}, {Key: "-", Does: "on a page: smaller"}, {Key: "r", Does: "on a page: turn it"},
		{Key: "2", Does: "on a page: two beside each other"}, {Key: "s", Does: "on a page: sharper, or faster; in requests: give it to a second person"},
		{Key: "p", Does: "on a page: print; in retention: plans"}, {Key: "b", Does: "back to what was found"},
		{Key: "c", Does: "in quality: chart number"}, {Key: "d", Does: "in quality: document type"}, {Key: "i", Does: "in quality: patient list"},
		{Key: "S", Does: "in quality: a new document begins at this page"}, {Key: "M", Does: "in quality: it belongs to the one before"}, {Key: "R", Does: "in quality: turn the page for good"},
		{Key: "o", Does: "in quality: the page is of another chart"}, {Key: "x", Does: "in quality: scan it again"},
		{Key: "J", Does: "in quality: the next one, and this one later"}, {Key: "f", Does: "in a chart: words in it"}, {Key: "t", Does: "on a batch: take it in hand, or leave it"},
		{Key: "u", Does: "in quality: the last one again, to put it right; on a batch: it is urgent, or not"}, {Key: "n", Does: "a new request; earlier entries of the log; more of what was found, or the next of it"}, {Key: "N", Does: "what was found before"},
		{Key: "w", Does: "in requests: words to black out"}, {Key: "v", Does: "in audit: check the whole log; in health: check everything"},
	}
}

func (v *visit) shortcuts() error {
	ks, own := builtIn(), v.session.Shortcuts()
	for i, k := range ks {
		ks[i].Own = own[k.Key]
	}
	return v.show("keys", "Keys", ks)
}

// setShortcuts keeps the keys that the user chose. No key may mean two things.
func (v *visit) setShortcuts() error {
	own, taken := map[string]string{}, map[string]string{"/": "the chart number", "?": "this list", "g": "the other pages"}
	for i, k := range builtIn() {
		key := k.Key
		if s := v.field("key" + itoa(i)); s != "" && v.field("reset") == "" {
			key = s
		}
		if does, ok := taken[key]; ok {
			return fmt.Errorf("keys: %w: %s would mean both %q and %q: choose another", record.ErrInvalid, key, does, k.Does)
		}
		if taken[key] = k.Does; key != k.Key {
			own[k.Key] = key
		}
	}
	if err := v.Accounts.SetShortcuts(v.r.Context(), v.session, own); err != nil {
		return err
	}
	return v.to("/keys")
}

// own are the keys that the user chose, for the script; "" for none.
func (v *visit) own() string {
	if v.session == nil || len(v.session.Shortcuts()) == 0 {
		return ""
	}
	b, err := json.Marshal(v.session.Shortcuts())
	if err != nil { // a map of strings
		return ""
	}
	return string(b)
}
