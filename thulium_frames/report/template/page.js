"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const specs = [...document.querySelectorAll("script[data-chart]")].map(
  (element) => [document.getElementById(element.dataset.chart), JSON.parse(element.textContent)]
);

function theme() {
  const [ink, quiet, line] = dark.matches ? ["#e8eaed", "#a3abb5", "#333941"] : ["#1a1d21", "#586069", "#e0e3e8"];
  const text = { labelColor: quiet, titleColor: quiet, labelFontSize: 11, titleFontSize: 12, titleFontWeight: 500 };
  return {
    background: null,
    font: "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif",
    view: { stroke: null },
    axis: { ...text, domainColor: line, tickColor: line, gridColor: line },
    legend: { ...text, labelColor: ink, labelFontSize: 12 },
    text: { color: ink, fontSize: 12 },
  };
}

async function draw() {
  const options = { actions: false, ast: true, renderer: "svg", config: theme() };
  options.tooltip = { theme: dark.matches ? "dark" : "light" };
  for (const [element, spec] of specs) {
    await vegaEmbed(element, structuredClone(spec), options);
  }
  document.body.dataset.drawn = "yes";
}

dark.addEventListener("change", draw);
draw();
