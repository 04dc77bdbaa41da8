package users

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Custom authentication: the pool's functions ask, and say when it is enough. Define looks at what was answered so far and says what
// comes next, Create makes a challenge, Verify looks at the answer. A password may come first, by SRP.

const (
	customAuth      = "CUSTOM_AUTH" // the flow; in progress.Passed it stands for the functions' word that the user may enter
	customChallenge = "CUSTOM_CHALLENGE"
	srpFirst        = "SRP_A" // CHALLENGE_NAME by which a client announces a password
)

// mostRounds of custom challenges make a sign-in, as with AWS.
const mostRounds = 5

// mostOpenRounds is how many challenges of one user wait for an answer at a time.
const mostOpenRounds = 5

// mostRoundBytes is what the functions may have remembered between two requests, as JSON.
const mostRoundBytes = 256 << 10

// result is one answered challenge, as functions are told of it.
type result struct {
	Challenge string  `json:"challengeName"`
	Right     bool    `json:"challengeResult"`
	Metadata  *string `json:"challengeMetadata"`
}

// round is a custom challenge that waits for its answer. Taking it out is what makes the answer count once.
type round struct {
	Pool, Sub, ID string
	Sealed        []byte // state
	Expires       time.Time
}

// state is what the functions said that clients must not see, or that may be long.
type state struct {
	Results  []result // of the custom challenges before
	Private  map[string]string
	Metadata *string
}

var rounds = record.Table[round]{
	Name: "users.round", Version: 1, Key: func(r *round) []any { return []any{r.Pool, r.Sub, r.ID} },
	Expires: func(r *round) time.Time { return r.Expires },
}

func roundPlace(account string, r *round) string {
	return "users.round/" + account + "/" + r.Pool + "/" + r.Sub + "/" + r.ID
}

// byCustom begins CUSTOM_AUTH.
func (s *Service) byCustom(a *attempt) (*step, error) {
	name, err := a.parameter("USERNAME")
	if err != nil {
		return nil, err
	}
	way := progress{Flow: customAuth}
	switch first := a.given["CHALLENGE_NAME"]; first {
	case "":
	case srpFirst:
		if _, err := a.srpPublic(); err != nil {
			return nil, err
		}
		way.Passed = []string{srpFirst}
	default:
		return nil, invalid("Invalid challenge name %s", first)
	}
	if t := a.pool.Settings.LambdaConfig; !t.DefineAuthChallenge.Set {
		return nil, invalid("Custom auth lambda trigger is not configured for the user pool.")
	}
	u, err := s.entrant(a, name)
	if err != nil {
		return nil, err
	}
	return s.nextRound(a, u, way, nil)
}

// nextRound asks the pool's function what comes next.
func (s *Service) nextRound(a *attempt, u *user, way progress, custom []result) (*step, error) {
	results := []result{}
	for _, challenge := range way.Passed {
		results = append(results, result{Challenge: challenge, Right: true})
	}
	results = append(results, custom...)
	d, err := s.defineAuthChallenge(a, u, results)
	switch {
	case err != nil:
		return nil, err
	case d.Fail:
		return nil, wire.Because(wrongPassword(), "DefineAuthChallenge fails the sign-in of %s", u.Name)
	case d.Issue:
		return s.enterByCustom(a, u, way)
	case d.Challenge == passwordVerifier && len(custom) == 0 && slices.Equal(way.Passed, []string{srpFirst}):
		return s.offerSRP(a, u, way)
	case d.Challenge == customChallenge && len(custom) < mostRounds:
		return s.askCustom(a, u, way, results, custom)
	case d.Challenge == customChallenge:
		return nil, wire.Because(wrongPassword(), "DefineAuthChallenge asks for round %d", len(custom)+1)
	}
	return nil, badAnswer("DefineAuthChallenge", "it names the challenge %q after %d others", d.Challenge, len(results))
}

// enterByCustom takes the functions' word that the user may enter. Nobody is let in for a user who does not exist.
func (s *Service) enterByCustom(a *attempt, u *user, way progress) (*step, error) {
	v, err := s.admit(a, u.Sub, way, customAuth, nil)
	if err != nil {
		return nil, err
	}
	return s.settle(a, v)
}

// askCustom has a challenge made and hands it to the client.
func (s *Service) askCustom(a *attempt, u *user, way progress, results, custom []result) (*step, error) {
	made, err := s.createAuthChallenge(a, u, results)
	if err != nil {
		return nil, err
	}
	kept, err := json.Marshal(state{custom, made.Private, made.Metadata})
	if err != nil {
		return nil, err
	}
	params := map[string]string{"USERNAME": u.Name}
	size := len(kept)
	for name, v := range made.Public {
		params[name] = v
		size += len(name) + len(v)
	}
	if size > mostRoundBytes {
		return nil, badAnswer("CreateAuthChallenge", "its parameters and those before are %d bytes, more than %d", size, mostRoundBytes)
	}
	r := &round{Pool: a.pool.ID, Sub: u.Sub, ID: wire.NewUUID(), Expires: a.Now.Add(a.client.patience())}
	r.Sealed = s.cfg.Sealer.Seal(roundPlace(a.Account, r), kept)
	if err := s.update(a, func(tx *kv.Tx) error { return r.open(tx, a.Account) }); err != nil {
		return nil, err
	}
	session, err := s.sessionOf(a, &verdict{user: u, way: way, ask: customChallenge}, challenge{Round: r.ID, Against: digest(u.Credential)})
	return &step{name: customChallenge, params: params, session: session}, err
}

// open keeps a round. Those of one user are few, the oldest goes for a new one: who opens many cannot answer them all before the first
// wrong answer counts.
func (r *round) open(tx *kv.Tx, account string) error {
	scope := inPool(account, r.Pool)
	all, err := rounds.All(tx, scope, "", r.Pool, r.Sub)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b *round) int { return a.Expires.Compare(b.Expires) })
	for _, old := range all[:max(0, len(all)-mostOpenRounds+1)] {
		if err := rounds.Delete(tx, scope, old.Pool, old.Sub, old.ID); err != nil {
			return err
		}
	}
	return rounds.Insert(tx, scope, r)
}

// answerCustom takes the answer to a custom challenge.
func (s *Service) answerCustom(a *attempt, session string) (*step, error) {
	answer, err := a.parameter("ANSWER")
	if err != nil {
		return nil, err
	}
	ch, _, err := s.resume(a, customChallenge, session)
	if err != nil {
		return nil, err
	}
	st, err := s.takeRound(a, ch)
	if err != nil {
		return nil, err
	}
	u, err := s.challenged(a, ch)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(digest(u.Credential), ch.Against) {
		return nil, wire.Because(notAuthorized("Invalid session for the user, session is expired."), "the user has another password by now")
	}
	right, err := s.verifyAuthChallenge(a, u, st.Private, answer)
	if err != nil {
		return nil, err
	}
	if !right {
		if err := s.update(a, func(tx *kv.Tx) error { return a.failed(tx, u.Sub, u.ghost, ch.Way) }); err != nil {
			return nil, err
		}
	}
	return s.nextRound(a, u, ch.Way, append(st.Results, result{customChallenge, right, st.Metadata}))
}

// takeRound takes the round out that a session stands for: its challenge is answered, whatever comes of it.
func (s *Service) takeRound(a *attempt, ch challenge) (*state, error) {
	scope := inPool(a.Account, a.pool.ID)
	var r *round
	err := s.update(a, func(tx *kv.Tx) (err error) {
		if err := a.mayTry(tx, ch.Sub); err != nil { // locked out since they began: by other answers
			return err
		}
		if r, err = rounds.Get(tx, scope, a.pool.ID, ch.Sub, ch.Round); err != nil {
			return err
		}
		return rounds.Delete(tx, scope, a.pool.ID, ch.Sub, ch.Round)
	})
	if absent(err) {
		return nil, wire.Because(notAuthorized("Invalid session for the user, session can only be used once."), "the challenge was answered before")
	}
	if err != nil {
		return nil, err
	}
	kept, err := s.cfg.Sealer.Open(roundPlace(a.Account, r), r.Sealed)
	if err != nil {
		return nil, err
	}
	st := new(state)
	return st, json.Unmarshal(kept, st)
}
