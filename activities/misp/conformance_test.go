package misp_test

import (
	"testing"

	"github.com/sallyport-soar/sallyport/activities/misp/misptest"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// TestConformance lets PyMISP, MISP's own Python client, drive the stand-in.
func TestConformance(t *testing.T) {
	server := misptest.NewServer(t)
	shared.Conform(t, "misp_pymisp.py", "MISP_URL="+server.URL, "MISP_KEY="+misptest.Key)
}
