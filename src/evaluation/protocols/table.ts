/** The one-pass protocols: a row of settings each, with the rules as sentences. Sources: the toolkits' own code, named in the title. */
import { meanOf, spaced, SUCCESS_THRESHOLDS, trapezoid, valueAt } from '../curves.js';
import type { Metrics, Protocol } from '../types.js';
import { scoreOpe, type OpeCurves, type OpeProtocol, type OpeSettings } from './ope.js';

/** Metrics that most one-pass tables print: AUC as the mean of the success curve, precision at 20 px, normalised precision at 0.2. */
function opeSummary({ success, precision, normPrecision }: OpeCurves, ao: number): Metrics {
  return {
    auc: meanOf(success.values),
    precision20: valueAt(precision, 20),
    normPrecision: valueAt(normPrecision, 0.2),
    op50: valueAt(success, 0.5),
    op75: valueAt(success, 0.75),
    ao,
  };
}

const THRESHOLDS: OpeSettings['thresholds'] = {
  success: SUCCESS_THRESHOLDS,
  precision: spaced(51, 50),
  normPrecision: spaced(51, 0.5),
};

const COMMON: OpeSettings = {
  validTruth: 'positive-size',
  invalid: 'drop',
  absent: 'count',
  firstFrame: 'forced',
  invalidPrediction: 'miss',
  rounded: false,
  bounded: false,
  shorter: 'fail',
  thresholds: THRESHOLDS,
  normFloor: 0,
  pooled: false,
  dropZero: false,
  summary: opeSummary,
};

/** pytracking's analysis of any set (those it names apart: see the rows). */
const PYTRACKING: OpeSettings = {
  ...COMMON,
  validTruth: 'positive',
  invalid: { precision: 'miss', normPrecision: 'hit' },
  invalidPrediction: 'previous-if-empty',
};

/** The OTB experiment of the got10k toolkit, which its other one-pass experiments inherit. */
const GOT10K_OTB: OpeSettings = { ...COMMON, validTruth: 'number', shorter: 'cut' };

const SUCCESS =
  'Success: share of frames with overlap strictly above each of 21 thresholds 0, 0.05 ... 1; AUC is their plain mean, so a perfect run has 20/21 = 95.24%.';
const PRECISION =
  'Precision: share of frames whose centre is at most 0, 1 ... 50 pixels away; the score is the value at 20 pixels.';
const NORM_PRECISION =
  'Normalised precision: centre difference divided by the width and height of the truth, thresholds 0, 0.01 ... 0.5 (<=); the score is the value at 0.2.';
const CURVE_RULES = [SUCCESS, PRECISION, NORM_PRECISION];
const FIRST_FORCED = 'The first prediction is set to the truth and counted.';
const PER_SEQUENCE = 'Curves are made per sequence and averaged over sequences.';
const CUT = 'Where result and truth differ in length, the longer is cut.';
const LONGER_CUT = 'Results longer than the truth are cut';
const AS_THEY_ARE = 'Predictions that are no box count as they are: they fail.';
const AO =
  'AO, beside the score: the mean overlap of the frames with a true box and no absent flag that counts, averaged over sequences.';
const NAN_LEFT_OUT = 'Frames whose annotation is NaN leave numerator and denominator.';

const ROWS: readonly OpeProtocol[] = [
  {
    name: 'ope',
    title: 'plain one-pass evaluation, for folders of your own',
    headline: 'auc',
    rules: [
      ...CURVE_RULES,
      FIRST_FORCED,
      'Frames without a true box (NaN, no area, absent flag) leave numerator and denominator.',
      `${LONGER_CUT}; frames that were not answered fail.`,
      AS_THEY_ARE,
      PER_SEQUENCE,
      AO,
    ],
    settings: { ...COMMON, absent: 'drop' },
  },
  {
    name: 'lasot',
    title: 'LaSOT, the official MATLAB toolkit',
    headline: 'auc',
    rules: [
      ...CURVE_RULES,
      FIRST_FORCED,
      'Frames flagged absent (full occlusion or out of view) fail for everyone: they leave the numerators, the denominator stays all frames.',
      'Annotations with x, y, w or h <= 0 fail in success and pass at every threshold of both precisions (their error is set to -1).',
      'From the second frame on, a prediction that is not finite or has w or h <= 0 is replaced by the one before (the result file has it so, before the first is set to the truth).',
      `${LONGER_CUT} (monkey-17); frames that were not answered fail (the toolkit stops there).`,
      'Sequences whose curve is zero everywhere are dropped from the mean of that curve.',
      PER_SEQUENCE,
      AO,
      'No rounding, no clipping to the image; the inclusive form of the overlap (right = x + w - 1) gives the same numbers as the plain one.',
    ],
    settings: {
      ...COMMON,
      validTruth: 'positive',
      invalid: { precision: 'hit', normPrecision: 'hit' },
      absent: 'miss',
      invalidPrediction: 'previous',
      dropZero: true,
    },
  },
  {
    name: 'lasot-pytracking',
    title: 'LaSOT as the analysis of pytracking scores it',
    headline: 'auc',
    rules: [
      ...CURVE_RULES,
      FIRST_FORCED,
      'Frames flagged absent fail in all curves, the denominator is all frames.',
      'Annotations with x, y, w or h <= 0 fail in success and precision (infinite error) and pass at every threshold of normalised precision (error -1).',
      'A prediction without area is replaced by the one before; one that is not a number fails (the toolkit stops there).',
      `${LONGER_CUT}; frames that were not answered fail (the toolkit stops for LaSOT and pads others with zeros).`,
      'No sequence is dropped.',
      PER_SEQUENCE,
      AO,
    ],
    settings: { ...PYTRACKING, absent: 'miss' },
  },
  {
    name: 'lasot-got10k',
    title: 'LaSOT as the got10k toolkit scores it',
    headline: 'auc',
    rules: [
      SUCCESS,
      PRECISION,
      'Normalised precision is the mean of its whole curve, 51 thresholds from 0 to 0.5 (<=); sides of the truth count as at least 1 pixel.',
      FIRST_FORCED,
      'Absent flags are not read: absent frames with zero boxes fail by themselves, those that carry a box are scored.',
      NAN_LEFT_OUT,
      CUT,
      AS_THEY_ARE,
      PER_SEQUENCE,
      AO,
    ],
    settings: {
      ...GOT10K_OTB,
      normFloor: 1,
      summary: (curves, ao) => ({ ...opeSummary(curves, ao), normPrecision: meanOf(curves.normPrecision.values) }),
    },
  },
  {
    name: 'trackingnet',
    title: 'TrackingNet, the metrics file of its development kit (which the server is said to use)',
    headline: 'success',
    rules: [
      'Coordinates of truth and prediction are rounded to whole pixels first (halves to the even neighbour).',
      FIRST_FORCED,
      'Success: 21 thresholds from 0 to 1, strictly above; precision: 21 thresholds from 0 to 50 pixels; normalised precision: 21 from 0 to 0.5, both <=.',
      'All three scores are areas under the curve by trapezoids over an axis of length 1: a perfect run has a success of 97.5%. auc is success by its other name.',
      'Absent flags are not read; frames without a true box fail.',
      `${LONGER_CUT}; frames that were not answered fail.`,
      PER_SEQUENCE,
      AO,
    ],
    settings: {
      ...COMMON,
      validTruth: 'number',
      invalid: { precision: 'miss', normPrecision: 'miss' },
      rounded: true,
      thresholds: { ...THRESHOLDS, precision: spaced(21, 50), normPrecision: spaced(21, 0.5) },
      summary: ({ success, precision, normPrecision }, ao) => ({
        success: trapezoid(success.values),
        precision: trapezoid(precision.values),
        normPrecision: trapezoid(normPrecision.values),
        auc: trapezoid(success.values),
        op50: valueAt(success, 0.5),
        op75: valueAt(success, 0.75),
        ao,
      }),
    },
  },
  {
    name: 'got10k',
    title: 'GOT-10k, the official toolkit',
    headline: 'ao',
    rules: [
      'AO: mean overlap of all frames of all sequences, pooled; SR50 and SR75: share of frames with overlap strictly above 0.5 and 0.75 (the toolkit itself prints the first only).',
      'The first frame is left out, and so are frames whose cover label is 0 (absent).',
      'Truth and prediction are clipped to the image before the overlap is taken: left and top are moved into it, then width and height end at its border (a box that begins outside keeps its width, as in the toolkit).',
      'Success curve: 101 thresholds from 0 to 1, strictly above; auc is its mean.',
      'Precisions, which the toolkit does not have, are taken of the same frames and boxes.',
      CUT,
      'Repetitions of a sequence are pooled like other sequences.',
    ],
    settings: {
      ...COMMON,
      validTruth: 'number',
      absent: 'drop',
      firstFrame: 'excluded',
      bounded: true,
      shorter: 'cut',
      thresholds: { ...THRESHOLDS, success: spaced(101, 1) },
      pooled: true,
      summary: ({ success, precision, normPrecision }, ao) => ({
        ao,
        sr50: valueAt(success, 0.5),
        sr75: valueAt(success, 0.75),
        auc: meanOf(success.values),
        precision20: valueAt(precision, 20),
        normPrecision: valueAt(normPrecision, 0.2),
      }),
    },
  },
  {
    name: 'otb',
    title: 'OTB-50 and OTB-100 (also TColor-128, DTB70) as the got10k toolkit scores them',
    headline: 'auc',
    rules: [...CURVE_RULES, FIRST_FORCED, NAN_LEFT_OUT, CUT, AS_THEY_ARE, PER_SEQUENCE, AO],
    settings: GOT10K_OTB,
  },
  {
    name: 'uav',
    title: 'UAV123 and UAV20L as pysot scores them',
    headline: 'auc',
    rules: [
      ...CURVE_RULES,
      'The first prediction counts as it is.',
      'Truth without area (or NaN) fails in success; truth whose centre x + (w - 1) / 2, y + (h - 1) / 2 is not right of and below 0 (or NaN) passes at every threshold of both precisions (error -1). The denominator is all frames.',
      `${LONGER_CUT}; frames that were not answered fail (pysot warns, then stops).`,
      AS_THEY_ARE,
      PER_SEQUENCE,
      AO,
    ],
    settings: {
      ...COMMON,
      validCentre: 'positive',
      invalid: { precision: 'hit', normPrecision: 'hit' },
      firstFrame: 'natural',
      normFloor: 1e-16,
    },
  },
  {
    name: 'uav-got10k',
    title: 'UAV123 and UAV20L as the got10k toolkit scores them',
    headline: 'auc',
    rules: [...CURVE_RULES, FIRST_FORCED, NAN_LEFT_OUT, CUT, AS_THEY_ARE, PER_SEQUENCE, AO],
    settings: GOT10K_OTB,
  },
  {
    name: 'nfs',
    title: 'Need for Speed, 30 and 240 frames a second, as the analysis of pytracking scores it',
    headline: 'auc',
    rules: [
      ...CURVE_RULES,
      FIRST_FORCED,
      'Annotations with x, y, w or h <= 0 fail in success and precision (infinite error) and pass at every threshold of normalised precision (error -1); the denominator is all frames.',
      'A prediction without area is replaced by the one before; one that is not a number fails (the toolkit stops there).',
      `${LONGER_CUT}; frames that were not answered fail (they are padded with zeros).`,
      PER_SEQUENCE,
      AO,
    ],
    settings: PYTRACKING,
  },
];

/** Every one-pass protocol. */
export const OPE_PROTOCOLS: readonly Protocol[] = ROWS.map(({ settings, ...protocol }) => ({
  ...protocol,
  score: (sequences) => scoreOpe(protocol.name, settings, sequences),
}));
