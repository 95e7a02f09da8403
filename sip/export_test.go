package sip

import (
	"bytes"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// A Sample is a message of testdata/messages.txt.
type Sample struct{ Name, Answer, text string }

// Samples reads the corpus.
func Samples(t testing.TB) (all []Sample) {
	t.Helper()
	data, err := os.ReadFile("testdata/messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(string(data), "\n=== ") {
		title, text, _ := strings.Cut(block, "\n")
		if name, answer, ok := strings.Cut(title, ": "); ok {
			all = append(all, Sample{name, answer, text})
		}
	}
	return all
}

// Message returns the sample as it is sent by a transport, UDP or TCP.
func (s Sample) Message(transport string) []byte {
	head, body, _ := strings.Cut(s.text, "\n\n")
	body = strings.ReplaceAll(strings.TrimRight(body, "\n")+"\n", "\n", "\r\n")
	if !strings.Contains(head, "{L}") {
		body = ""
	}
	head = strings.NewReplacer("{T}", transport, "{L}", strconv.Itoa(len(body)), "\n", "\r\n").Replace(strings.TrimRight(head, "\n"))
	return bytes.Join([][]byte{[]byte(head), []byte(body)}, []byte("\r\n\r\n"))
}

// PoolSize is how many addresses sipgo keeps for UDP.
func (s *Stack) PoolSize() int { return s.transport.Pool("udp").Size() }

// Transactions is how many transactions sipgo keeps.
func (s *Stack) Transactions() (client, server int) {
	count := func(store string) int {
		return reflect.ValueOf(s.transactions).Elem().FieldByName(store).Elem().FieldByName("items").Len()
	}
	return count("clientTransactions"), count("serverTransactions")
}

// HasStream reports whether there is a stream to an address.
func (s *Stack) HasStream(to string) bool { return s.hasStream(to) }
