package userimport

import (
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// TestUploads are uploads that do not end well: nothing of them is left, and the job can have another.
func TestUploads(t *testing.T) {
	onEngines(t, func(o *office) {
		j := o.create()
		o.wantFault(o.upload(j, strings.NewReader("")), CodeEmpty, "The file is empty.")
		broken := io.MultiReader(strings.NewReader(strings.Repeat("x", 2*chunkSize)), iotest.ErrReader(io.ErrClosedPipe))
		o.wantFault(o.upload(j, broken), CodeIncomplete, "The file did not come to its end.")
		const long = "The file is longer than 104857600 bytes."
		o.wantFault(o.imports.Upload(o.Context(), o.linkOf(j.PreSignedUrl), strings.NewReader("x"), 10<<30), CodeTooLarge, long)
		if o.kept() != 0 {
			o.Errorf("%d chunks are left", o.kept())
		}
		_, err := o.imports.Start(o.Context(), o.pool, j.JobId)
		o.wantFault(err, "PreconditionNotMetException", "The user import job cannot be started: no CSV file has been uploaded.")
		o.must(o.upload(j, strings.NewReader(o.file(5000)))) // of more than one chunk
		if o.kept() < 2 {
			o.Errorf("%d chunks", o.kept())
		}
		chunks := o.kept()
		o.wantFault(o.upload(j, strings.NewReader("x")), CodeConflict, "The job has its file already.")
		if o.describe(j.JobId).PreSignedUrl != "" || o.kept() != chunks {
			o.Errorf("a second upload: %d chunks", o.kept())
		}
	})
}

// TestEndlessUpload sends more than a file may have without telling so before.
func TestEndlessUpload(t *testing.T) {
	o := newOffice(t)
	j := o.create()
	o.wantFault(o.upload(j, endless{}), CodeTooLarge, "The file is longer than 104857600 bytes.")
	if o.kept() != 0 {
		t.Errorf("%d chunks are left", o.kept())
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestUploadsAtOnce lets one of several uploads win, all of it.
func TestUploadsAtOnce(t *testing.T) {
	onEngines(t, func(o *office) {
		j := o.create()
		var all sync.WaitGroup
		won := make(chan int, maxUploads)
		for i := range maxUploads {
			all.Go(func() {
				err := o.upload(j, strings.NewReader(o.file(i+1)))
				if err == nil {
					won <- i + 1
				} else {
					o.wantFault(err, CodeConflict, "The job has its file already.")
				}
			})
		}
		all.Wait()
		if len(won) != 1 || o.kept() != 1 {
			o.Fatalf("%d have won, %d chunks", len(won), o.kept())
		}
		_, err := o.imports.Start(o.Context(), o.pool, j.JobId)
		o.must(err)
		o.runAll()
		o.wantJob(j.JobId, "Succeeded", int64(<-won), 0, 0)
	})
}

// TestBusy refuses uploads beyond those that one process takes at once.
func TestBusy(t *testing.T) {
	o := newOffice(t)
	for range maxUploads {
		o.imports.uploads <- struct{}{}
	}
	o.wantFault(o.upload(o.create(), strings.NewReader("x")), CodeBusy, "Too many files are being uploaded.")
}

// TestForgedLinks are links that we have not made for what they are used for.
func TestForgedLinks(t *testing.T) {
	o := newOffice(t)
	j, other := o.create(), o.create()
	good := o.linkOf(j.PreSignedUrl)
	const forged, over = "The signature of the link is not valid.", "The link has expired."
	for what, change := range map[string]func(*Link){
		"another job":      func(l *Link) { l.JobID = other.JobId },
		"another pool":     func(l *Link) { l.PoolID = "us-east-1_other" },
		"later":            func(l *Link) { l.Expires += "0" },
		"a sign":           func(l *Link) { l.Expires = "+" + l.Expires },
		"no signature":     func(l *Link) { l.Signature = "" },
		"half a signature": func(l *Link) { l.Signature = l.Signature[:10] },
		"a log's":          func(l *Link) { l.Signature = o.imports.sign(logLink, *l) },
	} {
		l := good
		change(&l)
		t.Run(what, func(t *testing.T) {
			o.wantFault(o.imports.Upload(t.Context(), l, strings.NewReader("x"), 1), CodeAccessDenied, forged)
		})
	}
	o.wantFault(o.imports.Log(t.Context(), good, io.Discard), CodeAccessDenied, forged)
	old := o.linkOf(o.imports.link(uploadLink, o.pool.ID, j.JobId, time.Now()))
	o.wantFault(o.imports.Upload(t.Context(), old, strings.NewReader("x"), 1), CodeAccessDenied, over)
	none := o.linkOf(o.imports.link(uploadLink, o.pool.ID, "import-none", time.Now().Add(time.Hour)))
	o.wantFault(o.imports.Upload(t.Context(), none, strings.NewReader("x"), 1), CodeNotFound, "The job does not exist.")
	o.wantFault(o.imports.Log(t.Context(), o.linkOf(o.imports.link(logLink, o.pool.ID, "import-none", time.Now().Add(time.Hour))), io.Discard),
		CodeNotFound, "The job does not exist.")
	if o.kept() != 0 {
		t.Errorf("%d chunks are left", o.kept())
	}
}
