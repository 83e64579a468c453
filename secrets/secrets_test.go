package secrets_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway/seal"
	"slipway/seal/sealtest"
	"slipway/secrets"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	account = "123456789012"
	other   = "210987654321"
	region  = "us-east-1"
	hidden  = "hunter2, which nobody is to see"
)

// world is a room, and its database.
type world struct {
	*secrets.Control
	t  *testing.T
	db *store.DB
}

func each(t *testing.T, test func(w *world)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		room, err := secrets.New(t.Context(), db, sealtest.Keys(t, db), region, secrets.CheckPolicies(func(text string) error {
			if text == "bad" {
				return errors.New("it is bad")
			}
			return nil
		}))
		must(t, err)
		test(&world{room, t, db})
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put makes a parameter or a version of one.
func (w *world) put(name, value string, change ...func(*secrets.NewParameter)) (int64, error) {
	n := secrets.NewParameter{Account: account, Name: name, Value: value, Type: secrets.TypeString, Overwrite: true, By: "arn:aws:iam::" + account + ":root"}
	for _, c := range change {
		c(&n)
	}
	version, _, err := w.PutParameter(w.t.Context(), n)
	return version, err
}

func (w *world) mustPut(name, value string, change ...func(*secrets.NewParameter)) {
	w.t.Helper()
	_, err := w.put(name, value, change...)
	must(w.t, err)
}

// read is a parameter's value as text names it, or what is wrong.
func (w *world) read(text string) string {
	p, err := w.Parameter(w.t.Context(), w.ParameterRef(account, text), true)
	if err != nil {
		return err.Error()
	}
	return p.Value
}

// create makes a secret of text.
func (w *world) create(name, value, version string) secrets.Secret {
	w.t.Helper()
	s, _, err := w.CreateSecret(w.t.Context(), secrets.NewSecret{Account: account, Name: name, Value: secrets.Value{Bytes: []byte(value)}, Version: version})
	must(w.t, err)
	return s
}

// value is a secret's as text names it, or what is wrong.
func (w *world) value(text, version, stage string) string {
	_, v, err := w.ReadValue(w.t.Context(), w.SecretRef(account, text), version, stage)
	if err != nil {
		return err.Error()
	}
	return string(v.Value.Bytes)
}

// dump is all that the room's tables hold.
func (w *world) dump() (all []byte) {
	w.t.Helper()
	must(w.t, w.db.View(w.t.Context(), func(tx *store.Tx) error {
		for _, table := range []string{"secrets_parameters", "secrets_parameter_versions", "secrets_secrets", "secrets_versions"} {
			err := tx.Each(`select * from `+table, nil, func(rows *sql.Rows) error {
				columns, err := rows.Columns()
				cells := make([]any, len(columns))
				for i := range cells {
					cells[i] = new(any)
				}
				err = errors.Join(err, rows.Scan(cells...))
				for _, cell := range cells {
					all = fmt.Appendf(all, "%s|", *cell.(*any))
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	return all
}

// No value lies in the database as it is, whatever its type, and none is told by printing.
func TestValuesAreSealed(t *testing.T) {
	each(t, func(w *world) {
		for _, kind := range []string{secrets.TypeString, secrets.TypeList, secrets.TypeSecure} {
			w.mustPut("/db/"+kind, hidden, func(n *secrets.NewParameter) { n.Type = kind })
		}
		s := w.create("db", hidden, "")
		if dump := w.dump(); bytes.Contains(dump, []byte("hunter2")) || !bytes.Contains(dump, []byte("/db/String")) {
			t.Errorf("the tables hold %s", dump)
		}
		p, err := w.Parameter(t.Context(), w.ParameterRef(account, "/db/SecureString"), true)
		must(t, err)
		_, v, err := w.ReadValue(t.Context(), w.SecretRef(account, s.ARN), "", "")
		must(t, err)
		if p.Value != hidden || string(v.Value.Bytes) != hidden {
			t.Errorf("read %q and %q", p.Value, v.Value.Bytes)
		}
		n := secrets.NewParameter{Name: "/db", Value: hidden}
		for _, printed := range []any{p, &p, v, v.Value, n, secrets.NewSecret{Name: "db", Value: v.Value}} {
			if text := fmt.Sprintf("%v %+v %#v %s", printed, printed, printed, printed); strings.Contains(text, "hunter2") {
				t.Errorf("%T is printed as %s", printed, text)
			}
		}
	})
}

func TestASecureStringThatIsNotDecryptedTellsNothing(t *testing.T) {
	each(t, func(w *world) {
		w.mustPut("/db", hidden, func(n *secrets.NewParameter) { n.Type = secrets.TypeSecure })
		w.mustPut("/plain", "seen")
		for name, want := range map[string]string{"/db": "", "/plain": "seen"} {
			p, err := w.Parameter(t.Context(), w.ParameterRef(account, name), false)
			must(t, err)
			if strings.Contains(p.Value, "hunter2") || p.Value == "" || want != "" && p.Value != want {
				t.Errorf("%s reads %q", name, p.Value)
			}
		}
	})
}

func TestParametersAreNamedInManyWays(t *testing.T) {
	each(t, func(w *world) {
		w.mustPut("/app/db", "one")
		w.mustPut("/app/db", "two")
		w.mustPut("flat", "three")
		w.mustPut("/rooted", "four")
		_, _, err := w.Label(t.Context(), w.ParameterRef(account, "/app/db"), 1, []string{"prod"})
		must(t, err)
		arn := "arn:aws:ssm:us-east-1:" + account + ":parameter/"
		for text, want := range map[string]string{
			"/app/db": "two", "/app/db:1": "one", "/app/db:2": "two", "/app/db:prod": "one", "flat": "three",
			arn + "app/db": "two", arn + "app/db:1": "one", arn + "app/db:prod": "one", arn + "flat": "three", arn + "rooted": "four",
			"/none":         "Parameter /none not found.",
			"/app/db:3":     "Systems Manager could not find version 3 of /app/db. Verify the version and try again.",
			"/app/db:beta":  "Systems Manager could not find label beta of /app/db. Verify the label and try again.",
			arn + "app/db:": "two",
			"arn:aws:ssm:eu-west-1:" + account + ":parameter/app/db": "",
			"arn:aws:ssm:us-east-1:" + other + ":parameter/app/db":   "",
			"arn:aws:sqs:us-east-1:" + account + ":parameter/app/db": "",
			"arn:aws:ssm:us-east-1:" + account + ":document/app/db":  "",
			arn: "",
		} {
			if want == "" {
				want = "Parameter " + text + " not found."
			}
			if got := w.read(text); got != want {
				t.Errorf("%s reads %q, want %q", text, got, want)
			}
		}
	})
}

func TestNamesOfParameters(t *testing.T) {
	each(t, func(w *world) {
		for name, want := range map[string]error{
			"a": nil, "/a": nil, "/a/b.c/d-e_f": nil, "/" + strings.Repeat("x", 950): nil, strings.Repeat("/l", 15): nil,
			"a/b": secrets.ErrParameter, "/a//b": secrets.ErrParameter, "/a/": secrets.ErrParameter, "/": secrets.ErrParameter, "": secrets.ErrParameter,
			"/a b": secrets.ErrParameter, "/a:1": secrets.ErrParameter, "/ä": secrets.ErrParameter,
			"aws-x": secrets.ErrParameter, "/ssm/x": secrets.ErrParameter, "SSMx": secrets.ErrParameter, "/AWS/x": secrets.ErrReserved,
			strings.Repeat("/l", 16): secrets.ErrLevels, "/" + strings.Repeat("x", 1000): secrets.ErrParameter,
		} {
			if _, err := w.put(name, "v"); !errors.Is(err, want) {
				t.Errorf("%.40q: %v, want %v", name, err, want)
			}
		}
	})
}

func TestWhatParametersMayBe(t *testing.T) {
	each(t, func(w *world) {
		type change = func(*secrets.NewParameter)
		with := func(c ...change) []change { return c }
		once := change(func(n *secrets.NewParameter) { n.Overwrite = false })
		tier := func(tier string) change { return func(n *secrets.NewParameter) { n.Tier = tier } }
		matching := func(pattern string) change { return func(n *secrets.NewParameter) { n.Pattern = pattern } }
		tagged := change(func(n *secrets.NewParameter) { n.Tags = map[string]string{"a": "b"} })
		untyped := change(func(n *secrets.NewParameter) { n.Type = "" })
		for _, step := range []struct {
			name, value string
			change      []change
			want        error
		}{
			{"/new", "1", with(untyped), secrets.ErrParameter},
			{"/new", "1", with(once, tagged), nil},
			{"/new", "2", with(once), secrets.ErrParameterExists},
			{"/new", "2", with(untyped), nil},
			{"/new", "3", with(tagged), secrets.ErrParameter},
			{"/new", "", nil, secrets.ErrParameter},
			{"/long", strings.Repeat("x", 4096), nil, nil},
			{"/long", strings.Repeat("x", 4097), nil, secrets.ErrParameter},
			{"/long", strings.Repeat("x", 4097), with(tier(secrets.TierChosen)), nil},
			{"/long", "short", nil, nil}, // and advanced it stays
			{"/long", "short", with(tier(secrets.TierStandard)), secrets.ErrParameter},
			{"/long", strings.Repeat("x", 8192), with(tier(secrets.TierAdvanced)), nil},
			{"/long", strings.Repeat("x", 8193), with(tier(secrets.TierAdvanced)), secrets.ErrParameter},
			{"/digits", "12", with(matching(`^\d+$`)), nil},
			{"/digits", "x", with(matching(`^\d+$`)), secrets.ErrMismatch},
			{"/digits", "x", with(matching(`(`)), secrets.ErrPattern},
		} {
			_, err := w.put(step.name, step.value, step.change...)
			if !errors.Is(err, step.want) {
				t.Errorf("%s %.20q: %v, want %v", step.name, step.value, err, step.want)
			}
			if err != nil && step.value != "" && strings.Contains(err.Error(), "x"+step.value) {
				t.Errorf("%s: the error tells the value: %v", step.name, err)
			}
		}
	})
}

// A hundred versions are kept; an old one with a label is in the way until the label moves.
func TestVersionsOfParameters(t *testing.T) {
	each(t, func(w *world) {
		ctx, ref := t.Context(), w.ParameterRef(account, "/db")
		w.mustPut("/db", "1")
		_, _, err := w.Label(ctx, ref, 0, []string{"first"})
		must(t, err)
		for i := range 99 {
			w.mustPut("/db", fmt.Sprint(i+2))
		}
		if _, err := w.put("/db", "101"); !errors.Is(err, secrets.ErrLabelled) || !strings.Contains(err.Error(), "Version 1, the oldest version") {
			t.Errorf("with a label: %v", err)
		}
		_, _, err = w.Label(ctx, ref, 100, []string{"first"})
		must(t, err)
		w.mustPut("/db", "101")
		versions, err := w.History(ctx, ref, true, 0, 1000)
		must(t, err)
		if len(versions) != 100 || versions[0].Value != "2" || versions[99].Value != "101" || !slices.Equal(versions[98].Labels, []string{"first"}) {
			t.Errorf("%d versions, from %s to %s, the last but one %v", len(versions), versions[0].Value, versions[99].Value, versions[98].Labels)
		}
		page, err := w.History(ctx, ref, true, 50, 3)
		must(t, err)
		if len(page) != 3 || page[0].Version != 51 {
			t.Errorf("after 50: %v", page)
		}
		must(t, w.DeleteParameter(ctx, ref))
		if err := w.DeleteParameter(ctx, ref); !errors.Is(err, secrets.ErrNoParameter) {
			t.Errorf("deleted twice: %v", err)
		}
		if version, err := w.put("/db", "anew"); err != nil || version != 1 || bytes.Contains(w.dump(), []byte("first")) {
			t.Errorf("made anew: version %d, %v", version, err)
		}
	})
}

func TestLabels(t *testing.T) {
	each(t, func(w *world) {
		ctx, ref := t.Context(), w.ParameterRef(account, "/db")
		w.mustPut("/db", "1")
		w.mustPut("/db", "2")
		at, invalid, err := w.Label(ctx, ref, 0, []string{"prod", "a.b-c_d", "1st", "aws-x", "ssmx", "no way"})
		must(t, err)
		if at != 2 || fmt.Sprint(invalid) != "[1st aws-x ssmx no way]" {
			t.Errorf("version %d, invalid %v", at, invalid)
		}
		if _, _, err := w.Label(ctx, ref, 7, []string{"x"}); !errors.Is(err, secrets.ErrNoVersion) {
			t.Errorf("of version 7: %v", err)
		}
		many := strings.Fields("a b c d e f g h i")
		if _, _, err := w.Label(ctx, ref, 2, many); !errors.Is(err, secrets.ErrTooManyLabels) {
			t.Errorf("eleven labels: %v", err)
		}
		_, _, err = w.Label(ctx, ref, 1, []string{"prod"})
		must(t, err)
		removed, missing, err := w.Unlabel(ctx, ref, 1, []string{"prod", "a.b-c_d"})
		must(t, err)
		if fmt.Sprint(removed, missing) != "[prod] [a.b-c_d]" {
			t.Errorf("removed %v, missing %v", removed, missing)
		}
		if _, _, err := w.Unlabel(ctx, ref, 9, []string{"prod"}); !errors.Is(err, secrets.ErrNoVersion) {
			t.Errorf("of version 9: %v", err)
		}
	})
}

func TestListingParameters(t *testing.T) {
	each(t, func(w *world) {
		ctx := t.Context()
		for _, name := range []string{"/app/db", "/app/db/user", "/app/web", "/apple", "/App/x", "plain"} {
			w.mustPut(name, name)
		}
		w.mustPut("/app/key", hidden, func(n *secrets.NewParameter) { n.Type = secrets.TypeSecure })
		must(t, w.TagParameter(ctx, w.ParameterRef(account, "/app/web"), map[string]string{"team": "sea"}, nil))
		_, _, err := w.Label(ctx, w.ParameterRef(account, "/app/db"), 1, []string{"prod"})
		must(t, err)
		w.mustPut("/app/db", "newer")
		names := func(found []secrets.Parameter, next string, err error) string {
			t.Helper()
			must(t, err)
			var all []string
			for _, p := range found {
				all = append(all, p.Name)
			}
			if next != "" {
				all = append(all, "...")
			}
			return strings.Join(all, " ")
		}
		filter := func(key, option string, values ...string) []secrets.ParameterFilter {
			return []secrets.ParameterFilter{{Key: key, Option: option, Values: values}}
		}
		for _, step := range []struct {
			filters []secrets.ParameterFilter
			want    string
		}{
			{nil, "/App/x /app/db /app/db/user /app/key /app/web /apple plain"},
			{filter("Name", "", "/app/db", "plain"), "/app/db plain"},
			{filter("Name", "BeginsWith", "/app/"), "/app/db /app/db/user /app/key /app/web"},
			{filter("Name", "Contains", "pp"), "/App/x /app/db /app/db/user /app/key /app/web /apple"},
			{filter("Path", "", "/app"), "/app/db /app/key /app/web"},
			{filter("Path", "Recursive", "/app/"), "/app/db /app/db/user /app/key /app/web"},
			{filter("Type", "", "SecureString"), "/app/key"},
			{filter("KeyId", "", "alias/aws/ssm"), "/app/key"},
			{filter("Tier", "", "Advanced"), ""},
			{filter("DataType", "", "text"), "/App/x /app/db /app/db/user /app/key /app/web /apple plain"},
			{filter("tag:team", ""), "/app/web"},
			{filter("tag:team", "", "land"), ""},
			{append(filter("Path", "", "/app"), filter("Type", "", "String")...), "/app/db /app/web"},
		} {
			if got := names(w.ListParameters(ctx, account, step.filters, "", 100)); got != step.want {
				t.Errorf("%v: %s, want %s", step.filters, got, step.want)
			}
		}
		if got := names(w.ListParameters(ctx, account, nil, "/app/db", 2)); got != "/app/db/user /app/key ..." {
			t.Errorf("a page: %s", got)
		}
		if got := names(w.ListParameters(ctx, other, nil, "", 2)); got != "" {
			t.Errorf("another account's: %s", got)
		}
		for path, want := range map[string]string{"/app": "/app/db /app/key /app/web", "/app/": "/app/db /app/key /app/web", "/": "/apple", "/none": ""} {
			if got := names(w.ParametersByPath(ctx, account, path, false, true, nil, "", 100)); got != want {
				t.Errorf("by path %s: %s, want %s", path, got, want)
			}
		}
		if got := names(w.ParametersByPath(ctx, account, "/app", true, true, nil, "/app/db", 1)); got != "/app/db/user ..." {
			t.Errorf("a page by path: %s", got)
		}
		found, _, err := w.ParametersByPath(ctx, account, "/", true, true, filter("Label", "", "prod"), "", 10)
		if err != nil || len(found) != 1 || found[0].Value != "/app/db" || found[0].Version != 1 {
			t.Errorf("by label: %v, %v", found, err)
		}
	})
}

func TestFiltersThatAreNone(t *testing.T) {
	each(t, func(w *world) {
		for _, step := range []struct {
			filter secrets.ParameterFilter
			path   bool
			want   error
		}{
			{secrets.ParameterFilter{Key: "Label", Values: []string{"a"}}, false, secrets.ErrFilterKey},
			{secrets.ParameterFilter{Key: "Name", Values: []string{"a"}}, true, secrets.ErrFilterKey},
			{secrets.ParameterFilter{Key: "Type", Option: "Recursive", Values: []string{"a"}}, false, secrets.ErrFilterOption},
			{secrets.ParameterFilter{Key: "Type"}, true, secrets.ErrFilterValue},
		} {
			_, _, err := w.ListParameters(t.Context(), account, []secrets.ParameterFilter{step.filter}, "", 1)
			if step.path {
				_, _, err = w.ParametersByPath(t.Context(), account, "/", true, false, []secrets.ParameterFilter{step.filter}, "", 1)
			}
			if !errors.Is(err, step.want) {
				t.Errorf("%v: %v, want %v", step.filter, err, step.want)
			}
		}
	})
}

func TestTags(t *testing.T) {
	each(t, func(w *world) {
		ctx, ref := t.Context(), w.ParameterRef(account, "/db")
		w.mustPut("/db", "1")
		w.create("db", "1", "")
		secret := w.SecretRef(account, "db")
		many := map[string]string{}
		for i := range 51 {
			many[fmt.Sprint(i)] = ""
		}
		for _, step := range []struct {
			add    map[string]string
			remove []string
			p, s   error
			want   string
		}{
			{map[string]string{"a": "1", "b": "2"}, nil, nil, nil, "map[a:1 b:2]"},
			{map[string]string{"a": "3"}, []string{"b", "c"}, nil, nil, "map[a:3]"},
			{many, nil, secrets.ErrTooManyTags, secrets.ErrInput, "map[a:3]"},
			{map[string]string{"AWS:x": "1"}, nil, secrets.ErrInput, secrets.ErrInput, "map[a:3]"},
		} {
			if err := w.TagParameter(ctx, ref, step.add, step.remove); !errors.Is(err, step.p) {
				t.Errorf("parameter: %v, want %v", err, step.p)
			}
			if err := w.TagSecret(ctx, secret, step.add, step.remove); !errors.Is(err, step.s) {
				t.Errorf("secret: %v, want %v", err, step.s)
			}
			tags, err := w.ParameterTags(ctx, ref)
			must(t, err)
			s, err := w.Secret(ctx, secret)
			must(t, err)
			if fmt.Sprint(tags) != step.want || fmt.Sprint(s.Tags) != step.want {
				t.Errorf("tags %v and %v, want %s", tags, s.Tags, step.want)
			}
		}
		tags, err := w.DecidingParameterTags(ctx, w.ParameterRef(account, "/none"))
		if err != nil || len(tags) != 0 {
			t.Errorf("of what is not there: %v, %v", tags, err)
		}
	})
}

func TestForgettingAnAccount(t *testing.T) {
	each(t, func(w *world) {
		ctx := t.Context()
		w.mustPut("/mine", "1")
		w.mustPut("/theirs", "2", func(n *secrets.NewParameter) { n.Account = other })
		w.create("mine", "1", "")
		must(t, w.ForgetAccount(ctx, account))
		if text := string(w.dump()); strings.Contains(text, "mine") || !strings.Contains(text, "theirs") {
			t.Errorf("left is %s", text)
		}
	})
}

// Values are sealed anew when the keys are replaced, and are what they were.
func TestValuesOutliveTheirKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		keys, err := seal.Open(t.Context(), db, seal.NewFile(filepath.Join(t.TempDir(), "master.key")), "test")
		must(t, err)
		room, err := secrets.New(t.Context(), db, keys, region)
		must(t, err)
		w := &world{room, t, db}
		w.mustPut("/db", hidden, func(n *secrets.NewParameter) { n.Type = secrets.TypeSecure })
		s := w.create("db", hidden, "")
		before := w.dump()
		must(t, keys.Rotate(t.Context(), seal.Rotation{}, func(string) {}))
		if bytes.Equal(before, w.dump()) {
			t.Error("nothing was sealed anew")
		}
		if w.read("/db") != hidden || w.value(s.ARN, "", "") != hidden {
			t.Errorf("read %q and %q", w.read("/db"), w.value(s.ARN, "", ""))
		}
		report, err := keys.List(t.Context())
		must(t, err)
		if len(report.Keys) != 1 || report.Keys[0].Secrets != 2 {
			t.Errorf("the keys seal %+v", report.Keys)
		}
	})
}
