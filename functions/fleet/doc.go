// Package fleet runs calls of functions in sandboxes on many machines: the data path of the functions room.
//
// It finds an idle sandbox for a call or makes one, moves callers from a release to the next without a failed call,
// keeps sandboxes for as long as they are worth it, and balances what they take of machines in the cluster's books.
// All it knows is in memory: sandboxes are soft, and a fleet that starts begins with none. DESIGN.md tells how.
//
// It does not know what names functions have, who may call them, where code is kept, or any SQL.
package fleet
