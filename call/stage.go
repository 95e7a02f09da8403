package call

import "fmt"

// A stage is where a call is in its life. Only [call.enter] assigns it.
type stage uint8

const (
	arriving stage = iota // the INVITE is here, its ACK is not, or a callback has no place yet; next: serving, away, ended
	serving               // the flow speaks and listens; next: securing, waiting, ended
	securing              // keys go to the secure segment; next: serving, ended
	waiting               // in a queue, perhaps while a phone rings; next: talking, serving, ended
	away                  // in a queue without a line: to be called back; next: reaching, ended
	reaching              // being called back; next: away, waiting, talking, ended
	talking               // bridged with an agent; next: holding, waiting, serving, ended
	holding               // the agent has put the caller on hold; next: talking, waiting, serving, ended
	ended                 // terminal: everything has been released
)

var stageNames = [...]string{"arriving", "serving", "securing", "waiting", "away", "reaching", "talking", "holding", "ended"}

func (s stage) String() string { return stageNames[s] }

// mayFollow lists the stages that may follow each.
var mayFollow = [...][]stage{
	arriving: {serving, away, ended},
	serving:  {securing, waiting, ended},
	securing: {serving, ended},
	waiting:  {talking, serving, ended},
	away:     {reaching, ended},
	reaching: {away, waiting, talking, ended},
	talking:  {holding, waiting, serving, ended},
	holding:  {talking, waiting, serving, ended},
	ended:    {},
}

// enter is the one door to a stage. A step that the list does not know is a
// fault of ours.
func (c *call) enter(next stage) {
	for _, s := range mayFollow[c.stage] {
		if s == next {
			c.log.Debug().Stringer("from", c.stage).Stringer("to", next).Msg("stage")
			c.stage = next
			return
		}
	}
	panic(fmt.Sprintf("call: from %s to %s", c.stage, next))
}
