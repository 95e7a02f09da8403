package sip

// PoolSize is how many addresses sipgo keeps for UDP.
func (s *Stack) PoolSize() int { return s.transport.Pool("udp").Size() }
