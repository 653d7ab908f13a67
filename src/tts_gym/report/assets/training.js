// A training: what it was told, and how it went.

/** The section of a training; resolves when its charts are drawn. */
function showTraining(section, found) {
  const curves = [
    ["reward of its episodes", found.rewards.map(([x, y]) => ({ x, y }))],
    ["score on held-out questions", found.scores.map(([x, y]) => ({ x, y }))],
  ].filter(([, values]) => values.length);
  const boxes = curves.map(() => element("div", { class: "chart" }));
  const settings = Object.entries(found.settings).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
  const versions = Object.entries(found.versions).map((pair) => pair.join(" ")).join(", ");
  replace(
    section,
    element("h2", {}, "Training"),
    element("p", { class: "note" }, `${found.directory}. The score is the mean return over the cost weights at which the policy is validated.`),
    curves.length ? element("div", { class: "pair" }, ...boxes) : element("p", {}, "Nothing has been logged yet."),
    found.validation.length ? validationTable(found.validation) : null,
    element("details", {}, element("summary", {}, "What it was told"), element("dl", {}, ...settings, element("dt", {}, "versions"), element("dd", {}, versions))),
  );
  return Promise.all(curves.map(([title, values], place) => curve(boxes[place], title, values)));
}

function curve(box, title, values) {
  const spec = {
    data: { values },
    width: "container",
    height: 220,
    mark: { type: "line", point: { filled: true, size: 30 }, color: FAMILY_COLOURS[0] },
    encoding: {
      x: { field: "x", type: "quantitative", title: "timesteps", axis: { format: "~s", tickCount: 5 } },
      y: { field: "y", type: "quantitative", title, scale: { zero: false, padding: 10 } },
      tooltip: { field: "x" },
    },
  };
  return draw(box, spec, (datum) => [`${count(datum.x)} timesteps`, `${title} ${datum.y.toFixed(4)}`], "svg");
}

/** How the last validation came out, a row a cost weight. */
function validationTable(validation) {
  const last = Math.max(...validation.map(([timesteps]) => timesteps));
  const rows = validation.filter(([timesteps]) => timesteps === last);
  const figure = (title, place, show) => ({ title, figure: true, value: (row) => row[place], text: (row) => show(row[place]) });
  return element("div", {},
    element("p", {}, `Validated last after ${count(last)} timesteps:`),
    sortable([figure("cost weight", 1, (value) => String(Number(value.toPrecision(3)))), figure("tokens", 2, count), figure("accuracy %", 3, percent)], rows),
  );
}
