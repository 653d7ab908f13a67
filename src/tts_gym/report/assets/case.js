// A case: a question under a seed, with the episode of each controller; how an episode stood after a step.

/** What the packed text of a case holds; see `_packed` of cases.py. */
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(plain).text());
}

const HIDDEN = null;

/** The branches after the first `steps` steps: of each its shown answers (HIDDEN where not looked at), and its marks. */
function branchesAfter(found, episode, steps) {
  const branches = [];
  for (const [place, step] of episode.steps.slice(0, steps).entries()) {
    const isLast = place === steps - 1;
    for (const [branch, depth, shown] of step.moves) {
      const row = (branches[branch] ??= { cells: [], pruned: false, finished: false, fresh: -1 });
      if (isLast) row.fresh = row.cells.length;
      while (row.cells.length < depth) row.cells.push(HIDDEN);
      if (shown > 0) row.cells[shown - 1] = found.branches[branch][shown - 1];
    }
    for (const branch of step.pruned) branches[branch].pruned = true;
    for (const branch of step.finished) branches[branch].finished = true;
  }
  return branches;
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const INVALID = 0;

/** Letters of the answer classes: the right answer is A, the others follow by how many branches end with them; "?" is an answer that could not be read. */
function lettersOf(found) {
  const valid = found.ranked.filter((answer) => answer !== INVALID);
  return new Map([[INVALID, "?"], ...valid.map((answer, place) => [answer, LETTERS[place] ?? "#"])]);
}

/** The steps of one or two episodes in the order of the tokens spent: [how many steps of each are done]. */
function merged(episodes) {
  const events = episodes.flatMap((episode, which) => episode.steps.map((step, place) => ({ which, place, tokens: step.tokens })));
  events.sort((a, b) => a.tokens - b.tokens || a.which - b.which || a.place - b.place);
  const done = episodes.map(() => 0);
  return [[...done], ...events.map(({ which }) => ((done[which] += 1), [...done]))];
}
