package jsoncur

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkString(b *testing.B) {
	for _, n := range []int{4, 10, 40, 400} {
		s := strings.Repeat("Ask for the pontoon. ", 20)[:n]
		text := string(AppendString(nil, s)) + ` `
		out := make([]byte, 0, 512)
		b.Run(fmt.Sprintf("append/%d", n), func(b *testing.B) {
			for b.Loop() {
				out = AppendString(out[:0], s)
			}
		})
		b.Run(fmt.Sprintf("read/%d", n), func(b *testing.B) {
			for b.Loop() {
				d := Decoder{s: text}
				d.Str()
			}
		})
	}
}
