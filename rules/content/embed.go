// Package content is what analysts edit: detections, plans, policies, hunts, mappings and lists, as they are shipped.
package content

import "embed"

// Files are the shipped files; an operator's folders lie over them.
//
//go:embed all:detections all:hunts all:lists all:mappings all:plans all:policies
var Files embed.FS
