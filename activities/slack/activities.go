package slack

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/slack-go/slack"

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

// AskPeople brings the approval's card to its newest revision, or posts it. chat.postMessage knows no idempotency, so
// a card whose place is not known is looked for by its metadata before it is posted again.
func (a *Activities) AskPeople(ctx context.Context, c activities.Card) (activities.CardRef, error) {
	at := c.Posted
	if at.TS == "" && c.Revision > 1 {
		found, err := a.find(ctx, c.Request)
		if err != nil {
			return at, err
		}
		at = found
	}
	fallback, blocks := card(c, a.key)
	options := []slack.MsgOption{slack.MsgOptionText(escape(fallback), false), slack.MsgOptionBlocks(blocks...), slack.MsgOptionDisableLinkUnfurl()}
	if at.TS == "" {
		options = append(options, slack.MsgOptionMetadata(slack.SlackMetadata{
			EventType: eventType, EventPayload: map[string]any{"request": c.Request, "revision": c.Revision},
		}))
		channel, ts, err := a.api.PostMessageContext(ctx, a.channel, options...)
		return activities.CardRef{Channel: channel, TS: ts}, wrap("post card", err)
	}
	_, _, _, err := a.api.UpdateMessageContext(ctx, at.Channel, at.TS, options...)
	return at, wrap("update card", err)
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

// Check says who we are in Slack, or what is wrong and how to mend it.
func (a *Activities) Check(ctx context.Context) (string, error) {
	who, err := a.api.AuthTestContext(ctx)
	if err != nil {
		return "", fmt.Errorf("auth.test: %w (check bot_token)", err)
	}
	return fmt.Sprintf("%s in %s", who.User, who.Team), nil
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
