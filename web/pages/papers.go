package pages

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"chartvault/record"
)

// correction is a correction as it is listed.
type correction struct {
	ID      string       `json:"id"`
	Act     string       `json:"act"`
	State   string       `json:"state"`
	Sources []string     `json:"sources"`
	By      record.Actor `json:"by"`
	Second  record.Actor `json:"second"`
	Reason  string       `json:"reason"`
	Results []struct {
		ID    string `json:"id"`
		Type  string `json:"type"`
		Pages int    `json:"pages"`
	} `json:"results"`
}

func (v *visit) corrections() error {
	cs, err := each[correction](v, "corrections", struct{}{})
	if err != nil {
		return err
	}
	slices.Reverse(cs) // newest first
	if v.csvWanted() {
		return saveList(v, "corrections", []string{"correction", "what", "state", "of", "into", "why", "by", "second person"}, cs, func(c correction) []string {
			return []string{c.ID, c.Act, c.State, itoa(len(c.Sources)), itoa(len(c.Results)), c.Reason, string(c.By), string(c.Second)}
		})
	}
	return v.show("corrections", "Corrections", paged(v, cs, func(c correction) string { return c.ID }))
}

// decide agrees to a correction, or refuses it, as the second person.
func (v *visit) decide() error {
	agree := v.field("agree")
	if agree != "yes" && agree != "no" {
		return fmt.Errorf("correction: %w: agree or refuse", record.ErrInvalid)
	}
	if err := v.call("correct-decide", map[string]any{"id": v.r.PathValue("correction"), "agree": agree == "yes"}, nothing); err != nil {
		return err
	}
	return v.to("/corrections")
}

// issued is a certificate as it is listed.
type issued struct {
	Number    string
	Issued    string
	Schedule  string
	Documents int
}

func (v *visit) certificates() error {
	var out []issued
	err := v.call("certificate-list", struct{}{}, func(b json.RawMessage) error {
		var l struct {
			Number string `json:"number"`
			Text   string `json:"text"`
		}
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		var c struct {
			Issued    string `json:"issued_at"`
			Schedule  string `json:"schedule"`
			Documents int    `json:"documents_count"`
		}
		if err := json.Unmarshal([]byte(l.Text), &c); err != nil {
			return err
		}
		out = append(out, issued{l.Number, c.Issued, c.Schedule, c.Documents})
		return nil
	})
	if err != nil {
		return err
	}
	if v.csvWanted() {
		return saveList(v, "certificates", []string{"certificate", "issued", "schedule", "documents"}, out, func(c issued) []string {
			return []string{c.Number, c.Issued, c.Schedule, itoa(c.Documents)}
		})
	}
	return v.show("certificates", "Certificates of destruction", paged(v, out, func(c issued) string { return c.Number }))
}

// certificate gives a certificate as PDF, or as the signed text that machines check.
func (v *visit) certificate() error {
	if v.r.URL.Query().Get("as") == "json" {
		return v.certificateText()
	}
	return v.print("certificate-print", map[string]string{"number": v.r.PathValue("number")}, "certificate-"+v.r.PathValue("number"))
}

// certificateText gives a certificate as it was signed.
func (v *visit) certificateText() error {
	number := v.r.PathValue("number")
	var text string
	err := v.call("certificate-list", struct{}{}, func(b json.RawMessage) error {
		var l struct {
			Number string `json:"number"`
			Text   string `json:"text"`
		}
		err := json.Unmarshal(b, &l)
		if l.Number == number {
			text = l.Text
		}
		return err
	})
	if err != nil {
		return err
	}
	if text == "" {
		return fmt.Errorf("certificate %s: %w", number, record.ErrNotFound)
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", `attachment; filename="certificate-`+url.PathEscape(number)+`.json"`)
	io.WriteString(v.w, text) // whoever asked may have gone
	return nil
}

func (v *visit) sheetsForm() error { return v.show("sheets", "Separator sheets", nil) }

func (v *visit) sheets() error {
	return v.print("sheets-print", map[string]string{"lines": v.r.PostFormValue("lines")}, "sheets")
}

// print gives a PDF that an operation makes.
func (v *visit) print(op string, params any, name string) error {
	var l struct {
		PDF []byte `json:"pdf"`
	}
	if err := v.one(op, params, &l); err != nil {
		return err
	}
	v.attach(name)
	v.w.Write(l.PDF) // whoever asked may have gone
	return nil
}

func (v *visit) attach(name string) {
	v.w.Header().Set("Content-Type", "application/pdf")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+url.PathEscape(name)+`.pdf"`)
}

// pdf gives a document whole, verified to its end before the first byte.
func (v *visit) pdf() error {
	begun := false
	err := v.call("document", map[string]string{"document": v.r.PathValue("document"), "purpose": v.purpose(v.field("kept"))}, func(b json.RawMessage) error {
		var l struct {
			Chunk []byte `json:"chunk"`
		}
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		if !begun {
			v.attach(v.r.PathValue("document"))
			begun = true
		}
		_, err := v.w.Write(l.Chunk)
		return err
	})
	if err != nil && begun {
		v.Log.ErrorContext(v.r.Context(), "document cut short", "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}
