// Elements made of text: nothing that comes from a run is ever read as markup.

const byId = (id) => document.getElementById(id);

/** An element with attributes (functions are listeners, false and null leave one out) and children (text or elements). */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function replace(parent, ...children) {
  parent.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

/** A select over [value, text] pairs. */
function choice(options, value, onChange, attributes = {}) {
  const made = element("select", { ...attributes, change: () => onChange(made.value) });
  fill(made, options, value);
  return made;
}

function fill(select, options, value) {
  replace(select, ...options.map(([key, text]) => element("option", { value: key }, text)));
  select.value = value;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const count = (value) => whole.format(value);
const percent = (value) => value.toFixed(2);

const MOST_CHARACTERS = 120;

/** An answer as it is shown in a line; it may be as long as a book. */
const brief = (answer) => (answer === null || answer === undefined ? "nothing" : answer.length > MOST_CHARACTERS ? `${answer.slice(0, MOST_CHARACTERS)}…` : answer);

/** A difference with its sign, none where it is shown as zero. */
function signed(value, show) {
  const text = show(Math.abs(value));
  return (/[1-9]/.test(text) ? (value > 0 ? "+" : "−") : "") + text;
}

const interval = ([, low, high], show) => `${show(low)} to ${show(high)}`;

/** What hangs beside the pointer while it rests on something. */
const tip = {
  show(event, ...lines) {
    const box = byId("tip");
    replace(box, ...lines.map((line) => element("div", {}, line)));
    box.hidden = false;
    const left = Math.min(event.clientX + 14, window.innerWidth - box.offsetWidth - 8);
    const below = event.clientY + 18 + box.offsetHeight < window.innerHeight;
    box.style.left = `${Math.max(8, left)}px`;
    box.style.top = `${below ? event.clientY + 18 : event.clientY - box.offsetHeight - 12}px`;
  },
  hide() {
    byId("tip").hidden = true;
  },
};
