package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/server"
)

// What a real server does not take: each is answered in the wire's own form, with what was wrong, and
// has done nothing. The requests are signed by the genuine signer and then spoiled.
func TestRefusals(t *testing.T) {
	c := startServer(t)
	before := c.everything()
	for _, r := range []struct {
		name  string
		spoil func(*wireCall)
		code  string
		words string // in the message
	}{
		{"malformed JSON", func(w *wireCall) { w.body = `{"clusterName": "half` }, "SerializationException", "clusterName"},
		{"no JSON at all", func(w *wireCall) { w.body = `clusterName=half` }, "SerializationException", ""},
		{"an unknown member", func(w *wireCall) { w.body = `{"clusterName": "half", "colour": "red"}` }, "SerializationException", "colour"},
		{"a member of another type", func(w *wireCall) { w.body = `{"clusterName": 7}` }, "SerializationException", "clusterName"},
		{"a value that may not be", func(w *wireCall) { w.body = `{"clusterName": "no good"}` }, "InvalidParameterException", "no good"},
		{"an operation that AWS has", func(w *wireCall) { w.operation("CreateTaskSet") }, "UnsupportedOperationException", "CreateTaskSet"},
		{"an operation that nobody has", func(w *wireCall) { w.operation("CreateHavoc") }, "UnknownOperationException", "CreateHavoc"},
		{"a service that is not served", func(w *wireCall) {
			w.service = "sqs"
			w.header.Set("X-Amz-Target", "AmazonSQS.CreateQueue")
		}, "UnsupportedOperationException", "sqs"},

		{"another key", func(w *wireCall) { w.keys.AccessKeyID = "AKIAEXAMPLEEXAMPLE22" }, "UnrecognizedClientException", "security token"},
		{"another secret", func(w *wireCall) { w.keys.SecretAccessKey = strings.Repeat("s", 40) }, "InvalidSignatureException", "signature"},
		{"a session token that there is not", func(w *wireCall) { w.keys.SessionToken = "token" }, "UnrecognizedClientException", "security token"},
		{"another region", func(w *wireCall) { w.region = "eu-west-1" }, "InvalidSignatureException", "'us-east-1'"},
		{"a signature for another service", func(w *wireCall) { w.service = "ecr" }, "InvalidSignatureException", "'ecs'"},
		{"signed too long ago", func(w *wireCall) { w.time = w.time.Add(-6 * time.Minute) }, "InvalidSignatureException", "Signature expired: "},
		{"signed in the future", func(w *wireCall) { w.time = w.time.Add(6 * time.Minute) }, "InvalidSignatureException", "Signature not yet current: "},
		{"another body", func(w *wireCall) { w.sent = func(r *http.Request) { setBody(r, `{"clusterName": "evil"}`) } }, "InvalidSignatureException", "signature"},
		{"another header", func(w *wireCall) {
			w.operation("ListClusters")
			w.sent = func(r *http.Request) {
				r.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.CreateCluster")
			}
		}, "InvalidSignatureException", "signature"},
		{"another date", func(w *wireCall) {
			w.sent = func(r *http.Request) { r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z")) }
			w.time = w.time.Add(-2 * time.Second)
		}, "InvalidSignatureException", "signature"},
		{"another path", func(w *wireCall) { w.sent = func(r *http.Request) { r.URL.Path = "/elsewhere" } }, "InvalidSignatureException", "signature"},
		{"no signature", func(w *wireCall) { w.sent = func(r *http.Request) { r.Header.Del("Authorization") } }, "MissingAuthenticationTokenException", ""},
		{"half a signature", func(w *wireCall) {
			w.sent = func(r *http.Request) {
				r.Header.Set("Authorization", strings.Split(r.Header.Get("Authorization"), ", Signature=")[0])
			}
		}, "IncompleteSignatureException", "Signature"},
	} {
		t.Run(r.name, func(t *testing.T) {
			w := c.newCall("ecs", `{"clusterName": "half"}`)
			w.operation("CreateCluster")
			r.spoil(w)
			answer := w.send(t)
			if answer.code != r.code || !strings.Contains(answer.message, r.words) || answer.status < 400 || answer.id == "" {
				t.Errorf("answered %+v, want %s with %q", answer, r.code, r.words)
			}
		})
	}
	want(t, c.everything(), before)

	good := c.newCall("ecs", `{"clusterName": "good"}`)
	good.operation("CreateCluster")
	if answer := good.send(t); answer.status != http.StatusOK {
		t.Errorf("a good call after all that is answered %+v", answer)
	}
}

// STS speaks the Query protocol, whose errors have other names and are XML.
func TestRefusalsInXML(t *testing.T) {
	c := startServer(t)
	for _, r := range []struct {
		name  string
		spoil func(*wireCall)
		code  string
	}{
		{"another key", func(w *wireCall) { w.keys.AccessKeyID = "AKIAEXAMPLEEXAMPLE22" }, "InvalidClientTokenId"},
		{"another secret", func(w *wireCall) { w.keys.SecretAccessKey = "secret" }, "SignatureDoesNotMatch"},
		{"signed too long ago", func(w *wireCall) { w.time = w.time.Add(-time.Hour) }, "RequestExpired"},
		{"another body", func(w *wireCall) {
			w.sent = func(r *http.Request) { setBody(r, "Action=GetCallerIdentity&Version=2011-06-15&x=y") }
		}, "SignatureDoesNotMatch"},
		{"an operation that nobody has", func(w *wireCall) { w.body = "Action=CreateHavoc&Version=2011-06-15" }, "InvalidAction"},
		{"an operation that AWS has", func(w *wireCall) {
			w.body = "Action=GetFederationToken&Version=2011-06-15&Name=ann"
		}, "UnsupportedOperation"},
		{"no signature", func(w *wireCall) { w.sent = func(r *http.Request) { r.Header.Del("Authorization") } }, "MissingAuthenticationToken"},
	} {
		t.Run(r.name, func(t *testing.T) {
			w := c.newCall("sts", "Action=GetCallerIdentity&Version=2011-06-15")
			w.header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
			r.spoil(w)
			if answer := w.send(t); answer.code != r.code || answer.id == "" {
				t.Errorf("answered %+v, want %s", answer, r.code)
			}
		})
	}
}

// The aws command with credentials that are not ours shows its user what AWS would show.
func TestAWSCommandWithWrongCredentials(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	for _, r := range []struct {
		variable, value string
		args            string
		want            string
	}{
		{"AWS_SECRET_ACCESS_KEY", "wrong", "sts get-caller-identity", "An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation: "},
		{"AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE22", "sts get-caller-identity", "An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: "},
		{"AWS_SECRET_ACCESS_KEY", "wrong", "ecr create-repository --repository-name half", "An error occurred (InvalidSignatureException) when calling the CreateRepository operation: "},
		{"AWS_DEFAULT_REGION", "eu-west-1", "ecs create-cluster --cluster-name half", "An error occurred (InvalidSignatureException) when calling the CreateCluster operation: "},
		{"AWS_SESSION_TOKEN", "token", "logs create-log-group --log-group-name half", "An error occurred (UnrecognizedClientException) when calling the CreateLogGroup operation: "},
		{"AWS_PAGER", "", "ecs create-task-set --cluster half --service half --task-definition x", "An error occurred (UnsupportedOperationException) when calling the CreateTaskSet operation: "},
	} {
		cmd := exec.Command(program(t, "aws"), append([]string{"--endpoint-url", c.endpoint}, strings.Fields(r.args)...)...)
		cmd.Env = append(c.env(), r.variable+"="+r.value)
		if r.variable == "AWS_DEFAULT_REGION" {
			cmd.Env = append(cmd.Env, "AWS_REGION="+r.value)
		}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), r.want) {
			t.Errorf("aws %s with %s=%s: %v, %s\nwant %s", r.args, r.variable, r.value, err, out, r.want)
		}
	}
	if all := c.everything(); strings.Contains(all, "half") {
		t.Errorf("a refused call has done something: %s", all)
	}
}

// A definition that could not run is refused with the place in it and the value, and is not kept.
func TestDefinitionsThatCannotRun(t *testing.T) {
	c := startServer(t)
	app := func(change func(*types.ContainerDefinition)) types.ContainerDefinition {
		d := c.app("app")
		change(&d)
		return d
	}
	for _, r := range []struct {
		name       string
		containers []types.ContainerDefinition
		want       string
	}{
		{"no container", []types.ContainerDefinition{}, "Container list cannot be empty"},
		{"no image", []types.ContainerDefinition{app(func(d *types.ContainerDefinition) { d.Image = nil })}, "containerDefinitions[0].image: Container.image should not be null or empty."},
		{"an image that is none", []types.ContainerDefinition{app(func(d *types.ContainerDefinition) { d.Image = aws.String("no image") })}, `"no image" is not the name of an image`},
		{"no memory", []types.ContainerDefinition{app(func(d *types.ContainerDefinition) { d.Memory = nil })}, "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified."},
		{"zero memory", []types.ContainerDefinition{app(func(d *types.ContainerDefinition) { d.Memory = aws.Int32(0) })}, "containerDefinitions[0].memory: 0 MiB is below the least that a container can have, 6 MiB."},
		{"two of one name", []types.ContainerDefinition{c.app("app"), c.app("app")}, `containerDefinitions[1].name: Container names must be unique within a Task Definition: containerDefinitions[0] is "app" too.`},
		{"a port twice", []types.ContainerDefinition{app(func(d *types.ContainerDefinition) {
			d.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(80), HostPort: aws.Int32(8080)}, {ContainerPort: aws.Int32(81), HostPort: aws.Int32(8080)}}
		})}, "TCP host port '8080' is mapped multiple times in task."},
		{"what Slipway does not do", []types.ContainerDefinition{app(func(d *types.ContainerDefinition) { d.Links = []string{"db"} })}, "containerDefinitions[0].links"},
		{"a log driver that there is not", []types.ContainerDefinition{app(func(d *types.ContainerDefinition) {
			d.LogConfiguration = &types.LogConfiguration{LogDriver: "fluentd"}
		})}, `"fluentd" is not supported by Slipway; use awslogs.`},
	} {
		_, err := c.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("half"), ContainerDefinitions: r.containers})
		if !isAPIError(err, "ClientException") || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v\nwant ClientException: %s", r.name, err, r.want)
		}
	}
	if all := c.everything(); strings.Contains(all, "half") {
		t.Errorf("a refused definition is there: %s", all)
	}
}

// What is not there is told so by every service in its own words.
func TestWhatIsNotThere(t *testing.T) {
	c := startServer(t)
	ctx, nowhere := t.Context(), aws.String("nowhere")
	_, group := c.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: nowhere, LogStreamName: nowhere})
	_, stream := c.logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: nowhere, LogStreamName: nowhere})
	_, definition := c.ecs.RunTask(ctx, &ecs.RunTaskInput{TaskDefinition: nowhere})
	_, cluster := c.ecs.ListTasks(ctx, &ecs.ListTasksInput{Cluster: nowhere})
	_, repository := c.ecr.ListImages(ctx, &ecr.ListImagesInput{RepositoryName: nowhere})
	for _, r := range []struct {
		err        error
		code, text string
	}{
		{group, "ResourceNotFoundException", "The specified log group does not exist."},
		{stream, "ResourceNotFoundException", "The specified log group does not exist."},
		{definition, "ClientException", "TaskDefinition not found."},
		{cluster, "ClusterNotFoundException", "Cluster not found."},
		{repository, "RepositoryNotFoundException", "The repository with name 'nowhere' does not exist in the registry with id '"},
	} {
		if !isAPIError(r.err, r.code) || !strings.Contains(r.err.Error(), r.text) {
			t.Errorf("error %v\nwant %s: %s", r.err, r.code, r.text)
		}
	}
}

// wireCall is a call by hand, right until something of it is spoiled.
type wireCall struct {
	endpoint, service, region string
	header                    http.Header
	body                      string
	time                      time.Time
	keys                      aws.Credentials
	sent                      func(*http.Request) // does to the signed request what happens on its way
}

func (c *cloud) newCall(service, body string) *wireCall {
	c.t.Helper()
	creds, err := server.ReadCredentials(c.data)
	if err != nil {
		c.t.Fatal(err)
	}
	return &wireCall{
		endpoint: creds.Endpoint, service: service, region: creds.Region,
		header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		body:   body, time: time.Now(),
		keys: aws.Credentials{AccessKeyID: creds.AccessKeyID, SecretAccessKey: creds.SecretAccessKey},
		sent: func(*http.Request) {},
	}
}

// operation names an operation of ECS.
func (w *wireCall) operation(name string) {
	w.header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113."+name)
}

// wireAnswer is an answer, and its error in whichever protocol it is.
type wireAnswer struct {
	status            int
	code, message, id string
}

func (w *wireCall) send(t *testing.T) wireAnswer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.endpoint+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = w.header.Clone()
	setBody(r, w.body)
	sum := sha256.Sum256([]byte(w.body))
	if err := v4.NewSigner().SignHTTP(t.Context(), w.keys, r, hex.EncodeToString(sum[:]), w.service, w.region, w.time); err != nil {
		t.Fatal(err)
	}
	w.sent(r)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, resp, text)
}

func readAnswer(t *testing.T, resp *http.Response, text []byte) wireAnswer {
	t.Helper()
	a := wireAnswer{status: resp.StatusCode, id: resp.Header.Get("X-Amzn-Requestid")}
	if resp.Header.Get("Content-Type") == "text/xml" {
		var body struct {
			Error struct{ Code, Message string }
		}
		if err := xml.Unmarshal(text, &body); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		a.code, a.message = body.Error.Code, body.Error.Message
		return a
	}
	var body struct {
		Type    string `json:"__type"`
		Message string
	}
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	a.code, a.message = body.Type, body.Message
	return a
}

func setBody(r *http.Request, body string) {
	r.Body = io.NopCloser(strings.NewReader(body))
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
}

// everything is the names of all that a refused call could have made.
func (c *cloud) everything() string {
	c.t.Helper()
	ctx := c.t.Context()
	clusters, err1 := c.ecs.ListClusters(ctx, &ecs.ListClustersInput{})
	definitions, err2 := c.ecs.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{})
	repositories, err3 := c.ecr.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{})
	groups, err4 := c.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		c.t.Fatal(err)
	}
	all := slices.Concat(clusters.ClusterArns, definitions.TaskDefinitionArns)
	for _, r := range repositories.Repositories {
		all = append(all, aws.ToString(r.RepositoryArn))
	}
	for _, g := range groups.LogGroups {
		all = append(all, aws.ToString(g.Arn))
	}
	return strings.Join(all, "\n")
}
