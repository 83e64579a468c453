package lambda

import "slipway/api/awswire"

// layers are the operations on layers.
func (d *door) layers() []awswire.Binding {
	return []awswire.Binding{
		AddLayerVersionPermission.Handle(d.addLayerVersionPermission, d.onAddLayerVersionPermission),
		DeleteLayerVersion.Handle(d.deleteLayerVersion, d.onDeleteLayerVersion),
		GetLayerVersion.Handle(d.getLayerVersion, d.onGetLayerVersion),
		GetLayerVersionByArn.Handle(d.getLayerVersionByArn, d.onGetLayerVersionByArn),
		GetLayerVersionPolicy.Handle(d.getLayerVersionPolicy, d.onGetLayerVersionPolicy),
		ListLayers.Handle(d.listLayers, awswire.Any),
		ListLayerVersions.Handle(d.listLayerVersions, d.onListLayerVersions),
		PublishLayerVersion.Handle(d.publishLayerVersion, d.onPublishLayerVersion),
		RemoveLayerVersionPermission.Handle(d.removeLayerVersionPermission, d.onRemoveLayerVersionPermission),
	}
}
