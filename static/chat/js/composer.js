// The field where one writes: grows, sends on Enter, keeps what was written through a reload or a lost session.

import { byId } from "./dom.js";

const DRAFT = "aion-draft";

export class Composer {
  /** `onAsk(text)` for a question; `onStop()` while one is being answered. */
  constructor({ onAsk, onStop }) {
    this.field = byId("question");
    this.send = byId("send");
    this.stopButton = byId("stop");
    this.onAsk = onAsk;
    this.busy = false;
    byId("composer").addEventListener("submit", (event) => this.#submit(event));
    this.stopButton.addEventListener("click", onStop);
    this.field.addEventListener("input", () => this.#changed());
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#submit(event);
    });
    this.field.value ||= sessionStorage.getItem(DRAFT) ?? "";
    this.#changed();
  }

  setBusy(busy) {
    this.busy = busy;
    this.send.hidden = busy;
    this.stopButton.hidden = !busy;
    this.#changed();
  }

  focus() {
    this.field.focus();
  }

  /** Remember a question that was not answered, unless something else is being written. */
  keep(text) {
    if (!this.field.value) sessionStorage.setItem(DRAFT, text);
  }

  #submit(event) {
    event.preventDefault();
    const text = this.field.value.trim();
    if (!text || this.busy) return;
    this.field.value = "";
    this.#changed();
    this.onAsk(text);
  }

  #changed() {
    this.send.disabled = !this.field.value.trim();
    sessionStorage.setItem(DRAFT, this.field.value);
    if (CSS.supports("field-sizing", "content")) return;
    this.field.rows = Math.min(8, this.field.value.split("\n").length);
  }
}
