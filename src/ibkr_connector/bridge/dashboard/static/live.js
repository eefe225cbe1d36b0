// One WebSocket for all topics. It comes back by itself, with resume, and knows when it is silent.

import { socketOf } from "./asking.js";

const PING_S = 5;
const SILENT_S = 12;
const FIRST_WAIT_S = 0.5;
const LONGEST_WAIT_S = 10;
const AGAIN_S = 3;

export class Live {
  /** `onLink(state)` hears `{ isUp, since, nextAt }`, `onDoubt()` that the token may be good no more. */
  constructor({ onLink, onDoubt }) {
    this.onLink = onLink;
    this.onDoubt = onDoubt;
    this.topics = new Map();
    this.socket = null;
    this.isUp = null;
    this.waitS = FIRST_WAIT_S;
    this.heardAt = 0;
    this.aheadMs = 0;
    addEventListener("online", () => this.now());
    addEventListener("offline", () => this.socket?.close());
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
  }

  start() {
    this.isWanted = true;
    this.timer = setInterval(() => this.look(), PING_S * 1000);
    this.open();
  }

  stop() {
    this.isWanted = false;
    clearInterval(this.timer);
    clearTimeout(this.again);
    this.socket?.close();
    this.topics.clear();
  }

  /** What the clock of the bridge says, in milliseconds. */
  time() {
    return Date.now() + this.aheadMs;
  }

  /** Hear every message of a topic; several may. */
  follow(name, hear) {
    const topic = this.topics.get(name) ?? { hearers: new Set(), epoch: null, seq: 0 };
    topic.hearers.add(hear);
    if (!this.topics.has(name)) {
      this.topics.set(name, topic);
      this.subscribe(name, topic);
    }
  }

  unfollow(name) {
    if (this.topics.delete(name)) this.say({ op: "unsubscribe", topic: name });
  }

  /** Try now, instead of waiting. */
  now() {
    if (!this.isWanted || this.isUp) return;
    clearTimeout(this.again);
    this.open();
  }

  // --- inside -----------------------------------------------------------------------------------

  open() {
    const previous = this.socket;
    this.socket = null;
    previous?.close();
    let socket;
    try {
      socket = socketOf();
    } catch {
      // its letters are none that a browser may send: a token of `token_urlsafe` has others
      this.onDoubt("a browser cannot send this token with a WebSocket; use one of letters, digits, - and _");
      return;
    }
    this.socket = socket;
    this.openedAt = Date.now();
    socket.addEventListener("message", (event) => socket === this.socket && this.hear(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => socket === this.socket && this.closed(event));
  }

  closed(event) {
    this.socket = null;
    if (!this.isWanted) return;
    const nextAt = Date.now() + this.waitS * 1000 * (0.8 + 0.4 * Math.random());
    this.tell(false, nextAt);
    this.again = setTimeout(() => this.open(), nextAt - Date.now());
    this.waitS = Math.min(LONGEST_WAIT_S, this.waitS * 2);
    // a refused handshake looks like any other failure: whether it was the token is asked over HTTP
    this.onDoubt(event.code === 1008 ? event.reason : "");
  }

  tell(isUp, nextAt = null) {
    const isNew = isUp !== this.isUp;
    // by the clock of the bridge, as every time on the page
    if (isNew) this.since = (this.heardAt || Date.now()) + this.aheadMs;
    this.isUp = isUp;
    this.onLink({ isUp, since: this.since, nextAt, isNew });
  }

  /** Say something now and then, so that silence means that nobody is there. */
  look() {
    if (!this.isWanted) return;
    const last = Math.max(this.heardAt, this.openedAt ?? 0);
    if (this.socket && Date.now() - last > SILENT_S * 1000) {
      const silent = this.socket;
      this.closed({ code: 1006, reason: "" });
      silent.close();
      return;
    }
    this.say({ op: "ping" });
  }

  say(told) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(told));
  }

  subscribe(name, topic) {
    if (!this.isUp) return;
    const resume = topic.epoch === null ? undefined : { epoch: topic.epoch, seq: topic.seq };
    this.say({ op: "subscribe", topic: name, resume });
  }

  hear(told) {
    this.heardAt = Date.now();
    if (told.time) this.aheadMs = Date.parse(told.time) - Date.now();
    if (told.type === "hello") {
      this.waitS = FIRST_WAIT_S;
      this.tell(true);
      for (const [name, topic] of this.topics) this.subscribe(name, topic);
      this.say({ op: "ping" });
      return;
    }
    const topic = this.topics.get(told.topic);
    if (!topic) return;
    if (told.type === "subscribed") {
      if (told.epoch !== topic.epoch) topic.seq = Math.max(0, told.seq - 1);
      topic.epoch = told.epoch;
    }
    if (told.seq !== undefined && told.type !== "subscribed") topic.seq = told.seq;
    if (told.type === "ended" || (told.type === "error" && told.data?.status >= 500)) {
      setTimeout(() => this.topics.get(told.topic) === topic && this.subscribe(told.topic, topic), AGAIN_S * 1000);
    }
    for (const hear of topic.hearers) hear(told);
  }
}
