package triggertest

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"cognate/internal/trigger"
)

// Order is the event that the suite calls a function with: it tells the function what to do.
type Order struct {
	Do Deed `json:"do"`
	// Text is what is answered, or the message of what is thrown.
	Text string `json:"text,omitempty"`
	// Type is that of what is thrown.
	Type string `json:"type,omitempty"`
	// Size is how many bytes are answered.
	Size int `json:"size,omitempty"`
	// Wait is how long the answer takes.
	Wait time.Duration `json:"wait,omitempty"`
	// Secret is what no error may show.
	Secret string `json:"secret,omitempty"`
}

// Deed is what a function can do.
type Deed string

// The deeds. A function answers to all but the last four, which it has to do itself.
const (
	Echo   Deed = "echo"   // answers the event, byte for byte
	Answer Deed = "answer" // answers Text, whatever it is
	Fill   Deed = "fill"   // answers Size bytes of JSON

	Throw Deed = "throw" // throws an error of Type and Text
	Foul  Deed = "foul"  // throws Text in place of the document of an error
	Crash Deed = "crash" // dies before it answers
	Hang  Deed = "hang"  // never answers
)

// ReadOrder reads the order of an event. An event that has none is to be echoed.
func ReadOrder(event []byte) Order {
	var o Order
	if err := json.Unmarshal(event, &o); err != nil || o.Do == "" {
		return Order{Do: Echo}
	}
	return o
}

// Answer waits as ordered, and returns what is to be answered.
func (o Order) Answer(event []byte) []byte {
	time.Sleep(o.Wait)
	switch o.Do {
	case Answer:
		return []byte(o.Text)
	case Fill:
		return []byte(`"` + strings.Repeat("x", o.Size-2) + `"`)
	default:
		return bytes.Clone(event)
	}
}

// Thrown is the error that is to be thrown.
func (o Order) Thrown() trigger.Thrown { return trigger.Thrown{Type: o.Type, Message: o.Text} }
