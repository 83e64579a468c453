package fleet

// Drain has what is on a machine go elsewhere: sandboxes that wait end, and each that is in use ends when another has taken
// its place, as if it were too old. Where no other machine has room for that it stays. Calls that run are not cut off. It
// may be called again. That nothing new is placed there is up to the Room.
func (f *Fleet) Drain(account, node string) {
	t := f.tenant(account)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sandboxes {
		switch {
		case s.machine.node != node || s.leaving:
		case s.state == Warm:
			t.dismiss(s)
		case s.state == Idle:
			s.life = 0
		}
	}
}
