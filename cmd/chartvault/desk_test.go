package main

import (
	"encoding/json"
	"testing"
	"time"

	"chartvault/catalog"
	"chartvault/record"
)

// TestOldHold: a hold of an archive from before holds had scopes binds its chart.
func TestOldHold(t *testing.T) {
	id := record.ID{5}
	body := `{"matter":"docket 1","reason":"notice","chart":"9118427","placed_by":"os:root"}`
	for _, tt := range []struct {
		body   string
		active bool
	}{{body, true}, {body[:len(body)-1] + `,"released_by":"os:root","released_at":"2026-01-02T03:04:05Z"}`, false}} {
		b, err := holdOf(entryOf(catalog.Entry{Kind: "hold", ID: id.String(), Chart: []byte("token"), At: time.UnixMilli(1), Body: json.RawMessage(tt.body)}))
		if err != nil || b.ID != id || b.Kind != record.HoldLegal || b.Matter != "docket 1" || b.Active() != tt.active ||
			len(b.Scope.Charts) != 1 || string(b.Scope.Charts[0]) != "token" || len(b.Numbers) != 1 {
			t.Errorf("got %+v, %v, want it active %v on its chart", b, err, tt.active)
		}
	}
}
