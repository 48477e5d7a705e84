package gvm_test

import (
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/gvm/gvmtest"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// TestStandInHoldsAgainstPythonGVM lets Greenbone's own client talk to the stand-in; the same driver passes on gvmd 26.
func TestStandInHoldsAgainstPythonGVM(t *testing.T) {
	python := os.Getenv("SALLYPORT_CONFORMANCE_PYTHON")
	if python == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no python with python-gvm: set SALLYPORT_CONFORMANCE_PYTHON")
		}
		t.Skip("no python with python-gvm: set SALLYPORT_CONFORMANCE_PYTHON")
	}
	hosts := newNetwork()
	hosts.set("127.0.0.1", hosts.look(web.Address))
	s := gvmtest.NewServer(t, hosts.look)
	s.SetPace(400 * time.Millisecond) // the driver looks twice a second
	_, port, _ := net.SplitHostPort(s.Address)
	driver := exec.CommandContext(t.Context(), python, shared.Path(t, "conformance/gvm_python_gvm.py"))
	driver.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "GVM_URL=tls://127.0.0.1:"+port, "GVM_USER="+gvmtest.User,
		"GVM_PASSWORD="+gvmtest.Password, "GVM_MIN_RESULTS=3", "GVM_SECONDS=60")
	out, err := driver.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
