package card

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// sealedPrefix marks a token that is a card number sealed to the host's key.
const sealedPrefix = "sealed:"

// Seal encrypts a secret of a card to the host's key with RSA-OAEP (RFC 8017,
// SHA-256). The purpose, such as "pin TOKEN", must be named again to open it.
func Seal(key *rsa.PublicKey, purpose string, secret []byte) ([]byte, error) {
	return rsa.EncryptOAEP(sha256.New(), rand.Reader, key, secret, []byte(purpose))
}

// Open decrypts what [Seal] made. The caller zeroes the result.
func Open(key *rsa.PrivateKey, purpose string, sealed []byte) ([]byte, error) {
	return rsa.DecryptOAEP(sha256.New(), nil, key, sealed, []byte(purpose))
}

// SealNumber makes a token from the number of a card that the host could not
// be asked about. Only the host can read it.
func SealNumber(key *rsa.PublicKey, number []byte) (token string, err error) {
	sealed, err := Seal(key, "number", number)
	if err != nil {
		return "", err
	}
	return sealedPrefix + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// OpenNumber reads a token of [SealNumber]; ok is false for any other token.
// The caller zeroes the number.
func OpenNumber(key *rsa.PrivateKey, token string) (number []byte, ok bool) {
	text, ok := strings.CutPrefix(token, sealedPrefix)
	if !ok {
		return nil, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, false
	}
	number, err = Open(key, "number", sealed)
	return number, err == nil
}
