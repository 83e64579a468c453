package ecs

import (
	"slices"
	"strings"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/internal/arn"
)

func (d *door) createService(c ctx, in *CreateServiceInput) (*CreateServiceOutput, error) {
	if err := honour(in, InvalidParameterException, honouredInCreateService); err != nil {
		return nil, err
	}
	if awswire.Or(in.TaskDefinition, "") == "" {
		return nil, InvalidParameterException.New("TaskDefinition can not be blank.")
	}
	n, err := d.readNewService(c, in)
	if err != nil {
		return nil, err
	}
	if err := passTo(c, servicesService, n.Role); err != nil {
		return nil, err
	}
	n.Permit = d.permitService(n.Definition.Revision == 0, func(definition string) awswire.Ask { return d.asksOfCreateService(c, in, definition)[0] })
	made, err := d.control.CreateService(c, awswire.CallerOf(c).Account, n)
	if err != nil {
		return nil, err
	}
	return &CreateServiceOutput{Service: new(d.wireService(made, len(in.Tags) > 0))}, nil
}

func (d *door) updateService(c ctx, in *UpdateServiceInput) (*UpdateServiceOutput, error) {
	if err := honour(in, InvalidParameterException, honouredInUpdateService); err != nil {
		return nil, err
	}
	u, err := d.readServiceUpdate(c, in)
	if err != nil {
		return nil, err
	}
	place, name, err := d.service(c, in.Cluster, in.Service)
	if err != nil {
		return nil, err
	}
	open := u.Definition != nil && u.Definition.Revision == 0
	u.Permit = d.permitService(open, func(definition string) awswire.Ask { return d.asksOfUpdateService(c, in, definition)[0] })
	updated, err := d.control.UpdateService(c, awswire.CallerOf(c).Account, place, name, u)
	if err != nil {
		return nil, err
	}
	return &UpdateServiceOutput{Service: new(d.wireService(updated, false))}, nil
}

func (d *door) deleteService(c ctx, in *DeleteServiceInput) (*DeleteServiceOutput, error) {
	place, name, err := d.service(c, in.Cluster, in.Service)
	if err != nil {
		return nil, err
	}
	deleted, err := d.control.DeleteService(c, awswire.CallerOf(c).Account, place, name, awswire.Or(in.Force, false))
	if err != nil {
		return nil, err
	}
	return &DeleteServiceOutput{Service: new(d.wireService(deleted, false))}, nil
}

// maxServices is how many services one call describes. Source: Amazon ECS API Reference, DescribeServices.
const maxServices = 10

func (d *door) describeServices(c ctx, in *DescribeServicesInput) (*DescribeServicesOutput, error) {
	switch n := len(in.Services); {
	case n == 0:
		return nil, InvalidParameterException.New("Services cannot be empty.")
	case n > maxServices:
		return nil, InvalidParameterException.Newf("services: %d are more than %d.", n, maxServices)
	}
	place, err := d.cluster(c, in.Cluster)
	if err != nil {
		return nil, err
	}
	names := all(in.Services, func(text string) string { return d.serviceName(c, place, text) })
	found, missing, err := d.control.Services(c, awswire.CallerOf(c).Account, place, names)
	if err != nil {
		return nil, err
	}
	out := &DescribeServicesOutput{Services: []Service{}, Failures: d.missing(c, "service", in.Cluster, missing)}
	for _, s := range found {
		out.Services = append(out.Services, d.wireService(s, slices.Contains(in.Include, ServiceFieldTags)))
	}
	return out, nil
}

// defaultServices is how many services a listing tells at once. Source: Amazon ECS API Reference, ListServices.
const defaultServices = 10

func (d *door) listServices(c ctx, in *ListServicesInput) (*ListServicesOutput, error) {
	part, err := page(in.NextToken, new(awswire.Or(in.MaxResults, defaultServices)))
	if err != nil {
		return nil, err
	}
	place, err := d.cluster(c, in.Cluster)
	if err != nil {
		return nil, err
	}
	account := awswire.CallerOf(c).Account
	filter := cluster.ServiceFilter{Cluster: place, Launch: string(awswire.Or(in.LaunchType, "")), Strategy: string(awswire.Or(in.SchedulingStrategy, ""))}
	names, next, err := d.control.ListServices(c, account, filter, part)
	if err != nil {
		return nil, err
	}
	if awswire.Or(in.ResourceManagementType, ResourceManagementTypeCustomer) == ResourceManagementTypeEcs {
		return &ListServicesOutput{ServiceArns: []string{}}, nil // there are none that ECS makes by itself
	}
	arns := all(names, func(name string) string { return cluster.ServiceARN(d.region, account, place, name) })
	return &ListServicesOutput{ServiceArns: arns, NextToken: filled(next)}, nil
}

// service reads the cluster and the name of a service that is to be there.
func (d *door) service(c ctx, given *string, text string) (place, name string, err error) {
	if place, err = d.cluster(c, given); err != nil {
		return "", "", err
	}
	return place, d.serviceName(c, place, text), nil
}

// serviceName reads the name or ARN of a service of a cluster. An ARN of anything else is returned as it is: no
// name is like it, so it will be missing.
func (d *door) serviceName(c ctx, place, text string) string {
	if !arn.Is(text) {
		return text
	}
	name, ok := d.own(c, "service", text)
	if !ok {
		return text
	}
	before, after, long := strings.Cut(name, "/")
	switch {
	case !long: // the short form has no cluster in it
		return name
	case before != place:
		return text
	}
	return after
}

// groupOf is the group of the tasks of a service, which is to be there.
func (d *door) groupOf(c ctx, place, text string) (string, error) {
	name := d.serviceName(c, place, text)
	found, _, err := d.control.Services(c, awswire.CallerOf(c).Account, place, []string{name})
	if err == nil && len(found) == 0 {
		err = cluster.ErrNoService
	}
	return "service:" + name, err
}
