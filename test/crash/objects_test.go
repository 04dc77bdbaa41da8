package crash

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
)

const (
	fileWorkers = 3
	filesEach   = 8
)

// objects are files of a bucket: put whole or in parts, put over, deleted.
type objects struct {
	*tally
	cells [fileWorkers][filesEach]cell // "seed size etag"
}

func newObjects(n *tally) *objects { return &objects{tally: n} }

func (*objects) name() string { return "objects" }

func (*objects) setup(c *client) error {
	_, _, err := c.s3(http.MethodPut, "/crash-files", nil, nil)
	return err
}

func filePath(worker, i int) string { return fmt.Sprintf("/crash-files/w%d/%d.bin", worker, i) }

// bytesOf are the bytes of a file, of its seed.
func bytesOf(seed uint64, size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), byte(seed >> 32)})
	r.Read(b) //nolint:errcheck // never fails
	return b
}

func etag(b []byte) string { sum := md5.Sum(b); return hex.EncodeToString(sum[:]) }

func (l *objects) work(c *client, worker int, r *rand.Rand) error {
	i, seed, size := r.IntN(filesEach), uint64(r.Uint32()), r.IntN(40<<10)
	if r.IntN(10) == 0 {
		size *= 20
	}
	x, path, body := &l.cells[worker][i], filePath(worker, i), bytesOf(seed, size)
	value, err := "", error(nil)
	switch r.IntN(6) {
	case 0:
		_, _, err = c.s3(http.MethodDelete, path, nil, nil)
	case 1:
		sum := md5.Sum(body)
		value = fmt.Sprintf("%d %d %s-1", seed, size, etag(sum[:]))
		begun := false
		if begun, err = multipart(c, path, body); err != nil && !begun {
			return nil // nothing of it can be seen
		}
	default:
		value = fmt.Sprintf("%d %d %s", seed, size, etag(body))
		_, _, err = c.s3(http.MethodPut, path, nil, body)
	}
	x.note(l.tally, value, err)
	if refused(err, "") {
		return err
	}
	return nil
}

// multipart uploads a body as one part; begun tells whether the upload was asked to become the object.
func multipart(c *client, path string, body []byte) (begun bool, err error) {
	_, got, err := c.s3(http.MethodPost, path, url.Values{"uploads": {""}}, nil)
	if err != nil {
		return false, err
	}
	var started struct{ UploadId string }
	if err := xml.Unmarshal(got, &started); err != nil {
		return false, err
	}
	h, _, err := c.s3(http.MethodPut, path, url.Values{"partNumber": {"1"}, "uploadId": {started.UploadId}}, body)
	if err != nil {
		return false, err
	}
	end := fmt.Sprintf("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>", h.Get("ETag"))
	_, got, err = c.s3(http.MethodPost, path, url.Values{"uploadId": {started.UploadId}}, []byte(end))
	if err == nil && !bytes.Contains(got, []byte("CompleteMultipartUploadResult")) {
		err = fmt.Errorf("a completion answered 200: %s", got)
	}
	return true, err
}

func (l *objects) check(c *client) error {
	var errs []error
	there := map[string]bool{}
	for w := range fileWorkers {
		for i := range filesEach {
			x := &l.cells[w][i]
			found, err := l.read(c, filePath(w, i), x)
			errs = append(errs, err)
			if err == nil {
				errs = append(errs, x.settle(l.tally, filePath(w, i), found))
			}
			if found != "" {
				there[strings.TrimPrefix(filePath(w, i), "/crash-files/")] = true
			}
		}
	}
	_, got, err := c.s3(http.MethodGet, "/crash-files", url.Values{"list-type": {"2"}}, nil)
	if err != nil {
		return err
	}
	var list struct{ Contents []struct{ Key string } }
	if err := xml.Unmarshal(got, &list); err != nil {
		return err
	}
	for _, k := range list.Contents {
		if !there[k.Key] {
			errs = append(errs, fmt.Errorf("the bucket lists %s, which is not there", k.Key))
		}
		delete(there, k.Key)
	}
	if len(there) > 0 {
		errs = append(errs, fmt.Errorf("the bucket does not list %v", there))
	}
	return errors.Join(errs...)
}

// read reads an object and tells which of the known values it is: bytes and ETag together.
func (l *objects) read(c *client, path string, x *cell) (string, error) {
	h, body, err := c.s3(http.MethodGet, path, nil, nil)
	if refused(err, "NoSuchKey") {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	tag := strings.Trim(h.Get("ETag"), `"`)
	for _, v := range append([]string{x.acked}, x.tries...) {
		var seed uint64
		var size int
		var want string
		if _, err := fmt.Sscan(v, &seed, &size, &want); err == nil && want == tag && bytes.Equal(body, bytesOf(seed, size)) {
			return v, nil
		}
	}
	return fmt.Sprintf("%d bytes, ETag %s", len(body), tag), nil
}
