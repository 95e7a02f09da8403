package load

import (
	"net"
	"testing"
	"time"
)

func TestPulledCord(t *testing.T) {
	seen := make(chan string, 8)
	c, err := newCord("127.0.0.1:0", func(_ time.Time, sent bool, b []byte) {
		if sent {
			seen <- "sent " + string(b)
		} else {
			seen <- "heard " + string(b)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	peer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	heard := make(chan error, 1)
	listen := func() {
		_, _, err := c.ReadFrom(make([]byte, 100))
		heard <- err
	}
	go listen()
	_, _ = peer.WriteTo([]byte("hello"), c.LocalAddr())
	if err := <-heard; err != nil {
		t.Fatalf("a phone with power does not hear: %v", err)
	}
	if _, err := c.WriteTo([]byte("who is there"), peer.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	go listen()
	c.pull()
	if n, err := c.WriteTo([]byte("help"), peer.LocalAddr()); n != 4 || err != nil {
		t.Errorf("writing without power: %d, %v; want that it goes nowhere, and no error", n, err)
	}
	select {
	case err := <-heard:
		t.Errorf("reading without power returned %v before the end", err)
	case <-time.After(50 * time.Millisecond):
	}
	_ = c.Close()
	if err := <-heard; err == nil {
		t.Error("reading after the end returned no error")
	}
	close(seen)
	var got []string
	for s := range seen {
		got = append(got, s)
	}
	if len(got) != 2 || got[0] != "heard hello" || got[1] != "sent who is there" {
		t.Errorf("the tap has seen %q, want what came and went with power", got)
	}
}
