package engine

import (
	"bytes"
	"strings"
)

// needle is a text that is looked for by its rarest byte: most often the first look, at sixteen bytes and more at once,
// finds none.
type needle struct {
	text []byte
	rare int // the byte's place
}

func newNeedle(text []byte) needle {
	n := needle{text: text}
	for i, c := range text {
		if rareness[c] > rareness[text[n.rare]] {
			n.rare = i
		}
	}
	return n
}

// rareness ranks bytes by how seldom commands, paths and scripts have them, as events spell them.
var rareness = func() (table [256]uint8) {
	for c := range table {
		table[c] = 4
	}
	for rank, these := range []string{"\\", "etaoinsrlcdmpu ", "bfghwyv0123456789.-:/_", "kqxjzABCDEFGHIJKLMNOPQRSTUVWXYZ,;=()'\""} {
		for c := range table {
			if strings.IndexByte(these, byte(c)) >= 0 {
				table[c] = uint8(rank)
			}
		}
	}
	return table
}()

// in is where the text begins, -1 if it is not there.
func (n *needle) in(text []byte) int {
	if len(n.text) == 0 {
		return 0
	}
	fails := 0
	for at := n.rare; at < len(text); at++ {
		if fails++; fails > 16+at/16 { // the byte is not rare here
			begin := at - n.rare
			if at = bytes.Index(text[begin:], n.text); at >= 0 {
				at += begin
			}
			return at
		}
		next := bytes.IndexByte(text[at:], n.text[n.rare])
		if next < 0 {
			break
		}
		at += next
		if begin := at - n.rare; bytes.HasPrefix(text[begin:], n.text) {
			return begin
		}
	}
	return -1
}
