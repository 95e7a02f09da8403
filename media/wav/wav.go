// Package wav reads and writes the sound files of a telephone: one channel at
// 8 kHz in A-law, µ-law or linear 16 bit, in a RIFF/WAVE container.
//
// A file that is being written says that its data goes on to the end, so that
// what a killed process leaves behind is whole up to the last write.
package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"cardline/media/g711"
)

// Rate is the only sample rate that files may have, in Hz.
const Rate = 8000

// A Format says how samples are stored.
type Format uint8

const (
	// ALaw is one byte a sample, ITU-T G.711.
	ALaw Format = iota
	// ULaw is one byte a sample, ITU-T G.711.
	ULaw
	// PCM16 is two bytes a sample, signed, little endian.
	PCM16
)

// formats holds what the header says of each [Format].
var formats = [...]struct {
	name string
	tag  uint16
	size int // bytes a sample
}{
	ALaw:  {"A-law", 6, 1},
	ULaw:  {"µ-law", 7, 1},
	PCM16: {"PCM 16 bit", 1, 2},
}

// String returns the name of the format for people.
func (f Format) String() string { return formats[f].name }

// A FormatError tells why a file is not one that this package reads. The reason
// is made for the person who made the file.
type FormatError struct {
	Reason string
}

func (e *FormatError) Error() string { return "wav: " + e.Reason }

func refuse(format string, args ...any) error {
	return &FormatError{Reason: fmt.Sprintf(format, args...)}
}

// A Sound is the content of a file.
type Sound struct {
	Format Format
	Data   []byte // whole samples, little endian
}

// Samples returns the length in samples, of which [Rate] are a second.
func (s *Sound) Samples() int { return len(s.Data) / formats[s.Format].size }

// ALaw returns the sound as A-law bytes. If it is A-law already, they are the
// sound's own, not a copy.
func (s *Sound) ALaw() []byte {
	switch s.Format {
	case ALaw:
		return s.Data
	case ULaw:
		p := append([]byte(nil), s.Data...)
		g711.ToALaw(p)
		return p
	case PCM16:
		p := make([]byte, s.Samples())
		g711.EncodeALaw(p, s.PCM())
		return p
	}
	panic("wav: unknown format")
}

// PCM returns the sound as linear samples.
func (s *Sound) PCM() []int16 {
	p := make([]int16, s.Samples())
	switch s.Format {
	case ALaw:
		g711.DecodeALaw(p, s.Data)
	case ULaw:
		g711.DecodeULaw(p, s.Data)
	case PCM16:
		for i := range p {
			p[i] = int16(binary.LittleEndian.Uint16(s.Data[2*i:]))
		}
	}
	return p
}

// The limits of a file: the longest sound, 20 minutes of PCM16, and the
// longest fmt chunk.
const (
	maxData   = 20 * 60 * Rate * 2
	maxFormat = 64
)

// extensible is the tag of WAVE_FORMAT_EXTENSIBLE, which keeps the true tag in
// the first two bytes of its sub-format.
const extensible = 0xFFFE

// Read reads a file. It returns a [*FormatError] if the content is of another
// kind, and the reader's own error, wrapped, if reading fails. A data size of 0
// or beyond the end, which a killed writer leaves, means to the end.
func Read(r io.Reader) (*Sound, error) {
	var riff [12]byte
	if err := fill(r, riff[:], "the RIFF header"); err != nil {
		return nil, err
	}
	if string(riff[:4]) != "RIFF" || string(riff[8:]) != "WAVE" {
		return nil, refuse("not a RIFF/WAVE file")
	}
	s, known := &Sound{}, false
	for {
		var head [8]byte
		if err := fill(r, head[:], "a chunk header: there is no data chunk"); err != nil {
			return nil, err
		}
		size := binary.LittleEndian.Uint32(head[4:])
		switch string(head[:4]) {
		case "fmt ":
			if size < 16 || size > maxFormat {
				return nil, refuse("format chunk of %d bytes", size)
			}
			p := make([]byte, size)
			if err := fill(r, p, "the format chunk"); err != nil {
				return nil, err
			}
			var err error
			if s.Format, err = parseFormat(p); err != nil {
				return nil, err
			}
			known = true
		case "data":
			if !known {
				return nil, refuse("data comes before the format")
			}
			return s, s.readData(r, size)
		default:
			// Chunks are padded to even length.
			if err := skip(r, int64(size)+int64(size&1)); err != nil {
				return nil, err
			}
		}
	}
}

func parseFormat(p []byte) (Format, error) {
	tag, channels := binary.LittleEndian.Uint16(p), binary.LittleEndian.Uint16(p[2:])
	rate, bits := binary.LittleEndian.Uint32(p[4:]), binary.LittleEndian.Uint16(p[14:])
	if tag == extensible {
		if len(p) < 40 {
			return 0, refuse("extensible format chunk of %d bytes", len(p))
		}
		tag = binary.LittleEndian.Uint16(p[24:])
	}
	if channels != 1 {
		return 0, refuse("%d channels, want 1", channels)
	}
	if rate != Rate {
		return 0, refuse("%d Hz, want %d", rate, Rate)
	}
	for f, d := range formats {
		if d.tag == tag {
			if int(bits) != 8*d.size {
				return 0, refuse("%d bits a sample, want %d for %s", bits, 8*d.size, d.name)
			}
			return Format(f), nil
		}
	}
	return 0, refuse("encoding %d, want A-law, µ-law or PCM", tag)
}

func (s *Sound) readData(r io.Reader, size uint32) error {
	limit := int64(size)
	if size == 0 || size > maxData {
		limit = maxData + 1
	}
	data, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return fmt.Errorf("wav: read samples: %w", err)
	}
	if len(data) > maxData {
		return refuse("longer than 20 minutes")
	}
	s.Data = data[:len(data)-len(data)%formats[s.Format].size]
	return nil
}

func fill(r io.Reader, p []byte, what string) error {
	_, err := io.ReadFull(r, p)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse("ends within %s", what)
	}
	if err != nil {
		return fmt.Errorf("wav: read %s: %w", what, err)
	}
	return nil
}

func skip(r io.Reader, n int64) error {
	_, err := io.CopyN(io.Discard, r, n)
	if errors.Is(err, io.EOF) {
		return refuse("ends within a chunk")
	}
	if err != nil {
		return fmt.Errorf("wav: skip a chunk: %w", err)
	}
	return nil
}

// headerSize is the length of what a [Writer] puts before the data: RIFF, a fmt
// chunk of 18 bytes, a fact chunk, and the head of the data chunk.
const headerSize = 12 + 26 + 12 + 8

// header builds the head of a file with so many bytes of data.
func header(f Format, data uint32) []byte {
	d := formats[f]
	samples := data / uint32(d.size)
	b := make([]byte, 0, headerSize)
	le := binary.LittleEndian
	riff := uint32(0)
	if data > 0 {
		riff = headerSize - 8 + data + data&1
	}
	b = le.AppendUint32(append(b, "RIFF"...), riff)
	b = le.AppendUint32(append(b, "WAVEfmt "...), 18)
	b = le.AppendUint16(le.AppendUint16(b, d.tag), 1)
	b = le.AppendUint32(le.AppendUint32(b, Rate), Rate*uint32(d.size))
	b = le.AppendUint16(le.AppendUint16(b, uint16(d.size)), uint16(8*d.size))
	b = le.AppendUint16(b, 0) // no extension of the format
	b = le.AppendUint32(append(b, "fact"...), 4)
	b = le.AppendUint32(b, samples)
	return le.AppendUint32(append(b, "data"...), data)
}

// A Writer writes a file. The sizes in the header stay 0, which readers take as
// "to the end", until Close puts the true ones in.
type Writer struct {
	w      io.WriteSeeker
	format Format
	n      uint32 // bytes of data
}

// NewWriter writes the header to w, which must be at its start.
func NewWriter(w io.WriteSeeker, f Format) (*Writer, error) {
	if _, err := w.Write(header(f, 0)); err != nil {
		return nil, fmt.Errorf("wav: write header: %w", err)
	}
	return &Writer{w: w, format: f}, nil
}

// ErrTooLong tells that a file would outgrow the sizes that its header can say.
var ErrTooLong = errors.New("wav: file too long")

// Write appends samples in the format of the file. It implements [io.Writer].
func (w *Writer) Write(p []byte) (int, error) {
	if uint64(w.n)+uint64(len(p)) > math.MaxUint32-headerSize-1 {
		return 0, ErrTooLong
	}
	n, err := w.w.Write(p)
	w.n += uint32(n)
	if err != nil {
		return n, fmt.Errorf("wav: write samples: %w", err)
	}
	return n, nil
}

// Close completes the header. It does not close the underlying file. A file
// that is never closed is still readable.
func (w *Writer) Close() error {
	if w.n&1 == 1 {
		if _, err := w.w.Write([]byte{0}); err != nil {
			return fmt.Errorf("wav: pad: %w", err)
		}
	}
	if _, err := w.w.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("wav: complete header: %w", err)
	}
	if _, err := w.w.Write(header(w.format, w.n)); err != nil {
		return fmt.Errorf("wav: complete header: %w", err)
	}
	return nil
}
