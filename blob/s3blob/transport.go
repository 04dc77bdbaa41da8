package s3blob

import (
	"context"
	"net"
	"net/http"
	"time"
)

const (
	dialTime  = 10 * time.Second
	stallTime = time.Minute // without a byte in either direction a connection is given up
	maxIdle   = 64          // connections kept for later
)

// transport bounds no request as a whole, since blobs may be large, but every wait within one.
func transport() *http.Transport {
	d := &net.Dialer{Timeout: dialTime, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: dialTime, ExpectContinueTimeout: 2 * time.Second,
		MaxIdleConns: maxIdle, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: stallTime / 2, DisableCompression: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := d.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return moving{c}, nil
		},
	}
}

// moving is a connection that fails when nothing moves.
type moving struct{ net.Conn }

func (c moving) Read(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(stallTime)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c moving) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(stallTime)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
