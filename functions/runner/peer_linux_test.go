package runner

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// outsideServer answers whether Outside lets the caller.
func outsideServer(t *testing.T, listen string) *httptest.Server {
	t.Helper()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Skip(err) // no IPv6 here
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		us := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr).AddrPort()
		if err := Outside(netip.MustParseAddrPort(r.RemoteAddr), us); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
		}
	}))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func TestOutside(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		s := outsideServer(t, listen)
		url := strings.Replace(s.URL, "[::]", "127.0.0.1", 1)
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Errorf("%s: %s", listen, body)
		}
	}
	nobody := netip.MustParseAddrPort("127.0.0.1:1")
	if err := Outside(nobody, nobody); err == nil {
		t.Error("a connection that is not there")
	}
}

// TestFunctionsAreNotOutside: nor are programs that they start.
func TestFunctionsAreNotOutside(t *testing.T) {
	modes(t, func(t *testing.T, m mode) {
		r := force(newRunner(t, nil), m)
		s := outsideServer(t, "127.0.0.1:0")
		got := attack(t, r, `exports.handler = async e => {
			const own = (await fetch(e.url)).status
			const code = "fetch(process.argv[1]).then(r => console.log(r.status))"
			const child = require('child_process').spawnSync(process.execPath, ['-e', code, e.url]).stdout.toString().trim()
			return own + ' ' + child
		}`, map[string]any{"url": s.URL})
		if got != `"403 403"` {
			t.Error(got)
		}
	})
}

func FuzzEndpoint(f *testing.F) {
	f.Add("0100007F:11D6")
	f.Add("0000000000000000FFFF00000100007F:0050")
	f.Add("00:")
	f.Fuzz(func(t *testing.T, text string) {
		if a := endpoint(text); a.IsValid() && a.Addr().Is4In6() {
			t.Errorf("%s", a)
		}
	})
}

func TestEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:11D6": "127.0.0.1:4566", "0000000000000000FFFF00000100007F:0050": "127.0.0.1:80",
		"00000000000000000000000001000000:11D6": "[::1]:4566", "B80D0120000000000000000001000000:FFFF": "[2001:db8::1]:65535",
	} {
		if got := endpoint(text).String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", ":", "0100007F", "0100007F:1FFFF", "01007F:11D6", "zz:1"} {
		if a := endpoint(text); a.IsValid() {
			t.Errorf("%q: %s", text, a)
		}
	}
}
