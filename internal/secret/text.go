package secret

import (
	"fmt"
	"io"
	"log/slog"
)

const hidden = "[secret]"

// Text is a string that must not be shown: a password, a code, a token, a
// client secret. fmt (every verb but %p) and slog print "[secret]" in its place;
// string(t) is the way to its content. It encodes to JSON as itself, for
// secrets do cross the wire.
//
// What Go does not let it prevent: fmt prints in clear a Text in an unexported
// field of a struct and one given to %p (go vet reports that), and slog's JSON
// handler one inside a struct that is logged whole. A type that holds one
// implements String and LogValue itself.
type Text string

// String returns "[secret]".
func (t Text) String() string { return hidden }

// GoString returns "[secret]".
func (t Text) GoString() string { return hidden }

// LogValue returns "[secret]".
func (t Text) LogValue() slog.Value { return slog.StringValue(hidden) }

// Format writes "[secret]" for every verb that fmt asks it about, those
// included that fmt would otherwise answer with the content in a complaint.
func (t Text) Format(s fmt.State, _ rune) { writeHidden(s) }

func writeHidden(w io.Writer) { io.WriteString(w, hidden) }
