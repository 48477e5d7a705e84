package slack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"
)

// Check tries, without writing anything, what the bot needs: its token, the scope to post, the channel, and Socket Mode.
// Each error names the mend.
func (a *Activities) Check(ctx context.Context) (string, error) {
	who, err := a.api.AuthTestContext(ctx)
	if err != nil {
		return "", mend("auth.test", err, "bot_token")
	}
	if granted := who.Header.Get("X-OAuth-Scopes"); granted != "" && !slices.Contains(scopes(granted), "chat:write") {
		return "", errors.New("bot_token lacks the scope chat:write: add it to the app (deploy/slack/manifest.yaml has all scopes) and install the app again")
	}
	if _, err := a.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{ChannelID: a.channel, Limit: 1}); err != nil {
		return "", mend("conversations.history of channel "+a.channel, err, "bot_token")
	}
	if _, _, err := a.api.StartSocketModeContext(ctx); err != nil {
		return "", mend("apps.connections.open", err, "app_token")
	}
	return fmt.Sprintf("%s in %s, channel %s, Socket Mode opens", who.User, who.Team, a.channel), nil
}

func scopes(header string) (list []string) {
	for scope := range strings.SplitSeq(header, ",") {
		list = append(list, strings.TrimSpace(scope))
	}
	return list
}

// mend puts beside Slack's word what an operator does about it.
func mend(what string, err error, token string) error {
	answer, ok := errors.AsType[slack.SlackErrorResponse](err)
	if !ok {
		return fmt.Errorf("%s: %w", what, err)
	}
	var help string
	switch answer.Err {
	case "invalid_auth", "not_authed", "token_revoked", "account_inactive", "not_allowed_token_type":
		begins := map[string]string{"bot_token": "xoxb-", "app_token": "xapp-"}[token]
		help = fmt.Sprintf("%s is not, or no longer, the right token: copy the one that begins with %s from the app's page", token, begins)
	case "missing_scope":
		help = fmt.Sprintf("%s lacks the scope %s: add it to the app (deploy/slack/manifest.yaml has all scopes) and install the app again", token, answer.Needed)
	case "channel_not_found", "not_in_channel":
		help = "invite the app into the channel, and set channel to its id (C...), not its name"
	default:
		return fmt.Errorf("%s: %s", what, answer.Err)
	}
	return fmt.Errorf("%s: %s: %s", what, answer.Err, help)
}
