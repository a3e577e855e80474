/** Maximum likelihood with samples of the model by Langevin dynamics (ML-MCMC: Gustafsson et al. 2020). */
import type * as TF from '@tensorflow/tfjs-core';
import { withoutGradient } from './log-domain.js';

/**
 * Mean of (1/M) sum_m f(y_m) - f(y_i): its gradient is that of the negative log-likelihood where the y_m are samples of the model; its
 * value says nothing.
 * @param samples f(x, y_m) at the ends of the chains, which are constants: [R, M]
 * @param truth f(x, y_i): [R]
 */
export function mlMcmc(tf: typeof TF, samples: TF.Tensor2D, truth: TF.Tensor1D): TF.Scalar {
  return tf.mean(tf.sub(tf.mean(samples, 1), truth)) as TF.Scalar;
}

/**
 * One Langevin step: y + alpha^2 / 2 df/dy + alpha eps.
 * @param y any shape; `gradient` (df/dy) and `noise` (eps ~ N(0, I)) have it too
 */
export function langevinStep<T extends TF.Tensor>(tf: typeof TF, y: T, gradient: T, noise: T, alpha: number): T {
  return tf.add(tf.add(y, tf.mul(gradient, 0.5 * alpha * alpha)), tf.mul(noise, alpha));
}

export interface LangevinOptions<T extends TF.Tensor> {
  readonly steps: number;
  readonly alpha: number;
  /** df/dy at y, of y's shape. */
  readonly gradient: (y: T) => T;
  /** eps ~ N(0, I) of the same shape, anew at every call. */
  readonly noise: () => T;
}

/** The end of a Langevin chain, a constant for the gradient: in training it starts at the annotation. Keeps no tensor but the result. */
export function langevinChain<T extends TF.Tensor>(tf: typeof TF, start: T, options: LangevinOptions<T>): T {
  return withoutGradient(tf, () => {
    let y = tf.clone(start);
    for (let step = 0; step < options.steps; step++) {
      const from = y;
      y = tf.tidy(() => langevinStep(tf, from, options.gradient(from), options.noise(), options.alpha));
      from.dispose();
    }
    return y;
  });
}
