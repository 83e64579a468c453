package awswire

// Or returns what p points to, or fallback when the member was absent.
func Or[T any](p *T, fallback T) T {
	if p == nil {
		return fallback
	}
	return *p
}
