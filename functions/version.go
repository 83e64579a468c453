package functions

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"
)

// Latest is the version of a function that changes with each update.
const Latest = "$LATEST"

// Version is a version of a function as it is: $LATEST, or one that was published and stays as it is.
type Version struct {
	Account  string
	Name     string // of the function
	Number   int64  // 0: $LATEST
	Settings Settings
	Env      Environment
	Code     string // digest of the zip; "": the function is an image
	Size     int64  // of the zip, bytes
	Image    string // digest of the image; "": the function is a zip
	Release  string // code and configuration together, as sandboxes are assigned them
	Since    time.Time
	Revision string
	State    Status // zero where it is not to be told
	Update   Status // of the last update
	Modified time.Time

	id          string // FUNCTION/VERSION
	function    string
	moves       moves  // of $LATEST
	environment string // id of Env; "": there is none
	sealed      []byte // Env
}

// String names a version.
func (v Version) String() string { return v.Name + ":" + v.Qualifier() }

// GoString is String.
func (v Version) GoString() string { return v.String() }

// Qualifier is "$LATEST" or the number.
func (v Version) Qualifier() string { return versionName(v.Number) }

func versionName(number int64) string {
	if number == 0 {
		return Latest
	}
	return strconv.FormatInt(number, 10)
}

// Environment is the environment variables of a function. It does not show them to whoever prints it.
type Environment map[string]string

// Format satisfies fmt.Formatter.
func (e Environment) Format(f fmt.State, _ rune) { io.WriteString(f, "environment") }

// LogValue is for package slog.
func (e Environment) LogValue() slog.Value { return slog.StringValue("environment") }

// Settings are what a version is told beside its code and environment. They are kept as JSON.
type Settings struct {
	Description  string      `json:"description,omitempty"`
	Role         string      `json:"role"`
	Packaged     bool        `json:"packaged,omitempty"` // the code is an image
	Runtime      string      `json:"runtime,omitempty"`
	Handler      string      `json:"handler,omitempty"`
	Architecture string      `json:"architecture"`
	Memory       int         `json:"memory"`  // MiB
	Disk         int         `json:"disk"`    // MiB of /tmp
	Timeout      int         `json:"timeout"` // seconds
	Layers       []LayerUse  `json:"layers,omitempty"`
	ImageURI     string      `json:"imageUri,omitempty"` // as it was given
	ImageConfig  ImageConfig `json:"imageConfig,omitzero"`
	Log          LogSettings `json:"log"`
	Tracing      string      `json:"tracing"`
}

// LayerUse is a version of a layer that a function has. It stays there when the layer goes.
type LayerUse struct {
	ARN  string `json:"arn"`
	Code string `json:"code"` // digest of the zip
	Size int64  `json:"size"` // bytes
}

// ImageConfig says what is run in an image instead of what the image says. What is nil is the image's.
type ImageConfig struct {
	Entrypoint []string `json:"entrypoint,omitempty"`
	Command    []string `json:"command,omitempty"`
	WorkingDir string   `json:"workingDir,omitempty"`
}

// LogSettings say where and how a function logs.
type LogSettings struct {
	Group       string `json:"group"`
	JSON        bool   `json:"json,omitempty"`
	Application string `json:"application,omitempty"` // the least level of lines; only with JSON
	System      string `json:"system,omitempty"`
}

// Status is a state that people and programs wait for.
type Status struct {
	State  string
	Code   string // why; "" where it is as it should be
	Reason string // Code, as people read it
}

// States of a version. Source: Lambda Developer Guide, "Lambda function states".
const (
	Pending = "Pending"
	Active  = "Active"
	Failed  = "Failed"
)

// States of an update.
const (
	InProgress   = "InProgress"
	Successful   = "Successful"
	UpdateFailed = "Failed"
)

// creating is how a version and an update begin.
var creating = Status{Code: "Creating", Reason: "The function is being created."}
