// The page: one conversation in view, asked and answered turn by turn.

import { Problem, ask, conversation } from "./api.js";
import { Composer } from "./composer.js";
import { announce, byId } from "./dom.js";
import { History } from "./history.js";
import { wirePanel } from "./sources.js";
import { Turn } from "./turn.js";

const { gettext } = window;
const NEAR_THE_END_PX = 120;

const thread = byId("thread");
const scroller = byId("scroll");
const page = { conversationId: null, answering: null };

const composer = new Composer({ onAsk: askInNewTurn, onStop: () => page.answering?.abort() });
const history = new History({ onOpen: openConversation, onDeleted: (id) => id === page.conversationId && startAnew() });

function askInNewTurn(question) {
  const turn = new Turn(question, { onRetry: answerInto });
  thread.append(turn.node);
  byId("welcome").hidden = true;
  turn.node.scrollIntoView({ block: "start" });
  return answerInto(turn);
}

async function answerInto(turn) {
  if (page.answering) return;
  const answering = new AbortController();
  page.answering = answering;
  composer.setBusy(true);
  turn.reset();
  try {
    for await (const event of ask({ message: turn.question, conversationId: page.conversationId, signal: answering.signal })) {
      follow(() => take(turn, event));
    }
  } catch (failure) {
    if (!answering.signal.aborted) composer.keep(turn.question);
    follow(() => (answering.signal.aborted ? turn.stop() : turn.fail(asProblem(failure))));
  } finally {
    if (page.answering === answering) page.answering = null;
    composer.setBusy(false);
  }
}

function take(turn, { name, data }) {
  if (name === "sources") turn.found(data.sources);
  else if (name === "delta") turn.append(data.text);
  else if (name === "replace") turn.show(data.text);
  else if (name === "done") {
    turn.finish(data);
    belongTo(data.conversationId);
  }
}

function belongTo(conversationId) {
  if (!conversationId) return;
  page.conversationId = conversationId;
  window.history.replaceState(null, "", `#${conversationId}`);
  history.current = conversationId;
  history.refresh().then(() => {
    byId("conversation-title").textContent = history.titleOf(conversationId);
  });
}

/** Change the page and stay at its end if the reader was there; never pull the page from under somebody reading. */
function follow(change) {
  const distance = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  change();
  if (distance < NEAR_THE_END_PX) scroller.scrollTop = scroller.scrollHeight;
}

async function openConversation(id, title) {
  page.answering?.abort();
  closeSidebar();
  try {
    const found = await conversation(id);
    show(found);
    byId("conversation-title").textContent = found.title || title;
    composer.focus();
  } catch (failure) {
    if (failure instanceof Problem && failure.code === "not_found") startAnew();
    announce(failure.message);
  }
}

function show({ id, messages }) {
  startAnew({ focus: false });
  byId("welcome").hidden = true;
  page.conversationId = id;
  window.history.replaceState(null, "", `#${id}`);
  history.select(id);
  let turn = null;
  for (const message of messages) {
    if (message.role === "user") {
      turn = new Turn(message.text, { onRetry: answerInto });
      turn.leaveUnanswered();
      thread.append(turn.node);
    } else if (turn) {
      turn.finish({ ...message.meta, text: message.text, eventId: message.eventId }, { aloud: false });
    }
  }
  scroller.scrollTop = scroller.scrollHeight;
}

function startAnew({ focus = true } = {}) {
  page.answering?.abort();
  page.conversationId = null;
  thread.replaceChildren();
  byId("welcome").hidden = false;
  byId("conversation-title").textContent = "AION";
  window.history.replaceState(null, "", window.location.pathname);
  history.select(null);
  closeSidebar();
  if (focus) composer.focus();
}

const asProblem = (failure) => {
  if (failure instanceof Problem) return failure;
  console.error(failure);
  return new Problem("unknown", gettext("Something went wrong. Please try again."));
};

function openSidebar() {
  byId("sidebar").classList.add("open");
  byId("sidebar-open").setAttribute("aria-expanded", "true");
  byId("backdrop").hidden = false;
  byId("sidebar-close").focus();
}

function closeSidebar() {
  const wasOpen = byId("sidebar").classList.contains("open");
  byId("sidebar").classList.remove("open");
  byId("sidebar-open").setAttribute("aria-expanded", "false");
  byId("backdrop").hidden = true;
  if (wasOpen) byId("sidebar-open").focus();
}

function wire() {
  wirePanel();
  byId("new-conversation").addEventListener("click", () => startAnew());
  byId("new-conversation-top").addEventListener("click", () => startAnew());
  byId("sidebar-open").addEventListener("click", openSidebar);
  byId("sidebar-close").addEventListener("click", closeSidebar);
  byId("backdrop").addEventListener("click", closeSidebar);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeSidebar();
  });
  for (const suggestion of document.querySelectorAll(".suggestion")) {
    suggestion.addEventListener("click", () => page.answering || askInNewTurn(suggestion.textContent.trim()));
  }
}

/** The notice of a forced paid API goes when the forcing does. */
function takeAwayWhenOver(notice) {
  if (notice) setTimeout(() => notice.remove(), Number(notice.dataset.secondsLeft) * 1000);
}

wire();
takeAwayWhenOver(byId("forcing"));
const opened = window.location.hash.slice(1);
history.refresh();
if (opened) openConversation(opened, "");
