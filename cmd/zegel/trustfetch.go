package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/internal/rest"
)

func trustFetchCommand() *cobra.Command {
	var socket string
	var asJSON bool
	c := &cobra.Command{
		Use:   "fetch",
		Short: "Have the running server fetch its trusted lists now",
		Long: `Fetches the list of lists and every national list at once, as the server does by
itself every few hours, and shows how it stands with each. How far it is, list by
list, goes to standard error: it can take minutes.

Exits with status 0 when every list is there, 1 when one could not be had or is
not acceptable, and 2 when nothing was fetched, such as without a server.`,
		Args: notAskedArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			lists, err := fetchLists(cmd.Context(), socket, newMeter(cmd.ErrOrStderr()))
			if err != nil {
				return notAsked(cmd, err)
			}
			if err := showLists(cmd.OutOrStdout(), lists, asJSON); err != nil {
				return notAsked(cmd, err)
			}
			if slices.ContainsFunc(lists, func(l listStatus) bool { return l.Error != "" }) {
				return exitStatus(1)
			}
			return nil
		},
	}
	c.SetFlagErrorFunc(notAsked)
	socketFlag(c, &socket)
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON")
	return c
}

// fetchLists asks the server and follows how far it is.
func fetchLists(ctx context.Context, socket string, m *meter) ([]listStatus, error) {
	defer m.end()
	req, err := http.NewRequestWithContext(ctx, "POST", "http://admin/trust/fetch", nil)
	if err != nil {
		return nil, err
	}
	client := rest.UnixClient(socket)
	client.Timeout = 0 // the server bounds it
	res, err := client.Do(req)
	if err != nil {
		return nil, notReached(ctx, socket, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		return nil, errors.Join(refusal(res.Status, b), err)
	}
	var lists []listStatus
	err = readEvents(res.Body, func(name string, data []byte) error {
		switch name {
		case eventProgress:
			var p listProgress
			if err := json.Unmarshal(data, &p); err != nil {
				return err
			}
			m.tell(p)
		case eventLists:
			return json.Unmarshal(data, &lists)
		}
		return nil
	})
	if err == nil && lists == nil {
		err = errors.New("it was cut off before every list was there: the server stopped, or it took longer than a quarter of an hour")
	}
	return lists, err
}

// readEvents reads server-sent events of one line each.
func readEvents(r io.Reader, each func(name string, data []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	name := ""
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			name = value
		case "data":
			if err := each(name, []byte(value)); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// meter shows how far fetching is: on a terminal in one line that changes, else in
// a line for each list that is done.
type meter struct {
	out      io.Writer
	terminal bool
	done, of int
	waiting  []string
	wrote    bool
}

func newMeter(out io.Writer) *meter {
	m := &meter{out: out}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		m.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return m
}

func (m *meter) tell(p listProgress) {
	m.of = max(m.of, p.Of)
	m.waiting = slices.DeleteFunc(m.waiting, func(t string) bool { return t == p.Territory })
	if !p.Done {
		m.waiting = append(m.waiting, p.Territory)
	} else if p.Of > 0 {
		m.done++
	}
	if m.terminal {
		m.wrote = true
		fmt.Fprintf(m.out, "\r\x1b[K%d of %d lists", m.done, m.of)
		if len(m.waiting) > 0 {
			fmt.Fprintf(m.out, ", fetching %s", printable(strings.Join(m.waiting, ", ")))
		}
		return
	}
	if !p.Done {
		return
	}
	line := fmt.Sprintf("%-3s number %d", printable(p.Territory), p.Sequence)
	if p.Sequence == 0 {
		line = fmt.Sprintf("%-3s none", printable(p.Territory))
	}
	if p.Of > 0 {
		line += fmt.Sprintf(" (%d of %d)", m.done, m.of)
	}
	if p.Error != "" {
		line += ": " + printable(p.Error)
	}
	fmt.Fprintln(m.out, line)
}

// end clears the line of a terminal.
func (m *meter) end() {
	if m.wrote {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}
