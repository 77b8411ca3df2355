package pages

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"chartvault/record"
)

// sitePage is how the site is set up.
type sitePage struct {
	Folder   string     `json:"folder"`
	Exports  string     `json:"exports"`
	Waiting  []string   `json:"waiting"`
	Stations []station  `json:"stations"`
	Types    []siteType `json:"types"`
	Patients *struct {
		Imported string `json:"imported"`
		People   int    `json:"people"`
		Numbers  int    `json:"numbers"`
		Lost     bool   `json:"lost"`
	} `json:"patients"`
	Keys struct {
		Vault    string `json:"vault"`
		Turn     int    `json:"turn"`
		Turning  bool   `json:"turning"`
		Places   int    `json:"places"`
		Recovery []struct {
			Ends      string `json:"ends"`
			Rehearsed string `json:"rehearsed"`
		} `json:"recovery"`
		Ways []string `json:"ways"`
	} `json:"keys"`
}

// station is a scanning station, or a server.
type station struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Role    string `json:"role"`
	Since   string `json:"since"`
	Revoked string `json:"revoked"`
	Here    bool   `json:"here"`
}

// siteType is a document type.
type siteType struct {
	Code      string   `json:"code"`
	LOINC     string   `json:"loinc"`
	Forms     []string `json:"forms"`
	Documents int      `json:"documents"`
}

func (v *visit) site() error {
	var p sitePage
	if err := v.one("setup", struct{}{}, &p); err != nil {
		return err
	}
	if v.csvWanted() {
		return saveList(v, "types", []string{"type", "loinc", "forms", "documents"}, p.Types, func(t siteType) []string {
			return []string{t.Code, t.LOINC, strings.Join(t.Forms, " "), itoa(t.Documents)}
		})
	}
	return v.show("site", "How the site is set up", p)
}

// trustStation takes over what a station deposits from now on.
func (v *visit) trustStation() error {
	return v.onSite("stations-trust", map[string]string{"name": v.field("name"), "key": v.field("key")})
}

// revokeStation trusts a station no more.
func (v *visit) revokeStation() error {
	return v.onSite("stations-revoke", map[string]string{"key": v.field("key"), "reason": v.field("reason")})
}

func (v *visit) onSite(op string, params any) error {
	if err := v.call(op, params, nothing); err != nil {
		return err
	}
	return v.to("/site")
}

// patientsPage is what a patient list holds, or would.
type patientsPage struct {
	Numbers  int  `json:"numbers"`
	People   int  `json:"people"`
	Rejected int  `json:"rejected"`
	Dry      bool `json:"dry"`

	Rows []badRow // that cannot be taken, the first of them
	More int
}

// badRow is a row of a list that cannot be taken. What stands in it is not shown:
// whoever has the list looks there.
type badRow struct {
	Row int    `json:"row"`
	Why string `json:"why"`
}

// takePatients looks at a patient list, or takes it in place of the one before. It
// stays in memory: a file on disk would be one in clear.
func (v *visit) takePatients() error {
	if !v.uploads.TryLock() {
		return fmt.Errorf("patient list: %w: another one is being read; try again in a minute", record.ErrBusy)
	}
	defer v.uploads.Unlock()
	if err := v.r.ParseMultipartForm(maxLarge); err != nil {
		return fmt.Errorf("patient list: %w: choose a file", record.ErrInvalid)
	}
	text, err := v.file("list")
	if err != nil {
		return err
	}
	names, _, err := v.columns()
	if err != nil {
		return err
	}
	var p patientsPage
	err = v.call("patients-import", map[string]any{"csv": string(text), "map": names, "part": true, "dry": v.field("act") != "take"}, func(b json.RawMessage) error {
		var l struct {
			patientsPage
			Reject *badRow `json:"reject"`
		}
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		switch {
		case l.Reject == nil:
			p.Numbers, p.People, p.Rejected, p.Dry = l.Numbers, l.People, l.Rejected, l.Dry
		case len(p.Rows) < mostProblems:
			p.Rows = append(p.Rows, *l.Reject)
		default:
			p.More++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.show("patients", "Patient list", p)
}

// file is a file of a form; record.ErrInvalid when there is none.
func (v *visit) file(name string) ([]byte, error) {
	f, _, err := v.r.FormFile(name)
	if err != nil {
		return nil, fmt.Errorf("file: %w: choose one", record.ErrInvalid)
	}
	defer f.Close() // read-only
	return io.ReadAll(f)
}
