// The story of the failure: a list of steps, each of which leads to its events on the time axis.

function fillStory(view) {
  const { story } = view.model;
  view.story = { steps: [], at: NONE, rows: [] };
  byId('story').hidden = !story;
  if (!story) return;
  const count = story.steps.length;
  byId('story-title').append('Story ', make('small', {}, `${story.checker}, ${count} ${count === 1 ? 'step' : 'steps'}`));
  const list = make('ol', { class: 'tale' });
  story.steps.forEach((step, index) => {
    const rows = step.events.map((seq) => rowOfSeq(view.model, seq)).filter((row) => row !== NONE);
    const button = make(
      'button',
      { type: 'button', onclick: () => toStep(view, index) },
      make('span', { class: 'mono' }, `${(step.at / 1e6).toFixed(3)} ms`),
      make('span', {}, step.text),
    );
    if (rows.length === 0) {
      button.disabled = true;
      button.title = 'These events lie outside the part of the run that this page shows';
    }
    view.story.steps.push({ at: step.at, rows, button });
    list.append(make('li', {}, button));
  });
  const body = byId('story-body');
  body.append(list);
  if (story.left_out > 0) body.append(make('p', { class: 'empty' }, `${story.left_out} steps are left out`));
  story.closing.forEach((text) => body.append(make('p', {}, text)));
}

// Selects the events of a step, and shows where they are.
function toStep(view, index) {
  const step = view.story.steps[index];
  if (!step || step.rows.length === 0) return;
  select(view, step.rows[0], true);
  view.story.at = index;
  view.story.rows = step.rows;
  markStep(view);
  say(`step ${index + 1} of ${view.story.steps.length}: ${step.button.lastChild.textContent}`);
  const body = byId('story-body');
  if (!body.hidden) {
    const { offsetTop, offsetHeight } = step.button;
    if (offsetTop < body.scrollTop) body.scrollTop = offsetTop - 4;
    const end = offsetTop + offsetHeight - body.clientHeight;
    if (end > body.scrollTop) body.scrollTop = end + 4;
  }
}

// Which step the selected event belongs to, if to any.
function followStory(view) {
  const { story } = view;
  if (!story || story.rows.includes(view.selected)) return;
  story.at = view.selected === NONE ? NONE : story.steps.findIndex((step) => step.rows.includes(view.selected));
  story.rows = story.at === NONE ? [] : story.steps[story.at].rows;
  markStep(view);
}

function markStep(view) {
  view.story.steps.forEach((step, index) => {
    if (index === view.story.at) step.button.setAttribute('aria-current', 'step');
    else step.button.removeAttribute('aria-current');
  });
  draw(view);
}

// The step before or behind the one that is read, or else behind the cursor.
function walkStory(view, way) {
  const { steps, at } = view.story;
  let index = at === NONE ? steps.findIndex((step) => step.at >= view.cursor) : at + way;
  if (at === NONE && index === NONE) index = steps.length - 1;
  while (index >= 0 && index < steps.length && steps[index].rows.length === 0) index += way;
  if (index < 0 || index >= steps.length) say(way > 0 ? 'the story ends here' : 'the story begins here');
  else toStep(view, index);
}

function toggleStory(view) {
  if (byId('story').hidden) return;
  const body = byId('story-body');
  body.hidden = !body.hidden;
  byId('story-toggle').setAttribute('aria-expanded', `${!body.hidden}`);
}

// The steps of the story on the time axis.
function storyTicks(view) {
  const { focus: c, colours } = view;
  c.fillStyle = colours.bad;
  view.story.steps.forEach((step, index) => {
    const x = xOf(view, step.at);
    if (x < view.gutter || x > view.width) return;
    const size = index === view.story.at ? 6 : 4;
    c.beginPath();
    c.moveTo(x - size, AXIS - 1 - size * 1.4);
    c.lineTo(x + size, AXIS - 1 - size * 1.4);
    c.lineTo(x, AXIS - 1);
    c.closePath();
    c.fill();
  });
}
