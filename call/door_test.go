package call

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"cardline/ledger"
	"cardline/media"
	"cardline/sip"
)

// names is the DNS of a bench: it has one name, and another of which it says nothing.
type names struct{ asked chan string } // what it is asked first

func (n *names) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	select {
	case n.asked <- network + " " + host:
	default:
	}
	switch host {
	case "phone.example.com":
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	case "silent.example.com":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// at puts a host in place of the address of a description.
func at(host string, description []byte) []byte {
	return bytes.ReplaceAll(description, []byte("c=IN IP4 127.0.0.1\r\n"), []byte("c=IN IP4 "+host+"\r\n"))
}

// A host in the place of an address is looked up, whoever names it and when: a caller,
// an agent who answers, either one later, and the phone of a feature code.
// https://github.com/sipwise/rtpengine/issues/58
func TestHostsInDescriptions(t *testing.T) {
	b := newBench(t)
	const host = "phone.example.com"
	agent := b.agent("1001", "a", func(p *phone) { p.leg.Answer(at(host, p.sdp)) })
	caller := &phone{bench: b, events: make(chan sip.Event, 64)}
	var err error
	caller.media, err = b.voices.Open(media.LegOptions{})
	must(t, err)
	dial := func(p *phone, d sip.Dial) {
		t.Helper()
		d.URI = "sip:" + d.URI + "@" + b.server
		p.leg, err = b.phones.Dial(d, func(e sip.Event) { p.events <- e })
		must(t, err)
		answered, ok := p.await().(sip.Answered)
		if !ok {
			t.Fatalf("got %+v, want an answer", answered)
		}
		must(t, p.media.Accept(answered.Body))
	}
	dial(caller, sip.Dial{URI: "200", From: "1", Offer: at(host, caller.media.Offer())})
	b.bridgedWith("ann")
	for name, p := range map[string]*phone{"caller": caller, "agent": agent} {
		for _, c := range []struct {
			host  string
			taken bool
		}{{host, true}, {"unknown.example.com", false}, {host, true}} {
			p.leg.Offer(at(c.host, p.media.Offer()))
			if taken := p.offered(); taken != c.taken {
				t.Errorf("offer of the %s with %s: taken %t, want %t", name, c.host, taken, c.taken)
			}
		}
	}
	feature := &phone{bench: b, events: make(chan sip.Event, 64)}
	feature.media, err = b.voices.Open(media.LegOptions{})
	must(t, err)
	defer feature.media.Close()
	dial(feature, sip.Dial{URI: "*12", From: "1001", User: "1001", Password: "a", Offer: at(host, feature.media.Offer())})
}

// What comes behind an event that waits for a look-up waits too, and nothing outlives
// the end of the leg.
func TestDoorKeepsTheOrder(t *testing.T) {
	dns := &gate{asked: make(chan chan struct{})}
	engine, err := media.New(media.Options{Resolver: dns})
	must(t, err)
	defer engine.Close()
	events := make(chan sip.Event, 8)
	d := &door{media: engine, next: func(e sip.Event) { events <- e }}
	names := func(host string) []byte { return []byte("v=0\r\nc=IN IP4 " + host + "\r\nm=audio 6000 RTP/AVP 8\r\n") }
	next := func(want sip.Event) {
		t.Helper()
		if got := <-events; !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	acked, held, resumed := sip.Acked{Body: names("a.example.com")}, sip.Reoffered{Body: names("b.example.com")}, sip.Reoffered{}
	d.take(sip.Progressed{Code: 180})
	next(sip.Progressed{Code: 180})
	d.take(acked)
	a := <-dns.asked
	d.take(held)
	d.take(resumed)
	close(a)
	next(acked)
	b := <-dns.asked
	if len(events) > 0 {
		t.Fatal("an event has overtaken one that waits")
	}
	close(b)
	next(held)
	next(resumed)
	d.take(sip.Answered{Body: names("c.example.com")})
	c := <-dns.asked
	d.take(sip.OfferRefused{Code: 488})
	d.take(sip.Ended{Reason: sip.PeerHungUp})
	next(sip.Ended{Reason: sip.PeerHungUp})
	close(c)
	engine.Close() // nobody asks any more
	if len(events) > 0 {
		t.Errorf("got %+v after the end", <-events)
	}
}

// gate is a DNS that answers each question when it is told to.
type gate struct{ asked chan chan struct{} }

func (g *gate) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	answer := make(chan struct{})
	select {
	case g.asked <- answer:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-answer:
	case <-ctx.Done():
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

// offered waits for what becomes of a phone's new offer.
func (p *phone) offered() (taken bool) {
	p.bench.t.Helper()
	for {
		switch e := p.await().(type) {
		case sip.OfferAccepted:
			must(p.bench.t, p.media.Accept(e.Body))
			return true
		case sip.OfferRefused:
			if e.Code != 488 {
				p.bench.t.Errorf("an offer was refused with %d, want 488", e.Code)
			}
			return false
		case sip.Acked:
		default:
			p.bench.t.Fatalf("got %+v, want what becomes of the offer", e)
		}
	}
}

func TestHostThatIsNotFound(t *testing.T) {
	b := newBench(t)
	p := &phone{bench: b, events: make(chan sip.Event, 64)}
	voice, err := b.voices.Open(media.LegOptions{})
	must(t, err)
	defer voice.Close()
	_, err = b.phones.Dial(sip.Dial{URI: "sip:100@" + b.server, From: "1", Offer: at("unknown.example.com", voice.Offer())}, func(e sip.Event) { p.events <- e })
	must(t, err)
	if e := p.ended(); e.Code != 488 {
		t.Errorf("refused with %d, want 488", e.Code)
	}
}

// Whoever gives up while a host is looked up is gone at once: the call does not wait.
func TestCallerLeavesDuringALookUp(t *testing.T) {
	b := newBench(t)
	p := &phone{bench: b, events: make(chan sip.Event, 64)}
	voice, err := b.voices.Open(media.LegOptions{})
	must(t, err)
	defer voice.Close()
	p.leg, err = b.phones.Dial(sip.Dial{URI: "sip:100@" + b.server, From: "1", Offer: at("silent.example.com", voice.Offer())}, func(e sip.Event) { p.events <- e })
	must(t, err)
	if asked := <-b.names.asked; asked != "ip4 silent.example.com" {
		t.Errorf("asked for %q", asked)
	}
	p.leg.Hangup("")
	if e := fact(b, "the end of the call", func(ledger.CallEnded) bool { return true }); e.Reason != ledger.EndCallerLeft {
		t.Errorf("ended for %q, want %q", e.Reason, ledger.EndCallerLeft)
	}
}

// Nobody who has not shown who they are has us ask the DNS.
func TestStrangersHaveNoHostLookedUp(t *testing.T) {
	b := newBench(t)
	stranger, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(b.server)))
	must(t, err)
	defer stranger.Close()
	const body = "v=0\r\nc=IN IP4 phone.example.com\r\nm=audio 6000 RTP/AVP 8\r\n"
	_, err = fmt.Fprintf(stranger, "INVITE sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bKs\r\nFrom: <sip:1@127.0.0.2>;tag=s\r\n"+
		"To: <sip:100@127.0.0.1>\r\nCall-ID: stranger\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:x@%[1]s>\r\n"+
		"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", stranger.LocalAddr(), len(body), body)
	must(t, err)
	must(t, stranger.SetReadDeadline(time.Now().Add(patience)))
	p := make([]byte, 2048)
	n, err := stranger.Read(p)
	must(t, err)
	if !bytes.HasPrefix(p[:n], []byte("SIP/2.0 401 ")) {
		t.Errorf("got %q, want 401", p[:min(n, 40)])
	}
	select {
	case asked := <-b.names.asked:
		t.Errorf("the DNS was asked for %q", asked)
	default:
	}
}
