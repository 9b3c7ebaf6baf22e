package main

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much garbage there may be beside what is in use before it is collected. What is in use is little here, a dozen
// megabytes, and to collect less often takes a fifteenth of the cost of a sign-in away.
const gcPercent = 400

// collectLater sets gcPercent, unless the environment says otherwise.
func collectLater() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
