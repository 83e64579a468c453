package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"slipway/accounts/policy"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	allowLogs = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:*","Resource":"*"}]}`
	denyLogs  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"logs:*","Resource":"*"}]}`
	trustECS  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	adminARN  = "arn:aws:iam::aws:policy/AdministratorAccess"
	slrARN    = "arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy"
)

// people makes an account with a user ann in a group devs, and a role deploy.
func people(t testing.TB, c *Control) context.Context {
	t.Helper()
	ctx := t.Context()
	bootstrap(t, c, us)
	_, err1 := c.CreateUser(ctx, us, NewUser{Name: "ann", Path: "/"})
	_, err2 := c.CreateGroup(ctx, us, "devs", "/")
	_, err3 := c.CreateRole(ctx, us, NewRole{Name: "deploy", Path: "/", Trust: trustECS})
	err4 := c.Join(ctx, us, "devs", "ann")
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	return ctx
}

func makePolicy(t testing.TB, c *Control, name, document string) string {
	t.Helper()
	p, err := c.CreatePolicy(t.Context(), us, NewPolicy{Name: name, Path: "/", Document: document})
	if err != nil {
		t.Fatal(err)
	}
	return p.ARN()
}

// want says what an error has to be: a cause and AWS's sentence, "" for none.
func want(t testing.TB, what string, err, cause error, sentence string) {
	t.Helper()
	if !errors.Is(err, cause) || cause == nil && err != nil {
		t.Errorf("%s: %v, want %v", what, err, cause)
	}
	if sentence != "" && (err == nil || err.Error() != sentence) {
		t.Errorf("%s: %v\nwant %s", what, err, sentence)
	}
}

func TestPolicyLivesThroughItsVersions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		ctx := people(t, c)
		arn := makePolicy(t, c, "logs", allowLogs)
		for n := 2; n <= MaxVersions; n++ {
			v, err := c.CreatePolicyVersion(ctx, us, arn, denyLogs, n == 4)
			if err != nil || v.Number != n || v.Default != (n == 4) {
				t.Fatalf("version %d: %+v, %v", n, v, err)
			}
		}
		_, err := c.CreatePolicyVersion(ctx, us, arn, denyLogs, false)
		want(t, "a sixth version", err, ErrQuota, "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
		want(t, "without the default", c.DeletePolicyVersion(ctx, us, arn, "v4"), ErrInUse, "Cannot delete the default version of a policy.")
		want(t, "without v5", c.DeletePolicyVersion(ctx, us, arn, "v5"), nil, "")
		want(t, "without v5 again", c.DeletePolicyVersion(ctx, us, arn, "v5"), ErrNoEntity, "Policy "+arn+" version v5 does not exist or is not attachable.")
		if v, err := c.CreatePolicyVersion(ctx, us, arn, allowLogs, false); err != nil || v.Number != 6 {
			t.Errorf("after v5 comes %+v, %v", v, err)
		}
		want(t, "back to v1", c.SetDefaultVersion(ctx, us, arn, "v1"), nil, "")
		if v, err := c.PolicyVersion(ctx, us, arn, "v1"); err != nil || !v.Default || v.Document != allowLogs {
			t.Errorf("v1 is %+v, %v", v, err)
		}
		list, next, err := c.PolicyVersions(ctx, us, arn, Page{Limit: 3})
		rest, end, err2 := c.PolicyVersions(ctx, us, arn, Page{Limit: 3, Marker: next})
		if got := fmt.Sprint(numbersOf(list), numbersOf(rest), end); got != "[6 4 3] [2 1]" || err != nil || err2 != nil {
			t.Errorf("versions are %s, %v, %v", got, err, err2)
		}
		want(t, "with versions", c.DeletePolicy(ctx, us, arn), ErrInUse, "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	})
}

func numbersOf(list []PolicyVersion) (n []int) {
	for _, v := range list {
		n = append(n, v.Number)
	}
	return n
}

func TestPolicyThatSomebodyHasIsNotDeleted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		ctx := people(t, c)
		arn := makePolicy(t, c, "logs", allowLogs)
		inUse := func(what string) {
			t.Helper()
			want(t, what, c.DeletePolicy(ctx, us, arn), ErrInUse, "Cannot delete a policy attached to entities.")
		}
		want(t, "attach", c.AttachPolicy(ctx, us, KindGroup, "devs", arn), nil, "")
		inUse("attached")
		want(t, "detach", c.DetachPolicy(ctx, us, KindGroup, "devs", arn), nil, "")
		want(t, "bound", c.SetBoundary(ctx, us, KindUser, "ann", arn), nil, "")
		inUse("a boundary")
		want(t, "free", c.DeleteBoundary(ctx, us, KindUser, "ann"), nil, "")
		want(t, "delete", c.DeletePolicy(ctx, us, arn), nil, "")
		want(t, "delete again", c.DeletePolicy(ctx, us, arn), ErrNoEntity, "Policy "+arn+" was not found.")
		if p, err := c.CreatePolicy(ctx, us, NewPolicy{Name: "logs", Path: "/", Document: allowLogs}); err != nil || p.Default != 1 {
			t.Errorf("made again: %+v, %v", p, err)
		}
	})
}

func TestPoliciesThatCannotBeMade(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	makePolicy(t, c, "logs", allowLogs)
	long := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:*","Resource":"arn:aws:logs:*:*:` + strings.Repeat("x", ManagedSize) + `"}]}`
	for _, try := range []struct {
		what  string
		p     NewPolicy
		cause error
		text  string
	}{
		{"no JSON", NewPolicy{Name: "a", Path: "/", Document: `{`}, ErrMalformed, ""},
		{"no resource", NewPolicy{Name: "a", Path: "/", Document: strings.Replace(allowLogs, `,"Resource":"*"`, "", 1)}, ErrMalformed, "Policy statement must contain resources. (Statement[0], line 1, column 38)"},
		{"a principal", NewPolicy{Name: "a", Path: "/", Document: trustECS}, ErrMalformed, ""},
		{"too long", NewPolicy{Name: "a", Path: "/", Document: long}, ErrQuota, "Cannot exceed quota for PolicySize: 6144"},
		{"a bad name", NewPolicy{Name: "a b", Path: "/", Document: allowLogs}, ErrName, ""},
		{"a bad path", NewPolicy{Name: "a", Path: "x", Document: allowLogs}, ErrName, ""},
		{"a name that is taken", NewPolicy{Name: "LOGS", Path: "/x/", Document: allowLogs}, ErrEntityExists, "A policy called LOGS already exists. Duplicate names are not allowed."},
		{"a reserved tag", NewPolicy{Name: "a", Path: "/", Document: allowLogs, Tags: []Tag{{"aws:x", "y"}}}, ErrInput, ""},
	} {
		_, err := c.CreatePolicy(ctx, us, try.p)
		want(t, try.what, err, try.cause, try.text)
	}
	spaced := strings.Replace(allowLogs, "[", "["+strings.Repeat(" \n", ManagedSize), 1)
	if _, err := c.CreatePolicy(ctx, us, NewPolicy{Name: "spaced", Path: "/", Document: spaced}); err != nil {
		t.Errorf("white space counts: %v", err)
	}
}

func TestNobodyChangesAWSsPolicies(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	_, err := c.CreatePolicyVersion(ctx, us, adminARN, allowLogs, true)
	for what, err := range map[string]error{
		"a version": err,
		"delete":    c.DeletePolicy(ctx, us, adminARN),
		"default":   c.SetDefaultVersion(ctx, us, adminARN, "v1"),
		"no v1":     c.DeletePolicyVersion(ctx, us, adminARN, "v1"),
	} {
		want(t, what, err, ErrOfAWS, "")
	}
	p, err := c.Policy(ctx, us, adminARN)
	if err != nil || p.ID != "ANPAIWMBCKSKIEE64ZLYK" || p.Default != 1 || p.Name != "AdministratorAccess" {
		t.Errorf("AdministratorAccess is %+v, %v", p, err)
	}
	v, err := c.PolicyVersion(ctx, us, adminARN, "v1")
	if err != nil || !strings.HasPrefix(v.Document, "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {") {
		t.Errorf("its document is %s, %v", v.Document, err)
	}
}

func TestPoliciesOfOtherAccountsAreAsMissingOnes(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	other, err := c.CreateAccount(ctx, "other")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := c.CreatePolicy(ctx, other.ID, NewPolicy{Name: "logs", Path: "/", Document: allowLogs})
	if err != nil {
		t.Fatal(err)
	}
	missing := "arn:aws:iam::" + us + ":policy/none"
	cased := strings.Replace(makePolicy(t, c, "mine", allowLogs), "mine", "MINE", 1)
	for _, arn := range []string{theirs.ARN(), missing, cased} {
		_, err := c.Policy(ctx, us, arn)
		want(t, "get", err, ErrNoEntity, "Policy "+arn+" was not found.")
		want(t, "attach", c.AttachPolicy(ctx, us, KindUser, "ann", arn), ErrNoEntity, "Policy "+arn+" does not exist or is not attachable.")
		want(t, "detach", c.DetachPolicy(ctx, us, KindUser, "ann", arn), ErrNoEntity, "Policy "+arn+" was not found.")
		want(t, "bound", c.SetBoundary(ctx, us, KindUser, "ann", arn), ErrNoEntity, "Scope ARN: "+arn+" does not exist or is not attachable.")
		want(t, "delete", c.DeletePolicy(ctx, us, arn), ErrNoEntity, "Policy "+arn+" was not found.")
	}
	for _, arn := range []string{"arn:aws:iam::" + us + ":user/ann", "arn:aws:s3:::bucket-of-somebody", "policy/aaaaaaaaaaaaaaaaa"} {
		want(t, arn, c.AttachPolicy(ctx, us, KindUser, "ann", arn), ErrInput, "ARN "+arn+" is not valid.")
	}
	want(t, "a policy of services", c.AttachPolicy(ctx, us, KindRole, "deploy", slrARN), ErrNotAttachable, "Cannot attach a Service Role Policy to a Customer Role.")
}

func TestTenPoliciesAreAttachedAtMost(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	for kind, name := range map[Kind]string{KindUser: "ann", KindGroup: "devs", KindRole: "deploy"} {
		for n := range MaxAttached {
			arn := "arn:aws:iam::" + us + ":policy/" + fmt.Sprintf("%s%02d", name, n)
			makePolicy(t, c, fmt.Sprintf("%s%02d", name, n), allowLogs)
			for range 2 { // again is as once
				want(t, arn, c.AttachPolicy(ctx, us, kind, name, arn), nil, "")
			}
		}
		want(t, "the eleventh", c.AttachPolicy(ctx, us, kind, name, adminARN), ErrQuota,
			"Cannot exceed quota for PoliciesPer"+strings.ToUpper(string(kind[0]))+string(kind[1:])+": 10")
		refs, next, err := c.AttachedPolicies(ctx, us, kind, name, "/", Page{Limit: 7})
		rest, end, err2 := c.AttachedPolicies(ctx, us, kind, name, "/", Page{Limit: 7, Marker: next})
		if len(refs) != 7 || len(rest) != 3 || rest[2].Name != name+"09" || end != "" || err != nil || err2 != nil {
			t.Errorf("%s has %v and %v, %v, %v", name, refs, rest, err, err2)
		}
	}
}

func TestPoliciesAreListed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		ctx := people(t, c)
		a, b := makePolicy(t, c, "a", allowLogs), makePolicy(t, c, "B", allowLogs)
		deep, err := c.CreatePolicy(ctx, us, NewPolicy{Name: "deep", Path: "/x/y/", Document: allowLogs})
		if err != nil {
			t.Fatal(err)
		}
		want(t, "attach", c.AttachPolicy(ctx, us, KindUser, "ann", a), nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindRole, "deploy", a), nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindRole, "deploy", adminARN), nil, "")
		want(t, "bound", c.SetBoundary(ctx, us, KindRole, "deploy", b), nil, "")
		for _, try := range []struct {
			what string
			q    PolicyQuery
			want string
		}{
			{"own", PolicyQuery{NoAWS: true}, "a:2/0 B:0/1 deep:0/0"},
			{"under a path", PolicyQuery{NoAWS: true, Prefix: "/x/"}, "deep:0/0"},
			{"attached", PolicyQuery{OnlyAttached: true}, "a:2/0 AdministratorAccess:1/0"},
			{"attached of AWS", PolicyQuery{NoOwn: true, OnlyAttached: true}, "AdministratorAccess:1/0"},
			{"as permissions", PolicyQuery{NoAWS: true, Usage: Permission}, "a:2/0"},
			{"as boundaries", PolicyQuery{Usage: Boundary}, "B:0/1"},
		} {
			list, next, err := c.Policies(ctx, us, try.q, Page{})
			if got := uses(list); got != try.want || next != "" || err != nil {
				t.Errorf("%s: %s, %q, %v, want %s", try.what, got, next, err, try.want)
			}
		}
		if p, err := c.Policy(ctx, us, a); err != nil || p.Attached != 2 || p.Bounds != 0 {
			t.Errorf("a is %+v, %v", p, err)
		}
		if got := everyPolicy(t, c); len(got) != 3+len(awsPolicies()) || !slices.Contains(got, deep.ARN()) || !slices.Contains(got, slrARN) {
			t.Errorf("page by page there are %d policies: %v", len(got), got)
		}
		_, _, err = c.Policies(ctx, us, PolicyQuery{}, Page{Marker: "nonsense"})
		want(t, "a bad marker", err, ErrToken, "")
	})
}

func uses(list []ManagedPolicy) string {
	var all []string
	for _, p := range list {
		all = append(all, fmt.Sprintf("%s:%d/%d", p.Name, p.Attached, p.Bounds))
	}
	return strings.Join(all, " ")
}

// everyPolicy lists the ARNs of all policies, in small pages.
func everyPolicy(t *testing.T, c *Control) (arns []string) {
	t.Helper()
	for marker := ""; ; {
		list, next, err := c.Policies(t.Context(), us, PolicyQuery{}, Page{Limit: 4, Marker: marker})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			arns = append(arns, p.ARN())
		}
		if marker = next; next == "" {
			return arns
		}
	}
}

func TestHoldersOfAPolicy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		ctx := people(t, c)
		arn := makePolicy(t, c, "logs", allowLogs)
		_, err := c.CreateUser(ctx, us, NewUser{Name: "bob", Path: "/ops/", Boundary: arn})
		want(t, "bob", err, nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindUser, "ann", arn), nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindGroup, "devs", arn), nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindRole, "deploy", arn), nil, "")
		for _, try := range []struct {
			what string
			q    HolderQuery
			want string
		}{
			{"all", HolderQuery{}, "devs deploy ann bob"},
			{"users", HolderQuery{Kind: KindUser}, "ann bob"},
			{"under a path", HolderQuery{Prefix: "/ops/"}, "bob"},
			{"by attachment", HolderQuery{Usage: Permission}, "devs deploy ann"},
			{"by boundary", HolderQuery{Usage: Boundary}, "bob"},
			{"groups by boundary", HolderQuery{Usage: Boundary, Kind: KindGroup}, ""},
		} {
			var names []string
			for marker, more := "", true; more; more = marker != "" {
				list, next, err := c.PolicyHolders(ctx, us, arn, try.q, Page{Limit: 3, Marker: marker})
				want(t, try.what, err, nil, "")
				for _, e := range list {
					names = append(names, e.Name)
				}
				marker = next
			}
			if got := strings.Join(names, " "); got != try.want {
				t.Errorf("%s: %s, want %s", try.what, got, try.want)
			}
		}
	})
}

func TestInlinePolicies(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		ctx := people(t, c)
		for kind, holder := range map[Kind]string{KindUser: "ann", KindGroup: "devs", KindRole: "deploy"} {
			for _, name := range []string{"b", "a"} {
				want(t, "put", c.PutInline(ctx, us, kind, holder, InlinePolicy{name, allowLogs}), nil, "")
			}
			want(t, "put another", c.PutInline(ctx, us, kind, holder, InlinePolicy{"a", denyLogs}), nil, "")
			if p, err := c.Inline(ctx, us, kind, holder, "a"); err != nil || p.Document != denyLogs {
				t.Errorf("a is %+v, %v", p, err)
			}
			names, next, err := c.InlineNames(ctx, us, kind, holder, Page{Limit: 1})
			rest, end, err2 := c.InlineNames(ctx, us, kind, holder, Page{Limit: 1, Marker: next})
			if fmt.Sprint(names, rest, end) != "[a] [b]" || err != nil || err2 != nil {
				t.Errorf("names are %v, %v, %v, %v", names, rest, err, err2)
			}
			want(t, "delete", c.DeleteInline(ctx, us, kind, holder, "a"), nil, "")
			missing := fmt.Sprintf("The %s policy with name a cannot be found.", kind)
			want(t, "delete again", c.DeleteInline(ctx, us, kind, holder, "a"), ErrNoEntity, missing)
			_, err = c.Inline(ctx, us, kind, holder, "a")
			want(t, "get", err, ErrNoEntity, missing)
			want(t, "of nobody", c.PutInline(ctx, us, kind, "nobody", InlinePolicy{"a", allowLogs}), ErrNoEntity, "The "+string(kind)+" with name nobody cannot be found.")
			want(t, "no policy", c.PutInline(ctx, us, kind, holder, InlinePolicy{"a", "[]"}), ErrMalformed, "")
		}
	})
}

// All inline policies of one holder share a quota, and what goes beyond it changes nothing.
func TestInlinePoliciesAreNotTooLongTogether(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	for kind, holder := range map[Kind]string{KindUser: "ann", KindGroup: "devs", KindRole: "deploy"} {
		limit := inlineSizes[kind]
		want(t, "half", c.PutInline(ctx, us, kind, holder, InlinePolicy{"one", documentOf(limit / 2)}), nil, "")
		want(t, "the other half", c.PutInline(ctx, us, kind, holder, InlinePolicy{"two", documentOf(limit - limit/2)}), nil, "")
		want(t, "one more", c.PutInline(ctx, us, kind, holder, InlinePolicy{"two", documentOf(limit - limit/2 + 1)}), ErrQuota,
			fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s %s", limit, kind, holder))
		if p, err := c.Inline(ctx, us, kind, holder, "two"); err != nil || policy.Size(p.Document) != limit-limit/2 {
			t.Errorf("two has %d characters, %v", policy.Size(p.Document), err)
		}
	}
}

// documentOf makes a policy of a size.
func documentOf(size int) string {
	text := strings.Replace(allowLogs, `"*"`, `"arn:aws:logs:*:*:log-group:`+`"`, 1)
	return strings.Replace(text, "log-group:", "log-group:"+strings.Repeat("x", size-policy.Size(text)), 1)
}

func TestAllThatAppliesToAUser(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		ctx := people(t, c)
		arn := makePolicy(t, c, "logs", allowLogs)
		want(t, "inline", c.PutInline(ctx, us, KindUser, "ann", InlinePolicy{"own", allowLogs}), nil, "")
		want(t, "inline", c.PutInline(ctx, us, KindGroup, "devs", InlinePolicy{"ours", allowLogs}), nil, "")
		want(t, "inline", c.PutInline(ctx, us, KindRole, "deploy", InlinePolicy{"its", allowLogs}), nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindUser, "ann", arn), nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindGroup, "devs", arn), nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindGroup, "devs", adminARN), nil, "")
		want(t, "bound", c.SetBoundary(ctx, us, KindUser, "ann", arn), nil, "")
		if got := applying(t, c, KindUser, "ann"); got != "user_ann_own:user group_devs_ours:group logs:user-managed AdministratorAccess:aws-managed | logs:user-managed" {
			t.Errorf("to ann applies %s", got)
		}
		if got := applying(t, c, KindRole, "deploy"); got != "role_deploy_its:role |" {
			t.Errorf("to deploy applies %s", got)
		}
		if got := applying(t, c, KindGroup, "devs"); got != "group_devs_ours:group logs:user-managed AdministratorAccess:aws-managed |" {
			t.Errorf("to devs applies %s", got)
		}
		err := db.View(ctx, func(tx *store.Tx) error {
			_, _, err := policiesOf(tx, "AIDAAAAAAAAAAAAAAAAAA")
			return err
		})
		want(t, "nobody", err, store.ErrNoRows, "")
	})
}

func applying(t *testing.T, c *Control, kind Kind, name string) string {
	t.Helper()
	var all []string
	err := c.db.View(t.Context(), func(tx *store.Tx) error {
		e, err := readEntity(tx, us, kind, name)
		if err != nil {
			return err
		}
		identity, boundary, err := policiesOf(tx, e.ID)
		for _, a := range identity {
			all = append(all, a.Name+":"+a.Type)
		}
		if all = append(all, "|"); boundary != nil {
			all = append(all, boundary.Name+":"+boundary.Type)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// Whatever is done to the versions of a policy, one of them is in force, at most five are kept, and
// no number comes twice.
func TestVersionsKeepTheirRules(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	tries := 0
	rapid.Check(t, func(t *rapid.T) {
		tries++
		p, err := c.CreatePolicy(ctx, us, NewPolicy{Name: fmt.Sprintf("p%d", tries), Path: "/", Document: allowLogs})
		if err != nil {
			t.Fatal(err)
		}
		newest := 1
		for _, step := range rapid.SliceOfN(rapid.IntRange(-8, 8), 1, 20).Draw(t, "steps") {
			switch v := VersionID(max(step, -step)); {
			case step == 0 || step == 1:
				if made, err := c.CreatePolicyVersion(ctx, us, p.ARN(), allowLogs, step == 1); err == nil {
					if made.Number != newest+1 {
						t.Fatalf("after version %d came %d", newest, made.Number)
					}
					newest++
				}
			case step > 1:
				c.DeletePolicyVersion(ctx, us, p.ARN(), v)
			default:
				c.SetDefaultVersion(ctx, us, p.ARN(), v)
			}
			list, _, err := c.PolicyVersions(ctx, us, p.ARN(), Page{})
			inForce := slices.DeleteFunc(slices.Clone(list), func(v PolicyVersion) bool { return !v.Default })
			if err != nil || len(list) > MaxVersions || len(inForce) != 1 {
				t.Fatalf("versions are %+v, %v", list, err)
			}
		}
	})
}
