/**
 * An energy with an absent outcome: p(y | x) = exp f(x, y) / (1 + Z), p(absent | x) = 1 / (1 + Z). The other objectives fix f up to a constant a
 * frame, so that Z says nothing by itself; this one fixes the constant, and Z says whether the object is there at all.
 */
import type * as TF from '@tensorflow/tfjs-core';

/**
 * Loss of the absent outcome, beside that of the box: -log (Z / (1 + Z)) where the object is there, log (1 + Z) where it is not.
 * @param present log Z of frames with the object: [R]
 * @param absent log Z of frames without it: [A]
 * @param counted 1 for those of A that count, 0 for those that do not: [A]
 * @returns the mean over R, and the mean over those of A that count, added
 */
export function absentOutcome(
  tf: typeof TF,
  present: TF.Tensor1D,
  absent: TF.Tensor1D,
  counted: TF.Tensor1D,
): TF.Scalar {
  const missed = tf.mean(tf.softplus(tf.neg(present)));
  const found = tf.div(tf.sum(tf.mul(tf.softplus(absent), counted)), tf.maximum(1, tf.sum(counted)));
  return tf.add(missed, found);
}
