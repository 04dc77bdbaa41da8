package access

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bothy/api/iam"
	"bothy/api/sts"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// outboundRow makes the account an issuer of tokens by which its principals prove to others who they are. Disabled, the row stays: the
// issuer and its keys are the same when it is enabled again, and tokens given out before verify until they expire.
type outboundRow struct {
	Name     string // "issuer": there is one
	ID       string // in the issuer's URL
	Disabled bool
	Keys     []outboundKey
}

// outboundKey is a signing key.
type outboundKey struct {
	Algorithm, ID string
	Private       []byte // PKCS #8, sealed
}

const theIssuer = "issuer"

func outbounds() *record.Table[outboundRow] {
	return &record.Table[outboundRow]{Name: "access.outbound", Version: 1, Key: func(r *outboundRow) []any { return []any{r.Name} }}
}

// IssuerPath is below which the node serves the discovery documents of its accounts as issuers.
const IssuerPath = "/_bothy/issuer/"

// stsClaims is the claim that holds what AWS says of the principal.
const stsClaims = "https://sts.amazonaws.com/"

const (
	defaultTokenLife = 5 * time.Minute
	maxClaims        = 16 << 10 // bytes of all claims of a token
)

func (s *Service) mountOutbound(m *wire.Mux) {
	wire.Handle(m, iam.EnableOutboundWebIdentityFederation, onAccount[iam.EnableOutboundWebIdentityFederationInput]("EnableOutboundWebIdentityFederation"), s.enableOutbound)
	wire.Handle(m, iam.DisableOutboundWebIdentityFederation, onAccount[iam.DisableOutboundWebIdentityFederationInput]("DisableOutboundWebIdentityFederation"), s.disableOutbound)
	wire.Handle(m, iam.GetOutboundWebIdentityFederationInfo, onAccount[iam.GetOutboundWebIdentityFederationInfoInput]("GetOutboundWebIdentityFederationInfo"), s.getOutbound)
	wire.Handle(m, sts.GetWebIdentityToken, accessWebToken, s.getWebToken)
}

func (s *Service) issuerURL(r *outboundRow) string { return s.cfg.BaseURL() + IssuerPath + r.ID }

// outbound is the account's row, nil when it never was an issuer.
func (s *Service) outbound(ctx context.Context, account string) (row *outboundRow, err error) {
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		row, err = outbounds().Get(tx, of(account), theIssuer)
		return or(err, nil)
	})
	return row, err
}

// enabled is the account's row while it is an issuer, else the error.
func (s *Service) enabled(c *wire.Call, disabled error) (*outboundRow, error) {
	row, err := s.outbound(c, c.Account)
	if err == nil && (row == nil || row.Disabled) {
		err = disabled
	}
	return row, err
}

func featureDisabled() error {
	return &iam.FeatureDisabledException{Message: wire.Some("Outbound web identity federation is not enabled for this account.")}
}

func (s *Service) enableOutbound(c *wire.Call, _ *iam.EnableOutboundWebIdentityFederationInput) (*iam.EnableOutboundWebIdentityFederationOutput, error) {
	row, err := s.outbound(c, c.Account)
	if err == nil && row == nil { // keys take long to draw, so they are drawn before the transaction that stores them
		row, err = s.newIssuer(c.Account)
	}
	if err != nil {
		return nil, err
	}
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		now, err := outbounds().Get(tx, of(c.Account), theIssuer)
		switch {
		case errors.Is(err, record.ErrNotFound):
			return outbounds().Insert(tx, of(c.Account), row)
		case err != nil:
			return err
		case !now.Disabled:
			return &iam.FeatureEnabledException{Message: wire.Some("Outbound web identity federation is already enabled for this account.")}
		}
		now.Disabled, row = false, now
		return outbounds().Put(tx, of(c.Account), now)
	})
	if err != nil {
		return nil, err
	}
	return &iam.EnableOutboundWebIdentityFederationOutput{IssuerIdentifier: wire.Some(s.issuerURL(row))}, nil
}

func (s *Service) newIssuer(account string) (*outboundRow, error) {
	row := &outboundRow{Name: theIssuer, ID: wire.NewUUID()}
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	for algorithm, key := range map[jose.SignatureAlgorithm]crypto.Signer{jose.ES384: ec, jose.RS256: rs} {
		print, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		id := base64.RawURLEncoding.EncodeToString(print)
		row.Keys = append(row.Keys, outboundKey{string(algorithm), id, s.cfg.Sealer.Seal(outboundPlace(account, id), der)})
	}
	return row, nil
}

func outboundPlace(account, id string) string { return "access.outbound.key/" + account + "/" + id }

// openKey is the private key.
func (s *Service) openKey(account string, k *outboundKey) (jose.JSONWebKey, error) {
	der, err := s.cfg.Sealer.Open(outboundPlace(account, k.ID), k.Private)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	return jose.JSONWebKey{Key: key, KeyID: k.ID, Algorithm: k.Algorithm, Use: "sig"}, err
}

func (s *Service) disableOutbound(c *wire.Call, _ *iam.DisableOutboundWebIdentityFederationInput) (*iam.DisableOutboundWebIdentityFederationOutput, error) {
	return nil, change(s, c, outbounds(), featureDisabled(), func(_ *kv.Tx, r *outboundRow) error {
		if r.Disabled {
			return featureDisabled()
		}
		r.Disabled = true
		return nil
	}, theIssuer)
}

func (s *Service) getOutbound(c *wire.Call, _ *iam.GetOutboundWebIdentityFederationInfoInput) (*iam.GetOutboundWebIdentityFederationInfoOutput, error) {
	row, err := s.enabled(c, featureDisabled())
	if err != nil {
		return nil, err
	}
	return &iam.GetOutboundWebIdentityFederationInfoOutput{IssuerIdentifier: wire.Some(s.issuerURL(row)), JwtVendingEnabled: wire.Some(true)}, nil
}

func accessWebToken(_ *wire.Call, in *sts.GetWebIdentityTokenInput) ([]wire.Access, error) {
	keys := requestKeys(policy.Keys{
		"sts:identitytokenaudience": in.Audience, "sts:signingalgorithm": {in.SigningAlgorithm.V},
		"sts:durationseconds": {strconv.Itoa(int(in.DurationSeconds.Or(int32(defaultTokenLife / time.Second))))},
	}, in.Tags, nil, "")
	wants := wire.One("sts:GetWebIdentityToken", "*", keys)
	if len(in.Tags) > 0 {
		wants = append(wants, wire.Access{Action: "sts:TagGetWebIdentityToken", Resource: "*", Keys: keys})
	}
	return wants, nil
}

func (s *Service) getWebToken(c *wire.Call, in *sts.GetWebIdentityTokenInput) (*sts.GetWebIdentityTokenOutput, error) {
	row, err := s.enabled(c, &sts.OutboundWebIdentityFederationDisabledException{Message: wire.Some("Outbound web identity federation is not enabled for this account.")})
	if err != nil {
		return nil, err
	}
	expires := c.Now.Truncate(time.Second).Add(time.Duration(in.DurationSeconds.Or(int32(defaultTokenLife/time.Second))) * time.Second)
	if p := c.Principal; !p.Expires.IsZero() && expires.After(p.Expires) {
		return nil, wire.Because(&sts.SessionDurationEscalationException{Message: wire.Some("The token would outlive the session that asks for it.")}, "the session ends at %s", p.Expires)
	}
	claims, err := s.webClaims(c, in, row, expires)
	if err != nil {
		return nil, err
	}
	for i := range row.Keys {
		if row.Keys[i].Algorithm != in.SigningAlgorithm.V {
			continue
		}
		token, err := s.signToken(c.Account, &row.Keys[i], claims)
		return &sts.GetWebIdentityTokenOutput{WebIdentityToken: wire.Some(token), Expiration: wire.Some(expires.UTC())}, err
	}
	return nil, wire.Fail(400, "ValidationError", "SigningAlgorithm must be RS256 or ES384.")
}

func (s *Service) signToken(account string, k *outboundKey, claims []byte) (string, error) {
	key, err := s.openKey(account, k)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// webClaims are what the token says of the principal.
func (s *Service) webClaims(c *wire.Call, in *sts.GetWebIdentityTokenInput, row *outboundRow, expires time.Time) ([]byte, error) {
	p := c.Principal
	about := map[string]any{"aws_account": p.Account, "source_region": c.Region}
	tags := map[string]string{}
	for key, v := range p.Keys {
		if name, ok := strings.CutPrefix(key, "aws:principaltag/"); ok {
			tags[name] = first(v)
		}
	}
	if len(tags) > 0 {
		about["principal_tags"] = tags
	}
	if len(in.Tags) > 0 {
		asked, err := baggageOf(nil, in.Tags, nil, wire.Opt[string]{})
		if err != nil {
			return nil, err
		}
		about["request_tags"] = asked.Tags
	}
	claims := map[string]any{"iss": s.issuerURL(row), "sub": p.ARN, "aud": in.Audience, "iat": c.Now.Unix(), "exp": expires.Unix(), "jti": wire.NewUUID(), stsClaims: about}
	if p.Role != "" {
		claims["sub"] = p.Role
	}
	if len(in.Audience) == 1 {
		claims["aud"] = in.Audience[0]
	}
	body, err := json.Marshal(claims)
	if err == nil && len(body) > maxClaims {
		err = &sts.JWTPayloadSizeExceededException{Message: wire.Some("The token would be too large.")}
	}
	return body, err
}

// Issuers serves what verifiers of the account's tokens read, below IssuerPath. It is public, in AWS too.
func (s *Service) Issuers() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+IssuerPath+"{id}/.well-known/openid-configuration", s.serveIssuer(func(row *outboundRow, _ string) (any, error) {
		return map[string]any{
			"issuer": s.issuerURL(row), "jwks_uri": s.issuerURL(row) + "/.well-known/jwks.json", "response_types_supported": []string{"id_token"},
			"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256", "ES384"},
		}, nil
	}))
	mux.HandleFunc("GET "+IssuerPath+"{id}/.well-known/jwks.json", s.serveIssuer(func(row *outboundRow, account string) (any, error) {
		set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
		for i := range row.Keys {
			key, err := s.openKey(account, &row.Keys[i])
			if err != nil {
				return nil, err
			}
			set.Keys = append(set.Keys, key.Public())
		}
		return set, nil
	}))
	return mux
}

func (s *Service) serveIssuer(document func(row *outboundRow, account string) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account, err := s.Account(r.Context())
		var row *outboundRow
		if err == nil {
			row, err = s.outbound(r.Context(), account)
		}
		if err == nil && (row == nil || row.ID != r.PathValue("id")) {
			http.NotFound(w, r)
			return
		}
		var body any
		if err == nil {
			body, err = document(row, account)
		}
		if err != nil {
			http.Error(w, "internal failure", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cache-Control", "public, max-age=300")
		json.NewEncoder(w).Encode(body) //nolint:errcheck // the client went away
	}
}
