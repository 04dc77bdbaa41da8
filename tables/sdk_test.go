package tables

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/wire"

	"github.com/aws/aws-sdk-go-v2/aws"
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
	mux := wire.NewMux(wire.Config{Account: func() string { return account }, Region: region, Credentials: keys, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, dynamodb.API)
	New(Config{DB: db, Sealer: sealer(), Now: time.Now}).Mount(mux)
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
	if _, err := root.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: name}); err != nil {
		t.Fatal(err)
	}
	if err := sdk.NewTableNotExistsWaiter(root).Wait(ctx, &sdk.DescribeTableInput{TableName: name}, 5*time.Second); err != nil {
		t.Fatal(err)
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
