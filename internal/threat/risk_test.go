package threat

import (
	"fmt"
	"testing"
	"time"

	"cognate/internal/store"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// was is an event some minutes ago.
func was(minutes int, response, network, device string) store.AuthEvent {
	return store.AuthEvent{
		Kind: store.AuthEventSignIn, Response: response, Network: network, Device: device, Created: noon.Add(-time.Duration(minutes) * time.Minute),
	}
}

// said is an event with feedback, some minutes ago.
func said(minutes int, value string, e store.AuthEvent) store.AuthEvent {
	e.Feedback, e.FeedbackAt = value, noon.Add(-time.Duration(minutes)*time.Minute)
	return e
}

// many are n events like e.
func many(n int, e store.AuthEvent) (out []store.AuthEvent) {
	for range n {
		out = append(out, e)
	}
	return out
}

// TestJudgeRemembered knows a device that the user has had remembered, from its first sign-in on, unless it was called invalid.
func TestJudgeRemembered(t *testing.T) {
	past := []store.AuthEvent{was(3000, "Pass", "10.0.0.0/24", "a:Firefox")}
	here := place{network: "10.0.0.0/24", device: "a:curl"}
	if got := judge(past, here, noon); got != "Low" {
		t.Errorf("elsewhere: %q", got)
	}
	here = here.on("key")
	if got := judge(past, here, noon); got != "" {
		t.Errorf("on it: %q", got)
	}
	past = append(past, said(1, "Invalid", was(9, "Pass", "10.9.9.0/24", here.device)))
	if got := judge(past, here, noon); got != "High" {
		t.Errorf("called invalid: %q", got)
	}
}

func TestJudge(t *testing.T) {
	home := was(3000, "Pass", "10.0.0.0/24", "a:Firefox")
	failure := was(5, "Fail", "10.9.9.0/24", "a:curl")
	refused := failure
	refused.Decision = "Block"
	everywhere := func(n int) (out []store.AuthEvent) {
		for i := range n {
			out = append(out, was(10, "Pass", fmt.Sprintf("10.1.%d.0/24", i), "a:Firefox"))
		}
		return out
	}
	for name, c := range map[string]struct {
		past                  []store.AuthEvent
		network, device, want string
		specific              bool
	}{
		"the first":                     {nil, "10.0.0.0/24", "a:Firefox", "", false},
		"as ever":                       {[]store.AuthEvent{home}, "10.0.0.0/24", "a:Firefox", "", false},
		"a new network":                 {[]store.AuthEvent{home}, "10.2.0.0/24", "a:Firefox", "Low", false},
		"a new device":                  {[]store.AuthEvent{home}, "10.0.0.0/24", "a:curl", "Low", false},
		"both":                          {[]store.AuthEvent{home}, "10.2.0.0/24", "a:curl", "Medium", false},
		"nothing known of the place":    {[]store.AuthEvent{home}, "", "", "", false},
		"a network, no device":          {[]store.AuthEvent{home}, "10.2.0.0/24", "", "Low", false},
		"nothing known of the past":     {[]store.AuthEvent{was(3000, "Pass", "", "")}, "10.2.0.0/24", "a:curl", "", false},
		"where somebody failed":         {[]store.AuthEvent{home, was(3000, "Fail", "10.2.0.0/24", "a:curl")}, "10.2.0.0/24", "a:curl", "Medium", false},
		"where a sign-up was":           {[]store.AuthEvent{home, {Kind: "SignUp", Response: "Pass", Network: "10.2.0.0/24"}}, "10.2.0.0/24", "a:Firefox", "Low", false},
		"failures elsewhere":            {append(many(9, failure), home), "10.0.0.0/24", "a:Firefox", "", false},
		"failures, and a new network":   {append(many(3, failure), home), "10.2.0.0/24", "a:Firefox", "Medium", false},
		"failures, and all new":         {append(many(3, failure), home), "10.2.0.0/24", "a:curl", "High", false},
		"few failures, and all new":     {append(many(2, failure), home), "10.2.0.0/24", "a:curl", "Medium", false},
		"old failures, and all new":     {append(many(9, was(61, "Fail", "", "")), home), "10.2.0.0/24", "a:curl", "Medium", false},
		"refusals, and all new":         {append(many(9, refused), home), "10.2.0.0/24", "a:curl", "Medium", false},
		"failures before the first":     {many(3, failure), "10.0.0.0/24", "a:Firefox", "Low", false},
		"many sign-ins":                 {many(20, was(10, "Pass", "10.0.0.0/24", "a:Firefox")), "10.0.0.0/24", "a:Firefox", "Low", false},
		"some sign-ins":                 {many(19, was(10, "Pass", "10.0.0.0/24", "a:Firefox")), "10.0.0.0/24", "a:Firefox", "", false},
		"many sign-ins long ago":        {many(40, was(60, "Pass", "10.0.0.0/24", "a:Firefox")), "10.0.0.0/24", "a:Firefox", "", false},
		"many networks":                 {everywhere(4), "10.1.0.0/24", "a:Firefox", "Low", false},
		"some networks":                 {everywhere(3), "10.1.0.0/24", "a:Firefox", "", false},
		"everything":                    {append(append(everywhere(4), many(3, failure)...), home), "10.2.0.0/24", "a:curl", "High", false},
		"valid elsewhere":               {[]store.AuthEvent{home, said(9, "Valid", failure)}, "10.9.9.0/24", "a:curl", "", false},
		"invalid at home":               {[]store.AuthEvent{said(9, "Invalid", home)}, "10.0.0.0/24", "a:curl", "High", false},
		"invalid, and valid since":      {[]store.AuthEvent{said(9, "Invalid", home), said(8, "Valid", home)}, "10.0.0.0/24", "a:Firefox", "", false},
		"valid, and invalid since":      {[]store.AuthEvent{said(8, "Invalid", home), said(9, "Valid", home)}, "10.0.0.0/24", "a:Firefox", "High", false},
		"invalid, by a usual program":   {[]store.AuthEvent{home, said(9, "Invalid", was(9, "Pass", "10.9.9.0/24", "a:Firefox"))}, "10.0.0.0/24", "a:Firefox", "", false},
		"invalid, on this very device":  {[]store.AuthEvent{home, said(9, "Invalid", was(9, "Pass", "10.9.9.0/24", "i:1"))}, "10.0.0.0/24", "i:1", "High", true},
		"invalid, and passed otherwise": {[]store.AuthEvent{said(9, "Invalid", failure), was(3, "Pass", "10.9.9.0/24", "a:curl")}, "10.9.9.0/24", "a:curl", "High", false},
	} {
		for range 2 { // in whichever order they are read
			if got := judge(c.past, place{network: c.network, device: c.device, specific: c.specific}, noon); got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
			for i, j := 0, len(c.past)-1; i < j; i, j = i+1, j-1 {
				c.past[i], c.past[j] = c.past[j], c.past[i]
			}
		}
	}
}
