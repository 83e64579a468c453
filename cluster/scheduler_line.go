package cluster

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"time"

	"slipway/internal/ids"
	"slipway/schedulers/wire"
	"slipway/store"
)

// The limits of lines to schedulers.
const (
	ticketLife   = time.Minute // how long one who was admitted may take to open the line
	maxTickets   = 100         // of an account, at a server
	maxLines     = 100         // of an account, to a server
	maxQuestions = 256         // of a line, unanswered at a time
	lineLife     = time.Hour   // then it is opened anew, by who may still do so
)

// schedulerKey names a scheduler.
type schedulerKey struct{ account, cluster, name string }

func (s Scheduler) key() schedulerKey { return schedulerKey{s.Account, s.Cluster, s.Name} }

// schedulerLines are the lines from schedulers to this server, and how those do.
type schedulerLines struct {
	mu      sync.Mutex
	tickets map[[sha256.Size]byte]ticket
	byToken map[[sha256.Size]byte]*schedulerLine
	byKey   map[schedulerKey]*schedulerLine
	life    time.Duration // of a line
	health  map[schedulerKey]*health
	known   map[schedulerKey][]Scheduler // by account and cluster; of clusters that were asked for since the last change
	forgot  int                          // how often known was forgotten
}

// ticket lets its holder open a line, once.
type ticket struct {
	key   schedulerKey
	until time.Time
}

func newSchedulerLines() *schedulerLines {
	return &schedulerLines{
		life: lineLife, tickets: map[[sha256.Size]byte]ticket{}, byToken: map[[sha256.Size]byte]*schedulerLine{},
		byKey: map[schedulerKey]*schedulerLine{}, health: map[schedulerKey]*health{}, known: map[schedulerKey][]Scheduler{},
	}
}

// forget has the rows of schedulers read again.
func (l *schedulerLines) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.known)
	l.forgot++
}

func (l *schedulerLines) healthOf(k schedulerKey) *health {
	if l.health[k] == nil {
		l.health[k] = &health{}
	}
	return l.health[k]
}

func (l *schedulerLines) state(s Scheduler, now time.Time) SchedulerState {
	l.mu.Lock()
	defer l.mu.Unlock()
	state := SchedulerState{Scheduler: s, Connected: l.byKey[s.key()] != nil}
	if h := l.health[s.key()]; h != nil {
		state.Asked, state.Failed, state.Failure = h.asked, h.failed, h.failure
		if h.until.After(now) {
			state.Paused = h.until
		}
	}
	return state
}

// SchedulerLine is where an admitted scheduler opens its line, once and soon, and answers.
type SchedulerLine struct {
	Server string // host:port of the APIs: the line is this server's, which alone asks on it
	Token  string
}

// ConnectScheduler admits a scheduler to open a line to this server. It fails with ErrNoCluster, ErrNoScheduler or
// ErrTooManyLines.
func (c *Control) ConnectScheduler(ctx context.Context, account, cluster, name string) (SchedulerLine, error) {
	err := c.db.View(ctx, func(tx *store.Tx) error {
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return err
		}
		_, err := needScheduler(tx, schedulerKey{account, cluster, name})
		return err
	})
	if err != nil {
		return SchedulerLine{}, err
	}
	token := ids.Hex(32)
	return SchedulerLine{c.config.Registry, token}, c.schedulers.admit(token, schedulerKey{account, cluster, name}, time.Now())
}

func needScheduler(tx *store.Tx, k schedulerKey) (Scheduler, error) {
	all, err := readSchedulers(tx, k.account, k.cluster)
	if err != nil {
		return Scheduler{}, err
	}
	for _, s := range all {
		if s.Name == k.name {
			return s, nil
		}
	}
	return Scheduler{}, noScheduler(k.cluster, k.name)
}

func (l *schedulerLines) admit(token string, k schedulerKey, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	tickets, lines := 0, 0
	for digest, t := range l.tickets {
		if now.After(t.until) {
			delete(l.tickets, digest)
		} else if t.key.account == k.account {
			tickets++
		}
	}
	for other := range l.byKey {
		if other.account == k.account && other != k {
			lines++
		}
	}
	if tickets >= maxTickets || lines >= maxLines {
		return ErrTooManyLines
	}
	l.tickets[sha256.Sum256([]byte(token))] = ticket{k, now.Add(ticketLife)}
	return nil
}

// redeem makes a line of a ticket. Whoever held the scheduler's line before loses it.
func (l *schedulerLines) redeem(token string, now time.Time) (*schedulerLine, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	digest := sha256.Sum256([]byte(token))
	t, there := l.tickets[digest]
	if !there || now.After(t.until) {
		return nil, ErrNoSchedulerLine
	}
	delete(l.tickets, digest)
	return &schedulerLine{
		key: t.key, token: digest, members: map[string]nodeVersion{}, waiting: map[string]*question{},
		asks: make(chan wire.Question, maxQuestions), over: make(chan struct{}),
	}, nil
}

// joined has the line asked from now on, until it is left. It ends the one that was asked before.
func (l *schedulerLines) joined(line *schedulerLine) (left func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if older := l.byKey[line.key]; older != nil {
		older.end("another line of the same scheduler took over")
		delete(l.byToken, older.token)
	}
	l.byKey[line.key], l.byToken[line.token] = line, line
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.byToken, line.token)
		if l.byKey[line.key] == line {
			delete(l.byKey, line.key)
		}
		line.end("it was left")
	}
}

// schedulerLine is one long-lived line to a scheduler.
type schedulerLine struct {
	key   schedulerKey
	token [sha256.Size]byte
	asks  chan wire.Question

	mu      sync.Mutex
	members map[string]nodeVersion // the machines that it was told of
	seq     int64                  // of the state that it was told
	waiting map[string]*question
	ended   bool
	reason  string
	over    chan struct{} // closed when it ends
}

// question is one that was asked and has no answer yet.
type question struct {
	count  int
	answer chan outcome // has room for one
}

// outcome is what came of a question: an answer that makes sense, or what is wrong.
type outcome struct {
	answer wire.Answer
	err    error
}

// end closes the line for both sides. The first reason counts.
func (line *schedulerLine) end(reason string) {
	line.mu.Lock()
	defer line.mu.Unlock()
	if !line.ended {
		line.ended, line.reason = true, reason
		close(line.over)
	}
}

// whyEnded is why the line has ended, "" while it has not.
func (line *schedulerLine) whyEnded() string {
	line.mu.Lock()
	defer line.mu.Unlock()
	return line.reason
}

// told notes what a scheduler knows now.
func (line *schedulerLine) told(seq int64, members map[string]nodeVersion) {
	line.mu.Lock()
	defer line.mu.Unlock()
	line.seq, line.members = seq, members
}

// ask sends a question, and returns where its answer arrives.
func (line *schedulerLine) ask(q wire.Question) (<-chan outcome, error) {
	line.mu.Lock()
	defer line.mu.Unlock()
	waits := &question{count: q.Count, answer: make(chan outcome, 1)}
	q.Seq = line.seq
	select {
	case line.asks <- q:
		line.waiting[q.ID] = waits
		return waits.answer, nil
	default:
		return nil, errSchedulerBusy
	}
}

// drop forgets a question: what comes later is late.
func (line *schedulerLine) drop(id string) {
	line.mu.Lock()
	defer line.mu.Unlock()
	delete(line.waiting, id)
}

// waitsFor tells whether a question has no answer yet.
func (line *schedulerLine) waitsFor(id string) bool {
	line.mu.Lock()
	defer line.mu.Unlock()
	return line.waiting[id] != nil
}

// take brings an answer to who asked. What makes no sense is told both, and is all that the question gets.
func (line *schedulerLine) take(id string, answer wire.Answer, err error) error {
	line.mu.Lock()
	defer line.mu.Unlock()
	waits := line.waiting[id]
	if waits == nil {
		return ErrNoQuestion
	}
	delete(line.waiting, id)
	if err == nil {
		err = answer.Check(waits.count, func(node string) bool { _, told := line.members[node]; return told })
	}
	waits.answer <- outcome{answer, err} // nobody else has taken it, and there is room for one
	return err
}

// SchedulerAnswer takes a scheduler's answer to a question that it was asked on the line with that token. It
// fails with ErrNoSchedulerLine, with ErrNoQuestion where it is over, and with wire.ErrAnswer. Nothing is read
// for who is neither.
func (c *Control) SchedulerAnswer(token, question string, body io.Reader) error {
	line := c.schedulers.lineOf(token)
	if line == nil {
		return ErrNoSchedulerLine
	}
	if !line.waitsFor(question) {
		return ErrNoQuestion
	}
	text, err := io.ReadAll(io.LimitReader(body, wire.MaxAnswer+1))
	if err != nil {
		return line.take(question, wire.Answer{}, fmt.Errorf("%w: it breaks off", wire.ErrAnswer))
	}
	answer, err := wire.ReadAnswer(text)
	return line.take(question, answer, err)
}

func (l *schedulerLines) lineOf(token string) *schedulerLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byToken[sha256.Sum256([]byte(token))]
}
