package pages

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What a style sheet of an owner may speak of: AWS's class names, each with the properties it is made for and those of the same
// kind, and values that are a colour, a length or a word. So it can neither fetch nor hide anything, nor leave the style element.
var (
	cssClasses = strings.Fields("background banner errorMessage idpButton idpDescription inputField label legalText logo passwordCheck-notValid passwordCheck-valid " +
		"redirect secondaryButton socialButton submitButton textDescription")
	cssStates     = []string{"", ":hover", ":focus", ":active"}
	cssProperties = strings.Fields("align-items background background-color border border-bottom border-color border-left border-radius border-right border-style border-top border-width " +
		"box-shadow box-sizing color display font-family font-size font-style font-weight height letter-spacing line-height margin margin-bottom margin-left margin-right margin-top " +
		"max-height max-width min-height min-width opacity outline outline-color outline-offset padding padding-bottom padding-left padding-right padding-top text-align text-decoration text-transform width")
	cssValue   = regexp.MustCompile(`^[#%(),./ 0-9A-Za-z"'!-]+$`)
	cssCalls   = regexp.MustCompile(`([A-Za-z-]*)\(`)
	cssColours = []string{"rgb", "rgba", "hsl", "hsla"}
	cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
)

// CheckCSS refuses a style sheet that says more than an owner may.
func CheckCSS(sheet string) error {
	rest := strings.TrimSpace(cssComment.ReplaceAllString(sheet, " "))
	for rest != "" {
		selectors, after, opened := strings.Cut(rest, "{")
		body, next, closed := strings.Cut(after, "}")
		if !opened || !closed {
			return errors.New("a rule has no braces")
		}
		for _, selector := range strings.Split(selectors, ",") {
			if err := checkSelector(strings.TrimSpace(selector)); err != nil {
				return err
			}
		}
		for _, declaration := range strings.Split(body, ";") {
			if err := checkDeclaration(strings.TrimSpace(declaration)); err != nil {
				return err
			}
		}
		rest = strings.TrimSpace(next)
	}
	return nil
}

func checkSelector(selector string) error {
	for _, class := range cssClasses {
		if state, ok := strings.CutPrefix(selector, "."+class+"-customizable"); ok && slices.Contains(cssStates, state) {
			return nil
		}
	}
	return fmt.Errorf("%.64q is not one of the class names", selector)
}

func checkDeclaration(text string) error {
	if text == "" {
		return nil
	}
	name, value, found := strings.Cut(text, ":")
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
	switch {
	case !found || !slices.Contains(cssProperties, name):
		return fmt.Errorf("%.64q is not one of the properties", name)
	case !cssValue.MatchString(value) || strings.Count(value, `"`)%2 == 1 || strings.Count(value, `'`)%2 == 1 || strings.Count(value, "(") != strings.Count(value, ")"):
		return fmt.Errorf("%.64q is not a value", value)
	}
	for _, call := range cssCalls.FindAllStringSubmatch(value, -1) {
		if !slices.Contains(cssColours, strings.ToLower(call[1])) {
			return fmt.Errorf("%.64q is not a value: only colours have parentheses", value)
		}
	}
	return nil
}

// withoutComments is a checked style sheet as it is put into a page.
func withoutComments(sheet string) string { return cssComment.ReplaceAllString(sheet, " ") }
