package lambda

import "slipway/api/awswire"

// functions are the operations on functions, versions and aliases.
func (d *door) functions() []awswire.Binding {
	return []awswire.Binding{
		CreateAlias.Handle(d.createAlias, d.onCreateAlias),
		CreateFunction.Handle(d.createFunction, d.onCreateFunction),
		DeleteAlias.Handle(d.deleteAlias, d.onDeleteAlias),
		DeleteFunction.Handle(d.deleteFunction, d.onDeleteFunction),
		GetAlias.Handle(d.getAlias, d.onGetAlias),
		GetFunction.Handle(d.getFunction, d.onGetFunction),
		GetFunctionConfiguration.Handle(d.getFunctionConfiguration, d.onGetFunctionConfiguration),
		ListAliases.Handle(d.listAliases, d.onListAliases),
		ListFunctions.Handle(d.listFunctions, awswire.Any),
		ListVersionsByFunction.Handle(d.listVersions, d.onListVersions),
		PublishVersion.Handle(d.publishVersion, d.onPublishVersion),
		UpdateAlias.Handle(d.updateAlias, d.onUpdateAlias),
		UpdateFunctionCode.Handle(d.updateFunctionCode, d.onUpdateFunctionCode),
		UpdateFunctionConfiguration.Handle(d.updateFunctionConfiguration, d.onUpdateFunctionConfiguration),
	}
}
