package tables

import (
	"fmt"
	"time"

	"bothy/api/dynamodb"
	"bothy/wire"
)

// throttled is the refusal when nothing is left, in AWS's words; SDKs try again.
func (t *table) throttled(ix *index, write bool) error {
	of, resource := "Table", tableARN(t.at, t.Name)
	if ix != nil && !ix.Local {
		of, resource = "Index", indexARN(t.at, t.Name, ix.Name)
	}
	verb := map[bool]string{true: "Write", false: "Read"}[write]
	if !t.OnDemand.IsZero() {
		return &dynamodb.ThrottlingException{
			Message:           wire.Some("Throughput exceeds the maximum OnDemandThroughput configured on table or index. Consider increasing the maximum OnDemandThroughput with the UpdateTable API."),
			ThrottlingReasons: []dynamodb.ThrottlingReason{{Reason: wire.Some(of + verb + "MaxOnDemandThroughputExceeded"), Resource: wire.Some(resource)}},
		}
	}
	message := "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."
	if of == "Index" {
		message = "The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary indexes with the UpdateTable API"
	}
	return &dynamodb.ProvisionedThroughputExceededException{
		Message:           wire.Some(message),
		ThrottlingReasons: []dynamodb.ThrottlingReason{{Reason: wire.Some(of + verb + "ProvisionedThroughputExceeded"), Resource: wire.Some(resource)}},
	}
}

// isThrottled tells whether an error says that nothing is left.
func isThrottled(err error) bool {
	switch err.(type) {
	case *dynamodb.ProvisionedThroughputExceededException, *dynamodb.ThrottlingException:
		return true
	}
	return false
}

// tune reads OnDemandThroughput and WarmThroughput of the table (nil) or an index. What is warm matters to nobody here, as nothing
// has to warm up; it is kept and shown.
func (t *table) tune(ix *index, o *dynamodb.OnDemandThroughput, w *dynamodb.WarmThroughput) (err error) {
	limit, warm, provisioned := &t.Most, &t.Warm, t.Capacity
	if ix != nil {
		limit, warm, provisioned = &ix.Most, &ix.Warm, ix.Capacity
	}
	if o != nil && t.OnDemand.IsZero() {
		name := "MaxReadRequestUnits"
		if !o.MaxReadRequestUnits.Set {
			name = "MaxWriteRequestUnits"
		}
		return validation(invalid+"%s for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED", name)
	}
	if *limit, err = most(o, *limit, ix); err != nil || w == nil {
		return err
	}
	have := t.warm(*warm, provisioned)
	next := capacity{Read: w.ReadUnitsPerSecond.Or(have.Read), Write: w.WriteUnitsPerSecond.Or(have.Write)}
	of := "table"
	if ix != nil {
		of = "index " + ix.Name
	}
	const lower = invalid + "Requested %s for WarmThroughput for %s is lower than current WarmThroughput, decreasing WarmThroughput is not supported"
	switch {
	case next.Read < have.Read:
		return validation(lower, "ReadUnitsPerSecond", of)
	case next.Write < have.Write:
		return validation(lower, "WriteUnitsPerSecond", of)
	}
	*warm = next
	return nil
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

// most reads OnDemandThroughput of a table (nil) or an index; -1 sets no limit.
func most(o *dynamodb.OnDemandThroughput, have capacity, ix *index) (capacity, error) {
	if o == nil {
		return have, nil
	}
	for _, f := range []struct {
		name  string
		given wire.Opt[int64]
		to    *int64
	}{{"MaxReadRequestUnits", o.MaxReadRequestUnits, &have.Read}, {"MaxWriteRequestUnits", o.MaxWriteRequestUnits, &have.Write}} {
		switch {
		case !f.given.Set:
		case f.given.V < -1 || f.given.V == 0:
			of := "table"
			if ix != nil {
				of = "index : " + ix.Name
			}
			return have, validation(invalid+"Requested %s for OnDemandThroughput for %s is outside of valid range", f.name, of)
		case f.given.V < 0:
			*f.to = 0
		default:
			*f.to = f.given.V
		}
	}
	return have, nil
}

func (c capacity) onDemand() *dynamodb.OnDemandThroughput {
	if c == (capacity{}) {
		return nil
	}
	o := &dynamodb.OnDemandThroughput{}
	if c.Read != 0 {
		o.MaxReadRequestUnits = wire.Some(c.Read)
	}
	if c.Write != 0 {
		o.MaxWriteRequestUnits = wire.Some(c.Write)
	}
	return o
}

// Decreases of provisioned throughput: four a day (UTC), and more an hour apart each.
const freeDecreases = 4

// decrease counts a decrease, or refuses it.
func (c *capacity) decrease(before capacity, now time.Time) error {
	c.Decreases = 1
	if day(before.Decreased) == day(now) {
		c.Decreases = before.Decreases + 1
	}
	if next := before.Decreased.Add(time.Hour); c.Decreases > freeDecreases && now.Before(next) {
		return &dynamodb.LimitExceededException{Message: wire.Some(fmt.Sprintf("Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "+
			"After the first %d decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds. "+
			"Number of decreases today: %d. Last decrease at %s. Next decrease can be made at %s", freeDecreases, before.Decreases,
			before.Decreased.UTC().Format(awsTime), next.UTC().Format(awsTime)))}
	}
	c.Decreased = now
	return nil
}

const awsTime = "Monday, January 2, 2006 at 3:04:05 PM Coordinated Universal Time"
