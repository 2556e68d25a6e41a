"""Results as a table for people, and as a picture."""

import math
from xml.sax.saxutils import escape


def line(result):
    hello = f"{result['of_hello']:5.2f}" if "of_hello" in result else "    –"
    return (f"{result['name']:32} {result['clients']:>4} {result['per_second']:>9,.0f}/s {hello} "
            f"{result['p50_ms']:>8.2f} {result['p99_ms']:>8.2f} {result['p999_ms']:>8.2f} "
            f"{result['cpu_us']:>7.0f} {result['cores']:>5.2f} {result['peak_mib']:>6.0f} "
            f"{result['body_bytes']:>7} {result['failed'] + result['refused']:>6}")


HEAD = (f"{'':32} {'cl.':>4} {'rate':>11} {'hello':>5} {'p50 ms':>8} {'p99 ms':>8} {'p99.9':>8} "
        f"{'µs CPU':>7} {'cores':>5} {'MiB':>6} {'bytes':>7} {'errors':>6}")


def table(run):
    """All scenarios of a run, a line each."""
    lines = [f"── {run['engine']}, {run['tickets']:,} tickets; first answer after "
             f"{run['cold_start_ms']:.0f} ms", HEAD]
    lines += [line(result) for result in run["scenarios"]]
    for name, floor in run["floors"].items():
        rest = {key: round(value, 3) for key, value in floor.items() if key != "per_second"}
        lines.append(f"{'bare: ' + name:37} {floor['per_second']:>9,.0f}/s {rest}")
    return "\n".join(lines)


COLOURS = ["#1f6f5c", "#b4532a", "#4a5bb0", "#8a6d1d", "#7a3e8e", "#2d7d9a", "#a33b55", "#5b6b2f"]


def plot(results):
    """CPU a request against the number of tickets, both logarithmic, a line a page and engine."""
    series = {}
    for run in results["runs"]:
        for result in run["scenarios"]:
            if result["requests"] and not result["name"].startswith(("reply", "link", "mixed")):
                name = f"{result['name']} ({run['engine']})"
                series.setdefault(name, []).append((run["tickets"], result["cpu_us"]))
    everything = [point for points in series.values() for point in points]
    if not everything:
        return "<svg xmlns='http://www.w3.org/2000/svg'/>\n"
    left, top, width, height = 70, 30, 620, 420
    x_of = scale([x for x, _ in everything], left, left + width)
    y_of = scale([y for _, y in everything], top + height, top)
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1020 520' "
             "font-family='system-ui, sans-serif' font-size='13'>",
             "<rect width='1020' height='520' fill='#fff'/>",
             f"<text x='{left}' y='18'>CPU a request (µs) against tickets in the database</text>"]
    for x in sorted({x for x, _ in everything}):
        parts.append(f"<line x1='{x_of(x):.1f}' x2='{x_of(x):.1f}' y1='{top}' y2='{top + height}' "
                     f"stroke='#ddd'/><text x='{x_of(x):.1f}' y='{top + height + 20}' "
                     f"text-anchor='middle'>{x:,}</text>")
    lowest, highest = (int(math.floor(math.log10(f(y for _, y in everything)))) for f in (min, max))
    for power in range(lowest, highest + 2):
        y = y_of(10 ** power)
        if top <= y <= top + height:
            parts.append(f"<line x1='{left}' x2='{left + width}' y1='{y:.1f}' y2='{y:.1f}' "
                         f"stroke='#ddd'/><text x='{left - 8}' y='{y + 4:.1f}' "
                         f"text-anchor='end'>{10 ** power:,}</text>")
    names = sorted(series, key=lambda name: -sorted(series[name])[-1][1])
    for number, name in enumerate(names):
        points = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in sorted(series[name]))
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f"<polyline points='{points}' fill='none' stroke='{colour}' "
                     "stroke-width='2'/>")
        parts += [f"<circle cx='{x_of(x):.1f}' cy='{y_of(y):.1f}' r='3' fill='{colour}'/>"
                  for x, y in series[name]]
        place = top + 8 + number * 17
        parts.append(f"<circle cx='{left + width + 30}' cy='{place}' r='5' fill='{colour}'/>"
                     f"<text x='{left + width + 42}' y='{place + 4}'>{escape(name)}</text>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def scale(values, first, last):
    """Where a value stands between two places, by its logarithm."""
    low, high = math.log(max(min(values), 1e-9)), math.log(max(max(values), 1e-9))
    span = (high - low) or 1
    return lambda value: first + (math.log(value) - low) / span * (last - first)
