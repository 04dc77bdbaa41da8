package functions

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bothy/api/lambda"
	"bothy/blob"
	"bothy/functions/runner"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// CodePath is where archives are downloaded from: node sends what begins with it to ServeCode.
const CodePath = "/_bothy/function-code/"

// codeLife is how long a download link works, as long as AWS's.
const codeLife = 10 * time.Minute

const codePlace = "functions.code-link"

// archiveOf is the code of a call, from its body or from a bucket.
type archiveOf struct {
	zip                  []byte
	bucket, key, version wire.Opt[string]
}

// access is what reading the archive needs, besides the action itself.
func (a archiveOf) access() []wire.Access {
	if !a.bucket.Set {
		return nil
	}
	action := "s3:GetObject"
	if a.version.Set {
		action = "s3:GetObjectVersion"
	}
	return wire.One(action, "arn:aws:s3:::"+a.bucket.V+"/"+a.key.V, nil)
}

func (s *Service) read(c *wire.Call, a archiveOf) ([]byte, error) {
	switch {
	case len(a.zip) > 0 && a.bucket.Set:
		return nil, invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case len(a.zip) > 0:
		return a.zip, nil
	case !a.bucket.Set || !a.key.Set:
		return nil, invalid("Please provide a source for function code.")
	}
	body, _, err := s.cfg.Objects.OpenObject(c, a.bucket.V, a.key.V, a.version.V)
	if f := wire.Fault(nil); errors.As(err, &f) {
		code, status, message := f.Fault()
		if status == http.StatusForbidden {
			return nil, wire.Because(wire.Fail(403, "AccessDeniedException", "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for %s/%s. S3 Error Code: %s. S3 Error Message: Access Denied", a.bucket.V, a.key.V, code), "%s", wire.ReasonOf(err))
		}
		if status < http.StatusInternalServerError {
			return nil, wire.Because(invalid("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", code, message), "%s", wire.ReasonOf(err))
		}
	}
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, runner.MaxZipBytes+1))
	if err != nil {
		return nil, err
	}
	return b, nil
}

// storedCode is an archive in the blob store.
type storedCode struct {
	id   string
	size int64
	sha  string
}

// takeCode checks an archive and stores it, unless it is only tried.
func (s *Service) takeCode(c *wire.Call, a archiveOf, dryRun bool) (storedCode, error) {
	b, err := s.read(c, a)
	if err != nil {
		return storedCode{}, err
	}
	if len(b) > runner.MaxZipBytes {
		return storedCode{}, &lambda.RequestTooLargeException{Type: wire.Some("User"), Message: wire.Some("Request must be smaller than 69905067 bytes for the CreateFunction operation")}
	}
	if _, err := runner.CheckArchive(bytes.NewReader(b), int64(len(b))); err != nil {
		if errors.Is(err, runner.ErrTooLarge) {
			return storedCode{}, wire.Because(invalid("Unzipped size must be smaller than %d bytes", runner.MaxUnzippedBytes), "%v", err)
		}
		return storedCode{}, wire.Because(invalid("Could not unzip uploaded file. Please check your file, then try to upload again."), "%v", err)
	}
	sum := sha256.Sum256(b)
	code := storedCode{size: int64(len(b)), sha: base64.StdEncoding.EncodeToString(sum[:])}
	if dryRun {
		return code, nil
	}
	info, err := s.cfg.Blobs.Put(c, bytes.NewReader(b))
	code.id = info.ID
	return code, err
}

// keep makes sure that the archive a version is about to name outlives it. One that was just being swept has to be sent again.
func (s *Service) keep(ctx context.Context, tx *kv.Tx, v *version) error {
	err := s.cfg.Keep(ctx, tx, v.CodeID)
	if errors.Is(err, blob.ErrNotFound) {
		return wire.Because(&lambda.ServiceException{Type: wire.Some("Service"), Message: wire.Some("Please try again.")}, "archive %s is being swept", v.CodeID)
	}
	return err
}

func (c storedCode) into(v *version) { v.CodeID, v.CodeSize, v.CodeSHA = c.id, c.size, c.sha }

// codeLink is what a download link says, sealed.
type codeLink struct {
	Blob    string
	Expires time.Time
}

// location is a link to the archive of a version. It is https whatever the caller used, since clients download with nothing
// else, and leads to the host the caller reached us by.
func (s *Service) location(c *wire.Call, v *version) (string, error) {
	b, err := json.Marshal(codeLink{v.CodeID, c.Now.Add(codeLife)})
	if err != nil {
		return "", err
	}
	host := "lambda." + c.Region + ".amazonaws.com"
	if c.HTTP != nil && c.HTTP.Host != "" {
		host = c.HTTP.Host
	}
	return "https://" + host + CodePath + base64.RawURLEncoding.EncodeToString(s.cfg.Sealer.Seal(codePlace, b)), nil
}

// ServeCode answers download links: the link itself is the permission, as with AWS's presigned ones.
func (s *Service) ServeCode(w http.ResponseWriter, r *http.Request) {
	tr := wire.TraceOf(r, lambda.API.Name, r.Method+" "+CodePath, s.cfg.Now())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.mux.Refuse(w, tr, http.StatusMethodNotAllowed, "method not allowed", "GET and HEAD only")
		return
	}
	link, err := s.openLink(strings.TrimPrefix(r.URL.Path, CodePath))
	if err != nil {
		s.mux.Refuse(w, tr, http.StatusForbidden, "this link is not valid or has expired", err.Error())
		return
	}
	info, body, err := s.openCode(r.Context(), link.Blob)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		s.mux.Refuse(w, tr, http.StatusNotFound, "the function is gone", err.Error())
		return
	case err != nil:
		s.mux.Refuse(w, tr, http.StatusInternalServerError, "internal failure", err.Error())
		return
	}
	defer body.Close()
	h := w.Header()
	h.Set("X-Amzn-RequestId", tr.RequestID)
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Length", strconv.FormatInt(info.Size, 10))
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodGet {
		_, _ = io.Copy(w, body)
	}
}

func (s *Service) openCode(ctx context.Context, id string) (info blob.Info, body io.ReadCloser, err error) {
	if info, err = s.cfg.Blobs.Stat(ctx, id); err == nil {
		body, err = s.cfg.Blobs.Open(ctx, id, 0, -1)
	}
	return info, body, err
}

func (s *Service) openLink(token string) (codeLink, error) {
	var link codeLink
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return link, err
	}
	plain, err := s.cfg.Sealer.Open(codePlace, sealed)
	if err != nil {
		return link, err
	}
	if err := json.Unmarshal(plain, &link); err != nil {
		return link, err
	}
	if s.cfg.Now().After(link.Expires) {
		return link, errors.New("functions: the link expired at " + link.Expires.UTC().Format(time.RFC3339))
	}
	return link, nil
}

// Named tells whether a version names the blob; for the sweeper.
func (s *Service) Named(ctx context.Context, id string) (named bool, err error) {
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		rows, _, err := codeTable.List(tx, everywhere(), record.Page{Prefix: []any{id}, Limit: 1})
		named = len(rows) > 0
		return err
	})
	return named, err
}
