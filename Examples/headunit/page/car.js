"use strict";
/* The car from above: everything on it follows the signals' state and nothing else. */

const SVG = "http://www.w3.org/2000/svg";
const SEATS = [
  { key: "driver", name: "Driver", side: "Row1.DriverSide", station: "Row1.Driver", x: 132, y: 392, left: true },
  { key: "rear_left", name: "Rear left", side: "Row2.DriverSide", station: "Row2.Driver", x: 132, y: 524, left: true },
  { key: "passenger", name: "Passenger", side: "Row1.PassengerSide", station: "Row1.Passenger", x: 250, y: 392, left: false },
  { key: "rear_right", name: "Rear right", side: "Row2.PassengerSide", station: "Row2.Passenger", x: 250, y: 524, left: false },
];
const COLORS = {
  red: "#ff3b3b", green: "#3ddc6b", blue: "#3d7dff", white: "#f4f7fa", yellow: "#ffe14d", orange: "#ff8a2b", purple: "#a24bff",
  pink: "#ff6fb5", cyan: "#2fe0ff", amber: "#ffb020", turquoise: "#30d5c8", violet: "#7d5cff",
};
const LAMPS = [
  ["ac", "Vehicle.Cabin.HVAC.IsAirConditioningActive", "", "Air conditioning"],
  ["recirculate", "Vehicle.Cabin.HVAC.IsRecirculationActive", "", "Recirculation"],
  ["defrost-front", "Vehicle.Cabin.HVAC.IsFrontDefrosterActive", "amber", "Windshield defroster"],
  ["defrost-rear", "Vehicle.Cabin.HVAC.IsRearDefrosterActive", "amber", "Rear defroster"],
  ["wiper", (s) => s["Vehicle.Body.Windshield.Front.Wiping.Mode"] !== "OFF", "", "Wipers"],
  ["light", (s) => !["OFF", "AUTO"].includes(s["Vehicle.Body.Lights.LightSwitch"]), "", "Headlights"],
  ["beam", "Vehicle.Body.Lights.Beam.High.IsOn", "blue", "High beam"],
  ["fog", (s) => s["Vehicle.Body.Lights.Fog.Front.IsOn"] || s["Vehicle.Body.Lights.Fog.Rear.IsOn"], "amber", "Fog lights"],
  ["hazard", "Vehicle.Body.Lights.Hazard.IsSignaling", "red", "Hazard lights"],
  ["wheel", (s) => s["Vehicle.Chassis.SteeringWheel.HeatingCooling"] > 0, "amber", "Steering wheel heating"],
  ["mirror", "Vehicle.Body.Mirrors.DriverSide.IsHeatingOn", "amber", "Mirror heating"],
  ["child", "Vehicle.Cabin.IsWindowChildLockEngaged", "amber", "Window child lock"],
  ["lock", (s) => s["Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"], "amber", "Doors locked"],
  ["trunk", "Vehicle.Body.Trunk.Rear.IsOpen", "red", "Trunk open"],
  ["bulb", "Vehicle.Cabin.Light.IsDomeOn", "amber", "Dome light"],
];

const byId = (id) => document.getElementById(id);

function svg(parent, name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  parent.appendChild(element);
  return element;
}

function html(parent, name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  parent.appendChild(element);
  return element;
}

function icon(parent, name, className) {
  const element = svg(parent, "svg", { class: "ico " + (className || ""), "aria-hidden": "true" });
  svg(element, "use", { href: "#i-" + name });
  return element;
}

function buildSeat(seat) {
  const group = svg(byId("seats"), "g", { class: "seat" });
  const { x, y } = seat;
  svg(group, "rect", { class: "cushion", x, y, width: 78, height: 70, rx: 18 });
  svg(group, "path", { class: "seam", d: `M${x + 18} ${y + 14}v44M${x + 60} ${y + 14}v44` });
  const tilt = svg(group, "g", { class: "tilt" });
  svg(tilt, "rect", { class: "back", x: x + 2, y: y + 56, width: 74, height: 34, rx: 15 });
  svg(tilt, "rect", { class: "rest", x: x + 22, y: y + 82, width: 34, height: 16, rx: 8 });
  const hot = svg(group, "ellipse", { class: "glow", cx: x + 39, cy: y + 44, rx: 56, ry: 58, fill: "url(#g-heat)" });
  const cold = svg(group, "ellipse", { class: "glow", cx: x + 39, cy: y + 44, rx: 56, ry: 58, fill: "url(#g-cool)" });
  const air = svg(byId("air"), "g", { class: "air" });
  const lines = [14, 39, 64].map((dx) =>
    svg(air, "path", { d: `M${x + dx} ${y - 26}c-5 10 5 18 0 30` }));
  const spot = svg(byId("spots"), "circle", { class: "spot", cx: x + 39, cy: y + 30, r: 62, fill: "url(#g-spot)" });
  const edge = seat.left ? 92 : 362;
  const window_ = svg(byId("windows"), "g", { class: "window" });
  const top = seat.key === "driver" || seat.key === "passenger" ? 366 : 498;
  svg(window_, "rect", { class: "slot", x: edge, y: top, width: 8, height: 116, rx: 4 });
  const pane = svg(window_, "rect", { class: "pane", x: edge + 1, y: top + 1, width: 6, height: 114, rx: 3 });
  pane.style.height = "114px";
  const out = seat.left ? -1 : 1;
  for (const dy of [26, 58, 90])
    svg(window_, "path", { class: "wind", d: `M${edge + 4 + out * 9} ${top + dy}c${out * 10} -9 ${out * 18} 9 ${out * 34} 0` });
  const label = svg(window_, "text", { class: "label", x: edge + 4 + out * 27, y: top + 14, "text-anchor": "middle" });
  const lock = svg(byId("locks"), "path", { class: "lockmark", d: `M${edge - 4 + (seat.left ? 0 : 8)} ${top - 12}m-6 0h12v9h-12zm2 0v-4a4 4 0 0 1 8 0v4` });
  Object.assign(seat, { group, tilt, hot, cold, lines, air, spot, window_, pane, label, lock });
}

function buildZone(seat) {
  const zone = html(byId(seat.left ? "zones-left" : "zones-right"), "article", "zone");
  const head = html(zone, "h2");
  html(head, "span", "", seat.name);
  seat.bulb = icon(head, "bulb");
  seat.temp = html(zone, "div", "temp");
  const fan = html(zone, "div", "fan");
  icon(fan, "fan");
  seat.bars = [0, 1, 2, 3, 4].map(() => html(fan, "i"));
  seat.chips = html(zone, "div", "facts2");
  seat.zone = zone;
}

function buildCar() {
  SEATS.forEach(buildSeat);
  SEATS.forEach(buildZone);
  for (const lamp of LAMPS) {
    const cell = html(byId("lamps"), "div", "lamp " + lamp[2]);
    cell.title = lamp[3];
    icon(cell, lamp[0]);
    lamp.cell = cell;
  }
}

/* 16 degrees is blue, 21 white, 28 orange. */
function warmth(celsius) {
  const t = Math.max(-1, Math.min(1, (celsius - 21) / 6));
  const mix = (a, b, k) => a.map((v, i) => Math.round(v + (b[i] - v) * k));
  const rgb = t < 0 ? mix([233, 240, 247], [77, 178, 255], -t) : mix([233, 240, 247], [255, 139, 77], t);
  return `rgb(${rgb.join(",")})`;
}

function chip(seat, name, text, kind) {
  const element = html(seat.chips, "span", "chip " + (kind || ""));
  if (name) icon(element, name);
  element.append(text);
}

function renderSeat(seat, s) {
  const place = "Vehicle.Cabin.Seat." + seat.side + ".";
  const climate = "Vehicle.Cabin.HVAC.Station." + seat.station + ".";
  const celsius = s[climate + "Temperature"], fan = s[climate + "FanSpeed"];
  const heat = s[place + "HeatingCooling"], massage = s[place + "Massage.Level"];
  const open = s["Vehicle.Cabin.Door." + seat.side + ".Window.Position"];
  const lit = s["Vehicle.Cabin.Light.Spotlight." + seat.side + ".IsLightOn"];
  const fahrenheit = s["Vehicle.Cabin.Infotainment.HMI.TemperatureUnit"] === "F";
  const shown = fahrenheit ? celsius * 1.8 + 32 : celsius;
  seat.temp.textContent = fahrenheit ? shown.toFixed(0) : shown.toFixed(1);
  html(seat.temp, "small", "", fahrenheit ? "°F" : "°");
  seat.temp.style.color = warmth(celsius);
  seat.bars.forEach((bar, i) => bar.classList.toggle("on", fan > i * 20));
  seat.air.style.opacity = fan > 0 ? 0.35 + fan / 160 : 0;
  seat.lines.forEach((line) => {
    line.style.stroke = warmth(celsius);
    line.style.animationDuration = (2.6 - fan / 50) + "s";
  });
  seat.hot.style.opacity = heat > 0 ? 0.25 + heat / 135 : 0;
  seat.cold.style.opacity = heat < 0 ? 0.25 - heat / 135 : 0;
  seat.group.classList.toggle("massage", massage > 0);
  seat.group.style.transform = `translateY(${(250 - s[place + "Position"]) / 12}px)`;
  seat.tilt.style.transform = `translateY(${(s[place + "Backrest.Recline"] - 20) / 2}px)`;
  seat.spot.classList.toggle("on", lit);
  seat.bulb.classList.toggle("on", lit);
  seat.window_.classList.toggle("open", open > 0);
  seat.pane.style.height = Math.max(3, 114 * (1 - open / 100)) + "px";
  seat.label.textContent = open > 0 ? Math.round(open) + "%" : "";
  seat.lock.classList.toggle("on", s["Vehicle.Cabin.Door." + seat.side + ".IsLocked"]);
  seat.chips.textContent = "";
  if (heat > 0) chip(seat, "heat", Math.round(heat) + "%", "hot");
  if (heat < 0) chip(seat, "fan", Math.round(-heat) + "%", "cold");
  if (massage > 0) chip(seat, "", "Massage");
  if (open > 0) chip(seat, "", "Window " + Math.round(open) + "%", "open");
  if (!seat.chips.children.length) chip(seat, "", { UP: "Air up", MIDDLE: "Air middle", DOWN: "Air down" }[s[climate + "AirDistribution"]]);
}

function renderLights(s) {
  const mode = s["Vehicle.Body.Lights.LightSwitch"];
  const low = mode === "BEAM", high = s["Vehicle.Body.Lights.Beam.High.IsOn"];
  const on = (selector, value) => document.querySelectorAll(selector).forEach((e) => e.classList.toggle("on", value));
  on(".beam.low", low || high);
  on(".beam.high", high);
  on(".beam.fog", s["Vehicle.Body.Lights.Fog.Front.IsOn"]);
  on(".beam.rear-fog", s["Vehicle.Body.Lights.Fog.Rear.IsOn"]);
  on(".blinkers", s["Vehicle.Body.Lights.Hazard.IsSignaling"]);
  byId("beams").classList.toggle("lit", low || high || mode === "POSITION" || mode === "DAYTIME_RUNNING_LIGHTS");
  byId("dome").classList.toggle("on", s["Vehicle.Cabin.Light.IsDomeOn"]);
  const ambient = "Vehicle.Cabin.Light.AmbientLight.Row1.DriverSide.";
  byId("ambient").classList.toggle("off", !s[ambient + "IsLightOn"]);
  document.documentElement.style.setProperty("--ambient", COLORS[s[ambient + "Color"]] || COLORS.turquoise);
  document.documentElement.style.setProperty("--ambient-level", 0.25 + s[ambient + "Intensity"] / 133);
}

function renderWipers(id, mode) {
  const speeds = { SLOW: "1.5s", MEDIUM: "1s", FAST: ".5s", INTERVAL: "2.6s", RAIN_SENSOR: "1.9s" };
  byId(id).classList.toggle("on", mode in speeds);
  byId(id).style.setProperty("--wipe", speeds[mode] || "1.5s");
}

function renderRoof(s) {
  const open = s["Vehicle.Cabin.Sunroof.Position"];
  const tilted = s["Vehicle.Cabin.Sunroof.Switch"] === "TILT_UP";
  byId("roof-glass").style.transform = `translateY(${open * 2.16}px)` + (tilted ? " scaleY(.94)" : "");
  byId("roof-hole").classList.toggle("on", open > 0);
  byId("roof-shade").style.opacity = 0.75 * (s["Vehicle.Cabin.Sunroof.Shade.Position"] > 0 || open > 0 ? 0 : 0.12);
  byId("roof-label").textContent = open > 0 ? `Roof ${Math.round(open)}%` : tilted ? "Roof tilted" : "";
  byId("rear-shade").style.opacity = 0.85 * (1 - s["Vehicle.Cabin.RearShade.Position"] / 100);
}

function renderCar(s) {
  SEATS.forEach((seat) => renderSeat(seat, s));
  renderLights(s);
  renderRoof(s);
  renderWipers("wiper-front", s["Vehicle.Body.Windshield.Front.Wiping.Mode"]);
  renderWipers("wiper-rear", s["Vehicle.Body.Windshield.Rear.Wiping.Mode"]);
  byId("frost-front").classList.toggle("on", s["Vehicle.Cabin.HVAC.IsFrontDefrosterActive"]);
  byId("frost-rear").classList.toggle("on", s["Vehicle.Cabin.HVAC.IsRearDefrosterActive"]);
  byId("wheel-ring").classList.toggle("warm", s["Vehicle.Chassis.SteeringWheel.HeatingCooling"] > 0);
  for (const [id, side] of [["mirror-left", "DriverSide"], ["mirror-right", "PassengerSide"]]) {
    byId(id).classList.toggle("folded", s[`Vehicle.Body.Mirrors.${side}.IsFolded`]);
    byId(id).classList.toggle("warm", s[`Vehicle.Body.Mirrors.${side}.IsHeatingOn`]);
  }
  byId("trunk-lid").classList.toggle("open", s["Vehicle.Body.Trunk.Rear.IsOpen"]);
  byId("trunk-label").textContent = s["Vehicle.Body.Trunk.Rear.IsOpen"] ? "Trunk open" : "";
  for (const lamp of LAMPS)
    lamp.cell.classList.toggle("on", Boolean(typeof lamp[1] === "string" ? s[lamp[1]] : lamp[1](s)));
  renderScreen(s);
}

function renderScreen(s) {
  const hmi = "Vehicle.Cabin.Infotainment.HMI.";
  const mode = s["Vehicle.Powertrain.Transmission.PerformanceMode"];
  const fahrenheit = s[hmi + "TemperatureUnit"] === "F", miles = s[hmi + "DistanceUnit"] === "MILES";
  const outside = s["Vehicle.Exterior.AirTemperature"], range = s["Vehicle.Powertrain.Range"];
  byId("mode").textContent = mode[0] + mode.slice(1).toLowerCase();
  byId("outside").textContent = fahrenheit ? Math.round(outside * 1.8 + 32) + "°F" : outside.toFixed(1) + "°";
  byId("range").textContent = miles ? Math.round(range / 1.609) + " mi" : range + " km";
  document.body.classList.toggle("day", s[hmi + "DayNightMode"] === "DAY");
  document.body.classList.toggle("font-large", s[hmi + "FontSize"] === "LARGE");
  document.body.classList.toggle("font-extra", s[hmi + "FontSize"] === "EXTRA_LARGE");
  document.querySelector("main").style.filter = s[hmi + "Brightness"] >= 80 ? "" : `brightness(${0.45 + s[hmi + "Brightness"] / 145})`;
}

/* The zones that a call concerns light up for a moment. */
function touchZones(paths) {
  for (const seat of SEATS) {
    if (!paths.some((p) => p.includes(seat.side) || p.includes("Station." + seat.station + "."))) continue;
    seat.zone.classList.add("touched");
    clearTimeout(seat.timer);
    seat.timer = setTimeout(() => seat.zone.classList.remove("touched"), 2600);
  }
}
