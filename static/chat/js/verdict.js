// Where an answer came from and how sure AION is: a badge, the confidence in words, the numbers on demand.

import { element, icon } from "./dom.js";

const { gettext, interpolate } = window;
const HIGH_CONFIDENCE = 0.85;
let folds = 0;

/** The badge row and the fold of facts, as nodes. */
export function verdict(answer) {
  const id = `facts-${++folds}`;
  const facts = element("dl", { class: "facts", id, hidden: true }, ...factsOf(answer));
  const toggle = element(
    "button",
    { type: "button", class: "confidence", "aria-expanded": "false", "aria-controls": id, onclick: () => unfold(toggle, facts) },
    confidenceInWords(answer), icon("chevron"),
  );
  const badge = element("span", { class: `badge ${isDoubtful(answer) ? "doubtful" : answer.used}` }, routeInWords(answer));
  return [element("div", { class: "turn-state" }, badge, toggle), facts];
}

export function routeInWords(answer) {
  const { used } = answer;
  if (isDoubtful(answer)) return gettext("Answered with a warning");
  return { local: gettext("Answered locally"), fallback: gettext("Via API"), abstain: gettext("Not found") }[used] ?? used;
}

/** AION answered although the documents may not hold the answer; its text begins with a warning. */
const isDoubtful = ({ reason }) => reason === "low_confidence_warned";

/** Nothing found may have more than one cause, a doubtful search being only one of them. */
function confidenceInWords({ used, C, tau }) {
  if (used === "abstain") return gettext("why?");
  if (C < tau) return gettext("low confidence");
  return C >= HIGH_CONFIDENCE ? gettext("high confidence") : gettext("good confidence");
}

function factsOf(answer) {
  const seconds = answer.timings?.total ? `${number(answer.timings.total / 1000, 1)} s` : "";
  const rows = [
    [gettext("Confidence"), interpolate(gettext("%(confidence)s (threshold %(tau)s)"), { confidence: number(answer.C, 2), tau: number(answer.tau, 2) }, true)],
    [gettext("Why"), answer.reasonText],
    [gettext("How"), { generated: gettext("written by the model"), quote: gettext("quoted from the documents") }[answer.mode]],
    [gettext("Model"), [answer.model, answer.adapter].filter(Boolean).join(" + ")],
    [gettext("Time"), seconds],
    [gettext("Cost"), answer.costUsd > 0 ? `US$ ${number(answer.costUsd, 4)}` : ""],
  ];
  return rows.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
}

function unfold(toggle, facts) {
  facts.hidden = !facts.hidden;
  toggle.setAttribute("aria-expanded", String(!facts.hidden));
}

const number = (value, digits) =>
  value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
