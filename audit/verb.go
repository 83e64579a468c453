package audit

import "strings"

// readVerbs are what the names of operations begin with that change nothing. AWS CloudTrail counts
// the giving out of temporary credentials among them.
var readVerbs = []string{
	"Get", "List", "Describe", "Lookup", "Head", "Search", "Query", "Scan", "Select", "Filter", "Preview", "Validate",
	"BatchGet", "BatchCheck", "BatchDescribe", "Simulate", "Decode", "Detect", "Check", "Estimate", "Download",
	"AssumeRole", "StartLiveTail",
}

// ReadOnly tells by its name whether an operation changes nothing: "DescribeTasks", "BatchGetImage".
func ReadOnly(operation string) bool {
	for _, verb := range readVerbs {
		rest, ok := strings.CutPrefix(operation, verb)
		if ok && (rest == "" || rest[0] < 'a' || rest[0] > 'z') { // "Getaway" is not to get
			return true
		}
	}
	return false
}
