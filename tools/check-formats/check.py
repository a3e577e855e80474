"""Reads what write.ts wrote with the readers that others use, and compares boxes, frames and objects. Exit code 1 where they differ."""

import csv
import json
import shutil
import sys
from copy import deepcopy
from pathlib import Path

import motmetrics
import numpy as np
import pysubs2
from datumaro.plugins.data_formats.coco.base import CocoInstancesBase
from datumaro.plugins.data_formats.cvat.base import CvatBase
from datumaro.plugins.data_formats.mot import MotSeqBase
from label_studio_sdk._extensions.label_studio_tools.postprocessing.video import extract_key_frames
from lxml import etree
from pycocotools.coco import COCO

TOLERANCE = 0.01  # pixels
FOLDER = Path(sys.argv[1])
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
MEDIA = EXPECTED["media"]
ROWS = EXPECTED["rows"]
VISIBLE = {(r["id"], r["frame"]): [r["box"][k] for k in "xywh"] for r in ROWS if r["state"] != "lost"}
ALL = {(r["id"], r["frame"]): [r["box"][k] for k in "xywh"] for r in ROWS}
OCCLUDED = {(r["id"], r["frame"]) for r in ROWS if r["state"] == "uncertain"}
failed = []


def compare(name, found, expected, note=""):
    same = set(found) == set(expected)
    worst = max((abs(a - b) for key in set(found) & set(expected) for a, b in zip(found[key], expected[key])), default=np.inf)
    good = same and worst < TOLERANCE
    if not good:
        failed.append(name)
        print("   only in the file:", sorted(set(found) - set(expected))[:4], "only expected:", sorted(set(expected) - set(found))[:4])
    print(f"{'same' if good else 'DIFFERENT':9} {name:28} {len(found):4} boxes, worst difference {worst:.5f} px {note}")


def corners(boxes):
    """Datumaro rounds corners to 1/100 pixel, so that a size of it is a hundredth off."""
    return {key: [x, y, x + w, y + h] for key, (x, y, w, h) in boxes.items()}


def check(name, good, note):
    if not good:
        failed.append(name)
    print(f"{'same' if good else 'DIFFERENT':9} {name:28} {note}")


def read_mot():
    table = motmetrics.io.loadtxt(FOLDER / "tracks.txt", fmt="mot16")
    boxes = {
        (int(track), int(frame) - 1): row[["X", "Y", "Width", "Height"]].tolist() for (frame, track), row in table.iterrows()
    }
    compare("MOT, motmetrics", boxes, VISIBLE, "(frames from 1, pixels from 1 taken off by it)")
    items = MotSeqBase(str(FOLDER / "tracks.txt"), is_gt=False)
    boxes = {
        (a.attributes["track_id"], int(item.id) - 1): [a.x - 1, a.y - 1, a.w, a.h] for item in items for a in item.annotations
    }
    compare("MOT, datumaro", corners(boxes), corners(VISIBLE), "(leaves the 1 of the pixels in)")


def read_coco():
    data = COCO(str(FOLDER / "tracks.coco.json"))
    boxes = {
        (a["track_id"], data.loadImgs(a["image_id"])[0]["frame_id"]): a["bbox"] for a in data.loadAnns(data.getAnnIds())
    }
    compare("COCO, pycocotools", boxes, VISIBLE)
    results = [{k: a[k] for k in ("image_id", "category_id", "bbox", "score")} for a in data.dataset["annotations"]]
    check("COCO, loadRes", len(data.loadRes(results).anns) == len(VISIBLE), "the annotations are results, too")
    boxes = {}
    for needed in ("annotations", "images"):  # it takes a data set of this layout only
        (FOLDER / needed).mkdir(exist_ok=True)
    for item in CocoInstancesBase(shutil.copy(FOLDER / "tracks.coco.json", FOLDER / "annotations")):
        for a in item.annotations:
            boxes[(a.attributes["track_id"], int(item.id.split("_")[-1]))] = [a.x, a.y, a.w, a.h]
    compare("COCO, datumaro", corners(boxes), corners(VISIBLE))


def read_cvat():
    boxes, outside, occluded = {}, set(), set()
    for item in CvatBase(str(FOLDER / "tracks.xml")):
        for a in item.annotations:
            key = (a.attributes["track_id"], int(item.attributes.get("frame", item.id.split("_")[-1])))
            if a.attributes["outside"]:
                outside.add(key)
            else:
                boxes[key] = [a.x, a.y, a.w, a.h]
            if a.attributes["occluded"]:
                occluded.add(key)
    compare("CVAT, datumaro", corners(boxes), corners(VISIBLE))
    check("CVAT, occluded", occluded == OCCLUDED, f"{len(occluded)} boxes")
    lost = {(r["id"], r["frame"]) for r in ROWS if r["state"] == "lost"}
    check("CVAT, outside", lost <= outside, f"{len(outside)} boxes, {len(lost)} of them lost, the others end a run")
    # as CVAT itself fills the frames in: the last box holds until the next, or to the end
    shown = {}
    for track in etree.parse(FOLDER / "tracks.xml").getroot().iter("track"):
        keyframes = {int(b.get("frame")): b for b in track.iter("box")}
        gone = True
        for frame in range(MEDIA["frameCount"]):
            if frame in keyframes:
                gone = keyframes[frame].get("outside") == "1"
            if not gone:
                shown[(int(track.get("id")), frame)] = frame in keyframes
    check("CVAT, nothing filled in", all(shown.values()) and set(shown) == set(VISIBLE), f"{len(shown)} frames shown")


def read_label_studio():
    task = json.loads((FOLDER / "tracks.ls.json").read_text())[0]
    boxes = {}
    for region in extract_key_frames(deepcopy(task["predictions"][0]["result"])):
        for k in region["value"]["sequence"]:
            key = (region["meta"]["object"], k["frame"] - 1)
            sides = [MEDIA["width"], MEDIA["height"]] * 2
            boxes[key] = [k[n] * s / 100 for n, s in zip(("x", "y", "width", "height"), sides)]
    compare("Label Studio, its SDK", boxes, VISIBLE, "(frames filled in by it)")


def read_ass():
    subtitles = pysubs2.load(str(FOLDER / "tracks.ass"))
    size = (int(subtitles.info["PlayResX"]), int(subtitles.info["PlayResY"]))
    check("ASS, PlayRes", size == (MEDIA["width"], MEDIA["height"]), f"{size[0]} x {size[1]}")
    boxes = {}
    for event in subtitles:
        if event.style != "Box":
            continue
        said = dict(pair.split("=") for pair in event.name.split())
        x, y = (float(v) for v in event.text.split(r"\pos(")[1].split(")")[0].split(","))
        path = event.text.split("}")[1].split("{")[0].split()
        # what a player shows: the frames whose times lie in the event
        frames = [f for f in range(MEDIA["frameCount"]) if event.start <= 1000 * f / MEDIA["fps"] < event.end]
        for frame in frames:
            boxes[(int(said["id"]), frame)] = [x, y, int(path[4]) / 128, int(path[7]) / 128]
    compare("ASS, pysubs2", boxes, ALL, "(frames by their times)")
    width, height = size
    frames = np.fromfile(FOLDER / "rendered.gray", np.uint8).reshape(-1, height, width)
    worst, shown = 0, set()
    for frame, picture in enumerate(frames):
        rows, columns = np.where(picture.max(1) > 20)[0], np.where(picture.max(0) > 20)[0]
        if len(rows) == 0:
            continue
        shown.add((2, frame))
        x, y, w, h = ALL.get((2, frame), [np.nan] * 4)
        line = round(min(width, height) / 240)
        edges = [columns[0] + line, rows[0] + line, columns[-1] + 1 - line, rows[-1] + 1 - line]
        inside = [x > 2, y > 2, x + w < width - 2, y + h < height - 2]
        worst = max(worst, *(abs(a - b) for a, b, seen in zip(edges, [x, y, x + w, y + h], inside) if seen))
    expected = {key for key in ALL if key[0] == 2}
    check("ASS, drawn by libass", shown == expected and worst <= 1.25, f"{len(shown)} frames, edges within {worst:.2f} px")


def read_text():
    with open(FOLDER / "tracks.csv", newline="") as file:
        table = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (FOLDER / "tracks.jsonl").read_text().splitlines()]
    for name, rows in (("CSV, csv", table), ("JSON lines, json", lines)):
        boxes = {(int(r.get("id", e["id"])), int(r["frame"])): [float(r[k]) for k in "xywh"] for r, e in zip(rows, ROWS)}
        compare(name, boxes, ALL)


for reader in (read_text, read_mot, read_coco, read_cvat, read_label_studio, read_ass):
    reader()
sys.exit(f"different: {', '.join(failed)}" if failed else 0)
