"""Plots as SVG: throughput against others, distribution of latencies, cost against size."""

import itertools
import math
import re
from html import escape

INK, MUTED, GRID, PAPER = "#1f2328", "#59636e", "#d8dee4", "#ffffff"
# Ours are strong and thick, others pale and thin: they differ without the hues too.
STRONG = ["#0b5cad", "#c2410c", "#2f855a", "#7c3aed"]
PALE = ["#64748b", "#b08968", "#8f9d6b", "#a78bba", "#7fa8b8", "#c58b8b", "#94a3b8"]
OURS, OTHERS = STRONG[0], "#a8b3bf"
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


def _text(x, y, words, size=13, anchor="start", colour=INK, weight="normal"):
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' fill='{colour}'"
        f" font-weight='{weight}'>{escape(str(words))}</text>"
    )


def _line(x1, y1, x2, y2, colour=GRID, width=1):
    ends = f"x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}'"
    return f"<line {ends} stroke='{colour}' stroke-width='{width}'/>"


def _picture(width, height, title, parts):
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'"
        f" viewBox='0 0 {width} {height}' {FONT} role='img' aria-label='{escape(title, quote=True)}'>\n"
        f"<title>{escape(title)}</title>\n"
        f"<rect width='{width}' height='{height}' fill='{PAPER}'/>\n"
        + "\n".join([_text(16, 28, title, 16, weight="600"), *parts])
        + "\n</svg>\n"
    )


def bars(title, rows, unit):
    """Horizontal bars, the longest first; a row is a name, a value, and whether it is ours."""
    rows = sorted(rows, key=lambda row: -row[1])
    left, width, step, top = 360, 860, 30, 48
    scale = (width - left - 80) / max(row[1] for row in rows)
    parts = []
    for number, (name, value, is_ours) in enumerate(rows):
        y = top + number * step
        parts.append(_text(left - 10, y + 15, name, anchor="end", weight="600" if is_ours else "normal"))
        parts.append(
            f"<rect x='{left}' y='{y}' width='{max(1, value * scale):.1f}' height='20' rx='2'"
            f" fill='{OURS if is_ours else OTHERS}'/>"
        )
        parts.append(_text(left + value * scale + 8, y + 15, f"{value:.2f} {unit}", colour=MUTED))
    parts.append(_line(left, top - 6, left, top + len(rows) * step - 4, MUTED))
    return _picture(width, top + len(rows) * step + 12, title, parts)


def _ticks(low, high):
    """1, 2 and 5 times powers of ten between both, and one beyond each."""
    steps = [digit * 10.0**power for power in range(-4, 9) for digit in (1, 2, 5)]
    inside = [index for index, step in enumerate(steps) if low <= step <= high]
    first = min(inside, default=next(index for index, step in enumerate(steps) if step > low))
    last = max(inside, default=first)
    return steps[max(0, first - 1) : last + 2]


def lines(title, labels, series, x_name, y_name):
    """Lines over the same labels, logarithmic upwards, named at their ends without overlapping."""
    width, height, left, right, top, bottom = 900, 420, 64, 340, 56, 52
    values = [value for points in series.values() for value in points if value > 0]
    ticks = _ticks(min(values), max(values))
    low, high = math.log(ticks[0]), math.log(ticks[-1])

    def x(index):
        return left + index * (width - left - right) / max(1, len(labels) - 1)

    def y(value):
        return (
            height
            - bottom
            - (math.log(max(value, ticks[0])) - low) / (high - low) * (height - top - bottom)
        )

    parts = [
        _text(left - 8, top - 12, y_name, 12, "start", MUTED),
        _text((left + width - right) / 2, height - 12, x_name, 12, "middle", MUTED),
    ]
    for tick in ticks:
        parts += [
            _line(left, y(tick), width - right, y(tick)),
            _text(left - 8, y(tick) + 4, f"{tick:g}", 12, "end", MUTED),
        ]
    for index, label in enumerate(labels):
        parts.append(_text(x(index), height - bottom + 20, label, 12, "middle", MUTED))
    place = top - 18
    strong, pale = itertools.cycle(STRONG), itertools.cycle(PALE)
    for name, points in sorted(series.items(), key=lambda item: -item[1][-1]):
        path = " ".join(f"{x(index):.1f},{y(value):.1f}" for index, value in enumerate(points))
        is_ours = name.startswith(("check", "refresh", "login", "sessions"))
        colour = next(strong if is_ours else pale)
        thickness, radius = (3, 4) if is_ours else (1.5, 2.5)
        parts.append(
            f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='{thickness}'/>"
        )
        parts += [
            f"<circle cx='{x(index):.1f}' cy='{y(value):.1f}' r='{radius}' fill='{colour}'/>"
            for index, value in enumerate(points)
        ]
        place = max(place + 18, y(points[-1]))
        parts += [
            _line(x(len(labels) - 1) + 6, y(points[-1]), width - right + 22, place, colour),
            _text(
                width - right + 26,
                place + 4,
                name,
                12,
                colour=colour,
                weight="600" if is_ours else "normal",
            ),
        ]
    return _picture(width, height, title, parts)


def _latencies(title, latencies):
    shares = list(next(iter(latencies.values())))
    series = {name: [points[share] / 1e3 for share in shares] for name, points in latencies.items()}
    return lines(
        title,
        [f"{share} %" for share in shares],
        series,
        "share of the requests that are answered by then",
        "milliseconds",
    )


def _short(name):
    return re.sub(r", connections really kept|, as everyone configures it|, node's crypto, tuned", "", name)


def write(report, folder):
    """Writes what the report has series for into the folder; the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    series, plots = report.series, {}
    if series.get("throughput"):
        plots["check-throughput"] = bars(
            "check under auth_request: requests a second, × null libfcgi in C",
            [(_short(name), *rest) for name, *rest in series["throughput"]],
            "×",
        )
    if series.get("latency"):
        plots["check-latency"] = _latencies(
            "check under auth_request: time to answer, 32 connections, full load",
            {_short(name): points for name, points in series["latency"].items()},
        )
    if series.get("latency of refresh"):
        plots["refresh-latency"] = _latencies(
            "refresh: time to answer, 32 sessions at once", series["latency of refresh"]
        )
    if series.get("growth"):
        growth = dict(series["growth"])
        sizes = growth.pop("sizes")
        plots["growth"] = lines(
            "cost of a request, × the smallest store",
            [f"{size:,}".replace(",", " ") for size in sizes],
            {name: [cost / costs[0] for cost in costs] for name, costs in growth.items()},
            "accounts and sessions in the store",
            "× the smallest",
        )
    for name, text in plots.items():
        (folder / f"{name}.svg").write_text(text)
    return list(plots)
