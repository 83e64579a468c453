package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Load balancers, target groups, listeners and rules are made, changed and taken away by Terraform, which finds
// nothing to correct in between, and they answer.
func TestTerraformMakesLoadBalancers(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	tf := startTerraform(t, c, "elb.tf")
	_, port, _ := net.SplitHostPort(freeAddress(t, "127.0.0.1"))
	_, line, _ := net.SplitHostPort(freeAddress(t, "127.0.0.1"))
	ports := []string{"-var", "port=" + port, "-var", "line=" + line}
	tf.vars = ports
	tf.apply()
	tf.wantSame()
	if got, want := tf.output("seen"), `["web",false,"vpc-slipway",2]`; got != want {
		t.Errorf("seen: %s, want %s", got, want)
	}
	res, err := http.Get("http://127.0.0.1:" + port)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != 404 || string(body) != "nothing here" {
		t.Errorf("answered %d %s, %v", res.StatusCode, body, err)
	}

	tf.vars = append(ports, "-var", "idle=30", "-var", "path=/v2/*", "-var", "team=blue", "-var", "delay=5")
	tf.apply()
	tf.wantSame()
	for query, want := range map[string]string{
		"describe-load-balancers --names web --query LoadBalancers[0].State.Code":          "active",
		"describe-target-groups --names grpc --query TargetGroups[0].Matcher.GrpcCode":     "12",
		"describe-target-groups --names web --query TargetGroups[0].HealthCheckPath":       "/healthz",
		"describe-load-balancers --names lines --query LoadBalancers[0].Scheme":            "internal",
		"describe-account-limits --query Limits[?Name=='target-groups']|[0].Max":           "3000",
		"describe-load-balancers --names web --query length(LoadBalancers[0].DNSName)>`0`": "True",
	} {
		if got := c.aws(append([]string{"elbv2"}, append(strings.Fields(query), "--output", "text")...)...); got != want {
			t.Errorf("%s is %s, want %s", query, got, want)
		}
	}

	tf.run(append([]string{"destroy", "-auto-approve"}, tf.vars...)...)
	for _, query := range []string{"describe-load-balancers --query LoadBalancers", "describe-target-groups --query TargetGroups"} {
		if left := c.aws(append([]string{"elbv2"}, append(strings.Fields(query), "--output", "text")...)...); left != "" {
			t.Errorf("there are left: %s", left)
		}
	}
}
