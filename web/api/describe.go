package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Version is the API's: the second number grows with what is added, the first
// with what breaks a program, and the path with it.
const Version = "2.0.0"

// Describe makes the OpenAPI 3.1 document of the endpoints, out of the types
// they really read and write.
func (a *API) Describe() *huma.OpenAPI {
	reg := huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, _ string) string { return schemaName(t) })
	reg.RegisterTypeAlias(reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]())
	reg.RegisterTypeAlias(reflect.TypeFor[time.Time](), reflect.TypeFor[string]())
	problem := &huma.Response{Description: "what went wrong", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: reg.Schema(reflect.TypeFor[Problem](), true, "")}}}
	doc := &huma.OpenAPI{OpenAPI: "3.1.0", Info: &huma.Info{Title: "Chartvault", Version: Version, Description: "For programs that act for people. Every operation is a POST of one JSON object; the answer is JSON lines, the last of which is {\"error\": problem} when something went wrong after the first. " +
		"A token is made by its user, under their own sign-in, with some of their rights, for at most 90 days; it never approves, checks or changes users. Numbers and names of patients travel in bodies only."},
		Paths:      map[string]*huma.PathItem{},
		Security:   []map[string][]string{{"token": {}}},
		Components: &huma.Components{Schemas: reg, SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}},
	}
	for _, e := range a.Endpoints {
		in := &huma.Schema{Type: huma.TypeObject}
		if t := typeOf(e.In); t != nil {
			in = reg.Schema(t, true, "")
		}
		op := &huma.Operation{OperationID: e.Op, Summary: e.Summary, Tags: []string{e.Group}, Description: "Takes the right to " + string(e.Right) + ".",
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: in}}}, Responses: map[string]*huma.Response{"default": problem}}
		if e.Changes {
			op.Parameters = []*huma.Param{{Name: "Idempotency-Key", In: "header", Description: "sent again within a day, with the same body, it is answered as before and nothing is done", Schema: &huma.Schema{Type: huma.TypeString}}}
		}
		if t := typeOf(e.Out); t != nil {
			op.Responses["200"] = &huma.Response{Description: "one line for each", Content: map[string]*huma.MediaType{"application/x-ndjson": {Schema: reg.Schema(t, true, "")}}}
		}
		op.Responses["204"] = &huma.Response{Description: "done; there is nothing to say"}
		doc.Paths[Prefix+e.Op] = &huma.PathItem{Post: op}
	}
	a.embed(reg)
	a.leaveRoom(reg)
	a.maybe(reg)
	return doc
}

// embed adds the fields of types of ours that are embedded without a name of their
// own, which stand in the object like all others.
func (a *API) embed(reg huma.Registry) {
	for _, e := range a.Endpoints {
		for _, t := range []reflect.Type{typeOf(e.In), typeOf(e.Out)} {
			if t != nil && t.Kind() == reflect.Struct {
				embedInto(reg, reg.Map()[schemaName(t)], t)
			}
		}
	}
}

func embedInto(reg huma.Registry, s *huma.Schema, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.Anonymous || f.IsExported() || f.Type.Kind() != reflect.Struct {
			continue
		}
		in := huma.SchemaFromType(reg, f.Type)
		embedInto(reg, in, f.Type)
		for name, p := range in.Properties {
			if s.Properties[name] == nil {
				s.Properties[name] = p
				if slices.Contains(in.Required, name) {
					s.Required = append(s.Required, name)
				}
			}
		}
		slices.Sort(s.Required)
		s.Required = slices.Compact(s.Required)
		s.PrecomputeMessages() // it remembers what is required
	}
}

// maybe makes optional what stands in an embedded pointer: where that is nil, none
// of it is said.
func (a *API) maybe(reg huma.Registry) {
	for _, e := range a.Endpoints {
		t := typeOf(e.Out)
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		s := reg.Map()[schemaName(t)]
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.Anonymous || f.Type.Kind() != reflect.Pointer {
				continue
			}
			for _, in := range reflect.VisibleFields(f.Type.Elem()) {
				name, _, _ := strings.Cut(in.Tag.Get("json"), ",")
				s.Required = slices.DeleteFunc(s.Required, func(r string) bool { return r == name })
			}
		}
		s.PrecomputeMessages() // it remembers what is required
	}
}

// leaveRoom lets answers grow: only what is sent may have no other fields.
func (a *API) leaveRoom(reg huma.Registry) {
	sent := map[string]bool{}
	var walk func(s *huma.Schema)
	walk = func(s *huma.Schema) {
		if s == nil {
			return
		}
		if name := strings.TrimPrefix(s.Ref, "#/components/schemas/"); s.Ref != "" && !sent[name] {
			sent[name] = true
			walk(reg.Map()[name])
		}
		walk(s.Items)
		for _, p := range s.Properties {
			walk(p)
		}
	}
	for _, e := range a.Endpoints {
		if t := typeOf(e.In); t != nil {
			walk(reg.Schema(t, true, ""))
		}
	}
	for name, s := range reg.Map() {
		if !sent[name] {
			s.AdditionalProperties = nil
		}
	}
}

// schemaName is a type's name as it stands in the document: its last words, with
// a capital.
func schemaName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	name := t.Name()
	if pkg := t.PkgPath(); name != "" && !strings.HasSuffix(pkg, "cmd/chartvault") && !strings.HasSuffix(pkg, "/main") && pkg != "main" {
		name = pkg[strings.LastIndexByte(pkg, '/')+1:] + strings.ToUpper(name[:1]) + name[1:]
	}
	if name == "" {
		return "Object"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
