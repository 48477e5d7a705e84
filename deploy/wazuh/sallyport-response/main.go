// Command sallyport-response runs on a Wazuh agent as active-response/bin/sallyport-response. The Wazuh server starts it
// as !sallyport-response; it reads one line on stdin, blocks or unblocks one address in nftables, and logs what it saw.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport-soar/sallyport/deploy/wazuh/sallyport-response/response"
)

// exampleAddress is looked for by -check: of TEST-NET-1, nobody's.
var exampleAddress = netip.AddrFrom4([4]byte{192, 0, 2, 1})

// deadline bounds a run: execd waits for no one, but a run that hangs would keep the lock from the next.
const deadline = 20 * time.Second

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	time.AfterFunc(deadline+5*time.Second, func() { os.Exit(3) }) // a read on stdin knows no context
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stderr))
}

func run(ctx context.Context, args []string, in io.Reader, complain io.Writer) int {
	flags := flag.NewFlagSet("sallyport-response", flag.ContinueOnError)
	flags.SetOutput(complain)
	home := flags.String("home", homeOf(os.Args[0]), "Wazuh's folder")
	state := flags.String("state", "", "file that keeps who holds what (default HOME/var/sallyport-response.json)")
	log := flags.String("log", "", "file that gets the result's line (default HOME/logs/active-responses.log)")
	check := flags.Bool("check", false, "say whether nftables works here, and change nothing")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	nft, err := response.FindNft()
	if err == nil && *check {
		_, err = nft.Look(ctx, exampleAddress)
	}
	if *check {
		return report(complain, err)
	}
	program := &response.Program{
		Firewall:  nft,
		Store:     response.File{Path: or(*state, filepath.Join(*home, "var/sallyport-response.json"))},
		Protected: response.Host{Home: *home, Root: "/", Proc: "/proc"}.Protected,
		Now:       time.Now,
	}
	line, _ := bufio.NewReaderSize(io.LimitReader(in, response.MaxLine+1), response.MaxLine+1).ReadBytes('\n') // a line without its end is judged like any other
	result := program.Run(ctx, line)
	if err := appendLine(or(*log, filepath.Join(*home, "logs/active-responses.log")), result.Line()); err != nil {
		_, _ = fmt.Fprintln(complain, err)
		return 1
	}
	if result.Error != "" {
		return 1
	}
	return 0
}

func report(out io.Writer, err error) int {
	if err != nil {
		_, _ = fmt.Fprintln(out, "sallyport-response: nftables does not work here:", err)
		return 1
	}
	_, _ = fmt.Fprintln(out, "sallyport-response: nftables works here")
	return 0
}

// homeOf is Wazuh's folder: the program lies in its active-response/bin.
func homeOf(program string) string {
	if path, err := filepath.Abs(program); err == nil && filepath.Base(filepath.Dir(path)) == "bin" {
		if up := filepath.Dir(filepath.Dir(path)); filepath.Base(up) == "active-response" {
			return filepath.Dir(up)
		}
	}
	return "/var/ossec"
}

// appendLine writes the line at once, so that it can't be torn by another program's.
func appendLine(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o660)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
