package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
)

// configuration is a version as the wire has it, as it was named: with the qualifier, if there was one.
func (d *door) configuration(v functions.Version, qualifier string) *FunctionConfiguration {
	s := v.Settings
	out := &FunctionConfiguration{
		FunctionArn: new(d.room.ARN(functions.Ref{Account: v.Account, Name: v.Name, Qualifier: qualifier})), FunctionName: &v.Name, Version: new(v.Qualifier()),
		Description: &s.Description, Role: &s.Role, Runtime: (*Runtime)(some(s.Runtime)), Handler: some(s.Handler),
		PackageType: new(PackageTypeZip), Architectures: []Architecture{Architecture(s.Architecture)}, CodeSha256: new(v.CodeSha256()), CodeSize: &v.Size,
		MemorySize: new(int32(s.Memory)), Timeout: new(int32(s.Timeout)), EphemeralStorage: &EphemeralStorage{Size: int32(s.Disk)},
		LastModified: new(stamp(v.Modified)), RevisionId: &v.Revision,
		State: (*State)(some(v.State.State)), StateReason: some(v.State.Reason), StateReasonCode: (*StateReasonCode)(some(v.State.Code)),
		LastUpdateStatus: (*LastUpdateStatus)(some(v.Update.State)), LastUpdateStatusReason: some(v.Update.Reason),
		LastUpdateStatusReasonCode: (*LastUpdateStatusReasonCode)(some(v.Update.Code)),
		TracingConfig:              &TracingConfigResponse{Mode: (*TracingMode)(&s.Tracing)},
		SnapStart:                  &SnapStartResponse{ApplyOn: new(SnapStartApplyOnNone), OptimizationStatus: new(SnapStartOptimizationStatusOff)},
		LoggingConfig:              logging(s.Log), ImageConfigResponse: imageConfig(s.ImageConfig),
	}
	if s.Packaged {
		out.PackageType = new(PackageTypeImage)
	}
	if len(v.Env) > 0 {
		out.Environment = &EnvironmentResponse{Variables: v.Env}
	}
	for _, l := range s.Layers {
		out.Layers = append(out.Layers, Layer{Arn: &l.ARN, CodeSize: &l.Size})
	}
	return out
}

// listed is a version in a listing, which does not tell how far it is. Source: Lambda API, ListFunctions.
func (d *door) listed(v functions.Version, qualified bool) *FunctionConfiguration {
	v.State, v.Update = functions.Status{}, functions.Status{}
	if qualified {
		return d.configuration(v, v.Qualifier())
	}
	return d.configuration(v, "")
}

func logging(l functions.LogSettings) *LoggingConfig {
	out := &LoggingConfig{LogFormat: new(LogFormatText), LogGroup: &l.Group}
	if l.JSON {
		out.LogFormat = new(LogFormatJson)
		out.ApplicationLogLevel, out.SystemLogLevel = (*ApplicationLogLevel)(some(l.Application)), (*SystemLogLevel)(some(l.System))
	}
	return out
}

func imageConfig(i functions.ImageConfig) *ImageConfigResponse {
	if i.Entrypoint == nil && i.Command == nil && i.WorkingDir == "" {
		return nil
	}
	return &ImageConfigResponse{ImageConfig: &ImageConfig{EntryPoint: i.Entrypoint, Command: i.Command, WorkingDirectory: some(i.WorkingDir)}}
}

// said are the settings that a call says something of.
type said struct {
	description, role, handler *string
	runtime                    *Runtime
	memory, timeout            *int32
	storage                    *EphemeralStorage
	image                      *ImageConfig
	log                        *LoggingConfig
	architectures              []Architecture
}

func settingsOf[I CreateFunctionInput | UpdateFunctionConfigurationInput](in *I) said {
	switch in := any(in).(type) {
	case *CreateFunctionInput:
		return said{in.Description, &in.Role, in.Handler, in.Runtime, in.MemorySize, in.Timeout, in.EphemeralStorage, in.ImageConfig, in.LoggingConfig, in.Architectures}
	case *UpdateFunctionConfigurationInput:
		return said{in.Description, in.Role, in.Handler, in.Runtime, in.MemorySize, in.Timeout, in.EphemeralStorage, in.ImageConfig, in.LoggingConfig, nil}
	}
	return said{}
}

// edit changes the settings of which something is said.
func (w said) edit(s *functions.Settings) {
	set(&s.Description, w.description)
	set(&s.Role, w.role)
	set(&s.Handler, w.handler)
	if w.runtime != nil {
		s.Runtime = string(*w.runtime)
	}
	if w.memory != nil {
		s.Memory = int(*w.memory)
	}
	if w.timeout != nil {
		s.Timeout = int(*w.timeout)
	}
	if w.storage != nil {
		s.Disk = int(w.storage.Size)
	}
	if w.image != nil {
		s.ImageConfig = functions.ImageConfig{Entrypoint: w.image.EntryPoint, Command: w.image.Command, WorkingDir: awswire.Or(w.image.WorkingDirectory, "")}
	}
	if len(w.architectures) > 0 {
		s.Architecture = string(w.architectures[0])
	}
	if w.log != nil {
		editLog(&s.Log, w.log)
	}
}

func set(to, from *string) {
	if from != nil {
		*to = *from
	}
}

func editLog(l *functions.LogSettings, said *LoggingConfig) {
	set(&l.Group, said.LogGroup)
	if said.LogFormat != nil {
		l.JSON = *said.LogFormat == LogFormatJson
	}
	if said.ApplicationLogLevel != nil {
		l.Application = string(*said.ApplicationLogLevel)
	}
	if said.SystemLogLevel != nil {
		l.System = string(*said.SystemLogLevel)
	}
}
