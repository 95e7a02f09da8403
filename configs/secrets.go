package configs

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cardline/prompts"
)

// This file checks what a configuration refers to outside of its directory.

// largestSecret bounds what is read of a file that holds one password.
const largestSecret = 4096

// regular reports a file that cannot be read, or is none: a device or a pipe
// would hold up the check for good.
func (k *checker) regular(path, file string) (fs.FileInfo, bool) {
	if !filepath.IsAbs(file) {
		k.warn(path, fmt.Sprintf("%s depends on the directory that cardline is started in", file), "write the whole path")
	}
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a file")
	}
	if err == nil {
		var f *os.File
		if f, err = os.Open(file); err == nil {
			_ = f.Close()
		}
	}
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrapped.Err
	}
	if err != nil {
		k.report(path, fmt.Sprintf("%s: %v", file, err), "expected a file that the user who runs cardline can read")
		return nil, false
	}
	return info, true
}

// secret is regular for a file that nobody else should read.
func (k *checker) secret(path, file string) bool {
	info, ok := k.regular(path, file)
	if ok && info.Mode().Perm()&0o007 != 0 {
		k.warn(path, fmt.Sprintf("everybody on this machine may use %s (%v)", file, info.Mode().Perm()), "run chmod o= on it")
	}
	return ok
}

// certificate checks that certificate and key can be used together.
func (k *checker) certificate(h HTTP) {
	if h.Certificate == "" || h.Key == "" {
		return
	}
	_, readable := k.regular("http.certificate", h.Certificate)
	if !k.secret("http.key", h.Key) || !readable {
		return
	}
	pair, err := tls.LoadX509KeyPair(h.Certificate, h.Key)
	switch {
	case err != nil:
		k.report("http.certificate", err.Error(), "expected a PEM certificate and the key that belongs to it")
	case pair.Leaf != nil && time.Now().After(pair.Leaf.NotAfter):
		k.warn("http.certificate", fmt.Sprintf("it expired on %s", pair.Leaf.NotAfter.Format(time.DateOnly)), "renew it")
	}
}

func (k *checker) phones() {
	named(k, "phones", "account", userID, userWanted, k.file.Phones, func(p Phone) string { return p.Account })
	for i := range k.file.Phones {
		p, path := &k.file.Phones[i], fmt.Sprintf("phones.%d", i)
		if p.PasswordFile == "" && p.Password == "" {
			k.report(path, "no password", "set password_file, or password for a trial")
		}
		k.password(path, &p.Password, p.PasswordFile)
		k.notNegative(path+".max_calls", p.MaxCalls)
		if p.Password != "" && p.Password == p.Account {
			k.warn(path, fmt.Sprintf("the password of %s is its name", p.Account), "everybody tries that first: choose another")
		}
	}
}

// exposed warns of passwords that strangers may know, if a listener can be reached by
// others than this machine.
func (k *checker) exposed() {
	if !slices.ContainsFunc(k.file.SIP.Listen, func(l Listen) bool {
		host, _, err := net.SplitHostPort(l.Address)
		return err == nil && !isLoopback(host)
	}) {
		return
	}
	told := map[string]bool{}
	written := func(path, password, file string) {
		if name := k.place(path).file; password != "" && file == "" && k.open[name] && !told[name] {
			told[name] = true
			k.warn(path, fmt.Sprintf("everybody on this machine may read the passwords in %s", name), "run chmod o= on it, or set password_file")
		}
	}
	for i, p := range k.file.Phones {
		path := fmt.Sprintf("phones.%d", i)
		if isShipped(p) {
			k.warn(path, fmt.Sprintf("everybody knows the password of %s: it is that of an example", p.Account), "choose another, in a password_file")
		}
		written(path, p.Password, p.PasswordFile)
	}
	for i, t := range k.file.Trunks {
		written(fmt.Sprintf("trunks.%d", i), t.Password, t.PasswordFile)
	}
}

// isShipped reports whether a phone's password is that of the default hotline or of
// an example.
func isShipped(p Phone) bool {
	return p.Password == "cardline-"+p.Account || p.Password == "trial-"+p.Account
}

// password reads a password that is in a file, if there is one.
func (k *checker) password(path string, password *string, file string) {
	switch {
	case file == "":
	case *password != "":
		k.report(path+".password", "both password and password_file", "keep one of them")
	case k.secret(path+".password_file", file):
		if *password = k.firstLine(path+".password_file", file); *password == "" {
			k.report(path+".password_file", file+" has no password in its first line", "write it there")
		}
	}
}

func (k *checker) firstLine(path, file string) string {
	f, err := os.Open(file)
	if err != nil {
		k.report(path, err.Error(), "")
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, largestSecret))
	if err != nil {
		k.report(path, err.Error(), "")
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

// shipped is the library of the recordings in the program. It is the same for
// every configuration without an overlay.
var shipped = sync.OnceValues(func() (*prompts.Library, error) { return prompts.Load(prompts.Embedded()) })

// library loads the recordings, nil if that fails.
func (k *checker) library() *prompts.Library {
	dir := k.file.Prompts.Overlay
	if dir == "" {
		library, err := shipped()
		if err != nil {
			for _, err := range each(err) {
				k.report("prompts", err.Error(), "run cardline prompts check")
			}
			return nil
		}
		k.ownPrompts(library)
		return library
	}
	recordings, err := prompts.WithOverlay(prompts.Embedded(), dir)
	if err != nil {
		k.report("prompts.overlay", err.Error(), "expected a directory with recordings laid out as the shipped ones")
		return nil
	}
	library, err := prompts.Load(recordings)
	if err != nil {
		for _, err := range each(err) {
			k.report("prompts.overlay", err.Error(), "run cardline prompts check --overlay "+dir)
		}
		return nil
	}
	for _, p := range prompts.Check(recordings) {
		k.warn("prompts.overlay", cmp.Or(p.File, dir)+": "+p.Message, p.Remedy)
	}
	k.ownPrompts(library)
	return library
}

// each returns the errors that were joined to one.
func each(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, e := range joined.Unwrap() {
		list = append(list, each(e)...)
	}
	return list
}
