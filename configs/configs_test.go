package configs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cardline/configs"
	"cardline/prompts"
)

func TestDefaultIsSound(t *testing.T) {
	c, err := configs.Load(configs.Default())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("got the warnings %v of the default hotline, want none", c.Warnings)
	}
	if n := len(c.Call().Lines); n != 5 {
		t.Errorf("got %d numbers, want 5", n)
	}
}

// with returns the default configuration with other texts in place of some
// files. An empty text removes the file.
func with(t testing.TB, files ...string) fstest.MapFS {
	t.Helper()
	tree := overlaid(t, t.TempDir())
	for i := 0; i < len(files); i += 2 {
		if delete(tree, files[i]); files[i+1] != "" {
			tree[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
		}
	}
	return tree
}

// problems loads a configuration and returns what is wrong with it, one a line.
func problems(t testing.TB, dir fs.FS) string {
	t.Helper()
	_, err := configs.Load(dir)
	if err == nil {
		return ""
	}
	if _, ok := errors.AsType[*configs.InvalidError](err); !ok {
		t.Fatalf("got %v, want a list of problems", err)
	}
	return err.Error()
}

// warnings loads a sound configuration and returns its warnings, one a line.
func warnings(t testing.TB, dir fs.FS) string {
	t.Helper()
	c, err := configs.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, w := range c.Warnings {
		lines = append(lines, w.String())
	}
	return strings.Join(lines, "\n")
}

func TestDirectories(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "nowhere")
	if _, err := configs.Load(os.DirFS(missing)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that the directory does not exist", err)
	}
	const none = ".: no *.yaml files; expected a configuration such as configs/default in the source"
	if got := problems(t, os.DirFS(t.TempDir())); got != none {
		t.Errorf("an empty directory: got\n%s\nwant\n%s", got, none)
	}
	got := problems(t, fstest.MapFS{"cardline.yaml": {Data: []byte("# nothing yet\n")}})
	want := `cardline.yaml: lines: no line; add one with the numbers that are dialled
cardline.yaml: sip.listen: no listener; add one, such as {network: udp, address: 127.0.0.1:5060}`
	if got != want {
		t.Errorf("an empty file: got\n%s\nwant\n%s", got, want)
	}
	tree := with(t, "flows/bill.yaml", "")
	if got := problems(t, tree); !strings.Contains(got, `flows.main.steps.bill.flow: there is no flow "bill"`) {
		t.Errorf("a flow without its file: got\n%s", got)
	}
	tree = with(t, "flows/bill.yaml", "# later\n")
	if got, want := problems(t, tree), "flows/bill.yaml:1:1: flows.bill.steps: the flow has no steps"; !strings.Contains(got, want) {
		t.Errorf("an empty flow: got\n%s\nwant %s", got, want)
	}
	tree = with(t, "flows/person.yaml", "")
	if got, want := problems(t, tree), "flows: flows.person: there is no way to a person; add a flow person that ends in a queue"; got != want {
		t.Errorf("no flow to a person: got\n%s\nwant\n%s", got, want)
	}
	tree = with(t, "flows/Sales Talk.yaml", "steps: {start: {do: play, say: [hello], next: person}}\n")
	if got, want := problems(t, tree), `flows/Sales Talk.yaml: flows.Sales Talk: "Sales Talk" is no name of a flow`; !strings.Contains(got, want) {
		t.Errorf("a flow with a bad name: got\n%s\nwant %s", got, want)
	}
	// What editors, version control and Kubernetes leave behind is no part of it.
	tree = with(t, ".lines.yaml.swp", "x", "README", "x", "schema.json", "{}", "..data/lines.yaml", "x: [")
	if got := problems(t, tree); got != "" {
		t.Errorf("strange files: got\n%s\nwant nothing", got)
	}
}

// unreadable is a tree in which one file cannot be opened.
type unreadable struct {
	fstest.MapFS
	name string
}

func (u unreadable) Open(name string) (fs.File, error) {
	if name == u.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.Open(name)
}

func (u unreadable) ReadFile(name string) ([]byte, error) {
	if name == u.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.ReadFile(name)
}

func TestUnreadableFileIsOneProblem(t *testing.T) {
	want := "agents.yaml: open agents.yaml: permission denied; make it readable for the user who runs cardline"
	if got := problems(t, unreadable{with(t), "agents.yaml"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestForgivingForms shows what is taken although it could be written better.
func TestForgivingForms(t *testing.T) {
	lines := "\ufefflines:\r\n  - {name: main, numbers: [95500, 0955, '*7', +8695500]}\r\n"
	tree := with(t, "lines.yaml", lines)
	c, err := configs.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"95500", "0955", "*7", "+8695500"} {
		if c.Call().Lines[number] == nil {
			t.Errorf("there is no number %q", number)
		}
	}
	if c.File.Drain != 2*time.Minute || c.File.HTTP.Listen != "127.0.0.1:9560" {
		t.Errorf("got drain %v and HTTP on %q, want the defaults", c.File.Drain, c.File.HTTP.Listen)
	}
}

func TestHugeAndDeepFilesAreNotParsed(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("#\n", 1<<19) + "#":    "queues.yaml: 1048577 bytes; expected at most 1048576",
		"queues: " + strings.Repeat("[", 500): "queues.yaml:1:109: more than 100 open brackets; close them",
		"queues: \"\x1b[2J\"\n":               "queues.yaml:1:10: the control character U+001B; remove it",
	} {
		if got := problems(t, with(t, "queues.yaml", text)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestDigestChangesWithEveryByte(t *testing.T) {
	seen := map[string]bool{}
	for _, files := range [][]string{
		{},
		{"lines.yaml", "lines: [{name: main, numbers: ['95500']}]\n"},
		{"lines.yaml", "lines: [{name: main, numbers: ['95500']}] # again\n"},
		{"more.yaml", "# nothing\n"},
	} {
		c, err := configs.Load(with(t, files...))
		if err != nil {
			t.Fatal(err)
		}
		if seen[c.Digest] {
			t.Errorf("%q: got the digest %s a second time", files, c.Digest)
		}
		seen[c.Digest] = true
	}
}

func TestWarnings(t *testing.T) {
	open := filepath.Join(t.TempDir(), "tokens.yaml")
	if err := os.WriteFile(open, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	listen := "sip:\n  listen: [{network: udp, address: \"127.0.0.1:5060\"}]\n"
	for name, c := range map[string]struct{ file, text, want string }{
		"long head start": {
			"lines.yaml", "lines:\n  - {name: main, numbers: [\"95500\"], head_start: 1h}\n",
			"lines.yaml:2:50: lines.0.head_start: a head start of 1h0m0s holds everybody else up that long; more than 10m is for loss reports and fraud",
		},
		"skill that no queue requires": {
			"agents.yaml", "phones: [{account: a, password: b}]\nagents:\n  - {id: a, skills: {mandarin: 9, cards: 9, complaints: 9, english: 9, englsh: 3}}\n",
			"agents.yaml:3:80: agents.0.skills.englsh: no queue requires englsh; did you mean english?",
		},
		"agent for nothing": {
			"agents.yaml", "phones: [{account: a, password: b}, {account: c, password: c}]\nagents:\n" +
				"  - {id: a, skills: {mandarin: 9, cards: 9, complaints: 9, english: 9}}\n  - {id: c}\n",
			"agents.yaml:1:37: phones.1: the password of c is its name; everybody tries that first: choose another\n" +
				"agents.yaml:4:5: agents.1: agent c can serve no queue; give the agent the skills that a queue requires",
		},
		"trunk that cannot come": {
			"cardline.yaml", listen + "trunks: [{name: carrier, sources: [192.0.2.0/28]}]\n",
			"cardline.yaml:2:3: sip.listen: all listeners are on loopback, where no trunk can reach them; add a listener on an address of the network",
		},
		"everybody": {
			"cardline.yaml", listen + "trunks: [{name: carrier, sources: [0.0.0.0/0, 127.0.0.1/32], phones: true}]\n",
			"cardline.yaml:2:3: sip.listen: all listeners are on loopback, where no trunk can reach them; add a listener on an address of the network\n" +
				"cardline.yaml:3:36: trunks.0.sources.0: everybody who can reach the listener is let in as this trunk; name the carrier's addresses",
		},
		"phones behind a trunk": {
			"cardline.yaml", listen + "trunks: [{name: carrier, sources: [127.0.0.0/8]}]\n",
			"cardline.yaml:3:36: trunks.0.sources.0: phones on this machine cannot register: their address is this trunk's; set phones: true if there are any",
		},
		"few ports": {
			"cardline.yaml", listen + "  max_calls: 300\nmedia: {port_min: 30000, port_max: 30199}\n",
			"cardline.yaml:3:14: sip.max_calls: the media ports 30000 to 30199 have room for 100 legs only; widen media.port_min and port_max, or lower sip.max_calls",
		},
		"slow host": {
			"cardline.yaml", listen + "card: {limit: 8s}\n",
			"cardline.yaml:3:15: card.limit: a step of a flow gives up after 10s, before two tries of 8s have failed; expected at most 5s",
		},
		"open secret": {
			"cardline.yaml", listen + "http: {tokens: " + open + "}\n",
			"cardline.yaml:3:16: http.tokens: everybody on this machine may use " + open + " (-rw-r--r--); run chmod o= on it",
		},
	} {
		if got := warnings(t, with(t, c.file, c.text)); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// TestExposedPasswords holds that passwords which come with the program, and files
// that others may read, are told of when phones can be reached from elsewhere, and
// that all passwords which come with the program are known for such.
func TestExposedPasswords(t *testing.T) {
	listen := func(at string) string {
		return "sip: {listen: [{network: udp, address: \"" + at + ":5060\"}]}\nmedia: {bind: 192.0.2.1}\n"
	}
	phones := "phones: [{account: \"1001\", password: cardline-1001}, {account: \"1002\", password: one of its own}]\n"
	shipped := "agents.yaml:1:10: phones.0: everybody knows the password of 1001: it is that of an example; choose another, in a password_file"
	open := "agents.yaml:1:10: phones.0: everybody on this machine may read the passwords in agents.yaml; run chmod o= on it, or set password_file"
	for _, c := range []struct {
		name, at string
		mode     fs.FileMode
		want     string
	}{
		{"on this machine", "127.0.0.1", 0o644, ""},
		{"for others", "192.0.2.1", 0o640, shipped},
		{"for others, in an open file", "192.0.2.1", 0o644, shipped + "\n" + open},
	} {
		dir := with(t, "cardline.yaml", listen(c.at), "agents.yaml", phones)
		dir["agents.yaml"].Mode = c.mode
		if got := warnings(t, dir); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	for _, dir := range []fs.FS{configs.Default(), os.DirFS("../docs/examples/two-lines")} {
		c, err := configs.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range c.File.Phones {
			if p.Password != "cardline-"+p.Account && p.Password != "trial-"+p.Account {
				t.Errorf("the password of %s is not known to be an example", p.Account)
			}
		}
	}
}

// write makes a file for the test and returns its path.
func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// pair makes a certificate that ends at the given time, and its key.
func pair(t testing.TB, ends time.Time) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: ends.Add(-time.Hour), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "tls.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		write(t, "tls.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func TestCertificates(t *testing.T) {
	tree := func(certificate, key string) fs.FS {
		return with(t, "cardline.yaml", "sip:\n  listen: [{network: udp, address: \"127.0.0.1:5060\"}]\n"+
			"http: {listen: \":9560\", certificate: "+certificate+", key: "+key+"}\n")
	}
	sound, key := pair(t, time.Now().Add(time.Hour))
	if got := warnings(t, tree(sound, key)); got != "" {
		t.Errorf("a sound pair: got\n%s\nwant nothing", got)
	}
	old, oldKey := pair(t, time.Now().Add(-time.Minute))
	if got := warnings(t, tree(old, oldKey)); !strings.Contains(got, "it expired on ") {
		t.Errorf("an old certificate: got %q, want a warning", got)
	}
	if got := problems(t, tree(sound, oldKey)); !strings.Contains(got, "private key does not match public key") {
		t.Errorf("a key of another: got %q, want that it is refused", got)
	}
	if got := problems(t, tree(sound, t.TempDir())); !strings.Contains(got, "http.key: ") || !strings.Contains(got, "not a file") {
		t.Errorf("a directory for a key: got %q, want that it is refused", got)
	}
}

func TestPasswordFiles(t *testing.T) {
	file := write(t, "password", []byte("from a file \nand a comment\n"))
	agents := func(file string) fs.FS {
		return with(t, "agents.yaml", "phones: [{account: a, password_file: "+file+"}]\n")
	}
	c, err := configs.Load(agents(file))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Reloadable().Accounts[0].Password; got != "from a file" {
		t.Errorf("got the password %q, want the first line", got)
	}
	if got := problems(t, agents(write(t, "empty", nil))); !strings.Contains(got, "has no password in its first line") {
		t.Errorf("an empty file: got %q", got)
	}
}

func TestOverlay(t *testing.T) {
	dir := t.TempDir()
	tree := with(t, "cardline.yaml", "sip:\n  listen: [{network: udp, address: \"127.0.0.1:5060\"}]\nprompts: {overlay: "+dir+"}\n")
	if got := warnings(t, tree); got != "" {
		t.Errorf("an empty overlay: got\n%s\nwant nothing", got)
	}
	recording, err := fs.ReadFile(prompts.Embedded(), "zh/goodbye.wav")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "zh"), 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("zh/goodby.wav", recording)
	if got := warnings(t, tree); !strings.Contains(got, "zh/goodby.wav: no manifest names it; name it, or remove the file") {
		t.Errorf("a slip in a name: got %q, want a warning", got)
	}
	put("zh/hello.wav", []byte("no sound"))
	put("zh/main.wav", bytes.Repeat([]byte{0}, 100))
	if got := problems(t, tree); !strings.Contains(got, "zh/hello.wav") || !strings.Contains(got, "zh/main.wav") || strings.Count(got, "\n") != 1 {
		t.Errorf("two broken recordings: got\n%s\nwant both, one a line", got)
	}
}

// TestComposedOptions holds that what is written arrives in the rooms.
func TestComposedOptions(t *testing.T) {
	c, err := configs.Load(with(t, "cardline.yaml", `
sip:
  listen:
    - {network: udp, address: "0.0.0.0:5060", advertise: "192.0.2.10:5060", algorithms: [sha-256, md5]}
  realm: bank.example
  max_calls: 600
media: {bind: 0.0.0.0, advertise: 192.0.2.10, port_min: 30000, port_max: 33999, loops: 2, rtp_timeout: 20s}
trunks: [{name: carrier, sources: [192.0.2.64/28, "2001:db8::/64"], max_calls: 500, max_setups: 90, media_sources: [192.0.2.128/28], latch: true}]
networks: [{name: office, sources: [10.0.0.0/16], max_streams: 4096, packets_per_second: 900, media_sources: [10.0.0.0/8]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	s, m, q, k := c.SIP(), c.Media(), c.Routing(), c.Call()
	for what, ok := range map[string]bool{
		"listener":  s.Listeners[0].Advertise == "192.0.2.10:5060" && len(s.Listeners[0].Algorithms) == 2,
		"realm":     s.Realm == "bank.example" && s.MaxCalls == 600,
		"trunk":     s.Trunks[0].MaxCalls == 500 && len(s.Trunks[0].Sources) == 2,
		"setups":    s.Trunks[0].MaxSetups == 90 && !s.Trunks[0].Phones,
		"network":   len(s.Networks) == 1 && s.Networks[0].MaxStreams == 4096 && s.Networks[0].PacketsPerSecond == 900,
		"media of":  len(k.Media.Trunks["carrier"]) == 1 && k.Media.Latching["carrier"] && len(k.Media.Networks) == 1 && k.Media.Networks[0].Media[0].Bits() == 8,
		"accounts":  len(s.Accounts) == 9 && s.Accounts[0].MaxCalls == 2 && s.Accounts[8].MaxCalls == 1,
		"free":      slices.Equal(s.FreeNumbers, []string{"*10", "*11", "*12", "*13", "*14", "*15", "*16"}),
		"media":     m.Loops == 2 && m.Advertise.String() == "192.0.2.10" && m.PortMin == 30000 && m.RTPTimeout == 20*time.Second,
		"queues":    len(q.Queues) == 3 && q.Queues[0].WrapUp.For == 10*time.Second && q.Queues[0].OfferAgain,
		"agents":    len(q.Agents) == 8 && q.Agents[4].Skills["english"] == 6,
		"reasons":   len(q.Reasons) == 3 && q.Reasons[1].Name == "lunch",
		"lines":     k.Lines["95502"].HeadStart == 2*time.Minute && k.Lines["95502"].Class == "platinum",
		"devices":   k.Devices["1007"] == "1007",
		"codes":     k.Queues["complaints"].Code == "2" && k.Features.NotReady["*14"] == "lunch",
		"languages": k.Lines["95500"].Language == "zh",
	} {
		if !ok {
			t.Errorf("%s: not as it is written: %+v %+v %+v", what, s, m, q)
		}
	}
}
