package pages

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

// qrQuiet is the margin that readers need, in modules.
const qrQuiet = 4

// drawing is a text as a QR code, as a path of an SVG; "" for what is too long for one.
func drawing(text string) template.HTML {
	code, err := qr.Encode(text, qr.M)
	if text == "" || err != nil {
		return ""
	}
	var path strings.Builder
	for y := range code.Size {
		for x, run := 0, 0; x < code.Size; x += max(run, 1) {
			for run = 0; x+run < code.Size && code.Black(x+run, y); run++ {
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+qrQuiet, y+qrQuiet, run, run)
			}
		}
	}
	side := code.Size + 2*qrQuiet
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`, side, side, side, side, path.String())) //nolint:gosec // numbers
}
