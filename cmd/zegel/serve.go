package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	_ "time/tzdata" // the MAGDA platform speaks Belgian time, also in containers without zone files

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/internal/rest"
)

func serveCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the roles that a configuration names",
		Long: `Runs issuer, holder (vault platform), verifier and the verifiable credential
API, as the configuration names them, until it is told to stop; then it finishes the requests under way.

The configuration is one YAML file; unknown keys are errors and all faults are
told at once. Secrets are never in it: it names files that hold them. See
deploy/zegel.yaml for one with every key explained.`,
		Example: "  zegel serve --config /etc/zegel/zegel.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := LoadConfig(path)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), c, newLogger(cmd.ErrOrStderr(), c.Log))
		},
	}
	c.Flags().StringVar(&path, "config", "zegel.yaml", "configuration file")
	return c
}

func serve(ctx context.Context, c *Config, log *slog.Logger) error {
	a, err := open(ctx, c, log, time.Now)
	if err != nil {
		return err
	}
	defer func() {
		if err := a.Close(); err != nil {
			log.Error("closing", "error", err)
		}
	}()
	if err := a.roles(ctx); err != nil {
		return err
	}
	if err := a.listen(); err != nil {
		return err
	}
	for _, s := range a.servers {
		log.Info("serving", "role", s.name, "url", s.listen.URL, "listen", s.listener.Addr().String())
	}
	log.Info("admin socket", "path", c.Socket)
	return a.serve(ctx)
}

func newLogger(w io.Writer, format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// buildAdmin serves the local admin socket beside the roles.
func (a *app) buildAdmin(context.Context) error {
	handler := a.adminHandler()
	a.background = append(a.background, func(ctx context.Context) error {
		err := rest.ServeUnix(ctx, a.c.Socket, handler, rest.ServeOptions{Log: a.log})
		if errors.Is(err, rest.ErrInUse) {
			return fmt.Errorf("admin socket %s: %w", a.c.Socket, err)
		}
		return err
	})
	return nil
}
