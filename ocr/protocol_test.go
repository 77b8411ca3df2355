package ocr_test

import (
	"bytes"
	"encoding/json"
	"image"
	"testing"

	"chartvault/ocr"
)

func TestWordRoundTrip(t *testing.T) {
	want := ocr.Word{Text: `quoted "word"`, Box: image.Rect(1, 2, 30, 40), Confidence: 87, Line: 5}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got ocr.Word
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{`[]`, `["a"]`, `{}`, `["a",1,2,3,4,5,6,7]`, `[1,2,3,4,5,6,7]`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s: got nil, want an error", bad)
		}
	}
}

// FuzzFrame: whatever a broken worker writes, the pool reads no more than it
// says and does not panic.
func FuzzFrame(f *testing.F) {
	var b bytes.Buffer
	if err := ocr.WriteJSON(&b, ocr.FrameResult, ocr.Probe{Kind: "tiff", Pages: 3}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{'d', 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, in []byte) {
		_, payload, err := ocr.ReadFrame(bytes.NewReader(in))
		if err == nil && len(payload) > len(in) {
			t.Errorf("got %d bytes out of %d", len(payload), len(in))
		}
	})
}
