// The page: its sections, the choice of questions, and light or dark.

const report = JSON.parse(byId("document").textContent);
let scope = report.scopes[0];
let against = scope && dearest(scope);
let matched = scope && matchable(scope);
let cost = "tokens";
const explorer = scope && new Explorer(report, byId("explorer"), foremost(scope, (row) => row.accuracy[0]));

/** The controller of a scope with the highest `rank(row)`, upper bounds last. */
function foremost({ controllers, table }, rank) {
  const order = (key) => [report.controllers[key].upper_bound ? 0 : 1, rank(table[controllers.indexOf(key)])];
  return [...controllers].sort((a, b) => order(b)[0] - order(a)[0] || order(b)[1] - order(a)[1])[0];
}

/** The dearest controller: what others can save tokens against. */
function dearest(scope) {
  return foremost(scope, (row) => row.tokens[0]);
}

/** The dearest controller that another family is as accurate as for less, so that there is something to show. */
function matchable(scope) {
  const tokens = (key) => scope.table[scope.controllers.indexOf(key)].tokens[0];
  const isSaved = (key) => Object.values(scope.match.tokens[key]).some((each) => each !== null && each < 0.999 * tokens(key));
  const saved = Object.keys(scope.match.tokens).filter(isSaved).sort((a, b) => tokens(b) - tokens(a));
  return saved[0] ?? dearest(scope);
}

function charts() {
  if (scope.controllers.every((key) => report.controllers[key].upper_bound)) {
    replace(byId("charts"), element("p", {}, "There is no frontier of upper bounds alone."));
    return Promise.resolve();
  }
  const costs = costsOf(scope);
  const boxes = costs.map(() => element("div", { class: "chart" }));
  replace(byId("charts"), element("h2", {}, "Accuracy against tokens"),
    element("p", { class: "note" }, "A mark is a controller with its 95 % intervals over questions, a line a family, the broad band the Pareto set. Click a name to single it out."),
    element("div", { class: "pair" }, ...boxes));
  return Promise.all(costs.map(([name, shown], place) => frontierChart(boxes[place], report, scope, name, shown)));
}

function tables() {
  const options = scope.controllers.map((key) => [key, key]);
  const inner = scope.controllers.filter((key) => !report.controllers[key].upper_bound).map((key) => [key, key]);
  if (!inner.some(([key]) => key === against)) against = dearest(scope);
  if (!inner.some(([key]) => key === matched)) matched = matchable(scope);
  if (!(cost in scope.frontier)) cost = "tokens";
  replace(byId("results"), element("h2", {}, "Results"), element("p", { class: "note" }, `${count(scope.questions)} questions, each of which weighs equally. Click a title to sort.`), resultsTable(report, scope));
  replace(byId("pairs"), element("h2", {}, "Compared in pairs"), element("p", {}, "Every controller minus ", choice(options, against, (key) => ((against = key), tables()), { id: "against" }), ", on the same questions."), pairsTable(report, scope, against));
  replace(byId("saved"), element("h2", {}, "Tokens saved at equal accuracy"),
    element("p", {}, "What each family spends, between its controllers on a line, to be as accurate as ", choice(inner, matched, (key) => ((matched = key), tables()), { id: "matched" }), " in ",
      choice(costsOf(scope).map(([name, { title }]) => [name, title]), cost, (value) => ((cost = value), tables()), { id: "cost" }), "."),
    savedTable(scope, matched, cost));
}

function questions() {
  const box = element("div", { class: "heat" });
  replace(byId("questions"), element("h2", {}, "Question by question"), element("p", { class: "note" }, "A column is a question, in the order of its store. A click opens it in the explorer."), element("div", { class: "scrolls" }, box));
  return heatChart(box, report, scope, ({ store, question, controller }) => {
    explorer.visit({ store, q: question, seed: "", c: controller, step: "" });
    byId("explorer").scrollIntoView();
  });
}

function made() {
  const facts = (pairs) => element("dl", {}, ...pairs.flatMap(([name, ...values]) => [element("dt", {}, name), ...values.map((value) => element("dd", {}, value))]));
  const runs = report.runs.map((run) => facts([
    ["directory", run.directory],
    ["command", element("code", {}, run.command)],
    ["versions", Object.entries(run.versions).map((pair) => pair.join(" ")).join(", ")],
    ["time", `${run.seconds.toFixed(1)} s of one processor`],
    ["stores", ...run.stores.map((store) => element("span", {}, `${store.label}: ${count(store.questions)} questions, ${count(store.branches)} branches, ${count(store.interval)} tokens an interval; sha256 `, element("code", {}, store.sha256), ` (${store.store})`))],
  ]));
  const solved = report.solved.map((one) => facts([
    ["live run", one.path],
    ["controller", `${one.controller} on ${one.model}`],
    ["answers", `${count(one.answers)}${one.recorded ? ", recorded" : ""}`],
    ["settings", Object.entries(one.settings).map((pair) => pair.join(" ")).join(", ") || "not recorded"],
  ]));
  const controllers = Object.entries(report.controllers).map(([key, each]) => ({ key, ...each }));
  replace(byId("made"), element("h2", {}, "How it was made"),
    facts([["report", element("code", {}, report.command)], ["tts-gym", report.version]]),
    ...runs,
    ...solved,
    scope && sortable([
      { title: "controller", text: (row) => label(report, row.key) },
      { title: "parameters", text: (row) => parameters(report, row.key) },
      { title: "rules", text: (row) => row.rules },
      { title: "seeds", figure: true, value: (row) => row.seeds, text: (row) => count(row.seeds) },
    ], controllers));
}

function discoveries() {
  const sections = report.discoveries.map(() => element("section"));
  replace(byId("discoveries"), ...sections);
  return Promise.all(report.discoveries.map((found, place) => showDiscovery(sections[place], found)));
}

function trainings() {
  const sections = report.trainings.map(() => element("section"));
  replace(byId("trainings"), ...sections);
  return Promise.all(report.trainings.map((found, place) => showTraining(sections[place], found)));
}

function paint() {
  const beside = [...(report.discoveries.length ? [discoveries()] : []), ...(report.trainings.length ? [trainings()] : [])];
  if (!scope) return Promise.all(beside);
  return Promise.all([charts(), questions(), ...beside]).then(() => explorer.draw());
}

/** Take away what the report has nothing for. */
function trim() {
  const missing = scope ? [] : ["charts", "results", "pairs", "saved", "questions", "explorer", "choose-scope"];
  if (!report.discoveries.length) missing.push("discoveries");
  if (!report.trainings.length) missing.push("trainings");
  for (const id of missing) {
    byId(id).remove();
    document.querySelector(`nav a[href="#${id}"]`)?.remove();
  }
}

/** The case that the address names, else the first one. */
function begin() {
  if (location.hash.includes("q=")) {
    explorer.follow();
    byId("explorer").scrollIntoView();
  } else if (report.cases.length) {
    const { store, question: q, seed } = explorer.listed[0] ?? report.cases[0];
    explorer.visit({ store, q, seed: String(seed) });
  }
}

const dark = matchMedia("(prefers-color-scheme: dark)");

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").textContent = name === "dark" ? "Light" : "Dark";
}

setTheme(dark.matches ? "dark" : "light");
byId("theme").addEventListener("click", () => {
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  paint();
});
dark.addEventListener("change", () => {
  setTheme(dark.matches ? "dark" : "light");
  paint();
});
fill(byId("scope"), report.scopes.map((each, place) => [String(place), each.name]), "0");
byId("scope").addEventListener("change", (event) => {
  scope = report.scopes[Number(event.target.value)];
  tables();
  paint();
});
replace(byId("left-out"), ...report.left_out.map((line) => element("li", {}, line)));
trim();
made();
if (scope) {
  tables();
  explorer.list();
}
paint().then(() => {
  if (scope) begin();
  document.documentElement.dataset.ready = "yes";
});
