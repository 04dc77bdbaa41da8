package tables

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/wire/item"
)

// TestSeveralKeyAttributesHaveLimitsTogether: what is one key may be as long as one key.
func TestSeveralKeyAttributesHaveLimitsTogether(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S", "gsi h:S g:N i:S / r:S s:S ALL")
	put := func(hash, sort int) error {
		it := doc(`{'p': {'S': 'a'}, 'g': {'N': '7'}}`)
		for name, n := range map[string]int{"h": hash / 2, "i": hash - hash/2, "r": sort / 2, "s": sort - sort/2} {
			it = append(it, item.Attribute{Name: name, Value: item.Text(strings.Repeat("x", n))})
		}
		_, err := do(w, w.root, putItem, putInput("tab", it))
		return err
	}
	if err := put(maxHash-2, maxRange); err != nil { // the number has two bytes
		t.Error(err)
	}
	if got := len(w.scanAll(dynamodb.ScanInput{TableName: str("tab"), IndexName: str("gsi")})); got != 1 {
		t.Errorf("%d items with a long key", got)
	}
	w.refused(put(maxHash-1, maxRange), "ValidationException", "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes")
	w.refused(put(10, maxRange+1), "ValidationException", "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
	long := strings.Repeat("y", maxRange-10)
	_, err := do(w, w.root, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc(`{'p': {'S': 'a'}}`), UpdateExpression: str("SET r = :r"), ExpressionAttributeValues: item.Item{{Name: ":r", Value: item.Text(long)}}})
	w.refused(err, "ValidationException", "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
}

func TestSeveralKeyAttributesSchemas(t *testing.T) {
	w := newWorld(t)
	const eight = "h1:S h2:N h3:B h4:S / r1:N r2:S r3:B r4:S"
	w.table("most", "p:S", "gsi "+eight+" ALL")
	described := must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("most")}).Table
	if got := schemaText(described.GlobalSecondaryIndexes[0].KeySchema); got != "h1 HASH h2 HASH h3 HASH h4 HASH r1 RANGE r2 RANGE r3 RANGE r4 RANGE" || len(described.AttributeDefinitions) != 9 {
		t.Errorf("described as %s, %d attributes", got, len(described.AttributeDefinitions))
	}
	w.table("none", "p:S")
	for _, c := range []struct{ keys, want string }{
		{"a:HASH b:HASH c:HASH d:HASH e:HASH", "One or more parameter values were invalid: The KeySchema exceeds the maximum allowed number of HASH key attributes"},
		{"a:HASH b:RANGE c:RANGE d:RANGE e:RANGE f:RANGE", "One or more parameter values were invalid: The KeySchema exceeds the maximum allowed number of RANGE key attributes"},
		{"a:HASH b:RANGE c:HASH", "One or more parameter values were invalid: All HASH key attributes must precede RANGE key attributes in the KeySchema"},
		{"a:RANGE b:HASH", "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		{"a:RANGE b:RANGE", "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		{"a:HASH a:HASH", "The KeySchema contains multiple key attributes with the same name"},
		{"a:HASH b:HASH a:RANGE", "The KeySchema contains multiple key attributes with the same name"},
		{"a:HASH b:HASH z:RANGE", ""},
	} {
		create := dynamodb.CreateTableInput{TableName: str("new"), BillingMode: str("PAY_PER_REQUEST")}
		create.KeySchema = schemaOf(&create, "p:S")
		var keys []dynamodb.KeySchemaElement
		for _, k := range strings.Fields(c.keys) {
			name, role, _ := strings.Cut(k, ":")
			if keys = append(keys, dynamodb.KeySchemaElement{AttributeName: str(name), KeyType: str(role)}); name != "z" {
				schemaOf(&create, name+":S")
			}
		}
		all := &dynamodb.Projection{ProjectionType: str("ALL")}
		create.GlobalSecondaryIndexes = []dynamodb.GlobalSecondaryIndex{{IndexName: str("gsi"), KeySchema: keys, Projection: all}}
		_, err := do(w, w.root, dynamodb.CreateTable, create)
		w.refused(err, "ValidationException", c.want)
		_, err = do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("none"), AttributeDefinitions: create.AttributeDefinitions,
			GlobalSecondaryIndexUpdates: []dynamodb.GlobalSecondaryIndexUpdate{{Create: &dynamodb.CreateGlobalSecondaryIndexAction{IndexName: str("gsi"), KeySchema: keys, Projection: all}}}})
		w.refused(err, "ValidationException", c.want)
	}
	for keys, role := range map[string]string{"p:S c:S / d:S": "HASH", "p:S / c:S d:S": "RANGE"} {
		long := "1 validation error detected: Value '[KeySchemaElement(attributeName=p, keyType=HASH), KeySchemaElement(attributeName=c, keyType=" + role + "), KeySchemaElement(attributeName=d, keyType=RANGE)]' at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2"
		one := dynamodb.CreateTableInput{TableName: str("new"), BillingMode: str("PAY_PER_REQUEST")}
		one.KeySchema = schemaOf(&one, keys)
		_, err := do(w, w.root, dynamodb.CreateTable, one)
		w.refused(err, "ValidationException", long)
		local := dynamodb.CreateTableInput{TableName: str("new"), BillingMode: str("PAY_PER_REQUEST")}
		local.KeySchema = schemaOf(&local, "p:S c:S")
		local.LocalSecondaryIndexes = []dynamodb.LocalSecondaryIndex{{IndexName: str("lsi"), KeySchema: schemaOf(&local, keys), Projection: &dynamodb.Projection{ProjectionType: str("ALL")}}}
		_, err = do(w, w.root, dynamodb.CreateTable, local)
		w.refused(err, "ValidationException", long)
	}
	two := dynamodb.CreateTableInput{TableName: str("new"), BillingMode: str("PAY_PER_REQUEST")}
	two.KeySchema = schemaOf(&two, "p:S c:S /")
	_, err := do(w, w.root, dynamodb.CreateTable, two)
	w.refused(err, "ValidationException", "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
}

func schemaText(elements []dynamodb.KeySchemaElement) string {
	var out []string
	for _, e := range elements {
		out = append(out, e.AttributeName.V, e.KeyType.V)
	}
	return strings.Join(out, " ")
}

// TestOlderDefinitionsAreRead: a key as older versions stored it, and a key of few attributes as they would.
func TestOlderDefinitionsAreRead(t *testing.T) {
	const older = `{"Hash":{"Name":"userId","Type":"S"},"Range":{"Name":"created","Type":"N"},"Digests":true}`
	var k keySchema
	if err := json.Unmarshal([]byte(older), &k); err != nil || len(k.parts()) != 2 || k.several() || !k.has("created") || k.has("") {
		t.Errorf("%+v, %v", k, err)
	}
	w := newWorld(t)
	w.table("tab", "userId:S", "gsi userId:S created:N ALL")
	if got, err := json.Marshal(w.definition("tab").Indexes[0].Key); err != nil || string(got) != older {
		t.Errorf("%s, %v", got, err)
	}
}

// TestBackupsKeepIndexesOfSeveralAttributes: a restored table has the index, also of what it shows; one that was older is made anew.
func TestBackupsKeepIndexesOfSeveralAttributes(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S", "two h:S i:N / r:S p:S KEYS_ONLY", "shown h:S INCLUDE:c")
	w.older("tab", "shown")
	for i := range 30 {
		w.put("tab", fmt.Sprintf(`{'p': {'S': '%02d'}, 'h': {'S': 'h'}, 'i': {'N': '%d'}, 'r': {'S': 'r'}, 'c': {'S': 'c'}, 'd': {'S': 'd'}}`, i, i%2))
	}
	b := must(w, dynamodb.CreateBackup, dynamodb.CreateBackupInput{TableName: str("tab"), BackupName: str("first")}).BackupDetails
	w.jobs()
	d := must(w, dynamodb.DescribeBackup, dynamodb.DescribeBackupInput{BackupArn: b.BackupArn}).BackupDescription
	if got := schemaText(d.SourceTableFeatureDetails.GlobalSecondaryIndexes[0].KeySchema); got != "h HASH i HASH r RANGE p RANGE" {
		t.Errorf("the backup has %s", got)
	}
	must(w, dynamodb.RestoreTableFromBackup, dynamodb.RestoreTableFromBackupInput{TargetTableName: str("back"), BackupArn: b.BackupArn})
	w.jobs()
	found := w.all(dynamodb.QueryInput{TableName: str("back"), IndexName: str("two"), KeyConditionExpression: str("h = :h AND i = :i AND r = :r AND p >= :p"),
		ExpressionAttributeValues: doc(`{':h': {'S': 'h'}, ':i': {'N': '1'}, ':r': {'S': 'r'}, ':p': {'S': '20'}}`)}, 2)
	if got := sorts(found, "p"); got != "21 23 25 27 29" || found[0].Get("c") != nil {
		t.Errorf("found %s: %s", got, show(found[0]))
	}
	if got := w.scanAll(dynamodb.ScanInput{TableName: str("back"), IndexName: str("shown")}); len(got) != 30 || got[0].Get("c") == nil || got[0].Get("d") != nil {
		t.Errorf("%d items, first %s", len(got), show(got[0]))
	}
	if faults := w.faults(); faults != nil {
		t.Errorf("verified: %s", strings.Join(faults, "\n"))
	}
	if back := w.definition("back"); !back.Indexes[0].Covers || !back.Indexes[1].Covers {
		t.Error("entries of a table made now point as they did in older ones")
	}
}
