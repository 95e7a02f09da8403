package acd

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// commands is the closed list of commands, by name.
var commands = byName(
	LogIn{}, LogOut{}, SetReady{}, SetNotReady{}, DeviceLost{}, DeviceBack{}, ExtendWrapUp{}, Dispose{},
	Enqueue{}, Leave{}, PressExit{}, Foresee{}, SetHeadStart{},
	RequestCallback{}, DialOut{}, CallbackPickedUp{}, CallbackAnswered{}, FailCallback{},
	AcceptOffer{}, FailOffer{}, StartHold{}, EndHold{}, EndTalk{}, SetMode{}, SetCallbacks{}, Tick{}, Reconfigure{},
)

func byName(list ...Command) map[string]reflect.Type {
	kinds := map[string]reflect.Type{}
	for _, c := range list {
		kinds[CommandName(c)] = reflect.TypeOf(c)
	}
	return kinds
}

// CommandName returns the name of a command's type, such as Enqueue.
func CommandName(c Command) string { return reflect.TypeOf(c).Name() }

// CommandNames lists the names of all commands.
func CommandNames() []string { return slices.Sorted(maps.Keys(commands)) }

// A Moment is a command with its time: a line of a recording. Recorded
// commands, applied again to a router with the same options or to a restored
// [Snapshot], give the same effects.
type Moment struct {
	At      Time
	Command Command
}

type momentJSON struct {
	At   Time            `json:"at"` // ns
	Do   string          `json:"do"`
	With json.RawMessage `json:"with"`
}

// MarshalJSON writes the moment with the name of its command.
func (m Moment) MarshalJSON() ([]byte, error) {
	with, err := json.Marshal(m.Command)
	if err != nil {
		return nil, err
	}
	return json.Marshal(momentJSON{m.At, CommandName(m.Command), with})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (m *Moment) UnmarshalJSON(data []byte) error {
	var j momentJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	kind, ok := commands[j.Do]
	if !ok {
		return fmt.Errorf("unknown command %q", j.Do)
	}
	c := reflect.New(kind)
	if err := json.Unmarshal(j.With, c.Interface()); err != nil {
		return fmt.Errorf("command %s: %w", j.Do, err)
	}
	*m = Moment{j.At, c.Elem().Interface().(Command)}
	return nil
}
