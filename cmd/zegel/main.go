// Command zegel issues sealed credentials, keeps personal data vaults and
// verifies presentations. `zegel demo` shows all of it on one machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

// run is main with an exit status, so that tests can start the real command.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:   "zegel",
		Short: "Sealed credentials and personal data vaults",
		Long: `Zegel issues eIDAS-sealed verifiable credentials, keeps them in personal data
vaults that the operator cannot read, and verifies presentations.

Start with "zegel demo": it runs issuer, wallet and verifier on this machine.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
	}
	root.AddCommand(demoCommand(), serveCommand(), keysCommand(), receiversCommand(), trustCommand(), auditCommand(), verifyCommand(), sealCommand(), signersCommand(), walletCommand(), vaultsCommand(), didCommand(), apiKeyCommand())
	err := root.ExecuteContext(ctx)
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	default:
		fmt.Fprintln(os.Stderr, "zegel:", err)
		return 1
	}
}

// exitStatus ends the command with a status after it said what there is to say.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(development)"
	}
	return info.Main.Version
}
