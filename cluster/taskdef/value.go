package taskdef

func deref[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}

// replace sets what is wanted otherwise.
func replace[T comparable](old *T, wanted T) {
	var none T
	if wanted != none {
		*old = wanted
	}
}
