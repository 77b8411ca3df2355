package pages

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"chartvault/record"
)

// requestAct does one act on a request; the last part of the address says which.
func (v *visit) requestAct() error {
	acts := map[string]func(v *visit, p map[string]any) error{
		"ground": (*visit).groundFields, "choose": (*visit).chooseFields, "redact": (*visit).redactFields, "clear": (*visit).clearFields,
		"waive": reasonField, "return": reasonField, "submit": func(*visit, map[string]any) error { return nil },
		"revoke": func(v *visit, p map[string]any) error {
			p["until"] = v.field("revoked")
			return nil
		},
		"extend": func(v *visit, p map[string]any) error {
			p["until"] = v.field("until")
			return reasonField(v, p)
		},
		"end": func(v *visit, p map[string]any) error {
			p["outcome"] = v.field("outcome")
			return reasonField(v, p)
		},
	}
	name, id := v.r.PathValue("act"), v.r.PathValue("request")
	fill, ok := acts[name]
	if !ok {
		return fmt.Errorf("there is no such act: %w", record.ErrNotFound)
	}
	p := map[string]any{"id": id}
	if err := fill(v, p); err != nil {
		return err
	}
	if err := v.call("request-"+name, p, nothing); err != nil {
		return err
	}
	to := "/requests/" + id
	if d := v.field("document"); d != "" && (name == "redact" || name == "clear") {
		to += "/pages/" + d + "?page=" + v.field("page")
	}
	return v.to(to)
}

func reasonField(v *visit, p map[string]any) error {
	p["reason"] = v.field("reason")
	return nil
}

func (v *visit) on(name string) bool { return v.field(name) != "" }

func (v *visit) groundFields(p map[string]any) error {
	g := map[string]any{"sensitive": v.r.PostForm["sensitive"]}
	for _, f := range []string{"identity", "acting", "relationship", "reference", "dated", "basis", "assurance", "document"} {
		if s := v.field(f); s != "" {
			g[f] = s
		}
	}
	if v.on("authorised") {
		a := map[string]any{}
		for _, f := range []string{"information", "discloser", "recipient", "purpose", "expires", "event", "signed", "signer", "authority", "revoked"} {
			if s := v.field("a_" + f); s != "" {
				a[f] = s
			}
		}
		for _, f := range []string{"not_patient", "revocation", "conditions", "redisclosure", "plain", "compound", "false", "covers"} {
			a[f] = v.on("a_" + f)
		}
		g["authorisation"] = a
	}
	p["grounds"] = g
	return nil
}

func (v *visit) chooseFields(p map[string]any) error {
	p["offer"], p["left_out"] = v.on("offer"), v.field("left_out")
	type choice struct {
		Document string `json:"document"`
		Pages    []int  `json:"pages"`
	}
	var cs []choice
	for name, vals := range v.r.PostForm {
		doc, ok := strings.CutPrefix(name, "pages-")
		if !ok || strings.TrimSpace(vals[0]) == "" {
			continue
		}
		pages, err := numbers(vals[0])
		if err != nil {
			return err
		}
		cs = append(cs, choice{doc, pages})
	}
	p["chosen"] = cs
	return nil
}

// redactFields reads boxes as the script draws them, "x0,y0,x1,y1;...", and words.
func (v *visit) redactFields(p map[string]any) error {
	if err := v.pageFields(p); err != nil {
		return err
	}
	boxes := [][4]int{}
	for s := range strings.FieldsFuncSeq(v.field("boxes"), func(r rune) bool { return r == ';' }) {
		parts := strings.Split(s, ",")
		if len(parts) != 4 {
			return fmt.Errorf("boxes: %w: draw them again", record.ErrInvalid)
		}
		var b [4]int
		for i, n := range parts {
			var err error
			if b[i], err = strconv.Atoi(strings.TrimSpace(n)); err != nil {
				return fmt.Errorf("boxes: %w: draw them again", record.ErrInvalid)
			}
		}
		boxes = append(boxes, b)
	}
	p["boxes"], p["words"] = boxes, v.field("words")
	if len(boxes) == 0 && v.field("words") == "" && !v.on("none") {
		return fmt.Errorf("black out: %w: give words, or draw a box", record.ErrInvalid)
	}
	return reasonField(v, p)
}

func (v *visit) clearFields(p map[string]any) error {
	p["class"] = v.field("class")
	if err := v.pageFields(p); err != nil {
		return err
	}
	return reasonField(v, p)
}

func (v *visit) pageFields(p map[string]any) error {
	n, err := strconv.Atoi(v.field("page"))
	if err != nil {
		return fmt.Errorf("page: %w: want a number", record.ErrInvalid)
	}
	p["document"], p["page"] = v.field("document"), n
	return nil
}

// checkRequest is the second person's word.
func (v *visit) checkRequest() error {
	id, agree := v.r.PathValue("request"), v.field("agree")
	if agree != "yes" && agree != "no" {
		return fmt.Errorf("request %s: %w: agree, or send it back", id, record.ErrInvalid)
	}
	version, err := strconv.Atoi(v.field("version"))
	if err != nil {
		return fmt.Errorf("request %s: %w: the version that was looked at is not given", id, record.ErrInvalid)
	}
	if err := v.call("request-check", map[string]any{"id": id, "version": version, "agree": agree == "yes", "reason": v.field("reason")}, nothing); err != nil {
		return err
	}
	return v.to("/requests/" + id)
}

func (v *visit) letter() error {
	id, name := v.r.PathValue("request"), v.field("letter")
	return v.print("request-letter", map[string]string{"id": id, "letter": name}, id+"-letter")
}

// hand hands a request over: its package comes as a file, once the disclosure is
// written down.
func (v *visit) hand() error {
	handing := map[string]any{"method": v.field("method"), "again": v.field("again"), "suspended_until": v.field("suspended"), "suspension_basis": v.field("basis")}
	begun := false
	err := v.call("request-hand", map[string]any{"id": v.r.PathValue("request"), "format": v.field("format"), "password": v.r.PostFormValue("password"), "recipient": v.field("recipient"), "handing": handing}, func(b json.RawMessage) error {
		var l struct {
			Name  string `json:"name"`
			Chunk []byte `json:"chunk"`
		}
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		if !begun {
			begun = true
			v.w.Header().Set("Content-Type", "application/octet-stream")
			v.w.Header().Set("Content-Disposition", `attachment; filename="`+l.Name+`"`)
		}
		_, err := v.w.Write(l.Chunk)
		return err
	})
	if err != nil && begun {
		v.Log.ErrorContext(v.r.Context(), "package cut short", "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}
