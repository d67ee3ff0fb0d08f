"""The map of the routes as one SVG: places, stops, driving order, scale. It needs no tiles and no net."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from optimizer.reports.charts import path_of
from optimizer.reports.markup import Markup, element, join

ROUTE_COLOURS = 8
_WIDTH = 960.0
_LEAST_HEIGHT, _MOST_HEIGHT = 360.0, 720.0
_MARGIN = 44.0
# With more stops than these a number would cover the next stop; with many more a dot each would make the page heavy.
_MOST_NUMBERED, _MOST_DOTS = 150, 1000
# Arrows stand on legs that are long enough to hold one, in drawing units.
_ARROW_LEG = 34.0
_KM_PER_DEGREE = 111.195
_LABEL_SPACE = 150.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """A place of one's own: lat and lon in degrees; kind "dc" or "store"."""

    name: str
    lat: float
    lon: float
    kind: str


@dataclass(frozen=True)
class Visit:
    """A visit of a route: lat and lon in degrees, its number, and what a reader sees on it."""

    lat: float
    lon: float
    number: int
    words: str
    kind: str


@dataclass(frozen=True)
class Route:
    """A route in driving order, depots included."""

    name: str
    visits: Sequence[Visit]


@dataclass(frozen=True)
class Scene:
    """Everything on the map; roads are pairs of (lat, lon)."""

    places: Sequence[Place]
    routes: Sequence[Route]
    roads: Sequence[tuple[Point, Point]] = field(default=())


@dataclass(frozen=True)
class _Projection:
    """Equirectangular around the middle latitude: true to scale for a delivery area, north up."""

    west: float
    north: float
    cosine: float
    scale: float
    left: float
    top: float
    height: float

    def xy(self, lat: float, lon: float) -> Point:
        """Return drawing units of a point in degrees, across the date line too."""
        east = (lon - self.west) % 360.0
        return self.left + east * self.cosine * self.scale, self.top + (self.north - lat) * self.scale


def road_map(scene: Scene, identity: str = "map") -> Markup:
    """Return the map. Routes are straight lines from stop to stop, in colours and dashes of class r0 to r7."""
    view = _projection(scene)
    stops = sum(visit.kind != "depot" for route in scene.routes for visit in route.visits)
    names = ", ".join(route.name for route in scene.routes[:20])
    return element(
        "svg",
        element("title", f"Map of {len(scene.routes)} routes with {stops} stops", id=f"{identity}-t"),
        element("desc", f"Straight lines in driving order, north up. Routes: {names}.", id=f"{identity}-d"),
        _roads(scene, view),
        *(_route(route, n, view) for n, route in enumerate(scene.routes)),
        *(_place(place, view) for place in scene.places),
        *(_visits(route, n, view, stops) for n, route in enumerate(scene.routes)),
        _scale_bar(view),
        viewBox=f"0 0 {_WIDTH:g} {view.height:.0f}",
        role="img",
        aria_labelledby=f"{identity}-t {identity}-d",
        class_="map",
    )


def _projection(scene: Scene) -> _Projection:
    """Return the projection that holds places and visits; roads outside of them are cut by the drawing's edge."""
    points = [(p.lat, p.lon) for p in scene.places] + [(v.lat, v.lon) for r in scene.routes for v in r.visits]
    lats = [lat for lat, _ in points] or [0.0]
    west, width = _span([lon for _, lon in points] or [0.0])
    middle = (max(lats) + min(lats)) / 2
    cosine = max(math.cos(math.radians(middle)), 0.05)
    across, down = max(width * cosine, 1e-3), max(max(lats) - min(lats), 1e-3)
    scale = min((_WIDTH - 2 * _MARGIN) / across, (_MOST_HEIGHT - 2 * _MARGIN) / down)
    height = max(down * scale + 2 * _MARGIN, _LEAST_HEIGHT)
    left, top = (_WIDTH - across * scale) / 2, (height - down * scale) / 2
    return _Projection(west, max(lats), cosine, scale, left, top, height)


def _span(lons: Sequence[float]) -> tuple[float, float]:
    """Return the western end and the width of the smallest arc that holds all longitudes, in degrees."""
    ordered = sorted({lon % 360.0 for lon in lons})
    gaps = [(ordered[(n + 1) % len(ordered)] - lon) % 360.0 for n, lon in enumerate(ordered)]
    if len(ordered) == 1:
        return ordered[0], 0.0
    widest = max(range(len(gaps)), key=lambda n: gaps[n])
    return ordered[(widest + 1) % len(ordered)], 360.0 - gaps[widest]


def _roads(scene: Scene, view: _Projection) -> Markup | None:
    if not scene.roads:
        return None
    legs = ("".join(path_of([view.xy(*one), view.xy(*other)])) for one, other in scene.roads)
    return element("path", d="".join(legs), class_="road", aria_hidden="true")


def _route(route: Route, number: int, view: _Projection) -> Markup:
    points = [view.xy(visit.lat, visit.lon) for visit in route.visits]
    colour = f"r{number % ROUTE_COLOURS}"
    arrows = "".join(_arrow(one, other) for one, other in pairwise(points))
    title = element("title", f"Route {route.name}")
    return join(
        element("path", title, d=path_of(points), class_=f"route {colour}", data_route=route.name),
        element("path", d=arrows, class_=f"arrow {colour}", aria_hidden="true") if arrows else "",
    )


def _arrow(one: Point, other: Point) -> str:
    """Return a small triangle in the middle of a leg that points the way, nothing on a short leg."""
    across, down = other[0] - one[0], other[1] - one[1]
    length = math.hypot(across, down)
    if length < _ARROW_LEG:
        return ""
    x, y, dx, dy = (one[0] + other[0]) / 2, (one[1] + other[1]) / 2, across / length, down / length
    tip, left = (x + 6 * dx, y + 6 * dy), (x - 5 * dx - 4 * dy, y - 5 * dy + 4 * dx)
    right = (x - 5 * dx + 4 * dy, y - 5 * dy - 4 * dx)
    return path_of([tip, left, right]) + "Z"


def _visits(route: Route, number: int, view: _Projection, stops: int) -> Markup:
    colour = f"r{number % ROUTE_COLOURS}"
    visits = [visit for visit in route.visits if visit.kind != "depot"]
    share = max(1, round(_MOST_DOTS * len(visits) / max(stops, 1)))
    return join(*(_visit(visit, colour, view, stops <= _MOST_NUMBERED) for visit in visits[:share]))


def _visit(visit: Visit, colour: str, view: _Projection, numbered: bool) -> Markup:
    x, y = view.xy(visit.lat, visit.lon)
    dot = element(
        "circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=9 if numbered else 3.5, class_=f"stop {colour}", data_seq=visit.number
    )
    words = element("text", visit.number, x=f"{x:.1f}", y=f"{y + 3.6:.1f}", class_="number") if numbered else ""
    return element("g", element("title", visit.words), dot, words)


def _place(place: Place, view: _Projection) -> Markup:
    x, y = view.xy(place.lat, place.lon)
    # A label near the right edge stands to the left of its place.
    over = x > _WIDTH - _LABEL_SPACE
    # Large enough to stand out around the numbered dot of a visit.
    mark = (
        element("rect", x=f"{x - 8:.1f}", y=f"{y - 8:.1f}", width=16, height=16, class_="place dc")
        if place.kind == "dc"
        else element("path", d=f"M{x:.1f} {y - 15:.1f}l15 15l-15 15l-15-15Z", class_="place store")
    )
    label = element(
        "text",
        place.name,
        x=f"{x - 16 if over else x + 16:.1f}",
        y=f"{y - 9:.1f}",
        class_="label end" if over else "label",
    )
    return element("g", element("title", place.name), mark, label)


def _scale_bar(view: _Projection) -> Markup:
    """Return a bar of a round length, about a sixth of the width."""
    per_km = view.scale / _KM_PER_DEGREE
    wanted = _WIDTH / 6 / per_km
    power = 10.0 ** math.floor(math.log10(wanted))
    km = next(step * power for step in (5, 2, 1) if step * power <= wanted)
    left, y = 16.0, view.height - 16.0
    words = f"{km:g} km" if km >= 1 else f"{1000 * km:g} m"
    return element(
        "g",
        element("path", d=f"M{left} {y - 5:.1f}v5h{km * per_km:.1f}v-5", class_="scale"),
        element("text", words, x=left + 4, y=f"{y - 5:.1f}", class_="axis"),
        class_="scale-bar",
    )
