package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"chartvault/release"
)

func (e *env) disclosuresCmd() *cobra.Command {
	c := &cobra.Command{Use: "disclosures", Short: "What left the facility, and the accounting of it (45 CFR 164.528)"}
	c.AddCommand(e.disclosuresListCmd(), e.disclosuresPrintCmd(), e.disclosuresNoteCmd())
	return c
}

func (e *env) printDisclosure(x release.Disclosure) {
	listed := "in the accounting"
	switch {
	case !x.Accounted:
		listed = x.Exempt
	case !x.Suspended.IsZero():
		listed += " from " + x.Suspended.String() + " on"
	}
	fmt.Fprintf(e.out, "%s  %s  %s %s: %s; %s; by %s, %s\n", x.ID, x.On, x.Request, x.Class, x.What, x.Purpose, x.By, listed)
}

func (e *env) disclosuresListCmd() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "list < chart-number", Short: "List what a patient's accounting lists", Args: cobra.NoArgs, Example: "  chartvault disclosures list --all < number",
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := e.private("", "Chart number: ")
			if err != nil {
				return err
			}
			return e.call(cmd.Context(), "disclosures", accountParams{n, all}, show(e, e.printDisclosure))
		},
	}
	c.Flags().BoolVar(&all, "all", false, "also what an accounting does not list")
	return c
}

func (e *env) disclosuresPrintCmd() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "print --out FILE.pdf < chart-number-and-name", Short: "Print a patient's accounting of six years, as PDF", Args: cobra.NoArgs,
		Long: "Reads two lines: the chart number, and the patient's name as it is to be printed.", Example: "  printf '9118427\\nAlpha Testpatient\\n' | chartvault disclosures print --out accounting.pdf",
		RunE: func(cmd *cobra.Command, _ []string) error {
			lines, err := e.privateLines("Chart number, and the patient's name in the next line: ")
			if err != nil {
				return err
			}
			name := ""
			if len(lines) > 1 {
				name = lines[1]
			}
			return e.savePDF(cmd, "disclosures-print", map[string]string{"chart": lines[0], "patient": name}, out)
		},
	}
	c.Flags().StringVar(&out, "out", "accounting.pdf", "file to write")
	return c
}

func (e *env) disclosuresNoteCmd() *cobra.Command {
	return &cobra.Command{
		Use: "note < disclosure.json", Short: "Write down a disclosure that was made otherwise", Args: cobra.NoArgs,
		Long: "JSON: charts, on (the day), class, recipient (name, address), what, purpose, method, pages; suspended_until and suspension_basis where oversight or law\n" +
			"enforcement asked for it.",
		Example: `  echo '{"charts":["9118427"],"on":"2026-01-31","class":"public_health","recipient":{"name":"County health department"},"what":"a case report","purpose":"reporting","method":"by telephone"}' |
    chartvault disclosures note`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var x newDisclosure
			if err := e.standardJSON(&x); err != nil {
				return err
			}
			return e.call(cmd.Context(), "disclosure-note", x, show(e, e.printDisclosure))
		},
	}
}
