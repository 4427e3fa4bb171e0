// A table of functions or lines: sorted, filtered, a screenful of rows at a time.
"use strict";

const PAGE_ROWS = 60;

class Table {
  constructor(name, title, packed, sort) {
    this.name = name;
    this.title = title;
    this.labels = Uint32Array.from(varints(packed.label));
    this.columns = packed.columns.map((column) => ({...column, of: varints(column.of)}));
    const wanted = this.columns.findIndex((column) => column.key === sort);
    this.sorted = Math.max(0, wanted >= 0 ? wanted : this.columns.findIndex((column) => column.share));
    this.descending = true;
    this.words = "";
    this.most = PAGE_ROWS;
    this.build();
  }

  build() {
    this.filter = element("input", {type: "search", placeholder: "Filter by name or file", spellcheck: "false",
                                    "aria-label": "Filter " + this.title.toLowerCase()});
    this.found = element("span", {class: "found"});
    this.head = element("thead");
    this.rows = element("tbody");
    this.more = element("button", {type: "button", class: "more"});
    this.root = element("div", {class: "table", role: "tabpanel", "data-table": this.name},
                        element("div", {class: "row"}, this.filter, this.found),
                        element("div", {class: "scroll"}, element("table", {}, this.head, this.rows)), this.more);
    this.filter.addEventListener("input", () => this.show({words: this.filter.value, most: PAGE_ROWS}));
    this.more.addEventListener("click", () => this.show({most: this.most * 4}));
    this.head.append(this.groups(), this.titles());
  }

  // Above the titles: what the columns are of.
  groups() {
    const row = element("tr", {class: "groups"}, element("th"));
    for (let at = 0; at < this.columns.length;) {
      const {group, measure} = this.columns[at];
      let span = 1;
      while (at + span < this.columns.length && this.columns[at + span].group === group) span++;
      const cell = element("th", {colspan: span, scope: "colgroup"}, group);
      if (measure !== undefined) cell.style.setProperty("--accent", MEASURES[measure].accent);
      row.append(cell);
      at += span;
    }
    return row;
  }

  titles() {
    const row = element("tr", {}, this.title_(-1, this.name === "lines" ? "line" : "name"));
    this.columns.forEach((column, number) => row.append(this.title_(number, column.title)));
    return row;
  }

  title_(number, text) {
    const button = element("button", {type: "button"}, text);
    button.addEventListener("click", () => {
      // Numbers begin with the largest, names with A.
      const again = this.sorted === number;
      this.show({sorted: number, descending: again ? !this.descending : number >= 0});
    });
    return element("th", {scope: "col", class: this.first(number) ? "first" : undefined}, button);
  }

  // Whether a column begins a group.
  first(number) {
    return number >= 0 && (number === 0 || this.columns[number].group !== this.columns[number - 1].group);
  }

  show(changes) {
    Object.assign(this, changes);
    const order = this.order();
    this.found.textContent = order.length === this.labels.length ? grouped(order.length) + " in all"
      : grouped(order.length) + " of " + grouped(this.labels.length);
    this.rows.replaceChildren(...order.slice(0, this.most).map((row) => this.row(row)));
    const left = order.length - this.most;
    this.more.hidden = left <= 0;
    this.more.textContent = "Show more (" + grouped(Math.max(0, left)) + ")";
    this.head.lastChild.childNodes.forEach((cell, at) => {
      const is = at - 1 === this.sorted;
      cell.setAttribute("aria-sort", is ? (this.descending ? "descending" : "ascending") : "none");
    });
    this.mark();
  }

  // The rows that the filter leaves, sorted; equal ones by name.
  order() {
    const {labels} = this, words = this.words.toLowerCase();
    const fits = (label) => (LABELS.name[label] + " " + whereIs(label)).toLowerCase().includes(words);
    const rows = Array.from(labels.keys()).filter((row) => !words || fits(labels[row]));
    const byName = (a, b) => (LABELS.name[labels[a]] < LABELS.name[labels[b]] ? -1 : a === b ? 0 : 1);
    const sign = this.descending ? -1 : 1;
    if (this.sorted < 0) return rows.sort((a, b) => sign * byName(a, b));
    const {of} = this.columns[this.sorted];
    return rows.sort((a, b) => sign * (of[a] - of[b]) || byName(a, b));
  }

  row(row) {
    const label = this.labels[row];
    const name = element("button", {type: "button", class: "name", title: "Mark its frames in the graphs"},
                         LABELS.name[label]);
    const where = element("small", {title: whereIs(label)}, this.place(label));
    const made = element("tr", {"data-label": label}, element("th", {scope: "row"}, name, where));
    this.columns.forEach((column, number) => made.append(this.cell(column, number, row)));
    made.addEventListener("click", () => selectLabel(STATE.selected === label ? null : label));
    return made;
  }

  // The last part of the path is enough beside a name.
  place(label) {
    if (LABELS.kind[label] === "line") return LABELS.module[label];
    const file = LABELS.file[label].split("/").pop();
    return file && LABELS.line[label] ? file + ":" + LABELS.line[label] : file;
  }

  cell(column, number, row) {
    const value = column.of[row];
    const cell = element("td", {class: this.first(number) ? "first" : undefined}, value ? amount(value, column.unit) : "");
    if (column.share && value) this.bar(cell, MEASURES[column.measure], value);
    return cell;
  }

  // A bar behind the figure: its share of the whole run.
  bar(cell, measure, value) {
    cell.title = percent(value, measure.total[0]) + " of all " + measure.title;
    cell.className += " bar";
    cell.style.setProperty("--accent", measure.accent);
    cell.style.setProperty("--share", Math.min(1, value / (measure.total[0] || 1)).toFixed(4));
  }

  mark() {
    for (const row of this.rows.children)
      row.toggleAttribute("aria-selected", Number(row.dataset.label) === STATE.selected);
  }
}
