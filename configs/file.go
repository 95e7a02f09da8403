package configs

import (
	"net/netip"
	"time"

	"cardline/ivr"
)

// File is a configuration as it is written. Every section may be left out; the
// zero value of a field means its default, which the comment names.
type File struct {
	SIP      SIP       `yaml:"sip"`
	Media    Media     `yaml:"media"`
	HTTP     HTTP      `yaml:"http"`
	Card     Card      `yaml:"card"`
	Prompts  Prompts   `yaml:"prompts"`
	Drain    Duration  `yaml:"drain"` // how long calls may go on after SIGTERM; 2 m
	Trunks   []Trunk   `yaml:"trunks"`
	Phones   []Phone   `yaml:"phones"`
	Lines    []Line    `yaml:"lines"`
	Queues   []Queue   `yaml:"queues"`
	Agents   []Agent   `yaml:"agents"`
	Features Features  `yaml:"features"`
	Flows    ivr.Flows `yaml:"flows" json:"-"` // from the folder flows
}

// Duration is written as 30s, 1m30s or 24h.
type Duration = time.Duration

// SIP is the signalling.
type SIP struct {
	Listen          []Listen `yaml:"listen"`            // at least one
	Realm           string   `yaml:"realm"`             // in digest challenges; cardline
	MaxCalls        int      `yaml:"max_calls"`         // at one time; 10000
	MaxSetups       int      `yaml:"max_setups"`        // unconfirmed at one time; 1000
	SetupsPerSecond int      `yaml:"setups_per_second"` // 1000
}

// Listen is one socket of the signalling.
type Listen struct {
	Network    string   `yaml:"network"`    // udp or tcp
	Address    string   `yaml:"address"`    // host:port
	Advertise  string   `yaml:"advertise"`  // host or host:port by which peers reach it; the address
	Algorithms []string `yaml:"algorithms"` // of digest, in the order offered: md5, sha-256; [md5]
}

// Media is the voice.
type Media struct {
	Bind       netip.Addr `yaml:"bind"`        // 127.0.0.1
	Advertise  netip.Addr `yaml:"advertise"`   // in session descriptions; bind
	PortMin    uint16     `yaml:"port_min"`    // 20000
	PortMax    uint16     `yaml:"port_max"`    // 29999
	Loops      int        `yaml:"loops"`       // one carries a thousand calls; 1
	RTPTimeout Duration   `yaml:"rtp_timeout"` // 60s
}

// HTTP is the listener for health, metrics and the API.
type HTTP struct {
	Listen      string `yaml:"listen"`      // host:port; 127.0.0.1:9560
	Certificate string `yaml:"certificate"` // PEM file; needed on any address but loopback
	Key         string `yaml:"key"`         // PEM file
	Tokens      string `yaml:"tokens"`      // YAML file; without it the API refuses everybody
}

// Card is the card host.
type Card struct {
	Limit   Duration `yaml:"limit"`   // for one answer of the host; 5s
	Holders int      `yaml:"holders"` // of the demo issuer; 3000
}

// Prompts are the recordings.
type Prompts struct {
	Overlay string `yaml:"overlay"` // directory whose files replace the shipped ones
}

// Trunk is a carrier's side.
type Trunk struct {
	Name     string         `yaml:"name"`
	Sources  []netip.Prefix `yaml:"sources"`   // addresses that it calls from
	MaxCalls int            `yaml:"max_calls"` // at one time; no limit but that of sip
}

// Phone is an account by which a softphone registers.
type Phone struct {
	Account      string `yaml:"account"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file"` // first line; instead of password
	NAT          bool   `yaml:"nat"`           // may sit behind an address translation
}

// Line is one or more dialled numbers with their entry rules.
type Line struct {
	Name      string   `yaml:"name"`
	Numbers   []string `yaml:"numbers"`
	Flow      string   `yaml:"flow"`       // main
	Language  string   `yaml:"language"`   // the first language of the prompts
	HeadStart Duration `yaml:"head_start"` // callers of this line go before those who came that much later
	Class     string   `yaml:"class"`      // name of the head start in figures
}

// Queue is where callers wait.
type Queue struct {
	Name            string         `yaml:"name"`
	Requires        map[string]int `yaml:"requires"`           // least level of each skill
	Ring            Duration       `yaml:"ring"`               // one agent; 15s
	WrapUp          Duration       `yaml:"wrap_up"`            // none
	MaxWait         Duration       `yaml:"max_wait"`           // no limit
	MaxLength       int            `yaml:"max_length"`         // no limit
	LeaveIfNoAgents bool           `yaml:"leave_if_no_agents"` // while nobody who could come is logged in
	OfferAgain      bool           `yaml:"offer_again"`        // to agents who failed a caller, when nobody else is left
	Announce        Duration       `yaml:"announce"`           // position, every; 45s
	TransferCode    string         `yaml:"transfer_code"`      // digits that agents key
}

// Agent is a person who takes calls.
type Agent struct {
	ID     string         `yaml:"id"`
	Group  string         `yaml:"group"` // agents
	Site   string         `yaml:"site"`  // main
	Phone  string         `yaml:"phone"` // account; the id
	Skills map[string]int `yaml:"skills"`
	Queues []string       `yaml:"queues"` // all that the skills fit
}

// Features are the codes that agents dial, or key during a call.
type Features struct {
	LogIn         string            `yaml:"log_in"`
	LogOut        string            `yaml:"log_out"`
	Ready         string            `yaml:"ready"`
	NotReady      map[string]string `yaml:"not_ready"` // reason by code
	TransferQueue string            `yaml:"transfer_queue"`
	TransferAgent string            `yaml:"transfer_agent"`
}
