package query

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
	"time"
)

// subject is what of a machine is looked at.
type subject struct {
	name      string
	operators []string
	is        func(text string) (test, error)
	some      func(m Machine, fits func(string) bool) bool // whether one of its values does
	order     func(text string) (func(Machine) (int, bool), error)
}

var (
	named  = []string{equal, unequal, in, notIn, like, unlike}
	counts = []string{equal, unequal, more, moreOrEqual, less, lessOrEqual}
	every  = []string{equal, unequal, more, moreOrEqual, less, lessOrEqual, exists, missing, in, notIn, like, unlike}
)

// subjects are those without a name of their own.
var subjects = map[string]subject{
	"agentConnected":    flag("agentConnected", Machine.Connected),
	"agentVersion":      {name: "agentVersion", operators: counts, is: sameOrder(versions), order: versions},
	"ec2InstanceId":     texts("ec2InstanceId", named, func(m Machine) (string, bool) { return m.InstanceID(), true }),
	"registeredAt":      {name: "registeredAt", operators: counts, is: sameOrder(times), order: times},
	"runningTasksCount": {name: "runningTasksCount", operators: counts, is: sameOrder(numbers), order: numbers},
	"task:group":        groups,
}

const wantSubject = "want attribute:NAME, tag:KEY, agentConnected, agentVersion, ec2InstanceId, registeredAt, runningTasksCount or task:group"

// subject reads what is to be looked at.
func (p *parser) subject() (subject, error) {
	p.rest()
	mark := p.at
	for prefix, value := range map[string]func(Machine, string) (string, bool){"attribute:": Machine.Attribute, "tag:": Machine.Tag} {
		if p.take(prefix) {
			name, err := p.subjectName()
			return texts(prefix+name, every, func(m Machine) (string, bool) { return value(m, name) }), err
		}
	}
	name := p.upTo("=!<>~()[],&|\"'")
	s, known := subjects[name]
	if !known {
		p.at = mark
		return subject{}, p.wrong(wantSubject)
	}
	if name == "task:group" || name == "runningTasksCount" {
		p.static = false
	}
	return s, nil
}

// subjectName reads the name of an attribute or a tag; one with signs or spaces in it stands in quotes.
func (p *parser) subjectName() (string, error) {
	if p.at < len(p.text) && (p.text[p.at] == '"' || p.text[p.at] == '\'') {
		return p.quoted()
	}
	if p.at == len(p.text) || isSpace(p.text[p.at]) {
		return "", p.wrong("want a name right after the colon")
	}
	name := p.upTo("=!<>~()[],&|\"'")
	if name == "" {
		return "", p.wrong("want a name right after the colon")
	}
	return name, nil
}

// texts is a subject with one value, or none.
func texts(name string, operators []string, value func(Machine) (string, bool)) subject {
	return subject{
		name:      name,
		operators: operators,
		is: func(text string) (test, error) {
			return func(m Machine) bool { v, there := value(m); return there && v == text }, nil
		},
		some: func(m Machine, fits func(string) bool) bool { v, there := value(m); return there && fits(v) },
		order: func(text string) (func(Machine) (int, bool), error) {
			return func(m Machine) (int, bool) { v, there := value(m); return compareTexts(v, text), there }, nil
		},
	}
}

// compareTexts compares two numbers by their amount, and all else by letters.
func compareTexts(a, b string) int {
	if x, isNumber := number(a); isNumber {
		if y, isNumber := number(b); isNumber {
			return cmp.Compare(x, y)
		}
	}
	return strings.Compare(a, b)
}

func number(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "+-.0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// flag is a subject that is "true" or "false".
func flag(name string, value func(Machine) bool) subject {
	s := texts(name, named, func(m Machine) (string, bool) { return strconv.FormatBool(value(m)), true })
	compare := s.is
	s.is = func(text string) (test, error) {
		if text != "true" && text != "false" {
			return nil, errors.New("want true or false")
		}
		return compare(text)
	}
	return s
}

// groups are the groups of the tasks on a machine: what is asked of them is true if it is of one.
var groups = subject{
	name:      "task:group",
	operators: named,
	is:        func(text string) (test, error) { return func(m Machine) bool { return m.HasGroup(text) }, nil },
	some: func(m Machine, fits func(string) bool) bool {
		for name := range m.Groups() {
			if fits(name) {
				return true
			}
		}
		return false
	},
}

// sameOrder is true where an order finds no difference.
func sameOrder(order func(string) (func(Machine) (int, bool), error)) func(string) (test, error) {
	return func(text string) (test, error) {
		compare, err := order(text)
		return func(m Machine) bool { c, known := compare(m); return known && c == 0 }, err
	}
}

func numbers(text string) (func(Machine) (int, bool), error) {
	want, err := strconv.Atoi(text)
	if err != nil {
		return nil, errors.New("want a number")
	}
	return func(m Machine) (int, bool) { return cmp.Compare(m.RunningTasks(), want), true }, nil
}

var layouts = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"}

// times are compared by the second; where nothing is said they are of UTC.
func times(text string) (func(Machine) (int, bool), error) {
	for _, layout := range layouts {
		if want, err := time.Parse(layout, text); err == nil {
			return func(m Machine) (int, bool) { return m.Registered().Truncate(time.Second).Compare(want), true }, nil
		}
	}
	return nil, errors.New("want a time, such as 2018-06-18T22:28:28+00:00 or 2018-06-18")
}
