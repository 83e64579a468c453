package proxy

import (
	"cmp"
	"slices"
)

func compareKeys(a, b key) int {
	return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.port, b.port), cmp.Compare(a.host, b.host))
}

func sameCheck(a, b Check) bool {
	codes := slices.Equal(a.Codes, b.Codes)
	a.Codes, b.Codes = nil, nil
	return codes && a.Off == b.Off && a.Protocol == b.Protocol && a.Port == b.Port && a.Path == b.Path && a.GRPC == b.GRPC &&
		a.Interval == b.Interval && a.Timeout == b.Timeout && a.Healthy == b.Healthy && a.Unhealthy == b.Unhealthy
}
