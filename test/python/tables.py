"""DynamoDB as boto3's resources have it: Decimals of 38 digits, Binary, sets, conditions as objects, batches that send again by themselves."""
import time
from contextlib import contextmanager
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary, TypeDeserializer
from botocore.config import Config
from botocore.exceptions import ClientError

db = boto3.resource("dynamodb", config=Config(retries={"total_max_attempts": 10}))
client = db.meta.client  # takes and gives plain values, too
key = {"pk": "ü", "sk": Decimal("-1.5")}


@contextmanager
def step(name):
    began = time.monotonic()
    yield
    print(f"ok {name} ({(time.monotonic() - began) * 1000:.0f} ms)", flush=True)


def same(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def refused(error, call, **params):
    try:
        call(**params)
    except error as e:
        return e
    raise AssertionError("it was allowed")


def create(name, attributes, keys, **more):
    table = db.create_table(
        TableName=name, AttributeDefinitions=[{"AttributeName": a, "AttributeType": t} for a, t in attributes.items()], KeySchema=schema(*keys), **more)
    table.wait_until_exists()
    same(table.table_status, "ACTIVE")
    return table


def schema(*keys):
    return [{"AttributeName": k, "KeyType": kind} for k, kind in zip(keys, ["HASH", "RANGE"])]


with step("create"):
    table = create(
        "boto", {"pk": "S", "sk": "N", "kind": "S"}, ["pk", "sk"], BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[{"IndexName": "kinds", "KeySchema": schema("kind", "sk"), "Projection": {"ProjectionType": "ALL"}}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    slow = create("boto-slow", {"id": "N"}, ["id"], ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})

with step("values"):
    item = {
        **key, "empty": "", "nil": None, "yes": True, "list": [1, "a", {"deep": []}], "bytes": Binary(b"\0\xff"), "nothing": Binary(b""),
        "words": {"a", "b"}, "numbers": {Decimal("1e-100"), 3}, "blobs": {Binary(b"\1")}, "n": Decimal("-3.1415926535897932384626433832795028842"), "small": Decimal("1e-130"),
        "large": int("9" * 38),  # more digits boto3 does not read, be they zeros (boto3 issue 2500)
    }
    table.put_item(Item=item)
    same(table.get_item(Key=key, ConsistentRead=True)["Item"], item)
    refused(TypeError, table.put_item, Item={**key, "n": 1.5})  # boto3's own rule: no floats

with step("conditions"):
    def update(was):
        return table.update_item(
            Key=key, UpdateExpression="SET #n = #n + :one, kind = :kind ADD words :more REMOVE nil", ConditionExpression=Attr("n").eq(was) & Attr("list[0]").exists(),
            ExpressionAttributeNames={"#n": "n"}, ExpressionAttributeValues={":one": 1, ":kind": "x", ":more": {"c"}}, ReturnValues="UPDATED_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD")["Attributes"]
    changed = Decimal("-2.1415926535897932384626433832795028842")
    same(update(item["n"]), {"n": changed, "kind": "x", "words": {"a", "b", "c"}})
    e = refused(client.exceptions.ConditionalCheckFailedException, update, was=1)
    same((e.response["Error"]["Code"], e.response["Error"]["Message"]), ("ConditionalCheckFailedException", "The conditional request failed"))
    same(e.response["Item"]["kind"], {"S": "x"})  # of errors boto3 makes no plain values

with step("batches, with what was not processed"):
    calls = []
    client.meta.events.register("after-call.dynamodb.BatchWriteItem", lambda **k: calls.append(k))
    with slow.batch_writer() as batch:
        for i in range(25):
            batch.put_item(Item={"id": i, "text": "x" * 900})
    assert len(calls) > 1, "a table of one unit took 25 at once"
    found, asked = [], {"boto-slow": {"Keys": [{"id": i} for i in range(25)], "ConsistentRead": True}}
    while asked:
        out = db.batch_get_item(RequestItems=asked)
        found += [int(i["id"]) for i in out["Responses"]["boto-slow"]]
        asked = out["UnprocessedKeys"]
    same(sorted(found), list(range(25)))

with step("pages"):
    with table.batch_writer() as batch:
        for i in range(7):
            batch.put_item(Item={"pk": "page", "sk": i, "kind": "page"})
    query = client.get_paginator("query").paginate(
        TableName="boto", IndexName="kinds", KeyConditionExpression=Key("kind").eq("page") & Key("sk").gt(0), ScanIndexForward=False, PaginationConfig={"PageSize": 4})
    same([[i["sk"] for i in page["Items"]] for page in query], [[6, 5, 4, 3], [2, 1]])
    scan = list(client.get_paginator("scan").paginate(TableName="boto", FilterExpression=Attr("pk").eq("page"), PaginationConfig={"PageSize": 2}))
    same((len(scan) >= 4, sorted(i["sk"] for page in scan for i in page["Items"])), (True, list(range(7))))

with step("transactions"):
    def put(i):
        return {"Put": {"TableName": "boto", "Item": {"pk": "trans", "sk": i, "n": i}, "ConditionExpression": "attribute_not_exists(pk)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}
    for _ in range(2):
        client.transact_write_items(ClientRequestToken="twice-boto", TransactItems=[put(1), put(2)])
    refused(client.exceptions.IdempotentParameterMismatchException, client.transact_write_items, ClientRequestToken="twice-boto", TransactItems=[put(3)])
    e = refused(client.exceptions.TransactionCanceledException, client.transact_write_items, TransactItems=[put(3), put(2)])
    assert str(e).endswith("specific reasons [None, ConditionalCheckFailed]"), e
    same([(r["Code"], r.get("Item", {}).get("n")) for r in e.response["CancellationReasons"]], [("None", None), ("ConditionalCheckFailed", {"N": "2"})])
    got = client.transact_get_items(TransactItems=[{"Get": {"TableName": "boto", "Key": {"pk": "trans", "sk": i}}} for i in (1, 3)])["Responses"]
    same(got, [{"Item": {"pk": "trans", "sk": 1, "n": 1}}, {}])

with step("PartiQL"):
    def sql(statement, *values):
        return client.execute_statement(Statement=statement, Parameters=list(values))["Items"]
    sql("INSERT INTO boto VALUE {'pk': ?, 'sk': ?, 'n': ?}", "sql", 1, Decimal("0.1"))
    same(sql("UPDATE boto SET n = n + ? WHERE pk = ? AND sk = ? RETURNING ALL NEW *", Decimal("0.2"), "sql", 1), [{"pk": "sql", "sk": 1, "n": Decimal("0.3")}])
    same(sql("SELECT n FROM boto WHERE pk = ? AND sk BETWEEN ? AND ?", "sql", 0, 9), [{"n": Decimal("0.3")}])
    refused(client.exceptions.DuplicateItemException, lambda: sql("INSERT INTO boto VALUE {'pk': ?, 'sk': ?}", "sql", 1))

with step("expiry and deletes"):
    client.update_time_to_live(TableName="boto", TimeToLiveSpecification={"AttributeName": "ends", "Enabled": True})
    same(client.describe_time_to_live(TableName="boto")["TimeToLiveDescription"], {"TimeToLiveStatus": "ENABLED", "AttributeName": "ends"})
    table.put_item(Item={"pk": "brief", "sk": 1, "ends": int(time.time()) - 60})
    end = time.monotonic() + 30
    while "Item" in table.get_item(Key={"pk": "brief", "sk": 1}):
        assert time.monotonic() < end, "it does not expire"
        time.sleep(0.1)
    old = table.delete_item(Key=key, ReturnValues="ALL_OLD")["Attributes"]
    same((old["empty"], old["nothing"]), ("", Binary(b"")))
    assert "Item" not in table.get_item(Key=key)

with step("its stream"):
    streams, plain = boto3.client("dynamodbstreams"), TypeDeserializer().deserialize
    told = {"ü": [], "brief": []}
    for shard in streams.describe_stream(StreamArn=table.latest_stream_arn)["StreamDescription"]["Shards"]:
        at = streams.get_shard_iterator(StreamArn=table.latest_stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while at:
            page = streams.get_records(ShardIterator=at)
            at = page.get("NextShardIterator") if page["Records"] else None
            for r in page["Records"]:
                was, now = ({k: plain(v) for k, v in r["dynamodb"].get(image, {}).items()} for image in ("OldImage", "NewImage"))
                who = r.get("userIdentity", {}).get("PrincipalId")
                told.setdefault(r["dynamodb"]["Keys"]["pk"]["S"], []).append((r["eventName"], was.get("n"), now.get("n"), who))
    same(told["ü"], [("INSERT", None, item["n"], None), ("MODIFY", item["n"], changed, None), ("REMOVE", changed, None, None)])
    same(told["brief"], [("INSERT", None, None, None), ("REMOVE", None, None, "dynamodb.amazonaws.com")])

with step("delete"):
    for t in (table, slow):
        t.delete()
        t.wait_until_not_exists()
    e = refused(ClientError, table.scan)
    same((type(e), e.response["Error"]["Message"]), (client.exceptions.ResourceNotFoundException, "Requested resource not found"))
