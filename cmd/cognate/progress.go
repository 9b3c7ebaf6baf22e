package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress is a line on a terminal that tells how far a command is: how many users, how fast, and of how much.
type progress struct {
	w     io.Writer // nil for nobody to tell
	begin time.Time
	last  time.Time
	width int
}

// progressEvery is how often the line is written anew.
const progressEvery = 200 * time.Millisecond

// newProgress tells the user on the standard error, where that is a terminal.
func newProgress(quiet bool) *progress {
	p := &progress{begin: time.Now()}
	if !quiet && isTerminal(os.Stderr) {
		p.w = os.Stderr
	}
	return p
}

// show tells of n users, which are a part of the whole between 0 and 1; 0 where that is not known.
func (p *progress) show(n int64, part float64) {
	if p.w == nil || time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	p.write(progressLine(n, part, time.Since(p.begin)))
}

func progressLine(n int64, part float64, took time.Duration) string {
	line := fmt.Sprintf("%d users, %.0f/s", n, float64(n)/took.Seconds())
	if part > 0 {
		const width = 30
		done := int(min(part, 1) * width)
		line = fmt.Sprintf("[%s%s] %3.0f%%  %s", strings.Repeat("#", done), strings.Repeat(".", width-done), min(part, 1)*100, line)
	}
	return line
}

// write replaces the line.
func (p *progress) write(line string) {
	fmt.Fprintf(p.w, "\r%-*s", p.width, line)
	p.width = len(line)
}

// clear takes the line away, for what follows it.
func (p *progress) clear() {
	if p.w != nil && p.width > 0 {
		p.write("")
		fmt.Fprint(p.w, "\r")
	}
}
