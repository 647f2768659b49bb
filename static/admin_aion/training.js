// A training in progress: what the page shows is asked for again until the training ends; then its buttons change too.
document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("training-progress");
  if (!place?.dataset.address) {
    return;
  }
  const ask = async () => {
    try {
      const answer = await fetch(place.dataset.address);
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
