package ecs

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/internal/arn"
)

// How many a call tells at once, and describes. Source: Amazon ECS API Reference, ListServiceDeployments,
// DescribeServiceDeployments, DescribeServiceRevisions.
const (
	defaultDeployments = 20
	maxDescribed       = 20
)

func (d *door) listServiceDeployments(c ctx, in *ListServiceDeploymentsInput) (*ListServiceDeploymentsOutput, error) {
	part, err := page(in.NextToken, new(awswire.Or(in.MaxResults, defaultDeployments)))
	if err != nil {
		return nil, err
	}
	filter := cluster.DeploymentFilter{Statuses: all(in.Status, func(s ServiceDeploymentStatus) string { return string(s) })}
	if in.CreatedAt != nil {
		filter.After, filter.Before = awswire.Or(in.CreatedAt.After, time.Time{}), awswire.Or(in.CreatedAt.Before, time.Time{})
	}
	if filter.Cluster, filter.Service, err = d.service(c, in.Cluster, in.Service); err != nil {
		return nil, err
	}
	found, next, err := d.control.ServiceDeployments(c, awswire.CallerOf(c).Account, filter, part)
	if err != nil {
		return nil, err
	}
	return &ListServiceDeploymentsOutput{ServiceDeployments: listed(each(found, d.wireBrief)), NextToken: filled(next)}, nil
}

func (d *door) describeServiceDeployments(c ctx, in *DescribeServiceDeploymentsInput) (*DescribeServiceDeploymentsOutput, error) {
	ids, err := d.ofService(c, "serviceDeploymentArns", "service-deployment", in.ServiceDeploymentArns)
	if err != nil {
		return nil, err
	}
	found, _, err := d.control.DescribeServiceDeployments(c, awswire.CallerOf(c).Account, ids)
	if err != nil {
		return nil, err
	}
	out := &DescribeServiceDeploymentsOutput{}
	out.ServiceDeployments, out.Failures = byARN(in.ServiceDeploymentArns, each(found, d.wireServiceDeployment), func(w ServiceDeployment) string { return *w.ServiceDeploymentArn })
	return out, nil
}

func (d *door) describeServiceRevisions(c ctx, in *DescribeServiceRevisionsInput) (*DescribeServiceRevisionsOutput, error) {
	ids, err := d.ofService(c, "serviceRevisionArns", "service-revision", in.ServiceRevisionArns)
	if err != nil {
		return nil, err
	}
	found, _, err := d.control.ServiceRevisions(c, awswire.CallerOf(c).Account, ids)
	if err != nil {
		return nil, err
	}
	out := &DescribeServiceRevisionsOutput{}
	out.ServiceRevisions, out.Failures = byARN(in.ServiceRevisionArns, each(found, d.wireServiceRevision), func(w ServiceRevision) string { return *w.ServiceRevisionArn })
	return out, nil
}

func (d *door) stopServiceDeployment(c ctx, in *StopServiceDeploymentInput) (*StopServiceDeploymentOutput, error) {
	if stop := awswire.Or(in.StopType, StopServiceDeploymentStopTypeRollback); stop != StopServiceDeploymentStopTypeRollback {
		return nil, unsupported(InvalidParameterException, "stopType", strconv.Quote(string(stop)), "; use ROLLBACK, or leave it out")
	}
	named := []string{in.ServiceDeploymentArn}
	ids, err := d.ofService(c, "serviceDeploymentArn", "service-deployment", named)
	if err != nil {
		return nil, err
	}
	account := awswire.CallerOf(c).Account
	found, _, err := d.control.DescribeServiceDeployments(c, account, ids)
	if err != nil {
		return nil, err
	}
	if _, lost := byARN(named, each(found, d.wireBrief), func(w ServiceDeploymentBrief) string { return *w.ServiceDeploymentArn }); len(lost) > 0 {
		return nil, cluster.ErrNoDeployment
	}
	if err := d.control.StopServiceDeployment(c, account, ids[0]); err != nil {
		return nil, err
	}
	return &StopServiceDeploymentOutput{ServiceDeploymentArn: &in.ServiceDeploymentArn}, nil
}

// ofService reads the ids of deployments or revisions of services from their ARNs, each once. Those of other accounts
// and regions are left out.
func (d *door) ofService(c ctx, member, kind string, texts []string) (ids []string, err error) {
	if n := len(texts); n < 1 || n > maxDescribed {
		return nil, InvalidParameterException.Newf("%s: %d are not between 1 and %d.", member, n, maxDescribed)
	}
	for _, text := range texts {
		if a, err := arn.Parse(text); err != nil || a.Service != "ecs" {
			return nil, InvalidParameterException.Newf("%s: %q is not the ARN of a %s.", member, text, strings.ReplaceAll(kind, "-", " "))
		}
		name, ok := d.own(c, kind, text)
		if parts := strings.Split(name, "/"); ok && len(parts) == 3 && !slices.Contains(ids, parts[2]) {
			ids = append(ids, parts[2])
		}
	}
	return ids, nil
}

// byARN puts what was found into the order in which it was named by ARN, and tells what was not. An id alone does not
// say of which service something is, so the whole ARN has to be right.
func byARN[W any](arns []string, found []W, of func(W) string) (list []W, failures []Failure) {
	list, failures = []W{}, []Failure{}
	for _, arn := range arns {
		if i := slices.IndexFunc(found, func(w W) bool { return of(w) == arn }); i >= 0 {
			list = append(list, found[i])
			continue
		}
		failures = append(failures, Failure{Arn: &arn, Reason: new("MISSING")})
	}
	return list, failures
}

func (d *door) wireBrief(from cluster.ServiceDeployment) ServiceDeploymentBrief {
	return ServiceDeploymentBrief{
		ServiceDeploymentArn: new(cluster.ServiceDeploymentARN(d.region, from.Account, from.Cluster, from.Service, from.ID)),
		ServiceArn:           new(cluster.ServiceARN(d.region, from.Account, from.Cluster, from.Service)),
		ClusterArn:           new(cluster.ClusterARN(d.region, from.Account, from.Cluster)),
		CreatedAt:            &from.Created, StartedAt: moment(from.Started), FinishedAt: moment(from.Finished),
		Status: new(ServiceDeploymentStatus(from.Status)), StatusReason: filled(from.StatusReason),
		TargetServiceRevisionArn: filled(d.revisionARN(from, from.Target.Revision)),
	}
}

// revisionARN names a revision of the service that a deployment is of, or is empty for none.
func (d *door) revisionARN(of cluster.ServiceDeployment, revision string) string {
	if revision == "" {
		return ""
	}
	return cluster.ServiceRevisionARN(d.region, of.Account, of.Cluster, of.Service, revision)
}

func (d *door) wireServiceDeployment(from cluster.ServiceDeployment) ServiceDeployment {
	brief := d.wireBrief(from)
	w := ServiceDeployment{
		ServiceDeploymentArn: brief.ServiceDeploymentArn, ServiceArn: brief.ServiceArn, ClusterArn: brief.ClusterArn,
		CreatedAt: brief.CreatedAt, StartedAt: brief.StartedAt, UpdatedAt: moment(from.Updated), FinishedAt: brief.FinishedAt, StoppedAt: moment(from.Stopped),
		Status: brief.Status, StatusReason: brief.StatusReason, DeploymentConfiguration: wireConfiguration(from.Spec),
		TargetServiceRevision: new(d.wireCount(from, from.Target)), SourceServiceRevisions: []ServiceRevisionSummary{},
		DeploymentCircuitBreaker: &ServiceDeploymentCircuitBreaker{
			Status: filled(ServiceDeploymentRollbackMonitorsStatus(from.BreakerStatus)), FailureCount: new(int32(from.Failures)), Threshold: new(int32(from.Threshold)),
		},
	}
	for _, source := range from.Sources {
		w.SourceServiceRevisions = append(w.SourceServiceRevisions, d.wireCount(from, source))
	}
	if r := from.Rollback; r != nil {
		w.Rollback = &Rollback{Reason: filled(r.Reason), StartedAt: moment(r.Started), ServiceRevisionArn: filled(d.revisionARN(from, r.Revision))}
	}
	return w
}

func (d *door) wireCount(of cluster.ServiceDeployment, from cluster.RevisionCount) ServiceRevisionSummary {
	return ServiceRevisionSummary{
		Arn:                filled(d.revisionARN(of, from.Revision)),
		RequestedTaskCount: new(int32(from.Requested)), RunningTaskCount: new(int32(from.Running)), PendingTaskCount: new(int32(from.Pending)),
	}
}

func (d *door) wireServiceRevision(from cluster.ServiceRevision) ServiceRevision {
	return ServiceRevision{
		ServiceRevisionArn: new(cluster.ServiceRevisionARN(d.region, from.Account, from.Cluster, from.Service, from.ID)),
		ServiceArn:         new(cluster.ServiceARN(d.region, from.Account, from.Cluster, from.Service)),
		ClusterArn:         new(cluster.ClusterARN(d.region, from.Account, from.Cluster)), CreatedAt: &from.Created,
		TaskDefinition: new(d.definitionARN(from.Account, from.Definition)), LaunchType: filled(LaunchType(from.Launch)),
		CapacityProviderStrategy: each(from.Providers, wireShare), LoadBalancers: listed(each(from.Balancers, wireBalancer)), NetworkConfiguration: wireVPC(from.VPC),
		ContainerImages: containerImages(from), GuardDutyEnabled: new(false),
	}
}

func containerImages(from cluster.ServiceRevision) []ContainerImage {
	images := []ContainerImage{}
	for i, c := range from.Spec.Containers {
		w := ContainerImage{ContainerName: &c.Name, Image: &c.Image}
		if i < len(from.Images) {
			w.ImageDigest = filled(from.Images[i].Digest)
		}
		images = append(images, w)
	}
	return images
}
