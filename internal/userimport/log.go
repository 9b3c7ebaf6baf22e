package userimport

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"cognate/internal/fault"
	"cognate/internal/store"
)

// The outcomes of lines, as logs name them.
const (
	succeeded = "SUCCEEDED"
	skipped   = "SKIPPED"
	failed    = "FAILED"
)

// logLine words an outcome as Cognito does. It holds nothing of the line itself.
func logLine(outcome string, line int64, text string) string {
	return fmt.Sprintf("[%s] Line Number %d - %s.\n", outcome, line, strings.TrimSuffix(text, "."))
}

// message is the text of what a rule says, on one line. What is no fault has none to show.
func message(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return "An internal error occurred."
	}
	return strings.Join(strings.Fields(f.Message), " ")
}

// packed is a part of a log as it is kept.
func packed(lines []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(lines)
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

// Log writes the log of a job, as far as it goes, to w: a line of text for each line of the file that is done. Nothing is
// written before the link is known to be good; a fault with a code of [Service.Upload] says that it is not.
func (s *Service) Log(ctx context.Context, l Link, w io.Writer) error {
	if err := s.check(logLink, l); err != nil {
		return err
	}
	err := s.db.View(ctx, func(tx *store.Tx) error { _, err := uploadTo(tx, l); return err })
	for after := int64(-1); err == nil; {
		var part store.ImportLog
		err = s.db.Look(ctx, func(tx *store.Tx) (err error) {
			part, err = tx.NextImportLog(l.PoolID, l.JobID, after)
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			err = unpack(w, part.Lines)
		}
		after = part.Seq
	}
	return err
}

func unpack(w io.Writer, lines []byte) error {
	r, err := gzip.NewReader(bytes.NewReader(lines))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}
