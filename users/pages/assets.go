package pages

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
)

var kinds = map[string]string{"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "ico": "image/x-icon", "svg": "image/svg+xml"}

// AssetName names an image by its content and by what its first bytes say it is: "HASH.png". What is no image ends in ".bin".
func AssetName(body []byte) string {
	kind := "bin"
	sum := sha256.Sum256(body)
	for ext, mime := range kinds {
		if http.DetectContentType(body) == mime || ext == "svg" && isSVG(body) {
			kind = ext
		}
	}
	return hex.EncodeToString(sum[:16]) + "." + kind
}

func isSVG(body []byte) bool {
	head := body[:min(len(body), 1024)]
	return bytes.HasPrefix(bytes.TrimSpace(head), []byte("<")) && bytes.Contains(head, []byte("<svg"))
}

// assetShape is what AssetName makes of images.
var assetShape = regexp.MustCompile(`^[0-9a-f]{32}\.(png|jpg|webp|ico|svg)$`)

// AssetType is the content type of an image by its name, "" for what is no name of an image.
func AssetType(name string) string {
	m := assetShape.FindStringSubmatch(name)
	if m == nil {
		return ""
	}
	return kinds[m[1]]
}
