package console

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// A line is one connection to a server, on which requests follow one another.
type line struct {
	t *testing.T
	net.Conn
	reader *bufio.Reader
}

func dial(t *testing.T, to net.Addr) *line {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // hung
	return &line{t, conn, bufio.NewReader(conn)}
}

// send sends a request, with a token if it is not empty.
func (l *line) send(path, token string) {
	_, _ = io.WriteString(l, "GET "+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\n\r\n")
}

// status reads an answer; 0 if the connection is closed.
func (l *line) status() int {
	l.t.Helper()
	response, err := http.ReadResponse(l.reader, nil)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			l.t.Fatal("no answer")
		}
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func (l *line) expect(path, token string, want int) {
	l.t.Helper()
	l.send(path, token)
	if got := l.status(); got != want {
		l.t.Errorf("%s: got %d, want %d", path, got, want)
	}
}

// TestIdleConnectionsKeepNobodyOut fills the listener with connections that have
// asked once, never, or never to the end: probes and metrics go on, on old
// connections as on new ones, and what has been idle longest goes.
func TestIdleConnectionsKeepNobodyOut(t *testing.T) {
	b := newBench(t, nil)
	b.start()
	at := b.server.Address()
	first, prometheus := dial(t, at), dial(t, at)
	first.expect("/healthz", "", 200)
	prometheus.expect("/metrics", "", 200)
	for i := range 2 * maxConnections {
		l := dial(t, at)
		switch i % 3 {
		case 0:
			l.expect("/healthz", "", 200)
		case 1:
			_, _ = io.WriteString(l, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		}
		if i%100 == 0 {
			prometheus.expect("/metrics", "", 200)
			dial(t, at).expect("/readyz", "", 200)
			dial(t, at).expect("/api/status", tokenOfOperator, 200)
		}
	}
	if got := first.status(); got != 0 {
		t.Errorf("the oldest idle connection is there: %d", got)
	}
}

// TestAHolderBeingServedIsNotClosed holds answers of the API back while
// strangers come and go, until only such answers are left and the next has to
// wait.
func TestAHolderBeingServedIsNotClosed(t *testing.T) {
	const most = 4
	entered, answer := make(chan struct{}), make(chan struct{})
	listener := newBoundedListener(listen(t), most)
	server := http.Server{ConnContext: withConn, ConnState: noteState, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noteRequest(r)
		if r.URL.Path == "/slow" {
			defer keepOpen(r)()
			entered <- struct{}{}
			<-answer
		}
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	var slow []*line
	for range most {
		l := dial(t, listener.Addr())
		l.send("/slow", "")
		<-entered
		slow = append(slow, l)
		if len(slow) < most {
			for range 2 * most {
				dial(t, listener.Addr()).expect("/", "", 200)
			}
		}
	}
	late := dial(t, listener.Addr())
	late.send("/", "")
	close(answer)
	for i, l := range slow {
		if got := l.status(); got != 200 {
			t.Errorf("slow answer %d: got %d, want 200", i, got)
		}
	}
	if got := late.status(); got != 200 {
		t.Errorf("the one that had to wait: got %d, want 200", got)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestAFullListenerCloses closes a listener on which a connection waits for room.
func TestAFullListenerCloses(t *testing.T) {
	listener := newBoundedListener(listen(t), 0)
	accepted := make(chan error)
	go func() {
		_, err := listener.Accept()
		accepted <- err
	}()
	dial(t, listener.Addr())
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	if err := <-accepted; err == nil {
		t.Error("a closed listener let somebody in")
	}
}

// TestConnectionsByTLS knows the connection below TLS, with HTTP/1.1 and HTTP/2.
func TestConnectionsByTLS(t *testing.T) {
	certificate, key := certify(t, "one")
	b := newBench(t, func(o *Options) { o.Certificate, o.Key = certificate, key })
	known := make(chan bool, 1)
	inner := b.server.http.Handler
	b.server.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, _ := r.Context().Value(connKey{}).(*boundedConn)
		known <- v != nil
		inner.ServeHTTP(w, r)
	})
	b.start()
	for _, h2 := range []bool{false, true} {
		client := http.Client{Transport: &http.Transport{
			ForceAttemptHTTP2: h2, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		}}
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+b.server.Address().String()+"/healthz", nil)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if !<-known {
			t.Errorf("%s: the connection is not known", response.Proto)
		}
	}
}
