//go:build peers

package deploy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cardline/acd/estimate"
	"cardline/ledger"
	"cardline/metrics"
)

// TestARealPrometheusAnswersEveryQuery lets Prometheus scrape a hotline at work
// and asks for every figure and every panel: each must have data.
func TestARealPrometheusAnswersEveryQuery(t *testing.T) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal("prometheus is not installed: make peers")
	}
	registry := prometheus.NewRegistry()
	m := metrics.New(metrics.Options{Registerer: registry, Deliveries: []string{"activate", "report_loss"}, Reloadable: hotline})
	m.Process(metrics.Process{})
	target := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer target.Close()
	work, stop := context.WithCancel(t.Context())
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		atWork(work, m)
	}()
	defer func() { stop(); <-worked }()

	everyQueryAnswers(t, startPrometheus(t, program, target.Listener.Addr().String()))
}

// TestARealPrometheusScrapesTheDemo does the same with the demo: a process of
// its own, with callers and agents.
func TestARealPrometheusScrapesTheDemo(t *testing.T) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal("prometheus is not installed: make peers")
	}
	binary := filepath.Join(t.TempDir(), "cardline")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "cardline/cmd/cardline").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	demo := exec.Command(binary, "demo", "--minutes", "2") // ends by a signal below, as people end it
	out, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		says := regexp.MustCompile(`http://([0-9.:]+)/metrics`)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := says.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case addresses <- m[1]:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = demo.Process.Signal(syscall.SIGINT)
		<-read
		if err := demo.Wait(); err != nil {
			t.Errorf("the demo was interrupted, and ends with %v", err)
		}
	})
	select {
	case address := <-addresses:
		// In its first minute it has too few answers for an estimate, and no step.
		everyQueryAnswers(t, startPrometheus(t, program, address), "Estimated wait A", "Estimated wait B", "Relaxed and moved A")
	case <-time.After(20 * time.Second):
		t.Fatal("the demo does not say where its metrics are")
	}
}

// everyQueryAnswers asks for the figure of every rule and for every panel until
// each, but some that are named, has had data once.
func everyQueryAnswers(t *testing.T, p server, but ...string) {
	t.Helper()
	queries := map[string]string{}
	for _, r := range rules(t) {
		if r.Record != "" {
			queries[r.Record] = r.Record
		}
	}
	replace := strings.NewReplacer("$queue", ".*", "$__rate_interval", "1m")
	for _, panel := range dashboard(t).Panels {
		for _, q := range panel.Targets {
			queries[panel.Title+" "+q.RefID] = replace.Replace(q.Expr)
		}
	}
	for _, name := range but {
		delete(queries, name)
	}
	// The first scrape comes 5 s after the start, and an increase needs two.
	for deadline := time.Now().Add(60 * time.Second); len(queries) > 0 && time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		for name, query := range queries {
			if n, err := p.samples(t.Context(), query); err == nil && n > 0 {
				delete(queries, name)
			}
		}
	}
	for name, query := range queries {
		_, err := p.samples(t.Context(), query)
		t.Errorf("%s: no data (%v): %s", name, err, query)
	}
}

// atWork lets things happen until ctx ends.
func atWork(ctx context.Context, m *metrics.Metrics) {
	o := m.SIP()
	for n := uint64(1); ctx.Err() == nil; n++ {
		now := time.Now().UTC()
		var batch []ledger.Event
		tell := func(facts ...ledger.Fact) {
			for _, f := range facts {
				batch = append(batch, ledger.Event{At: now, Call: fmt.Sprint("c", n), Fact: f})
			}
		}
		tell(ledger.CallArrived{Line: "main"},
			ledger.ServiceEnded{Service: "activation", Result: ledger.ServiceOK},
			ledger.StepLeft{Flow: "main", Step: "menu", Exit: ledger.ExitNoMatch},
			ledger.HostAsked{Operation: "activate", Code: "ok", Took: 30},
			ledger.AgentChanged{Agent: "1001", Group: "cards", From: ledger.AgentReady, To: ledger.AgentReady, Took: 100})
		tell(ledger.StepReached{Entry: n, Queue: "cards", Step: 1}, ledger.HeadStartChanged{Entry: n, Queue: "cards"})
		for i, q := range []string{"cards", "english"} {
			entry := 4 * n * uint64(i+1)
			tell(ledger.Queued{Entry: entry, Queue: q, Via: ledger.ViaIVR, Class: "normal"},
				ledger.Dequeued{Entry: entry, Queue: q, Outcome: ledger.OutcomeAnswered, Waited: 7000},
				ledger.Bridged{Entry: entry, Queue: q, Agent: "1002"}, ledger.TalkEnded{Entry: entry, Queue: q, Agent: "1002", Talked: 60000, Held: 1000},
				ledger.Queued{Entry: entry + 1, Queue: q, Via: ledger.ViaIVR, Class: "vip"},
				ledger.Dequeued{Entry: entry + 1, Queue: q, Outcome: ledger.OutcomeAbandoned, Waited: 3000})
		}
		tell(ledger.CallEnded{Line: "main", Reason: ledger.EndFlow, Outcome: ledger.IVRContained})
		m.Read(batch)
		o.Responded("ct1", true, "INVITE", 200)
		o.Confirmed("ct1", true, 20*time.Millisecond)
		m.Call().Decided(10 * time.Microsecond)
		m.Call().Estimated("cards", estimate.Estimate{P50: 20 * time.Second, P90: time.Minute, Samples: 20})
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

type server struct{ url string }

// startPrometheus runs a server with our rules, sped up, until the test ends.
func startPrometheus(t *testing.T, program, target string) server {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("rules.yml", strings.ReplaceAll(string(read(t, rulesFile)), "interval: 15s", "interval: 200ms"))
	write("prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}
rule_files: [rules.yml]
scrape_configs: [{job_name: cardline, static_configs: [{targets: ["%s"]}]}]
`, target))
	address := freeAddress(t)
	command := exec.CommandContext(t.Context(), program, "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
		"--web.listen-address="+address, "--log.level=warn")
	command.Dir = dir
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	log := &strings.Builder{}
	command.Stderr = log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait() // it was told to end
		if t.Failed() {
			t.Logf("prometheus says:\n%s", log)
		}
	})
	return server{"http://" + address}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// samples asks for a query's present value and returns the number of series.
func (s server) samples(ctx context.Context, query string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/query?query="+url.QueryEscape(query), nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	var reply struct {
		Status, Error string
		Data          struct{ Result []any }
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return 0, err
	}
	if reply.Status != "success" {
		return 0, fmt.Errorf("prometheus: %s", reply.Error)
	}
	return len(reply.Data.Result), nil
}
