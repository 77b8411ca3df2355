package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"chartvault/record"
	"chartvault/web"
)

// request is what an operation is called with, here or over the API.
type request struct {
	Actor  record.Actor `json:"actor"`
	Params any          `json:"params"`
}

// asked is a request as an operation reads it.
type asked struct {
	Actor  record.Actor    `json:"actor"`
	Params json.RawMessage `json:"params"`
}

// params decodes an operation's parameters; unknown ones are errors.
func (r asked) params(v any) error {
	d := json.NewDecoder(bytes.NewReader(r.Params))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("parameters: %w: %w", record.ErrInvalid, err)
	}
	return nil
}

// op is one operation on an open archive.
type op func(a *app, ctx context.Context, r asked, out func(any) error) error

// operations is everything the command line and the API can do.
func operations() map[string]op {
	return map[string]op{
		"batches":          (*app).opBatches,
		"ingest":           (*app).opIngest,
		"get":              (*app).opGet,
		"rest":             (*app).opRest,
		"search":           (*app).opSearch,
		"status":           (*app).opStatus,
		"verify":           (*app).opVerify,
		"rebuild":          (*app).opRebuild,
		"qa-list":          (*app).opQAList,
		"qa-assign":        (*app).opQAAssign,
		"facts-import":     (*app).opFacts,
		"hold-place":       (*app).opHoldPlace,
		"hold-release":     (*app).opHoldRelease,
		"hold-list":        (*app).opHoldList,
		"retention-why":    (*app).opWhy,
		"retention-due":    (*app).opDue,
		"approver-add":     (*app).opApproverAdd,
		"plan-make":        (*app).opPlanMake,
		"plan-list":        (*app).opPlanList,
		"plan-show":        (*app).opPlanShow,
		"plan-approve":     (*app).opPlanApprove,
		"plan-cancel":      (*app).opPlanCancel,
		"plan-execute":     (*app).opPlanExecute,
		"certificate-list": (*app).opCertificates,
	}
}

// perform runs an operation in this process.
func (a *app) perform(ctx context.Context, name string, r request, f func(json.RawMessage) error) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return a.webOp(operations()[name])(ctx, b, func(v any) error {
		line, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return f(line)
	})
}

// webOp makes an operation one of the API.
func (a *app) webOp(o op) web.Op {
	return func(ctx context.Context, in json.RawMessage, out func(any) error) error {
		var r asked
		if err := json.Unmarshal(in, &r); err != nil {
			return fmt.Errorf("request: %w: %w", record.ErrInvalid, err)
		}
		if r.Params == nil {
			r.Params = json.RawMessage("{}")
		}
		return o(a, ctx, r, out)
	}
}
