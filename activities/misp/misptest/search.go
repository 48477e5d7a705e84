package misptest

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// filters are the request of a search, as it came: what is not understood is no filter.
type filters map[string]any

// texts are a filter's wanted values. An empty one is no filter: MISP then returns everything.
func (f filters) texts(name string) (out []string) {
	switch v := f[name].(type) {
	case string:
		for one := range strings.SplitSeq(v, "||") {
			if one != "" {
				out = append(out, one)
			}
		}
	case float64:
		out = []string{strconv.FormatFloat(v, 'f', -1, 64)}
	case []any:
		for _, one := range v {
			if text, ok := one.(string); ok && text != "" {
				out = append(out, text)
			}
		}
	case map[string]any:
		return filters(v).texts("OR")
	}
	return out
}

// flag is a 0/1 filter. JSON's false is no filter, as MISP has it.
func (f filters) flag(name string) (want, given bool) {
	switch v := f[name].(type) {
	case bool:
		return true, v
	case float64:
		return v == 1, true
	case string:
		return v != "0", v != ""
	}
	return false, false
}

func (f filters) number(name string) int {
	switch v := f[name].(type) {
	case float64:
		return int(v)
	case string:
		n, _ := strconv.Atoi(v)
		return n
	}
	return 0
}

// searchAttributes answers a page. X-Result-Count is no total: one more than the page when that is full or empty.
func (m *MISP) searchAttributes(w http.ResponseWriter, r *http.Request) {
	in := filters{}
	if !m.admits(w, r) || !read(w, r, &in) {
		return
	}
	rows := m.matching(in)
	limit, page := in.number("limit"), max(in.number("page"), 1)
	if limit > 0 {
		from := min((page-1)*limit, len(rows))
		rows = rows[from:min(from+limit, len(rows))]
	}
	count, skipped := len(rows), 0
	if limit > 0 && (count == limit || count == 0) {
		count++
	}
	found := []map[string]any{}
	for _, a := range rows {
		if enforce, ok := in.flag("enforceWarninglist"); ok && enforce && len(m.hits(a.value)) > 0 {
			skipped++
			continue
		}
		found = append(found, m.row(a, in))
	}
	w.Header().Set("X-Result-Count", strconv.Itoa(count))
	w.Header().Set("X-Skipped-Elements-Count", strconv.Itoa(skipped))
	answer(w, http.StatusOK, map[string]any{"response": map[string]any{"Attribute": found}})
}

// admits counts a limited role's searches.
func (m *MISP) admits(w http.ResponseWriter, r *http.Request) bool {
	if m.limit == 0 {
		w.Header().Set("X-Rate-Limit-Limit", "3")
		w.Header().Set("X-Rate-Limit-Remaining", "0")
		w.Header().Set("X-Rate-Limit-Reset", "897")
		refuse(w, r, http.StatusTooManyRequests, "Rate limit exceeded.")
		return false
	}
	m.limit--
	return true
}

func (m *MISP) searchEvents(w http.ResponseWriter, r *http.Request) {
	in := filters{}
	if !m.admits(w, r) || !read(w, r, &in) {
		return
	}
	found := []map[string]any{}
	var seen []*event
	for _, a := range m.matching(in) {
		if !slices.Contains(seen, a.event) {
			seen = append(seen, a.event)
			found = append(found, map[string]any{"Event": m.whole(a.event)})
		}
	}
	answer(w, http.StatusOK, map[string]any{"response": found})
}

func (m *MISP) matching(in filters) (rows []*attribute) {
	for _, a := range m.attributes {
		if m.passes(a, in) {
			rows = append(rows, a)
		}
	}
	return rows
}

func (m *MISP) passes(a *attribute, in filters) bool {
	if !wantsDeleted(in, a.deleted) || !newer(in["timestamp"], a.timestamp) || !newer(in["last"], a.event.publishedAt.Unix()) {
		return false
	}
	if want, given := in.flag("to_ids"); given && a.toIDs != want {
		return false
	}
	if want, given := in.flag("published"); given && a.event.published() != want {
		return false
	}
	for name, have := range map[string][]string{
		"value": append(strings.Split(a.value, "|"), a.value), "type": {a.kind}, "uuid": {a.uuid, a.event.uuid},
		"eventid": {text(a.event.id), a.event.uuid}, "tags": append(slices.Clone(a.tags), a.event.tags...), "org": {a.event.org},
	} {
		if wanted := in.texts(name); len(wanted) > 0 && !anyLike(have, wanted) {
			return false
		}
	}
	return true
}

func wantsDeleted(in filters, deleted bool) bool {
	list, isList := in["deleted"].([]any)
	if isList {
		return slices.Contains(list, any(map[bool]float64{true: 1}[deleted]))
	}
	want, given := in.flag("deleted")
	return deleted == (want && given)
}

// newer reads "5m" and seconds. What is no time matches nothing.
func newer(want any, at int64) bool {
	switch v := want.(type) {
	case nil:
		return true
	case float64:
		return at >= int64(v)
	case string:
		if v == "" {
			return true
		}
		unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[v[len(v)-1]]
		n, err := strconv.Atoi(v[:len(v)-1])
		if unit == 0 || err != nil {
			since, err := strconv.ParseInt(v, 10, 64)
			return err == nil && at >= since
		}
		return at >= time.Now().Add(-time.Duration(n)*unit).Unix()
	}
	return true
}

// anyLike compares without regard to case; % at either end is a wildcard.
func anyLike(have, wanted []string) bool {
	for _, w := range wanted {
		w = strings.ToLower(w)
		open, end := strings.HasPrefix(w, "%"), strings.HasSuffix(w, "%")
		core := strings.Trim(w, "%")
		for _, h := range have {
			h = strings.ToLower(h)
			if h == w || (open && end && strings.Contains(h, core)) || (open && !end && strings.HasSuffix(h, core)) || (end && !open && strings.HasPrefix(h, core)) {
				return true
			}
		}
	}
	return false
}

// row is an attribute with what was asked to come along.
func (m *MISP) row(a *attribute, in filters) map[string]any {
	row := a.shown()
	whole := m.metadata(a.event)
	fields := []string{"org_id", "distribution", "publish_timestamp", "id", "info", "orgc_id", "uuid"}
	if context, _ := in.flag("includeContext"); context {
		fields = append(fields, "date", "threat_level_id", "published", "analysis", "timestamp", "sharing_group_id", "extends_uuid", "Orgc")
	}
	event := map[string]any{}
	for _, field := range fields {
		event[field] = whole[field]
	}
	row["Event"] = event
	if tags := append(slices.Clone(a.tags), a.event.tags...); len(tags) > 0 {
		row["Tag"] = m.shownTags(tags)
	}
	if include, _ := in.flag("includeDecayScore"); include && a.decayed != nil {
		row["decay_score"] = []map[string]any{{"score": 50, "base_score": 80, "decayed": *a.decayed, "DecayingModel": map[string]string{"id": "3", "name": "NIDS Simple Decaying Model"}}}
	}
	if include, _ := in.flag("includeWarninglistHits"); include {
		warnings := []map[string]any{}
		for _, hit := range m.hits(a.value) {
			warnings = append(warnings, map[string]any{"match": hit.matched, "value": a.value, "warninglist_id": hit.list.id, "warninglist_name": hit.list.name, "warninglist_category": hit.list.category})
		}
		if len(warnings) > 0 {
			row["warnings"] = warnings
		}
	}
	return row
}

type warninglist struct {
	id, name, kind, category string
	entries                  []string
	enabled                  bool
}

// standardLists are small parts of MISP's own.
func standardLists() []*warninglist {
	return []*warninglist{
		{"96", "List of known IPv4 public DNS resolvers", "cidr", "false_positive", []string{"8.8.8.8/32", "8.8.4.4/32", "1.1.1.1/32", "9.9.9.9/32"}, true},
		{"97", "List of known IPv6 public DNS resolvers", "cidr", "false_positive", []string{"2001:4860:4860::8888/128"}, true},
		{"101", "List of RFC 1918 CIDR blocks", "cidr", "false_positive", []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}, true},
		{"95", "List of known public DNS resolvers expressed as hostname", "hostname", "false_positive", []string{"dns.google", "one.one.one.one"}, true},
	}
}

type hit struct {
	list    *warninglist
	matched string
}

// hits are the enabled lists that name a value: addresses inside networks, host names in lower case alone.
func (m *MISP) hits(value string) (found []hit) {
	ip, err := netip.ParseAddr(value)
	for _, list := range m.lists {
		for _, entry := range list.entries {
			network, noNetwork := netip.ParsePrefix(entry)
			listed := list.enabled && ((err == nil && noNetwork == nil && network.Contains(ip)) || strings.TrimSuffix(value, ".") == entry)
			if listed {
				found = append(found, hit{list, entry})
			}
		}
	}
	return found
}
