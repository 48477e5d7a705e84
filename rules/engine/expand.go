package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// expanded replaces the placeholders of a value by the values of their lists.
func (l *line) expanded(text string) (int32, error) {
	made := []string{""}
	put := func(tails ...string) {
		var longer []string
		for _, head := range made {
			for _, tail := range tails {
				longer = append(longer, head+tail)
			}
		}
		made = longer
	}
	for i := 0; i < len(text); {
		end := strings.IndexAny(text[min(i+1, len(text)):], `%\`) + i + 1
		switch {
		case text[i] == '\\' && i+1 < len(text):
			if text[i+1] == '%' {
				put("%")
			} else {
				put(text[i : i+2])
			}
			i += 2
		case text[i] == '%' && end > i+1 && text[end] == '%':
			values, known := l.lists[text[i+1:end]]
			if !known {
				l.unknown = true
				return l.join(opOr, nil), nil
			}
			put(values...)
			i = end + 1
		default:
			put(text[i : i+1])
			i++
		}
		if len(made) > maxExpanded {
			return 0, fmt.Errorf("stands for too many values")
		}
	}
	var any []int32
	for _, each := range slices.Clone(made) {
		part, err := l.value(document.Text, each, false)
		if err != nil {
			return 0, err
		}
		any = append(any, part)
	}
	return l.join(opOr, any), nil
}

// maxExpanded bounds the values that one written value stands for.
const maxExpanded = 100_000
