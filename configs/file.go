package configs

import (
	"net/netip"
	"time"

	"cardline/acd"
	"cardline/calendar"
	"cardline/ivr"
)

// File is a configuration as it is written. Every section and every key may be
// left out, unless its comment says otherwise. The comments are also the
// descriptions in the JSON Schema.
type File struct {
	SIP       SIP           `yaml:"sip"`
	Media     Media         `yaml:"media"`
	HTTP      HTTP          `yaml:"http"`
	Card      Card          `yaml:"card"`
	Prompts   Prompts       `yaml:"prompts"`
	Drain     Duration      `yaml:"drain"`     // How long calls may go on after SIGTERM. Default: 2m.
	TimeZone  string        `yaml:"time_zone"` // Of calendars that name no other, and of times without one. Default: Asia/Shanghai.
	Calendars []Calendar    `yaml:"calendars"`
	Holidays  []HolidayList `yaml:"holidays"`
	Switches  []Switch      `yaml:"switches"`
	Trunks    []Trunk       `yaml:"trunks"`
	Networks  []Network     `yaml:"networks"`
	Phones    []Phone       `yaml:"phones"`
	Lines     []Line        `yaml:"lines"` // At least one.
	Queues    []Queue       `yaml:"queues"`
	Callbacks Callbacks     `yaml:"callbacks"`
	Callers   Callers       `yaml:"callers"`
	Agents    []Agent       `yaml:"agents"`
	Features  Features      `yaml:"features"`
	Flows     ivr.Flows     `yaml:"-"` // from the folder flows, by the names of their files
}

// Duration is written as 30s, 1m30s or 24h.
type Duration = time.Duration

// SIP is the signalling.
type SIP struct {
	Listen          []Listen `yaml:"listen"`            // The sockets. At least one; they are bound at the start and not by a reload.
	Realm           string   `yaml:"realm"`             // In digest challenges. Default: cardline.
	MaxCalls        int      `yaml:"max_calls"`         // Legs at one time, to callers and to agents. Default: 10000.
	MaxSetups       int      `yaml:"max_setups"`        // Incoming calls at one time that are not confirmed by an ACK yet. Default: 512.
	SetupsPerSecond int      `yaml:"setups_per_second"` // New calls in a second. Default: 1000.
}

// Listen is one socket of the signalling.
type Listen struct {
	Network    string   `yaml:"network" jsonschema:"enum=udp,enum=tcp"`        // udp or tcp.
	Address    string   `yaml:"address"`                                       // host:port to bind.
	Advertise  string   `yaml:"advertise"`                                     // host or host:port by which peers reach it. Default: the address, which must then not be a wildcard.
	Algorithms []string `yaml:"algorithms" jsonschema:"enum=md5,enum=sha-256"` // Of digest, in the order in which phones are offered them. Default: [md5], since common phones give up when they are offered more.
}

// Media is the voice.
type Media struct {
	Bind       netip.Addr `yaml:"bind"`        // Address of all sockets. Default: 127.0.0.1.
	Advertise  netip.Addr `yaml:"advertise"`   // Address in session descriptions. Default: bind, which must then not be a wildcard.
	PortMin    uint16     `yaml:"port_min"`    // A leg takes an even port for RTP and the next for RTCP. Default: 20000.
	PortMax    uint16     `yaml:"port_max"`    // Default: 29999.
	Loops      int        `yaml:"loops"`       // Threads that carry the packets; one carries a thousand bridged calls. Default: 1.
	Terse      bool       `yaml:"terse"`       // Sends nothing to a peer while there is nothing to hear, not even silence: for measurements, and for trunks that allow it.
	RTPTimeout Duration   `yaml:"rtp_timeout"` // How long a peer that should send may be silent before its call is ended. Default: 60s.
}

// HTTP is the listener for health, metrics and the API.
type HTTP struct {
	Listen      string `yaml:"listen"`      // host:port. Default: 127.0.0.1:9560. Any address but loopback needs TLS.
	Certificate string `yaml:"certificate"` // PEM file with the chain.
	Key         string `yaml:"key"`         // PEM file.
	Tokens      string `yaml:"tokens"`      // YAML file with the tokens of the API. Without it the API refuses everybody.
}

// Card is the card host.
type Card struct {
	Limit   Duration `yaml:"limit"`   // For one answer of the host, which is asked twice. Default: 4s.
	Holders int      `yaml:"holders"` // Cards that the demo issuer makes when its books are first opened. Default: 3000.
}

// Prompts are the recordings.
type Prompts struct {
	Overlay string `yaml:"overlay"` // Directory whose files replace the shipped ones, file by file.
}

// Trunk is a carrier's side, known by the addresses that it calls from.
type Trunk struct {
	Name         string         `yaml:"name"`
	Sources      []netip.Prefix `yaml:"sources"`       // Ranges of addresses, such as 192.0.2.0/28. At least one.
	Site         string         `yaml:"site"`          // Where its callers come in, for same_site_first. Default: main.
	MaxCalls     int            `yaml:"max_calls"`     // At one time. Default: no limit but that of sip.
	MaxSetups    int            `yaml:"max_setups"`    // Incoming calls at one time whose ACK has not come. Beyond it the one that has waited longest ends. Default: half of sip.max_setups.
	Phones       bool           `yaml:"phones"`        // Phones of ours register and call from its addresses as well. Then a call whose From is one of our accounts must prove it; else From is the caller's number and no more.
	MediaSources []netip.Prefix `yaml:"media_sources"` // Where its media may come from and go to; calls that name another address are refused. Default: anywhere.
	Latch        bool           `yaml:"latch"`         // Media comes from any port of the address that the SIP came from, whatever the description says: the first packet decides, after each offer. Who can send from that address, or forge it, can take a call's media over.
	Address      string         `yaml:"address"`       // host:port to which calls of ours go. Default: none.
	User         string         `yaml:"user"`          // If the trunk asks who calls.
	Password     string         `yaml:"password"`      // For trials; better is password_file.
	PasswordFile string         `yaml:"password_file"` // File with the password in its first line.
}

// Network is an office or data centre whose phones share addresses, so that the
// limits of one address are too narrow for it.
type Network struct {
	Name             string         `yaml:"name"`
	Sources          []netip.Prefix `yaml:"sources"`            // Ranges of addresses, such as 10.0.0.0/16. At least one.
	MaxStreams       int            `yaml:"max_streams"`        // TCP connections of all its addresses together. Default: 256 of each address.
	PacketsPerSecond int            `yaml:"packets_per_second"` // SIP datagrams of one of its addresses. Default: 200.
	MediaSources     []netip.Prefix `yaml:"media_sources"`      // Where the media of its phones may come from and go to. Default: anywhere.
}

// Phone is an account by which a softphone registers.
type Phone struct {
	Account      string `yaml:"account"`
	Password     string `yaml:"password"`      // For trials; better is password_file.
	PasswordFile string `yaml:"password_file"` // File with the password in its first line.
	MaxCalls     int    `yaml:"max_calls"`     // Calls at one time that it places, feature codes apart. Default: 2 if it is an agent's, else 1.
	NAT          bool   `yaml:"nat"`           // The phone may sit behind an address translation: its media may come from another port than its description says.
}

// Line is one or more dialled numbers with their entry rules.
type Line struct {
	Name      string   `yaml:"name"`
	Numbers   []string `yaml:"numbers"`    // As the trunk sends them in the Request-URI. At least one.
	Flow      string   `yaml:"flow"`       // The flow that callers begin with. Default: main.
	Language  string   `yaml:"language"`   // Of the first prompts. Default: the default language of the recordings.
	HeadStart Duration `yaml:"head_start"` // In every queue, callers of this line go before those who came that much earlier. At most 24h.
	Class     string   `yaml:"class"`      // Name of the head start in the figures. Default: normal.
	Hours     string   `yaml:"hours"`      // The calendar. Default: always open.
	Closed    string   `yaml:"closed"`     // The flow outside the hours. Default: flow.
	Holiday   string   `yaml:"holiday"`    // The flow outside the hours of a holiday. Default: closed.
	Emergency string   `yaml:"emergency"`  // The flow while an emergency is switched on. Default: closed.
}

// Queue is where callers wait.
type Queue struct {
	Name            string      `yaml:"name"`
	Requires        Requirement `yaml:"requires"`                                                                                                                            // What an agent must know. Default: nothing.
	Sites           []string    `yaml:"sites"`                                                                                                                               // The only sites whose agents take callers. Default: all.
	Steps           []QueueStep `yaml:"steps"`                                                                                                                               // What changes for a caller with time.
	Strategy        string      `yaml:"strategy" jsonschema:"enum=longest_idle,enum=most_skilled,enum=least_skilled,enum=least_occupied,enum=round_robin,enum=fewest_calls"` // Who of the free agents is rung. Default: longest_idle.
	SameSiteFirst   bool        `yaml:"same_site_first"`                                                                                                                     // Rings agents of the site at which the caller came in before all others.
	Ring            Duration    `yaml:"ring"`                                                                                                                                // How long one agent is rung. Default: 15s.
	RingGroup       int         `yaml:"ring_group"`                                                                                                                          // Rings that many agents at once; the first to answer takes the caller. Default: 1.
	WrapUp          WrapUp      `yaml:"wrap_up"`                                                                                                                             // The agent's time after a call. Default: none.
	Dispositions    []string    `yaml:"dispositions"`                                                                                                                        // Codes by which agents say what a call was about.
	Overflow        []Overflow  `yaml:"overflow"`                                                                                                                            // When callers leave the queue. The first rule that applies is used.
	ExitKey         string      `yaml:"exit_key"`                                                                                                                            // The key by which a caller leaves the queue, as the overflow rule exit_key says. Default: none.
	MaxWait         Duration    `yaml:"max_wait"`                                                                                                                            // Short for {when: wait > ..}: ends a wait with the result timeout. Default: no limit.
	MaxLength       int         `yaml:"max_length"`                                                                                                                          // Short for {when: length > ..}: callers beyond it leave with the result closed. Default: no limit.
	LeaveIfNoAgents bool        `yaml:"leave_if_no_agents"`                                                                                                                  // Short for {when: no_agents}: ends waits with the result no_agents while nobody who could come is logged in.
	OfferAgain      bool        `yaml:"offer_again"`                                                                                                                         // Offers a caller again to agents who did not answer, once nobody else is left.
	Regain          Duration    `yaml:"regain"`                                                                                                                              // A caller who hung up, and calls again within this time, has the place back. Default: never.
	Callback        *Callback   `yaml:"callback"`                                                                                                                            // Offers to call back, if it is there.
	LastAgent       Duration    `yaml:"last_agent"`                                                                                                                          // A caller who comes again within this time is offered to the agent of last time first. Default: never.
	PreferFor       Duration    `yaml:"prefer_for"`                                                                                                                          // How long that agent is waited for alone. Default: not at all.
	Silent          bool        `yaml:"silent"`                                                                                                                              // Those who wait hear nothing, neither music nor words.
	Announce        Duration    `yaml:"announce"`                                                                                                                            // Time between announcements of the position. Default: 45s.
	TransferCode    string      `yaml:"transfer_code"`                                                                                                                       // Digits that agents key after features.transfer_queue.
	Hours           string      `yaml:"hours"`                                                                                                                               // The calendar. Outside of it nobody is taken in. Default: always open.
}

// Requirement is what an agent must know: least levels from 1 to 10 such as
// {mandarin: 3, cards: 3}, all of them, or an expression such as
// "mandarin >= 3 and (cards >= 5 or vip)".
type Requirement struct {
	Rule   acd.Requirement
	Levels map[string]int // as they are written; nil for an expression
}

// QueueStep is what becomes of a caller who has waited for a time, or would have to
// wait for one. What a step leaves out stays as it was.
type QueueStep struct {
	After            Duration     `yaml:"after"`              // Time in the queue.
	WhenEstimateOver Duration     `yaml:"when_estimate_over"` // Time that the caller is still expected to wait.
	Requires         *Requirement `yaml:"requires"`
	Queues           []string     `yaml:"queues"` // Agents of these queues come too.
	Sites            []string     `yaml:"sites"`  // [] means all.
}

// WrapUp is how an agent's work after a call ends. In short it is written as
// the time of the timed policy.
type WrapUp struct {
	Policy string   `yaml:"policy" jsonschema:"enum=none,enum=timed,enum=manual,enum=forced"` // By a time, by the agent, or by a disposition. Default: timed if there is a time, else none.
	For    Duration `yaml:"for"`                                                              // Of the timed policy.
	Max    Duration `yaml:"max"`                                                              // It ends then at the latest. Default: 15m.
	Extend Duration `yaml:"extend"`                                                           // What an agent may add, again and again up to max. Default: nothing.
}

// Overflow is one way out of a queue.
type Overflow struct {
	When   Occasion `yaml:"when"`   // "length > 50", "wait > 5m", "estimate > 10m", no_agents, closed or exit_key.
	To     string   `yaml:"to"`     // A queue, in which the caller keeps the place; or flow, back to the flow. Default: flow.
	Return bool     `yaml:"return"` // Agents of this queue may still take the caller from there.
}

// Callback is how callers of a queue are called back who asked for it.
type Callback struct {
	Key      string   `yaml:"key"`                                       // What callers press to be called back. Default: "1".
	First    string   `yaml:"first" jsonschema:"enum=caller,enum=agent"` // Who is called first. Default: caller.
	Attempts int      `yaml:"attempts"`                                  // Default: 3.
	Gap      Duration `yaml:"gap"`                                       // Between attempts. Default: 10m.
	Ring     Duration `yaml:"ring"`                                      // Of the caller's phone. Default: 30s.
	Keep     Duration `yaml:"keep"`                                      // How long it is tried in all. Default: 24h.
	Hours    string   `yaml:"hours"`                                     // The calendar of calls back. Default: that of the queue.
}

// Callbacks is what holds for all calls back.
type Callbacks struct {
	Trunk    string   `yaml:"trunk"`    // The trunk that they go out by. Without it there are none.
	From     string   `yaml:"from"`     // The number that they show, such as "95500".
	Prefixes []string `yaml:"prefixes"` // Numbers that may be called begin so. Default: ["13", "14", "15", "16", "17", "18", "19", "0"], the mobile and long-distance numbers of mainland China.
	Deny     []string `yaml:"deny"`     // Numbers that begin so are never called. Default: ["00", "160", "168", "96"], international and premium ones.
	PerDay   *int     `yaml:"per_day"`  // Calls back that are promised in a day; 0 promises none, and makes those that were. Default: 1000.

	PerCaller *int          `yaml:"per_caller"` // Of these, those to one number, and those at the wish of one caller; 0 is no limit. Default: 3.
	Plan      []NumberRange `yaml:"plan"`       // The numbers that there are; any other is not called. Default: mobile numbers of mainland China with 11 digits, and landlines with 0 and the area code.
	DialCodes []string      `yaml:"dial_codes"` // Codes that dial on by way of another network; a number that begins so is never called. Default: ["179", "12593", "10193", "11808", "11888"], those of mainland China.
}

// NumberRange is the numbers that begin with some digits, by their length.
type NumberRange struct {
	Begins string `yaml:"begins"` // Digits, in quotes.
	Digits int    `yaml:"digits"` // Of the whole number, as it is dialled in the country.
	UpTo   int    `yaml:"up_to"`  // If there are longer ones: the digits of the longest. Default: digits.
}

// Callers is how callers are known again, by what stands for their numbers.
type Callers struct {
	RepeatWindow Duration `yaml:"repeat_window"` // How long the key of before is kept after a rotation, so that callers are known over it. Default: 720h.
	PerDay       Caps     `yaml:"per_day"`       // What one caller may do in a day; what goes beyond is refused, and led to a person.
	TrunkPerDay  Caps     `yaml:"trunk_per_day"` // What the callers of one trunk are expected to do in a day; what goes beyond is told by an alarm and not refused.
}

// Caps are limits of what is done in a day; 0 is no limit.
type Caps struct {
	FailedVerifications *int `yaml:"failed_verifications"` // Cards that are unknown, wrong identities and wrong codes. Default: 10 of a caller, 500 of a trunk.
	Codes               *int `yaml:"codes"`                // One-time codes that are sent. Default: 10 of a caller, 5000 of a trunk.
	LossReports         *int `yaml:"loss_reports"`         // Default: 5 of a caller, 500 of a trunk.
}

// Agent is a person who takes calls.
type Agent struct {
	ID     string         `yaml:"id"`
	Group  string         `yaml:"group"`  // Team, as figures show it. Default: agents.
	Site   string         `yaml:"site"`   // Default: main.
	Phone  string         `yaml:"phone"`  // The account on which the agent is rung. Default: the id.
	Skills map[string]int `yaml:"skills"` // Level, 1 to 10, of each skill.
	Queues []string       `yaml:"queues"` // To serve. Default: all that the skills fit.
}

// Features are the codes that agents dial, or key during a call. A code is a
// star and digits; one that is left out is off.
type Features struct {
	LogIn         string                 `yaml:"log_in"`
	LogOut        string                 `yaml:"log_out"`
	Ready         string                 `yaml:"ready"`
	NotReady      map[string]string      `yaml:"not_ready"`      // Reason by code.
	TransferQueue string                 `yaml:"transfer_queue"` // Keyed in a talk, then the queue's transfer_code and #.
	TransferAgent string                 `yaml:"transfer_agent"` // Keyed in a talk, then the agent's id and #.
	Reasons       map[string]Reason      `yaml:"reasons"`        // What is known of reasons; also of those without a code.
	Extend        string                 `yaml:"extend"`         // Asks for more time in wrap-up.
	Dispositions  map[string]string      `yaml:"dispositions"`   // Disposition by code; a queue lists those that it knows.
	Switches      map[string]PhoneSwitch `yaml:"switches"`       // What a code switches, by whom.
}

// PhoneSwitch puts queues and lines into a mode, whatever their hours say.
type PhoneSwitch struct {
	Mode     string   `yaml:"mode" jsonschema:"enum=open,enum=closed,enum=holiday,enum=emergency,enum=hours"` // hours ends a switch early.
	Accounts []string `yaml:"accounts"`                                                                       // Of the phones that may throw it; nobody else may.
	Queues   []string `yaml:"queues"`                                                                         // Default: all, if no lines are named either.
	Lines    []string `yaml:"lines"`                                                                          // Default: all, if no queues are named either.
	For      Duration `yaml:"for"`                                                                            // It ends by itself then. Not with hours.
	Why      string   `yaml:"why"`
}

// Reason is why an agent is not ready.
type Reason struct {
	Allowed Duration `yaml:"allowed"` // How long it may last before supervisors are told. Default: as long as it takes.
}

// Calendar is a set of opening hours that lines and queues refer to by its name.
type Calendar struct {
	Name         string                     `yaml:"name"`
	Zone         string                     `yaml:"zone"`          // Where the clock hangs, such as Asia/Shanghai. Default: time_zone.
	Weekly       map[string][]calendar.Span `yaml:"weekly"`        // Hours such as "09:00-18:00" or "22:00-06:00" by day: mon, mon-fri, "sat,sun" or everyday.
	Holidays     []string                   `yaml:"holidays"`      // The lists of holidays that are kept. Default: none.
	HolidayHours []calendar.Span            `yaml:"holiday_hours"` // Default: closed on holidays.
	Dates        []Special                  `yaml:"dates"`         // Single dates; they go before weekly and holidays.
}

// Special is one date with hours of its own.
type Special struct {
	Date  calendar.Date   `yaml:"date"`
	Name  string          `yaml:"name"`  // Why.
	Hours []calendar.Span `yaml:"hours"` // Default: closed.
}

// HolidayList is the holidays of a country or a company.
type HolidayList struct {
	Name string    `yaml:"name"`
	Days []Holiday `yaml:"days"`
}

// Holiday is a stretch of days off, and the weekend days that are worked for it.
type Holiday struct {
	Name   string             `yaml:"name"`
	From   calendar.Date      `yaml:"from"`
	To     calendar.Date      `yaml:"to"`     // Included. Default: from.
	Worked []calendar.Workday `yaml:"worked"` // Dates with the hours of a Monday, or of another day: 2026-10-10 like wednesday.
}

// Switch is a mode that is in force whatever the calendars say, until its end.
type Switch struct {
	Hours []string `yaml:"hours"` // The calendars. Default: all.
	Mode  string   `yaml:"mode" jsonschema:"enum=open,enum=closed,enum=holiday,enum=emergency"`
	From  string   `yaml:"from"`  // Such as 2026-10-01T09:00, in time_zone.
	Until string   `yaml:"until"` // It ends by itself.
	Why   string   `yaml:"why"`
}
