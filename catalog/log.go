package catalog

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Log is the one order in which the servers on one catalogue write the audit
// log. It keeps lines and does not know what they say; every server has a copy,
// and the documents store has another.
type Log struct{ db *DB }

// Log returns the log of a catalogue that several servers share.
func (c *DB) Log() Log { return Log{c} }

// linesAtOnce bounds one statement.
const linesAtOnce = 200

// Add appends what lines makes of the number the first of them gets, all or
// none. When it returns nil they are durable. An error may leave open whether
// they were added.
func (l Log) Add(ctx context.Context, lines func(first int64) ([][]byte, error)) (first int64, err error) {
	err = l.db.tx(ctx, func(tx *sql.Tx) error {
		// One at a time: numbers have no gaps.
		if _, err := tx.ExecContext(ctx, l.db.dialect.LogTurn); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq) + 1, 0) FROM log`).Scan(&first); err != nil {
			return err
		}
		all, err := lines(first)
		if err != nil {
			return err
		}
		for at := 0; at < len(all); at += linesAtOnce {
			if err := l.put(ctx, tx, first+int64(at), all[at:min(at+linesAtOnce, len(all))]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return first, fmt.Errorf("log of the servers: %w", err)
	}
	return first, nil
}

func (l Log) put(ctx context.Context, tx *sql.Tx, first int64, lines [][]byte) error {
	marks, args := make([]string, len(lines)), []any{l.db.Self()}
	for i, line := range lines {
		marks[i] = fmt.Sprintf("($1, $%d, $%d)", 2*i+2, 2*i+3)
		args = append(args, first+int64(i), line)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO log (server, seq, line) VALUES `+strings.Join(marks, ", "), args...)
	return err
}

// Lines returns lines from a number on, at most limit of them.
func (l Log) Lines(ctx context.Context, from int64, limit int) ([][]byte, error) {
	rows, err := l.db.sql.QueryContext(ctx, `SELECT line FROM log WHERE seq >= $1 AND seq < $2 ORDER BY seq`, from, from+int64(limit))
	if err != nil {
		return nil, fmt.Errorf("log of the servers: %w", err)
	}
	defer rows.Close()
	var out [][]byte
	for rows.Next() {
		var line []byte
		if err := rows.Scan(&line); err != nil {
			return nil, fmt.Errorf("log of the servers: %w", err)
		}
		out = append(out, bytes.Clone(line))
	}
	return out, rows.Err()
}

// Size returns how many lines there are.
func (l Log) Size(ctx context.Context) (n int64, err error) {
	if err := l.db.sql.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq) + 1, 0) FROM log`).Scan(&n); err != nil {
		return 0, fmt.Errorf("log of the servers: %w", err)
	}
	return n, nil
}

// Lost is closed when this server may add nothing any more.
func (l Log) Lost() <-chan struct{} { return l.db.Lost() }

// Of returns the numbers of the lines that a server wrote, from one on, in
// order.
func (l Log) Of(ctx context.Context, server string, from int64) ([]int64, error) {
	rows, err := l.db.sql.QueryContext(ctx, `SELECT seq FROM log WHERE server = $1 AND seq >= $2 ORDER BY seq`, server, from)
	if err != nil {
		return nil, fmt.Errorf("log of the servers: %w", err)
	}
	defer rows.Close()
	var out []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, fmt.Errorf("log of the servers: %w", err)
		}
		out = append(out, n)
	}
	return out, rows.Err()
}
