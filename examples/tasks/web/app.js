import * as auth from './auth.js';
import { call } from './api.js';

const $ = (id) => document.getElementById(id);
const element = (tag, props = {}, ...kids) => {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...kids);
  return e;
};
const views = { dashboard: loadProjects, tasks: loadTasks };
let waiting = null; // who registered and must confirm

function notice(text) {
  $('notice').textContent = text;
  $('notice').hidden = !text;
}

function show(view) {
  for (const button of document.querySelectorAll('[data-view]')) {
    const current = button.dataset.view === view;
    if (current) button.setAttribute('aria-current', 'page');
    else button.removeAttribute('aria-current');
    $(button.dataset.view).hidden = !current;
  }
  return act(views[view]);
}

// act runs what talks to the server, and shows what went wrong.
async function act(run) {
  const main = document.querySelector('main');
  main.setAttribute('aria-busy', 'true');
  notice('');
  await run().catch((err) => notice(err.message));
  main.removeAttribute('aria-busy');
}

const empty = (text) => element('li', { className: 'empty', textContent: text });

async function loadProjects() {
  const { projects } = await call('ProjectsAPI', 'GET', '/projects');
  const shown = projects.filter((p) => p.total > 0).sort((a, b) => b.month.localeCompare(a.month) || a.projectId.localeCompare(b.projectId));
  const open = shown.reduce((sum, p) => sum + p.total - p.done, 0);
  $('summary').textContent = shown.length ? `${open} open ${open === 1 ? 'task' : 'tasks'} in ${shown.length} ${shown.length === 1 ? 'project' : 'projects'}` : '';
  $('projects').replaceChildren(...(shown.length ? shown.map(card) : [empty('No projects yet. Sign in and add the first task.')]));
  $('names').replaceChildren(...[...new Set(shown.map((p) => p.projectId))].map((value) => element('option', { value })));
}

function card(p) {
  const percent = Math.round((100 * p.done) / p.total);
  return element('li', {},
    element('strong', {}, element('span', { textContent: p.projectId }), element('span', { textContent: `${percent} %` })),
    element('progress', { max: p.total, value: p.done, ariaLabel: `${p.projectId}: done` }),
    element('small', { textContent: `${p.done} of ${p.total} done · ${p.month}` }));
}

async function loadTasks() {
  try {
    const { tasks } = await call('TasksAPI', 'GET', '/tasks');
    $('list').replaceChildren(...(tasks.length ? tasks.map(row) : [empty('Nothing to do.')]));
    $('add').hidden = false;
    $('refused').hidden = true;
  } catch (err) {
    if (err.status !== 403) throw err;
    $('list').replaceChildren();
    $('add').hidden = true;
    $('refused').hidden = false;
    $('refused').querySelector('code').textContent = err.message;
  }
}

const change = (...request) => act(() => call('TasksAPI', ...request).finally(loadTasks));

function row(task) {
  const path = `/tasks/${encodeURIComponent(task.taskId)}`;
  const box = element('input', { type: 'checkbox', checked: task.done });
  box.onchange = () => change('PUT', path, { done: box.checked });
  const remove = element('button', { textContent: '×', ariaLabel: `Delete ${task.title}` });
  remove.onclick = () => change('DELETE', path);
  const text = element('span', {}, element('b', { textContent: task.title }), element('small', { textContent: task.projectId }));
  return element('li', {}, element('label', {}, box, text), remove);
}

function page(name) {
  for (const form of document.querySelectorAll('[data-page]')) form.hidden = form.dataset.page !== name;
  $('problem').hidden = true;
}

function signedIn(name) {
  $('who').textContent = name || 'Guest';
  $('signin').hidden = !!name;
  $('signout').hidden = !name;
}

// attempt runs what a form of the account dialog asks for, and shows in the dialog what went wrong.
async function attempt(run, button = {}) {
  button.disabled = true;
  $('problem').hidden = true;
  await run().catch((err) => {
    $('problem').textContent = err.message;
    $('problem').hidden = false;
  });
  button.disabled = false;
}

const forms = {
  async register({ username, email, password }) {
    await auth.register(username, email, password);
    waiting = username;
    page('confirm');
  },
  async confirm({ code }) {
    await auth.confirm(waiting, code);
    page('login');
    $('login').username.value = waiting;
    $('login').password.focus();
  },
  async login({ username, password }) {
    try {
      await auth.signIn(username, password);
    } catch (err) {
      if (err.code !== 'UserNotConfirmedException') throw err;
      waiting = username;
      return page('confirm');
    }
    $('account').close();
    signedIn(auth.username());
    await show('tasks');
  },
};
for (const [name, run] of Object.entries(forms)) {
  $(name).onsubmit = (event) => {
    event.preventDefault();
    attempt(() => run(Object.fromEntries(new FormData($(name)))), event.submitter);
  };
}

$('account').onclick = (event) => {
  const name = event.target.hash && event.target.hash.slice(1);
  if (!name) return;
  event.preventDefault();
  if (name === 'resend') attempt(() => auth.resend(waiting));
  else page(name);
};
$('account').onclose = () => { for (const name of Object.keys(forms)) $(name).reset(); };
document.querySelector('nav').onclick = (event) => event.target.dataset.view && show(event.target.dataset.view);
$('signin').onclick = () => { page('login'); $('account').showModal(); };
$('signout').onclick = () => {
  auth.signOut();
  signedIn(null);
  $('list').replaceChildren();
  show('dashboard');
};
$('add').onsubmit = async (event) => {
  event.preventDefault();
  await change('POST', '/tasks', Object.fromEntries(new FormData($('add'))));
  if ($('notice').hidden) $('add').title.value = '';
};

auth.restore().then((name) => {
  signedIn(name);
  return show('dashboard');
}, (err) => notice(err.message));
