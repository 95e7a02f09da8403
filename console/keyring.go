package console

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"cardline/yamlfile"
)

// A Role says what the holder of a token may do.
type Role string

// The roles.
const (
	RoleAgent      Role = "agent"      // reads and sets their own state, and nothing else
	RoleSupervisor Role = "supervisor" // reads and sets the states of agents, queues and callers
	RoleOperator   Role = "operator"   // reads everything, changes nothing
	RoleAuditor    Role = "auditor"    // reads the records of calls
)

// Roles lists every Role.
var Roles = []Role{RoleAgent, RoleSupervisor, RoleOperator, RoleAuditor}

// A Holder is who stands behind a token.
type Holder struct {
	Role  Role
	Agent string // the agent's id, if the role is RoleAgent
	Name  string // as the ledger has it; may be empty
}

// who names the holder in the ledger.
func (h Holder) who() string { return cmp.Or(h.Name, h.Agent, string(h.Role)) }

// A Keyring knows the tokens, by their hashes. It does not change.
type Keyring struct{ keys []key }

type key struct {
	hash   [sha256.Size]byte
	holder Holder
}

// minToken is the shortest token, in characters: guessing must be hopeless.
const minToken = 20

// nameForm is what a name may be.
var nameForm = regexp.MustCompile(`^[\p{L}\p{N}._@-]{1,64}$`)

// ReadKeyring reads a file of tokens, a YAML list:
//
//   - {token_sha256: 9f86…, role: supervisor, name: li.na}
//   - {token: a-long-random-text, role: agent, agent: "1001"}
//
// A token is given as it is, with at least 20 characters, or by the SHA-256 of
// it in hex. The name says in the ledger whose it is. The error is a [*KeyringError] with everything that is wrong, or
// says that the file cannot be read. It never holds anything of a token.
func ReadKeyring(file string) (*Keyring, error) {
	text, err := yamlfile.Read(file)
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	r := keyReader{invalid: KeyringError{File: file}}
	k := r.read(text)
	if len(r.invalid.Faults) > 0 {
		return nil, &r.invalid
	}
	return k, nil
}

// A Fault is one thing that is wrong with a file of tokens.
type Fault struct {
	Line, Column int // from 1; 0 for the file as a whole
	Message      string
}

// A KeyringError says that a file of tokens was refused, with all reasons.
type KeyringError struct {
	File   string
	Faults []Fault
}

// Error lists the faults, one a line.
func (e *KeyringError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = e.File + ": " + f.Message
		if f.Line > 0 {
			lines[i] = fmt.Sprintf("%s:%d:%d: %s", e.File, f.Line, f.Column, f.Message)
		}
	}
	return strings.Join(lines, "\n")
}

// Holder finds who holds a token. It takes the same time for every token.
func (k *Keyring) Holder(token string) (h Holder, ok bool) {
	hash := sha256.Sum256([]byte(token))
	for i := range k.keys {
		if subtle.ConstantTimeCompare(hash[:], k.keys[i].hash[:]) == 1 {
			h, ok = k.keys[i].holder, true
		}
	}
	return h, ok
}

// keyReader reads the file node by node, because a general decoder would quote
// in its errors what it could not use.
type keyReader struct{ invalid KeyringError }

func (r *keyReader) fault(at ast.Node, format string, args ...any) {
	f := Fault{Message: fmt.Sprintf(format, args...)}
	f.Line, f.Column = yamlfile.Place(yamlfile.First(at))
	r.invalid.Faults = append(r.invalid.Faults, f)
}

// listWanted is what a file of tokens is.
const listWanted = "expected a list such as - {token_sha256: …, role: operator}"

func (r *keyReader) read(text []byte) *Keyring {
	k := &Keyring{}
	body, fault := yamlfile.Parse(text)
	switch {
	case fault != nil && fault.Detail != "": // which may quote a token
		fault.Remedy = listWanted
		fallthrough
	case fault != nil:
		r.invalid.Faults = append(r.invalid.Faults, Fault{fault.Line, fault.Column, fault.Message + "; " + fault.Remedy})
		return k
	case body == nil:
		r.invalid.Faults = append(r.invalid.Faults, Fault{Message: "no tokens; " + listWanted})
		return k
	}
	list, ok := body.(*ast.SequenceNode)
	if !ok {
		r.fault(body, listWanted)
		return k
	}
	seen := map[[sha256.Size]byte]bool{}
	for _, item := range list.Values {
		e, ok := r.entry(item)
		switch {
		case !ok:
		case seen[e.hash]:
			r.fault(item, "this token is in the list already")
		default:
			seen[e.hash] = true
			k.keys = append(k.keys, e)
		}
	}
	return k
}

// entry reads one item of the list; ok is false if it has a fault.
func (r *keyReader) entry(item ast.Node) (k key, ok bool) {
	before := len(r.invalid.Faults)
	values := map[string]ast.Node{}
	pairs, ok := yamlfile.Mapping(item)
	if !ok {
		r.fault(item, "expected keys and values such as {token_sha256: …, role: operator}")
		return k, false
	}
	for _, pair := range pairs {
		name := textOf(pair.Key)
		switch name {
		case "token", "token_sha256", "role", "agent", "name":
			if values[name] != nil {
				r.fault(pair.Key, "%s is given twice", name)
			}
			values[name] = pair.Value
		default: // not quoted: it may be a token that slipped
			r.fault(pair.Key, "unknown key; expected token, token_sha256, role, agent or name")
		}
	}
	r.hash(item, values, &k)
	r.role(item, values, &k)
	if name := values["name"]; name != nil {
		if k.holder.Name = textOf(name); !nameForm.MatchString(k.holder.Name) {
			r.fault(name, "expected a name of letters, digits and . _ - @, at most 64")
		}
	}
	return k, len(r.invalid.Faults) == before
}

func (r *keyReader) hash(item ast.Node, values map[string]ast.Node, k *key) {
	plain, hashed := values["token"], values["token_sha256"]
	switch {
	case (plain == nil) == (hashed == nil):
		r.fault(item, "expected either token or token_sha256")
	case plain != nil:
		if len(textOf(plain)) < minToken {
			r.fault(plain, "the token is shorter than %d characters; make one with: openssl rand -hex 24", minToken)
		}
		k.hash = sha256.Sum256([]byte(textOf(plain)))
	default:
		if n, err := hex.Decode(k.hash[:], []byte(cut(textOf(hashed), 2*sha256.Size))); err != nil || n != sha256.Size || len(textOf(hashed)) != 2*sha256.Size {
			r.fault(hashed, "expected the SHA-256 of a token, 64 hex digits; make it with: printf %%s TOKEN | sha256sum")
		}
	}
}

// cut returns at most n bytes of a text.
func cut(text string, n int) string { return text[:min(n, len(text))] }

func (r *keyReader) role(item ast.Node, values map[string]ast.Node, k *key) {
	role, agent := values["role"], values["agent"]
	if role == nil {
		r.fault(item, "no role; expected one of %v", Roles)
		return
	}
	k.holder.Role = Role(textOf(role))
	switch k.holder.Role {
	case RoleAgent:
		if agent == nil || textOf(agent) == "" {
			r.fault(item, "role agent needs the agent's id, such as agent: \"1001\"")
			return
		}
		k.holder.Agent = textOf(agent)
	case RoleSupervisor, RoleOperator, RoleAuditor:
		if agent != nil {
			r.fault(agent, "an agent's id goes with role agent alone")
		}
	default:
		r.fault(role, "unknown role; expected one of %v", Roles)
	}
}

// textOf returns a scalar as it is written, without its quotes; "" for anything
// else.
func textOf(n ast.Node) string {
	text, _ := yamlfile.Scalar(n)
	return text
}
