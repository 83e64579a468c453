package lambda

import "slipway/api/awswire"

// settings are the operations on what is set beside a function.
func (d *door) settings() []awswire.Binding {
	return []awswire.Binding{
		AddPermission.Handle(d.addPermission, d.onAddPermission),
		CreateFunctionUrlConfig.Handle(d.createFunctionURL, d.onCreateFunctionURL),
		DeleteFunctionConcurrency.Handle(d.deleteFunctionConcurrency, d.onDeleteFunctionConcurrency),
		DeleteFunctionEventInvokeConfig.Handle(d.deleteEventConfig, d.onDeleteEventConfig),
		DeleteFunctionUrlConfig.Handle(d.deleteFunctionURL, d.onDeleteFunctionURL),
		DeleteProvisionedConcurrencyConfig.Handle(d.deleteProvisioned, d.onDeleteProvisioned),
		GetAccountSettings.Handle(d.getAccountSettings, awswire.Any),
		GetFunctionCodeSigningConfig.Handle(d.getCodeSigning, d.onGetCodeSigning),
		GetFunctionConcurrency.Handle(d.getFunctionConcurrency, d.onGetFunctionConcurrency),
		GetFunctionEventInvokeConfig.Handle(d.getEventConfig, d.onGetEventConfig),
		GetFunctionRecursionConfig.Handle(d.getRecursion, d.onGetRecursion),
		GetFunctionUrlConfig.Handle(d.getFunctionURL, d.onGetFunctionURL),
		GetPolicy.Handle(d.getPolicy, d.onGetPolicy),
		GetProvisionedConcurrencyConfig.Handle(d.getProvisioned, d.onGetProvisioned),
		GetRuntimeManagementConfig.Handle(d.getRuntimeManagement, d.onGetRuntimeManagement),
		ListFunctionEventInvokeConfigs.Handle(d.listEventConfigs, d.onListEventConfigs),
		ListFunctionUrlConfigs.Handle(d.listFunctionURLs, d.onListFunctionURLs),
		ListProvisionedConcurrencyConfigs.Handle(d.listProvisioned, d.onListProvisioned),
		ListTags.Handle(d.listTags, d.onListTags),
		PutFunctionConcurrency.Handle(d.putFunctionConcurrency, d.onPutFunctionConcurrency),
		PutFunctionEventInvokeConfig.Handle(d.putEventConfig, d.onPutEventConfig),
		PutFunctionRecursionConfig.Handle(d.putRecursion, d.onPutRecursion),
		PutProvisionedConcurrencyConfig.Handle(d.putProvisioned, d.onPutProvisioned),
		PutRuntimeManagementConfig.Handle(d.putRuntimeManagement, d.onPutRuntimeManagement),
		RemovePermission.Handle(d.removePermission, d.onRemovePermission),
		TagResource.Handle(d.tagResource, d.onTagResource),
		UntagResource.Handle(d.untagResource, d.onUntagResource),
		UpdateFunctionEventInvokeConfig.Handle(d.updateEventConfig, d.onUpdateEventConfig),
		UpdateFunctionUrlConfig.Handle(d.updateFunctionURL, d.onUpdateFunctionURL),
	}
}
