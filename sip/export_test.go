package sip

import "reflect"

// PoolSize is how many addresses sipgo keeps for UDP.
func (s *Stack) PoolSize() int { return s.transport.Pool("udp").Size() }

// Transactions is how many transactions sipgo keeps.
func (s *Stack) Transactions() (client, server int) {
	count := func(store string) int {
		return reflect.ValueOf(s.transactions).Elem().FieldByName(store).Elem().FieldByName("items").Len()
	}
	return count("clientTransactions"), count("serverTransactions")
}
