package tables

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/api/dynamodbstreams"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/wire"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// keyring knows two access keys: ROOT, and ANN under the private policy.
type keyring struct{ root, ann *wire.Principal }

func (k keyring) Find(_ context.Context, key, _ string) (*wire.Credential, error) {
	if key == "ANN" {
		return &wire.Credential{Secret: "secret", Principal: k.ann}, nil
	}
	return &wire.Credential{Secret: "secret", Principal: k.root}, nil
}

// served is a node of this service alone, over HTTP, and SDK clients of it.
func served(t testing.TB, db *kv.DB) (root, ann *sdk.Client) {
	p, err := policy.Parse([]byte(private))
	if err != nil {
		t.Fatal(err)
	}
	keys := keyring{
		root: &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", Policies: policy.Attached{Unlimited: true}},
		ann:  &wire.Principal{Kind: wire.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/ann", Policies: policy.Attached{Identity: []policy.Source{{Name: "private", Policy: p}}}},
	}
	mux := wire.NewMux(wire.Config{Account: func() string { return account }, Region: region, Credentials: keys, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, dynamodb.API, dynamodbstreams.API)
	New(Config{DB: db, Sealer: sealer(), Now: time.Now, Objects: fakeBucket{}, Log: slog.New(slog.DiscardHandler)}).Mount(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	client := func(key string) *sdk.Client {
		return sdk.NewFromConfig(aws.Config{Region: region, BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider(key, "secret", ""), RetryMaxAttempts: 1})
	}
	return client("ROOT"), client("ANN")
}

func s(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
func n(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }

type attrs = map[string]types.AttributeValue

func TestRealClient(t *testing.T) {
	ctx := t.Context()
	root, ann := served(t, kv.New(memkv.New()))
	name := aws.String("notes")
	_, err := root.CreateTable(ctx, &sdk.CreateTableInput{
		TableName: name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("userId"), AttributeType: "S"}, {AttributeName: aws.String("noteId"), AttributeType: "S"}, {AttributeName: aws.String("created"), AttributeType: "N"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("userId"), KeyType: "HASH"}, {AttributeName: aws.String("noteId"), KeyType: "RANGE"}},
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{{IndexName: aws.String("DateSorted"), Projection: &types.Projection{ProjectionType: "ALL"},
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("userId"), KeyType: "HASH"}, {AttributeName: aws.String("created"), KeyType: "RANGE"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sdk.NewTableExistsWaiter(root).Wait(ctx, &sdk.DescribeTableInput{TableName: name}, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		for _, u := range []string{"ann", "bob"} {
			_, err := root.PutItem(ctx, &sdk.PutItemInput{TableName: name, Item: attrs{
				"userId": s(u), "noteId": s(fmt.Sprint(i)), "created": n(fmt.Sprint(100 - i)), "bytes": &types.AttributeValueMemberB{Value: []byte{0, 1, 255}},
				"list": &types.AttributeValueMemberL{Value: []types.AttributeValue{s("ü☃"), n("-1.5e-3"), &types.AttributeValueMemberNULL{Value: true}, &types.AttributeValueMemberBOOL{}}},
				"map":  &types.AttributeValueMemberM{Value: attrs{"set": &types.AttributeValueMemberNS{Value: []string{"1", "2"}}}},
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := ann.GetItem(ctx, &sdk.GetItemInput{TableName: name, Key: attrs{"userId": s("ann"), "noteId": s("1")}, ConsistentRead: aws.Bool(true)})
	if err != nil || len(got.Item) != 6 || got.Item["list"].(*types.AttributeValueMemberL).Value[1].(*types.AttributeValueMemberN).Value != "-0.0015" {
		t.Fatalf("%v, %v", got, err)
	}
	clientQueries(t, ctx, ann)
	clientErrors(t, ctx, root, ann)
	clientStatements(t, ctx, root, ann)
	clientSeveralKeys(t, ctx, root, ann)
	if _, err := root.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: name}); err != nil {
		t.Fatal(err)
	}
	if err := sdk.NewTableNotExistsWaiter(root).Wait(ctx, &sdk.DescribeTableInput{TableName: name}, 5*time.Second); err != nil {
		t.Fatal(err)
	}
}

// clientSeveralKeys adds an index whose keys have several attributes to a table of items, and reads it.
func clientSeveralKeys(t *testing.T, ctx context.Context, root, ann *sdk.Client) {
	name, index := aws.String("notes"), aws.String("several")
	out, err := root.UpdateTable(ctx, &sdk.UpdateTableInput{
		TableName:            name,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("userId"), AttributeType: "S"}, {AttributeName: aws.String("bytes"), AttributeType: "B"}, {AttributeName: aws.String("created"), AttributeType: "N"}, {AttributeName: aws.String("noteId"), AttributeType: "S"}},
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{IndexName: index, Projection: &types.Projection{ProjectionType: "KEYS_ONLY"},
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("userId"), KeyType: "HASH"}, {AttributeName: aws.String("bytes"), KeyType: "HASH"}, {AttributeName: aws.String("created"), KeyType: "RANGE"}, {AttributeName: aws.String("noteId"), KeyType: "RANGE"}}}}},
	})
	if err != nil || len(out.TableDescription.GlobalSecondaryIndexes[0].KeySchema) != 4 {
		t.Fatalf("%v, %v", out, err)
	}
	in := &sdk.QueryInput{TableName: name, IndexName: index, KeyConditionExpression: aws.String("userId = :u AND #b = :b AND created > :c"), ExpressionAttributeNames: map[string]string{"#b": "bytes"},
		ExpressionAttributeValues: attrs{":u": s("ann"), ":b": &types.AttributeValueMemberB{Value: []byte{0, 1, 255}}, ":c": n("97")}, Limit: aws.Int32(2)}
	var found []string
	for pages := sdk.NewQueryPaginator(root, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			found = append(found, it["noteId"].(*types.AttributeValueMemberS).Value)
		}
	}
	if strings.Join(found, " ") != "2 1 0" {
		t.Errorf("found %v", found)
	}
	if _, err := ann.Query(ctx, in); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("a policy that pins one of two attributes: %v", err)
	}
}

func clientQueries(t *testing.T, ctx context.Context, ann *sdk.Client) {
	pages := sdk.NewQueryPaginator(ann, &sdk.QueryInput{
		TableName: aws.String("notes"), IndexName: aws.String("DateSorted"), KeyConditionExpression: aws.String("userId = :u"), ScanIndexForward: aws.Bool(false),
		ExpressionAttributeValues: attrs{":u": s("ann")}, Limit: aws.Int32(2),
	})
	var order string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			order += it["noteId"].(*types.AttributeValueMemberS).Value
		}
	}
	if order != "01234" {
		t.Errorf("order %s", order)
	}
}

func clientErrors(t *testing.T, ctx context.Context, root, ann *sdk.Client) {
	name := aws.String("notes")
	var denied interface{ ErrorCode() string }
	_, err := ann.GetItem(ctx, &sdk.GetItemInput{TableName: name, Key: attrs{"userId": s("bob"), "noteId": s("1")}})
	if !errors.As(err, &denied) || denied.ErrorCode() != "AccessDeniedException" {
		t.Errorf("neighbour's item: %v", err)
	}
	if _, err = ann.Scan(ctx, &sdk.ScanInput{TableName: name}); !errors.As(err, &denied) || denied.ErrorCode() != "AccessDeniedException" {
		t.Errorf("scan: %v", err)
	}
	var failed *types.ConditionalCheckFailedException
	_, err = root.PutItem(ctx, &sdk.PutItemInput{TableName: name, Item: attrs{"userId": s("ann"), "noteId": s("1")}, ConditionExpression: aws.String("attribute_not_exists(noteId)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
	if !errors.As(err, &failed) || failed.ErrorMessage() != "The conditional request failed" || len(failed.Item) != 6 {
		t.Errorf("condition: %v", err)
	}
	var cancelled *types.TransactionCanceledException
	_, err = root.TransactWriteItems(ctx, &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: name, Item: attrs{"userId": s("ann"), "noteId": s("new")}}},
		{ConditionCheck: &types.ConditionCheck{TableName: name, Key: attrs{"userId": s("ann"), "noteId": s("1")}, ConditionExpression: aws.String("attribute_not_exists(noteId)")}},
	}})
	if !errors.As(err, &cancelled) || len(cancelled.CancellationReasons) != 2 || *cancelled.CancellationReasons[1].Code != "ConditionalCheckFailed" {
		t.Errorf("transaction: %v", err)
	}
	var missing *types.ResourceNotFoundException
	if _, err = root.GetItem(ctx, &sdk.GetItemInput{TableName: aws.String("none"), Key: attrs{"a": s("b")}}); !errors.As(err, &missing) {
		t.Errorf("no table: %v", err)
	}
	if _, err = root.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: name, Key: attrs{"userId": s("ann"), "noteId": s("1")}, UpdateExpression: aws.String("SET a")}); !errors.As(err, &denied) || denied.ErrorCode() != "ValidationException" {
		t.Errorf("bad expression: %v", err)
	}
}

func clientStatements(t *testing.T, ctx context.Context, root, ann *sdk.Client) {
	pages := sdk.ExecuteStatementInput{Statement: aws.String(`SELECT noteId FROM "notes"."DateSorted" WHERE userId = ? AND created > 96 ORDER BY created`), Parameters: []types.AttributeValue{s("ann")}, Limit: aws.Int32(2)}
	var order string
	for {
		page, err := root.ExecuteStatement(ctx, &pages)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			order += it["noteId"].(*types.AttributeValueMemberS).Value
		}
		if pages.NextToken = page.NextToken; page.NextToken == nil {
			break
		}
	}
	if order != "3210" {
		t.Errorf("order %s", order)
	}
	insert := &sdk.ExecuteStatementInput{Statement: aws.String(`INSERT INTO notes VALUE {'userId': 'cid', 'noteId': ?, 'b': ?, 's': <<1, 2>>}`), Parameters: []types.AttributeValue{s("1"), &types.AttributeValueMemberB{Value: []byte{1}}}}
	if _, err := root.ExecuteStatement(ctx, insert); err != nil {
		t.Fatal(err)
	}
	var twice *types.DuplicateItemException
	if _, err := root.ExecuteStatement(ctx, insert); !errors.As(err, &twice) {
		t.Errorf("insert twice: %v", err)
	}
	var denied interface{ ErrorCode() string }
	if _, err := ann.ExecuteStatement(ctx, &sdk.ExecuteStatementInput{Statement: aws.String(`SELECT * FROM notes WHERE userId = 'ann'`)}); !errors.As(err, &denied) || denied.ErrorCode() != "AccessDeniedException" {
		t.Errorf("a statement without permission: %v", err)
	}
	batch, err := root.BatchExecuteStatement(ctx, &sdk.BatchExecuteStatementInput{Statements: []types.BatchStatementRequest{{Statement: aws.String(`DELETE FROM notes WHERE userId = 'cid' AND noteId = '1' RETURNING ALL OLD *`)}, {Statement: aws.String(`DELETE`)}}})
	if err != nil || len(batch.Responses[0].Item) != 4 || batch.Responses[1].Error.Code != types.BatchStatementErrorCodeEnumValidationError {
		t.Errorf("batch: %+v, %v", batch, err)
	}
	var cancelled *types.TransactionCanceledException
	_, err = root.ExecuteTransaction(ctx, &sdk.ExecuteTransactionInput{TransactStatements: []types.ParameterizedStatement{
		{Statement: aws.String(`UPDATE notes SET x = 1 WHERE userId = 'ann' AND noteId = '1'`)}, {Statement: aws.String(`EXISTS(SELECT * FROM notes WHERE userId = 'ann' AND noteId = '2' AND created IS MISSING)`)}}})
	if !errors.As(err, &cancelled) || *cancelled.CancellationReasons[1].Code != "ConditionalCheckFailed" {
		t.Errorf("transaction: %v", err)
	}
}

// TestClientsTryThrottledRequestsAgain: an SDK takes the refusal for what passes, and waits.
func TestClientsTryThrottledRequestsAgain(t *testing.T) {
	ctx := t.Context()
	root, _ := served(t, kv.New(memkv.New()))
	name := aws.String("slow")
	if _, err := root.CreateTable(ctx, &sdk.CreateTableInput{TableName: name, ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(1)},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: "S"}}, KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: "HASH"}}}); err != nil {
		t.Fatal(err)
	}
	large := &sdk.PutItemInput{TableName: name, Item: attrs{"pk": s("a"), "v": s(strings.Repeat("x", 301<<10))}} // all that is at hand, and a little more
	if _, err := root.PutItem(ctx, large); err != nil {
		t.Fatal(err)
	}
	_, err := root.PutItem(ctx, &sdk.PutItemInput{TableName: name, Item: attrs{"pk": s("b")}})
	var exceeded *types.ProvisionedThroughputExceededException
	if !errors.As(err, &exceeded) || len(exceeded.ThrottlingReasons) != 1 {
		t.Fatal(err)
	}
	if retry.NewStandard().IsErrorRetryable(err) == false {
		t.Error("the SDK would not try again")
	}
}
