package userimport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/secret"
	"cognate/internal/store"
)

// The codes of what is wrong with the use of a link.
const (
	CodeAccessDenied = "AccessDenied"        // forged or over
	CodeConflict     = "ObjectAlreadyExists" // the job has its file, or is past needing one
	CodeTooLarge     = "EntityTooLarge"
	CodeEmpty        = "EmptyFile"
	CodeIncomplete   = "IncompleteBody" // the client went away
	CodeBusy         = "SlowDown"
	CodeNotFound     = "NoSuchKey"
)

const (
	// MaxFile is how long a file may be, in bytes, as Cognito's.
	MaxFile = 100 << 20
	// chunkSize is how much of a file is kept in one row. It is part of the stored format.
	chunkSize = 256 << 10
	maxChunks = MaxFile/chunkSize + 1
	// maxUploads is how many files one process takes at the same time.
	maxUploads = 4
)

var (
	errHasFile = fault.New(CodeConflict, "The job has its file already.")
	errTooLong = fault.Newf(CodeTooLarge, "The file is longer than %d bytes.", MaxFile)
)

// canUpload is an error unless a job waits for a file.
func canUpload(j store.ImportJob) error {
	switch {
	case j.Upload != "" || j.Status != idp.UserImportJobStatusTypeCreated:
		return errHasFile
	case time.Since(j.Created) >= uploadWithin:
		return fault.New(CodeAccessDenied, "The link has expired.")
	}
	return nil
}

// Upload takes the file of a job: one, once, all of it or nothing. size is what the client says that its length is, or -1.
// An upload that fails may be tried again. Errors are faults with the codes above, or failures of the store.
func (s *Service) Upload(ctx context.Context, l Link, body io.Reader, size int64) error {
	if err := s.check(uploadLink, l); err != nil {
		return err
	}
	if size > MaxFile {
		return errTooLong
	}
	select {
	case s.uploads <- struct{}{}:
		defer func() { <-s.uploads }()
	default:
		return fault.New(CodeBusy, "Too many files are being uploaded.")
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		j, err := uploadTo(tx, l)
		if err != nil {
			return err
		}
		return canUpload(j)
	})
	if err != nil {
		return err
	}
	upload := secret.RandomAlnum(25)
	length, err := s.keep(ctx, l.PoolID, upload, body)
	if err == nil {
		err = s.assign(ctx, l, upload, length)
	}
	if err != nil {
		// What is left of it, if this fails too, is swept.
		err = errors.Join(err, s.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
			return tx.DeleteImportChunks(l.PoolID, upload, 0, maxChunks)
		}))
	}
	return err
}

func uploadTo(tx *store.Tx, l Link) (store.ImportJob, error) {
	j, err := tx.GetImportJob(l.PoolID, l.JobID)
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(CodeNotFound, "The job does not exist.")
	}
	return j, err
}

// keep writes a file in chunks and returns its length.
func (s *Service) keep(ctx context.Context, poolID, upload string, body io.Reader) (length int64, err error) {
	created := now()
	buf := make([]byte, chunkSize)
	for seq := int64(0); ; seq++ {
		n, err := io.ReadFull(body, buf)
		length += int64(n)
		switch {
		case length > MaxFile:
			return 0, errTooLong
		case err == io.EOF && length == 0:
			return 0, fault.New(CodeEmpty, "The file is empty.")
		case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
			return 0, fault.Because(err, CodeIncomplete, "The file did not come to its end.")
		}
		if n > 0 {
			sealed := s.keys.Seal(buf[:n], chunkAAD(upload, seq))
			c := store.ImportChunk{PoolID: poolID, Upload: upload, Seq: seq, Sealed: sealed, Created: created}
			if err := s.db.Update(ctx, func(tx *store.Tx) error { return tx.CreateImportChunk(c) }); err != nil {
				return 0, err
			}
		}
		if err != nil {
			return length, nil
		}
	}
}

func chunkAAD(upload string, seq int64) string { return fmt.Sprintf("import-chunk/%s/%d", upload, seq) }

// assign gives a job the file that has come. Of two, the first to be there in full stays.
func (s *Service) assign(ctx context.Context, l Link, upload string, length int64) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		j, err := uploadTo(tx, l)
		if err != nil {
			return err
		}
		if j.Upload != "" || j.Status != idp.UserImportJobStatusTypeCreated {
			return errHasFile
		}
		j.Upload, j.Size, j.Position, j.Line = upload, length, 0, 1
		return tx.UpdateImportJob(j)
	})
}

// file reads an upload from a place in it on.
type file struct {
	ctx  context.Context
	s    *Service
	job  store.ImportJob
	at   int64
	rest []byte
}

// errDamaged says that a file cannot be read, now or later.
var errDamaged = errors.New("userimport: the uploaded file is damaged")

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if f.at >= f.job.Size {
			return 0, io.EOF
		}
		if err := f.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	f.at += int64(n)
	return n, nil
}

// fetch reads the rest of the chunk that at is in.
func (f *file) fetch() error {
	seq := f.at / chunkSize
	var sealed []byte
	err := f.s.db.Look(f.ctx, func(tx *store.Tx) (err error) {
		sealed, err = tx.GetImportChunk(f.job.PoolID, f.job.Upload, seq)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: part %d is missing", errDamaged, seq)
	}
	if err != nil {
		return err
	}
	chunk, err := f.s.keys.Open(sealed, chunkAAD(f.job.Upload, seq))
	if want := min(chunkSize, f.job.Size-seq*chunkSize); err != nil || int64(len(chunk)) != want {
		return fmt.Errorf("%w: part %d: %w", errDamaged, seq, err)
	}
	f.rest = chunk[f.at-seq*chunkSize:]
	return nil
}
