package console

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

func TestKeyring(t *testing.T) {
	hash := sha256.Sum256([]byte("a token with spaces and 中文"))
	k, err := ReadKeyring(write(t, "tokens.yaml", `# who may do what
- token: 12345678901234567890123
  role: agent
  agent: 1001
- {token_sha256: `+strings.ToUpper(hex.EncodeToString(hash[:]))+`, role: auditor, name: wang.fang}
`))
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]Holder{
		"12345678901234567890123":    {Role: RoleAgent, Agent: "1001"},
		"a token with spaces and 中文": {Role: RoleAuditor, Name: "wang.fang"},
	} {
		if h, ok := k.Holder(token); !ok || h != want {
			t.Errorf("%q is held by %v (%v), want %v", token, h, ok, want)
		}
	}
	for _, token := range []string{"", "1234567890123456789012", hex.EncodeToString(hash[:])} {
		if h, ok := k.Holder(token); ok {
			t.Errorf("%q is held by %v", token, h)
		}
	}
	if _, ok := (&Keyring{}).Holder(""); ok {
		t.Error("an empty ring knows a token")
	}
}

func TestFaultsOfAKeyring(t *testing.T) {
	const secret = "THE-SECRET-of-a-token-1"
	sha := strings.Repeat("ab", 32)
	for _, c := range []struct {
		text string
		want []Fault // nil: what the parser of YAML says first
	}{
		{"", []Fault{{0, 0, "no tokens"}}},
		{"# nothing", []Fault{{0, 0, "no tokens"}}},
		{"role: operator", []Fault{{1, 1, "expected a list"}}},
		{secret, []Fault{{1, 1, "expected a list"}}},
		{"- " + secret, []Fault{{1, 3, "expected keys and values"}}},
		{"- {" + secret + ": 1}", []Fault{{1, 4, "unknown key"}, {1, 3, "either token"}, {1, 3, "no role"}}},
		{"\n- {token: " + secret + ", role: operator}\n- {token: " + secret + ", role: auditor}", []Fault{{3, 3, "in the list already"}}},
		{"- {token: short, role: operator}", []Fault{{1, 11, "shorter than 20"}}},
		{"- {token: " + secret + ", token_sha256: " + sha + ", role: operator}", []Fault{{1, 3, "either token or token_sha256"}}},
		{"- {role: operator}", []Fault{{1, 3, "either token or token_sha256"}}},
		{"- {token_sha256: " + sha[1:] + ", role: operator}", []Fault{{1, 18, "64 hex digits"}}},
		{"- {token_sha256: " + sha + "00, role: operator}", []Fault{{1, 18, "64 hex digits"}}},
		{"- {token_sha256: " + strings.Repeat("xy", 32) + ", role: operator}", []Fault{{1, 18, "64 hex digits"}}},
		{"- {token: " + secret + "}", []Fault{{1, 3, "no role; expected one of [agent supervisor operator auditor]"}}},
		{"- {token: " + secret + ", role: king}", []Fault{{1, 42, "unknown role"}}},
		{"- {token: " + secret + ", role: agent}", []Fault{{1, 3, "needs the agent's id"}}},
		{"- {token: " + secret + ", role: operator, agent: 1001}", []Fault{{1, 59, "role agent alone"}}},
		{"- {token: " + secret + ", role: operator, name: two words}", []Fault{{1, 58, "expected a name"}}},
		{"- token: [" + secret + "]\n  role: operator", []Fault{{1, 10, "shorter than 20"}}},
		{"- {token: \"" + secret, nil},
		{"- {token: *" + secret + ", role: operator}", []Fault{{1, 11, "shorter than 20"}}},
		{"- {token: " + secret + "\x00, role: operator}", []Fault{{1, 34, "control character"}}},
		{"- {token: " + secret + "\xff, role: operator}", []Fault{{1, 34, "no UTF-8"}}},
		{strings.Repeat("[", 101) + secret, []Fault{{1, 101, "open brackets"}}},
		{strings.Repeat("#\n", 1<<19) + "- {token: " + secret + ", role: operator}", []Fault{{0, 0, "expected at most 1048576"}}},
		{"- {token: " + secret + ", role: operator}\n---\n- {token: " + secret + "}", []Fault{{3, 1, "a second document"}}},
		{"- token: " + secret + "\n  role: operator\n- token: " + secret + "2\n  rolle: x", []Fault{{4, 3, "unknown key"}, {3, 3, "no role"}}},
		{"- {token: " + secret + ", role: operator, role: agent}", nil},
	} {
		_, err := ReadKeyring(write(t, "tokens.yaml", c.text))
		invalid, ok := errors.AsType[*KeyringError](err)
		if !ok {
			t.Errorf("%q: got %v, want a KeyringError", c.text, err)
			continue
		}
		if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("the error quotes a token: %v", err)
		}
		if c.want == nil {
			continue
		}
		matches := slices.EqualFunc(invalid.Faults, c.want, func(got, want Fault) bool {
			return got.Line == want.Line && got.Column == want.Column && strings.Contains(got.Message, want.Message)
		})
		if !matches {
			t.Errorf("%q:\n got %+v\nwant %+v", c.text, invalid.Faults, c.want)
		}
	}
}

func TestErrorOfAKeyringSaysWhere(t *testing.T) {
	err := &KeyringError{"tokens.yaml", []Fault{{3, 5, "no role"}, {0, 0, "no tokens"}}}
	if got, want := err.Error(), "tokens.yaml:3:5: no role\ntokens.yaml: no tokens"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := ReadKeyring("no such file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// FuzzKeyring reads any file: it must not panic, nor accept what has no role.
func FuzzKeyring(f *testing.F) {
	f.Add([]byte("- {token: 12345678901234567890123, role: agent, agent: 1001}"))
	f.Add([]byte("- &a {token: x}\n- *a\n- <<: *a"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := keyReader{}
		k := r.read(text)
		for _, key := range k.keys {
			if len(r.invalid.Faults) == 0 && key.holder.Role == "" {
				t.Errorf("a key without a role from %q", text)
			}
		}
	})
}
