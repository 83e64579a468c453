package query

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// machine is a Machine made of what the tests say.
type machine struct {
	attributes, tags map[string]string
	away             bool
	version, id      string
	registered       time.Time
	running          int
	groups           []string
}

func (m machine) Attribute(name string) (string, bool) { v, ok := m.attributes[name]; return v, ok }
func (m machine) Tag(key string) (string, bool)        { v, ok := m.tags[key]; return v, ok }
func (m machine) Connected() bool                      { return !m.away }
func (m machine) AgentVersion() string                 { return m.version }
func (m machine) InstanceID() string                   { return m.id }
func (m machine) Registered() time.Time                { return m.registered }
func (m machine) RunningTasks() int                    { return m.running }
func (m machine) HasGroup(name string) bool            { return slices.Contains(m.groups, name) }
func (m machine) Groups() iter.Seq[string]             { return slices.Values(m.groups) }

var edge = machine{
	attributes: map[string]string{"ecs.instance-type": "t2.small", "ecs.availability-zone": "us-east-1a", "stack": "prod", "cores": "12", "empty": "", "path": "a/b", "note": "and more"},
	tags:       map[string]string{"rack": "r7", "cost center": "a=b"},
	version:    "1.20.3", id: "i-12345", running: 3,
	registered: time.Date(2018, 6, 18, 22, 28, 28, 500, time.UTC),
	groups:     []string{"service:production", "family:web"},
}

// The examples of the Developer Guide, and what is beside them.
func TestQueries(t *testing.T) {
	for _, c := range []struct {
		query string
		fits  bool
	}{
		{"attribute:stack == prod", true}, {"attribute:stack equals prod", true}, {"attribute:stack==prod", true},
		{"attribute:stack == test", false}, {"attribute:gone == prod", false}, {"attribute:empty == ''", true},
		{"attribute:stack != test", true}, {"attribute:stack not_equals prod", false}, {"attribute:gone != prod", true},
		{"attribute:stack exists", true}, {"attribute:empty exists", true}, {"attribute:gone exists", false},
		{"attribute:gone !exists", true}, {"attribute:gone not_exists", true}, {"attribute:stack !exists", false},
		{"attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", true}, {"attribute:stack in[test,'prod']", true},
		{"attribute:ecs.availability-zone not_in [us-east-1c,us-east-1d]", true}, {"attribute:stack !in [prod]", false}, {"attribute:gone !in [prod]", true},
		{"attribute:ecs.instance-type =~ t2.*", true}, {"attribute:ecs.instance-type matches t2", false}, {"attribute:ecs.instance-type !~ g2.*", true},
		{"attribute:ecs.instance-type =~ (t2|g2)\\.(small|large)", true}, {"(attribute:stack =~ prod)", true}, {`attribute:note =~ "and m.*"`, true},
		{"attribute:ecs.instance-type =~ t2.*||attribute:gone exists", true}, {"attribute:ecs.instance-type not_matches t2.*", false},
		{`attribute:note == "and more"`, true}, {`attribute:note == 'and more'`, true}, {`attribute:note == "say \"x\""`, false},
		{"attribute:path == a/b", true}, {"attribute:gone =~ .*", false},

		{"attribute:cores > 9", true}, {"attribute:cores gt 9", true}, {"attribute:cores >= 12", true}, {"attribute:cores < 9", false},
		{"attribute:cores <= 12.0", true}, {"attribute:cores lt 100", true}, {"attribute:cores gte 12.5", false}, {"attribute:cores lte x", true},
		{"attribute:stack > a", true}, {"attribute:stack less_than q", true}, {"attribute:gone < 9", false}, {"attribute:gone >= 0", false},

		{"tag:rack == r7", true}, {"tag:rack in [r1, r2]", false}, {`tag:"cost center" == "a=b"`, true}, {"tag:rack =~ r[0-9]", true}, {"tag:gone exists", false},

		{"agentConnected == true", true}, {"agentConnected != false", true}, {"agentConnected in [false]", false}, {"agentConnected =~ t.*", true},
		{"agentVersion == 1.20.3", true}, {"agentVersion > 1.9", true}, {"agentVersion >= 1.20.3", true}, {"agentVersion < 1.20.3-rc1", false},
		{"agentVersion greater_than_equal 1.21", false}, {"agentVersion <= 1.20", false}, {"agentVersion less_than_equal v2", true}, {"agentVersion != 1.20.3.0", false},
		{"ec2InstanceId == i-12345", true}, {"ec2InstanceId in ['i-1','i-12345']", true}, {"ec2InstanceId =~ i-1.*", true}, {"ec2InstanceId !~ i.*", false},
		{"registeredAt == 2018-06-18T22:28:28Z", true}, {"registeredAt > 2018-06-18", true}, {"registeredAt < 2018-06-18T22:28:29", true},
		{"registeredAt >= 2018-06-18T23:28:28+01:00", true}, {"registeredAt <= 2018-06-17", false}, {"registeredAt != '2018-06-18'", true},
		{"runningTasksCount == 3", true}, {"runningTasksCount > 2", true}, {"runningTasksCount <= 2", false}, {"runningTasksCount greater_than 3", false},
		{"task:group == service:production", true}, {"task:group != service:production", false}, {"task:group == family:db", false},
		{"task:group in [family:db, family:web]", true}, {"task:group =~ service:.*", true}, {"task:group !~ batch.*", true}, {"not(task:group == database)", true},

		{"attribute:ecs.instance-type =~ t2.* and attribute:ecs.availability-zone != us-east-1d", true},
		{"attribute:stack == prod && attribute:stack == test || agentConnected == true", true},
		{"attribute:stack == prod && (attribute:stack == test || agentConnected == false)", false},
		{"agentConnected == true or agentConnected == true and attribute:stack == test", true},
		{"not attribute:stack == prod and agentConnected == false", false}, {"!(attribute:stack == prod and agentConnected == false)", true},
		{"not not agentConnected == true", true}, {"! attribute:stack exists", false}, {"((agentConnected==true))&&!(attribute:gone exists)", true},
		{"\tattribute:stack\n==\r\nprod ", true},
	} {
		q, err := Parse(c.query)
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		if q.Fits(edge) != c.fits {
			t.Errorf("%s is %v, want %v", c.query, !c.fits, c.fits)
		}
	}
}

// An agent that tells no version, or one that is none, is neither before nor after any.
func TestVersionsThatAreNone(t *testing.T) {
	for _, version := range []string{"", "dev", "1.x", "1..2", "1.-2"} {
		for query, want := range map[string]bool{"agentVersion < 9": false, "agentVersion >= 0": false, "agentVersion == 1": false, "agentVersion != 1": true} {
			q, err := Parse(query)
			if err != nil || q.Fits(machine{version: version}) != want {
				t.Errorf("%s of version %q is %v, %v", query, version, !want, err)
			}
		}
	}
}

func TestVersionsInOrder(t *testing.T) {
	order := []string{"0.9", "1.0.0-alpha", "1.0.0-rc1", "1.0.0", "1.0.1", "1.2", "1.10", "2"}
	for i, a := range order {
		for j, b := range order {
			q, err := Parse("agentVersion < " + b)
			if err != nil || q.Fits(machine{version: a}) != (i < j) {
				t.Errorf("%s < %s is %v, %v", a, b, i >= j, err)
			}
		}
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	for query, want := range map[string]string{
		"":                                   "at column 1: want attribute:NAME",
		"  ":                                 "at column 3: want attribute:NAME",
		"stack == prod":                      `at column 1: want attribute:NAME, tag:KEY, agentConnected, agentVersion, ec2InstanceId, registeredAt, runningTasksCount or task:group; found "stack == prod"`,
		"attribute: == prod":                 `at column 12: want a name right after the colon; found "== prod"`,
		"attribute:stack":                    "at column 16: want an operator that attribute:stack takes: == != > >= < <= exists !exists in !in =~ !~; found the end",
		"attribute:stack is prod":            "at column 17: want an operator that attribute:stack takes",
		"attribute:stack == ":                "at column 20: want a value; found the end",
		"attribute:größe == ü ü":             `at column 22: want and, or, or the end; found "ü"`,
		"attribute:a === b":                  `at column 15: want a value; found "= b"`,
		"attribute:a == b and":               "at column 21: want attribute:NAME",
		"attribute:a == b attribute:c":       "at column 18: want and, or, or the end",
		"(attribute:a == b":                  "at column 18: want a closing parenthesis, and, or or; found the end",
		"attribute:a == b)":                  `at column 17: want and, or, or the end; found ")"`,
		"attribute:a in us-east-1a":          "at column 16: want a list, such as [a, b]",
		"attribute:a in []":                  "at column 17: want a value",
		"attribute:a in [b c]":               "at column 19: want a comma or a closing bracket",
		"attribute:a in [b":                  "at column 18: want a comma or a closing bracket",
		`attribute:a == "b`:                  `at column 16: want a closing "`,
		"attribute:a =~ [a-":                 "at column 16: error parsing regexp: missing closing ]",
		"attribute:a =~ (?=b)":               "at column 16: error parsing regexp: invalid or unsupported Perl syntax",
		"attribute:a =~ a)":                  `at column 17: want and, or, or the end; found ")"`,
		"attribute:a =~ ":                    "at column 16: want a pattern",
		"task:group > a":                     "at column 12: want an operator that task:group takes: == != in !in =~ !~",
		"runningTasksCount == many":          "at column 22: want a number",
		"runningTasksCount in [1]":           "at column 19: want an operator",
		"registeredAt > yesterday":           "at column 16: want a time, such as 2018-06-18T22:28:28+00:00 or 2018-06-18",
		"agentVersion > new":                 "at column 16: want a version, such as 1.20.0",
		"agentConnected == yes":              "at column 19: want true or false",
		"agentVersion exists":                "at column 14: want an operator",
		strings.Repeat("a", 2001):            "it has 2001 bytes, more than 2000",
		strings.Repeat("(", 200):             "want at most 32 parentheses",
		strings.Repeat("not ", 200):          "want at most 32 parentheses",
		"tag:a =~ ((a{20}){20}){2}":          "want patterns of 500 steps in all",
		"tag:a =~ a{150} or tag:a =~ b{150}": "at column 29: want patterns of 500 steps in all",
		"tag:a =~ a{1001}":                   "at column 10: error parsing regexp: invalid repeat count",
	} {
		_, err := Parse(query)
		if !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", query, err, want)
		}
	}
}

// What depends on the tasks of a machine may not be remembered of it.
func TestWhatIsStatic(t *testing.T) {
	for query, static := range map[string]bool{
		"attribute:a == b and agentVersion > 1": true, "task:group == a": false,
		"attribute:a == b or not runningTasksCount > 1": false, "tag:a exists": true,
	} {
		if q, err := Parse(query); err != nil || q.Static() != static {
			t.Errorf("%s: static %v, %v", query, !static, err)
		}
	}
}

// Whatever is sent is refused by its place, or answers; and its opposite answers the opposite.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"attribute:ecs.instance-type =~ t2.* and attribute:ecs.availability-zone in [us-east-1a, us-east-1b]",
		"not(task:group == database) || runningTasksCount <= 2", `tag:"cost center" != 'x' && agentConnected == true`,
		"registeredAt > 2018-06-18T22:28:28+00:00 or agentVersion >= 1.2.3-rc1",
	} {
		f.Add(seed)
	}
	machines := []machine{edge, {}, {away: true, attributes: maps.Clone(edge.attributes), version: "2.0.0-rc1"}}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), "at column ") && len(text) <= maxLength {
				t.Fatalf("%q is refused without a place: %v", text, err)
			}
			return
		}
		opposite, err := Parse("not (" + text + ")")
		if err != nil {
			return // just too long or too deep
		}
		for _, m := range machines {
			if q.Fits(m) == opposite.Fits(m) {
				t.Fatalf("%q and its opposite both answer %v", text, q.Fits(m))
			}
		}
	})
}

func BenchmarkFits(b *testing.B) {
	q, err := Parse("attribute:ecs.instance-type =~ t2.* and attribute:ecs.availability-zone in [us-east-1a, us-east-1b]")
	if err != nil {
		b.Fatal(err)
	}
	var m Machine = edge
	for b.Loop() {
		q.Fits(m)
	}
}
