package call

import (
	"net/netip"
	"slices"
	"time"

	"cardline/acd"
	"cardline/caller"
	"cardline/ivr"
	"cardline/ledger"
	"cardline/prompts"
	"cardline/sip"
)

// A Config is what a call goes by. It never changes; a call keeps the one that
// it began with, see [Hotline.Reload].
type Config struct {
	Digest   string           // names the configuration in the ledger
	Lines    map[string]*Line // by dialled number
	Program  *ivr.Program
	Prompts  *prompts.Library
	Routing  acd.Options
	Devices  map[string]string // agent by account
	Sites    map[string]string // by trunk: where its callers come in
	Media    MediaSources
	Features Features
	Queues   map[string]QueueOptions // by name; a queue that is missing has the defaults
	// Callbacks are the rules for all calls back. The zero value allows none.
	Callbacks Callbacks
	Limits    Limits
	// AgentLanguage is what agents hear after a feature code.
	AgentLanguage string

	accounts map[string]string // by agent
}

// prepare makes what is looked up often.
func (c *Config) prepare() {
	c.accounts = make(map[string]string, len(c.Devices))
	for account, agent := range c.Devices {
		c.accounts[agent] = account
	}
}

// device returns the account by which an agent is rung, "" if there is none.
func (c *Config) device(agent string) string { return c.accounts[agent] }

// MediaSources say where the media of peers may be. What they do not name may be
// anywhere.
type MediaSources struct {
	Trunks   map[string][]netip.Prefix // by the trunk's name
	Latching map[string]bool           // trunks whose media may come from any port of the address that signals
	Networks []NetworkMedia            // of phones; the first that has the phone counts
}

// NetworkMedia says where the media of the phones that signal from Sources may be.
type NetworkMedia struct{ Sources, Media []netip.Prefix }

// phone returns where the media of a phone may be that signals from an address.
func (m MediaSources) phone(address netip.Addr) []netip.Prefix {
	for _, n := range m.Networks {
		if slices.ContainsFunc(n.Sources, func(p netip.Prefix) bool { return p.Contains(address) }) {
			return n.Media
		}
	}
	return nil
}

// caller returns where the media of a caller may be.
func (m MediaSources) caller(in sip.Invite) []netip.Prefix {
	if in.Trunk != "" {
		return m.Trunks[in.Trunk]
	}
	return m.phone(in.Source.Addr())
}

// A Line is a dialled number with its entry rules.
type Line struct {
	Name      string
	Flow      string
	Language  string
	HeadStart time.Duration     // for every queue that the caller enters
	Class     string            // name of the head start
	Values    map[string]string // what the flow may branch on
	// Hours say when the line is open; nil means always. While it is not, the
	// flow of its mode is used, or Flow if there is none.
	Hours Hours
	Flows map[ledger.Mode]string
}

// Hours tell what a line or a queue is like at a time, why, and when that
// changes: zero means never.
type Hours interface {
	At(t time.Time) (mode ledger.Mode, why string, until time.Time)
}

// QueueOptions say what a queue is like for those who wait and those who ring.
type QueueOptions struct {
	// Code is what an agent keys to transfer a caller here.
	Code string
	// AnnounceEvery is the time between announcements of the position. If
	// zero, it is 45 s.
	AnnounceEvery time.Duration
	// Silent lets those who wait hear nothing at all.
	Silent bool
	// ExitKey leaves the queue by its rule for that, CallbackKey asks to be
	// called back. Zero means that there is none.
	ExitKey, CallbackKey byte
	// LastAgent is how long a caller is first offered to the agent of last
	// time, and PreferFor how long such an agent is waited for alone.
	LastAgent, PreferFor time.Duration
	Hours                Hours // nil: always open
	// CallbackHours are when callers may be called back, within Hours; nil
	// means always.
	CallbackHours Hours
}

// Callbacks are the rules for calls back.
type Callbacks struct {
	// URI makes the address of a number, such as sip:%s@192.0.2.1:5060; if it
	// is empty there are no callbacks.
	URI            string
	Trunk          string         // its name, for the figures
	User, Password string         // for a trunk that asks
	From           string         // the number shown
	Allow, Deny    []string       // beginnings of numbers
	Plan           caller.Plan    // the numbers that there are; nil is the mainland's
	DialCodes      []string       // that begin calls by way of another network; nil is those of the mainland
	PerDay         int            // all together; zero means none
	PerCaller      int            // in a day to one number, and at the wish of one caller; zero is no limit
	Zone           *time.Location // in which a day begins; nil is the machine's
}

// Features are the codes that agents dial or key. An empty code is off.
type Features struct {
	LogIn, LogOut, Ready string
	NotReady             map[string]string // reason by code
	// TransferQueue and TransferAgent are keyed during a conversation, then
	// the queue's code or the agent's id, then #.
	TransferQueue, TransferAgent string
	// Extend asks for more wrap-up, and Dispositions say what the call was
	// about: the disposition by code.
	Extend       string
	Dispositions map[string]string
	Modes        map[string]Switch // what a code switches
}

// A Switch puts queues and lines into a mode, whatever their hours say.
type Switch struct {
	Accounts      []string // of the phones that may throw it by its code
	Queues, Lines []string
	Mode          ledger.Mode
	For           time.Duration // then the hours count again; zero: until switched again
	Why           string
}

// Prompts that the hotline speaks itself, beside those of flows.
const (
	promptAllBusy     = "queue_all_busy"
	promptPosition    = "queue_position"
	promptMusic       = "hold_music"
	promptApology     = "hold_apology"
	promptLoggedIn    = "agent_login_ok"
	promptLoggedOut   = "agent_logout_ok"
	promptReady       = "agent_ready"
	promptNotReady    = "agent_not_ready"
	promptNo          = "agent_refused"
	promptNoFeature   = "feature_unknown"
	promptNoTransfer  = "transfer_failed"
	promptWait        = "queue_wait"
	promptLonger      = "queue_longer"
	promptOffer       = "callback_offer"
	promptKnown       = "callback_known"
	promptNumber      = "callback_number"
	promptWhich       = "callback_which"
	promptCallLater   = "callback_accepted"
	promptNoCallback  = "callback_refused"
	promptWeCall      = "callback_hello"
	promptDone        = "agent_done"
	defaultAnnounce   = 45 * time.Second
	reachLimit        = 5 * time.Second  // for a phone to say that it rings
	preferLimit       = 60 * time.Second // to wait for an agent who was named in a transfer
	transferKeysLimit = 5 * time.Second  // between two keys of a transfer
)

// Prompts lists the prompts that the hotline needs beside those of the flows.
func Prompts() []string {
	return []string{
		promptAllBusy, promptPosition, promptMusic, promptApology, promptLoggedIn, promptLoggedOut, promptReady,
		promptNotReady, promptNo, promptNoFeature, promptNoTransfer, promptWait, promptLonger, promptOffer, promptKnown, promptNumber,
		promptWhich, promptCallLater, promptNoCallback, promptWeCall, promptDone,
	}
}
