// Keyboard shortcuts: one table, which also makes the list that the page shows.

/** table: [{keys: what the list shows, match(event), single: is it a bare key, does: words, run()}] */
export class Shortcuts {
  constructor(table, { list, enabled }) {
    for (const { keys, does } of table) {
      const row = document.createElement('div');
      const what = Object.assign(document.createElement('dt'), { textContent: does });
      const how = document.createElement('dd');
      for (const key of keys) how.append(Object.assign(document.createElement('kbd'), { textContent: key }));
      row.append(what, how);
      list.append(row);
    }
    addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || document.querySelector('dialog[open]'))
        return;
      const typing = event.target.closest?.('input:not([type=checkbox]), select, textarea');
      const entry = table.find(({ match }) => match(event));
      if (!entry || (entry.single && (typing || !enabled()))) return;
      event.preventDefault();
      entry.run();
    });
  }
}
