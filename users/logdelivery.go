package users

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// logging is where a pool's events are logged.
type logging struct {
	Pool    string
	Configs []cognitoidp.LogConfigurationType
}

var loggings = record.Table[logging]{Name: "users.logging", Version: 1, Key: func(l *logging) []any { return []any{l.Pool} }}

func (s *Service) mountLogDelivery(m *wire.Mux) {
	wire.Handle(m, cognitoidp.SetLogDeliveryConfiguration, func(c *wire.Call, in *cognitoidp.SetLogDeliveryConfigurationInput) ([]wire.Access, error) {
		return append(wire.One("cognito-idp:SetLogDeliveryConfiguration", poolARN(c.Account, in.UserPoolId.V), nil), wire.One("logs:CreateLogDelivery", "*", nil)...), nil
	}, s.setLogDeliveryConfiguration)
	onPool(m, cognitoidp.GetLogDeliveryConfiguration, func(in *cognitoidp.GetLogDeliveryConfigurationInput) string { return in.UserPoolId.V }, s.getLogDeliveryConfiguration)
}

func (s *Service) setLogDeliveryConfiguration(c *wire.Call, in *cognitoidp.SetLogDeliveryConfigurationInput) (*cognitoidp.SetLogDeliveryConfigurationOutput, error) {
	l := &logging{in.UserPoolId.V, in.LogConfigurations}
	err := s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, l.Pool)
		if err != nil {
			return err
		}
		if len(l.Configs) == 0 {
			return ignoreAbsent(loggings.Delete(tx, inPool(c.Account, l.Pool), l.Pool))
		}
		if err := s.checkLogging(c.Account, p, l); err != nil {
			return err
		}
		return loggings.Put(tx, inPool(c.Account, l.Pool), l)
	})
	return &cognitoidp.SetLogDeliveryConfigurationOutput{LogDeliveryConfiguration: l.shown()}, err
}

// checkLogging refuses logs that would go nowhere: there are those of users' events, into log groups here.
func (s *Service) checkLogging(account string, p *pool, l *logging) error {
	for _, conf := range l.Configs {
		switch {
		case conf.EventSource.V != "userAuthEvents" || conf.LogLevel.V != "INFO":
			return invalid("This server logs userAuthEvents at the level INFO, and nothing else.")
		case conf.S3Configuration != nil || conf.FirehoseConfiguration != nil || conf.CloudWatchLogsConfiguration == nil || s.cfg.Logs == nil:
			return invalid("This server logs to CloudWatch Logs, and nowhere else.")
		case p.Settings.UserPoolTier.V != planPlus:
			return &cognitoidp.FeatureUnavailableInTierException{Message: wire.Some("Exporting user activity logs is not available in the " + p.Settings.UserPoolTier.V + " pricing tier.")}
		}
		group := groupOf(account, p.ID, conf.CloudWatchLogsConfiguration.LogGroupArn.V)
		if !strings.HasPrefix(group, "/") || strings.HasPrefix(group, "/aws/lambda/") {
			return invalid("Invalid log group: it must be of this account and region, begin with a slash and be no function's.")
		}
	}
	if len(l.Configs) > 1 {
		return invalid("Only one log configuration is allowed per event source.")
	}
	return nil
}

// groupOf is the log group of an ARN; "" when it is not of the account, or not where the pool is.
func groupOf(account, poolID, arn string) string {
	group, ok := strings.CutPrefix(arn, "arn:aws:logs:"+regionOf(poolID)+":"+account+":log-group:")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(group, ":*")
}

func (l *logging) shown() *cognitoidp.LogDeliveryConfigurationType {
	return &cognitoidp.LogDeliveryConfigurationType{UserPoolId: wire.Some(l.Pool), LogConfigurations: append([]cognitoidp.LogConfigurationType{}, l.Configs...)}
}

func (s *Service) getLogDeliveryConfiguration(c *wire.Call, in *cognitoidp.GetLogDeliveryConfigurationInput) (*cognitoidp.GetLogDeliveryConfigurationOutput, error) {
	out := &cognitoidp.GetLogDeliveryConfigurationOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, in.UserPoolId.V); err != nil {
			return err
		}
		l, err := loggings.Get(tx, inPool(c.Account, in.UserPoolId.V), in.UserPoolId.V)
		if absent(err) {
			l, err = &logging{Pool: in.UserPoolId.V}, nil
		}
		if err == nil {
			out.LogDeliveryConfiguration = l.shown()
		}
		return err
	})
}

// eventLogKind is the work of logging one event. It is queued in the event's transaction; a node that dies while it logs may log twice.
const eventLogKind = "users.eventlog"

// logged is the payload of that work.
type logged struct {
	Group string
	Event authEvent
}

// queueLog queues the event for the pool's log, when it has one.
func queueLog(tx *kv.Tx, account string, e *authEvent) error {
	scope := inPool(account, e.Pool)
	l, err := loggings.Get(tx, scope, e.Pool)
	if err != nil {
		return ignoreAbsent(err)
	}
	b, err := json.Marshal(logged{groupOf(account, e.Pool, l.Configs[0].CloudWatchLogsConfiguration.LogGroupArn.V), *e})
	if err != nil {
		return err
	}
	return record.Enqueue(tx, scope, eventLogKind, e.At, b)
}

func (s *Service) eventLogger() record.Worker {
	return record.Worker{DB: s.cfg.DB, Kind: eventLogKind, Now: s.cfg.Now, Handle: s.logEvent}
}

func (s *Service) logEvent(ctx context.Context, work record.Job) error {
	var l logged
	if err := json.Unmarshal(work.Payload, &l); err != nil || s.cfg.Logs == nil {
		return err
	}
	return s.update(ctx, func(tx *kv.Tx) error {
		name := ""
		u, err := people.Get(tx, work.Scope, l.Event.Pool, l.Event.Sub)
		if err == nil {
			name = u.Name
		} else if !absent(err) {
			return err
		}
		line, err := json.Marshal(l.Event.line(name))
		if err != nil {
			return err
		}
		return s.cfg.Logs(tx, work.Scope, l.Group, l.Event.Pool+"/"+l.Event.At.UTC().Format(time.DateOnly), l.Event.At, []string{string(line)})
	})
}

// line is the event as AWS logs it.
func (e *authEvent) line(name string) map[string]any {
	kinds := map[string]string{"SignIn": "SIGN_IN", "SignUp": "SIGN_UP", "ForgotPassword": "FORGOT_PASSWORD", "PasswordChange": "PASSWORD_CHANGE", "ResendCode": "RESEND_CODE"}
	challenges := []string{}
	for _, c := range e.Challenges {
		challenges = append(challenges, c.ChallengeName.V+":"+c.ChallengeResponse.V)
	}
	return map[string]any{
		"eventTimestamp": strconv.FormatInt(e.At.UnixMilli(), 10), "eventSource": "USER_AUTH_EVENTS", "logLevel": "INFO", "logSourceId": map[string]string{"userPoolId": e.Pool},
		"message": map[string]any{
			"version": "1", "eventId": e.ID, "eventType": kinds[e.Kind], "userSub": e.Sub, "userName": name, "userPoolId": e.Pool, "clientId": e.Client,
			"creationDate": e.At.UTC().Format("Mon Jan 02 15:04:05 UTC 2006"), "eventResponse": e.Response, "riskLevel": strings.ToUpper(e.Level), "riskDecision": e.Decision,
			"challenges": challenges, "deviceName": e.From.Device, "ipAddress": e.From.IP, "requestId": e.Request, "compromisedCredentialDetected": strconv.FormatBool(e.Compromised),
			"hasContextData": strconv.FormatBool(e.From.IP != ""),
		},
	}
}
