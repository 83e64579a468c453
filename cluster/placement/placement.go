// Package placement decides which machines tasks go to. It is pure: it is given what the machines have
// left and what the tasks need, and answers with a choice and, where there is none, with what every
// machine lacked. It writes nothing down, so whoever asks must hold what it was given until the choice
// is recorded, and check it again when it records it.
//
// A request is decided in two steps. Filters say which machines can take the task at all: the machine's
// state, its resources, and the request's constraints. Strategies then rank those that can: each in the
// list breaks the ties of the one before, and chance the last ones. The words are those of Amazon ECS
// ("How Amazon ECS places tasks on container instances"), with a few schemes of our own beside them.
package placement
