package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// model is one service as botocore describes it, without its prose.
type model struct {
	Metadata struct {
		APIVersion   string   `json:"apiVersion"`
		Protocol     string   `json:"protocol"`
		Protocols    []string `json:"protocols"`
		JSONVersion  string   `json:"jsonVersion"`
		ServiceID    string   `json:"serviceId"`
		SigningName  string   `json:"signingName"`
		Endpoint     string   `json:"endpointPrefix"`
		TargetPrefix string   `json:"targetPrefix"`
		XMLNamespace string   `json:"xmlNamespace"`
	} `json:"metadata"`
	Operations map[string]operation `json:"operations"`
	Shapes     map[string]*shape    `json:"shapes"`
}

type operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method string `json:"method"`
		URI    string `json:"requestUri"`
		Status int    `json:"responseCode"`
	} `json:"http"`
	Input  *ref  `json:"input"`
	Output *ref  `json:"output"`
	Errors []ref `json:"errors"`
}

// ref is a use of a shape: as a member, an element, an input, ...
type ref struct {
	Shape           string `json:"shape"`
	Location        string `json:"location"`
	LocationName    string `json:"locationName"`
	Flattened       bool   `json:"flattened"`
	TimestampFormat string `json:"timestampFormat"`
	EventPayload    bool   `json:"eventpayload"`
}

type shape struct {
	Type            string         `json:"type"`
	Members         map[string]ref `json:"members"`
	Required        []string       `json:"required"`
	Member          *ref           `json:"member"`
	Key             *ref           `json:"key"`
	Value           *ref           `json:"value"`
	Enum            []string       `json:"enum"`
	Pattern         string         `json:"pattern"`
	Min             *float64       `json:"min"`
	Max             *float64       `json:"max"`
	Sensitive       bool           `json:"sensitive"`
	Document        bool           `json:"document"`
	Flattened       bool           `json:"flattened"`
	EventStream     bool           `json:"eventstream"`
	Payload         string         `json:"payload"`
	Exception       bool           `json:"exception"`
	Fault           bool           `json:"fault"`
	TimestampFormat string         `json:"timestampFormat"`
	Error           struct {
		Code   string `json:"code"`
		Status int    `json:"httpStatusCode"`
		Sender bool   `json:"senderFault"`
	} `json:"error"`
}

func readModel(path string) (*model, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := new(model)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// protocols returns the names of the awswire constants, the preferred one first.
func (m *model) protocols() ([]string, error) {
	names := m.Metadata.Protocols
	if len(names) == 0 {
		names = []string{m.Metadata.Protocol}
	}
	var out []string
	for _, name := range names {
		switch {
		case name == "json" && m.Metadata.JSONVersion == "1.0":
			out = append(out, "awswire.JSON10")
		case name == "json":
			out = append(out, "awswire.JSON11")
		case name == "rest-json":
			out = append(out, "awswire.RestJSON")
		case name == "query":
			out = append(out, "awswire.Query")
		case name == "smithy-rpc-v2-cbor":
			out = append(out, "awswire.CBOR")
		default:
			return nil, fmt.Errorf("protocol %q is not one that awswire speaks", name)
		}
	}
	return out, nil
}

func (m *model) signingName() string {
	if m.Metadata.SigningName != "" {
		return m.Metadata.SigningName
	}
	return m.Metadata.Endpoint
}

// pick returns the named operations, or says which one the service does not have.
func (m *model) pick(names []string) ([]operation, error) {
	var ops []operation
	for _, name := range names {
		op, ok := m.Operations[name]
		if !ok {
			return nil, fmt.Errorf("the service has no operation %q", name)
		}
		ops = append(ops, op)
	}
	slices.SortFunc(ops, func(a, b operation) int { return strings.Compare(a.Name, b.Name) })
	return ops, nil
}

// reach returns the shapes that the operations' inputs, and if wanted outputs, need, by name.
func (m *model) reach(ops []operation, outputs bool) map[string]*shape {
	seen := map[string]*shape{}
	var visit func(r *ref)
	visit = func(r *ref) {
		if r == nil || seen[r.Shape] != nil {
			return
		}
		s := m.Shapes[r.Shape]
		seen[r.Shape] = s
		for _, member := range s.Members {
			visit(&member)
		}
		visit(s.Member)
		visit(s.Key)
		visit(s.Value)
	}
	for _, op := range ops {
		visit(op.Input)
		if outputs {
			visit(op.Output)
		}
	}
	return seen
}

// faults returns the names of the error shapes that the operations declare.
func (m *model) faults(ops []operation) []string {
	seen := map[string]bool{}
	for _, op := range ops {
		for _, e := range op.Errors {
			seen[e.Shape] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
