import * as auth from './auth.js';
import { call } from './api.js';

const $ = (id) => document.getElementById(id);
const element = (tag, props = {}, ...kids) => {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...kids);
  return e;
};
let waiting = null; // who registered and must confirm

function notice(text, bad = false) {
  $('notice').textContent = text;
  $('notice').classList.toggle('bad', bad);
  $('notice').hidden = !text;
}

function show(view) {
  for (const button of document.querySelectorAll('[data-view]')) {
    button.toggleAttribute('aria-current', button.dataset.view === view);
    if (button.dataset.view === view) button.setAttribute('aria-current', 'page');
    $(button.dataset.view).hidden = button.dataset.view !== view;
  }
  notice('');
  return (view === 'tasks' ? loadTasks() : loadProjects()).catch((err) => notice(err.message, true));
}

async function loadProjects() {
  const { projects } = await call('ProjectsAPI', 'GET', '/projects');
  projects.sort((a, b) => (a.month + a.projectId < b.month + b.projectId ? 1 : -1));
  $('projects').replaceChildren(...projects.map((p) => element('li', {},
    element('strong', { textContent: p.projectId }),
    element('small', { textContent: `${p.month} · ${p.done} of ${p.total} done` }),
    element('progress', { max: Math.max(p.total, 1), value: p.done, ariaLabel: `${p.projectId}: done` }))));
  if (!projects.length) $('projects').append(element('li', { className: 'empty', textContent: 'No projects yet.' }));
}

async function loadTasks() {
  const { tasks } = await call('TasksAPI', 'GET', '/tasks');
  $('list').replaceChildren(...tasks.map(row));
  if (!tasks.length) $('list').append(element('li', { className: 'empty', textContent: 'Nothing to do.' }));
}

function row(task) {
  const box = element('input', { type: 'checkbox', checked: task.done });
  box.onchange = () => act(() => call('TasksAPI', 'PUT', `/tasks/${task.taskId}`, { done: box.checked }));
  const remove = element('button', { textContent: 'Delete', ariaLabel: `Delete ${task.title}` });
  remove.onclick = () => act(() => call('TasksAPI', 'DELETE', `/tasks/${task.taskId}`));
  return element('li', {}, element('label', {}, box,
    element('span', { className: task.done ? 'done' : '', textContent: task.title }),
    element('small', { textContent: task.projectId })), remove);
}

async function act(run) {
  try {
    await run();
    notice('');
    await loadTasks();
  } catch (err) {
    notice(err.message, true);
  }
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

// submit runs a form of the account dialog and shows what went wrong in it.
function submit(id, run) {
  $(id).onsubmit = async (event) => {
    event.preventDefault();
    const button = event.target.querySelector('button');
    button.disabled = true;
    try {
      await run(Object.fromEntries(new FormData(event.target)));
    } catch (err) {
      $('problem').textContent = err.message;
      $('problem').hidden = false;
    }
    button.disabled = false;
  };
}

submit('register', async ({ username, email, password }) => {
  await auth.register(username, email, password);
  waiting = username;
  page('confirm');
});
submit('confirm', async ({ code }) => {
  await auth.confirm(waiting, code);
  page('login');
  $('login').username.value = waiting;
});
submit('login', async ({ username, password }) => {
  await auth.signIn(username, password);
  $('account').close();
  signedIn(auth.username());
  await show('tasks');
});

document.querySelector('nav').onclick = (event) => event.target.dataset.view && show(event.target.dataset.view);
$('signin').onclick = () => { page('login'); $('account').showModal(); };
$('signout').onclick = () => { auth.signOut(); signedIn(null); show('dashboard'); };
$('account').onclick = (event) => {
  const name = event.target.hash && event.target.hash.slice(1);
  if (!name) return;
  event.preventDefault();
  if (name === 'resend') auth.resend(waiting).catch((err) => notice(err.message, true));
  else page(name);
};
$('add').onsubmit = (event) => {
  event.preventDefault();
  const form = event.target;
  act(() => call('TasksAPI', 'POST', '/tasks', Object.fromEntries(new FormData(form)))).then(() => form.reset());
};

auth.restore().then((name) => { signedIn(name); return show('dashboard'); });
