package srp

import (
	"math/big"
	"sync"
)

// Powers of the fixed base g are products of table entries: one multiplication for each windowBits bits
// of the exponent, and no squaring. Six bits make a table of about one megabyte that is built in some
// ten milliseconds, when it is first needed.
const (
	windowBits   = 6
	exponentBits = 256
	windows      = (exponentBits + windowBits - 1) / windowBits
)

// table holds, for window i and digit d, g^(d * 2^(6i)); digit 0 needs no entry.
type table [windows][1<<windowBits - 1]big.Int

var powers = sync.OnceValue(newTable)

func newTable() *table {
	t := new(table)
	var product, quotient, power big.Int
	base := new(big.Int).Set(bigG)
	for i := range t {
		t[i][0].Set(base)
		for d := 1; d < len(t[i]); d++ {
			product.Mul(&t[i][d-1], base)
			quotient.QuoRem(&product, bigN, &power)
			t[i][d].Set(&power) // which takes no more room than it needs
		}
		product.Mul(&t[i][len(t[i])-1], base)
		quotient.QuoRem(&product, bigN, base)
	}
	return t
}

// powG is g^e for an exponent of up to 256 bits.
func powG(e *big.Int) *big.Int {
	if e.BitLen() > exponentBits {
		return new(big.Int).Exp(bigG, e, bigN)
	}
	t := powers()
	out := big.NewInt(1)
	var product, quotient big.Int
	for i := range windows {
		if d := digit(e, i); d > 0 {
			product.Mul(out, &t[i][d-1])
			quotient.QuoRem(&product, bigN, out)
		}
	}
	return out
}

// digit is the i-th digit of e in base 2^windowBits.
func digit(e *big.Int, i int) (d uint) {
	for bit := windowBits - 1; bit >= 0; bit-- {
		d = d<<1 | e.Bit(i*windowBits+bit)
	}
	return d
}
