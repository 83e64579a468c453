// Package sim runs many machines in one process and one bubble of time: the real control
// plane over SQLite, and real agents, each over an engine in memory. For hours of their
// time it lets happen to them what happens to machines, from a seed, and then looks whether
// every promise was kept.
//
// It holds tests alone. DESIGN.md says what happens, and what is promised.
package sim
