package proto
import (
 "testing"; "os"; "time"; "fmt"; "crypto/aes"; "crypto/cipher"; "crypto/rand"; "path/filepath"; "slices"; "strconv"
 mrand "math/rand/v2"
 "github.com/blevesearch/bleve/v2"
 "github.com/blevesearch/bleve/v2/mapping"
 "github.com/blevesearch/bleve/v2/search/query"
 _ "github.com/blevesearch/bleve/v2/index/scorch"
 iapi "github.com/blevesearch/bleve_index_api"
 "github.com/blevesearch/bleve/v2/analysis/analyzer/keyword"
 "github.com/blevesearch/bleve/v2/analysis/analyzer/simple"
 "chartvault/internal/hospital"
)
func du(dir string) (n int64) { filepath.Walk(dir, func(p string, i os.FileInfo, e error) error { if e==nil && !i.IsDir() { n += i.Size() }; return nil }); return }
func TestProto(t *testing.T) {
 N, _ := strconv.Atoi(os.Getenv("N"))
 hook := os.Getenv("HOOK") != ""
 if hook {
  key := make([]byte, 32); rand.Read(key)
  b, _ := aes.NewCipher(key); g, _ := cipher.NewGCMWithRandomNonce(b)
  iapi.WriterHook = func(c []byte) (string, func([]byte) []byte, error) { return "k1", func(d []byte) []byte { return g.Seal(nil, nil, d, nil) }, nil }
  iapi.ReaderHook = func(id string, c []byte) (func([]byte) ([]byte, error), error) { if id == "" { return func(d []byte) ([]byte, error) { return d, nil }, nil }; return func(d []byte) ([]byte, error) { return g.Open(nil, nil, d, nil) }, nil }
 }
 m := mapping.NewIndexMapping(); m.ScoringModel = "bm25"
 body := mapping.NewTextFieldMapping(); body.Analyzer = simple.Name; body.Store = os.Getenv("STORE") != ""; body.IncludeInAll = false; body.DocValues = false; body.IncludeTermVectors = true
 is := mapping.NewTextFieldMapping(); is.Analyzer = keyword.Name; is.Store = false; is.IncludeInAll = false; is.DocValues = false; is.IncludeTermVectors = false; is.SkipFreqNorm = true
 dm := mapping.NewDocumentStaticMapping(); dm.AddFieldMappingsAt("body", body); dm.AddFieldMappingsAt("is", is)
 m.DefaultMapping = dm
 dir := "/tmp/bl/idx"; os.RemoveAll(dir)
 x, err := bleve.NewUsing(dir, m, "scorch", "scorch", map[string]any{"unsafe_batch": os.Getenv("UNSAFE") != ""})
 if err != nil { t.Fatal(err) }
 h := hospital.New(1)
 t0 := time.Now()
 n := 0
 var gen time.Duration
 for d := 0; n < N; {
  b := x.NewBatch()
  for range 60 {
   g0 := time.Now()
   doc := h.Document(d)
   for p := range doc.Pages {
    b.Index(fmt.Sprintf("%s/%d", doc.ID, p+1), map[string]any{"body": h.Page(d, p).String(), "is": []string{"d"+doc.ID.String(), "c"+doc.Chart, "t"+doc.Type, "y"+strconv.Itoa(doc.Service.Year)}})
    n++
   }
   gen += time.Since(g0)
   d++
  }
  if err := x.Batch(b); err != nil { t.Fatal(err) }
 }
 el := time.Since(t0)
 fmt.Printf("hook %v: %d pages %.0f/s (gen+analyse %.1fs of %.1f)\n", hook, n, float64(n)/el.Seconds(), gen.Seconds(), el.Seconds())
 time.Sleep(10*time.Second)
 fmt.Printf("size %.0f B/page\n", float64(du(dir))/float64(n))
 r := mrand.New(mrand.NewPCG(1,2))
 run := func(name string, mk func() query.Query, k int) {
  var ts []time.Duration; var tot uint64
  for range k {
   rq := bleve.NewSearchRequestOptions(mk(), 20, 0, false)
   s := time.Now(); res, err := x.Search(rq); if err != nil { t.Fatal(name, err) }; ts = append(ts, time.Since(s)); tot += res.Total
  }
  slices.Sort(ts)
  fmt.Printf("%-12s p50 %8.2f ms p99 %8.2f ms hits %d\n", name, ts[len(ts)/2].Seconds()*1e3, ts[len(ts)*99/100].Seconds()*1e3, tot/uint64(k))
 }
 term := func(w string) query.Query { q := bleve.NewTermQuery(w); q.SetField("body"); return q }
 w := func(a, b int) string { return h.Word(a + r.IntN(b-a)) }
 run("common", func() query.Query { return term(w(50,300)) }, 200)
 run("mid", func() query.Query { return term(w(300,5000)) }, 200)
 run("two", func() query.Query { return bleve.NewConjunctionQuery(term(w(50,300)), term(w(50,2000))) }, 200)
 run("phrase", func() query.Query { q := bleve.NewPhraseQuery([]string{w(5,100), w(20,300)}, "body"); return q }, 200)
 run("prefix", func() query.Query { s := w(50,20000); if len(s)>4 {s=s[:4]}; q := bleve.NewPrefixQuery(s); q.SetField("body"); return q }, 200)
 run("fuzzy1", func() query.Query { q := bleve.NewFuzzyQuery(w(200,20000)); q.SetFuzziness(1); q.SetField("body"); return q }, 200)
 run("fuzzy2", func() query.Query { q := bleve.NewFuzzyQuery(w(200,20000)); q.SetFuzziness(2); q.SetField("body"); return q }, 100)
 run("wild", func() query.Query { s := w(300,20000); q := bleve.NewWildcardQuery("*"+s[1:]); q.SetField("body"); return q }, 100)
 run("filter", func() query.Query { q := bleve.NewTermQuery("c"+h.Chart(r.IntN(N/10))); q.SetField("is"); return bleve.NewConjunctionQuery(q, term(w(50,300))) }, 200)
 x.Close()
}
