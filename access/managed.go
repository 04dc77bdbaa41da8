package access

import (
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"io/fs"
	"path"
	"strings"
	"time"

	"bothy/kv"
	"bothy/record"
)

// managedFiles are the policies every account has, by path and name: those of AWS's that apps of the era attach.
//
//go:embed managed
var managedFiles embed.FS

const awsPolicies = "arn:aws:iam::aws:policy"

// findPolicy reads a managed policy by ARN: the account's own, or one of AWS's. Another account's is not found.
func findPolicy(tx *kv.Tx, account, arn string) (*policyRow, error) {
	if rest, ok := strings.CutPrefix(arn, awsPolicies+"/"); ok {
		return awsPolicy(rest)
	}
	if !strings.HasPrefix(arn, "arn:aws:iam::"+account+":policy/") {
		return nil, record.ErrNotFound
	}
	row, err := policies().Get(tx, of(account), fold(policyName(arn)))
	if err == nil && row.ARN != arn {
		return nil, record.ErrNotFound
	}
	return row, err
}

func awsPolicy(name string) (*policyRow, error) {
	document, err := managedFiles.ReadFile("managed/" + name + ".json")
	if err != nil {
		return nil, record.ErrNotFound
	}
	created := time.Date(2015, 2, 6, 18, 39, 46, 0, time.UTC) // of AWS's first managed policies
	dir, base := path.Split("/" + name)
	id := sha256.Sum256([]byte(name))
	return &policyRow{Name: base, Path: dir, ID: "ANPA" + base32.StdEncoding.EncodeToString(id[:])[:17], ARN: awsPolicies + "/" + name,
		Default: "v1", Last: 1, Versions: []versionRow{{"v1", strings.TrimSpace(string(document)), created}}, Created: created, Updated: created}, nil
}

// listAWSPolicies are all of AWS's, by name.
func listAWSPolicies() (out []*policyRow, err error) {
	err = fs.WalkDir(managedFiles, "managed", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		row, err := awsPolicy(strings.TrimSuffix(strings.TrimPrefix(file, "managed/"), ".json"))
		out = append(out, row)
		return err
	})
	return out, err
}

// policyName is the last part of a policy's ARN.
func policyName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// policyPath is the path within a policy's ARN: "/", "/service-role/".
func policyPath(arn string) string {
	_, rest, _ := strings.Cut(arn, ":policy/")
	return "/" + rest[:strings.LastIndexByte(rest, '/')+1]
}
