package server

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"slipway/accounts"
	"slipway/api/awswire/wiretest"
	"slipway/blob"
	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/functions"
	"slipway/ingress"
	"slipway/internal/plainbody"
	"slipway/logs"
	"slipway/registry"
	"slipway/secrets"
	"slipway/store"
)

// kind is what a caller may.
type kind int

const (
	mayAll kind = iota
	mayNothing
	unproven
)

type caller struct {
	name    string
	kind    kind
	account int // of matrixWorld.accounts
	config  aws.Config
	code    string // of an unproven caller's answer
}

// things are what inputs name.
type things struct {
	name, task, node, key, account string
	digest                         registry.Digest
	balancer, group                string // ids that end the ARNs of a load balancer and of a target group
}

// matrixWorld is a server with two accounts that have the same things, by the same names.
type matrixWorld struct {
	t        *testing.T
	server   *Server
	accounts [2]string
	roots    [2]accounts.Key
	here     [2]things
	gone     things
	started  int64 // milliseconds since 1970
	calls    int
	foreign  int // calls that could name another account's
}

const (
	allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	denyAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*"}]}`
)

func newMatrixWorld(t *testing.T, database string) *matrixWorld {
	t.Helper()
	w := &matrixWorld{t: t, started: time.Now().UnixMilli(), server: open(t, func(c *Config) { c.Store = database })}
	run(t, w.server)
	other, err := w.server.accounts.CreateAccount(t.Context(), "other")
	w.must(err)
	w.accounts = [2]string{w.server.root.Owner.Account, other.ID}
	w.gone = things{"matrix-gone", strings.Repeat("f", 32), strings.Repeat("e", 32), "AKIAMATRIXGONE234567", "999999999999", blob.DigestOf([]byte("gone")), "1", "1"}
	hello := clustertest.Hello('a', 2048, 2048)
	hello.Account = w.accounts[0] // whose the node is
	clustertest.Join(t, w.server.cluster, hello)
	for i, account := range w.accounts {
		w.roots[i], err = w.server.accounts.CreateKey(t.Context(), account)
		w.must(err)
		w.here[i] = w.fill(account, w.accounts[1-i])
	}
	return w
}

// denying is a policy that lets in an account's own, and turns another away by name.
func denying(own, other, actions, more string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + own + `"},"Action":"` + actions + `"` + more + `},
		{"Effect":"Deny","Principal":{"AWS":"` + other + `"},"Action":"` + actions + `"` + more + `}]}`
}

func (w *matrixWorld) must(err error) {
	w.t.Helper()
	must(w.t, err)
}

// fill makes one thing of every kind in an account. What has a policy of its own turns the other
// account away.
func (w *matrixWorld) fill(account, other string) things {
	ctx, s, here := w.t.Context(), w.server, things{name: "matrix-here", task: strings.Repeat("0", 32), node: strings.Repeat("a", 32), account: account}
	user, role, group := accounts.KindUser, accounts.KindRole, accounts.KindGroup
	_, err := s.accounts.CreateUser(ctx, account, accounts.NewUser{Name: here.name, Path: "/"})
	w.must(err)
	key, _, err := s.accounts.CreateUserKey(ctx, account, here.name)
	w.must(err)
	here.key = key.ID
	_, err = s.accounts.CreateGroup(ctx, account, here.name, "/")
	w.must(err)
	_, err = s.accounts.CreateRole(ctx, account, accounts.NewRole{Name: here.name, Path: "/", Trust: denying(account, other, "sts:AssumeRole", "")})
	w.must(err)
	_, err = s.accounts.CreateProfile(ctx, account, here.name, "/", nil)
	w.must(err)
	_, err = s.accounts.CreatePolicy(ctx, account, accounts.NewPolicy{Name: here.name, Path: "/", Document: allowAll})
	w.must(err)
	for _, kind := range []accounts.Kind{user, group, role} {
		w.must(s.accounts.PutInline(ctx, account, kind, here.name, accounts.InlinePolicy{Name: here.name, Document: allowAll}))
	}

	_, err = s.registry.CreateRepository(ctx, account, here.name, registry.Mutability{}, nil)
	w.must(err)
	w.must(s.registry.SetPolicy(ctx, account, here.name, denying(account, other, "ecr:*", "")))
	here.digest = w.push(account, here.name)
	_, err = s.cluster.CreateCluster(ctx, account, here.name, nil)
	w.must(err)
	_, err = s.cluster.CreateProvider(ctx, cluster.Provider{Account: account, Name: here.name, Machines: here.name, Settings: cluster.DefaultProviderSettings()})
	w.must(err)
	spec := taskdef.Spec{Containers: []taskdef.Container{{Name: "main", Image: "busybox", Essential: true, Memory: new(64)}}}
	_, err = s.cluster.Register(ctx, account, "", here.name, spec, nil)
	w.must(err)
	if account == w.accounts[0] { // the nodes are its own
		started, err := s.cluster.RunTask(ctx, account, cluster.Run{Cluster: here.name, Definition: taskdef.Ref{Family: here.name}, Count: 1})
		w.must(err)
		here.task = started.Tasks[0].ID
	}
	w.must(s.logs.CreateGroup(ctx, account, here.name, nil))
	w.must(s.logs.CreateStream(ctx, account, here.name, here.name))
	_, err = s.logs.PutPolicy(ctx, account, "deny", denying(account, other, "logs:*", `,"Resource":"*"`))
	w.must(err)
	_, err = s.logs.Put(ctx, account, here.name, here.name, []logs.Event{{Time: time.Now().UnixMilli(), Message: "hello"}})
	w.must(err)
	_, _, err = s.secrets.PutParameter(ctx, secrets.NewParameter{Account: account, Name: here.name, Value: "hello", Type: secrets.TypeSecure})
	w.must(err)
	_, _, err = s.secrets.CreateSecret(ctx, secrets.NewSecret{Account: account, Name: here.name, Value: secrets.Value{Bytes: []byte("hello")}})
	w.must(err)
	_, err = s.secrets.SetPolicy(ctx, s.secrets.SecretRef(account, here.name), denying(account, other, "secretsmanager:*", `,"Resource":"*"`), true)
	w.must(err)
	id := func(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
	balancer, err := s.ingress.CreateBalancer(ctx, ingress.Balancer{Account: account, Name: here.name, Type: ingress.Application, Scheme: "internal"})
	w.must(err)
	targets, err := s.ingress.CreateGroup(ctx, ingress.Group{Account: account, Name: here.name, Protocol: ingress.HTTP, Version: ingress.HTTP1, Port: 80, By: ingress.ByIP, Check: ingress.DefaultCheck(ingress.HTTP, ingress.HTTP1)})
	w.must(err)
	here.balancer, here.group = id(balancer.ARN), id(targets.ARN)
	w.fillFunctions(account, here.name)
	return here
}

// trusting is the trust policy of roles that an account's own may assume.
func trusting(account string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`
}

// push pushes an image of one blob, and returns the blob's digest.
func (w *matrixWorld) push(account, repository string) registry.Digest {
	ctx, r, config := w.t.Context(), w.server.registry, []byte("{}")
	id, err := r.StartUpload(ctx, account, repository)
	w.must(err)
	_, err = r.Append(ctx, account, repository, id, 0, bytes.NewReader(config))
	w.must(err)
	digest := blob.DigestOf(config)
	_, err = r.FinishUpload(ctx, account, repository, id, digest)
	w.must(err)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[]}`,
		registry.MediaTypeOCIManifest, digest, len(config))
	_, _, err = r.PutManifest(ctx, account, repository, registry.Push{Raw: []byte(manifest), MediaType: registry.MediaTypeOCIManifest, Tag: "v1"})
	w.must(err)
	return digest
}

func (w *matrixWorld) config(id, secret, token string) aws.Config {
	c := w.server.clientConfig(id, secret, token)
	c.HTTPClient = plainbody.Client(http.DefaultClient)
	return c
}

// callers are all kinds of them.
func (w *matrixWorld) callers() []caller {
	root := func(i int) aws.Config { return w.config(w.roots[i].ID, w.roots[i].Secret, "") }
	all := []caller{
		{name: "root", config: root(0)},
		{name: "allowed user", config: w.user(0, "caller-allowed", allowAll)},
		{name: "assumed role", config: w.session("caller-role", "")},
		{name: "other root", account: 1, config: root(1)},
		{name: "other admin", account: 1, config: w.user(1, "caller-admin", allowAll)},
		{name: "denied user", kind: mayNothing, config: w.user(0, "caller-denied", "")},
		{name: "forbidden user", kind: mayNothing, config: w.user(0, "caller-forbidden", denyAll)},
		{name: "bounded user", kind: mayNothing, config: w.bounded("caller-bounded")},
		{name: "narrowed session", kind: mayNothing, config: w.session("caller-narrowed", denyAll)},
		{name: "other denied user", kind: mayNothing, account: 1, config: w.user(1, "caller-denied", "")},
	}
	revoked := w.user(0, "caller-revoked", allowAll)
	key, err := revoked.Credentials.Retrieve(w.t.Context())
	w.must(err)
	w.must(w.server.accounts.DeleteUserKey(w.t.Context(), w.accounts[0], "caller-revoked", key.AccessKeyID))
	unsigned := w.config("", "", "")
	unsigned.Credentials = nil
	return append(all,
		caller{name: "revoked key", kind: unproven, config: revoked, code: "UnrecognizedClientException|InvalidClientTokenId"},
		caller{name: "expired session", kind: unproven, config: w.expired("caller-expired"), code: "ExpiredToken"},
		caller{name: "no signature", kind: unproven, config: unsigned, code: "MissingAuthenticationToken"})
}

// user makes a user who may do what a document says, and returns what it takes to call as them.
func (w *matrixWorld) user(account int, name, document string) aws.Config {
	ctx, room := w.t.Context(), w.server.accounts
	_, err := room.CreateUser(ctx, w.accounts[account], accounts.NewUser{Name: name, Path: "/"})
	w.must(err)
	if document != "" {
		w.must(room.PutInline(ctx, w.accounts[account], accounts.KindUser, name, accounts.InlinePolicy{Name: "all", Document: document}))
	}
	key, _, err := room.CreateUserKey(ctx, w.accounts[account], name)
	w.must(err)
	return w.config(key.ID, key.Secret, "")
}

// bounded makes a user whose policies allow everything and whose boundary allows nothing.
func (w *matrixWorld) bounded(name string) aws.Config {
	ctx, room, account := w.t.Context(), w.server.accounts, w.accounts[0]
	_, err := room.CreatePolicy(ctx, account, accounts.NewPolicy{Name: name, Path: "/", Document: strings.ReplaceAll(allowAll, `"Action":"*"`, `"Action":"none:*"`)})
	w.must(err)
	config := w.user(0, name, allowAll)
	w.must(room.SetBoundary(ctx, account, accounts.KindUser, name, "arn:aws:iam::"+account+":policy/"+name))
	return config
}

// session makes a role that may do everything, and a session of it, narrowed by a policy if there is one.
func (w *matrixWorld) session(name, policy string) aws.Config {
	ctx, room, account := w.t.Context(), w.server.accounts, w.accounts[0]
	_, err := room.CreateRole(ctx, account, accounts.NewRole{Name: name, Path: "/", Trust: trusting(account)})
	w.must(err)
	w.must(room.PutInline(ctx, account, accounts.KindRole, name, accounts.InlinePolicy{Name: "all", Document: allowAll}))
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/" + name), RoleSessionName: aws.String("matrix")}
	if policy != "" {
		in.Policy = &policy
	}
	got, err := sts.NewFromConfig(w.user(0, name+"-user", allowAll)).AssumeRole(ctx, in)
	w.must(err)
	return w.config(*got.Credentials.AccessKeyId, *got.Credentials.SecretAccessKey, *got.Credentials.SessionToken)
}

// expired is a session that has ended.
func (w *matrixWorld) expired(name string) aws.Config {
	config := w.session(name, "")
	c, err := config.Credentials.Retrieve(w.t.Context())
	w.must(err)
	w.must(w.server.db.Update(w.t.Context(), func(tx *store.Tx) error {
		tx.Touch("accounts.keys")
		_, err := tx.Exec(`update sessions set expires = $1 where id = $2`, store.Micros(tx.Now.Add(-time.Minute)), c.AccessKeyID)
		return err
	}))
	config.Credentials = credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	return config
}

// sample names things of an account by ARNs and the like, so that another account's can be named.
// What can only be named within the caller's account is own.
func (w *matrixWorld) sample(service, account string, of, own things, form form) wiretest.Sample {
	arn := func(service, region, resource string) string {
		return "arn:aws:" + service + ":" + region + ":" + account + ":" + resource
	}
	region := w.server.config.Region
	iam := func(kind string) string { return arn("iam", "", kind+"/"+of.name) }
	s := wiretest.Sample{}
	set := func(more wiretest.Sample) {
		for name, value := range more {
			s[name] = value
		}
	}
	switch service {
	case "ecs":
		named := func(kind, name string) string { return arn("ecs", region, kind+"/"+name) }
		set(wiretest.Sample{
			"clusterName": own.name, "cluster": named("cluster", of.name), "clusters": []string{named("cluster", of.name)},
			"taskDefinition": named("task-definition", of.name+":1"), "family": own.name,
			"containerDefinitions": []any{map[string]any{"name": "main", "image": "busybox", "memory": 64}}, "taskRoleArn": iam("role"),
			"task": named("task", of.name+"/"+of.task), "tasks": []string{named("task", of.name+"/"+of.task)},
			"containerInstances": []string{named("container-instance", of.name+"/"+of.node)}, "containerInstance": named("container-instance", of.name+"/"+of.node),
			"resourceArn": named("cluster", of.name), "tags": []any{map[string]any{"key": "a", "value": "b"}}, "tagKeys": []string{"a"},
			"UpdateContainerInstancesState.status": "ACTIVE", "targetType": "container-instance",
			"attributes":                  []any{map[string]any{"name": "rack", "value": "r1", "targetId": named("container-instance", of.name+"/"+of.node)}},
			"CreateCapacityProvider.name": "new-" + own.name, "CreateCapacityProvider.cluster": nil, "CreateCapacityProvider.autoScalingGroupProvider": map[string]any{"autoScalingGroupArn": "new"},
			"UpdateCapacityProvider.name": named("capacity-provider", of.name), "UpdateCapacityProvider.cluster": nil, "UpdateCapacityProvider.autoScalingGroupProvider": map[string]any{"managedDraining": "DISABLED"},
			"capacityProvider": named("capacity-provider", of.name), "capacityProviders": []string{named("capacity-provider", of.name)}, "DeleteCapacityProvider.cluster": nil,
			"CreateCluster.capacityProviders": nil, "defaultCapacityProviderStrategy": []any{}, "UpdateClusterSettings.settings": []any{map[string]any{"name": "containerInsights", "value": "disabled"}},
			"PutAccountSetting.name": "awsvpcTrunking", "PutAccountSettingDefault.name": "awsvpcTrunking", "DeleteAccountSetting.name": "awsvpcTrunking", "value": "enabled", "ListAccountSettings.value": nil,
			"service": named("service", of.name+"/web"), "services": []string{named("service", of.name+"/web")}, "serviceDeploymentArn": named("service-deployment", of.name+"/web/a1b2c3d4e5f6g7h8i9j0k"),
			"serviceDeploymentArns": []string{named("service-deployment", of.name+"/web/a1b2c3d4e5f6g7h8i9j0k")}, "serviceRevisionArns": []string{named("service-revision", of.name+"/web/1")},
		})
	case "ecr":
		set(wiretest.Sample{
			"registryId": account, "repositoryName": of.name, "repositoryNames": []string{of.name}, "resourceArn": arn("ecr", region, "repository/"+of.name),
			"tags": []any{map[string]any{"Key": "a", "Value": "b"}}, "tagKeys": []string{"a"}, "imageIds": []any{map[string]any{"imageTag": "v1"}},
			"layerDigest": of.digest, "layerDigests": []string{string(of.digest)}, "uploadId": "01234567-89ab-cdef-0123-456789abcdef", "imageManifest": "{}",
			"policyText": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`, "GetAuthorizationToken.registryIds": nil,
			"DescribeImages.imageIds": nil, "imageId": map[string]any{"imageTag": "v1"}, "subjectId": map[string]any{"imageDigest": string(of.digest)},
			"lifecyclePolicyText": policyOfLife, "prefix": own.name, "appliedFor": []string{"CREATE_ON_PUSH"}, "principalArn": "arn:aws:iam::" + own.account + ":role/" + own.name,
			"ecrRepositoryPrefix": own.name, "ecrRepositoryPrefixes": []string{own.name}, "upstreamRegistryUrl": "127.0.0.1:1", "UpdatePullThroughCacheRule.customRoleArn": "",
			"GetLifecyclePolicyPreview.imageIds": nil, "name": "BLOB_MOUNTING", "value": "ENABLED",
		})
	case "logs":
		group := arn("logs", region, "log-group:"+of.name)
		set(wiretest.Sample{
			"logGroupName": own.name, "logStreamName": own.name, "retentionInDays": 7, "tags": map[string]any{"a": "b"}, "tagKeys": []string{"a"},
			"logGroupIdentifier": group, "logGroupIdentifiers": []string{group}, "resourceArn": group, "policyName": own.name,
			"policyDocument":                `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"logs:PutLogEvents","Resource":"*"}]}`,
			"PutResourcePolicy.resourceArn": nil, "DescribeResourcePolicies.resourceArn": nil, "DeleteResourcePolicy.resourceArn": nil,
			"destination": "matrix", "from": 1, "to": w.started, "taskId": own.name,
			"logEvents": []any{map[string]any{"timestamp": w.started, "message": "hello"}},
		})
		for _, operation := range []string{"DescribeLogStreams", "GetLogEvents", "FilterLogEvents"} {
			s[operation+".logGroupName"] = nil
		}
	case "iam":
		set(wiretest.Sample{
			"UserName": own.name, "GroupName": own.name, "RoleName": own.name, "InstanceProfileName": own.name, "PolicyName": own.name,
			"CreateUser.UserName": "new-" + own.name, "CreateGroup.GroupName": "new-" + own.name, "CreateRole.RoleName": "new-" + own.name,
			"CreateInstanceProfile.InstanceProfileName": "new-" + own.name, "CreatePolicy.PolicyName": "new-" + own.name,
			"PolicyArn": iam("policy"), "PermissionsBoundary": iam("policy"), "PolicySourceArn": iam("user"), "AccessKeyId": of.key,
			"PolicyDocument": allowAll, "AssumeRolePolicyDocument": trusting(own.account), "UpdateAssumeRolePolicy.PolicyDocument": trusting(own.account),
			"VersionId": "v1", "Tags": []any{map[string]any{"Key": "a", "Value": "b"}}, "TagKeys": []string{"a"}, "Status": "Active",
			"AWSServiceName": "ecs.amazonaws.com", "AccountAlias": "matrix-" + own.name, "DeletionTaskId": "task/aws-service-role/ecs.amazonaws.com/" + own.name + "/1",
			"ActionNames": []string{"iam:GetUser"}, "PolicyInputList": []string{allowAll}, "PathPrefix": "/",
		})
	case "ssm":
		parameter := arn("ssm", region, "parameter/"+of.name)
		set(wiretest.Sample{
			"Name": parameter, "Names": []string{parameter}, "ResourceType": "Parameter", "ResourceId": parameter, "Path": "/",
			"PutParameter.Name": own.name, "Overwrite": true, "Value": "hello", "Labels": []string{"prod"}, "ParameterVersion": 1,
			"AddTagsToResource.Tags": []any{map[string]any{"Key": "a", "Value": "b"}}, "TagKeys": []string{"a"},
		})
	case "secretsmanager":
		secret := arn("secretsmanager", region, "secret:"+of.name)
		set(wiretest.Sample{
			"SecretId": secret, "SecretIdList": []string{secret}, "Name": "new-" + own.name, "SecretString": "hello", "VersionStage": "AWSCURRENT",
			"Tags": []any{map[string]any{"Key": "a", "Value": "b"}}, "TagKeys": []string{"a"},
			"ResourcePolicy": denying(own.account, "999999999999", "secretsmanager:*", `,"Resource":"*"`),
		})
	case "elasticloadbalancing":
		group, balancer, listener, rule := arn(service, region, "targetgroup/"+of.name+"/"+of.group), arn(service, region, "loadbalancer/app/"+of.name+"/"+of.balancer), arn(service, region, "listener/app/"+of.name+"/1/1"), arn(service, region, "listener-rule/app/"+of.name+"/1/1/1")
		forward := []any{map[string]any{"Type": "forward", "TargetGroupArn": group}}
		set(wiretest.Sample{
			"Name": "new-" + own.name, "CreateTargetGroup.Protocol": "HTTP", "Port": 80, "CreateLoadBalancer.Type": "application", "LoadBalancerArn": balancer, "TargetGroupArn": group,
			"ListenerArn": listener, "RuleArn": rule, "ResourceArns": []string{group}, "TagKeys": []string{"a"}, "Tags": []any{map[string]any{"Key": "a", "Value": "b"}},
			"DefaultActions": forward, "Actions": forward, "Conditions": []any{map[string]any{"Field": "path-pattern", "Values": []string{"/x"}}}, "CreateListener.Protocol": "HTTP",
			"Targets": []any{map[string]any{"Id": "127.0.0.1", "Port": 1}}, "RulePriorities": []any{map[string]any{"RuleArn": rule, "Priority": 2}}, "Priority": 1,
			"Subnets": []string{"subnet-1"}, "SecurityGroups": []string{"sg-1"}, "Attributes": []any{map[string]any{"Key": "deletion_protection.enabled", "Value": "false"}},
			"ModifyTargetGroupAttributes.Attributes": []any{map[string]any{"Key": "stickiness.enabled", "Value": "false"}},
		})
	case "lambda":
		s = functionSample(arn("lambda", region, "function:"+of.name), arn("lambda", region, "layer:"+of.name), of, own)
	case "slipway":
		set(wiretest.Sample{"functionName": arn("lambda", region, "function:"+of.name), "requestId": "01234567-89ab-cdef-0123-456789abcdef"})
	case "sts":
		set(wiretest.Sample{"RoleArn": iam("role"), "RoleSessionName": "matrix", "AccessKeyId": of.key})
	case "organizations":
		set(wiretest.Sample{"AccountId": of.account, "ChildId": of.account, "ResourceId": of.account, "AccountName": "new", "Email": "new@example.com", "CreateAccountRequestId": "car-" + strings.Repeat("0", 32)})
	}
	if form == byName {
		set(named(service, of))
	}
	return s
}

// form is how an input names what it is about.
type form int

const (
	byARN  form = iota // or with the id of its account
	byName             // as what is the caller's can be named
)

// named are names of what is one's own.
func named(service string, of things) wiretest.Sample {
	switch service {
	case "ecs":
		return wiretest.Sample{
			"cluster": of.name, "clusters": []string{of.name}, "taskDefinition": of.name, "DeregisterTaskDefinition.taskDefinition": of.name + ":1",
			"task": of.task, "tasks": []string{of.task}, "containerInstances": []string{of.node}, "containerInstance": of.node, "taskRoleArn": of.name,
			"attributes": []any{map[string]any{"name": "rack", "value": "r1", "targetId": of.node}},
		}
	case "ecr":
		return wiretest.Sample{"registryId": nil}
	case "ssm":
		return wiretest.Sample{"Name": of.name, "Names": []string{of.name}, "ResourceId": of.name, "PutParameter.Name": of.name}
	case "secretsmanager":
		return wiretest.Sample{"SecretId": of.name}
	case "lambda":
		return wiretest.Sample{"FunctionName": of.name, "LayerName": of.name}
	case "logs":
		return wiretest.Sample{"logGroupIdentifier": of.name, "logGroupIdentifiers": []string{of.name}}
	}
	return nil
}

// stillThere makes sure that what callers were denied was there all the time.
func (w *matrixWorld) stillThere() {
	w.t.Helper()
	ctx, s := w.t.Context(), w.server
	for i, account := range w.accounts {
		name := w.here[i].name
		for _, kind := range []accounts.Kind{accounts.KindUser, accounts.KindGroup, accounts.KindRole, accounts.KindProfile, accounts.KindPolicy} {
			_, err := s.accounts.Entity(ctx, account, kind, name)
			w.must(err)
		}
		_, err := s.registry.DecidingPolicy(ctx, account, name)
		w.must(err)
		_, err = s.registry.BlobSize(ctx, account, name, w.here[i].digest)
		w.must(err)
		_, err = s.logs.Tags(ctx, account, name)
		w.must(err)
		_, err = s.secrets.Parameter(ctx, s.secrets.ParameterRef(account, name), true)
		w.must(err)
		_, err = s.ingress.Balancers(ctx, account, ingress.Find{Names: []string{name}})
		w.must(err)
		_, err = s.ingress.Groups(ctx, account, ingress.Find{Names: []string{name}})
		w.must(err)
		_, err = s.functions.Alias(ctx, functions.Ref{Account: account, Name: name, Qualifier: "live"})
		w.must(err)
		_, err = s.functions.GetLayer(ctx, functions.LayerRef{Account: account, Name: name, Version: 1})
		w.must(err)
		_, _, err = s.secrets.ReadValue(ctx, s.secrets.SecretRef(account, name), "", "")
		w.must(err)
		found, _, err := s.cluster.Clusters(ctx, account, []string{name})
		w.must(err)
		definition, err := s.cluster.Definition(ctx, account, taskdef.Ref{Family: name, Revision: 1})
		w.must(err)
		if found[0].Status != cluster.Active || definition.Status != cluster.Active {
			w.t.Errorf("cluster %+v, definition %+v", found, definition)
		}
	}
}

const policyOfLife = `{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 9}, "action": {"type": "expire"}}]}`
