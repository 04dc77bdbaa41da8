// DynamoDB as SDK v2's DocumentClient has it: plain values, numbers of JavaScript or wrapped ones, sets of its own kind.
import assert from 'node:assert/strict';
import AWS from 'aws-sdk';
import { refused, step, until } from './lib/chain.mjs';

AWS.config.update({ region: process.env.AWS_REGION, endpoint: process.env.BOTHY_URL });
const db = new AWS.DynamoDB();
const doc = new AWS.DynamoDB.DocumentClient();
const TableName = 'two', Slow = 'two-slow', Key = { pk: 'ü', sk: -1.5 };

// pages are those of a request, as the client itself goes through them.
const pages = (request) => new Promise((resolve, reject) => {
  const all = [];
  request.eachPage((err, page) => {
    if (err) reject(err);
    else if (page) all.push(page.Items);
    else resolve(all);
  });
});

const StreamArn = await step('create', async () => {
  const attribute = (AttributeName, AttributeType) => ({ AttributeName, AttributeType });
  const keys = (hash, range) => [{ AttributeName: hash, KeyType: 'HASH' }, { AttributeName: range, KeyType: 'RANGE' }];
  const { TableDescription } = await db.createTable({
    TableName, BillingMode: 'PAY_PER_REQUEST', AttributeDefinitions: [attribute('pk', 'S'), attribute('sk', 'N'), attribute('kind', 'S')], KeySchema: keys('pk', 'sk'),
    GlobalSecondaryIndexes: [{ IndexName: 'kinds', KeySchema: keys('kind', 'sk'), Projection: { ProjectionType: 'ALL' } }],
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
  }).promise();
  await db.createTable({ TableName: Slow, ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 }, AttributeDefinitions: [attribute('id', 'N')], KeySchema: [keys('id')[0]] }).promise();
  for (const name of [TableName, Slow]) assert.equal((await db.waitFor('tableExists', { TableName: name }).promise()).Table.TableStatus, 'ACTIVE');
  return TableDescription.LatestStreamArn;
});

await step('values', async () => {
  const sets = { words: ['a', 'b'], numbers: [1e-100, 3], blobs: [Buffer.from([1])] };
  const Item = { ...Key, empty: '', nil: null, yes: true, list: [1, 'a', { deep: [] }], bytes: Buffer.from([0, 255]), nothing: Buffer.alloc(0), big: 9007199254740991, small: 1e-130 };
  for (const [name, values] of Object.entries(sets)) Item[name] = doc.createSet(values);
  await doc.put({ TableName, Item }).promise();
  const { Item: got } = await doc.get({ TableName, Key }).promise();
  for (const [name, values] of Object.entries(sets)) assert.deepEqual([got[name].wrapperName, got[name].type, [...got[name].values].sort()], ['Set', Item[name].type, values]);
  assert.deepEqual({ ...got, words: 0, numbers: 0, blobs: 0 }, { ...Item, words: 0, numbers: 0, blobs: 0 });
});

await step('numbers beyond those of JavaScript', async () => {
  const N = '-3.1415926535897932384626433832795028842'; // 38 digits
  await db.putItem({ TableName, Item: { pk: { S: 'exact' }, sk: { N: '1' }, n: { N } } }).promise();
  const wrapping = new AWS.DynamoDB.DocumentClient({ wrapNumbers: true });
  const { Item } = await wrapping.get({ TableName, Key: { pk: 'exact', sk: 1 } }).promise();
  assert.deepEqual([Item.n.wrapperName, Item.n.value, Item.sk.toNumber()], ['NumberValue', N, 1]);
  assert.equal((await doc.get({ TableName, Key: { pk: 'exact', sk: 1 } }).promise()).Item.n, Number(N));
});

await step('conditions', async () => {
  const update = (was) => doc.update({
    TableName, Key, UpdateExpression: 'SET #n = #n + :one, kind = :kind ADD words :more REMOVE nil', ConditionExpression: '#n = :was', ReturnValues: 'UPDATED_NEW',
    ExpressionAttributeNames: { '#n': 'big' }, ExpressionAttributeValues: { ':one': -1, ':was': was, ':kind': 'x', ':more': doc.createSet(['c']) },
  }).promise();
  const { Attributes } = await update(9007199254740991);
  assert.deepEqual([Attributes.big, Attributes.kind, [...Attributes.words.values].sort()], [9007199254740990, 'x', ['a', 'b', 'c']]);
  const err = await update(1).catch((e) => e);
  assert.deepEqual([err.code, err.message, err.statusCode, err.retryable], ['ConditionalCheckFailedException', 'The conditional request failed', 400, false]);
});

await step('batches, with what was not processed', async () => {
  let RequestItems = { [Slow]: Array.from({ length: 25 }, (_, id) => ({ PutRequest: { Item: { id, text: 'x'.repeat(900) } } })) }, rounds = 0;
  for (; RequestItems[Slow]; rounds++) RequestItems = (await doc.batchWrite({ RequestItems }).promise()).UnprocessedItems;
  assert(rounds > 1, 'a table of one unit took 25 at once');
  const found = [];
  for (let asked = { [Slow]: { Keys: Array.from({ length: 25 }, (_, id) => ({ id })), ConsistentRead: true } }; asked[Slow];) {
    const { Responses, UnprocessedKeys } = await doc.batchGet({ RequestItems: asked }).promise();
    found.push(...Responses[Slow].map((i) => i.id));
    asked = UnprocessedKeys;
  }
  assert.deepEqual(found.sort((a, b) => a - b), Array.from({ length: 25 }, (_, id) => id));
});

await step('pages', async () => {
  await doc.batchWrite({ RequestItems: { [TableName]: Array.from({ length: 7 }, (_, sk) => ({ PutRequest: { Item: { pk: 'page', sk, kind: 'page' } } })) } }).promise();
  const query = await pages(doc.query({ TableName, IndexName: 'kinds', KeyConditionExpression: 'kind = :k AND sk > :s', ExpressionAttributeValues: { ':k': 'page', ':s': 0 }, ScanIndexForward: false, Limit: 4 }));
  assert.deepEqual(query.map((p) => p.map((i) => i.sk)), [[6, 5, 4, 3], [2, 1]]);
  const scan = await pages(doc.scan({ TableName, FilterExpression: 'pk = :p', ExpressionAttributeValues: { ':p': 'page' }, Limit: 2 }));
  assert(scan.length >= 4);
  assert.deepEqual(scan.flat().map((i) => i.sk).sort(), [0, 1, 2, 3, 4, 5, 6]);
});

await step('transactions', async () => {
  const Put = (sk) => ({ Put: { TableName, Item: { pk: 'trans', sk, n: sk }, ConditionExpression: 'attribute_not_exists(pk)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } });
  const token = { ClientRequestToken: 'twice' };
  for (let i = 0; i < 2; i++) await doc.transactWrite({ ...token, TransactItems: [Put(1), Put(2)] }).promise();
  await refused(() => doc.transactWrite({ ...token, TransactItems: [Put(3)] }).promise(), 'IdempotentParameterMismatchException');
  const err = await doc.transactWrite({ TransactItems: [Put(3), Put(2)] }).promise().catch((e) => e);
  assert.equal(err.code, 'TransactionCanceledException');
  assert.match(err.message, /specific reasons \[None, ConditionalCheckFailed\]$/);
  assert.deepEqual(err.CancellationReasons.map((r) => r.Code), ['None', 'ConditionalCheckFailed']);
  assert.deepEqual(AWS.DynamoDB.Converter.unmarshall(err.CancellationReasons[1].Item), { pk: 'trans', sk: 2, n: 2 });
  const { Responses } = await doc.transactGet({ TransactItems: [1, 3].map((sk) => ({ Get: { TableName, Key: { pk: 'trans', sk } } })) }).promise();
  assert.deepEqual(Responses, [{ Item: { pk: 'trans', sk: 1, n: 1 } }, {}]);
});

await step('PartiQL', async () => {
  const { unmarshall, input } = AWS.DynamoDB.Converter;
  const sql = async (Statement, ...values) => (await db.executeStatement({ Statement, Parameters: values.map((v) => input(v)) }).promise()).Items.map((i) => unmarshall(i));
  await sql("INSERT INTO two VALUE {'pk': ?, 'sk': ?, 'n': ?}", 'sql', 1, 1);
  assert.deepEqual(await sql('UPDATE two SET n = n + ? WHERE pk = ? AND sk = ? RETURNING ALL NEW *', 41, 'sql', 1), [{ pk: 'sql', sk: 1, n: 42 }]);
  assert.deepEqual(await sql('SELECT n FROM two WHERE pk = ? AND sk BETWEEN ? AND ?', 'sql', 0, 9), [{ n: 42 }]);
  await refused(() => sql("INSERT INTO two VALUE {'pk': ?, 'sk': ?}", 'sql', 1), 'DuplicateItemException');
});

await step('expiry and deletes', async () => {
  await db.updateTimeToLive({ TableName, TimeToLiveSpecification: { AttributeName: 'ends', Enabled: true } }).promise();
  assert.deepEqual((await db.describeTimeToLive({ TableName }).promise()).TimeToLiveDescription, { TimeToLiveStatus: 'ENABLED', AttributeName: 'ends' });
  const brief = { pk: 'brief', sk: 1 };
  await doc.put({ TableName, Item: { ...brief, ends: Math.floor(Date.now() / 1000) - 60 } }).promise();
  await until(async () => !(await doc.get({ TableName, Key: brief }).promise()).Item);
  const { Attributes } = await doc.delete({ TableName, Key, ReturnValues: 'ALL_OLD' }).promise();
  assert.deepEqual([Attributes.empty, Attributes.nothing.length], ['', 0]);
  assert.deepEqual(await doc.get({ TableName, Key }).promise(), {});
});

await step('its stream', async () => {
  const streams = new AWS.DynamoDBStreams();
  const { StreamDescription } = await streams.describeStream({ StreamArn }).promise();
  const told = { ü: [], brief: [] };
  for (const { ShardId } of StreamDescription.Shards) {
    let { ShardIterator } = await streams.getShardIterator({ StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }).promise();
    for (let Records = [0]; ShardIterator && Records.length;) {
      ({ Records, NextShardIterator: ShardIterator } = await streams.getRecords({ ShardIterator }).promise());
      for (const { eventName, userIdentity, dynamodb: d } of Records) {
        const [{ pk }, was, is] = [d.Keys, d.OldImage, d.NewImage].map((i) => i && AWS.DynamoDB.Converter.unmarshall(i));
        told[pk]?.push([eventName, was?.big, is?.big, ...(userIdentity ? [userIdentity.PrincipalId] : [])]);
      }
    }
  }
  assert.deepEqual(told.ü, [['INSERT', undefined, 9007199254740991], ['MODIFY', 9007199254740991, 9007199254740990], ['REMOVE', 9007199254740990, undefined]]);
  assert.deepEqual(told.brief, [['INSERT', undefined, undefined], ['REMOVE', undefined, undefined, 'dynamodb.amazonaws.com']]);
});

await step('delete', async () => {
  for (const name of [TableName, Slow]) {
    await db.deleteTable({ TableName: name }).promise();
    await db.waitFor('tableNotExists', { TableName: name }).promise();
  }
  await refused(() => doc.scan({ TableName }).promise(), 'ResourceNotFoundException', /^Requested resource not found$/);
});
