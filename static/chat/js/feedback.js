// Thumbs on an answer; a thumb down also asks, without insisting, what was wrong and what would have been right.

import { giveFeedback } from "./api.js";
import { announce, element, iconButton } from "./dom.js";

const { gettext } = window;
let forms = 0;

/** The two thumbs and a place for thanks. `below` is where the form opens. */
export function thumbs(eventId, below) {
  const thanks = element("span", { class: "thanks" });
  const up = iconButton("up", gettext("Good answer"), () => vote(1), { "aria-pressed": "false" });
  const down = iconButton("down", gettext("Bad answer"), () => vote(-1), { "aria-pressed": "false" });

  async function vote(value) {
    press(value);
    below.replaceChildren(...(value < 0 ? [form(eventId, below, say)] : []));
    below.querySelector("textarea")?.focus();
    try {
      await giveFeedback({ eventId, vote: value });
      say(value > 0 ? gettext("Thank you!") : "");
    } catch (problem) {
      press(0);
      say(problem.message);
    }
  }

  function press(value) {
    up.setAttribute("aria-pressed", String(value > 0));
    down.setAttribute("aria-pressed", String(value < 0));
  }

  function say(text) {
    thanks.textContent = text;
    if (text) announce(text);
  }

  return [up, down, thanks];
}

function form(eventId, below, say) {
  const id = ++forms;
  const comment = element("textarea", { id: `comment-${id}`, maxlength: "4000" });
  const correction = element("textarea", { id: `correction-${id}`, maxlength: "8000" });
  const send = element("button", { type: "submit", class: "button-primary" }, gettext("Send"));

  async function submit(event) {
    event.preventDefault();
    send.disabled = true;
    try {
      await giveFeedback({ eventId, vote: -1, comment: comment.value, correction: correction.value });
      below.replaceChildren();
      say(gettext("Thank you! This helps to improve the answers."));
    } catch (problem) {
      send.disabled = false;
      say(problem.message);
    }
  }

  const cancel = element("button", { type: "button", class: "button-quiet", onclick: () => below.replaceChildren() }, gettext("Close"));
  return element(
    "form",
    { class: "feedback", onsubmit: submit },
    element("label", { for: comment.id }, gettext("What was wrong? (optional)")), comment,
    element("label", { for: correction.id }, gettext("What would the right answer be? (optional)")), correction,
    element("div", { class: "feedback-actions" }, cancel, send),
  );
}
