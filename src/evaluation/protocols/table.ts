/** The one-pass protocols: a row of settings each, with the rules as sentences. Sources: the toolkits' own code, named in `title`. */
import type { Curve, CurveKind, Metrics, Protocol } from '../types.js';
import { meanOf, scoreOpe, spaced, trapezoid, type OpeProtocol, type OpeSettings } from './ope.js';

const PIXELS = Array.from({ length: 51 }, (_, i) => i);
const HALF = Array.from({ length: 51 }, (_, i) => i / 100);

const at = ({ values, thresholds }: Curve, threshold: number): number => values[thresholds.indexOf(threshold)]!;

/** What most one-pass tables print: AUC as the mean of the success curve, precision at 20 px, normalised precision at 0.2. */
function opeSummary(curves: Record<CurveKind, Curve>, meanOverlap: number): Metrics {
  return {
    auc: meanOf(curves.success.values),
    precision20: at(curves.precision, 20),
    normPrecision: at(curves.normPrecision, 0.2),
    op50: at(curves.success, 0.5),
    op75: at(curves.success, 0.75),
    ao: meanOverlap,
  };
}

const COMMON: OpeSettings = {
  validTruth: 'positive-size',
  invalid: { success: 'miss', precision: 'miss', normPrecision: 'miss' },
  absent: 'miss',
  firstFrame: 'forced',
  invalidPrediction: 'miss',
  rounded: false,
  bounded: false,
  shorter: 'cut',
  successThresholds: 21,
  precisionThresholds: PIXELS,
  normThresholds: HALF,
  normFloor: 0,
  pooled: false,
  dropZero: false,
  summary: opeSummary,
};

const CURVE_RULES = [
  'Success: share of frames with overlap strictly above each of 21 thresholds 0, 0.05 ... 1; AUC is their plain mean, so a perfect run has 20/21 = 95.24 %.',
  'Precision: share of frames whose centre is at most 0, 1 ... 50 pixels away; the score is the value at 20 pixels.',
  'Normalised precision: centre difference divided by the width and height of the truth, thresholds 0, 0.01 ... 0.5 (<=); the score is the value at 0.2.',
];
const FIRST_FORCED = 'The first prediction is set to the truth and counted.';
const PER_SEQUENCE = 'Curves are made per sequence and averaged over sequences.';
const CUT = 'Where result and truth differ in length, the longer is cut.';

const ROWS: readonly OpeProtocol[] = [
  {
    name: 'ope',
    title: 'plain one-pass evaluation, for folders of your own',
    headline: 'auc',
    rules: [
      ...CURVE_RULES,
      FIRST_FORCED,
      'Frames without a true box (NaN, no area, absent flag) are left out everywhere.',
      'Frames that were not answered fail; predictions that are no box fail.',
      PER_SEQUENCE,
    ],
    settings: {
      ...COMMON,
      invalid: { success: 'drop', precision: 'drop', normPrecision: 'drop' },
      absent: 'drop',
      shorter: 'fail',
    },
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
      'A prediction that is not finite or has w or h <= 0 is replaced by the one before.',
      CUT,
      'Sequences whose curve is zero everywhere are dropped from that mean.',
      PER_SEQUENCE,
    ],
    settings: {
      ...COMMON,
      validTruth: 'positive',
      invalid: { success: 'miss', precision: 'hit', normPrecision: 'hit' },
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
      'Absent frames fail, the denominator is all frames.',
      'Annotations with x, y, w or h <= 0 fail in success and precision and pass in normalised precision, absent ones fail there too.',
      'A prediction without area is replaced by the one before; one that is not a number fails (the toolkit stops there).',
      'Results shorter than the truth: the missing frames fail (the toolkit stops for LaSOT and pads others with zeros).',
      'No sequence is dropped.',
      PER_SEQUENCE,
    ],
    settings: {
      ...COMMON,
      validTruth: 'positive',
      invalid: { success: 'miss', precision: 'miss', normPrecision: 'hit' },
      invalidPrediction: 'previous-if-empty',
      shorter: 'fail',
    },
  },
  {
    name: 'lasot-got10k',
    title: 'LaSOT as the got10k toolkit scores it',
    headline: 'auc',
    rules: [
      ...CURVE_RULES.slice(0, 2),
      'Normalised precision is the mean of its whole curve from 0 to 0.5; sides of the truth count as at least 1 pixel.',
      FIRST_FORCED,
      'Absent flags are not read: absent frames carry zero boxes and fail by themselves, those that carry a box are scored. NaN truth is left out.',
      CUT,
      PER_SEQUENCE,
    ],
    settings: {
      ...COMMON,
      validTruth: 'number',
      invalid: { success: 'drop', precision: 'drop', normPrecision: 'drop' },
      absent: 'count',
      normFloor: 1,
      summary: (curves, overlap) => ({
        ...opeSummary(curves, overlap),
        normPrecision: meanOf(curves.normPrecision.values),
      }),
    },
  },
  {
    name: 'trackingnet',
    title: 'TrackingNet, the metrics file of its development kit (which the server is said to use)',
    headline: 'auc',
    rules: [
      'Coordinates of truth and prediction are rounded to whole pixels first.',
      FIRST_FORCED,
      'Success: 21 thresholds from 0 to 1, strictly above; precision: 21 thresholds from 0 to 50 pixels; normalised precision: 21 from 0 to 0.5, both <=.',
      'All three scores are areas under the curve by trapezoids over an axis of length 1: a perfect run has a success of 97.5 %.',
      'Frames that were not answered fail.',
      PER_SEQUENCE,
    ],
    settings: {
      ...COMMON,
      invalid: { success: 'drop', precision: 'drop', normPrecision: 'drop' },
      absent: 'count',
      rounded: true,
      shorter: 'fail',
      precisionThresholds: spaced(21, 50),
      normThresholds: spaced(21, 0.5),
      summary: ({ success, precision, normPrecision }, overlap) => ({
        auc: trapezoid(success.values),
        precision: trapezoid(precision.values),
        normPrecision: trapezoid(normPrecision.values),
        op50: at(success, 0.5),
        op75: at(success, 0.75),
        ao: overlap,
      }),
    },
  },
  {
    name: 'got10k',
    title: 'GOT-10k, the official toolkit',
    headline: 'ao',
    rules: [
      'AO: mean overlap of all frames of all sequences, pooled; SR50 and SR75: share of frames with overlap strictly above 0.5 and 0.75.',
      'The first frame is left out, and so are frames whose cover label is 0 (absent).',
      'Truth and prediction are clipped to the image before the overlap is taken.',
      'Success curve: 101 thresholds from 0 to 1, strictly above.',
      CUT,
    ],
    settings: {
      ...COMMON,
      validTruth: 'number',
      invalid: { success: 'drop', precision: 'drop', normPrecision: 'drop' },
      absent: 'drop',
      firstFrame: 'excluded',
      bounded: true,
      successThresholds: 101,
      pooled: true,
      summary: ({ success, precision, normPrecision }, overlap) => ({
        ao: overlap,
        sr50: at(success, 0.5),
        sr75: at(success, 0.75),
        auc: meanOf(success.values),
        precision20: at(precision, 20),
        normPrecision: at(normPrecision, 0.2),
      }),
    },
  },
  {
    name: 'otb',
    title: 'OTB-50 and OTB-100 (also TColor-128, DTB70), one-pass evaluation',
    headline: 'auc',
    rules: [...CURVE_RULES, FIRST_FORCED, 'Frames whose annotation is NaN are left out.', CUT, PER_SEQUENCE],
    settings: {
      ...COMMON,
      validTruth: 'number',
      invalid: { success: 'drop', precision: 'drop', normPrecision: 'drop' },
      absent: 'count',
    },
  },
  {
    name: 'uav',
    title: 'UAV123 and UAV20L as pysot scores them',
    headline: 'auc',
    rules: [
      ...CURVE_RULES,
      'The first prediction counts as it is.',
      'Truth without area (or NaN) fails in success and passes at every threshold of both precisions (its error is set to -1); the denominator is all frames.',
      'Frames that were not answered fail.',
      PER_SEQUENCE,
    ],
    settings: {
      ...COMMON,
      invalid: { success: 'miss', precision: 'hit', normPrecision: 'hit' },
      absent: 'count',
      firstFrame: 'natural',
      shorter: 'fail',
    },
  },
  {
    name: 'uav-got10k',
    title: 'UAV123 and UAV20L as the got10k toolkit scores them',
    headline: 'auc',
    rules: [
      ...CURVE_RULES,
      FIRST_FORCED,
      'Frames whose annotation is NaN leave numerator and denominator.',
      CUT,
      PER_SEQUENCE,
    ],
    settings: {
      ...COMMON,
      validTruth: 'number',
      invalid: { success: 'drop', precision: 'drop', normPrecision: 'drop' },
      absent: 'count',
    },
  },
  {
    name: 'nfs',
    title: 'Need for Speed, 30 and 240 frames a second, as pytracking scores it',
    headline: 'auc',
    rules: [
      ...CURVE_RULES,
      FIRST_FORCED,
      'Annotations with x, y, w or h <= 0 fail in success and precision and pass in normalised precision.',
      'Frames that were not answered fail; a prediction without area is replaced by the one before.',
      PER_SEQUENCE,
    ],
    settings: {
      ...COMMON,
      validTruth: 'positive',
      invalid: { success: 'miss', precision: 'miss', normPrecision: 'hit' },
      absent: 'count',
      invalidPrediction: 'previous-if-empty',
      shorter: 'fail',
    },
  },
];

/** Every one-pass protocol. */
export const OPE_PROTOCOLS: readonly Protocol[] = ROWS.map(({ settings, ...protocol }) => ({
  ...protocol,
  score: (sequences) => scoreOpe(protocol.name, settings, sequences),
}));
