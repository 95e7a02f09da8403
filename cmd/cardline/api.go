package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// apiLimit is how long the API may take.
const apiLimit = 30 * time.Second

// apiFlags say where a hotline's API is, and with which token to ask it.
type apiFlags struct{ api, tokenFile string }

// add puts the flags to a command.
func (f *apiFlags) add(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&f.api, "api", "", "`URL` of a hotline's API, such as http://127.0.0.1:9560")
	cmd.PersistentFlags().StringVar(&f.tokenFile, "token-file", "", "file with the token for the API (default: CARDLINE_TOKEN in the environment)")
}

// bookFlags say whose books are read, those of a data directory or of a hotline by
// its API, and how they are printed.
type bookFlags struct {
	apiFlags
	data   string
	asJSON bool
}

// add puts the flags to a command.
func (f *bookFlags) add(cmd *cobra.Command) {
	dataFlag(cmd, &f.data)
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	f.apiFlags.add(cmd)
	cmd.MarkFlagsMutuallyExclusive("data", "api")
}

// fetch reads a list of the API, in the longest page that there is, or by read if no
// API is named. It is never nil.
func fetch[T any](ctx context.Context, f bookFlags, name string, read func(context.Context) ([]T, error)) (list []T, err error) {
	if f.api == "" {
		list, err = read(ctx)
	} else {
		answer := map[string]json.RawMessage{}
		err = f.do(ctx, http.MethodGet, "/api/"+name+"?limit=10000", nil, &answer)
		if err == nil {
			err = json.Unmarshal(answer[name], &list)
		}
	}
	return append([]T{}, list...), err
}

// writeJSON prints a value for programs.
func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// token returns the token for the API.
func (f apiFlags) token() (string, error) {
	token := os.Getenv("CARDLINE_TOKEN")
	if f.tokenFile != "" {
		text, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return "", fmt.Errorf("token: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	if token == "" {
		return "", errors.New("the API needs a token: give its file by --token-file, or set CARDLINE_TOKEN")
	}
	return token, nil
}

// do sends a request, with a body if there is one, and reads the answer into
// answer unless that is nil. The error says what the API had against it.
func (f apiFlags) do(ctx context.Context, method, path string, body, answer any) error {
	if f.api == "" {
		return errors.New("this is done by a hotline that runs: give the address of its API by --api, such as http://127.0.0.1:9560")
	}
	token, err := f.token()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	address := strings.TrimRight(f.api, "/") + path
	text := []byte(nil)
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		var problem struct{ Detail string }
		_ = json.NewDecoder(io.LimitReader(response.Body, 1<<16)).Decode(&problem) // the status says enough
		return fmt.Errorf("ask %s: %s: %s", address, response.Status, problem.Detail)
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("ask %s: the answer makes no sense: %w", address, err)
	}
	return nil
}
