package users

import (
	"encoding/json"
	"time"

	"bothy/kv"
	"bothy/record"

	"errors"
)

// challengeLife is how long a challenge may wait for its answer.
const challengeLife = 3 * time.Minute

// challenge is everything the server must know when the answer comes. It travels with the client, sealed: as the
// SECRET_BLOCK of SRP, or as the Session of other challenges. No row is written until it is answered.
type challenge struct {
	Kind    string
	Pool    string
	Client  string
	Sub     string // of the user, or of the ghost that stands for one
	Name    string // username
	As      string // the name the client gave
	Expires time.Time
	Way     progress `json:",omitzero"`
	Secret  []byte   `json:",omitempty"` // b; or the challenge of a passkey, or the secret of an authenticator that is being set up
	Public  []byte   `json:",omitempty"` // A
	Scramb  []byte   `json:",omitempty"` // u
	Device  string   `json:",omitempty"` // whose proof it asks for
	Round   string   `json:",omitempty"` // id of the row that a custom challenge waits in
	Against []byte   `json:",omitempty"` // digest of the sealed credential that led here: one changed since voids the challenge
}

func (s *Service) sealChallenge(account string, ch challenge) ([]byte, error) {
	b, err := json.Marshal(ch)
	if err != nil {
		return nil, err
	}
	return s.cfg.Sealer.Seal("users.challenge/"+account, b), nil
}

// unsealChallenge reads a challenge of any kind and client, late or not.
func (s *Service) unsealChallenge(account string, sealed []byte) (ch challenge, err error) {
	b, err := s.cfg.Sealer.Open("users.challenge/"+account, sealed)
	if err != nil {
		return ch, errors.New("the challenge was not made here, or was changed")
	}
	if err := json.Unmarshal(b, &ch); err != nil {
		return ch, errors.New("the challenge does not parse")
	}
	return ch, nil
}

// openChallenge reads a challenge that must be of the kind and for the client, and not be late.
func (s *Service) openChallenge(account string, sealed []byte, kind, clientID string, now time.Time) (challenge, string) {
	ch, err := s.unsealChallenge(account, sealed)
	if err != nil {
		return ch, err.Error()
	}
	switch {
	case ch.Kind != kind:
		return ch, "the challenge is " + ch.Kind + ", the answer is to " + kind
	case ch.Client != clientID:
		return ch, "the challenge was made for client " + ch.Client
	case now.After(ch.Expires):
		return ch, "the challenge ended at " + ch.Expires.UTC().Format(time.RFC3339)
	}
	return ch, ""
}

// spend marks a challenge as answered; false when it was before.
func spend(tx *kv.Tx, account, poolID string, sealed []byte, expires time.Time) (bool, error) {
	err := usedOnce.Insert(tx, inPool(account, poolID), &used{Pool: poolID, Hash: digest(sealed), Expires: expires})
	if taken := (*record.ErrExists)(nil); errors.As(err, &taken) {
		return false, nil
	}
	return err == nil, err
}
