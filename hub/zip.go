package hub

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"
)

// Limits of an uploaded project.
const (
	MaxUpload       = 10 << 20 // bytes as sent, zip or yml
	maxZipFiles     = 2000
	maxZipInflated  = 64 << 20 // bytes of all files together
	projectFileName = "mobile-hub-project.yml"
)

// errTooLarge has Mobile Hub's text.
var errTooLarge = badRequest("The project file is too large. The max file size is 10 MB.")

// unpack splits what was uploaded into the project file and the other files. The project file is at the root of a zip or in
// any folder; other names are relative to that folder.
func unpack(upload []byte) (yml []byte, files map[string][]byte, err error) {
	if len(upload) > MaxUpload {
		return nil, nil, errTooLarge
	}
	if !bytes.HasPrefix(upload, []byte("PK")) {
		return upload, map[string][]byte{}, nil
	}
	r, err := zip.NewReader(bytes.NewReader(upload), int64(len(upload)))
	if err != nil {
		return nil, nil, fmt.Errorf("the project file is not a readable zip: %w", err)
	}
	if len(r.File) > maxZipFiles {
		return nil, nil, fmt.Errorf("the zip holds %d files, at most %d are allowed", len(r.File), maxZipFiles)
	}
	all := map[string][]byte{}
	left := int64(maxZipInflated)
	for _, f := range r.File {
		if f.FileInfo().IsDir() || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		name, err := cleanName(f.Name)
		if err != nil {
			return nil, nil, err
		}
		if !f.Mode().IsRegular() {
			return nil, nil, fmt.Errorf("the zip holds %q, which is not a regular file", name)
		}
		if _, twice := all[name]; twice {
			return nil, nil, fmt.Errorf("the zip holds %q twice", name)
		}
		if all[name], err = inflate(f, &left); err != nil {
			return nil, nil, err
		}
	}
	return findProject(all)
}

// cleanName refuses names that lead out of the zip.
func cleanName(name string) (string, error) {
	clean := path.Clean(strings.ReplaceAll(name, `\`, "/"))
	if strings.HasPrefix(clean, "/") || clean == "." || clean == ".." || strings.HasPrefix(clean, "../") ||
		strings.ContainsAny(clean, ":\x00") {
		return "", fmt.Errorf("the zip holds a file with the name %q, which leads out of it", name)
	}
	return clean, nil
}

func inflate(f *zip.File, left *int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("the zip's %q: %w", f.Name, err)
	}
	defer r.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(r, *left+1))
	if err != nil {
		return nil, fmt.Errorf("the zip's %q: %w", f.Name, err)
	}
	if *left -= int64(len(b)); *left < 0 {
		return nil, fmt.Errorf("the zip's files are larger than %d bytes together", maxZipInflated)
	}
	return b, nil
}

// findProject takes the project file that lies least deep; two at the same depth are refused.
func findProject(all map[string][]byte) ([]byte, map[string][]byte, error) {
	best, twice := "", false
	for name := range all {
		if path.Base(name) != projectFileName {
			continue
		}
		depth, bestDepth := strings.Count(name, "/"), strings.Count(best, "/")
		switch {
		case best == "" || depth < bestDepth:
			best, twice = name, false
		case depth == bestDepth:
			twice = true
		}
	}
	if best == "" {
		return nil, nil, fmt.Errorf("the zip holds no %s", projectFileName)
	}
	if twice {
		return nil, nil, fmt.Errorf("the zip holds more than one %s", projectFileName)
	}
	folder := strings.TrimSuffix(best, projectFileName)
	files := map[string][]byte{}
	for name, b := range all {
		if rel, ok := strings.CutPrefix(name, folder); ok && name != best {
			files[rel] = b
		}
	}
	return all[best], files, nil
}
