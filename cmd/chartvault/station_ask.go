package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"chartvault/archive"
	"chartvault/archive/keys"
	"chartvault/record"
)

// A station asks the server what became of its deposits, because it may not
// read what it put. Both sides sign: a false "filed" would make the station let
// go of pages that nobody has.

// question is what a station asks.
type question struct {
	Signer  string      `json:"signer"`
	Nonce   []byte      `json:"nonce"`
	Time    time.Time   `json:"time"`
	Batches []record.ID `json:"batches"`
}

// answer is what the server says.
type answer struct {
	Nonce   []byte               `json:"nonce"`
	Vault   string               `json:"vault"` // the recipient to seal to now
	Batches map[string]depositor `json:"batches"`
}

// depositor says what became of one deposit.
type depositor struct {
	State string `json:"state"`         // below
	Why   string `json:"why,omitempty"` // for people
}

// States of a deposit in an answer.
const (
	depositFiled       = "filed"       // stored, read back, logged and catalogued
	depositDuplicate   = "duplicate"   // its source had been filed before
	depositQuarantined = "quarantined" // people must look
	depositWaiting     = "waiting"     // it is at the door, and not taken over yet
	depositUnknown     = "unknown"     // nothing of that name is at the door
)

// signed is a message with a signature.
type signed struct {
	Body []byte `json:"body"`
	Sig  []byte `json:"sig"`
}

const (
	questionContext = "chartvault station question v1\n"
	answerContext   = "chartvault station answer v1\n"

	// askSkew is how far the clocks of a station and the server may differ.
	askSkew = 15 * time.Minute
	// askMost is how many batches one question may name.
	askMost = 500
)

func sign(by *keys.Station, context string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(signed{body, by.Sign(append([]byte(context), body...))})
}

// ask puts a question to the server and checks its answer.
func (c card) ask(ctx context.Context, client *http.Client, url string, by *keys.Station, now time.Time, batches []record.ID) (answer, error) {
	q := question{Signer: by.ID(), Nonce: make([]byte, 16), Time: now.UTC(), Batches: batches[:min(len(batches), askMost)]}
	rand.Read(q.Nonce) // never fails
	msg, err := sign(by, questionContext, q)
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/station/v1/ask", bytes.NewReader(msg))
	if err != nil {
		return answer{}, fmt.Errorf("ask the server: %w: station.server", record.ErrInvalid)
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("ask the server: %w", err)
	}
	defer resp.Body.Close() // read-only
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return answer{}, fmt.Errorf("ask the server: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return answer{}, fmt.Errorf("ask the server: it says %s: %s", resp.Status, bytes.TrimSpace(b))
	}
	var s signed
	var a answer
	if json.Unmarshal(b, &s) != nil || !c.believes(append([]byte(answerContext), s.Body...), s.Sig) || json.Unmarshal(s.Body, &a) != nil || !bytes.Equal(a.Nonce, q.Nonce) {
		return answer{}, errors.New("ask the server: the answer is not signed by a server of the site card")
	}
	return a, nil
}

// answerStation is the server's side.
func (a *app) answerStation(ctx context.Context, msg []byte) ([]byte, error) {
	var s signed
	var q question
	if json.Unmarshal(msg, &s) != nil || json.Unmarshal(s.Body, &q) != nil || len(q.Batches) > askMost {
		return nil, fmt.Errorf("question: %w", record.ErrInvalid)
	}
	pub, err := a.vault.Signer(ctx, q.Signer, keys.RoleStation)
	if err != nil {
		return nil, fmt.Errorf("question: %w", err)
	}
	if !ed25519.Verify(pub, append([]byte(questionContext), s.Body...), s.Sig) {
		return nil, fmt.Errorf("question: %w: its signature is not the station's", record.ErrDenied)
	}
	if d := a.now().Sub(q.Time).Abs(); d > askSkew {
		return nil, fmt.Errorf("question: %w: the clocks differ by %s", record.ErrDenied, d.Round(time.Second))
	}
	out := answer{Nonce: q.Nonce, Vault: a.vault.Recipient(), Batches: map[string]depositor{}}
	for _, id := range q.Batches {
		if out.Batches[id.String()], err = a.deposited(ctx, id); err != nil {
			return nil, fmt.Errorf("question: %w", err)
		}
	}
	return sign(a.station, answerContext, out)
}

// deposited says what became of a deposit.
func (a *app) deposited(ctx context.Context, id record.ID) (depositor, error) {
	b, err := a.cat.Batch(ctx, id)
	if err == nil && b.State.Done() {
		return depositor{State: depositFiled}, nil
	}
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return depositor{}, err
	}
	m, err := a.arch.FindMark(ctx, id)
	switch {
	case err == nil && m.State == archive.MarkDuplicate:
		return depositor{State: depositDuplicate}, nil
	case err == nil:
		return depositor{depositQuarantined, m.Why}, nil
	case !errors.Is(err, record.ErrNotFound):
		return depositor{}, err
	}
	at, err := a.arch.AtDoor(ctx, id)
	if err != nil || !at {
		return depositor{State: depositUnknown}, err
	}
	return depositor{State: depositWaiting}, nil
}
