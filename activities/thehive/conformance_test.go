package thehive_test

import (
	"testing"

	"github.com/sallyport-soar/sallyport/activities/thehive/thehivetest"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// TestConformance lets TheHive's own Python client drive the stand-in.
func TestConformance(t *testing.T) {
	server := thehivetest.NewServer(t)
	shared.Conform(t, "thehive_thehive4py.py", "THEHIVE_URL="+server.URL, "THEHIVE_KEY="+thehivetest.Key)
}
