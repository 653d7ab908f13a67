// The picture of an episode: a row a branch, a column an interval, a letter and a colour an answer.

const ANSWER_COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"];
const OTHER_COLOUR = "#9a9a9a";
const DARK_INKS = new Set(["#E69F00", "#56B4E9", "#F0E442", "#CC79A7", OTHER_COLOUR]);
const [ROW, LABELS, ENDS, LEAST_COLUMN] = [14, 26, 16, 10];

function colourOf(letter) {
  const place = LETTERS.indexOf(letter);
  return letter === "?" ? "#737373" : ANSWER_COLOURS[place] ?? OTHER_COLOUR;
}

/** Draws branches on a canvas that is as wide as its box, or as they need. */
class Picture {
  constructor(describe) {
    this.canvas = element("canvas", {
      role: "img",
      mousemove: (event) => this.point(event),
      mouseleave: () => tip.hide(),
    });
    this.box = element("div", { class: "picture scrolls", tabindex: "0" }, this.canvas);
    this.describe = describe;
  }

  show(branches, rows, columns, letters, right) {
    Object.assign(this, { branches, letters });
    const available = this.box.clientWidth || 600;
    this.column = Math.max(LEAST_COLUMN, Math.min(22, Math.floor((available - LABELS - ENDS) / columns)));
    const [width, height] = [LABELS + columns * this.column + ENDS, rows * ROW + 2];
    const scale = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const inks = { ink: colour("--ink"), muted: colour("--muted"), hidden: colour("--hidden"), faint: colour("--faint") };
    pen.textBaseline = "middle";
    for (let branch = 0; branch < rows; branch++) this.drawBranch(pen, branch, columns, right, inks);
  }

  drawBranch(pen, branch, columns, right, inks) {
    const [top, middle] = [branch * ROW + 1, branch * ROW + ROW / 2 + 1];
    const row = this.branches[branch];
    pen.fillStyle = inks.muted;
    pen.font = "10px system-ui, sans-serif";
    pen.textAlign = "right";
    pen.fillText(String(branch), LABELS - 6, middle);
    pen.fillStyle = inks.faint;
    pen.fillRect(LABELS, middle - 0.5, columns * this.column, 1);
    if (!row) return;
    pen.textAlign = "center";
    pen.globalAlpha = row.pruned ? 0.55 : 1;
    row.cells.forEach((answer, place) => {
      const left = LABELS + place * this.column;
      const letter = answer === HIDDEN ? "·" : this.letters.get(answer);
      const fill = answer === HIDDEN ? inks.hidden : colourOf(letter);
      pen.fillStyle = fill;
      pen.fillRect(left, top, this.column - 1, ROW - 1);
      pen.fillStyle = answer === HIDDEN ? inks.muted : DARK_INKS.has(fill) ? "#111" : "#fff";
      pen.font = "9px system-ui, sans-serif";
      pen.fillText(letter, left + (this.column - 1) / 2, middle);
    });
    pen.globalAlpha = 1;
    const end = LABELS + row.cells.length * this.column;
    if (row.fresh >= 0) {
      pen.strokeStyle = inks.ink;
      pen.lineWidth = 1.5;
      const begin = LABELS + Math.min(row.fresh, row.cells.length - 1) * this.column;
      pen.strokeRect(begin - 0.5, top - 0.5, end - begin, ROW);
    }
    const mark = row.finished ? (right.has(row.cells.at(-1)) ? "✓" : "■") : row.pruned ? "×" : "";
    pen.fillStyle = inks.ink;
    pen.font = "bold 11px system-ui, sans-serif";
    pen.fillText(mark, end + 6, middle);
  }

  point(event) {
    const branch = Math.floor((event.offsetY - 1) / ROW);
    const place = Math.floor((event.offsetX - LABELS) / this.column);
    const answer = this.branches?.[branch]?.cells[place];
    if (answer === undefined) tip.hide();
    else tip.show(event, `Branch ${branch}, interval ${place + 1}`, this.describe(answer));
  }
}
