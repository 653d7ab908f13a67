// A discovery: its scores round by round, and every candidate with its source, what it changed, and what was learned.

/** The section of a discovery; resolves when its chart is drawn. */
function showDiscovery(section, found) {
  const chart = element("div", { class: "chart" });
  const detail = element("div", { class: "candidate" });
  const choose = (candidate) => replace(detail, ...described(found, candidate));
  const scored = found.candidates.filter((each) => each.score !== null);
  const best = scored.reduce((a, b) => (a === null || b.score > a.score ? b : a), null);
  const settings = Object.entries(found.settings).map(([name, value]) => `${name} ${[value].flat().join(", ")}`);
  replace(
    section,
    element("h2", {}, "Discovery"),
    element("p", { class: "note" }, `${found.directory}: ${settings.join("; ")}`),
    chart,
    sortable(
      [
        { title: "candidate", text: (row) => element("button", { type: "button", click: () => choose(row) }, row.name), value: (row) => row.name },
        { title: "round", figure: true, value: (row) => row.round, text: (row) => String(row.round) },
        { title: "score", figure: true, value: (row) => row.score, text: (row) => (row.score === null ? "failed" : percent(row.score)) },
        { title: "came to", text: (row) => row.stage },
        { title: "remark", text: (row) => row.failure ?? (row.dominated ? "clearly dominated" : "") },
        { title: "resembles", text: (row) => row.like ?? "" },
      ],
      found.candidates,
      { sort: 2, descending: true },
    ),
    detail,
  );
  if (best) choose(best);
  return scored.length ? trajectory(chart, scored) : Promise.resolve();
}

function trajectory(box, scored) {
  let best = -Infinity;
  const values = scored.map((each) => ({ ...each, best: (best = Math.max(best, each.score)) }));
  const x = { field: "round", type: "quantitative", axis: { tickMinStep: 1, format: "d" }, title: "round" };
  const y = { type: "quantitative", scale: { zero: false }, title: "score" };
  const spec = {
    data: { values },
    width: "container",
    height: 260,
    layer: [
      { mark: { type: "line", interpolate: "step-after", strokeWidth: 5, opacity: 0.35, color: colour("--muted") }, encoding: { x, y: { ...y, field: "best", aggregate: "max" } } },
      { mark: { type: "point", filled: true, size: 80, color: FAMILY_COLOURS[0] }, encoding: { x, y: { ...y, field: "score" }, tooltip: { field: "name" } } },
    ],
  };
  return draw(box, spec, (datum) => [datum.name, `round ${datum.round}, score ${percent(datum.score)}`], "svg");
}

function described(found, candidate) {
  const { name, source, like, changes, points } = candidate;
  const folded = (title, inner, open = false) => element("details", { open }, element("summary", {}, title), inner);
  const lines = changes.map((line) => element("span", { class: { "+": "added", "-": "removed" }[line[0]] ?? null }, `${line}\n`));
  return [
    element("h3", {}, name),
    candidate.failure ? element("p", {}, `Failed at ${candidate.stage}: ${candidate.failure}`) : null,
    points.length ? folded("Points", sortable([
      { title: "beta", figure: true, value: (row) => row[0], text: (row) => String(row[0]) },
      { title: "tokens", figure: true, value: (row) => row[1], text: (row) => count(row[1]) },
      { title: "accuracy %", figure: true, value: (row) => row[2], text: (row) => percent(row[2]) },
    ], points)) : null,
    lines.length ? folded(`What changed from ${like}, the earlier source that it resembles most`, element("pre", {}, ...lines), true) : null,
    source === null ? null : folded("Source", element("pre", {}, source), !lines.length),
    found.lessons[candidate.round] ? folded(`What round ${candidate.round} taught, with the diagnosis`, element("pre", {}, found.lessons[candidate.round])) : null,
  ];
}
