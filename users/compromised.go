package users

import (
	"bytes"
	_ "embed"
	"sort"
	"strings"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// commonPasswords are the passwords people choose most, as the first bytes of their SHA-256, in order: what leaked from other sites
// is mostly these. See NOTICE for where the list is from; TestMakeCommonPasswords makes the file.
//
//go:embed common.bin
var commonPasswords []byte

const commonBytes = 5 // of a hash: one in 10^7 other passwords is taken for one of the list

// isCommon tells whether a password is on the list, in any case, with or without the signs that policies make people append.
func isCommon(password string) bool {
	folded := strings.ToLower(password)
	return listed(folded) || listed(strings.TrimRight(folded, symbols))
}

func listed(word string) bool {
	hash := digest([]byte(word))[:commonBytes]
	n := len(commonPasswords) / commonBytes
	at := func(i int) []byte { return commonPasswords[i*commonBytes : (i+1)*commonBytes] }
	i := sort.Search(n, func(i int) bool { return bytes.Compare(at(i), hash) >= 0 })
	return i < n && bytes.Equal(at(i), hash)
}

// Events at which compromised credentials are looked for.
const (
	atSignIn         = "SIGN_IN"
	atSignUp         = "SIGN_UP"
	atPasswordChange = "PASSWORD_CHANGE"
)

func compromisedPassword() error {
	return &cognitoidp.InvalidPasswordException{Message: wire.Some("Provided password cannot be used for security reasons.")}
}

func forSecurity() error { return notAuthorized("Unable to login because of security reasons") }
