package threat

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"

	"cognate/internal/browser"
)

// Origin is where an attempt comes from, as far as whoever makes it tells; all of it may be empty. Nothing of it is
// proven but, for a request that comes straight from the user, the address.
type Origin struct {
	IP      string
	Agent   string // the User-Agent of the user's program
	Encoded string // what Amazon's libraries collect on the device: the EncodedData of a request
}

// place is an origin as events are compared by it.
type place struct {
	address  netip.Addr
	network  string // /24 of IPv4, /48 of IPv6
	device   string // see device
	specific bool   // the device is one, and not all of its make
	own      bool   // it is remembered for the user, and must prove that
	name     string // of the device, for people
	timezone string
}

// The prefix lengths of what counts as one network.
const (
	bits4 = 24
	bits6 = 48
)

// What the identities of devices begin with: remembered ones, those by the id that Amazon's libraries give them, and
// programs, which many people have.
const (
	deviceKey     = "k:"
	deviceID      = "i:"
	deviceProgram = "a:"
)

// maxShown is how many characters of what clients say of themselves are kept.
const maxShown = 100

// locate reads an origin. What is not what it should be is not known.
func locate(o Origin) (p place) {
	if address, err := netip.ParseAddr(strings.TrimSpace(o.IP)); err == nil {
		p.address = address.Unmap().WithZone("")
		bits := bits6
		if p.address.Is4() {
			bits = bits4
		}
		if network, err := p.address.Prefix(bits); err == nil {
			p.network = network.String()
		}
	}
	told := decode(o.Encoded)
	agent := o.Agent
	if told.Agent != "" {
		agent = told.Agent
	}
	p.name, p.timezone = clean(browser.AgentName(agent)), clean(told.Timezone)
	switch name := program(agent); {
	case told.ID != "":
		sum := sha256.Sum256([]byte(told.ID))
		p.device, p.specific = deviceID+hex.EncodeToString(sum[:16]), true
	case name != "":
		p.device = deviceProgram + name
	}
	if told.Name != "" {
		p.name = clean(told.Name)
	}
	return p
}

// on is a place on a remembered device of the user.
func (p place) on(key string) place {
	if key != "" {
		p.device, p.specific, p.own = deviceKey+key, true, true
	}
	return p
}

// program tells programs apart, but not their versions: an update makes no new device.
func program(agent string) string {
	name := browser.AgentName(agent)
	if name == agent {
		name, _, _ = strings.Cut(name, "/")
		name, _, _ = strings.Cut(name, " ")
	}
	return clean(name)
}

// clean makes a text of others fit to be kept and shown.
func clean(text string) string {
	out := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if r := []rune(out); len(r) > maxShown {
		out = string(r[:maxShown])
	}
	return strings.TrimSpace(out)
}

// told is what EncodedData says of a device. It is the client's word: its signature has a key that is no secret.
type told struct {
	Agent    string `json:"UserAgent"`
	ID       string `json:"DeviceId"`
	Name     string `json:"DeviceName"`
	Timezone string `json:"ClientTimezone"`
}

// maxEncoded is how many bytes of EncodedData are looked at.
const maxEncoded = 16 << 10

// decode reads EncodedData: base64 of a JSON object, whose payload is the text of another. One that is something else says
// nothing.
func decode(text string) (t told) {
	if text == "" || len(text) > maxEncoded {
		return t
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return t
	}
	var envelope struct {
		Payload string `json:"payload"`
	}
	if json.Unmarshal(raw, &envelope) != nil {
		return t
	}
	var payload struct {
		Context told `json:"contextData"`
	}
	if json.Unmarshal([]byte(envelope.Payload), &payload) != nil {
		return told{}
	}
	return payload.Context
}
