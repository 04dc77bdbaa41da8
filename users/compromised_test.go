package users

import (
	"bufio"
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var wordList = flag.String("passwords", "", "list, one password in the first column of each line, of which to make common.bin")

// TestMakeCommonPasswords makes common.bin of a list, when it is given one.
func TestMakeCommonPasswords(t *testing.T) {
	if *wordList == "" {
		t.Skip("no list given")
	}
	f, err := os.Open(*wordList)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	var hashes [][]byte
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 0 {
			hashes = append(hashes, digest([]byte(strings.ToLower(words[0])))[:commonBytes])
		}
	}
	slices.SortFunc(hashes, bytes.Compare)
	hashes = slices.CompactFunc(hashes, bytes.Equal)
	if err := os.WriteFile("common.bin", bytes.Join(hashes, nil), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCommonPasswords(t *testing.T) {
	for _, word := range []string{"password", "Passw0rd", "PASSWORD1!", "qwerty123", "letmein", "123456"} {
		if !isCommon(word) {
			t.Errorf("%s is not on the list", word)
		}
	}
	for _, word := range []string{"", "!", "Correct-horse-7", "tr0ub4dor&3-and-more"} {
		if isCommon(word) {
			t.Errorf("%s is on the list", word)
		}
	}
	if n := len(commonPasswords) / commonBytes; n < 40_000 || len(commonPasswords)%commonBytes != 0 {
		t.Errorf("%d bytes", len(commonPasswords))
	}
}
