// Work in progress: what the page shows is asked for again until the work ends; then the rest of the page changes too.
document.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector("[data-progress]");
  if (!place?.dataset.progress) {
    return;
  }
  const ask = async () => {
    try {
      const answer = await fetch(place.dataset.progress);
      if (answer.ok) {
        const { html, moving } = await answer.json();
        if (!moving) {
          window.location.reload();
          return;
        }
        place.innerHTML = html;
      }
    } catch {
      // AION is being restarted: the next time it may answer.
    }
    setTimeout(ask, 2000);
  };
  setTimeout(ask, 2000);
});
