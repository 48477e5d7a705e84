package backtest

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

//go:embed page.html
var pageText string

// Sizes of the drawings, in their own units.
const (
	chartWidth  = 960.0
	chartHeight = 180.0
	laneHeight  = 16.0
	maxLanes    = 40
	maxRows     = 200 // of one table
)

// WritePage writes the result as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.
// What events say stays text.
func (r Result) WritePage(out io.Writer) error {
	page, err := template.New("page").Funcs(template.FuncMap{
		"plain": plain, "at": clockTime, "day": func(t time.Time) string { return t.UTC().Format("2 Jan 15:04") },
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return page.Execute(out, view{Result: r})
}

func clockTime(t time.Time) string { return t.UTC().Format(time.DateTime + "Z") }

// plain keeps text from turning the direction of what stands around it, and from hiding.
func plain(text any) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) {
			return '?'
		}
		return c
	}, fmt.Sprint(text))
}

// view is a result as the page draws it.
type view struct{ Result }

// bar is a rectangle.
type bar struct {
	X, Y, Width, Height float64
	Class, Title        string
}

// tick is a line with its label.
type tick struct {
	At    float64
	Label string
}

// Most is the greatest number of detections of one slot.
func (v view) Most() (most int) {
	for _, slot := range v.Timeline {
		most = max(most, total(slot.Levels))
	}
	return most
}

func total(levels map[soar.Level]int) (sum int) {
	for _, count := range levels {
		sum += count
	}
	return sum
}

// Bars are the timeline's: one pile per slot, the worst level at its foot.
func (v view) Bars() (bars []bar) {
	most, width := v.Most(), chartWidth/float64(max(1, len(v.Timeline)))
	for i, slot := range v.Timeline {
		top := chartHeight
		for _, level := range slices.Backward(soar.Levels) {
			count := slot.Levels[level]
			if count == 0 {
				continue
			}
			height := max(1, chartHeight*float64(count)/float64(most))
			top -= height
			bars = append(bars, bar{
				X: float64(i) * width, Y: max(0, top), Width: max(1, width-1), Height: height, Class: string(level),
				Title: fmt.Sprintf("%s: %d detections of level %s", clockTime(slot.From), count, level),
			})
		}
	}
	return bars
}

// SlotLength is a slot's, for people.
func (v view) SlotLength() time.Duration { return time.Duration(v.SlotSeconds) * time.Second }

// Ticks are five times along the window.
func (v view) Ticks() (ticks []tick) {
	layout := "2 Jan"
	if v.To.Sub(v.From) <= 5*24*time.Hour {
		layout = "2 Jan 15:04"
	}
	for i := range 5 {
		at := v.From.Add(v.To.Sub(v.From) / 4 * time.Duration(i))
		ticks = append(ticks, tick{chartWidth / 4 * float64(i), at.UTC().Format(layout)})
	}
	return ticks
}

// lane is one incident's line of the timeline.
type lane struct {
	bar
	Label        string
	LabelX, Base float64
}

// labelWidth is what most labels need: they stand at the left, and behind a bar that begins there.
const labelWidth = 200.0

// Lanes are the first incidents, from when each opens until it ends.
func (v view) Lanes() (lanes []lane) {
	for n, i := range v.Incidents.List[:min(len(v.Incidents.List), maxLanes)] {
		end := v.To
		if i.Ended != nil {
			end = *i.Ended
		}
		from, to, label := v.place(i.Opened), v.place(end), 4.0
		if from < labelWidth && to < chartWidth-labelWidth {
			label = to + 6
		}
		lanes = append(lanes, lane{
			bar: bar{
				X: from, Y: float64(n)*laneHeight + 2, Width: max(2, to-from), Height: laneHeight - 4, Class: string(i.Level),
				Title: fmt.Sprintf("%s: opened %s, %d detections, %d actions", plain(i.Entity), clockTime(i.Opened), i.Detections, len(i.Actions)),
			},
			Label: clip(plain(i.Entity)), LabelX: label, Base: float64(n)*laneHeight + laneHeight - 5,
		})
	}
	return lanes
}

// clip shortens a label to what fits.
func clip(text string) string {
	if letters := []rune(text); len(letters) > 32 {
		return string(letters[:31]) + "…"
	}
	return text
}

// place is a time's place along the window.
func (v view) place(at time.Time) float64 {
	return min(chartWidth, max(0, chartWidth*float64(at.Sub(v.From))/float64(v.To.Sub(v.From))))
}

// LanesHeight is that of all lanes.
func (v view) LanesHeight() float64 {
	return laneHeight * float64(min(len(v.Incidents.List), maxLanes))
}

// More is how many of a list a table leaves out.
func (v view) More(length int) int { return max(0, length-maxRows) }

// ShownRules are the rules of the page's table.
func (v view) ShownRules() []Rule { return v.Rules[:min(len(v.Rules), maxRows)] }

// ShownIncidents are the incidents of the page's table.
func (v view) ShownIncidents() []Incident {
	return v.Incidents.List[:min(len(v.Incidents.List), maxRows)]
}
