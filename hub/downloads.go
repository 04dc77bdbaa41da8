package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bothy/api/mobile"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// DownloadPath is where node serves Downloads.
const DownloadPath = "/_bothy/download/"

// downloadLife is how long a download is offered.
const downloadLife = 10 * time.Minute

// download is a row: something that may be fetched once by whoever has the token. What it holds is made when it is fetched.
type download struct {
	Hash     string // of the token; the token itself is not kept
	Account  string
	Project  string
	Platform string // of the bundle; "" is the project export
	File     string // name shown to the one who saves it
	Expires  time.Time
}

var downloads = record.Table[download]{
	Name: "hub.download", Version: 1,
	Key:     func(d *download) []any { return []any{d.Hash} },
	Indexes: []record.Index[download]{{Name: "expires", Keys: func(d *download) [][]any { return [][]any{{d.Expires}} }}},
}

// downloadScope is one for all accounts: the token says which.
var downloadScope = record.In("", "")

// offer stores a download and returns its address.
func (s *Service) offer(c *wire.Call, d download) (string, error) {
	token := newToken()
	d.Hash, d.Account, d.Expires = hashOf(token), c.Account, c.Now.Add(downloadLife)
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		old, _, err := downloads.List(tx, downloadScope, record.Page{Index: "expires", Limit: 20})
		if err != nil {
			return err
		}
		for _, o := range old {
			if o.Expires.Before(c.Now) {
				if err := downloads.Delete(tx, downloadScope, o.Hash); err != nil {
					return err
				}
			}
		}
		return downloads.Insert(tx, downloadScope, &d)
	})
	return s.cfg.BaseURL() + DownloadPath + token + "/" + d.File, err
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Downloads serves what ExportProject and ExportBundle offered, once each, under DownloadPath.
func (s *Service) Downloads() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tr := wire.TraceOf(r, mobile.API.Name, r.Method+" "+DownloadPath, s.cfg.Now())
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", "GET")
			s.mux.Refuse(w, tr, http.StatusMethodNotAllowed, "method not allowed", "GET only: a download ends with its first answer")
			return
		}
		token, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, DownloadPath), "/")
		d, err := s.take(r.Context(), token)
		if errors.Is(err, record.ErrNotFound) {
			s.mux.Refuse(w, tr, http.StatusNotFound, "this download is not there", "the token is unknown, used or expired")
			return
		}
		var content []byte
		if err == nil {
			content, err = s.content(r.Context(), d)
		}
		if err != nil {
			s.mux.Refuse(w, tr, http.StatusInternalServerError, "internal failure", err.Error())
			return
		}
		h := w.Header()
		h.Set("X-Amzn-RequestId", tr.RequestID)
		h.Set("Content-Type", "application/zip")
		h.Set("Content-Disposition", `attachment; filename="`+d.File+`"`)
		h.Set("Content-Length", strconv.Itoa(len(content)))
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		w.Write(content) //nolint:errcheck // the client went away
	})
}

// take gives the download of a token and ends it.
func (s *Service) take(ctx context.Context, token string) (d *download, err error) {
	err = s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		if d, err = downloads.Get(tx, downloadScope, hashOf(token)); err != nil {
			return err
		}
		return downloads.Delete(tx, downloadScope, d.Hash)
	})
	if err == nil && !s.cfg.Now().Before(d.Expires) {
		return nil, record.ErrNotFound
	}
	return d, err
}

func (s *Service) content(ctx context.Context, d *download) ([]byte, error) {
	row, err := s.project(ctx, d.Account, d.Project)
	if err != nil {
		return nil, err
	}
	r, err := s.reader(ctx, d.Account, row)
	if err != nil {
		return nil, err
	}
	if d.Platform == "" {
		return r.projectZip()
	}
	return r.bundleZip(d.Platform)
}
