package server

import (
	"archive/zip"
	"bytes"
	"encoding/base64"

	"slipway/accounts"
	"slipway/api/awswire/wiretest"
	"slipway/functions"
)

// trustsFunctions is the trust policy of roles that functions act in.
const trustsFunctions = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// zipOf is a zip of one program that can be executed.
func zipOf(name, text string) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	head := &zip.FileHeader{Name: name}
	head.SetMode(0o755)
	w, err := z.CreateHeader(head)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err != nil || z.Close() != nil {
		panic(err)
	}
	return out.Bytes()
}

// functionRole makes a role that functions of an account may act in, and returns its ARN.
func (w *matrixWorld) functionRole(account string) string {
	_, err := w.server.accounts.CreateRole(w.t.Context(), account, accounts.NewRole{Name: "functions", Path: "/", Trust: trustsFunctions})
	w.must(err)
	return "arn:aws:iam::" + account + ":role/functions"
}

// fillFunctions makes a function with all that a function has, and a layer.
func (w *matrixWorld) fillFunctions(account, name string) {
	ctx, room, code := w.t.Context(), w.server.functions, zipOf("bootstrap", "hello")
	_, err := room.CreateFunction(ctx, functions.NewFunction{
		Account: account, Name: name, Code: functions.Code{Zip: code}, Publish: true,
		Settings: functions.Settings{Role: w.functionRole(account), Runtime: "provided.al2023", Handler: "bootstrap"},
	})
	w.must(err)
	function, live := functions.Ref{Account: account, Name: name}, functions.Ref{Account: account, Name: name, Qualifier: "live"}
	_, err = room.CreateAlias(ctx, live, functions.NewAlias{Version: new("1")})
	w.must(err)
	_, err = room.CreateURL(ctx, live, functions.URLSettings{Auth: functions.AuthIAM, Mode: functions.Buffered})
	w.must(err)
	_, err = room.SetEventConfig(ctx, live, true, func(e *functions.EventConfig) { e.Retries = new(1) })
	w.must(err)
	_, err = room.AddPermission(ctx, live, functions.Permission{ID: "here", Principal: account, Action: "lambda:InvokeFunction"}, "")
	w.must(err)
	_, err = room.PublishLayer(ctx, functions.LayerRef{Account: account, Name: name}, functions.LayerSettings{}, code)
	w.must(err)
	w.must(room.Reserve(ctx, function, 1))
}

// functionSample names a function and a layer by their ARNs.
func functionSample(function, layer string, of, own things) wiretest.Sample {
	code := base64.StdEncoding.EncodeToString(zipOf("bootstrap", "hello again"))
	return wiretest.Sample{
		"FunctionName": function, "CreateFunction.FunctionName": "new-" + own.name, "Runtime": "provided.al2023", "Handler": "bootstrap",
		"Role": "arn:aws:iam::" + own.account + ":role/functions", "Code": map[string]any{"ZipFile": code}, "ZipFile": code,
		"Qualifier": "live", "PublishVersion.Qualifier": nil, "Name": "live", "CreateAlias.Name": "new", "FunctionVersion": "1", "ListFunctions.FunctionVersion": nil,
		"StatementId": "here", "AddPermission.StatementId": "new", "AddLayerVersionPermission.StatementId": "new", "Action": "lambda:InvokeFunction", "Principal": own.account,
		"AddLayerVersionPermission.Action": "lambda:GetLayerVersion", "Resource": function, "Tags": map[string]any{"a": "b"}, "TagKeys": []string{"a"},
		"LayerName": layer, "PublishLayerVersion.LayerName": "new-" + own.name, "VersionNumber": 1, "Content": map[string]any{"ZipFile": code}, "Arn": layer + ":1",
		"DryRun": nil, "InvocationType": "DryRun", "Payload": "{}", "InvokeArgs": "{}", "ReservedConcurrentExecutions": 1, "ProvisionedConcurrentExecutions": 1, "MaximumRetryAttempts": 1,
		"GetFunctionConfiguration.Qualifier": nil, "AuthType": "AWS_IAM", "RecursiveLoop": "Allow", "UpdateRuntimeOn": "Auto",
	}
}
