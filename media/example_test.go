package media_test

import (
	"fmt"

	"cardline/media"
)

// Two engines, a caller's and ours: the caller hears a greeting and presses a key.
func Example() {
	theirs, err := media.New(media.Options{PortMin: 20800, PortMax: 20899})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer theirs.Close()
	ours, err := media.New(media.Options{PortMin: 20900, PortMax: 20999})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ours.Close()

	events := make(chan media.Event, 10)
	leg, err := ours.Open(media.LegOptions{Kind: "trunk", Sink: func(ev media.Event) { events <- ev }})
	if err != nil {
		fmt.Println(err)
		return
	}
	caller, err := theirs.Open(media.LegOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := leg.Answer(caller.Offer()) // as SIP carries them
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := caller.Accept(answer); err != nil {
		fmt.Println(err)
		return
	}

	leg.Play(1, []media.Clip{make(media.Clip, 800)}, false)
	fmt.Printf("%+v\n", <-events)
	if err := caller.SendKeys("7"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-events)
	// Output:
	// {ID:1 Whole:true}
	// KeyPressed(•)
}
