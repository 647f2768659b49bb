// The tau lab: moving the slider shows what the tau under it would mean.
document.addEventListener("DOMContentLoaded", () => {
  const data = document.getElementById("lab-rows");
  const slider = document.getElementById("id_tau");
  if (!data || !slider) {
    return;
  }
  const rows = JSON.parse(data.textContent);
  const mark = document.getElementById("lab-mark");
  const show = () => {
    const tau = Number(slider.value);
    mark.setAttribute("x1", 600 * tau);
    mark.setAttribute("x2", 600 * tau);
    for (const place of document.querySelectorAll("[data-lab]")) {
      place.textContent = rows[Math.round(100 * tau)][place.dataset.lab];
    }
  };
  slider.addEventListener("input", show);
  show();
});
