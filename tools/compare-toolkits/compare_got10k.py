"""Scores the files that compare.ts wrote with the got10k package, and compares.

    pip install got10k six
    python compare_got10k.py FOLDER

Runs the package's own report() of its GOT-10k, OTB and UAV123 experiments over data sets that read FOLDER. SR at 0.75, which the package
does not print, is taken from its rect_iou(). Exit code 1 where a number differs by half a unit of the fourth decimal or more.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np
from got10k.experiments import ExperimentGOT10k, ExperimentOTB, ExperimentUAV123
from got10k.utils.metrics import rect_iou

TOLERANCE = 5e-5
TRACKER = "noisy"


class Annotations:
    """What an experiment asks of a data set, without images."""

    def __init__(self, folder, truth, names, size):
        self.folder, self.truth, self.seq_names, self.size = folder, truth, names, size
        self.return_meta = False

    def __len__(self):
        return len(self.seq_names)

    def __getitem__(self, index):
        name = index if isinstance(index, str) else self.seq_names[index]
        # read anew each time: rect_iou() clips the arrays it is given
        boxes = np.loadtxt(self.folder / self.truth / f"{name}.txt", delimiter=",", ndmin=2)
        if not self.return_meta:
            return None, boxes
        cover = np.loadtxt(self.folder / "cover" / f"{name}.txt")
        return None, boxes, {"resolution": str(tuple(self.size)), "cover": cover}

    def __iter__(self):
        return (self[i] for i in range(len(self)))


def report(experiment_class, folder, results, dataset, **settings):
    """The 'overall' and 'seq_wise' scores of the package, without its plots."""
    experiment = experiment_class.__new__(experiment_class)  # the constructor looks for footage
    experiment.dataset = dataset
    experiment.result_dir = str(folder / "results" / results)
    experiment.report_dir = str(folder / "reports" / experiment_class.__name__)
    experiment.nbins_iou, experiment.nbins_ce = 21, 51
    experiment.plot_curves = lambda *_: None
    for key, value in settings.items():
        setattr(experiment, key, value)
    with contextlib.redirect_stdout(io.StringIO()):
        return experiment.report([TRACKER])[TRACKER]


def success_rate(folder, dataset, threshold):
    """Share of frames above a threshold by the package's own overlap, frames pooled as its GOT-10k report pools them."""
    dataset.return_meta = True
    overlaps = []
    for name in dataset.seq_names:
        _, truth, meta = dataset[name]
        boxes = np.loadtxt(folder / "results" / "GOT-10k" / TRACKER / name / f"{name}_001.txt", delimiter=",", ndmin=2)
        own = rect_iou(boxes[1:], truth[1:], bound=tuple(dataset.size))
        overlaps.append(own[meta["cover"][1:] > 0])
    return float(np.mean(np.concatenate(overlaps) > threshold))


def main(folder):
    ours = json.loads((folder / "scores.json").read_text())
    names, size = ours["names"], ours["size"]

    plain = Annotations(folder, "truth", names, size)
    got = report(ExperimentGOT10k, folder, "GOT-10k", plain, subset="val", nbins_iou=101)
    sr75 = success_rate(folder, plain, 0.75)
    otb = report(ExperimentOTB, folder, "OTB", Annotations(folder, "truth", names, size))
    uav = report(ExperimentUAV123, folder, "OTB", Annotations(folder, "truth-nan", names, size))

    rows = [
        ("got10k AO", ours["got10k"]["metrics"]["ao"], got["overall"]["ao"]),
        ("got10k SR50", ours["got10k"]["metrics"]["sr50"], got["overall"]["sr"]),
        ("got10k SR75", ours["got10k"]["metrics"]["sr75"], sr75),
        ("got10k success curve", *furthest(ours["got10k"]["success"], got["overall"]["succ_curve"])),
        ("got10k AO per sequence", *furthest_sequence(ours["got10k"], "ao", got, "ao")),
    ]
    for name, theirs in (("otb", otb), ("uav-got10k", uav)):
        metrics, overall = ours[name]["metrics"], theirs["overall"]
        rows += [
            (f"{name} success (AUC)", metrics["auc"], overall["success_score"]),
            (f"{name} success rate at 0.5", metrics["op50"], overall["success_rate"]),
            (f"{name} precision at 20 px", metrics["precision20"], overall["precision_score"]),
            (f"{name} success curve", *furthest(ours[name]["success"], overall["success_curve"])),
            (f"{name} precision curve", *furthest(ours[name]["precision"], overall["precision_curve"])),
            (f"{name} AUC per sequence", *furthest_sequence(ours[name], "auc", theirs, "success_score")),
        ]
    rate = got["overall"]["speed_fps"]
    print(f"{len(names)} sequences; frames a second: ours {ours['fps']:.4f}, package {rate:.4f}")
    print(f"{'':32}{'ours':>10}{'package':>10}{'difference':>14}")
    worst = 0.0
    for label, our, their in rows:
        worst = max(worst, abs(our - their))
        print(f"{label:32}{our:10.6f}{their:10.6f}{our - their:14.1e}")
    agree = worst < TOLERANCE and abs(ours["fps"] / rate - 1) < 1e-9
    print("agree to four decimals" if agree else "DIFFERENT")
    return 0 if agree else 1


def furthest(ours, theirs):
    """The pair of values that differ most."""
    assert len(ours) == len(theirs)
    at = int(np.argmax(np.abs(np.subtract(ours, theirs))))
    return ours[at], theirs[at]


def furthest_sequence(ours, our_key, theirs, their_key):
    names = list(ours["sequences"])
    return furthest([ours["sequences"][n][our_key] for n in names], [theirs["seq_wise"][n][their_key] for n in names])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
