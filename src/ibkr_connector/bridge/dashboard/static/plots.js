// Charts: uPlot with the colours of the page, its size, and candles.

/* global uPlot */

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** Options of an axis that looks like the page. */
export function axis(more) {
  return {
    font: FONT,
    stroke: () => colour("faint"),
    grid: { stroke: () => colour("line"), width: 1 },
    ticks: { show: false },
    ...more,
  };
}

/** A colour with some of its strength, for what lies under a line. */
export function wash(name, strength) {
  const value = colour(name);
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
  return `rgb(${r} ${g} ${b} / ${strength})`;
}

/** Make a chart that is as wide and high as its holder, and repainted when the colours change. */
export function makePlot(holder, options, data) {
  const size = () => ({ width: Math.max(120, holder.clientWidth), height: Math.max(80, holder.clientHeight) });
  const plot = new uPlot({ ...size(), legend: { show: false }, ...options }, data, holder);
  const watch = new ResizeObserver(() => plot.setSize(size()));
  watch.observe(holder);
  const repaint = () => plot.redraw(false);
  document.addEventListener("theme", repaint);
  return {
    plot,
    destroy() {
      watch.disconnect();
      document.removeEventListener("theme", repaint);
      plot.destroy();
    },
  };
}

/** Draw candles of the columns open, high, low and close (`at` names their places in the data). */
export function candles(at) {
  return (plot) => {
    const { ctx } = plot;
    const [first, last] = plot.series[0].idxs;
    const [opens, highs, lows, closes] = at.map((place) => plot.data[place]);
    const step = last > first ? (plot.valToPos(last, "x", true) - plot.valToPos(first, "x", true)) / (last - first) : plot.bbox.width;
    const width = Math.max(1, Math.min(14 * devicePixelRatio, Math.floor(step * 0.65)));
    const y = (value) => Math.round(plot.valToPos(value, "y", true));
    ctx.save();
    ctx.beginPath();
    ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    ctx.clip();
    for (const isUp of [true, false]) {
      ctx.fillStyle = colour(isUp ? "up" : "down");
      for (let i = first; i <= last; i++) {
        if (opens[i] === null || closes[i] >= opens[i] !== isUp) continue;
        const x = Math.round(plot.valToPos(i, "x", true));
        const [top, bottom] = [y(Math.max(opens[i], closes[i])), y(Math.min(opens[i], closes[i]))];
        ctx.fillRect(x - Math.floor(width / 2), top, width, Math.max(1, bottom - top));
        const thin = Math.max(1, Math.round(devicePixelRatio));
        ctx.fillRect(x - Math.floor(thin / 2), y(highs[i]), thin, Math.max(1, y(lows[i]) - y(highs[i])));
      }
    }
    ctx.restore();
  };
}
