//go:build !unix

package response

import (
	"errors"
	"os"
)

// flock is for hosts with nftables only.
func flock(*os.File) error { return errors.ErrUnsupported }
