package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway/accounts"
	"slipway/audit"
	"slipway/blob/s3/s3test"
	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/secrets"
)

// guarded is a server with a secret, a parameter and a file in a bucket, and a node.
type guarded struct {
	*testing.T
	*Server
	node   *clustertest.Node
	secret string // ARN
}

const webFile = "arn:aws:s3:::config/web.env"

func startGuarded(t *testing.T, change func(*Config)) guarded {
	s := open(t, change)
	run(t, s)
	g := guarded{T: t, Server: s}
	account := s.root.Owner.Account
	made, _, err := s.secrets.CreateSecret(t.Context(), secrets.NewSecret{Account: account, Name: "web", Tags: map[string]string{"team": "a"}, Value: secrets.Value{Bytes: []byte(`{"key":"of the secret"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	g.secret = made.ARN
	if _, _, err := s.secrets.PutParameter(t.Context(), secrets.NewParameter{Account: account, Name: "/web/key", Value: "of the parameter", Type: "SecureString"}); err != nil {
		t.Fatal(err)
	}
	hello := clustertest.Hello('a', 4096, 4096)
	g.node = clustertest.Join(t, s.Node(), hello)
	return g
}

// role makes a role that tasks act in and that may do what the policy says.
func (g guarded) role(name, service, policy string) string {
	g.Helper()
	account := g.root.Owner.Account
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`
	if _, err := g.accounts.CreateRole(g.Context(), account, accounts.NewRole{Name: name, Path: "/", Trust: trust}); err != nil {
		g.Fatal(err)
	}
	document := `{"Version":"2012-10-17","Statement":[` + policy + `]}`
	if err := g.accounts.PutInline(g.Context(), account, accounts.KindRole, name, accounts.InlinePolicy{Name: "own", Document: document}); err != nil {
		g.Fatal(err)
	}
	return name
}

// given runs a task that names a value in an execution role, and returns what its node is given.
func (g guarded) given(role string, container taskdef.Container) (nodeapi.Secrets, error) {
	g.Helper()
	account := g.root.Owner.Account
	container.Name, container.Image, container.Essential, container.Memory = "web", "web", true, new(10)
	d, err := g.cluster.Register(g.Context(), account, "me", "web", taskdef.Spec{ExecutionRole: role, Containers: []taskdef.Container{container}}, nil)
	if err != nil {
		return nodeapi.Secrets{}, err
	}
	started, err := g.cluster.RunTask(g.Context(), account, cluster.Run{Cluster: "default", Definition: d.Ref, Count: 1})
	if err != nil || len(started.Tasks) != 1 {
		g.Fatalf("started %+v, error %v", started, err)
	}
	return g.Node().Secrets(g.Context(), nodeapi.CredentialsRequest{Node: g.node.ID, Session: g.node.Session(), Task: started.Tasks[0].ID})
}

func secretOf(from string) taskdef.Container {
	return taskdef.Container{Secrets: []taskdef.Secret{{Name: "KEY", From: from}}}
}

// What a definition names by reference is read as its execution role may, and as nobody else.
func TestTasksAreGivenWhatTheirExecutionRolesMayRead(t *testing.T) {
	g := startGuarded(t, nil)
	const all = `{"Effect":"Allow","Action":["secretsmanager:GetSecretValue","ssm:GetParameters"],"Resource":"*"}`
	reader := g.role("reader", tasksService, all)
	nobody := g.role("nobody", tasksService, `{"Effect":"Deny","Action":"*","Resource":"*"}`)
	tagged := g.role("tagged", tasksService, `{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"a"}}}`)
	current := g.role("current", tasksService, `{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}}}`)
	other := g.role("other", "lambda.amazonaws.com", all)
	parameter := "arn:aws:ssm:us-east-1:" + g.root.Owner.Account + ":parameter/web/key"
	missing := strings.Replace(g.secret, "secret:web-", "secret:gone-", 1)

	for _, c := range []struct{ role, from, want, fails string }{
		{reader, g.secret, `{"key":"of the secret"}`, ""},
		{reader, g.secret + ":key::", "of the secret", ""},
		{reader, parameter, "of the parameter", ""},
		{reader, "/web/key", "of the parameter", ""},
		{tagged, g.secret + ":key::", "of the secret", ""},
		{current, g.secret + ":key::", "of the secret", ""},
		{current, g.secret + "::AWSPREVIOUS:", "", "from secrets manager: AccessDeniedException: User: "},
		{tagged, parameter, "", "unable to retrieve secrets from ssm: AccessDeniedException: User: "},
		{nobody, g.secret, "", "unable to retrieve secret from asm: failed to fetch secret " + g.secret + " from secrets manager: AccessDeniedException: User: "},
		{nobody, parameter, "", "is not authorized to perform: ssm:GetParameters on resource: " + parameter},
		{other, parameter, "", "ResourceInitializationError: unable to pull secrets or registry auth: ECS was unable to assume the role 'arn:aws:iam::"},
		{"missing", parameter, "", "was unable to assume the role"},
		{reader, missing, "", "failed to fetch secret " + missing},
		{reader, "/web/other", "", "invalid parameters: [/web/other]"},
		{reader, g.secret + ":word::", "", "did not contain json key word"},
	} {
		given, err := g.given(c.role, secretOf(c.from))
		if c.fails != "" {
			kind := errs.KindOf(err)
			if err == nil || !strings.HasPrefix(err.Error(), "ResourceInitializationError: unable to pull secrets or registry auth") ||
				!strings.Contains(err.Error(), c.fails) || kind == errs.Internal || kind == errs.Unavailable || strings.Contains(err.Error(), "of the secret") {
				t.Errorf("%s as %s: %v\nwant one that says %s", c.from, c.role, err, c.fails)
			}
			continue
		}
		if want := []string{"KEY=" + c.want}; err != nil || !slices.Equal(given.Env["web"], want) {
			t.Errorf("%s as %s is %q, error %v", c.from, c.role, given.Env, err)
		}
	}
}

// Who has read what is in the audit, and no value is.
func TestReadingsAreInTheAudit(t *testing.T) {
	g := startGuarded(t, nil)
	reader := g.role("reader", tasksService, `{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*"}`)
	if _, err := g.given(reader, secretOf(g.secret)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.given(reader, secretOf("/web/key")); err == nil {
		t.Fatal("a parameter is read that the role may not")
	}
	var told []string
	for len(told) < 2 { // the audit takes records in batches
		found, _, err := g.audit.Lookup(t.Context(), g.root.Owner.Account, audit.Query{})
		if err != nil {
			t.Fatal(err)
		}
		told = nil
		for _, e := range found {
			if e.Source == tasksService {
				told = append(told, strings.Join([]string{e.Service, e.Operation, e.Resources[0].ARN, e.ErrorCode, e.Principal.Type}, " "))
			}
			if strings.Contains(fmt.Sprintf("%+v", e), "of the ") {
				t.Fatalf("the audit tells %+v", e)
			}
		}
	}
	slices.Sort(told)
	account := g.root.Owner.Account
	want := []string{"secretsmanager GetSecretValue " + g.secret + "  AssumedRole", "ssm GetParameters arn:aws:ssm:us-east-1:" + account + ":parameter/web/key AccessDeniedException AssumedRole"}
	if !slices.Equal(told, want) {
		t.Errorf("the audit tells %q, want %q", told, want)
	}
}

func envFileOf(object string) taskdef.Container {
	return taskdef.Container{EnvFiles: []taskdef.EnvFile{{Type: "s3", ARN: object}}}
}

// Environment files are read where blobs are kept, if that is a bucket.
func TestTasksAreGivenEnvironmentFiles(t *testing.T) {
	bucket := s3test.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	dir := filepath.Join(bucket.Dir, "config")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "web.env"), []byte("# for web\nA=1\nB=x y\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	g := startGuarded(t, func(c *Config) { c.Blobs = bucket.Location("registry") })
	reader := g.role("reader", tasksService, `{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::config/*","arn:aws:s3:::`+bucket.Bucket+`/*"]}`)
	nobody := g.role("nobody", tasksService, `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}`)

	given, err := g.given(reader, envFileOf(webFile))
	if err != nil || !slices.Equal(given.Env["web"], []string{"A=1", "B=x y"}) {
		t.Errorf("given %q, error %v", given.Env, err)
	}
	for _, c := range []struct{ role, object, want string }{
		{nobody, webFile, "failed to download env files: AccessDeniedException: User: "},
		{reader, "arn:aws:s3:::config/missing.env", "failed to download env files: arn:aws:s3:::config/missing.env: "},
		{reader, "arn:aws:s3:::" + bucket.Bucket + "/registry/sha256/a", "it lies where blobs are kept"},
	} {
		if _, err := g.given(c.role, envFileOf(c.object)); err == nil || !strings.HasPrefix(err.Error(), "ResourceInitializationError: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %s: %v, want one that says %s", c.object, c.role, err, c.want)
		}
	}
	if err := (vault{g.Server}).Files("210987654321"); !errors.Is(err, errNotYours) {
		t.Errorf("files of another account: %v", err)
	}
}

func TestEnvironmentFilesNeedABucket(t *testing.T) {
	g := startGuarded(t, nil)
	_, err := g.given("reader", envFileOf(webFile))
	if !errors.Is(err, taskdef.ErrInvalid) || !strings.Contains(err.Error(), "containerDefinitions[0].environmentFiles: They are read where blobs are kept") {
		t.Errorf("without a bucket: %v", err)
	}
}
