// The review queue by keys: the next card stands there at once, the verdict travels behind it. Without this script the
// same forms work by themselves.
document.addEventListener("DOMContentLoaded", () => {
  const queue = document.getElementById("review");
  if (!queue) {
    return;
  }
  const place = document.getElementById("review-place");
  const bar = document.getElementById("review-bar");
  const notice = document.getElementById("review-notice");
  const keys = { a: "approve", r: "reject", n: "next" };

  const parsed = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };
  let upcoming = document.getElementById("review-upcoming").content.firstElementChild;
  let sending = Promise.resolve();

  const current = () => place.firstElementChild;
  const idOf = (card) => card?.dataset.card ?? "";

  function show(card) {
    place.replaceChildren(card);
    window.scrollTo(0, 0);
    card.focus({ preventScroll: true });
  }

  function say(text) {
    notice.textContent = text;
    notice.hidden = !text;
  }

  async function send(fields) {
    try {
      const response = await fetch(queue.dataset.queue, {
        method: "POST",
        headers: { Accept: "application/json" },
        body: fields,
      });
      return { saved: response.ok, ...(await response.json()) };
    } catch {
      return { saved: false, notice: queue.dataset.failed, card: "", upcoming: "", bar: "" }; // offline, or signed out
    }
  }

  function take(reply) {
    say(reply.notice);
    if (reply.bar) {
      bar.innerHTML = reply.bar;
    }
  }

  // One after the other: a verdict is sent when the one before it is known to be saved.
  function inTurn(work) {
    sending = sending.then(work);
  }

  function decide(card, action) {
    const fields = new FormData(card);
    fields.set("action", action);
    const next = upcoming;
    upcoming = null;
    if (next) {
      fields.set("shown", idOf(next));
      show(next);
    } else {
      card.setAttribute("aria-busy", "true");
    }
    return send(fields).then((reply) => {
      take(reply);
      card.removeAttribute("aria-busy");
      if (!reply.saved) {
        upcoming = next;
        show(reply.card ? parsed(reply.card) : card);
      } else if (next) {
        upcoming = parsed(reply.upcoming);
      } else {
        show(parsed(reply.upcoming));
      }
    });
  }

  function undo() {
    const form = document.getElementById("review-undo");
    if (!form) {
      return undefined;
    }
    const fields = new FormData(form);
    fields.set("action", "undo");
    return send(fields).then((reply) => {
      take(reply);
      if (reply.saved && reply.card) {
        upcoming = current();
        show(parsed(reply.card));
      }
    });
  }

  // What was pressed is meant for the card that stood there then; if that one went meanwhile, nothing is done.
  function press(action, card = current()) {
    inTurn(() => {
      if (card === current() && idOf(card)) {
        return decide(card, action);
      }
      return undefined;
    });
  }

  function correct() {
    const details = current().querySelector("[data-correct]");
    if (details) {
      details.open = true;
      const text = details.querySelector("textarea");
      text.focus();
      text.setSelectionRange(text.value.length, text.value.length);
      text.scrollIntoView({ block: "center" });
    }
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing?.name === "correction") {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        press("correct");
      } else if (event.key === "Escape") {
        typing.blur();
      }
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) {
      return;
    }
    const key = event.key.toLowerCase();
    if (key in keys && idOf(current())) {
      event.preventDefault();
      press(keys[key]);
    } else if (key === "c") {
      event.preventDefault();
      correct();
    } else if (key === "u") {
      event.preventDefault();
      inTurn(undo);
    }
  });

  queue.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=action], [data-correct-open]");
    if (!button || button.value === "again") {
      return;
    }
    event.preventDefault();
    if (button.hasAttribute("data-correct-open")) {
      correct();
    } else if (button.value === "undo") {
      inTurn(undo);
    } else {
      press(button.value);
    }
  });
});
