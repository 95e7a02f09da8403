package call

import (
	"cmp"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
)

// featureLimit ends a feature call of which the phone does not hang up.
const featureLimit = 15 * time.Second

// featureCall is an agent's phone that has dialled a feature code: it hears
// what became of it and is hung up.
type featureCall struct {
	hotline *Hotline
	config  *Config
	account string // of the phone
	agent   string // whose phone it is; "" for that of somebody else who may throw a switch
	code    string
	offer   []byte
	media   media.LegOptions
	leg     *sip.Leg
	inbox   chan any
	log     zerolog.Logger
}

func newFeatureCall(h *Hotline, config *Config, agent string, leg *sip.Leg, in sip.Invite) *featureCall {
	return &featureCall{
		hotline: h, config: config, account: in.Account, agent: agent, code: in.To, offer: in.Offer, leg: leg,
		media: media.LegOptions{Kind: "agent", Latch: h.latch(config, in), Sources: config.Media.caller(in), Quiet: true},
		inbox: make(chan any, 16),
		log:   h.log.With().Str("agent", agent).Logger(),
	}
}

// sink takes the phone's events. What does not fit is of no use: the call ends
// by itself.
func (f *featureCall) sink(e sip.Event) {
	select {
	case f.inbox <- e:
	default:
	}
}

// run answers, obeys the code, says how it went and hangs up.
func (f *featureCall) run() {
	defer f.leg.Hangup("")
	found := make(chan struct{})
	if f.hotline.media.LookUp(f.offer, func() { close(found) }) {
		select {
		case <-found:
		case <-f.hotline.quit:
			return
		}
	}
	f.media.Sink = func(e media.Event) {
		select {
		case f.inbox <- e:
		default:
		}
	}
	voice, err := f.hotline.media.Open(f.media)
	if err != nil {
		f.leg.Refuse(503, "")
		return
	}
	defer voice.Close()
	answer := voice.Offer()
	if len(f.offer) > 0 {
		if answer, err = voice.Answer(f.offer); err != nil {
			f.leg.Refuse(488, "")
			return
		}
	}
	f.leg.Answer(answer)
	limit := time.After(featureLimit)
	obeyed := false
	for {
		select {
		case <-limit:
			return
		case <-f.hotline.quit:
			return
		case e := <-f.inbox:
			switch e := e.(type) {
			case sip.Acked:
				voice.Speak()
				if len(e.Body) > 0 {
					_ = voice.Accept(e.Body) // an answer that is no good is heard as silence
				}
				if !obeyed { // an ACK may also be that of a re-INVITE
					obeyed = true
					f.say(voice, f.obey())
				}
			case sip.Reoffered:
				(&party{sip: f.leg, media: voice}).reoffered(e.Body)
			case media.WrongSource:
				warnWrongMedia(&f.log, e)
			case sip.Ended, media.PlayEnded:
				return
			}
		}
	}
}

func (f *featureCall) say(voice *media.Leg, prompt string) {
	pieces, err := f.config.Prompts.Say(f.config.AgentLanguage, prompt, nil)
	if err != nil {
		f.log.Error().Err(err).Str("prompt", prompt).Msg("prompt not spoken")
	}
	clips := make([]media.Clip, len(pieces))
	for i, piece := range pieces {
		clips[i] = piece
	}
	voice.Play(1, clips, false)
}

// obey does what the code says and returns the prompt that tells so.
func (f *featureCall) obey() (prompt string) {
	var command acd.Command
	features := f.config.Features
	if s, ok := features.Modes[f.code]; ok {
		if !slices.Contains(s.Accounts, f.account) {
			f.log.Warn().Str("account", f.account).Str("code", f.code).Msg("switch refused: the account may not throw it")
			return promptNo
		}
		f.hotline.Throw(s, ledger.ByPhone, cmp.Or(f.agent, f.account))
		return promptDone
	}
	switch reason, notReady := features.NotReady[f.code]; {
	case f.code == features.LogIn:
		command, prompt = acd.LogIn{Agent: f.agent, By: ledger.ByPhone}, promptLoggedIn
	case f.code == features.LogOut:
		command, prompt = acd.LogOut{Agent: f.agent, By: ledger.ByPhone}, promptLoggedOut
	case f.code == features.Ready:
		command, prompt = acd.SetReady{Agent: f.agent, By: ledger.ByPhone}, promptReady
	case f.code == features.Extend:
		command, prompt = acd.ExtendWrapUp{Agent: f.agent, By: ledger.ByPhone}, promptDone
	case features.Dispositions[f.code] != "":
		command, prompt = acd.Dispose{Agent: f.agent, Code: features.Dispositions[f.code], By: ledger.ByPhone}, promptDone
	case notReady:
		command, prompt = acd.SetNotReady{Agent: f.agent, Reason: reason, By: ledger.ByPhone}, promptNotReady
	default:
		return promptNoFeature
	}
	// A phone that calls us can be reached, whatever it was taken for.
	_ = f.hotline.Command(acd.DeviceBack{Agent: f.agent}) // refused only if the agent has just gone
	if err := f.hotline.Command(command); err != nil {
		f.log.Info().Err(err).Msg("feature refused")
		return promptNo
	}
	return prompt
}
