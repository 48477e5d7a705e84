package workflows

import (
	"slices"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// again reports whether somebody attacks anew whose block has expired: then it may be planned once more, on what was
// detected since. A block that a person ended, or that was refused, stays as it was decided.
func (i *incident) again(news soar.Brief) (anew bool) {
	i.Planned = slices.DeleteFunc(i.Planned, func(a soar.Action) bool {
		at := slices.IndexFunc(i.Record.Actions, func(r activities.ActionRecord) bool { return r.ID == a.ID })
		if at < 0 || !expired(i.Record.Actions[at]) || !news.Last.After(*i.Record.Actions[at].ReleasedAt) || !attacks(news, a) {
			return false
		}
		anew = true
		return true
	})
	return anew
}

func expired(r activities.ActionRecord) bool {
	return r.State == string(soar.Released) && r.ReleasedAt != nil && r.Expires != nil && !r.ReleasedAt.Before(*r.Expires)
}

// attacks reports whether the news names the address that an action blocked.
func attacks(news soar.Brief, a soar.Action) bool {
	return a.Kind == soar.BlockAddress && slices.ContainsFunc(news.Observables, func(o soar.Observable) bool {
		address, err := soar.NormalTarget(soar.BlockAddress, o.Value)
		return err == nil && o.Type == "ip" && address == a.Target
	})
}
