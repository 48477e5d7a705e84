package document

// Nearest is the name of those known that a mistyped one most likely meant, "" if none is within two changes. Of two that
// are as near the first one counts.
func Nearest(name string, known []string) (best string) {
	distance := 3
	for _, one := range known {
		if d := Distance(name, one); d < distance {
			best, distance = one, d
		}
	}
	return best
}

// Distance is how many letters must be changed, added or taken out to make one word of the other (Levenshtein).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, cost)
		}
	}
	return row[len(b)]
}
