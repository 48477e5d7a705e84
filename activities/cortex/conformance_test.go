package cortex_test

import (
	"testing"

	"github.com/sallyport-soar/sallyport/activities/cortex/cortextest"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// TestConformance lets cortex4py, TheHive Project's own Python client, drive the stand-in.
func TestConformance(t *testing.T) {
	server := cortextest.NewServer(t)
	shared.Conform(t, "cortex_cortex4py.py", "CORTEX_URL="+server.URL, "CORTEX_KEY="+cortextest.Key)
}
