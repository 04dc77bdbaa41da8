package functions

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"bothy/api/lambda"
	"bothy/functions/runner"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// Limits of invocations.
const (
	maxEventBytes         = 262_144 // of one nobody waits for
	maxClientContextBytes = 3583
	eventQueue            = "functions.event"
	eventAttempts         = 3
)

func (s *Service) accessInvoke(c *wire.Call, in *lambda.InvokeInput) ([]wire.Access, error) {
	return s.on(c, "InvokeFunction", in.FunctionName, in.Qualifier)
}

func (s *Service) invoke(c *wire.Call, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	if err := unsupported(map[string]bool{"DurableExecutionName": in.DurableExecutionName.Set, "TenantId": in.TenantId.Set}); err != nil {
		return nil, err
	}
	r, _, v, err := s.find(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	call, err := invocationOf(c, in)
	if err != nil {
		return nil, err
	}
	switch in.InvocationType.Or("RequestResponse") {
	case "DryRun":
		return &lambda.InvokeOutput{StatusCode: wire.Some(int32(204))}, nil
	case "Event":
		if err := s.enqueue(c, r, call); err != nil {
			return nil, err
		}
		return &lambda.InvokeOutput{StatusCode: wire.Some(int32(202))}, nil
	}
	res, err := s.run(c, r, v, call)
	if err != nil {
		return nil, err
	}
	out := &lambda.InvokeOutput{
		StatusCode: wire.Some(int32(200)), Payload: res.Payload, ExecutedVersion: wire.Some(v.Version),
		FunctionError: wire.NonEmpty(res.Error),
	}
	if in.LogType.V == "Tail" {
		out.LogResult = wire.Some(base64.StdEncoding.EncodeToString(res.Tail))
	}
	return out, nil
}

// invocationOf checks what a caller wants a function to get.
func invocationOf(c *wire.Call, in *lambda.InvokeInput) (runner.Invocation, error) {
	call := runner.Invocation{RequestID: c.RequestID, Event: in.Payload}
	limit := runner.MaxPayloadBytes
	if in.InvocationType.V == "Event" {
		limit = maxEventBytes
	}
	if len(in.Payload) > limit {
		return call, tooLarge(limit)
	}
	if len(call.Event) == 0 {
		call.Event = []byte("{}")
	}
	if !json.Valid(call.Event) {
		return call, &lambda.InvalidRequestContentException{Type: wire.Some("User"), Message: wire.Some("Could not parse request body into json: Could not parse payload into json")}
	}
	if in.ClientContext.Set && in.ClientContext.V != "" {
		b, err := base64.StdEncoding.DecodeString(in.ClientContext.V)
		if err != nil || len(in.ClientContext.V) > maxClientContextBytes || !json.Valid(b) {
			return call, &lambda.InvalidRequestContentException{Type: wire.Some("User"), Message: wire.Some("Client context must be a valid Base64-encoded JSON object.")}
		}
		call.ClientContext = compact(b)
	}
	if id := c.Principal.Identity; id != nil {
		b, err := json.Marshal(map[string]string{"cognitoIdentityId": id.ID, "cognitoIdentityPoolId": id.PoolID})
		if err != nil {
			return call, err
		}
		call.Identity = string(b)
	}
	return call, nil
}

// compact is JSON on one line of ASCII, as a header value must be.
func compact(b []byte) string {
	var v any
	if json.Unmarshal(b, &v) != nil {
		return ""
	}
	out, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	ascii := make([]byte, 0, len(out))
	for _, r := range string(out) {
		switch {
		case r < 0x7f:
			ascii = append(ascii, byte(r))
		case r > 0xffff:
			r -= 0x10000
			ascii = fmt.Appendf(ascii, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			ascii = fmt.Appendf(ascii, `\u%04x`, r)
		}
	}
	return string(ascii)
}

func tooLarge(limit int) error {
	return &lambda.RequestTooLargeException{Type: wire.Some("User"), Message: wire.Some(fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", limit))}
}

// run runs a version and waits for it.
func (s *Service) run(ctx context.Context, r ref, v *version, in runner.Invocation) (*runner.Result, error) {
	env, err := s.openEnv(r, v)
	if err != nil {
		return nil, err
	}
	begun := s.cfg.Now()
	res, err := s.runner.Invoke(ctx, &runner.Function{
		ARN: poolOf(r, v.Version), InvokedARN: r.arn(), Name: v.Name, Version: v.Version, Region: r.region, Account: r.account, Revision: v.Revision,
		Handler: v.Handler, Runtime: v.Runtime, Role: v.Role, Env: env, Timeout: time.Duration(v.Timeout) * time.Second, MemoryMB: int(v.MemoryMB),
		LogGroup: logGroup(v.Name), CodeID: v.CodeID,
		Code: func(ctx context.Context) (io.ReadCloser, error) { return s.cfg.Blobs.Open(ctx, v.CodeID, 0, -1) },
	}, in)
	if s.cfg.Ran != nil {
		s.cfg.Ran(outcomeOf(res, err), s.cfg.Now().Sub(begun))
	}
	if errors.Is(err, runner.ErrThrottled) {
		return nil, &lambda.TooManyRequestsException{Type: wire.Some("User"), Message: wire.Some("Rate Exceeded."), Reason: wire.Some("ConcurrentInvocationLimitExceeded"), RetryAfterSeconds: wire.Some("1")}
	}
	return res, err
}

// outcomeOf names how an invocation ended: by its function, or without one.
func outcomeOf(res *runner.Result, err error) string {
	switch {
	case errors.Is(err, runner.ErrThrottled):
		return "throttled"
	case err != nil:
		return "failed"
	case res.Error != "":
		return "error"
	}
	return "ok"
}

// Caller is a service that invokes functions on behalf of someone.
type Caller struct {
	Service       string // "apigateway.amazonaws.com"
	SourceARN     string // what of it: "arn:aws:execute-api:us-east-1:…"
	SourceAccount string
}

// Errors of InvokeFunction; others are this node's own.
var (
	ErrNoFunction = errors.New("functions: no such function")
	ErrNotAllowed = errors.New("functions: the function's policy does not allow it")
	ErrThrottled  = runner.ErrThrottled
)

// InvokeFunction runs a function for another service and waits for it, when the function's resource policy lets that service.
// arn may have a version or alias. functionError is "" or "Unhandled"; then payload is the error.
func (s *Service) InvokeFunction(ctx context.Context, arn string, event []byte, by Caller) (payload []byte, functionError string, err error) {
	r, err := parseRef("", "", arn, "")
	if err != nil || r.account == "" || r.region == "" {
		return nil, "", fmt.Errorf("%w: %s", ErrNoFunction, arn)
	}
	if err := s.mayInvoke(ctx, r, by); err != nil {
		return nil, "", err
	}
	v, err := s.version(ctx, r)
	if err != nil {
		return nil, "", err
	}
	res, err := s.run(ctx, r, v, runner.Invocation{RequestID: wire.NewRequestID(), Event: event})
	if full := (*lambda.TooManyRequestsException)(nil); errors.As(err, &full) {
		return nil, "", ErrThrottled
	} else if err != nil {
		return nil, "", err
	}
	return res.Payload, res.Error, nil
}

func (s *Service) version(ctx context.Context, r ref) (v *version, err error) {
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		v, err = getVersion(tx, r)
		return err
	})
	if missing := (*lambda.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		err = fmt.Errorf("%w: %s", ErrNoFunction, r.arn())
	}
	return v, err
}

// mayInvoke asks the function's resource policy alone: a service has no policies of its own.
func (s *Service) mayInvoke(ctx context.Context, r ref, by Caller) error {
	policies, err := s.policies(ctx, r)
	if err != nil {
		return err
	}
	d := policy.Decide(policy.Attached{}, policies, by.SourceAccount == r.account, policy.Request{
		Action: "lambda:InvokeFunction", Resource: r.arn(), Service: by.Service, ResourceAccount: r.account,
		Keys: policy.Keys{"aws:sourcearn": {by.SourceARN}, "aws:sourceaccount": {by.SourceAccount}, "aws:principalservicename": {by.Service}},
	})
	if !d.Allowed {
		return fmt.Errorf("%w: %s on %s: %s", ErrNotAllowed, by.Service, r.arn(), d.Reason)
	}
	return nil
}

// event is an invocation nobody waits for, as it waits in the queue.
type event struct {
	Name, Qualifier string
	Invocation      runner.Invocation
}

// enqueue makes an event durable; its caller's right to send it was decided.
func (s *Service) enqueue(ctx context.Context, r ref, in runner.Invocation) error {
	body, err := json.Marshal(event{r.name, r.qualifier, in})
	if err != nil {
		return err
	}
	return s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		return record.Enqueue(tx, r.scope(), eventQueue, s.cfg.Now(), body)
	})
}

// eventWorker runs queued events, each up to three times with a minute and two between, as AWS does.
func (s *Service) eventWorker() record.Worker {
	return record.Worker{
		DB: s.cfg.DB, Kind: eventQueue, Now: s.cfg.Now, Handle: s.handleEvent, Log: s.cfg.Log,
		Timeout: (maxTimeout + 60) * time.Second, Retry: time.Minute, Attempts: eventAttempts,
	}
}

func (s *Service) handleEvent(ctx context.Context, j record.Job) error {
	var e event
	if err := json.Unmarshal(j.Payload, &e); err != nil {
		return err
	}
	r := ref{account: j.Scope.Account, region: j.Scope.Region, name: e.Name, qualifier: e.Qualifier}
	v, err := s.version(ctx, r)
	if errors.Is(err, ErrNoFunction) {
		s.cfg.Log.Warn("event of a function that is gone", "function", r.arn(), "request", e.Invocation.RequestID)
		return nil
	} else if err != nil {
		return err
	}
	res, err := s.run(ctx, r, v, e.Invocation)
	if err != nil {
		return err
	}
	if res.Error != "" {
		return fmt.Errorf("functions: %s failed: %.500s", r.name, res.Payload)
	}
	return nil
}
