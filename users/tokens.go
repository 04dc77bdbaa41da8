package users

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// selfScope is the scope of access tokens from sign-ins with a password.
const selfScope = "aws.cognito.signin.user.admin"

// grant is what a finished sign-in or refresh gives tokens for.
type grant struct {
	pool      *pool
	client    *client
	user      *user
	session   *session
	groups    []*group // by precedence
	refresh   bool     // hand out a refresh token
	nonce     string   // that the app wants to see in the id token
	newDevice bool     // the session's device is new: the client may confirm it
}

// newGrant starts a session for the user, in the transaction that checked them.
func newGrant(tx *kv.Tx, c *wire.Call, cl *client, p *pool, u *user) (*grant, error) {
	_, _, life := cl.lifetimes()
	ses := &session{Pool: p.ID, Sub: u.Sub, Origin: wire.NewUUID(), Client: cl.ID, AuthTime: c.Now, SignOuts: u.SignOuts, Expires: c.Now.Add(life)}
	if err := sessions.Insert(tx, inPool(c.Account, p.ID), ses); err != nil {
		return nil, err
	}
	gs, err := groupsOf(tx, c.Account, p.ID, u.Sub)
	return &grant{pool: p, client: cl, user: u, session: ses, groups: gs, refresh: true}, err
}

// issue signs the tokens of a grant. source names the occasion to the pool's token trigger.
func (s *Service) issue(c *wire.Call, g *grant, source string, metadata map[string]string) (*cognitoidp.AuthenticationResultType, error) {
	over, err := s.tokenTrigger(c, g, source, metadata)
	if err != nil {
		return nil, err
	}
	keys, err := s.signerOf(c, c.Account, g.pool.ID)
	if err != nil {
		return nil, err
	}
	idKey, accessKey := keys.at(c.Now)
	idLife, accessLife, _ := g.client.lifetimes()
	event := wire.NewUUID()
	access, err := s.sign(accessKey, over.accessToken(s.accessClaims(g, c.Now, accessLife, event)))
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.AuthenticationResultType{AccessToken: wire.Some(access), TokenType: wire.Some("Bearer"), ExpiresIn: wire.Some(int32(accessLife / time.Second))}
	if g.session.identifies() {
		claims := over.idToken(s.idClaims(g, c.Now, idLife, event))
		if len(g.session.Scopes) > 0 {
			claims["at_hash"] = halfHash(access)
		}
		id, err := s.sign(idKey, claims)
		if err != nil {
			return nil, err
		}
		out.IdToken = wire.Some(id)
	}
	if g.newDevice {
		out.NewDeviceMetadata = &cognitoidp.NewDeviceMetadataType{DeviceKey: wire.Some(g.session.Device), DeviceGroupKey: wire.Some(deviceGroup(g.pool.ID))}
	}
	if g.refresh {
		out.RefreshToken = wire.Some(s.refreshToken(c.Account, g.session))
	}
	return out, nil
}

// halfHash binds an access token to its id token (OpenID Connect Core 3.1.3.6).
func halfHash(access string) string {
	return base64.RawURLEncoding.EncodeToString(digest([]byte(access))[:16])
}

func (s *Service) sign(by jose.Signer, claims map[string]any) (text string, err error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	s.cores.spend(func() {
		var signed *jose.JSONWebSignature
		if signed, err = by.Sign(body); err == nil {
			text, err = signed.CompactSerialize()
		}
	})
	return text, err
}

// AmazonIssuer is the iss that AWS writes into a pool's tokens; clients derive the key of their Logins map from it.
func AmazonIssuer(poolID string) string {
	return "https://cognito-idp." + regionOf(poolID) + ".amazonaws.com/" + poolID
}

// issuer is the iss of a pool's new tokens: AWS's, or of the node's own domain.
func (s *Service) issuer(poolID string) string {
	if s.cfg.Issuer != "" {
		return s.cfg.Issuer + "/" + poolID
	}
	return AmazonIssuer(poolID)
}

// PoolOfIssuer is the pool id of an issuer, "" when it is none. Both forms are good at any time: an operator may change to the other.
func (s *Service) PoolOfIssuer(iss string) string {
	id := iss[strings.LastIndexByte(iss, '/')+1:]
	if regionOf(id) == "" || iss != AmazonIssuer(id) && iss != s.issuer(id) {
		return ""
	}
	return id
}

func (s *Service) commonClaims(g *grant, now time.Time, life time.Duration, event, use string) map[string]any {
	m := map[string]any{
		"sub": g.user.Sub, "iss": s.issuer(g.pool.ID), "token_use": use, "auth_time": g.session.AuthTime.Unix(), "iat": now.Unix(),
		"exp": now.Add(life).Unix(), "jti": wire.NewUUID(), "origin_jti": g.session.Origin, "event_id": event,
	}
	if names := groupNames(g.groups); len(names) > 0 {
		m["cognito:groups"] = names
	}
	return m
}

func (s *Service) idClaims(g *grant, now time.Time, life time.Duration, event string) map[string]any {
	m := s.commonClaims(g, now, life, event, "id")
	m["aud"], m["cognito:username"] = g.client.ID, g.user.Name
	if len(g.user.Identities) > 0 {
		m["identities"] = g.user.identityClaims()
	}
	roles, preferred := rolesOf(g.groups)
	if len(roles) > 0 {
		m["cognito:roles"] = roles
	}
	if preferred != "" {
		m["cognito:preferred_role"] = preferred
	}
	if g.nonce != "" {
		m["nonce"] = g.nonce
	}
	for name, v := range g.user.Attributes {
		if v == "" || !g.client.mayRead(name) || !scopesShow(g.session.Scopes, name) {
			continue
		}
		switch name {
		case "email_verified", "phone_number_verified":
			m[name] = v == "true"
		case "address":
			m[name] = map[string]string{"formatted": v}
		default:
			m[name] = v
		}
	}
	return m
}

func (s *Service) accessClaims(g *grant, now time.Time, life time.Duration, event string) map[string]any {
	m := s.commonClaims(g, now, life, event, "access")
	m["scope"], m["client_id"], m["username"] = strings.Join(g.session.scopes(), " "), g.client.ID, g.user.Name
	if g.session.Device != "" {
		m["device_key"] = g.session.Device
	}
	return m
}

func groupNames(gs []*group) []string {
	var names []string
	for _, g := range gs {
		names = append(names, g.Name)
	}
	return names
}

// rolesOf are the roles of groups in order of precedence, and the one that wins: none when the best precedence names two.
func rolesOf(gs []*group) (roles []string, preferred string) {
	best, tied := math.MaxInt, false
	for _, g := range gs {
		if g.Role == "" {
			continue
		}
		if !slices.Contains(roles, g.Role) {
			roles = append(roles, g.Role)
		}
		switch rank := g.rank(); {
		case preferred == "" || rank < best:
			best, preferred = rank, g.Role
		case rank == best && g.Role != preferred:
			tied = true
		}
	}
	if tied {
		preferred = ""
	}
	return roles, preferred
}

// rank is the precedence, with "none" last.
func (g *group) rank() int {
	if g.Precedence == nil {
		return math.MaxInt
	}
	return int(*g.Precedence)
}

func groupsOf(tx *kv.Tx, account, poolID, sub string) ([]*group, error) {
	ms, err := members.All(tx, inPool(account, poolID), "user", poolID, sub)
	if err != nil {
		return nil, err
	}
	var gs []*group
	for _, m := range ms {
		g, err := groups.Get(tx, inPool(account, poolID), poolID, m.Group)
		if err != nil {
			return nil, err
		}
		gs = append(gs, g)
	}
	slices.SortStableFunc(gs, func(a, b *group) int {
		if a.rank() != b.rank() {
			if a.rank() < b.rank() {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return gs, nil
}

// refresh is what a refresh token says; it is sealed, so nobody else can say it.
type refresh struct {
	Pool, Sub, Origin, Client string
	Serial                    int
}

func (s *Service) refreshToken(account string, ses *session) string {
	b, _ := json.Marshal(refresh{ses.Pool, ses.Sub, ses.Origin, ses.Client, ses.Serial}) // strings and a number: cannot fail
	return base64.RawURLEncoding.EncodeToString(s.cfg.Sealer.Seal("users.refresh/"+account, b))
}

// openRefresh reads a refresh token; false when it is none of ours.
func (s *Service) openRefresh(account, text string) (refresh, bool) {
	var r refresh
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return r, false
	}
	b, err := s.cfg.Sealer.Open("users.refresh/"+account, sealed)
	return r, err == nil && json.Unmarshal(b, &r) == nil
}
