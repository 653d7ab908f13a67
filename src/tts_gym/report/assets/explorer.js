// The explorer: one case, one or two controllers, and a slider over what they did.

const MOST_LISTED = 300;
const MOST_IN_LEGEND = 12;
const STOPPED_EARLY = "stopped while wrong";

class Explorer {
  constructor(report, box, first) {
    this.report = report;
    this.place = { store: "", q: "", seed: "", c: "", vs: "", step: "" };
    this.texts = new Map(Object.entries(report.stores).map(([name, store]) => [name, new Map(store.map((each) => [each.id, each]))]));
    this.names = Object.keys(report.controllers).filter((key) => report.cases.some((each) => key in each.results));
    this.filter = { words: "", wrong: false, early: false, above: 0 };
    this.build(box, this.names.includes(first) ? first : this.names[0]);
    window.addEventListener("hashchange", () => this.follow());
    document.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.stage);
  }

  build(box, first) {
    const box_of = (name, title) => element("label", {}, element("input", { type: "checkbox", id: name, change: (event) => this.narrow({ [name]: event.target.checked }) }), title);
    this.found = element("ul", { id: "cases", "aria-label": "Cases" });
    this.counted = element("p", { class: "note", "aria-live": "polite" });
    this.head = element("div", { id: "case" });
    this.stage = element("div", { id: "stage" });
    const button = (text, name, move) => element("button", { type: "button", title: name, "aria-label": name, click: move }, text);
    this.slider = element("input", { type: "range", id: "step", min: 0, step: 1, "aria-label": "Step", input: () => this.go(Number(this.slider.value)) });
    this.at = element("output", { for: "step" });
    const options = this.names.map((key) => [key, key]);
    this.first = choice(options, first, (c) => this.visit({ c, step: "" }), { id: "first" });
    this.second = choice([["", "no other"], ...options], "", (vs) => this.visit({ vs, step: "" }), { id: "second" });
    replace(
      box,
      element("h2", {}, "Episode explorer"),
      element("p", { class: "note" }, "A row is a branch, a column an interval, a letter an answer (A is right, the rest by how many branches end with it; ? could not be read, · was not looked at). ✓ and ■ end a branch, right or wrong; × marks one given up. Keys: ← → step, Home End, [ ] case."),
      element("div", { id: "explorer-grid" },
        element("div", { id: "finder" },
          element("input", { type: "search", id: "search", placeholder: "question, id or answer", "aria-label": "Search", input: (event) => this.narrow({ words: event.target.value.toLowerCase() }) }),
          box_of("wrong", "wrong"),
          box_of("early", "stopped too early"),
          element("label", {}, "tokens above ", element("input", { type: "number", id: "above", min: 0, step: 1000, input: (event) => this.narrow({ above: Number(event.target.value) }) })),
          this.counted,
          this.found,
        ),
        element("div", { id: "viewer" },
          element("div", { class: "bar" },
            element("label", {}, "Controller ", this.first),
            element("label", {}, "beside ", this.second),
            button("Copy as JSON", "Copy this case and its episodes as JSON", () => this.copy()),
          ),
          this.head,
          element("div", { class: "bar" },
            button("«", "First step", () => this.go(0)),
            button("‹", "Step back", () => this.go(this.step - 1)),
            this.slider,
            button("›", "Step on", () => this.go(this.step + 1)),
            button("»", "Last step", () => this.go(this.moments.length - 1)),
            this.at,
          ),
          this.stage,
        ),
      ),
    );
    this.moments = [[0]];
    this.step = 0;
    this.panels = [];
  }

  /** Cases that the filter lets through, as the first controller did in them. */
  get listed() {
    const { words, wrong, early, above } = this.filter;
    return this.report.cases.filter((each) => {
      if (!(this.first.value in each.results)) return false;
      const [answer, correct, tokens, why] = each.results[this.first.value];
      const question = this.texts.get(each.store).get(each.question);
      const text = `${each.store} ${each.question} ${question.text} ${question.gold} ${answer ?? ""}`.toLowerCase();
      return text.includes(words) && !(wrong && correct) && !(early && !why?.startsWith(STOPPED_EARLY)) && tokens > above - (above ? 0 : 1);
    });
  }

  narrow(change) {
    Object.assign(this.filter, change);
    this.list();
  }

  list() {
    const cases = this.listed;
    replace(
      this.found,
      ...cases.slice(0, MOST_LISTED).map((each) => {
        const [answer, correct, tokens] = each.results[this.first.value];
        const mark = correct ? "✓" : "✗";
        return element("li", {},
          element("button", { type: "button", "aria-current": each === this.case ? "true" : null, click: () => this.visit({ store: each.store, q: each.question, seed: String(each.seed), step: "" }) },
            element("span", { class: "name" }, `${mark} ${each.question}`),
            element("span", { class: "note" }, `${Object.keys(this.report.stores).length > 1 ? `${each.store}, ` : ""}${each.under}; answered ${brief(answer)}; ${count(tokens)} tokens`),
          ));
      }),
    );
    this.counted.textContent = `${count(cases.length)} of ${count(this.report.cases.length)} cases` + (cases.length > MOST_LISTED ? `, the first ${MOST_LISTED} shown` : "");
  }

  /** Go where the address says. */
  follow() {
    const told = new URLSearchParams(location.hash.slice(1));
    if (told.has("q")) this.visit(Object.fromEntries(Object.keys(this.place).map((name) => [name, told.get(name) ?? ""])));
  }

  /** Show a case and controllers; what is not said stays. */
  async visit(change) {
    const place = { ...this.place, ...change };
    const asks = (each) => (!place.store || each.store === place.store) && each.question === place.q;
    const fits = (each) => asks(each) && (!place.seed || String(each.seed) === place.seed);
    const met = (each) => !this.names.includes(place.c) || place.c in each.results;
    const { cases } = this.report;
    // A live controller has met a question on branches of its own.
    const here = cases.filter(fits);
    const found = here.find(met) ?? (here.length ? cases.find((each) => asks(each) && met(each)) : undefined) ?? here[0];
    if (!found) {
      replace(this.head, element("p", { role: "status" }, `The question ${place.q}${place.seed ? ` with seed ${place.seed}` : ""} is not in this file: make the report with --episodes ${place.q}.`));
      this.panels = [];
      replace(this.stage);
      return;
    }
    if (this.names.includes(place.c)) this.first.value = place.c;
    this.second.value = this.names.includes(place.vs) ? place.vs : "";
    if (found !== this.case) {
      this.case = found;
      this.data = await unpacked(found.data);
    }
    this.place = { store: found.store, q: found.question, seed: String(found.seed), c: this.first.value, vs: this.second.value, step: place.step };
    this.open();
  }

  open() {
    const { data, report } = this;
    const question = this.texts.get(this.case.store).get(this.case.question);
    this.letters = lettersOf(data);
    this.right = new Set(data.right);
    const asked = [this.place.c, this.place.vs].filter(Boolean);
    this.shown = asked.filter((key) => key in data.episodes);
    this.episodes = this.shown.map((key) => data.episodes[key]);
    replace(
      this.head,
      element("h3", {}, `${this.case.question}, ${this.case.under}`, element("span", { class: "note" }, ` ${this.case.store}`)),
      element("p", { class: "question" }, question.text),
      element("p", {}, "Gold answer: ", element("strong", {}, question.gold)),
      this.legend(),
      ...asked.filter((key) => !(key in data.episodes)).map((key) => element("p", { role: "status" }, `The episodes of ${key} are not in this file.`)),
    );
    this.panels = this.episodes.map((episode, place) => this.panel(this.shown[place], episode));
    replace(this.stage, ...this.panels.map((panel) => panel.box));
    this.stage.classList.toggle("two", this.panels.length > 1);
    this.moments = merged(this.episodes);
    this.slider.max = this.moments.length - 1;
    this.list();
    this.go(this.place.step === "" ? this.moments.length - 1 : Number(this.place.step) || 0);
  }

  legend() {
    const most = this.data.ranked.slice(0, MOST_IN_LEGEND);
    const items = most.map((answer) => {
      const letter = this.letters.get(answer);
      const swatch = element("span", { class: DARK_INKS.has(colourOf(letter)) ? "swatch dark" : "swatch" }, letter);
      swatch.style.background = colourOf(letter);
      return element("li", {}, swatch, ` ${brief(this.data.texts[answer])}${this.right.has(answer) ? " ✓" : ""}`);
    });
    const more = this.data.ranked.length - most.length;
    return element("ul", { class: "legend" }, ...items, more > 0 ? element("li", { class: "note" }, `and ${count(more)} more`) : null);
  }

  panel(key, episode) {
    const picture = new Picture((answer) => this.described(answer));
    const told = element("div", { class: "told" });
    const verdict_of = episode.correct ? "right" : `wrong${episode.wrong ? `: ${episode.wrong}` : ""}`;
    const box = element("article", {},
      element("h4", {}, key, element("span", { class: "note" }, ` ${verdict_of}; answered ${brief(episode.answer)} after ${count(episode.tokens)} tokens`)),
      told,
      picture.box,
    );
    return { box, picture, told, episode };
  }

  described(answer) {
    if (answer === HIDDEN) return "generated, not looked at";
    return `${this.letters.get(answer)}: ${brief(this.data.texts[answer])}${this.right.has(answer) ? " (right)" : ""}`;
  }

  go(step) {
    this.step = Math.max(0, Math.min(this.moments.length - 1, step));
    this.slider.value = this.step;
    this.place.step = this.step === this.moments.length - 1 ? "" : String(this.step);
    history.replaceState(null, "", `#${new URLSearchParams(Object.entries(this.place).filter(([, value]) => value !== ""))}`);
    this.at.textContent = `step ${this.step} of ${this.moments.length - 1}`;
    this.draw();
  }

  draw() {
    if (!this.panels.length) return;
    const rows = Math.max(1, ...this.episodes.map((episode) => episode.width));
    const columns = Math.max(...this.data.branches.slice(0, rows).map((each) => each.length));
    this.panels.forEach(({ picture, told, episode }, which) => {
      const steps = this.moments[this.step][which];
      picture.show(branchesAfter(this.data, episode, steps), rows, columns, this.letters, this.right);
      picture.canvas.setAttribute("aria-label", `Width and depth after ${steps} steps`);
      replace(told, ...this.told(episode, steps));
    });
  }

  /** What there is to say about an episode after so many steps. */
  told(episode, steps) {
    const step = episode.steps[steps - 1];
    const isLast = steps === episode.steps.length;
    const notes = { ...step?.notes, ...(isLast ? episode.last_notes : {}) };
    const noted = Object.entries(notes).map(([name, value]) => `${name} ${value === null ? "none" : Number(value.toPrecision(4))}`);
    return [
      element("p", {}, step ? element("code", {}, step.call) : "nothing yet", step ? ` moved ${step.moves.length}, ended ${step.finished.length}, gave up ${step.pruned.length}` : "", isLast ? `, then answered ${brief(episode.answer)}` : ""),
      element("p", {}, `${count(step?.tokens ?? 0)} tokens, ${count(step?.sequential ?? 0)} sequential; step ${steps} of ${episode.steps.length}`),
      this.poll("finished", step),
      this.poll("active", step),
      element("p", { class: "note" }, noted.length ? `notes: ${noted.join(", ")}` : "no notes"),
    ];
  }

  poll(pool, step) {
    const { votes, leader, confidence } = step?.polls[pool] ?? { votes: [], leader: -1, confidence: 0 };
    const total = votes.reduce((sum, [, each]) => sum + each, 0);
    const bars = [...votes].sort((a, b) => b[1] - a[1]).map(([answer, each]) => {
      const letter = this.letters.get(answer);
      const bar = element("span", { class: DARK_INKS.has(colourOf(letter)) ? "vote dark" : "vote", title: this.described(answer) }, `${letter} ${each}`);
      bar.style.background = colourOf(letter);
      bar.style.flexGrow = each;
      return bar;
    });
    const leads = leader < 0 ? "no votes" : `${this.letters.get(leader)} leads, confidence ${confidence.toFixed(3)}`;
    return element("div", { class: "poll" }, element("span", {}, `${pool} (${total}): ${leads}`), element("div", { class: "votes" }, ...bars));
  }

  key(event) {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey || !this.case) return;
    const cases = this.listed;
    const neighbour = (by) => cases[cases.indexOf(this.case) + by];
    const moves = { ArrowLeft: this.step - 1, ArrowRight: this.step + 1, Home: 0, End: this.moments.length - 1 };
    if (event.key in moves && (byId("explorer").contains(event.target) || event.key.startsWith("Arrow"))) {
      event.preventDefault();
      this.go(moves[event.key]);
    } else if (event.key === "[" || event.key === "]") {
      const next = neighbour(event.key === "]" ? 1 : -1);
      if (next) this.visit({ store: next.store, q: next.question, seed: String(next.seed), step: "" });
    }
  }

  async copy() {
    const { data, results, ...named } = this.case ?? {};
    if (!named.question) return;
    const question = this.texts.get(named.store).get(named.question);
    const episodes = Object.fromEntries(this.shown.map((key) => [key, this.data.episodes[key]]));
    const text = JSON.stringify({ ...named, text: question.text, gold: question.gold, ...this.data, episodes }, null, 1);
    await copied(text);
    this.at.textContent = "copied";
  }
}

/** Put text on the clipboard, also where a page from disk may not ask for it. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", { class: "aside" }, text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
