package tables

import (
	"slices"
	"time"

	"bothy/api/dynamodb"
	"bothy/wire"
)

// together refuses changes that AWS does not make in one request. Which of several complaints is told follows AWS too.
func together(in *dynamodb.UpdateTableInput) error {
	online := slices.ContainsFunc(in.GlobalSecondaryIndexUpdates, func(u dynamodb.GlobalSecondaryIndexUpdate) bool { return u.Create != nil || u.Delete != nil })
	sse, class, protection := in.SSESpecification != nil, in.TableClass.Set, in.DeletionProtectionEnabled.Set
	warm, most := in.WarmThroughput != nil && *in.WarmThroughput != dynamodb.WarmThroughput{}, in.OnDemandThroughput != nil && *in.OnDemandThroughput != dynamodb.OnDemandThroughput{}
	stream, indexes, billing := in.StreamSpecification != nil, in.GlobalSecondaryIndexUpdates != nil, in.BillingMode.Set || in.ProvisionedThroughput != nil
	if !several(sse, class, protection, warm, most, stream, indexes, billing) {
		return nil
	}
	units := in.ProvisionedThroughput != nil && in.BillingMode.V != "PAY_PER_REQUEST"
	switch {
	case indexes && len(in.GlobalSecondaryIndexUpdates) == 0:
		return validation(invalid + "List of GlobalSecondaryIndexUpdates is empty")
	case sse:
		return validation(invalid + "Server-Side Encryption modification must be the only operation in the request")
	case class:
		return validation(invalid + "TableClass modification must be the only operation in the request")
	case protection:
		return validation(invalid + "DeletionProtection modification must be the only operation in the request")
	case most && (warm || stream || indexes || in.ProvisionedThroughput != nil && !in.BillingMode.Set):
		return validation(invalid + "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request")
	case warm && online:
		return validation(invalid + "Create global secondary index cannot be specified when updating WarmThroughput")
	case warm:
		return validation(invalid + "WarmThroughput must be the only operation in the request")
	case stream && units:
		return validation(invalid + "You cannot modify stream status while updating table IOPS")
	case online && units:
		return validation(invalid + "You cannot create or delete index while updating table IOPS")
	case online && stream:
		return validation(invalid + "You cannot create or delete index while changing stream status")
	}
	return nil
}

// rebill changes how the table is billed, and its provisioned throughput.
func (t *table) rebill(now time.Time, in *dynamodb.UpdateTableInput) error {
	p, mode := in.ProvisionedThroughput, in.BillingMode.V
	switch {
	case mode == "PAY_PER_REQUEST" && p != nil:
		return validation(invalid + "ProvisionedThroughput cannot be specified when BillingMode is PAY_PER_REQUEST")
	case mode == "PAY_PER_REQUEST":
		t.payPerRequest(now)
	case mode == "PROVISIONED" && p == nil:
		return validation(invalid + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	case mode == "PROVISIONED" && !t.OnDemand.IsZero():
		if err := t.payForCapacity(in.GlobalSecondaryIndexUpdates); err != nil {
			return err
		}
	case p != nil && !t.OnDemand.IsZero():
		return validation(invalid + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	}
	if p == nil {
		return nil
	}
	return t.Capacity.change(now, "", p)
}

func (t *table) payPerRequest(now time.Time) {
	if t.OnDemand.IsZero() {
		t.OnDemand = now
	}
	t.Capacity.Read, t.Capacity.Write = 0, 0
	for i := range t.Indexes {
		t.Indexes[i].Capacity.Read, t.Indexes[i].Capacity.Write = 0, 0
	}
}

// payForCapacity ends billing by request: every global index that stays needs throughput of its own, and limits go.
func (t *table) payForCapacity(updates []dynamodb.GlobalSecondaryIndexUpdate) error {
	t.Switched, t.OnDemand, t.Most = t.OnDemand, time.Time{}, capacity{}
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		ix.Most = capacity{}
		given := func(u dynamodb.GlobalSecondaryIndexUpdate) bool {
			return u.Update != nil && u.Update.IndexName.V == ix.Name && u.Update.ProvisionedThroughput != nil || u.Delete != nil && u.Delete.IndexName.V == ix.Name
		}
		if !ix.Local && !slices.ContainsFunc(updates, given) {
			return validation(invalid+"ProvisionedThroughput must be specified for index: %s", ix.Name)
		}
	}
	return nil
}

// change sets the provisioned throughput of the table or of an index.
func (c *capacity) change(now time.Time, index string, p *dynamodb.ProvisionedThroughput) error {
	next, err := capacityOf(p)
	if err != nil {
		return err
	}
	if next.Read == c.Read && next.Write == c.Write {
		the, of := "table", "the table"
		if index != "" {
			the, of = "index "+index, "index "+index
		}
		return validation("The provisioned throughput for the %s will not change. The requested value equals the current value. "+
			"Current ReadCapacityUnits provisioned for %s: %d. Requested ReadCapacityUnits: %d. "+
			"Current WriteCapacityUnits provisioned for %[2]s: %[5]d. Requested WriteCapacityUnits: %[6]d. "+
			"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.", the, of, c.Read, next.Read, c.Write, next.Write)
	}
	next.Increased, next.Decreased, next.Decreases = c.Increased, c.Decreased, c.Decreases
	if c.Read > 0 && (next.Read > c.Read || next.Write > c.Write) { // 0: it was billed by request
		next.Increased = now
	}
	if next.Read < c.Read || next.Write < c.Write {
		if err := next.decrease(*c, now); err != nil {
			return err
		}
	}
	*c = next
	return nil
}

// tuned is what OnDemandThroughput and WarmThroughput are set for: the table, or a global index.
type tuned struct {
	index       string // "" the table
	fresh       bool   // it is being made
	provisioned capacity
	most, warm  *capacity
}

func (t *table) tuned(ix *index, fresh bool) tuned {
	if ix == nil {
		return tuned{"", fresh, t.Capacity, &t.Most, &t.Warm}
	}
	return tuned{ix.Name, fresh, ix.Capacity, &ix.Most, &ix.Warm}
}

// tune reads OnDemandThroughput and WarmThroughput. What is warm matters to nobody here, as nothing has to warm up; it is kept and
// shown.
func (t *table) tune(of tuned, o *dynamodb.OnDemandThroughput, w *dynamodb.WarmThroughput) error {
	if err := of.limits(o, !t.OnDemand.IsZero()); err != nil {
		return err
	}
	if w == nil {
		return nil
	}
	next := t.warm(*of.warm, of.provisioned)
	if err := of.heat("Read", w.ReadUnitsPerSecond, &next.Read, !t.OnDemand.IsZero()); err != nil {
		return err
	}
	if err := of.heat("Write", w.WriteUnitsPerSecond, &next.Write, !t.OnDemand.IsZero()); err != nil {
		return err
	}
	*of.warm = next
	return nil
}

// limits sets the limits of a table or an index that is billed by request.
func (of *tuned) limits(o *dynamodb.OnDemandThroughput, onDemand bool) error {
	if o == nil {
		return nil
	}
	if err := of.limit("MaxReadRequestUnits", o.MaxReadRequestUnits, &of.most.Read, onDemand); err != nil {
		return err
	}
	return of.limit("MaxWriteRequestUnits", o.MaxWriteRequestUnits, &of.most.Write, onDemand)
}

// limit sets a limit of requests that are paid one by one; -1 takes it away.
func (of *tuned) limit(name string, given wire.Opt[int64], to *int64, onDemand bool) error {
	index, when := " for index : "+of.index, " cannot be specified when the table BillingMode is PROVISIONED"
	if of.fresh {
		when = " cannot be specified when table BillingMode is PROVISIONED." // as AWS has it
		index = " for index: " + of.index
	}
	if of.index == "" {
		index = ""
	}
	switch {
	case !given.Set:
		return nil
	case !onDemand:
		return validation("%s", invalid+name+" for OnDemandThroughput"+index+when)
	case given.V < -1 || given.V == 0 || given.V == -1 && of.fresh:
		what := "table"
		if of.index != "" {
			what = "index : " + of.index
		}
		return validation(invalid+"Requested %s for OnDemandThroughput for %s is outside of valid range", name, what)
	}
	*to = max(0, given.V)
	return nil
}

const initialThroughput = "initial throughput for OnDemand. See: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html#on-demand-capacity-mode-initial"

// heat sets what is warm, which never gets less.
func (of *tuned) heat(verb string, given wire.Opt[int64], to *int64, onDemand bool) error {
	if !given.Set || given.V >= *to {
		*to = given.Or(*to)
		return nil
	}
	what, than := "table", "current WarmThroughput, decreasing WarmThroughput is not supported"
	if of.index != "" {
		what = "index " + of.index
	}
	switch {
	case of.fresh && onDemand:
		than = initialThroughput
	case of.fresh:
		than = verb + "CapacityUnits of ProvisionedThroughput"
	}
	return validation(invalid+"Requested %sUnitsPerSecond for WarmThroughput for %s is lower than %s", verb, what, than)
}

// Throughput that a table on demand takes at once.
const (
	warmReads  = 12_000
	warmWrites = 4_000
)

// warm is the throughput that is at hand: what was asked for, and at least what is provisioned, or what any table on demand has.
func (t *table) warm(asked, provisioned capacity) capacity {
	if !t.OnDemand.IsZero() {
		provisioned = capacity{Read: warmReads, Write: warmWrites}
	}
	return capacity{Read: max(asked.Read, provisioned.Read), Write: max(asked.Write, provisioned.Write)}
}

// keepWarm keeps what is at hand when throughput is about to change.
func (t *table) keepWarm() {
	t.Warm = t.warm(t.Warm, t.Capacity)
	for i := range t.Indexes {
		t.Indexes[i].Warm = t.warm(t.Indexes[i].Warm, t.Indexes[i].Capacity)
	}
}

// onDemand is what limits there are; nil means none.
func (c capacity) onDemand() *dynamodb.OnDemandThroughput {
	var o dynamodb.OnDemandThroughput
	if c.Read > 0 { // older versions kept -1
		o.MaxReadRequestUnits = wire.Some(c.Read)
	}
	if c.Write > 0 {
		o.MaxWriteRequestUnits = wire.Some(c.Write)
	}
	if o == (dynamodb.OnDemandThroughput{}) {
		return nil
	}
	return &o
}
