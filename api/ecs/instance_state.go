package ecs

import (
	"slipway/api/awswire"
	"slipway/cluster"
)

func (d *door) deregisterContainerInstance(c ctx, in *DeregisterContainerInstanceInput) (*DeregisterContainerInstanceOutput, error) {
	name, err := d.cluster(c, in.Cluster)
	if err != nil {
		return nil, err
	}
	id, err := d.id(c, "container-instance", name, in.ContainerInstance)
	if err != nil {
		return nil, err
	}
	gone, err := d.control.DeregisterInstance(c, awswire.CallerOf(c).Account, name, id, awswire.Or(in.Force, false))
	if err != nil {
		return nil, err
	}
	return &DeregisterContainerInstanceOutput{ContainerInstance: new(d.wireInstance(gone, name, true))}, nil
}

func (d *door) updateContainerInstancesState(c ctx, in *UpdateContainerInstancesStateInput) (*UpdateContainerInstancesStateOutput, error) {
	if n := len(in.ContainerInstances); n < 1 || n > 10 {
		return nil, InvalidParameterException.Newf("containerInstances: %d are not between 1 and 10.", n)
	}
	name, ids, err := d.inCluster(c, "container-instance", in.Cluster, in.ContainerInstances)
	if err != nil {
		return nil, err
	}
	changed, missing, err := d.control.SetInstanceState(c, awswire.CallerOf(c).Account, name, ids, string(in.Status))
	if err != nil {
		return nil, err
	}
	out := &UpdateContainerInstancesStateOutput{ContainerInstances: []ContainerInstance{}, Failures: d.missing(c, "container-instance", in.Cluster, missing)}
	for _, i := range changed {
		out.ContainerInstances = append(out.ContainerInstances, d.wireInstance(i, name, false))
	}
	return out, nil
}

func (d *door) putAttributes(c ctx, in *PutAttributesInput) (*PutAttributesOutput, error) {
	name, attributes, err := d.readAttributes(c, in.Cluster, in.Attributes)
	if err == nil {
		err = d.control.PutAttributes(c, awswire.CallerOf(c).Account, name, attributes)
	}
	if err != nil {
		return nil, err
	}
	return &PutAttributesOutput{Attributes: d.writeAttributes(c, name, attributes)}, nil
}

func (d *door) deleteAttributes(c ctx, in *DeleteAttributesInput) (*DeleteAttributesOutput, error) {
	name, attributes, err := d.readAttributes(c, in.Cluster, in.Attributes)
	if err == nil {
		err = d.control.DeleteAttributes(c, awswire.CallerOf(c).Account, name, attributes)
	}
	if err != nil {
		return nil, err
	}
	return &DeleteAttributesOutput{Attributes: d.writeAttributes(c, name, attributes)}, nil
}

func (d *door) listAttributes(c ctx, in *ListAttributesInput) (*ListAttributesOutput, error) {
	part, err := page(in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	filter := cluster.AttributeFilter{Name: awswire.Or(in.AttributeName, ""), Value: awswire.Or(in.AttributeValue, "")}
	if filter.Value != "" && filter.Name == "" {
		return nil, InvalidParameterException.New("attributeName: it must be given with an attributeValue.")
	}
	name, err := d.cluster(c, in.Cluster)
	if err != nil {
		return nil, err
	}
	found, next, err := d.control.ListAttributes(c, awswire.CallerOf(c).Account, name, filter, part)
	if err != nil {
		return nil, err
	}
	return &ListAttributesOutput{Attributes: d.writeAttributes(c, name, found), NextToken: filled(next)}, nil
}

// readAttributes reads up to ten attributes of container instances.
func (d *door) readAttributes(c ctx, in *string, given []Attribute) (name string, list []cluster.Attribute, err error) {
	if n := len(given); n < 1 || n > 10 {
		return "", nil, InvalidParameterException.Newf("attributes: %d are not between 1 and 10.", n)
	}
	if name, err = d.cluster(c, in); err != nil {
		return "", nil, err
	}
	for _, a := range given {
		target := awswire.Or(a.TargetId, "")
		if target == "" {
			return "", nil, InvalidParameterException.Newf("attributes: %s has no targetId.", a.Name)
		}
		id, err := d.id(c, "container-instance", name, target)
		if err != nil {
			return "", nil, err
		}
		list = append(list, cluster.Attribute{Node: id, Name: a.Name, Value: awswire.Or(a.Value, "")})
	}
	return name, list, nil
}

func (d *door) writeAttributes(c ctx, name string, list []cluster.Attribute) []Attribute {
	out := []Attribute{}
	for _, a := range list {
		out = append(out, Attribute{
			Name: a.Name, Value: filled(a.Value), TargetType: new(TargetTypeContainerInstance),
			TargetId: new(cluster.InstanceARN(d.region, awswire.CallerOf(c).Account, name, a.Node)),
		})
	}
	return out
}
