package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardline/card"
	"cardline/card/demo"
)

// output takes what a command prints from several goroutines, and may look at
// all of it each time.
type output struct {
	mu sync.Mutex
	bytes.Buffer
	look func(text string)
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.Buffer.Write(p)
	if o.look != nil {
		o.look(o.String())
	}
	return n, err
}

func TestDemoPlaysAndLeavesNothingBehind(t *testing.T) {
	for _, address := range []string{"127.0.0.1:5060", "127.0.0.1:9560"} {
		if l, err := net.Listen("tcp", address); err == nil { // else somebody has it: taken either way
			defer l.Close()
		}
	}
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	called := regexp.MustCompile(`in IVR [1-9]`)
	out := output{look: func(text string) {
		if called.MatchString(text) && strings.Contains(text, "agents ready 8 of 8") {
			cancel() // that is all of it; on a slow machine it takes its time
		}
	}}
	if err := playDemo(ctx, demoFlags{callers: 10, seed: 1}, &out); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{
		"127.0.0.1:5060 is taken", "account 2001", "password cardline-2001", "dial 95500", "/metrics",
		"The demo is over", "agents ready 8 of 8",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the output", want)
		}
	}
	if !called.MatchString(got) || !regexp.MustCompile(`so far [1-9]\d* calls`).MatchString(got) {
		t.Error("nobody has called")
	}
	if strings.Contains(got, "\x1b") {
		t.Error("there are escape sequences in output that is no terminal's")
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v left behind, want nothing", left, err)
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestFreeAddressStepsAside(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	wanted := udp.LocalAddr().String()
	if got, err := freeAddress(wanted); err != nil || got == wanted {
		t.Errorf("got %s, %v for a port that is taken for UDP, want another", got, err)
	}
	_ = udp.Close()
	if got, err := freeAddress(wanted); err != nil || got != wanted {
		t.Errorf("got %s, %v for a free port, want %s", got, err, wanted)
	}
}

func TestCodesComeToTheirHolder(t *testing.T) {
	p := newPost()
	a, b := demo.HolderAt(1), demo.HolderAt(2)
	box := func(h demo.Holder) chan string { return p.box(h.Tail(), h.Mobile[7:]) }
	p.deliver(card.Notice{Kind: card.NoticeActivated, Tail: a.Tail(), PhoneTail: a.Mobile[7:]})
	for range 10 { // nobody reads them: nobody waits
		p.deliver(card.Notice{Kind: card.NoticeCode, Code: []byte("123456"), Tail: a.Tail(), PhoneTail: a.Mobile[7:]})
	}
	if got := <-box(a); got != "123456" {
		t.Errorf("got %s, want the code", got)
	}
	select {
	case got := <-box(b):
		t.Errorf("got %s in somebody else's box", got)
	default:
	}
}

func TestTheVisitorsCardIsNobodyElses(t *testing.T) {
	d, err := newDemonstration(newOutlet(&output{}))
	if err != nil {
		t.Fatal(err)
	}
	town := &town{reserved: d.number}
	for range 100 {
		if h := town.holder(true); h.Number == d.card.Number || h.Active {
			t.Fatalf("got card %s, active %v; want a fresh one that is not the visitor's", h.Number, h.Active)
		}
	}
	if d.card.Active || !card.ValidNumber([]byte(d.card.Number)) {
		t.Errorf("got card %+v for the visitor, want one to activate", d.card)
	}
	if text := strings.Join(d.invitation(), " "); !strings.Contains(text, spaced(d.card.Number)) {
		t.Errorf("the card is not in the invitation %q", text)
	}
}

func TestTalesAreAHundred(t *testing.T) {
	sum := 0
	for _, tale := range tales {
		sum += tale.weight
	}
	if sum != 100 {
		t.Errorf("got weights of %d, want 100", sum)
	}
}

func TestAccountsOf(t *testing.T) {
	got, err := accountsOf([]string{"1001-1003", "7", "0099-0101"})
	want := []string{"1001", "1002", "1003", "7", "0099", "0100", "0101"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, wrong := range []string{"9-1", "a-b", "1-100000"} {
		if got, err := accountsOf([]string{wrong}); err == nil {
			t.Errorf("%s: got %v, want an error", wrong, got)
		}
	}
}

func TestLoadRefusesWhatMakesNoSense(t *testing.T) {
	for _, args := range [][]string{
		{"load"},
		{"load", "95500"},
		{"load", "sip:95500@192.0.2.1"},
		{"load", "sip:95500@127.0.0.1", "--keys", "x"},
		{"load", "sip:95500@127.0.0.1", "--hold", "long"},
		{"load", "sip:95500@127.0.0.1", "--agents", "9-1"},
	} {
		root := newRoot()
		root.SetArgs(args)
		if err := root.Execute(); err == nil {
			t.Errorf("%v: got no error", args)
		}
	}
}
