package elbv2_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"slipway/api/awswire/wiretest"
	door "slipway/api/elbv2"
	"slipway/ingress"
	"slipway/store"
	"slipway/store/storetest"
)

// world is a door that real clients call, of a room that serves.
type world struct {
	*elb.Client
	t    *testing.T
	room *ingress.Control
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	room, err := ingress.New(t.Context(), db, ingress.Config{Region: wiretest.Region})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		room.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return &world{elb.NewFromConfig(wiretest.Start(t, door.New(room))), t, room}
}

func each(t *testing.T, test func(w *world)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newWorld(t, db)) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks what a client is told.
func refused(t testing.TB, err error, code, text string) {
	t.Helper()
	var fault smithy.APIError
	if !errors.As(err, &fault) {
		t.Errorf("error %v, want %s", err, code)
	} else if fault.ErrorCode() != code || !strings.Contains(fault.ErrorMessage(), text) {
		t.Errorf("told %s: %s\nwant %s: %s", fault.ErrorCode(), fault.ErrorMessage(), code, text)
	}
}

func freePort(t testing.TB) int32 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return int32(l.Addr().(*net.TCPAddr).Port)
}

func (w *world) balancer(name string) types.LoadBalancer {
	w.t.Helper()
	out, err := w.CreateLoadBalancer(w.t.Context(), &elb.CreateLoadBalancerInput{Name: &name, Subnets: []string{"subnet-1", "subnet-2"}, SecurityGroups: []string{"sg-1"}})
	must(w.t, err)
	return out.LoadBalancers[0]
}

func (w *world) group(name string) types.TargetGroup {
	w.t.Helper()
	out, err := w.CreateTargetGroup(w.t.Context(), &elb.CreateTargetGroupInput{Name: &name, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: types.TargetTypeEnumIp, VpcId: aws.String("vpc-1")})
	must(w.t, err)
	return out.TargetGroups[0]
}

func forward(group *string) []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: group}}
}

// listener makes a listener on a port that is free, and returns the port.
func (w *world) listener(balancer *string, actions []types.Action) (types.Listener, string) {
	w.t.Helper()
	for try := 0; ; try++ {
		port := freePort(w.t)
		out, err := w.CreateListener(w.t.Context(), &elb.CreateListenerInput{LoadBalancerArn: balancer, Protocol: types.ProtocolEnumHttp, Port: &port, DefaultActions: actions})
		if err == nil {
			return out.Listeners[0], strconv.Itoa(int(port))
		}
		if try == 5 {
			w.t.Fatal(err)
		}
	}
}

func get(t testing.TB, port, path string) string {
	t.Helper()
	res, err := http.Get("http://127.0.0.1:" + port + path)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	return fmt.Sprint(res.StatusCode, " ", string(body))
}

func TestEveryOperationIsBound(t *testing.T) {
	if names := door.New(nil).Unbound(); len(names) > 0 {
		t.Errorf("not bound: %v", names)
	}
}

// target starts a server.
func (w *world) target(says string) types.TargetDescription {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, says) }))
	w.t.Cleanup(server.Close)
	return types.TargetDescription{Id: aws.String("127.0.0.1"), Port: aws.Int32(int32(server.Listener.Addr().(*net.TCPAddr).Port))}
}

func (w *world) state(group *string, i int) types.TargetHealth {
	w.t.Helper()
	out, err := w.DescribeTargetHealth(w.t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: group})
	must(w.t, err)
	if len(out.TargetHealthDescriptions) <= i {
		return types.TargetHealth{}
	}
	return *out.TargetHealthDescriptions[i].TargetHealth
}

func (w *world) until(group *string, state types.TargetHealthStateEnum) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); w.state(group, 0).State != state; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("the target is never %s: it is %+v", state, w.state(group, 0))
		}
	}
}

func TestALoadBalancerAsTheSDKSeesIt(t *testing.T) {
	each(t, func(w *world) {
		t, c := w.t, w.t.Context()
		lb, tg := w.balancer("web"), w.group("web")
		if again := w.balancer("web"); *again.LoadBalancerArn != *lb.LoadBalancerArn {
			t.Errorf("made again it is %s", *again.LoadBalancerArn)
		}
		if lb.State.Code != types.LoadBalancerStateEnumActive || !strings.HasPrefix(*lb.DNSName, "web-") || !strings.HasSuffix(*lb.DNSName, ".elb.localhost") ||
			len(lb.AvailabilityZones) != 2 || *lb.AvailabilityZones[1].SubnetId != "subnet-2" || lb.SecurityGroups[0] != "sg-1" ||
			!strings.HasPrefix(*lb.LoadBalancerArn, "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/") {
			t.Errorf("the load balancer is %+v", lb)
		}
		if *tg.HealthCheckPath != "/" || *tg.Matcher.HttpCode != "200" || *tg.ProtocolVersion != "HTTP1" || *tg.HealthCheckPort != "traffic-port" || *tg.HealthyThresholdCount != 5 {
			t.Errorf("the target group is %+v", tg)
		}
		_, err := w.RegisterTargets(c, &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: []types.TargetDescription{w.target("hello")}})
		must(t, err)
		w.until(tg.TargetGroupArn, types.TargetHealthStateEnumUnused)
		_, port := w.listener(lb.LoadBalancerArn, forward(tg.TargetGroupArn))
		if got := get(t, port, "/"); got != "200 hello" {
			t.Errorf("answered %s", got)
		}
		w.until(tg.TargetGroupArn, types.TargetHealthStateEnumHealthy)

		groups, err := w.DescribeTargetGroups(c, &elb.DescribeTargetGroupsInput{LoadBalancerArn: lb.LoadBalancerArn})
		must(t, err)
		if len(groups.TargetGroups) != 1 || groups.TargetGroups[0].LoadBalancerArns[0] != *lb.LoadBalancerArn {
			t.Errorf("its groups are %+v", groups.TargetGroups)
		}
		_, err = w.DeleteTargetGroup(c, &elb.DeleteTargetGroupInput{TargetGroupArn: tg.TargetGroupArn})
		refused(t, err, "ResourceInUse", "Target group '"+*tg.TargetGroupArn+"' is currently in use by a listener or a rule")
		_, err = w.DeleteLoadBalancer(c, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
		must(t, err)
		if line, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			line.Close()
			t.Error("it still listens")
		}
		_, err = w.DeleteTargetGroup(c, &elb.DeleteTargetGroupInput{TargetGroupArn: tg.TargetGroupArn})
		must(t, err)
		_, err = w.DescribeLoadBalancers(c, &elb.DescribeLoadBalancersInput{Names: []string{"web"}})
		refused(t, err, "LoadBalancerNotFound", "Load balancers '[web]' not found")
	})
}

func TestDeregistrationAsTheSDKSeesIt(t *testing.T) {
	each(t, func(w *world) {
		t, c := w.t, w.t.Context()
		lb, tg := w.balancer("web"), w.group("web")
		targets := []types.TargetDescription{w.target("one")}
		_, err := w.RegisterTargets(c, &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: targets})
		must(t, err)
		_, port := w.listener(lb.LoadBalancerArn, forward(tg.TargetGroupArn))
		_, err = w.DeregisterTargets(c, &elb.DeregisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: targets})
		must(t, err)
		if s := w.state(tg.TargetGroupArn, 0); s.State != types.TargetHealthStateEnumDraining || s.Reason != types.TargetHealthReasonEnumDeregistrationInProgress {
			t.Errorf("it is %+v", s)
		}
		if got := get(t, port, "/"); !strings.HasPrefix(got, "503") {
			t.Errorf("answered %s", got)
		}
		_, err = w.RegisterTargets(c, &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: targets})
		must(t, err)
		if got := get(t, port, "/"); got != "200 one" {
			t.Errorf("registered again, it answers %s", got)
		}
		_, err = w.ModifyTargetGroupAttributes(c, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: tg.TargetGroupArn, Attributes: []types.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("0")}}})
		must(t, err)
		_, err = w.DeregisterTargets(c, &elb.DeregisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: targets})
		must(t, err)
		w.until(tg.TargetGroupArn, "")
		out, err := w.DescribeTargetHealth(c, &elb.DescribeTargetHealthInput{TargetGroupArn: tg.TargetGroupArn, Targets: targets})
		must(t, err)
		if h := out.TargetHealthDescriptions[0].TargetHealth; h.Reason != types.TargetHealthReasonEnumNotRegistered || h.State != types.TargetHealthStateEnumUnused {
			t.Errorf("then it is %+v", h)
		}
		_, err = w.RegisterTargets(c, &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: []types.TargetDescription{{Id: aws.String("169.254.169.254")}}})
		refused(t, err, "InvalidTarget", "cannot be a target")
		_, err = w.RegisterTargets(c, &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: []types.TargetDescription{{Id: aws.String("moon")}}})
		refused(t, err, "InvalidTarget", "The IP address 'moon' is not valid")
	})
}

func TestRulesAsTheSDKSeesThem(t *testing.T) {
	each(t, func(w *world) {
		t, c := w.t, w.t.Context()
		lb := w.balancer("web")
		fixed := func(status, body string) []types.Action {
			return []types.Action{{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: &status, MessageBody: &body, ContentType: aws.String("text/plain")}}}
		}
		l, port := w.listener(lb.LoadBalancerArn, fixed("404", "none"))
		rule := func(priority int32, body string, conditions ...types.RuleCondition) (types.Rule, error) {
			out, err := w.CreateRule(c, &elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: &priority, Actions: fixed("200", body), Conditions: conditions})
			if err != nil {
				return types.Rule{}, err
			}
			return out.Rules[0], nil
		}
		path := types.RuleCondition{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{"/a*"}}}
		a, err := rule(10, "a", path)
		must(t, err)
		b, err := rule(20, "b", path, types.RuleCondition{Field: aws.String("http-request-method"), HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: []string{"GET"}}})
		must(t, err)
		_, err = rule(10, "c", path)
		refused(t, err, "PriorityInUse", "Priority '10' is currently in use")
		if got := get(t, port, "/abc"); got != "200 a" {
			t.Errorf("answered %s", got)
		}
		_, err = w.SetRulePriorities(c, &elb.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{{RuleArn: a.RuleArn, Priority: aws.Int32(20)}, {RuleArn: b.RuleArn, Priority: aws.Int32(10)}}})
		must(t, err)
		if got := get(t, port, "/abc"); got != "200 b" {
			t.Errorf("with other priorities, answered %s", got)
		}
		_, err = w.ModifyRule(c, &elb.ModifyRuleInput{RuleArn: b.RuleArn, Actions: fixed("201", "new")})
		must(t, err)
		if got := get(t, port, "/abc"); got != "201 new" {
			t.Errorf("modified, answered %s", got)
		}
		all, err := w.DescribeRules(c, &elb.DescribeRulesInput{ListenerArn: l.ListenerArn})
		must(t, err)
		if r := all.Rules; len(r) != 3 || *r[0].RuleArn != *b.RuleArn || *r[2].Priority != "default" || !*r[2].IsDefault || r[0].Conditions[0].PathPatternConfig.Values[0] != "/a*" {
			t.Errorf("rules: %+v", r)
		}
		_, err = w.DeleteRule(c, &elb.DeleteRuleInput{RuleArn: all.Rules[2].RuleArn})
		refused(t, err, "OperationNotPermitted", "Default rule")
		_, err = w.DeleteRule(c, &elb.DeleteRuleInput{RuleArn: b.RuleArn})
		must(t, err)
		if got := get(t, port, "/x"); got != "404 none" {
			t.Errorf("without rules, answered %s", got)
		}
		_, err = w.DescribeRules(c, &elb.DescribeRulesInput{RuleArns: []string{*b.RuleArn}})
		refused(t, err, "RuleNotFound", "not found")
	})
}

func TestWhatIsNotSupportedIsRefusedByName(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	c, lb := t.Context(), w.balancer("web")
	tg := w.group("web")
	_, err := w.CreateListener(c, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: types.ProtocolEnumHttps, Port: aws.Int32(freePort(t)), DefaultActions: forward(tg.TargetGroupArn)})
	refused(t, err, "UnsupportedProtocol", "Listeners of protocol 'HTTPS' are not supported by Slipway")
	_, err = w.CreateListener(c, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: types.ProtocolEnumHttps, Port: aws.Int32(443), DefaultActions: forward(tg.TargetGroupArn), Certificates: []types.Certificate{{CertificateArn: aws.String("arn:aws:acm:x")}}})
	refused(t, err, "InvalidConfigurationRequest", "A listener with certificates is not supported by Slipway")
	_, err = w.CreateLoadBalancer(c, &elb.CreateLoadBalancerInput{Name: aws.String("g"), Type: types.LoadBalancerTypeEnumGateway})
	refused(t, err, "InvalidConfigurationRequest", "Type gateway is not supported by Slipway")
	_, err = w.CreateTargetGroup(c, &elb.CreateTargetGroupInput{Name: aws.String("f"), TargetType: types.TargetTypeEnumLambda, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80)})
	refused(t, err, "InvalidConfigurationRequest", "Target type 'lambda' is not supported by Slipway")
	_, err = w.ModifyTargetGroupAttributes(c, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: tg.TargetGroupArn, Attributes: []types.TargetGroupAttribute{{Key: aws.String("slow_start.duration_seconds"), Value: aws.String("30")}}})
	refused(t, err, "InvalidConfigurationRequest", "slow_start.duration_seconds")
	_, err = w.CreateTrustStore(c, &elb.CreateTrustStoreInput{Name: aws.String("t"), CaCertificatesBundleS3Bucket: aws.String("b"), CaCertificatesBundleS3Key: aws.String("k")})
	refused(t, err, "UnsupportedOperation", "CreateTrustStore is an operation of Elastic Load Balancing v2 that is not supported by Slipway")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	_, err = w.CreateListener(c, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(int32(taken.Addr().(*net.TCPAddr).Port)), DefaultActions: forward(tg.TargetGroupArn)})
	refused(t, err, "InvalidConfigurationRequest", "This server cannot listen on port")
}

func TestAttributesAndTags(t *testing.T) {
	each(t, func(w *world) {
		t, c := w.t, w.t.Context()
		lb := w.balancer("web")
		out, err := w.ModifyLoadBalancerAttributes(c, &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: lb.LoadBalancerArn, Attributes: []types.LoadBalancerAttribute{
			{Key: aws.String("idle_timeout.timeout_seconds"), Value: aws.String("30")}, {Key: aws.String("deletion_protection.enabled"), Value: aws.String("true")},
		}})
		must(t, err)
		values := map[string]string{}
		for _, a := range out.Attributes {
			values[*a.Key] = *a.Value
		}
		if values["idle_timeout.timeout_seconds"] != "30" || values["routing.http.xff_header_processing.mode"] != "append" {
			t.Errorf("attributes %v", values)
		}
		_, err = w.DeleteLoadBalancer(c, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
		refused(t, err, "OperationNotPermitted", "cannot be deleted because deletion protection is enabled")
		_, err = w.AddTags(c, &elb.AddTagsInput{ResourceArns: []string{*lb.LoadBalancerArn}, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("sea")}, {Key: aws.String("x")}}})
		must(t, err)
		_, err = w.RemoveTags(c, &elb.RemoveTagsInput{ResourceArns: []string{*lb.LoadBalancerArn}, TagKeys: []string{"x"}})
		must(t, err)
		tags, err := w.DescribeTags(c, &elb.DescribeTagsInput{ResourceArns: []string{*lb.LoadBalancerArn}})
		must(t, err)
		if d := tags.TagDescriptions[0]; len(d.Tags) != 1 || *d.Tags[0].Key != "team" || *d.Tags[0].Value != "sea" {
			t.Errorf("tags %+v", d)
		}
	})
}

func TestListsComeInPages(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for i := range 5 {
		w.group(fmt.Sprint("g", i))
	}
	pages, n := elb.NewDescribeTargetGroupsPaginator(w, &elb.DescribeTargetGroupsInput{PageSize: aws.Int32(2)}), 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		n += len(page.TargetGroups)
	}
	if n != 5 {
		t.Errorf("%d of 5", n)
	}
	_, err := w.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{Marker: aws.String("x")})
	refused(t, err, "ValidationError", "Invalid marker")
}
