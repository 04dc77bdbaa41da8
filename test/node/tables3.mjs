// DynamoDB as SDK v3's lib-dynamodb has it: plain values, Sets, BigInts, and NumberValue for what JavaScript cannot hold.
import assert from 'node:assert/strict';
import * as db from '@aws-sdk/client-dynamodb';
import * as streams from '@aws-sdk/client-dynamodb-streams';
import { BatchExecuteStatementCommand, DynamoDBDocument, NumberValue, paginateQuery, paginateScan } from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { refused, step, until } from './lib/chain.mjs';

const client = new db.DynamoDBClient({ maxAttempts: 10 });
const doc = DynamoDBDocument.from(client, { marshallOptions: { removeUndefinedValues: true } });
const exact = DynamoDBDocument.from(new db.DynamoDBClient(), { unmarshallOptions: { wrapNumbers: true } }); // a client has one translation
const TableName = 'lib3', Slow = 'lib3-slow', Key = { pk: 'ü', sk: -1.5 };

const collect = async (pages) => {
  const all = [];
  for await (const page of pages) all.push(page.Items);
  return all;
};

const StreamArn = await step('create', async () => {
  const attribute = (AttributeName, AttributeType) => ({ AttributeName, AttributeType });
  const keys = (hash, range) => [{ AttributeName: hash, KeyType: 'HASH' }, { AttributeName: range, KeyType: 'RANGE' }];
  const { TableDescription } = await client.send(new db.CreateTableCommand({
    TableName, BillingMode: 'PAY_PER_REQUEST', AttributeDefinitions: [attribute('pk', 'S'), attribute('sk', 'N'), attribute('kind', 'S')], KeySchema: keys('pk', 'sk'),
    GlobalSecondaryIndexes: [{ IndexName: 'kinds', KeySchema: keys('kind', 'sk'), Projection: { ProjectionType: 'ALL' } }],
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
  }));
  await client.send(new db.CreateTableCommand({ TableName: Slow, ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 }, AttributeDefinitions: [attribute('id', 'N')], KeySchema: [keys('id')[0]] }));
  for (const name of [TableName, Slow]) assert.equal((await db.waitUntilTableExists({ client, maxWaitTime: 30 }, { TableName: name })).state, 'SUCCESS');
  return TableDescription.LatestStreamArn;
});

await step('values', async () => {
  const Item = {
    ...Key, empty: '', nil: null, yes: true, list: [1, 'a', { deep: [] }], bytes: Uint8Array.of(0, 255), nothing: new Uint8Array(), big: 9007199254740991,
    words: new Set(['a', 'b']), numbers: new Set([1e-100, 3]), blobs: new Set([Uint8Array.of(1)]),
  };
  await doc.put({ TableName, Item: { ...Item, left: undefined } });
  assert.deepEqual((await doc.get({ TableName, Key })).Item, Item);
});

await step('numbers beyond those of JavaScript', async () => {
  const n = NumberValue.from('-3.1415926535897932384626433832795028842'), whole = 9007199254740993n; // 38 digits, and 2⁵³+1
  await exact.put({ TableName, Item: { pk: 'exact', sk: 1, n, whole } });
  const { Item } = await exact.get({ TableName, Key: { pk: 'exact', sk: 1 } });
  assert.deepEqual([Item.n.toString(), Item.whole.toBigInt()], [n.toString(), whole]);
  assert.deepEqual((await doc.get({ TableName, Key: { pk: 'exact', sk: 1 } })).Item, { pk: 'exact', sk: 1, n: Number(n.toString()), whole });
  await refused(() => exact.put({ TableName, Item: { pk: 'exact', sk: 2, n: NumberValue.from('1' + '0'.repeat(37) + '1') } }), 'ValidationException', /more than 38 significant digits/);
});

await step('conditions', async () => {
  const update = (was) => doc.update({
    TableName, Key, UpdateExpression: 'SET #n = #n + :one, kind = :kind ADD words :more REMOVE nil', ConditionExpression: '#n = :was', ReturnValues: 'UPDATED_NEW',
    ExpressionAttributeNames: { '#n': 'big' }, ExpressionAttributeValues: { ':one': -1, ':was': was, ':kind': 'x', ':more': new Set(['c']) }, ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  });
  assert.deepEqual((await update(9007199254740991)).Attributes, { big: 9007199254740990, kind: 'x', words: new Set(['a', 'b', 'c']) });
  const err = await update(1).catch((e) => e);
  assert(err instanceof db.ConditionalCheckFailedException, err);
  assert.deepEqual([err.message, err.$metadata.httpStatusCode, err.$fault, unmarshall(err.Item).kind], ['The conditional request failed', 400, 'client', 'x']);
});

await step('batches, with what was not processed', async () => {
  let RequestItems = { [Slow]: Array.from({ length: 25 }, (_, id) => ({ PutRequest: { Item: { id, text: 'x'.repeat(900) } } })) }, rounds = 0;
  for (; RequestItems[Slow]; rounds++) RequestItems = (await doc.batchWrite({ RequestItems })).UnprocessedItems;
  assert(rounds > 1, 'a table of one unit took 25 at once');
  const found = [];
  for (let asked = { [Slow]: { Keys: Array.from({ length: 25 }, (_, id) => ({ id })), ConsistentRead: true } }; asked[Slow];) {
    const { Responses, UnprocessedKeys } = await doc.batchGet({ RequestItems: asked });
    found.push(...Responses[Slow].map((i) => i.id));
    asked = UnprocessedKeys;
  }
  assert.deepEqual(found.sort((a, b) => a - b), Array.from({ length: 25 }, (_, id) => id));
});

await step('pages', async () => {
  await doc.batchWrite({ RequestItems: { [TableName]: Array.from({ length: 7 }, (_, sk) => ({ PutRequest: { Item: { pk: 'page', sk, kind: 'page' } } })) } });
  const query = await collect(paginateQuery({ client: doc, pageSize: 4 }, { TableName, IndexName: 'kinds', KeyConditionExpression: 'kind = :k AND sk > :s', ExpressionAttributeValues: { ':k': 'page', ':s': 0 }, ScanIndexForward: false }));
  assert.deepEqual(query.map((p) => p.map((i) => i.sk)), [[6, 5, 4, 3], [2, 1]]);
  const scan = await collect(paginateScan({ client: exact, pageSize: 2 }, { TableName, FilterExpression: 'pk = :p', ExpressionAttributeValues: { ':p': 'page' } }));
  assert(scan.length >= 4);
  assert.deepEqual(scan.flat().map((i) => Number(i.sk.toString())).sort(), [0, 1, 2, 3, 4, 5, 6]);
});

await step('transactions', async () => {
  const Put = (sk) => ({ Put: { TableName, Item: { pk: 'trans', sk, n: sk }, ConditionExpression: 'attribute_not_exists(pk)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } });
  const once = { ClientRequestToken: 'twice3', TransactItems: [Put(1), Put(2)] };
  for (let i = 0; i < 2; i++) await doc.transactWrite(once);
  await refused(() => doc.transactWrite({ ...once, TransactItems: [Put(3)] }), 'IdempotentParameterMismatchException');
  const err = await doc.transactWrite({ TransactItems: [Put(3), Put(2)] }).catch((e) => e);
  assert(err instanceof db.TransactionCanceledException, err);
  assert.match(err.message, /specific reasons \[None, ConditionalCheckFailed\]$/);
  assert.deepEqual(err.CancellationReasons.map((r) => [r.Code, r.Message]), [['None', undefined], ['ConditionalCheckFailed', 'The conditional request failed']]);
  assert.deepEqual(unmarshall(err.CancellationReasons[1].Item), { pk: 'trans', sk: 2, n: 2 });
  const { Responses } = await doc.transactGet({ TransactItems: [1, 3].map((sk) => ({ Get: { TableName, Key: { pk: 'trans', sk } } })) });
  assert.deepEqual(Responses, [{ Item: { pk: 'trans', sk: 1, n: 1 } }, {}]);
});

await step('PartiQL', async () => {
  const sql = async (Statement, ...Parameters) => (await doc.executeStatement({ Statement, Parameters })).Items;
  await sql("INSERT INTO lib3 VALUE {'pk': ?, 'sk': ?, 'n': ?}", 'sql', 1, 1);
  assert.deepEqual(await sql('UPDATE lib3 SET n = n + ? WHERE pk = ? AND sk = ? RETURNING ALL NEW *', 41, 'sql', 1), [{ pk: 'sql', sk: 1, n: 42 }]);
  const duplicate = await sql("INSERT INTO lib3 VALUE {'pk': ?, 'sk': ?}", 'sql', 1).catch((e) => e);
  assert(duplicate instanceof db.DuplicateItemException, duplicate);
  const { Responses } = await doc.send(new BatchExecuteStatementCommand({ Statements: [
    { Statement: 'SELECT n FROM lib3 WHERE pk = ? AND sk = ?', Parameters: ['sql', 1] }, { Statement: "SELECT n FROM lib3 WHERE pk = 'sql'" },
  ] }));
  assert.deepEqual([Responses[0].Item, Responses[1].Error.Code], [{ n: 42 }, 'ValidationError']);
});

await step('expiry and deletes', async () => {
  await client.send(new db.UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { AttributeName: 'ends', Enabled: true } }));
  const { TimeToLiveDescription } = await client.send(new db.DescribeTimeToLiveCommand({ TableName }));
  assert.deepEqual(TimeToLiveDescription, { TimeToLiveStatus: 'ENABLED', AttributeName: 'ends' });
  const brief = { pk: 'brief', sk: 1 };
  await doc.put({ TableName, Item: { ...brief, ends: Math.floor(Date.now() / 1000) - 60 } });
  await until(async () => !(await doc.get({ TableName, Key: brief })).Item);
  const { Attributes } = await doc.delete({ TableName, Key, ReturnValues: 'ALL_OLD' });
  assert.deepEqual([Attributes.empty, Attributes.nothing.length], ['', 0]);
  assert.equal((await doc.get({ TableName, Key })).Item, undefined);
});

await step('its stream', async () => {
  const c = new streams.DynamoDBStreamsClient({});
  const { StreamDescription } = await c.send(new streams.DescribeStreamCommand({ StreamArn }));
  const told = { ü: [], brief: [] };
  for (const { ShardId } of StreamDescription.Shards) {
    let { ShardIterator } = await c.send(new streams.GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }));
    for (let Records = [0]; ShardIterator && Records.length;) {
      ({ Records, NextShardIterator: ShardIterator } = await c.send(new streams.GetRecordsCommand({ ShardIterator })));
      for (const { eventName, userIdentity, dynamodb: d } of Records) {
        assert(d.ApproximateCreationDateTime instanceof Date);
        const [{ pk }, was, is] = [d.Keys, d.OldImage, d.NewImage].map((i) => i && unmarshall(i, { wrapNumbers: String }));
        told[pk]?.push([eventName, was?.big, is?.big, ...(userIdentity ? [userIdentity.PrincipalId] : [])]);
      }
    }
  }
  assert.deepEqual(told.ü, [['INSERT', undefined, '9007199254740991'], ['MODIFY', '9007199254740991', '9007199254740990'], ['REMOVE', '9007199254740990', undefined]]);
  assert.deepEqual(told.brief, [['INSERT', undefined, undefined], ['REMOVE', undefined, undefined, 'dynamodb.amazonaws.com']]);
  await refused(() => c.send(new streams.DescribeStreamCommand({ StreamArn: StreamArn + '0' })), 'ResourceNotFoundException');
});

await step('delete', async () => {
  for (const name of [TableName, Slow]) {
    await client.send(new db.DeleteTableCommand({ TableName: name }));
    await db.waitUntilTableNotExists({ client, maxWaitTime: 30 }, { TableName: name });
  }
  const gone = await doc.scan({ TableName }).catch((e) => e);
  assert(gone instanceof db.ResourceNotFoundException, gone);
});
