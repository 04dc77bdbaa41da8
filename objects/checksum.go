package objects

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"

	"bothy/wire"
)

// defaultSum is what S3 computes when the client chose no checksum.
const defaultSum = "CRC64NVME"

// newSum is the hash of an algorithm, nil when there is none of the name.
func newSum(algorithm string) hash.Hash {
	switch algorithm {
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "CRC64NVME":
		return crc64nvme.New()
	case "SHA1":
		return sha1.New()
	case "SHA256":
		return sha256.New()
	case "SHA512":
		return sha512.New()
	case "MD5":
		return md5.New()
	case "XXHASH64":
		return xxhash.New()
	case "XXHASH3":
		return xxh3.New()
	case "XXHASH128":
		return &xxh128{xxh3.New()}
	}
	return nil
}

func algorithms() []string {
	return []string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"}
}

// xxh128 is XXH3 with its 128-bit result.
type xxh128 struct{ *xxh3.Hasher }

func (h *xxh128) Size() int { return 16 }

func (h *xxh128) Sum(b []byte) []byte {
	sum := h.Sum128().Bytes()
	return append(b, sum[:]...)
}

func (k checksum) kind() string {
	if k.Composite {
		return "COMPOSITE"
	}
	return "FULL_OBJECT"
}

// show sets the checksum's member of an output, and its type where the output has one.
func (k checksum) show(out any) {
	if k.Algorithm != "" {
		setText(out, "Checksum"+k.Algorithm, k.Value)
		setText(out, "ChecksumType", k.kind())
	}
}

// sumOf reads the one checksum member that is set.
func sumOf(in any) (checksum, error) {
	var k checksum
	for _, a := range algorithms() {
		v, ok := member[wire.Opt[string]](in, "Checksum"+a)
		if !ok || !v.Set {
			continue
		}
		if k.Algorithm != "" {
			return checksum{}, invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		k = checksum{Algorithm: a, Value: v.V}
	}
	return k, nil
}

// checkSumValue holds that a checksum sent has the form of its algorithm.
func checkSumValue(k checksum) error {
	raw, err := base64.StdEncoding.DecodeString(k.Value)
	if err != nil || len(raw) != newSum(k.Algorithm).Size() {
		return invalidRequest("Value for x-amz-checksum-" + strings.ToLower(k.Algorithm) + " header is invalid.")
	}
	return nil
}
