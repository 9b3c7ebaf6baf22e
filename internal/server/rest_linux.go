package server

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// unmapText has the kernel forget which pages of the program are in this process's memory, of which more than half are of
// its start alone. They stay in the page cache while there is room, so that what is needed again comes back in microseconds.
// Only code is forgotten: nothing ever writes to it, where other parts of a program can have been relocated.
func unmapText() {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		start, end, ok := textRange(line, program)
		if ok {
			// A refusal costs memory, and nothing else.
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, start, end-start, syscall.MADV_DONTNEED)
		}
	}
}

// textRange is the range of a line of proc_pid_maps(5) if it is of code of the program.
func textRange(line, program string) (start, end uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 6 || fields[1] != "r-xp" || fields[5] != program {
		return 0, 0, false
	}
	from, to, _ := strings.Cut(fields[0], "-")
	first, err1 := strconv.ParseUint(from, 16, strconv.IntSize)
	last, err2 := strconv.ParseUint(to, 16, strconv.IntSize)
	return uintptr(first), uintptr(last), err1 == nil && err2 == nil && first < last
}
