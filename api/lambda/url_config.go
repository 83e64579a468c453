package lambda

import (
	"slices"

	"slipway/api/awswire"
	"slipway/functions"
)

// urlRef is the function or alias whose URL a call is about: no version has one.
func (d *door) urlRef(c ctx, function string, qualifier *string) (functions.Ref, error) {
	r, err := d.ref(c, function, qualifier)
	if err == nil && (r.Qualifier == functions.Latest || r.IsVersion()) {
		const pattern = `((?!^\d+$)^[0-9a-zA-Z-_]+$)`
		err = validation.Newf("1 validation error detected: Value '%s' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", r.Qualifier, pattern)
	}
	return r, err
}

func (d *door) createFunctionURL(c ctx, in *CreateFunctionUrlConfigInput) (*CreateFunctionUrlConfigOutput, error) {
	r, err := d.urlRef(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	u, err := d.room.CreateURL(c, r, functions.URLSettings{
		Auth: string(in.AuthType), Mode: string(awswire.Or(in.InvokeMode, InvokeModeBuffered)), CORS: corsOf(in.Cors),
	})
	if err != nil {
		return nil, err
	}
	wire := d.functionURL(u)
	return &CreateFunctionUrlConfigOutput{AuthType: wire.AuthType, Cors: wire.Cors, CreationTime: wire.CreationTime, FunctionArn: wire.FunctionArn, FunctionUrl: wire.FunctionUrl, InvokeMode: wire.InvokeMode}, nil
}

// functionURL is a URL as the wire has it.
func (d *door) functionURL(u functions.URL) FunctionUrlConfig {
	return FunctionUrlConfig{
		AuthType: FunctionUrlAuthType(u.Settings.Auth), Cors: cors(u.Settings.CORS), InvokeMode: new(InvokeMode(u.Settings.Mode)),
		CreationTime: stamp(u.Created), LastModifiedTime: stamp(u.Modified), FunctionArn: d.room.ARN(u.Ref), FunctionUrl: d.room.Address(u),
	}
}

func corsOf(wire *Cors) functions.CORS {
	if wire == nil {
		return functions.CORS{}
	}
	cors := functions.CORS{
		Credentials: wire.AllowCredentials, Headers: slices.Clone(wire.AllowHeaders), Methods: slices.Clone(wire.AllowMethods),
		Origins: slices.Clone(wire.AllowOrigins), Expose: slices.Clone(wire.ExposeHeaders),
	}
	if wire.MaxAge != nil {
		cors.MaxAge = new(int(*wire.MaxAge))
	}
	return cors
}

func cors(c functions.CORS) *Cors {
	if c.Empty() {
		return nil
	}
	wire := &Cors{AllowCredentials: c.Credentials, AllowHeaders: c.Headers, AllowMethods: c.Methods, AllowOrigins: c.Origins, ExposeHeaders: c.Expose}
	if c.MaxAge != nil {
		wire.MaxAge = new(int32(*c.MaxAge))
	}
	return wire
}

func (d *door) getFunctionURL(c ctx, in *GetFunctionUrlConfigInput) (*GetFunctionUrlConfigOutput, error) {
	r, err := d.urlRef(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	u, err := d.room.URLOf(c, r)
	if err != nil {
		return nil, err
	}
	return new(GetFunctionUrlConfigOutput(d.functionURL(u))), nil
}

func (d *door) updateFunctionURL(c ctx, in *UpdateFunctionUrlConfigInput) (*UpdateFunctionUrlConfigOutput, error) {
	r, err := d.urlRef(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	u, err := d.room.ChangeURL(c, r, func(s *functions.URLSettings) {
		s.Auth = string(awswire.Or(in.AuthType, FunctionUrlAuthType(s.Auth)))
		s.Mode = string(awswire.Or(in.InvokeMode, InvokeMode(s.Mode)))
		if in.Cors != nil {
			s.CORS = corsOf(in.Cors)
		}
	})
	if err != nil {
		return nil, err
	}
	return new(UpdateFunctionUrlConfigOutput(d.functionURL(u))), nil
}

func (d *door) deleteFunctionURL(c ctx, in *DeleteFunctionUrlConfigInput) (*awswire.None, error) {
	r, err := d.urlRef(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, d.room.DeleteURL(c, r)
}

func (d *door) listFunctionURLs(c ctx, in *ListFunctionUrlConfigsInput) (*ListFunctionUrlConfigsOutput, error) {
	r, err := d.ref(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	list, err := d.room.URLs(c, r)
	if err != nil {
		return nil, err
	}
	list, next, err := paged(list, "URLs "+d.room.ARN(r), in.Marker, in.MaxItems, func(u functions.URL) string { return ":" + u.Ref.Qualifier })
	out := &ListFunctionUrlConfigsOutput{FunctionUrlConfigs: []FunctionUrlConfig{}, NextMarker: next}
	for _, u := range list {
		out.FunctionUrlConfigs = append(out.FunctionUrlConfigs, d.functionURL(u))
	}
	return out, err
}
