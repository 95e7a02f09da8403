// Package demo is a card issuer in one SQLite file: a few thousand made-up
// customers, real verification, one-time codes, locks, activation, PINs, bills
// and loss reports. It serves demonstrations, tests and trials; a bank puts
// its own adapter of [card.Host] in its place.
package demo

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/argon2"
	_ "modernc.org/sqlite" // the database driver

	"cardline/card"
)

// The issuer's limits (hotline.md, flows A2 and A3).
const (
	triesPerCall   = 3
	triesPerDay    = 5
	lockFor        = 24 * time.Hour
	codeLives      = 120 * time.Second
	codeEntries    = 3
	codeSends      = 2 // the first and one more
	codeResendWait = 60 * time.Second
	codesPerDay    = 5
)

// Options configure an [Issuer].
type Options struct {
	// Dir holds issuer.db and issuer.key. It is created if it is missing.
	Dir string
	// Holders is the number of cards made when the books are first opened.
	// If zero, it is 3000.
	Holders int
	// Notifier sends the codes and receipts. It must not be nil.
	Notifier card.Notifier
}

// An Issuer implements [card.Host]. What it answers has been committed to disk
// before.
type Issuer struct {
	db       *sql.DB
	notifier card.Notifier
	secret   []byte // key of all keyed hashes
	private  *rsa.PrivateKey
	hashing  chan struct{} // slow hashes at a time
}

//go:embed schema.sql
var schema string

// Open opens the books, making them first if there are none.
func Open(o Options) (*Issuer, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open demo issuer: %w", err)
	}
	i := &Issuer{notifier: o.Notifier, hashing: make(chan struct{}, 2)}
	if err := i.loadKeys(filepath.Join(o.Dir, "issuer.key")); err != nil {
		return nil, fmt.Errorf("open demo issuer: %w", err)
	}
	db, err := sql.Open("sqlite", filepath.Join(o.Dir, "issuer.db")+
		"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open demo issuer: %w", err)
	}
	db.SetMaxOpenConns(1) // one writer; every request is a short transaction
	i.db = db
	if _, err := db.Exec(schema); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open demo issuer: %w", err)
	}
	holders := o.Holders
	if holders == 0 {
		holders = 3000
	}
	if err := i.fill(holders); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("fill demo issuer: %w", err)
	}
	return i, nil
}

// Close closes the books.
func (i *Issuer) Close() error { return i.db.Close() }

// loadKeys reads the issuer's RSA key, or makes one. The key of the keyed
// hashes is derived from it.
func (i *Issuer) loadKeys(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return err
		}
		data = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return fmt.Errorf("%s holds no PEM block; restore it from the backup", path)
	}
	if i.private, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	sum := sha256.Sum256(append([]byte("keyed hashes "), block.Bytes...))
	i.secret = sum[:]
	return nil
}

// hash returns the keyed hash of a value in its domain.
func (i *Issuer) hash(domain string, value []byte) []byte {
	mac := hmac.New(sha256.New, i.secret)
	mac.Write([]byte(domain))
	mac.Write([]byte{0})
	mac.Write(value)
	return mac.Sum(nil)
}

// fill makes the holders of an empty book.
func (i *Issuer) fill(n int) error {
	var have int
	if err := i.db.QueryRow(`SELECT count(*) FROM cards`).Scan(&have); err != nil || have > 0 {
		return err
	}
	tx, err := i.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	insert, err := tx.Prepare(`INSERT INTO cards
		(token, number_hash, tail, expiry_hash, id_hash, id_tail_hash, phone_tail, forbidden, status, amount, minimum, due_day)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`)
	if err != nil {
		return err
	}
	for k := range n {
		h := HolderAt(k)
		number := i.hash("number", []byte(h.Number))
		token := "card_" + hex.EncodeToString(number[:10])
		var forbidden []byte
		for _, pin := range h.forbiddenPINs() {
			forbidden = append(forbidden, i.hash("pin "+token, []byte(pin))[:8]...)
		}
		status := "issued"
		if h.Active {
			status = "active"
		}
		if _, err := insert.Exec(token, number, h.Tail(), i.hash("expiry "+token, []byte(h.Expiry)),
			i.hash("id", []byte(h.ID)), i.hash("id "+token, []byte(h.IDTail())), h.Mobile[len(h.Mobile)-4:], forbidden, status,
			h.Amount, h.Minimum, h.DueDay); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// once runs change in a transaction unless the request has been answered
// before, and keeps its answer. The answer is committed before once returns.
func once[T any](ctx context.Context, i *Issuer, r card.Request, change func(*sql.Tx) (T, error)) (T, error) {
	var value, none T
	tx, err := i.db.BeginTx(ctx, nil)
	if err != nil {
		return none, err
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	var refusal, text string
	err = tx.QueryRow(`SELECT refusal, value FROM answers WHERE call=? AND operation=?`, r.Call, r.Operation).Scan(&refusal, &text)
	switch {
	case err == nil && refusal != "":
		return none, card.Refusal(refusal)
	case err == nil:
		err = json.Unmarshal([]byte(text), &value)
		return value, err
	case !errors.Is(err, sql.ErrNoRows):
		return none, err
	}
	value, err = change(tx)
	var no card.Refusal
	if err != nil && !errors.As(err, &no) {
		return none, err
	}
	data, jsonErr := json.Marshal(value)
	if jsonErr != nil {
		return none, jsonErr
	}
	if _, err := tx.Exec(`INSERT INTO answers (call, operation, refusal, value) VALUES (?,?,?,?)`,
		r.Call, r.Operation, string(no), string(data)); err != nil {
		return none, err
	}
	if err := tx.Commit(); err != nil {
		return none, err
	}
	return value, err
}

// nothing is the value of a request that has none.
type nothing struct{}

// Find implements [card.Host].
func (i *Issuer) Find(ctx context.Context, _ card.Request, number []byte) (card.Card, error) {
	if !card.ValidNumber(number) || number[0] != '9' {
		return card.Card{}, card.Unknown
	}
	return i.find(ctx, `SELECT token, tail, status FROM cards WHERE number_hash=?`, i.hash("number", number))
}

// FindByID implements [card.Host].
func (i *Issuer) FindByID(ctx context.Context, _ card.Request, number []byte) (card.Card, error) {
	return i.find(ctx, `SELECT token, tail, status FROM cards WHERE id_hash=? ORDER BY status='stopped', token LIMIT 1`, i.hash("id", number))
}

func (i *Issuer) find(ctx context.Context, query string, hash []byte) (card.Card, error) {
	var c card.Card
	var status string
	err := i.db.QueryRowContext(ctx, query, hash).Scan(&c.Token, &c.Tail, &status)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return card.Card{}, card.Unknown
	case err != nil:
		return card.Card{}, err
	case status == "stopped":
		return card.Card{}, card.Blocked
	}
	return c, nil
}

// Verify implements [card.Host]. A caller has three tries in a call and a card
// five in a day; then the card is locked for a day.
func (i *Issuer) Verify(ctx context.Context, r card.Request, token string, id card.Identity) error {
	_, err := once(ctx, i, r, func(tx *sql.Tx) (nothing, error) {
		now := time.Now()
		var idHash, expiryHash []byte
		var tries int
		var lockedUntil int64
		err := tx.QueryRow(`SELECT id_tail_hash, expiry_hash, CASE tries_day WHEN ? THEN tries ELSE 0 END, locked_until FROM cards WHERE token=?`,
			day(now), token).Scan(&idHash, &expiryHash, &tries, &lockedUntil)
		if err != nil {
			return nothing{}, orUnknown(err)
		}
		var triesInCall int
		if err := tx.QueryRow(`SELECT tries FROM call_tries WHERE call=?`, r.Call).Scan(&triesInCall); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nothing{}, err
		}
		if now.UnixMilli() < lockedUntil || triesInCall >= triesPerCall {
			return nothing{}, card.Locked
		}
		right := hmac.Equal(idHash, i.hash("id "+token, id.IDTail))
		right = hmac.Equal(expiryHash, i.hash("expiry "+token, id.Expiry)) && right
		if right {
			_, err := tx.Exec(`INSERT INTO visits (call, token, verified) VALUES (?,?,1) ON CONFLICT DO UPDATE SET verified=1`, r.Call, token)
			return nothing{}, err
		}
		tries, triesInCall = tries+1, triesInCall+1
		refusal := card.Refused
		if tries >= triesPerDay {
			refusal, lockedUntil = card.Locked, now.Add(lockFor).UnixMilli()
		} else if triesInCall >= triesPerCall {
			refusal = card.Locked
		}
		if err := i.newDay(tx, token, now); err != nil {
			return nothing{}, err
		}
		if _, err := tx.Exec(`UPDATE cards SET tries=?, locked_until=? WHERE token=?`, tries, lockedUntil, token); err != nil {
			return nothing{}, err
		}
		if _, err := tx.Exec(`INSERT INTO call_tries (call, tries) VALUES (?,?) ON CONFLICT DO UPDATE SET tries=excluded.tries`, r.Call, triesInCall); err != nil {
			return nothing{}, err
		}
		return nothing{}, refusal
	})
	return err
}

// newDay starts the counts of a card anew if they are of an earlier day.
func (i *Issuer) newDay(tx *sql.Tx, token string, now time.Time) error {
	_, err := tx.Exec(`UPDATE cards SET tries_day=?1, tries=0, codes=0 WHERE token=?2 AND tries_day<>?1`, day(now), token)
	return err
}

func day(t time.Time) string { return t.Format(time.DateOnly) }

func orUnknown(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return card.Unknown
	}
	return err
}

// Activate implements [card.Host]. It needs a verified caller and a right code
// in the same call.
func (i *Issuer) Activate(ctx context.Context, r card.Request, token string) (card.Activation, error) {
	var notice card.Notice
	done, err := once(ctx, i, r, func(tx *sql.Tx) (card.Activation, error) {
		var status string
		var n card.Notice
		if err := tx.QueryRow(`SELECT status, tail, phone_tail FROM cards WHERE token=?`, token).Scan(&status, &n.Tail, &n.PhoneTail); err != nil {
			return card.Activation{}, orUnknown(err)
		}
		if err := proven(tx, r, token); err != nil {
			return card.Activation{}, err
		}
		switch status {
		case "active":
			return card.Activation{}, card.AlreadyActive
		case "frozen", "stopped":
			return card.Activation{}, card.NotAllowed
		}
		now := time.Now().Truncate(time.Millisecond)
		if _, err := tx.Exec(`UPDATE cards SET status='active', activated_at=? WHERE token=?`, now.UnixMilli(), token); err != nil {
			return card.Activation{}, err
		}
		n.Kind, n.Token, n.At = card.NoticeActivated, token, now
		notice = n
		return card.Activation{Tail: n.Tail, At: now}, nil
	})
	i.notify(ctx, notice, err)
	return done, err
}

// proven is the third level of verification: identity and code in this call.
func proven(tx *sql.Tx, r card.Request, token string) error {
	var coded bool
	err := tx.QueryRow(`SELECT verified AND coded FROM visits WHERE call=? AND token=?`, r.Call, token).Scan(&coded)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && !coded:
		return card.Refused
	default:
		return err
	}
}

// notify sends a notice that a request has just earned. A request that was
// answered before has none. The message may be lost; what it reports is not.
func (i *Issuer) notify(ctx context.Context, n card.Notice, err error) {
	if err == nil && n.Kind != "" {
		_ = i.notifier.Notify(ctx, n)
	}
}

// SealingKey implements [card.Host].
func (i *Issuer) SealingKey(context.Context) (*rsa.PublicKey, error) {
	return &i.private.PublicKey, nil
}

// SetPIN implements [card.Host]. It needs a caller who has given a right code
// in the same call.
func (i *Issuer) SetPIN(ctx context.Context, r card.Request, token string, sealed []byte) error {
	pin, err := card.Open(i.private, "pin "+token, sealed)
	if err != nil {
		return card.Refused
	}
	defer clear(pin)
	forbidden := i.hash("pin "+token, pin)[:8]
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return err
	}
	slow, err := i.slowHash(ctx, pin, salt)
	if err != nil {
		return err
	}
	var notice card.Notice
	_, err = once(ctx, i, r, func(tx *sql.Tx) (nothing, error) {
		var patterns []byte
		var status string
		var n card.Notice
		if err := tx.QueryRow(`SELECT forbidden, status, tail, phone_tail FROM cards WHERE token=?`, token).
			Scan(&patterns, &status, &n.Tail, &n.PhoneTail); err != nil {
			return nothing{}, orUnknown(err)
		}
		if err := proven(tx, r, token); err != nil {
			return nothing{}, err
		}
		if status != "active" {
			return nothing{}, card.NotAllowed
		}
		for ; len(patterns) >= 8; patterns = patterns[8:] {
			if hmac.Equal(patterns[:8], forbidden) {
				return nothing{}, card.Weak
			}
		}
		n.Kind, n.Token, n.At = card.NoticePINSet, token, time.Now()
		notice = n
		_, err := tx.Exec(`UPDATE cards SET pin_salt=?, pin_hash=?, pin_changes=pin_changes+1 WHERE token=?`, salt, slow, token)
		return nothing{}, err
	})
	i.notify(ctx, notice, err)
	return err
}

// slowHash is Argon2id with the second recommended set of RFC 9106, section 4,
// scaled to 19 MiB and two passes; at most two run at a time.
func (i *Issuer) slowHash(ctx context.Context, pin, salt []byte) ([]byte, error) {
	select {
	case i.hashing <- struct{}{}:
		defer func() { <-i.hashing }()
		return argon2.IDKey(pin, salt, 2, 19*1024, 1, 32), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// CheckPIN reports whether the PIN is the one that was set for the card. It
// serves tests; the hotline never asks for an old PIN.
func (i *Issuer) CheckPIN(ctx context.Context, token string, pin []byte) (bool, error) {
	var salt, want []byte
	if err := i.db.QueryRowContext(ctx, `SELECT pin_salt, pin_hash FROM cards WHERE token=?`, token).Scan(&salt, &want); err != nil {
		return false, orUnknown(err)
	}
	if want == nil {
		return false, nil
	}
	got, err := i.slowHash(ctx, pin, salt)
	return hmac.Equal(got, want), err
}

// Tries returns how many wrong tries to verify were made for a card today. It
// serves tests.
func (i *Issuer) Tries(ctx context.Context, token string) (n int, err error) {
	err = i.db.QueryRowContext(ctx, `SELECT CASE tries_day WHEN ? THEN tries ELSE 0 END FROM cards WHERE token=?`, day(time.Now()), token).Scan(&n)
	return n, orUnknown(err)
}

// Bill implements [card.Host].
func (i *Issuer) Bill(ctx context.Context, r card.Request, token string) (card.Bill, error) {
	var b card.Bill
	var dueDay int
	var verified bool
	err := i.db.QueryRowContext(ctx, `SELECT c.amount, c.minimum, c.due_day, coalesce(v.verified, 0)
		FROM cards c LEFT JOIN visits v ON v.token=c.token AND v.call=? WHERE c.token=?`, r.Call, token).
		Scan(&b.Amount, &b.Minimum, &dueDay, &verified)
	if err != nil {
		return card.Bill{}, orUnknown(err)
	}
	if !verified {
		return card.Bill{}, card.Refused
	}
	now := time.Now()
	b.Due = time.Date(now.Year(), now.Month(), dueDay, 0, 0, 0, 0, now.Location())
	if now.Day() > dueDay {
		b.Due = b.Due.AddDate(0, 1, 0)
	}
	return b, nil
}

// ReportLoss implements [card.Host].
func (i *Issuer) ReportLoss(ctx context.Context, r card.Request, token string, kind card.LossKind) (card.LossReceipt, error) {
	if number, ok := card.OpenNumber(i.private, token); ok {
		defer clear(number)
		found, err := i.Find(ctx, r, number)
		if err != nil {
			return card.LossReceipt{}, err
		}
		token = found.Token
	}
	var notice card.Notice
	receipt, err := once(ctx, i, r, func(tx *sql.Tx) (card.LossReceipt, error) {
		status := map[card.LossKind]string{card.Stop: "stopped", card.Freeze: "frozen"}[kind]
		if status == "" {
			return card.LossReceipt{}, card.NotAllowed
		}
		var n card.Notice
		if err := tx.QueryRow(`SELECT tail, phone_tail FROM cards WHERE token=?`, token).Scan(&n.Tail, &n.PhoneTail); err != nil {
			return card.LossReceipt{}, orUnknown(err)
		}
		if _, err := tx.Exec(`UPDATE cards SET status=? WHERE token=? AND status<>'stopped'`, status, token); err != nil {
			return card.LossReceipt{}, err
		}
		now := time.Now().Truncate(time.Millisecond)
		done, err := tx.Exec(`INSERT INTO losses (token, kind, at) VALUES (?,?,?)`, token, kind, now.UnixMilli())
		if err != nil {
			return card.LossReceipt{}, err
		}
		ref, err := done.LastInsertId()
		receipt := card.LossReceipt{Ref: fmt.Sprintf("%06d", ref), At: now}
		n.Kind, n.Token, n.At, n.Ref = card.NoticeLoss, token, now, receipt.Ref
		notice = n
		return receipt, err
	})
	i.notify(ctx, notice, err)
	return receipt, err
}
