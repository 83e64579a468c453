package query

// parser reads expressions. What binds least is read first: or, and, not.
type parser struct {
	scanner
	static bool
	steps  int // of the patterns so far
}

type test = func(Machine) bool

func (p *parser) either(depth int) (test, error) {
	fits, err := p.both(depth)
	for err == nil && (p.take("||") || p.takeWord("or")) {
		one, other := fits, test(nil)
		other, err = p.both(depth)
		fits = func(m Machine) bool { return one(m) || other(m) }
	}
	return fits, err
}

func (p *parser) both(depth int) (test, error) {
	fits, err := p.not(depth)
	for err == nil && (p.take("&&") || p.takeWord("and")) {
		one, other := fits, test(nil)
		other, err = p.not(depth)
		fits = func(m Machine) bool { return one(m) && other(m) }
	}
	return fits, err
}

func (p *parser) not(depth int) (test, error) {
	if depth > maxDepth {
		return nil, p.wrong("want at most %d parentheses and negations in each other", maxDepth)
	}
	switch {
	case p.take("!") || p.takeWord("not"):
		fits, err := p.not(depth + 1)
		return negated(fits), err
	case p.take("("):
		fits, err := p.either(depth + 1)
		if err == nil && !p.take(")") {
			err = p.wrong("want a closing parenthesis, and, or or")
		}
		return fits, err
	}
	return p.condition()
}

func negated(fits test) test { return func(m Machine) bool { return !fits(m) } }

// condition reads a subject, an operator and what it is compared with.
func (p *parser) condition() (test, error) {
	s, err := p.subject()
	if err != nil {
		return nil, err
	}
	op, err := p.operator(s)
	if err != nil {
		return nil, err
	}
	positive, isOpposite := opposites[op]
	if !isOpposite {
		return p.argument(s, op)
	}
	fits, err := p.argument(s, positive)
	return negated(fits), err
}
