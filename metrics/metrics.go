package metrics

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cardline/ledger"
)

// Options say what is measured, and where it is shown.
type Options struct {
	// Registerer shows the metrics. It is required; two Metrics need two.
	Registerer prometheus.Registerer
	// Version and Revision are shown in cardline_build_info.
	Version, Revision string
	// Deliveries are the kinds of what may have to wait in the outbox.
	Deliveries []string

	Reloadable
}

// Reloadable names what the series are about. It may be replaced at run time,
// see [Metrics.Configure].
type Reloadable struct {
	// Site is where this program answers; the label site of its queues. If
	// empty, it is "main".
	Site   string
	Queues []Queue
	// Classes are the names of head starts. The first six get a series of
	// their own for those who wait, all others are "other". Whoever waits to be
	// called back is "callback", whatever the head start.
	Classes []string
	Agents  []Agent
	// Reasons are the not-ready reasons, those of the router included.
	Reasons  []string
	Lines    []string
	Flows    []Flow
	Services []string
	// Operations are what the card host is asked for.
	Operations []Operation
	Trunks     []Trunk
	// MaxCalls limits all SIP calls together, and so those of a trunk without a
	// limit of its own, and those with phones. If zero, no such limit is shown.
	MaxCalls int
	// Accounts is the number of devices that may register.
	Accounts int
}

// A Queue holds callers who wait.
type Queue struct {
	Name string
	// Steps is how often its requirement is relaxed for a caller who waits.
	Steps int
	// Dispositions are what its calls may be about.
	Dispositions []string
}

// An Agent is one person who takes calls.
type Agent struct {
	ID, Group string
	// Site is where the agent sits. If empty, it is Reloadable.Site.
	Site string
	// Queues are those that the agent's skills and duties fit at once, and
	// Later those that they fit in a later step.
	Queues, Later []string
}

// A Flow names the steps of a dialogue.
type Flow struct {
	Name  string
	Steps []string
}

// An Operation is a request to the card host, with the words of its answers.
type Operation struct {
	Name  string
	Codes []string
}

// A Trunk is a carrier's side.
type Trunk struct {
	Name     string
	MaxCalls int // that it brings; if zero, it is Reloadable.MaxCalls
}

// Exact bounds of the waits: 5 s is a short abandon, 20 s the threshold of the
// service level.
var (
	waitBounds = seconds(2, 5, 10, 15, 20, 25, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1800)
	// Those of the waits by class are what a service level is made of.
	classBounds  = seconds(5, 20)
	handleBounds = seconds(2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1800)
	hostBounds   = []ledger.Millis{10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000}
)

func seconds(list ...ledger.Millis) []ledger.Millis {
	for i := range list {
		list[i] *= 1000
	}
	return list
}

const (
	// overThreshold is the wait after which a caller spoils the service level
	// already, and overLabel is how it is written.
	overThreshold = 20 * time.Second
	overLabel     = "20"
	// maxClasses bounds the label class, the two that follow included.
	maxClasses    = 8
	otherClass    = "other"
	callbackClass = "callback"
	// backend is the card host in the label of that name.
	backend = "card_host"
	// purposePIN is what is entered in a secure segment, as SecureEnded has it.
	purposePIN = "pin"
)

// The words of [ledger.VerificationFailed] and [ledger.TokenRefused].
var (
	authReasons = map[string][]string{
		"identity": {"refused", "locked"},
		"code":     {"refused", "expired", "locked"},
	}
	tokenReasons = []string{"unknown", "role", "limited"}
)

// What becomes of an item of the outbox. A receiver's own words are too many for
// a label.
const (
	deliveryTaken   = "taken"
	deliveryRefused = "refused"
)

// The parts of handling a call.
const (
	partRinging = "ringing" // of the offer that was accepted
	partTalking = "talking" // hold excluded
	partHolding = "holding" // only of calls with a hold, so that both averages can be had
	partWrapUp  = "wrap_up"
)

// A Sink is a place in which no digit that a caller entered may ever be found.
type Sink string

// The sinks that are searched.
const (
	SinkLog      Sink = "log"
	SinkDatabase Sink = "database"
	SinkMetric   Sink = "metric"
	SinkFile     Sink = "file"
)

// Sinks lists every Sink.
var Sinks = []Sink{SinkLog, SinkDatabase, SinkMetric, SinkFile}

// Metrics counts. Its methods are safe from any goroutine.
type Metrics struct {
	registerer prometheus.Registerer
	wire       *wire

	mu     sync.Mutex // guards what follows; a leaf
	config Reloadable
	site   string

	calls   map[string]*visit           // calls that have not ended
	entries map[uint64]*entry           // callers who wait
	moved   map[uint64][]forecast       // what callers were told who are on their way to another queue, by their next entry
	offers  map[uint64]string           // agents of the offers that are out
	ringing map[string]uint64           // the newest of them, by agent
	talks   map[uint64]struct{}         // by entry
	modes   map[string]ledger.Mode      // of queues; open, if it is not there
	wishes  map[string]struct{}         // callbacks that have not ended, by call
	agents  map[string]*agent           // by id, also those who are configured no more
	queues  map[string]bool             // all that ever had a series
	classes map[string]bool             // with a series of their own
	spent   map[[4]string]ledger.Millis // time that agents have spent in states they left: group, site, state, reason

	reloaded   bool // the last reload was good
	reloadedAt ledger.Millis

	queueEntries, queueExits, queueWait, classWait *family
	waitingCalls, waitingOver, oldestWaiting       *family
	eligible, later                                *family
	agentsNow, agentsNotReady, agentTime           *family
	offersEnded, handled, overstays, healed        *family
	steps, headStarts, mode, dispositions          *family
	estimateError, violations                      *family
	pending, callbacks, attempts, denied           *family
	ivrCalls, stepVisits, services, hostTook       *family
	callsActive, callsEnded                        *family
	authFailures, secureEnded, secureLeaks, tokens *family
	delivered, capped, overCap                     *family
	reloadOK, reloadTime                           *family
	families                                       []*family // all of them
}

// visit is a call that has not ended.
type visit struct {
	line     string
	callback bool // we call
	up       bool // the customer is on the line
}

// entry is a caller who waits.
type entry struct {
	queue, class string
	callback     bool          // the caller was promised a call
	away         bool          // and is not on the line
	at           ledger.Millis // Unix time from which the caller waits on the line
	since        time.Time     // the same by the monotonic clock, as we heard of it
	told         []forecast
}

// New returns metrics in which nothing has happened, and registers them. It
// panics if the registerer shows other metrics by the same names.
func New(o Options) *Metrics {
	m := &Metrics{
		calls: map[string]*visit{}, entries: map[uint64]*entry{}, moved: map[uint64][]forecast{}, talks: map[uint64]struct{}{},
		offers: map[uint64]string{}, ringing: map[string]uint64{}, modes: map[string]ledger.Mode{}, wishes: map[string]struct{}{},
		agents: map[string]*agent{}, queues: map[string]bool{}, spent: map[[4]string]ledger.Millis{},
		reloaded: true, reloadedAt: unix(time.Now()),
	}
	m.registerer = o.Registerer
	m.define()
	m.wire = newWire(o.Registerer)
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "cardline_build_info", Help: "What runs; always 1.",
	}, []string{"version", "revision", "goversion"})
	info.WithLabelValues(o.Version, o.Revision, runtime.Version()).Set(1)
	m.Configure(o.Reloadable)
	for _, kind := range o.Deliveries {
		m.delivered.at(kind, deliveryTaken)
		m.delivered.at(kind, deliveryRefused)
		m.Outbox(kind, 0, time.Time{}, 0)
	}
	o.Registerer.MustRegister(m, info)
	return m
}

// define makes the families that are read from the ledger.
func (m *Metrics) define() {
	add := func(f *family) *family {
		m.families = append(m.families, f)
		return f
	}
	m.queueEntries = add(counter("cardline_queue_entries_total", "Calls that entered a queue.", "queue", "site", "via"))
	m.queueExits = add(counter("cardline_queue_exits_total", "Calls that left a queue, by outcome. Each entry leaves once.", "queue", "site", "outcome"))
	m.queueWait = add(histogram("cardline_queue_wait_seconds",
		"Time in the queue until the call left it, the agent's ringing included. Waits of callbacks are left out; that for which one was asked ends with the request.",
		waitBounds, "queue", "site", "outcome"))
	m.classWait = add(histogram("cardline_class_wait_seconds",
		"The same waits by head start, over all queues.", classBounds, "class", "site", "outcome"))
	m.waitingCalls = add(gauge("cardline_queue_waiting_calls",
		"Calls that wait now, by head start; of class callback are those who are not on the line.", "queue", "site", "class"))
	m.waitingOver = add(gauge("cardline_queue_waiting_over_threshold_calls",
		"Calls that have waited longer than the threshold by now, callbacks left out.", "queue", "site", "threshold_seconds"))
	m.oldestWaiting = add(gauge("cardline_queue_oldest_waiting_start_timestamp_seconds",
		"Unix time since which the call waits on the line that waits longest; 0 if none waits.", "queue", "site").inSeconds())
	m.eligible = add(gauge("cardline_queue_eligible_agents", "Agents whose skills fit the queue at once, by what they do now.", "queue", "state"))
	m.later = add(gauge("cardline_queue_later_agents", "Agents who may come to the queue only in a later step, by what they do now.", "queue", "state"))
	m.agentsNow = add(gauge("cardline_agents", "Agents by what they do now.", "group", "site", "state"))
	m.agentsNotReady = add(gauge("cardline_agents_not_ready", "Agents who are not ready now, by reason.", "reason"))
	m.agentTime = add(counter("cardline_agent_state_seconds_total", "Time of agents by what they did, the state of now included.",
		"group", "site", "state", "reason").inSeconds())
	m.offersEnded = add(counter("cardline_agent_offers_total", "Offers to agents by result.", "queue", "site", "result"))
	m.handled = add(histogram("cardline_agent_handle_seconds", "Time of handling calls, by part; holding only for calls that were held.",
		handleBounds, "queue", "site", "part"))
	m.ivrCalls = add(counter("cardline_ivr_calls_total", "Calls by what self service did for them.", "line", "outcome"))
	m.stepVisits = add(counter("cardline_ivr_step_visits_total", "Visits to steps of flows, by how they were left.", "flow", "step", "exit"))
	m.services = add(counter("cardline_ivr_services_total", "Self services by result.", "service", "result"))
	m.hostTook = add(histogram("cardline_ivr_backend_request_duration_seconds", "Time of requests to the card host.",
		hostBounds, "backend", "operation", "code"))
	m.callsActive = add(gauge("cardline_calls_active", "Calls that are up now.", "line"))
	m.callsEnded = add(counter("cardline_calls_ended_total", "Calls that ended, by reason.", "line", "reason"))
	m.authFailures = add(counter("cardline_auth_failures_total", "Failed tries of callers to prove who they are.", "factor", "reason"))
	m.secureEnded = add(counter("cardline_secure_segments_total", "Secure entries by result.", "kind", "result"))
	m.secureLeaks = add(counter("cardline_secure_leaks_total", "Digits of secure entries that were found where none may be; must stay 0.", "sink"))
	m.tokens = add(counter("cardline_api_tokens_refused_total", "Requests to the API with a token that is wrong or not enough.", "reason"))
	m.capped = add(counter("cardline_callers_capped_total", "Times that the card host was not asked because the caller had reached a limit.", "cap"))
	m.overCap = add(counter("cardline_trunk_over_cap_total", "Days on which the callers of a trunk did more than is expected of it.", "trunk", "cap"))
	m.delivered = add(counter("cardline_outbox_delivered_total", "Items of the outbox that their receiver took, or refused for good.", "kind", "result"))
	m.reloadOK = add(gauge("cardline_config_last_reload_successful", "Whether the last configuration offered is in force."))
	m.reloadTime = add(gauge("cardline_config_last_reload_success_timestamp_seconds", "Unix time at which the configuration in force was loaded.").inSeconds())
	m.defineRouting(add)
}

// Configure names what is measured from now on. What has a count keeps it,
// also if it is named no more.
func (m *Metrics) Configure(r Reloadable) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.config, m.site = r, cmp.Or(r.Site, "main")
	m.configureClasses()
	for _, q := range r.Queues {
		m.addQueue(q.Name)
		m.addRules(q)
	}
	m.forgetModes()
	m.configureAgents()
	m.addLedgerSeries()
	m.wire.configure(r)
}

func (m *Metrics) configureClasses() {
	m.classes = map[string]bool{}
	for _, c := range m.config.Classes {
		if len(m.classes) < maxClasses-2 && c != callbackClass {
			m.classes[c] = true
		}
	}
	for _, outcome := range ledger.QueueOutcomes {
		for class := range m.classes {
			m.classWait.at(class, m.site, waitOutcome(outcome))
		}
		m.classWait.at(otherClass, m.site, waitOutcome(outcome))
	}
}

// class returns the label of a head start.
func (m *Metrics) class(name string) string {
	if m.classes[name] {
		return name
	}
	return otherClass
}

// addQueue makes the series of a queue that are about its callers.
func (m *Metrics) addQueue(q string) {
	m.queues[q] = true
	for _, via := range ledger.Vias {
		m.queueEntries.at(q, m.site, string(via))
	}
	for _, outcome := range ledger.QueueOutcomes {
		m.queueExits.at(q, m.site, string(outcome))
		m.queueWait.at(q, m.site, waitOutcome(outcome))
	}
	for class := range m.classes {
		m.waitingCalls.at(q, m.site, class)
	}
	m.waitingCalls.at(q, m.site, otherClass)
	m.waitingCalls.at(q, m.site, callbackClass)
	m.waitingOver.at(q, m.site, overLabel)
	m.oldestWaiting.at(q, m.site)
	for _, state := range ledger.AgentStates {
		m.eligible.at(q, string(state))
		m.later.at(q, string(state))
	}
	m.addCallbacks(q)
}

// addDuty makes the series of a queue that are about its agents of one site.
func (m *Metrics) addDuty(queue, site string) {
	for _, result := range ledger.OfferResults {
		m.offersEnded.at(queue, site, string(result))
	}
	for _, part := range []string{partRinging, partTalking, partHolding, partWrapUp} {
		m.handled.at(queue, site, part)
	}
}

// addLedgerSeries makes the series that are about neither queues nor agents.
func (m *Metrics) addLedgerSeries() {
	for _, line := range m.config.Lines {
		m.callsActive.at(line)
		for _, outcome := range ledger.IVROutcomes {
			m.ivrCalls.at(line, string(outcome))
		}
		for _, reason := range ledger.EndReasons {
			m.callsEnded.at(line, string(reason))
		}
	}
	for _, flow := range m.config.Flows {
		for _, step := range flow.Steps {
			for _, exit := range ledger.StepExits {
				m.stepVisits.at(flow.Name, step, string(exit))
			}
		}
	}
	for _, service := range m.config.Services {
		for _, result := range ledger.ServiceResults {
			m.services.at(service, string(result))
		}
	}
	for _, operation := range m.config.Operations {
		for _, code := range operation.Codes {
			m.hostTook.at(backend, operation.Name, code)
		}
	}
	for factor, reasons := range authReasons {
		for _, reason := range reasons {
			m.authFailures.at(factor, reason)
		}
	}
	for _, result := range ledger.SecureResults {
		m.secureEnded.at(purposePIN, string(result))
	}
	for _, sink := range Sinks {
		m.secureLeaks.at(string(sink))
	}
	for _, reason := range tokenReasons {
		m.tokens.at(reason)
	}
	for _, c := range ledger.Caps {
		m.capped.at(string(c))
		for _, t := range m.config.Trunks {
			m.overCap.at(t.Name, string(c))
		}
	}
	for _, state := range ledger.AgentStates {
		m.healed.at(string(state))
	}
	for _, invariant := range invariants {
		m.violations.at(invariant)
	}
	m.reloadOK.at()
	m.reloadTime.at()
}

// Leaked counts digits that were found where none may be.
func (m *Metrics) Leaked(s Sink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secureLeaks.at(string(s)).number++
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range m.families {
		ch <- f.desc
	}
}

// Collect implements [prometheus.Collector]. All that it shows is of one moment.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, metric := range m.snapshot(time.Now()) {
		ch <- metric
	}
}

func (m *Metrics) snapshot(now time.Time) (list []prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.countQueues(now)
	m.countAgents(now)
	m.countModes()
	m.callsActive.zero()
	for _, v := range m.calls {
		if v.up {
			m.callsActive.at(v.line).number++
		}
	}
	m.reloadOK.zero()
	if m.reloaded {
		m.reloadOK.at().number = 1
	}
	m.reloadTime.at().sum = m.reloadedAt
	for _, f := range m.families {
		list = f.show(list)
	}
	return list
}

// countQueues counts those who wait.
func (m *Metrics) countQueues(now time.Time) {
	m.waitingCalls.zero()
	m.waitingOver.zero()
	m.oldestWaiting.zero()
	m.pending.zero()
	for _, e := range m.entries {
		if e.away {
			m.waitingCalls.at(e.queue, m.site, callbackClass).number++
			m.pending.at(e.queue, m.site).number++
			continue
		}
		m.waitingCalls.at(e.queue, m.site, m.class(e.class)).number++
		if !e.callback && now.Sub(e.since) > overThreshold {
			m.waitingOver.at(e.queue, m.site, overLabel).number++
		}
		if oldest := m.oldestWaiting.at(e.queue, m.site); oldest.sum == 0 || e.at < oldest.sum {
			oldest.sum = e.at
		}
	}
}

// unix returns a moment in milliseconds of Unix time.
func unix(t time.Time) ledger.Millis { return ledger.Millis(t.UnixMilli()) }

// waitOutcome is the outcome as the histogram of waits knows it.
func waitOutcome(o ledger.QueueOutcome) string {
	if slices.Contains([]ledger.QueueOutcome{ledger.OutcomeAnswered, ledger.OutcomeAbandoned}, o) {
		return string(o)
	}
	return "other"
}
