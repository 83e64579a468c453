package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
)

// eventSettings are what calls say of calls that nobody waits for.
type eventSettings struct {
	destinations *DestinationConfig
	retries, age *int32
}

// change is what is said instead of what was said before.
func (s eventSettings) change(e *functions.EventConfig) {
	if s.retries != nil {
		e.Retries = new(int(*s.retries))
	}
	if s.age != nil {
		e.MaxAge = new(int(*s.age))
	}
	if s.destinations != nil {
		e.OnSuccess, e.OnFailure = "", ""
		if to := s.destinations.OnSuccess; to != nil {
			e.OnSuccess = awswire.Or(to.Destination, "")
		}
		if to := s.destinations.OnFailure; to != nil {
			e.OnFailure = awswire.Or(to.Destination, "")
		}
	}
}

func (d *door) setEventConfig(c ctx, function string, qualifier *string, anew bool, s eventSettings) (*FunctionEventInvokeConfig, error) {
	r, err := d.ref(c, function, qualifier)
	if err != nil {
		return nil, err
	}
	if s == (eventSettings{}) {
		return nil, InvalidParameterValueException.New("You must specify at least one of error handling or destination setting.")
	}
	e, err := d.room.SetEventConfig(c, r, anew, s.change)
	if err != nil {
		return nil, err
	}
	return d.eventConfig(r, e), nil
}

// eventConfig is what is said, as the wire has it.
func (d *door) eventConfig(r functions.Ref, e functions.EventConfig) *FunctionEventInvokeConfig {
	r.Qualifier = e.Qualifier
	if r.Qualifier == "" {
		r.Qualifier = functions.Latest
	}
	out := &FunctionEventInvokeConfig{
		FunctionArn: new(d.room.ARN(r)), LastModified: &e.Modified,
		DestinationConfig: &DestinationConfig{OnSuccess: &OnSuccess{Destination: some(e.OnSuccess)}, OnFailure: &OnFailure{Destination: some(e.OnFailure)}},
	}
	if e.Retries != nil {
		out.MaximumRetryAttempts = new(int32(*e.Retries))
	}
	if e.MaxAge != nil {
		out.MaximumEventAgeInSeconds = new(int32(*e.MaxAge))
	}
	return out
}

func (d *door) putEventConfig(c ctx, in *PutFunctionEventInvokeConfigInput) (*PutFunctionEventInvokeConfigOutput, error) {
	out, err := d.setEventConfig(c, in.FunctionName, in.Qualifier, true, eventSettings{in.DestinationConfig, in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds})
	return (*PutFunctionEventInvokeConfigOutput)(out), err
}

func (d *door) updateEventConfig(c ctx, in *UpdateFunctionEventInvokeConfigInput) (*UpdateFunctionEventInvokeConfigOutput, error) {
	out, err := d.setEventConfig(c, in.FunctionName, in.Qualifier, false, eventSettings{in.DestinationConfig, in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds})
	return (*UpdateFunctionEventInvokeConfigOutput)(out), err
}

func (d *door) getEventConfig(c ctx, in *GetFunctionEventInvokeConfigInput) (*GetFunctionEventInvokeConfigOutput, error) {
	r, err := d.ref(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	e, err := d.room.EventConfigOf(c, r)
	if err != nil {
		return nil, err
	}
	return (*GetFunctionEventInvokeConfigOutput)(d.eventConfig(r, e)), nil
}

func (d *door) deleteEventConfig(c ctx, in *DeleteFunctionEventInvokeConfigInput) (*awswire.None, error) {
	r, err := d.ref(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, d.room.DeleteEventConfig(c, r)
}

func (d *door) listEventConfigs(c ctx, in *ListFunctionEventInvokeConfigsInput) (*ListFunctionEventInvokeConfigsOutput, error) {
	r, err := d.ref(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	list, err := d.room.EventConfigs(c, r)
	if err != nil {
		return nil, err
	}
	list, next, err := paged(list, "event invoke configurations "+d.room.ARN(r), in.Marker, in.MaxItems, func(e functions.EventConfig) string { return ":" + e.Qualifier })
	out := &ListFunctionEventInvokeConfigsOutput{FunctionEventInvokeConfigs: []FunctionEventInvokeConfig{}, NextMarker: next}
	for _, e := range list {
		out.FunctionEventInvokeConfigs = append(out.FunctionEventInvokeConfigs, *d.eventConfig(r, e))
	}
	return out, err
}
