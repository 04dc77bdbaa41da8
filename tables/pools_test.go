package tables

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"bothy/kv"
	"bothy/kv/memkv"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestAnswersAreNobodyElses: what answers are made in is used again for others, also after clients that went away before they had
// read theirs; each gets its own items all the same.
func TestAnswersAreNobodyElses(t *testing.T) {
	root, _ := served(t, kv.New(memkv.New()))
	name := aws.String("notes")
	if _, err := root.CreateTable(t.Context(), &sdk.CreateTableInput{
		TableName: name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("userId"), AttributeType: "S"}, {AttributeName: aws.String("noteId"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("userId"), KeyType: "HASH"}, {AttributeName: aws.String("noteId"), KeyType: "RANGE"}},
	}); err != nil {
		t.Fatal(err)
	}
	const users, notes = 8, 40
	for u := range users {
		for i := range notes {
			text := strings.Repeat(fmt.Sprintf("of user %d; ", u), 1+u*i) // answers of many lengths
			if _, err := root.PutItem(t.Context(), &sdk.PutItemInput{TableName: name, Item: attrs{"userId": s(fmt.Sprint(u)), "noteId": s(fmt.Sprintf("%03d", i)), "text": s(text)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() {
			for round := range 20 {
				in := &sdk.QueryInput{TableName: name, KeyConditionExpression: aws.String("userId = :u"), ExpressionAttributeValues: attrs{":u": s(fmt.Sprint(u))}}
				if round%2 == 1 { // one that is made before it is shown
					in.FilterExpression, in.ExpressionAttributeValues[":o"] = aws.String("contains(#t, :o)"), s("of user")
					in.ExpressionAttributeNames = map[string]string{"#t": "text"}
				}
				hasty, leave := context.WithCancel(t.Context())
				go root.Query(hasty, in) //nolint:errcheck // nobody waits for it
				leave()
				out, err := root.Query(t.Context(), in)
				if err != nil || len(out.Items) != notes {
					t.Errorf("user %d: %v", u, err)
					return
				}
				for i, it := range out.Items {
					text := it["text"].(*types.AttributeValueMemberS).Value
					if it["noteId"].(*types.AttributeValueMemberS).Value != fmt.Sprintf("%03d", i) || text != strings.Repeat(fmt.Sprintf("of user %d; ", u), 1+u*i) {
						t.Errorf("user %d was shown %.60s", u, text)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}
