package functions

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/internal/lazyregexp"
)

// Layer is one version of a layer: an archive that is unpacked into /opt of the functions that have it.
type Layer struct {
	Account  string
	Name     string
	Version  int64
	Settings LayerSettings
	Code     string // digest of the zip
	Size     int64  // of the zip, bytes
	Created  time.Time
}

// LayerSettings are what is said of a version of a layer.
type LayerSettings struct {
	Description   string   `json:"description,omitempty"`
	License       string   `json:"license,omitempty"`
	Runtimes      []string `json:"runtimes,omitempty"`      // it is made for; none: not said
	Architectures []string `json:"architectures,omitempty"` // it is made for; none: not said
}

// LayerRef names a layer, or a version of one.
type LayerRef struct {
	Account string
	Name    string
	Version int64 // 0: none is named
}

// maxLayers is how many layers a function may have. Source: "Lambda quotas".
const maxLayers = 5

var layerForm = lazyregexp.New(`^[a-zA-Z0-9-_]{1,140}$`)

// ParseLayer reads a layer's name, its ARN or the ARN of a version. A bare name is the account's. It fails with
// ErrForm for anything else, and with ErrNoLayer for what is elsewhere than here.
func (c *Control) ParseLayer(account, name string) (LayerRef, error) {
	if !arn.Is(name) {
		return LayerRef{Account: account, Name: name}, checkLayerName(name)
	}
	a, err := arn.Parse(name)
	rest, is := strings.CutPrefix(a.Resource, "layer:")
	if err != nil || !is || a.Service != "lambda" {
		return LayerRef{}, errs.Say(ErrForm, "'%s' is not the ARN of a layer", name)
	}
	if a.Region != c.config.Region {
		return LayerRef{}, errs.Say(ErrNoLayer, "Layers are not in region %s: %s", c.config.Region, name)
	}
	ref := LayerRef{Account: a.Account}
	ref.Name, rest, is = strings.Cut(rest, ":")
	if is {
		if ref.Version, err = strconv.ParseInt(rest, 10, 64); err != nil || ref.Version < 1 {
			return LayerRef{}, errs.Say(ErrForm, "'%s' is not the ARN of a version of a layer", name)
		}
	}
	return ref, checkLayerName(ref.Name)
}

func checkLayerName(name string) error {
	if layerForm.MatchString(name) {
		return nil
	}
	return errs.Say(ErrForm, "'%s' is not the name of a layer", name)
}

// LayerARN is the ARN of a layer, or of the version that is named.
func (c *Control) LayerARN(r LayerRef) string {
	resource := "layer:" + r.Name
	if r.Version > 0 {
		resource += ":" + strconv.FormatInt(r.Version, 10)
	}
	return arn.ARN{Service: "lambda", Region: c.config.Region, Account: r.Account, Resource: resource}.String()
}

// Ref names the version.
func (l Layer) Ref() LayerRef { return LayerRef{l.Account, l.Name, l.Version} }

// CodeSha256 is the hash of the zip, in base64.
func (l Layer) CodeSha256() string { return shaOf(l.Code) }

// LayerFilter says which versions are wanted.
type LayerFilter struct {
	Runtime      string // that they say they are made for; "": all
	Architecture string
}

func (f LayerFilter) matches(s LayerSettings) bool {
	return (f.Runtime == "" || slices.Contains(s.Runtimes, f.Runtime)) && (f.Architecture == "" || slices.Contains(s.Architectures, f.Architecture))
}

// noLayerVersion is the error for a version that is not there, as those who change it or use it are told.
func (c *Control) noLayerVersion(r LayerRef) error {
	return errs.Say(ErrNoLayer, "Layer version %s does not exist.", c.LayerARN(r))
}
