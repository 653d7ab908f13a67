// Charts, which Vega-Lite draws.

const FAMILY_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C", "#8C564B", "#7B5EA7", "#5C8A00"];
const SHAPES = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right"];

const cycled = (list, length) => Array.from({ length }, (_, place) => list[place % list.length]);

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function theme() {
  const ink = colour("--ink");
  const axis = { labelColor: ink, titleColor: ink, domainColor: colour("--line"), tickColor: colour("--line"), gridColor: colour("--faint") };
  return {
    background: "transparent",
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: { ...axis, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
    legend: { labelColor: ink, titleColor: ink, labelFontSize: 12, labelLimit: 220 },
  };
}

/** Draw `spec` in `box`; resolves to the view. */
async function draw(box, spec, lines, renderer) {
  const { view } = await vegaEmbed(box, { ...spec, config: theme() }, {
    ast: true,
    actions: false,
    defaultStyle: false,
    renderer,
    tooltip: (_, event, item, value) => (value === null || value === "" || value === undefined ? tip.hide() : tip.show(event, ...lines(item.datum))),
  });
  return view;
}

/** Costs by the names of their fields, each with its title and how it is shown. */
const COSTS = {
  tokens: { title: "tokens", show: count },
  sequential_tokens: { title: "sequential tokens", show: count },
  seconds: { title: "seconds", show: (value) => String(Number(value.toPrecision(3))) },
};

const costsOf = (scope) => Object.entries(COSTS).filter(([cost]) => cost in scope.frontier);

/** Accuracy against a cost: a mark a controller with its intervals, a line a family, the Pareto set beneath. */
function frontierChart(box, report, scope, cost, { title, show }) {
  const points = scope.controllers.map((key, place) => {
    const row = scope.table[place];
    const { family, upper_bound } = report.controllers[key];
    const [accuracy, low, high] = row.accuracy;
    const [tokens, less, more] = row[cost];
    return { key, family, bound: upper_bound, accuracy, low, high, tokens, less, more };
  });
  const controllers = points.filter((point) => !point.bound);
  const families = [...new Set(controllers.map((point) => point.family))];
  const narrow = box.clientWidth < 500;
  const x = { field: "tokens", type: "quantitative", scale: { type: "log", nice: false, padding: 24 }, title, axis: { format: "~s", tickCount: 5 } };
  const y = { field: "accuracy", type: "quantitative", scale: { zero: false, nice: true, padding: 8 }, title: "accuracy (%)" };
  const chosen = (yes, no) => ({ condition: { param: "family", value: yes }, value: no });
  const byFamily = { field: "family", type: "nominal", title: null, scale: { domain: families, range: cycled(FAMILY_COLOURS, families.length) }, legend: { orient: "bottom", columns: narrow ? 2 : 4, symbolOpacity: 1 } };
  const shape = { ...byFamily, scale: { domain: families, range: cycled(SHAPES, families.length) } };
  const frontier = scope.frontier[cost].map((key) => controllers.find((point) => point.key === key));
  const bounds = points.filter((point) => point.bound);
  const upper = [
    { data: { values: bounds }, mark: { type: "rule", strokeDash: [2, 4], color: colour("--muted") }, encoding: { y, tooltip: { field: "key" } } },
    { data: { values: bounds }, mark: { type: "text", align: "left", baseline: "bottom", dx: 4, dy: -3, color: colour("--muted"), tooltip: null }, encoding: { y, x: { value: 0 }, text: { field: "key" } } },
  ];
  const spec = {
    width: "container",
    height: narrow ? 360 : 420,
    autosize: { type: "fit", contains: "padding" },
    layer: [
      { data: { values: frontier }, mark: { type: "line", interpolate: "step-after", strokeWidth: 7, opacity: 0.35, color: colour("--muted") }, encoding: { x, y } },
      ...(bounds.length ? upper : []),
      { data: { values: controllers }, mark: { type: "rule", strokeWidth: 1 }, encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color: byFamily, opacity: chosen(0.4, 0.05) } },
      { data: { values: controllers }, mark: { type: "rule", strokeWidth: 1 }, encoding: { x: { ...x, field: "less" }, x2: { field: "more" }, y, color: byFamily, opacity: chosen(0.4, 0.05) } },
      { data: { values: controllers }, mark: { type: "line", strokeWidth: 1.5 }, encoding: { x, y, color: byFamily, opacity: chosen(1, 0.1) } },
      {
        data: { values: controllers },
        params: [{ name: "family", select: { type: "point", fields: ["family"] }, bind: "legend" }],
        mark: { type: "point", filled: true, size: 90 },
        encoding: { x, y, color: byFamily, shape, opacity: chosen(1, 0.1), tooltip: { field: "key" } },
      },
    ],
  };
  const lines = (datum) => [
    label(report, datum.key),
    `accuracy ${percent(datum.accuracy)} % (${percent(datum.low)} to ${percent(datum.high)})`,
    `${title} ${show(datum.tokens)} (${show(datum.less)} to ${show(datum.more)})`,
    parameters(report, datum.key),
  ];
  return draw(box, spec, lines, "svg");
}

/** Accuracy of every controller on every question; `open` is called with the datum of a cell that is clicked. */
async function heatChart(box, report, scope, open) {
  const stores = Object.keys(report.stores).filter((name) => scope.name === name || report.scopes[0] === scope);
  const cells = stores.flatMap((store) =>
    scope.controllers.flatMap((controller) => {
      const found = report.heat[store][controller];
      if (!found) return [];
      return report.stores[store].map((question, place) => ({
        controller, store, question: question.id, gold: question.gold,
        place: `${String(stores.indexOf(store)).padStart(3, "0")}/${String(place).padStart(5, "0")}`,
        name: question.id, accuracy: found.accuracy[place], tokens: found.tokens[place],
      }));
    }),
  );
  const columns = new Set(cells.map((each) => each.place)).size;
  const names = Object.fromEntries(cells.map((each) => [each.place, each.name]));
  const order = [...scope.controllers].sort((a, b) => mean(scope, b) - mean(scope, a));
  const spec = {
    data: { values: cells },
    width: "container",
    height: scope.controllers.length * (scope.controllers.length > 30 ? 12 : 18),
    autosize: { type: "fit-x", contains: "padding" },
    mark: { type: "rect", cursor: "pointer" },
    encoding: {
      x: { field: "place", type: "ordinal", scale: { paddingInner: columns > 60 ? 0 : 0.06 }, axis: { title: null, ticks: false, domain: false, labels: false } },
      y: { field: "controller", type: "nominal", sort: order, scale: { paddingInner: 0.06 }, axis: { title: null, ticks: false, domain: false, labelLimit: box.clientWidth < 500 ? 110 : 220 } },
      color: { field: "accuracy", type: "quantitative", scale: { domain: [0, 100], scheme: "viridis" }, legend: { title: "% right", orient: "bottom", gradientLength: 160 } },
      tooltip: { field: "place" },
    },
  };
  const lines = (datum) => [
    `${datum.store}, question ${names[datum.place]}`,
    `${datum.controller}: right in ${percent(datum.accuracy)} % of the seeds, ${count(datum.tokens)} tokens`,
    `gold answer ${brief(datum.gold)}`,
    "Click to explore.",
  ];
  const view = await draw(box, spec, lines, "canvas");
  view.addEventListener("click", (_, item) => item?.datum?.question !== undefined && open(item.datum));
  return view;
}

const mean = (scope, key) => scope.table[scope.controllers.indexOf(key)].accuracy[0];
