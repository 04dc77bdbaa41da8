'use strict';
// One handler behind both APIs, in the style of its time: nodejs6.10, callbacks, context.succeed, the runtime's own aws-sdk.
const AWS = require('aws-sdk');
const crypto = require('crypto');

const db = new AWS.DynamoDB.DocumentClient();
const TASKS = process.env.TASKS_TABLE;
const PROJECTS = process.env.PROJECTS_TABLE;

const routes = {
  'GET /projects': listProjects,
  'GET /tasks': listTasks,
  'POST /tasks': addTask,
  'PUT /tasks/*': changeTask,
  'DELETE /tasks/*': removeTask,
};

exports.handler = (event, context) => {
  const answer = (statusCode, body) => context.succeed({
    statusCode,
    body: JSON.stringify(body),
    headers: { 'Access-Control-Allow-Origin': '*', 'Content-Type': 'application/json' },
  });
  const [, root, id] = event.path.split('/');
  const route = routes[`${event.httpMethod} /${root}${id ? '/*' : ''}`];
  if (!route) return answer(404, { message: 'There is nothing here.' });
  const request = { owner: event.requestContext.identity.cognitoIdentityId, id: id && decodeURIComponent(id) };
  try {
    request.body = event.body ? JSON.parse(event.body) : {};
  } catch (err) {
    return answer(400, { message: 'The body is not JSON.' });
  }
  route(request, (err, body) => {
    if (!err) return answer(200, body);
    if (err.code === 'ConditionalCheckFailedException') return answer(404, { message: 'You have no such task.' });
    if (err.statusCode) return answer(err.statusCode, { message: err.message });
    console.error(err);
    return answer(500, { message: 'Something went wrong.' });
  });
};

function listProjects(request, done) {
  db.scan({ TableName: PROJECTS }, (err, data) => done(err, data && { projects: data.Items }));
}

function listTasks(request, done) {
  db.query({
    TableName: TASKS,
    IndexName: 'ByDate',
    KeyConditionExpression: 'userId = :me',
    ExpressionAttributeValues: { ':me': request.owner },
    ScanIndexForward: false,
  }, (err, data) => done(err, data && { tasks: data.Items }));
}

function addTask(request, done) {
  const title = String(request.body.title || '').trim();
  const projectId = String(request.body.projectId || '').trim();
  if (!title || !projectId) return done({ statusCode: 400, message: 'A task needs a title and a project.' });
  const now = new Date();
  const task = {
    userId: request.owner, taskId: crypto.randomBytes(8).toString('hex'), title, projectId,
    month: now.toISOString().slice(0, 7), created: now.getTime(), done: false,
  };
  db.put({ TableName: TASKS, Item: task }, (err) => {
    if (err) return done(err);
    count(task, 1, 0, (failed) => done(failed, { task }));
  });
}

function changeTask(request, done) {
  const finished = request.body.done === true;
  db.update({
    TableName: TASKS,
    Key: { userId: request.owner, taskId: request.id },
    ConditionExpression: 'attribute_exists(taskId) AND #done <> :done',
    UpdateExpression: 'SET #done = :done ADD #changes :one',
    ExpressionAttributeNames: { '#done': 'done', '#changes': 'changes' },
    ExpressionAttributeValues: { ':done': finished, ':one': 1 },
    ReturnValues: 'ALL_NEW',
  }, (err, data) => {
    if (err) return done(err);
    count(data.Attributes, 0, finished ? 1 : -1, (failed) => done(failed, { task: data.Attributes }));
  });
}

function removeTask(request, done) {
  db.delete({
    TableName: TASKS,
    Key: { userId: request.owner, taskId: request.id },
    ConditionExpression: 'attribute_exists(taskId)',
    ReturnValues: 'ALL_OLD',
  }, (err, data) => {
    if (err) return done(err);
    const task = data.Attributes;
    count(task, -1, task.done ? -1 : 0, (failed) => done(failed, { task }));
  });
}

// count keeps the figures that everybody sees.
function count(task, total, finished, done) {
  db.update({
    TableName: PROJECTS,
    Key: { projectId: task.projectId, month: task.month },
    UpdateExpression: 'ADD #total :total, #done :done',
    ExpressionAttributeNames: { '#total': 'total', '#done': 'done' },
    ExpressionAttributeValues: { ':total': total, ':done': finished },
  }, done);
}
