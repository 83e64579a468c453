// Package fleettest has machines and books in memory, so that what calls functions can be tested with a real fleet and
// without containers.
package fleettest
