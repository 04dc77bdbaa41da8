package backup

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// envelope is how an age file begins.
const envelope = "age-encryption.org/"

const keyMark = "bothy key "

// ErrPassphrase says that a passphrase does not open an envelope.
var ErrPassphrase = errors.New("backup: the passphrase does not open it")

// Seal begins an age envelope that a passphrase opens; the master key lies in it before the backup, so that the envelope is
// all that a new machine needs. The caller writes the backup and closes it.
func Seal(to io.Writer, passphrase string, masterKey []byte) (io.WriteCloser, error) {
	return seal(to, passphrase, masterKey, work)
}

func seal(to io.Writer, passphrase string, masterKey []byte, work int) (io.WriteCloser, error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(work)
	w, err := age.Encrypt(to, recipient)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", keyMark, hex.EncodeToString(masterKey))
	return w, err
}

// Sealed tells whether a stream is an envelope. It reads nothing away.
func Sealed(from *bufio.Reader) bool {
	start, err := from.Peek(len(envelope))
	return err == nil && string(start) == envelope
}

// Unseal opens an envelope: what it returns is read as a backup. Every read is authenticated.
func Unseal(from io.Reader, passphrase string) (backup io.Reader, masterKey []byte, err error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, nil, err
	}
	identity.SetMaxWorkFactor(maxWork)
	r, err := age.Decrypt(from, identity)
	if noMatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &noMatch) {
		return nil, nil, ErrPassphrase
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	inner := bufio.NewReader(authentic{r})
	line, err := readLine(inner)
	if err != nil {
		return nil, nil, err
	}
	text, ok := strings.CutPrefix(line, keyMark)
	key, err := hex.DecodeString(text)
	if !ok || err != nil {
		return nil, nil, ErrNoBackup
	}
	return inner, key, nil
}

// The work that a guess at a passphrase costs, as powers of two: of Seal's envelopes, about a second; and the most that an
// envelope from somewhere may ask for.
const (
	work    = 18
	maxWork = 20
)

// authentic reads the inside of an envelope; what does not authenticate is damage.
type authentic struct{ r io.Reader }

func (a authentic) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return n, err
}

// SealTo begins an age envelope that the private key of a recipient opens ("age1…", as age-keygen makes them). The caller writes
// what is to be sealed and closes it.
func SealTo(to io.Writer, recipient string) (io.WriteCloser, error) {
	r, err := age.ParseRecipients(strings.NewReader(recipient))
	if err != nil {
		return nil, fmt.Errorf("backup: not a public key of age: %w", err)
	}
	return age.Encrypt(to, r...)
}

// OpenWith opens an envelope with one of the private keys in a text, which is in the form of age-keygen's files. Every read is
// authenticated, and an envelope that was cut short does not end.
func OpenWith(from io.Reader, keys string) (io.Reader, error) {
	ids, err := age.ParseIdentities(strings.NewReader(keys))
	if err != nil {
		return nil, fmt.Errorf("backup: no private key of age: %w", err)
	}
	r, err := age.Decrypt(from, ids...)
	if noMatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &noMatch) {
		return nil, ErrKey
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return authentic{r}, nil
}

// ErrKey says that a private key does not open an envelope.
var ErrKey = errors.New("backup: the key does not open it")

// NewKey makes a key of age: the private half, and the recipient.
func NewKey() (private, recipient string, err error) {
	k, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", err
	}
	return k.String(), k.Recipient().String(), nil
}
