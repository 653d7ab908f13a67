// Tables that sort by a click on a title.

/** A table of `rows` with `columns` of {title, text(row), value(row)?, figure?}; `value` is what it is sorted by. */
function sortable(columns, rows, { sort = null, descending = false, className = null } = {}) {
  const body = element("tbody");
  const heads = columns.map((column, place) =>
    element(
      "th",
      { scope: "col", class: column.figure ? "figure" : null },
      element("button", { type: "button", click: () => sortBy(place, place === order.place && !order.descending) }, column.title),
    ),
  );
  const order = { place: null, descending: false };

  function sortBy(place, isDescending) {
    Object.assign(order, { place, descending: isDescending });
    heads.forEach((head, other) => {
      if (other === place) head.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const value = columns[place].value ?? columns[place].text;
    fillBody([...rows].sort((a, b) => compared(value(a), value(b)) * (isDescending ? -1 : 1)));
  }

  function fillBody(ordered) {
    replace(body, ...ordered.map((row) => element("tr", {}, ...columns.map((column) => cell(column, row)))));
  }

  if (sort === null) fillBody(rows);
  else sortBy(sort, descending);
  return element("div", { class: "scrolls" }, element("table", { class: className }, element("thead", {}, element("tr", {}, ...heads)), body));
}

function cell(column, row) {
  return element("td", { class: column.figure ? "figure" : null, title: column.title_of?.(row) }, column.text(row));
}

/** Missing values come last, whichever way the rest goes up. */
function compared(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  return typeof a === "string" ? a.localeCompare(b) : a - b;
}

function resultsTable(report, scope) {
  const rows = scope.controllers.map((key, place) => ({ key, ...scope.table[place] }));
  const figures = (title, name, show) => [
    { title, figure: true, value: (row) => row[name][0], text: (row) => show(row[name][0]) },
    { title: "95 % interval", figure: true, value: (row) => row[name][1], text: (row) => interval(row[name], show) },
  ];
  return sortable(
    [
      { title: "controller", text: (row) => label(report, row.key), title_of: (row) => parameters(report, row.key) },
      ...figures("accuracy %", "accuracy", percent),
      ...costsOf(scope).flatMap(([cost, { title, show }]) => figures(title, cost, show)),
      {
        title: "efficient",
        value: (row) => (scope.frontier.tokens.includes(row.key) ? 0 : 1),
        text: (row) => (scope.frontier.tokens.includes(row.key) ? "yes" : ""),
      },
    ],
    rows,
    { sort: 1, descending: true },
  );
}

/** Every controller against one: differences on the same questions. */
function pairsTable(report, scope, against) {
  const rows = scope.pairs
    .filter(([a, b]) => a === against || b === against)
    .map(([a, b, difference]) => (b === against ? { key: a, difference } : { key: b, difference: reversed(difference) }));
  const figures = (title, name, show) => [
    { title, figure: true, value: (row) => row.difference[name][0], text: (row) => signed(row.difference[name][0], show) },
    {
      title: "95 % interval",
      figure: true,
      value: (row) => row.difference[name][1],
      text: (row) => interval(row.difference[name], (value) => signed(value, show)),
    },
  ];
  return sortable(
    [
      { title: "controller", text: (row) => label(report, row.key) },
      ...figures("accuracy, points", "accuracy", percent),
      {
        title: "clear",
        value: (row) => verdict(row.difference.accuracy),
        text: (row) => verdict(row.difference.accuracy),
      },
      ...costsOf(scope).flatMap(([cost, { title, show }]) => figures(title, cost, show)),
    ],
    rows,
    { sort: 1, descending: true },
  );
}

const reversed = (difference) =>
  Object.fromEntries(Object.entries(difference).map(([name, [mean, low, high]]) => [name, [-mean, -high, -low]]));

const verdict = ([, low, high]) => (low > 0 ? "better" : high < 0 ? "worse" : "not\u00a0clear");

/** What each family spends to be as accurate as one controller. */
function savedTable(scope, against, cost) {
  const own = scope.table[scope.controllers.indexOf(against)][cost][0];
  const rows = Object.entries(scope.match[cost][against] ?? {}).map(([family, tokens]) => ({ family, tokens }));
  const share = (row) => (row.tokens === null ? null : 100 * (1 - row.tokens / own));
  return sortable(
    [
      { title: "family", text: (row) => row.family },
      {
        title: `${COSTS[cost].title} for the same accuracy`,
        figure: true,
        value: (row) => row.tokens,
        text: (row) => (row.tokens === null ? "out of reach" : COSTS[cost].show(row.tokens)),
      },
      {
        title: "saved %",
        figure: true,
        value: share,
        text: (row) => (row.tokens === null ? "" : signed(share(row), (value) => value.toFixed(1))),
      },
    ],
    rows,
    { sort: 1 },
  );
}

function label(report, key) {
  const { upper_bound, isolation } = report.controllers[key];
  return key + (upper_bound ? " (upper bound)" : "") + (isolation ? " (in a jail)" : "");
}

const parameters = (report, key) =>
  Object.entries(report.controllers[key].params)
    .map(([name, value]) => `${name} = ${value}`)
    .join(", ");
