// The table of images by models. It sorts and filters in the browser, and keeps doing so when the data is updated.

const tables = new WeakMap();

export default function (component) {
  const { parentElement } = component;
  const data = JSON.parse(new TextDecoder().decode(component.data));
  let table = tables.get(parentElement);
  if (!table) {
    table = new ResultsTable(parentElement);
    tables.set(parentElement, table);
  }
  table.update(component, data);
  return () => tables.delete(parentElement);
}

class ResultsTable {
  constructor(root) {
    this.at = (name) => root.querySelector(`[data-at="${name}"]`);
    this.sort = { column: "", descending: false };
    this.at("filter").addEventListener("input", () => this.showRows());
    this.at("only").addEventListener("change", () => this.showRows());
    this.at("head").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const { column } = button.dataset;
      this.sort = { column, descending: this.sort.column === column && !this.sort.descending };
      this.showHead();
      this.showRows();
    });
    this.at("body").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      const shown = [...this.at("body").querySelectorAll("button")].map((each) => each.dataset.id);
      if (button) this.send("opened", { image: button.dataset.id, shown });
    });
  }

  update(component, data) {
    this.send = component.setTriggerValue;
    const head = JSON.stringify([data.models, data.texts]);
    this.data = data;
    if (head !== this.shownHead) {
      this.shownHead = head;
      const { texts } = data;
      this.at("caption").textContent = texts.table_title;
      this.at("filter-label").textContent = texts.filter;
      this.at("only-label").textContent = texts.only;
      for (const option of this.at("only").options) option.textContent = texts[`only_${option.value}`];
      this.showHead();
    }
    this.showRows();
  }

  showHead() {
    const { models, texts } = this.data;
    const columns = [
      ["name", texts.column_image],
      ...models.map(({ name, title }) => [`model:${name}`, title]),
      ["agree", texts.column_agree],
    ];
    const focused = this.at("head").getRootNode().activeElement?.dataset?.column;
    this.at("head").replaceChildren(
      ...columns.map(([column, title]) => {
        const cell = document.createElement("th");
        cell.scope = "col";
        const sorted = this.sort.column === column;
        if (sorted) cell.ariaSort = this.sort.descending ? "descending" : "ascending";
        const button = Object.assign(document.createElement("button"), { type: "button" });
        button.dataset.column = column;
        button.title = texts.sort_by.replace("{column}", title);
        button.append(title, arrow(sorted, this.sort.descending));
        cell.append(button);
        return cell;
      }),
    );
    if (focused) this.at("head").querySelector(`[data-column="${focused}"]`)?.focus();
  }

  showRows() {
    const { rows, models, texts, opened } = this.data;
    const words = this.at("filter").value.trim().toLowerCase();
    const only = this.at("only").value;
    const shown = rows.filter((row) => wanted(row, only) && matches(row, words)).sort(this.order());
    this.at("count").textContent = texts.rows_shown.replace("{shown}", shown.length).replace("{total}", rows.length);
    this.at("body").replaceChildren(
      ...shown.map((row) => {
        const line = document.createElement("tr");
        line.classList.toggle("opened", row.id === opened);
        const head = document.createElement("th");
        head.scope = "row";
        const button = Object.assign(document.createElement("button"), { type: "button" });
        button.dataset.id = row.id;
        button.title = texts.open_image.replace("{name}", row.name);
        const src = row.preview || globalThis.guichetPreviews?.get(row.handle) || row.kept;
        if (src) button.append(Object.assign(document.createElement("img"), { src, alt: "" }));
        button.append(breakable(row.name));
        head.append(button);
        if (row.fault) head.append(Object.assign(document.createElement("span"), { className: "fault", textContent: row.fault }));
        line.append(head, ...models.map(({ name }) => this.cell(row.cells[name])));
        const agree = document.createElement("td");
        agree.textContent = row.agree;
        agree.title = row.sentence;
        agree.className = differs(row) ? "differs" : "";
        line.append(agree);
        return line;
      }),
    );
  }

  cell(cell) {
    const { texts } = this.data;
    const place = document.createElement("td");
    place.className = cell.state;
    if (cell.state === "done") {
      place.append(
        Object.assign(document.createElement("span"), { className: cell.sure ? "label" : "label unsure", textContent: cell.label || texts.no_label_applies }),
        Object.assign(document.createElement("span"), {
          className: "more",
          textContent: [cell.percent, cell.sure ? "" : texts.unsure, cell.time].filter(Boolean).join(" · "),
        }),
      );
    } else {
      place.textContent = texts[cell.state];
      if (cell.detail) {
        place.append(Object.assign(document.createElement("span"), { className: "more", textContent: cell.detail }));
      }
    }
    return place;
  }

  order() {
    const { column, descending } = this.sort;
    if (!column) return () => 0;
    const value = column.startsWith("model:")
      ? ({ cells }) => cells[column.slice(6)].score
      : column === "agree"
        ? ({ order }) => order
        : ({ name }) => name.toLowerCase();
    const direction = descending ? -1 : 1;
    return (a, b) => {
      const [left, right] = [value(a), value(b)];
      if (typeof left === "string") return direction * left.localeCompare(right, undefined, { numeric: true });
      return direction * (left - right);
    };
  }
}

// A name that may wrap after its punctuation.
function breakable(name) {
  const place = document.createElement("span");
  for (const part of name.split(/(?<=[:._/-])/)) place.append(part, document.createElement("wbr"));
  return place;
}

function wanted(row, only) {
  const cells = Object.values(row.cells);
  if (only === "differ") return differs(row);
  if (only === "unsure") return cells.some((cell) => cell.state === "done" && !cell.sure);
  if (only === "failed") return cells.some((cell) => cell.state === "failed");
  return true;
}

// The models that responded do not say the same.
function differs(row) {
  return row.order === 0 || row.order === 1;
}

function matches(row, words) {
  if (!words) return true;
  return [row.name, ...Object.values(row.cells).map((cell) => cell.label)].some((text) => text.toLowerCase().includes(words));
}

function arrow(sorted, descending) {
  const mark = document.createElement("span");
  mark.ariaHidden = "true";
  mark.className = "arrow";
  mark.textContent = sorted ? (descending ? "▼" : "▲") : "";
  return mark;
}
