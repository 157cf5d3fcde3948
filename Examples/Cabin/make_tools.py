#!/usr/bin/env python3
"""The ranges and choices of tools.json, from the facts of the Vehicle Signal Specification (VSS 6.0).

    make_tools.py                     check tools.json against vss_facts.json; status 1 and a line per difference
    make_tools.py --write             put the ranges and choices into tools.json
    make_tools.py --facts FILE        take the facts anew from a VSS tree in JSON (vspec export json)

A grammar made of tools.json (`lintel run --tools tools.json`) then cannot write a value that a vehicle's data broker
would refuse. Every signal that a description names must exist. Numbers: RANGES says which part of a signal's range a
property covers, and how it maps to it. Choices: CHOICES says which allowed value of a signal a word stands for.
"""
import argparse
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(HERE, "tools.json")
FACTS = os.path.join(HERE, "vss_facts.json")
HMI = "Vehicle.Cabin.Infotainment.HMI."

# (function, property): (signal, factor from property to signal, least, most) - the last two narrow the signal's range.
RANGES = {
    ("climate_set_fan", "percent"): ("Vehicle.Cabin.HVAC.Station.*.*.FanSpeed", 1, None, None),
    ("window_set_position", "percent"): ("Vehicle.Cabin.Door.*.*.Window.Position", 1, None, None),
    ("shade_set_position", "percent"): ("Vehicle.Cabin.Sunroof.Shade.Position", 1, None, None),
    ("sunroof_set_position", "percent"): ("Vehicle.Cabin.Sunroof.Position", 1, 0, None),  # below 0: tilted
    ("seat_set_heating", "percent"): ("Vehicle.Cabin.Seat.*.*.HeatingCooling", 1, 0, None),
    ("seat_set_cooling", "percent"): ("Vehicle.Cabin.Seat.*.*.HeatingCooling", -1, 0, None),
    ("seat_set_massage", "percent"): ("Vehicle.Cabin.Seat.*.*.Massage.Level", 1, None, None),
    ("light_set_intensity", "percent"): ("Vehicle.Cabin.Light.AmbientLight.*.*.Intensity", 1, None, None),
    ("screen_set_brightness", "percent"): (HMI + "Brightness", 1, None, None),
    ("charge_set_limit", "percent"): ("Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit", 1, None, None),
}
# A temperature is Celsius or Fahrenheit: its range is that of sensible wishes, both of whose ends the signal must hold.
INSIDE = {("climate_set_temperature", "value"): ("Vehicle.Cabin.HVAC.Station.*.*.Temperature", [16, 28, (60 - 32) / 1.8, (85 - 32) / 1.8])}

# (function, property): (signal, {word: allowed value}; other words belong to other signals)
CHOICES = {
    ("climate_set_temperature", "unit"): (HMI + "TemperatureUnit", {"C": "C", "F": "F"}),
    ("climate_set_airflow", "direction"): ("Vehicle.Cabin.HVAC.Station.*.*.AirDistribution", {"up": "UP", "middle": "MIDDLE", "down": "DOWN"}),
    ("sunroof_tilt", "direction"): ("Vehicle.Cabin.Sunroof.Switch", {"up": "TILT_UP", "down": "TILT_DOWN"}),
    ("light_set_headlights", "mode"): (
        "Vehicle.Body.Lights.LightSwitch",
        {"off": "OFF", "position": "POSITION", "daytime": "DAYTIME_RUNNING_LIGHTS", "auto": "AUTO", "beam": "BEAM"}),
    ("wiper_set_mode", "mode"): (
        "Vehicle.Body.Windshield.*.Wiping.Mode",
        {"off": "OFF", "slow": "SLOW", "medium": "MEDIUM", "fast": "FAST", "interval": "INTERVAL", "rain_sensor": "RAIN_SENSOR"}),
    ("screen_set_mode", "mode"): (HMI + "DayNightMode", {"day": "DAY", "night": "NIGHT"}),
    ("screen_set_font", "size"): (HMI + "FontSize", {"standard": "STANDARD", "large": "LARGE", "extra_large": "EXTRA_LARGE"}),
    ("screen_set_clock", "hours"): (HMI + "TimeFormat", {12: "HR_12", 24: "HR_24"}),
    ("drive_set_mode", "mode"): (
        "Vehicle.Powertrain.Transmission.PerformanceMode",
        {"normal": "NORMAL", "sport": "SPORT", "economy": "ECONOMY", "snow": "SNOW", "rain": "RAIN"}),
    ("charge_set", "action"): ("Vehicle.Powertrain.TractionBattery.Charging.StartStopCharging", {"start": "START", "stop": "STOP"}),
}


def find(tree, path):
    """The nodes of a VSS tree that a path with wildcards names."""
    nodes = [{"children": tree}]
    for part in path.split("."):
        below = [n.get("children", {}) for n in nodes]
        nodes = [c for b in below for name, c in b.items() if part in ("*", name)]
    return nodes


def signals(tools):
    paths = {p for t in tools for p in re.findall(r"Vehicle(?:\.[A-Za-z0-9*]+)+", t["function"]["description"])}
    return sorted(paths | {s[0] for table in (RANGES, INSIDE, CHOICES) for s in table.values()})


def take_facts(file, tools):
    with open(file) as f:
        tree = json.load(f)
    facts = {}
    for path in signals(tools):
        nodes = [n for n in find(tree, path) if "datatype" in n]
        if not nodes:
            continue
        kept = [{k: n[k] for k in ("datatype", "unit", "min", "max", "allowed") if k in n} for n in nodes]
        if any(k != kept[0] for k in kept):
            raise SystemExit(f"{path}: its instances differ")
        facts[path] = kept[0]
    return facts


def wanted(facts):
    """(function, property) -> the keywords that the facts give it."""
    out = {}
    for place, (path, factor, least, most) in RANGES.items():
        s = facts[path]
        limits = {"uint8": (0, 255), "int8": (-128, 127)}.get(s["datatype"], (None, None))
        low, high = s.get("min", limits[0]), s.get("max", limits[1])
        low, high = sorted([low * factor, high * factor])
        out[place] = {"minimum": max(low, least) if least is not None else low, "maximum": min(high, most) if most is not None else high}
        out[place] = {k: int(v) if v == int(v) else v for k, v in out[place].items()}
    for place, (path, words) in CHOICES.items():
        out[place] = {"enum": [w for w, allowed in words.items() if allowed in facts[path].get("allowed", [])]}
    return out


def check(tools, facts):
    schemas = {t["function"]["name"]: t["function"]["parameters"]["properties"] for t in tools}
    problems = [f"{path}: no such signal in VSS" for path in signals(tools) if path not in facts]
    if problems:
        return problems
    for (function, name), keywords in wanted(facts).items():
        schema = schemas.get(function, {}).get(name)
        if schema is None:
            problems.append(f"{function}.{name}: not in tools.json")
            continue
        for k, v in keywords.items():
            if schema.get(k) != v:
                problems.append(f"{function}.{name}: {k} is {schema.get(k)}, VSS says {v}")
    for (function, name), (path, values) in INSIDE.items():
        s = facts[path]
        for v in values:
            if not s.get("min", v) <= v <= s.get("max", v):
                problems.append(f"{function}.{name}: {v} is outside {path}")
    numbers = {(f, p) for f, ps in schemas.items() for p, s in ps.items() if s.get("type") in ("number", "integer")}
    for place in sorted(numbers - set(RANGES) - set(INSIDE) - set(CHOICES) - {("climate_adjust_temperature", "degrees")}):
        problems.append(f"{place[0]}.{place[1]}: a number that no signal bounds")
    return problems


def write(tools, facts):
    """Puts the keywords into the text of tools.json, leaving its layout alone."""
    with open(TOOLS) as f:
        text = f.read()
    for (function, name), keywords in wanted(facts).items():
        start = text.index(f'"name": "{function}"')
        start = text.index(f'"{name}": {{', start)
        end = text.index("}", start)
        part = text[start:end]
        for k, v in keywords.items():
            value = json.dumps(v)
            part, n = re.subn(rf'"{k}": (\[[^\]]*\]|[-0-9.]+)', lambda _: f'"{k}": {value}', part)
            if not n:
                part += f', "{k}": {value}'
        text = text[:start] + part + text[end:]
    with open(TOOLS, "w") as f:
        f.write(text)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--write", action="store_true")
    p.add_argument("--facts", metavar="FILE")
    a = p.parse_args()
    with open(TOOLS) as f:
        tools = json.load(f)
    if a.facts:
        facts = take_facts(a.facts, tools)
        with open(FACTS, "w") as f:
            f.write("{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(facts.items())) + "\n}\n")
    with open(FACTS) as f:
        facts = json.load(f)
    if a.write:
        write(tools, facts)
        with open(TOOLS) as f:
            tools = json.load(f)
    problems = check(tools, facts)
    for line in problems:
        print(line)
    print(f"{len(tools)} functions, {len(facts)} signals, {len(RANGES)} ranges, {len(CHOICES)} choices, {len(problems)} differences")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
