package accounts

import (
	"errors"
	"strings"
	"testing"
	"time"

	"slipway/accounts/policy"
	"slipway/store"
	"slipway/store/storetest"
)

// trusting is a trust policy for "AWS" principals.
func trusting(names ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + strings.Join(names, `", "`) + `"]},"Action":"sts:AssumeRole"}]}`
}

// shown is the trust of a role as it is shown.
func shown(t testing.TB, c *Control, name string) string {
	t.Helper()
	e, err := c.Role(t.Context(), us, name)
	if err != nil {
		t.Fatal(err)
	}
	return e.Trust
}

// kept is the trust of a role as it decides.
func kept(t testing.TB, c *Control, name string) string {
	t.Helper()
	e, err := c.Entity(t.Context(), us, KindRole, name)
	if err != nil {
		t.Fatal(err)
	}
	return e.Trust
}

func TestTrustIsKeptById(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		ctx := t.Context()
		ann, bob := makeUser(t, c, us, "ann"), makeUser(t, c, other, "bob")
		names := []string{ann.ARN(), bob.ARN(), us, "arn:aws:iam::" + other + ":root", "arn:aws:iam::" + other + ":role/none"}
		made, err := c.CreateRole(ctx, us, NewRole{Name: "r", Path: "/", Trust: trusting(names...)})
		if err != nil || made.Trust != trusting(names...) {
			t.Fatalf("made %+v, %v", made, err)
		}
		if got, want := kept(t, c, "r"), trusting(append([]string{ann.ID, bob.ID}, names[2:]...)...); got != want {
			t.Errorf("kept as %s\nwant %s", got, want)
		}
		if got := shown(t, c, "r"); got != trusting(names...) {
			t.Errorf("shown as %s", got)
		}
		if err := c.DeleteUser(ctx, us, "ann"); err != nil {
			t.Fatal(err)
		}
		makeUser(t, c, us, "ann")
		gone := trusting(append([]string{ann.ID, bob.ARN()}, names[2:]...)...)
		if got := shown(t, c, "r"); got != gone {
			t.Errorf("when she is gone, shown as %s", got)
		}
		if err := c.ChangeRole(ctx, us, "r", RoleChange{Trust: &gone}); !errors.Is(err, ErrMalformed) {
			t.Errorf("who is gone is trusted again: %v", err)
		}
		list, _, err := c.Entities(ctx, us, KindRole, "/", Page{})
		if err != nil || len(list) != 1 || list[0].Trust != gone {
			t.Errorf("listed as %+v, %v", list, err)
		}
	})
}

// The user who is made anew under a trusted name may not assume the role.
func TestANamesakeIsNotTrusted(t *testing.T) {
	c, _ := pair(t, storetest.SQLite(t))
	ann := makeUser(t, c, us, "ann")
	if _, err := c.CreateRole(t.Context(), us, NewRole{Name: "r", Path: "/", Trust: trusting(ann.ARN())}); err != nil {
		t.Fatal(err)
	}
	may := func(e Entity) bool {
		doc, err := policy.Parse(kept(t, c, "r"), policy.Trust)
		if err != nil {
			t.Fatal(err)
		}
		who := policy.Principal{Type: policy.User, Account: us, ARN: e.ARN(), UserID: e.ID}
		request := policy.Request{Principal: &who, Action: "sts:AssumeRole", Resource: "arn:aws:iam::" + us + ":role/r", ResourceAccount: us}
		return policy.Evaluate(&request, &policy.Policies{Resource: &policy.Attached{Document: doc}}).Outcome == policy.Allowed
	}
	if !may(ann) {
		t.Error("she may not")
	}
	if err := c.DeleteUser(t.Context(), us, "ann"); err != nil {
		t.Fatal(err)
	}
	if may(makeUser(t, c, us, "ann")) {
		t.Error("her namesake may")
	}
}

func TestTrustThatIsNone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		makeUser(t, c, us, "Ann")
		bob := makeUser(t, c, other, "bob")
		invalid := func(name string) string { return `Invalid principal in policy: "AWS":"` + name + `"` }
		root := "arn:aws:iam::" + us + ":"
		for _, try := range []struct {
			text     string
			cause    error
			sentence string
		}{
			{trusting(root + "user/nobody"), ErrMalformed, invalid(root + "user/nobody")},
			{trusting(root + "user/ann"), ErrMalformed, invalid(root + "user/ann")}, // ARNs differ by case
			{trusting(root + "user/path/Ann"), ErrMalformed, invalid(root + "user/path/Ann")},
			{trusting(root + "role/Ann"), ErrMalformed, invalid(root + "role/Ann")},
			{trusting(bob.ID), ErrMalformed, invalid(bob.ID)},
			{trusting("AIDAAAAAAAAAAAAAAAAAA"), ErrMalformed, invalid("AIDAAAAAAAAAAAAAAAAAA")},
			{"{", ErrMalformed, "This policy contains invalid Json"},
			{strings.Replace(serviceTrusted, "sts:AssumeRole", "s3:GetObject", 1), ErrMalformed, "AssumeRole policy may only specify STS AssumeRole actions."},
			{trusting(us, strings.Repeat("1", 12)) + strings.Repeat(" ", 3000), nil, ""}, // white space does not count
			{strings.Replace(serviceTrusted, `"ec2.amazonaws.com"`, `["ec2.amazonaws.com"`+strings.Repeat(`,"ec2.amazonaws.com"`, 100)+`]`, 1), ErrQuota, "Cannot exceed quota for ACLSizePerRole: 2048"},
		} {
			_, err := c.CreateRole(t.Context(), us, NewRole{Name: "r", Path: "/", Trust: try.text})
			if try.cause == nil {
				if err != nil {
					t.Errorf("%.60s...: %v", try.text, err)
				}
				continue
			}
			wantSaying(t, err, try.cause, try.sentence)
		}
	})
}

func TestLinkedRolesAreNotChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, _ := pair(t, db)
		ctx := t.Context()
		scaling, err := c.CreateLinkedRole(ctx, us, "autoscaling.amazonaws.com", "blue", "scales")
		if err != nil || scaling.Name != "AWSServiceRoleForAutoScaling_blue" || scaling.Path != "/aws-service-role/autoscaling.amazonaws.com/" {
			t.Fatalf("%+v, %v", scaling, err)
		}
		if _, err := c.CreateProfile(ctx, us, "box", "/", nil); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"delete": c.DeleteRole(ctx, us, scaling.Name), "trust others": c.ChangeRole(ctx, us, scaling.Name, RoleChange{Trust: new(serviceTrusted)}),
			"lengthen its sessions": c.ChangeRole(ctx, us, scaling.Name, RoleChange{MaxSession: new(2 * time.Hour)}), "put in a profile": c.Fill(ctx, us, "box", scaling.Name),
			"give a policy": c.AttachPolicy(ctx, us, KindRole, scaling.Name, "arn:aws:iam::aws:policy/ReadOnlyAccess"),
		} {
			if !errors.Is(err, ErrUnmodifiable) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := c.ChangeRole(ctx, us, scaling.Name, RoleChange{Description: new("x"), MaxSession: new(time.Hour)}); err != nil {
			t.Errorf("describe: %v", err)
		}
		if err := c.Tag(ctx, us, KindRole, scaling.Name, []Tag{{"a", "b"}}); err != nil {
			t.Errorf("tag: %v", err)
		}
		if got, err := c.Role(ctx, us, scaling.Name); err != nil || got.Description != "x" || got.Trust != serviceTrust("autoscaling.amazonaws.com") {
			t.Errorf("it is %+v, %v", got, err)
		}
		for service := range linkedRoles {
			name, err := linkedRole(service, "")
			if err != nil || checkName(KindRole, name) != nil {
				t.Errorf("%s: %s, %v", service, name, err)
			}
		}
	})
}
