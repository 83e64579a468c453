package policy

import "strings"

// condition is one key of one operator in a Condition element: all of them have to hold.
//
// Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Conditions with
// multiple context keys or values".
type condition struct {
	operator *operator
	set      setOperator
	ifExists bool
	name     string // the key, as it is spelled
	key      string // in lower case
	operands []operand
}

// setOperator says how the values of a multivalued key are tested.
type setOperator int

const (
	noSet        setOperator = iota
	forAllValues             // every value of the request, also if there are none
	forAnyValue              // at least one
)

type operator struct {
	name    string
	negated bool
	null    bool
	compile func(text string, vars bool) (operand, error)
}

var operators = operatorTable(
	operator{name: "StringEquals", compile: exactText},
	operator{name: "StringNotEquals", compile: exactText, negated: true},
	operator{name: "StringEqualsIgnoreCase", compile: foldedText},
	operator{name: "StringNotEqualsIgnoreCase", compile: foldedText, negated: true},
	operator{name: "StringLike", compile: wildText},
	operator{name: "StringNotLike", compile: wildText, negated: true},
	operator{name: "NumericEquals", compile: numberIn(equals)},
	operator{name: "NumericNotEquals", compile: numberIn(equals), negated: true},
	operator{name: "NumericLessThan", compile: numberIn(lessThan)},
	operator{name: "NumericLessThanEquals", compile: numberIn(atMost)},
	operator{name: "NumericGreaterThan", compile: numberIn(greaterThan)},
	operator{name: "NumericGreaterThanEquals", compile: numberIn(atLeast)},
	operator{name: "DateEquals", compile: dateIn(equals)},
	operator{name: "DateNotEquals", compile: dateIn(equals), negated: true},
	operator{name: "DateLessThan", compile: dateIn(lessThan)},
	operator{name: "DateLessThanEquals", compile: dateIn(atMost)},
	operator{name: "DateGreaterThan", compile: dateIn(greaterThan)},
	operator{name: "DateGreaterThanEquals", compile: dateIn(atLeast)},
	operator{name: "Bool", compile: boolText},
	operator{name: "BinaryEquals", compile: base64Bytes},
	operator{name: "IpAddress", compile: addressRange},
	operator{name: "NotIpAddress", compile: addressRange, negated: true},
	operator{name: "ArnEquals", compile: arnText},
	operator{name: "ArnNotEquals", compile: arnText, negated: true},
	operator{name: "ArnLike", compile: arnText},
	operator{name: "ArnNotLike", compile: arnText, negated: true},
	operator{name: "Null", compile: absenceOf, null: true},
)

func operatorTable(all ...operator) map[string]*operator {
	table := map[string]*operator{}
	for i := range all {
		table[strings.ToLower(all[i].name)] = &all[i]
	}
	return table
}

// parseOperator takes the name of an operator apart, whose case does not matter.
func parseOperator(name string) (c condition, ok bool) {
	lower := strings.ToLower(name)
	if rest, found := strings.CutPrefix(lower, "forallvalues:"); found {
		c.set, lower = forAllValues, rest
	} else if rest, found := strings.CutPrefix(lower, "foranyvalue:"); found {
		c.set, lower = forAnyValue, rest
	}
	lower, c.ifExists = strings.CutSuffix(lower, "ifexists")
	c.operator = operators[lower]
	if c.operator == nil {
		return condition{}, false
	}
	return c, !c.operator.null || c.set == noSet && !c.ifExists
}

// holds reports whether the condition is true for a request. deny is whether its statement
// denies: what cannot be resolved is held against the caller.
func (c *condition) holds(ctx Context, deny bool) bool {
	values := lookup(ctx, c.key)
	switch {
	case c.operator.null:
		return c.holdsAbsent(len(values) == 0)
	case c.set == noSet && len(values) == 0:
		return c.ifExists || c.operator.negated
	case c.set == noSet && c.operator.negated:
		return c.all(ctx, values, deny)
	case c.set == noSet:
		return c.some(ctx, values, deny)
	case empty(values):
		return c.set == forAllValues || len(values) == 0 && c.ifExists
	case c.set == forAllValues:
		return c.all(ctx, values, deny)
	}
	return c.some(ctx, values, deny)
}

// empty reports whether values resolve to nothing, "for example, an empty string".
func empty(values []string) bool {
	for _, value := range values {
		if value != "" {
			return false
		}
	}
	return true
}

func (c *condition) holdsAbsent(absent bool) bool {
	for _, o := range c.operands {
		if o.(*absence).wanted == absent {
			return true
		}
	}
	return false
}

func (c *condition) all(ctx Context, values []string, deny bool) bool {
	for _, value := range values {
		if !c.accepts(ctx, value, deny) {
			return false
		}
	}
	return true
}

func (c *condition) some(ctx Context, values []string, deny bool) bool {
	for _, value := range values {
		if c.accepts(ctx, value, deny) {
			return true
		}
	}
	return false
}

// accepts tests one value of the request: it has to equal one operand or, negated, none.
func (c *condition) accepts(ctx Context, value string, deny bool) bool {
	seen := no
	for _, o := range c.operands {
		switch o.test(ctx, value) {
		case yes:
			return !c.operator.negated
		case unresolved:
			seen = unresolved
		}
	}
	return c.operator.negated && (seen == no || deny)
}
