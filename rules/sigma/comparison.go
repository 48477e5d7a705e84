package sigma

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// comparison compares numbers, or a part of a time with a number.
type comparison struct {
	operator, part string
	whole          int64
	isWhole        bool
	float          float64
}

func newComparison(mods modifiers, s string) (c comparison, err error) {
	c.part = mods.part()
	for _, m := range []string{"gt", "gte", "lt", "lte"} {
		if mods.has(m) {
			c.operator = m
		}
	}
	c.whole, err = strconv.ParseInt(s, 10, 64)
	c.isWhole = err == nil
	if c.float, err = strconv.ParseFloat(s, 64); math.IsNaN(c.float) || math.IsInf(c.float, 0) {
		err = strconv.ErrRange // no number is above or below it, or each is
	}
	return c, err
}

// outside says which numbers a part of a time may have, if the rule's is none of them; else "".
func (c comparison) outside() string {
	first, last := int64(0), int64(9999)
	switch c.part {
	case "":
		return ""
	case "minute":
		last = 59
	case "hour":
		last = 23
	case "day":
		first, last = 1, 31
	case "week":
		first, last = 1, 53
	case "month":
		first, last = 1, 12
	}
	if c.isWhole && c.whole >= first && c.whole <= last {
		return ""
	}
	return fmt.Sprintf("is no %s: a whole number from %d to %d", c.part, first, last)
}

func (c comparison) matches(v value) bool {
	if v.null {
		return false
	}
	if c.part != "" {
		at, ok := timeOf(v)
		return ok && c.fits(partOf(at.UTC(), c.part))
	}
	if whole, err := strconv.ParseInt(v.text, 10, 64); err == nil && c.isWhole {
		return c.ordered(compare(whole, c.whole))
	}
	float, err := strconv.ParseFloat(v.text, 64)
	if err == nil && c.isWhole && float == float && math.Abs(float) < 1<<62 && float == math.Trunc(float) {
		return c.ordered(compare(int64(float), c.whole))
	}
	return err == nil && float == float && c.ordered(compare(float, c.float))
}

func (c comparison) fits(n int64) bool { return c.isWhole && c.ordered(compare(n, c.whole)) }

func compare[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (c comparison) ordered(sign int) bool {
	switch c.operator {
	case "gt":
		return sign > 0
	case "gte":
		return sign >= 0
	case "lt":
		return sign < 0
	case "lte":
		return sign <= 0
	}
	return sign == 0
}

// onlyNumbers compares by value where both sides are numbers: 1 is 1.0.
type onlyNumbers struct{ comparison }

func (o onlyNumbers) matches(v value) bool { return v.number && o.comparison.matches(v) }

var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999-0700", "2006-01-02 15:04:05.999999999Z07:00", time.DateOnly}

func timeOf(v value) (time.Time, bool) {
	if v.number {
		whole, _, _ := strings.Cut(v.text, ".")
		seconds, err := strconv.ParseInt(whole, 10, 64)
		if seconds > 100_000_000_000 {
			return time.UnixMilli(seconds), err == nil
		}
		return time.Unix(seconds, 0), err == nil
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, v.text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func partOf(at time.Time, part string) int64 {
	switch part {
	case "minute":
		return int64(at.Minute())
	case "hour":
		return int64(at.Hour())
	case "day":
		return int64(at.Day())
	case "week":
		_, week := at.ISOWeek()
		return int64(week)
	case "month":
		return int64(at.Month())
	}
	return int64(at.Year())
}
