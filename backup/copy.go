package backup

import (
	"bytes"
	"fmt"
	"io"

	"bothy/record"
)

// DataKeyPlace is where the data key says it lies when it is sealed under the master key.
const DataKeyPlace = "node.datakey"

// Opens fails unless a master key is that of the node the backup was made of.
func (h *Header) Opens(masterKey []byte) error {
	sealer, err := record.NewSealer(masterKey)
	if err == nil {
		_, err = sealer.Open(DataKeyPlace, h.DataKey)
	}
	if err != nil {
		return fmt.Errorf("backup: that is not the master key of the node the backup was made of: %w", err)
	}
	return nil
}

// Copy copies a backup as it is, and checks all of it on the way. begin says where to, once the header is known.
func Copy(from io.Reader, begin func(Header) (io.Writer, error)) (Header, Trailer, error) {
	var to late
	r, err := NewReader(io.TeeReader(from, &to))
	if err != nil {
		return Header{}, Trailer{}, err
	}
	if err := to.begin(begin(r.Header)); err != nil {
		return Header{}, Trailer{}, err
	}
	t, err := r.Finish()
	return r.Header, t, err
}

// late keeps what is written to it until it is known where it goes.
type late struct {
	kept bytes.Buffer
	to   io.Writer
}

func (l *late) Write(p []byte) (int, error) {
	if l.to == nil {
		return l.kept.Write(p)
	}
	return l.to.Write(p)
}

func (l *late) begin(to io.Writer, err error) error {
	if err != nil {
		return err
	}
	l.to = to
	_, err = l.kept.WriteTo(to)
	return err
}
