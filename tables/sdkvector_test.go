package tables

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/api/dynamodbstreams"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/wire"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestRealClientSearches: with an endpoint of our own, and with Amazon's hosts, where the SDK searches elsewhere than it writes.
func TestRealClientSearches(t *testing.T) {
	root, ann := served(t, kv.New(memkv.New()))
	t.Run("endpoint", func(t *testing.T) { clientSearches(t, root) })
	_, err := ann.SearchVectors(t.Context(), &sdk.SearchVectorsInput{TableName: aws.String("products"), IndexName: aws.String("byLook"), TopK: aws.Int32(1), SearchVector: []types.AttributeValue{n("1"), n("0")}})
	if err == nil {
		t.Error("an intruder searches")
	}
	for _, id := range []string{"", account} {
		var mu sync.Mutex
		var hosts []string
		client := hosted(t, id, func(host string) { mu.Lock(); hosts = append(hosts, host); mu.Unlock() })
		clientSearches(t, client)
		want := "search-dynamodb.eu-west-1.amazonaws.com"
		if id != "" {
			want = account + ".search-ddb.eu-west-1.amazonaws.com"
		}
		if !slices.Contains(hosts, want) {
			t.Errorf("reached %s, not %s", hosts, want)
		}
	}
}

// hosted is a client without an endpoint of its own, whose every host is this server.
func hosted(t *testing.T, id string, saw func(host string)) *sdk.Client {
	root := &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", Policies: policy.Attached{Unlimited: true}}
	mux := wire.NewMux(wire.Config{Account: func() string { return account }, Region: region, Credentials: keyring{root: root}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, dynamodb.API, dynamodbstreams.API)
	New(Config{DB: kv.New(memkv.New()), Sealer: sealer(), Now: time.Now, Objects: fakeBucket{}, Log: slog.New(slog.DiscardHandler)}).Mount(mux)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		saw(r.Host)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the server's certificate is of a test
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}
	return sdk.NewFromConfig(aws.Config{Region: region, HTTPClient: &http.Client{Transport: transport}, RetryMaxAttempts: 1,
		Credentials: credentials.StaticCredentialsProvider{Value: aws.Credentials{AccessKeyID: "ROOT", SecretAccessKey: "secret", AccountID: id}}})
}

func clientSearches(t *testing.T, c *sdk.Client) {
	t.Helper()
	ctx, name := t.Context(), aws.String("products")
	made, err := c.CreateTable(ctx, &sdk.CreateTableInput{
		TableName: name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}, {AttributeName: aws.String("category"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}},
		VectorIndexes: []types.VectorIndex{{IndexName: aws.String("byLook"), VectorAttribute: &types.VectorAttributeDefinition{AttributeName: aws.String("look")}, Dimensions: aws.Int64(2),
			DistanceFunction: types.VectorDistanceFunctionCosine, Projection: &types.Projection{ProjectionType: "ALL"},
			SearchSchema: []types.SearchSchemaElement{{AttributeName: aws.String("category"), SearchSchemaElementType: types.SearchSchemaElementTypeHash}}}},
	})
	if err != nil || len(made.TableDescription.VectorIndexes) != 1 {
		t.Fatal(made, err)
	}
	for id, look := range map[string][]types.AttributeValue{"near": {n("1"), n("0.1")}, "far": {n("-1"), n("0")}} {
		if _, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: name, Item: attrs{"id": s(id), "category": s("shoes"), "look": &types.AttributeValueMemberL{Value: look}}}); err != nil {
			t.Fatal(err)
		}
	}
	in := &sdk.SearchVectorsInput{TableName: name, IndexName: aws.String("byLook"), TopK: aws.Int32(10), SearchVector: []types.AttributeValue{n("1"), n("0")},
		SearchConditionExpression: aws.String("category = :c"), ExpressionAttributeValues: attrs{":c": s("shoes")}, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
	out, err := c.SearchVectors(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if r := out.SearchResults; len(r) != 2 || r[0].Item["id"].(*types.AttributeValueMemberS).Value != "near" || r[1].Score != 2 || r[0].Item["look"] != nil || *out.ConsumedCapacity.VectorSearchRequestBytes != 1024 {
		t.Errorf("found %+v", r)
	}
	in.SearchConditionExpression, in.ExpressionAttributeValues = nil, nil
	_, err = c.SearchVectors(ctx, in)
	if e := (interface{ ErrorCode() string })(nil); !errors.As(err, &e) || e.ErrorCode() != "ValidationException" {
		t.Errorf("without the category: %v", err)
	}
}
