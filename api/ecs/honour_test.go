package ecs

import (
	"reflect"
	"strings"
	"testing"
)

// A path with a typing error would honour nothing.
func TestHonouredPathsLeadToMembers(t *testing.T) {
	for _, c := range []struct {
		input any
		paths []string
	}{
		{RegisterTaskDefinitionInput{}, honouredInDefinition},
		{RunTaskInput{}, honouredInRun},
		{StartTaskInput{}, honouredInStart},
		{CreateServiceInput{}, honouredInCreateService},
		{UpdateServiceInput{}, honouredInUpdateService},
	} {
		for _, path := range c.paths {
			if !leads(reflect.TypeOf(c.input), strings.Split(path, ".")) {
				t.Errorf("%T has no %s", c.input, path)
			}
		}
	}
}

func leads(t reflect.Type, steps []string) bool {
	if len(steps) == 0 {
		return true
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name, list := strings.CutSuffix(steps[0], "[]")
	for i := range t.NumField() {
		f := t.Field(i)
		if tag, _, _ := strings.Cut(f.Tag.Get("aws"), ","); tag == name {
			if list {
				return f.Type.Kind() == reflect.Slice && leads(f.Type.Elem(), steps[1:])
			}
			return leads(f.Type, steps[1:])
		}
	}
	return false
}

func TestWhatSaysNothingMayBeThere(t *testing.T) {
	quiet := &RegisterTaskDefinitionInput{
		Family: "web", Volumes: []Volume{}, EnableFaultInjection: new(false), PidMode: new(PidMode("")),
		ContainerDefinitions: []ContainerDefinition{{LinuxParameters: &LinuxParameters{InitProcessEnabled: new(false)}, Privileged: new(false), DockerLabels: map[string]string{}}},
	}
	if err := honour(quiet, ClientException, honouredInDefinition); err != nil {
		t.Error(err)
	}
	quiet.Volumes = append(quiet.Volumes, Volume{EfsVolumeConfiguration: &EFSVolumeConfiguration{TransitEncryptionPort: new(int32(0))}})
	if err := honour(quiet, ClientException, honouredInDefinition); err == nil || !strings.Contains(err.Error(), "volumes[0].efsVolumeConfiguration is not supported by Slipway.") {
		t.Errorf("a number that may mean something: %v", err)
	}
}
