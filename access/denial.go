package access

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"

	"bothy/api/sts"
	"bothy/policy"
	"bothy/wire"
)

// Every refusal by policy comes with a header that holds why, sealed: who may call DecodeAuthorizationMessage reads it, and nobody else. AWS
// does so for a few services, in the message of the error.

// maxDenial bounds an encoded message: every client reads a header of this length.
const maxDenial = 4096

// denial is a refusal as AWS shows it when decoded.
type denial struct {
	Allowed      bool           `json:"allowed"`
	ExplicitDeny bool           `json:"explicitDeny"`
	Matched      items[matched] `json:"matchedStatements"`
	Failures     items[failure] `json:"failures"`
	Context      denialContext  `json:"context"`
}

type items[T any] struct {
	Items []T `json:"items"`
}

type matched struct {
	StatementID string `json:"statementId"`
	Effect      string `json:"effect"`
	Policy      string `json:"policy"`
}

type failure struct {
	Policy    string   `json:"policy"`
	Statement string   `json:"statementId"`
	Operator  string   `json:"operator"`
	Key       string   `json:"key,omitempty"`
	Expected  []string `json:"expected"`
	Got       []string `json:"got"`
}

type denialContext struct {
	Principal  denialPrincipal  `json:"principal"`
	Action     string           `json:"action"`
	Resource   string           `json:"resource"`
	Conditions items[condition] `json:"conditions"`
}

type denialPrincipal struct {
	ID  string `json:"id"`
	ARN string `json:"arn"`
}

type condition struct {
	Key    string       `json:"key"`
	Values items[value] `json:"values"`
}

type value struct {
	Value string `json:"value"`
}

// EncodeDenial seals how policy decided, for the account of the call. It leaves out details that make it too long, and is "" when even the
// rest is.
func (s *Service) EncodeDenial(c *wire.Call, w wire.Access, d policy.Decision) string {
	out := denial{ExplicitDeny: d.Explicit, Matched: items[matched]{[]matched{}}, Failures: items[failure]{[]failure{}},
		Context: denialContext{Action: w.Action, Resource: w.Resource, Conditions: items[condition]{[]condition{}}}}
	if p := c.Principal; p != nil {
		out.Context.Principal = denialPrincipal{p.UserID, p.ARN}
	}
	if d.Explicit {
		out.Matched.Items = append(out.Matched.Items, matched{d.Statement, "DENY", d.Source})
	}
	bare := out
	for _, f := range d.Failed {
		out.Failures.Items = append(out.Failures.Items, failure{f.Source, f.Statement, f.Operator, f.Key, f.Expected, f.Got})
	}
	for _, key := range slices.Sorted(maps.Keys(w.Keys)) {
		held := condition{Key: key}
		for _, v := range w.Keys[key] {
			held.Values.Items = append(held.Values.Items, value{v})
		}
		out.Context.Conditions.Items = append(out.Context.Conditions.Items, held)
	}
	if whole := s.sealDenial(c.Account, &out); whole != "" {
		return whole
	}
	return s.sealDenial(c.Account, &bare)
}

func denialPlace(account string) string { return "access.denial/" + account }

func (s *Service) sealDenial(account string, d *denial) string {
	body, err := json.Marshal(d)
	text := base64.RawURLEncoding.EncodeToString(s.cfg.Sealer.Seal(denialPlace(account), body))
	if err != nil || len(text) > maxDenial {
		return ""
	}
	return text
}

func accessDecode(*wire.Call, *sts.DecodeAuthorizationMessageInput) ([]wire.Access, error) {
	return wire.One("sts:DecodeAuthorizationMessage", "*", nil), nil
}

func (s *Service) decodeDenial(c *wire.Call, in *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(in.EncodedMessage.V)
	var body []byte
	if err == nil {
		body, err = s.cfg.Sealer.Open(denialPlace(c.Account), sealed)
	}
	if err != nil {
		return nil, wire.Because(&sts.InvalidAuthorizationMessageException{Message: wire.Some("Invalid authorization message")}, "%v", err)
	}
	return &sts.DecodeAuthorizationMessageOutput{DecodedMessage: wire.Some(string(body))}, nil
}
