package sip

import (
	"crypto/hmac"
	"crypto/md5" // digest authentication with MD5 is what common phones know
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	wire "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// An Algorithm is a digest algorithm by its name in RFC 8760.
type Algorithm string

// The algorithms that we can verify and answer.
const (
	MD5       Algorithm = "MD5"
	SHA256    Algorithm = "SHA-256"
	SHA512256 Algorithm = "SHA-512-256"
)

func (a Algorithm) known() bool { return a == MD5 || a == SHA256 || a == SHA512256 }

// hash returns the hex digest that a stands for.
func (a Algorithm) hash(s string) string {
	switch a {
	case SHA256:
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	case SHA512256:
		sum := sha512.Sum512_256([]byte(s))
		return hex.EncodeToString(sum[:])
	case MD5:
	}
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// A verdict is what credentials are worth.
type verdict uint8

const (
	proven   verdict = iota // the sender knows the account's password
	unproven                // no credentials of ours: challenge
	stale                   // for an old nonce or that of another source, or right with a used count: challenge again
	forged                  // wrong, or for an account that does not exist
)

// An authenticator issues nonces and checks credentials (RFC 3261 section 22,
// RFC 8760). A nonce carries its own age and our seal, so that a challenge
// costs no memory; the counts that a nonce has been used with are kept only
// once its user is proven. The seal is for one source: nobody can be made to
// look like a guesser by a forged one, which never sees its challenge.
type authenticator struct {
	realm string
	age   time.Duration
	start time.Time // ages are measured from here, on the monotonic clock
	key   [32]byte

	mu     sync.Mutex
	counts generations[string, int]
}

func newAuthenticator(realm string, age time.Duration) *authenticator {
	a := &authenticator{realm: realm, age: age, start: time.Now()}
	_, _ = rand.Read(a.key[:]) // crypto/rand does not fail
	a.counts.init(age, 1<<16)
	return a
}

// A nonce is 8 bytes of age, 8 of chance and 16 of seal.
const (
	nonceBody = 16
	nonceSize = nonceBody + 16
)

func (a *authenticator) nonce(source netip.Addr) string {
	b := make([]byte, nonceBody, nonceSize)
	binary.BigEndian.PutUint64(b, uint64(time.Since(a.start)))
	_, _ = rand.Read(b[8:nonceBody])
	return base64.RawURLEncoding.EncodeToString(append(b, a.seal(b, source)...))
}

func (a *authenticator) seal(body []byte, source netip.Addr) []byte {
	mac := hmac.New(sha256.New, a.key[:])
	_, _ = mac.Write(body)
	_, _ = mac.Write(site(source).Addr().AsSlice())
	return mac.Sum(nil)[:nonceSize-nonceBody]
}

// fresh reports whether a nonce is ours, for this source, and young enough.
func (a *authenticator) fresh(nonce string, source netip.Addr) bool {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != nonceSize || !hmac.Equal(b[nonceBody:], a.seal(b[:nonceBody], source)) {
		return false
	}
	return time.Since(a.start)-time.Duration(binary.BigEndian.Uint64(b)) <= a.age
}

// challenges are the WWW-Authenticate headers of a 401, best first.
func (a *authenticator) challenges(source netip.Addr, algorithms []Algorithm, isStale bool) []wire.Header {
	if len(algorithms) == 0 {
		algorithms = []Algorithm{MD5}
	}
	nonce := a.nonce(source)
	var headers []wire.Header
	for _, algorithm := range algorithms {
		c := digest.Challenge{
			Realm: a.realm, Nonce: nonce, Algorithm: string(algorithm), QOP: []string{"auth"}, Stale: isStale,
		}
		headers = append(headers, wire.NewHeader("WWW-Authenticate", c.String()))
	}
	return headers
}

// verify judges the credentials that a request carries for user. account is
// looked up by the caller; if it does not exist, the work is the same and so
// is the verdict of a wrong password. isOurs tells which hosts we are.
func (a *authenticator) verify(req *wire.Request, user string, account *Account, algorithms []Algorithm, isOurs func(host string) bool) verdict {
	cred := a.credentials(req)
	if cred == nil {
		return unproven
	}
	algorithm := Algorithm(strings.ToUpper(cred.Algorithm))
	if algorithm == "" {
		algorithm = MD5
	}
	// The answer is computed whatever is wrong already, so that the time it
	// takes tells nothing.
	named := user
	if a.isName(cred.Username, user, isOurs) {
		named = cred.Username
	}
	sound := algorithm.known() && offers(algorithms, algorithm) && cred.QOP == "auth" && cred.Nc > 0 &&
		cred.Username == named && namesUs(cred.URI, isOurs)
	want, err := digest.Digest(
		&digest.Challenge{Realm: a.realm, Nonce: cred.Nonce, Algorithm: string(algorithm), QOP: []string{"auth"}},
		digest.Options{
			Method: string(req.Method), URI: cred.URI, Count: cred.Nc, Username: named, Cnonce: cred.Cnonce,
			A1: a.ha1(named, account, algorithm),
		})
	if err != nil {
		return forged
	}
	equal := subtle.ConstantTimeCompare([]byte(strings.ToLower(cred.Response)), []byte(want.Response)) == 1
	switch {
	case !a.fresh(cred.Nonce, sourceOf(req).Addr()):
		return stale // right or wrong: who asks with an old nonce learns nothing
	case !sound || !equal || account == nil || cred.Cnonce == "":
		return forged
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if used, _ := a.counts.get(cred.Nonce); cred.Nc <= used {
		return stale // a replay, or two requests that overtook each other
	}
	a.counts.put(strings.Clone(cred.Nonce), cred.Nc) // a part of a header that may be long
	return proven
}

// credentials returns the request's credentials for our realm, nil if there
// are none that can be read.
func (a *authenticator) credentials(req *wire.Request) *digest.Credentials {
	for _, h := range req.GetHeaders("Authorization") {
		if cred, err := digest.ParseCredentials(lowerNames(h.Value())); err == nil && cred.Realm == a.realm {
			return cred
		}
	}
	return nil
}

// ha1 returns the secret half of a digest. Without an account it is one that
// nobody can know.
func (a *authenticator) ha1(user string, account *Account, algorithm Algorithm) string {
	switch {
	case account == nil:
		return algorithm.hash(user + ":" + a.realm + ":" + string(a.key[:]))
	case account.Password != "":
		return algorithm.hash(user + ":" + a.realm + ":" + account.Password)
	case account.HA1[algorithm] != "":
		return strings.ToLower(account.HA1[algorithm])
	}
	return algorithm.hash(user + ":" + a.realm + ":" + string(a.key[:]))
}

func offers(algorithms []Algorithm, algorithm Algorithm) bool {
	if len(algorithms) == 0 {
		return algorithm == MD5
	}
	for _, a := range algorithms {
		if a == algorithm {
			return true
		}
	}
	return false
}

// isName reports whether a digest username is the account of user: its name, or
// the name with our realm or host behind it, as some phones write it. For
// these the account needs its Password, since a stored HA1 is that of the bare name.
func (a *authenticator) isName(username, user string, isOurs func(host string) bool) bool {
	name, domain, isLong := strings.Cut(username, "@")
	return name == user && (!isLong || strings.EqualFold(domain, a.realm) || isOurs(domain))
}

// namesUs reports whether the uri of credentials is one of ours. It need not be
// the one that the request goes to, and its port may be missing: phones and
// proxies rewrite both, and the nonce is for us alone (RFC 3261 section 22.4).
func namesUs(uri string, isOurs func(host string) bool) bool {
	var u wire.Uri
	err := wire.ParseUri(strings.Trim(uri, "<>"), &u)
	return err == nil && (u.Scheme == "sip" || u.Scheme == "sips") && isOurs(u.Host)
}

// lowerNames returns the value of a header of digest with the names of its
// parameters in lower case, and its scheme as the parser wants it.
func lowerNames(value string) string {
	value = strings.TrimSpace(value)
	end := strings.IndexAny(value, " \t")
	if end < 0 || !strings.EqualFold(value[:end], "digest") {
		return value
	}
	params := strings.TrimSpace(value[end:])
	b := []byte(params)
	isName, isQuoted := true, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case isQuoted && c == '\\':
			i++
		case c == '"':
			isQuoted = !isQuoted
		case isQuoted:
		case c == ',':
			isName = true
		case c == '=':
			isName = false
		case isName && 'A' <= c && c <= 'Z':
			b[i] += 'a' - 'A'
		}
	}
	return digest.Prefix + string(b)
}

// errNoChallenge says that a refusal holds no challenge that we could answer.
var errNoChallenge = errors.New("no digest challenge that we know")

// answerChallenge adds credentials to req, which repeats the request that res
// refused with 401 or 407.
func answerChallenge(req *wire.Request, res *wire.Response, user, password string) error {
	header, answer := "WWW-Authenticate", "Authorization"
	if res.StatusCode == 407 {
		header, answer = "Proxy-Authenticate", "Proxy-Authorization"
	}
	for _, h := range res.GetHeaders(header) {
		challenge, err := digest.ParseChallenge(lowerNames(h.Value()))
		if err != nil || !digest.CanDigest(challenge) {
			continue
		}
		cred, err := digest.Digest(challenge, digest.Options{
			Method: string(req.Method), URI: req.Recipient.String(), Username: user, Password: password,
		})
		if err != nil {
			continue
		}
		h, err := newHeader(answer, cred.String())
		if err != nil {
			return err
		}
		req.AppendHeader(h)
		return nil
	}
	return errNoChallenge
}
