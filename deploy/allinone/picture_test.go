package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// pictureVariable names the variable that makes TestPicture keep its picture under docs. A run without it changes no file.
const pictureVariable = "SALLYPORT_KEEP_PICTURE"

// maxPicture bounds the picture that is kept, in bytes.
const maxPicture = 300 << 10

var uiAddress = regexp.MustCompile(`http://[0-9.:]+`)

// TestPicture looks at the recorded attack as an analyst does, in the Temporal UI: the address is blocked at the
// perimeter, and people are asked about the rest.
func TestPicture(t *testing.T) {
	b := openBrowser(t)
	o, _ := newSite(t, lab.Options{Events: lab.RecordedAttack(), Pace: lab.Pace{Quiet: time.Hour}})
	o.editPlan("for: 12s", "for: 1h")
	_, said := start(t, []string{"Sallyport is up."}, "up", "--config", o.file)
	ui := uiAddress.FindString(said["Sallyport is up."])
	o.play()
	r := o.awaitHeld()
	page := ui + "/namespaces/" + o.config.Temporal.Namespace + "/workflows/" + url.PathEscape(r.Key) + "/" + r.ID
	summary := "block_address 203.0.113.66 on pfsense"
	b.open(page+"/timeline", r.Key, summary, "patch shop-01 on ansible", "wait for people: block_address 203.0.113.66 on wazuh agent shop-01")
	text := b.open(page+"/user-metadata", r.Key, "block address 203.0.113.66 on pfsense for 1h: contained until", "What happened")
	for _, want := range []string{
		"contained · severity critical", "Many failed SSH logins from one address on shop-01", "block address 203.0.113.66 on wazuh agent shop-01 for 10s: waits for people",
		"sallyport approve " + r.ID, "CVE-2011-2523 on shop-01", "Case " + r.Case.ID + " in thehive",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the card does not say %q; it says:\n%s", want, text)
		}
	}
	if strings.ContainsAny(text, "*`") || strings.Contains(text, "&#") {
		t.Errorf("marks are shown as text:\n%s", text)
	}
	keepPicture(t, b.picture())
	o.loginOf(hostile)
	b.open(page+"/user-metadata", "user [click](http://evil.example) www.evil.example **now** ", " _us_")
	const links = `String([...document.querySelectorAll('iframe')].reduce((n, f) => n + f.contentDocument.querySelectorAll('a, img').length, 0))`
	if found := b.evaluate(links); found != "0" {
		t.Errorf("%s links or images on the card, made of the name of an account", found)
	}
}

// hostile is a name that an attacker chose for the analysts' screen.
const hostile = "[click](http://evil.example) www.evil.example **now** <img src=x> _us_"

// loginOf plays the attack's successful login once more, of another account.
func (o *office) loginOf(account string) {
	o.t.Helper()
	for _, event := range lab.RecordedAttack() {
		if !bytes.Contains(event, []byte(`"40112"`)) {
			continue
		}
		var alert map[string]any
		if err := json.Unmarshal(event, &alert); err != nil {
			o.t.Fatal(err)
		}
		now := time.Now().UTC()
		alert["timestamp"], alert["@timestamp"] = now.Format("2006-01-02T15:04:05.000-0700"), now.Format(time.RFC3339Nano)
		alert["data"].(map[string]any)["dstuser"] = account
		index := strings.Replace(o.config.Detect.Streams[0].Index, "*", "again", 1)
		if _, err := o.state.Create(o.t.Context(), index, "again", alert); err != nil {
			o.t.Fatal(err)
		}
		return
	}
	o.t.Fatal("the recorded attack has no login")
}

// awaitHeld waits until the address is held at the perimeter, and people are asked about the agent and the patch.
func (o *office) awaitHeld() (r activities.IncidentRecord) {
	o.t.Helper()
	o.await(time.Minute, "contained at the perimeter, the rest is asked", func() bool {
		records := o.records()
		if len(records) != 1 {
			return false
		}
		r = records[0]
		held := slices.ContainsFunc(r.Actions, func(a activities.ActionRecord) bool {
			return a.System == "pfsense" && a.State == string(soar.Contained)
		})
		return held && r.Status == "contained" && len(r.Pending) == 2
	})
	return r
}

// smaller is the picture in its 256 most frequent colours: a third of the bytes, and nothing that one would see.
func smaller(t *testing.T, picture []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	bounds := full.Bounds()
	if bounds.Dx() < 1000 || bounds.Dy() < 1000 {
		t.Fatalf("a picture of %s", bounds)
	}
	seen := map[color.Color]int{}
	eachPoint(bounds, func(x, y int) { seen[full.At(x, y)]++ })
	order := slices.SortedFunc(maps.Keys(seen), func(a, b color.Color) int { return cmp.Compare(seen[b], seen[a]) })
	few := image.NewPaletted(bounds, order[:min(len(order), 256)])
	for _, c := range order {
		seen[c] = few.Palette.Index(c)
	}
	eachPoint(bounds, func(x, y int) { few.SetColorIndex(x, y, uint8(seen[full.At(x, y)])) }) //nolint:gosec // at most 255
	var packed bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&packed, few); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func eachPoint(bounds image.Rectangle, visit func(x, y int)) {
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			visit(x, y)
		}
	}
}

func keepPicture(t *testing.T, picture []byte) {
	t.Helper()
	picture = smaller(t, picture)
	if len(picture) > maxPicture {
		t.Errorf("the picture has %d bytes, want %d at most", len(picture), maxPicture)
	}
	if os.Getenv(pictureVariable) == "" {
		return
	}
	file := filepath.Join(shared.Root(t), "docs", "pictures", "incident.png")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // part of the documentation
		t.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil { //nolint:gosec // part of the documentation
		t.Fatal(err)
	}
}
