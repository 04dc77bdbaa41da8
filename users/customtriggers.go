package users

import (
	"encoding/json"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// definition is what DefineAuthChallenge says comes next: exactly one of the three.
type definition struct {
	Challenge string `json:"challengeName"`
	Issue     bool   `json:"issueTokens"`
	Fail      bool   `json:"failAuthentication"`
}

// creation is the challenge that CreateAuthChallenge made.
type creation struct {
	Public   map[string]string `json:"publicChallengeParameters"`
	Private  map[string]string `json:"privateChallengeParameters"`
	Metadata *string           `json:"challengeMetadata"`
}

type verification struct {
	Correct *bool `json:"answerCorrect"`
}

// defineAuthChallenge asks what comes after the challenges answered so far.
func (s *Service) defineAuthChallenge(a *attempt, u *user, results []result) (definition, error) {
	const trigger = "DefineAuthChallenge"
	d, err := fireCustom[definition](s, a, a.pool.Settings.LambdaConfig.DefineAuthChallenge, trigger, u, map[string]any{"session": results})
	if err != nil {
		return d, err
	}
	switch {
	case d.Fail && d.Issue:
		err = badAnswer(trigger, "it wants tokens issued and the sign-in failed")
	case !d.Fail && !d.Issue && d.Challenge == "":
		err = badAnswer(trigger, "it says nothing of a challenge, of tokens or of failing")
	}
	return d, err
}

// createAuthChallenge has a custom challenge made.
func (s *Service) createAuthChallenge(a *attempt, u *user, results []result) (creation, error) {
	return fireCustom[creation](s, a, a.pool.Settings.LambdaConfig.CreateAuthChallenge, "CreateAuthChallenge", u,
		map[string]any{"challengeName": customChallenge, "session": results})
}

// verifyAuthChallenge asks whether an answer is right. No word on it is not a yes.
func (s *Service) verifyAuthChallenge(a *attempt, u *user, private map[string]string, answer string) (bool, error) {
	const trigger = "VerifyAuthChallengeResponse"
	if private == nil {
		private = map[string]string{}
	}
	v, err := fireCustom[verification](s, a, a.pool.Settings.LambdaConfig.VerifyAuthChallengeResponse, trigger, u,
		map[string]any{"privateChallengeParameters": private, "challengeAnswer": answer})
	if err == nil && v.Correct == nil {
		err = badAnswer(trigger, "it does not say whether the answer is right")
	}
	return err == nil && *v.Correct, err
}

// fireCustom runs one of the three functions. Ghosts are announced as such, where the client hides who exists.
func fireCustom[Answer any](s *Service, a *attempt, function wire.Opt[string], trigger string, u *user, request map[string]any) (answer Answer, err error) {
	if !function.Set {
		return answer, invalid("Custom auth lambda trigger is not configured for the user pool.")
	}
	request["clientMetadata"] = a.data
	if a.client.hides() {
		request["userNotFound"] = u.ghost
	}
	out, err := s.fire(a.Call, a.pool, function, trigger, trigger+"_Authentication", a.client.ID, u, request)
	if err != nil {
		return answer, err
	}
	return answer, readAnswer(trigger, out, &answer)
}

// readAnswer reads the response part of a function's answer into its type. A value of another type than the contract's is refused:
// whether "false" is true is not for us to guess.
func readAnswer(trigger string, response map[string]any, answer any) error {
	raw, err := json.Marshal(response)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return badAnswer(trigger, "%v", err)
	}
	return nil
}

// badAnswer refuses a function's answer; the operator learns why.
func badAnswer(trigger, why string, a ...any) error {
	return wire.Because(&cognitoidp.InvalidLambdaResponseException{Message: wire.Some("Unrecognizable lambda output")}, trigger+": "+why, a...)
}
