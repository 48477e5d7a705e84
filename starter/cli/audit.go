package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

func auditCommand(streams IO) *cobra.Command {
	command := group("audit", "Prove the audit log", "  sallyport audit verify")
	command.AddCommand(&cobra.Command{
		Use: "verify [CHAIN...]", Short: "Check that no entry of a chain was changed, removed or put in",
		Long:    "A chain is an incident's id, or \"house\" for what stands outside incidents. Without a name every chain is checked.\nExit code 1 names the first entry that breaks its chain.",
		Example: "  sallyport audit verify\n  sallyport audit verify house",
		RunE:    func(c *cobra.Command, args []string) error { return verifyChains(c, streams, args) },
	})
	return command
}

func verifyChains(c *cobra.Command, streams IO, chains []string) error {
	o, err := openOffice(c)
	if err != nil {
		return err
	}
	state, err := o.state(c.Context())
	if err != nil {
		return err
	}
	if len(chains) == 0 {
		chains = []string{""} // all
	}
	var broken []error
	for _, chain := range chains {
		reports, err := opensearch.NewAudits(state).Verify(c.Context(), chain)
		if err != nil {
			return bad(fmt.Errorf("read the audit log: %w", err))
		}
		for _, report := range reports {
			broken = append(broken, printChain(streams, report))
		}
	}
	if err := errors.Join(broken...); err != nil {
		return bad(err)
	}
	return nil
}

func printChain(streams IO, report opensearch.ChainReport) error {
	if report.Broken != "" {
		return errors.New(report.Broken)
	}
	if report.Entries == 0 {
		return fmt.Errorf("there is no chain %s: `sallyport audit verify` lists them all", Printable(report.Chain))
	}
	fmt.Fprintf(streams.Out, "%s: %d entries, unbroken, head %s\n", Printable(report.Chain), report.Entries, report.Head)
	return nil
}
