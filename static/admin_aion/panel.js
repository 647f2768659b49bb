// Small helps of the panel; every page works without them.
document.addEventListener("DOMContentLoaded", () => {
  const number = new Intl.NumberFormat(document.documentElement.lang || "pt-BR", {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  });

  for (const slider of document.querySelectorAll("input[type=range]")) {
    const output = document.createElement("output");
    output.className = "aion-tau-now";
    output.htmlFor = slider.id;
    const show = () => {
      output.textContent = number.format(Number(slider.value));
    };
    slider.addEventListener("input", show);
    slider.before(output);
    show();
  }

  // On a phone a list shows its headers as labels, which the library writes in lower case.
  for (const cell of document.querySelectorAll("#result_list [data-label]")) {
    const label = cell.dataset.label;
    cell.dataset.label = label.charAt(0).toUpperCase() + label.slice(1);
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const input = document.getElementById(button.dataset.copy);
      input.select();
      try {
        await navigator.clipboard.writeText(input.value);
      } catch {
        document.execCommand("copy"); // pages without HTTPS have no clipboard interface
      }
      button.textContent = button.dataset.done;
    });
  }

  // A press that takes seconds (a model is swapped) must not be sent twice.
  for (const form of document.querySelectorAll("form[data-once]")) {
    form.addEventListener("submit", () => {
      for (const button of form.querySelectorAll("button[type=submit]")) {
        button.disabled = true;
        button.textContent = button.dataset.busy || button.textContent;
      }
    });
  }

  // Going back to a sent form finds it as it was left: disabled.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      window.location.reload();
    }
  });

  // The notice of a forced paid API goes when the forcing does.
  for (const notice of document.querySelectorAll("[data-seconds-left]")) {
    setTimeout(() => notice.remove(), Number(notice.dataset.secondsLeft) * 1000);
  }

  // A page that shows work in progress asks again until it is done.
  if (document.querySelector("[data-refresh]")) {
    setTimeout(() => window.location.reload(), 2000);
  }
});
