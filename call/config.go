package call

import (
	"time"

	"cardline/acd"
	"cardline/ivr"
	"cardline/prompts"
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
	Features Features
	Queues   map[string]QueueOptions // by name; a queue that is missing has the defaults
	// AgentLanguage is what agents hear after a feature code.
	AgentLanguage string
}

// device returns the account by which an agent is rung, "" if there is none.
func (c *Config) device(agent string) string {
	for account, a := range c.Devices {
		if a == agent {
			return account
		}
	}
	return ""
}

// A Line is a dialled number with its entry rules.
type Line struct {
	Name      string
	Flow      string
	Language  string
	HeadStart time.Duration     // for every queue that the caller enters
	Class     string            // name of the head start
	Values    map[string]string // what the flow may branch on
}

// QueueOptions say what a queue is like for those who wait and those who ring.
type QueueOptions struct {
	// Code is what an agent keys to transfer a caller here.
	Code string
	// AnnounceEvery is the time between announcements of the position. If
	// zero, it is 45 s.
	AnnounceEvery time.Duration
}

// Features are the codes that agents dial or key. An empty code is off.
type Features struct {
	LogIn, LogOut, Ready string
	NotReady             map[string]string // reason by code
	// TransferQueue and TransferAgent are keyed during a conversation, then
	// the queue's code or the agent's id, then #.
	TransferQueue, TransferAgent string
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
	defaultAnnounce   = 45 * time.Second
	reachLimit        = 5 * time.Second  // for a phone to say that it rings
	preferLimit       = 60 * time.Second // to wait for an agent who was named in a transfer
	transferKeysLimit = 5 * time.Second  // between two keys of a transfer
)

// Prompts lists the prompts that the hotline needs beside those of the flows.
func Prompts() []string {
	return []string{
		promptAllBusy, promptPosition, promptMusic, promptApology, promptLoggedIn, promptLoggedOut, promptReady,
		promptNotReady, promptNo, promptNoFeature, promptNoTransfer,
	}
}
