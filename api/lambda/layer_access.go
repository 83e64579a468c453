package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
)

// actionLayer is what who uses a layer asks for, whether it is read or a function is to have it.
const actionLayer = "lambda:GetLayerVersion"

// onLayer asks for a version of a layer, whose own policy may let others in.
func (d *door) onLayer(r functions.LayerRef, err error) awswire.Ask {
	if err != nil {
		return awswire.Ask{Err: err}
	}
	return awswire.Ask{
		Resource: d.room.LayerARN(r),
		Policy:   func(c ctx) (string, error) { return d.room.DecidingLayerPolicy(c, r) },
	}
}

func (d *door) onLayerVersion(c ctx, name string, version int64) []awswire.Ask {
	return []awswire.Ask{d.onLayer(d.layer(c, name, version))}
}

// onLayers asks for the layers that a function is to have. Names that are none are for the room to refuse.
func (d *door) onLayers(c ctx, names []string) (asks []awswire.Ask) {
	for _, name := range names {
		r, err := d.room.ParseLayer(awswire.CallerOf(c).Account, name)
		if err != nil {
			continue
		}
		ask := d.onLayer(r, nil)
		ask.Action = actionLayer
		asks = append(asks, ask)
	}
	return asks
}

func (d *door) onPublishLayerVersion(c ctx, in *PublishLayerVersionInput) []awswire.Ask {
	r, err := d.layer(c, in.LayerName, 0)
	ask := awswire.Ask{Resource: d.room.LayerARN(r), Err: err}
	return append([]awswire.Ask{ask}, onObject(objectOf(in.Content.S3Bucket, in.Content.S3Key, in.Content.S3ObjectVersion))...)
}

// onListLayerVersions asks for no resource, unless the layer is another account's: those are for nobody to list.
func (d *door) onListLayerVersions(c ctx, in *ListLayerVersionsInput) []awswire.Ask {
	r, err := d.layer(c, in.LayerName, 0)
	if err == nil && r.Account != awswire.CallerOf(c).Account {
		return []awswire.Ask{{Resource: d.room.LayerARN(r)}}
	}
	return []awswire.Ask{{Err: err}}
}

func (d *door) onGetLayerVersion(c ctx, in *GetLayerVersionInput) []awswire.Ask {
	return d.onLayerVersion(c, in.LayerName, in.VersionNumber)
}

func (d *door) onGetLayerVersionByArn(c ctx, in *GetLayerVersionByArnInput) []awswire.Ask {
	ask := d.onLayer(d.room.ParseLayer(awswire.CallerOf(c).Account, in.Arn))
	ask.Action = actionLayer
	return []awswire.Ask{ask}
}

func (d *door) onDeleteLayerVersion(c ctx, in *DeleteLayerVersionInput) []awswire.Ask {
	return d.onLayerVersion(c, in.LayerName, in.VersionNumber)
}

func (d *door) onAddLayerVersionPermission(c ctx, in *AddLayerVersionPermissionInput) []awswire.Ask {
	return d.onLayerVersion(c, in.LayerName, in.VersionNumber)
}

func (d *door) onRemoveLayerVersionPermission(c ctx, in *RemoveLayerVersionPermissionInput) []awswire.Ask {
	return d.onLayerVersion(c, in.LayerName, in.VersionNumber)
}

func (d *door) onGetLayerVersionPolicy(c ctx, in *GetLayerVersionPolicyInput) []awswire.Ask {
	return d.onLayerVersion(c, in.LayerName, in.VersionNumber)
}
