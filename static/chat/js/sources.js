// The sources of an answer: cards below it, and the panel that shows a passage with its support marked.

import { byId, element, icon } from "./dom.js";
import { markedPieces, statementsCiting } from "./support.js";

const { gettext, interpolate } = window;

/** Cards of what the answer cites or read, and a fold of what was found besides. */
export function sourceList(sources, answer) {
  const read = sources.filter((source) => source.number);
  const related = sources.filter((source) => !source.number);
  const box = element("section", { class: "sources", "aria-label": gettext("Sources") });
  if (read.length) box.append(element("h3", {}, gettext("Sources")), cards(read, answer));
  if (related.length) box.append(relatedFold(related, answer, { open: !read.length }));
  return box;
}

function relatedFold(related, answer, { open }) {
  const label = interpolate(gettext("Perhaps related (%(count)s)"), { count: related.length }, true);
  return element("details", { open }, element("summary", {}, label, icon("chevron")), cards(related, answer));
}

const cards = (sources, answer) => element("ul", {}, ...sources.map((source) => element("li", {}, card(source, answer))));

function card(source, answer) {
  const number = element("span", { class: "source-number", "aria-hidden": "true" }, source.number ? String(source.number) : icon("document"));
  const name = element("span", {}, element("span", { class: "source-name" }, source.title), element("span", { class: "source-where" }, where(source)));
  const attributes = { type: "button", class: source.cited ? "source-card cited" : "source-card", onclick: () => openSource(source, answer) };
  return element("button", attributes, number, name);
}

/** Show the passage; the sentences that `answer` rests on are marked and scrolled to. */
export function openSource(source, answer) {
  const kicker = source.number ? interpolate(gettext("Source %(number)s"), { number: source.number }, true) : gettext("Perhaps related");
  byId("source-kicker").textContent = kicker;
  byId("source-title").textContent = source.title;
  byId("source-place").textContent = place(source);
  const statements = source.number ? statementsCiting(answer, source.number) : [];
  byId("source-text").replaceChildren(...markedPieces(source.text, statements).flatMap(shown));
  byId("source-foot").replaceChildren(...originalLink(source.url));
  byId("source-panel").showModal();
  const mark = byId("source-text").querySelector("mark");
  if (mark) mark.scrollIntoView({ block: "center" });
  else byId("source-text").scrollTop = 0;
}

export function wirePanel() {
  const panel = byId("source-panel");
  byId("source-close").addEventListener("click", () => panel.close());
  panel.addEventListener("click", (event) => {
    if (event.target === panel) panel.close();
  });
}

function shown({ text, marked }) {
  if (!marked) return [text];
  const [, before, core, after] = text.match(/^(\s*)(.*?)(\s*)$/s);
  return [before, element("mark", {}, core), after];
}

function originalLink(url) {
  if (!/^https?:\/\//i.test(url)) return [];
  return [element("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, gettext("Open the original"))];
}

function place(source) {
  const page = source.page ? interpolate(gettext("page %(page)s"), { page: source.page }, true) : "";
  return [page, source.section === source.title ? "" : source.section].filter(Boolean).join(" · ");
}

const where = (source) => place(source) || source.text.replace(/\s+/g, " ").slice(0, 90);
