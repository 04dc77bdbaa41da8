package tables

import (
	"testing"

	"bothy/api/dynamodb"
	"bothy/wire"
)

// TestBillingSwitches: a table that becomes provisioned needs throughput for each of its indexes, and tells when it last was not.
func TestBillingSwitches(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S s:S", "byG g:S ALL", "-byL p:S l:S ALL")
	since := w.now
	w.put("tab", `{'p': {'S': 'a'}, 's': {'S': 'b'}}`)
	one := &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(int64(1)), WriteCapacityUnits: wire.Some(int64(1))}
	provisioned := dynamodb.UpdateTableInput{TableName: str("tab"), BillingMode: str("PROVISIONED"), ProvisionedThroughput: one}
	_, err := do(w, w.root, dynamodb.UpdateTable, provisioned)
	w.refused(err, "ValidationException", "One or more parameter values were invalid: ProvisionedThroughput must be specified for index: byG")
	provisioned.GlobalSecondaryIndexUpdates = []dynamodb.GlobalSecondaryIndexUpdate{{Update: &dynamodb.UpdateGlobalSecondaryIndexAction{IndexName: str("byG"), ProvisionedThroughput: one}}}
	d := must(w, dynamodb.UpdateTable, provisioned).TableDescription
	if b := d.BillingModeSummary; b == nil || b.BillingMode.V != "PROVISIONED" || !b.LastUpdateToPayPerRequestDateTime.V.Equal(since) || d.GlobalSecondaryIndexes[0].ProvisionedThroughput.ReadCapacityUnits.V != 1 {
		t.Errorf("%+v %+v", b, d)
	}
	d = must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), BillingMode: str("PAY_PER_REQUEST")}).TableDescription
	if b := d.BillingModeSummary; b.BillingMode.V != "PAY_PER_REQUEST" || d.ProvisionedThroughput.ReadCapacityUnits.V != 0 {
		t.Errorf("%+v %+v", b, d)
	}
}

func TestUpdateTableRefused(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S s:S", "byG g:S ALL", "-byL p:S l:S ALL")
	update := func(name string, to dynamodb.UpdateGlobalSecondaryIndexAction) []dynamodb.GlobalSecondaryIndexUpdate {
		to.IndexName = str(name)
		return []dynamodb.GlobalSecondaryIndexUpdate{{Update: &to}}
	}
	warm := &dynamodb.WarmThroughput{ReadUnitsPerSecond: wire.Some(int64(11_999))}
	for text, in := range map[string]dynamodb.UpdateTableInput{
		"Cannot update an index that is not a GlobalSecondaryIndex: byL":                                                                                           {GlobalSecondaryIndexUpdates: update("byL", dynamodb.UpdateGlobalSecondaryIndexAction{WarmThroughput: warm})},
		"Cannot delete an index that is not a GlobalSecondaryIndex: byL":                                                                                           {GlobalSecondaryIndexUpdates: []dynamodb.GlobalSecondaryIndexUpdate{{Delete: &dynamodb.DeleteGlobalSecondaryIndexAction{IndexName: str("byL")}}}},
		invalid + "The only Updates for index: byG when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput":                       {GlobalSecondaryIndexUpdates: update("byG", dynamodb.UpdateGlobalSecondaryIndexAction{})},
		invalid + "Requested ReadUnitsPerSecond for WarmThroughput for index byG is lower than current WarmThroughput, decreasing WarmThroughput is not supported": {GlobalSecondaryIndexUpdates: update("byG", dynamodb.UpdateGlobalSecondaryIndexAction{WarmThroughput: warm})},
		invalid + "Requested ReadUnitsPerSecond for WarmThroughput for table is lower than current WarmThroughput, decreasing WarmThroughput is not supported":     {WarmThroughput: warm},
		invalid + "Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid range":                                                       {OnDemandThroughput: &dynamodb.OnDemandThroughput{MaxReadRequestUnits: wire.Some(int64(0))}},
		invalid + "If stream is being enabled then UpdateViewType is required":                                                                                     {StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: wire.Some(true)}},
		invalid + "If stream is being disabled, then UpdateViewType must not be specified":                                                                         {StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: wire.Some(false), StreamViewType: str("KEYS_ONLY")}},
	} {
		in.TableName = str("tab")
		_, err := do(w, w.root, dynamodb.UpdateTable, in)
		w.refused(err, "ValidationException", text)
	}
	_, err := do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), GlobalSecondaryIndexUpdates: update("none", dynamodb.UpdateGlobalSecondaryIndexAction{WarmThroughput: warm})})
	w.refused(err, "ResourceNotFoundException", "Requested resource not found: Index none for table tab")
}
