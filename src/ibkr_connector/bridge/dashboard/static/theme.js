// Colours before anything is painted: what the reader chose, else what the system says.
// A plain script and no module, because modules run after the first paint.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("ibkr.theme") ?? "system";
  const paint = () => {
    const theme = chosen() === "system" ? (dark.matches ? "dark" : "light") : chosen();
    document.documentElement.dataset.theme = theme;
    document.dispatchEvent(new CustomEvent("theme"));
  };
  dark.addEventListener("change", paint);
  addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = chosen();
    select.addEventListener("change", () => {
      localStorage.setItem("ibkr.theme", select.value);
      paint();
    });
  });
  paint();
})();
