// Charts are drawn as soon as they have a width: those of a metric not chosen have none.
const specs = JSON.parse(document.getElementById("specs").textContent);
const settings = {mode: "vega-lite", renderer: "svg", actions: false, ast: true, tooltip: {theme: "custom"}};
const draw = chart => vegaEmbed(chart, specs[chart.id], settings).catch(error => console.error(chart.id, error));
const width = new ResizeObserver(entries => {
  for (const {target, contentRect} of entries) {
    if (contentRect.width) { width.unobserve(target); draw(target); }
  }
});
document.querySelectorAll(".chart").forEach(chart => width.observe(chart));

// Selects that show one element of a group.
function show(select) {
  for (const element of document.querySelectorAll(`[data-group="${select.dataset.shows}"]`)) {
    element.hidden = element.dataset.item !== select.value;
  }
}
for (const select of document.querySelectorAll("select[data-shows]")) {
  select.addEventListener("change", () => show(select));
  show(select);  // a browser that goes back keeps what was chosen
}

// Samples: step through the items, and choose the rows.
const picker = document.getElementById("picker");
if (picker) {
  const item = picker.querySelector("[data-shows]");
  const filters = [...picker.querySelectorAll("select[data-row]")];
  const choose = () => {
    for (const row of document.querySelectorAll(".gallery tbody tr")) {
      row.hidden = filters.some(filter => filter.value && row.dataset[filter.dataset.row] !== filter.value);
    }
  };
  filters.forEach(filter => filter.addEventListener("change", choose));
  choose();
  for (const button of picker.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => {
      item.selectedIndex = (item.selectedIndex + Number(button.dataset.step) + item.length) % item.length;
      show(item);
    });
  }
}

// The table of runs: sorted by its headers, filtered by the form above it.
const table = document.getElementById("records");
const heads = [...table.tHead.rows[0].cells];
const body = table.tBodies[0];
const order = new Intl.Collator("en", {numeric: true});
function sort(head) {
  const place = head.cellIndex, down = head.ariaSort === "ascending", number = head.classList.contains("number");
  const exact = row => row.cells[place].dataset.exact;
  const compare = (a, b) => number ? Number(a) - Number(b) : order.compare(a, b);
  const rows = [...body.rows].sort((one, other) => {
    const [a, b] = [exact(one), exact(other)];
    if (!a || !b) return !a - !b;  // what is missing comes last either way
    return down ? compare(b, a) : compare(a, b);
  });
  heads.forEach(each => { each.ariaSort = "none"; });
  head.ariaSort = down ? "descending" : "ascending";
  body.append(...rows);
}
heads.forEach(head => head.querySelector("button").addEventListener("click", () => sort(head)));

const form = document.getElementById("filters");
function filter() {
  const text = form.elements.text.value.trim().toLowerCase();
  const chosen = [...form.querySelectorAll("select")].filter(select => select.value);
  let shown = 0;
  for (const row of body.rows) {
    const matches = chosen.every(select => row.cells[select.dataset.column].textContent === select.value);
    row.hidden = !(matches && row.textContent.toLowerCase().includes(text));
    shown += !row.hidden;
  }
  document.getElementById("count").textContent = `${shown} of ${body.rows.length} runs`;
}
form.addEventListener("input", filter);
form.addEventListener("submit", event => event.preventDefault());
form.addEventListener("reset", () => setTimeout(filter));  // once the fields are empty
filter();
