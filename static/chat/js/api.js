// The calls under /api/ai/. A failure is a `Problem` with a sentence for people, whatever went wrong underneath.

import { eventsOf } from "./sse.js";

const { gettext } = window;
const CSRF = document.querySelector('meta[name="csrf-token"]').content;

export class Problem extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Ask and yield the events of the answer; ends with `done` or throws a Problem. */
export async function* ask({ message, conversationId, signal }) {
  const response = await call("POST", "/api/ai/chat", { message, conversationId, stream: true }, signal);
  for await (const event of guarded(eventsOf(response))) {
    if (event.name === "error") throw new Problem(event.data.code, event.data.message);
    yield event;
    if (event.name === "done") return;
  }
  throw interrupted();
}

export const giveFeedback = (feedback) => call("POST", "/api/ai/feedback", feedback);

export async function conversations() {
  return (await (await call("GET", "/api/ai/conversations")).json()).conversations;
}

export async function conversation(id) {
  return (await call("GET", address(id))).json();
}

export const renameConversation = (id, title) => call("PATCH", address(id), { title });

export const deleteConversation = (id) => call("DELETE", address(id));

const address = (id) => `/api/ai/conversations/${encodeURIComponent(id)}`;

async function call(method, path, body, signal) {
  const headers = { "X-CSRFToken": CSRF, "Accept-Language": document.documentElement.lang };
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal, credentials: "same-origin" });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new Problem("offline", gettext("AION cannot be reached. Check the connection and try again."));
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response) {
  if (response.status === 401) {
    return new Problem("not_authenticated", gettext("Your session has ended. Sign in again; your question is kept here."));
  }
  try {
    const { error } = await response.json();
    return new Problem(error.code, error.message);
  } catch {
    return new Problem("unknown", gettext("Something went wrong. Please try again."));
  }
}

async function* guarded(events) {
  try {
    yield* events;
  } catch (failure) {
    throw failure.name === "AbortError" ? failure : interrupted();
  }
}

const interrupted = () => new Problem("interrupted", gettext("The connection was lost before the answer ended."));
