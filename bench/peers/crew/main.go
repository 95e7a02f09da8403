// Command crew brings the agents of a comparison to work at a cardline: it
// registers their phones from one address, logs them in by the API, makes them
// ready, and ends. The generator then binds the same address and is the phones.
//
// It speaks its own SIP, over a bare socket, so that what is measured shares
// no code with what measures.
package main

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // digest authentication of RFC 2617
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"
)

// crew is who registers where.
type crew struct {
	server, local string // host:port of the signalling, ours and theirs
	api, token    string
	agents        int
	socket        *net.UDPConn
}

// agentsPerSecond keeps the crew below what the hotline takes from one address
// that is no trunk: 200 datagrams a second.
const agentsPerSecond = 80

func main() {
	var c crew
	flag.StringVar(&c.server, "server", "127.0.10.1:5060", "host:port of the hotline's signalling")
	flag.StringVar(&c.local, "local", "127.0.10.3:5070", "host:port of all phones")
	flag.StringVar(&c.api, "api", "http://127.0.10.1:9560", "of the hotline")
	flag.StringVar(&c.token, "token", "", "of a supervisor")
	flag.IntVar(&c.agents, "agents", 1000, "number of agents: a0000, a0001, ...")
	flag.Parse()
	if err := c.begin(); err != nil {
		fmt.Fprintln(os.Stderr, "crew:", err)
		os.Exit(1) //nolint:forbidigo // the end of a command
	}
}

func (c *crew) begin() error {
	server, err := net.ResolveUDPAddr("udp", c.server)
	if err != nil {
		return err
	}
	local, err := net.ResolveUDPAddr("udp", c.local)
	if err != nil {
		return err
	}
	if c.socket, err = net.DialUDP("udp", local, server); err != nil {
		return err
	}
	defer c.socket.Close()
	pace := time.NewTicker(time.Second / agentsPerSecond)
	defer pace.Stop()
	for i := range c.agents {
		<-pace.C
		account := fmt.Sprintf("a%04d", i)
		if err := c.register(account); err != nil {
			return fmt.Errorf("register %s: %w", account, err)
		}
		for _, state := range []string{"logged_in", "ready"} {
			if err := c.become(account, state); err != nil {
				return fmt.Errorf("%s becomes %s: %w", account, state, err)
			}
		}
	}
	return nil
}

// challenge finds the realm and the nonce of a digest challenge.
var challenge = regexp.MustCompile(`(?i)www-authenticate:.*realm="([^"]*)".*nonce="([^"]*)"`)

// register registers a phone, whose password is phone-of- and its account.
func (c *crew) register(account string) error {
	status, answer, err := c.ask(account, 1, "")
	if err != nil {
		return err
	}
	if status == 401 {
		found := challenge.FindStringSubmatch(answer)
		if found == nil {
			return fmt.Errorf("no digest challenge in %q", answer)
		}
		realm, nonce := found[1], found[2]
		uri := "sip:" + c.server
		response := digest(digest(account, realm, "phone-of-"+account), nonce, "00000001", "crew", "auth", digest("REGISTER", uri))
		status, _, err = c.ask(account, 2, fmt.Sprintf(
			"Authorization: Digest username=%q, realm=%q, nonce=%q, uri=%q, qop=auth, nc=00000001, cnonce=\"crew\", algorithm=MD5, response=%q\r\n",
			account, realm, nonce, uri, response))
		if err != nil {
			return err
		}
	}
	if status != 200 {
		return fmt.Errorf("refused: %d", status)
	}
	return nil
}

func digest(words ...string) string {
	return fmt.Sprintf("%x", md5.Sum([]byte(strings.Join(words, ":")))) //nolint:gosec // as above
}

// answerLimit is how long the hotline may take for an answer.
const answerLimit = 3 * time.Second

// ask sends a REGISTER and returns the answer to it.
func (c *crew) ask(account string, seq int, credentials string) (status int, answer string, err error) {
	_, err = fmt.Fprintf(c.socket, "REGISTER sip:%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;rport;branch=z9hG4bKcrew-%[3]s-%[4]d\r\n"+
		"Max-Forwards: 70\r\nFrom: <sip:%[3]s@%[1]s>;tag=crew\r\nTo: <sip:%[3]s@%[1]s>\r\nCall-ID: crew-%[3]s\r\nCSeq: %[4]d REGISTER\r\n"+
		"Contact: <sip:%[3]s@%[2]s>\r\nExpires: 3600\r\n%[5]sContent-Length: 0\r\n\r\n", c.server, c.local, account, seq, credentials)
	if err != nil {
		return 0, "", err
	}
	mine := []byte(fmt.Sprintf("branch=z9hG4bKcrew-%s-%d", account, seq))
	buf := make([]byte, 4096)
	if err := c.socket.SetReadDeadline(time.Now().Add(answerLimit)); err != nil {
		return 0, "", err
	}
	for {
		n, err := c.socket.Read(buf)
		if err != nil {
			return 0, "", err
		}
		if _, err := fmt.Sscanf(string(buf[:n]), "SIP/2.0 %d", &status); err == nil && status >= 200 && bytes.Contains(buf[:n], mine) {
			return status, string(buf[:n]), nil
		}
	}
}

// become asks the API for a state of an agent.
func (c *crew) become(account, state string) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.api+"/api/agents/"+account+"/state",
		strings.NewReader(fmt.Sprintf(`{"state":%q}`, state)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the API answers %s", res.Status)
	}
	return nil
}
