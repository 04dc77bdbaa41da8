package users

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// keysCached is how long a verifier may remember a pool's keys.
const keysCached = time.Hour

// WellKnown serves what verifiers of a pool's tokens read: GET /{poolId}/.well-known/jwks.json and
// /{poolId}/.well-known/openid-configuration, which are public, in AWS too; and the links that confirm who signs up.
func (s *Service) WellKnown() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{pool}/.well-known/jwks.json", s.serveKeys)
	mux.HandleFunc("GET /{pool}/.well-known/openid-configuration", s.serveDiscovery)
	mux.HandleFunc("GET /{pool}/"+confirmPath, s.serveConfirmation)
	return mux
}

func (s *Service) serveKeys(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, func(account, poolID string) (any, error) {
		k, err := s.signerOf(r.Context(), account, poolID)
		if err != nil {
			return nil, err
		}
		return k.public(s.cfg.Now()), nil
	})
}

func (s *Service) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, func(account, poolID string) (any, error) {
		scheme := "http://"
		if r.TLS != nil {
			scheme = "https://"
		}
		doc := map[string]any{
			"issuer": issuer(poolID),
			// Where the caller reached us: the issuer's own host may lead elsewhere for whoever did not come by it.
			"jwks_uri":                              scheme + r.Host + "/" + poolID + "/.well-known/jwks.json",
			"id_token_signing_alg_values_supported": []string{"RS256"},
			"response_types_supported":              []string{"code", "token"},
			"scopes_supported":                      []string{"openid", "email", "phone", "profile"},
			"subject_types_supported":               []string{"public"},
		}
		return doc, s.view(r.Context(), func(tx *kv.Tx) error {
			d, err := mainDomain(tx, account, poolID)
			if d != nil {
				maps.Copy(doc, endpoints(s.baseURL(r, d)))
			}
			return err
		})
	})
}

// endpoints are what the discovery document of a pool with a domain says besides.
func endpoints(base string) map[string]any {
	return map[string]any{
		"authorization_endpoint": base + "/oauth2/authorize", "token_endpoint": base + "/oauth2/token", "userinfo_endpoint": base + "/oauth2/userInfo",
		"revocation_endpoint": base + "/oauth2/revoke", "end_session_endpoint": base + "/logout",
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":      []string{"S256"},
	}
}

func (s *Service) answer(w http.ResponseWriter, r *http.Request, make func(account, poolID string) (any, error)) {
	account, id := s.cfg.Account(), r.PathValue("pool")
	var body any
	err := s.Has(r.Context(), account, id)
	if err == nil {
		body, err = make(account, id)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	switch refused := (wire.Fault)(nil); {
	case errors.As(err, &refused):
		_, _, message := refused.Fault()
		w.WriteHeader(http.StatusNotFound)
		body = map[string]string{"message": message}
	case err != nil:
		s.mux.Refuse(w, wire.TraceOf(r, cognitoidp.API.Name, r.Method+" "+r.URL.Path, s.cfg.Now()), http.StatusInternalServerError, "internal failure", err.Error())
		return
	default:
		h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(keysCached.Seconds())))
	}
	_ = json.NewEncoder(w).Encode(body) // the reader may have gone; nobody is left to tell
}
