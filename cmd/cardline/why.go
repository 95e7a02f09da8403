package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardline/store/sqlite"
	"cardline/store/why"
)

type whyFlags struct {
	data, api, tokenFile string
	asJSON               bool
}

func newWhy() *cobra.Command {
	var f whyFlags
	cmd := &cobra.Command{
		Use:   "why CALL",
		Short: "Tell in words how a call was routed, and why",
		Long: `Tell in words how a call was routed: when it queued and with which head start,
each step that relaxed its requirement, each agent who was rung and why this one,
what became of it, where the call went on, what the caller was told about the
wait and how long it was.

It reads the ledger in the data directory, of a hotline that runs or of one that
does not, and changes nothing. With --api it asks a hotline elsewhere, with the
token of an operator, auditor or supervisor from --token-file or CARDLINE_TOKEN.`,
		Example: `  cardline why c-1a0f4de6a20QX7HM2KD4TRWZ
  cardline why c-1a0f4de6a20QX7HM2KD4TRWZ --data /var/lib/cardline
  cardline why c-1a0f4de6a20QX7HM2KD4TRWZ --api https://hotline.example:9560 --token-file token
  cardline why c-1a0f4de6a20QX7HM2KD4TRWZ --json | jq '.steps[] | select(.kind == "offered")'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.explain(cmd.Context(), cmd.OutOrStdout(), args[0], time.Local)
		},
	}
	cmd.Flags().StringVar(&f.data, "data", defaultData(), "directory of the ledger")
	cmd.Flags().StringVar(&f.api, "api", "", "`URL` of a hotline's API, to be asked instead of a directory")
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", "file with the token for the API")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("data", "api")
	return cmd
}

// explain prints the explanation of a call, with times of day in a zone.
func (f whyFlags) explain(ctx context.Context, out io.Writer, call string, zone *time.Location) error {
	var e why.Explanation
	var err error
	if f.api != "" {
		e, err = f.ask(ctx, call)
	} else {
		e, err = f.read(ctx, call, zone)
	}
	if err != nil {
		return exitError{exitFailed, err}
	}
	if f.asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(e)
	}
	_, err = io.WriteString(out, e.Text)
	return err
}

// read explains a call from the ledger in the data directory.
func (f whyFlags) read(ctx context.Context, call string, zone *time.Location) (why.Explanation, error) {
	file := filepath.Join(f.data, "cardline.db")
	s, err := sqlite.OpenForReading(file)
	if errors.Is(err, os.ErrNotExist) {
		return why.Explanation{}, fmt.Errorf("no ledger at %s: give the directory of the hotline by --data", file)
	}
	if err != nil {
		return why.Explanation{}, fmt.Errorf("%w: run this as the user of the hotline", err)
	}
	defer s.Close()
	e, err := why.Explain(ctx, s, call, zone)
	if errors.Is(err, why.ErrUnknown) {
		return e, fmt.Errorf("no call %q in %s: ids are those of GET /api/calls and of the log's field call, such as c-1a0f4de6a20QX7HM2KD4TRWZ; "+
			"is --data the directory of the hotline that took the call?", call, file)
	}
	return e, err
}

// apiLimit is how long the API may take.
const apiLimit = 30 * time.Second

// ask lets the hotline explain a call.
func (f whyFlags) ask(ctx context.Context, call string) (e why.Explanation, err error) {
	token := os.Getenv("CARDLINE_TOKEN")
	if f.tokenFile != "" {
		text, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return e, fmt.Errorf("token: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	if token == "" {
		return e, errors.New("the API needs a token: give its file by --token-file, or set CARDLINE_TOKEN")
	}
	ctx, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	address := strings.TrimRight(f.api, "/") + "/api/calls/" + url.PathEscape(call) + "/why"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return e, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return e, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var problem struct{ Detail string }
		_ = json.NewDecoder(io.LimitReader(response.Body, 1<<16)).Decode(&problem) // the status says enough
		return e, fmt.Errorf("ask %s: %s: %s", address, response.Status, problem.Detail)
	}
	if err := json.NewDecoder(response.Body).Decode(&e); err != nil {
		return e, fmt.Errorf("ask %s: the answer is no explanation: %w", address, err)
	}
	return e, nil
}
