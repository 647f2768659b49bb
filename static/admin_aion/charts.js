// Draws the charts of the panel: what they show is JSON beside each canvas, in colours that both themes can be read in.
// Bars differ by pattern and lines by dashes as well as by colour. PNG files are made here, from what is drawn.
document.addEventListener("DOMContentLoaded", () => {
  const COLOURS = {
    teal: ["#0f766e", "#2dd4bf"],
    blue: ["#2563eb", "#60a5fa"],
    amber: ["#b45309", "#fbbf24"],
    red: ["#dc2626", "#f87171"],
    violet: ["#7c3aed", "#a78bfa"],
    green: ["#4d7c0f", "#a3e635"],
    pink: ["#be185d", "#f472b6"],
    gray: ["#6b7280", "#9ca3af"],
  };
  const NAMES = Object.keys(COLOURS);
  const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
  const LIMIT_DASHES = [12, 5];
  const POINTS = ["circle", "rect", "triangle", "rectRot"];
  const LANGUAGE = document.documentElement.lang || "pt-BR";
  const MANY_POINTS = 60; // with more of them marks would hide the line
  const PNG_SCALE = 2;

  const dark = () => document.documentElement.classList.contains("dark");
  const colourOf = (name) => COLOURS[name][dark() ? 1 : 0];
  const ink = () => (dark() ? "#d1d5db" : "#374151");
  const paper = () => (dark() ? "#111827" : "#ffffff");
  const lines = () => (dark() ? "#374151" : "#e5e7eb");

  const number = (digits) => new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: digits });
  const FORMATS = {
    count: (value) => number(0).format(value),
    share: (value) => `${number(1).format(100 * value)}\u00a0%`,
    score: (value) => number(2).format(value),
    ms: (value) => (value < 1000 ? `${number(0).format(value)}\u00a0ms` : `${number(2).format(value / 1000)}\u00a0s`),
    usd: (value) => `US$\u00a0${number(4).format(value)}`,
  };

  // A fill that can be told apart without its colour: plain, stripes, dots and so on.
  const pattern = (name) => {
    const place = NAMES.indexOf(name);
    if (place === 0) {
      return colourOf(name);
    }
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.fillStyle = colourOf(name);
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = pen.fillStyle = dark() ? "rgba(0, 0, 0, .45)" : "rgba(255, 255, 255, .55)";
    pen.lineWidth = 1.5;
    pen.beginPath();
    if (place % 2) {
      pen.moveTo(-2, 6), pen.lineTo(6, -2), pen.moveTo(2, 10), pen.lineTo(10, 2);
    }
    if (place === 4 || place === 5) {
      pen.moveTo(0, 4), pen.lineTo(8, 4);
    }
    pen.stroke();
    if (place === 2 || place === 6) {
      pen.fillRect(2, 2, 3, 3);
    }
    return pen.createPattern(tile, "repeat");
  };

  // A value between two gaps has no line: it needs its mark.
  const radius = (many) => (context) => {
    const values = context.dataset.data;
    const alone = (values[context.dataIndex - 1] ?? null) === null && (values[context.dataIndex + 1] ?? null) === null;
    return alone || !many ? 3 : 0;
  };

  const dataset = (series, place, many) => {
    const colour = colourOf(series.colour);
    const base = { label: series.name, data: series.values, borderColor: colour, kind: series.kind };
    if (series.kind === "bar") {
      return { ...base, type: "bar", backgroundColor: pattern(series.colour), borderWidth: 0 };
    }
    if (series.kind === "band") {
      return { ...base, type: "bar", backgroundColor: `${colour}40`, borderWidth: 0, grouped: false, order: 2 };
    }
    const limit = series.kind === "limit";
    return {
      ...base,
      type: "line",
      backgroundColor: colour,
      borderWidth: limit ? 1.5 : 2,
      borderDash: limit ? LIMIT_DASHES : DASHES[place % DASHES.length],
      pointStyle: POINTS[place % POINTS.length],
      pointRadius: limit ? 0 : radius(many),
      spanGaps: false,
      order: 1,
    };
  };

  const lineOf = (chart, series) => chart.series.filter((one) => one.kind === "line").indexOf(series);

  // A bar is named by a patch of its pattern, a line by a piece of it.
  const names = (drawing) =>
    Chart.defaults.plugins.legend.labels.generateLabels(drawing).map((item) => {
      const { type, borderDash } = drawing.data.datasets[item.datasetIndex];
      const isLine = type === "line";
      return { ...item, pointStyle: isLine ? "line" : "rect", lineDash: borderDash, lineWidth: isLine ? 2 : 0 };
    });

  const options = (chart) => {
    const format = FORMATS[chart.unit];
    const values = {
      stacked: chart.stacked,
      beginAtZero: chart.unit !== "score",
      suggestedMax: chart.unit === "score" ? 1 : undefined,
      grid: { color: lines() },
      ticks: { color: ink(), callback: format, maxTicksLimit: 6, precision: chart.unit === "count" ? 0 : undefined },
    };
    const steps = {
      stacked: chart.stacked,
      grid: { display: false },
      ticks: { color: ink(), maxRotation: 0, autoSkipPadding: 12 },
      title: { display: Boolean(chart.xTitle), text: chart.xTitle, color: ink() },
    };
    const said = (item) => {
      const value = Array.isArray(item.raw) ? item.raw.map(format).join(" – ") : format(item.raw);
      return `${item.dataset.label}: ${value}`;
    };
    return {
      animation: false,
      maintainAspectRatio: false,
      indexAxis: chart.horizontal ? "y" : "x",
      interaction: { mode: "index", axis: chart.horizontal ? "y" : "x", intersect: false },
      scales: chart.horizontal ? { x: values, y: steps } : { x: steps, y: values },
      plugins: {
        legend: { position: "bottom", labels: { color: ink(), usePointStyle: true, pointStyleWidth: 24, boxHeight: 9, generateLabels: names } },
        tooltip: { callbacks: { label: said } },
      },
    };
  };

  const drawn = [...document.querySelectorAll("canvas[data-chart]")].map((canvas) => {
    const chart = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
    const content = () => ({
      labels: chart.labels,
      datasets: chart.series.map((series) => dataset(series, lineOf(chart, series), chart.labels.length > MANY_POINTS)),
    });
    return { chart, content, drawing: new Chart(canvas, { data: content(), options: options(chart) }) };
  });

  // The theme is a class of the page, which its button and the system's setting change.
  new MutationObserver(() => {
    for (const { chart, content, drawing } of drawn) {
      drawing.data = content();
      drawing.options = options(chart);
      drawing.update();
    }
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });

  const sheet = (title, width, height) => {
    const canvas = document.createElement("canvas");
    canvas.width = width * PNG_SCALE;
    canvas.height = (height + 40) * PNG_SCALE;
    const pen = canvas.getContext("2d");
    pen.scale(PNG_SCALE, PNG_SCALE);
    pen.fillStyle = paper();
    pen.fillRect(0, 0, width, height + 40);
    pen.fillStyle = ink();
    pen.font = "600 15px Inter, sans-serif";
    pen.fillText(title, 12, 26);
    pen.translate(0, 40);
    return [canvas, pen];
  };

  const pictureOfChart = (source, title) => {
    const { width, height } = source.getBoundingClientRect();
    const [canvas, pen] = sheet(title, width, height);
    pen.drawImage(source, 0, 0, width, height);
    return canvas;
  };

  const pictureOfHeat = (table, title) => {
    const origin = table.getBoundingClientRect();
    const [canvas, pen] = sheet(title, origin.width + 16, origin.height + 16);
    pen.font = "12px Inter, sans-serif";
    pen.textBaseline = "middle";
    for (const cell of table.querySelectorAll("th, td")) {
      const box = cell.getBoundingClientRect();
      const look = getComputedStyle(cell);
      const [x, y] = [box.left - origin.left + 8, box.top - origin.top + 8];
      if (cell.tagName === "TD") {
        pen.fillStyle = look.backgroundColor;
        pen.fillRect(x, y, box.width, box.height);
      }
      pen.fillStyle = look.color;
      pen.save();
      pen.beginPath();
      pen.rect(x, y, box.width, box.height);
      pen.clip();
      const hidden = cell.querySelector(".sr-only");
      pen.fillText(hidden ? "" : cell.textContent.trim(), x + 4, y + box.height / 2);
      pen.restore();
    }
    return canvas;
  };

  for (const button of document.querySelectorAll("[data-png]")) {
    const panel = button.closest(".aion-panel");
    const canvas = panel.querySelector("canvas[data-chart]");
    button.hidden = false;
    button.addEventListener("click", () => {
      const { title, png } = button.dataset;
      const picture = canvas ? pictureOfChart(canvas, title) : pictureOfHeat(panel.querySelector(".aion-heat"), title);
      picture.toBlob((blob) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = `aion-${png}.png`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      }, "image/png");
    });
  }

  // Own dates are asked for only where they count.
  const range = document.getElementById("id_range");
  if (range) {
    const show = () => {
      for (const field of document.querySelectorAll("[data-own]")) {
        field.hidden = range.value !== "own";
      }
    };
    range.addEventListener("change", show);
    show();
  }
});
