// Calls of the bridge, and what goes wrong with them as one kind of error.

const base = new URL(".", location.href);
const KEY = "ibkr.token";

/** The token of this tab; it is gone when the tab is closed, and is in no address. */
export const token = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

/** What the bridge said instead of an answer, or that it said nothing (`status` 0). */
export class Problem extends Error {
  constructor(told) {
    super(told.detail || told.title || "it has failed");
    Object.assign(this, told);
    this.slug = String(told.type ?? "").split(":").at(-1);
  }

  get sentence() {
    const detail = this.title && this.title !== this.message ? `${this.title}: ${this.message}` : this.message;
    return this.hint ? `${detail}. ${this.hint[0].toUpperCase()}${this.hint.slice(1)}` : detail;
  }
}

/** Ask, and return what the JSON of the answer says. */
export async function ask(path, { method = "GET", body, key, signal } = {}) {
  const headers = {};
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  let answer;
  try {
    answer = await fetch(new URL(path, base), {
      method, headers, signal, cache: "no-store", credentials: "omit", redirect: "error",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ status: 0, title: "The bridge does not answer", detail: "the connection to it is lost" });
  }
  const told = await answer.json().catch(() => null);
  if (answer.ok && told !== null) return told;
  throw new Problem({ title: answer.statusText, ...told, status: answer.status });
}

export const part = encodeURIComponent;

/** The address of the WebSocket, and the subprotocols that carry the token. */
export function socketOf() {
  const url = new URL("v1/ws", base);
  url.protocol = url.protocol.replace("http", "ws");
  const said = token.get();
  return new WebSocket(url, said ? ["ibkr.v1", `bearer.${said}`] : ["ibkr.v1"]);
}
