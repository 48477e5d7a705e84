package slack

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/slack-go/slack"
	"go.temporal.io/sdk/activity"

	"github.com/sallyport-soar/sallyport/activities"
)

// Activities post to one channel.
type Activities struct {
	api     *slack.Client
	channel string
	key     ed25519.PrivateKey
}

// New returns activities over an open API. key seals the buttons: the gateway's.
func New(api *slack.Client, channel string, key ed25519.PrivateKey) *Activities {
	return &Activities{api: api, channel: channel, key: key}
}

// AskPeople brings the approval's card to its newest revision, or posts it. chat.postMessage knows no idempotency, so a
// card whose place is not known is looked for by its metadata before it is posted again. A reminder is also said in the
// card's thread: Slack tells nobody of an edit.
func (a *Activities) AskPeople(ctx context.Context, c activities.Card) (at activities.CardRef, err error) {
	at = c.Posted
	if at.TS == "" && (c.Revision > 1 || attempt(ctx) > 1) {
		if at, err = a.find(ctx, c.Request); err != nil {
			return at, err
		}
	}
	fallback, blocks := card(c, a.key)
	look := []slack.MsgOption{slack.MsgOptionText(escape(fallback), false), slack.MsgOptionBlocks(blocks...), slack.MsgOptionDisableLinkUnfurl()}
	if at.TS == "" {
		return a.post(ctx, c, look)
	}
	if _, _, _, err = a.api.UpdateMessageContext(ctx, at.Channel, at.TS, look...); gone(err) {
		return a.post(ctx, c, look)
	}
	if err != nil || !c.Reminder {
		return at, wrap("update card", err)
	}
	_, _, err = a.api.PostMessageContext(ctx, at.Channel, slack.MsgOptionText(escape(fallback), false), slack.MsgOptionTS(at.TS), slack.MsgOptionBroadcast())
	return at, wrap("remind", err)
}

func (a *Activities) post(ctx context.Context, c activities.Card, look []slack.MsgOption) (activities.CardRef, error) {
	mark := slack.SlackMetadata{EventType: eventType, EventPayload: map[string]any{"request": c.Request, "revision": c.Revision}}
	channel, ts, err := a.api.PostMessageContext(ctx, a.channel, append(look, slack.MsgOptionMetadata(mark))...)
	return activities.CardRef{Channel: channel, TS: ts}, wrap("post card", err)
}

// attempt is which attempt of its activity this is; outside of one, the first.
func attempt(ctx context.Context) int32 {
	if !activity.IsActivity(ctx) {
		return 1
	}
	return activity.GetInfo(ctx).Attempt
}

// gone reports whether a card can't be edited any more: somebody deleted it, or the workspace forbids late edits.
func gone(err error) bool {
	answer, ok := errors.AsType[slack.SlackErrorResponse](err)
	return ok && (answer.Err == "message_not_found" || answer.Err == "edit_window_closed" || answer.Err == "cant_update_message")
}

// TellPeople posts one message.
func (a *Activities) TellPeople(ctx context.Context, m activities.Message) (activities.None, error) {
	text := escape(clip(m.Text, maxSection))
	_, _, err := a.api.PostMessageContext(ctx, a.channel, slack.MsgOptionText(text, false), slack.MsgOptionDisableLinkUnfurl())
	return activities.None{}, wrap("post message", err)
}

// find looks for our card among the channel's latest 200 messages.
func (a *Activities) find(ctx context.Context, request string) (activities.CardRef, error) {
	history, err := a.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: a.channel, Limit: 200, IncludeAllMetadata: true,
	})
	if err != nil {
		return activities.CardRef{}, wrap("look for card", err)
	}
	for _, m := range history.Messages {
		if m.Metadata.EventType == eventType && m.Metadata.EventPayload["request"] == request {
			return activities.CardRef{Channel: a.channel, TS: m.Timestamp}, nil
		}
	}
	return activities.CardRef{}, nil
}

// permanentAnswers are Slack's words for what no retry mends.
var permanentAnswers = map[string]bool{
	"invalid_auth": true, "not_authed": true, "account_inactive": true, "token_revoked": true, "missing_scope": true,
	"channel_not_found": true, "not_in_channel": true, "is_archived": true, "msg_too_long": true, "invalid_blocks": true,
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	var answer slack.SlackErrorResponse
	if errors.As(err, &answer) && permanentAnswers[answer.Err] {
		return activities.Permanent(fmt.Errorf("slack: %s: %s", what, answer.Err))
	}
	return fmt.Errorf("slack: %s: %w", what, err)
}
