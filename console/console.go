package console

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	stdlog "log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"cardline/acd"
	"cardline/call"
	"cardline/fault"
	"cardline/ledger"
	"cardline/outbox"
	"cardline/store"
	"cardline/store/why"
)

// Hotline is what the console needs of the live calls.
type Hotline interface {
	// Agents tells what every agent does now.
	Agents() []acd.AgentView
	// Command puts a command about an agent to the router. The errors are
	// those of package acd.
	Command(acd.Command) error
	// Live returns the number of calls that are up.
	Live() int
	// Queues, Lines and Entries tell what there is at the moment.
	Queues() []call.QueueView
	Lines() []call.LineView
	Entries(queue string) []call.EntryView
	// Switch puts queues or lines into a mode, in the name of who. The errors
	// are [acd.ErrUnknownQueue] and [call.ErrUnknownLine].
	Switch(s call.Switch, who string) error
	// CancelCallback takes back the promise to call a customer. The error is
	// [acd.ErrUnknownEntry].
	CancelCallback(id, who, reason string) error
	// Pseudonyms returns what stands for a number, by all keys that are kept and the
	// newest first; none for what is no number.
	Pseudonyms(number string) []string
	// Barred lists the callers whose calls are refused, Bar adds one for a time, 0
	// for until it is taken back, and Unbar takes one away. The error is
	// [call.ErrNotBarred].
	Barred() []call.Barred
	Bar(pseudonym string, length time.Duration, by ledger.Actor, who, reason string) call.Barred
	Unbar(pseudonym string, by ledger.Actor, who, reason string) error
}

// Records is what the console needs of the store.
type Records interface {
	// Record returns the record of a call; ok is false if there is none.
	Record(ctx context.Context, call string) (r store.Record, ok bool, err error)
	// Records returns the records that a query asks for, as they are read. An
	// error is the last that comes.
	Records(ctx context.Context, q store.Query) iter.Seq2[store.Record, error]
	why.Books
}

// Ledger is where refused tokens are written down.
type Ledger interface {
	Append(journey, call string, f ledger.Fact) ledger.Event
}

// Outbox is what the console needs of what waits to be delivered.
type Outbox interface {
	// List returns all items that are pending or refused, the oldest first.
	List(ctx context.Context) ([]outbox.Item, error)
	// Settle deals with a refused item in the name of who: it is tried again, or is
	// done. The error is [outbox.ErrUnknown].
	Settle(ctx context.Context, id int64, again bool, who, reason string) error
}

// Options are what a [Server] is made of. Hotline, Records, Outbox and Ledger are
// required.
type Options struct {
	// Listen is the host:port to bind. Any address but a loopback one needs a
	// certificate.
	Listen string
	// Files may be replaced by others later, see [Server.Prepare].
	Files

	Hotline Hotline
	Records Records
	Outbox  Outbox
	Ledger  Ledger
	// Metrics answers /metrics. If nil, there are none.
	Metrics http.Handler
	// Ready returns nil while the hotline takes calls, otherwise why it does
	// not. If nil, it always does.
	Ready func() error
	// Version and Config are shown in the status; Config returns the digest of
	// the configuration in force and may be nil.
	Version string
	Config  func() string
	Log     zerolog.Logger
}

// Limits of the listener.
const (
	maxConnections = 256
	maxHeader      = 16 << 10
	maxBody        = 4 << 10
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 70 * time.Second // a profile of 60 s fits
	idleTimeout    = time.Minute
)

// timeLeft is when an answer must have been written that is begun now.
func timeLeft() time.Time { return time.Now().Add(writeTimeout) }

// A Server is the listener. Make it with [New]; then Start, Reload as often as
// need be, and Stop.
type Server struct {
	options  Options
	log      zerolog.Logger
	began    time.Time
	loopback bool
	guard    *guard
	keys     atomic.Pointer[Keyring]
	pair     atomic.Pointer[tls.Certificate] // nil without TLS
	http     *http.Server
	serving  sync.WaitGroup
	address  net.Addr // set by Start
}

// New reads the files that the options name and builds the server. It binds
// nothing.
func New(o Options) (*Server, error) {
	s := &Server{options: o, log: o.Log, began: time.Now(), guard: newGuard(o.Ledger)}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("http address %q: %w", o.Listen, err)
	}
	s.loopback = isLoopback(host)
	switch {
	case (o.Certificate == "") != (o.Key == ""):
		return nil, errors.New("http: a certificate needs its key, and a key its certificate")
	case !s.loopback && o.Certificate == "":
		return nil, fmt.Errorf("http address %q is no loopback address: it needs a certificate", o.Listen)
	}
	commit, err := s.Prepare(o.Files)
	if err != nil {
		return nil, err
	}
	commit()
	s.http = &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ConnContext: withConn, ConnState: noteState, ErrorLog: stdlog.New(complaints{o.Log}, "", 0),
	}
	if o.Certificate != "" {
		s.http.TLSConfig = &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.pair.Load(), nil },
		}
	}
	return s, nil
}

// Files are what a [Server] reads when it is made and at every reload.
type Files struct {
	Certificate, Key string // PEM; both or neither
	Tokens           string // without it the API refuses everybody
}

// Prepare reads files that are to take the place of those in force. Nothing has
// changed until commit is called; if one of them cannot be used nothing will.
// A server that was made with a certificate keeps to TLS, one without to none.
func (s *Server) Prepare(f Files) (commit func(), err error) {
	keys, pair := &Keyring{}, (*tls.Certificate)(nil)
	if f.Tokens != "" {
		if keys, err = ReadKeyring(f.Tokens); err != nil {
			return nil, err
		}
	}
	if (f.Certificate == "") != (s.options.Certificate == "") {
		return nil, errors.New("http: TLS cannot be taken up or given up by a reload; restart")
	}
	if f.Certificate != "" {
		loaded, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
		if err != nil {
			return nil, fmt.Errorf("http certificate %s: %w", f.Certificate, err)
		}
		pair = &loaded
	}
	return func() { s.keys.Store(keys); s.pair.Store(pair) }, nil
}

// Start binds the address and serves until Stop.
func (s *Server) Start() error {
	listener, err := net.Listen("tcp", s.options.Listen)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	s.address = listener.Addr()
	listener = newBoundedListener(listener, maxConnections)
	serve, secure := s.http.Serve, s.options.Certificate != ""
	if secure {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	s.serving.Go(func() {
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error().Err(err).Msg("console no longer listens")
		}
	})
	s.log.Info().Stringer("address", s.address).Bool("tls", secure).Msg("console listens")
	return nil
}

// Address returns where the server listens; nil before Start.
func (s *Server) Address() net.Addr { return s.address }

// Stop lets requests in progress finish until ctx ends, and then closes their
// connections.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("http: requests were cut: %w", err), s.http.Close())
	}
	s.serving.Wait()
	s.guard.refusals.end()
	return err
}

// isLoopback reports whether a host is this machine's own and nobody else's.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// surviving cuts the connection of a request that a fault of ours has ended, and
// tells of it before net/http does, which would log the arguments of functions.
func (s *Server) surviving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			problem := recover()
			if problem == nil {
				return
			}
			if cut, ok := problem.(error); !ok || !errors.Is(cut, http.ErrAbortHandler) { // not on purpose
				s.log.Error().Str("fault", fault.Text(problem)).Strs("trace", fault.Trace(1)).Msg("request ended by a fault of ours")
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}

// complaints logs what net/http has to say, such as a TLS handshake that came
// to nothing. Strangers cause it, so it is only for those who debug.
type complaints struct{ log zerolog.Logger }

// Write implements [io.Writer].
func (c complaints) Write(line []byte) (int, error) {
	c.log.Debug().Bytes("detail", bytes.TrimSpace(line)).Msg("http")
	return len(line), nil
}
