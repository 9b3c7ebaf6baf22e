package api

import (
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Time is a timestamp of the wire: a JSON number of seconds since the epoch with a fraction of
// milliseconds. The zero Time stands for an absent member.
type Time struct{ time.Time }

// At makes a wire timestamp of t; the zero time stays absent.
func At(t time.Time) Time { return Time{t} }

// ParseTime reads the JSON number text as seconds since the epoch. It reports false for a number that
// no timestamp can have: not finite, or outside the years 0 to 9999.
func ParseTime(text string) (Time, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || f < -62167219200 || f > 253402300799 {
		return Time{}, false
	}
	return Time{time.UnixMilli(int64(math.Round(f * 1000))).UTC()}, true
}

// MarshalJSONTo writes t as seconds with three decimals at most, never in exponent form.
func (t Time) MarshalJSONTo(enc *jsontext.Encoder) error {
	text := strconv.AppendFloat(nil, float64(t.UnixMilli())/1000, 'f', -1, 64)
	return enc.WriteValue(text)
}

// UnmarshalJSONFrom reads what MarshalJSONTo writes, and any other JSON number that [ParseTime] takes.
func (t *Time) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	parsed, ok := ParseTime(string(v))
	if !ok {
		return &Error{Code: "SerializationException", Message: "not a timestamp: " + string(v)}
	}
	*t = parsed
	return nil
}
