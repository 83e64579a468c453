package inspect

// SetFreeUnpacked changes how much every layer may unpack to, until it is undone.
func SetFreeUnpacked(n int64) (undo func()) {
	before := freeUnpacked
	freeUnpacked = n
	return func() { freeUnpacked = before }
}
