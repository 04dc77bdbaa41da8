package users

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// UploadPath is where files of users are uploaded to: node sends what begins with it to ServeUpload.
const UploadPath = "/_bothy/user-import/"

const (
	uploadPlace = "users.upload-link"
	chunkBytes  = 256 << 10
	uploadKept  = 7 * 24 * time.Hour // an uploaded file
)

// uploadLink is what a link says, sealed: which job a file is for.
type uploadLink struct {
	Account, Pool, Job string
	Expires            time.Time
}

// uploadURL is the pre-signed URL of a job: it leads to the host that the caller reached us by.
func (s *Service) uploadURL(c *wire.Call, j *importJob) (wire.Opt[string], error) {
	b, err := json.Marshal(uploadLink{c.Account, j.Pool, j.ID, c.Now.Add(uploadLife)})
	if err != nil {
		return wire.Opt[string]{}, err
	}
	scheme, host := "https://", "cognito-idp."+regionOf(j.Pool)+".amazonaws.com"
	if c.HTTP != nil && c.HTTP.Host != "" {
		host = c.HTTP.Host
		if c.HTTP.TLS == nil {
			scheme = "http://"
		}
	}
	return wire.Some(scheme + host + UploadPath + base64.RawURLEncoding.EncodeToString(s.cfg.Sealer.Seal(uploadPlace, b))), nil
}

// ServeUpload takes the file of an import job. The link itself is the permission, as with AWS's pre-signed ones.
func (s *Service) ServeUpload(w http.ResponseWriter, r *http.Request) {
	tr := wire.TraceOf(r, cognitoidp.API.Name, r.Method+" "+UploadPath, s.cfg.Now())
	if r.Method != http.MethodPut {
		w.Header().Set("Allow", "PUT")
		s.mux.Refuse(w, tr, http.StatusMethodNotAllowed, "method not allowed", "PUT only")
		return
	}
	link, reason := s.openUpload(strings.TrimPrefix(r.URL.Path, UploadPath))
	if reason != "" {
		s.mux.Refuse(w, tr, http.StatusForbidden, "this link is not valid or has expired", reason)
		return
	}
	if r.ContentLength > mostUploadBytes {
		s.mux.Refuse(w, tr, http.StatusRequestEntityTooLarge, "the file is larger than 100 MB", "Content-Length")
		return
	}
	err := s.takeUpload(r.Context(), link, http.MaxBytesReader(w, r.Body, mostUploadBytes))
	tooLarge, refused := (*http.MaxBytesError)(nil), (wire.Fault)(nil)
	switch {
	case errors.As(err, &tooLarge):
		s.mux.Refuse(w, tr, http.StatusRequestEntityTooLarge, "the file is larger than 100 MB", err.Error())
	case errors.As(err, &refused):
		_, _, message := refused.Fault()
		s.mux.Refuse(w, tr, http.StatusConflict, message, err.Error())
	case err != nil:
		s.mux.Refuse(w, tr, http.StatusInternalServerError, "internal failure", err.Error())
	default:
		w.Header().Set("X-Amzn-RequestId", tr.RequestID)
		w.WriteHeader(http.StatusOK)
	}
}

// openUpload reads a link, or says why it is none.
func (s *Service) openUpload(text string) (l uploadLink, reason string) {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		sealed, err = s.cfg.Sealer.Open(uploadPlace, sealed)
	}
	if err == nil {
		err = json.Unmarshal(sealed, &l)
	}
	if err != nil {
		return l, "the link was not made here, or was changed"
	}
	if s.cfg.Now().After(l.Expires) {
		return l, "the link ended at " + l.Expires.UTC().Format(time.RFC3339)
	}
	return l, ""
}

// takeUpload keeps a file in pieces, and names it in the job once it is whole. What is not named expires.
func (s *Service) takeUpload(ctx context.Context, l uploadLink, body io.Reader) error {
	id, scope, size := randomText(alphanumeric, 16), inPool(l.Account, l.Pool), int64(0)
	if err := s.view(ctx, func(tx *kv.Tx) error { _, err := s.awaiting(tx, l); return err }); err != nil {
		return err
	}
	for number := 0; ; number++ {
		piece := make([]byte, chunkBytes)
		n, err := io.ReadFull(body, piece)
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return err
		}
		size += int64(n)
		row := &upload{l.Pool, l.Job, id, number, piece[:n], s.cfg.Now().Add(uploadKept)}
		if err := s.update(ctx, func(tx *kv.Tx) error {
			j, err := s.awaiting(tx, l)
			if err != nil {
				return err
			}
			if err := uploads.Put(tx, scope, row); err != nil || !ended {
				return err
			}
			j.Upload, j.Size = id, size
			return jobs.Put(tx, scope, j)
		}); err != nil || ended {
			return err
		}
	}
}

// awaiting is the job that a link is for, as long as it takes a file.
func (s *Service) awaiting(tx *kv.Tx, l uploadLink) (*importJob, error) {
	j, err := jobOf(tx, l.Account, l.Pool, l.Job)
	if err == nil && (j.Status != jobCreated || j.late(s.cfg.Now())) {
		err = unmet("The user import job takes no file: its status is %s.", j.shown(s.cfg.Now()).Status.V)
	}
	return j, err
}
