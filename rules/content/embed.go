// Package content is what analysts edit: detections, correlations, suppressions, plans, policies, hunts, mappings and lists, as they are shipped.
package content

import "embed"

// Files are the shipped files; an operator's folders lie over them.
//
//go:embed all:correlations all:detections all:hunts all:lists all:mappings all:plans all:policies all:suppressions
var Files embed.FS
