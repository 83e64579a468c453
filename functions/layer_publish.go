package functions

import (
	"context"
	"errors"
	"unicode/utf8"

	"slipway/internal/errs"
	"slipway/store"
)

// PublishLayer makes the next version of a layer of the account, out of a zip; the first makes the layer. It returns
// ErrForm, ErrInput, ErrStorage, or what archives are refused with.
func (c *Control) PublishLayer(ctx context.Context, r LayerRef, s LayerSettings, zip []byte) (Layer, error) {
	return c.PublishLayerOf(ctx, r, s, Code{Zip: zip})
}

// PublishLayerOf is PublishLayer for a zip wherever it lies. It returns ErrObject and ErrObjectDenied as well.
func (c *Control) PublishLayerOf(ctx context.Context, r LayerRef, s LayerSettings, code Code) (Layer, error) {
	if r.Version != 0 {
		return Layer{}, errs.Say(ErrForm, "'%s' is not the name of a layer", c.LayerARN(r))
	}
	if utf8.RuneCountInString(s.Description) > 256 || utf8.RuneCountInString(s.License) > 512 {
		return Layer{}, errs.Say(ErrForm, "a description has 256 characters at most, and the information of a license 512")
	}
	digest, size, err := c.putCode(ctx, r.Account, code)
	if err != nil {
		return Layer{}, err
	}
	l := Layer{Account: r.Account, Name: r.Name, Settings: s, Code: digest, Size: size}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		id, version, err := nextLayer(tx, r.Account, r.Name)
		if err == nil {
			err = checkStorage(tx, r.Account, size)
		}
		if err != nil {
			return err
		}
		l.Version, l.Created = version, tx.Now
		return insertLayer(tx, id, l)
	})
	return l, err
}

// useLayers finds the layers that a function is to have. Whether the account may have those of others was asked for
// before. It returns ErrInput or ErrForm.
func (c *Control) useLayers(tx *store.Tx, account string, names []string) (uses []LayerUse, err error) {
	if len(names) > maxLayers {
		return nil, errs.Say(ErrInput, "Cannot reference more than %d layers.", maxLayers)
	}
	seen := map[string]bool{}
	for _, name := range names {
		r, err := c.ParseLayer(account, name)
		if err != nil || r.Version == 0 {
			return nil, errs.Say(ErrInput, "Layer version %s does not exist.", name)
		}
		if whole := r.Account + "/" + r.Name; seen[whole] {
			return nil, errs.Say(ErrInput, "Two different versions of the same layer are not allowed to be referenced in the same function.")
		} else {
			seen[whole] = true
		}
		l, err := layerVersion(tx, r)
		if errors.Is(err, ErrNoLayer) {
			return nil, errs.Say(ErrInput, "%s", c.noLayerVersion(r).Error())
		}
		if err != nil {
			return nil, err
		}
		uses = append(uses, LayerUse{ARN: c.LayerARN(r), Code: l.Code, Size: l.Size})
	}
	return uses, nil
}
