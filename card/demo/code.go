package demo

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"time"

	"cardline/card"
)

// SendCode implements [card.Host]. A code lives for two minutes and is bound to
// call, card and service; one more may be sent after a minute.
func (i *Issuer) SendCode(ctx context.Context, r card.Request, token, service string) (string, error) {
	var notice card.Notice
	phoneTail, err := once(ctx, i, r, func(tx *sql.Tx) (string, error) {
		now := time.Now()
		n := card.Notice{Kind: card.NoticeCode, Token: token, Service: service, At: now}
		var codesToday int
		var verified bool
		err := tx.QueryRow(`SELECT c.tail, c.phone_tail, CASE c.tries_day WHEN ? THEN c.codes ELSE 0 END, coalesce(v.verified, 0)
			FROM cards c LEFT JOIN visits v ON v.token=c.token AND v.call=? WHERE c.token=?`, day(now), r.Call, token).
			Scan(&n.Tail, &n.PhoneTail, &codesToday, &verified)
		if err != nil {
			return "", orUnknown(err)
		}
		var sends int
		var sentAt int64
		err = tx.QueryRow(`SELECT sends, sent_at FROM codes WHERE call=? AND token=? AND service=?`, r.Call, token, service).Scan(&sends, &sentAt)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return "", err
		}
		switch {
		case !verified:
			return "", card.Refused
		case codesToday >= codesPerDay, sends >= codeSends,
			sends > 0 && now.Sub(time.UnixMilli(sentAt)) < codeResendWait:
			return "", card.Limit
		}
		n.Code, err = newCode()
		if err != nil {
			return "", err
		}
		if err := i.newDay(tx, token, now); err != nil {
			return "", err
		}
		if _, err := tx.Exec(`UPDATE cards SET codes=codes+1 WHERE token=?`, token); err != nil {
			return "", err
		}
		_, err = tx.Exec(`INSERT INTO codes (call, token, service, hash, sent_at, sends) VALUES (?,?,?,?,?,1)
			ON CONFLICT DO UPDATE SET hash=excluded.hash, sent_at=excluded.sent_at, sends=sends+1, entries=0`,
			r.Call, token, service, i.hash("code "+r.Call+" "+token+" "+service, n.Code), now.UnixMilli())
		notice = n
		return n.PhoneTail, err
	})
	i.notify(ctx, notice, err)
	clear(notice.Code)
	return phoneTail, err
}

// CheckCode implements [card.Host]. Three entries, then the code is void.
func (i *Issuer) CheckCode(ctx context.Context, r card.Request, token, service string, code []byte) error {
	_, err := once(ctx, i, r, func(tx *sql.Tx) (nothing, error) {
		var want []byte
		var sentAt int64
		var entries int
		err := tx.QueryRow(`SELECT hash, sent_at, entries FROM codes WHERE call=? AND token=? AND service=?`, r.Call, token, service).
			Scan(&want, &sentAt, &entries)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return nothing{}, card.Expired
		case err != nil:
			return nothing{}, err
		case entries >= codeEntries:
			return nothing{}, card.Locked
		case time.Since(time.UnixMilli(sentAt)) > codeLives:
			return nothing{}, card.Expired
		}
		if hmac.Equal(want, i.hash("code "+r.Call+" "+token+" "+service, code)) {
			if _, err := tx.Exec(`DELETE FROM codes WHERE call=? AND token=? AND service=?`, r.Call, token, service); err != nil {
				return nothing{}, err
			}
			_, err := tx.Exec(`UPDATE visits SET coded=1 WHERE call=? AND token=?`, r.Call, token)
			return nothing{}, err
		}
		if _, err := tx.Exec(`UPDATE codes SET entries=entries+1 WHERE call=? AND token=? AND service=?`, r.Call, token, service); err != nil {
			return nothing{}, err
		}
		if entries+1 >= codeEntries {
			return nothing{}, card.Locked
		}
		return nothing{}, card.Refused
	})
	return err
}

// newCode draws six digits.
func newCode() ([]byte, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%06d", n.Int64()), nil
}
