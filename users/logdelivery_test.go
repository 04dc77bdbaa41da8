package users

import (
	"encoding/json"
	"testing"

	"bothy/api/cognitoidp"
)

func TestEventsAreLogged(t *testing.T) {
	w := newImporting(t, protecting("AUDIT"))
	arn := "arn:aws:logs:us-east-1:" + account + ":log-group:/aws/vendedlogs/users"
	set := func(source, level, arn string) *cognitoidp.SetLogDeliveryConfigurationInput {
		return &cognitoidp.SetLogDeliveryConfigurationInput{UserPoolId: str(w.p), LogConfigurations: []cognitoidp.LogConfigurationType{
			{EventSource: str(source), LogLevel: str(level), CloudWatchLogsConfiguration: &cognitoidp.CloudWatchLogsConfigurationType{LogGroupArn: str(arn)}},
		}}
	}
	for name, in := range map[string]*cognitoidp.SetLogDeliveryConfigurationInput{
		"notifications":   set("userNotification", "ERROR", arn),
		"another account": set("userAuthEvents", "INFO", "arn:aws:logs:us-east-1:"+elsewhere+":log-group:/x"),
		"another region":  set("userAuthEvents", "INFO", "arn:aws:logs:eu-west-1:"+account+":log-group:/x"),
		"a function's":    set("userAuthEvents", "INFO", "arn:aws:logs:us-east-1:"+account+":log-group:/aws/lambda/f"),
	} {
		if _, err := w.s.setLogDeliveryConfiguration(w.call(), in); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	plain := set("userAuthEvents", "INFO", arn)
	plain.UserPoolId = str(w.pool())
	refused(w.world, w.s.setLogDeliveryConfiguration, plain, "FeatureUnavailableInTierException", "ESSENTIALS")
	must(w.world, w.s.setLogDeliveryConfiguration, set("userAuthEvents", "INFO", arn+":*"))
	if got := must(w.world, w.s.getLogDeliveryConfiguration, &cognitoidp.GetLogDeliveryConfigurationInput{UserPoolId: str(w.p)}).LogDeliveryConfiguration; len(got.LogConfigurations) != 1 {
		t.Fatalf("%+v", got)
	}
	w.member(w.cl, "alice")
	if _, err := w.s.initiateAuth(w.from("192.0.2.1", "phone"), passwordAuth(w.cl, "alice", "Wr0ng!pass")); err == nil {
		t.Fatal("a wrong password serves")
	}
	for worked := true; worked; {
		var err error
		if worked, err = w.s.eventLogger().RunOne(w.ctx); err != nil {
			t.Fatal(err)
		}
	}
	var line struct {
		Message struct{ EventType, EventResponse, UserName, IPAddress, ClientID string }
	}
	if len(w.lines) != 2 {
		t.Fatalf("%q", w.lines)
	}
	if err := json.Unmarshal([]byte(w.lines[1]), &line); err != nil {
		t.Fatal(err)
	}
	if m := line.Message; m.EventType != "SIGN_IN" || m.EventResponse != "Fail" || m.UserName != "alice" || m.IPAddress != "192.0.2.1" || m.ClientID != w.cl {
		t.Fatalf("%+v", m)
	}
	off := set("userAuthEvents", "INFO", arn)
	off.LogConfigurations = nil
	must(w.world, w.s.setLogDeliveryConfiguration, off)
	w.signIn(w.p, w.cl, "alice")
	if worked, err := w.s.eventLogger().RunOne(w.ctx); worked || err != nil {
		t.Errorf("logged all the same: %v", err)
	}
}
