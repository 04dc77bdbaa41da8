package node

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"bothy/functions/runner"
	"bothy/kv"
	"bothy/outbox"
)

// onlyLoopback keeps the unsigned test endpoints to programs on this machine. Pages are not programs, whatever their origin:
// a browser says where a request comes from (Origin, Sec-Fetch-Site), or under which name it looked this machine up (Host; the
// name may be another's that leads here), and a page that this very node shows came from whoever may write to a bucket.
// Nor are functions, though they share our loopback: their code, too, comes from whoever may write it.
func onlyLoopback(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site") // "none": somebody typed the address
		if !loopback(r) || !loopbackName(r.Host) || r.Header.Get("Origin") != "" || site != "" && site != "none" {
			http.Error(w, "The test endpoints are for programs on this machine.", http.StatusForbidden)
			return
		}
		if err := notFromFunction(r); err != nil {
			http.Error(w, "The test endpoints are for programs on this machine, not for functions: "+err.Error(), http.StatusForbidden)
			return
		}
		h(w, r)
	})
}

// notFromFunction fails unless the caller is a program on this machine outside of the functions' sandboxes.
func notFromFunction(r *http.Request) error {
	us, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !ok {
		return errors.New("node: no TCP connection")
	}
	return runner.Outside(peer, us.AddrPort())
}

// loopbackName tells whether the host of a URL is this machine by address, or by the one name that never leaves it.
func loopbackName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// testOutbox answers the newest message to ?to=, waiting for it up to ?wait=10s.
func (s *services) testOutbox(w http.ResponseWriter, r *http.Request) {
	to, wait := r.URL.Query().Get("to"), defaultWait
	if v := r.URL.Query().Get("wait"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			http.Error(w, "wait is a duration such as 10s", http.StatusBadRequest)
			return
		}
		wait = d
	}
	if to == "" {
		http.Error(w, "to is missing", http.StatusBadRequest)
		return
	}
	m, err := s.outbox.Wait(r.Context(), s.node.account, to, time.Time{}, wait)
	switch {
	case errors.Is(err, outbox.ErrNoMessage):
		http.Error(w, "no message came in time", http.StatusNotFound)
	case err != nil:
		s.node.cfg.Log.Error("test outbox", "error", err)
		http.Error(w, "internal failure", http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(m) //nolint:errcheck // the client is gone
	}
}

// testReset empties the account: every row under it, but not its root key, which stands outside. Requests under way may see
// part of it gone, each transaction all or nothing.
func (s *services) testReset(w http.ResponseWriter, r *http.Request) {
	if err := s.reset(r.Context()); err != nil {
		s.node.cfg.Log.Error("test reset", "error", err)
		http.Error(w, "internal failure", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

const resetBatch = 5000 // keys deleted by one transaction

func (s *services) reset(ctx context.Context) error {
	rows := kv.K(s.node.account).Range()
	rows.Limit = resetBatch
	for more := true; more; {
		err := s.node.db.Update(ctx, func(tx *kv.Tx) error {
			var keys []kv.Key
			if err := tx.Scan(rows, func(k kv.Key, _ []byte) bool {
				keys = append(keys, append(kv.Key{}, k...))
				return true
			}); err != nil {
				return err
			}
			more = len(keys) == resetBatch
			for _, k := range keys {
				if err := tx.Delete(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return s.access.Changed(ctx)
}

func (n *Node) healthy(ctx context.Context) error {
	return n.db.View(ctx, func(tx *kv.Tx) error {
		_, err := tx.Get(dataKeyRow)
		return err
	})
}
