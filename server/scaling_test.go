package server

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"slipway/audit"
)

// A scaling service of another account scales and deletes for a customer in a role that the customer made for it and
// that reaches no further; without it, it is refused. The audit of the customer names the service and the role.
func TestAScalingServiceActsInARole(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	ctx, customer := t.Context(), s.root.Owner.Account
	scaling, asService := tenant(t, s, "scaling")
	ours := ecs.NewFromConfig(s.asRoot())
	for _, name := range []string{"web", "other"} {
		_, err := ours.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &name})
		must(t, err)
	}
	_, err := ours.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"), ContainerDefinitions: []types.ContainerDefinition{
		{Name: aws.String("web"), Image: aws.String("example.com/web:1"), Memory: aws.Int32(64)},
	}})
	must(t, err)
	_, err = ours.CreateService(ctx, &ecs.CreateServiceInput{Cluster: aws.String("web"), ServiceName: aws.String("front"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(0)})
	must(t, err)
	role := scalerRole(t, s, customer, scaling)

	place := "arn:aws:ecs:us-east-1:" + customer + ":cluster/"
	scale := func(c *ecs.Client, cluster string) error {
		_, err := c.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &cluster, Service: aws.String("front"), DesiredCount: aws.Int32(0)})
		return err
	}
	end := func(c *ecs.Client, cluster string) error {
		_, err := c.DeleteCluster(ctx, &ecs.DeleteClusterInput{Cluster: &cluster})
		return err
	}
	itself := ecs.NewFromConfig(asService)
	for _, err := range []error{scale(itself, place+"web"), end(itself, place+"web")} {
		if err == nil {
			t.Error("the service scales or deletes as itself")
		}
	}
	got, err := sts.NewFromConfig(asService).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("autoscaler")})
	must(t, err)
	acting := ecs.NewFromConfig(s.clientConfig(*got.Credentials.AccessKeyId, *got.Credentials.SecretAccessKey, *got.Credentials.SessionToken))
	must(t, scale(acting, "web"))
	if err := end(acting, "other"); err == nil || !strings.Contains(err.Error(), "is not authorized to perform: ecs:DeleteCluster") {
		t.Errorf("in the role it deletes another cluster: %v", err)
	}
	_, err = acting.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: aws.String("web"), Service: aws.String("front"), Force: aws.Bool(true)})
	must(t, err)
	for late := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) { // the service goes first
		if err = end(acting, "web"); err == nil || time.Now().After(late) {
			break
		}
	}
	must(t, err)

	session := "arn:aws:sts::" + customer + ":assumed-role/scaler/autoscaler"
	wantAudit(t, s, scaling, "AssumeRole by arn:aws:sts::"+scaling+":assumed-role/OrganizationAccountAccessRole/admin")
	wantAudit(t, s, customer,
		"AssumeRole by account "+scaling, // its own audit tells who there it was
		"UpdateService by "+session+" in "+role, "DeleteCluster by "+session+" in "+role)
}

// scalerRole makes a role that lets another account scale and delete the cluster web.
func scalerRole(t *testing.T, s *Server, customer, scaling string) (arn string) {
	t.Helper()
	client := iam.NewFromConfig(s.asRoot())
	made, err := client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("scaler"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + scaling + `:root"},"Action":"sts:AssumeRole"}]}`)})
	must(t, err)
	ours := "arn:aws:ecs:us-east-1:" + customer
	_, err = client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("scaler"), PolicyName: aws.String("scale"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecs:UpdateService","ecs:DeleteService","ecs:DeleteCluster"],"Resource":["` + ours + `:cluster/web","` + ours + `:service/web/*"]}]}`)})
	must(t, err)
	return *made.Role.Arn
}

// wantAudit waits until the audit of an account tells of these calls, each of which succeeded.
func wantAudit(t *testing.T, s *Server, account string, want ...string) {
	t.Helper()
	var told []string
	for late := time.Now().Add(time.Minute); time.Now().Before(late); time.Sleep(50 * time.Millisecond) { // it takes records in batches
		found, _, err := s.audit.Lookup(t.Context(), account, audit.Query{})
		must(t, err)
		told = nil
		for _, e := range found {
			line := e.Operation + " by " + cmp.Or(e.Principal.ARN, "account "+e.Account)
			if e.Principal.IssuerARN != "" && e.Service == "ecs" {
				line += " in " + e.Principal.IssuerARN
			}
			if e.ErrorCode == "" {
				told = append(told, line)
			}
		}
		if !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(told, w) }) {
			return
		}
	}
	t.Errorf("the audit tells %q, want %q", told, want)
}
