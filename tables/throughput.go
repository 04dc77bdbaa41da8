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

// Decreases of provisioned throughput: four a day (UTC), and more an hour apart each.
const freeDecreases = 4

// decrease counts a decrease, or refuses it.
func (c *capacity) decrease(before capacity, now time.Time) error {
	c.Decreases = 1
	if day(before.Decreased) == day(now) {
		c.Decreases = before.Decreases + 1
	}
	next := before.Decreased.Add(time.Hour)
	if tomorrow := day(now).Add(24 * time.Hour); next.After(tomorrow) {
		next = tomorrow
	}
	if c.Decreases > freeDecreases && now.Before(next) {
		return &dynamodb.LimitExceededException{Message: wire.Some(fmt.Sprintf("Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "+
			"After the first %d decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds. "+
			"Number of decreases today: %d. Last decrease at %s. Next decrease can be made at %s.", freeDecreases, before.Decreases,
			before.Decreased.UTC().Format(awsTime), next.UTC().Format(awsTime)))}
	}
	c.Decreased = now
	return nil
}

const awsTime = "Monday, January 2, 2006 at 3:04:05 PM Coordinated Universal Time"
