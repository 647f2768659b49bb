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
const CITATION = /\[(\d{1,3})\]/g;
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

function withButtons(text, byNumber) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(CITATION)) {
    const source = byNumber.get(Number(match[1]));
    if (!source) continue;
    parts.push(text.slice(from, match.index).replace(/ +$/, ""), citation(source));
    from = match.index + match[0].length;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

function citation(source) {
  const label = interpolate(gettext("Source %(number)s: %(name)s"), { number: source.number, name: source.name }, true);
  return element("button", { type: "button", class: "citation", "data-number": source.number, "aria-label": label, title: source.name },
    String(source.number));
}
