
// A click on a column's title sorts the students by it, a second one the other way round.
// Who has no points stays at the end.
const table = document.getElementById("class");
const titles = [...table.tHead.rows[0].cells];

function points(row, column) {
  const text = row.cells.length === titles.length ? row.cells[column].textContent : "";
  return text === "" ? null : Number(text.replace("\u2212", "-"));
}

function compare(column, sign) {
  const name = (row) => row.cells[0].textContent;
  return (a, b) => {
    if (column === 0) return sign * name(a).localeCompare(name(b));
    const [left, right] = [points(a, column), points(b, column)];
    if (left === null || right === null) return (left === null) - (right === null);
    return sign * (left - right);
  };
}

for (const [column, title] of titles.entries()) {
  const button = document.createElement("button");
  button.append(...title.childNodes);
  title.append(button);
  button.addEventListener("click", () => {
    const ascending = title.ariaSort ? title.ariaSort === "descending" : column === 0;
    for (const each of titles) each.ariaSort = null;
    title.ariaSort = ascending ? "ascending" : "descending";
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare(column, ascending ? 1 : -1)));
  });
}
