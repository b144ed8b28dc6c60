package cost

import "math/big"

// Money is an exact amount of US dollars: a rational number, as months have
// hours and prices are by the million. The zero value is nothing. It is never
// changed.
type Money struct{ exact *big.Rat }

// usd reads an amount as price lists write it, such as "0.0000133334".
func usd(s string) Money {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("no amount: " + s) // only constants come here
	}
	return Money{r}
}

func (m Money) rat() *big.Rat {
	if m.exact == nil {
		return new(big.Rat)
	}
	return m.exact
}

// Plus returns m + n.
func (m Money) Plus(n Money) Money { return Money{new(big.Rat).Add(m.rat(), n.rat())} }

// Times returns m × q.
func (m Money) Times(q *big.Rat) Money { return Money{new(big.Rat).Mul(m.rat(), q)} }

// Cmp compares exactly: -1 if m is less than n, 0 if they are equal, 1 if m is more.
func (m Money) Cmp(n Money) int { return m.rat().Cmp(n.rat()) }

// String rounds to the cent, half up, with commas between thousands: "1,234.50".
func (m Money) String() string {
	text := m.rat().FloatString(2)
	return grouped(text[:len(text)-3]) + text[len(text)-3:]
}

// grouped puts commas between the thousands of a whole number of digits.
func grouped(digits string) string {
	if len(digits) <= 3 {
		return digits
	}
	return grouped(digits[:len(digits)-3]) + "," + digits[len(digits)-3:]
}

// number writes a quantity: whole, if it is more than 100 or has no fraction,
// else with at most three decimals.
func number(q *big.Rat) string {
	const many = 100
	if q.IsInt() || q.Cmp(big.NewRat(many, 1)) > 0 {
		return grouped(q.FloatString(0))
	}
	if q.Sign() > 0 && q.Cmp(big.NewRat(1, 2000)) < 0 {
		return "<0.001"
	}
	text := q.FloatString(3)
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	if text[len(text)-1] == '.' {
		text = text[:len(text)-1]
	}
	return text
}
