package gvm

import (
	"bytes"
	"encoding/xml"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// TestReportsOfARealGVM reads reports that gvmd 26.24 gave before and after two services were patched.
func TestReportsOfARealGVM(t *testing.T) {
	const folder = "real/gvm-transcripts/"
	for name, want := range map[string]struct {
		results int
		cves    string
	}{
		"B-test-feed-scan/get_reports-native":     {6, "CVE-2011-2523 CVE-2021-41773 CVE-2021-42013 CVE-2023-48795"},
		"B-test-feed-scan/get_reports-xml-format": {6, "CVE-2011-2523 CVE-2021-41773 CVE-2021-42013 CVE-2023-48795"},
		"E-rescan-after-fix/get_reports-before":   {3, "CVE-2011-2523 CVE-2021-41773 CVE-2021-42013 CVE-2023-48795"},
		"E-rescan-after-fix/get_reports-after":    {1, "CVE-2023-48795"},
	} {
		in := xml.NewDecoder(bytes.NewReader(shared.Read(t, folder+name+".response.xml")))
		s := session{replies: in}
		root, err := s.nextRoot()
		if err != nil || accepted(root, "get_reports") != nil {
			t.Fatalf("%s: %v, %v", name, err, accepted(root, "get_reports"))
		}
		r, err := readReport(in, soar.Asset{}, netip.MustParseAddr("10.99.0.10"), 70)
		list, _ := r.vulnerabilities()
		var cves []string
		for _, v := range list {
			cves = append(cves, v.CVE)
		}
		if err != nil || r.status != "Done" || r.seen != want.results || r.filtered != want.results || !r.answered || strings.Join(cves, " ") != want.cves {
			t.Errorf("%s: %d of %d results, status %q, %v, %v; want %+v", name, r.seen, r.filtered, r.status, cves, err, want)
		}
	}
}

// TestRepliesOfARealGVM reads every recorded reply as the client would: a status, and an end.
func TestRepliesOfARealGVM(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(shared.Path(t, "real/gvm-transcripts"), "*", "*.response.xml"))
	if len(files) < 80 {
		t.Fatalf("only %d recorded replies", len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := session{replies: xml.NewDecoder(bytes.NewReader(text))}
		root, err := s.nextRoot()
		if code, _ := statusOf(root); err != nil || code < 200 || s.replies.Skip() != nil {
			t.Errorf("%s: status %d, %v", filepath.Base(file), code, err)
		}
	}
}

func TestTaskOfARealGVM(t *testing.T) {
	var reply struct {
		Tasks []task `xml:"task"`
	}
	text := shared.Read(t, "real/gvm-transcripts/B-test-feed-scan/get_tasks-final.response.xml")
	if err := xml.Unmarshal(text, &reply); err != nil || len(reply.Tasks) != 1 {
		t.Fatal(err, len(reply.Tasks))
	}
	got := reply.Tasks[0]
	if got.ID != "31cbeae0-023e-4560-99e4-d573188228ee" || got.Name != "soar e2e task" || !got.final() || got.Progress != "-1" ||
		got.Last.ID != "f6bb9d8c-866b-44e3-bfd5-1b5ee4b73cf4" || got.Last.Ended != "2026-11-22T21:06:13Z" || got.Target.ID != "b6f8f04d-db05-4c4c-a485-d50db9ea759f" {
		t.Errorf("read %+v", got)
	}
}

// TestReportsOfOtherVersions reads exports that others published.
func TestReportsOfOtherVersions(t *testing.T) {
	for name, want := range map[string]struct {
		host string
		cves int
	}{
		"defectdojo-report_detail_v2.xml": {"10.99.99.99", 1},
		"defectdojo-one_vuln.xml":         {"10.0.101.2", 1},
		"defectdojo-no_vuln.xml":          {"10.0.101.2", 0},
	} {
		in := xml.NewDecoder(bytes.NewReader(shared.Read(t, "samples/gvm/"+name)))
		s := session{replies: in}
		if _, err := s.nextRoot(); err != nil {
			t.Fatal(err)
		}
		r, err := readReport(in, soar.Asset{}, netip.MustParseAddr(want.host), 0)
		if list, _ := r.vulnerabilities(); err != nil || r.status != "Done" || len(list) < want.cves || (want.cves == 0) != (len(list) == 0) {
			t.Errorf("%s: %d vulnerabilities, status %q, %v", name, len(list), r.status, err)
		}
	}
}

// FuzzReport: whatever a peer sends, reading it ends.
func FuzzReport(f *testing.F) {
	f.Add([]byte(`<report><scan_run_status>Done</scan_run_status><results><result><host>10.0.0.1</host><severity>x</severity></result></results></report>`))
	f.Add([]byte(`<results><result/><result><nvt><refs><ref type="cve" id="CVE-1"/></refs></nvt></result>`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = readReport(xml.NewDecoder(bytes.NewReader(text)), soar.Asset{}, netip.MustParseAddr("10.0.0.1"), 0)
	})
}
