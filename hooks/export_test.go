package hooks

import "time"

// Hurry has everything that waits wait hardly at all.
func Hurry(c *Control) { c.firstPause, c.period = time.Millisecond, 20*time.Millisecond }

// MaxTries is after how many tries a letter is given up.
const MaxTries = maxTries

// KeepDead has a hook keep so many dead letters.
func KeepDead(c *Control, n int) { c.maxDead = n }

// KeepWaiting has so many letters to a hook wait.
func KeepWaiting(c *Control, n int) { c.maxWaiting = n }
