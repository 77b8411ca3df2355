package main

import (
	"context"
	"time"

	"chartvault/catalog"
	"chartvault/web/api"
)

// kindAnswer is the register of what idempotency keys of programs were answered, by
// their hashes; all its entries are stateKnown. It is a cache, of which the log has
// nothing: a rebuild forgets it.
const kindAnswer = "answer"

// answers implements api.Answers on the catalogue.
type answers struct{ *app }

// Answer implements api.Answers.
func (s answers) Answer(ctx context.Context, name string) (ans api.Answer, err error) {
	e, err := s.cat.Entry(ctx, kindAnswer, name)
	if err != nil {
		return ans, err
	}
	return ans, into(e, &ans)
}

// PutAnswer implements api.Answers.
func (s answers) PutAnswer(ctx context.Context, name string, ans api.Answer) error {
	return s.cat.PutEntry(ctx, catalog.Entry{Kind: kindAnswer, ID: name, State: stateKnown, At: ans.At.UTC(), Body: mustJSON(ans)})
}

// DropAnswer implements api.Answers.
func (s answers) DropAnswer(ctx context.Context, name string) error {
	return s.cat.DropEntry(ctx, kindAnswer, name)
}

// ClearAnswers implements api.Answers.
func (s answers) ClearAnswers(ctx context.Context, before time.Time) (int, error) {
	if err := s.cat.DropEntries(ctx, kindAnswer, before); err != nil {
		return 0, err
	}
	return s.cat.CountEntries(ctx, kindAnswer)
}
