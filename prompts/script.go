package prompts

import (
	"encoding/csv"
	"fmt"
	"io"
	"io/fs"
)

// Recordings lists every file that the manifests in the root of a tree name,
// in the order of the manifests, each of them once.
func Recordings(fsys fs.FS) ([]Recording, error) {
	manifests, err := readManifests(fsys)
	if err != nil {
		return nil, err
	}
	return recordings(manifests), nil
}

// WriteCSV writes the list for a recording studio as comma-separated values:
// id, language, text, file, notes.
func WriteCSV(w io.Writer, list []Recording) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"id", "language", "text", "file", "notes"}}
	for _, r := range list {
		rows = append(rows, []string{r.ID, r.Language, r.Text, r.File, r.notes()})
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("write the studio's list: %w", err)
	}
	return nil
}

// WriteScript writes the same list to be read from a desk, by language.
func WriteScript(w io.Writer, list []Recording) error {
	language := ""
	for i, r := range list {
		if r.Language != language {
			language = r.Language
			if _, err := fmt.Fprintf(w, "\n== %s ==\nG.711 A-law, 8 kHz, mono, WAV; about a tenth of a second of rest around sentences, none around words.\n", language); err != nil {
				return fmt.Errorf("write the studio's list: %w", err)
			}
		}
		text := r.Text
		if text == "" {
			text = "-"
		}
		if _, err := fmt.Fprintf(w, "\n%4d  %s\n      %s", i+1, r.File, text); err != nil {
			return fmt.Errorf("write the studio's list: %w", err)
		}
		if note := r.notes(); note != "" {
			if _, err := fmt.Fprintf(w, "\n      (%s)", note); err != nil {
				return fmt.Errorf("write the studio's list: %w", err)
			}
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// notes returns what the studio has to know beside the text.
func (r Recording) notes() string {
	switch {
	case r.Word && r.Note != "":
		return "a word, spliced into sentences; " + r.Note
	case r.Word:
		return "a word, spliced into sentences"
	}
	return r.Note
}
