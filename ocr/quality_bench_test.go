package ocr_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"chartvault/internal/sample"
	"chartvault/internal/score"
	"chartvault/ocr"
)

// BenchmarkQuality asks the quality rule about pages whose text is known: how
// many of those that were read badly it finds, and how many others it sends to
// a person for nothing. CHARTVAULT_PAGES=1 prints every page.
func BenchmarkQuality(b *testing.B) {
	pages := append(truePages(b), printed(b, sample.Ruins(), 6)...)
	var mu sync.Mutex
	quality := map[string]ocr.Quality{}
	res, _ := measure(b, ours(b, func(p truePage, pg ocr.Page) {
		mu.Lock()
		defer mu.Unlock()
		quality[p.path] = pg.Text.Quality
	}), pages)
	report(pages, res, quality)
}

func report(pages []truePage, res []score.Result, quality map[string]ocr.Quality) (found, missed, alarms, good int) {
	for i, p := range pages {
		q := quality[p.path]
		bad, flagged := res[i].Found < 0.90, q.Poor(ocr.DefaultPoor)
		switch {
		case bad && flagged:
			found++
		case bad:
			missed++
		case flagged:
			alarms++
			good++
		default:
			good++
		}
		if os.Getenv("CHARTVAULT_PAGES") != "" {
			fmt.Printf("quality %-40s %5.1f %5.1f %.3f %.3f %.3f %v\n", filepath.Base(p.path), 100*res[i].Found, q.Score, q.Low, q.Unknown, q.Uncovered, flagged)
		}
	}
	fmt.Printf("quality: %d of %d pages with under 90 %% of their words found, %d false alarms of %d others\n", found, found+missed, alarms, good)
	return found, missed, alarms, good
}
