"use strict";
/* The page's other half: the token, the streams, the transcript, the figures. */

const APPLICATIONS = [
  { adapter: "", name: "Cabin", icon: "car" },
  { adapter: "navigation", name: "Navigation", icon: "nav" },
  { adapter: "media", name: "Media", icon: "media" },
  { adapter: "phone", name: "Phone", icon: "phone" },
];
const SUGGESTIONS = [
  "open the passenger window halfway", "it's too cold back here", "warm up my seat", "open the sunroof",
  "make the ambient light purple", "turn on the wipers", "open the trunk", "switch on the reading light in the back",
  "how far can I drive", "close all the windows",
];

const state = {};          /* signal path -> value */
let base = "cabin", adapter = "", under_way = null, rates = [];

/* The token comes once, behind the address; it stays with this window. */
function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token") || "";
}
const headers = { Authorization: "Bearer " + token(), "Content-Type": "application/json" };

/* Calls `take(event, data)` for each server-sent event until the stream ends. */
async function readEvents(response, take) {
  const reader = response.body.getReader(), decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      let event = "message", data = "";
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) event = line.slice(7);
        if (line.startsWith("data: ")) data += line.slice(6);
      }
      if (data) take(event, data);
    }
  }
}

/* ---- What a call is in words ---- */

const ZONES = { driver: "Driver", passenger: "Passenger", front: "Front", rear_left: "Rear left", rear_right: "Rear right", rear: "Rear", all: "All" };
const onOff = (on) => (on ? "on" : "off");
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const WORDS = {
  climate_set_temperature: (a) => `${ZONES[a.zone]} climate: ${a.value} °${a.unit}`,
  climate_adjust_temperature: (a) => `${ZONES[a.zone]} climate: ${a.direction}`,
  climate_set_fan: (a) => `${ZONES[a.zone]} fan: ${a.percent} %`,
  climate_adjust_fan: (a) => `${ZONES[a.zone]} fan: ${a.direction}`,
  climate_set_airflow: (a) => `${ZONES[a.zone]} air: ${a.direction}`,
  climate_set_ac: (a) => `Air conditioning ${onOff(a.on)}`,
  climate_set_recirculation: (a) => `Recirculation ${onOff(a.on)}`,
  climate_set_defroster: (a) => `${capital(a.window)} defroster ${onOff(a.on)}`,
  window_set_position: (a) => `${ZONES[a.zone]} window: ${a.percent === 0 ? "closed" : a.percent === 100 ? "open" : a.percent + " %"}`,
  window_adjust: (a) => `${ZONES[a.zone]} window: ${a.direction} a little`,
  window_set_child_lock: (a) => `Window child lock ${onOff(a.on)}`,
  shade_set_position: (a) => `${capital(a.shade)} shade: ${a.percent} %`,
  sunroof_set_position: (a) => `Sunroof: ${a.percent === 0 ? "closed" : a.percent === 100 ? "open" : a.percent + " %"}`,
  sunroof_tilt: (a) => `Sunroof tilted ${a.direction}`,
  door_set_lock: (a) => `${ZONES[a.zone]} doors ${a.locked ? "locked" : "unlocked"}`,
  trunk_set_open: (a) => `Trunk ${a.open ? "open" : "closed"}`,
  seat_set_heating: (a) => `${ZONES[a.zone]} seat heating: ${a.percent ? a.percent + " %" : "off"}`,
  seat_adjust_heating: (a) => `${ZONES[a.zone]} seat heating ${a.direction}`,
  seat_set_cooling: (a) => `${ZONES[a.zone]} seat cooling: ${a.percent ? a.percent + " %" : "off"}`,
  seat_set_massage: (a) => `${ZONES[a.zone]} massage: ${a.percent ? a.percent + " %" : "off"}`,
  light_set_dome: (a) => `Dome light ${onOff(a.on)}`,
  light_set_reading: (a) => `${ZONES[a.zone]} reading light ${onOff(a.on)}`,
  light_set_ambient: (a) => `Ambient light ${onOff(a.on)}`,
  light_set_color: (a) => `Ambient light: ${a.color}`,
  light_set_intensity: (a) => `Ambient light: ${a.percent} %`,
  light_set_headlights: (a) => `Headlights: ${a.mode}`,
  light_set_high_beam: (a) => `High beam ${onOff(a.on)}`,
  light_set_fog: (a) => `${capital(a.position)} fog light ${onOff(a.on)}`,
  light_set_hazard: (a) => `Hazard lights ${onOff(a.on)}`,
  wiper_set_mode: (a) => `${capital(a.window)} wipers: ${a.mode.replace("_", " ")}`,
  mirror_set_fold: (a) => `Mirrors ${a.folded ? "folded" : "unfolded"}`,
  drive_set_mode: (a) => `Driving mode: ${a.mode}`,
  charge_set_limit: (a) => `Charge limit: ${a.percent} %`,
};

function inWords(act) {
  const values = Object.values(act.arguments || {}).map((v) => String(v).replace(/_/g, " "));
  if (act.outcome === "declined")
    return act.reason === "out_of_range" ? "That is outside of what the car can do." : "That is nothing I can do here.";
  if (act.outcome === "invalid") return "I did not get that into one clear call.";
  if (act.outcome === "refused") return act.reason;
  if (act.read) return `${capital((act.arguments.item || "pressure").replace(/_/g, " "))}: ${act.read.value}`;
  if (WORDS[act.function]) return WORDS[act.function](act.arguments);
  return capital(act.function.replace(/_/g, " ")) + (values.length ? ": " + values.join(", ") : "");
}

/* ---- The conversation ---- */

function scrollDown() {
  const list = byId("transcript");
  while (list.children.length > 24) list.firstElementChild.remove();
  list.scrollTop = list.scrollHeight;
}

function showToast(text) {
  const toast = byId("toast");
  toast.textContent = text;
  toast.classList.add("on");
  clearTimeout(showToast.timer);
  showToast.timer = setTimeout(() => toast.classList.remove("on"), 4200);
}

function finishAnswer(card, act, tokens, seconds, first) {
  card.box.classList.remove("working");
  if (act) {
    card.box.classList.add(act.outcome === "declined" ? "refused" : act.outcome);
    card.line.textContent = inWords(act);
    if (act.outcome === "refused") showToast(act.reason);
  } else if (!card.line.textContent) {
    card.line.textContent = card.code.textContent;
    card.code.textContent = "";
  }
  card.note.textContent = `${tokens} tokens · ${(seconds * 1000).toFixed(0)} ms`;
  byId("rate-value").textContent = seconds > 0 ? Math.round(tokens / seconds) : "–";
  byId("first-token").textContent = `first token ${first.toFixed(0)} ms`;
  scrollDown();
}

function addAnswer(text) {
  const hello = document.querySelector(".hello");
  if (hello) hello.remove();
  html(byId("transcript"), "div", "said", text);
  const box = html(byId("transcript"), "div", "answer working");
  const card = { box, line: html(box, "div", "line"), code: html(box, "div", "code"), note: html(box, "div", "note") };
  scrollDown();
  return card;
}

function fail(card, sentence) {
  card.box.classList.remove("working");
  card.box.classList.add("failed");
  card.line.textContent = sentence;
}

async function ask(text) {
  if (under_way) under_way.abort();
  under_way = new AbortController();
  const own = under_way, card = addAnswer(text), start = performance.now();
  let tokens = 0, first = 0, act = null, failed = false;
  byId("send").classList.add("busy");
  byId("send").querySelector("use").setAttribute("href", "#i-stop");
  try {
    const response = await fetch("/v1/chat/completions", {
      method: "POST", signal: own.signal, headers: { ...headers, "X-Lintel-Act": "1" },
      body: JSON.stringify({ model: adapter ? base + ":" + adapter : base, stream: true, temperature: 0,
        stream_options: { include_usage: true }, messages: [{ role: "user", content: text }] }),
    });
    if (!response.ok) throw new Error((await response.json()).error.message);
    await readEvents(response, (event, data) => {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Error(chunk.error.message);
      if (chunk.usage) tokens = chunk.usage.completion_tokens;
      if (chunk.lintel) act = chunk.lintel.act;
      const delta = chunk.choices[0] && chunk.choices[0].delta;
      if (!delta || !delta.content) return;
      if (!first) first = performance.now() - start;
      rates.push(performance.now());
      card.code.textContent += delta.content;
      scrollDown();
    });
  } catch (error) {
    failed = true;
    fail(card, error.name === "AbortError" ? "Stopped." : error.message);
  }
  if (!failed) finishAnswer(card, act, tokens, (performance.now() - start) / 1000, first);
  if (under_way !== own) return;
  under_way = null;
  byId("send").classList.remove("busy");
  byId("send").querySelector("use").setAttribute("href", "#i-send");
}

/* ---- The vehicle ---- */

async function listen() {
  for (;;) {
    try {
      const response = await fetch("/v1/vehicle/events", { headers });
      if (!response.ok) throw new Error("refused");
      byId("link").textContent = "on device";
      byId("link").classList.add("on");
      await readEvents(response, (event, data) => {
        const value = JSON.parse(data);
        if (event === "state") Object.assign(state, value.signals);
        if (event === "call" || event === "signals") {
          for (const signal of value.signals) state[signal.path] = signal.value;
          touchZones(value.signals.map((signal) => signal.path));
        }
        renderCar(state);
        renderSpeed();
      });
    } catch (error) { /* tried again below */ }
    byId("link").textContent = "offline";
    byId("link").classList.remove("on");
    await new Promise((done) => setTimeout(done, 1000));
  }
}

function renderSpeed() {
  const speed = state["Vehicle.Speed"] || 0;
  const miles = state["Vehicle.Cabin.Infotainment.HMI.SpeedUnit"] === "MILES_PER_HOUR";
  byId("speed-value").textContent = Math.round(miles ? speed / 1.609 : speed);
  byId("speed-unit").textContent = miles ? "mph" : "km/h";
  byId("speed-arc").style.strokeDasharray = `${speed / 2.2} 200`;
  byId("speed-arc").style.stroke = speed > 130 ? "var(--warm)" : "";
}

let speedTimer = 0;
function setSpeed() {
  const speed = Number(byId("speed").value);
  clearTimeout(speedTimer);
  state["Vehicle.Speed"] = speed;
  renderSpeed();
  speedTimer = setTimeout(() => fetch("/v1/vehicle/signals", { method: "POST", headers,
    body: JSON.stringify({ signals: [{ path: "Vehicle.Speed", value: speed }] }) }), 60);
}

/* ---- Figures ---- */

const MiB = (bytes) => (bytes / 1048576).toFixed(1);

async function showStatus() {
  try {
    const status = await (await fetch("/v1/status", { headers })).json();
    const memory = status.memory;
    byId("memory-value").textContent = MiB(memory.private_bytes) + " MiB";
    byId("memory-bar").style.width = Math.min(100, 100 * memory.private_bytes / memory.private_limit_bytes) + "%";
    byId("memory-note").textContent = `engine ${MiB(memory.engine_bytes)}`;
    byId("memory-limit").textContent = `of ${MiB(memory.private_limit_bytes)} MiB`;
    byId("queue-note").textContent = status.active ? `${status.active} active` : status.waiting ? `${status.waiting} waiting` : "idle";
  } catch (error) { /* the link says so */ }
}

function drawRate() {
  const now = performance.now(), bins = new Array(41).fill(0);
  rates = rates.filter((time) => now - time < 8200);
  for (const time of rates) bins[40 - Math.floor((now - time) / 205)] += 1;
  const most = Math.max(8, ...bins);
  document.querySelector("#rate-line path").setAttribute("d",
    "M" + bins.map((n, i) => `${i * 5} ${38 - 35 * n / most}`).join("L"));
}

async function showApplications() {
  let known = [];
  try {
    known = (await (await fetch("/v1/models", { headers })).json()).data.map((model) => model.id);
    base = known[0].split(":")[0];
  } catch (error) { /* offline */ }
  byId("applications").textContent = "";
  for (const application of APPLICATIONS) {
    const button = html(byId("applications"), "button");
    icon(button, application.icon);
    html(button, "span", "", application.name);
    button.disabled = !known.includes(application.adapter ? base + ":" + application.adapter : base);
    button.classList.toggle("on", application.adapter === adapter);
    button.addEventListener("click", () => { adapter = application.adapter; showApplications(); });
  }
}

function start() {
  buildCar();
  for (const text of SUGGESTIONS)
    html(byId("suggestions"), "button", "", text).addEventListener("click", () => ask(text));
  const hello = html(byId("transcript"), "div", "hello");
  html(hello, "b", "", "What would you like?");
  hello.append("Say it as you would to a person. Nothing leaves the car.");
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("prompt").value.trim();
    if (under_way && !text) return under_way.abort();
    if (text) ask(text);
    byId("prompt").value = "";
  });
  byId("speed").addEventListener("input", setSpeed);
  const tick = () => { byId("clock").textContent = new Date().toTimeString().slice(0, 5); };
  tick();
  setInterval(tick, 5000);
  setInterval(showStatus, 1000);
  setInterval(drawRate, 205);
  showApplications();
  setSpeed();
  listen();
  showStatus();
}
start();
