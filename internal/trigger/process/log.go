package process

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"time"
)

// Bounds of what a process has in the log: bytes of a line, and lines of a second.
const (
	maxLine  = 8 << 10
	maxLines = 500
)

// logLines logs what a process writes, line by line, until it ends: the beginning of a long line, and not all of very many.
func (f *function) logLines(output io.Reader) {
	lines := bufio.NewReaderSize(output, maxLine)
	var second time.Time
	logged, left := 0, 0
	for {
		line, err := lines.ReadSlice('\n')
		if text := strings.TrimRight(string(line), "\r\n"); text != "" {
			if now := time.Now(); now.Sub(second) >= time.Second {
				f.logLeft(left)
				second, logged, left = now, 0, 0
			}
			if logged < maxLines {
				f.logger.Info("a function writes", "line", text)
				logged++
			} else {
				left++
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if err != nil {
			f.logLeft(left)
			return
		}
	}
}

func (f *function) logLeft(lines int) {
	if lines > 0 {
		f.logger.Warn("a function writes too much: some lines are left out", "lines", lines)
	}
}
