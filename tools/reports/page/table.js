// A table of functions or lines: sorted, filtered, a screenful of rows at a time. Its columns are for the reader to
// choose; at first they are few.
"use strict";

const PAGE_ROWS = 60;

class Table {
  constructor(name, title, packed, sort) {
    this.name = name;
    this.title = title;
    this.labels = Uint32Array.from(varints(packed.label));
    this.columns = packed.columns.map((column) => ({...column, of: varints(column.of)}));
    this.sorted = this.firstOrder(sort);
    this.descending = true;
    this.words = "";
    this.most = PAGE_ROWS;
    this.usual = this.usualColumns();
    this.shown = this.usual;
    this.chosen = false;  // whether the reader chose the columns
    this.build();
  }

  // By what was asked for; else by what lines took with their calls, if that is known.
  firstOrder(sort) {
    const found = [(column) => column.key === sort, (column) => column.sums === false, (column) => column.share]
      .map((fits) => this.columns.findIndex(fits));
    return found.find((number) => number >= 0) ?? 0;
  }

  // The main ones: of the first two measures what functions took themselves and in all, of others in all. And what the
  // table is sorted by.
  usualColumns() {
    const main = this.columns.filter((column) => column.main);
    const measures = [...new Set(main.map((column) => column.measure).filter((number) => number !== undefined))];
    const late = (column) => measures.indexOf(column.measure) > 1 && column.title !== "total";
    const few = this.name === "functions" ? main.filter((column) => !late(column)) : main;
    return this.columns.filter((column, number) => few.includes(column) || number === this.sorted);
  }

  build() {
    this.filter = element("input", {type: "search", placeholder: "Filter by name or file", spellcheck: "false",
                                    "aria-label": "Filter " + this.title.toLowerCase()});
    this.found = element("span", {class: "found", role: "status"});
    this.head = element("thead");
    this.rows = element("tbody");
    this.more = element("button", {type: "button", class: "more"});
    this.menu = element("div", {class: "choices"});
    this.root = element("div", {class: "table", role: "tabpanel", "aria-label": this.title, "data-table": this.name},
                        element("div", {class: "row"}, this.filter, this.found,
                                element("details", {class: "menu columns"}, element("summary", {}, "Columns"), this.menu)),
                        element("div", {class: "scroll"}, element("table", {}, this.head, this.rows)), this.more);
    this.filter.addEventListener("input", () => this.show({words: this.filter.value, most: PAGE_ROWS}));
    this.more.addEventListener("click", () => this.show({most: this.most * 4}));
    this.fillMenu();
    this.fillHead();
  }

  // ---- which columns ----

  fillMenu() {
    const groups = new Map();
    this.columns.forEach((column) => {
      const box = element("input", {type: "checkbox"});
      column.box = box;
      box.checked = this.shown.includes(column);
      box.addEventListener("change", () => {
        this.showColumns(this.columns.filter((each) => each.box.checked));
        remember();
      });
      const group = column.group || "all";
      if (!groups.has(group)) groups.set(group, element("fieldset", {}, element("legend", {}, group)));
      groups.get(group).append(element("label", {}, box, column.title));
    });
    this.menu.append(...groups.values());
  }

  showColumns(columns) {
    this.shown = columns;
    this.chosen = columns.length !== this.usual.length || columns.some((column, at) => column !== this.usual[at]);
    for (const column of this.columns) column.box.checked = columns.includes(column);
    this.fillHead();
    if (this.root.isConnected) this.show({});
  }

  // In the address: the keys of the columns that are shown.
  columnKeys() {
    return this.shown.map((column) => column.key).join(",");
  }

  choose(keys) {
    const named = keys === undefined ? null : keys.split(",");
    this.showColumns(named ? this.columns.filter((column) => named.includes(column.key)) : this.usual);
  }

  fillHead() {
    this.head.replaceChildren(this.groups(), this.titles());
  }

  // Above the titles: what the columns are of.
  groups() {
    const row = element("tr", {class: "groups"}, element("th"));
    for (let at = 0; at < this.shown.length;) {
      const {group, measure} = this.shown[at];
      let span = 1;
      while (at + span < this.shown.length && this.shown[at + span].group === group) span++;
      const cell = element("th", {colspan: span, scope: "colgroup"}, group);
      if (measure !== undefined) cell.style.setProperty("--accent", MEASURES[measure].accent);
      row.append(cell);
      at += span;
    }
    return row;
  }

  titles() {
    const row = element("tr", {}, this.titleCell(-1, this.name === "lines" ? "line" : "name"));
    for (const column of this.shown) row.append(this.titleCell(this.columns.indexOf(column), column.title));
    return row;
  }

  titleCell(number, text) {
    const button = element("button", {type: "button"}, text);
    button.addEventListener("click", () => {
      // Numbers begin with the largest, names with A.
      const again = this.sorted === number;
      this.show({sorted: number, descending: again ? !this.descending : number >= 0});
    });
    const cell = element("th", {scope: "col", class: this.first(this.columns[number]) ? "first" : undefined}, button);
    cell.dataset.column = number;
    return cell;
  }

  // Whether a column begins a group.
  first(column) {
    const at = this.shown.indexOf(column);
    return at >= 0 && (at === 0 || column.group !== this.shown[at - 1].group);
  }

  // ---- rows ----

  show(changes) {
    Object.assign(this, changes);
    const {order, folded} = this.order();
    const all = this.labels.length - folded;
    this.found.textContent = (order.length === all ? grouped(all) + " in all" : grouped(order.length) + " of " + grouped(all))
      + (folded ? ", without " + grouped(folded) + " of libraries and imports" : "");
    this.rows.replaceChildren(...order.slice(0, this.most).map((row) => this.row(row)));
    const left = order.length - this.most;
    this.more.hidden = left <= 0;
    this.more.textContent = "Show more (" + grouped(Math.max(0, left)) + ")";
    this.head.lastChild.childNodes.forEach((cell) => {
      const is = Number(cell.dataset.column) === this.sorted;
      cell.setAttribute("aria-sort", is ? (this.descending ? "descending" : "ascending") : "none");
    });
    this.mark();
  }

  // The rows that are not folded and that the filter leaves, sorted; equal ones by name.
  order() {
    const {labels} = this, words = this.words.toLowerCase();
    const there = Array.from(labels.keys()).filter((row) => isInFull(labels[row]));
    const fits = (label) => (LABELS.name[label] + " " + whereIs(label)).toLowerCase().includes(words);
    const rows = words ? there.filter((row) => fits(labels[row])) : there;
    const byName = (a, b) => (LABELS.name[labels[a]] < LABELS.name[labels[b]] ? -1 : a === b ? 0 : 1);
    const sign = this.descending ? -1 : 1, of = this.sorted < 0 ? null : this.columns[this.sorted].of;
    rows.sort(of ? (a, b) => sign * (of[a] - of[b]) || byName(a, b) : (a, b) => sign * byName(a, b));
    return {order: rows, folded: labels.length - there.length};
  }

  row(row) {
    const label = this.labels[row], isLine = LABELS.kind[label] === "line";
    const name = element("button", {type: "button", class: "name", title: "Mark its frames in the graphs"},
                         LABELS.name[label]);
    const where = element("small", {title: whereIs(label)}, isLine ? LABELS.module[label] : placeOf(label));
    const cells = [name, where];
    if (isLine) cells.push(element("code", {title: textOf(row, label)}, textOf(row, label)));
    if (FILES.has(LABELS.file[label]) && LABELS.line[label]) cells.push(this.opener(label));
    const made = element("tr", {"data-label": label}, element("th", {scope: "row", class: isLine ? "line" : undefined}, ...cells));
    for (const column of this.shown) made.append(this.cell(column, row));
    made.addEventListener("click", () => this.chooseRow(label));
    return made;
  }

  // A line's row opens its file, too; of a function there is a button for that.
  chooseRow(label) {
    const again = STATE.selected === label;
    selectLabel(again ? null : label);
    if (!again && LABELS.kind[label] === "line") openSource(LABELS.file[label], LABELS.line[label]);
  }

  opener(label) {
    const button = element("button", {type: "button", class: "open", title: "Open " + whereIs(label)}, "source");
    button.addEventListener("click", (event) => {
      event.stopPropagation();
      openSource(LABELS.file[label], LABELS.line[label]);
    });
    return button;
  }

  cell(column, row) {
    const value = column.of[row];
    const cell = element("td", {class: this.first(column) ? "first" : ""}, value ? amount(value, column.unit) : "");
    if (column.share && value) bar(cell, MEASURES[column.measure], value);
    return cell;
  }

  mark() {
    for (const row of this.rows.children)
      row.toggleAttribute("aria-selected", Number(row.dataset.label) === STATE.selected);
  }
}
