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

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/internal/rest"
)

// defaultSocket is where a server started in the working directory listens: one
// with data in var, or a demonstration.
func defaultSocket() string {
	const demo = "var/demo/admin.sock"
	if _, err := os.Stat(demo); err == nil {
		return demo
	}
	return "var/admin.sock"
}

func socketFlag(c *cobra.Command, socket *string) {
	value := os.Getenv("ZEGEL_SOCKET")
	if value == "" {
		value = defaultSocket()
	}
	c.Flags().StringVar(socket, "socket", value, "admin socket of the running server (ZEGEL_SOCKET)")
}

// admin talks to a running server over its admin socket.
func admin(ctx context.Context, socket, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := rest.UnixClient(socket).Do(req)
	if err != nil {
		return notReached(ctx, socket, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return refusal(res.Status, b)
	}
	if out == nil {
		return nil
	}
	if w, ok := out.(io.Writer); ok {
		_, err := w.Write(b)
		return err
	}
	return json.Unmarshal(b, out)
}

// notReached says what to do when no server was reached. Whoever stopped asking is
// told no more than that.
func notReached(ctx context.Context, socket string, err error) error {
	if stopped := context.Cause(ctx); stopped != nil {
		return fmt.Errorf("asking the server: %w", stopped)
	}
	if _, missing := os.Stat(socket); errors.Is(missing, os.ErrNotExist) {
		return fmt.Errorf("no server listens on %s; start one with `zegel serve` or `zegel demo`, or name its socket with --socket", socket)
	}
	return fmt.Errorf("asking the server: %w", err)
}

// refusal reads the answer of a server that refused.
func refusal(status string, body []byte) error {
	var p rest.Problem
	if json.Unmarshal(body, &p) != nil || p.Title == "" {
		return fmt.Errorf("the server answered %s", status)
	}
	text := p.Title
	for _, part := range []struct{ before, words string }{{": ", p.Field}, {": ", p.Detail}, {"; expected ", p.Expected}, {" ", p.Remedy}} {
		if part.words != "" {
			text += part.before + part.words
		}
	}
	return errors.New(text)
}
