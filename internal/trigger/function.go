package trigger

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// Function is what the ARN of a function tells.
type Function struct {
	Region, Account, Name string
	Qualifier             string // a version or an alias; empty without one
}

// ParseARN takes an ARN apart: arn:aws:lambda:region:account:function:name, and a qualifier perhaps. Other ARNs, which a pool may
// name just as well, are of no function.
func ParseARN(arn string) (Function, bool) {
	parts := strings.Split(arn, ":")
	if len(parts) < 7 || len(parts) > 8 || parts[0] != "arn" || parts[2] != "lambda" || parts[5] != "function" || parts[6] == "" {
		return Function{}, false
	}
	f := Function{Region: parts[3], Account: parts[4], Name: parts[6]}
	if len(parts) == 8 {
		f.Qualifier = parts[7]
	}
	return f, true
}

// maxThrown is how many bytes of a thrown message, and of its type, are told on: it stands in addresses and in the log.
const maxThrown = 4096

// ReadThrown reads the document that Lambda makes of an error that a function throws: {"errorMessage":"…","errorType":"…"}. Of
// another document, the error is of the given kind, and has no message.
func ReadThrown(document []byte, kind string) *Thrown {
	var d struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		d.Message, d.Type = "", ""
	}
	if d.Type == "" {
		d.Type = kind
	}
	return &Thrown{Type: shorten(d.Type), Message: shorten(d.Message)}
}

// shorten cuts a text to maxThrown bytes, between two characters.
func shorten(text string) string {
	if len(text) <= maxThrown {
		return text
	}
	end := maxThrown
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// TooLong is what Lambda makes of an answer of more than MaxAnswer bytes.
func TooLong() *Thrown {
	const message = "Response payload size exceeded maximum allowed payload size (6291556 bytes)." // of Lambda's, to the letter
	return &Thrown{Type: "Function.ResponseSizeTooLarge", Message: message}
}
