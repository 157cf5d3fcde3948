#!/usr/bin/env python3
"""Dashboard telltales and traffic signs, drawn: 33 classes, each picture different.

    python signs.py SHEET.png            a sheet with four pictures of every class

A picture is a sign or telltale on a random background, seen at an angle, in some light, blurred, noisy,
partly covered. Everything follows from a seed.
"""
import math
import random
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 64
SCALE = 3  # drawn larger, then shrunk

RED, AMBER, GREEN, BLUE, WHITE, BLACK, YELLOW = (
    (200, 30, 30), (240, 160, 20), (40, 190, 70), (30, 80, 190), (240, 240, 240), (20, 20, 20), (245, 200, 20))


class Pen:
    """Draws in a square of 100 by 100 units."""

    def __init__(self, draw, unit):
        self.d, self.u = draw, unit

    def _p(self, points):
        return [(x * self.u, y * self.u) for x, y in points]

    def line(self, color, width, *points):
        self.d.line(self._p(points), fill=color, width=max(1, round(width * self.u)), joint="curve")

    def fill(self, color, *points):
        self.d.polygon(self._p(points), fill=color)

    def disc(self, color, x, y, r, width=None):
        box = [(x - r) * self.u, (y - r) * self.u, (x + r) * self.u, (y + r) * self.u]
        if width is None:
            self.d.ellipse(box, fill=color)
        else:
            self.d.ellipse(box, outline=color, width=max(1, round(width * self.u)))

    def box(self, color, x0, y0, x1, y1, width=None):
        box = [x0 * self.u, y0 * self.u, x1 * self.u, y1 * self.u]
        if width is None:
            self.d.rectangle(box, fill=color)
        else:
            self.d.rectangle(box, outline=color, width=max(1, round(width * self.u)))

    def arc(self, color, x, y, r, start, end, width):
        self.d.arc([(x - r) * self.u, (y - r) * self.u, (x + r) * self.u, (y + r) * self.u], start, end,
                   fill=color, width=max(1, round(width * self.u)))


# Seven segments: top, upper left, upper right, middle, lower left, lower right, bottom.
SEGMENTS = {"0": "1110111", "1": "0010010", "2": "1011101", "3": "1011011", "5": "1101011", "8": "1111111"}


def digit(p, color, c, x, y, w, h, t):
    places = [((x, y), (x + w, y)), ((x, y), (x, y + h / 2)), ((x + w, y), (x + w, y + h / 2)),
              ((x, y + h / 2), (x + w, y + h / 2)), ((x, y + h / 2), (x, y + h)),
              ((x + w, y + h / 2), (x + w, y + h)), ((x, y + h), (x + w, y + h))]
    for on, (a, b) in zip(SEGMENTS[c], places):
        if on == "1":
            p.line(color, t, a, b)


def limit(text):
    def draw(p):
        p.disc(WHITE, 50, 50, 46)
        p.disc(RED, 50, 50, 46, 11)
        w = 17 if len(text) == 2 else 11
        gap = 8
        x = 50 - (len(text) * w + (len(text) - 1) * gap) / 2
        for c in text:
            digit(p, BLACK, c, x, 34, w, 32, 6)
            x += w + gap
    return draw


def triangle(inside):
    def draw(p):
        p.fill(RED, (50, 4), (97, 88), (3, 88))
        p.fill(WHITE, (50, 22), (82, 79), (18, 79))
        inside(p)
    return draw


def disc(color, inside, rim=WHITE):
    def draw(p):
        p.disc(rim, 50, 50, 47)
        p.disc(color, 50, 50, 43)
        inside(p)
    return draw


def stop(p):
    corners = [(50 + 46 * math.cos(math.radians(a)), 50 + 46 * math.sin(math.radians(a)))
               for a in range(22, 360, 45)]
    p.fill(RED, *corners)
    for x in (24, 38, 52, 66):  # four tall strokes stand for the letters
        p.line(WHITE, 5, (x, 40), (x + 8, 40), (x + 8, 60), (x, 60), (x, 40))


def give_way(p):
    p.fill(RED, (3, 10), (97, 10), (50, 92))
    p.fill(WHITE, (20, 20), (80, 20), (50, 72))


def no_entry(p):
    p.disc(RED, 50, 50, 46)
    p.box(WHITE, 18, 42, 82, 58)


def priority(p):
    p.fill(WHITE, (50, 2), (98, 50), (50, 98), (2, 50))
    p.fill(YELLOW, (50, 16), (84, 50), (50, 84), (16, 50))


def no_parking(p):
    p.disc(RED, 50, 50, 46)
    p.disc(BLUE, 50, 50, 37)
    p.line(RED, 9, (24, 24), (76, 76))


def no_stopping(p):
    no_parking(p)
    p.line(RED, 9, (76, 24), (24, 76))


def no_overtaking(p):
    p.disc(WHITE, 50, 50, 46)
    p.disc(RED, 50, 50, 46, 9)
    for x, color in ((24, RED), (54, BLACK)):
        p.box(color, x, 46, x + 22, 60)
        p.box(color, x + 5, 38, x + 17, 47)


def arrow(angle):
    def inside(p):
        a = math.radians(angle)
        def turn(x, y):
            return (50 + x * math.cos(a) - y * math.sin(a), 50 + x * math.sin(a) + y * math.cos(a))
        p.line(WHITE, 11, turn(0, 28), turn(0, -12))
        p.fill(WHITE, turn(-20, -8), turn(20, -8), turn(0, -32))
    return inside


def roundabout(p):
    for start in (0, 120, 240):
        p.arc(WHITE, 50, 50, 24, start, start + 85, 8)
        a = math.radians(start + 95)
        x, y = 50 + 20 * math.cos(a), 50 + 20 * math.sin(a)
        p.disc(WHITE, x, y, 6)


def bend(sign):
    return lambda p: p.line(BLACK, 7, (50 - 12 * sign, 76), (50 - 12 * sign, 60), (50 + 10 * sign, 46),
                            (50 + 10 * sign, 34))


def exclamation(p):
    p.line(BLACK, 8, (50, 34), (50, 60))
    p.disc(BLACK, 50, 71, 5)


def crossroads(p):
    p.line(BLACK, 8, (50, 34), (50, 76))
    p.line(BLACK, 8, (34, 60), (66, 60))


def pedestrian(p):
    p.box(BLUE, 4, 4, 96, 96)
    p.fill(WHITE, (50, 16), (86, 84), (14, 84))
    p.disc(BLACK, 50, 40, 6)
    p.line(BLACK, 6, (50, 46), (50, 62), (40, 80))
    p.line(BLACK, 6, (50, 62), (60, 80))


def telltale(color, inside):
    def draw(p):
        p.box(BLACK, 0, 0, 100, 100)
        inside(p, color)
    return draw


def engine(p, c):
    p.line(c, 6, (26, 40), (38, 40), (44, 32), (66, 32), (66, 42), (76, 42), (76, 68), (62, 68), (56, 74),
           (34, 74), (26, 66), (26, 40))
    p.line(c, 6, (16, 44), (16, 64))
    p.line(c, 6, (16, 54), (26, 54))
    p.line(c, 6, (50, 32), (50, 24))
    p.line(c, 6, (40, 24), (60, 24))


def oil(p, c):
    p.line(c, 6, (18, 46), (34, 52), (34, 66), (66, 66), (80, 44), (56, 50), (44, 44), (34, 44))
    p.disc(c, 86, 58, 4)


def battery(p, c):
    p.box(c, 16, 36, 84, 74, 6)
    p.line(c, 6, (26, 30), (40, 30))
    p.line(c, 6, (60, 30), (74, 30))
    p.line(c, 5, (26, 54), (40, 54))
    p.line(c, 5, (60, 54), (74, 54))
    p.line(c, 5, (67, 47), (67, 61))


def brake(p, c):
    p.disc(c, 50, 50, 24, 6)
    p.arc(c, 50, 50, 36, 140, 220, 6)
    p.arc(c, 50, 50, 36, 320, 40, 6)
    p.line(c, 6, (50, 37), (50, 54))
    p.disc(c, 50, 62, 3.5)


def coolant(p, c):
    p.line(c, 7, (50, 20), (50, 56))
    p.disc(c, 50, 60, 8)
    for y in (26, 36, 46):
        p.line(c, 4, (50, y), (64, y))
    for y in (72, 82):
        p.line(c, 5, (20, y), (32, y - 5), (44, y), (56, y - 5), (68, y), (80, y - 5))


def beam(angled, high):
    def inside(p, c):
        p.arc(c, 46, 50, 24, 270, 90, 6)
        p.line(c, 6, (46, 26), (46, 74))
        for y in (32, 44, 56, 68):
            p.line(c, 5, (36, y), (12, y + (0 if high else 8)))
    return inside


def indicator(sign):
    def inside(p, c):
        x = lambda v: 50 + sign * v
        p.fill(c, (x(38), 50), (x(0), 22), (x(0), 38), (x(-36), 38), (x(-36), 62), (x(0), 62), (x(0), 78))
    return inside


def belt(p, c):
    p.disc(c, 50, 26, 9)
    p.line(c, 7, (36, 44), (64, 44), (68, 78), (32, 78), (36, 44))
    p.line(c, 5, (64, 42), (34, 74))


def fuel(p, c):
    p.box(c, 28, 24, 60, 78, 6)
    p.line(c, 6, (22, 80), (66, 80))
    p.box(c, 36, 32, 52, 44)
    p.line(c, 5, (60, 46), (72, 52), (72, 68), (80, 68), (80, 40), (70, 30))


def tyre(p, c):
    p.arc(c, 50, 46, 28, 130, 50, 7)
    p.line(c, 6, (30, 68), (24, 78), (76, 78), (70, 68))
    p.line(c, 7, (50, 30), (50, 54))
    p.disc(c, 50, 64, 4)


def skid(p, c):
    p.box(c, 30, 34, 70, 50, 6)
    p.line(c, 6, (38, 34), (44, 22), (56, 22), (62, 34))
    p.line(c, 5, (34, 58), (26, 66), (38, 74), (30, 84))
    p.line(c, 5, (66, 58), (58, 66), (70, 74), (62, 84))


CLASSES = [
    ("speed limit 30", limit("30")), ("speed limit 50", limit("50")), ("speed limit 80", limit("80")),
    ("speed limit 120", limit("120")), ("stop", stop), ("give way", give_way), ("no entry", no_entry),
    ("priority road", priority), ("no parking", no_parking), ("no stopping", no_stopping),
    ("no overtaking", no_overtaking), ("turn left", disc(BLUE, arrow(-90))),
    ("turn right", disc(BLUE, arrow(90))), ("straight on", disc(BLUE, arrow(0))),
    ("roundabout", disc(BLUE, roundabout)), ("danger", triangle(exclamation)),
    ("crossroads", triangle(crossroads)), ("bend left", triangle(bend(-1))),
    ("bend right", triangle(bend(1))), ("pedestrian crossing", pedestrian),
    ("telltale engine", telltale(AMBER, engine)), ("telltale oil pressure", telltale(RED, oil)),
    ("telltale battery", telltale(RED, battery)), ("telltale brake", telltale(RED, brake)),
    ("telltale coolant", telltale(RED, coolant)), ("telltale high beam", telltale(BLUE, beam(False, True))),
    ("telltale low beam", telltale(GREEN, beam(True, False))),
    ("telltale left indicator", telltale(GREEN, indicator(-1))),
    ("telltale right indicator", telltale(GREEN, indicator(1))), ("telltale seat belt", telltale(RED, belt)),
    ("telltale fuel", telltale(AMBER, fuel)), ("telltale tyre pressure", telltale(AMBER, tyre)),
    ("telltale skid control", telltale(AMBER, skid)),
]
LABELS = [name for name, _ in CLASSES]


def background(r, side):
    base = np.array([r.randrange(30, 220) for _ in range(3)], float)
    small = np.random.default_rng(r.randrange(1 << 30)).normal(0, r.uniform(5, 50), (r.choice((4, 8)),) * 2 + (3,))
    image = Image.fromarray(np.clip(small + base, 0, 255).astype(np.uint8)).resize((side, side), Image.BICUBIC)
    d = ImageDraw.Draw(image)
    for _ in range(r.randrange(4)):
        p = [r.randrange(side) for _ in range(4)]
        d.line(p, fill=tuple(r.randrange(256) for _ in range(3)), width=r.randrange(1, side // 12))
    return image


def perspective(corners, side):
    """Coefficients that PIL wants: from the square to four corners, backwards."""
    rows, right = [], []
    for (x, y), (u, v) in zip(corners, ((0, 0), (side, 0), (side, side), (0, side))):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.linalg.solve(np.array(rows, float), np.array(right, float))


def render(index, seed):
    """-> [64, 64, 3] uint8 of class `index`"""
    r = random.Random(seed)
    side = SIDE * SCALE
    sign = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    CLASSES[index][1](Pen(ImageDraw.Draw(sign), side / 100))
    # Seen at an angle, at some distance, not quite in the middle.
    size, angle = r.uniform(0.45, 0.95) * side, r.gauss(0, 0.13)
    cx, cy = (side / 2 + r.uniform(-0.5, 0.5) * (side - size) * 0.8 for _ in range(2))
    corners = []
    for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x, y = x + r.uniform(-0.18, 0.18), y + r.uniform(-0.18, 0.18)
        corners.append((cx + size / 2 * (x * math.cos(angle) - y * math.sin(angle)),
                        cy + size / 2 * (x * math.sin(angle) + y * math.cos(angle))))
    sign = sign.transform((side, side), Image.PERSPECTIVE, perspective(corners, side), Image.BICUBIC)
    image = background(r, side)
    image.paste(sign, (0, 0), sign)
    if r.random() < 0.3:  # something in front
        d = ImageDraw.Draw(image)
        a, w = r.uniform(0, 2 * math.pi), r.uniform(0.05, 0.18) * side
        x, y = cx + r.uniform(-0.3, 0.3) * size, cy + r.uniform(-0.3, 0.3) * size
        dx, dy = side * math.cos(a), side * math.sin(a)
        d.line([x - dx, y - dy, x + dx, y + dy], fill=tuple(r.randrange(200) for _ in range(3)), width=round(w))
    if r.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(r.uniform(0, 1.3) * SCALE))
    image = image.resize((SIDE, SIDE), Image.BOX)
    x = np.asarray(image, float) / 255
    night = r.random() < 0.25
    x = x ** r.uniform(0.7, 1.5) * (r.uniform(0.12, 0.35) if night else r.uniform(0.6, 1.15))
    x = x * np.array([r.uniform(0.85, 1.15) for _ in range(3)])
    noise = np.random.default_rng(seed).normal(0, r.uniform(0, 0.06), x.shape)
    return (np.clip(x + noise, 0, 1) * 255).astype(np.uint8)


def main():
    n = 4
    columns = 3 * n
    rows = -(-len(CLASSES) * n // columns)
    sheet = np.zeros((rows * SIDE, columns * SIDE, 3), np.uint8)
    for i in range(len(CLASSES) * n):
        y, x = i // columns * SIDE, i % columns * SIDE
        sheet[y:y + SIDE, x:x + SIDE] = render(i // n, i)
    Image.fromarray(sheet).save(sys.argv[1])
    print(len(CLASSES), "classes")


if __name__ == "__main__":
    main()
