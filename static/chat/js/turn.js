// One turn on the page: a question, and the answer as it grows, ends, is stopped or fails.

import { announce, element, icon, iconButton, updateChildren } from "./dom.js";
import { thumbs } from "./feedback.js";
import { rendered, withoutSourcesLine } from "./markdown.js";
import { openSource, sourceList } from "./sources.js";
import { routeInWords, verdict } from "./verdict.js";

const { gettext } = window;
const LONG_QUESTION = 180;
const COPIED_SHOWN_MS = 1600;

export class Turn {
  /** `onRetry` is asked to answer the same question again in this place. */
  constructor(question, { onRetry }) {
    this.question = question;
    this.onRetry = onRetry;
    this.prose = element("div", { class: "prose", onclick: (event) => this.#openCitation(event) });
    this.waiting = element("div", { class: "waiting" }, element("span", { class: "waiting-dots", "aria-hidden": "true" },
      element("i"), element("i"), element("i")), element("span"));
    this.after = element("div", { class: "after" });
    const headline = element("h2", { class: question.length > LONG_QUESTION ? "turn-question long" : "turn-question" }, question);
    this.node = element("article", { class: "turn" }, headline, this.waiting, this.prose, this.after);
    this.reset();
  }

  /** Back to nothing but the question. */
  reset() {
    this.text = "";
    this.sources = [];
    this.prose.replaceChildren();
    this.after.replaceChildren();
    this.#wait(gettext("Searching the documents…"));
    this.node.setAttribute("aria-busy", "true");
  }

  found(sources) {
    this.sources = sources;
    this.#wait(gettext("Reading the passages…"));
  }

  append(text) {
    this.show(this.text + text);
  }

  show(text) {
    this.text = text;
    updateChildren(this.prose, rendered(text, this.sources));
    this.waiting.hidden = text !== "";
  }

  /** The whole answer, from a stream's end or from the history. */
  finish(answer, { aloud = true } = {}) {
    this.sources = answer.sources ?? [];
    this.show(answer.text);
    this.#settle();
    const below = element("div");
    this.after.replaceChildren(...verdict(answer));
    if (this.sources.length) this.after.append(sourceList(this.sources, answer.text));
    this.after.append(this.#actions(answer.eventId, below), below);
    if (aloud) announce(`${routeInWords(answer)}. ${withoutSourcesLine(answer.text).replace(/\[\d+\]/g, "")}`);
  }

  /** The person stopped it: what was shown stays. */
  stop() {
    this.#settle();
    const text = this.text ? gettext("You stopped this answer here.") : gettext("You stopped this answer.");
    this.after.replaceChildren(element("p", { class: "note" }, text), this.#actions(null));
    announce(text);
  }

  /** A question of the history that never got its answer. */
  leaveUnanswered() {
    this.#settle();
    this.after.replaceChildren(element("p", { class: "note" }, gettext("This question was not answered.")), this.#actions(null));
  }

  fail(problem) {
    this.#settle();
    const mend = problem.code === "not_authenticated"
      ? element("a", { class: "foot-link", href: "/entrar/?next=/" }, gettext("Sign in"))
      : element("button", { type: "button", class: "button-quiet", onclick: () => this.onRetry(this) }, gettext("Try again"));
    this.after.replaceChildren(element("div", { class: "problem", role: "alert" }, element("p", {}, problem.message), mend));
  }

  #settle() {
    this.waiting.hidden = true;
    this.node.removeAttribute("aria-busy");
  }

  #wait(text) {
    this.waiting.hidden = false;
    this.waiting.lastChild.textContent = text;
    announce(text);
  }

  #actions(eventId, below) {
    const row = element("div", { class: "turn-actions" });
    if (this.text) row.append(iconButton("copy", gettext("Copy the answer"), (event) => this.#copy(event.currentTarget)));
    row.append(iconButton("retry", gettext("Answer again"), () => this.onRetry(this)));
    if (eventId) row.append(...thumbs(eventId, below));
    return row;
  }

  async #copy(button) {
    if (!(await copied(this.text, this.prose))) {
      announce(gettext("The answer could not be copied."));
      return;
    }
    button.replaceChildren(icon("check"));
    announce(gettext("Copied."));
    setTimeout(() => button.replaceChildren(icon("copy")), COPIED_SHOWN_MS);
  }

  #openCitation(event) {
    const button = event.target.closest(".citation");
    const source = button && this.sources.find(({ number }) => number === Number(button.dataset.number));
    if (source) openSource(source, this.text);
  }
}

/** Copy `text`; over plain HTTP browsers lend no clipboard, there what is shown in `node` is copied. */
async function copied(text, node) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    window.getSelection().selectAllChildren(node);
    const done = document.execCommand("copy");
    window.getSelection().removeAllRanges();
    return done;
  }
}
