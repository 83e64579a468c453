package ecs

import (
	"strings"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/internal/arn"
)

// howToJoin is said to whoever would have a machine join by a call.
const howToJoin = `A machine joins by itself: "slipway node invite --cluster NAME" at the control plane prints a token, and with it "slipway agent --join URL --token TOKEN" on the machine joins the cluster. Then containerInstanceArn takes its ARN.`

// registerContainerInstance says something of a machine that has joined. What a machine is and has, it tells itself,
// by its agent; so does the agent of Amazon ECS by this call, which nobody else is meant to make.
func (d *door) registerContainerInstance(c ctx, in *RegisterContainerInstanceInput) (*RegisterContainerInstanceOutput, error) {
	if awswire.Or(in.ContainerInstanceArn, "") == "" {
		return nil, InvalidParameterException.New("containerInstanceArn: it is missing. " + howToJoin)
	}
	if err := honour(in, InvalidParameterException, []string{"cluster", "containerInstanceArn", "attributes", "tags"}); err != nil {
		return nil, err
	}
	name, err := d.cluster(c, in.Cluster)
	if err != nil {
		return nil, err
	}
	id := d.instanceID(c, *in.ContainerInstanceArn)
	attributes, err := ownAttributes(id, in.Attributes)
	if err != nil {
		return nil, err
	}
	i, err := d.control.RegisterInstance(c, awswire.CallerOf(c).Account, name, id, attributes, readTags(in.Tags))
	if err != nil {
		return nil, err
	}
	return &RegisterContainerInstanceOutput{ContainerInstance: new(d.wireInstance(i, name, true))}, nil
}

// onRegisterInstance asks for the cluster. Source: Service Authorization Reference, as for the others.
func (d *door) onRegisterInstance(c ctx, in *RegisterContainerInstanceInput) []awswire.Ask {
	return append(d.on(c, d.clusterARN(c, in.Cluster)), tagging("RegisterContainerInstance", d.member(c, "container-instance", in.Cluster, "*"), in.Tags)...)
}

// instanceID is the id in an ARN of ours, whichever cluster it names, or what was given.
func (d *door) instanceID(c ctx, text string) string {
	if !arn.Is(text) {
		return text
	}
	name, ours := d.own(c, "container-instance", text)
	if !ours {
		return text
	}
	return name[strings.LastIndex(name, "/")+1:]
}

// ownAttributes reads attributes of one instance, which need not name it.
func ownAttributes(id string, given []Attribute) (list []cluster.Attribute, err error) {
	for _, a := range given {
		if a.TargetId != nil || a.TargetType != nil {
			return nil, InvalidParameterException.Newf("attributes: %s names a target; here it is the instance that is registered.", a.Name)
		}
		list = append(list, cluster.Attribute{Node: id, Name: a.Name, Value: awswire.Or(a.Value, "")})
	}
	return list, nil
}
