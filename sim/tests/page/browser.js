// Opens the pages of a folder in a headless Chromium and checks what a reader would do with them.
// Arguments: the browser, the folder. Prints one line for each check; exits with 1 if one failed.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { chromium } = require('playwright-core');

const [executablePath, folder] = process.argv.slice(2);
const expected = JSON.parse(fs.readFileSync(path.join(folder, 'expected.json'), 'utf8'));
let failures = 0;

function check(what, held, detail) {
  failures += held ? 0 : 1;
  console.log(`${held ? 'ok  ' : 'FAIL'} ${what}${held || detail === undefined ? '' : `: ${JSON.stringify(detail)}`}`);
}

// A page that keeps a list of everything that must not happen.
async function open(browser, name, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const url = pathToFileURL(path.join(folder, name)).href;
  const wrong = [];
  page.on('console', (message) => wrong.push(`console ${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
  page.on('request', (request) => { if (request.url() !== url) wrong.push(`request: ${request.url()}`); });
  page.on('dialog', (dialog) => { wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.goto(url + (options.hash || ''));
  return { context, page, wrong, url };
}

// The address follows the view a moment later: what is asked of it is waited for.
async function address(page, held) {
  const until = Date.now() + 5000;
  for (;;) {
    const hash = await page.evaluate(() => location.hash);
    if (held(hash) || Date.now() > until) return hash;
    await page.waitForTimeout(20);
  }
}

// The event that is selected, which the panel names at once.
const selected = (page) => page.evaluate(() => {
  const field = document.querySelector('#event dd');
  return field ? Number(field.textContent) : null;
});
const spanOf = (hash) => Number((/v=-?\d+,(\d+)/.exec(hash) || [])[1]);
const painted = (page) => page.evaluate(() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(done));
}));
const picture = (page, name) => page.screenshot({ path: path.join(folder, `${name}.png`) });

// The first frame is there when the page is loaded, without anything else happening: this is what a
// screenshot of a headless browser shows.
async function first(browser) {
  const { context, page, wrong } = await open(browser, 'small.html');
  const colours = await page.evaluate(() => {
    const canvas = document.querySelector('#canvas');
    const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
    const context = copy.getContext('2d', { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set();
    for (let place = 0; place < data.length; place += 4) seen.add(data.slice(place, place + 3).join());
    return seen.size;
  });
  check('the first frame is drawn at load', colours > 5, colours);
  check('what contradicts is highlighted in it', await framed(page) > 0);
  check('nothing is requested, logged or thrown', wrong.length === 0, wrong);
  await context.close();
}

// How many pixels below the axis the frames of what contradicts have.
const framed = (page) => page.evaluate(() => {
  const canvas = document.querySelector('#focus');
  const probe = document.createElement('i');
  probe.style.color = getComputedStyle(document.documentElement).getPropertyValue('--bad');
  document.body.append(probe);
  const wanted = getComputedStyle(probe).color.match(/\d+/g).slice(0, 3).join();
  probe.remove();
  const top = Math.round(30 * devicePixelRatio);
  const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
  const context = copy.getContext('2d', { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, top, canvas.width, canvas.height - top);
  let count = 0;
  for (let place = 0; place < data.length; place += 4) {
    if (data[place + 3] === 255 && data.slice(place, place + 3).join() === wanted) count += 1;
  }
  return count;
});

async function disputes(browser) {
  const { context, page, wrong } = await open(browser, 'small.html', { hash: '#t=0' });
  await page.locator('#violation').click();
  check('the first violation is selected', await selected(page) === expected.violation, await selected(page));
  const said = await page.locator('#live').textContent();
  check('both operations are named', expected.disputed.every((one) => said.includes(one.name)), said);
  const inView = (hash) => {
    const [from, span] = (/v=(-?\d+),(\d+)/.exec(hash) || [0, 0, 0]).slice(1).map(Number);
    return expected.disputed.every((one) => from <= one.at && one.at <= from + span);
  };
  const hash = await address(page, (one) => one.includes(`&e=${expected.violation}&`) && inView(one));
  check('both are in view', inView(hash), hash);
  await painted(page);
  check('and framed', await framed(page) > 100, await framed(page));
  await picture(page, 'dispute');
  check('nothing is requested, logged or thrown', wrong.length === 0, wrong);
  await context.close();
}

async function counts(browser) {
  const { context, page, wrong } = await open(browser, 'small.html');
  await page.keyboard.press('f');
  const chips = page.getByRole('group', { name: 'Filter by event' }).getByRole('button');
  const found = {};
  for (const chip of await chips.all()) {
    const count = await chip.locator('i').textContent();
    const name = (await chip.textContent()).slice(0, -count.length);
    found[name] = Number(count.replaceAll(',', ''));
  }
  const sorted = (counts) => JSON.stringify(Object.entries(counts).sort());
  check('the page has as many events of each type as the file', sorted(found) === sorted(expected.types), found);
  check('the header names the verdict', (await page.locator('#verdict').textContent()).includes('FAIL'));
  await page.locator('.reason').click();
  check('the reason leads to its event', await selected(page) === expected.violation, await selected(page));
  const reason = await page.locator('.reason .text').textContent();
  check('a hostile reason is shown as it is', reason === expected.reason, reason);
  check('no markup of the trace became an element', await page.locator('img').count() === 0);
  check('nothing is requested, logged or thrown', wrong.length === 0, wrong);
  await context.close();
}

async function keys(browser) {
  const { context, page, wrong } = await open(browser, 'small.html', { hash: '#t=0' });
  await page.locator('#view').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  const visited = [];
  for (let step = 0; step < 6; step += 1) {
    await page.keyboard.press('n');
    visited.push(await selected(page));
  }
  const wanted = expected.third.filter((seq) => visited.includes(seq));
  check('n walks the events of a lane in order', wanted.length === 6
    && visited.every((seq, index) => index === 0 || expected.third.indexOf(seq) === expected.third.indexOf(visited[index - 1]) + 1), visited);
  await page.keyboard.press('p');
  check('p walks back', await selected(page) === visited[4]);
  check('the voice says what is selected', (await page.locator('#live').textContent()).startsWith('n3 '));
  await page.keyboard.press('Enter');
  check('Enter moves the focus to the event', await page.evaluate(() => document.activeElement.id) === 'event');
  await page.keyboard.press('v');
  check('v goes to the violation', await selected(page) === expected.violation, await selected(page));
  const named = (hash) => hash.includes(`&e=${expected.violation}&`);
  const before = await address(page, named);
  check('the address names the selected event', named(before), before);
  await page.keyboard.press('+');
  const after = await address(page, (hash) => spanOf(hash) < spanOf(before));
  check('+ zooms in', spanOf(after) < spanOf(before), [before, after]);
  await page.keyboard.press('0');
  const whole = await address(page, (hash) => spanOf(hash) >= expected.end);
  check('0 shows the whole run', spanOf(whole) >= expected.end, whole);
  await page.keyboard.press('?');
  check('? opens the help', await page.locator('#helper').isVisible());
  await picture(page, 'help');
  await page.keyboard.press('Escape');
  check('Esc closes it', !await page.locator('#helper').isVisible());
  await page.keyboard.press('/');
  await page.keyboard.type('n4 notification');
  await page.keyboard.press('Enter');
  const found = await page.locator('#found').textContent();
  check('the search finds', found.endsWith(` of ${expected.votes}`), found);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  check('Esc clears the selection', await selected(page) === null, await selected(page));
  check('nothing is requested, logged or thrown', wrong.length === 0, wrong);
  await context.close();
}

async function stories(browser) {
  const { crash, commands } = expected.story;
  const { context, page, wrong } = await open(browser, 'small.html', { hash: '#t=0' });
  const steps = page.locator('#story li button');
  const told = await steps.count();
  check('the story is told in steps', told >= 3, told);
  check('a hostile step is shown as it is', (await page.locator('#story').textContent()).includes(expected.hostileText));
  const step = steps.filter({ hasText: 'n2 loses its power' });
  await step.focus();
  await page.keyboard.press('Enter');
  check('a step leads to its event', await selected(page) === crash.seq, await selected(page));
  check('and to its time', await page.locator('#when').textContent() === crash.at, await page.locator('#when').textContent());
  const named = (hash) => hash.includes(`&e=${crash.seq}&`);
  const hash = await address(page, named);
  const [from, span] = /v=(-?\d+),(\d+)/.exec(hash).slice(1).map(Number);
  check('which is in view', from <= crash.ns && crash.ns <= from + span, hash);
  check('the step is marked as the one that is read', await step.getAttribute('aria-current') === 'step');
  await painted(page);
  await picture(page, 'story');
  const current = () => steps.evaluateAll((all) => all.findIndex((one) => one.hasAttribute('aria-current')));
  const before = await current();
  await page.keyboard.press('k');
  check('k goes to the step before', await current() === before - 1, [before, await current()]);
  await page.keyboard.press('j');
  check('j comes back', await current() === before, [before, await current()]);
  await page.locator('#story-toggle').click();
  check('the story can be closed', !await page.locator('#story-body').isVisible()
    && await page.locator('#story-toggle').getAttribute('aria-expanded') === 'false');
  await page.keyboard.press('s');
  check('s opens it again', await page.locator('#story-body').isVisible());
  const found = [];
  for (const verb of await page.getByRole('group', { name: 'Which command' }).getByRole('button').all()) {
    await verb.click();
    found.push(await page.locator('.command code').textContent());
  }
  check('the run can be repeated, explained, blamed and shrunk', JSON.stringify(found) === JSON.stringify(commands), found);
  check('no markup of the story became an element', await page.locator('img').count() === 0);
  check('nothing is requested, logged or thrown', wrong.length === 0, wrong);
  await context.close();
}

async function links(browser) {
  const { seq, text, cause } = expected.link;
  const { context, page, wrong } = await open(browser, 'small.html', { hash: `#e=${seq}` });
  await painted(page);
  const shown = await page.locator('#event').textContent();
  check('a deep link opens its event', shown.includes(text), shown);
  check('its body is shown in full', shown.includes(expected.hostileText), shown);
  check('its causes are listed', shown.includes(cause), shown);
  await picture(page, 'event');
  check('nothing is requested, logged or thrown', wrong.length === 0, wrong);
  await context.close();
}

async function filters(browser) {
  const { context, page, wrong } = await open(browser, 'small.html', { hash: '#filter=event:crash,boot' });
  await painted(page);
  const wanted = expected.types.crash + expected.types.boot;
  const shown = () => page.locator('#shown').textContent();
  check('the address filters', (await shown()).startsWith(`${wanted} of `), await shown());
  await page.keyboard.press('f');
  await page.getByRole('button', { name: /^crash/ }).click();
  check('a chip filters', (await shown()).startsWith(`${expected.types.boot} of `), await shown());
  const remembered = (hash) => hash.endsWith('filter=event:boot');
  const hash = await address(page, remembered);
  check('the address remembers the filter', remembered(hash), hash);
  await page.locator('#clear').click();
  check('the filter can be cleared', !(await shown()).includes(' of '));
  check('nothing is requested, logged or thrown', wrong.length === 0, wrong);
  await context.close();
}

async function schemes(browser) {
  const papers = [];
  for (const colorScheme of ['light', 'dark']) {
    const { context, page, wrong } = await open(browser, 'small.html', { colorScheme, hash: '#t=12000000&v=2000000,26000000' });
    await painted(page);
    papers.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    await picture(page, colorScheme);
    check(`nothing is requested, logged or thrown (${colorScheme})`, wrong.length === 0, wrong);
    await context.close();
  }
  check('light and dark differ', papers[0] !== papers[1], papers);
}

async function narrow(browser) {
  const { context, page, wrong } = await open(browser, 'small.html', { viewport: { width: 390, height: 800 } });
  await painted(page);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  check('a narrow window needs no scrolling to the side', wide <= 390, wide);
  await picture(page, 'narrow');
  check('nothing is requested, logged or thrown', wrong.length === 0, wrong);
  await context.close();
}

async function withoutScript(browser) {
  const { context, page, wrong } = await open(browser, 'small.html', { javaScriptEnabled: false });
  const rows = await page.locator('.summary tr').count();
  check('without script there is a table of key events', rows > 10 && rows <= 201, rows);
  check('without script the verdict is told', (await page.locator('.summary h1').textContent()).startsWith('Fail'));
  const told = await page.locator('.summary ol li').allTextContents();
  check('without script the story is told', told.length >= 3 && told.some((text) => text.includes('n2 loses its power')), told);
  check('without script the application is hidden', !await page.locator('#app').isVisible());
  await picture(page, 'plain');
  check('nothing is requested, logged or thrown', wrong.length === 0, wrong);
  await context.close();
}

async function budget(browser) {
  const times = [];
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const { context, page, wrong } = await open(browser, 'large.html');
    times.push(await page.evaluate(() => Number(document.documentElement.dataset.ready)));
    check('nothing is requested, logged or thrown', wrong.length === 0, wrong);
    if (attempt === 0) await picture(page, 'large');
    await context.close();
  }
  // How long it takes is a figure of the machine, and no verdict.
  check(`100,000 events open (in ${times.map(Math.round).join(', ')} ms)`, times.every(Number.isFinite), times);
  const bytes = fs.statSync(path.join(folder, 'large.html')).size;
  check(`and take under 10 MB (${(bytes / 1e6).toFixed(1)})`, bytes < 10e6, bytes);
  const { context, page } = await open(browser, 'window.html');
  const note = await page.locator('#window').textContent();
  check('a page that shows a part of a run says so', note.includes(expected.total), note);
  await context.close();
}

async function main() {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  for (const part of [first, counts, keys, disputes, stories, links, filters, schemes, narrow, withoutScript, budget]) {
    console.log(`${part.name}:`);
    await part(browser);
  }
  await browser.close();
  process.exitCode = failures === 0 ? 0 : 1;
}

main().catch((error) => { console.log(`FAIL ${error.stack}`); process.exit(1); });
