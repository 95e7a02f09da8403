package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAFaultTellsNoValue lets a request panic with a value that nobody may see: the
// connection is cut, and the log has functions and lines.
func TestAFaultTellsNoValue(t *testing.T) {
	b := newBench(t, func(o *Options) {
		o.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the PIN is 902615") })
	})
	server := httptest.NewUnstartedServer(b.server.Handler())
	server.Config.ErrorLog = b.server.http.ErrorLog
	server.Start()
	res, err := server.Client().Get(server.URL + "/metrics") //nolint:noctx // a test with its own limit
	if err == nil {
		_ = res.Body.Close()
		t.Errorf("the request was answered with %d", res.StatusCode)
	}
	server.Close()
	log := b.log.String()
	if !strings.Contains(log, `"fault":"string","trace":["`) || !strings.Contains(log, "console.TestAFaultTellsNoValue.func1") {
		t.Errorf("the log does not say where it was:\n%s", log)
	}
	if strings.Contains(log, "902615") || strings.Contains(log, "goroutine ") {
		t.Errorf("the log has a value or a stack:\n%s", log)
	}
}
