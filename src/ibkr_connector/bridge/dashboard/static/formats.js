// Numbers, units and times as people read them. Decimals come as text and stay exact: they are
// grouped and rounded as text by Intl, and never become doubles on their way to the screen.

export const NOTHING = "–";

const formats = new Map();

function formatted(text, least, most) {
  const key = `${least}/${most}`;
  if (!formats.has(key)) {
    const digits = { minimumFractionDigits: least, maximumFractionDigits: most };
    formats.set(key, new Intl.NumberFormat("en-US", digits));
  }
  return formats.get(key).format(text).replace("-", "−");
}

const isMissing = (text) => text === null || text === undefined || text === "";

export const money = (text, unit = "") =>
  isMissing(text) ? NOTHING : `${formatted(text, 2, 2)}${unit && ` ${unit}`}`;

export const price = (text) => (isMissing(text) ? NOTHING : formatted(text, 2, 8));

export const quantity = (text) => (isMissing(text) ? NOTHING : formatted(text, 0, 8));

/** With its sign, as gains and changes have it. */
export function signed(text, form = money, unit = "") {
  if (isMissing(text)) return NOTHING;
  return `${Number(text) > 0 ? "+" : ""}${form(text, unit)}`;
}

export const percent = (value) =>
  Number.isFinite(value) ? `${value > 0 ? "+" : ""}${formatted(value * 100, 2, 2)} %` : NOTHING;

/** The class that colours a gain; the sign says the same to whoever sees no colour. */
export const toneOf = (text) => (Number(text) > 0 ? "up" : Number(text) < 0 ? "down" : "");

const pad = (value) => String(value).padStart(2, "0");

export function clockTime(when) {
  const at = new Date(when);
  return `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())}`;
}

export const dayOf = (when) => new Date(when).toISOString().slice(0, 10);

let clock = () => Date.now();

/** Let the clock of the bridge say what today is. */
export const setClock = (read) => { clock = read; };

/** A moment in UTC: the time alone when it is of today. */
export function moment(when, now = clock()) {
  if (isMissing(when)) return NOTHING;
  const day = dayOf(when);
  return `${day === dayOf(now) ? "" : `${day} `}${clockTime(when)} UTC`;
}

export function span(seconds) {
  if (!Number.isFinite(seconds)) return NOTHING;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  if (whole < 5400) return `${Math.round(whole / 60)} min`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
  return `${Math.round(whole / 86400)} days`;
}

/** `PARTIALLY_FILLED` and `login_needed` as words. */
export const words = (text) => String(text ?? "").replaceAll("_", " ").toLowerCase();

/** A contract in few words, most of them as it is asked for. */
export function contractText(contract) {
  if (!contract) return "";
  if (contract.legs?.length) {
    return contract.legs.map((leg) => `${leg.action} ${leg.ratio} ${contractText(leg.contract)}`).join(", ");
  }
  const parts = [contract.security_type === "CASH" ? `${contract.symbol}.${contract.currency}` : contract.symbol];
  if (contract.expiry) parts.push(contract.expiry);
  if (contract.right) parts.push(contract.right);
  if (contract.strike) parts.push(quantity(contract.strike));
  return parts.join(" ") || `#${contract.con_id}`;
}

/** What makes an order trade: `LMT 187.50`. */
export function termsText(order) {
  const parts = [order.order_type];
  if (!isMissing(order.limit_price)) parts.push(price(order.limit_price));
  if (!isMissing(order.stop_price)) parts.push(`stop ${price(order.stop_price)}`);
  const terms = order.terms ?? order;
  if (!isMissing(terms.trail_amount)) parts.push(`trail ${price(terms.trail_amount)}`);
  if (!isMissing(terms.trail_percent)) parts.push(`trail ${quantity(terms.trail_percent)} %`);
  return parts.join(" ");
}

export const sizeText = (order) => {
  const cash = order.cash_quantity ?? order.terms?.cash_quantity;
  return isMissing(cash) ? quantity(order.quantity) : `${money(cash)} (cash)`;
};

/** An order in a sentence: `BUY 5 AAPL, LMT 1.05 USD, DAY`. */
export function orderText(order) {
  const unit = order.contract?.currency ? ` ${order.contract.currency}` : "";
  const hasPrice = !isMissing(order.limit_price) || !isMissing(order.stop_price);
  return `${order.action} ${sizeText(order)} ${contractText(order.contract)}, ${termsText(order)}${hasPrice ? unit : ""}, ${order.time_in_force}`;
}
