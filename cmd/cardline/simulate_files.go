package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"

	"cardline/acd"
	"cardline/sim"
	"cardline/sim/picture"
)

// draw writes the files that were asked for.
func (f *simulateFlags) draw(r *sim.Result) error {
	for path, write := range map[string]func(io.Writer) error{
		f.csv: r.WriteCSV,
		f.svg: func(w io.Writer) error { return picture.Write(w, r) },
	} {
		if path != "" {
			if err := writeFile(path, write); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// recording is a file of commands, one a line.
type recording struct {
	file   *os.File
	buffer *bufio.Writer
	lines  *json.Encoder
}

func newRecording(path string) (*recording, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	buffer := bufio.NewWriter(file)
	return &recording{file, buffer, json.NewEncoder(buffer)}, nil
}

func (r *recording) add(at acd.Time, c acd.Command) error {
	return r.lines.Encode(acd.Moment{At: at, Command: c})
}

func (r *recording) close() error { return errors.Join(r.buffer.Flush(), r.file.Close()) }
