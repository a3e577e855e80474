"""Overlaps of the quadrilaterals that compare.ts wrote, by shapely.

    pip install shapely numpy
    python compare_polygons.py FOLDER

Quadrilaterals that cross themselves are made valid first (two triangles, the even-odd rule). Exit code 1 where an overlap differs by 1e-9
or more.
"""

import json
import sys
from pathlib import Path

import shapely
from shapely.geometry import Polygon, box


def region(corners, bounds):
    polygon = Polygon(list(zip(corners[::2], corners[1::2])))
    crossing = not polygon.is_valid
    if crossing:
        polygon = shapely.make_valid(polygon)
    return (polygon.intersection(box(0, 0, *bounds)) if bounds else polygon), crossing


def main(folder):
    pairs = json.loads((folder / "polygons.json").read_text())
    worst, crossing, concave, overlapping = 0.0, 0, 0, 0
    for pair in pairs:
        (a, a_crosses), (b, b_crosses) = region(pair["a"], pair["bounds"]), region(pair["b"], pair["bounds"])
        union = a.union(b).area
        overlap = a.intersection(b).area / union if union > 0 else 0.0
        worst = max(worst, abs(overlap - pair["overlap"]))
        overlapping += overlap > 0
        crossing += a_crosses or b_crosses
        concave += any(
            not crosses and polygon.area < polygon.convex_hull.area * (1 - 1e-9)
            for polygon, crosses in ((a, a_crosses), (b, b_crosses))
        )
    print(
        f"{len(pairs)} pairs ({sum(p['bounds'] is not None for p in pairs)} clipped, {crossing} with a self-crossing,"
        f" {concave} with a concave one, {overlapping} that overlap): largest difference {worst:.1e}"
    )
    return 0 if worst < 1e-9 else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
