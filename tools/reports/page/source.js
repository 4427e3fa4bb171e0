// A source file as it was recorded, with what its lines did beside them.
"use strict";

const FILES = new Map(DATA.sources.files.map(({file, lines}) => [file, lines]));

// The text of a line of the table of lines: of files that are here as a whole, from there.
function textOf(row, label) {
  const lines = FILES.get(LABELS.file[label]);
  return ((lines ? lines[LABELS.line[label] - 1] : DATA.sources.texts[row]) || "").trim();
}

class Source {
  constructor(lines) {
    this.name = "source";
    this.title = "Source";
    this.labels = Array.from(FILES.keys());
    this.lines = lines;
    this.file = this.labels[0];
    this.build();
  }

  build() {
    this.choice = element("select", {"aria-label": "File"},
                          ...this.labels.map((file) => element("option", {value: file}, file)));
    this.choice.addEventListener("change", () => this.open(this.choice.value, 0));
    this.heat = element("select", {"aria-label": "What lines are shaded by", title: "What lines are shaded by"});
    this.heat.addEventListener("change", () => {
      this.heated = this.heat.value;
      this.show();
    });
    const {left} = DATA.sources;
    const note = left ? grouped(left) + (left === 1 ? " file is" : " files are") + " left out for want of room" : "";
    this.rows = element("tbody");
    this.head = element("thead");
    this.box = element("div", {class: "scroll tall", tabindex: "0"}, element("table", {class: "listing"}, this.head, this.rows));
    this.about = element("aside", {class: "about", "aria-label": "The chosen line", "aria-live": "polite", hidden: ""});
    this.rows.addEventListener("click", (event) => this.chooseLine(event));
    this.root = element("div", {class: "table", role: "tabpanel", "aria-label": "Source", "data-table": this.name},
      element("div", {class: "row"}, this.choice, element("label", {}, "shaded by ", this.heat), element("span", {class: "found"}, note)),
      element("div", {class: "beside"}, this.box, this.about));
  }

  chooseLine(event) {
    const row = event.target.closest("tr");
    if (!row || event.target.closest("button")) return;
    this.mark(Array.prototype.indexOf.call(this.rows.children, row) + 1);
  }

  // Marks a line, and says what is known of it.
  mark(line) {
    for (const row of this.rows.querySelectorAll("[aria-selected]")) row.removeAttribute("aria-selected");
    const row = this.rows.children[line - 1];
    this.about.hidden = !row;
    this.line = row ? line : 0;
    if (!row) return null;
    row.setAttribute("aria-selected", "true");
    this.about.replaceChildren(...aboutLine(this.file, line, this.known));
    return row;
  }

  open(file, line) {
    this.file = this.choice.value = file;
    this.line = line;
    this.show();
  }

  // By column, what each line has; functions on one line together, as far as their figures
  // can be summed.
  figures() {
    return (this.lines ? this.lines.columns : []).map((column) => {
      const found = new Map();
      this.lines.labels.forEach((label, row) => {
        const value = column.of[row], line = LABELS.line[label], known = found.get(line) || 0;
        if (value && LABELS.file[label] === this.file)
          found.set(line, column.sums === false ? Math.max(known, value) : known + value);
      });
      return {column, found};
    }).filter(({found}) => found.size);
  }

  show() {
    if (!this.file) return;
    const known = this.known = this.figures(), marked = this.line, {columns, sorted, shown} = this.lines || {columns: []};
    // Shaded by what is asked for, else by what the table of lines is sorted by.
    const heat = known.find(({column}) => column.key === this.heated) || known.find(({column}) => column === columns[sorted]) || known[0];
    const most = heat && Math.max(...heat.found.values());
    const figures = known.filter(({column}) => shown.includes(column) || column === heat.column);
    this.offerHeat(known, heat);
    const titles = figures.map(({column}) => element("th", {scope: "col"}, column.title));
    this.head.replaceChildren(element("tr", {}, ...titles, element("th", {scope: "col"}, "line"),
                                      element("th", {scope: "col", class: "code"}, "source")));
    this.rows.replaceChildren(...FILES.get(this.file).map((text, at) => this.row(text, at + 1, figures)));
    for (const [line, value] of heat ? heat.found : []) {
      const row = this.rows.children[line - 1];
      if (row) row.style.setProperty("--heat", (100 * value / most).toFixed(1) + "%");
    }
    this.box.scrollTop = 0;
    const chosen = this.mark(marked);
    if (chosen) this.box.scrollTop = Math.max(0, chosen.offsetTop - this.box.clientHeight / 2);
  }

  offerHeat(known, heat) {
    this.heat.parentNode.hidden = known.length < 2;
    const words = ({group, title}) => (group && group !== title ? group + ": " + title : title);
    this.heat.replaceChildren(...known.map(({column}) => element("option", {value: column.key}, words(column))));
    if (heat) this.heat.value = heat.column.key;
  }

  row(text, line, figures) {
    const cells = figures.map(({column, found}) => {
      const value = found.get(line), cell = element("td", {}, value ? amount(value, column.unit) : "");
      if (value && column.share) bar(cell, MEASURES[column.measure], value);
      return cell;
    });
    const calls = CALLS.from.has(placed(this.file, line));
    return element("tr", {}, ...cells, element("th", {scope: "row", class: calls ? "calls" : undefined}, String(line)),
                   element("td", {class: "code"}, text));
  }
}

// A bar below a figure: its share of the whole run.
function bar(cell, measure, value) {
  cell.title = percent(value, measure.everything) + " of all " + measure.title;
  cell.className += " bar";
  cell.style.setProperty("--accent", measure.accent);
  cell.style.setProperty("--share", Math.min(1, value / (measure.everything || 1)).toFixed(4));
}
