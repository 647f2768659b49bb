// The person's own conversations at the side: open, rename, delete.

import { conversations, deleteConversation, renameConversation } from "./api.js";
import { announce, byId, element, iconButton } from "./dom.js";

const { gettext, interpolate } = window;
const DAY_MS = 24 * 60 * 60 * 1000;

export class History {
  /** `onOpen(id, title)` shows a conversation; `onDeleted(id)` hears that one has gone. */
  constructor({ onOpen, onDeleted }) {
    this.onOpen = onOpen;
    this.onDeleted = onDeleted;
    this.current = null;
    this.rows = [];
  }

  async refresh() {
    try {
      this.rows = await conversations();
      this.#draw();
    } catch {
      byId("history").replaceChildren(note(gettext("The conversations could not be loaded.")));
    }
  }

  select(id) {
    this.current = id;
    this.#draw();
  }

  titleOf(id) {
    return this.rows.find((row) => row.id === id)?.title ?? "AION";
  }

  #draw() {
    const groups = Map.groupBy ? Map.groupBy(this.rows, ageOf) : grouped(this.rows);
    const lists = [...groups].flatMap(([age, rows]) => [element("h2", {}, age), element("ul", {}, ...rows.map((row) => this.#item(row)))]);
    byId("history").replaceChildren(...(lists.length ? lists : [note(gettext("Your conversations will be listed here."))]));
  }

  #item(row) {
    const title = row.title || gettext("Untitled");
    const isCurrent = row.id === this.current;
    const open = element("button", { type: "button", class: "history-open", title, "aria-current": isCurrent ? "page" : null,
      onclick: () => this.onOpen(row.id, title) }, title);
    const labelled = (text) => interpolate(text, { title }, true);
    const actions = element("div", { class: "history-actions" },
      iconButton("edit", labelled(gettext("Rename “%(title)s”")), () => this.#rename(row, item)),
      iconButton("trash", labelled(gettext("Delete “%(title)s”")), () => this.#delete(row, title)));
    const item = element("li", { class: isCurrent ? "current" : null }, open, actions);
    return item;
  }

  #rename(row, item) {
    const input = element("input", { class: "history-rename", value: row.title, maxlength: "120", "aria-label": gettext("New name") });
    let over = false;
    const end = async (keep) => {
      if (over) return;
      over = true;
      const title = input.value.trim();
      if (keep && title && title !== row.title) await this.#keepName(row, title);
      this.#draw();
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") end(true);
      if (event.key === "Escape") end(false);
    });
    input.addEventListener("blur", () => end(true));
    item.replaceChildren(input);
    input.select();
  }

  async #keepName(row, title) {
    try {
      await renameConversation(row.id, title);
      row.title = title;
      if (row.id === this.current) byId("conversation-title").textContent = title;
      announce(gettext("Renamed."));
    } catch (problem) {
      announce(problem.message);
    }
  }

  #delete(row, title) {
    const dialog = byId("confirm");
    byId("confirm-text").textContent = title;
    dialog.returnValue = "";
    dialog.addEventListener("close", async () => {
      if (dialog.returnValue !== "delete") return;
      try {
        await deleteConversation(row.id);
      } catch (problem) {
        announce(problem.message);
        return;
      }
      this.rows = this.rows.filter(({ id }) => id !== row.id);
      this.#draw();
      announce(gettext("Deleted."));
      this.onDeleted(row.id);
    }, { once: true });
    dialog.showModal();
  }
}

const note = (text) => element("p", { class: "history-note" }, text);

function grouped(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(ageOf(row), [...(groups.get(ageOf(row)) ?? []), row]);
  return groups;
}

function ageOf(row) {
  const today = new Date().setHours(0, 0, 0, 0);
  const days = Math.ceil((today - new Date(row.updatedAt)) / DAY_MS);
  if (days <= 0) return gettext("Today");
  if (days === 1) return gettext("Yesterday");
  return days <= 7 ? gettext("Last 7 days") : gettext("Earlier");
}
