package server

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"slipway/internal/plainbody"
	"slipway/store"
	"slipway/store/storetest"
)

// clientConfig is what SDK clients need to call a server with a key.
func (s *Server) clientConfig(id, secret, token string) aws.Config {
	return aws.Config{
		BaseEndpoint: aws.String("http://" + s.config.Advertise), Region: s.config.Region,
		HTTPClient:  plainbody.Client(awshttp.NewBuildableClient()),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
	}
}

func (s *Server) asRoot() aws.Config { return s.clientConfig(s.root.ID, s.root.Secret, "") }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tenant makes an account, and returns its id and what SDK clients need to act in it.
func tenant(t *testing.T, s *Server, name string) (id string, config aws.Config) {
	t.Helper()
	made, err := organizations.NewFromConfig(s.asRoot()).CreateAccount(t.Context(), &organizations.CreateAccountInput{
		AccountName: &name, Email: aws.String(name + "@example.com"),
	})
	must(t, err)
	id = *made.CreateAccountStatus.AccountId
	got, err := sts.NewFromConfig(s.asRoot()).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + id + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("admin"),
	})
	must(t, err)
	c := got.Credentials
	return id, s.clientConfig(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// makeAll makes one of everything that an account can have, under the same names in each.
func makeAll(t *testing.T, config aws.Config) {
	t.Helper()
	_, err1 := ecs.NewFromConfig(config).CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("web")})
	_, err2 := ecr.NewFromConfig(config).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("web")})
	_, err3 := cloudwatchlogs.NewFromConfig(config).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("web")})
	_, err4 := iam.NewFromConfig(config).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})
	_, err5 := ssm.NewFromConfig(config).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/web"), Value: aws.String("x"), Type: ssmtypes.ParameterTypeString})
	_, err6 := secretsmanager.NewFromConfig(config).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("web"), SecretString: aws.String("x")})
	must(t, errors.Join(err1, err2, err3, err4, err5, err6))
}

// owners are the accounts in the ARNs of all that an account lists.
func owners(t *testing.T, config aws.Config) map[string]bool {
	t.Helper()
	clusters, err1 := ecs.NewFromConfig(config).ListClusters(t.Context(), nil)
	repositories, err2 := ecr.NewFromConfig(config).DescribeRepositories(t.Context(), nil)
	groups, err3 := cloudwatchlogs.NewFromConfig(config).DescribeLogGroups(t.Context(), nil)
	users, err4 := iam.NewFromConfig(config).ListUsers(t.Context(), nil)
	parameters, err5 := ssm.NewFromConfig(config).DescribeParameters(t.Context(), nil)
	kept, err6 := secretsmanager.NewFromConfig(config).ListSecrets(t.Context(), nil)
	must(t, errors.Join(err1, err2, err3, err4, err5, err6))
	arns := clusters.ClusterArns
	for _, r := range repositories.Repositories {
		arns = append(arns, *r.RepositoryArn)
	}
	for _, g := range groups.LogGroups {
		arns = append(arns, *g.Arn)
	}
	for _, u := range users.Users {
		arns = append(arns, *u.Arn)
	}
	for _, p := range parameters.Parameters {
		arns = append(arns, *p.ARN)
	}
	for _, s := range kept.SecretList {
		arns = append(arns, *s.ARN)
	}
	if len(arns) < 6 {
		t.Errorf("lists %v", arns)
	}
	all := map[string]bool{}
	for _, arn := range arns {
		all[strings.Split(arn, ":")[4]] = true
	}
	return all
}

func TestAccountsShareNothing(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	one, asOne := tenant(t, s, "one")
	two, asTwo := tenant(t, s, "two")
	for id, config := range map[string]aws.Config{s.root.Owner.Account: s.asRoot(), one: asOne, two: asTwo} {
		makeAll(t, config)
		if got := owners(t, config); len(got) != 1 || !got[id] {
			t.Errorf("account %s lists what is of %v", id, got)
		}
	}
	// By its ARN too, what is another's is as if it were not there.
	for _, cluster := range []string{"arn:aws:ecs:us-east-1:" + one + ":cluster/web", "arn:aws:ecs:us-east-1:" + one + ":cluster/none"} {
		_, err := ecs.NewFromConfig(asTwo).DeleteCluster(t.Context(), &ecs.DeleteClusterInput{Cluster: &cluster})
		if code(err) != "AccessDeniedException" {
			t.Errorf("%s: %v", cluster, err)
		}
	}
}

func code(err error) string {
	var fault smithy.APIError
	if errors.As(err, &fault) {
		return fault.ErrorCode()
	}
	return ""
}

// login is a token for the registry.
func login(t *testing.T, config aws.Config) string {
	t.Helper()
	out, err := ecr.NewFromConfig(config).GetAuthorizationToken(t.Context(), nil)
	must(t, err)
	plain, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	must(t, err)
	return string(plain)
}

// knock asks the registry's door for a path with a login, as USER:TOKEN.
func (s *Server) knock(t *testing.T, path, login string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.config.Advertise+path, nil)
	must(t, err)
	user, password, _ := strings.Cut(login, ":")
	r.SetBasicAuth(user, password)
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	answer.Body.Close()
	return answer.StatusCode
}

// The end of a key, a session, a user or an account is the end at every door.
func TestWhatIsRevokedIsRefusedAtEveryDoor(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	id, asTeam := tenant(t, s, "team")
	people := iam.NewFromConfig(s.asRoot())
	_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})
	must(t, err)
	_, err = people.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")})
	must(t, err)
	key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")})
	must(t, err)
	asAnn := s.clientConfig(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")

	for what, end := range map[string]struct {
		config aws.Config
		do     func() error
	}{
		"an access key that is switched off": {asAnn, func() error {
			_, err := people.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: aws.String("ann"), AccessKeyId: key.AccessKey.AccessKeyId, Status: "Inactive"})
			return err
		}},
		"an account that is closed": {asTeam, func() error {
			_, err := organizations.NewFromConfig(s.asRoot()).CloseAccount(t.Context(), &organizations.CloseAccountInput{AccountId: &id})
			return err
		}},
	} {
		token := login(t, end.config)
		if status := s.knock(t, "/v2/", token); status != http.StatusOK {
			t.Fatalf("%s: before, the registry answers %d", what, status)
		}
		must(t, end.do())
		_, err := sts.NewFromConfig(end.config).GetCallerIdentity(t.Context(), nil)
		if code(err) != "InvalidClientTokenId" {
			t.Errorf("%s: STS says %v", what, err)
		}
		_, err = ecs.NewFromConfig(end.config).ListClusters(t.Context(), nil)
		if code(err) != "UnrecognizedClientException" {
			t.Errorf("%s: ECS says %v", what, err)
		}
		if status := s.knock(t, "/v2/", token); status != http.StatusUnauthorized {
			t.Errorf("%s: the registry answers %d", what, status)
		}
	}
	if status := s.knock(t, "/v2/", login(t, s.asRoot())); status != http.StatusOK {
		t.Errorf("root is answered %d", status)
	}
}

// Two servers over one database: what is revoked at one is refused at the other when it is woken.
func TestServersRefuseWhatOneRevoked(t *testing.T) {
	url := storetest.PostgresURL(t)
	one := open(t, func(c *Config) { c.Store = url })
	two := open(t, func(c *Config) {
		c.Store = url
		must(t, os.MkdirAll(c.Data, 0o700))
		key, err := os.ReadFile(filepath.Join(one.config.Data, "master.key"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(c.Data, "master.key"), key, 0o600))
	})
	run(t, one)
	run(t, two)
	_, err := iam.NewFromConfig(one.asRoot()).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})
	must(t, err)
	key, err := iam.NewFromConfig(one.asRoot()).CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")})
	must(t, err)
	id := *key.AccessKey.AccessKeyId
	at := func(s *Server) error {
		_, err := sts.NewFromConfig(s.clientConfig(id, *key.AccessKey.SecretAccessKey, "")).GetCallerIdentity(t.Context(), nil)
		return err
	}
	must(t, errors.Join(at(one), at(two)))

	woken, stop := two.db.Watch("accounts.keys")
	defer stop()
	_, err = iam.NewFromConfig(one.asRoot()).DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: aws.String("ann"), AccessKeyId: &id})
	must(t, err)
	if code(at(one)) != "InvalidClientTokenId" {
		t.Errorf("where it was deleted: %v", at(one))
	}
	awaitRefusal(t, two.db, woken, func() bool { return code(at(two)) == "InvalidClientTokenId" })
}

// awaitRefusal waits for wakes, of which one comes from what was revoked. What is not refused then
// would be for as long as keys are remembered.
func awaitRefusal(t *testing.T, db *store.DB, woken <-chan struct{}, refused func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	for !refused() {
		select {
		case <-woken:
			_, stop := db.Watch("nothing") // all who are woken together have been, once this returns
			stop()
		case <-ctx.Done():
			t.Fatal("the other server is not woken")
		}
	}
}

// When a key was last used is written down without a write per call: within a minute, and when the
// server stops.
func TestLastUseIsKnownAfterAStop(t *testing.T) {
	s := open(t, nil)
	stop := start(t, s)
	people := iam.NewFromConfig(s.asRoot())
	_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})
	must(t, err)
	key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")})
	must(t, err)
	_, err = ecs.NewFromConfig(s.clientConfig(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")).ListClusters(t.Context(), nil)
	if code(err) != "AccessDeniedException" { // a call that is refused is a use
		t.Fatal(err)
	}
	stop()
	again := open(t, func(c *Config) { c.Data = s.config.Data })
	run(t, again)
	out, err := iam.NewFromConfig(again.asRoot()).GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKey.AccessKeyId})
	must(t, err)
	if used := out.AccessKeyLastUsed; *used.ServiceName != "ecs" || *used.Region != "us-east-1" || used.LastUsedDate == nil {
		t.Errorf("last used %v, %s, %s", used.LastUsedDate, *used.ServiceName, *used.Region)
	}
}
