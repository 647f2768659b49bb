// An answer's Markdown as a safe fragment: no raw HTML, no image, no address but http(s); [1] becomes a button.

import { element } from "./dom.js";

const { gettext, interpolate, markdownit, DOMPurify } = window;

const markdown = markdownit({ html: false, linkify: false, breaks: true }).disable(["image", "reference"]);
const ALLOWED = {
  ALLOWED_TAGS: ["p", "br", "strong", "em", "s", "ul", "ol", "li", "blockquote", "code", "pre", "hr", "a", "table", "thead",
    "tbody", "tr", "th", "td", "h1", "h2", "h3", "h4", "h5", "h6"],
  ALLOWED_ATTR: ["href", "start"],
  ALLOWED_URI_REGEXP: /^https?:\/\//i,
  RETURN_DOM_FRAGMENT: true,
};
const CITATIONS = /(\S*?)\s*((?:\[\d{1,3}\]\s*)*\[\d{1,3}\])([.,;:!?)]*)/g;
const SOURCES_LINE = /\n+\s*(?:\*\*)?Fontes:(?:\*\*)?\s.*$/is;

/** The answer as nodes. The line that lists the sources is left out: the page shows them as cards. */
export function rendered(text, sources) {
  const fragment = DOMPurify.sanitize(markdown.render(withoutSourcesLine(text)), ALLOWED);
  for (const link of fragment.querySelectorAll("a[href]")) {
    link.setAttribute("target", "_blank");
    link.setAttribute("rel", "noopener noreferrer nofollow");
  }
  for (const table of fragment.querySelectorAll("table")) {
    const frame = element("div", { class: "table-frame", tabindex: "0" });
    table.replaceWith(frame);
    frame.append(table);
  }
  citationsAsButtons(fragment, new Map(sources.filter((source) => source.number).map((source) => [source.number, source])));
  return fragment;
}

export const withoutSourcesLine = (text) => text.replace(SOURCES_LINE, "");

function citationsAsButtons(root, byNumber) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT, (node) =>
    node.parentElement?.closest("code, pre, a") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
  );
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const node of texts) node.replaceWith(...withButtons(node.data, byNumber));
}

/** Each citation is tied to the word before it and the mark after it, so that no line begins with either. */
function withButtons(text, byNumber) {
  const parts = [];
  let from = 0;
  for (const { 0: all, 1: before, 2: numbers, 3: after, index } of text.matchAll(CITATIONS)) {
    const cited = [...numbers.matchAll(/\d+/g)].map(([number]) => byNumber.get(Number(number)));
    if (cited.includes(undefined)) continue;
    parts.push(text.slice(from, index), element("span", { class: "cited" }, before, ...cited.map(citation), after));
    from = index + all.length;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

function citation(source) {
  const label = interpolate(gettext("Source %(number)s: %(name)s"), { number: source.number, name: source.name }, true);
  return element("button", { type: "button", class: "citation", "data-number": source.number, "aria-label": label, title: source.name },
    String(source.number));
}
