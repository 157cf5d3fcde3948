#!/usr/bin/env python3
"""What people say in a car, and the one call that each sentence means.

Every wish is a list of phrasings. In a phrasing, (a|b) is a choice, [a] is optional and {slot} is
filled from the call's arguments; a leading ~ marks a sentence that is not an order (it takes no
"could you ..."). The split is made here, by construction, before anything is trained:

* of every wish, about one phrasing in six is held out whole (never rendered for training);
* of every (function, zone, number or colour) combination, about one in eight is held out whole;
* some politeness wrappers and some wordings of a correction are held out whole.

`sample(rng, split)` draws (text, call) with split one of: train, known (as train, without
wordings.txt), values (known phrasings, new combinations), phrasing (new phrasings, known
combinations), both. All of it is a function of SEED and of the generator passed in.
"""
import argparse
import hashlib
import json
import os
import random
import re

SEED = 6

ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen").split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def words(n):
    if n < 20:
        return ONES[n]
    if n == 100:
        return "a hundred"
    return TENS[n // 10] + (("", " ")[n % 10 > 0] + (ONES[n % 10] if n % 10 else ""))


def choices(text):
    """The parts between the bars that no bracket encloses."""
    depth, part = 0, ""
    for ch in text:
        depth += (ch in "([") - (ch in ")]")
        if ch == "|" and depth == 0:
            yield part
            part = ""
        else:
            part += ch
    yield part


# ------------------------------------------------------------------ places
# where: adverb.  whose: adjective before a noun.  window, seat: noun phrases.
PLACES = {
    "driver": dict(
        where="on (my|the driver['s]|the driver) side|for (me|the driver)|[over] here on my side|where I (sit|am sitting)"
              "|in the front left|on the left (in front|up front)|at my (seat|place)|over here by the wheel",
        whose="driver['s]|driver side|my|driver's side|front left|left front",
        window="my [side] window|the (driver|driver's|driver side|driver's side|front left|left front) window|the window (next to me|on my side|on the driver['s] side)|the window",
        seat="my seat|the driver['s] seat|the seat I'm (in|sitting in)|the (front left|left front) seat|the seat"),
    "passenger": dict(
        where="on the passenger['s] side|for (the|my) [front] passenger|on the right (in front|up front)|in the front right"
              "|for my (wife|husband|friend|girlfriend|boyfriend|mother|father|mom|dad|colleague)|on (her|his) side|next to me|in the passenger seat",
        whose="passenger['s]|passenger side|front right|right front|passenger's side|my (wife's|husband's|friend's)",
        window="the (passenger|passenger's|passenger side|front right|right front) window|the window on the passenger['s] side|(his|her) window|my (wife's|husband's|friend's) window",
        seat="the [front] passenger['s] seat|the (front right|right front) seat|(his|her) seat|the seat next to me|my (wife's|husband's|friend's) seat"),
    "front": dict(
        where="in [the] front|up front|in the front (row|seats)|for the (front|first) row|for both of us [up] (in front|front)|at the front|for the two of us in front",
        whose="front|front row|both front",
        window="(the|both|both of the) front windows|the windows (in front|up front|in the front)|the two front windows",
        seat="(the|both) front seats|the seats (in front|up front|in the front row)|the two front seats"),
    "rear_left": dict(
        where="(in|on|at) the (rear|back) left|on the left (in the (back|rear)|side in the (back|rear))|behind the driver|behind me|for the (left rear|rear left|back left) passenger|in the (rear|back) left seat|(in|on) the left rear",
        whose="rear left|back left|left rear|left back",
        window="the (rear left|back left|left rear|left back|rear driver side) window|the window behind (me|the driver)|the left window in the (back|rear)",
        seat="the (rear left|back left|left rear|left back) seat|the seat behind (me|the driver)|the left seat in the (back|rear)"),
    "rear_right": dict(
        where="(in|on|at) the (rear|back) right|on the right (in the (back|rear)|side in the (back|rear))|behind the passenger|for the (right rear|rear right|back right) passenger|in the (rear|back) right seat|(in|on) the right rear",
        whose="rear right|back right|right rear|right back",
        window="the (rear right|back right|right rear|right back|rear passenger side) window|the window behind the passenger|the right window in the (back|rear)",
        seat="the (rear right|back right|right rear|right back) seat|the seat behind the passenger|the right seat in the (back|rear)"),
    "rear": dict(
        where="[here|there] in the (back|rear)|back here|back there|in the back (seat|seats|row)|for the (back|rear|second) row|for the (kids|children|little ones|baby) [in the back]"
              "|for the (people|passengers|folks|guys) in the (back|rear)|for the (rear|back) (passengers|seats)|at the (back|rear)|in the rear (seats|row|of the car)|on the back (seat|bench)|for us [back] (here|in the back)|in the second row",
        whose="rear|back|back seat|rear seat|rear row|second row|kids'|both rear|back row",
        window="(the|both|both of the) (rear|back) windows|the windows in the (back|rear)|the (kids'|children's) windows|the windows back (here|there)|the two (rear|back) windows",
        seat="(the|both) (rear|back) seats|the seats in the (back|rear)|the (kids'|children's) seats|the seats back (here|there)|the back (row|bench)|the rear bench"),
    "all": dict(
        where="everywhere|in the [whole|entire] (car|cabin|vehicle)|for (everyone|everybody|all of us|all passengers)|in (all|every) (zones|zone|rows|seats)|all around|in here|on both sides|inside|in the interior",
        whose="all|every|the whole|overall",
        window="(all|all the|all of the|the) windows|every [single] window|all four windows|the windows in the car",
        seat="(all|all the|all of the|the) seats|every [single] seat|everyone's seat|everybody's seats"),
}
ZONES = list(PLACES)
# the person whose complaint names the zone
WHO = {
    "passenger": "my (wife|husband|friend|girlfriend|boyfriend|mother|father|mom|dad|colleague|passenger)|the passenger|the (person|guy|lady) next to me|she|he",
    "rear": "the (kids|children|little ones|boys|girls|guys in the back|people in the back|back passengers|rear passengers|passengers in the back)|(my|our) (kids|children|sons|daughters)|the baby [in the back]|the dog [in the back]|we in the back|everyone in the back|grandma in the back",
    "all": "we|we all|everyone|everybody|I",
    "front": "we up front|we in the front|both of us in front|the people in front",
    "driver": "I on my side|the driver",
    "rear_left": "the (kid|child|passenger|one|boy|girl) behind (me|the driver)|the (kid|child) on the (rear|back) left",
    "rear_right": "the (kid|child|one|boy|girl) behind the passenger|the (kid|child) on the (rear|back) right",
}

COLORS = "red green blue white yellow orange purple pink cyan amber turquoise violet".split()
WHEELS = {"front_left": "front left|left front|driver side front", "front_right": "front right|right front|passenger side front",
          "rear_left": "rear left|back left|left rear", "rear_right": "rear right|back right|right rear"}
MODES = {"normal": "normal|standard|default", "sport": "sport|sports|sporty", "economy": "eco|economy|economic|fuel saving|energy saving",
         "snow": "snow|winter", "rain": "rain|wet [road]"}
HEADLIGHTS = {"off": "off", "position": "position lights|parking lights|side lights", "daytime": "daytime running lights|daytime lights|day lights",
              "auto": "automatic|auto", "beam": "low beam|low beams|dipped beam"}
WIPING = {"slow": "slow|low|the lowest speed|the slow (speed|setting)|slowly", "medium": "medium|the middle (speed|setting)|normal [speed]|medium speed",
          "fast": "fast|high|full speed|the fastest (speed|setting)|quick|maximum", "interval": "interval|intermittent|interval mode|intermittent mode",
          "rain_sensor": "automatic|auto|rain sensor|automatic mode|rain sensing"}
INFO = {
    "range": "range|remaining range|remaining distance",
    "speed": "speed|current speed|driving speed",
    "battery": "battery level|battery charge|state of charge|charge level|battery percentage|charge of the battery",
    "fuel": "fuel level|amount of fuel|petrol level|gas level|fuel gauge|tank level",
    "odometer": "mileage|odometer|odometer reading|total mileage|total distance",
    "trip": "trip distance|trip meter|trip mileage|trip counter|distance of this trip",
    "outside_temperature": "outside temperature|outdoor temperature|temperature outside|exterior temperature|ambient temperature",
    "inside_temperature": "inside temperature|cabin temperature|temperature inside|interior temperature|temperature in [the car|here]",
    "consumption": "consumption|fuel consumption|average consumption|energy consumption|mileage per gallon|fuel economy",
    "service": "service interval|next service|next inspection|service status|maintenance due date",
    "oil": "oil level|engine oil|engine oil level|oil status",
    "washer_fluid": "washer fluid|washer fluid level|wiper fluid|windshield washer fluid|screen wash level",
    "coolant_temperature": "coolant temperature|engine temperature|temperature of the engine|cooling water temperature",
    "charge_time": "charging time|remaining charging time|time to full charge|time until the battery is full",
    "altitude": "altitude|elevation|height above sea level",
    "gear": "gear|current gear|selected gear",
}
UNITS = {("distance", "kilometers"): "kilometers|kilometres|km|metric distances", ("distance", "miles"): "miles|imperial distances",
         ("temperature", "C"): "celsius|degrees celsius|centigrade", ("temperature", "F"): "fahrenheit|degrees fahrenheit",
         ("pressure", "bar"): "bar|bars", ("pressure", "psi"): "psi|pounds per square inch", ("pressure", "kPa"): "kilopascal|kpa|kilopascals",
         ("speed", "km/h"): "kilometers per hour|kmh|km/h|kph", ("speed", "mph"): "miles per hour|mph"}
FONTS = {"standard": "standard|normal|regular|default", "large": "large|bigger|big|larger", "extra_large": "extra large|huge|very large|the largest|really big|the biggest"}

# ------------------------------------------------------------------ wishes
WISHES = []


def wish(fn, args, text, weight=1.0, zones=None, default=None, names=()):
    """args: (name, value) pairs in the order of the call; a value that is a str starting with '$' is drawn:
    $zone $temp $percent $degrees or a table ($color ...). zones: the allowed places; default: the zone meant
    when the phrasing has no place; names: what <name> stands for in phrasings.txt."""
    WISHES.append(dict(fn=fn, args=args, templates=[t.strip() for t in text.strip().splitlines() if t.strip()],
                       weight=weight, zones=zones, default=default, names=dict(names), id=len(WISHES)))


CLIMATE = ["driver", "passenger", "front", "rear", "rear", "rear_left", "rear_right", "all"]
SEATS = ["driver", "driver", "passenger", "front", "rear", "rear_left", "rear_right", "all"]
WINDOWS = ["driver", "passenger", "front", "rear", "rear_left", "rear_right", "all"]

wish("climate_set_temperature", [("zone", "$zone"), ("value", "$temp"), ("unit", "$unit")], """
(set|put|change|adjust|turn) the (temperature|temp|heating|climate|heat|climate control|thermostat|air conditioning|AC) [{where}] to {temp}
(set|put|change) the {whose} (temperature|temp|climate|heating|zone|climate zone) to {temp}
(make|keep) it {temp} {where}
(make|keep) it {temp}
(set|put|turn|switch) it to {temp} [{where}]
(set|put) {temp} {where}
{temp} {where}
~I (want|need|would like|'d like|prefer) {temp} {where}
~I (want|need|would like|'d like|prefer) it [to be] {temp} {where}
~(I|we) (want|need|would like|'d like|prefer) (it|the temperature) [to be] [at] {temp}
~{where} it should be {temp}
~it should be {temp} {where}
(heat|warm) (up|it up|the car up) to {temp} [{where}]
(cool|cool it) down to {temp} [{where}]
(bring|get|take) the [{whose}] temperature to {temp}
temperature to {temp} [{where}]
temperature {temp} [{where}]
{whose} temperature {temp}
(adjust|regulate|set) the (climate|air|heating) {where} to {temp}
(turn|set) the (heating|heater|heat) to {temp} [{where}]
(raise|increase|lower|reduce|drop|turn up|turn down) the temperature [{where}] to {temp}
let's (have|make it|go with|do) {temp} [{where}]
~can (I|we) (have|get) {temp} [{where}]
give (me|us) {temp} [{where}]
(go|go down|go up) to {temp} [{where}]
~{temp} would be (nice|great|perfect|good|fine|comfortable) [{where}]
change the climate control [{where}] to {temp}
""", 4, CLIMATE, "all")

WARM = """
~it's [a bit|a little|way|far|much|really|so|pretty|quite|rather|kind of|still] [too] (cold|chilly|cool|freezing|frosty|icy) {where}
~it is [a bit|a little|way|far|much|really|so|pretty|quite|still] [too] (cold|chilly|cool|freezing) {where}
~it's [a bit|a little|way|far|much|really|so|quite|still] [too] (cold|chilly|cool|freezing|nippy|frosty)
~(I'm|I am) [really|so|still|a bit|totally|absolutely] (freezing|cold|shivering|frozen|chilly)
~(I'm|I am|we're|we are) [really|so|still|a bit|absolutely] (freezing|cold|shivering|frozen) {where}
~{who} (is|are) [really|so|still|a bit|absolutely] (freezing|cold|shivering|frozen|getting cold|feeling cold)
~{who} (feel|feels) [really|so|a bit|too] (cold|chilly|frozen)
~I feel [a bit|really|so|too] (cold|chilly) {where}
(make|get) it [a bit|a little|slightly|much] (warmer|hotter|less cold) {where}
(make|get) it [a bit|a little|slightly|much] (warmer|hotter|less cold)
(turn|crank|put) (up the heat|the heat up|up the heating|the heating up|the heater up|up the heater) [a bit|a little|a notch] [{where}]
(turn|put) the temperature up [a bit|a little|a notch] [{where}]
(raise|increase|turn up|bump up) the [{whose}] (temperature|temp|heat|heating) [a bit|a little|slightly]
(raise|increase|turn up) the (temperature|temp|heat) {where}
(warm|heat) (it|things) up [a bit|a little] [{where}]
(warm|heat) up the (car|cabin|interior)
(warm|heat) up the {whose} (zone|area|seats area|climate)
[a bit|a little|slightly|much] (warmer|hotter) {where} [please]
[a bit|a little|slightly|somewhat|much] (warmer|hotter) please
more (heat|warmth|heating|warm air) [{where}] [please]
~(I|we) (need|want|would like|could use) [some|a bit|a little] more (heat|warmth|warm air) [{where}]
~(I'd|we'd) (like|prefer) it [a bit|a little|slightly] (warmer|hotter) [{where}]
~can (we|you|I) (get|have) it [a bit|a little|slightly] (warmer|hotter) [{where}]
~could it be [a bit|a little|slightly] (warmer|hotter) [{where}]
~it could be [a bit|a little|slightly] warmer [{where}]
~it should be [a bit|a little|much] warmer [{where}]
~(brr|brrr|burr) [it's cold|so cold|I'm freezing|freezing] [{where}]
~(my|the kids') (toes|fingers|hands|feet|nose) (are|is) (freezing|cold|ice cold|frozen|going numb) {where}
~it's (like|as cold as) (a fridge|a freezer|the north pole|winter|the arctic|an igloo) {where}
~it's (like|as cold as) (a fridge|a freezer|the north pole|winter|the arctic|an icebox) [in here]
~(why is it so|it feels|it has become|it's getting|it got) [too|really|so|very] (cold|chilly) [{where}]
~(the temperature|it) is too low [{where}]
~(someone|somebody) is (cold|freezing|shivering) {where}
~(not|it's not) warm enough [{where}]
~it's not [nearly|quite] warm enough {where}
do something about the cold [{where}]
~(there's|there is) a chill [{where}]
~{who} (would like|wants|want|needs|need) it [a bit|a little] warmer
~{who} (says|say|said) [that] (it's|it is) [too] (cold|chilly|freezing)
~{who} (says|say|said) (he is|she is|they are|he's|she's|they're) [too|so] (cold|freezing)
(warm|heat) (it|things) up for {who}
make it [a bit|a little] warmer for {who}
~(it's|it is) (cold|freezing|chilly) {where}, (make it|can you make it|do something|turn up the heat|turn the heat up)
~it (could|should|might) be [a bit|a little|slightly|much] (warmer|hotter) {where}
~(I|we) would (like|prefer) it [to be] [a bit|a little] (warmer|hotter) [{where}]
~(I|we) want it [to be] [a bit|a little] (warmer|hotter|less cold) [{where}]
"""
COOL = """
~it's [a bit|a little|way|far|much|really|so|pretty|quite|rather|kind of|still] [too] (hot|warm|stuffy|boiling|toasty) {where}
~it is [a bit|a little|way|far|much|really|so|pretty|quite|still] [too] (hot|warm) {where}
~it's [a bit|a little|way|far|much|really|so|quite|still] [too] (hot|warm|boiling|toasty)
~(I'm|I am) [really|so|still|a bit|totally|absolutely] (sweating|hot|boiling|melting|roasting|overheating|burning up)
~(I'm|I am|we're|we are) [really|so|still|a bit|absolutely] (sweating|hot|boiling|melting|roasting) {where}
~{who} (is|are) [really|so|still|a bit|absolutely] (sweating|hot|boiling|melting|roasting|getting hot|feeling hot|overheating)
~{who} (feel|feels) [really|so|a bit|too] (hot|warm)
~I feel [a bit|really|so|too] (hot|warm) {where}
(make|get) it [a bit|a little|slightly|much] (cooler|colder|less hot|less warm) {where}
(make|get) it [a bit|a little|slightly|much] (cooler|colder|less hot|less warm)
(turn|put) (down the heat|the heat down|down the heating|the heating down|the heater down|down the heater) [a bit|a little|a notch] [{where}]
(turn|put) the temperature down [a bit|a little|a notch] [{where}]
(lower|decrease|reduce|turn down|drop) the [{whose}] (temperature|temp|heat|heating) [a bit|a little|slightly]
(lower|decrease|reduce|turn down) the (temperature|temp|heat) {where}
(cool|chill) (it|things) [down] [a bit|a little] [{where}]
cool down the (car|cabin|interior)
cool down the {whose} (zone|area|seats area|climate)
[a bit|a little|slightly|much] (cooler|colder) {where} [please]
[a bit|a little|slightly|somewhat|much] (cooler|colder) please
less (heat|warmth|heating|warm air) [{where}] [please]
~(I|we) (need|want|would like|could use) (some|a bit|a little) (cooling|cool air|less heat) [{where}]
~(I'd|we'd) (like|prefer) it [a bit|a little|slightly] (cooler|colder) [{where}]
~can (we|you|I) (get|have) it [a bit|a little|slightly] (cooler|colder) [{where}]
~could it be [a bit|a little|slightly] (cooler|colder) [{where}]
~it could be [a bit|a little|slightly] cooler [{where}]
~it should be [a bit|a little|much] cooler [{where}]
~(phew|puh|ugh) [it's hot|so hot|I'm sweating|what a heat] [{where}]
~it's (like|as hot as) (an oven|a sauna|the desert|a furnace|the sahara|a greenhouse) {where}
~it's (like|as hot as) (an oven|a sauna|the desert|a furnace|the tropics) [in here]
~(why is it so|it feels|it has become|it's getting|it got) [too|really|so|very] (hot|warm) [{where}]
~(the temperature|it) is too high [{where}]
~(someone|somebody) is (hot|sweating|boiling) {where}
~(not|it's not) cool enough [{where}]
~it's not [nearly|quite] cool enough {where}
do something about the heat [{where}]
~this heat is (killing me|unbearable|too much) [{where}]
~{who} (would like|wants|want|needs|need) it [a bit|a little] cooler
~{who} (says|say|said) [that] (it's|it is) [too] (hot|warm|boiling)
~{who} (says|say|said) (he is|she is|they are|he's|she's|they're) [too|so] (hot|warm)
cool (it|things) down for {who}
make it [a bit|a little] cooler for {who}
~(it's|it is) (hot|boiling|warm) {where}, (make it cooler|can you cool it down|do something|turn down the heat|turn the heat down)
~it (could|should|might) be [a bit|a little|slightly|much] (cooler|colder) {where}
~(I|we) would (like|prefer) it [to be] [a bit|a little] (cooler|colder) [{where}]
~(I|we) want it [to be] [a bit|a little] (cooler|colder|less hot) [{where}]
"""
for direction, text in (("warmer", WARM), ("cooler", COOL)):
    wish("climate_adjust_temperature", [("zone", "$zone"), ("direction", direction)], text, 4, CLIMATE, "all")

for direction, up, adj in (("warmer", "(raise|increase|turn up|bump up)|up|higher", "warmer|hotter"), ("cooler", "(lower|decrease|reduce|turn down)|down|lower", "cooler|colder")):
    verb, particle, comp = up.rsplit("|", 2)
    wish("climate_adjust_temperature", [("zone", "$zone"), ("direction", direction), ("degrees", "$degrees")], f"""
{verb} the [{{whose}}] (temperature|temp|heating) by {{degrees}}
{verb} the (temperature|temp|heat) [{{where}}] by {{degrees}}
{verb} it by {{degrees}} [{{where}}]
(make|get) it {{degrees}} ({adj}) [{{where}}]
{{degrees}} ({adj}) [{{where}}] [please]
(turn|put) the (temperature|heat|heating) {particle} [by] {{degrees}} [{{where}}]
(go|turn it|put it) {particle} [by] {{degrees}} [{{where}}]
~(I'd|we'd) like it {{degrees}} ({adj}) [{{where}}]
~(I|we) (want|need) it {{degrees}} ({adj}) [{{where}}]
~it should be {{degrees}} ({adj}) [{{where}}]
{{degrees}} {comp and {'warmer': 'more', 'cooler': 'less'}[direction]} [{{where}}]
""", 1, CLIMATE, "all")

FAN = "(fan|blower|fan speed|ventilation|air flow|airflow)"
wish("climate_set_fan", [("zone", "$zone"), ("percent", "$percent")], f"""
(set|put|turn|change|adjust) the {FAN} [{{where}}] to {{percent}}
(set|put|turn) the {{whose}} {FAN} to {{percent}}
{FAN} [{{where}}] [at|to] {{percent}}
{{whose}} {FAN} {{percent}}
(run|keep) the {FAN} [{{where}}] at {{percent}}
~I (want|need|would like) the {FAN} [{{where}}] at {{percent}}
~the {FAN} [{{where}}] should (be|run|blow) at {{percent}}
let the fan (blow|run) [{{where}}] at {{percent}}
(turn up|turn down|raise|lower) the {FAN} [{{where}}] to {{percent}}
{{percent}} {FAN} [{{where}}]
""", 1.2, CLIMATE, "all")
wish("climate_set_fan", [("zone", "$zone"), ("percent", 0)], f"""
(turn|switch|shut) off the (fan|blower|ventilation) [{{where}}]
(turn|switch|shut) the (fan|blower|ventilation) off [{{where}}]
(stop|kill|disable) the (fan|blower|ventilation) [{{where}}]
no (fan|ventilation|blower) [{{where}}] [please]
(turn|switch) off the {{whose}} (fan|blower)
(fan|blower) off [{{where}}]
~I don't (want|need) the (fan|blower) [{{where}}]
""", 0.5, CLIMATE, "all")
wish("climate_set_fan", [("zone", "$zone"), ("percent", 100)], f"""
(turn|put|set|crank) the {FAN} [{{where}}] to (max|maximum|full|full speed|the max|full power|the highest level)
{FAN} [{{where}}] (on|at|to) (full|max|maximum|full blast)
(maximum|full|max) {FAN} [{{where}}] [please]
(turn|crank) the (fan|blower) [{{where}}] all the way up
run the {FAN} [{{where}}] at (full blast|full speed|full power)
""", 0.5, CLIMATE, "all")
wish("climate_adjust_fan", [("zone", "$zone"), ("direction", "up")], f"""
(turn|crank) up the {FAN} [a bit|a little|a notch] [{{where}}]
(turn|crank) the {FAN} up [a bit|a little|a notch] [{{where}}]
(increase|raise|strengthen|boost) the {FAN} [a bit|a little|slightly] [{{where}}]
(increase|raise) the {{whose}} {FAN}
more (air|fan|ventilation|airflow|wind) [{{where}}] [please]
~(I|we) (need|want|could use) [some|a bit|a little] more (air|airflow|ventilation) [{{where}}]
(stronger|faster|more powerful) (fan|blower) [{{where}}] [please]
(blow|let it blow) [a bit] (harder|stronger|more) [{{where}}]
~the (fan|blower) [{{where}}] is too (weak|low|slow)
~there's (not enough|hardly any|too little) (air|airflow|ventilation) [{{where}}]
~I can (hardly|barely) feel (the fan|the air|any air) [{{where}}]
make the (fan|blower) [a bit|a little] (stronger|faster) [{{where}}]
""", 1, CLIMATE, "all")
wish("climate_adjust_fan", [("zone", "$zone"), ("direction", "down")], f"""
turn down the {FAN} [a bit|a little|a notch] [{{where}}]
turn the {FAN} down [a bit|a little|a notch] [{{where}}]
(decrease|reduce|lower) the {FAN} [a bit|a little|slightly] [{{where}}]
(decrease|reduce|lower) the {{whose}} {FAN}
less (air|fan|ventilation|airflow|wind) [{{where}}] [please]
~(I|we) (need|want) [a bit|a little] less (air|airflow|wind) [{{where}}]
(weaker|slower|quieter|gentler) (fan|blower) [{{where}}] [please]
(blow|let it blow) [a bit] (less|softer|more gently) [{{where}}]
~the (fan|blower|ventilation) [{{where}}] is [way|far|much] too (strong|loud|high|noisy|fast)
~(it's|it is) too (windy|drafty|breezy) [{{where}}]
~there's too much (air|wind|draft|airflow) [{{where}}]
~it's blowing too (hard|much|strong) [{{where}}]
make the (fan|blower) [a bit|a little] (weaker|slower|quieter) [{{where}}]
""", 1, CLIMATE, "all")
for direction, target, noun in (
        ("up", "(the windshield|my face|our faces|the head|upwards|up|the top|the head area|the face)", "upper|top|face|head"),
        ("middle", "(the middle|my chest|the body|the chest|the center|the upper body|my body|the torso)", "middle|center|chest|body"),
        ("down", "(my feet|the feet|the floor|the footwell|downwards|down|the legs|my legs|our feet|the foot well)", "lower|foot|floor|leg")):
    wish("climate_set_airflow", [("zone", "$zone"), ("direction", direction)], f"""
(direct|send|blow|point|guide|aim|let) the air [{{where}}] (to|at|on|towards|onto) {target}
(blow|send) [the|some|more] [warm|cool] air (to|at|on|onto) {target} [{{where}}]
(set|change|switch) the (air distribution|airflow|air flow|vents|air) [{{where}}] to {target}
(point|aim|turn) the (vents|nozzles|air vents) [{{where}}] (to|at|towards) {target}
~I (want|need|would like) [the|some|more] air (on|at|to) {target} [{{where}}]
air (to|on|at) {target} [{{where}}] [please]
(use|open|switch to) the ({noun}) vents [{{where}}]
~the air should (go|come|blow) (to|at|on) {target} [{{where}}]
""", 0.6, CLIMATE, "all")

AC = "(AC|A/C|air conditioning|air conditioner|air con|aircon|air-con|climate control|cooling)"
ON_OFF = {
    "climate_set_ac": (AC, "on", 1.0, """~we (need|want) the {x} now|start cooling the air""", """~we don't need the {x} [any more|anymore]|no {x} please|stop cooling the air"""),
    "climate_set_recirculation": ("(recirculation|air recirculation|recirculated air|recirc|recirculation mode|inside air circulation)", "on", 0.9,
        "~it (stinks|smells) (outside|out there|of manure|of exhaust|awful outside|of smoke outside)|(close|shut|block) the (outside|fresh) air [intake|supply]|keep the (smell|fumes|exhaust|dust|smoke|stink|stench) [from] out[side]|don't let [any] outside air in|~(there's|there is) a (terrible|bad|nasty) smell (outside|from outside)|recirculate the [cabin|inside] air",
        "let [some] (fresh|outside|outdoor) air in|(get|bring) [some] (fresh|outside) air in[to the car]|(switch|change) to (fresh|outside) air|~(I|we) (need|want) (fresh|outside) air|(use|take) (fresh|outside) air|~the air in here is (stale|bad|used up)|stop recirculating the air"),
    "window_set_child_lock": ("(child lock|window child lock|child safety lock|window lock|childproof lock|kids lock)", "on", 0.6,
        "(lock|block|disable) the (rear|back) window (buttons|switches|controls)|don't let the (kids|children) (open|play with) the windows|~the kids keep playing with the windows|make sure the (kids|children) can't open the windows|lock the windows for the (kids|children)",
        "(unlock|unblock|enable) the (rear|back) window (buttons|switches|controls)|let the (kids|children) (open|use) the[ir] windows|~the kids may (open|use) the windows again|unlock the windows for the (kids|children)"),
    "steering_set_heating": ("(steering wheel heating|steering wheel heater|wheel heating|heated steering wheel|heating of the steering wheel|steering wheel warmer)", "on", 0.8,
        "(heat|warm) [up] the (steering wheel|wheel)|~the (steering wheel|wheel) is [too|so|really|ice] (cold|freezing)|~my (hands|fingers) are (cold|freezing) on the [steering] wheel|make the steering wheel (warm|warmer|hot)|~I want a warm steering wheel",
        "stop (heating|warming) the (steering wheel|wheel)|~the (steering wheel|wheel) is [too|so|really] (hot|warm)|don't heat the steering wheel|make the steering wheel cooler"),
    "light_set_dome": ("(dome light|interior light|cabin light|ceiling light|inside light|light inside|interior lights|inside lights|cabin lights|roof light|overhead light)", "on", 1.0,
        "~it's [too|so|really] dark (in here|inside)|~I can't see anything (in here|inside)|(make|turn on) some light (in here|inside)|light up the (cabin|interior|inside)|lights on inside",
        "~it's too bright (in here|inside)|make it dark (in here|inside)|no light (in here|inside)|lights out inside|darken the (cabin|interior)"),
    "light_set_ambient": ("(ambient light|ambient lights|ambient lighting|mood light|mood lighting|mood lights|atmosphere lighting)", "on", 0.8,
        "(give|get) (me|us) some (mood|ambient) lighting|~I (want|would like) some (mood|ambient) light[ing]|make it cozy with some (mood|ambient) light", "no (mood|ambient) light[ing] [please]|~I don't (want|like) the (mood|ambient) light[ing]"),
    "light_set_high_beam": ("(high beam|high beams|full beam|main beam|brights|high beam lights|full beams)", "on", 0.8,
        "~the road is too dark|~I can't see the road|light up the road ahead|~it's pitch black (outside|out there|on the road)|switch to (high|full|main) beam[s]", "(dip|dim) the (headlights|headlamps|beams)|~I'm (blinding|dazzling) (people|others|the oncoming traffic|everyone)|~there's oncoming traffic|switch back to low beam from high"),
    "light_set_hazard": ("(hazard lights|hazards|hazard warning lights|warning lights|emergency flashers|four way flashers|hazard flashers|warning flashers)", "on", 0.8,
        "~(we|I) (broke down|have a breakdown|had a breakdown)|~we are (stuck|stranded) [on the road]|warn the (others|cars behind|traffic behind us)|~there's (a traffic jam|an accident) ahead", "stop (warning|flashing|the flashing|blinking)|~we don't need to warn (anyone|others) any more"),
    "mirror_set_heating": ("(mirror heating|mirror heater|heated mirrors|mirror defroster|side mirror heating|heating of the mirrors)", "on", 0.6,
        "(heat|defrost|defog|de-ice|demist) the [side|outside|wing|door] mirrors|~the [side|outside|wing|door] mirrors are (foggy|fogged up|frozen|icy|iced over|misted up)|~I can't see anything in the (side mirrors|wing mirrors|outside mirrors)|clear the (side|wing|outside) mirrors", "stop heating the [side|wing|outside] mirrors|don't heat the mirrors|~the mirrors are clear [again|now]"),
}
TURN_ON = """(turn|switch) on the {x}
(turn|switch|put) the {x} on
(activate|enable|start|engage) [the] {x}
{x} on [please]
~I (want|need|would like|'d like) the {x} [to be] on
~we need the {x} on
~why is the {x} [still] off? turn it on
get the {x} (going|running|on)
bring on the {x}
(make sure|see to it that) the {x} is (on|running)
~(can|could) (we|I) (have|get) the {x} on
(have|keep|leave) the {x} on
~the {x} (should|must|needs to) be (on|running)
(put on|fire up|power on) the {x}
set the {x} to on
~(it's|it is) time for the {x}
{x} please
~is the {x} (off|on)? [if not] (switch|turn) it on"""
TURN_OFF = """(turn|switch|shut) off the {x}
(turn|switch|put|shut) the {x} off
(deactivate|disable|stop|kill|cancel) [the] {x}
{x} off [please]
~I don't (want|need) the {x} [any more|anymore]
~the {x} (should|can|may) be off
~why is the {x} [still] on? turn it off
~no more {x} [please]
get rid of the {x}
(make sure|see to it that) the {x} is (off|not running)
~(can|could) (we|I) (have|get) the {x} off
(have|keep|leave) the {x} off
~the {x} (must|needs to) (be off|go off)
(power off|power down) the {x}
set the {x} to off
~(that's|that is) enough {x}
~(no|without|less) {x} please
~is the {x} (still on|on)? (switch|turn) it off"""


def add_on_off(fn, extra, x, weight, on_text, off_text, arg="on"):
    for value, base, more in ((True, TURN_ON, on_text), (False, TURN_OFF, off_text)):
        lines = base.splitlines() + list(choices(more))
        wish(fn, extra + [(arg, value)], "\n".join(lines).replace("{x}", x), weight, names={"x": x})

for fn, (x, _, weight, on_text, off_text) in ON_OFF.items():
    add_on_off(fn, [], x, weight, on_text, off_text)
for window, words_ in (("front", "(front|windshield|windscreen|front window|front screen)"), ("rear", "(rear|back|rear window|back window|rear screen)")):
    glass = {"front": "(windshield|windscreen|front window|front screen|front glass)", "rear": "(rear window|back window|rear windshield|rear screen|rear glass)"}[window]
    heated = {"front": "(windshield|windscreen|front window|front screen)", "rear": "(rear window|back window|rear screen)"}[window]
    add_on_off("climate_set_defroster", [("window", window)], f"({words_} (defroster|defrost|demister|defogger|de-icer)|{heated} (heating|heater))", 0.8,
               f"(defrost|defog|demist|de-ice|clear|heat) the {glass}|~the {glass} is (foggy|fogged up|fogging up|frozen|icy|iced over|misted up|steamed up|steaming up|all fogged)|~I can't see [anything] (through|out of) the {glass}|get the (fog|ice|frost|mist|condensation) off the {glass}|~there's (fog|ice|frost|mist|condensation) on the {glass}|(melt|remove) the (ice|frost|fog) (on|from) the {glass}",
               f"stop (defrosting|defogging|heating|demisting) the {glass}|~the {glass} is clear [again|now]|don't heat the {glass}|~the {glass} doesn't need (defrosting|heating) [any more|anymore]")
for position, words_ in (("front", "(front fog lights|front fog lamps|fog lights in front|fog lights|fog lamps|front fogs|foglights)"), ("rear", "(rear fog light|rear fog lamp|rear fog lights|back fog light|fog light in the (back|rear)|rear fogs)")):
    add_on_off("light_set_fog", [("position", position)], words_, 0.5, "~it's [very|really|so] foggy (outside|out there|on the road)|~I can't see (anything|the road) in this fog" if position == "front" else "make (us|the car) visible from behind in the fog", "~the fog is gone" if position == "front" else "~nobody is behind us in the fog any more")

wish("light_set_reading", [("zone", "$zone"), ("on", True)], """
(turn|switch) on the reading (light|lamp) [{where}]
(turn|switch) the reading (light|lamp) on [{where}]
(turn|switch) on the {whose} (reading light|reading lamp|spotlight|spot)
{whose} (reading light|reading lamp|spotlight) on
reading (light|lamp) on [{where}]
~(I|we) (want|need|would like) (to read [something]|a reading light|the reading light) [{where}]
~(I|we) can't read [anything|the map|my book] {where}
~{who} (want|wants|need|needs) to read
~{who} (need|needs|want|wants) (a reading light|some light to read|the reading light)
(give|get) (me|us|them) a reading light [{where}]
activate the reading (light|lamp|spot) [{where}]
light to read {where} please
""", 0.9, CLIMATE, "driver")
wish("light_set_reading", [("zone", "$zone"), ("on", False)], """
(turn|switch|shut) off the reading (light|lamp) [{where}]
(turn|switch) the reading (light|lamp) off [{where}]
(turn|switch) off the {whose} (reading light|reading lamp|spotlight|spot)
{whose} (reading light|reading lamp|spotlight) off
reading (light|lamp) off [{where}]
~the reading light [{where}] (bothers|disturbs|annoys|blinds|distracts) me
~(I|we) don't need the reading light {where} any more
~{who} (is|are) done reading
~{who} (don't|doesn't) need (the|a) reading light any more
deactivate the reading (light|lamp|spot) [{where}]
kill the reading (light|lamp) [{where}]
""", 0.8, CLIMATE, "driver")

wish("window_set_position", [("zone", "$zone"), ("percent", 100)], """
(open|lower) {window}
(open|lower) {window} (completely|fully|all the way|entirely|wide)
(roll|wind|put|let) (down {window}|{window} down)
(roll|wind|put) {window} [all the way] down
(open up|crank down|drop) {window}
{window} (open|down) [please]
~(I|we) (want|need|would like) {window} (open|down|wide open)
~can (I|we|you) (have|get) {window} (open|down)
get {window} (open|down) for me
~{window} should be (open|down)
let (some|the) (air|fresh air) in through {window}
~(I|we) (need|want) (fresh air|some air|a breeze) (from|through) {window}
have {window} (open|down)
wind {window} down [please]
~open {window} so (I|we) (get|have) some air
slide {window} (open|down)
""", 2.2, WINDOWS, "driver")
wish("window_set_position", [("zone", "all"), ("percent", 100)], """
~(I|we) (need|want) some fresh air through the windows
air out the (car|cabin)
let some air in through the windows
open up everything, all the windows
""", 0.3)
wish("window_set_position", [("zone", "$zone"), ("percent", 0)], """
(close|shut|raise) {window}
(close|shut) {window} (completely|fully|all the way|entirely|tight)
(roll|wind|put) (up {window}|{window} up)
(roll|wind|put) {window} [all the way] up
(shut|close) {window} again
{window} (closed|up|shut) [please]
~(I|we) (want|need|would like) {window} (closed|up|shut)
~can (I|we|you) (have|get) {window} (closed|shut|up)
get {window} (closed|shut|up) for me
~{window} should be (closed|up|shut)
~it's (raining|raining in|snowing in|noisy|dusty), (close|shut) {window}
~the rain is coming in through {window}
~there's (a draft|wind coming in|rain coming in|noise coming in) from {window}
~(I|we) can hear too much (noise|wind|wind noise) through {window}
have {window} (closed|shut|up)
wind {window} up [please]
~it's (too loud|noisy|windy) with {window} open
~close {window}, (it's raining|it's too loud|there's too much wind|it's cold)
""", 2.2, WINDOWS, "driver")
wish("window_set_position", [("zone", "$zone"), ("percent", "$percent")], """
(open|lower|set|put|move|bring) {window} to {percent}
open {window} {percent}
open {window} by {percent}
(roll|wind) (down {window}|{window} down) [by|to] {percent}
(roll|wind) {window} down {percent}
{window} (to|at) {percent}
{window} {percent} open
~(I|we) (want|need|would like) {window} {percent} open
~(I|we) (want|need|would like) {window} [open] at {percent}
(leave|keep) {window} {percent} open
~{window} should be {percent} open
close {window} to {percent}
have {window} open {percent}
""", 2, WINDOWS, "driver")
wish("window_adjust", [("zone", "$zone"), ("direction", "open")], """
(open|lower) {window} (a bit|a little|slightly|a little bit|a tiny bit|a touch|a crack|just a bit) [more|further]
(roll|wind) (down {window}|{window} down) (a bit|a little|slightly|some) [more]
crack {window} [open] [a bit|a little]
~(I|we) (want|need|would like) {window} (a bit|a little|slightly) (more open|further down|lower)
{window} (a bit|a little|slightly) (more open|further down|lower)
let {window} down (a bit|a little|slightly)
(get|move) {window} (a bit|a little|slightly) lower
{window} down (a bit|a little|a touch)
""", 1, WINDOWS, "driver")
wish("window_adjust", [("zone", "$zone"), ("direction", "close")], """
(close|raise|shut) {window} (a bit|a little|slightly|a little bit|a tiny bit|a touch|just a bit) [more|further]
(roll|wind) (up {window}|{window} up) (a bit|a little|slightly|some) [more]
~(I|we) (want|need|would like) {window} (a bit|a little|slightly) (more closed|further up|higher)
{window} (a bit|a little|slightly) (more closed|further up|higher)
bring {window} up (a bit|a little|slightly)
(get|move) {window} (a bit|a little|slightly) higher
{window} up (a bit|a little|a touch)
~{window} is (a bit|a little|slightly) too (far open|open|low)
""", 1, WINDOWS, "driver")

for shade, x in (("sunroof", "(sunroof (shade|blind|cover|curtain)|roof (shade|blind|curtain)|blind of the sunroof|shade of the sunroof|sun blind on the roof|panoramic roof (shade|blind))"),
                 ("rear", "((rear|back|rear window|back window) (shade|blind|sunshade|sun blind|curtain|sun shade)|(shade|sunshade|blind) (in the back|in the rear|of the rear window|on the rear window))")):
    for percent, verbs, adj in ((100, "(open|retract|pull back|slide back|fold away)", "open"), (0, "(close|shut|draw|extend|pull|shut)", "(closed|shut)")):
        more = {("sunroof", 0): "~the sun is (burning|blazing|shining) (down on us|on my head|through the roof|through the sunroof)\nshade (the roof|us from above)\n",
                ("rear", 0): "~the sun is (blinding|shining on) the kids [from behind]\n~the sun is shining through the (rear|back) window\n",
                ("sunroof", 100): "~let (the sky|some light|the sun) in through the roof\n", ("rear", 100): "let some light in through the (rear|back) window\n"}[shade, percent]
        wish("shade_set_position", [("shade", shade), ("percent", percent)], f"""
{verbs} the {x}
{verbs} the {x} (completely|fully|all the way)
the {x} {adj} [please]
~I (want|would like|need) the {x} {adj}
~the {x} should be {adj}
{verbs} {x}
~can you {'get' if percent else 'put'} the {x} {adj}
{more}""", 0.7, names={"x": x})
    wish("shade_set_position", [("shade", shade), ("percent", "$percent")], f"""
(open|set|put|move) the {x} to {{percent}}
open the {x} {{percent}}
open the {x} by {{percent}}
the {x} (to|at) {{percent}}
~I (want|would like|need) the {x} {{percent}} open
(leave|keep) the {x} {{percent}} open
~the {x} should be {{percent}} open
close the {x} to {{percent}}
""", 0.7, names={"x": x})

ROOF = "(sunroof|sun roof|roof|moonroof|panoramic roof|roof window|glass roof|panorama roof)"
wish("sunroof_set_position", [("percent", 100)], f"""
(open|open up) the {ROOF}
(open|slide) the {ROOF} [all the way] (back|open)
open the {ROOF} (completely|fully)
{ROOF} open [please]
~(I|we) (want|would like|need) the {ROOF} open
(slide|pull) back the {ROOF}
~(I|we) (want|would like) to see the (sky|stars|sun) (above us|through the roof)
~can (we|you|I) have the {ROOF} open
~the {ROOF} should be open
let some (air|sun) in from above
get the {ROOF} open
""", 1.2)
wish("sunroof_set_position", [("percent", 0)], f"""
(close|shut) the {ROOF}
(close|slide) the {ROOF} [all the way] (shut|closed)
(close|shut) the {ROOF} (completely|fully)
{ROOF} (closed|shut) [please]
~(I|we) (want|would like|need) the {ROOF} (closed|shut)
~(it's|it is) (raining|dripping|snowing) (in through|through) the {ROOF}
~(rain|water|snow) is coming in (from above|through the {ROOF})
~can (we|you|I) have the {ROOF} (closed|shut)
~the {ROOF} should be (closed|shut)
get the {ROOF} (closed|shut)
""", 1.2)
wish("sunroof_set_position", [("percent", "$percent")], f"""
(open|set|put|move|slide) the {ROOF} to {{percent}}
open the {ROOF} {{percent}}
open the {ROOF} by {{percent}}
{ROOF} (to|at) {{percent}}
{ROOF} {{percent}} open
~(I|we) (want|would like|need) the {ROOF} {{percent}} open
(leave|keep) the {ROOF} {{percent}} open
~the {ROOF} should be {{percent}} open
close the {ROOF} to {{percent}}
slide back the {ROOF} {{percent}}
""", 1.2)
wish("sunroof_tilt", [("direction", "up")], f"""
(tilt|tip|angle|vent) the {ROOF} [up]
(tilt|tip) up the {ROOF}
(lift|raise|pop up) the (back|rear edge) of the {ROOF}
(put|set|bring) the {ROOF} in[to] the (tilt|tilted|vent|venting) position
~I (want|would like) the {ROOF} tilted
{ROOF} tilted [up] please
pop [up] the {ROOF} for ventilation
""", 0.7)
wish("sunroof_tilt", [("direction", "down")], f"""
(tilt|tip|angle) the {ROOF} (down|back down)
(tilt|tip) down the {ROOF}
(lower|drop) the (back|rear edge) of the {ROOF}
(bring|take|get) the {ROOF} out of the (tilt|tilted|vent|venting) position
~I don't want the {ROOF} tilted any more
untilt the {ROOF}
{ROOF} tilt down please
""", 0.6)

DOORS = ["all", "all", "driver", "passenger", "rear", "rear_left", "rear_right", "front"]
for locked, verb, un in ((True, "(lock|lock up|secure|bolt)", "locked"), (False, "(unlock|release|open the lock of|unbolt)", "unlocked")):
    extra = ("lock (up|it up|everything|the car|me in|the vehicle)\n(secure|lock) the (car|vehicle) [from inside]\n~(someone|a stranger|a guy) is coming to the car, lock (up|it)\n~I don't feel safe here\nmake sure nobody can get in" if locked
             else "unlock (everything|the car|it|the vehicle)\nlet (me|us|him|her|them) (out|in) [please]\n~(I|we) want to get out\nmake it possible to open the doors from outside")
    wish("door_set_lock", [("zone", "$zone"), ("locked", locked)], f"""
{verb} the {{whose}} (door|doors)
{verb} the (doors|door locks|central locking)
{verb} all [of] [the] doors
{verb} the doors {{where}}
~(is|are) the {{whose}} door[s] {un}? if not, {verb} (it|them)
{{whose}} door[s] {un} please
~(I|we) (want|need) the {{whose}} door[s] {un}
~(I|we) (want|need) the doors {un} [{{where}}]
(keep|make) the {{whose}} door[s] {un}
{extra}""", 0.9, DOORS, "all")
TRUNK = "(trunk|boot|tailgate|rear hatch|trunk lid|boot lid|luggage compartment|liftgate|hatch)"
wish("trunk_set_open", [("open", True)], f"""
(open|pop|pop open|open up|release) the {TRUNK}
(open|pop) the {TRUNK} for me
{TRUNK} open [please]
~I (want|need) to (get to|reach|load) (my luggage|the luggage|my bags|the groceries|the suitcases|the shopping)
~I need the {TRUNK} open
lift the {TRUNK}
~I want to (put|get) something (in|out of|into) the {TRUNK}
~the {TRUNK} should be open
""", 0.8)
wish("trunk_set_open", [("open", False)], f"""
(close|shut|shut down|slam) the {TRUNK}
(close|shut) the {TRUNK} again
{TRUNK} (closed|shut) [please]
~I'm done (loading|with the trunk|unloading|with the boot)
~the {TRUNK} is still open
lower the {TRUNK}
~I (want|need) the {TRUNK} (closed|shut)
~the {TRUNK} should be (closed|shut)
""", 0.8)

HEAT = "(heating|heater|warmer|heat)"
LEVEL = "(level|stage|setting|step)"


def seat_function(fn, noun, weight, on, off):
    """noun: e.g. 'seat heating' with {whose}; on / off: indirect wishes."""
    for percent, label in ((30, f"low|({LEVEL}|level) (1|one)|the (lowest|first) {LEVEL}|minimum|(1|one)|low {LEVEL}"),
                           (60, f"medium|({LEVEL}|level) (2|two)|the (middle|second) {LEVEL}|mid|(2|two)|medium {LEVEL}"),
                           (100, f"high|({LEVEL}|level) (3|three)|the (highest|third) {LEVEL}|max|maximum|full|(3|three)|full power")):
        wish(fn, [("zone", "$zone"), ("percent", percent)], f"""
(set|put|turn|switch|change) the {noun} [{{where}}] to ({label})
(set|put|turn|switch|change) the {{whose}} {noun} to ({label})
{{whose}} {noun} ({label})
{noun} [{{where}}] (to|on|at) ({label})
(set|put|turn|switch) the {noun} (of|for|in|on) {{seat}} to ({label})
~I (want|need|would like) the {noun} [{{where}}] (on|at) ({label})
~I (want|need|would like) the {{whose}} {noun} (on|at) ({label})
(turn|crank) the {{whose}} {noun} (up|down) to ({label})
run the {noun} of {{seat}} (on|at) ({label})
""", weight * 0.5, SEATS, "driver", {"x": noun, "level": f"({label})"})
    wish(fn, [("zone", "$zone"), ("percent", "$percent")], f"""
(set|put|turn|switch|change) the {noun} [{{where}}] to {{percent}}
(set|put|turn|switch|change) the {{whose}} {noun} to {{percent}}
{{whose}} {noun} {{percent}}
{noun} [{{where}}] (to|on|at) {{percent}}
(set|put|turn|switch) the {noun} (of|for|in|on) {{seat}} to {{percent}}
~I (want|need|would like) the {noun} [{{where}}] (on|at) {{percent}}
~I (want|need|would like) the {{whose}} {noun} (on|at) {{percent}}
(turn|crank) the {{whose}} {noun} (up|down) to {{percent}}
run the {noun} of {{seat}} (on|at) {{percent}}
""", weight, SEATS, "driver", {"x": noun})
    wish(fn, [("zone", "$zone"), ("percent", 60)], f"""
(turn|switch) on the {noun} [{{where}}]
(turn|switch) the {noun} on [{{where}}]
(turn|switch|put) on the {{whose}} {noun}
{{whose}} {noun} on
{noun} on [{{where}}] [please]
(activate|start|enable) the {noun} (of|for|in|on) {{seat}}
(activate|start|enable) the {noun} [{{where}}]
~(I|we) (want|need|would like) [some|the] {noun} [{{where}}]
{on}""", weight, SEATS, "driver", {"x": noun})
    wish(fn, [("zone", "$zone"), ("percent", 0)], f"""
(turn|switch|shut) off the {noun} [{{where}}]
(turn|switch|shut) the {noun} off [{{where}}]
(turn|switch|shut) off the {{whose}} {noun}
{{whose}} {noun} off
{noun} off [{{where}}] [please]
(deactivate|stop|disable|kill) the {noun} (of|for|in|on) {{seat}}
(deactivate|stop|disable|cancel) the {noun} [{{where}}]
~(I|we) don't (want|need) the {noun} [{{where}}] [any more|anymore]
no [more] {noun} [{{where}}] please
{off}""", weight * 0.7, SEATS, "driver", {"x": noun})

seat_function("seat_set_heating", f"(seat {HEAT}|heated seat|seat heating|seat heater)", 1.2, """
(heat|warm) [up] {seat}
~{seat} is [too|so|really|ice|a bit] (cold|freezing|icy|chilly)
~my (butt|bum|backside|back|behind) is (cold|freezing|ice cold)
(make|get) {seat} (warm|nice and warm|hot|warmer)
~(I|we) (want|need|would like) {seat} (heated|warm|warmed up)
~I'm sitting on (ice|a block of ice)
""", """
stop (heating|warming) {seat}
~{seat} is [too|so|really|a bit] (hot|warm)
~my (butt|bum|backside|back|behind) is (burning|too hot|on fire|getting too hot)
~(I|we) don't (want|need) {seat} (heated|warm) any more
don't heat {seat} any more
""")
seat_function("seat_set_cooling", "(seat (cooling|ventilation|cooler|fan|venting)|ventilated seat|cooled seat|seat cooling|seat ventilation)", 1.0, """
(cool|ventilate|air) {seat}
cool down {seat}
~my (back|shirt|backside|butt) is (sweaty|sweating|soaked|wet with sweat|sticking to the seat)
~(I|we) (want|need|would like) {seat} (cooled|ventilated|cool)
(make|get) {seat} (cool|cooler|nice and cool)
""", """
stop (cooling|ventilating) {seat}
~my (back|backside|butt) is getting (cold|too cold) from the (ventilation|seat fan|cooling)
~(I|we) don't (want|need) {seat} (cooled|ventilated) any more
don't (cool|ventilate) {seat} any more
""")
seat_function("seat_set_massage", "(massage|seat massage|back massage|massage function|massage program)", 1.0, """
massage (me|my back)
massage {seat}
~my (back|neck|spine|shoulders) (hurts|aches|is killing me|hurt|ache|is stiff|is sore)
~I (want|need|would like|could use) a [nice|good|little] massage [{where}]
~{who} (want|wants|need|needs|would like) a massage
give (me|us|them) a [nice|back|good] massage [{where}]
start massaging [{where}]
""", """
stop massaging [me|my back|us]
~that's enough massage [{where}]
~enough with the massage [{where}]
~the massage [{where}] (hurts|is annoying|is too much)
end the massage [{where}]
""")
for direction, x, words_ in (("up", "(up|higher|more|hotter|warmer|stronger)", "(raise|increase|turn up|boost)"), ("down", "(down|lower|less hot|weaker)", "(lower|decrease|reduce|turn down)")):
    wish("seat_adjust_heating", [("zone", "$zone"), ("direction", direction)], f"""
{words_} the seat (heating|heater|heat|warmer) [a bit|a little|a notch|one level] [{{where}}]
{words_} the {{whose}} seat (heating|heater|heat) [a bit|a little|a notch|one level]
(turn|put|set) the seat (heating|heater) {'up|higher' if direction == 'up' else 'down|lower'} [a bit|a little|a notch|one level] [{{where}}]
(turn|put|set) the {{whose}} seat (heating|heater) {'(up|higher)' if direction == 'up' else '(down|lower)'} [a bit|a little|a notch|one level]
~the seat (heating|heater) [{{where}}] is {'not (strong|hot|warm) enough|too (weak|low)' if direction == 'up' else 'too (strong|high|intense|hot)'}
{'more' if direction == 'up' else 'less'} seat (heating|heat) [{{where}}] [please]
make the {{whose}} seat heating [a bit|a little] {'(stronger|hotter|warmer)' if direction == 'up' else '(weaker|cooler|less hot)'}
~I (want|need|would like) [a bit|a little] {'more' if direction == 'up' else 'less'} seat (heating|heat) [{{where}}]
""".replace("up|higher [", "(up|higher) [").replace("down|lower [", "(down|lower) [").replace("is not (strong|hot|warm) enough|too (weak|low)", "is (not (strong|hot|warm) enough|too (weak|low))"), 0.6, SEATS, "driver")

for direction, move, close in (("forward", "(forward|forwards|closer to the (front|wheel|steering wheel)|to the front|ahead|closer)", "~I can't reach the (pedals|brake|clutch)|~my (feet|legs) don't reach the pedals|~the (person|passenger|kid) behind me (needs|has no) (more legroom|more room|legroom|space)|~I'm (sitting|too) (too far back|far back)"),
                               ("backward", "(back|backward|backwards|to the back|further back|away from the (wheel|steering wheel|front))", "~I (need|want) more (legroom|leg room|room for my legs|space for my legs)|~my knees (touch|hit) the (dashboard|wheel|steering wheel)|~I'm (sitting|too) (too close to the wheel|close to the steering wheel)|~my legs are (cramped|squeezed)"),
                               ("up", "(up|higher|upwards)", "~I can't see over the (dashboard|steering wheel|wheel|hood|bonnet)|~I'm sitting too (low|deep)|~I want to sit [a bit|a little] higher|~I (need|want|would like) to (see|sit) [a bit|a little] higher|I'm too (small|short) to see (anything|the street|over the wheel)|~I'm too short to see the road"),
                               ("down", "(down|lower|downwards)", "~my (head|hair) (touches|hits|is touching) the (roof|ceiling)|~I'm sitting too high|~I want to sit [a bit|a little] lower|~there's (no|not enough|too little) (headroom|head room|space above my head)|~I (bump|hit) my head (on|against) the (roof|ceiling)|~I (need|want) more (headroom|head room)")):
    lift = {"up": "(raise|lift|elevate) {seat} [a bit|a little|slightly]", "down": "(lower|drop|sink) {seat} [a bit|a little|slightly]",
            "forward": "(bring|advance|take) {seat} [a bit|a little|slightly] (forward|to the front|forwards)", "backward": "(bring|take) {seat} [a bit|a little|slightly] (back|backwards|to the back)"}[direction]
    wish("seat_move", [("zone", "$zone"), ("direction", direction)], f"""
(move|slide|push|shift|adjust) {{seat}} [a bit|a little|slightly|a notch] {move}
{{seat}} [a bit|a little|slightly|a notch] {move} [please]
(put|set|get) {{seat}} [a bit|a little|slightly] {move}
~I (want|need|would like) {{seat}} [a bit|a little|slightly] {move}
~{{seat}} should (go|be|move) [a bit|a little|slightly] {move}
{lift}
~can {{seat}} go [a bit|a little|slightly] {move}
""" + "\n".join(choices(close)), 0.7, SEATS, "driver")
for direction, verb, adj in (("backward", "(recline|lean back|tilt back|lay back|lower)", "(further back|backwards|back|flatter|more reclined|reclined)"),
                             ("forward", "(straighten|tilt forward|lean forward|raise)", "(more upright|upright|forward|forwards|straighter|straight|steeper)")):
    extra = ("recline {seat} [a bit|a little|slightly|all the way]\nlean {seat} back [a bit|a little]\n~I want to (lie down|lie back|lean back|take a nap|rest|sleep a bit|relax in my seat)\n~I'm sitting too (upright|straight)\nput {seat} into (a sleeping|a reclined|the lying) position"
             if direction == "backward" else "~I want to sit (up|upright|more upright|straight|straighter)\n~I'm (lying|leaning) too far back\nput {seat} upright\nstraighten [up] {seat}\n~my backrest is too (flat|far back)")
    wish("seat_recline", [("zone", "$zone"), ("direction", direction)], f"""
{verb} the (backrest|seat back|back rest|seatback) [of {{seat}}] [a bit|a little|slightly]
(move|put|set|tilt) the (backrest|seat back|seatback) [of {{seat}}] [a bit|a little|slightly] {adj}
the (backrest|seat back) [of {{seat}}] [a bit|a little] {adj} please
the {{whose}} (backrest|seat back) [a bit|a little] {adj}
~I (want|need|would like) the (backrest|seat back) [of {{seat}}] {adj}
{extra}""", 0.8, SEATS, "driver")
for direction, verb, adj in (("more", "(increase|raise|strengthen|add|turn up)", "(more|stronger|firmer|harder)"), ("less", "(decrease|reduce|lower|weaken|turn down)", "(less|weaker|softer|gentler)")):
    wish("seat_set_lumbar", [("zone", "$zone"), ("direction", direction)], f"""
{verb} the lumbar [support] [a bit|a little|slightly] [{{where}}]
{verb} the {{whose}} lumbar support
{verb} the lumbar support (of|in|on) {{seat}}
{adj} lumbar support [{{where}}] [please]
make the lumbar support [{{where}}] [a bit|a little] {adj.replace('more|', '').replace('less|', '')}
~I (want|need|would like) {adj} (lumbar|lower back) support [{{where}}]
{'~my lower back needs [some|more] support' if direction == 'more' else '~the lumbar support [{where}] is [way|far] too (hard|strong|much|firm)'}
{'(support|push) my lower back [more]' if direction == 'more' else '~something is pushing [too hard] (into|against) my lower back'}
""", 0.6, SEATS, "driver")
for direction, verb, adj in (("up", "(raise|lift|move up|push up)", "(up|higher)"), ("down", "(lower|drop|move down|push down)", "(down|lower)")):
    wish("seat_set_headrest", [("zone", "$zone"), ("direction", direction)], f"""
{verb} the (headrest|head rest|head restraint) [a bit|a little|slightly] [{{where}}]
{verb} the {{whose}} (headrest|head rest|head restraint) [a bit|a little]
(move|put|set|push) the (headrest|head rest|head restraint) (of|on) {{seat}} [a bit|a little] {adj}
(headrest|head restraint) [{{where}}] [a bit|a little] {adj} [please]
~the (headrest|head restraint) [{{where}}] is too {'(low|deep|far down)' if direction == 'up' else '(high|far up)'}
~I (want|need|would like) the (headrest|head rest|head restraint) [{{where}}] [a bit|a little] {adj}
the {{whose}} (headrest|head rest) {adj}
""", 0.5, SEATS, "driver")

AMBIENT = "(ambient light|ambient lights|ambient lighting|mood light|mood lighting|mood lights|interior mood light)"
wish("light_set_color", [("color", "$color")], f"""
(set|change|turn|switch|make) the {AMBIENT} [color] [to] {{color}}
make the {AMBIENT} {{color}}
{{color}} {AMBIENT} [please]
~(I|we) (want|would like|prefer|'d like) [a] {{color}} {AMBIENT}
~(I|we) (want|would like|prefer|'d like) the {AMBIENT} [to be|in] {{color}}
~the {AMBIENT} should be {{color}}
(give|show) (me|us) [a] {{color}} {AMBIENT}
(color|paint|light up|bathe) the (cabin|interior|car) [in] {{color}}
(change|set|switch) the color of the {AMBIENT} to {{color}}
(use|pick|choose|take) {{color}} for the {AMBIENT}
{AMBIENT} [to|in] {{color}}
""", 1.6)
wish("light_set_intensity", [("percent", "$percent")], f"""
(set|put|turn|change|dim|adjust|raise|lower) the {AMBIENT} to {{percent}}
(set|put|change|adjust) the (brightness|intensity) of the {AMBIENT} to {{percent}}
(set|put|change|adjust) the {AMBIENT} (brightness|intensity) to {{percent}}
{AMBIENT} [brightness|intensity] [to|at] {{percent}}
~I (want|would like) the {AMBIENT} at {{percent}}
~the {AMBIENT} should be at {{percent}}
(brighten|dim|turn up|turn down) the {AMBIENT} to {{percent}}
{{percent}} (brightness|intensity) for the {AMBIENT}
""", 1)
LAMPS = "(headlights|headlamps|head lights|lights|exterior lights|outside lights|driving lights|car lights)"
wish("light_set_headlights", [("mode", "$headlights")], f"""
(set|switch|turn|change|put) the {LAMPS} to {{headlights}}
(use|take) {{headlights}} for the {LAMPS}
{LAMPS} (to|on) {{headlights}} [please]
~I (want|need|would like) the {LAMPS} (on|in|set to) {{headlights}} [mode]
~the {LAMPS} should be (on|in|set to) {{headlights}}
(set|switch|change) the light switch to {{headlights}}
light switch [to] {{headlights}}
(choose|select|pick) {{headlights}} for the {LAMPS}
""", 1.2)
wish("light_set_headlights", [("mode", "off")], """
(turn|switch|shut) off the (headlights|headlamps|head lights|exterior lights|outside lights|driving lights)
(turn|switch) the (headlights|headlamps|head lights|exterior lights|outside lights|driving lights) off
(headlights|headlamps|outside lights) off [please]
(kill|deactivate|disable) the (headlights|headlamps|exterior lights)
~I don't need the (headlights|headlamps|outside lights) any more
no (headlights|headlamps) please
""", 0.6)
wish("light_set_headlights", [("mode", "beam")], """
(turn|switch) on the (headlights|headlamps|head lights|exterior lights|outside lights|low beam|low beams|dipped beam)
(turn|switch) the (headlights|headlamps|head lights|low beam|outside lights|dipped beam) on
(headlights|headlamps|low beam|outside lights) on [please]
(activate|enable) the (headlights|headlamps|low beam|dipped beam)
~(I|we) need (the headlights|headlights|low beam)
~it's getting dark outside
~we're driving into a tunnel
""", 0.7)
wish("light_set_headlights", [("mode", "auto")], """
let the (headlights|headlamps|lights|car lights) (switch|turn on) (automatically|by themselves)
automatic (headlights|headlamps|lights|driving lights) [please|on]
(control|manage) the (headlights|headlamps|outside lights) automatically
~the car should (control|handle) the (headlights|headlamps) itself
auto (headlights|lights|headlamps)
""", 0.5)

for window, x in (("front", "(wipers|windshield wipers|windscreen wipers|wiper|front wipers|front wiper|wipers in front)"), ("rear", "(rear wiper|back wiper|rear window wiper|back window wiper|wiper in the (back|rear)|rear wipers)")):
    glass = {"front": "(windshield|windscreen|front window)", "rear": "(rear window|back window|rear screen)"}[window]
    wish("wiper_set_mode", [("window", window), ("mode", "$wiping")], f"""
(set|put|turn|switch|change) the {x} to {{wiping}}
{x} (to|on) {{wiping}} [please]
{x} {{wiping}}
(run|use|let) the {x} (on|at|in) {{wiping}}
~I (want|need|would like) the {x} (on|in|at) {{wiping}}
~the {x} should (be|run) (on|at) {{wiping}}
(turn|switch) on the {x} (on|at|in) {{wiping}}
(select|choose|pick) {{wiping}} for the {x}
""", 1.2 if window == "front" else 0.8, names={"x": x, "glass": glass})
    wish("wiper_set_mode", [("window", window), ("mode", "off")], f"""
(turn|switch|shut) off the {x}
(turn|switch|shut) the {x} off
{x} off [please]
(stop|kill|disable|deactivate) the {x}
stop wiping {'[the ' if window == 'front' else 'the '}{glass}{']' if window == 'front' else ''}
~I don't need the {x} any more
no more wiping [of] the {glass}
{'~(it stopped raining|the rain has stopped|the rain is over|it is no longer raining)' if window == 'front' else '~the rear window is dry [again]'}
""", 0.7, names={"x": x, "glass": glass})
    wish("wiper_set_mode", [("window", window), ("mode", "medium")], f"""
(turn|switch) on the {x}
(turn|switch|put) the {x} on
{x} on [please]
(start|activate|enable) the {x}
(wipe|dry) the {glass}
~the {glass} is [all|so] wet
~I (want|need) the {x} [on]
{'~it (is raining|started to rain|started raining|has started to rain)' if window == 'front' else '~there is (water|rain) on the rear window'}
""", 0.7, names={"x": x, "glass": glass})
wish("wiper_set_mode", [("window", "front"), ("mode", "fast")], """
(wipe|wiper) faster
~it's (pouring|raining heavily|raining hard|raining cats and dogs|bucketing down|raining like crazy)
~the rain is (getting heavier|really heavy|so heavy)
(speed up|faster) [with] the wipers
make the wipers (faster|go faster|quicker)
~the wipers (should|must|need to) [go|wipe|be] (faster|quicker)
~the wipers are (not fast enough|not quick enough|going too slow)
~it's (raining|pouring) (so hard|buckets|really hard|like mad)
wipe (faster|quicker|more often) [please]
(more speed|full speed) on the wipers
~the wipers are too slow
""", 0.5)
wish("wiper_set_mode", [("window", "front"), ("mode", "slow")], """
wipe (slower|more slowly)
~it's (drizzling|raining lightly|raining a bit|only raining a little|spitting)
~the rain is (getting lighter|easing off|very light|letting up)
slow down the wipers
make the wipers (slower|go slower)
~the wipers (should|can|may) [go|wipe|be] slower
~the wipers are (going too fast|too quick|way too fast)
~the rain (is only light|is light|got lighter)
wipe (slower|less often) [please]
less speed on the wipers
~the wipers are too fast
""", 0.5)

for folded, verb, adj in ((True, "(fold|fold in|retract|tuck in|pull in)", "(folded|in|folded in)"), (False, "(unfold|fold out|extend|open)", "(unfolded|out|folded out)")):
    wish("mirror_set_fold", [("folded", folded)], f"""
{verb} the [side|outside|wing|door|exterior] mirrors
(fold|put|move) the [side|outside|wing|door|exterior] mirrors {'in' if folded else '(out|back out)'}
[side|outside|wing|door] mirrors {adj} [please]
~I (want|need) the [side|outside|wing|door] mirrors {adj}
~the [side|outside|wing|door] mirrors should be {adj}
{'~(this|the) (gap|garage|alley|parking space) is (narrow|tight)' if folded else '~the mirrors are still folded'}
{'~it is getting tight for the mirrors' if folded else '~I need to see behind me in the side mirrors'}
""", 0.6)

SCREEN = "(screen|display|touchscreen|touch screen|center screen|monitor|infotainment screen|infotainment display)"
wish("screen_set_brightness", [("percent", "$percent")], f"""
(set|put|turn|change|adjust|dim|raise|lower) the {SCREEN} [brightness] to {{percent}}
(set|put|change|adjust) the brightness [of the {SCREEN}] to {{percent}}
{SCREEN} [brightness] [to|at] {{percent}}
{SCREEN} at {{percent}} [brightness]
~I (want|would like) the {SCREEN} at {{percent}} [brightness]
~the {SCREEN} [brightness] should be [at] {{percent}}
{{percent}} brightness for the {SCREEN}
(brighten|dim|turn up|turn down) the {SCREEN} to {{percent}}
""", 1.2)
wish("screen_adjust_brightness", [("direction", "brighter")], f"""
(make|get) the {SCREEN} [a bit|a little|much] (brighter|lighter|less dark)
(increase|raise|turn up|boost) the [{SCREEN}] brightness [of the {SCREEN}] [a bit|a little]
(turn|crank) up the {SCREEN} [a bit|a little]
brighten [up] the {SCREEN}
(brighter|lighter) {SCREEN} [please]
~the {SCREEN} is [a bit|way|much] too (dark|dim|faint)
~I can (hardly|barely) (see|read) the {SCREEN}
~I can't (see|read) [anything on] the {SCREEN}
~I (want|need|would like) a brighter {SCREEN}
more brightness on the {SCREEN}
""", 0.9)
wish("screen_adjust_brightness", [("direction", "dimmer")], f"""
(make|get) the {SCREEN} [a bit|a little|much] (dimmer|darker|less bright)
(decrease|reduce|lower|turn down) the [{SCREEN}] brightness [of the {SCREEN}] [a bit|a little]
turn down the {SCREEN} [a bit|a little]
(dim|darken) the {SCREEN} [a bit|a little]
(dimmer|darker) {SCREEN} [please]
~the {SCREEN} is [a bit|way|much] too bright
~the {SCREEN} is (blinding|dazzling|glaring at) me
~the {SCREEN} hurts my eyes
~I (want|need|would like) a (dimmer|darker) {SCREEN}
less brightness on the {SCREEN}
""", 0.9)
for mode, x in (("night", "(night|dark)"), ("day", "(day|daytime|light)")):
    wish("screen_set_mode", [("mode", mode)], f"""
(switch|change|set|turn) [the {SCREEN}] to {x} mode
(turn|switch) on {x} mode [on the {SCREEN}]
(activate|enable|use|start) [the] {x} (mode|theme|design|view)
{x} mode [please|on]
~I (want|prefer|would like) [the] {x} (mode|theme|design|colors) [on the {SCREEN}]
(show|use) the {x} (theme|design|colors) on the {SCREEN}
put the {SCREEN} in[to] {x} mode
~the {SCREEN} should be in {x} mode
""", 0.7)
wish("screen_set_font", [("size", "$font")], f"""
(set|change|make|switch) the (font|text|font size|text size|letters|writing) [on the {SCREEN}] [to] {{font}}
(use|show|give me) {{font}} (text|letters|font|fonts|writing) [on the {SCREEN}]
~I (want|need|would like|prefer) {{font}} (text|letters|font|writing) [on the {SCREEN}]
{{font}} (text|font|letters|font size|text size) [please]
~the (text|font|letters) [on the {SCREEN}] should be {{font}}
(change|set) the size of the (text|letters|font) to {{font}}
(text|font) size {{font}}
""", 0.9)
wish("screen_set_font", [("size", "large")], f"""
~the (text|font|writing) [on the {SCREEN}] is too small
~the letters [on the {SCREEN}] are too small [to read]
~I can't read the (small|tiny) (text|letters|print|font|writing) [on the {SCREEN}]
(enlarge|increase) the (text|font|letters|font size|text size|writing)
~I forgot my [reading] glasses and can't read the {SCREEN}
""", 0.5)
wish("screen_set_units", [("quantity", "$units"), ("unit", "$units2")], """
(show|display|give) [me] {quantity} in {units}
(switch|change|set) [the] {quantity} [units|unit] to {units}
(use|take) {units} for {quantity}
~I (want|prefer|would like) {quantity} in {units}
(switch|change|convert) {quantity} from {units_other} to {units}
{quantity} in {units} [please]
~{quantity} should be (shown|displayed|given) in {units}
(switch|change|go) to {units}
use {units} [please]
~I (don't understand|can't read) {units_other}, (use|show) {units}
""", 1.4)
for hours, x in ((12, "(12|twelve)"), (24, "(24|twenty four)")):
    wish("screen_set_clock", [("hours", hours)], f"""
(switch|change|set|put) the (clock|time|time format|time display) to {x} (hour|hours) [format|mode]
(use|show|display) [the] {x} hour (clock|format|time|time format)
(show|display) the time in {x} hour format
{x} hour (clock|format|time) [please]
~I (want|prefer|would like) [the|a] {x} hour (clock|format|time format)
~the clock should (use|show) {x} hours
{'show the time with AM and PM' if hours == 12 else 'show the time without AM and PM'}
{'(use|show) (AM and PM|am pm) [time]' if hours == 12 else '(use|show) (military time|the military clock)'}
""", 0.5)

wish("info_get", [("item", "$info")], """
(what's|what is) (the|our|my) [current] {info}
(tell|give) (me|us) (the|our|my) [current] {info}
(show|read) [me|us] (the|our) [current] {info}
~(I|we) (want|need|would like|'d like) to (know|see) (the|our) [current] {info}
(check|read out|display) (the|our|my) [current] {info}
{info} [please]
~(do you know|can I see|can you check) (the|our|my) [current] {info}
how (about|is) (the|our|my) {info}
~what does the {info} say
~any idea (what|about) the {info} [is]
current {info}
how's the {info} (looking|doing)
""", 2.5)
QUESTIONS = {
    "range": "how far can (I|we) [still] (go|drive|get)\nhow many (kilometers|miles|km) (are|do we have|have we got) left\nwill (we|I) make it [to the next gas station|home|there] with what we have\nhow (much further|much longer|long) can we drive\n~(are|will) we (going to|gonna)? run out of (fuel|battery|gas|power|charge) soon\nhow many (kilometers|miles) can we still go\nhow far will the (battery|tank|fuel) (take|get) us\nhow much range (is left|do we have|have we got) [left]\nwhat distance (is left|can we still cover)\nhow far (until|before) (we need to|I must) (charge|refuel|stop for fuel)\ncan (we|I) [still] make (100|fifty|200|three hundred) (kilometers|miles) [more]",
    "speed": "how fast (am I|are we|is the car) [driving|going|right now]\n~am I (speeding|too fast|driving too fast|going too fast)\nhow quick are we [going]\nhow many (kilometers|miles) (per|an) hour are we doing\nwhat speed (are we|am I) (doing|going|driving)\nat what speed are we (driving|going|moving)\nhow fast is (this|the car) [going] [now|at the moment]\nwhat's our (speed|velocity|pace)\nhow fast are we [going] (at the moment|now|currently)",
    "battery": "how (full|empty) is the battery\nhow much (battery|charge|juice|power) (is left|do we have|do we have left|have we got|remains)\nhow many percent does the battery have\n~is the battery (full|empty|low|charged)\n~do we need to (charge|recharge|plug in) [soon]\nhow (charged|full) is the (car|battery)\nwhat percent[age] is the battery [at]\nhow is the battery (doing|looking)\nhow much is left in the battery\nwhat's the (charge|battery) (at|status|state)",
    "fuel": "how (full|empty) is the (tank|fuel tank|gas tank)\nhow much (fuel|gas|petrol|diesel|gasoline) (is left|do we have|do we have left|have we got|remains|is in the tank)\n~do (we|I) (need|have) to (refuel|fill up|stop for gas|get gas|get petrol|tank up)\n~is the tank (full|empty|low)\nhow many liters are in the tank\nhow is the fuel (doing|looking)\nhow full is the tank [right now]\nwhat's left in the (tank|fuel tank)\nare we (low on|running out of|short of) (fuel|gas|petrol|diesel)",
    "odometer": "how many (kilometers|miles) (has this car|does the car have|has the car) [driven|done|run] [in total|on the clock]\nhow many (kilometers|miles) are on the (clock|odometer)\nhow far has this car (driven|gone) [in total|in its life]\nwhat's on the clock in total\nhow many (kilometers|miles) does this car have [on it]\nwhat's the total (distance|mileage|number of kilometers) [of (this|the) car]\nhow much has this car been driven",
    "trip": "how far (have we|did we|have I) (come|driven|gone|drive|travel|traveled) (today|so far|on this trip|since we started)\nhow (long|far) is this trip [so far]\nhow many (kilometers|miles) (have we done|did we do) (today|on this trip|since the start)\nwhat distance have we covered (today|so far|since the start)\nhow many (kilometers|miles) since (we started|the start|we left)\nhow far have we (driven|traveled|come) (today|so far|already)\nhow much of the trip have we driven so far",
    "outside_temperature": "how (cold|warm|hot) is it (outside|out there|outdoors)\nwhat's the temperature (outside|out there|outdoors)\n~is it (cold|warm|hot|freezing|icy) (outside|out there)\nhow many degrees (is it|are there|does it have) outside\n~do I need a jacket (outside|out there)\n~is it below (zero|freezing) outside\nhow (chilly|freezing|hot) is it (outside|out there)\nwhat does the outside thermometer (say|show)\ntemperature outside please\nis it (really|so) (cold|warm|hot) (outside|out there)",
    "inside_temperature": "how (cold|warm|hot) is it (inside|in here|in the car|in the cabin)\nwhat's the temperature (inside|in here|in the car|in the cabin)\nhow many degrees (is it|are there|do we have) (inside|in here|in the car)\nwhat temperature (do we have|is it) (inside|in here|in the cabin)\nhow (chilly|warm|hot) is it (in the cabin|in this car|inside the car)\ntell me how (warm|cold|hot) it is (in here|inside)\nhow many degrees is it (in the cabin|in this car)\nwhat does the inside thermometer (say|show)",
    "consumption": "how much (fuel|gas|energy|petrol|power) (do we|does the car|are we) (use|consume|using|consuming|need|burn|burning)\nhow (economical|thirsty|efficient) is (the car|my driving) [right now]\nwhat are we (consuming|burning|using) per (100 kilometers|hundred kilometers|mile)\nhow many liters (per 100 kilometers|per hundred) are we using\n~am I driving (economically|efficiently)\nwhat's our (fuel|average) consumption [today|so far]\nhow (economically|efficiently) (am I|are we) driving\nhow much are we (using|consuming|burning) [right now]\nhow much (fuel|energy) does it (use|need|take)",
    "service": "when is the next (service|inspection|maintenance|checkup|oil change) [due]\nwhen (do I|does the car) (have|need) to go to the (garage|workshop|mechanic|service)\n~is (the|a) (service|inspection|maintenance) due [soon]\nhow long until the next (service|inspection)\n~does the car need (service|a service|maintenance)\nhow many (kilometers|miles|days) until the next (service|inspection|maintenance)\nwhen does the car need [its next] (service|inspection|maintenance)\nis it time for (a service|the service|an inspection|maintenance)\nhow soon is the (service|inspection) due",
    "oil": "how much oil (is in the engine|do we have|is left)\n~does the engine (need|have enough) oil\n~is there enough oil [in the engine]\n~do I need to (add|top up|refill) [the] oil\n~is the oil (low|ok|okay|fine|full)\nhow is the oil [level|doing]\ndoes the car need oil\nwhat's the (state|level) of the oil\nis the oil level (okay|ok|too low|fine)",
    "washer_fluid": "how much (washer fluid|wiper water|wiper fluid|screen wash) (is left|do we have)\n~is there enough (washer fluid|wiper water|wiper fluid|screen wash)\n~do I need to (refill|top up|add) [the] (washer fluid|wiper water|wiper fluid|screen wash)\n~is the (washer|wiper|washer fluid) tank (empty|low|full)\ndoes the car need (washer fluid|wiper water|wiper fluid)\nis the (washer fluid|wiper fluid|wiper water) (low|empty|okay)\nhow much (water|fluid) is in the (washer|wiper) tank\ndo we have enough (washer fluid|wiper fluid|screen wash)",
    "coolant_temperature": "how hot is the (engine|coolant|motor|cooling water)\n~is the engine (overheating|too hot|getting hot|running hot|warm)\nhow warm is the (engine|coolant|motor)\n~has the engine warmed up\nwhat's the (engine|coolant|motor) temperature\nis the (coolant|motor) (too hot|overheating|hot)\nwhat temperature (has|is) the (engine|coolant)\nis the engine (okay|too warm|at the right temperature)",
    "charge_time": "how long (does|will) (charging|the charging|it|the battery) take [to charge|until full|to be full|to fully charge]\nwhen (is|will) the (battery|car) [be] (full|fully charged|charged|done charging)\nhow long until the (battery|car) is (full|charged)\nhow (long|much longer) (do we|must we) (have to|) (charge|wait for the battery)\nwhen will (charging|the charging) be (done|finished|complete)\nhow (long|much longer) (do we|must we|do I) [have to] (charge|wait for the charging|wait until it's charged)\nhow much time until (the battery is|it is|we are) (full|charged)\nhow much longer (does|will) the charging take\nhow many minutes until (the battery|the car) is (full|charged)",
    "altitude": "how high (are we|up are we) [above sea level|right now]\nat what (altitude|elevation|height) are we\nhow many meters above (sea level|the sea) are we\n~are we (high up|very high) in the mountains\nwhat's (the|our) (altitude|elevation|height)\nhow high is (this place|it here|this road)\nhow many (meters|feet) (up|high) are we\nhow far above sea level are we",
    "gear": "(which|what) gear (am I|are we|is the car) in\n~am I in (drive|neutral|reverse|park)\nwhat gear is (selected|engaged|it in)\n~is the car in (park|neutral|reverse|drive)\nwhat gear are we in\nwhich gear is (in|it|active|engaged)\nis it in (park|neutral|reverse|drive|first gear)\ntell me the gear (I'm|we're) in",
}
for item, text in QUESTIONS.items():
    wish("info_get", [("item", item)], "\n".join("~" + t.lstrip("~") for t in text.splitlines()), 0.35)
wish("info_get_tire_pressure", [("wheel", "$wheel")], """
(what's|what is) the [tire|tyre|air] pressure (of|in|on) the {wheel} (tire|tyre|wheel)
(check|show|tell me|read) the {wheel} (tire|tyre) [pressure]
~is the {wheel} (tire|tyre) (flat|okay|ok|low|losing air|fine)
~does the {wheel} (tire|tyre) (need|have enough) air
how much (air|pressure) (is in|does) the {wheel} (tire|tyre) [have]
{wheel} (tire|tyre) pressure
~I think the {wheel} (tire|tyre) is (flat|losing air|low|soft)
how is the {wheel} (tire|tyre) (doing|looking)
""", 0.9)
wish("info_get_tire_pressure", [("wheel", "all")], """
(what's|what is|how is) the (tire|tyre) pressure
(check|show|tell me|read) [me] the (tire|tyre) (pressure|pressures)
(check|show) [all] the (tires|tyres|tire pressures)
~(are|do) [all] the (tires|tyres) (okay|ok|fine|have enough air)
how (are|much air is in) the (tires|tyres) [doing]
(tire|tyre) pressure [please]
~do I need to (inflate|pump up|fill|add air to) the (tires|tyres)
~(is|are) [any of] [my|the|our] (tires|tyres) (flat|low)
""", 0.7)
wish("drive_set_mode", [("mode", "$mode")], """
(switch|change|set|go|shift) [the car] [in]to {mode} mode
(set|change|switch) the (driving|drive) mode to {mode}
(activate|enable|use|turn on|select|choose) [the] {mode} [driving|drive] (mode|program)
{mode} mode [on|please]
~I (want|would like|'d like|prefer) to drive (in {mode} mode|in the {mode} mode)
~I (want|need|would like) [the] {mode} mode
drive in {mode} mode
put (it|the car) in[to] {mode} mode
~the car should be in {mode} mode
""", 1.4)
for mode, text in (("sport", "~I want (more power|to drive fast|some fun|to have fun|to go fast|more fun driving)\nmake the car (sportier|more aggressive|more fun)\n~let's (race|have some fun|go fast)\n~give me [some] more (power|punch|speed)\n~I'm in a hurry, (make|let) the car (faster|go faster)\n~I feel (sporty|like racing) [today]\nmake (it|the driving) (sporty|sportier|faster)"),
                   ("economy", "~I want to save (fuel|energy|gas|battery|power|petrol)\ndrive [more] (economically|efficiently)\nsave (fuel|energy|gas|battery|petrol) while driving\n~let's save some (fuel|gas|energy|battery)\n~(we|I) should save (fuel|gas|energy|battery|power)\nuse less (fuel|gas|energy|power|petrol)\nmake the car [more] (economical|efficient)\ndrive (to save|saving) (fuel|energy|gas)"),
                   ("snow", "~(the road is|it's) (covered in snow|snowy|full of snow|icy and snowy)\n~there's (a lot of|so much) snow on the road\n~we're driving (in|through|on) [deep] snow\n~the (road|street) is (white|full of snow|snowed in)\n~it's snowing [heavily|a lot] on the road\n~there's snow (everywhere|ahead|on the street)\nprepare the car for (snow|a snowy road)"),
                   ("rain", "~the road is (wet|slippery from the rain|soaked)\n~we're driving on a wet road\n~there's a lot of water on the road\n~the (road|street) is (so|really|very) wet\nprepare the car for (rain|a wet road)\n~we're driving (through|in) [heavy] rain\n~the wet road is slippery"),
                   ("normal", "(go|switch) back to normal [driving]\ndrive normally [again]\n~no more special driving mode\n~I want to drive normally\n(go back|return) to the (normal|standard|default) (driving|drive) [mode]\n(use|take) the (normal|standard|default) driving again\nback to (normal|standard) driving")):
    wish("drive_set_mode", [("mode", mode)], text, 0.25)
wish("charge_set_limit", [("percent", "$percent")], """
(set|put|change|adjust) the (charge|charging|battery) limit to {percent}
(charge|load|fill) (the battery|the car|it|up) [only] (to|up to|until) {percent}
(stop|end) charging at {percent}
(limit|cap|restrict) [the] (charging|charge|battery) (to|at) {percent}
(charge|charging|battery) limit [to|at] {percent}
~I (want|would like) the battery [to be] charged to {percent}
~the battery should be charged (to|up to) {percent}
~don't charge (beyond|above|more than|over) {percent}
only charge (up to|to) {percent}
""", 1)
wish("charge_set", [("action", "start")], """
(start|begin|resume) [the] charging
(start|begin) charging the (car|battery)
charge the (car|battery) [now]
~I (plugged in|have plugged in|plugged) the (car|cable), (start|begin) charging
(start|turn on|activate) the charger
charging (on|start) [please]
~the battery needs charging now
""", 0.6)
wish("charge_set", [("action", "stop")], """
(stop|end|interrupt|pause|cancel|abort) [the] charging
(stop|quit) charging the (car|battery)
don't charge the (car|battery) any more
~I (want|need) to (unplug|leave|drive off), (stop|end) charging
(stop|turn off|deactivate) the charger
charging (off|stop) [please]
~(that's|that is) enough charge, stop
""", 0.6)

# ------------------------------------------------------------------ refusals
PEOPLE = "mom|dad|my wife|my husband|Anna|Peter|John|Sarah|my boss|the office|grandma|my brother|my sister|Tom|Maria|Alex|my doctor|the school|Lisa|Michael|my mother"
CITIES = "Berlin|Paris|London|Munich|the airport|the train station|home|work|Rome|the nearest gas station|downtown|the city center|Madrid|New York|the hotel|the supermarket|Tokyo|the nearest charging station|a parking garage|the hospital"
THINGS = "pizza|milk|flowers|a burger|coffee|tickets|shoes|a book|a present|groceries|sushi|toilet paper"
MUSIC = "music|a song|some jazz|rock music|the radio|the Beatles|a podcast|Mozart|the next track|my playlist|an audiobook|some techno|Taylor Swift|the news"
wish("refuse", [("reason", "unsupported")], f"""
(play|start|put on|stop|pause) [some] ({MUSIC})
(skip|repeat|pause) (this|the) (song|track|podcast)
turn (up|down) the (volume|music|radio|sound)
~the music is too (loud|quiet)
(set|change) the volume to {{percent}}
(switch|change|tune) to (FM|AM|bluetooth|USB|another station|radio [station] one)
~I (want|would like) to (listen to|hear) ({MUSIC})
(call|phone|ring|dial) ({PEOPLE})
(send|write|text) [a message to] ({PEOPLE})
(read|answer|reply to|check) my (messages|emails|mail|texts|calls)
(hang up|end the call|answer the phone|take the call)
(navigate|drive|take me|bring me|route|guide me) to ({CITIES})
(find|show|search) [me] [the way to|a route to] ({CITIES})
how do I get to ({CITIES})
how long (is it|does it take) to [get to] ({CITIES})
when (will|do) we arrive [in|at] [({CITIES})]
(avoid|bypass) (toll roads|the traffic|highways|the traffic jam)
(what's|what is|how is) the (traffic|weather) [like] [in|on the way to] ({CITIES})
(will it|is it going to) (rain|snow|be sunny) (tomorrow|today|later|tonight|this weekend)
what's the weather [forecast] [for] (tomorrow|today|tonight|this weekend|next week)
""", 2)
wish("refuse", [("reason", "unsupported")], f"""
(order|buy|get) [me|us] ({THINGS})
add ({THINGS}) to (my|the) shopping list
(remind me to|don't let me forget to) (buy ({THINGS})|call ({PEOPLE})|take my pills|water the plants)
(set|start) (a timer|an alarm|a reminder) [for] ({{percent_n}} minutes|tomorrow morning|seven o'clock)
wake me up (at seven|in an hour|tomorrow)
(tell|read) (me|us|the kids) a (joke|story|fairy tale|riddle|poem)
sing (me|us) a song
(who|what) is (the president|the capital of France|the meaning of life|Einstein|the king of Spain|the tallest mountain|the chancellor)
(who|which team) won the (game|match|world cup|election|race)
how (old|tall|rich) (are you|is the president|is Madonna|is the Eiffel tower)
what is {{percent_n}} (plus|times|minus|divided by) {{percent_n}}
translate ("good morning"|hello|thank you|this sentence) (to|into) (French|Spanish|German|Japanese)
(how do you say|what is) (hello|thank you|goodbye) in (French|Spanish|German|Italian)
(how are you|who are you|what's your name|do you love me|are you a robot|are you human|what can you do)
(book|reserve|find) (a table|a hotel|a flight|a room|a ticket) [for tonight|in Rome|for two]
(what time is it|what day is it|what's the date [today]|what's the time in Tokyo)
(turn|switch) (on|off) the (lights at home|oven|coffee machine|TV|television|living room lights|alarm system|garden lights|heating at home|wifi|hotspot)
(open|close) the (garage door|garage|gate|front door at home|fridge|app|browser|youtube)
(drive|park|steer|brake|accelerate|overtake) [for me|by yourself|the car|now|that truck]
(take over|drive home|let the car drive itself|do the driving)
(honk|beep|honk at that guy|sound the horn)
(disable|turn off|deactivate) the (airbags|brakes|ABS|engine|seat belt warning|speed limiter|alarm|traction control|lane assist)
(start|stop|kill) the engine
(set|activate) [the] cruise control [to {{percent}}]
(make|cook|bring) me ({THINGS}|a sandwich|lunch)
(what's|what is) on (TV|my calendar|my schedule|the menu)
~(I'm|we're) (hungry|thirsty|bored|sad|in love|lost|late|tired of this|happy)
~(I love you|thank you|good morning|hello|you are stupid|nice weather|good night|hi there|goodbye)
~(the sky is blue|my cat is called Felix|yesterday was Monday|I like trains|the kids like ice cream|this is a nice car)
(recommend|suggest) [me] (a movie|a restaurant|a good book|a hotel|a recipe)
write (an email|a poem|a letter|some code) [for me|to ({PEOPLE})]
(what's|what is) the (stock price|bitcoin price|score|exchange rate)
(take|make) a (photo|picture|selfie|video|note)
(connect|pair) my (phone|headphones|iphone|watch)
(open|check) (facebook|whatsapp|instagram|twitter|the news)
~I (need|want) a (new car|holiday|beer|doctor|lawyer|raise|girlfriend)
why is the (sky blue|grass green|ocean salty|moon round)
how (many|much) (calories|people live in Berlin|does a house cost|is the fish)
(explain|define) (quantum physics|inflation|love|photosynthesis)
""", 3.5)
wish("refuse", [("reason", "unsupported")], f"""
(do|can) you (like|know|remember|see|hear|understand|love|feel) (me|cats|music|pizza|my name|jokes|football|movies|this song|chinese)
(do you want|would you like) to (dance|play a game|be my friend|come with me)
(let's|can we) (play a game|talk|watch a movie|go shopping|have dinner|stop for lunch)
(google|search [the web] for|look up|find out) (the best restaurants|cheap flights|football results|my horoscope|{THINGS}|a recipe for pasta)
(where|in which street) (is|are) (the nearest toilet|my keys|my phone|my kids|my wife|the nearest restaurant|the next pharmacy|we|the hospital|the parking lot)
where can I (park|eat|buy {THINGS}|charge my phone|find a toilet|get breakfast)
(is|are) (the shop|the museum|the pharmacy|the shops|the restaurant|the bank) [still|already] open [today|now|on sunday]
(pay|paying) (for parking|the bill|the toll|for the fuel)
(how much|what) (is|does|costs|cost) (a tesla|a coffee|a flight to Rome|the toll|parking here|a new tire|gold)
(log in|log out|sign me in|update the software|install an app|reset the system|restart the computer|delete my profile|change my password)
(what|which) (movie|song|artist|station|album|band) is (this|that|playing|on)
who (sings|wrote|plays|made|invented) (this [song]|that|the telephone|Hamlet|this music)
(louder|quieter|mute|unmute) [the] (music|sound|navigation|voice|speaker|radio) [please]
(louder|quieter) please
stop (talking|the music|the navigation|the song|listening|the route guidance)
(shut up|be quiet|stop talking|leave me alone|go away|go to sleep)
(repeat|say) that [again] [please]
what (did you say|do you mean|can I say|is your favorite color|are you doing)
what is the (square root|sum|product|capital|population|price|meaning|distance to the moon|speed of light|temperature of the sun) [of {{percent_n}}|of Spain|of this]
(spell|count|calculate|compute) (encyclopedia|to {{percent_n}}|{{percent_n}} percent of {{percent_n}}|the tip)
(show|give|tell) me (the news|the latest news|my photos|a picture of a cat|the map|football scores|my calendar|the lottery numbers|the stock market|a fun fact|your name)
(tell|ask) ({PEOPLE}) (that I'm late|to call me|I love you|what's for dinner|to wait|if they are home|to pick up the kids)
(text|message|email) ({PEOPLE}) (that I'm on my way|I'll be late|to buy milk|about tomorrow)
(schedule|cancel|move|create|add) (a meeting|my appointment|an event|the dentist appointment|a reminder|lunch with Tom) [tomorrow|on friday|for monday]
when is (my next meeting|my next appointment|christmas|easter|the next train|sunrise|sunset|my birthday|the next bus)
(open|launch|start|close) (spotify|google maps|youtube|the calendar|netflix|android auto|carplay|the settings|the app store|a new tab)
(change|swap|repair|fix|replace|clean|wash) (the tire|the wheel|the engine|the battery|my shirt|the car|the seats|the oil|the windows)
(park|stop|turn left|turn right|go straight|reverse|slow down|speed up|brake|change lanes|go faster|pull over) [here|now|please|ahead]
(switch|change) (lanes|to the left lane|to the next gear|gears|drivers)
(indicate|signal|blink) (left|right)
turn (left|right) (at the next corner|after the bridge|here|now|at the lights)
(feed|walk|call) (the dog|the cat|my goldfish)
(vacuum|lock|heat|light) (the house|my house|the kitchen|my apartment|the bathroom|the garage)
is (the house locked|the oven off|the garage closed|dinner ready|my phone charged|the bluetooth connected|the wifi on)
(my phone|the bluetooth|the wifi|the internet|my laptop) (is not|isn't|is) (working|connected|charged|connecting)
(charge|find|locate|unlock) my (phone|watch|laptop|keys|house|bike)
(in my opinion|I think) (this is great|we should go home|you are funny|the movie was bad|he is wrong|it's monday)
(yesterday|tomorrow|last week|today) (I was at home|we go skiing|I have to work|was a nice day|I met Tom|is my birthday)
(my|his|her) (dog|cat|phone|shoe|hat|sister|boss|car) is (blue|hungry|lost|broken|nice|old|called Max|late|sick)
(blah blah|hmm|uh|okay|yes|no|maybe|what|nothing|never mind|cancel|test test|la la la|well well)
(one two three|abc|hello hello|is anybody there|can you hear me|are you listening)
there is (a bird on the road|a nice view|a spider in the car|somebody at the door|a party tonight|no milk at home)
(how|what) do I (cook|make|fix|bake|draw|learn) (pasta|a cake|a car|soup|spanish|a house|rice|an omelette)
(how|why) (do|does) (planes|birds|a plane|engines|the moon|a magnet|fish) (fly|work|sleep|shine|swim)
(help|emergency|call an ambulance|call the police|call for help|send help|I feel sick|I'm having a heart attack)
(I need|we need|I'm looking for) (a gas station|a parking space|a charging station|a toilet|a restaurant|a hotel|something to eat|a supermarket|a pharmacy)
(which|what) (way|exit|lane|street|road) (should I take|do I take|are we on|is this|is next)
(are we there yet|how long until we are there|what's our ETA|when do we get there|how much longer to the destination)
(cancel|stop|delete|change) the (route|navigation|destination|appointment|order|timer|alarm|meeting)
(add|set) a (stop|stopover|waypoint|destination) [at|in] ({CITIES})
""", 4)
wish("refuse", [("reason", "out_of_range")], """
(set|put|change|turn) the (temperature|temp|heating|climate) [{where}] to {badtemp}
(make|keep) it {badtemp} [{where}]
(set|put|turn) it to {badtemp} [{where}]
~I (want|need|would like) {badtemp} {where}
(heat|cool) (up|down) to {badtemp} [{where}]
~it should be {badtemp} [{where}]
temperature (to|at) {badtemp} [{where}]
(raise|lower) the temperature to {badtemp}
(set|put) the {whose} temperature to {badtemp}
""", 0.7, CLIMATE, "all")
wish("refuse", [("reason", "out_of_range")], f"""
(set|put) the (fan|blower|seat heating|screen brightness|ambient light|massage|charge limit) to {{badpercent}}
open the (window|sunroof|rear shade|driver window) to {{badpercent}}
(charge|charge the battery) to {{badpercent}}
~I want the (fan|blower|brightness|window|seat heating) at {{badpercent}}
(fan|sunroof|seat heating|brightness) {{badpercent}}
turn the (fan|seat heating|screen|massage) up to {{badpercent}}
""", 0.4)

# ------------------------------------------------------------------ wrappers
PLAIN = ["{}"]
WRAP_TRAIN = ["please {}", "{} please", "{}, please", "can you {}", "could you {}", "could you please {}", "can you please {}", "would you {}",
              "hey, {}", "hey car, {}", "ok, {}", "I want you to {}", "I'd like you to {}", "will you {}", "{} now", "{} for me",
              "now {}", "can you {} please", "let's {}", "just {}", "go ahead and {}", "you can {} now", "{} right now", "um, {}", "would you please {}"]
WRAP_HELD = ["would you mind to {}", "{} if you can", "be so kind and {}", "{}, thanks", "I need you to {}", "quickly {}"]
STATE_TRAIN = ["{}", "{}", "{}", "{}", "hey, {}", "oh, {}", "um, {}", "{}, please", "well, {}", "you know, {}", "I think {}", "sorry, {}", "hey car, {}", "{} now"]
STATE_HELD = ["excuse me, {}", "listen, {}", "oh man, {}"]
FIX_TRAIN = ["{a}, no, {b}", "{a}, no, I meant {b}", "{a}, I mean {b}", "{a}, sorry, {b}", "{a}, no wait, {b}", "{a}, actually {b}", "{a}, actually make that {b}",
             "{a}, or rather {b}", "{a} no {b}", "{a} no I meant {b}", "{a}, wait, {b}", "{a}... no, {b}", "{a}, uh, {b} I mean", "{a}, make it {b}", "{a}, not that, {b}",
             "{a}, oh no, {b}", "{a}, sorry I meant {b}", "{a}, correction, {b}", "{a}, better {b}", "{a}, hmm, no, {b}", "{a}, no no, {b}", "{a}, well, {b}"]
FIX_HELD = ["{a}, scratch that, {b}", "{a}, wait no, I meant {b}", "{a}, oops, {b}", "{a}, no sorry, make it {b}"]
AGAIN_TRAIN = ["{a}, no, {b}", "{a}, no wait, {b}", "{a}, forget that, {b}", "{a}, actually no, {b}", "{a}, never mind, {b}", "{a}... no, {b} instead", "{a}, sorry, I meant {b}"]
FOLLOW = ["no, I meant {b}", "no, {b}", "I meant {b}", "sorry, {b}", "actually, {b}", "make that {b}", "no, make it {b}", "not that, {b}", "{b}, I meant", "wait, {b}", "no wait, {b}", "better {b}"]
ALSO = ["and {b} too", "{b} as well", "also {b}", "the same {b}", "and {b}", "{b} too please", "do the same {b}"]

# ------------------------------------------------------------------ rendering


def expand(text, rng):
    """Resolve (a|b) and [a] at random; slots stay."""
    out, i = "", 0
    while i < len(text):
        ch = text[i]
        if ch in "([":
            depth, j = 1, i + 1
            while depth:
                depth += (text[j] in "([") - (text[j] in ")]")
                j += 1
            inner = text[i + 1:j - 1]
            if ch == "(" or rng.random() < 0.5:
                out += expand(rng.choice(list(choices(inner))), rng)
            i = j
        else:
            out += ch
            i += 1
    return out


def pick(text, rng):
    return expand(rng.choice(list(choices(text))), rng)


def number(x):
    return int(x) if x == int(x) else x


def say_number(x, rng):
    if x != int(x):
        whole = int(x)
        return rng.choice([str(x), str(x), f"{whole} and a half", f"{words(whole)} and a half", f"{words(whole)} point five", f"{whole} point 5"])
    return str(int(x)) if rng.random() < 0.65 else words(int(x))


def say_temp(value, unit, rng):
    n = say_number(value, rng)
    if unit == "F":
        return n + rng.choice([" degrees fahrenheit", " fahrenheit", " F", "°F", " degrees", "", " degrees F"])
    return n + rng.choice(["", "", "", " degrees", " degrees", " degrees", " celsius", " degrees celsius", "°", "°C", " C", " degrees C"])


PARTS = {25: ["a quarter", "one quarter"], 50: ["half", "halfway", "half way"], 75: ["three quarters"], 100: [], 0: []}


def say_percent(value, rng, parts=True):
    if parts and value in PARTS and PARTS[value] and rng.random() < 0.4:
        return rng.choice(PARTS[value])
    return say_number(value, rng) + rng.choice([" percent", " percent", " percent", "%", "%", " %", ""])


def draw(w, template, rng):
    """Arguments for one wish, as a dict; '_' keys are not arguments."""
    v = {}
    for name, src in w["args"]:
        if src == "$zone":
            placed = any(s in template for s in ("{where}", "{whose}", "{window}", "{seat}", "{who}"))
            v[name] = rng.choice(w["zones"]) if placed else w["default"]
        elif src == "$temp":
            if rng.random() < 0.2:
                v[name], v["unit"] = rng.randint(60, 85), "F"
            else:
                v[name] = number(rng.choice([rng.randint(16, 28), rng.randint(16, 28), rng.randint(32, 56) / 2]))
                v["unit"] = "C"
        elif src == "$unit":
            pass
        elif src == "$percent":
            low = 5 if w["fn"] in ("light_set_intensity", "window_set_position", "sunroof_set_position", "shade_set_position") else 0
            high = 95 if low and w["fn"] != "light_set_intensity" else 100
            v[name] = rng.choice([rng.randrange(low, high + 1, 5), rng.randrange(10, 91, 10), rng.randint(max(low, 1), high)])
        elif src == "$degrees":
            v[name] = rng.choice([1, 2, 3, 4, 5, 1, 2, 3, 1.5, 2.5, 0.5, 6])
        elif src == "$color":
            v[name] = rng.choice(COLORS)
        elif src == "$units":
            v["quantity"], v["unit"] = rng.choice(list(UNITS))
        elif src == "$units2":
            pass
        elif isinstance(src, str) and src.startswith("$"):
            v[name] = rng.choice(list({"$headlights": [h for h in HEADLIGHTS if h != "off"], "$wiping": WIPING, "$info": INFO, "$mode": MODES, "$font": FONTS, "$wheel": WHEELS}[src]))
        else:
            v[name] = src
    return v


def say(slot, v, rng):
    if slot in ("where", "whose", "window", "seat"):
        zone = v.get("zone") or rng.choice(ZONES)
        return pick(PLACES[zone][slot], rng)
    if slot == "who":
        return pick(WHO[v["zone"]], rng)
    if slot == "temp":
        return say_temp(v["value"], v["unit"], rng)
    if slot == "percent":
        return say_percent(v.get("percent", rng.choice(range(10, 101, 10))), rng, "percent" in v)
    if slot == "percent_n":
        return say_number(rng.randint(2, 99), rng)
    if slot == "degrees":
        n = v["degrees"]
        if n == 0.5:
            return rng.choice(["half a degree", "0.5 degrees"])
        return say_number(n, rng).replace("one", rng.choice(["one", "a"]) if n == 1 else "one") + (" degree" if n == 1 else " degrees")
    if slot == "color":
        return v["color"]
    if slot == "badtemp":
        return (say_number(rng.choice([rng.randint(35, 55), rng.randint(1, 9), rng.randint(90, 100)]), rng)
                + rng.choice(["", " degrees", " degrees celsius", " celsius"])) if rng.random() < 0.8 else rng.choice(["minus ten degrees", "minus five", "200 degrees", "a thousand degrees", "500", "-10 degrees", "150", "minus twenty"])
    if slot == "badpercent":
        return rng.choice(["150", "200", "120", "300", "500", "1000", "110", "two hundred", "a thousand", "130", "180", "250"]) + rng.choice([" percent", "%", " percent", ""])
    if slot == "quantity":
        return pick({"distance": "[the] distances|[the] distance", "temperature": "[the] temperature|[the] temperatures", "pressure": "[the] (tire|tyre) pressure|[the] pressure",
                     "speed": "[the] speed|[my] speed"}[v["quantity"]], rng)
    if slot == "units":
        return pick(UNITS[v["quantity"], v["unit"]], rng)
    if slot == "units_other":
        return pick(UNITS[rng.choice([u for u in UNITS if u[0] == v["quantity"] and u[1] != v["unit"]])], rng)
    table = {"headlights": HEADLIGHTS, "wiping": WIPING, "info": INFO, "mode": MODES, "font": FONTS, "wheel": WHEELS}[slot]
    key = {"headlights": "mode", "wiping": "mode", "info": "item", "mode": "mode", "font": "size", "wheel": "wheel"}[slot]
    return pick(table[v[key]], rng)


def order(w, v):
    """The call with its keys in the order of the schema."""
    names = []
    for name, src in w["args"]:
        names.append("quantity" if src == "$units" else name)
    return {"name": w["fn"], "arguments": {n: v[n] for n in names}}


def text_of(call):
    return json.dumps(call)


# ------------------------------------------------------------------ the split


def _hash(*parts):
    return int.from_bytes(hashlib.sha256(repr((SEED,) + parts).encode()).digest()[:8], "big")


# phrasings.txt came later: its phrasings are split in the same way, apart from the first ones, so that
# what was held out stays held out. wordings.txt came last: it is for training only and changes no
# split; `vet` removed from it what a held-out phrasing can say too.


def key(w, seen):
    """How phrasings.txt calls a wish."""
    name = " ".join([w["fn"]] + [str(v) for _, v in w["args"] if v not in ("$zone", "$unit", "$units2")])
    seen[name] = seen.get(name, 0) + 1
    return name if seen[name] == 1 else f"{name} #{seen[name]}"


def later(path):
    """-> {name of a wish: its phrasings}"""
    result, names = {}, []
    with open(path) as f:
        for line in map(str.strip, f):
            if line.startswith("## "):
                names = [n.strip() for n in line[3:].split(";")]
            elif line and not line.startswith("#"):
                for name in names:
                    result.setdefault(name, []).append(line)
    return result


def divide(fn, templates):
    """-> held out, trained: one in six, at least one."""
    order_ = sorted(templates, key=lambda t: _hash("template", fn, t))
    n = max(1, round(len(order_) / 6))
    return order_[:n], order_[n:]


def own(w, name, later_):
    """The phrasings of one wish, its nouns filled in."""
    lines = list(later_.get(name, ()))
    if "x" in w["names"] and isinstance(w["args"][-1][1], bool):
        lines += later_["on" if w["args"][-1][1] else "off"]
    names = dict(globals(), **w["names"])
    return list(dict.fromkeys(re.sub(r"<(\w+)>", lambda m: names[m[1]], t).replace("{{", "{").replace("}}", "}") for t in lines))


def split(wishes, path, training_only):
    later_, wordings, seen = later(path), later(training_only), {}
    for w in wishes:
        name = key(w, seen)
        held, _ = divide(w["fn"], w["templates"])
        more = own(w, name, later_)
        forced = [t[1:] for t in more if t.startswith("!")]
        free = [t for t in more if not t.startswith("!") and t not in w["templates"]]
        held_later = divide(w["fn"], free)[0] if free else []
        w["held"] = [t for t in w["templates"] if t in held] + forced + [t for t in free if t in held_later]
        w["seen"] = [t for t in w["templates"] if t not in held] + [t for t in free if t not in held_later]
        w["more"] = [t for t in own(w, name, wordings) if t not in w["held"] and t not in w["seen"]]
    for file, found in ((path, later_), (training_only, wordings)):
        strange = set(found) - set(seen_names(seen)) - {"on", "off"}
        if strange:
            raise SystemExit(f"{file}: no such wish: {sorted(strange)}")


def seen_names(seen):
    return [name if k == 1 else f"{name} #{k}" for name, n in seen.items() for k in range(1, n + 1)]


HERE = os.path.dirname(os.path.abspath(__file__))
WORDINGS = os.path.join(HERE, "wordings.txt")
split(WISHES, os.path.join(HERE, "phrasings.txt"), WORDINGS)


def combination(w, v):
    """The value combination of a call that can be held out, or None."""
    number_ = [v[n] for n, src in w["args"] if src in ("$temp", "$percent", "$degrees", "$color")]
    return (w["fn"], v.get("zone"), number_[0]) if number_ else None


def held_combination(w, v):
    c = combination(w, v)
    return c is not None and _hash("combination", c) % 8 == 0


# ------------------------------------------------------------------ noise
NEAR = {"a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk", "k": "jl", "l": "k", "m": "n",
        "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x"}


def typo(text, rng):
    spots = [m for m in re.finditer(r"[a-zA-Z]{4,}", text)]
    if not spots:
        return text
    m = rng.choice(spots)
    i = rng.randrange(m.start() + 1, m.end() - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return text[:i] + text[i + 1] + text[i] + text[i + 2:]
    if kind == 1:
        return text[:i] + text[i + 1:]
    if kind == 2:
        return text[:i] + text[i] + text[i:]
    return text[:i] + rng.choice(NEAR.get(text[i].lower(), text[i])) + text[i + 1:]


def finish(text, rng, noise=True):
    text = re.sub(r"\s+", " ", text).strip()
    text = text.replace("the my ", "my ").replace("the the ", "the ").replace("the his ", "his ").replace("I 'd", "I'd").replace("we 'd", "we'd").replace("(", "").replace(")", "")
    if rng.random() < 0.3:
        text = text[:1].upper() + text[1:]
    if rng.random() < 0.25:
        question = re.match(r"(hey, )?(can|could|would|will|what|how|is|are|do|does|when|which|why|am)\b", text, re.I)
        text = text.rstrip(".!?") + ("?" if question else rng.choice([".", ".", "!"]))
    elif rng.random() < 0.7:
        text = text.rstrip(".!?")
    if noise:
        if rng.random() < 0.15:
            text = text.replace("'", "")
        if rng.random() < 0.12:
            text = text.lower()
        if rng.random() < 0.13:
            text = typo(text, rng)
            if rng.random() < 0.25:
                text = typo(text, rng)
    return text


# ------------------------------------------------------------------ other words
# For training only: words that may be missing, be said on top or stand for each other.
DROPPED = "the a an of is are to at some be that it's there's please".split()
ADDED = ("just|really|maybe|actually|again|kind of|like|somehow|for once|at last|right away|straight away|immediately|quick|finally|once more|for now|at the moment|"
         "for a while|today|by the way|so|then|also|simply").split("|")
ALIKE = [group.split("|") for group in (
    "turn|switch|put|flip|click|set", "increase|raise|boost|bump up|step up|lift|push up", "reduce|decrease|lower|bring down|cut|drop|push down", "make|get|have|render",
    "want|need|would like|wish for|prefer|require|fancy|could do with", "activate|enable|start|launch|engage|run|initiate|trigger", "deactivate|disable|stop|end|kill|shut off|terminate|finish",
    "show|display|tell|give|report|present", "a bit|a little|slightly|a touch|a tad|somewhat|a notch|a little bit|just a bit", "really|very|so|super|terribly|extremely|awfully|incredibly",
    "freezing|chilly|frosty|cold|icy|frigid", "boiling|roasting|sweltering|hot|scorching", "close|shut|seal", "open|pop open|undo|open up", "completely|fully|all the way|entirely|totally|wholly",
    "can't|cannot|can hardly|am unable to", "kids|children|little ones|youngsters|kiddies", "car|vehicle|cabin|interior", "set|adjust|change|regulate|bring|move|take|tune", "light|lamp|lights|lighting",
    "should be|must be|ought to be|has to be|needs to be|is supposed to be", "stop|quit|cease|end", "any more|anymore|any longer|now", "how much|what amount of", "how many|what number of",
    "what is|what's|tell me|how is", "I want|I'd like|I need|give me|let me have|I wish|get me", "we want|we need|we'd like|give us|let us have", "too|way too|far too|much too|a bit too|rather too|overly")]
_ALIKE = re.compile(r"\b(" + "|".join(sorted({re.escape(t) for group in ALIKE for t in group if t not in ("lower", "lift", "set", "drop", "cut", "lights", "now", "so", "hot", "cold", "have", "stop")},
                                           key=len, reverse=True)) + r")\b")


def reword(template, rng):
    """A phrasing in slightly other words; the slots stay as they are."""
    if rng.random() < 0.45:
        spots = list(_ALIKE.finditer(template))
        if spots:
            m = rng.choice(spots)
            group = rng.choice([g for g in ALIKE if m[1] in g])
            template = template[:m.start()] + rng.choice(group) + template[m.end():]
    if rng.random() < 0.2:
        spots = [m for m in re.finditer(r"[^\s{}]+", template) if m[0] in DROPPED]
        if spots:
            m = rng.choice(spots)
            template = template[:m.start()] + template[m.end():]
    if rng.random() < 0.2:
        spots = [m.start() for m in re.finditer(r" |$", template)]
        at = rng.choice(spots)
        template = template[:at] + " " + rng.choice(ADDED) + template[at:]
    return template


_HELD = {}


def held_says(fn, core):
    """Can a held-out phrasing of this function say it?"""
    if fn not in _HELD:
        _HELD[fn] = [re.compile(pattern(t)) for w in WISHES if w["fn"] == fn for t in w["held"]]
    text = squash(core)
    return any(p.fullmatch(text) for p in _HELD[fn])


# ------------------------------------------------------------------ sampling
_WEIGHTS = [w["weight"] for w in WISHES]
SHARE = 0.5   # of the training samples whose phrasing is one of wordings.txt
SIMPLE = 0    # of the training samples whose phrasing is one of the first three of its wish: the plainest
FIXABLE = {"temp": "value", "percent": "percent", "where": "zone", "whose": "zone", "window": "zone", "seat": "zone", "color": "color", "mode": "mode", "degrees": "degrees",
           "headlights": "mode", "wiping": "mode", "info": "item", "font": "size", "wheel": "wheel"}
SLOT = re.compile(r"\{(\w+)\}")


def fill(template, v, rng, wrong=None):
    """Fill the slots; `wrong` = (slot, other values) renders that slot from other values."""
    return SLOT.sub(lambda m: say(m[1], wrong[1] if wrong and m[1] == wrong[0] else v, rng), template)


def wrap(text, statement, held, rng):
    if statement:
        return rng.choice(STATE_HELD if held and rng.random() < 0.3 else STATE_TRAIN).format(text)
    if rng.random() < 0.5:
        return text
    return rng.choice(WRAP_HELD if held and rng.random() < 0.3 else WRAP_TRAIN).format(text)


def one(rng, split, wishes=None):
    """-> wish, values, template (expanded, slots open), statement?"""
    new_phrasing, new_values = split in ("phrasing", "both"), split in ("values", "both")
    while True:
        w = rng.choices(WISHES, _WEIGHTS)[0]
        more = split == "train" and w["more"] and rng.random() < SHARE
        template = rng.choice(w["more" if more else "held" if new_phrasing else "seen"])
        if SIMPLE and split == "train" and rng.random() < SIMPLE:
            more, template = False, rng.choice(w["seen"][:3])
        statement = template.startswith("~")
        template = expand(template.lstrip("~"), rng)
        v = draw(w, template, rng)
        if "{who}" in template and v["zone"] not in WHO:
            continue
        if more and "{who}" in template and v["zone"] == "all" and w["default"] != "all":
            continue   # "I" is not everybody here
        if held_combination(w, v) != new_values:
            continue
        return w, v, template, statement


def sample(rng, split="train", noise=True, rewording=0.0):
    """-> (text, call)"""
    return sample_core(rng, split, noise, rewording)[:2]


def sample_core(rng, split, noise=True, rewording=0.0):
    """-> text, call, the phrasing alone: filled, without wrapper, correction and noise"""
    held = split in ("phrasing", "both")
    w, v, template, statement = one(rng, split)
    if rewording and rng.random() < rewording:
        other = reword(template, rng)
        if not held_says(w["fn"], fill(other, v, rng)):
            template = other
    call = order(w, v)
    slots = [s for s in SLOT.findall(template) if s in FIXABLE and FIXABLE[s] in v] if w["fn"] != "refuse" else []
    roll = rng.random()
    if roll < 0.09 and slots:
        slot = rng.choice(slots)
        for _ in range(20):
            other = draw(w, template, rng)
            if other[FIXABLE[slot]] != v[FIXABLE[slot]] and not (slot == "temp" and other["unit"] != v["unit"]):
                core = fill(template, v, rng, (slot, other))
                a = wrap(core, statement, held, rng)
                right = say(slot, v, rng)
                if slot == "whose":
                    right = rng.choice(["the {} one", "{}", "the {}"]).format(right)
                if slot == "window":
                    right = re.sub(r" windows?$", rng.choice(["", " one" if "windows" not in right else " ones", ""]), right) if rng.random() < 0.4 else right
                if slot == "temp" and rng.random() < 0.5 and v["unit"] == "C":
                    right = say_number(v["value"], rng)
                fix = rng.choice(FIX_HELD if held and rng.random() < 0.4 else FIX_TRAIN)
                return finish(fix.format(a=re.sub(r",? please$", "", a), b=right), rng, noise), call, core
    core = fill(template, v, rng)
    text = wrap(core, statement, held, rng)
    if roll > 0.985:  # a whole other wish first, taken back
        w0, v0, t0, _ = one(rng, "train" if split == "train" else "known")
        text = rng.choice(AGAIN_TRAIN).format(a=fill(t0, v0, rng), b=text)
    return finish(text, rng, noise), call, core


def dialogue(rng):
    """Two turns for training: an independent second wish, or a correction / extension of the first."""
    text, call = sample(rng)
    if rng.random() < 0.4:
        return [(text, call), sample(rng)]
    for _ in range(50):
        w, v, template, statement = one(rng, "train")
        slots = [s for s in SLOT.findall(template) if s in FIXABLE and FIXABLE[s] in v]
        if w["fn"] == "refuse" or not slots:
            continue
        slot = rng.choice(slots)
        other = draw(w, template, rng)
        fixed = dict(v, **{FIXABLE[slot]: other[FIXABLE[slot]]})
        if slot == "temp":
            fixed["unit"] = other["unit"]
        if fixed == v or held_combination(w, fixed):
            continue
        b = say(slot, fixed, rng)
        if slot == "whose":
            b = f"the {b} one"
        pattern = rng.choice(ALSO) if slot in ("where", "seat", "window") and rng.random() < 0.4 else rng.choice(FOLLOW)
        first = finish(wrap(fill(template, v, rng), statement, False, rng), rng)
        return [(first, order(w, v)), (finish(pattern.format(b=b), rng), order(w, fixed))]
    return [(text, call), sample(rng)]


# ------------------------------------------------------------------ what a phrasing can say
def squash(text):
    """Letters and digits only, and no article before a possessive: what two spellings have in common."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"\bthe\s+(?=the\b|my\b|his\b)", "", text.lower()))


SAID = ("(?:[0-9]+|" + "|".join(sorted(set(ONES + TENS[2:] + "a hundred thousand half way and point percent quarter quarters degree degrees "
        "celsius fahrenheit minus one zero f c".split()), key=len, reverse=True)) + ")+")


def pattern(template):
    """A regular expression for every squashed sentence that the phrasing can make (and for some that it cannot)."""
    def one_of(texts):
        return "(?:" + "|".join(dict.fromkeys(of(t) for t in texts)) + ")"

    def of(text):
        out, i = "", 0
        while i < len(text):
            ch = text[i]
            if ch in "([":
                depth, j = 1, i + 1
                while depth:
                    depth += (text[j] in "([") - (text[j] in ")]")
                    j += 1
                out = re.sub("the$", "(?:the)?", out) + one_of(choices(text[i + 1:j - 1])) + ("?" if ch == "[" else "")
                i = j
            elif ch == "{":
                j = text.index("}", i)
                out = re.sub("the$", "(?:the)?", out) + slot(text[i + 1:j])
                i = j + 1
            else:
                out += squash(ch)
                i += 1
        return out if "|" not in out or out.startswith("(?:") else f"(?:{out})"

    def slot(name):
        if name in SLOTS:
            return SLOTS[name]
        if name in ("where", "whose", "window", "seat"):
            made = one_of(t for p in PLACES.values() for t in choices(p[name]))
        elif name == "who":
            made = one_of(t for w in WHO.values() for t in choices(w))
        elif name == "color":
            made = one_of(COLORS)
        elif name == "quantity":
            made = "(?:the|my)?(?:distances?|temperatures?|(?:tire|tyre)?pressure|speed)"
        elif name in ("units", "units_other"):
            made = one_of(t for u in UNITS.values() for t in choices(u))
        elif name in ("headlights", "wiping", "info", "mode", "font", "wheel"):
            table = {"headlights": HEADLIGHTS, "wiping": WIPING, "info": INFO, "mode": MODES, "font": FONTS, "wheel": WHEELS}[name]
            made = one_of(t for u in table.values() for t in choices(u))
        else:
            made = SAID
        SLOTS[name] = made
        return made

    return of(template.lstrip("~!"))


SLOTS = {}


class Said:
    """Can one of these phrasings say this sentence, alone or in a wrapper of the training?"""

    def __init__(self, templates):
        self.patterns = {}
        for t in templates:
            self.patterns.setdefault(re.compile(pattern(t)), t)
        self.wrappers = list(dict.fromkeys(tuple(map(squash, w.split("{}"))) for w in WRAP_TRAIN + STATE_TRAIN))

    def cores(self, text):
        """The squashed sentence without each wrapper that it may have."""
        whole = squash(text)
        return {whole[len(a):len(whole) - len(b)] for a, b in self.wrappers if whole.startswith(a) and whole.endswith(b)}

    def by(self, text):
        """-> the first such phrasing, or None"""
        cores = self.cores(text)
        for p, t in self.patterns.items():
            if any(map(p.fullmatch, cores)):
                return t
        return None


def heldout(per_split=(500, 900, 400), seed=SEED + 1, cores=None):
    """The held-out set: [{text, call, split}], without repeats, without any of 100,000 training sentences, and
    in the splits of new phrasings without any that a training phrasing can say too."""
    rng, out = random.Random(seed), []
    said = Said(t for w in WISHES for t in w["seen"])
    seen = {squash(sample(rng, "known")[0]) for _ in range(100000)}
    for split, n in zip(("values", "phrasing", "both"), per_split):
        while n:
            text, call, core = sample_core(rng, split)
            if squash(text) in seen or split != "values" and (said.by(core) or said.by(text)):
                continue
            seen.add(squash(text))
            out.append(dict(text=text, call=text_of(call), split=split))
            if cores is not None:
                cores.append(core)
            n -= 1
    return out


def vet(path):
    """Write wordings.txt again without the lines that can say what a held-out phrasing or the held-out set says."""
    cores = []
    rows = heldout(cores=cores)
    said = Said(())
    texts = set()
    for row, core in zip(rows, cores):
        if row["split"] != "values":
            texts |= said.cores(core) | said.cores(row["text"])
    joined = "\n" + "\n".join(sorted(texts)) + "\n"
    rng, bad = random.Random(1), set()
    wordings, seen = later(path), {}
    for w in WISHES:
        name = key(w, seen)
        held = [re.compile(pattern(t)) for t in w["held"]]
        for line in list(wordings.get(name, ())) + (wordings["on" if w["args"][-1][1] else "off"] if "x" in w["names"] and isinstance(w["args"][-1][1], bool) else []):
            for template in own(w, "line", {"line": [line], "on": [], "off": []}):
                if template not in w["more"]:
                    if template in w["held"]:
                        bad.add(line)
                    continue
                if re.search("\n" + pattern(template) + "\n", joined):
                    bad.add(line)
                for _ in range(60):
                    t = expand(template.lstrip("~"), rng)
                    v = draw(w, t, rng)
                    if "{who}" in t and v["zone"] not in WHO:
                        continue
                    if any(p.fullmatch(squash(fill(t, v, rng))) for p in held):
                        bad.add(line)
                        break
    with open(path) as f:
        lines = f.read().splitlines()
    with open(path, "w") as f:
        f.writelines(line + "\n" for line in lines if line not in bad)
    print(f"{path}: {len(bad)} phrasings removed")


def check(path):
    """The file is what this grammar makes; what the first split held out is held out; and no sentence of the file can
    be said by a phrasing that either split trains (in the split of new values: none of 200,000 training samples)."""
    cores = []
    rows = heldout(cores=cores)
    with open(path) as f:
        assert [json.loads(line) for line in f] == rows, "the file is another one"
    first = 0
    for w in WISHES:
        held, trained = divide(w["fn"], w["templates"])
        assert set(held) <= set(w["held"]) and set(trained) <= set(w["seen"]) and not set(w["held"]) & set(w["seen"])
        first += len(held)
    said = Said(t for w in WISHES for t in w["seen"] + w["more"])
    new = [(r, core) for r, core in zip(rows, cores) if r["split"] != "values"]
    assert not any(said.by(core) or said.by(r["text"]) for r, core in new)
    rng, texts = random.Random(12345), {squash(r["text"]) for r in rows}
    made = sum(squash(sample(rng, noise=i % 2 == 0, rewording=i % 3 / 2)[0]) in texts for i in range(200000))
    print(f"{len(rows)} sentences; {sum(len(w['held']) for w in WISHES)} phrasings held out, {first} of them since the first split; "
          f"{len(new)} sentences of held-out phrasings, none of which one of {len(said.patterns)} training phrasings can say; "
          f"{made} of 200,000 training sentences in the set")
    assert not made


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--split", default="train", choices=["train", "known", "values", "phrasing", "both"])
    p.add_argument("--count", type=int, default=20, help="how many samples to print")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--stats", action="store_true", help="print the size of the grammar instead")
    p.add_argument("--write-heldout", metavar="FILE", help="write the held-out set (JSON lines) instead")
    p.add_argument("--vet", action="store_true", help="remove from wordings.txt what a held-out phrasing can say")
    p.add_argument("--check", metavar="FILE", help="prove that no training phrasing says a sentence of this held-out set")
    a = p.parse_args()
    if a.check:
        check(a.check)
    elif a.vet:
        vet(WORDINGS)
    elif a.stats:
        print(f"{len({w['fn'] for w in WISHES})} functions, {len(WISHES)} wishes, {sum(len(w['seen']) for w in WISHES)} training phrasings, "
              f"{sum(len(w['more']) for w in WISHES)} of wordings.txt, "
              f"{sum(len(w['held']) for w in WISHES)} held out")
    elif a.write_heldout:
        with open(a.write_heldout, "w") as f:
            for row in heldout():
                f.write(json.dumps(row, ensure_ascii=False) + "\n")
    else:
        rng = random.Random(a.seed)
        for _ in range(a.count):
            text, call = sample(rng, a.split)
            print(f"{text}\n    {text_of(call)}")


if __name__ == "__main__":
    main()
